"""Delimited files: their dialect, their header and their rows.

::

    sep=;                       a comma, a tab or a semicolon; Excel may say which
    text;label                  a header, if there is one
    "a film; fine";positive     rows, which may go over several lines
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Literal, NamedTuple

from seqkit.data.column_names import (
    DOCUMENT,
    LABEL,
    SENTENCE,
    TAG,
    TEXT,
    TOKEN,
    column_index,
    first_present,
    is_column_number,
)
from seqkit.data.rows import Column
from seqkit.data.text_files import ROWS_AT_ONCE
from seqkit.errors import CorpusError

__all__ = ["Dialect", "NumberedCells", "Table", "find_dialect", "open_table", "parse_rows", "rows_of_width"]

NumberedCells = tuple[int, list[str]]
"""The line on which a row begins, and its cells; a blank line has none."""

DELIMITERS = "\t,;"
HEAD = 20
"""From how many lines the delimiter is found."""

SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
# A quoted cell after blanks. Within a quoted cell every quotation mark is doubled, except the one that ends it.
SPACED_QUOTE = r'{0} +"(?!["{0}\r\n]|$)(?:[^"]|"")*+(?:$|" *(?:{0}|$))'


class Table(NamedTuple):
    """A delimited file.

    Attributes:
        file: its name, for errors.
        names: the names of the columns, in lower case; empty if the file has no header.
        width: the number of columns.
        first_line: the line of the first row, or of the header.
        first: the cells of that row.
        rows: the rows without the header; a blank line, or a row whose cells are all empty, has no cells.
    """

    file: str | Path
    names: Sequence[str]
    width: int
    first_line: int
    first: Sequence[str]
    rows: Iterator[NumberedCells]

    def column(self, candidates: Sequence[str], chosen: Column = None) -> int | None:
        """Return the index of the chosen column, or else of the first candidate that is there.

        Raises:
            CorpusError: the chosen column is not there.
        """
        if chosen is None:
            name = first_present(candidates, self.names)
            return None if name is None else self.names.index(name)
        return column_index(chosen, self.names, self.width, self.file, line=self.first_line)

    def label_of(self, column: int) -> str | int:
        """Return the name of a column, or its number if it has no name."""
        return self.names[column] if self.names else column


def open_table(read: Callable[[], Iterator[str]], file: str | Path, chosen: Sequence[Column] = ()) -> Table:
    """Find the dialect and the header of a delimited file, and begin to read its rows.

    Args:
        read: begins to read the lines of the file anew, with their ends; it is called several times.
        file: the name of the file, for errors.
        chosen: the columns that are asked for; if any is named, the first line is a header.

    Raises:
        CorpusError: the file is not CSV; with file and line.

    >>> table = open_table(lambda: iter(["text,label\\n", "fine,good\\n"]), "a.csv")
    >>> table.names, list(table.rows)
    (['text', 'label'], [(2, ['fine', 'good'])])
    """
    dialect = find_dialect(read)
    rows = parse_rows(read(), file, dialect)
    first_line, first = next(((line, cells) for line, cells in rows if any(cells)), (dialect.skipped + 1, []))
    names = [" ".join(name.strip().strip('"').lower().split()) for name in first]
    named = any(column is not None and not is_column_number(column) for column in chosen)
    if named or _is_header(names, lambda: parse_rows(read(), file, dialect)):
        return Table(file, names, len(first), first_line, first, rows_of_width(rows, len(first), file, "the header"))
    rows = chain([(first_line, first)], rows)
    return Table(file, (), len(first), first_line, first, rows_of_width(rows, len(first), file, f"line {first_line}"))


def _is_header(names: Sequence[str], read: Callable[[], Iterator[NumberedCells]]) -> bool:
    """Return whether the first row names columns; a name of a label column may also be a label, as ``pos`` is."""
    if first_present((*TOKEN, *TEXT, *SENTENCE, *DOCUMENT), names):
        return True
    label = first_present((*TAG, *LABEL), names)
    if label is None:
        return False
    index = names.index(label)
    found = (cells[index].strip().lower() for _, cells in read() if len(cells) > index)
    return sum(1 for cell in found if cell == label) == 1


class Dialect(NamedTuple):
    """How the rows of a delimited file are written.

    Attributes:
        delimiter: what separates cells.
        quoting: whether quotation marks enclose cells, as a constant of ``csv``.
        skips_blanks: whether blanks come before cells.
        skipped: the number of lines before the first row, which say what the delimiter is.
    """

    delimiter: str
    quoting: Literal[0, 3]
    skips_blanks: bool
    skipped: int


def find_dialect(read: Callable[[], Iterator[str]]) -> Dialect:
    """Find out how the rows of a delimited file are written.

    Args:
        read: begins to read the lines of the file anew, with their ends; it is called several times.

    >>> find_dialect(lambda: iter(["text;label\\n"])).delimiter
    ';'
    """

    def lines() -> Iterator[str]:
        return islice(_csv_lines(read()), skipped, None)

    skipped = 0
    separator = SEPARATOR_LINE.fullmatch(next(lines(), "").rstrip("\r\n"))
    skipped = 1 if separator else 0
    head = list(islice(lines(), HEAD))
    first = next(filter(str.strip, head), "")
    delimiter = separator[1] if separator else _find_delimiter(first, head)
    # If a tab-separated file quotes no cell, quotation marks are tokens like any other.
    is_quoted = delimiter != "\t" or _has_quoted_cells(lines(), first.count("\t"))
    spaced_quote = re.compile(SPACED_QUOTE.format(re.escape(delimiter)))
    skips_blanks = is_quoted and any(spaced_quote.search(line.rstrip("\r\n")) for line in lines())
    return Dialect(delimiter, csv.QUOTE_MINIMAL if is_quoted else csv.QUOTE_NONE, skips_blanks, skipped)


def _find_delimiter(first: str, head: Sequence[str]) -> str:
    """Return the only delimiter in the first row, or the one that cuts the first rows into equally many cells."""
    candidates = [delimiter for delimiter in DELIMITERS if delimiter in first]
    whole = head[:-1] if len(head) == HEAD else head  # the last row may go on
    for delimiter in candidates if len(candidates) > 1 else ():
        try:
            widths = {len(cells) for cells in csv.reader(whole, delimiter=delimiter) if cells}
        except csv.Error:
            continue
        if len(widths) == 1 and widths != {1}:
            return delimiter
    return candidates[0] if candidates else ","


def _csv_lines(lines: Iterable[str]) -> Iterator[str]:
    """Cut lines at single carriage returns too, which end a row of a CSV file."""
    for line in lines:
        if "\r" in line:
            yield from io.StringIO(line, newline="")
        else:
            yield line


def _has_quoted_cells(lines: Iterable[str], tabs: int) -> bool:
    """Return whether a tab-separated file quotes cells: some of one line, or any that go over several lines."""
    for line in filter(str.strip, lines):
        cells = line.rstrip("\r\n").split("\t")
        if len(cells) != tabs + 1 or any(len(cell) > 2 and cell[0] == cell[-1] == '"' for cell in cells):
            return True
    return False


def parse_rows(lines: Iterable[str], file: str | Path, dialect: Dialect) -> Iterator[NumberedCells]:
    """Parse the lines of a delimited file; each row comes with the line on which it begins.

    Args:
        lines: all lines of the file, with their ends.
        file: its name, for errors.
        dialect: how its rows are written.

    Raises:
        CorpusError: a quotation mark is not closed; with file and line.

    >>> list(parse_rows(["a,b\\n"], "a.csv", find_dialect(lambda: iter(["a,b\\n"]))))
    [(1, ['a', 'b'])]
    """
    start = dialect.skipped + 1
    reader = csv.reader(
        islice(_csv_lines(lines), dialect.skipped, None),
        delimiter=dialect.delimiter,
        quoting=dialect.quoting,
        skipinitialspace=dialect.skips_blanks,
        strict=True,
    )
    line, batch = start, [(0, [""])]
    while batch:
        batch = []
        # A cell may be a whole document. The limit holds for the whole process, so it is raised only while parsing.
        limit = csv.field_size_limit(2**31 - 1)
        try:
            for cells in islice(reader, ROWS_AT_ONCE):
                batch.append((line, cells))
                line = reader.line_num + start
        except csv.Error as error:
            raise CorpusError(f"not CSV: {error}; is a quotation mark not closed?", file=file, line=line) from None
        finally:
            csv.field_size_limit(limit)
        yield from batch


def rows_of_width(rows: Iterable[NumberedCells], width: int, file: str | Path, measure: str) -> Iterator[NumberedCells]:
    """Make sure that each row has as many cells as the first, besides empty ones at its end, unless all are empty.

    Args:
        rows: the rows.
        width: the number of cells that each is to have.
        file: the name of the file, for errors.
        measure: what has so many, for errors.

    Raises:
        CorpusError: a row has more or fewer; with file and line.

    >>> list(rows_of_width([(1, ["a", "b", ""])], 2, "a.csv", "the header"))
    [(1, ['a', 'b'])]
    """
    for line, cells in rows:
        if not any(cells):
            yield line, []
        elif len(cells) == width or (len(cells) > width and not any(map(str.strip, cells[width:]))):
            yield line, cells[:width]
        else:
            raise CorpusError(f"this row has {len(cells)} fields, {measure} has {width}", file=file, line=line)
