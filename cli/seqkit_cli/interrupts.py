"""Signals while a command runs: what is half done is cleaned up, and the exit code is 128 + the signal's number.

A training handles signals itself: it is saved first (``seqkit.training.fit``).
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from seqkit_cli.signals import end_at_once, handle

__all__ = ["Interrupt", "Interrupted", "raise_interrupts"]


class Interrupted(KeyboardInterrupt):
    """A signal asked the command to end."""


class Interrupt:
    """What is known of the signals.

    Attributes:
        number: the signal that came, if one did.
    """

    def __init__(self) -> None:
        self.number: int | None = None


@contextmanager
def raise_interrupts() -> Iterator[Interrupt]:
    """Let the first signal within the block raise ``Interrupted``, so that what is half done is cleaned up.

    It ends the process at once if it comes while a module is imported, which would swallow or change the exception; so
    does a second signal.
    """
    interrupt = Interrupt()

    def press(number: int, frame: FrameType | None) -> None:
        handle(end_at_once)
        interrupt.number = number
        if _is_importing(frame):
            end_at_once(number, frame)
        raise Interrupted

    def swallowed(lost: "sys.UnraisableHookArgs") -> None:
        if issubclass(lost.exc_type, Interrupted):
            end_at_once(interrupt.number or signal.SIGINT, None)
        usual(lost)

    usual, sys.unraisablehook = sys.unraisablehook, swallowed
    handle(press)
    try:
        yield interrupt
    finally:
        handle(end_at_once)
        sys.unraisablehook = usual


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
