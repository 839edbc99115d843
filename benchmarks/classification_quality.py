"""The accuracy of seqkit's classifiers with default settings, compared with TF-IDF and fastText.

::

    pip install 'seqkit[test]' fasttext
    python -m benchmarks.classification_quality --data DIR --seeds 1 2 3 --out FILE.md

``DIR`` contains a folder for each corpus below, except for ``sentiment-mini``, which is embedded in seqkit. The
``seqkit`` command is run as a user runs it; progress goes to stderr, the table to stdout. Accuracies and calibration
errors are in percent. Times are those of a whole ``seqkit train`` and, for the baselines, of feature extraction and
training. A megabyte is 1,000,000 bytes of weights. Both baselines use only words and pairs of adjacent words.

Source: Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification" (fastText).
"""

import argparse
import importlib
import json
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any, NamedTuple

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.command import output_of, seqkit_command
from benchmarks.crfsuite import PeerResult
from benchmarks.language_models import corpus_path, write_results
from benchmarks.timing import Table, markdown_line, print_progress, run_script
from seqkit.data.corpora import open_corpus, require_split
from seqkit.errors import ConfigError

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = [
    "BARS",
    "CORPORA",
    "Labelled",
    "Row",
    "Run",
    "corpus_specs",
    "main",
    "measure",
    "measure_tfidf",
    "parse",
    "quality_table",
    "train_and_evaluate",
]

CORPORA: Mapping[str, str] = {"mr": "dev", "banking77": "dev", "movie_reviews": "dev", "sentiment-mini": "test"}
"""The split of each corpus that is scored."""

BARS: Mapping[str, float] = {"mr": 78.5, "banking77": 88.5, "movie_reviews": 82.0}
"""The accuracy to reach in percent: the project's own targets on the dev splits."""

EMBEDDED = "sentiment-mini"


@dataclass(frozen=True, kw_only=True)
class Run:
    """The result of training with one seed: accuracy and expected calibration error, both in 0..1, time and size.

    >>> Run(score=0.79, calibration_error=0.03, seconds=40.0, megabytes=4.2).score
    0.79
    """

    score: float
    calibration_error: float
    seconds: float
    megabytes: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """The results on one corpus: seqkit's runs by seed, and the baselines; fastText is None if not installed."""

    corpus: str
    runs: Mapping[int, Run]
    tfidf: PeerResult
    fasttext: PeerResult | None = None

    def cells(self) -> list[str]:
        """Return the cells of the row.

        >>> run = Run(score=0.7912, calibration_error=0.031, seconds=41.2, megabytes=4.0)
        >>> Row(corpus="mr", runs={1: run}, tfidf=PeerResult(0.7656, 0.52)).cells()
        ['mr', 'dev accuracy', '79.12', '79.12', '78.5', '41', '4.0', '3.10', '76.56', '0.5', '-']
        """
        runs = self.runs.values()
        return [
            self.corpus,
            f"{CORPORA[self.corpus]} accuracy",
            *(f"{100 * run.score:.2f}" for run in runs),
            f"{100 * mean(run.score for run in runs):.2f}",
            f"{BARS[self.corpus]:.1f}" if self.corpus in BARS else "-",
            f"{mean(run.seconds for run in runs):.0f}",
            f"{mean(run.megabytes for run in runs):.1f}",
            f"{100 * mean(run.calibration_error for run in runs):.2f}",
            f"{100 * self.tfidf.score:.2f}",
            f"{self.tfidf.seconds:.1f}",
            "-" if self.fasttext is None else f"{100 * self.fasttext.score:.2f}",
        ]


def quality_table(rows: Iterable[Row], seeds: Sequence[int]) -> Table:
    """Return the rows as a table.

    Args:
        rows: the rows, each with a run for every seed, in the order of ``seeds``.
        seeds: the seeds.

    >>> run = Run(score=0.7912, calibration_error=0.031, seconds=41.2, megabytes=4.0)
    >>> row = Row(corpus="mr", runs={7: run}, tfidf=PeerResult(0.7656, 0.52), fasttext=PeerResult(0.777, 1.4))
    >>> print(quality_table([row], [7]))
    | corpus | score | seed 7 | mean | bar | seconds | MB | calibration error | TF-IDF | its seconds | fastText |
    | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
    | mr | dev accuracy | 79.12 | 79.12 | 78.5 | 41 | 4.0 | 3.10 | 76.56 | 0.5 | 77.70 |
    """
    scores = [*(f"seed {seed}" for seed in seeds), "mean", "bar"]
    header = ["corpus", "score", *scores, "seconds", "MB", "calibration error", "TF-IDF", "its seconds", "fastText"]
    return Table(header, [row.cells() for row in rows], texts=2)


class Labelled(NamedTuple):
    """Texts and their label ids."""

    texts: list[str]
    labels: list[int]

    @classmethod
    def of(cls, dataset: "Dataset") -> "Labelled":
        """Return the texts and label ids of a split; the ids are the same in all splits of a corpus."""
        return cls(dataset["text"][:], dataset["label"][:])


def measure_tfidf(train: Labelled, scored: Labelled) -> PeerResult:
    """Train a logistic regression over TF-IDF weights of words and word pairs; return accuracy and training time.

    >>> train = Labelled(["good good film", "dull dull film"], [1, 0])
    >>> measure_tfidf(train, Labelled(["a good one", "a dull one"], [1, 0])).score
    1.0
    """
    classifier = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=2000)
    )
    start = time.perf_counter()
    classifier.fit(train.texts, train.labels)
    seconds = time.perf_counter() - start
    return PeerResult(float(classifier.score(scored.texts, scored.labels)), seconds)


