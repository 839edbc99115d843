"""What a forecaster reads and predicts, whatever its weights are."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seqkit.baselines.seasonal_naive import seasonal_naive
from seqkit.config.forecasting import ForecastConfig
from seqkit.data.series.panel import Floats, Panel
from seqkit.errors import CorpusError
from seqkit.models.forecast_heads import MEDIAN
from seqkit.tasks.forecasting import ForecastingTask
from seqkit.training.device import Device
from seqkit.training.evaluate import predict

DEVICE = Device.open("cpu")
SMALL: dict[str, Any] = {"horizon": 6, "season": 3, "lookback": 12, "hidden_size": 8, "dropout": 0.0}
MODES: list[dict[str, Any]] = [
    {"multistep": "direct", "segment": 3},
    {"multistep": "direct", "segment": 4},
    {"multistep": "recursive", "segment": 1},
    {"multistep": "recursive", "segment": 3},
    {"multistep": "recursive", "segment": 6},
]


def series_of(seed: int, lengths: tuple[int, ...] = (40, 25, 17)) -> list[Floats]:
    generator = np.random.default_rng(seed)
    return [10 * generator.standard_normal() + generator.standard_normal(length).cumsum() for length in lengths]


def task_of(series: list[Floats], *, random: bool = True, seed: int = 0, **changes: Any) -> ForecastingTask:
    """Return a task for these series, with random weights in all layers unless it is left untrained."""
    with DEVICE.seeded(seed):
        task, _ = ForecastingTask.from_rows(ForecastConfig(**{**SMALL, **changes}), Panel.from_arrays(series))
        if random:
            for weight in task.model.parameters():
                torch.nn.init.normal_(weight, std=0.3)
    return task


def forecasts(task: ForecastingTask, series: list[Floats]) -> Floats:
    """Return the quantiles of what follows after each series."""
    panel = Panel.from_arrays([np.append(values, np.full(task.config.horizon, np.nan)) for values in series])
    panel = replace(panel, starts=panel.lengths - task.config.horizon)
    found = predict(task, task.prepare(panel), DEVICE)
    return np.stack(found)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("head", ["point", "quantiles", "gaussian", "student-t"])
def test_an_untrained_model_forecasts_as_the_last_season_was(mode: dict[str, Any], head: str) -> None:
    series = [*series_of(1), np.array([4.0]), np.array([1.0, 2.0])]
    task = task_of(series, random=False, head=head, **mode)
    naive = seasonal_naive(np.concatenate(series), [len(each) for each in series], 6, 3)
    np.testing.assert_allclose(forecasts(task, series)[..., MEDIAN], naive.mean_EH, rtol=1e-6)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scaling", ["standard", "min-max", "robust", "mean-absolute", "seasonal"])
def test_forecasts_follow_the_level_and_the_scale(mode: dict[str, Any], scaling: str) -> None:
    series = series_of(2)
    task = task_of(series, scaling=scaling, **mode)
    found = forecasts(task, series)
    level = 0.0 if scaling == "mean-absolute" else 7.0  # which is what that scaling divides by
    for scale in (1e9, 1e-9, 3.0):
        moved = forecasts(task, [scale * (values + level) for values in series])
        np.testing.assert_allclose(moved / scale - level, found, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mode", MODES)
def test_log_returns_forecast_positive_values_and_follow_the_scale(mode: dict[str, Any]) -> None:
    series = [np.exp(values / 10) for values in series_of(3)]
    task = task_of(series, log_returns=True, **mode)
    found = forecasts(task, series)
    assert (found > 0).all()
    assert (np.diff(found, axis=-1) >= 0).all()
    np.testing.assert_allclose(forecasts(task, [1e6 * values for values in series]) / 1e6, found, rtol=1e-4)


@pytest.mark.parametrize("mode", MODES)
def test_rows_of_a_batch_do_not_depend_on_one_another(mode: dict[str, Any]) -> None:
    series = [*series_of(4), np.array([1.0, 2.0, 4.0, 3.0])]
    task = task_of(series, **mode)
    together = forecasts(task, series)
    for number, values in enumerate(series):
        np.testing.assert_allclose(forecasts(task, [values])[0], together[number], rtol=1e-5, atol=1e-5)


@given(st.integers(0, 1000), st.sampled_from(MODES))
@settings(max_examples=15)
def test_no_forecast_depends_on_what_comes_later(seed: int, mode: dict[str, Any]) -> None:
    """The values after an origin change neither the inputs nor the scale of its window."""
    series = series_of(seed, (30,))
    task = task_of(series, **mode)
    panel = replace(Panel.from_arrays(series), starts=np.array([14]))
    later = [np.concatenate([series[0][:14], series[0][14:] * 100 - 5])]
    found = predict(task, task.windows(panel, stride=6), DEVICE)
    changed = predict(task, task.windows(replace(Panel.from_arrays(later), starts=np.array([14])), stride=6), DEVICE)
    np.testing.assert_array_equal(found[0], changed[0])
    assert not np.array_equal(found[1], changed[1])


@pytest.mark.parametrize("segment", [1, 2, 3])
def test_teacher_forcing_predicts_what_the_recursion_begins_with(segment: int) -> None:
    """With a horizon of one segment, the last step of a training row is the forecast from its origin."""
    series = series_of(5, (30,))
    task = task_of(series, multistep="recursive", segment=segment, horizon=segment)
    _, examples = ForecastingTask.from_rows(task.config, Panel.from_arrays(series))
    origin = len(examples) - 1
    batch = examples.collate([origin])
    task.model.eval()
    forced = task.model.teacher_forced(batch)
    recursive = task.model(replace(examples, training=False).collate([origin]))
    torch.testing.assert_close(forced.outputs_BHP[:, -segment:], recursive.outputs_BHP)
    torch.testing.assert_close(forced.reference_BH[:, -segment:], recursive.reference_BH)
    assert batch.targets is not None
    assert bool((batch.inputs["weight_BH"][:, -segment:] == 1).all())


def test_targets_that_were_filled_in_have_no_weight() -> None:
    panel = Panel.from_arrays(series_of(6, (30,)))
    observed = panel.observed.copy()
    observed[20] = False
    _, examples = ForecastingTask.from_rows(ForecastConfig(**SMALL), replace(panel, observed=observed))
    for window in range(len(examples)):
        origin = int(examples.frames.locate([window])[1])
        weights = examples.collate([window]).inputs["weight_BH"][0]
        expected = [float(origin + step != 20 and origin + step < 30) for step in range(6)]
        assert weights.tolist() == expected


@pytest.mark.parametrize("recency", ["linear", "exponential"])
def test_recent_points_weigh_more(recency: Any) -> None:
    _, examples = ForecastingTask.from_rows(
        ForecastConfig(**SMALL, recency=recency), Panel.from_arrays(series_of(7, (40,)))
    )
    first, last = (examples.collate([window]).inputs["weight_BH"][0] for window in (0, len(examples) - 1))
    assert float(last.min()) > float(first.max())


def test_a_value_without_a_logarithm_is_named() -> None:
    with pytest.raises(CorpusError, match=r"series '1' has y = 0 at 2, which has no logarithm"):
        task_of([np.ones(5), np.array([1.0, 2.0, 0.0])], log_returns=True)


def test_indicators_are_read_beside_the_values() -> None:
    """Their inputs come last: rolling mean, rolling deviation and Bollinger position of each point of a segment."""
    series = series_of(8, (30,))
    task, examples = ForecastingTask.from_rows(
        ForecastConfig(**{**SMALL, "segment": 3, "indicators": 4}), Panel.from_arrays(series)
    )
    assert task.reader.channels == 5
    batch = examples.collate([len(examples) - 1])
    values, _, mean, deviation, position = (
        batch.inputs["segments_BSX"][0].unflatten(1, (5, 3)).transpose(0, 1).flatten(1)
    )
    read = pd.Series(values.double().numpy()).rolling(4, min_periods=1)
    np.testing.assert_allclose(mean.numpy(), read.mean(), atol=1e-5)
    np.testing.assert_allclose(deviation.numpy(), read.std(ddof=0), atol=1e-5)
    lower, upper = read.mean() - 2 * read.std(ddof=0), read.mean() + 2 * read.std(ddof=0)
    expected = ((values.double().numpy() - lower) / (upper - lower)).fillna(0.5)
    np.testing.assert_allclose(position.numpy(), expected, atol=1e-4)


def test_the_embedding_of_an_id_tells_series_apart_and_leaves_new_ones_alone() -> None:
    same = series_of(9, (30,))[0]
    settings: dict[str, Any] = {**SMALL, "segment": 3}
    task = task_of([same, same], series_size=4, **settings)
    assert task.model.series is not None
    embedding = task.model.series[0]
    assert isinstance(embedding, nn.Embedding)
    nn.init.zeros_(embedding.weight[0])  # which training leaves at 0
    plain = task_of([same, same], **settings)
    plain.model.load_state_dict(task.model.state_dict(), strict=False)
    first, second = forecasts(task, [same, same])
    assert not np.allclose(first, second)
    panel = Panel.from_arrays({"new": np.append(same, np.full(6, np.nan))})
    panel = replace(panel, starts=panel.lengths - 6)
    (new,) = predict(task, task.prepare(panel), DEVICE)
    (without,) = predict(plain, plain.prepare(panel), DEVICE)
    np.testing.assert_allclose(new, without, rtol=1e-6)


def test_single_points_teach_nothing() -> None:
    with pytest.raises(CorpusError, match="no series has two points"):
        task_of([np.ones(1), np.ones(1)])


def test_constant_series_are_forecast_as_they_are() -> None:
    task = task_of([np.full(20, 5.0)], random=False)
    np.testing.assert_array_equal(forecasts(task, [np.full(9, 3.0)])[..., MEDIAN], 3.0)
    panel = replace(Panel.from_arrays([np.full(20, 5.0)]), starts=np.array([14]))
    examples = task.prepare(panel)
    assert task.score(examples, predict(task, examples, DEVICE))["mase"] == 0.0
