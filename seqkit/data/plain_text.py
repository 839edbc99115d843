"""Plain text: a row a line, or the whole file as one running text."""

from collections.abc import Iterator
from pathlib import Path

from seqkit.data.columns_taken import ColumnsTaken, FileRows
from seqkit.data.rows import Column, PlainText, Row
from seqkit.data.text_files import read_pieces, split_lines
from seqkit.errors import CorpusError

__all__ = ["read_lines", "running_text"]


def read_lines(text: str, file: str, token_column: Column = None, tag_column: Column = None) -> FileRows:
    """Read each line as a row.

    Raises:
        CorpusError: columns are asked for, of which plain text has none.

    >>> read_lines("once\\nupon\\n", "a.txt").rows[1]
    PlainText(text='upon', line=2, document=None)
    """
    if token_column is not None or tag_column is not None:
        message = "this is plain text, which has no columns; leave out --token-column, --tag-column and --label-column"
        raise CorpusError(message, file=file)
    lines = split_lines(text)
    if not lines[-1]:
        lines.pop()
    rows: list[Row] = [PlainText(line, number) for number, line in enumerate(lines, start=1)]
    return FileRows(rows, ColumnsTaken(format="plain text"))


def running_text(path: Path, encoding: str, column: str | None) -> Iterator[str]:
    """Read a file as the pieces of one text.

    Raises:
        CorpusError: a column is asked for, of which plain text has none.
    """
    if column is not None:
        raise CorpusError(f"this is plain text, which has no column {column!r}", file=path)
    return read_pieces(path, encoding)
