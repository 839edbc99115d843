"""Shared code of the speed benchmarks: interleaved timing, a description of the machine, tables, and options.

Machines are noisy, and become slower or faster while a benchmark runs. Functions to compare are therefore measured
alternately: in every round each of them is measured once, each round starts with another one, and the median over all
rounds is reported.
"""

import argparse
import gc
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Literal, NamedTuple

import torch

from seqkit.data.corpora import open_corpus, require_split
from seqkit.data.tagged_rows import TaggedRows, rows_of
from seqkit.errors import SeqkitError
from seqkit.training.device import Device as SeqkitDevice
from seqkit.training.memory import keep_freed_memory

__all__ = [
    "Clock",
    "Device",
    "Measured",
    "Options",
    "Rows",
    "Table",
    "clock_for",
    "interleaved",
    "interleaved_rates",
    "machine",
    "markdown_line",
    "options_of",
    "print_progress",
    "run_script",
    "script_parser",
    "spread_note",
    "train_and_dev",
]

Clock = Callable[[], float]
Device = Literal["cpu", "cuda"]
Rows = TaggedRows


class Measured(NamedTuple):
    """The median of the measurements of all rounds, and their quartiles.

    >>> Measured.of([3.0, 1.0, 2.0])
    Measured(median=2.0, lower=1.5, upper=2.5)
    """

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Measured":
        """Compute the median and the quartiles of at least one value."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        lower, middle, upper = quantiles(values, n=4, method="inclusive")
        return cls(middle, lower, upper)

    @property
    def spread(self) -> float:
        """The interquartile range as a fraction of the median."""
        return (self.upper - self.lower) / self.median


def interleaved(
    functions: Mapping[str, Callable[[], object]],
    repeats: int,
    at_least_seconds: float,
    clock: Clock = time.perf_counter,
) -> dict[str, Measured]:
    """Measure the seconds per call of each function, in alternation.

    Args:
        functions: the functions to compare, by name.
        repeats: number of rounds; every function is measured once per round.
        at_least_seconds: minimum duration of a measurement; a faster function is called repeatedly, so that it is
            measured warm, as in a loop.
        clock: function that returns the time in seconds; :func:`clock_for` returns the one for a device.

    >>> sorted(interleaved({"sum": lambda: sum(range(9)), "sort": lambda: sorted(range(9))}, 3, 0.0))
    ['sort', 'sum']
    """
    calls = {name: _calls(function, at_least_seconds, clock) for name, function in functions.items()}
    gc.freeze()  # existing objects, mainly corpora, must not slow down garbage collection while functions are measured
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for name in _in_turn(list(functions), repeats):
        seconds[name].append(_seconds(functions[name], calls[name], clock) / calls[name])
    return {name: Measured.of(values) for name, values in seconds.items()}


def interleaved_rates(
    chunks: Mapping[str, Callable[[], float]], repeats: int, clock: Clock = time.perf_counter
) -> dict[str, Measured]:
    """Measure the amount of work per second of each function, in alternation, if calls differ in their amount of work.

    Args:
        chunks: the functions to compare, by name; each call returns the amount of work it did.
        repeats: number of rounds; every function is called once per round.
        clock: as for :func:`interleaved`.

    >>> interleaved_rates({"tokens": lambda: 10}, 3, clock=iter([0.0, 2.0, 5.0, 6.0, 7.0, 12.0]).__next__)
    {'tokens': Measured(median=5.0, lower=3.5, upper=7.5)}
    """
    for chunk in chunks.values():
        chunk()
    gc.freeze()
    rates: dict[str, list[float]] = {name: [] for name in chunks}
    for name in _in_turn(list(chunks), repeats):
        start = clock()
        work = chunks[name]()
        rates[name].append(work / (clock() - start))
    return {name: Measured.of(values) for name, values in rates.items()}


def clock_for(device: Device) -> Clock:
    """Return a clock that first waits for all work queued on the device; a GPU works asynchronously.

    >>> clock_for("cpu") is time.perf_counter
    True
    """
    if device != "cuda":
        return time.perf_counter

    def clock() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return clock


def _calls(function: Callable[[], object], at_least_seconds: float, clock: Clock) -> int:
    """Return the number of calls that make a measurement long enough."""
    function()  # warm-up: the first call selects kernels and allocates memory
    calls = 1
    while _seconds(function, calls, clock) < at_least_seconds:
        calls *= 2
    return calls


def _seconds(function: Callable[[], object], calls: int, clock: Clock) -> float:
    start = clock()
    for _ in range(calls):
        function()
    return clock() - start


def _in_turn(names: Sequence[str], repeats: int) -> Iterator[str]:
    for number in range(repeats):
        first = number % len(names)
        yield from (*names[first:], *names[:first])


def machine(device: Device | None = None) -> str:
    """Describe the processor, its cores, the number of threads, the GPU and the relevant versions in one line.

    Args:
        device: the device of the measurements; None includes the GPU that seqkit selects by default, if there is one.

    >>> "torch" in machine()
    True
    """
    names = Path("/proc/cpuinfo")
    lines = names.read_text(encoding="utf-8").splitlines() if names.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    on_gpu = torch.cuda.is_available() if device is None else device == "cuda"
    threads = torch.get_num_threads()
    parts = [
        model,
        f"{os.cpu_count()} cores",
        f"{threads} thread{'' if threads == 1 else 's'}",
        *([torch.cuda.get_device_name(device)] if on_gpu else []),
        f"torch {torch.__version__}",
        f"Python {platform.python_version()}",
    ]
    return ", ".join(parts)


@dataclass(frozen=True)
class Table:
    """A Markdown table, whose first ``texts`` columns are text, and whose other columns are right-aligned numbers.

    >>> print(Table(["shape", "ms"], [["(1, 2)", "0.31"]]))
    | shape | ms |
    | --- | ---: |
    | (1, 2) | 0.31 |
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: int = 1

    def __str__(self) -> str:
        borders = ["---"] * self.texts + ["---:"] * (len(self.header) - self.texts)
        return "\n".join(map(markdown_line, [self.header, borders, *self.rows]))


