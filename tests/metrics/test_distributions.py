"""Pinball loss and CRPS, against numerical integration, scikit-learn and their limits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import mean_pinball_loss

from seqkit.errors import ConfigError
from seqkit.metrics.distributions import crps_gaussian, crps_quantiles, crps_samples, crps_student, pinball

Floats = NDArray[np.float64]
stats = pytest.importorskip("scipy.stats")  # comes with scikit-learn
special = pytest.importorskip("scipy.special")
integrate = pytest.importorskip("scipy.integrate")


def integral(distribution: object, value: float) -> float:
    """Return ∫ (F(x) − 1[x ≥ value])² dx, by quadrature on both sides of the value."""
    below, _ = integrate.quad(lambda x: distribution.cdf(x) ** 2, -math.inf, value, limit=200)  # type: ignore[attr-defined]
    above, _ = integrate.quad(lambda x: distribution.sf(x) ** 2, value, math.inf, limit=200)  # type: ignore[attr-defined]
    return float(below + above)


@pytest.mark.parametrize("value", [-3.0, 0.0, 0.4, 6.0])
@pytest.mark.parametrize(("location", "scale"), [(0.0, 1.0), (1.5, 0.3)])
def test_the_gaussian_score_is_the_integral(value: float, location: float, scale: float) -> None:
    expected = integral(stats.norm(location, scale), value)
    assert crps_gaussian([[value]], [[location]], [[scale]]).mean == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("value", [-30.0, 0.0, 0.7, 4.0])
@pytest.mark.parametrize("degrees", [1.5, 2.0, 3.0, 7.5, 40.0, 500.0])
def test_the_student_score_is_the_integral(value: float, degrees: float) -> None:
    expected = integral(stats.t(degrees, 1.0, 2.0), value)
    assert crps_student([[value]], [[1.0]], [[2.0]], degrees).mean == pytest.approx(expected, rel=1e-6)


@given(st.floats(-50, 50), st.floats(1.01, 1e4))
@settings(max_examples=25, deadline=None)
def test_the_student_score_is_that_of_scipys_distribution(value: float, degrees: float) -> None:
    one = stats.t(degrees)
    betas = special.betaln(0.5, degrees - 0.5) - 2 * special.betaln(0.5, degrees / 2)
    expected = value * (2 * one.cdf(value) - 1) + 2 * one.pdf(value) * (degrees + value**2) / (degrees - 1)
    expected -= 2 * degrees**0.5 / (degrees - 1) * math.exp(betas)
    assert crps_student([[value]], [[0.0]], [[1.0]], degrees).mean == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("degrees", "difference"), [(1e7, 1e-6), (1e10, 1e-7), (math.inf, 1e-7)])
def test_student_with_many_degrees_of_freedom_is_gaussian(degrees: float, difference: float) -> None:
    values = np.linspace(-5, 50, 56)[None]
    student = crps_student(values, 0 * values, 0 * values + 2, degrees)
    gaussian = crps_gaussian(values, 0 * values, 0 * values + 2)
    assert student.by_step == pytest.approx(gaussian.by_step, rel=difference)


@given(st.floats(-1e6, 1e6), st.sampled_from([1e-9, 1.0, 1e9]))
@settings(max_examples=40, deadline=None)
def test_far_values_and_narrow_distributions_have_their_absolute_error(error: float, scale: float) -> None:
    point = [[error * scale]]
    assert crps_gaussian(point, [[0.0]], [[0.0]]).mean == pytest.approx(abs(error * scale))
    assert crps_student(point, [[0.0]], [[0.0]], 3.0).mean == pytest.approx(abs(error * scale))
    assert crps_quantiles(point, [[[0.0]]], [0.5]).mean == pytest.approx(abs(error * scale))
    assert crps_samples(point, [[[0.0, 0.0]]]).mean == pytest.approx(abs(error * scale))


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=20), st.floats(-100, 100))
@settings(max_examples=40, deadline=None)
def test_the_score_of_samples_is_the_mean_over_pairs(samples: list[float], value: float) -> None:
    x = np.array(samples)
    expected = np.abs(x - value).mean() - np.abs(x[:, None] - x).mean() / 2
    assert crps_samples([[value]], [[samples]]).mean == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=10), st.floats(-100, 100))
@settings(max_examples=40, deadline=None)
def test_the_score_of_samples_is_that_of_their_quantiles(samples: list[float], value: float) -> None:
    """Between (i − 1)/S and i/S, the quantile of the empirical distribution is its i-th sample."""
    count = len(samples)
    levels = (np.arange(count) + 0.5) / count
    by_quantiles = crps_quantiles([[value]], [[sorted(samples)]], levels).mean
    assert crps_samples([[value]], [[samples]]).mean == pytest.approx(by_quantiles, abs=1e-9)


def test_many_quantiles_and_samples_approach_the_closed_form() -> None:
    values = np.array([[-1.0, 0.3, 2.0]])
    exact = crps_gaussian(values, 0 * values, 0 * values + 1).by_step
    levels = (np.arange(2000) + 0.5) / 2000
    quantiles = np.broadcast_to(stats.norm.ppf(levels), (1, 3, 2000))
    assert crps_quantiles(values, quantiles, levels).by_step == pytest.approx(exact, abs=2e-3)
    assert crps_samples(values, quantiles).by_step == pytest.approx(exact, abs=2e-3)
    # Quantiles at uneven levels are weighted by the levels that they stand for.
    uneven = levels**2
    assert crps_quantiles(values, np.broadcast_to(stats.norm.ppf(uneven), (1, 3, 2000)), uneven).by_step == (
        pytest.approx(exact, abs=2e-3)
    )


@settings(max_examples=15)
@given(st.integers(0, 1000), st.lists(st.floats(0.01, 0.99), min_size=1, max_size=4, unique=True).map(sorted))
def test_the_pinball_loss_is_that_of_scikit_learn(seed: int, levels: list[float]) -> None:
    random = np.random.default_rng(seed)
    actual, quantiles = random.normal(size=(1, 6)), random.normal(size=(1, 6, len(levels)))
    expected = [mean_pinball_loss(actual[0], quantiles[0, :, q], alpha=level) for q, level in enumerate(levels)]
    assert pinball(actual, quantiles, levels).mean == pytest.approx(np.mean(expected))


def test_the_score_is_proper() -> None:
    """The distribution that the values come from has the best score."""
    values = stats.norm.ppf((np.arange(1000) + 0.5) / 1000)[None]
    score = {
        (mean, deviation): crps_gaussian(values, 0 * values + mean, 0 * values + deviation).mean
        for mean in (-0.2, 0.0, 0.2)
        for deviation in (0.8, 1.0, 1.25)
    }
    assert min(score, key=score.__getitem__) == (0.0, 1.0)


def test_what_is_masked_is_not_looked_at() -> None:
    mask, actual, forecast = [[True, False]], [[0.0, math.nan]], [[0.0, math.nan]]
    one = crps_gaussian([[0.0]], [[0.0]], [[1.0]]).mean
    assert crps_gaussian(actual, forecast, [[1.0, -1.0]], mask).mean == one
    assert crps_student(actual, forecast, [[1.0, math.nan]], [[5.0, 0.5]], mask).left_out == 0
    assert crps_samples(actual, [[[0.0], [math.nan]]], mask).mean == 0
    assert pinball(actual, [[[0.0], [math.nan]]], [0.5], mask).mean == 0


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ([0.0, 0.5], "must ascend between 0 and 1"),
        ([0.5, 0.5], "must ascend"),
        ([], "must ascend"),
        ([0.5], "2 quantiles for 1"),
    ],
)
def test_bad_levels_are_refused(levels: list[float], message: str) -> None:
    for score in (pinball, crps_quantiles):
        with pytest.raises(ConfigError, match=message):
            score([[1.0]], [[[0.0, 1.0]]], levels)


def test_bad_distributions_are_refused() -> None:
    with pytest.raises(ConfigError, match="more than 1 degree of freedom"):
        crps_student([[1.0]], [[0.0]], [[1.0]], 1.0)
    with pytest.raises(ConfigError, match="negative or NaN"):
        crps_gaussian([[1.0]], [[0.0]], [[-1.0]])
    with pytest.raises(ConfigError, match="step 1: the true value or the forecast is NaN"):
        crps_student([[math.nan]], [[0.0]], [[1.0]], 3.0)
    with pytest.raises(ConfigError, match="forecasts of shape"):
        crps_samples([[1.0]], [[[1.0]], [[2.0]]])
