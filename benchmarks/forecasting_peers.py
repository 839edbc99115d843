"""Forecast many series with one peer of seqkit: AutoETS or AutoTheta of statsforecast, or the LSTM of neuralforecast.

::

    PYTHON benchmarks/forecasting_peers.py auto-ets INPUT.npz OUTPUT.npz --horizon 48 --season 24

A program of its own, so that ``benchmarks.forecasting`` can run it with the Python of an environment that has the peers
but not seqkit. It imports nothing of seqkit, and of a peer only what the method needs. Each peer has its own default
settings; only the horizon, the season and the seed are given.

``INPUT.npz`` holds ``values``, the series one after the other, and ``lengths``; ``OUTPUT.npz`` holds ``forecasts`` with
a row for each series, the ``seconds`` of loading the peer, fitting and forecasting, and a ``note`` on what went
otherwise than it should, which is empty if nothing did. A series for which a peer has no forecast gets that of seasonal
naive, and is noted.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["PEERS", "Forecasts", "Wanted", "main", "parse", "seasonal_naive"]

Floats = npt.NDArray[np.float64]

PROGRESS = 50  # number of series between two lines of progress


class Wanted(NamedTuple):
    """What is to be forecast, and with what.

    Attributes:
        horizon: number of steps to forecast.
        season: number of steps of a season; 1 if there is none.
        seed: random seed of what is trained.
        processes: number of worker processes of statsforecast.
        minutes: time limit of the training of the LSTM.
    """

    horizon: int
    season: int
    seed: int = 1
    processes: int = 1
    minutes: float = 30.0


class Forecasts(NamedTuple):
    """Forecasts (series, horizon), and a note if something went otherwise than it should."""

    values: Floats
    note: str = ""


def seasonal_naive(history: Floats, wanted: Wanted) -> Floats:
    """Repeat the last season, or the last value of a history that is shorter than a season.

    >>> seasonal_naive(np.array([5.0, 1.0, 2.0, 3.0]), Wanted(horizon=5, season=3)).tolist()
    [1.0, 2.0, 3.0, 1.0, 2.0]
    """
    season = wanted.season if len(history) >= wanted.season else 1
    return history[len(history) - season + np.arange(wanted.horizon) % season]


def _statsforecast(name: str, series: Sequence[Floats], wanted: Wanted) -> Forecasts:
    """Forecast each series by itself, in worker processes."""
    forecast = partial(_forecast_one, name, wanted)
    if wanted.processes == 1:
        found = list(_with_progress(map(forecast, series), name, len(series)))
    else:
        with ProcessPoolExecutor(wanted.processes) as pool:
            found = list(_with_progress(pool.map(forecast, series, chunksize=4), name, len(series)))
    rows = [seasonal_naive(one, wanted) if row is None else row for one, row in zip(series, found, strict=True)]
    failed = sum(row is None for row in found)
    return Forecasts(np.stack(rows), f"no forecast for {failed} series; theirs is seasonal naive" if failed else "")


def _forecast_one(name: str, wanted: Wanted, history: Floats) -> Floats | None:
    import statsforecast.models

    model = getattr(statsforecast.models, name)(season_length=wanted.season)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            row = np.asarray(model.forecast(y=history, h=wanted.horizon)["mean"], dtype=np.float64)
    except Exception as error:  # whatever a peer raises for one series must not end hours of work
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return None
    return row if np.isfinite(row).all() else None


def _with_progress(rows: Iterator[Floats | None], name: str, count: int) -> Iterator[Floats | None]:
    start = time.perf_counter()
    for number, row in enumerate(rows, 1):
        if number % PROGRESS == 0:
            seconds = time.perf_counter() - start
            print(f"{name}: {number} of {count} series, {seconds:.0f} s", file=sys.stderr, flush=True)
        yield row


def _lstm(series: Sequence[Floats], wanted: Wanted) -> Forecasts:
    """Train one LSTM on all series, with the defaults of neuralforecast."""
    import pandas as pd
    from neuralforecast import NeuralForecast
    from neuralforecast.models import LSTM

    quiet = {"enable_progress_bar": False, "enable_checkpointing": False, "logger": False}
    limit = {"seconds": int(60 * wanted.minutes)}
    model = LSTM(h=wanted.horizon, random_seed=wanted.seed, max_time=limit, accelerator="cpu", **quiet)
    names = np.repeat(np.arange(len(series)), [len(one) for one in series])
    steps = np.concatenate([np.arange(len(one)) for one in series])
    frame = pd.DataFrame({"unique_id": names, "ds": steps, "y": np.concatenate(series)})
    forecaster = NeuralForecast(models=[model], freq=1)
    forecaster.fit(frame)
    steps_done = len(forecaster.models[0].train_trajectories)
    found = forecaster.predict().sort_values(["unique_id", "ds"], kind="stable")
    note = "" if steps_done == model.max_steps else f"stopped after {steps_done} of {model.max_steps} training steps"
    return Forecasts(found["LSTM"].to_numpy(np.float64).reshape(len(series), wanted.horizon), note)


PEERS: Mapping[str, Callable[[Sequence[Floats], Wanted], Forecasts]] = {
    "auto-ets": partial(_statsforecast, "AutoETS"),
    "auto-theta": partial(_statsforecast, "AutoTheta"),
    "lstm": _lstm,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the series, forecast, and write the forecasts. Arguments default to those of the command line."""
    given = parse(arguments)
    with np.load(given.input) as read:
        series = np.split(read["values"], np.cumsum(read["lengths"])[:-1])
    wanted = Wanted(given.horizon, given.season, given.seed, given.processes, given.minutes)
    start = time.perf_counter()
    forecasts = PEERS[given.peer](series, wanted)
    seconds = time.perf_counter() - start
    np.savez(given.output, forecasts=forecasts.values, seconds=seconds, note=forecasts.note)


def parse(arguments: Sequence[str] | None) -> Any:
    """Parse the options. Arguments default to those of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("peer", choices=list(PEERS))
    parser.add_argument("input", type=Path, metavar="INPUT.npz")
    parser.add_argument("output", type=Path, metavar="OUTPUT.npz")
    parser.add_argument("--horizon", type=int, required=True)
    parser.add_argument("--season", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1, help="worker processes of statsforecast (default: 1)")
    parser.add_argument("--minutes", type=float, default=30.0, help="time limit of the LSTM's training (default: 30)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
