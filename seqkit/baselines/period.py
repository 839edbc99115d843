"""The dominant period of a series, as the length of sliding windows."""

import numpy as np
import numpy.typing as npt

from seqkit.errors import ConfigError

__all__ = ["DEFAULT_PERIOD", "dominant_period"]

Floats = npt.NDArray[np.float64]

DEFAULT_PERIOD = 125
LONGEST_LAG = 400
MOST_POINTS = 20_000
FIRST_LAG = 3  # lags below are not looked at
SHORTEST, LONGEST = 6, 303  # a period outside of these is not believed


def dominant_period(values: npt.ArrayLike) -> int:
    """Return the lag with the highest local maximum of the autocorrelation.

    The definition is that of the TSB-AD package 1.5 (``find_length_rank`` with rank 1), whose detectors and scores take
    it as their window: of the first 20,000 points, the autocorrelations at lags 4 to 399 that are higher than both
    their neighbours, and the highest of these; 125 if there is none, or if its lag is not from 6 to 303.

    Args:
        values: one series (N).

    Returns:
        A number of points.

    Raises:
        ConfigError: a value is NaN or infinite, or there is more than one series.

    >>> dominant_period(np.sin(2 * np.pi * np.arange(1000) / 48))
    48
    >>> dominant_period(np.ones(1000))
    125
    """
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or not np.isfinite(series).all():
        raise ConfigError(f"values of shape {series.shape}: one series is needed, without NaN and infinite values")
    correlations = _autocorrelations(series[:MOST_POINTS])[FIRST_LAG:]
    inner = correlations[1:-1]
    peaks = np.flatnonzero((inner > correlations[:-2]) & (inner > correlations[2:])) + 1
    if not len(peaks):
        return DEFAULT_PERIOD
    lag = int(peaks[np.argmax(correlations[peaks])]) + FIRST_LAG
    return lag if SHORTEST <= lag <= LONGEST else DEFAULT_PERIOD


def _autocorrelations(series: Floats) -> Floats:
    """Return the autocorrelations at lags 0, 1, …, 400 at most, by the fast Fourier transform; none if constant."""
    if not len(series) or np.ptp(series) == 0:
        return np.zeros(0)
    centred = series - series.mean()
    size = 2 ** int(np.ceil(np.log2(2 * len(series))))
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    covariances = np.fft.irfft(power, size)[: min(LONGEST_LAG + 1, len(series))]
    correlations: Floats = covariances / covariances[0]
    return correlations
