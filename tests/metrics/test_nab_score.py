"""The score of the Numenta benchmark, by its definition, point by point and threshold by threshold."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.errors import ConfigError
from seqkit.metrics.nab_score import NAB_PROFILES, NabProfile, nab_score


def sigmoid(position: float) -> float:
    """Return 2/(1 + e^{5 position}) − 1, and −1 three widths away."""
    return -1.0 if position >= 3 else 2 / (1 + math.exp(5 * position)) - 1


def raw_score(labels: list[bool], alarms: list[bool], weights: NabProfile, first: int) -> tuple[float, int]:
    """Return the sum over a series, and the number of its windows, one point after another."""
    windows, start = [], None
    for point, label in enumerate([*labels, False]):
        if label and start is None:
            start = point
        if not label and start is not None:
            windows.append(range(start, point))
            start = None
    total, scored = 0.0, [window for window in windows if window[-1] >= first]
    for window in scored:
        worth = [
            weights.found * sigmoid(-(window[-1] - point + 1) / len(window)) / sigmoid(-1)
            for point in window
            if point >= first and alarms[point]
        ]
        total += max([-weights.missed, *worth])
    for point in range(first, len(labels)):
        if alarms[point] and not labels[point]:
            before = [window for window in windows if window[-1] < point]
            past = (point - before[-1][-1]) / max(len(before[-1]) - 1, 1) if before else 3.0
            total += weights.false_alarm * sigmoid(past)
    return total, len(scored)


def brute_force(labels: list[list[bool]], scores: list[list[float]], profile: str, probation: float) -> float:
    weights = NAB_PROFILES[profile]
    best = -math.inf
    for threshold in [math.inf, *{score for each in scores for score in each}]:
        parts = [
            raw_score(flags, [score >= threshold for score in each], weights, math.floor(probation * len(each)))
            for flags, each in zip(labels, scores, strict=True)
        ]
        best, windows = max(best, sum(part for part, _ in parts)), sum(count for _, count in parts)
    null, perfect = -weights.missed * windows, weights.found * windows
    return 100 * (best - null) / (perfect - null) if windows else math.nan


@st.composite
def corpora(draw: st.DrawFn) -> tuple[list[list[bool]], list[list[float]]]:
    labels, scores = [], []
    for _ in range(draw(st.integers(1, 3))):
        points = draw(st.integers(1, 25))
        labels.append(draw(st.lists(st.booleans(), min_size=points, max_size=points)))
        scores.append([float(each) for each in draw(st.lists(st.integers(0, 4), min_size=points, max_size=points))])
    return labels, scores


@given(corpora(), st.sampled_from(sorted(NAB_PROFILES)), st.sampled_from([0.0, 0.15, 0.5]))
@settings(max_examples=25, deadline=None)
def test_the_score_is_the_best_of_all_thresholds(
    corpus: tuple[list[list[bool]], list[list[float]]], profile: str, probation: float
) -> None:
    labels, scores = corpus
    found = nab_score(labels, scores, profile=profile, probation=probation)
    expected = brute_force(labels, scores, profile, probation)
    assert found.score == pytest.approx(expected, nan_ok=True)
    if found.windows:
        assert nab_score(labels, scores, profile=profile, probation=probation, threshold=found.threshold).score == (
            pytest.approx(expected)
        )


def one_window(alarms: list[int]) -> tuple[list[list[bool]], list[list[float]]]:
    """Return a series of 100 points with a window from 50 to 59, and alarms at some points."""
    return [[50 <= point < 60 for point in range(100)]], [[float(point in alarms) for point in range(100)]]


def score_at_one(alarms: list[int], profile: str = "standard") -> float:
    return nab_score(*one_window(alarms), profile=profile, threshold=1.0).score


def test_the_scores_of_a_perfect_a_silent_and_a_noisy_detector() -> None:
    assert score_at_one([50]) == pytest.approx(100)
    assert score_at_one([]) == 0
    assert score_at_one([30]) == pytest.approx(-5.5)  # 0.11 of the 2 between the silent and the perfect detector
    assert score_at_one([30], "reward_low_fp") == pytest.approx(-11)
    assert score_at_one([], "reward_low_fn") == 0


def test_only_the_first_alarm_of_a_window_counts() -> None:
    assert score_at_one([52, 53, 54, 59]) == score_at_one([52]) < score_at_one([51])


def test_an_alarm_just_after_a_window_costs_less() -> None:
    assert 0 > score_at_one([61]) > score_at_one([65]) > score_at_one([86]) == pytest.approx(-5.5)


def test_the_beginning_of_a_series_is_not_scored() -> None:
    assert score_at_one([5, 14, 50]) == pytest.approx(100)
    assert score_at_one([15, 50]) == pytest.approx(94.5)
    # At most 750 points: of 10,000, an alarm at point 800 costs.
    labels = [[point >= 9990 for point in range(10_000)]]
    alarms = [[float(point in (800, 9990)) for point in range(10_000)]]
    assert nab_score(labels, alarms, threshold=1.0).score == pytest.approx(94.5)


def test_a_silent_detector_is_the_best_choice_where_alarms_are_only_false() -> None:
    labels, scores = one_window([30])
    found = nab_score(labels, scores)
    assert (found.score, found.threshold, found.windows) == (0, math.inf, 1)


def test_one_threshold_serves_all_series() -> None:
    one, other = one_window([50]), one_window([50])
    louder = [[100 * (score + 1) for score in other[1][0]]]  # its normal points are above the alarms of the first one
    together = nab_score([*one[0], *other[0]], [*one[1], *louder])
    assert together.windows == 2
    assert together.score < 100


def test_no_window_has_no_score() -> None:
    assert math.isnan(nab_score([[False] * 10], [[1.0] * 10]).score)
    assert nab_score([[True] + [False] * 9], [[1.0] * 10], probation=0.5).windows == 0


@pytest.mark.parametrize(
    ("labels", "scores", "profile", "message"),
    [
        ([[0, 1]], [[0.0, 1.0]], "fast", "no profile is named 'fast': choose from standard"),
        ([], [], "standard", "scores of 0"),
        ([[0]], [[0.0], [1.0]], "standard", "labels of 1 series and scores of 2"),
        ([[0, 1]], [[0.0, np.nan]], "standard", "the score of point 1 is NaN"),
    ],
)
def test_bad_arguments_are_refused(
    labels: list[list[int]], scores: list[list[float]], profile: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        nab_score(labels, scores, profile=profile)
