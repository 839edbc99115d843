"""What the classes that people import share: settings, training into a run folder, saving and loading."""

import json
import os
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import torch
from safetensors.torch import load as load_tensors

from seqkit.config.task_tables import CONFIGS, TRAINING
from seqkit.config.training import TrainConfig
from seqkit.errors import CheckpointError, ConfigError, SeqkitWarning
from seqkit.runs.folder import RunFolder, last_reason
from seqkit.runs.run import TrainingRun, run_files, run_header
from seqkit.tasks import TASKS
from seqkit.training.device import Device, Engine, Precision
from seqkit.training.events import Event, Outcome
from seqkit.training.fit import fit
from seqkit.training.progress import Progress
from seqkit.training.trainer import Trainer

__all__ = ["Conclusion", "Estimator", "random_numbers", "text_chunks", "warn_of_unknown"]

LINES_AT_ONCE = 8192
CHARACTERS_AT_ONCE = 2**20

_Text = TypeVar("_Text", bound=str | Sequence[str])


class Conclusion(NamedTuple):
    """What a model adds to its run when training is over: to the report, and files by name."""

    report: Mapping[str, Any] = {}
    files: Mapping[str, str | bytes] = {}


class Estimator(ABC):
    """A model with settings, in scikit-learn's manner; the base of ``Tagger``, ``Classifier`` and ``LanguageModel``.

    Attributes:
        tasks: the names of the tasks it can be of.
        noun: what an error calls it.
    """

    tasks: ClassVar[tuple[str, ...]]
    noun: ClassVar[str]

    def __init__(
        self, task: str, own: Mapping[str, Any], defaults: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> None:
        """Store settings.

        Args:
            task: name of its task.
            own: what the constructor of the class takes besides settings, device and precision among it.
            defaults: settings where they differ from those of the dataclasses.
            settings: what was given.
        """
        if task not in self.tasks:
            raise ConfigError(f"no task {task!r}; choose from {', '.join(self.tasks)}")
        self.task = task
        self.device: Device = own["device"]
        self.precision: Precision = own["precision"]
        self.settings = dict(settings)
        self._own = dict(own)
        usual = {**asdict(TRAINING[task]), **defaults}
        self.config, self.training = _configs(CONFIGS[task], {**usual, **settings})
        self.fitted: Any = None
        self.outcome: Outcome | None = None

    @property
    def metric(self) -> str:
        """The dev score that the best weights are chosen by."""
        metric: str = TASKS[self.task].metric
        return metric

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All settings by name, those left at their defaults included."""
        every = {field.name: getattr(self.config, field.name) for field in fields(self.config)}
        every |= {field.name: getattr(self.training, field.name) for field in fields(self.training)}
        return {**self._own, **every}

    def set_params(self, **settings: Any) -> Self:
        """Change settings and forget what was fitted, as a new one with them would."""
        self.__init__(**{**self._own, **self.settings, **settings})  # type: ignore[misc]
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a run folder that ``load`` reads.

        Raises:
            CheckpointError: where it cannot be written; what was there before is untouched.
        """
        task, _ = self._ready()
        RunFolder(path).create(run_files(task, self._header({})))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: Device = "auto", precision: Precision = "auto") -> Self:
        """Read a model from a run folder.

        Raises:
            CheckpointError: where the folder holds no such model, or a file is damaged.
        """
        folder = RunFolder(path)
        run = folder.read_run()
        if run.get("task") not in cls.tasks:
            raise CheckpointError(f"{folder.path} holds a model of the task {run.get('task')!r}, not {cls.noun}")
        try:
            model = cls._from_run(run, device=device, precision=precision)
            model._restore(folder.read, folder.read_tensors()[0])
        except (ConfigError, RuntimeError, KeyError, TypeError, json.JSONDecodeError) as error:
            reason = last_reason(error)
            raise CheckpointError(f"{folder.path} is damaged: {reason}; train again or restore its files") from error
        return model

    def _restore(self, read: Callable[[str], str], tensors: Mapping[str, torch.Tensor]) -> None:
        """Become the model whose files and weights these are."""
        kind = TASKS[self.task]
        task = kind.restored(self.config, {name: read(name) for name in kind.asset_names(self.config)})
        task.model.load_state_dict(tensors)
        task.model.to(Engine.open(self.device, self.precision).device)
        self.fitted = task

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to go on with it, as joblib's workers do: settings, and the files of a run."""
        files = None if self.fitted is None else run_files(self.fitted, self._header({}))
        return {"own": self._own, "settings": self.settings, "files": files, "outcome": self.outcome}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Come back from what ``__getstate__`` gave."""
        self.__init__(**{**state["own"], **state["settings"]})  # type: ignore[misc]
        self.outcome = state["outcome"]
        if files := state["files"]:
            self.config, _ = _configs(CONFIGS[self.task], json.loads(files["run.json"])["settings"])
            self._restore(files.__getitem__, load_tensors(files["model.safetensors"]))

    def __sklearn_is_fitted__(self) -> bool:
        """Whether it can predict, as scikit-learn asks."""
        return self.fitted is not None

    def __repr__(self) -> str:
        changed = {name: value for name, value in self._own.items() if name not in ("device", "precision")}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in {**changed, **self.settings}.items())})"

    @classmethod
    @abstractmethod
    def _from_run(cls, run: Mapping[str, Any], **where: Any) -> Self:
        """One with the settings that ``run.json`` holds, not fitted yet."""

    def _fit(
        self,
        prepare: Callable[[], tuple[Any, Any, Any]],
        *,
        out: str | os.PathLike[str] | None,
        resume: bool,
        about: Mapping[str, Any] | None,
        report: Callable[[Event], None] | None,
        progress: bool,
    ) -> Self:
        """Train what ``prepare`` gives: a task, and the examples to learn from and to choose the best weights by."""
        engine = Engine.open(self.device, self.precision)
        with torch.random.fork_rng():  # what is random here leaves the caller's random numbers alone
            torch.manual_seed(self.training.seed)
            task, examples, dev_examples = prepare()
            self.config = task.config
            trainer = Trainer(task, examples, self.training, engine)
            self.fitted = task
            run = None if out is None else TrainingRun(RunFolder(out), self._header(about or {}))
            if run and resume:
                run.restore(trainer)
            with _reporting(self.metric, report, progress) as told:
                self.outcome = fit(trainer, dev_examples, report=told, save=run.save if run else None)
        conclusion = self._concluded(task, dev_examples, engine, draw=run is not None)
        if run:
            run.finish(task, self.outcome, conclusion.report, conclusion.files)
        return self

    def _concluded(self, task: Any, dev_examples: Any, engine: Engine, *, draw: bool) -> Conclusion:
        """What is learnt from dev when the best weights are known, drawn if wanted; nothing, for most models."""
        return Conclusion()

    def _header(self, corpus: Mapping[str, Any]) -> dict[str, Any]:
        task, _ = self._ready()
        settings = {**asdict(self.config), **asdict(self.training)}
        return run_header(task, settings, corpus)

    def _labels(self) -> list[Any]:
        """What the model chooses from; AttributeError before it is fitted, as scikit-learn wants of ``classes_``."""
        if self.fitted is None:
            raise AttributeError(f"this {type(self).__name__} is not trained yet, so it has no classes_")
        return list(self.fitted.labels)

    def _ready(self) -> tuple[Any, Engine]:
        if self.fitted is None:
            name = type(self).__name__
            raise ConfigError(f"this {name} is not trained yet; call fit, or {name}.load(RUN)")
        return self.fitted, Engine.open(self.device, self.precision)


_drawing = threading.RLock()


@contextmanager
def random_numbers(seed: int) -> Iterator[None]:
    """Random numbers that begin at a seed, for one thread at a time; the caller's own go on afterwards."""
    with _drawing, torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextmanager
