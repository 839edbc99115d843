"""Write the run folder of a training run, and restore an unfinished one."""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Generic

from torch import Tensor

from seqkit.config.training import TrainConfig
from seqkit.errors import CheckpointError
from seqkit.runs.figures import learning_curve
from seqkit.runs.fingerprint import fingerprint
from seqkit.runs.folder import FORMAT_VERSION, RESUME_FILE, RunFolder, last_reason, resume_bytes, tensor_bytes, to_json
from seqkit.runs.weights import check_match
from seqkit.tasks.spec import TaskSpec
from seqkit.tasks.task import Examples, Index, Prediction, Task
from seqkit.training.events import Outcome
from seqkit.training.trainer import Trainer
from seqkit.version import __version__

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["RunWriter", "model_card", "model_files", "run_header", "training_report"]

VERSIONS_OF = ("torch", "pytorch-crf", "tokenizers", "safetensors")
MAY_CHANGE = ("max_minutes",)  # settings that may differ when a training is resumed
KEPT = ("settings", "corpus", "versions", "seed")  # parts of run.json that stay as the training began


def run_header(
    spec: TaskSpec[Any], settings: Mapping[str, object], training: TrainConfig, corpus: Mapping[str, object]
) -> dict[str, Any]:
    """Return the content of ``run.json``: task, settings, versions, corpus.

    Args:
        spec: the task's row.
        settings: every setting by name, as JSON types.
        training: the settings of training, from which the seed is taken.
        corpus: the name of the corpus, its fingerprint and how it was opened; may be empty.
    """
    return {
        "format_version": FORMAT_VERSION,
        "task": spec.name,
        "metric": spec.metric.name,
        "seed": training.seed,
        "settings": dict(settings),
        "corpus": dict(corpus),
        "versions": {
            "seqkit": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in VERSIONS_OF},
        },
    }


def model_files(
    spec: TaskSpec[Any],
    task: Task[Examples, Prediction, Index],
    header: Mapping[str, Any],
    weights: Mapping[str, Tensor] | None = None,
) -> dict[str, str | bytes]:
    """Return the files of a model besides ``run.json``: the task's assets, the weights and a model card."""
    return {
        **task.assets(),
        "model.safetensors": tensor_bytes(weights or task.model.state_dict()),
        "README.md": model_card(spec, header),
    }


