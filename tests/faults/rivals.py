"""Two trainings that are started at the same instant and want to write the same folder."""

from pathlib import Path
from tempfile import TemporaryDirectory

from seqkit.errors import CheckpointError
from tests.faults.children import Child
from tests.faults.trainings import contents, fit, reference

__all__ = ["RIVALS", "Rivals", "two_at_once"]

RIVALS = 20  # trials of each task


class Rivals:
    """What spoils a training: another one into the same folder."""

    def __str__(self) -> str:
        return "two at once"


def _attempt(task: str, path: Path) -> str:
    try:
        fit(task, path)
    except CheckpointError as error:
        return str(error)
    return ""


def two_at_once(task: str, wanted: dict[str, bytes] | None = None) -> str:
    """Start two trainings; return what is wrong: one must end as if alone, the other with one line that says why.

    Args:
        task: their task.
        wanted: the files of an undisturbed training; computed by default.
    """
    with TemporaryDirectory() as name:
        if wanted is None:
            wanted = reference(task, Path(name, "alone")).files
        path = Path(name, "run")
        rivals = [Child.start(lambda: _attempt(task, path)) for _ in range(2)]
        errors = sorted(str(rival.wait().value()) for rival in rivals)
        if errors[0] or not errors[1] or "\n" in errors[1]:
            return f"not one training, and one error of one line: {errors}"
        if not any(part in errors[1] for part in ("is being written by process", "has a run already")):
            return f"the error does not say why: {errors[1]}"
        return "" if contents(path) == wanted else "the run differs from one that was trained alone"
