"""Scores of quantiles, samples and distributions: pinball loss and CRPS.

The continuous ranked probability score of a distribution F and a value y is ∫ (F(x) − 1[x ≥ y])² dx (Gneiting &
Raftery 2007): in the unit of the values, lower is better, and the absolute error if F is a single point.

Shapes: E series, H steps, Q quantile levels, S samples.
"""

import math

import numpy as np
import numpy.typing as npt
import torch

from seqkit.errors import ConfigError
from seqkit.metrics.forecasts import Floats, ForecastScore, averaged, checked_mask, masked_pair

__all__ = ["crps_gaussian", "crps_quantiles", "crps_samples", "crps_student", "pinball"]

ITERATIONS = 1000  # of the continued fraction at most
LARGE = 100.0
MOST_DEGREES = 1e8  # of freedom: more are Gaussian to 8 digits, and lose digits here


def pinball(
    actual_EH: npt.ArrayLike,
    quantiles_EHQ: npt.ArrayLike,
    levels_Q: npt.ArrayLike,
    mask_EH: npt.ArrayLike | None = None,
) -> ForecastScore:
    """Return the pinball loss: the mean over levels q of max(q (y − f), (q − 1)(y − f)) (Koenker & Bassett 1978).

    Args:
        actual_EH: the true values, y.
        quantiles_EHQ: the forecast of each quantile, f.
        levels_Q: the level of each, between 0 and 1.
        mask_EH: which values count; by default all.

    Raises:
        ConfigError: a level is not between 0 and 1, or they do not ascend; a value that counts is NaN; or the shapes
            differ.

    >>> round(pinball([[10.0]], [[[8.0, 12.0]]], [0.1, 0.9]).mean, 12)
    0.2
    """
    levels = _checked_levels(levels_Q)
    return averaged(_pinball_losses(actual_EH, quantiles_EHQ, levels).mean(-1), mask_EH)


def crps_quantiles(
    actual_EH: npt.ArrayLike,
    quantiles_EHQ: npt.ArrayLike,
    levels_Q: npt.ArrayLike,
    mask_EH: npt.ArrayLike | None = None,
) -> ForecastScore:
    """Return the CRPS that quantiles approximate: twice the integral of the pinball loss over the levels.

    Each level stands for the levels that are nearest to it (the midpoint rule), so that they need not be equidistant;
    for equal shares, such as 0.05, 0.15, …, 0.95, this is twice the mean.

    Args:
        actual_EH: the true values.
        quantiles_EHQ: the forecast of each quantile.
        levels_Q: the level of each, between 0 and 1.
        mask_EH: which values count; by default all.

    Raises:
        ConfigError: as :func:`pinball`.

    >>> crps_quantiles([[3.0]], [[[1.0]]], [0.5]).mean  # one quantile: the absolute error
    2.0
    """
    levels = _checked_levels(levels_Q)
    shares_Q = np.diff(np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]]))
    return averaged(2 * _pinball_losses(actual_EH, quantiles_EHQ, levels) @ shares_Q, mask_EH)


def crps_samples(
    actual_EH: npt.ArrayLike, samples_EHS: npt.ArrayLike, mask_EH: npt.ArrayLike | None = None
) -> ForecastScore:
    """Return the CRPS of the empirical distribution of samples: mean |x − y| − mean |x − x'| / 2.

    It equals E|X − y| − E|X − X'| / 2 (Gneiting & Raftery 2007, equation 21). Few samples seem worse than the
    distribution they come from. The mean over pairs takes O(S log S): sorted, sample i of S counts 2 i − S − 1 times.

    Args:
        actual_EH: the true values, y.
        samples_EHS: samples of the forecast, x.
        mask_EH: which values count; by default all.

    Raises:
        ConfigError: a value that counts is NaN, or the shapes differ.

    >>> crps_samples([[0.0]], [[[-1.0, 1.0]]]).mean
    0.5
    """
    actual, samples = _with_last_axis(actual_EH, samples_EHS)
    ordered = np.sort(samples, axis=-1)
    count = samples.shape[-1]
    ranks_S = 2 * np.arange(1, count + 1) - count - 1
    return averaged(np.abs(ordered - actual).mean(-1) - ordered @ ranks_S / count**2, mask_EH)


