"""Forecasts of M4 series by seqkit with default settings, compared with those of statsforecast and neuralforecast.

::

    python -m benchmarks.forecasting --data DIR --peers-python PYTHON --seeds 1 2 3 --out FILE.md

``DIR/m4`` contains ``hourly-train.csv`` and ``weekly-train.csv`` of the M4 competition (Makridakis et al. 2020). The
last horizon of each series is held out and forecast from what comes before. ``PYTHON`` belongs to an environment with
statsforecast and neuralforecast, which need not have seqkit; by default, it is this one. The ``seqkit`` command is run
as a user runs it. Progress goes to stderr, the table to stdout. Seconds are those of loading the library, training and
forecasting together; of seqkit, those of its two commands.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks import forecasting_peers
from benchmarks.command import output_of, seqkit_command
from benchmarks.forecasting_peers import Wanted, seasonal_naive
from benchmarks.timing import Table, machine, markdown_line, print_progress, run_script
from seqkit.errors import ConfigError, CorpusError, SeqkitError

__all__ = [
    "BENCHMARKS",
    "FORECASTERS",
    "Benchmark",
    "Held",
    "Result",
    "Row",
    "Scores",
    "forecast_with_peer",
    "forecast_with_seqkit",
    "hold_out",
    "main",
    "markdown_table",
    "parse",
    "read_rows",
    "report",
    "score",
]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Series to measure on.

    Args:
        file: the file, in the folder of public corpora.
        horizon: number of steps to forecast.
        season: number of steps of a season, for the forecasters and the scores; 1 if there is none.
        bar: the mean MASE that seqkit is to reach.
    """

    file: str
    horizon: int
    season: int
    bar: float


BENCHMARKS: Mapping[str, Benchmark] = {
    "m4-hourly": Benchmark(file="m4/hourly-train.csv", horizon=48, season=24, bar=0.95),
    "m4-weekly": Benchmark(file="m4/weekly-train.csv", horizon=13, season=1, bar=2.3),
}


class Held(NamedTuple):
    """Series whose end is held out: their names, what is known of each, and what is to be forecast (series, step)."""

    names: Sequence[str]
    histories: Sequence[Floats]
    futures: Floats


class Scores(NamedTuple):
    """The mean of the scores of all series, and how many series have no MASE."""

    mase: float
    smape: float
    left_out: int = 0


class Result(NamedTuple):
    """Forecasts (series, horizon), the seconds that they took, and what went otherwise than it should."""

    forecasts: Floats
    seconds: float
    note: str = ""


def read_rows(path: Path) -> dict[str, Floats]:
    """Read a file of M4: a header, then one series per row, its name first, with empty cells after its end.

    Raises:
        CorpusError: if a cell is not a number, or a row has none.
    """
    series = {}
    with path.open(encoding="utf-8", newline="") as file:
        for line, (name, *cells) in enumerate(csv.reader(file), 1):
            if line > 1:
                try:
                    series[name] = np.array([cell for cell in cells if cell], dtype=np.float64)
                except ValueError as error:
                    raise CorpusError(str(error), file=path, line=line) from None
                if not len(series[name]):
                    raise CorpusError("a series without values", file=path, line=line)
    return series


def hold_out(series: Mapping[str, Floats], horizon: int) -> Held:
    """Hold out the end of each series.

    Raises:
        CorpusError: if nothing would be left of a series.

    >>> hold_out({"H1": np.array([1.0, 2.0, 3.0])}, 2).futures.tolist()
    [[2.0, 3.0]]
    """
    if short := [name for name, values in series.items() if len(values) <= horizon]:
        raise CorpusError(f"series {short[0]} has no more than the {horizon} values to hold out")
    values = series.values()
    return Held(list(series), [one[:-horizon] for one in values], np.stack([one[-horizon:] for one in values]))


def score(held: Held, forecasts: Floats, season: int) -> Scores:
    """Return the mean MASE and the mean sMAPE in percent, both as the M4 competition defines them.

    The errors of a series are divided by the mean absolute difference of its history from that of a season before
    (Hyndman and Koehler 2006). A history that never changes, or is no longer than a season, has no MASE: it is left out
    of the mean, and counted.

    >>> held = Held(["a"], [np.array([1.0, 2.0, 3.0])], np.array([[4.0, 5.0]]))
    >>> score(held, np.array([[3.0, 3.0]]), season=1).mase
    1.5
    """
    errors = np.abs(forecasts - held.futures)
    changes = [np.abs(one[season:] - one[:-season]) for one in held.histories]
    scales = np.array([one.mean() if len(one) else 0.0 for one in changes])
    sizes = np.abs(forecasts) + np.abs(held.futures)
    smape = 200 * np.divide(errors, sizes, out=np.zeros_like(errors), where=sizes > 0).mean()
    scaled = errors[scales > 0].mean(1) / scales[scales > 0]
    return Scores(float(scaled.mean()), float(smape), int((scales == 0).sum()))


