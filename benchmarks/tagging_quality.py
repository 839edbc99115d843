"""The scores of seqkit's taggers with default settings, compared with a linear-chain CRF.

::

    pip install 'seqkit[bench]'
    python -m benchmarks.tagging_quality --data DIR --seeds 1 2 3 --out FILE.md

``DIR`` contains a folder for each corpus below, except for ``ner-mini``, which is embedded in seqkit. The ``seqkit``
command is run as a user runs it; progress goes to stderr, the table to stdout. Times are those of a whole ``seqkit
train`` and, for the baseline, of its training. A megabyte is 1,000,000 bytes of the run folder.
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
from benchmarks.timing import Table, machine, markdown_line, print_progress, run_script

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
        task: the task of ``seqkit train``.
        split: the split to score.
        bar: the score to reach in percent.
        embedded: whether the corpus is embedded in seqkit.

    >>> Benchmark(task="pos", split="dev").metric
    'accuracy'
    """

    task: Literal["ner", "pos"]
    split: str = "dev"
    bar: float | None = None
    embedded: bool = False

    @property
    def metric(self) -> Metric:
        """The main score of the task."""
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
    """The result of training with one seed; the score is in 0..1.

    >>> Run(score=0.84, seconds=200.0, tokens_per_second=30_000.0, megabytes=4.2).score
    0.84
    """

    score: float
    seconds: float
    tokens_per_second: float
    megabytes: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """The results on one corpus: seqkit's runs by seed, and the baseline's result unless it was skipped.

    >>> Row(corpus="ner-mini", runs={}).peer is None
    True
    """

    corpus: str
    runs: Mapping[int, Run]
    peer: PeerResult | None = None

    def cells(self) -> list[str]:
        """Return the cells of the row.

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
    """Return the rows as a Markdown table, with numbers aligned to the right.

    Args:
        rows: the rows, each with a run for every seed, in the order of ``seeds``.
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
    """Train with default settings and evaluate, with the two commands that a user types.

    Args:
        seqkit: path of the command.
        benchmark: the task to train and the split to score.
        corpus: name or path of the corpus.
        seed: random seed of the training.

    Raises:
        SeqkitError: if a command fails; it has printed the reason on stderr.
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
    """Measure seqkit with every seed, then the baseline; print each result on stderr when it is available."""
    benchmark, runs = CORPORA[name], {}
    for seed in options.seeds:
        runs[seed] = run = train_and_evaluate(seqkit, benchmark, corpus, seed)
        print_progress(f"{name}: seed {seed}: {100 * run.score:.2f} in {run.seconds:.0f} s")
    row = Row(
        corpus=name,
        runs=runs,
        peer=None if options.skip_peer else measure_crf(corpus, benchmark.split, benchmark.metric),
    )
    print_progress(markdown_line(row.cells()))
    return row


def find_corpora(names: Iterable[str], data: Path | None) -> tuple[dict[str, str], list[str]]:
    """Return the argument of ``--corpus`` for each corpus that exists, and a line for each one that is missing.

    Args:
        names: keys of ``CORPORA``.
        data: folder that contains a folder for each corpus that is not embedded.

    >>> find_corpora(["ner-mini", "bc5cdr"], None)
    ({'ner-mini': 'ner-mini'}, ['skipped bc5cdr: --data was not given'])
    """
    found, skipped = {}, []
    for name in names:
        # An absolute path, because a relative folder/name would be read as a name on the hub.
        folder = None if data is None else data.resolve() / name
        if CORPORA[name].embedded:
            found[name] = name
        elif folder is not None and folder.is_dir():
            found[name] = str(folder)
        else:
            skipped.append(f"skipped {name}: {'--data was not given' if folder is None else f'no folder {folder}'}")
    return found, skipped


def report(options: argparse.Namespace) -> str:
    """Measure, and return the table in Markdown, with a line for each missing corpus.

    Args:
        options: the options, as returned by :func:`parse`.

    Raises:
        SeqkitError: if a requirement is missing, or a command fails.
    """
    if not options.skip_peer:
        crf_class()  # fail now, not after an hour of training
    seqkit = seqkit_command()
    found, skipped = find_corpora(options.corpora, options.data)
    for line in skipped:
        print_progress(line)
    rows = [measure(name, corpus, seqkit, options) for name, corpus in found.items()]
    return "\n\n".join([markdown_table(rows, options.seeds), *skipped])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table. Arguments default to those of the command line.

    Raises:
        SeqkitError: if a requirement is missing, or a command fails.
    """
    options = parse(arguments)
    text = f"Machine: {machine()}\n\n{report(options)}"
    print(text)
    if options.out:
        options.out.write_text(f"# How well seqkit tags\n\n{text}\n", encoding="utf-8")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options. Arguments default to those of the command line."""
    purpose = __doc__.partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tagging_quality", description=purpose)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder that contains a folder for each corpus")
    parser.add_argument(
        "--corpora", nargs="+", choices=CORPORA, default=list(CORPORA), help="corpora to use (default: all)"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="seeds to train with (default: 1 2 3)")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="also write the output to this file")
    parser.add_argument("--skip-peer", action="store_true", help="do not measure the linear-chain CRF")
    options = parser.parse_args(arguments)
    if len(set(options.seeds)) < len(options.seeds):
        parser.error("--seeds: a seed occurs twice")
    if options.out and not options.out.parent.is_dir():
        parser.error(f"--out: there is no folder {options.out.parent}")
    return options


if __name__ == "__main__":
    run_script(main)
