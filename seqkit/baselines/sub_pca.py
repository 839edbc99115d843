"""Sub-PCA: anomaly scores from the principal components of sliding windows.

In the TSB-AD benchmark (Liu & Paparrizos 2024), no neural detector of a single series beats it with its default
settings.
"""

import math

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from seqkit.baselines.period import dominant_period
from seqkit.errors import ConfigError

__all__ = ["sub_pca_scores"]

Floats = npt.NDArray[np.float64]


def sub_pca_scores(values: npt.ArrayLike, window: int | None = None) -> Floats:
    """Return the anomaly score of each point.

    Windows are standardised, each position by itself, and projected on the principal components of all of them. The
    score of a window x is Σ_j ‖x − v_j‖ / λ_j, where v_j is a component, a unit vector, and λ_j its share of the
    variance: the components with the least variance weigh most (Shyu et al. 2003, as implemented in PyOD and in the
    TSB-AD package 1.5, which Sub-PCA is from). The score of a window is that of the point in its middle; the points at
    both ends have the score of the nearest window.

    The components come from the whole series, including what is to be scored, as in the benchmark. Their signs, which
    the score depends on slightly, are such that the largest entry of each is positive. Components whose variance is no
    more than rounding errors are left out: there, the package divides by rounding errors.

    Args:
        values: a series (N), or several that are measured at the same times (N, K), whose windows are joined.
        window: points of a window; by default the dominant period, of the first of several series. Of a short series,
            at most half.

    Returns:
        The scores (N), higher is stranger; all 0 if the series is constant or has fewer than two points.

    Raises:
        ConfigError: a value is NaN or infinite, or the window is less than 1.

    >>> values = np.sin(np.arange(600) / 4)
    >>> values[300] += 2
    >>> 285 < int(np.argmax(sub_pca_scores(values, window=25))) < 315
    True
    """
    series = np.asarray(values, dtype=np.float64)
    series = series[:, None] if series.ndim == 1 else series
    if series.ndim != 2 or not np.isfinite(series).all():
        raise ConfigError(
            f"values of shape {series.shape}: points × series are needed, without NaN and infinite values"
        )
    if window is not None and window < 1:
        raise ConfigError(f"the window must be at least 1 point, not {window}")
    if len(series) < 2:
        return np.zeros(len(series))
    size = min(window or dominant_period(series[:, 0]), max(len(series) // 2, 1))
    windows = sliding_window_view(series, size, axis=0).reshape(len(series) - size + 1, -1)
    scores = _outlyingness(_standardised(windows))
    return np.pad(scores, (math.ceil((size - 1) / 2), (size - 1) // 2), mode="edge")


def _standardised(rows: Floats) -> Floats:
    """Return columns with mean 0 and variance 1, without the constant ones."""
    deviations = rows.std(axis=0)
    means = rows.mean(axis=0)
    # A constant column has a deviation of a few rounding errors.
    varying = deviations > 10 * np.finfo(np.float64).eps * np.sqrt(len(rows)) * np.abs(means)
    scaled: Floats = (rows[:, varying] - means[varying]) / deviations[varying]
    return scaled


def _outlyingness(rows: Floats) -> Floats:
    """Return Σ_j ‖x − v_j‖ / λ_j of each row x."""
    if not rows.size:
        return np.zeros(len(rows))
    # The triangular factor has the singular values and the components of the rows, and is much smaller.
    singular, components = np.linalg.svd(np.linalg.qr(rows - rows.mean(axis=0), mode="r"), full_matrices=False)[1:]
    largest = np.argmax(np.abs(components), axis=1)
    components = components * np.sign(components[np.arange(len(components)), largest])[:, None]
    shares = singular**2 / np.sum(singular**2)
    used = singular > np.finfo(np.float64).eps * max(rows.shape) * singular[0]
    squares = np.sum(rows**2, axis=1)[:, None] + 1 - 2 * rows @ components[used].T
    scores: Floats = np.sqrt(np.maximum(squares, 0)) @ (1 / shares[used])
    return scores
