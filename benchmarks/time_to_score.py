"""The time in which seqkit's tagger reaches CRFsuite's F1, relative to CRFsuite's own training time.

::

    python -m benchmarks.time_to_score --data DIR --epochs 3 --set learning_rate=0.01

CRFsuite's time covers feature extraction and training; its score is F1 on dev. seqkit's time runs from the call of
``Tagger.fit`` to the end of the first epoch with at least that score, and includes building vocabularies and scoring
dev. The two are run alternately, seqkit with seeds 1, 2, 3, …, and medians are reported.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import Any, NamedTuple, get_type_hints

from benchmarks.crfsuite import PeerResult, crf_class, fit_crf, tag_score, tag_sentences
from benchmarks.tagging_quality import find_corpora
from benchmarks.timing import (
    Clock,
    Options,
    Rows,
    Table,
    machine,
    options_of,
    print_progress,
    run_script,
    script_parser,
    train_and_dev,
)
from seqkit.config.tagging import TaggingConfig
from seqkit.config.training import TrainConfig
from seqkit.tagger import Tagger
from seqkit.training.events import EpochDone, Event

__all__ = [
    "CORPORA",
    "SETTINGS",
    "EpochScore",
    "Race",
    "main",
    "measure",
    "peer_result",
    "reached",
    "report",
    "setting",
    "train",
]

CORPORA = ("ncbi_disease", "bc5cdr")
ROUNDS = 3
SETTINGS: Mapping[str, Any] = {  # for fast training: fewer epochs, a higher rate, less dropout, a shorter average
    "epochs": 2,
    "batch_tokens": 700,
    "learning_rate": 0.015,
    "average": 0.97,
    "input_dropout": 0.2,
    "state_dropout": 0.2,
}


class EpochScore(NamedTuple):
    """The end of an epoch: F1 on dev, and the seconds since the call of ``fit``."""

    epoch: int
    f1: float
    seconds: float


def reached(epochs: Sequence[EpochScore], f1: float) -> EpochScore | None:
    """Return the first epoch with at least this score, or None.

    >>> reached([EpochScore(1, 0.7, 4.0), EpochScore(2, 0.8, 8.0), EpochScore(3, 0.9, 12.0)], 0.8)
    EpochScore(epoch=2, f1=0.8, seconds=8.0)
    """
    return next((epoch for epoch in epochs if epoch.f1 >= f1), None)


def train(tagger: Tagger, rows: Rows, dev: Rows, clock: Clock = time.perf_counter) -> list[EpochScore]:
    """Train a tagger, and return the score and time of each epoch.

    Args:
        tagger: a new tagger.
        rows: ``tokens`` and ``tags`` to train on.
        dev: ``tokens`` and ``tags`` to score.
        clock: function that returns the time in seconds.
    """
    epochs: list[EpochScore] = []

    def note(event: Event) -> None:
        if isinstance(event, EpochDone):
            epochs.append(EpochScore(int(event.record["epoch"]), event.record["dev_f1"], clock() - start))

    start = clock()
    tagger.fit(rows, dev, report=note)
    return epochs


def peer_result(rows: Rows, dev: Rows) -> PeerResult:
    """Return CRFsuite's F1 on dev, and its training time."""
    crf, seconds = fit_crf(rows["tokens"], rows["tags"])
    return PeerResult(tag_score(dev["tags"], list(tag_sentences(crf, dev["tokens"])), "f1"), seconds)


@dataclass(frozen=True, kw_only=True)
class Race:
    """All runs on one corpus: the epochs of each run of seqkit, and the results of CRFsuite.

    >>> epochs = [EpochScore(1, 0.72, 4.0), EpochScore(2, 0.81, 8.0)]
    >>> Race(corpus="bc5cdr", runs=[epochs], peers=[PeerResult(0.79, 10.0)]).cells()
    ['bc5cdr', '79.00', '10.0', '81.00', '2', '8.0', '0.80']
    """

    corpus: str
    runs: Sequence[Sequence[EpochScore]]
    peers: Sequence[PeerResult]

    def cells(self) -> list[str]:
        """Return the cells of the row; the time of a run that does not reach the score counts as infinite."""
        f1 = median(peer.score for peer in self.peers)
        peer_seconds = median(peer.seconds for peer in self.peers)
        ends = [reached(epochs, f1) for epochs in self.runs]
        seconds = median(end.seconds if end else inf for end in ends)
        best = median(max(epoch.f1 for epoch in epochs) for epochs in self.runs)
        peer = [f"{100 * f1:.2f}", f"{peer_seconds:.1f}", f"{100 * best:.2f}"]
        if seconds == inf:
            return [self.corpus, *peer, "-", "not reached", "-"]
        epochs = median(end.epoch if end else inf for end in ends)
        return [self.corpus, *peer, f"{epochs:g}", f"{seconds:.1f}", f"{seconds / peer_seconds:.2f}"]

    def lines(self) -> list[str]:
        """Return a line for each run of seqkit, with its epochs.

        >>> Race(corpus="bc5cdr", runs=[[EpochScore(1, 0.72, 4.0)]], peers=[PeerResult(0.79, 10.0)]).lines()
        ['- bc5cdr, run 1: 72.00 after 4.0 s: not reached']
        """
        f1 = median(peer.score for peer in self.peers)
        lines = []
        for number, epochs in enumerate(self.runs, start=1):
            scores = ", ".join(f"{100 * epoch.f1:.2f} after {epoch.seconds:.1f} s" for epoch in epochs)
            end = reached(epochs, f1)
            outcome = f"reached in epoch {end.epoch}" if end else "not reached"
            lines.append(f"- {self.corpus}, run {number}: {scores}: {outcome}")
        return lines


