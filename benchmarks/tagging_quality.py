"""How well seqkit tags with its defaults, beside a linear-chain CRF, in one run and one table.

::

    pip install 'seqkit[bench]'
    python -m benchmarks.tagging_quality --data DIR --seeds 1 2 3 --out FILE.md

``DIR`` holds a folder for each corpus below, ``ner-mini`` aside, which is embedded in seqkit. The ``seqkit`` command
is run as a user runs it; progress goes to stderr, the table to stdout. Seconds are those of a whole ``seqkit train``;
for the peer those of its training. A megabyte is 1,000,000 bytes of the run folder.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Literal

from benchmarks.command import output_of, seqkit_command
from benchmarks.crfsuite import Metric, PeerResult, crf_class, measure_crf
from benchmarks.timing import Table, machine, markdown_line, run_script, tell

__all__ = [
    "CORPORA",
    "Benchmark",
    "Row",
    "Run",
    "find_corpora",
    "main",
    "markdown_table",
    "measure",
    "parse",
    "report",
    "train_and_evaluate",
]


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A corpus to measure on.

    Args:
        task: what ``seqkit train`` trains.
        split: what is scored.
        bar: the score to reach, in percent.
        embedded: whether the corpus comes with seqkit.

    >>> Benchmark(task="pos", split="dev").metric
    'accuracy'
    """

    task: Literal["ner", "pos"]
    split: str = "dev"
    bar: float | None = None
    embedded: bool = False

    @property
    def metric(self) -> Metric:
        """The score that counts for the task."""
        return "f1" if self.task == "ner" else "accuracy"