def crps_gaussian(
    actual_EH: npt.ArrayLike,
    mean_EH: npt.ArrayLike,
    deviation_EH: npt.ArrayLike,
    mask_EH: npt.ArrayLike | None = None,
) -> ForecastScore:
    """Return the CRPS of normal distributions: σ (z (2 Φ(z) − 1) + 2 φ(z) − 1/√π), z = (y − μ)/σ.

    (Gneiting et al. 2005, equation 5.) Where the deviation is 0, it is the absolute error.

    Args:
        actual_EH: the true values, y.
        mean_EH: the mean of each distribution, μ.
        deviation_EH: its standard deviation, σ.
        mask_EH: which values count; by default all.

    Raises:
        ConfigError: a deviation that counts is negative, or a value NaN.

    >>> round(crps_gaussian([[0.0]], [[0.0]], [[1.0]]).mean, 6)
    0.233695
    """
    errors, scale, safe = _standardised(actual_EH, mean_EH, deviation_EH, mask_EH)
    z = errors / safe
    central = torch.erf(torch.from_numpy(z) / math.sqrt(2)).numpy()  # 2 Φ(z) − 1
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    losses = safe * (z * central + 2 * density - 1 / math.sqrt(math.pi))
    return averaged(np.where(scale == 0, np.abs(errors), losses), mask_EH)


def crps_student(
    actual_EH: npt.ArrayLike,
    location_EH: npt.ArrayLike,
    scale_EH: npt.ArrayLike,
    degrees_EH: npt.ArrayLike,
    mask_EH: npt.ArrayLike | None = None,
) -> ForecastScore:
    """Return the CRPS of Student's t distributions with ν degrees of freedom, shifted and scaled.

    With z = (y − location)/scale, it is scale times (Jordan et al. 2019, appendix A)::

        z (2 F(z) − 1) + 2 f(z) (ν + z²)/(ν − 1) − 2 √ν/(ν − 1) · B(1/2, ν − 1/2) / B(1/2, ν/2)²

    Where the scale is 0, it is the absolute error.

    Args:
        actual_EH: the true values, y.
        location_EH: the centre of each distribution.
        scale_EH: its scale, which is not the standard deviation.
        degrees_EH: its degrees of freedom, ν, above 1: with fewer, the score is infinite.
        mask_EH: which values count; by default all.

    Raises:
        ConfigError: degrees of freedom that count are not above 1, a scale that counts is negative, or a value NaN.

    >>> round(crps_student([[0.0]], [[0.0]], [[1.0]], 1e6).mean, 5)  # nearly Gaussian
    0.2337
    """
    errors, scale, safe = _standardised(actual_EH, location_EH, scale_EH, mask_EH)
    counts = checked_mask(errors.shape, mask_EH)
    degrees = np.broadcast_to(np.asarray(degrees_EH, dtype=np.float64), errors.shape)
    if not np.all(degrees[counts] > 1):
        raise ConfigError("the CRPS of Student's t is only finite with more than 1 degree of freedom")
    degrees = np.where(counts, np.minimum(degrees, MOST_DEGREES), 2.0)
    z = errors / safe
    log_density = -(degrees + 1) / 2 * np.log1p(z**2 / degrees) - np.log(degrees) / 2 - _log_beta(degrees / 2)
    spread = 2 * np.sqrt(degrees) * np.exp(_log_beta(degrees - 0.5) - 2 * _log_beta(degrees / 2))
    central = np.sign(z) * _central_probability(z, degrees)  # 2 F(z) − 1
    losses = safe * (z * central + (2 * np.exp(log_density) * (degrees + z**2) - spread) / (degrees - 1))
    return averaged(np.where(scale == 0, np.abs(errors), losses), mask_EH)


def _checked_levels(levels_Q: npt.ArrayLike) -> Floats:
    levels = np.asarray(levels_Q, dtype=np.float64)
    if (
        levels.ndim != 1
        or not len(levels)
        or not np.all((levels > 0) & (levels < 1))
        or not np.all(np.diff(levels) > 0)
    ):
        raise ConfigError(f"quantile levels {levels.tolist()}: they must ascend between 0 and 1")
    return levels


