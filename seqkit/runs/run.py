"""A training and its run folder: what is written when, and how an unfinished one comes back."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from seqkit.errors import CheckpointError
from seqkit.metrics.metric import shown
from seqkit.runs.figures import learning_curve
from seqkit.runs.folder import FORMAT_VERSION, RESUME_FILE, RunFolder, last_reason, tensor_bytes
from seqkit.tasks import TASKS, Task
from seqkit.training.events import Outcome
from seqkit.training.trainer import Trainer
from seqkit.version import __version__

__all__ = ["TrainingRun", "model_card", "run_files", "run_header", "training_report"]

VERSIONS_OF = ("torch", "pytorch-crf", "tokenizers", "safetensors")


def run_header(task: Task, settings: Mapping[str, Any], corpus: Mapping[str, Any]) -> dict[str, Any]:
    """What ``run.json`` says: task, every setting, versions, corpus.

    Args:
        task: the task.
        settings: every configuration value by name, as JSON can hold it.
        corpus: the corpus' name, fingerprint and how it was opened; may be empty.
    """
    return {
        "format_version": FORMAT_VERSION,
        "task": task.name,
        "metric": task.metric,
        "seed": settings["seed"],
        "settings": dict(settings),
        "corpus": dict(corpus),
        "versions": {
            "seqkit": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in VERSIONS_OF},
        },
    }


def run_files(
    task: Task, header: Mapping[str, Any], weights: Mapping[str, Any] | None = None
) -> dict[str, str | bytes]:
    """The files a model is usable from: ``run.json``, the task's assets, weights, and a model card."""
    return {
        "run.json": _json(header),
        **task.assets(),
        "model.safetensors": tensor_bytes(weights or task.model.state_dict()),
        "README.md": model_card(header),
    }


class TrainingRun:
    """Keeps a run folder up with a training.

    Args:
        folder: where to write.
        header: what ``run.json`` says; see ``run_header``.
    """

    def __init__(self, folder: RunFolder, header: Mapping[str, Any]) -> None:
        self.folder = folder
        self.header = dict(header)
        self.started = False

    def save(self, trainer: Trainer, best: bool) -> None:
        """Write what an epoch's end, or a Ctrl-C, has changed.

        Args:
            trainer: the training.
            best: whether its best weights are new.

        Raises:
            CheckpointError: where it cannot be written; what was there before is untouched.
        """
        tensors, values = trainer.checkpoint()
        files: dict[str, str | bytes] = {
            "metrics.jsonl": "".join(json.dumps(record) + "\n" for record in trainer.state.history),
            RESUME_FILE: tensor_bytes(tensors, {"state": json.dumps(values)}),
        }
        if not self.started:
            # An old run in this place stays whole until the new one has something to show.
            self.folder.create({**run_files(trainer.task, self.header, trainer.best_weights), **files})
            self.started = True
        else:
            self.folder.write({"model.safetensors": tensor_bytes(trainer.best_weights), **files} if best else files)

    def restore(self, trainer: Trainer) -> None:
        """Bring a training back to where the run folder has it.

        Raises:
            CheckpointError: where there is nothing to resume, or it does not fit the model.
        """
        tensors, values = self.folder.read_resume()
        best = self.folder.read_tensors()[0] if values["history"] else {}
        try:
            trainer.restore(tensors, values, best)
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"{self.folder.path / RESUME_FILE} does not fit this model: {last_reason(error)}; "
                "resume with the settings in run.json, or train again"
            ) from error
        self.started = True

    def finish(
        self,
        task: Task,
        outcome: Outcome,
        more_report: Mapping[str, Any] | None = None,
        more_files: Mapping[str, str | bytes] | None = None,
    ) -> None:
        """Write the report, the learning curve and the model card; forget the resume of a training that is over."""
        if not self.started:
            return
        report = {**training_report(task, outcome), **(more_report or {})}
        files: dict[str, str | bytes] = {"report.json": _json(report), "README.md": model_card(self.header, report)}
        files |= more_files or {}
        if outcome.history:
            files["learning_curve.png"] = learning_curve(outcome.history, task.metric)
        self.folder.write(files)
        if outcome.reason in ("finished", "early stop"):
            self.folder.discard_resume()


def training_report(task: Task, outcome: Outcome) -> dict[str, Any]:
    """What ``report.json`` says: how training ended, the dev scores of the best weights, and the model's size."""
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


def model_card(header: Mapping[str, Any], report: Mapping[str, Any] | None = None) -> str:
    """The run's README: what it is, how good, how to use it, how to make it again."""
    corpus = header["corpus"].get("spec", "data handed in from Python")
    lines = [
        f"# seqkit {header['task']} model",
        "",
        f"A recurrent model trained on `{corpus}` with seqkit {header['versions']['seqkit']}, seed {header['seed']}.",
        "",
    ]
    if report and report["dev"]:
        scores = ", ".join(f"{name} {shown(name, score)}" for name, score in report["dev"].items())
        lines += [f"Dev split, best of {report['epochs']} epochs ({report['best_epoch']}): {scores}.", ""]
        lines += [f"{report['parameters']:,} parameters, {report['megabytes']} MB.", ""]
    lines += [
        "```python",
        "import seqkit",
        "",
        'model = seqkit.load("PATH_OF_THIS_FOLDER")',
        TASKS[header["task"]].usage,
        "```",
        "",
        "Every setting is in `run.json`, the scores of each epoch in `metrics.jsonl`.",
        "",
    ]
    return "\n".join(lines)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
