"""Loading of any model from its run folder."""

import os
from typing import Any

from seqkit.errors import CheckpointError
from seqkit.runs.folder import RunFolder
from seqkit.task_table import TASKS
from seqkit.training.device import DeviceName

__all__ = ["load"]


def load(path: str | os.PathLike[str], *, device: DeviceName = "auto", verify: bool = True) -> Any:
    """Read the model in a run folder: a ``Tagger``, a ``Classifier`` or a ``LanguageModel``.

    Args:
        path: the folder.
        device: ``auto``, ``cpu``, ``cuda`` or another device of PyTorch.
        verify: whether to compare each file with its checksum in ``run.json``.

    Raises:
        CheckpointError: if the folder has no model, or a file is damaged.
    """
    task = RunFolder(path, verify=verify).read_run().get("task")
    if not isinstance(task, str) or task not in TASKS:
        raise CheckpointError(f"{path} has a model of the task {task!r}, which this seqkit does not know")
    return TASKS[task].model().load(path, device=device, verify=verify)
