"""Precision and recall of ranges: the paper's definition point by point, and TSB-AD's numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqkit.errors import ConfigError
from seqkit.metrics.range_scores import BIASES, best_range_scores, range_scores

flags = st.lists(st.booleans(), min_size=1, max_size=30)

# The precision and recall of TSB_AD.evaluation.basic_metrics (range_recall_new, alpha 0.2) in TSB-AD 1.5, and its best
# F1 (metric_RF1), on ``reference_case``.
REFERENCE = {
    0: (0.4054232804232804, 0.48402777777777783, 0.47311827956989255),
    1: (0.3780487804878049, 0.4793650793650794, 0.5143446677407502),
    2: (0.42105263157894735, 0.34476190476190477, 0.4053674112519357),
    3: (0.42255639097744363, 0.47957351290684636, 0.48905473560955204),
}


def reference_case(number: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    random = np.random.default_rng(number)
    labels = np.repeat(random.random(30) < 0.3, 6)
    labels[[0, -1]], labels[90] = number % 2 == 0, True
    return labels, random.normal(size=180) + labels


def ranges(values: list[bool]) -> list[range]:
    """Return the runs of True."""
    found, start = [], None
    for point, value in enumerate([*values, False]):
        if value and start is None:
            start = point
        if not value and start is not None:
            found.append(range(start, point))
            start = None
    return found


def weight(bias: str, position: int, length: int) -> float:
    """Return δ of figure 4 of the paper; positions count from 1."""
    if bias == "flat":
        return 1
    if bias == "front":
        return length - position + 1
    if bias == "back":
        return position
    return position if position <= length / 2 else length - position + 1


def brute_recall(real: list[bool], found: list[bool], alpha: float, bias: str) -> float:
    scores = []
    for one in ranges(real):
        overlapping = [other for other in ranges(found) if set(one) & set(other)]
        total = sum(weight(bias, point - one.start + 1, len(one)) for point in one)
        reached = sum(weight(bias, point - one.start + 1, len(one)) for point in one if found[point])
        factor = 1 / len(overlapping) if overlapping else 0
        scores.append(alpha * bool(overlapping) + (1 - alpha) * factor * reached / total)
    return float(np.mean(scores))


@given(flags, st.randoms(use_true_random=False), st.sampled_from([0.0, 0.2, 1.0]), st.sampled_from(sorted(BIASES)))
@settings(max_examples=40, deadline=None)
def test_precision_and_recall_are_the_papers(labels: list[bool], random: object, alpha: float, bias: str) -> None:
    alarms = [random.random() < 0.5 for _ in labels]  # type: ignore[attr-defined]
    labels[0], alarms[-1] = True, True
    scores = range_scores(labels, alarms, alpha=alpha, bias=bias)
    assert scores.recall == pytest.approx(brute_recall(labels, alarms, alpha, bias))
    assert scores.precision == pytest.approx(brute_recall(alarms, labels, 0, "flat"))
    total = scores.precision + scores.recall
    assert scores.f1 == pytest.approx(2 * scores.precision * scores.recall / total if total else 0)


@pytest.mark.parametrize("number", REFERENCE)
def test_scores_are_those_of_tsb_ad(number: int) -> None:
    labels, scores = reference_case(number)
    precision, recall, best = REFERENCE[number]
    ours = range_scores(labels, scores > 0.7, alpha=0.2)
    assert (ours.precision, ours.recall) == pytest.approx((precision, recall), abs=1e-9)
    assert best_range_scores(labels, scores, alpha=0.2).f1 == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("number", range(6))
def test_scores_are_those_of_tsb_ad_where_it_is_installed(number: int) -> None:
    tsb_ad = pytest.importorskip("TSB_AD.evaluation.basic_metrics", exc_type=ImportError).basic_metricor()
    labels, scores = reference_case(number)
    whole, alarms = labels.astype(int), (scores > 0.7).astype(int)
    ours = range_scores(labels, alarms, alpha=0.2)
    assert ours.recall == pytest.approx(tsb_ad.range_recall_new(whole, alarms, 0.2)[0], abs=1e-9)
    assert ours.precision == pytest.approx(tsb_ad.range_recall_new(alarms, whole, 0)[0], abs=1e-9)
    assert best_range_scores(labels, scores, alpha=0.2).f1 == pytest.approx(tsb_ad.metric_RF1(whole, scores), abs=1e-9)


def test_a_long_alarm_is_better_than_many_short_ones() -> None:
    labels = [0, 1, 1, 1, 1, 1, 1, 0]
    assert range_scores(labels, [0, 1, 1, 1, 0, 0, 0, 0]).recall == 0.5
    assert range_scores(labels, [0, 1, 0, 1, 0, 1, 0, 0]).recall == pytest.approx(0.5 / 3)


def test_one_point_does_not_find_a_long_range() -> None:
    """As it would with the point-adjusted F1."""
    labels = np.arange(1000) // 100 == 5
    one = range_scores(labels, np.arange(1000) == 550)
    assert (one.precision, one.recall) == pytest.approx((1, 0.01))


def test_scores_that_are_not_defined() -> None:
    assert range_scores([0, 1, 0], [0, 0, 0]).f1 == 0
    none = range_scores([0, 0, 0], [0, 1, 0])
    assert none.precision == 0
    assert np.isnan([none.recall, none.f1]).all()
    assert np.isnan(best_range_scores([0, 0], [0.0, 1.0]).f1)


def test_the_best_threshold_raises_the_alarms_that_it_is_scored_with() -> None:
    labels, scores = reference_case(1)
    best = best_range_scores(labels, scores)
    assert best.threshold is not None
    assert range_scores(labels, scores > best.threshold).f1 == best.f1
    assert best_range_scores([0, 1], [3.0, 3.0]).f1 == 0  # no score is above the highest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"alpha": 1.5}, "alpha must be from 0 to 1"), ({"bias": "side"}, "no bias is named 'side': choose from flat")],
)
def test_bad_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        range_scores([0, 1], [0, 1], **arguments)  # type: ignore[arg-type]


def test_infinite_scores_have_no_thresholds_between_them() -> None:
    with pytest.raises(ConfigError, match="a score is infinite"):
        best_range_scores([0, 1], [0.0, np.inf])
