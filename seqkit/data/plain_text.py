"""Plain text: a row a line, or the whole file as one running text."""

from collections.abc import Iterator
from pathlib import Path

from seqkit.data.rows import Column, PlainText, Row
from seqkit.data.text_files import read_pieces, split_lines
from seqkit.errors import CorpusError

__all__ = ["read_lines", "running_text"]


def read_lines(text: str, file: str, token_column: Column = None, tag_column: Column = None) -> list[Row]:
    """Read each line as a row.

    Raises:
        CorpusError: columns are asked for, of which plain text has none.

    >>> read_lines("once\\nupon\\n", "a.txt")[1]
    PlainText(text='upon', line=2, document=None)
    """
    if token_column is not None or tag_column is not None:
        raise CorpusError("this is plain text, which has no columns", file=file)
    return [PlainText(line, number) for number, line in enumerate(split_lines(text.removesuffix("\n")), start=1)]


def running_text(path: Path, encoding: str, column: str | None) -> Iterator[str]:
    """Read a file as the pieces of one text.

    Raises:
        CorpusError: a column is asked for, of which plain text has none.
    """
    if column is not None:
        raise CorpusError(f"this is plain text, which has no column {column!r}", file=path)
    return read_pieces(path, encoding)
