"""The signals that ask the command to end: Ctrl-C (SIGINT), SIGTERM, and SIGHUP, which follows a closed terminal.

This is the first module that the command imports, so it imports next to nothing: Python itself shows a traceback for a
Ctrl-C that comes before ``handle`` is called. A signal that is ignored, as SIGHUP is under ``nohup``, stays ignored.
"""

import os
import signal

TYPE_CHECKING = False  # importing typing takes longer than everything else here
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["SIGNALS", "end_at_once", "handle"]

SIGNALS = [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in signal.Signals.__members__]


def handle(handler: "Callable[[int, FrameType | None], None]") -> None:
    """Let a function handle the signals that are not ignored; in a thread, which cannot do so, nothing changes."""
    for number in SIGNALS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            try:
                signal.signal(number, handler)
            except ValueError:  # this is not the main thread
                return


def end_at_once(number: int, frame: "FrameType | None") -> None:
    """End the process here, without exceptions, of which an import or the end of the interpreter would print some."""
    try:
        os.write(2, b"interrupted\n")
    finally:
        os._exit(128 + number)
