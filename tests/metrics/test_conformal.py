"""Conformal intervals: MAPIE's on the same residuals, and the coverage that they promise."""

import json
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqkit.errors import ConfigError
from seqkit.metrics.conformal import (
    Calibration,
    absolute_residuals,
    calibrate,
    conformal_quantile,
    quantile_residuals,
    widened,
)

LEVELS = (0.5, 0.8, 0.9, 0.95)

# The intervals of MAPIE 1.6.0 around forecasts of 0, and around the quantiles -1 and 2, with ``calibration_errors`` as
# the true values: SplitConformalRegressor, and ConformalizedQuantileRegressor with symmetric_correction.
MAPIE_RADIUS = {0.5: 0.7925740184180965, 0.8: 1.621488256040112, 0.9: 2.8358649024803446, 0.95: 3.337650318059633}
MAPIE_CQR_UPPER = {0.5: 1.3215160648151894, 0.8: 2.1673126329409316, 0.9: 3.052628832583786, 0.95: 4.324536694218898}


def calibration_errors() -> NDArray[np.float64]:
    return np.random.default_rng(3).standard_t(4, size=60)


class Constant:
    """An estimator of scikit-learn that predicts a constant."""

    def __init__(self, value: float) -> None:
        self.value = value

    def fit(self, x: object, y: object) -> "Constant":
        return self

    def predict(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.full(len(x), self.value)

    def __sklearn_is_fitted__(self) -> bool:
        return True


def mapie_radius(mapie: ModuleType, errors: NDArray[np.float64], level: float) -> float:
    conformal = mapie.SplitConformalRegressor(Constant(0.0), confidence_level=level, prefit=True)
    _, intervals = conformal.conformalize(np.zeros((len(errors), 1)), errors).predict_interval(np.zeros((1, 1)))
    return float(intervals[0, 1, 0])


def mapie_cqr_upper(mapie: ModuleType, errors: NDArray[np.float64], level: float) -> float:
    estimators = [Constant(-1.0), Constant(2.0), Constant(0.5)]
    conformal = mapie.ConformalizedQuantileRegressor(estimators, confidence_level=level, prefit=True)
    conformal.conformalize(np.zeros((len(errors), 1)), errors)
    _, intervals = conformal.predict_interval(np.zeros((1, 1)), symmetric_correction=True)
    return float(intervals[0, 1, 0])


def our_radius(errors: NDArray[np.float64], level: float) -> float:
    return float(calibrate(absolute_residuals(errors, 0 * errors)[:, None], level).radius_H[0])


def our_cqr_upper(errors: NDArray[np.float64], level: float) -> float:
    scores = quantile_residuals(errors, 0 * errors - 1, 0 * errors + 2)
    return float(calibrate(scores[:, None], level).intervals([[-1.0]], [[2.0]])[1][0, 0])


@pytest.mark.parametrize("level", LEVELS)
def test_intervals_are_those_of_mapie(level: float) -> None:
    errors = calibration_errors()
    assert our_radius(errors, level) == pytest.approx(MAPIE_RADIUS[level], rel=1e-12)
    assert our_cqr_upper(errors, level) == pytest.approx(MAPIE_CQR_UPPER[level], rel=1e-12)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("count", [25, 60, 199])
@pytest.mark.filterwarnings("ignore")  # of MAPIE, of its dependencies, and of how it is called here
def test_intervals_are_those_of_mapie_where_it_is_installed(level: float, count: int) -> None:
    mapie = pytest.importorskip("mapie.regression")
    errors = np.random.default_rng(count).normal(size=count)
    assert our_radius(errors, level) == pytest.approx(mapie_radius(mapie, errors, level), rel=1e-12)
    assert our_cqr_upper(errors, level) == pytest.approx(mapie_cqr_upper(mapie, errors, level), rel=1e-12)


@given(st.integers(1, 60), st.sampled_from(LEVELS), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_the_quantile_is_the_smallest_score_that_enough_scores_are_below(count: int, level: float, seed: int) -> None:
    scores = np.random.default_rng(seed).integers(0, 20, count).astype(np.float64)
    (quantile,) = conformal_quantile(scores[:, None], level)
    # Of the n scores and the unknown one, which may be larger than all, at least the share ``level`` must be covered.
    enough = [score for score in sorted(scores) if np.sum(scores <= score) >= (count + 1) * level - 1e-6]
    assert quantile == (enough[0] if enough else np.inf)


@pytest.mark.parametrize(("level", "least"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99)])
def test_too_few_scores_give_an_infinite_interval(level: float, least: int) -> None:
    scores = np.arange(float(least))[:, None]
    assert conformal_quantile(scores, level)[0] == least - 1
    assert conformal_quantile(scores[1:], level)[0] == np.inf


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("count", [19, 50, 200])
def test_exchangeable_data_are_covered_as_promised(level: float, count: int) -> None:
    """The coverage over calibration sets and new values is ⌈(n + 1) level⌉/(n + 1) if no scores are equal."""
    random, trials = np.random.default_rng(count), 4000
    errors = np.abs(random.standard_cauchy((count, trials)))
    radius = conformal_quantile(errors, level)
    covered = np.mean(np.abs(random.standard_cauchy(trials)) <= radius)
    expected = np.ceil((count + 1) * level - 1e-9) / (count + 1)
    assert expected >= level
    assert covered == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / trials))