CORPORA: Mapping[str, Benchmark] = {
    "ncbi_disease": Benchmark(task="ner", bar=83.5),
    "bc5cdr": Benchmark(task="ner", bar=83.5),
    "wnut2017": Benchmark(task="ner", bar=31.0),
    "ud_english_ewt": Benchmark(task="pos", bar=94.5),
    "ner-mini": Benchmark(task="ner", split="test", embedded=True),
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one training with one seed gave; the score is in 0..1.

    >>> Run(score=0.84, seconds=200.0, tokens_per_second=30_000.0, megabytes=4.2).score
    0.84
    """

    score: float
    seconds: float
    tokens_per_second: float
    megabytes: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured on one corpus: seqkit's runs by seed, and the peer's result unless it was skipped.

    >>> Row(corpus="ner-mini", runs={}).peer is None
    True
    """

    corpus: str
    runs: Mapping[int, Run]
    peer: PeerResult | None = None

    def cells(self) -> list[str]:
        """The row of the table.

        >>> run = Run(score=0.9512, seconds=61.2, tokens_per_second=20_000.0, megabytes=4.0)
        >>> Row(corpus="ud_english_ewt", runs={1: run}).cells()
        ['ud_english_ewt', 'dev accuracy', '95.12', '95.12', '94.5', '61', '20,000', '4.0', '-', '-']
        """
        benchmark, runs = CORPORA[self.corpus], self.runs.values()
        return [
            self.corpus,
            f"{benchmark.split} {'F1' if benchmark.metric == 'f1' else 'accuracy'}",
            *(f"{100 * run.score:.2f}" for run in runs),
            f"{100 * mean(run.score for run in runs):.2f}",
            "-" if benchmark.bar is None else f"{benchmark.bar:.1f}",
            f"{mean(run.seconds for run in runs):.0f}",
            f"{mean(run.tokens_per_second for run in runs):,.0f}",
            f"{mean(run.megabytes for run in runs):.1f}",
            *(["-", "-"] if self.peer is None else [f"{100 * self.peer.score:.2f}", f"{self.peer.seconds:.0f}"]),
        ]


def markdown_table(rows: Iterable[Row], seeds: Sequence[int]) -> str:
    """The rows as a Markdown table, numbers to the right.

    Args:
        rows: each with a run for every seed, in this order.
        seeds: the seeds.

    >>> run = Run(score=0.8411, seconds=212.4, tokens_per_second=31_234.5, megabytes=4.24)
    >>> row = Row(corpus="ncbi_disease", runs={7: run}, peer=PeerResult(0.781, 23.0))
    >>> print(markdown_table([row], [7]))
    | corpus | score | seed 7 | mean | bar | seconds | tokens/s | MB | crfsuite | its seconds |
    | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
    | ncbi_disease | dev F1 | 84.11 | 84.11 | 83.5 | 212 | 31,234 | 4.2 | 78.10 | 23 |
    """
    scores = [*(f"seed {seed}" for seed in seeds), "mean", "bar"]
    header = ["corpus", "score", *scores, "seconds", "tokens/s", "MB", "crfsuite", "its seconds"]
    return str(Table(header, [row.cells() for row in rows], texts=2))


def train_and_evaluate(seqkit: str, benchmark: Benchmark, corpus: str, seed: int) -> Run:
    """Train with defaults and score, by the two commands a user types.

    Args:
        seqkit: the command.
        benchmark: what to train and score.
        corpus: the name or path of the corpus.
        seed: of the training.

    Raises:
        SeqkitError: one of the commands failed; it has said why on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        start = time.perf_counter()
        output_of(
            seqkit, "train", benchmark.task, "--corpus", corpus, "--seed", str(seed), "--out", str(run), "--quiet"
        )
        seconds = time.perf_counter() - start
        scores = json.loads(
            output_of(seqkit, "evaluate", str(run), "--corpus", corpus, "--split", benchmark.split, "--json")
        )
        size = sum(file.stat().st_size for file in run.rglob("*") if file.is_file())
    return Run(
        score=scores[benchmark.metric],
        seconds=seconds,
        tokens_per_second=scores["tokens_per_second"],
        megabytes=size / 1e6,
    )


def measure(name: str, corpus: str, seqkit: str, options: argparse.Namespace) -> Row:
    """Measure seqkit with every seed, then the peer, and tell each on stderr as it comes."""
    benchmark, runs = CORPORA[name], {}
    for seed in options.seeds:
        runs[seed] = run = train_and_evaluate(seqkit, benchmark, corpus, seed)
        tell(f"{name}: seed {seed}: {100 * run.score:.2f} in {run.seconds:.0f} s")
    row = Row(
        corpus=name,
        runs=runs,
        peer=None if options.skip_peer else measure_crf(corpus, benchmark.split, benchmark.metric),
    )
    tell(markdown_line(row.cells()))
    return row


def find_corpora(names: Iterable[str], data: Path | None) -> tuple[dict[str, str], list[str]]:
    """What ``--corpus`` has to be for each corpus there is, and a line for each that is not there.

    Args:
        names: keys of ``CORPORA``.
        data: the folder that holds a folder for each.

    >>> find_corpora(["ner-mini", "bc5cdr"], None)
    ({'ner-mini': 'ner-mini'}, ['skipped bc5cdr: --data was not given'])
    """
    found, skipped = {}, []
    for name in names:
        # Absolute, because a relative folder/name would be taken for a name on the hub.
        folder = None if data is None else data.resolve() / name
        if CORPORA[name].embedded:
            found[name] = name
        elif folder is not None and folder.is_dir():
            found[name] = str(folder)
        else:
            skipped.append(f"skipped {name}: {'--data was not given' if folder is None else f'no folder {folder}'}")
    return found, skipped


def report(options: argparse.Namespace) -> str:
    """Measure, and give the table in Markdown, with a line for each corpus that is not there.

    Args:
        options: what :func:`parse` made of the command line.

    Raises:
        SeqkitError: something that is needed is missing, or a command failed.
    """
    if not options.skip_peer:
        crf_class()  # better missing now than after an hour of training
    seqkit = seqkit_command()
    found, skipped = find_corpora(options.corpora, options.data)
    for line in skipped:
        tell(line)
    rows = [measure(name, corpus, seqkit, options) for name, corpus in found.items()]
    return "\n\n".join([markdown_table(rows, options.seeds), *skipped])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table; without ``arguments`` those of the command line.

    Raises:
        SeqkitError: something that is needed is missing, or a command failed.
    """
    options = parse(arguments)
    text = f"Machine: {machine()}\n\n{report(options)}"
    print(text)
    if options.out:
        options.out.write_text(f"# How well seqkit tags\n\n{text}\n", encoding="utf-8")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What the command line says; without ``arguments`` that of this process."""
    purpose = __doc__.partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tagging_quality", description=purpose)
    parser.add_argument("--data", type=Path, metavar="DIR", help="the folder that holds a folder for each corpus")
    parser.add_argument("--corpora", nargs="+", choices=CORPORA, default=list(CORPORA), help="measure only these")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="a run for each (default: 1 2 3)")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="write what is printed to this file, too")
    parser.add_argument("--skip-peer", action="store_true", help="leave the linear-chain CRF out")
    options = parser.parse_args(arguments)
    if len(set(options.seeds)) < len(options.seeds):
        parser.error("--seeds: a seed is given twice")
    if options.out and not options.out.parent.is_dir():
        parser.error(f"--out: there is no folder {options.out.parent}")
    return options


if __name__ == "__main__":
    run_script(main)
