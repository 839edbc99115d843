"""Restoring a task from a run folder, after making sure that its files belong together."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from seqkit.errors import CheckpointError, ConfigError
from seqkit.runs.folder import last_reason
from seqkit.runs.reader import MODEL_FILE, RunReader
from seqkit.runs.weights import Stored, WeightsError, allocation_limit, check_finite, check_match
from seqkit.tasks.task import Task

__all__ = ["restore"]

LABELS_FILE = "labels.json"
_FAULTS = (
    *(ArithmeticError, AssertionError, AttributeError, ConfigError, LookupError, MemoryError, RuntimeError),
    *(TypeError, ValueError),
)

_Restored = TypeVar("_Restored", bound=Task[Any, Any, Any])


def restore(run: RunReader, build: Callable[[dict[str, Any], Callable[[str], str]], _Restored]) -> _Restored:
    """Return the task in a run folder, with its weights.

    The sizes in ``run.json``, ``labels.json`` and the index of ``model.safetensors`` are compared before memory is
    taken. If another process replaces the run meanwhile, the new one is read.

    Args:
        run: the run folder.
        build: returns the task without its weights, given ``run.json`` and a function that reads a file by its name.

    Raises:
        CheckpointError: if a file is missing or damaged, or the files do not belong together.
    """
    return run.consistently(lambda: _restored(run, build))


def _restored(run: RunReader, build: Callable[[dict[str, Any], Callable[[str], str]], _Restored]) -> _Restored:
    header = run.read_run()
    stored = run.read_index()
    try:
        task = _built(run, header, stored, build)
        check_match(task.model.state_dict(), stored)
        weights = run.read_tensors()[0]
        check_finite(weights)
        task.model.load_state_dict(weights)
    except WeightsError as error:
        message = f"{run.path / MODEL_FILE} is damaged: {error}; train again or restore the files"
        raise CheckpointError(message) from error
    except _FAULTS as error:
        message = f"{run.path} is damaged: {last_reason(error)}; train again or restore its files"
        raise CheckpointError(message) from error
    run.check_files()
    return task


def _built(
    run: RunReader,
    header: dict[str, Any],
    stored: Mapping[str, Stored],
    build: Callable[[dict[str, Any], Callable[[str], str]], _Restored],
) -> _Restored:
    """Build the task, unless its layers or labels are more than the weights are for."""
    layers = header.get("settings", {}).get("num_layers")
    if isinstance(layers, int) and layers > len(stored):
        raise WeightsError(f"it has {len(stored)} tensors, too few for the {layers:,} layers in run.json")
    if LABELS_FILE in header.get("files", ()):
        labels = json.loads(run.read(LABELS_FILE))
        count = len(labels["labels"]) if isinstance(labels, dict) and isinstance(labels.get("labels"), list) else 0
        if not any(count in each.shape for each in stored.values()):
            raise WeightsError(f"it has no tensor for the {count:,} labels in {LABELS_FILE}")
    with allocation_limit(stored):
        return build(header, run.read)