def measure(name: str, spec: str, settings: Mapping[str, Any], options: Options) -> Race:
    """Train both alternately on one corpus.

    Args:
        name: name of the corpus in the table.
        spec: the corpus, as an argument of ``open_corpus``.
        settings: settings of seqkit's tagger; the seed defaults to the number of the run.
        options: options of all benchmarks.
    """
    rows, dev = train_and_dev(spec, options)
    runs, peers = [], []
    for number in range(1, options.rounds(ROUNDS) + 1):
        tagger = Tagger(device=options.device, **{"seed": number, **settings})
        if number % 2:
            peers.append(peer_result(rows, dev))
        runs.append(train(tagger, rows, dev))
        if not number % 2:
            peers.append(peer_result(rows, dev))
        so_far = Race(corpus=name, runs=runs, peers=peers)
        print_progress(f"time_to_score: CRFsuite {100 * peers[-1].score:.2f} after {peers[-1].seconds:.1f} s")
        print_progress(f"time_to_score: {so_far.lines()[-1].removeprefix('- ')}")
    return so_far


def report(options: Options, corpora: Sequence[str] = CORPORA, settings: Mapping[str, Any] = SETTINGS) -> str:
    """Return the section of the report, in Markdown.

    Args:
        options: options of all benchmarks.
        corpora: some of ``CORPORA``; missing ones are reported.
        settings: settings of seqkit's tagger.

    Raises:
        ConfigError: if a setting is invalid.
        MissingExtraError: if sklearn-crfsuite is not installed.
        CorpusError: if a corpus cannot be read.
    """
    title = "## Time to CRFsuite's score"
    if options.skip_peer:
        return f"{title}\n\nskipped: --skip-peer was given"
    crf_class()  # fail now, not after reading a corpus
    Tagger(**settings)
    found, skipped = find_corpora(corpora, options.data)
    races = [measure(name, spec, settings, options) for name, spec in found.items()]
    if not races:
        return "\n\n".join([title, *skipped])
    header = ["corpus", "CRFsuite F1", "CRFsuite s", "seqkit best F1", "epochs to reach it", "seqkit s"]
    chosen = ", ".join(f"{name}={value}" for name, value in settings.items())
    parts = [
        title,
        f"Training until dev F1 reaches CRFsuite's; seqkit with {chosen}. Medians of {options.rounds(ROUNDS)} runs.",
        str(Table([*header, "seqkit/CRFsuite"], [race.cells() for race in races])),
        "F1 of seqkit on dev after each epoch:",
        "\n".join(line for race in races for line in race.lines()),
        *skipped,
    ]
    return "\n\n".join(parts)


def setting(text: str) -> tuple[str, Any]:
    """Parse a setting of the tagger from ``name=value``.

    >>> setting("learning_rate=0.01"), setting("schedule=constant")
    (('learning_rate', 0.01), ('schedule', 'constant'))
    """
    hints = get_type_hints(TaggingConfig) | get_type_hints(TrainConfig)
    name, _, value = text.partition("=")
    if name not in hints:
        raise argparse.ArgumentTypeError(f"no setting {name!r}; choose from {', '.join(hints)}")
    kind = hints[name] if hints[name] in (int, float) else str
    try:
        return name, kind(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{name} takes {kind.__name__}, not {value!r}") from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table. Arguments default to those of the command line."""
    parser = script_parser("python -m benchmarks.time_to_score", __doc__, corpora=CORPORA)
    parser.add_argument("--epochs", type=int, default=SETTINGS["epochs"], help="epochs of seqkit's training")
    parser.add_argument(
        "--set", dest="settings", metavar="NAME=VALUE", type=setting, nargs="+", action="extend", default=[],
        help="other settings of seqkit's tagger",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    options = options_of(given)
    settings = {**SETTINGS, "epochs": given.epochs, **dict(given.settings)}
    print(f"Machine: {machine(options.device)}\n\n{report(options, given.corpus, settings)}")


if __name__ == "__main__":
    run_script(main)
