"""The seasonal naive forecast: what the last season was.

Shapes: E series, H steps, N points of all series.
"""

import time
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from seqkit.baselines.baseline_forecast import BaselineForecast, Floats, Integers, checked_histories

__all__ = ["seasonal_naive"]

LEVELS = (0.9,)


def seasonal_naive(
    values_N: npt.ArrayLike,
    lengths_E: npt.ArrayLike,
    horizon: int,
    season: int = 1,
    levels: tuple[float, ...] = LEVELS,
) -> BaselineForecast:
    """Forecast each step as the last known value of the same point of the season.

    The intervals are those of a seasonal random walk with normal steps (Hyndman & Athanasopoulos, *Forecasting:
    principles and practice*, section 5.5): forecast ± z σ √k, where σ is the root mean square of the seasonal
    differences, and k the number of the season that the step is in, from 1.

    A series shorter than a season is forecast as its last value, with differences of 1 step. A series of exactly one
    season has no seasonal difference, and one of a single point none at all: their intervals are infinite.

    Args:
        values_N: the histories of all series, one after another.
        lengths_E: the number of points of each.
        horizon: the number of steps, H.
        season: the number of points of a season; 1 repeats the last value.
        levels: the nominal coverage of each interval.

    Raises:
        ConfigError: a series has no point, a value is NaN or infinite, or another argument is out of bounds.

    >>> forecast = seasonal_naive([1.0, 2.0, 3.0, 5.0, 7.0], [4, 1], horizon=3, season=2)
    >>> forecast.mean_EH.tolist()
    [[3.0, 5.0, 3.0], [7.0, 7.0, 7.0]]
    >>> forecast.upper_EH[0.9][0].round(2).tolist()
    [7.19, 9.19, 8.93]
    """
    started = time.perf_counter()
    values, lengths = checked_histories(values_N, lengths_E, horizon, season, levels)
    seasons_E = np.where(lengths < season, 1, season)
    steps_H = np.arange(horizon)
    ends_E = np.cumsum(lengths)
    mean = values[(ends_E - seasons_E)[:, None] + steps_H % seasons_E[:, None]]
    deviations = _spread(values, lengths, seasons_E)[:, None] * np.sqrt(1 + steps_H // seasons_E[:, None])
    widths = {level: NormalDist().inv_cdf((1 + level) / 2) * deviations for level in levels}
    return BaselineForecast(
        mean_EH=mean,
        lower_EH={level: mean - width for level, width in widths.items()},
        upper_EH={level: mean + width for level, width in widths.items()},
        seconds=time.perf_counter() - started,
    )


def _spread(values: Floats, lengths: Integers, seasons_E: Integers) -> Floats:
    """Return the root mean square of the seasonal differences of each series (E); infinite if there is none."""
    series_N = np.repeat(np.arange(len(lengths)), lengths)
    places_N = np.arange(len(values)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    later = np.flatnonzero(places_N >= seasons_E[series_N])
    differences = values[later] - values[later - seasons_E[series_N[later]]]
    counts = np.bincount(series_N[later], minlength=len(lengths))
    squares = np.bincount(series_N[later], weights=differences**2, minlength=len(lengths))
    mean_squares = np.divide(squares, counts, out=np.full(len(lengths), np.inf), where=counts > 0)
    spread: Floats = np.sqrt(mean_squares)
    return spread