def forecast_with_seqkit(held: Held, wanted: Wanted) -> Result:
    """Forecast with the two commands that a user types, with default settings.

    Raises:
        SeqkitError: if a command fails; it has printed the reason on stderr.
    """
    seqkit = seqkit_command()
    with tempfile.TemporaryDirectory() as folder:
        corpus, run = Path(folder, "train.csv"), Path(folder, "run")
        _write_long(held, corpus)
        settings = {"--horizon": wanted.horizon, "--season": wanted.season, "--seed": wanted.seed}
        options = [str(part) for setting in settings.items() for part in setting]
        start = time.perf_counter()
        output_of(seqkit, "train", "forecast", "--corpus", str(corpus), *options, "--out", str(run), "--quiet")
        lines = output_of(seqkit, "predict", str(run), "--json").splitlines()
        seconds = time.perf_counter() - start
    found: dict[str, list[float]] = {name: [] for name in held.names}
    for line in lines:
        record = json.loads(line)
        found[record["unique_id"]].append(record["y"])
    return Result(np.array(list(found.values())), seconds)


def _write_long(held: Held, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["unique_id", "ds", "y"])
        for name, history in zip(held.names, held.histories, strict=True):
            writer.writerows([name, step, value] for step, value in enumerate(history.tolist(), 1))


def forecast_with_peer(peer: str, held: Held, wanted: Wanted, python: str) -> Result:
    """Forecast with a peer, in a process of the Python that has it.

    Args:
        peer: a key of ``forecasting_peers.PEERS``.
        held: the series.
        wanted: what is to be forecast.
        python: path of that Python.

    Raises:
        SeqkitError: if it fails; it has printed the reason on stderr.
    """
    program = str(Path(forecasting_peers.__file__))
    options = [str(part) for name, value in wanted._asdict().items() for part in (f"--{name}", value)]
    with tempfile.TemporaryDirectory() as folder:
        given, found = str(Path(folder, "given.npz")), str(Path(folder, "found.npz"))
        lengths = [len(one) for one in held.histories]
        np.savez(given, values=np.concatenate(held.histories), lengths=lengths)
        command = [python, "-P", program, peer, given, found, *options]  # -P: our modules are not its libraries
        if code := subprocess.run(command, stdout=sys.stderr, cwd=folder).returncode:
            raise SeqkitError(f"{peer}: ended with exit code {code}")
        with np.load(found) as read:
            return Result(read["forecasts"], float(read["seconds"]), str(read["note"]))


def _naive(held: Held, wanted: Wanted) -> Result:
    start = time.perf_counter()
    forecasts = np.stack([seasonal_naive(history, wanted) for history in held.histories])
    return Result(forecasts, time.perf_counter() - start)


class Forecaster(NamedTuple):
    """A forecaster of the table.

    Attributes:
        name: its name in the table.
        trained: whether its forecasts depend on the seed.
        package: the package that the Python of the peers must have; none for our own.
    """

    name: str
    trained: bool = False
    package: str = ""


