"""From residuals to scores and alarms."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqkit.tasks.anomaly_calibration import Calibration, RunningMean, RunningScore, smoothed, tail_threshold


def test_the_score_is_the_mahalanobis_distance() -> None:
    residuals = np.random.default_rng(1).normal(size=(500, 3)) @ np.array([[1, 0.9, 0], [0, 2, 0], [0, 0, 0.1]]) + 5
    found = Calibration.fitted(residuals, residuals.shape[1]).distances(residuals)
    centered = residuals - residuals.mean(0)
    inverse = np.linalg.inv(np.cov(residuals.T, bias=True))
    assert found == pytest.approx(np.sqrt(np.einsum("nk,kl,nl->n", centered, inverse, centered)), rel=1e-3)


def test_with_one_value_it_is_the_number_of_deviations() -> None:
    residuals = np.random.default_rng(2).normal(3.0, 2.0, size=(400, 1))
    expected = np.abs(residuals - residuals.mean()) / residuals.std()
    assert Calibration.fitted(residuals, residuals.shape[1]).distances(residuals) == pytest.approx(
        expected[:, 0], rel=1e-5
    )


def test_values_that_were_not_observed_neither_count_nor_matter() -> None:
    residuals = np.random.default_rng(3).normal(size=(50, 2))
    gaps = residuals.copy()
    gaps[7] = np.nan
    fitted = Calibration.fitted(gaps, 2)
    assert fitted.mean[0] == pytest.approx(np.delete(residuals, 7, 0).mean(0))
    assert fitted.distances(np.array([[np.nan, np.nan]])).tolist() == [0.0]
    assert fitted.distances(np.array([[np.nan, 9.0]]))[0] > 3


@pytest.mark.parametrize("residuals", [np.zeros((10, 2)), np.zeros((0, 1)), np.full((3, 1), np.nan), np.ones((1, 3))])
def test_residuals_without_a_spread_give_finite_scores(residuals: np.ndarray) -> None:
    fitted = Calibration.fitted(residuals, residuals.shape[1])
    assert np.isfinite(fitted.distances(np.ones((4, residuals.shape[1])))).all()
    again = Calibration.from_dict(fitted.to_dict())
    assert again.whitening.tolist() == fitted.whitening.tolist()
    assert again.threshold == fitted.threshold


@pytest.mark.parametrize("span", [1, 2, 10])
def test_smoothing_is_a_moving_average(span: int) -> None:
    scores = np.random.default_rng(4).exponential(size=100)
    for values in (scores, scores[:3], scores[:0]):
        expected = pd.Series(values).rolling(span, min_periods=1).sum().to_numpy() / span
        assert smoothed(values, span) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("span", [1, 3, 50])
def test_a_running_mean_is_the_moving_average_even_after_a_huge_number(span: int) -> None:
    scores = np.random.default_rng(5).exponential(size=500)
    scores[[100, 101]] = 1e15, 1e-15
    mean = RunningMean(span)
    assert [mean.update(score) for score in scores.tolist()] == pytest.approx(smoothed(scores, span).tolist(), rel=1e-9)


LAWS: dict[str, Any] = {  # how to draw n scores, and the probability that a score exceeds t
    "exponential": (lambda generator, n: generator.exponential(size=n), lambda t: np.exp(-t)),
    "pareto": (lambda generator, n: generator.pareto(6.0, size=n), lambda t: (1.0 + t) ** -6),
    "distances": (lambda generator, n: np.abs(generator.normal(size=n)), lambda t: math.erfc(t / math.sqrt(2))),
}


@pytest.mark.parametrize("rate", [0.2, 0.05, 0.01, 0.001])
@pytest.mark.parametrize("law", LAWS)
def test_a_threshold_is_exceeded_as_often_as_expected(rate: float, law: str) -> None:
    """In the median over many validation splits of 1,000 scores, of which one exceeds the highest threshold."""
    draw, exceeds = LAWS[law]
    generator = np.random.default_rng(5)
    rates = [exceeds(tail_threshold(draw(generator, 1000), rate)) for _ in range(100)]
    assert np.median(rates) == pytest.approx(rate, rel=0.4)


def test_equal_scores_have_the_threshold_that_none_exceeds() -> None:
    assert tail_threshold(np.ones(100), 0.001) == 1.0
    assert tail_threshold(np.array([2.0]), 0.001) == 2.0


def test_a_point_is_as_strange_as_its_best_forecast_finds_it() -> None:
    """Two horizons of two values: the distance is the least of both, of those that there are."""
    residuals = np.random.default_rng(6).normal(size=(300, 4))
    both = Calibration.fitted(residuals, 2)
    parts = (slice(0, 2), slice(2, 4))
    alone = [Calibration.fitted(residuals[:, part], 2) for part in parts]
    points = np.array([[9.0, 0, 1, 0], [1, 0, 0, 9], [9, 9, 9, 9], [np.nan, np.nan, 5, 0]])
    expected = np.minimum(*(each.distances(points[:, part]) for each, part in zip(alone, parts, strict=True)))
    assert both.distances(points)[:3] == pytest.approx(expected[:3])
    assert both.distances(points)[3] == pytest.approx(alone[1].distances(points[3:, 2:])[0])


@pytest.mark.parametrize(("longest", "spans"), [(1, (1,)), (9, (1,)), (10, (1, 10)), (100, (1, 10, 100))])
def test_scores_are_means_over_time_scales(longest: int, spans: tuple[int, ...]) -> None:
    distances = np.random.default_rng(7).exponential(size=400)
    calibration = Calibration.fitted(distances[:, None], 1).with_scales([distances], longest)
    assert calibration.spans == spans
    means = [pd.Series(distances).rolling(span, min_periods=1).sum() / span for span in spans]
    usual = [mean.quantile(0.99) if len(spans) > 1 else 1.0 for mean in means]
    expected = np.mean([mean / each for mean, each in zip(means, usual, strict=True)], axis=0)
    assert calibration.scores(distances) == pytest.approx(expected)
    running = RunningScore(calibration)
    assert [running.update(distance) for distance in distances.tolist()] == pytest.approx(expected)
    again = Calibration.from_dict(json.loads(json.dumps(calibration.to_dict())))
    assert again.scores(distances).tolist() == calibration.scores(distances).tolist()
