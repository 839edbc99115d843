"""Files and folders that are written whole or not at all, also if the process is killed or the power fails.

Files are written under temporary names, flushed to disk and renamed. A run that replaces another one is assembled in a
folder of its own, and then put in place in one step, in one of two ways:

- **exchange**: the new folder and the old one change names, if the system can do that (Linux, ``renameat2``).
- **in place**: the assembled folder, which is inside the old one, is renamed to ``READY``. This one step makes the new
  run the valid one: readers look for each file in ``READY`` first. Its files then move to their places. ``settle``
  completes the moves of a process that was killed in the midst of them. This way is taken where a folder cannot be
  renamed (a mount point, the working directory, a parent that is read-only, a system without an exchange), and where
  it contains files of somebody else, which therefore never move.

All of these functions need the lock of the folder, ``seqkit.runs.lock``: whatever temporary files are found belong to a
dead process.
"""

import ctypes
import errno
import os
import re
import shutil
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "LOCK",
    "READY",
    "discard",
    "is_temporary",
    "keeps_place",
    "remove_temporaries",
    "replace_folder",
    "settle",
    "sync_folder",
    "write_files",
]

FIRST = "run.json"  # the last of the new files to come to its place: without it, a folder is no run
LOCK = ".seqkit-lock"
NEW = ".seqkit-new"  # a run that is being assembled
READY = ".seqkit-ready"  # a run that is complete, and moves to the folder around it
OLD = ".seqkit-old"  # what it replaces
_TEMPORARY = re.compile(r"\.seqkit-(lock|new|ready|old)|\..+\.seqkit-new-\d")
_NO_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EXDEV, errno.EMLINK}
_NO_PLACE_BESIDE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG}
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


def is_temporary(name: str) -> bool:
    """Return whether a name is that of a lock or of a temporary file, and not of a file of the run or of the user.

    >>> is_temporary(".seqkit-lock"), is_temporary(".labels.json.seqkit-new-0"), is_temporary(".gitignore")
    (True, True, False)
    """
    return _TEMPORARY.fullmatch(name) is not None


def write_files(folder: Path, stages: Sequence[Mapping[str, bytes]]) -> None:
    """Write files, each whole, stage by stage; nothing is replaced before all of them are on the disk.

    Args:
        folder: the folder.
        stages: the content of files by their paths in the folder; a stage is on the disk before the next one begins.

    Raises:
        OSError: if something cannot be written.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_files(folder, [{"deep/labels.json": b"[]"}, {"run.json": b"{}"}])
    >>> sorted(os.listdir(folder)), (folder / "deep" / "labels.json").read_text()
    (['deep', 'run.json'], '[]')
    """
    with ExitStack() as leftovers:
        moves: list[list[tuple[Path, Path]]] = []
        for number, files in enumerate(stages):
            moves.append([])
            for name, data in files.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                beside = path.with_name(f".{path.name}.seqkit-new-{number}")
                leftovers.callback(_unlink, beside)
                _write(beside, data)
                moves[-1].append((beside, path))
        for stage in moves:
            for beside, path in stage:
                beside.replace(path)
            for parent in {path.parent for _, path in stage} | ({folder} if stage else set()):
                sync_folder(parent)
        leftovers.pop_all()


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk, where folders can be flushed."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows, or a folder that may be written but not read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def keeps_place(folder: Path, owned: Collection[str] = ()) -> bool:
    """Return whether a folder must stay where it is, and not be exchanged for another one.

    The working directory and a mount point would be gone for those who use them, an empty folder has nothing to lose,
    and files that are not ``owned`` must not move.

    >>> keeps_place(Path.cwd()), keeps_place(Path("nowhere"))
    (True, False)
    """
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir() if not is_temporary(path.name)}
    return (
        not names
        or not names.issubset(owned)
        or Path.cwd().is_relative_to(folder)
        or folder.is_mount()
        or not os.access(folder.parent, os.W_OK)
    )


def replace_folder(folder: Path, files: Mapping[str, bytes], owned: Collection[str]) -> None:
    """Write a folder, and remove the files and folders of the old one that are ``owned``; keep all others.

    Args:
        folder: the folder, which exists and is locked; nothing is left in it of a process that was killed.
        files: the new files, by their paths in it; ``run.json`` is one of them.
        owned: the names in the old folder that may be removed.

    Raises:
        OSError: if something cannot be written; what was there before is untouched.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> replace_folder(folder, {"run.json": b"{}"}, owned=())
    >>> os.listdir(folder)
    ['run.json']
    """
    if not keeps_place(folder, owned):
        beside = _beside(folder)
        try:
            if _exchange(folder, beside, files):
                return
        except OSError as error:
            if error.errno not in _NO_PLACE_BESIDE:
                raise
        finally:
            discard(beside)
    try:
        _assemble(folder / NEW, files, folder)
        _move_in(folder, {_top(name) for name in files}, owned)
    finally:
        discard(folder / NEW)


