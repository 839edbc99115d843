"""The lock of a run folder: one process at a time writes it, and the others are told which one that is.

The lock is that of the system on the file ``.seqkit-lock`` in the folder, which says whose it is. The system drops the
lock of a process that ends in whatever way, so a dead process or one whose number was given to another locks nobody
out. Where the system cannot lock files, the file itself is the lock, and counts only while its process is alive.
"""

import json
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from seqkit.errors import CheckpointError, setting_ref
from seqkit.runs.atomic import LOCK

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["FolderLock"]

_SETTLING = 0.05  # seconds in which another process would have written its name, where files cannot be locked
_WINDOWS_BYTE = 2**30  # Windows locks bytes against reading too, hence one far from the text

_guard = threading.Lock()
_held: dict[tuple[int, int], int] = {}  # descriptors by device and inode: on NFS, a process does not lock out itself


class FolderLock:
    """The lock of a folder, which this process holds.

    Args:
        folder: the locked folder.
        descriptor: the open file that is locked.
        made: the folders that were made for it.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp(), "run")
    >>> lock = FolderLock.acquire(folder)
    >>> lock.check()
    >>> lock.release()
    >>> folder.exists()
    False
    """

    def __init__(self, folder: Path, descriptor: int, made: list[Path]) -> None:
        self.folder = folder
        self.made = made
        self.process = os.getpid()
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, folder: Path) -> Self:
        """Lock a folder, which is made if it is absent.

        Raises:
            CheckpointError: if another process, or another thread of this one, has locked it.
            OSError: if the folder cannot be written.
        """
        made = [each for each in (folder, *folder.parents) if not each.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return cls(folder, _locked(folder / LOCK), made)
        except BaseException:
            _remove_empty(made)
            raise

    def check(self) -> None:
        """Make sure that the folder is still the one that was locked.

        Raises:
            CheckpointError: if it was moved, deleted or replaced meanwhile.
        """
        if os.getpid() != self.process or not _is_at(self._descriptor, self.folder / LOCK):
            raise CheckpointError(
                f"{self.folder} was moved, deleted or replaced while it was being written; nothing more is written "
                f"into it; what was saved before is wherever the folder is now"
            )

    def release(self) -> None:
        """Unlock the folder, and remove the folders that were made for it if they are empty."""
        if os.getpid() != self.process:  # a forked process does not own the lock
            return
        if _is_at(self._descriptor, self.folder / LOCK) and sys.platform != "win32":
            with suppress(OSError):
                (self.folder / LOCK).unlink()
        _close(self._descriptor)
        if sys.platform == "win32":
            with suppress(OSError):
                (self.folder / LOCK).unlink()
        _remove_empty(self.made)


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _locked(path: Path) -> int:
    """Open and lock a file; return its descriptor."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            if not _lock(descriptor):
                raise CheckpointError(_refusal(path.parent, _owner(descriptor)))
            if _is_at(descriptor, path):
                _sign_or_remove(descriptor, path)
                return descriptor
        except BaseException:
            _close(descriptor)
            raise
        _close(descriptor)  # its last owner has removed it after it was opened here


def _refusal(folder: Path, owner: dict[str, Any]) -> str:
    who = f"process {owner['pid']} on {owner['host']}, since {owner['since']}" if owner else "another process"
    if (owner.get("pid"), owner.get("host")) == (os.getpid(), socket.gethostname()):
        who = "another training or save in this process"
    return f"{folder} is being written by {who}; wait until it has ended, or choose another {setting_ref('out')}"


def _lock(descriptor: int) -> bool:
    """Return whether a file could be locked."""
    key = _identity(descriptor)
    with _guard:
        if key in _held:
            return False
        try:
            if sys.platform == "win32":
                os.lseek(descriptor, _WINDOWS_BYTE, os.SEEK_SET)
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:  # this file system has no locks
            if not _is_free(descriptor):
                return False
        _held[key] = descriptor
        return True


def _is_free(descriptor: int) -> bool:
    """Return whether nobody alive has signed a file; if so, sign it, and make sure that nobody else did."""
    owner = _owner(descriptor)
    if owner and (owner["host"] != socket.gethostname() or _is_alive(owner)):
        return False
    _sign(descriptor)
    time.sleep(_SETTLING)
    return _owner(descriptor).get("pid") == os.getpid()


def _is_alive(owner: dict[str, Any]) -> bool:
    """Return whether the process that signed a file is alive; its number may have been given to another one."""
    if owner["pid"] == os.getpid():
        return False  # this process holds no lock of this file
    started = _started(owner["pid"])
    if started and owner["started"]:
        return bool(started == owner["started"])
    if sys.platform == "win32":  # where it cannot be asked without ending the process
        return True
    try:
        os.kill(owner["pid"], 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _started(process: int) -> str:
    """Return when a process was started, in ticks since the system was, where that is known."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return status.rpartition(")")[2].split()[19]  # the name, in parentheses, may contain spaces


def _sign(descriptor: int) -> None:
    """Write into a file whose it is."""
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    process = os.getpid()
    owner = {"pid": process, "host": socket.gethostname(), "started": _started(process), "since": since}
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, json.dumps(owner).encode())


def _sign_or_remove(descriptor: int, path: Path) -> None:
    """Sign a locked file; remove it if the disk is full."""
    try:
        _sign(descriptor)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def _owner(descriptor: int) -> dict[str, Any]:
    """Return whose a file is, as ``_sign`` wrote it; nothing if it is not known."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        owner = json.loads(os.read(descriptor, 4096))
    except (OSError, ValueError, RecursionError):
        return {}
    names = {"pid": int, "host": str, "started": str, "since": str}
    known = isinstance(owner, dict) and all(isinstance(owner.get(name), kind) for name, kind in names.items())
    return owner if known else {}


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _is_at(descriptor: int, path: Path) -> bool:
    """Return whether a path leads to an open file."""
    try:
        status = path.stat()
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == _identity(descriptor)


def _close(descriptor: int) -> None:
    with _guard:
        for key in [key for key, held in _held.items() if held == descriptor]:
            del _held[key]
        os.close(descriptor)


def _forget() -> None:
    """Drop in a forked process what belongs to its parent, so that it does not keep the locks of a dead one."""
    global _guard
    _guard = threading.Lock()
    for descriptor in _held.values():
        with suppress(OSError):
            os.close(descriptor)
    _held.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget)
