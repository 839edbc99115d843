"""What a baseline forecasts: a point and intervals for each step of each series."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqkit.errors import ConfigError

__all__ = ["BaselineForecast", "checked_histories"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class BaselineForecast:
    """Forecasts of E series over H steps.

    Attributes:
        mean_EH: the point forecasts.
        lower_EH, upper_EH: the bounds of the intervals of each level, by level.
        seconds: how long it took.
        replaced: the numbers of the series that the model could not be fitted to, and that have the seasonal naive
            forecast instead.
    """

    mean_EH: Floats
    lower_EH: dict[float, Floats]
    upper_EH: dict[float, Floats]
    seconds: float = 0.0
    replaced: tuple[int, ...] = ()


def checked_histories(
    values_N: npt.ArrayLike, lengths_E: npt.ArrayLike, horizon: int, season: int, levels: tuple[float, ...]
) -> tuple[Floats, Integers]:
    """Return the values and lengths of all series as arrays.

    Raises:
        ConfigError: a series has no point, a value is NaN or infinite, the lengths do not add up, or the horizon, the
            season or a level is out of bounds.
    """
    values, lengths = np.asarray(values_N, dtype=np.float64), np.asarray(lengths_E, dtype=np.int64)
    if horizon < 1 or season < 1:
        raise ConfigError(f"a horizon of {horizon} and a season of {season}: at least 1")
    if not all(0 < level < 1 for level in levels):
        raise ConfigError(f"levels {levels}: they must be between 0 and 1")
    if lengths.sum() != len(values):
        raise ConfigError(f"lengths that add up to {lengths.sum()} for {len(values)} values")
    if np.any(lengths < 1):
        raise ConfigError(f"series {int(np.argmin(lengths))} has no point to forecast from")
    unknown = np.flatnonzero(~np.isfinite(values))
    if len(unknown):
        series = int(np.searchsorted(np.cumsum(lengths), unknown[0], side="right"))
        raise ConfigError(f"series {series} has a value that is NaN or infinite; fill it in first")
    return values, lengths
