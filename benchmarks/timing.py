"""What the speed benchmarks share: the one way to time, the machine in one line, tables, and options.

Machines are noisy, and grow slower or faster while a benchmark runs. So what is compared is measured in turn, round
after round, each round beginning with another one, and the median of all rounds counts.
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
    "run_script",
    "script_parser",
    "spread_note",
    "tell",
    "train_and_dev",
]

Clock = Callable[[], float]
Device = Literal["cpu", "cuda"]
Rows = TaggedRows


class Measured(NamedTuple):
    """What was measured round after round: the median, and the quartiles around it.

    >>> Measured.of([3.0, 1.0, 2.0])
    Measured(median=2.0, lower=1.5, upper=2.5)
    """

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Measured":
        """The median and quartiles of some values, one at least."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        lower, middle, upper = quantiles(values, n=4, method="inclusive")
        return cls(middle, lower, upper)

    @property
    def spread(self) -> float:
        """How far apart the quartiles are, as a share of the median."""
        return (self.upper - self.lower) / self.median


def interleaved(
    functions: Mapping[str, Callable[[], object]],
    repeats: int,
    at_least_seconds: float,
    clock: Clock = time.perf_counter,
) -> dict[str, Measured]:
    """Seconds a call of each function, measured in turn.

    Args:
        functions: what is compared, by name.
        repeats: rounds; in each of them every function is measured once.
        at_least_seconds: how long a measurement takes; a faster function is called again and again until it has,
            so that it is measured warm, as it runs in a loop.
        clock: tells seconds; :func:`clock_for` gives the one for a device.

    >>> sorted(interleaved({"sum": lambda: sum(range(9)), "sort": lambda: sorted(range(9))}, 3, 0.0))
    ['sort', 'sum']
    """
    calls = {name: _calls(function, at_least_seconds, clock) for name, function in functions.items()}
    gc.freeze()  # what is there already, corpora above all, is no garbage of what is measured
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for name in _in_turn(list(functions), repeats):
        seconds[name].append(_seconds(functions[name], calls[name], clock) / calls[name])
    return {name: Measured.of(values) for name, values in seconds.items()}


def interleaved_rates(
    chunks: Mapping[str, Callable[[], float]], repeats: int, clock: Clock = time.perf_counter
) -> dict[str, Measured]:
    """Work a second of each function, measured in turn; for work that differs from call to call.

    Args:
        chunks: what is compared, by name; each call returns how much work it did.
        repeats: rounds; in each of them every function is called once.
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
    """A clock that is read when a device has done all it was given: a GPU works on while Python goes ahead.

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
    """How many calls make a measurement that is long enough."""
    function()  # the first call chooses kernels and touches memory for the first time
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
    """The processor, its cores, the threads used, the versions that matter, and the GPU, in one line.

    Args:
        device: where was measured; None names the GPU that seqkit takes by itself, if there is one.

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
    """A Markdown table, its first columns texts, the others numbers, which stand to the right.

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
    """A line of a Markdown table.

    >>> markdown_line(["ner-mini", "0.5"])
    '| ner-mini | 0.5 |'
    """
    return f"| {' | '.join(cells)} |"


def spread_note(measured: Sequence[Measured], rounds: int) -> str:
    """What the figures of a table are, and how sure.

    >>> spread_note([Measured(2.0, 1.9, 2.1), Measured(1.0, 0.9, 1.2)], 15)
    'Medians of 15 interleaved rounds; the quartiles are 20 % of the median apart, 30 % at most.'
    """
    spreads = [one.spread for one in measured]
    rounds_text = f"{rounds} interleaved round{'' if rounds == 1 else 's'}"
    return (
        f"Medians of {rounds_text}; the quartiles are {median(spreads):.0%} of the median apart, "
        f"{max(spreads):.0%} at most."
    ).replace("%", " %")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What every speed benchmark is told.

    Attributes:
        device: where to measure.
        repeats: rounds; None leaves it to the benchmark.
        quick: whether tiny sizes and few rounds will do: to see that it runs, not how fast.
        data: the folder that holds a folder for each public corpus.
        skip_peer: whether to leave CRFsuite out.

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
        """How long a measurement takes."""
        return 0.001 if self.quick else 0.05

    @property
    def clock(self) -> Clock:
        """The clock for the device."""
        return clock_for(self.device)

    def rounds(self, usual: int) -> int:
        """How often to repeat what is usually done so often."""
        return self.repeats or (2 if self.quick else usual)


def train_and_dev(spec: str, options: Options) -> tuple[Rows, Rows]:
    """The sentences and tags of two splits of a corpus; where quick, of a few sentences.

    Args:
        spec: the corpus as ``open_corpus`` takes it.
        options: of all benchmarks.

    Raises:
        CorpusError: the corpus cannot be read, or lacks a split.
    """
    corpus, most = open_corpus(spec), 40 if options.quick else None
    splits = (rows_of(require_split(corpus, split)) for split in ("train", "dev"))
    train, dev = (TaggedRows(tokens=rows["tokens"][:most], tags=rows["tags"][:most]) for rows in splits)
    return train, dev


def script_parser(program: str, purpose: str, *, corpora: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The options that all scripts have, and those of the ones that measure on corpora.

    Args:
        program: how the script is called.
        purpose: its docstring, whose first line says what it is for.
        corpora: the corpora to choose from; none for a script that takes all there are, None for one without corpora.

    >>> options_of(script_parser("python -m benchmarks.crf", "CRFs.").parse_args(["--quick", "--device", "cpu"])).quick
    True
    """
    parser = argparse.ArgumentParser(prog=program, description=purpose.partition("\n")[0])
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where to measure")
    parser.add_argument("--repeats", type=_positive, help="rounds (default: what suits the benchmark)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes and few rounds: only to see that it runs")
    parser.set_defaults(data=None, skip_peer=False)
    if corpora is not None:
        parser.add_argument("--data", type=Path, metavar="DIR", help="the folder that holds a folder for each corpus")
        parser.add_argument("--skip-peer", action="store_true", help="leave CRFsuite out")
    if corpora:
        parser.add_argument("--corpus", nargs="+", choices=corpora, default=corpora, help="measure on these only")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)


def options_of(given: argparse.Namespace) -> Options:
    """What the options of :func:`script_parser` say.

    Raises:
        ConfigError: the device is not there.
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
    """Run a script's ``main``, memory set up as seqkit does it, for all peers alike.

    What seqkit raises on purpose ends the script with one line and its exit code.
    """
    keep_freed_memory()
    try:
        main()
    except SeqkitError as error:
        tell(f"error: {error}")
        sys.exit(error.exit_code)


def tell(line: str) -> None:
    """Say on stderr how far it is; stdout holds results only."""
    print(line, file=sys.stderr, flush=True)
