"""AUC-PR and the volumes under the surface, against scikit-learn, the TSB-AD package and the definition."""

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from seqkit.errors import ConfigError
from seqkit.metrics.anomaly_scores import Flags, Floats, average_precision, label_ranges, vus, vus_pr, vus_roc

# Computed with RangeAUC_volume_opt of TSB_AD.evaluation.basic_metrics in TSB-AD 1.5, on ``series_for_reference``.
REFERENCE = {
    0: (0.4518540669856459, 0.7311912225705329),
    1: (0.5874977668505836, 0.8585017497149394),
    2: (0.2765184288630349, 0.7207842054106326),
    3: (0.3946530218917167, 0.7757979719671424),
    4: (0.2829607059848166, 0.8789400419403187),
    5: (0.6028468267013385, 0.8821592623805888),
    6: (0.5722502665229534, 0.8523340737638359),
    7: (0.5021907028873926, 0.8950556678339084),
}


def series_for_reference(number: int) -> tuple[Flags, Floats, int, int]:
    """Return labels, scores, a window and a number of thresholds."""
    random = np.random.default_rng(number)
    points = 40 + 37 * number
    labels = np.repeat(random.random(points // 4 + 1) < 0.15, 4)[:points]
    labels[[0, -1]] = number % 2 == 0
    labels[points // 2] = True
    scores = np.round(random.normal(size=points) + labels, number % 3)
    return labels, scores, 3 * number, [250, 20][number % 2]


def brute_force(labels: Flags, scores: Floats, window: int, thresholds: int) -> tuple[float, float]:
    """Compute both volumes point by point, as the docstring of ``vus`` defines them."""
    ranges = list(zip(*(each.tolist() for each in label_ranges(labels)), strict=True))
    points, volumes = len(labels), []
    ordered = sorted(scores.tolist(), reverse=True)
    cuts = [ordered[int(position)] for position in np.linspace(0, points - 1, thresholds)]
    for width in range(window + 1):
        reach = width // 2
        soft = labels.astype(np.float64)
        for start, end in ranges:
            for point in range(points):
                distance = max(start - point, point - end)
                if 0 < distance <= reach:
                    soft[point] += (1 - distance / width) ** 0.5
        soft = np.minimum(soft, 1)
        merged = [ranges[0]]
        for start, end in ranges[1:]:
            if merged[-1][1] + reach < start - reach:
                merged.append((start, end))
            else:
                merged[-1] = (merged[-1][0], end)
        curve = [(0.0, 0.0, 1.0)]
        for cut in cuts:
            alarms = scores >= cut
            true = soft[alarms].sum()
            positives = labels.sum() + soft[alarms & ~labels].sum() / 2
            found = [alarms[max(start - reach, 0) : end + reach + 1].any() for start, end in merged]
            recall = min(true / positives, 1) * np.mean(found)
            curve.append((recall, (alarms.sum() - true) / (points - positives), true / alarms.sum()))
        pr = sum((after[0] - before[0]) * after[2] for before, after in pairwise(curve))
        corner = [*curve, (1.0, 1.0, 0.0)]
        pairs = pairwise(corner)
        roc = sum((after[1] - before[1]) * (after[0] + before[0]) / 2 for before, after in pairs)
        volumes.append((pr, roc))
    pr, roc = np.mean(volumes, axis=0).tolist()
    return pr, roc


@st.composite
def series(draw: st.DrawFn) -> tuple[Flags, Floats]:
    """Draw labels of at least one anomalous and one normal point, and scores, often equal."""
    points = draw(st.integers(2, 30))
    labels = draw(st.lists(st.booleans(), min_size=points, max_size=points).filter(lambda each: len(set(each)) == 2))
    scores = draw(st.lists(st.integers(-3, 3), min_size=points, max_size=points))
    return np.array(labels), np.array(scores, dtype=np.float64)


@given(series())
@settings(max_examples=20, deadline=None)
def test_average_precision_is_that_of_scikit_learn(one: tuple[Flags, Floats]) -> None:
    assert average_precision(*one) == pytest.approx(average_precision_score(*one), abs=1e-12)


@given(series(), st.integers(0, 12), st.integers(1, 12))
@settings(max_examples=20, deadline=None)
def test_volumes_are_what_the_definition_says(one: tuple[Flags, Floats], window: int, thresholds: int) -> None:
    surface = vus(*one, window, thresholds)
    assert (surface.pr, surface.roc) == pytest.approx(brute_force(*one, window, thresholds), abs=1e-12)


@pytest.mark.parametrize("number", REFERENCE)
def test_volumes_are_those_of_tsb_ad(number: int) -> None:
    surface = vus(*series_for_reference(number))
    assert (surface.pr, surface.roc) == pytest.approx(REFERENCE[number], abs=1e-9)


@pytest.mark.parametrize("number", range(12))
def test_volumes_are_those_of_tsb_ad_where_it_is_installed(number: int) -> None:
    tsb_ad = pytest.importorskip("TSB_AD.evaluation.basic_metrics", exc_type=ImportError)
    labels, scores, window, thresholds = series_for_reference(number)
    *_, roc, pr = tsb_ad.basic_metricor().RangeAUC_volume_opt(labels.astype(int), scores, window, thresholds)
    surface = vus(labels, scores, window, thresholds)
    assert (surface.pr, surface.roc) == pytest.approx((pr, roc), abs=1e-9)


@given(series())
@settings(max_examples=15)
def test_only_the_order_of_the_scores_matters(one: tuple[Flags, Floats]) -> None:
    labels, scores = one
    assert vus(labels, scores, 10) == vus(labels, np.exp(scores) * 1e6, 10)
    assert average_precision(labels, scores) == average_precision(labels, np.exp(scores) * 1e6)


def test_no_anomaly_has_no_score() -> None:
    normal = np.zeros(20, dtype=np.bool_)
    scores = np.arange(20)
    assert np.isnan([average_precision(normal, scores), vus_pr(normal, scores), vus_roc(normal, scores)]).all()


def test_nothing_but_anomalies_leaves_no_room_for_false_alarms() -> None:
    anomalous, scores = np.ones(20, dtype=np.bool_), np.arange(20)
    assert average_precision(anomalous, scores) == 1.0
    assert vus_pr(anomalous, scores, 5) == pytest.approx(1.0)
    assert np.isnan(vus_roc(anomalous, scores, 5))


def test_constant_scores_find_as_much_as_chance() -> None:
    labels = np.arange(100) < 5
    assert average_precision(labels, np.zeros(100)) == 0.05
    assert vus(labels, np.zeros(100), 0).pr == pytest.approx(0.05)
    assert vus(labels, np.zeros(100), 0).roc == pytest.approx(0.5)


@pytest.mark.parametrize("point", [0, 29])
def test_an_anomaly_at_the_border_is_found(point: int) -> None:
    labels = np.arange(30) == point
    surface = vus(labels, labels.astype(np.float64), 0)
    assert (surface.pr, surface.roc) == (1.0, 1.0)
    surface = vus(labels, labels.astype(np.float64), 8, 20)
    assert (surface.pr, surface.roc) == pytest.approx(brute_force(labels, labels.astype(np.float64), 8, 20), abs=1e-12)


def test_an_early_alarm_counts_with_a_window() -> None:
    labels, alarm = np.arange(200) // 10 == 10, (np.arange(200) // 10 == 10).astype(np.float64)
    early, far = np.roll(alarm, -4), np.roll(alarm, -60)
    assert vus_pr(labels, early, 0) < vus_pr(labels, early, 20) < vus_pr(labels, alarm, 20)
    assert vus_pr(labels, far, 20) < 0.2


def test_random_scores_are_as_good_as_chance() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(20_000) % 1000 < 50
    assert average_precision(labels, random.normal(size=20_000)) == pytest.approx(0.05, abs=0.01)
    assert vus_roc(labels, random.normal(size=20_000), 0) == pytest.approx(0.5, abs=0.05)


def test_a_long_series_takes_less_than_a_second() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(22_000) % 2500 < 300
    start = time.process_time()
    vus(labels, random.normal(size=22_000) + labels, 100)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1, 0], [0.0, np.nan, 1.0], "the score of point 1 is NaN"),
        ([0, 1, 0], [0.0, 1.0], "labels of shape"),
        ([[0, 1]], [[0.0, 1.0]], "one of each a point"),
    ],
)
def test_bad_scores_are_refused(labels: list[int], scores: list[float], message: str) -> None:
    for score in (average_precision, vus_pr):
        with pytest.raises(ConfigError, match=message):
            score(labels, scores)


def test_an_impossible_window_is_refused() -> None:
    with pytest.raises(ConfigError, match="a window of -1 points"):
        vus([0, 1], [0.0, 1.0], -1)


@given(st.lists(st.booleans(), max_size=30))
@settings(max_examples=40, deadline=None)
def test_ranges_cover_exactly_the_labels(labels: list[bool]) -> None:
    covered = [False] * len(labels)
    starts, ends = label_ranges(np.array(labels, dtype=np.bool_))
    for start, end in zip(starts, ends, strict=True):
        covered[start : end + 1] = [True] * (end + 1 - start)
        assert not (start and labels[start - 1]), "a range begins after a normal point"
    assert covered == labels
