"""Scores of forecasts, by series, by step, and as the mean over series.

Each function takes the true values and the forecasts of many series, and a mask that says which values count: series
may be shorter than the horizon, and values may be unknown. A score is first averaged within each series, then over
series, as in the M4 competition (Makridakis et al. 2020): a long series counts no more than a short one.

Quantiles, distributions and their scores are in ``distributions``.

Shapes: E series, H steps, N points of all series.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqkit.errors import ConfigError

__all__ = [
    "ForecastScore",
    "averaged",
    "checked_mask",
    "coverage",
    "mae",
    "mase",
    "masked_pair",
    "mean_width",
    "rmse",
    "seasonal_scales",
    "smape",
]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ForecastScore:
    """A score of many series.

    Attributes:
        by_series: the score of each series (E); NaN where it is not defined, because no value counts or because the
            score divides by 0.
        by_step: the mean over series of the score of each step (H); NaN where no value counts.
        mean: the mean over the series with a score; NaN if there is none.
        left_out: the number of series without a score.

    >>> mae([[1.0, 2.0], [3.0, 5.0]], [[1.0, 3.0], [3.0, 3.0]])
    ForecastScore(mean=0.75, left_out=0, series=2, steps=2)
    """

    by_series: Floats
    by_step: Floats

    @property
    def mean(self) -> float:
        return _mean(self.by_series)

    @property
    def left_out(self) -> int:
        return int(np.isnan(self.by_series).sum())

    def __repr__(self) -> str:
        counts = f"left_out={self.left_out}, series={len(self.by_series)}, steps={len(self.by_step)}"
        return f"ForecastScore(mean={self.mean}, {counts})"

    def relative_to(self, reference: "ForecastScore") -> "ForecastScore":
        """Return the ratio of this score to that of another forecast of the same series, such as a naive one.

        The mean is the arithmetic mean of the ratios of the series. A series whose reference is 0 is left out.

        >>> one, naive = mae([[1.0], [3.0]], [[2.0], [4.0]]), mae([[1.0], [3.0]], [[3.0], [7.0]])
        >>> one.relative_to(naive).by_series.tolist()
        [0.5, 0.25]
        """
        return ForecastScore(
            _ratio(self.by_series, reference.by_series),
            _ratio(self.by_step, reference.by_step),
        )


def averaged(losses_EH: npt.ArrayLike, mask_EH: npt.ArrayLike | None = None) -> ForecastScore:
    """Average a loss over the steps of each series, and over the series of each step.

    Args:
        losses_EH: the loss of each value; what is masked is ignored, even if it is NaN or infinite.
        mask_EH: which values count; by default all.

    Raises:
        ConfigError: a loss that counts is NaN, or the shapes differ.

    >>> averaged([[1.0, 3.0], [5.0, 0.0]], [[True, True], [True, False]]).by_series.tolist()
    [2.0, 5.0]
    """
    losses = np.asarray(losses_EH, dtype=np.float64)
    mask = checked_mask(losses.shape, mask_EH)
    unknown = np.argwhere(np.isnan(losses) & mask)
    if len(unknown):
        series, step = unknown[0].tolist()
        raise ConfigError(f"series {series}, step {step + 1}: the true value or the forecast is NaN; mask it")
    sums = np.where(mask, losses, 0.0)
    return ForecastScore(_ratio(sums.sum(1), mask.sum(1)), _ratio(sums.sum(0), mask.sum(0)))


def mae(actual_EH: npt.ArrayLike, forecast_EH: npt.ArrayLike, mask_EH: npt.ArrayLike | None = None) -> ForecastScore:
    """Return the mean absolute error: the mean of |y − f|.

    Args:
        actual_EH: the true values, y.
        forecast_EH: the forecasts, f.
        mask_EH: which values count; by default all.

    Raises:
        ConfigError: a value that counts is NaN, or the shapes differ.
    """
    return averaged(np.abs(_errors(actual_EH, forecast_EH, mask_EH)), mask_EH)


def rmse(actual_EH: npt.ArrayLike, forecast_EH: npt.ArrayLike, mask_EH: npt.ArrayLike | None = None) -> ForecastScore:
    """Return the root of the mean squared error, of each series and of each step: √mean((y − f)²).

    The mean over series is the mean of the roots.

    >>> rmse([[0.0, 0.0], [0.0, 0.0]], [[3.0, 4.0], [0.0, 0.0]]).mean == 12.5**0.5 / 2
    True
    """
    squared = averaged(_errors(actual_EH, forecast_EH, mask_EH) ** 2, mask_EH)
    return ForecastScore(np.sqrt(squared.by_series), np.sqrt(squared.by_step))


def smape(actual_EH: npt.ArrayLike, forecast_EH: npt.ArrayLike, mask_EH: npt.ArrayLike | None = None) -> ForecastScore:
    """Return the symmetric mean absolute percentage error as M4 defines it: the mean of 2 |y − f| / (|y| + |f|).

    The score is a fraction in 0..2; M4 multiplies it by 100. Where the value and the forecast are both 0, it is 0.

    >>> smape([[100.0, 0.0]], [[50.0, 0.0]]).mean
    0.3333333333333333
    """
    actual, forecast = masked_pair(actual_EH, forecast_EH, mask_EH)
    sizes = np.abs(actual) + np.abs(forecast)
    errors = np.abs(actual - forecast)
    return averaged(2 * np.divide(errors, sizes, out=np.zeros_like(errors), where=sizes != 0), mask_EH)


def mase(
    actual_EH: npt.ArrayLike,
    forecast_EH: npt.ArrayLike,
    scales_E: npt.ArrayLike,
    mask_EH: npt.ArrayLike | None = None,
) -> ForecastScore:
    """Return the mean absolute scaled error: the mean of |y − f| / scale (Hyndman & Koehler 2006, equation 3).

    A series whose scale is 0 or NaN, because it is constant or shorter than a season, has no score: it is left out of
    the means, and counted in ``left_out``.

    Args:
        actual_EH: the true values, y.
        forecast_EH: the forecasts, f.
        scales_E: the scale of each series, from :func:`seasonal_scales`.
        mask_EH: which values count; by default all.

    Raises:
        ConfigError: a value that counts is NaN, or the shapes differ.

    >>> scales = seasonal_scales([1.0, 3.0, 2.0, 7.0, 7.0, 7.0], lengths_E=[3, 3])
    >>> scales.tolist()
    [1.5, 0.0]
    >>> mase([[4.0], [7.0]], [[1.0], [8.0]], scales)
    ForecastScore(mean=2.0, left_out=1, series=2, steps=1)
    """
    losses = np.abs(_errors(actual_EH, forecast_EH, mask_EH))
    scales = np.asarray(scales_E, dtype=np.float64)
    if scales.shape != losses.shape[:1]:
        raise ConfigError(f"scales of shape {scales.shape} for {len(losses)} series")
    mask = checked_mask(losses.shape, mask_EH)
    defined = scales > 0
    scaled = losses / np.where(defined, scales, 1.0)[:, None]
    averaged(scaled, mask)  # a NaN is an error in the series without a scale, too
    return averaged(scaled, mask & defined[:, None])


def seasonal_scales(
    values_N: npt.ArrayLike,
    lengths_E: npt.ArrayLike,
    season: int = 1,
    observed_N: npt.ArrayLike | None = None,
) -> Floats:
    """Return the denominators of MASE: the mean absolute seasonal difference of the training part of each series.

    This is the mean error of the seasonal naive forecast within the training part, mean |y_t − y_{t−m}|.

    Args:
        values_N: the training parts of all series, one after another.
        lengths_E: the number of points of each.
        season: m, the number of points of a season; 1 compares each point with the one before.
        observed_N: which values count; a difference counts if both its values do. By default all.

    Returns:
        The scale of each series (E): 0 for a constant one, NaN for one without a difference.

    Raises:
        ConfigError: the season is less than 1, or the lengths do not add up.

    >>> seasonal_scales([1.0, 2.0, 4.0, 4.0, 5.0], lengths_E=[4, 1], season=2).tolist()
    [2.5, nan]
    """
    values = np.asarray(values_N, dtype=np.float64)
    lengths = np.asarray(lengths_E, dtype=np.int64)
    if season < 1:
        raise ConfigError(f"season must be at least 1, not {season}")
    if lengths.sum() != len(values):
        raise ConfigError(f"lengths that add up to {lengths.sum()} for {len(values)} values")
    series_N = np.repeat(np.arange(len(lengths)), lengths)
    counts_N = np.isfinite(values) if observed_N is None else np.asarray(observed_N, dtype=np.bool_)
    usable = (series_N[season:] == series_N[:-season]) & counts_N[season:] & counts_N[:-season]
    later, earlier = values[season:][usable], values[:-season][usable]
    sums = np.bincount(series_N[season:][usable], weights=np.abs(later - earlier), minlength=len(lengths))
    return _ratio(sums, np.bincount(series_N[season:][usable], minlength=len(lengths)))


def coverage(
    actual_EH: npt.ArrayLike,
    lower_EH: npt.ArrayLike,
    upper_EH: npt.ArrayLike,
    mask_EH: npt.ArrayLike | None = None,
) -> ForecastScore:
    """Return the share of values within their intervals, bounds included.

    >>> coverage([[1.0, 2.0]], [[0.0, 3.0]], [[1.0, 4.0]]).mean
    0.5
    """
    actual, lower, upper = (np.asarray(each, dtype=np.float64) for each in (actual_EH, lower_EH, upper_EH))
    inside = ((lower <= actual) & (actual <= upper)).astype(np.float64)
    return averaged(np.where(np.isnan(actual) | np.isnan(lower) | np.isnan(upper), np.nan, inside), mask_EH)


def mean_width(lower_EH: npt.ArrayLike, upper_EH: npt.ArrayLike, mask_EH: npt.ArrayLike | None = None) -> ForecastScore:
    """Return the mean width of intervals; ``relative_to`` compares it with the width of naive ones.

    >>> mean_width([[0.0, 0.0]], [[1.0, 2.0]]).relative_to(mean_width([[0.0, 0.0]], [[3.0, 3.0]])).mean
    0.5
    """
    return averaged(_errors(upper_EH, lower_EH, mask_EH), mask_EH)


def checked_mask(shape: tuple[int, ...], mask_EH: npt.ArrayLike | None) -> Flags:
    """Return which values count, as an array: all if there is no mask.

    Raises:
        ConfigError: the shape is not series × steps, or that of the mask differs.
    """
    mask = np.ones(shape, dtype=np.bool_) if mask_EH is None else np.asarray(mask_EH, dtype=np.bool_)
    if len(shape) != 2 or mask.shape != shape:
        raise ConfigError(f"values of shape {shape} and a mask of shape {mask.shape}: both must be series × steps")
    return mask


def masked_pair(
    actual_EH: npt.ArrayLike, forecast_EH: npt.ArrayLike, mask_EH: npt.ArrayLike | None
) -> tuple[Floats, Floats]:
    """Return values and forecasts, with 0 in the place of what does not count, which may be NaN or infinite.

    Raises:
        ConfigError: the shapes differ, or are not series × steps.
    """
    actual, forecast = np.asarray(actual_EH, dtype=np.float64), np.asarray(forecast_EH, dtype=np.float64)
    if actual.shape != forecast.shape:
        raise ConfigError(
            f"values of shape {actual.shape} and forecasts of shape {forecast.shape}: they must be the same"
        )
    mask = checked_mask(actual.shape, mask_EH)
    return np.where(mask, actual, 0.0), np.where(mask, forecast, 0.0)


def _errors(actual_EH: npt.ArrayLike, forecast_EH: npt.ArrayLike, mask_EH: npt.ArrayLike | None) -> Floats:
    actual, forecast = masked_pair(actual_EH, forecast_EH, mask_EH)
    errors: Floats = actual - forecast
    return errors


def _ratio(numerator: "Floats | Integers", denominator: "Floats | Integers") -> Floats:
    """Return a quotient; NaN where the denominator is 0."""
    quotient = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=quotient, where=np.asarray(denominator) != 0)
    return quotient


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
