"""Standard streams that the command can rely on, and a width that text fits into.

A stream may be closed, full, or a terminal that is gone. Results that cannot be written are an error; messages and
progress that cannot be written are dropped.
"""

import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["discard_output", "discard_unwritten", "prepare_streams", "prepare_width"]

WIDTHS = range(20, 65536)  # of a terminal that lines can be fitted into; the system's limit is 16 bits
USUAL_WIDTH = 80


class _Messages(io.FileIO):
    """stderr, where what cannot be written is dropped."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write bytes if possible, and return their number in any case."""
        written: int | None = None  # as it is for a pipe that is full for now
        with suppress(OSError):
            written = super().write(data)
        return memoryview(data).nbytes if written is None else written


class _ClosedOutput(io.FileIO):
    """stdout that was closed when the command began."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Raise OSError with a message that a person understands."""
        try:
            return super().write(data)
        except OSError as error:
            raise OSError(error.errno, "it is closed, so the output is lost", "stdout") from None


def prepare_streams() -> None:
    """Replace stderr by a stream that never fails, and a closed stdout by one that fails as soon as it is used."""
    if sys.stdout is sys.__stdout__ and sys.stderr is sys.__stderr__:  # and not those of a test
        _reserve_numbers()
        if sys.stdout is None:
            sys.stdout = _text(_ClosedOutput(1, "w", closefd=False), "utf-8", "strict")
        encoding = "utf-8" if sys.stderr is None else sys.stderr.encoding
        sys.stderr = _text(_Messages(2, "w", closefd=False), encoding, "backslashreplace", lines=True)


def _text(raw: io.FileIO, encoding: str, errors: str, lines: bool = False) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding, errors=errors, line_buffering=lines)


def _reserve_numbers() -> None:
    """Open what is closed of the file numbers 0 to 2: else the next file, such as a model, would get such a number.

    They are opened the wrong way round, so that using them is still an error.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_WRONLY if number == 0 else os.O_RDONLY)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)


def discard_unwritten() -> None:
    """Discard what cannot be written, so that the interpreter does not try again while it shuts down."""
    try:
        sys.stdout.flush()
    except OSError:
        discard_output()


def discard_output() -> None:
    """Discard what is written to stdout from now on, and what could not be written yet."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def prepare_width() -> None:
    """Make sure that ``COLUMNS`` and the terminal yield a width: else rich prints nothing, or a letter a line."""
    for name in ("COLUMNS", "LINES"):
        given = os.environ.get(name)
        if given is not None and not _is_size(given, WIDTHS if name == "COLUMNS" else range(1, 65536)):
            del os.environ[name]
    if "COLUMNS" not in os.environ and any(width not in WIDTHS for width in _terminal_widths()):
        os.environ["COLUMNS"] = str(USUAL_WIDTH)


def _is_size(text: str, sizes: range) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10 and int(text) in sizes


def _terminal_widths() -> list[int]:
    widths = []
    for number in range(3):
        with suppress(OSError):
            widths.append(os.get_terminal_size(number).columns)
    return widths