def _reporting(
    metric: str, report: Callable[[Event], None] | None, progress: bool
) -> Iterator[Callable[[Event], None]]:
    """One callable that tells events to whoever wants them: a progress bar, and a function."""
    bar = Progress(metric, quiet=not progress)

    def tell(event: Event) -> None:
        bar(event)
        if report:
            report(event)

    try:
        yield tell
    finally:
        bar.close()


def warn_of_unknown(lacking: Sequence[Any], where: str) -> None:
    """Warn of labels that a model cannot know; whose they are is said by ``where``."""
    if lacking:
        names = ", ".join(map(str, lacking))
        message = f"{where} holds labels that training lacks, which can only count as wrong: {names}"
        warnings.warn(message, SeqkitWarning, stacklevel=3)


def text_chunks(texts: Iterable[_Text]) -> Iterator[list[_Text]]:
    """Texts in lists of limited size; one that is larger by itself is the last of its list.

    >>> [len(chunk) for chunk in text_chunks(["a" * 2**20, "b", "c"])]
    [1, 2]
    """
    chunk: list[_Text] = []
    characters = 0
    for text in texts:
        chunk.append(text)
        characters += len(text) if isinstance(text, str) else sum(map(len, text))
        if len(chunk) == LINES_AT_ONCE or characters >= CHARACTERS_AT_ONCE:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _configs(kind: type, settings: Mapping[str, Any]) -> tuple[Any, TrainConfig]:
    model = {field.name for field in fields(kind)}
    training = {field.name for field in fields(TrainConfig)}
    if unknown := sorted(settings.keys() - model - training):
        raise ConfigError(f"no setting {unknown[0]!r}; there is {', '.join(sorted(model | training))}")
    return (
        kind(**{name: value for name, value in settings.items() if name in model}),
        TrainConfig(**{name: value for name, value in settings.items() if name in training}),
    )
