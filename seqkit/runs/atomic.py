"""Files and folders that are written whole or not at all.

A file is written under a temporary name, flushed to disk and renamed. A folder is assembled beside its place, or inside
it, and moved there; if a move fails, all of them are undone.
"""

import os
import shutil
import tempfile
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path

__all__ = ["keeps_place", "replace_folder", "write_file"]

FIRST = "run.json"  # of the old files the first to go, of the new ones the last to come: without it, there is no run


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file under a temporary name in the same folder, flush it to disk, and rename it.

    >>> path = Path(tempfile.mkdtemp(), "deep", "labels.json")
    >>> write_file(path, "[]")
    >>> path.read_text()
    '[]'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8") if isinstance(content, str) else content
    beside = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def keeps_place(folder: Path) -> bool:
    """Return whether a folder must stay where it is, and not be renamed.

    An empty one has nothing to lose; the working directory and a mount point would be gone for those who use them.

    >>> keeps_place(Path.cwd()), keeps_place(Path("nowhere"))
    (True, False)
    """
    return folder.is_dir() and (Path.cwd().is_relative_to(folder) or folder.is_mount() or not any(folder.iterdir()))


def replace_folder(folder: Path, files: Mapping[str, str | bytes], owned: Collection[str]) -> None:
    """Write a folder, and remove the files and folders of the old one that are ``owned``; keep all others.

    Args:
        folder: the folder, which may be absent.
        files: the new files, by their paths in it.
        owned: the names in the old folder that may be removed.

    Raises:
        OSError: if something cannot be written; what was there before is untouched.

    >>> folder = Path(tempfile.mkdtemp())
    >>> replace_folder(folder, {"run.json": "{}"}, owned=())
    >>> os.listdir(folder)
    ['run.json']
    """
    in_place = keeps_place(folder)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder if in_place else folder.parent))
    try:
        fresh.chmod(0o777 & ~_umask())
        for name, content in files.items():
            write_file(fresh / name, content)
        (_move_into if in_place else _exchange)(folder, fresh, owned)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _exchange(folder: Path, fresh: Path, owned: Collection[str]) -> None:
    """Replace an old folder with a new one, and move what is not ``owned`` into it."""
    old = fresh.with_name(f"{fresh.name}-old")
    with ExitStack() as undo:
        if folder.exists():
            _move(folder, old, undo)
        _move(fresh, folder, undo)
        for other in list(old.iterdir()) if old.exists() else ():
            if other.name not in owned:
                _move(other, folder / other.name, undo)
        undo.pop_all()
    shutil.rmtree(old, ignore_errors=True)


def _move_into(folder: Path, fresh: Path, owned: Collection[str]) -> None:
    """Replace what is ``owned`` in a folder with the content of a new one, which is inside it."""
    old = Path(tempfile.mkdtemp(prefix=f"{fresh.name}-", dir=folder))
    try:
        with ExitStack() as undo:
            for name in sorted(owned, key=lambda name: name != FIRST):
                if os.path.lexists(folder / name):
                    _move(folder / name, old / name, undo)
            for path in sorted(fresh.iterdir(), key=lambda path: path.name == FIRST):
                _move(path, folder / path.name, undo)
            undo.pop_all()
    except OSError:
        old.rmdir()  # unless something could not be moved back
        raise
    shutil.rmtree(old, ignore_errors=True)


def _move(source: Path, target: Path, undo: ExitStack) -> None:
    source.rename(target)
    undo.callback(target.rename, source)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
