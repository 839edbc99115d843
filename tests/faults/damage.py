"""A training that is spoiled at one step of the file system, and what must hold after that.

Whatever happens: there is one whole model, the old or the new one, unless there never was one; training can be resumed
or begun again and ends with the same bits as if nothing had happened; and nothing else is touched or left behind.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from seqkit.errors import CheckpointError
from seqkit.runs.folder import RunFolder
from tests.faults.children import Child, Ended
from tests.faults.file_layer import Fault, FileLayer
from tests.faults.trainings import Reference, answers, contents, fit, reference

__all__ = ["PLACES", "Case", "Spoiled", "possible_places", "spoil", "steps_of"]

OLD_SEED = 7
MOUNT = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs"]
NOTES = {"notes.txt": b"mine", "figures/errors.csv": b"mine too"}


class Place(NamedTuple):
    """Where a run is written.

    Attributes:
        old: whether another run is there.
        inside: whether it is the working directory.
        notes: whether files of the user are in the folder, too.
        mounted: whether it is a mount point.
    """

    old: bool = False
    inside: bool = False
    notes: bool = False
    mounted: bool = False


PLACES = {
    "new": Place(),
    "new, in the working directory": Place(inside=True),
    "over an old run": Place(old=True),
    "over an old run beside notes": Place(old=True, notes=True),
    "over an old run in the working directory": Place(old=True, inside=True),
    "over an old run on a mount point": Place(old=True, mounted=True),
}


def possible_places() -> list[str]:
    """Return the names of the places; only some users can mount anything."""
    with TemporaryDirectory() as folder:
        done = subprocess.run([*MOUNT, folder], capture_output=True, check=False)
        if done.returncode == 0:
            subprocess.run(["umount", folder], check=True)
    return [name for name, place in PLACES.items() if done.returncode == 0 or not place.mounted]


class Case(NamedTuple):
    """A training of a task in a place."""

    task: str
    place: str


@dataclass(frozen=True)
class Spoiled:
    """What happened to a training.

    Attributes:
        ended: how its process ended.
        names: the steps of the file system, if it came to its end.
        wrong: what does not hold.
    """

    ended: Ended
    names: list[str] = field(default_factory=list)
    wrong: str = ""


@cache
def _references(task: str) -> tuple[Reference, Reference]:
    """Return the new and the old training of a task."""
    with TemporaryDirectory() as folder:
        return reference(task, Path(folder, "run")), reference(task, Path(folder, "old"), OLD_SEED)


@contextmanager
def _root(case: Case) -> Iterator[Path]:
    """Yield a folder with the place in it: ``run``, beside a file of the user."""
    place = PLACES[case.place]
    with TemporaryDirectory() as name:
        root = Path(name).resolve()
        (root / "beside.txt").write_bytes(b"mine")
        if place.mounted:
            (root / "run").mkdir()
            subprocess.run([*MOUNT, root / "run"], check=True)
        if place.old:
            for file, data in _old_files(case.task).items():
                _write(root / "run" / file, data)
        elif place.inside:
            (root / "run").mkdir()
        for file, data in (NOTES if place.notes else {}).items():
            _write(root / "run" / file, data)
        try:
            yield root
        finally:
            if place.mounted:
                subprocess.run(["umount", root / "run"], check=True)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@cache
def _old_files(task: str) -> dict[str, bytes]:
    def train(path: Path) -> dict[str, bytes]:
        fit(task, path, seed=OLD_SEED)
        return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}

    with TemporaryDirectory() as folder:
        found: dict[str, bytes] = Child.run(lambda: train(Path(folder, "run"))).value()
        return found


def _enter(case: Case, root: Path) -> Path:
    """Return the folder to train into, as a person would name it."""
    if not PLACES[case.place].inside:
        return root / "run"
    os.chdir(root / "run")
    return Path()


def spoil(case: Case, fault: Fault) -> Spoiled:
    """Train, spoil it, and check what must hold."""
    _references(case.task)  # here, so that every child has them
    with _root(case) as root:
        ended = Child.run(lambda: _train(case, root, fault))
        names, message = ended.result or ([], "")
        if ended.error or "\n" in message:
            return Spoiled(ended, names, ended.error or f"more than one line: {message}")
        checked = Child.run(lambda: _check(case, root))
        wrong = checked.error or checked.result or ("" if checked.code == 0 else f"the check ended with {checked.code}")
        return Spoiled(ended, names, wrong)


def steps_of(case: Case) -> list[str]:
    """Return the steps of an undisturbed training, in their order."""
    spoiled = spoil(case, Fault())
    assert not spoiled.wrong, spoiled.wrong
    return spoiled.names


def _train(case: Case, root: Path, fault: Fault) -> tuple[list[str], str]:
    """Train with a fault; return the steps, and the message of the error, if there is one."""
    out = _enter(case, root)
    layer = FileLayer(root, fault)
    layer.install()
    try:
        fit(case.task, out, overwrite=PLACES[case.place].old)
    except CheckpointError as error:
        return layer.names, str(error)
    return layer.names, ""


def _check(case: Case, root: Path) -> str:
    """Return what is wrong with the folder; train it to the end."""
    new, old = _references(case.task)
    out = _enter(case, root)
    try:
        said = answers(case.task, out)
    except CheckpointError as error:
        if PLACES[case.place].old:
            return f"no model is left: {error}"
        fit(case.task, out)
    else:
        is_old = PLACES[case.place].old and said == old.said[-1]
        if not is_old and said not in new.said:
            return "the model answers like none that was saved"
        if is_old:
            fit(case.task, out, overwrite=True)
        elif RunFolder(out).can_resume:
            fit(case.task, out, resume=True)
        elif said != new.said[-1]:
            return "training was not finished, and cannot be resumed"
        elif wrong := _differences(case, root, new, cleaned=False):
            return wrong
        else:
            fit(case.task, out, overwrite=True)  # which removes what a dead process has left
    return _differences(case, root, new)


def _differences(case: Case, root: Path, new: Reference, *, cleaned: bool = True) -> str:
    """Return how the folder differs from that of an undisturbed training; ``cleaned``: nothing is left behind."""
    notes = NOTES if PLACES[case.place].notes else {}
    found = contents(root / "run")
    if {name: found.pop(name, None) for name in notes} != notes:
        return "a file of the user was changed"
    if cleaned and (left := found.keys() - new.files.keys()):
        return f"left behind: {', '.join(sorted(left))}"
    if changed := [name for name, data in new.files.items() if found.get(name) != data]:
        return f"differs from an undisturbed training: {', '.join(changed)}"
    if not cleaned:
        return ""
    beside = sorted(path.name for path in root.iterdir())
    if beside != ["beside.txt", "run"]:
        return f"left beside it: {', '.join(beside)}"
    empty = [str(path) for path in (root / "run").rglob("*") if path.is_dir() and not any(path.iterdir())]
    return f"left behind: {', '.join(empty)}" if empty else ""