class RunWriter(Generic[Examples, Prediction, Index]):
    """Keeps a run folder up to date during training.

    Args:
        folder: the folder to write.
        spec: the task's row.
        corpus: the name of the corpus, its fingerprint and how it was opened; may be empty.
        overwrite: whether a run that is there already is replaced.
        resume: whether the unfinished training in the folder goes on.
    """

    def __init__(
        self,
        folder: RunFolder,
        spec: TaskSpec[Any],
        corpus: Mapping[str, object],
        *,
        overwrite: bool = False,
        resume: bool = False,
    ) -> None:
        self.folder = folder
        self.spec = spec
        self.corpus = corpus
        self.overwrite = overwrite
        self.resume = resume
        self.header: dict[str, Any] = {}
        self.started = False

    def start(self, trainer: Trainer[Examples, Prediction, Index], config: "DataclassInstance", dev: Examples) -> None:
        """Describe the run, and restore the state of the trainer if the training is resumed.

        Raises:
            CheckpointError: if the unfinished training is damaged, or was begun with other settings or other data.
        """
        settings = {**asdict(config), **asdict(trainer.config)}
        self.header = run_header(self.spec, settings, trainer.config, self.corpus)
        self.header["examples"] = {"train": fingerprint(trainer.examples), "dev": fingerprint(dev)}
        if self.resume:
            self._check_same(self.folder.read_run())
            self._restore(trainer)

    def _check_same(self, saved: Mapping[str, Any]) -> None:
        """Make sure that a resumed training has the task, the settings, the seed and the data that it began with."""
        mine: dict[str, Any] = json.loads(json.dumps(self.header))
        message = ""
        if saved.get("task") != mine["task"]:
            message = f"has the task {saved.get('task')!r}, not {mine['task']!r}"
        for name, before in saved.get("settings", {}).items():
            now = mine["settings"].get(name, before)
            if name not in MAY_CHANGE and now != before:
                message = message or f"was begun with {name}={before!r}, not {now!r}"
        for split, before in saved.get("examples", {}).items():
            if mine["examples"].get(split, before) != before:
                message = message or f"was begun with other {split} data"
        if message:
            raise CheckpointError(
                f"{self.folder.path} {message}; resume with the settings in run.json and the same data, or train again"
            )
        self.header = {**mine, **{name: saved[name] for name in KEPT if name in saved}}

    def save(self, trainer: Trainer[Examples, Prediction, Index], best: bool) -> None:
        """Write what has changed since the last call.

        Args:
            trainer: the trainer.
            best: whether its best weights are new.

        Raises:
            CheckpointError: if the folder cannot be written; what was there before is untouched.
        """
        files: dict[str, str | bytes] = {
            "metrics.jsonl": "".join(json.dumps(record) + "\n" for record in trainer.state.history),
            RESUME_FILE: resume_bytes(*trainer.state_dict()),
        }
        if not self.started:
            # An old run in this folder is kept until there is something to replace it with.
            model = model_files(self.spec, trainer.task, self.header, trainer.best_weights)
            self.folder.create(self.header, {**model, **files}, overwrite=self.overwrite)
            self.started = True
        else:
            # The weights come first: with an older state, the same weights are found once more.
            self.folder.write({"model.safetensors": tensor_bytes(trainer.best_weights), **files} if best else files)

    def _restore(self, trainer: Trainer[Examples, Prediction, Index]) -> None:
        """Restore an unfinished training run from the folder."""
        try:
            needed = {f"model.{name}": tensor for name, tensor in trainer.task.model.state_dict().items()}
            stored = self.folder.read_index(RESUME_FILE)
            check_match(needed, {name: each for name, each in stored.items() if name.startswith("model.")})
            tensors, values = self.folder.read_resume()
            best = self.folder.read_tensors()[0] if values["history"] else {}
            trainer.load_state_dict(tensors, values, best)
        except (LookupError, RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise CheckpointError(
                f"{self.folder.path / RESUME_FILE} does not match this model: {last_reason(error)}; "
                "resume with the settings in run.json, or train again"
            ) from error
        self.started = True

    def finish(
        self,
        task: Task[Examples, Prediction, Index],
        outcome: Outcome,
        more_report: Mapping[str, object] | None = None,
        more_files: Mapping[str, str | bytes] | None = None,
    ) -> None:
        """Write the report, the learning curve and the model card; if training has finished, remove its state.

        Raises:
            CheckpointError: if a file cannot be written.
        """
        if not self.started:
            return
        report = {**training_report(task, outcome), **(more_report or {})}
        card = model_card(self.spec, self.header, report)
        files: dict[str, str | bytes] = {"report.json": to_json(report), "README.md": card, **(more_files or {})}
        if outcome.history:
            files["learning_curve.png"] = learning_curve(outcome.history, self.spec.metric)
        self.folder.write(files)
        if outcome.reason in ("finished", "early stop"):
            self.folder.discard_resume()


def training_report(task: Task[Examples, Prediction, Index], outcome: Outcome) -> dict[str, Any]:
    """Return the content of ``report.json``: how training ended, the best dev scores and the size of the model."""
    best = next((record for record in outcome.history if record["epoch"] == outcome.best_epoch), {})
    parameters = sum(parameter.numel() for parameter in task.model.parameters())
    return {
        "reason": outcome.reason,
        "epochs": len(outcome.history),
        "best_epoch": outcome.best_epoch,
        "seconds": round(outcome.seconds, 1),
        "parameters": parameters,
        "megabytes": round(4 * parameters / 1e6, 1),
        "dev": {name.removeprefix("dev_"): score for name, score in best.items() if name.startswith("dev_")},
    }


def model_card(spec: TaskSpec[Any], header: Mapping[str, Any], report: Mapping[str, Any] | None = None) -> str:
    """Return the model card: what the model is, its scores, and how to use it."""
    corpus = header["corpus"].get("spec", "data passed in from Python")
    lines = [
        f"# seqkit {header['task']} model",
        "",
        f"A recurrent model trained on `{corpus}` with seqkit {header['versions']['seqkit']}, seed {header['seed']}.",
        "",
    ]
    if report and report["dev"]:
        scores = ", ".join(f"{name} {spec.format_score(name, score)}" for name, score in report["dev"].items())
        lines += [f"Dev split, best of {report['epochs']} epochs ({report['best_epoch']}): {scores}.", ""]
        lines += [f"{report['parameters']:,} parameters, {report['megabytes']} MB.", ""]
    lines += [
        "```python",
        "import seqkit",
        "",
        'model = seqkit.load("PATH_OF_THIS_FOLDER")',
        spec.usage,
        "```",
        "",
        "`run.json` contains every setting, `metrics.jsonl` the scores of each epoch.",
        "",
    ]
    return "\n".join(lines)