@pytest.mark.parametrize("joint", [False, True])
def test_joint_intervals_cover_all_steps_at_once(joint: bool) -> None:
    random = np.random.default_rng(0)
    errors = random.normal(size=(2000, 8)) * np.arange(1, 9)
    calibration = calibrate(np.abs(errors), 0.9, joint=joint)
    truth = random.normal(size=(5000, 8)) * np.arange(1, 9)
    lower, upper = calibration.intervals(np.zeros((5000, 8)))
    covered = (lower <= truth) & (truth <= upper)
    assert covered.mean() == pytest.approx(1 - 0.1 / 8 if joint else 0.9, abs=0.01)
    assert (covered.all(1).mean() >= 0.9) == joint


def test_pooled_calibration_covers_on_average_over_the_steps() -> None:
    random = np.random.default_rng(0)
    growing = np.array([1.0, 2.0, 4.0])
    scores = np.abs(random.normal(size=(3000, 3)) * growing)
    radius = calibrate(scores, 0.9, pooled=True).radius_H
    assert len(set(radius.tolist())) == 1
    covered = np.abs(random.normal(size=(3000, 3)) * growing) <= radius
    assert covered.mean() == pytest.approx(0.9, abs=0.015)
    assert covered[:, 0].mean() > 0.95 > 0.8 > covered[:, 2].mean()


def test_one_calibration_serves_series_of_all_sizes() -> None:
    random = np.random.default_rng(0)
    scales = 10.0 ** random.uniform(-9, 9, size=2000)
    calibration = calibrate(np.abs(random.normal(size=(2000, 2))) * scales[:, None], 0.9, scales_n=scales)
    new = 10.0 ** random.uniform(-9, 9, size=2000)
    lower, upper = calibration.intervals(np.full((2000, 2), 5.0), scales_E=new)
    truth = 5.0 + random.normal(size=(2000, 2)) * new[:, None]
    assert np.mean((lower <= truth) & (truth <= upper)) == pytest.approx(0.9, abs=0.02)


def test_steps_with_unknown_values_have_fewer_scores() -> None:
    calibration = calibrate([[1.0, 1.0], [2.0, np.nan], [3.0, np.nan]], 0.75)
    assert calibration.radius_H.tolist() == [3.0, np.inf]
    assert calibration.counts_H.tolist() == [3, 1]


def test_windows_of_constant_series_are_left_out_of_normalized_scores() -> None:
    calibration = calibrate([[1.0], [9.0], [3.0], [2.0]], 0.75, scales_n=[1.0, 0.0, 1.0, np.nan])
    assert calibration.counts_H.tolist() == [2]
    assert calibration.radius_H.tolist() == [np.inf]


def test_an_infinite_radius_is_infinite_for_a_constant_series_too() -> None:
    lower, upper = calibrate([[1.0]], 0.9).intervals([[5.0]], scales_E=[0.0])
    assert (lower.tolist(), upper.tolist()) == ([[-np.inf]], [[np.inf]])


def test_quantiles_that_are_too_wide_are_narrowed_and_never_cross() -> None:
    random = np.random.default_rng(0)
    actual = random.normal(size=(500, 1))
    calibration = calibrate(quantile_residuals(actual, np.full((500, 1), -9.0), np.full((500, 1), 9.0)), 0.9)
    assert calibration.radius_H[0] < -6
    lower, upper = calibration.intervals([[-9.0], [-1.0]], [[9.0], [1.0]])
    assert upper[0, 0] - lower[0, 0] == pytest.approx(2 * 1.64, abs=0.3)
    assert lower[1, 0] == upper[1, 0] == 0
    assert [each.tolist() for each in widened([[0.0]], [[2.0]], -np.inf)] == [[[1.0]], [[1.0]]]


def test_a_calibration_is_saved_as_json() -> None:
    saved = calibrate([[1.0, np.nan], [3.0, np.nan]], 0.6, joint=True)
    restored = Calibration.from_dict(json.loads(json.dumps(saved.to_dict(), allow_nan=False)))
    assert restored.radius_H.tolist() == saved.radius_H.tolist()
    assert restored.counts_H.tolist() == saved.counts_H.tolist()
    assert (restored.level, restored.joint) == (0.6, True)
    with pytest.raises(ConfigError, match="needs a radius"):
        Calibration.from_dict({"level": 0.9})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: calibrate([[1.0]], 1.0), "level must be between 0 and 1, not 1"),
        (lambda: calibrate([1.0], 0.9), "windows × steps"),
        (lambda: calibrate([[1.0]], 0.9, scales_n=[1.0, 2.0]), "for 1 windows"),
        (lambda: calibrate([[1.0]], 0.5).intervals([[1.0, 2.0]]), "1 calibrated steps"),
        (lambda: calibrate([[1.0]], 0.5).intervals([[1.0]], scales_E=[np.nan]), "negative or NaN"),
    ],
)
def test_bad_arguments_are_refused(call: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call()  # type: ignore[operator]
