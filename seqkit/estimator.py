"""The base class of the estimators: settings, training into a run folder, saving and loading."""

import os
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Self, TypeVar

from safetensors.torch import load as load_tensors
from torch import Tensor

from seqkit.config.settings import build_configs
from seqkit.config.training import TrainConfig
from seqkit.errors import CheckpointError, ConfigError, SeqkitWarning
from seqkit.runs.folder import RunFolder
from seqkit.runs.restoring import restore
from seqkit.runs.run import RunWriter, model_files, run_header
from seqkit.task_table import find_task
from seqkit.tasks.spec import TaskSpec
from seqkit.tasks.task import Examples, Index, Prediction, Task
from seqkit.training.device import Device, DeviceName, Precision
from seqkit.training.events import Event, Outcome
from seqkit.training.fit import fit
from seqkit.training.progress import Progress
from seqkit.training.trainer import Trainer

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Conclusion", "Estimator", "Prepared", "random_seed", "text_chunks", "warn_of_unknown"]

MAX_CHUNK_TEXTS = 8192
MAX_CHUNK_CHARACTERS = 2**20

_Text = TypeVar("_Text", bound=str | Sequence[str])
_Task = TypeVar("_Task")
_Task_co = TypeVar("_Task_co", covariant=True)
_Examples_co = TypeVar("_Examples_co", covariant=True)


class Prepared(NamedTuple, Generic[_Task_co, _Examples_co]):
    """A new task, its training examples, and the dev examples that select the best weights."""

    task: _Task_co
    train: _Examples_co
    dev: _Examples_co


@dataclass(frozen=True)
class Conclusion:
    """What a model adds to its run folder after training: entries of the report, and files by name."""

    report: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str | bytes] = field(default_factory=dict)


