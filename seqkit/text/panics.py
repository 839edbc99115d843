"""Panics of the tokenizers library, which is written in Rust, as ordinary exceptions.

A panic reaches Python as a ``PanicException``, which is no ``Exception``: nothing that handles errors handles it, and
its class cannot be imported.
"""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["panics_as_errors"]


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """Turn a panic within the block into a ``ValueError`` with the first line of its message.

    >>> with panics_as_errors():
    ...     [1, 2]
    [1, 2]
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        lines = str(error).strip().splitlines()
        raise ValueError(lines[0] if lines else "panic") from None
