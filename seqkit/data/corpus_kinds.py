"""The kinds of corpora that a task can be trained on, and how each is opened.

Nothing is imported until a corpus is opened, so that the command line can list columns without loading ``datasets``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from seqkit.errors import CorpusError

if TYPE_CHECKING:
    from datasets import Dataset

    from seqkit.data.series.panel import Panel
    from seqkit.data.texts import Texts

__all__ = [
    "FOUND_IN_CORPUS",
    "LABELLED_TEXTS",
    "MEASUREMENTS",
    "NUMERIC_SERIES",
    "RUNNING_TEXT",
    "TAGGED_SENTENCES",
    "Column",
    "CorpusKind",
    "OpenedCorpus",
]

Split = TypeVar("Split")

FOUND_IN_CORPUS = ("fingerprint", "columns", "commits")
"""What ``run.json`` says about a corpus besides the arguments that open it."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column that a person can name.

    Attributes:
        option: the name of the command line's option, in snake case.
        argument: the keyword of the function that opens the corpus.
        help: what the option's help says.
    """

    option: str
    argument: str
    help: str


@dataclass(frozen=True, kw_only=True)
class OpenedCorpus(Generic[Split]):
    """The splits of a corpus by name.

    Attributes:
        splits: the splits.
        fingerprint: computes the fingerprint of their contents.
        columns: tells which columns of each file were read, for ``run.json``.
        commits: the commits of the hub from which it was loaded, if that is known.
    """

    splits: Mapping[str, Split]
    fingerprint: Callable[[], str]
    columns: Callable[[], Mapping[str, Mapping[str, str | int]]] = dict
    commits: Sequence[str] = ()

    def require(self, split: str) -> Split:
        """Return a split.

        Raises:
            CorpusError: if it is missing; the message names the splits that exist.
        """
        if split in self.splits:
            return self.splits[split]
        remedies = {"dev": "add a file for it, or train with --dev-fraction", "test": "add a file for it"}
        names = ", ".join(self.splits) or "none at all"
        raise CorpusError(
            f"the corpus has no split {split!r}, only {names}; {remedies.get(split, 'choose one of these')}"
        )


@dataclass(frozen=True, kw_only=True)
class CorpusKind(Generic[Split]):
    """A kind of corpus.

    Attributes:
        open: opens one, given the keywords ``spec``, ``dev_fraction``, ``encoding``, the settings, and the arguments of
            the columns.
        columns: the columns that can be named.
        settings: the names of those settings of a task or its training that are needed, if the task has them: ``seed``
            where dev is drawn at random from train.
    """

    open: Callable[..., OpenedCorpus[Split]]
    columns: tuple[Column, ...]
    settings: tuple[str, ...] = ()


def _open_rows(**opening: Any) -> "OpenedCorpus[Dataset]":
    from seqkit.data.corpora import columns_taken, corpus_fingerprint, open_corpus
    from seqkit.data.hub import commits_of

    corpus = open_corpus(**opening)

    def columns() -> dict[str, dict[str, str | int]]:
        settings = ("dev_fraction", "seed", "revision")
        taken = columns_taken(**{name: value for name, value in opening.items() if name not in settings})
        return {path.name: each.to_dict() for path, each in taken.items()}

    return OpenedCorpus(
        splits=corpus,
        fingerprint=lambda: corpus_fingerprint(corpus),
        columns=columns,
        commits=commits_of(corpus),
    )


def _open_texts(**opening: Any) -> "OpenedCorpus[Texts]":
    from seqkit.data.texts import open_texts, texts_fingerprint

    texts = open_texts(**opening)
    commits = sorted({commit for split in texts.values() for commit in split.commits})
    return OpenedCorpus(splits=texts, fingerprint=lambda: texts_fingerprint(texts), commits=commits)


def _open_series(**opening: Any) -> "OpenedCorpus[Panel]":
    from seqkit.data.series.open_series import read_series, series_fingerprint
    from seqkit.data.series.options import SeriesOptions

    spec = opening.pop("spec")
    found = read_series(spec, SeriesOptions(**opening))
    return OpenedCorpus(
        splits=found.splits,
        fingerprint=lambda: series_fingerprint(found.splits),
        columns=lambda: found.columns,
        commits=found.commits,
    )


def _open_measurements(*, frequency: str | None = None, **opening: Any) -> "OpenedCorpus[Panel]":
    return _open_series(frequency=frequency or "rows", **opening)


EXPORTS = (
    Column(
        option="from_name",
        argument="from_name",
        help="Label Studio: the labelling control to read, if there are several.",
    ),
    Column(
        option="annotator", argument="annotator", help="Id or e-mail of the annotator to read, if there are several."
    ),
)
REVISION = Column(
    option="revision",
    argument="revision",
    help="Hub: the commit to load. A branch or a tag is accepted too, with a warning, because it may change.",
)
TAGGED_SENTENCES: CorpusKind["Dataset"] = CorpusKind(
    open=_open_rows,
    columns=(
        Column(option="token_column", argument="token_column", help="Name or index of the token column."),
        Column(option="tag_column", argument="tag_column", help="Name or index of the tag column."),
        Column(option="text_column", argument="text_column", help="Name or index of the text column."),
        Column(
            option="offsets", argument="offsets", help="What the offsets of spans count: characters, utf16 or bytes."
        ),
        *EXPORTS,
        REVISION,
    ),
    settings=("seed",),
)
LABELLED_TEXTS: CorpusKind["Dataset"] = CorpusKind(
    open=_open_rows,
    columns=(
        Column(option="text_column", argument="text_column", help="Name or index of the text column."),
        Column(option="label_column", argument="tag_column", help="Name or index of the label column."),
        *EXPORTS,
        REVISION,
    ),
    settings=("seed",),
)
RUNNING_TEXT: CorpusKind["Texts"] = CorpusKind(
    open=_open_texts,
    columns=(
        Column(option="text_column", argument="text_column", help="Name of the text column of tables and datasets."),
        REVISION,
    ),
)
_SERIES = (
    Column(option="time", argument="time", help="Name of the column of times; by default ds, timestamp, date or time."),
    Column(option="target", argument="target", help="Name of the column of values; several are separated by commas."),
    Column(option="id", argument="ids", help="Name of the column of the names of series, such as unique_id."),
    Column(
        option="features",
        argument="features",
        help="Names of the columns that are known up to the present, separated by commas.",
    ),
    Column(
        option="known_features",
        argument="known_features",
        help="Names of the columns that are known ahead, such as holidays, separated by commas.",
    ),
    Column(option="weight", argument="weight", help="Name of the column of weights in the training loss."),
    Column(option="label", argument="label", help="Name of the column that is 1 where a point is anomalous, else 0."),
    Column(
        option="layout",
        argument="layout",
        help="How series are laid out: long (a value in each row), columns or rows (a series in each).",
    ),
    Column(
        option="frequency",
        argument="frequency",
        help="Distance of two points, such as h, D, W-SUN, MS or 15min; rows: each row is the next point.",
    ),
    Column(option="time_zone", argument="time_zone", help="Time zone of local times, such as Europe/Berlin."),
    Column(
        option="fill",
        argument="fill",
        help="What becomes of gaps: forward (the last value) or interpolate; by default they are errors.",
    ),
    REVISION,
)
NUMERIC_SERIES: CorpusKind["Panel"] = CorpusKind(open=_open_series, columns=_SERIES, settings=("horizon",))
"""Series with points at equal distances, which can be forecast."""

MEASUREMENTS: CorpusKind["Panel"] = CorpusKind(open=_open_measurements, columns=_SERIES, settings=("horizon",))
"""Series of which each row is the next point, whenever it was, unless a frequency is given."""