FORECASTERS: Mapping[str, Forecaster] = {
    "seasonal-naive": Forecaster("seasonal naive"),
    "auto-ets": Forecaster("AutoETS", package="statsforecast"),
    "auto-theta": Forecaster("AutoTheta", package="statsforecast"),
    "lstm": Forecaster("neuralforecast LSTM", trained=True, package="neuralforecast"),
    "seqkit": Forecaster("seqkit", trained=True),
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """The results of a forecaster on one benchmark: the scores and the seconds of each run, by seed.

    >>> Row(data="m4-weekly", forecaster="auto-ets", scores={1: Scores(2.5, 8.25)}, seconds=[60.2]).cells([1, 2])
    ['m4-weekly', 'AutoETS', '-', '-', '2.500', '8.25', '60']
    """

    data: str
    forecaster: str
    scores: Mapping[int, Scores]
    seconds: Sequence[float]

    def cells(self, seeds: Sequence[int]) -> list[str]:
        """Return the cells of the row; only a forecaster that is trained has a score for each seed."""
        forecaster, runs = FORECASTERS[self.forecaster], self.scores.values()
        by_seed = [f"{self.scores[seed].mase:.3f}" if forecaster.trained else "-" for seed in seeds]
        mase, smape = np.mean([run.mase for run in runs]), np.mean([run.smape for run in runs])
        seconds = float(np.mean(self.seconds))
        cells = [f"{mase:.3f}", f"{smape:.2f}", f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.2g}"]
        return [self.data, forecaster.name, *by_seed, *cells]


def markdown_table(rows: Iterable[Row], seeds: Sequence[int]) -> str:
    """Return the rows as a Markdown table.

    >>> row = Row(data="m4-weekly", forecaster="seqkit", scores={7: Scores(2.2512, 7.5)}, seconds=[301.0])
    >>> print(markdown_table([row], [7]))
    | data | forecaster | seed 7 | MASE | sMAPE | seconds |
    | --- | --- | ---: | ---: | ---: | ---: |
    | m4-weekly | seqkit | 2.251 | 2.251 | 7.50 | 301 |
    """
    header = ["data", "forecaster", *(f"seed {seed}" for seed in seeds), "MASE", "sMAPE", "seconds"]
    return str(Table(header, [row.cells(seeds) for row in rows], texts=2))


def report(options: argparse.Namespace) -> str:
    """Measure, and return the table in Markdown, with the bars and a line for each thing that is missing.

    Args:
        options: the options, as returned by :func:`parse`.

    Raises:
        ConfigError: if a file does not exist, or the seqkit command is not installed.
        SeqkitError: if a forecaster fails.
    """
    available, notes = _available(options)
    rows = []
    for name in options.sets:
        benchmark = BENCHMARKS[name]
        path = options.data / benchmark.file
        if not path.is_file():
            raise ConfigError(f"--data: there is no {path}")
        held = hold_out(read_rows(path), benchmark.horizon)
        for forecaster in available:
            row, remarks = _measure(name, forecaster, held, options)
            rows.append(row)
            notes += remarks
            print_progress(markdown_line(row.cells(options.seeds)))
    bars = ", ".join(f"{BENCHMARKS[name].bar} on {name}" for name in options.sets)
    return "\n\n".join([markdown_table(rows, options.seeds), f"MASE to reach: {bars}.", *dict.fromkeys(notes)])


def _available(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Return the forecasters that can be measured, and a line for each that cannot; fail now, not after hours."""
    if "seqkit" in options.forecasters:
        seqkit_command()
    available, skipped = [], []
    for name in options.forecasters:
        package = FORECASTERS[name].package
        command = [options.peers_python, "-c", f"import importlib.util as u; u.find_spec({package!r}) or exit(1)"]
        if package and subprocess.run(command).returncode:
            skipped.append(f"skipped {name}: the Python of --peers-python has no {package}")
            print_progress(skipped[-1])
        else:
            available.append(name)
    return available, skipped


def _measure(data: str, name: str, held: Held, options: argparse.Namespace) -> tuple[Row, list[str]]:
    """Measure a forecaster with each seed, or once if the seed makes no difference."""
    benchmark, forecaster = BENCHMARKS[data], FORECASTERS[name]
    scores, seconds, notes = {}, [], []
    for seed in options.seeds if forecaster.trained else options.seeds[:1]:
        wanted = Wanted(benchmark.horizon, benchmark.season, seed, options.processes, options.minutes)
        result = _forecast(name, options.peers_python)(held, wanted)
        if result.forecasts.shape != held.futures.shape or not np.isfinite(result.forecasts).all():
            raise SeqkitError(f"{name}: not {benchmark.horizon} finite forecasts for each series of {data}")
        scores[seed] = score(held, result.forecasts, benchmark.season)
        seconds.append(result.seconds)
        if result.note:
            notes.append(f"{forecaster.name} on {data}: {result.note}")
        if scores[seed].left_out:
            notes.append(
                f"{data}: {scores[seed].left_out} series have no MASE: their history never changes, or is too short"
            )
        print_progress(f"{data}: {name}, seed {seed}: MASE {scores[seed].mase:.3f} in {result.seconds:.0f} s")
    return Row(data=data, forecaster=name, scores=scores, seconds=seconds), notes


def _forecast(name: str, python: str) -> Callable[[Held, Wanted], Result]:
    if name == "seqkit":
        return forecast_with_seqkit
    if name == "seasonal-naive":
        return _naive
    return lambda held, wanted: forecast_with_peer(name, held, wanted, python)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table. Arguments default to those of the command line.

    Raises:
        ConfigError: if a file does not exist, or the seqkit command is not installed.
        SeqkitError: if a forecaster fails.
    """
    options = parse(arguments)
    text = f"Machine: {machine()}\n\n{report(options)}"
    print(text)
    if options.out:
        options.out.write_text(f"# How well seqkit forecasts\n\n{text}\n", encoding="utf-8")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options. Arguments default to those of the command line."""
    purpose = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecasting", description=purpose)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder that contains the folder m4")
    parser.add_argument("--sets", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS), help="default: all")
    parser.add_argument("--forecasters", nargs="+", choices=FORECASTERS, default=list(FORECASTERS), help="default: all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="seeds to train with (default: 1 2 3)")
    parser.add_argument("--peers-python", default=sys.executable, metavar="PYTHON", help="Python that has the peers")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="of statsforecast (default: one a core)")
    parser.add_argument("--minutes", type=float, default=30.0, help="limit of the LSTM's training (default: 30)")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="also write the output to this file")
    options = parser.parse_args(arguments)
    if len(set(options.seeds)) < len(options.seeds):
        parser.error("--seeds: a seed occurs twice")
    if options.out and not options.out.parent.is_dir():
        parser.error(f"--out: there is no folder {options.out.parent}")
    return options


if __name__ == "__main__":
    run_script(main)
