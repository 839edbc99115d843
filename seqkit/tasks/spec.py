"""A row of the table of tasks: everything that the command line asks about a task, without importing torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from seqkit.config.training import TrainConfig
from seqkit.data.corpus_kinds import CorpusKind
from seqkit.metrics.metric import Metric, find_metric

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Model", "Presets", "Result", "TaskSpec"]

Split = TypeVar("Split")
Split_contra = TypeVar("Split_contra", contravariant=True)


class Result(Protocol):
    """What a model returns for one input."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON output contains: the command line, a server and Python give the same."""


class Scores(Protocol):
    """What an evaluation returns: scores by name, and how many steps were read in how many seconds."""

    @property
    def scores(self) -> Mapping[str, float]:
        """Scores by the name of their metric."""

    @property
    def steps(self) -> int:
        """Number of steps read."""

    @property
    def seconds(self) -> float:
        """How long reading them took."""


class Model(Protocol[Split_contra]):
    """What the command line asks of the class that a person imports to train, use and keep a model."""

    task: str

    @classmethod
    def load(cls, path: str | PathLike[str], *, device: Any = "auto", precision: Any = "auto") -> Self:
        """Read a model from a run folder."""

    def fit(
        self,
        train: Split_contra,
        /,
        *,
        dev: Split_contra,
        out: str | PathLike[str] | None = None,
        resume: bool = False,
        about: Mapping[str, Any] | None = None,
        progress: bool = False,
    ) -> Self:
        """Train on one split and select the best weights on another."""

    def evaluate(self, split: Split_contra, /) -> Scores:
        """Score a split."""


@dataclass(frozen=True, kw_only=True)
class Presets:
    """Named settings to begin from.

    Attributes:
        names: their names, in the order of the help text.
        default: the one that is used unless another is named.
        settings: returns every setting of one; ConfigError if there is none of that name.
    """

    names: tuple[str, ...]
    default: str
    settings: Callable[[str], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class TaskSpec(Generic[Split]):
    """A row of the table of tasks.

    Attributes:
        name: its name, as in ``seqkit train NAME``.
        purpose: one sentence for the help text.
        config: the dataclass of the model's settings.
        training: the default settings of training.
        corpus: the kind of corpus it is trained on.
        default_corpus: the corpus it is trained on unless another is named.
        model: imports and returns the class that a person uses.
        metrics: the metrics of its scores; the first one selects the best weights.
        report: the kind of report that the command line prints: a key of ``seqkit_cli.reports.table.REPORTS``.
        usage: Python lines that use ``model``, for the model card.
        step: what a step is called, in the singular.
        presets: named settings, if there are any.
    """

    name: str
    purpose: str
    config: "type[DataclassInstance]"
    training: TrainConfig
    corpus: CorpusKind[Split]
    default_corpus: str | None = None
    model: Callable[[], type[Model[Split]]]
    metrics: tuple[Metric, ...]
    report: str
    usage: str
    step: str = "token"
    presets: Presets | None = None

    @property
    def metric(self) -> Metric:
        """The metric that selects the best weights."""
        return self.metrics[0]

    def format_score(self, name: str, score: float) -> str:
        """Return a score as people read it."""
        return find_metric(self.metrics, name).format(score)
