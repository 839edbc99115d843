"""Exponential smoothing and the theta method, as the statsforecast package fits them: the extra ``series``.

AutoETS chooses a model of exponential smoothing by its information criterion (Hyndman et al. 2002), AutoTheta one of
four theta models (Fiorucci et al. 2016). Each series is fitted by itself.
"""

import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context

import numpy as np
import numpy.typing as npt

from seqkit.baselines.baseline_forecast import BaselineForecast, Floats, checked_histories
from seqkit.baselines.seasonal_naive import LEVELS, seasonal_naive
from seqkit.errors import ConfigError, MissingExtraError, SeqkitWarning

__all__ = ["STATISTICAL_MODELS", "statistical_forecast"]

STATISTICAL_MODELS = {"auto_ets": "AutoETS", "auto_theta": "AutoTheta"}  # and their names in statsforecast
CHUNKS = 8  # for each process: series take different times

_Row = tuple[Floats, list[Floats], list[Floats]]


def statistical_forecast(
    name: str,
    values_N: npt.ArrayLike,
    lengths_E: npt.ArrayLike,
    horizon: int,
    season: int = 1,
    levels: tuple[float, ...] = LEVELS,
    *,
    processes: int = 1,
) -> BaselineForecast:
    """Fit a statistical model to each series, and forecast it.

    A series that the model cannot be fitted to, such as one of a few points, gets the seasonal naive forecast, is
    listed in ``replaced``, and a warning says how many there are.

    Args:
        name: ``auto_ets`` or ``auto_theta``.
        values_N: the histories of all series, one after another.
        lengths_E: the number of points of each.
        horizon: the number of steps.
        season: the number of points of a season.
        levels: the nominal coverage of each interval.
        processes: how many series are fitted at once. With more than 1, a script must call this from
            ``if __name__ == "__main__"``, because the processes import it; each takes some seconds to start.

    Raises:
        MissingExtraError: statsforecast is not installed.
        ConfigError: no such model, a series has no point, a value is NaN or infinite, or another argument is out of
            bounds.
    """
    if name not in STATISTICAL_MODELS:
        raise ConfigError(f"no statistical model is named {name!r}: choose from {', '.join(STATISTICAL_MODELS)}")
    try:
        import statsforecast.models  # noqa: F401
    except ImportError:
        raise MissingExtraError("statsforecast", "series") from None
    started = time.perf_counter()
    values, lengths = checked_histories(values_N, lengths_E, horizon, season, levels)
    naive = seasonal_naive(values, lengths, horizon, season, levels)
    mean = naive.mean_EH.copy()
    lower = {level: naive.lower_EH[level].copy() for level in levels}
    upper = {level: naive.upper_EH[level].copy() for level in levels}
    failed: dict[int, str] = {}
    histories = np.split(values, np.cumsum(lengths)[:-1])
    for series, row in enumerate(_rows(name, histories, horizon, season, levels, processes)):
        if isinstance(row, str):
            failed[series] = row
            continue
        mean[series] = row[0]
        for level, low, high in zip(levels, row[1], row[2], strict=True):
            lower[level][series], upper[level][series] = low, high
    if failed:
        message = (
            f"{STATISTICAL_MODELS[name]} cannot be fitted to {len(failed)} of {len(lengths)} series, which have the "
            f"seasonal naive forecast; the first is series {next(iter(failed))}: {next(iter(failed.values()))}"
        )
        warnings.warn(message, SeqkitWarning, stacklevel=2)
    seconds = time.perf_counter() - started
    return BaselineForecast(mean_EH=mean, lower_EH=lower, upper_EH=upper, seconds=seconds, replaced=tuple(failed))


def _rows(
    name: str, histories: Sequence[Floats], horizon: int, season: int, levels: tuple[float, ...], processes: int
) -> Iterator[_Row | str]:
    """Yield the forecast of each series in order; the reason where the model cannot be fitted."""
    arguments = (repeat(name), histories, repeat(horizon), repeat(season), repeat(levels))
    if processes <= 1 or len(histories) == 1:
        yield from map(_fitted, *arguments)
        return
    chunk = max(1, len(histories) // (processes * CHUNKS))
    # Spawned, because this process may have threads, whose locks a forked one would inherit.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_fitted, *arguments, chunksize=chunk)


def _fitted(name: str, history: Floats, horizon: int, season: int, levels: tuple[float, ...]) -> _Row | str:
    """Return the forecast of a series and the bounds of each level; the reason if the model cannot be fitted."""
    import statsforecast.models

    model = getattr(statsforecast.models, STATISTICAL_MODELS[name])(season_length=season)
    percents = [100 * level for level in levels]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = model.forecast(y=history, h=horizon, level=percents or None)
    except Exception as error:  # bare ones among them, for series that are too short
        return f"{type(error).__name__}: {error}"
    row = (
        np.asarray(result["mean"], dtype=np.float64),
        [np.asarray(result[f"lo-{percent}"], dtype=np.float64) for percent in percents],
        [np.asarray(result[f"hi-{percent}"], dtype=np.float64) for percent in percents],
    )
    return row if np.isfinite(row[0]).all() else "its forecast is not finite"
