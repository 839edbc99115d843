"""What the classes that people import share: settings, training into a run folder, saving and loading."""

import json
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any, ClassVar, Self

import torch

from seqkit.configs import CONFIGS, TrainConfig
from seqkit.engine import Device, Engine, Precision
from seqkit.errors import CheckpointError, ConfigError
from seqkit.run_folder import RunFolder, last_reason
from seqkit.tasks import TASKS
from seqkit.training import Event, Outcome, Trainer, fit
from seqkit.training_run import TrainingRun, run_files, run_header

__all__ = ["Estimator"]


class Estimator(ABC):
    """A model with settings, in scikit-learn's manner; the base of ``Tagger`` and ``LanguageModel``.

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
        self.config, self.training = _configs(CONFIGS[task], {**defaults, **settings})
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
            assets = {name: folder.read(name) for name in TASKS[model.task].asset_names(model.config)}
            task = TASKS[model.task].restored(model.config, assets)
            task.model.load_state_dict(folder.read_tensors()[0])
        except (ConfigError, RuntimeError, KeyError, TypeError, json.JSONDecodeError) as error:
            reason = last_reason(error)
            raise CheckpointError(f"{folder.path} is damaged: {reason}; train again or restore its files") from error
        model.fitted = task
        task.model.to(Engine.open(device, precision).device)
        return model

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
            self.outcome = fit(trainer, dev_examples, report=report or _ignore, save=run.save if run else None)
        if run:
            run.finish(task, self.outcome)
        return self

    def _header(self, corpus: Mapping[str, Any]) -> dict[str, Any]:
        task, _ = self._ready()
        settings = {**asdict(self.config), **asdict(self.training)}
        return run_header(task, settings, corpus)

    def _ready(self) -> tuple[Any, Engine]:
        if self.fitted is None:
            name = type(self).__name__
            raise ConfigError(f"this {name} is not trained yet; call fit, or {name}.load(RUN)")
        return self.fitted, Engine.open(self.device, self.precision)


def _ignore(event: Event) -> None:
    pass


def _configs(kind: type, settings: Mapping[str, Any]) -> tuple[Any, TrainConfig]:
    model = {field.name for field in fields(kind)}
    training = {field.name for field in fields(TrainConfig)}
    if unknown := sorted(settings.keys() - model - training):
        raise ConfigError(f"no setting {unknown[0]!r}; there is {', '.join(sorted(model | training))}")
    for name, value in settings.items():
        if isinstance(value, float) and not math.isfinite(value):  # JSON, and so a run folder, has no such number
            raise ConfigError(f"{name} must be a finite number, not {value}")
    return (
        kind(**{name: value for name, value in settings.items() if name in model}),
        TrainConfig(**{name: value for name, value in settings.items() if name in training}),
    )