def _fasttext(train: Labelled, scored: Labelled) -> PeerResult | None:
    """Train fastText with word pairs; return accuracy and training time, or None if it is not installed."""
    try:
        fasttext: Any = importlib.import_module("fasttext")
    except ImportError:
        print_progress("skipped fastText: the package fasttext is not installed")
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "train.txt")
        lines = zip(_tags(train), _one_line_each(train), strict=True)
        path.write_text("".join(f"{tag} {text}\n" for tag, text in lines), encoding="utf-8")
        start = time.perf_counter()
        model = fasttext.train_supervised(input=str(path), wordNgrams=2, lr=0.5, epoch=25, dim=100, verbose=0)
        seconds = time.perf_counter() - start
    predicted, _ = model.predict(_one_line_each(scored))
    # For a text without known words, fastText predicts an empty list.
    right = [list(found) == [tag] for found, tag in zip(predicted, _tags(scored), strict=True)]
    return PeerResult(mean(right), seconds)


def _tags(data: Labelled) -> list[str]:
    """Return the labels in fastText's format: ids, because names may contain spaces."""
    return [f"__label__{label}" for label in data.labels]


def _one_line_each(data: Labelled) -> list[str]:
    return [" ".join(text.split()) for text in data.texts]


def train_and_evaluate(seqkit: str, corpus: str, split: str, seed: int) -> Run:
    """Train with default settings and evaluate, with the two commands that a user types.

    Args:
        seqkit: path of the command.
        corpus: name or path of the corpus.
        split: the split to score.
        seed: random seed of the training.

    Raises:
        SeqkitError: if a command fails; it has printed the reason on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        start = time.perf_counter()
        output_of(seqkit, "train", "classifier", "--corpus", corpus, "--seed", str(seed), "--out", str(run), "--quiet")
        seconds = time.perf_counter() - start
        scores = json.loads(output_of(seqkit, "evaluate", str(run), "--split", split, "--json"))
        size = (run / "model.safetensors").stat().st_size
        error = scores["expected_calibration_error"]
        if split == "dev":  # on which the temperature was fitted: only the cross-fitted error is unbiased
            report = json.loads((run / "report.json").read_text(encoding="utf-8"))
            error = report["calibration"]["expected_calibration_error"]
    return Run(
        score=scores["accuracy"],
        calibration_error=error,
        seconds=seconds,
        megabytes=size / 1e6,
    )


def measure(name: str, spec: str, seqkit: str, seeds: Sequence[int]) -> Row:
    """Measure the baselines, then seqkit with every seed; print each result on stderr when it is available.

    Args:
        name: a key of ``CORPORA``.
        spec: the corpus, as an argument of ``open_corpus`` and ``--corpus``.
        seqkit: path of the command.
        seeds: random seeds of the trainings.

    Raises:
        SeqkitError: if the corpus cannot be read, or a command fails.
    """
    corpus = open_corpus(spec)
    train, scored = (Labelled.of(require_split(corpus, split)) for split in ("train", CORPORA[name]))
    tfidf, fasttext = measure_tfidf(train, scored), _fasttext(train, scored)
    for peer, result in {"TF-IDF": tfidf, "fastText": fasttext}.items():
        if result is not None:
            print_progress(f"{name}: {peer}: {100 * result.score:.2f} in {result.seconds:.1f} s")
    runs = {}
    for seed in seeds:
        runs[seed] = run = train_and_evaluate(seqkit, spec, CORPORA[name], seed)
        print_progress(f"{name}: seed {seed}: {100 * run.score:.2f} in {run.seconds:.0f} s")
    row = Row(corpus=name, runs=runs, tfidf=tfidf, fasttext=fasttext)
    print_progress(markdown_line(row.cells()))
    return row


def corpus_specs(names: Iterable[str], data: Path | None) -> dict[str, str]:
    """Return the argument of ``--corpus`` for each corpus.

    Args:
        names: keys of ``CORPORA``.
        data: folder that contains a folder for each corpus that is not embedded.

    Raises:
        ConfigError: if a corpus does not exist.

    >>> corpus_specs(["sentiment-mini"], None)
    {'sentiment-mini': 'sentiment-mini'}
    """
    specs = {}
    for name in names:
        if name == EMBEDDED:
            specs[name] = name
        elif data is None:
            raise ConfigError(f"{name} is not embedded in seqkit; pass the folder that contains its folder with --data")
        else:
            # An absolute path, because a relative folder/name would be read as a name on the hub.
            specs[name] = str(corpus_path(data.resolve(), name))
    return specs


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write it to ``--out``. Arguments default to those of the command line.

    Raises:
        SeqkitError: if a requirement is missing, or a command fails.
    """
    options = parse(arguments)
    seqkit = seqkit_command()
    specs = corpus_specs(options.corpora, options.data)
    rows = [measure(name, spec, seqkit, options.seeds) for name, spec in specs.items()]
    write_results("How well seqkit classifies texts", quality_table(rows, options.seeds), {}, options.out)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options. Arguments default to those of the command line."""
    purpose = __doc__.partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classification_quality", description=purpose)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder that contains a folder for each corpus")
    parser.add_argument(
        "--corpora", nargs="+", choices=CORPORA, default=list(CORPORA), help="corpora to use (default: all)"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="seeds to train with (default: 1 2 3)")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="also write the output to this file")
    options = parser.parse_args(arguments)
    if len(set(options.seeds)) < len(options.seeds):
        parser.error("--seeds: a seed occurs twice")
    if options.out and not options.out.parent.is_dir():
        parser.error(f"--out: there is no folder {options.out.parent}")
    return options


if __name__ == "__main__":
    run_script(main)
