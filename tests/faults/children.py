"""Functions that are run in forked processes, so that a process can die and torch need not be imported again."""

import os
import pickle
import select
import signal
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

__all__ = ["Child", "Ended"]

PATIENCE = 120.0  # seconds until a child counts as hanging


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        code: its exit code, or minus the signal that ended it.
        result: what its function returned.
        error: the exception of its function, with a traceback.
    """

    code: int
    result: Any = None
    error: str = ""

    def value(self) -> Any:
        """Return the result; raise AssertionError if there is none."""
        assert not self.error, self.error
        assert self.code == 0, f"the child ended with {self.code}"
        return self.result


class Child:
    """A forked process that runs a function.

    Args:
        number: the process.
        pipe: where its result comes from.
    """

    def __init__(self, number: int, pipe: int) -> None:
        self.number = number
        self.pipe = pipe

    @classmethod
    def start(cls, function: Callable[[], Any], *, log: Path | None = None) -> Self:
        """Fork a process, and call the function in it, with the signals and the streams of a new process.

        Args:
            function: its result must be picklable.
            log: file for what it writes to stdout and stderr; nothing is kept by default.
        """
        receiver, sender = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of a fork if there are threads
            number = os.fork()
        if number:
            os.close(sender)
            return cls(number, receiver)
        code = 1
        try:
            os.close(receiver)
            _begin(log)
            result = _called(function)
            with suppress(BrokenPipeError):
                _send(sender, result)
            code = 0
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 1
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(code)

    def signal(self, number: int) -> None:
        """Send a signal; a process that has ended is not waited for yet, so that its number is not another's."""
        with suppress(ProcessLookupError):
            os.kill(self.number, number)

    def wait(self, patience: float = PATIENCE) -> Ended:
        """Return how the process ended; one that hangs is killed, and counts as such."""
        content, until = b"", time.monotonic() + patience
        while select.select([self.pipe], [], [], max(0.0, until - time.monotonic()))[0]:
            if not (part := os.read(self.pipe, 65536)):
                break
            content += part
        else:
            self.signal(signal.SIGKILL)
        os.close(self.pipe)
        code = os.waitstatus_to_exitcode(os.waitpid(self.number, 0)[1])
        if time.monotonic() > until:
            return Ended(code, error="the process hangs")
        result, error = pickle.loads(content) if content else (None, "")
        return Ended(code, result, error)

    @classmethod
    def run(cls, function: Callable[[], Any], *, log: Path | None = None, patience: float = PATIENCE) -> Ended:
        """Start a process, and return how it ended."""
        return cls.start(function, log=log).wait(patience)


def _begin(log: Path | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    setattr(os, "fsync", lambda descriptor: None)  # noqa: B010  (nobody pulls the plug, and a busy disk is slow)
    target = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(target, stream)


def _called(function: Callable[[], Any]) -> tuple[Any, str]:
    try:
        return function(), ""
    except Exception:
        return None, traceback.format_exc()


def _send(pipe: int, result: tuple[Any, str]) -> None:
    with os.fdopen(pipe, "wb") as file:
        file.write(pickle.dumps(result))