def _beside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}{NEW}")


def _exchange(folder: Path, beside: Path, files: Mapping[str, bytes]) -> bool:
    """Exchange a folder for a new one; return False, and leave it as it was, if the system cannot do that."""
    _assemble(beside, files, folder)
    try:
        if (folder / LOCK).exists():  # the lock is that of a file, which thereby is in both folders
            os.link(folder / LOCK, beside / LOCK)
        _renameat2(beside, folder, _RENAME_EXCHANGE)
    except OSError as error:
        if error.errno not in _NO_EXCHANGE:
            raise
        return False
    with suppress(OSError):  # the new run is in place
        sync_folder(folder.parent)
    return True


def _renameat2(source: Path, target: Path, flags: int) -> None:
    """Call Linux's ``renameat2``.

    Raises:
        OSError: as the system says; ENOSYS if there is no such call.
    """
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), ctypes.c_uint(flags)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def _assemble(fresh: Path, files: Mapping[str, bytes], like: Path) -> None:
    """Write the files of a new folder, which has the permissions of another one, and flush all of it to disk."""
    discard(fresh)
    fresh.mkdir()
    shutil.copymode(like, fresh)
    for name, data in files.items():
        path = fresh / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, data)
    for inner in {(fresh / name).parent for name in files} | {fresh}:
        sync_folder(inner)


def _move_in(folder: Path, names: Collection[str], owned: Collection[str]) -> None:
    """Replace what is ``owned`` in a folder with the run that is assembled in it; undo all if something fails."""
    moves: list[_Move] = []
    try:
        _move(folder / NEW, folder / READY, moves)
        sync_folder(folder)
        settle(folder, names, owned, moves)
    except OSError:
        for move in reversed(moves):  # if this fails too, the new run stays the valid one, and is settled later
            move.target.rename(move.source)
        with suppress(OSError):
            (folder / OLD).rmdir()
        raise


def settle(folder: Path, names: Iterable[str], owned: Iterable[str], moves: "list[_Move] | None" = None) -> None:
    """Move the run in ``READY`` to its place, from wherever an earlier process was killed.

    Args:
        folder: the folder.
        names: the names of the new run's files and folders, moved or not.
        owned: the names of the old run's.
        moves: the moves that undo all of this are added here, until all is done.

    Raises:
        OSError: if something cannot be moved.
    """
    ready, old, names = folder / READY, folder / OLD, sorted({*names} - {FIRST})
    moves = [] if moves is None else moves
    old.mkdir(exist_ok=True)
    for name in sorted({*names, *owned} - {FIRST}):
        moved = name in names and not os.path.lexists(ready / name)
        if not moved and os.path.lexists(folder / name):
            _move(folder / name, old / name, moves)
    for name in names:
        if os.path.lexists(ready / name):
            _move(ready / name, folder / name, moves)
    (ready / FIRST).replace(folder / FIRST)
    moves.clear()  # from here on nothing can fail
    with suppress(OSError):
        sync_folder(folder)
    discard(old)
    discard(ready)


def remove_temporaries(folder: Path, owned: Iterable[str]) -> None:
    """Remove what a process that was killed has left in a folder and beside it, except a run that is ``READY``."""
    if not os.path.lexists(folder / READY / FIRST):
        discard(folder / READY)
        discard(folder / OLD)
    discard(folder / NEW)
    if len(os.fsencode(_beside(folder).name)) < 256:
        discard(_beside(folder))
    for inner in {folder, *(folder / name for name in owned)}:
        if inner.is_dir() and not inner.is_symlink():
            for path in list(inner.iterdir()):
                if is_temporary(path.name) and path.name.endswith(tuple("0123456789")):
                    _unlink(path)


def discard(path: Path) -> None:
    """Remove a file or a folder, if it is there and can be removed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            _unlink(path)


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)


class _Move(NamedTuple):
    source: Path
    target: Path


def _move(source: Path, target: Path, moves: list[_Move]) -> None:
    source.rename(target)
    moves.append(_Move(source, target))


def _top(name: str) -> str:
    return name.partition("/")[0]