class Estimator(ABC, Generic[Examples, Prediction, Index]):
    """A model with settings, in scikit-learn's manner; the base of ``Tagger``, ``Classifier`` and ``LanguageModel``.

    Attributes:
        tasks: the names of the tasks that the class can be trained for.
        noun: what error messages call the model, with its article.
        task: the name of the model's task.
        spec: the row of this task in the table of tasks.
        config: the settings of the model.
        training: the settings of training.
        fitted: the trained or loaded task; None before.
        outcome: how training ended; None if the model was loaded.
    """

    tasks: ClassVar[tuple[str, ...]]
    noun: ClassVar[str]
    task: str
    spec: TaskSpec[Any]
    config: "DataclassInstance"
    training: TrainConfig
    fitted: Task[Examples, Prediction, Index] | None
    outcome: Outcome | None

    def _configure(self, own: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        """Store settings, and discard what was fitted.

        Args:
            own: the arguments of the constructor other than settings, among them the device and the precision.
            settings: the settings passed to the constructor.

        Raises:
            ConfigError: if a setting does not exist, or a value cannot be used.
        """
        self.task = self._task_of(own)
        if self.task not in self.tasks:
            raise ConfigError(f"no task {self.task!r}; choose from {', '.join(self.tasks)}")
        self.spec = find_task(self.task)
        self.device: DeviceName = own["device"]
        self.precision: Precision = own["precision"]
        self.settings = dict(settings)
        self._own = dict(own)
        usual = {**asdict(self.spec.training), **self._defaults(own)}
        self.config, self.training = build_configs(self.spec.config, {**usual, **settings})
        self.fitted = None
        self.outcome = None
        self._opened: Device | None = None

    def _task_of(self, own: Mapping[str, Any]) -> str:
        task: str = own["task"]
        return task

    def _defaults(self, own: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return defaults that override those of the dataclasses."""
        return {}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return all settings by name, defaults included; ``deep`` is for scikit-learn and has no effect."""
        config, training = self.config, self.training
        every = {each.name: getattr(config, each.name) for each in fields(config)}
        every |= {each.name: getattr(training, each.name) for each in fields(training)}
        return {**self._own, **every}

    def set_params(self, **settings: Any) -> Self:
        """Change settings, and discard what was fitted.

        Raises:
            ConfigError: if a setting does not exist, or a value cannot be used.
        """
        own = {name: settings.pop(name, value) for name, value in self._own.items()}
        self._configure(own, {**self.settings, **settings})
        return self

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write a run folder that ``load`` reads.

        Args:
            path: a folder that is absent, empty, or a run that ``overwrite`` allows to replace.
            overwrite: whether a run that is there already is replaced. Files that do not belong to it are kept.

        Raises:
            ConfigError: if the model is not trained yet.
            CheckpointError: if the folder must not be or cannot be written; what was there before is untouched.
        """
        header, files = self._saved()
        RunFolder(path).create(header, files, overwrite=overwrite)

    @classmethod
    def for_task(
        cls, task: str, settings: Mapping[str, Any], /, *, device: DeviceName = "auto", precision: Precision = "auto"
    ) -> Self:
        """Return a model for one of ``tasks``, not trained yet.

        Args:
            task: the name of the task.
            settings: settings by name, a preset among them if the task has presets.
            device: as for the constructor.
            precision: likewise.
        """
        return cls._from_run({"task": task, "settings": settings}, device=device, precision=precision)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        device: DeviceName = "auto",
        precision: Precision = "auto",
        verify: bool = True,
    ) -> Self:
        """Read a model from a run folder.

        Args:
            path: the folder.
            device: as for the constructor.
            precision: likewise.
            verify: whether to compare each file with its checksum in ``run.json``.

        Raises:
            CheckpointError: if the folder does not contain such a model, or a file is damaged.
            ConfigError: if the device or the precision is not available.
        """
        folder = RunFolder(path, verify=verify)
        opened = Device.open(device, precision)  # an error of this is not one of the files
        models: list[Self] = []

        def build(run: dict[str, Any], read: Callable[[str], str]) -> Task[Examples, Prediction, Index]:
            if run.get("task") not in cls.tasks:
                raise CheckpointError(f"{folder.path} has a model of the task {run.get('task')!r}, not {cls.noun}")
            models.append(cls._from_run(run, device=device, precision=precision))
            models[-1]._opened = opened
            return models[-1]._restored_task(read)

        task = restore(folder, build)
        models[-1]._use(task)
        return models[-1]

    def _use(self, task: Task[Examples, Prediction, Index]) -> None:
        task.model.to(self._device().torch_device)
        self.fitted = task

    def _restore(self, read: Callable[[str], str], tensors: Mapping[str, Tensor]) -> None:
        """Restore the fitted task from its files and weights."""
        task = self._restored_task(read)
        task.model.load_state_dict(tensors)
        self._use(task)

    @abstractmethod
    def _restored_task(self, read: Callable[[str], str]) -> Task[Examples, Prediction, Index]:
        """Return the task restored from its files, without its weights; ``read`` returns a file's content by name."""

    def _saved(self) -> tuple[dict[str, Any], dict[str, str | bytes]]:
        """Return the content of ``run.json``, and the other files of a run folder."""
        task = self._trained(self.fitted)
        header = run_header(self.spec, {**asdict(self.config), **asdict(self.training)}, self.training, {})
        return header, model_files(self.spec, task, header)

    def __getstate__(self) -> dict[str, Any]:
        """Return the picklable state, as joblib's workers need it: settings, and the files of a run folder."""
        saved = None if self.fitted is None else self._saved()
        return {"own": self._own, "settings": self.settings, "saved": saved, "outcome": self.outcome}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore what ``__getstate__`` returned."""
        self._configure(state["own"], state["settings"])
        self.outcome = state["outcome"]
        if state["saved"] is not None:
            header, files = state["saved"]
            self.config, _ = build_configs(self.spec.config, header["settings"])
            self._restore(files.__getitem__, load_tensors(files["model.safetensors"]))

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether the model can predict; called by scikit-learn's ``check_is_fitted``."""
        return self.fitted is not None

    def __repr__(self) -> str:
        changed = {name: value for name, value in self._own.items() if name not in ("device", "precision")}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in {**changed, **self.settings}.items())})"

    @classmethod
    @abstractmethod
    def _from_run(cls, run: Mapping[str, Any], *, device: DeviceName, precision: Precision) -> Self:
        """Return an unfitted model with the settings in ``run.json``."""

    def _fit(
        self,
        prepare: Callable[[], Prepared[Task[Examples, Prediction, Index], Examples]],
        *,
        out: str | os.PathLike[str] | None,
        overwrite: bool,
        resume: bool,
        about: Mapping[str, object] | None,
        report: Callable[[Event], None] | None,
        progress: bool,
    ) -> Self:
        """Train the task that ``prepare`` returns; ``prepare`` may update ``config``."""
        if out is None:
            return self._train(prepare, None, report, progress)
        folder = RunFolder(out)
        if resume:
            folder.check_can_resume()
        with folder.locked():  # until the end: nobody else may write into it
            if not resume:
                folder.check_can_create(overwrite=overwrite)
            writer: RunWriter[Examples, Prediction, Index] = RunWriter(
                folder, self.spec, about or {}, overwrite=overwrite, resume=resume
            )
            return self._train(prepare, writer, report, progress)

    def _train(
        self,
        prepare: Callable[[], Prepared[Task[Examples, Prediction, Index], Examples]],
        writer: RunWriter[Examples, Prediction, Index] | None,
        report: Callable[[Event], None] | None,
        progress: bool,
    ) -> Self:
        device = self._device()
        with device.seeded(self.training.seed):
            task, train, dev = prepare()
            trainer = Trainer(task, train, self.training, device)
            self.fitted = task
            if writer:
                writer.start(trainer, self.config, dev)
            with _reporting(self.spec, report, progress) as notify:
                self.outcome = fit(trainer, dev, report=notify, save=writer.save if writer else None)
        conclusion = self._conclude(dev, draw=writer is not None)
        if writer:
            writer.finish(task, self.outcome, conclusion.report, conclusion.files)
        return self

    def _conclude(self, dev: Examples, *, draw: bool) -> Conclusion:
        """Return what the best weights yield on dev, with figures if ``draw``; most models add nothing."""
        return Conclusion()

    def _trained(self, task: _Task | None) -> _Task:
        """Return the task; raise ConfigError if it is None."""
        if task is None:
            name = type(self).__name__
            raise ConfigError(f"this {name} is not trained yet; call fit, or {name}.load(RUN)")
        return task

    def _device(self) -> Device:
        """Return the device; it is opened at the first call."""
        if self._opened is None:
            self._opened = Device.open(self.device, self.precision)
        return self._opened