def _with_last_axis(actual_EH: npt.ArrayLike, values_EHX: npt.ArrayLike) -> tuple[Floats, Floats]:
    actual, values = np.asarray(actual_EH, dtype=np.float64), np.asarray(values_EHX, dtype=np.float64)
    if values.shape[:-1] != actual.shape:
        raise ConfigError(f"forecasts of shape {values.shape} for values of shape {actual.shape}")
    return actual[..., None], values


def _pinball_losses(actual_EH: npt.ArrayLike, quantiles_EHQ: npt.ArrayLike, levels_Q: Floats) -> Floats:
    actual, quantiles = _with_last_axis(actual_EH, quantiles_EHQ)
    if quantiles.shape[-1] != len(levels_Q):
        raise ConfigError(f"{quantiles.shape[-1]} quantiles for {len(levels_Q)} levels")
    errors = actual - quantiles
    losses: Floats = np.maximum(levels_Q * errors, (levels_Q - 1) * errors)
    return losses


def _standardised(
    actual_EH: npt.ArrayLike, location_EH: npt.ArrayLike, scale_EH: npt.ArrayLike, mask_EH: npt.ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    """Return the errors, their scales, and the scales with 1 in the place of 0 and of what is masked."""
    actual, location = masked_pair(actual_EH, location_EH, mask_EH)
    errors = actual - location
    scale = np.broadcast_to(np.asarray(scale_EH, dtype=np.float64), errors.shape)
    counts = checked_mask(errors.shape, mask_EH)
    if not np.all(scale[counts] >= 0):
        raise ConfigError("the scale of a distribution is negative or NaN")
    return errors, np.where(counts, scale, 1.0), np.where(counts & (scale > 0), scale, 1.0)


def _log_beta(b: Floats) -> Floats:
    """Return log B(1/2, b); for large b by its asymptotic series, because the difference of two logarithms cancels."""
    small = torch.from_numpy(np.minimum(b, LARGE))
    exact = (torch.lgamma(small) - torch.lgamma(small + 0.5)).numpy()
    large = np.maximum(b, LARGE)
    series = -np.log(large) / 2 + 1 / (8 * large) - 1 / (192 * large**3)
    logarithm: Floats = np.where(b < LARGE, exact, series) + math.log(math.pi) / 2
    return logarithm


def _central_probability(z: Floats, degrees: Floats) -> Floats:
    """Return the probability that |T| ≤ |z|, for T of Student's t: I(z²/(ν + z²); 1/2, ν/2).

    I is the regularised incomplete beta function. Its continued fraction (Abramowitz & Stegun 26.5.8) converges fast
    below x = (a + 1)/(a + b + 2); above, I(x; a, b) = 1 − I(1 − x; b, a).
    """
    x = z**2 / (degrees + z**2)
    rest = degrees / (degrees + z**2)  # 1 − x, without cancellation
    half, b = np.full_like(z, 0.5), degrees / 2
    below = x < (half + 1) / (half + b + 2)
    first, second = np.where(below, half, b), np.where(below, b, half)
    at = np.where(below, x, rest)
    log_rest = -np.log1p(z**2 / degrees)
    with np.errstate(divide="ignore"):
        log_x = np.log(z**2 / degrees) + log_rest
    front = np.exp(half * log_x + b * log_rest - _log_beta(b)) / first
    tail = front / _beta_fraction(at, first, second)
    probability: Floats = np.where(below, tail, 1 - tail)
    return probability


def _beta_fraction(x: Floats, a: Floats, b: Floats) -> Floats:
    """Return the continued fraction 1 + d₁/(1 + d₂/(1 + …)) of the incomplete beta function, by Lentz's algorithm."""
    smallest = 1e-300
    value, numerator, denominator = np.ones_like(x), np.ones_like(x), np.zeros_like(x)
    for step in range(1, ITERATIONS):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        denominator = 1 + term * denominator
        denominator = 1 / np.where(np.abs(denominator) < smallest, smallest, denominator)
        numerator = 1 + term / numerator
        numerator = np.where(np.abs(numerator) < smallest, smallest, numerator)
        value = value * numerator * denominator
        if np.all(np.abs(numerator * denominator - 1) < 1e-15):
            break
    return value
