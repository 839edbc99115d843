"""An injected layer between seqkit and the file system, which counts the steps below a folder and spoils one of them.

A step is a call that changes what is on the disk: making, writing, flushing, renaming or removing a file or a folder.
The layer replaces the functions of ``os`` (and the exchange of two folders), for the rest of the process: it is for
processes that were forked for it.
"""

import errno
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from seqkit.runs import atomic

__all__ = ["ERRORS", "Fault", "FileLayer"]

STEPS = ("open", "write", "ftruncate", "fsync", "mkdir", "rmdir", "unlink", "remove", "rename", "replace", "link")
NEEDS_SPACE = {"open", "write", "fsync", "mkdir", "link"}
BY_DESCRIPTOR = {"write", "fsync", "ftruncate"}
CHANGES = os.O_CREAT | os.O_TRUNC  # a file that is only opened for reading or locking is no step
ERRORS = {name: getattr(errno, name) for name in ("ENOSPC", "EIO", "EROFS", "EACCES", "EDQUOT")}

How = Literal["never", "kill before", "kill after", "kill half-way", "error", "full disk"]


@dataclass(frozen=True)
class Fault:
    """What goes wrong.

    Attributes:
        how: ``kill …`` ends the process as ``kill -9`` does; an ``error`` happens once; a ``full disk`` stays full.
        step: at which step, from 1.
        number: the number of the error.
    """

    how: How = "never"
    step: int = 0
    number: int = errno.ENOSPC

    def __str__(self) -> str:
        name = f"{errno.errorcode[self.number]} " if self.how in ("error", "full disk") else ""
        return f"{name}{self.how} at step {self.step}"


class FileLayer:
    """Counts the steps below a folder, and spoils one of them.

    Args:
        root: the folder.
        fault: what goes wrong.
    """

    def __init__(self, root: Path, fault: Fault) -> None:
        self.root = os.path.realpath(root)
        self.fault = fault
        self.names: list[str] = []  # of the steps so far
        self.inside: set[int] = set()  # the open files and folders below the root

    def install(self) -> None:
        """Replace the functions of ``os``, for good."""
        usual_open, usual_close = os.open, os.close
        for name in STEPS:
            setattr(os, name, self._step(name, getattr(os, name)))
        counted_open = os.open

        def opened(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            concerned = self._is_inside("open", (path,), {"dir_fd": dir_fd})
            usual = counted_open if flags & CHANGES else usual_open
            descriptor: int = usual(path, flags, mode, dir_fd=dir_fd)
            if concerned:
                self.inside.add(descriptor)
            return descriptor

        def closed(descriptor: int) -> None:
            self.inside.discard(descriptor)
            usual_close(descriptor)

        setattr(os, "open", opened)  # noqa: B010  (mypy would compare the overloads)
        setattr(os, "close", closed)  # noqa: B010
        setattr(atomic, "_renameat2", self._step("exchange", atomic._renameat2))  # noqa: B010

    def _is_inside(self, name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> bool:
        if name in BY_DESCRIPTOR:
            return arguments[0] in self.inside
        if (folder := options.get("dir_fd")) is not None:
            return folder in self.inside
        return any(self._is_below(path) for path in arguments[:2] if isinstance(path, (str, os.PathLike)))

    def _is_below(self, path: "str | os.PathLike[str]") -> bool:
        given = Path(path)
        whole = str(Path(os.path.realpath(given.parent)) / given.name)  # a link that is removed is not followed
        return whole == self.root or whole.startswith(self.root + os.sep)

    def _step(self, name: str, usual: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if not self._is_inside(name, arguments, options):
                return usual(*arguments, **options)
            self.names.append(name)
            self._before(name, usual, arguments)
            result = usual(*arguments, **options)
            if self.fault.how == "kill after" and self.fault.step == len(self.names):
                _kill()
            return result

        return call

    def _before(self, name: str, usual: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        fault, step = self.fault, len(self.names)
        if fault.how == "full disk" and step >= fault.step and name in NEEDS_SPACE:
            if name == "write":
                usual(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            raise OSError(fault.number, os.strerror(fault.number))
        if step != fault.step:
            return
        if fault.how == "kill before":
            _kill()
        if fault.how == "kill half-way":
            if name == "write":
                usual(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            _kill()
        if fault.how == "error":
            raise OSError(fault.number, os.strerror(fault.number))


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
