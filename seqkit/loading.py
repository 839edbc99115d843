"""Any model from its run folder."""

import os
from typing import Any

from seqkit.classifier import Classifier
from seqkit.errors import CheckpointError
from seqkit.language_model import LanguageModel
from seqkit.runs.folder import RunFolder
from seqkit.tagger import Tagger
from seqkit.training.device import Device

__all__ = ["load"]

CLASSES: tuple[type[Tagger] | type[Classifier] | type[LanguageModel], ...] = (Tagger, Classifier, LanguageModel)


def load(path: str | os.PathLike[str], *, device: Device = "auto") -> Any:
    """Read whatever model a run folder holds: a ``Tagger``, a ``Classifier`` or a ``LanguageModel``.

    Raises:
        CheckpointError: where it holds none, or a file is damaged.
    """
    task = RunFolder(path).read_run().get("task")
    for kind in CLASSES:
        if task in kind.tasks:
            return kind.load(path, device=device)
    raise CheckpointError(f"{path} holds a model of the task {task!r}, which this seqkit does not know")
