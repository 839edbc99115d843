"""What a reader leaves out of a file is counted, and said in one warning for each reason."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from seqkit.errors import CorpusError, SeqkitWarning

__all__ = ["LeftOut", "located"]


class LeftOut:
    """Counts what a reader leaves out of a file.

    Args:
        file: the file.

    >>> left_out = LeftOut("a.jsonl")
    >>> left_out.add("rejected examples", 4)
    >>> left_out.messages()
    ['rejected examples are left out: 1, first a.jsonl:4']
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._lines: dict[str, list[str]] = {}

    def add(self, what: str, line: int, file: str | None = None) -> None:
        """Count something.

        Args:
            what: what is left out, in the plural.
            line: its line.
            file: the file if it is not that of the reader.
        """
        self._lines.setdefault(what, []).append(f"{file or self._file}:{line}")

    def messages(self) -> list[str]:
        """Return a sentence for each reason."""
        return [f"{what} are left out: {len(places)}, first {places[0]}" for what, places in self._lines.items()]

    def warn(self) -> None:
        """Warn of what was left out."""
        for message in self.messages():
            warnings.warn(message, SeqkitWarning, stacklevel=3)

    def check_any(self, count: int) -> None:
        """Make sure that something is left.

        Args:
            count: how many rows are left.

        Raises:
            CorpusError: everything was left out; the message says why.
        """
        if not count and self._lines:
            raise CorpusError(f"no example is left: {'; '.join(self.messages())}", file=self._file)


@contextmanager
def located(file: str, line: int) -> Iterator[None]:
    """Add the file and the line to an error that does not have them.

    >>> with located("a.jsonl", 3):
    ...     raise CorpusError("the text is null")
    Traceback (most recent call last):
    seqkit.errors.CorpusError: a.jsonl:3: the text is null
    """
    try:
        yield
    except CorpusError as error:
        if error.file is not None:
            raise
        raise CorpusError(str(error), file=file, line=line) from None
