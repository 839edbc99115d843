"""A row of the table of tasks: all that the command line needs to know about a task, without importing torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from seqkit.config.training import TrainConfig
from seqkit.data.corpus_kinds import CorpusKind
from seqkit.metrics.metric import Metric, find_metric

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Ending", "Model", "Presets", "Result", "Scores", "TaskSpec"]

Split = TypeVar("Split")
Split_contra = TypeVar("Split_contra", contravariant=True)


class Result(Protocol):
    """What a model returns for one input."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON output contains; it is the same on the command line, from a server and in Python."""


class Scores(Protocol):
    """The result of an evaluation."""

    @property
    def scores(self) -> Mapping[str, float]:
        """Scores by the name of the metric."""

    @property
    def steps(self) -> int:
        """Number of steps read."""

    @property
    def seconds(self) -> float:
        """Duration of the predictions."""

    def to_dict(self, step: str = "step") -> dict[str, Any]:
        """Return what JSON output contains; ``step`` is the name of a step, in the singular."""


class Ending(Protocol):
    """How training ended."""

    @property
    def reason(self) -> str:
        """``finished``, ``early stop``, ``time`` or ``interrupted``."""

    @property
    def best(self) -> float:
        """The best dev score."""

    @property
    def best_epoch(self) -> int:
        """The epoch with the best dev score."""

    @property
    def seconds(self) -> float:
        """Duration of training."""

    @property
    def history(self) -> Sequence[Mapping[str, float]]:
        """One record per epoch."""

    @property
    def signal(self) -> int | None:
        """The number of the signal that interrupted training, if any."""


class Model(Protocol[Split_contra]):
    """The interface of ``Tagger``, ``Classifier`` and ``LanguageModel`` that the command line uses."""

    task: str

    @property
    def outcome(self) -> Ending | None:
        """How training ended; None if the model was not trained."""

    @classmethod
    def for_task(
        cls, task: str, settings: Mapping[str, Any], /, *, device: Any = "auto", precision: Any = "auto"
    ) -> Self:
        """Return a model for a task, not trained yet."""

    @classmethod
    def load(
        cls, path: str | PathLike[str], *, device: Any = "auto", precision: Any = "auto", verify: bool = True
    ) -> Self:
        """Read a model from a run folder."""

    def fit(
        self,
        train: Split_contra,
        /,
        *,
        dev: Split_contra,
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
        resume: bool = False,
        about: Mapping[str, object] | None = None,
        progress: bool = False,
    ) -> Self:
        """Train on one split and select the best weights on another."""

    def evaluate(self, split: Split_contra, /) -> Scores:
        """Score a split."""


@dataclass(frozen=True, kw_only=True)
class Presets:
    """Named sets of settings.

    Attributes:
        names: the names of the presets, in the order of the help text.
        default: the name of the preset that is used by default.
        settings: returns all settings of a preset by its name; ConfigError if there is no such preset.
    """

    names: tuple[str, ...]
    default: str
    settings: Callable[[str], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class TaskSpec(Generic[Split]):
    """A row of the table of tasks.

    Attributes:
        name: the name of the task, as in ``seqkit train NAME``.
        purpose: one sentence for the help text.
        config: the dataclass of the model's settings.
        training: the default settings of training.
        corpus: the kind of corpus that the task is trained on.
        default_corpus: the corpus that it is trained on by default.
        model: imports and returns the class of the model, such as ``Tagger``.
        metrics: the metrics of its scores; the first one selects the best weights.
        report: the kind of report that the command line prints: a key of ``seqkit_cli.reports.table.REPORTS``; the kind
            ``scores`` fits any result.
        usage: Python code that uses ``model``, for the model card.
        step: the name of a step, in the singular.
        presets: named sets of settings, if any.
    """

    name: str
    purpose: str
    config: "type[DataclassInstance]"
    training: TrainConfig
    corpus: CorpusKind[Split]
    default_corpus: str | None = None
    model: Callable[[], type[Model[Split]]]
    metrics: tuple[Metric, ...]
    report: str = "scores"
    usage: str
    step: str = "token"
    presets: Presets | None = None

    @property
    def metric(self) -> Metric:
        """The metric that selects the best weights."""
        return self.metrics[0]

    def format_score(self, name: str, score: float) -> str:
        """Return a score as text, with the unit of its metric."""
        return find_metric(self.metrics, name).format(score)