_random = threading.RLock()


@contextmanager
def random_seed(device: Device, seed: int) -> Iterator[None]:
    """Seed PyTorch within a block, in one thread at a time; the caller's random state is restored afterwards."""
    with _random, device.seeded(seed):
        yield


@contextmanager
def _reporting(
    spec: TaskSpec[Any], report: Callable[[Event], None] | None, progress: bool
) -> Iterator[Callable[[Event], None]]:
    """Yield a function that passes each event to a progress bar and to ``report``."""
    bar = Progress(spec.metric, step=spec.step, quiet=not progress)

    def notify(event: Event) -> None:
        bar(event)
        if report:
            report(event)

    try:
        yield notify
    finally:
        bar.close()


def warn_of_unknown(labels: Sequence[Any], where: str) -> None:
    """Warn about labels that do not occur in the training data; ``where`` names the data that contain them."""
    if labels:
        names = ", ".join(map(str, labels))
        message = f"{where} has labels that do not occur in the training data and can only count as wrong: {names}"
        warnings.warn(message, SeqkitWarning, stacklevel=3)


def text_chunks(texts: Iterable[_Text]) -> Iterator[list[_Text]]:
    """Split texts into lists of limited size; a text that exceeds the limit by itself is the last of its list.

    >>> [len(chunk) for chunk in text_chunks(["a" * 2**20, "b", "c"])]
    [1, 2]
    """
    chunk: list[_Text] = []
    characters = 0
    for text in texts:
        chunk.append(text)
        characters += len(text) if isinstance(text, str) else sum(map(len, text))
        if len(chunk) == MAX_CHUNK_TEXTS or characters >= MAX_CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
