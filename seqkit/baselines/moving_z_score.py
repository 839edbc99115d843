"""Moving z-scores: how far each point is from the points just before it."""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from seqkit.errors import ConfigError

__all__ = ["moving_z_scores"]

Floats = npt.NDArray[np.float64]

WINDOW = 100
LEAST_DEVIATION = 1e-6  # relative to the largest absolute value of the window and the point


def moving_z_scores(values: npt.ArrayLike, window: int = WINDOW) -> Floats:
    """Return |x_t − mean| / deviation, with the mean and the population deviation of the ``window`` points before x_t.

    The score of a point depends on earlier points only. The deviation is at least a millionth of the largest absolute
    value among the points, so that a constant stretch gives finite scores. Near the beginning, there are fewer points
    to compare with; the first two points have the score 0.

    Args:
        values: a series (N), or several that are measured at the same times (N, K), of which the highest score counts.
        window: points to compare with.

    Returns:
        The scores (N), higher is stranger.

    Raises:
        ConfigError: a value is NaN or infinite, or the window is less than 2.

    >>> moving_z_scores([1.0, 3.0, 1.0, 3.0, 4.0], window=4).tolist()
    [0.0, 0.0, 1.0, 1.414213562373095, 2.0]
    """
    series = np.asarray(values, dtype=np.float64)
    series = series[:, None] if series.ndim == 1 else series
    if series.ndim != 2 or not np.isfinite(series).all():
        raise ConfigError(
            f"values of shape {series.shape}: points × series are needed, without NaN and infinite values"
        )
    if window < 2:
        raise ConfigError(f"the window must be at least 2 points, not {window}")
    if not len(series):
        return np.zeros(0)
    scores = np.zeros(series.shape)
    for point in range(2, min(window, len(series))):
        scores[point] = _z_scores(series[None, :point].transpose(0, 2, 1), series[None, point])[0]
    if len(series) > window:
        scores[window:] = _z_scores(sliding_window_view(series[:-1], window, axis=0), series[window:])
    highest: Floats = scores.max(axis=1)
    return highest


def _z_scores(before_NKW: Floats, points_NK: Floats) -> Floats:
    sizes = np.maximum(np.abs(before_NKW).max(axis=2), np.abs(points_NK))
    deviations = np.maximum(before_NKW.std(axis=2), LEAST_DEVIATION * sizes)
    errors = np.abs(points_NK - before_NKW.mean(axis=2))
    scores: Floats = np.divide(errors, deviations, out=np.zeros_like(errors), where=deviations > 0)
    return scores
