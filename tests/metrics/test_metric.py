"""A metric says which way is better and what its unit is; no name is interpreted."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.metrics.metric import F1, PERPLEXITY, Metric, find_metric
from seqkit.task_table import TASKS
from tests.scripted import ERROR, ScriptedTask, run, scripted, weight_of

numbers = st.floats(-1e6, 1e6)


@given(numbers, numbers)
def test_better_is_higher_or_lower_as_the_metric_says(one: float, other: float) -> None:
    assert Metric("mae", higher_is_better=True).is_better(one, other) == (one > other)
    assert Metric("accuracy", higher_is_better=False).is_better(one, other) == (one < other)


@given(numbers, st.booleans())
def test_every_score_is_better_than_the_worst(score: float, higher: bool) -> None:
    metric = Metric("anything", higher)
    assert metric.is_better(score, metric.worst)
    assert not metric.is_better(metric.worst, score)
    assert not metric.is_better(math.nan, metric.worst)


@pytest.mark.parametrize(
    ("metric", "score", "expected"),
    [
        (F1, 0.84321, "84.32 %"),
        (PERPLEXITY, 4.3751, "4.375"),
        (PERPLEXITY, 112.4, "112.4"),
        (PERPLEXITY, 123_456.7, "123,457"),
        (Metric("mae", higher_is_better=False), 0.1, "0.1000"),
        (Metric("mae", higher_is_better=False, unit="kWh"), -3.25, "-3.250 kWh"),
    ],
)
def test_a_score_is_printed_with_its_unit(metric: Metric, score: float, expected: str) -> None:
    assert metric.format(score) == expected
    assert metric.format_number(score) == expected.split()[0]


def test_training_keeps_the_weights_with_the_lowest_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScriptedTask, "metrics", (ERROR,))
    trainer = scripted([0.9, 0.2, 0.2, 0.5])
    outcome = run(trainer)
    assert (outcome.best, outcome.best_epoch) == (0.2, 2)
    assert weight_of(trainer) == pytest.approx(trainer.task.evaluated_weights[1])  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", TASKS)
def test_a_row_of_the_table_has_the_metrics_of_its_task(name: str) -> None:
    spec = TASKS[name]
    names = [metric.name for metric in spec.metrics]
    assert len(set(names)) == len(names)
    assert [find_metric(spec.metrics, each) for each in names] == list(spec.metrics)
    with pytest.raises(KeyError):
        find_metric(spec.metrics, "no such score")