def markdown_line(cells: Iterable[str]) -> str:
    """Return a line of a Markdown table.

    >>> markdown_line(["ner-mini", "0.5"])
    '| ner-mini | 0.5 |'
    """
    return f"| {' | '.join(cells)} |"


def spread_note(measured: Sequence[Measured], rounds: int) -> str:
    """Describe how the figures of a table were computed, and their spread.

    >>> spread_note([Measured(2.0, 1.9, 2.1), Measured(1.0, 0.9, 1.2)], 15)
    'Medians of 15 interleaved rounds; the interquartile range is 20 % of the median, 30 % at most.'
    """
    spreads = [one.spread for one in measured]
    rounds_text = f"{rounds} interleaved round{'' if rounds == 1 else 's'}"
    return (
        f"Medians of {rounds_text}; the interquartile range is {median(spreads):.0%} of the median, "
        f"{max(spreads):.0%} at most."
    ).replace("%", " %")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of all speed benchmarks.

    Attributes:
        device: device to measure on.
        repeats: number of rounds; None uses the default of the benchmark.
        quick: use tiny sizes and few rounds, to check that the benchmark runs.
        data: folder that contains a folder for each public corpus.
        skip_peer: do not measure CRFsuite.

    >>> Options(quick=True).rounds(15), Options(repeats=5).rounds(15), Options().rounds(15)
    (2, 5, 15)
    """

    device: Device = "cpu"
    repeats: int | None = None
    quick: bool = False
    data: Path | None = None
    skip_peer: bool = False

    @property
    def at_least_seconds(self) -> float:
        """Minimum duration of a measurement."""
        return 0.001 if self.quick else 0.05

    @property
    def clock(self) -> Clock:
        """The clock of the device."""
        return clock_for(self.device)

    def rounds(self, usual: int) -> int:
        """Return the number of rounds of a benchmark whose default is ``usual``."""
        return self.repeats or (2 if self.quick else usual)


def train_and_dev(spec: str, options: Options) -> tuple[Rows, Rows]:
    """Return the sentences and tags of the train and dev splits; only a few sentences if ``options.quick``.

    Args:
        spec: the corpus, as an argument of ``open_corpus``.
        options: options of all benchmarks.

    Raises:
        CorpusError: if the corpus cannot be read, or does not have a split.
    """
    corpus, most = open_corpus(spec), 40 if options.quick else None
    splits = (rows_of(require_split(corpus, split)) for split in ("train", "dev"))
    train, dev = (TaggedRows(tokens=rows["tokens"][:most], tags=rows["tags"][:most]) for rows in splits)
    return train, dev


def script_parser(program: str, purpose: str, *, corpora: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Return a parser with the options of all scripts, and those of scripts that use corpora.

    Args:
        program: the command that runs the script.
        purpose: its docstring; the first line becomes the description.
        corpora: the corpora to choose from; empty if the script uses all of them, None if it uses none.

    >>> options_of(script_parser("python -m benchmarks.crf", "CRFs.").parse_args(["--quick", "--device", "cpu"])).quick
    True
    """
    parser = argparse.ArgumentParser(prog=program, description=purpose.partition("\n")[0])
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="device to measure on")
    parser.add_argument("--repeats", type=_positive, help="number of rounds (default: depends on the benchmark)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes and few rounds, to check that it runs")
    parser.set_defaults(data=None, skip_peer=False)
    if corpora is not None:
        parser.add_argument("--data", type=Path, metavar="DIR", help="folder that contains a folder for each corpus")
        parser.add_argument("--skip-peer", action="store_true", help="do not measure CRFsuite")
    if corpora:
        parser.add_argument(
            "--corpus", nargs="+", choices=corpora, default=corpora, help="corpora to use (default: all)"
        )
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, not {text!r}")
    return int(text)


def options_of(given: argparse.Namespace) -> Options:
    """Convert the parsed options of :func:`script_parser`.

    Raises:
        ConfigError: if the device is not available.
    """
    device: Device = (
        "cuda" if given.device == "cuda" or (given.device == "auto" and torch.cuda.is_available()) else "cpu"
    )
    SeqkitDevice.open(device)
    return Options(
        device=device,
        repeats=given.repeats,
        quick=given.quick,
        data=given.data,
        skip_peer=given.skip_peer,
    )


def run_script(main: Callable[[], None]) -> None:
    """Run the ``main`` of a script, with seqkit's memory settings for everything measured.

    An error of seqkit ends the script with a one-line message and the exit code of the error.
    """
    keep_freed_memory()
    try:
        main()
    except SeqkitError as error:
        print_progress(f"error: {error}")
        sys.exit(error.exit_code)


def print_progress(line: str) -> None:
    """Print a line of progress on stderr; stdout is for results only."""
    print(line, file=sys.stderr, flush=True)
