"""The scores of forecasts of a panel, each averaged over the windows of a series, and then over series.

Shapes: W windows, H horizon, Q quantiles, E series.
"""

import numpy as np

from seqkit.batches.windows import Frames
from seqkit.data.series.panel import Flags, Floats
from seqkit.metrics.distributions import pinball
from seqkit.metrics.forecasts import coverage, mae, mase, mean_width, rmse, seasonal_scales, smape
from seqkit.models.forecast_heads import QUANTILES

__all__ = ["actual_values", "forecast_scores", "history_scales"]


def actual_values(frames: Frames) -> tuple[Floats, Flags]:
    """Return the true values of all windows (W, H), and which of them are known."""
    future = frames.future(range(len(frames)), frames.horizon)
    index = future.index_BH.numpy()
    known = future.inside_BH.numpy() & frames.panel.observed[index, 0]
    return np.where(known, frames.panel.targets[index, 0], 0.0), known


def history_scales(frames: Frames, season: int) -> Floats:
    """Return the denominator of MASE of each series (E): 0 or NaN where it has none.

    It is the mean absolute seasonal difference of what comes before the scored part.
    """
    panel = frames.panel
    first = np.maximum(panel.starts, 1)
    positions = np.arange(int(panel.lengths.sum())) - np.repeat(panel.offsets[:-1], panel.lengths)
    before = positions < np.repeat(first, panel.lengths)
    return seasonal_scales(panel.targets[before, 0], first, season, panel.observed[before, 0])


def forecast_scores(
    frames: Frames, point_WH: Floats, bounds_WH: tuple[Floats, Floats], season: int, quantiles_WHQ: Floats | None = None
) -> dict[str, float]:
    """Return scores by the name of the metric.

    A series without seasonal differences, such as a constant one, has no MASE; if none has, errors are not scaled.

    Args:
        frames: the windows.
        point_WH: the forecasts, in the units of the series.
        bounds_WH: the lower and upper bounds of the intervals whose coverage is counted.
        season: points of a season, for MASE.
        quantiles_WHQ: the forecasts of ``QUANTILES``, for the pinball loss.
    """
    actual_WH, known_WH = actual_values(frames)
    series_W = frames.locate(range(len(frames)))[0].numpy()
    scales_W = history_scales(frames, season)[series_W]
    if not (scales_W > 0).any():
        scales_W = np.ones(len(scales_W))
    found = {
        "mase": mase(actual_WH, point_WH, scales_W, known_WH),
        "mae": mae(actual_WH, point_WH, known_WH),
        "rmse": rmse(actual_WH, point_WH, known_WH),
        "smape": smape(actual_WH, point_WH, known_WH),
        "coverage": coverage(actual_WH, *bounds_WH, known_WH),
        "width": mean_width(*bounds_WH, known_WH),
    }
    if quantiles_WHQ is not None:
        found["pinball"] = pinball(actual_WH, quantiles_WHQ, QUANTILES, known_WH)
    return {name: _mean_over_series(score.by_series, series_W) for name, score in found.items()}


def _mean_over_series(values_W: Floats, series_W: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
    """Return the mean over series of the mean over their windows; NaN stands for windows that do not count."""
    counted = ~np.isnan(values_W)
    if not counted.any():
        return float("nan")
    numbers = series_W[counted]
    sums, counts = np.bincount(numbers, weights=values_W[counted]), np.bincount(numbers)
    return float((sums[counts > 0] / counts[counts > 0]).mean())
