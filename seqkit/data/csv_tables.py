"""CSV and TSV files with a header: a token a row, a sentence a row, a labelled text a row, or a document a row.

::

    sentence_id,token,tag          tokens,tags                      text,label
    1,Ada,B-PER                    Ada ran,B-PER O                  a fine film,positive
    1,ran,O                        "[""Bo""]","[""B-PER""]"         "dull, long",negative
"""

import ast
import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from seqkit.data.column_names import (
    DOCUMENT,
    LABEL,
    SENTENCE,
    TAG,
    TEXT,
    TOKEN,
    TOKENS,
    check_column,
    column_index,
    first_present,
)
from seqkit.data.rows import Column, LabelledText, PlainText, Row, SentenceBuilder, TaggedSentence
from seqkit.data.text_files import ROWS_AT_ONCE, lines_of, read_pieces
from seqkit.errors import CorpusError

__all__ = ["csv_documents", "has_table_header", "open_table", "read_csv"]

NumberedCells = tuple[int, list[str]]


def has_table_header(text: str) -> bool:
    """Return whether the first line of a tab-separated file names its columns.

    >>> has_table_header("Token\\tTag\\nAda\\tB-PER\\n"), has_table_header("Ada\\tB-PER\\n")
    (True, False)
    """
    names = [name.strip().strip('"').lower() for name in text.partition("\n")[0].split("\t")]
    return first_present(TOKEN, names) is not None and first_present(TAG, names) is not None


def read_csv(
    text: str, file: str, token_column: Column = None, tag_column: Column = None, text_column: str | None = None
) -> list[Row]:
    """Read a table with a header; the columns decide what a row is.

    ``text`` and ``label`` make labelled texts. ``tokens`` and ``tags``, as JSON lists or separated by spaces, make a
    sentence a row. A token and a tag column make a token a row; sentences are then separated by a sentence column
    (blank means the same sentence) or by blank lines.

    Args:
        text: the content of the file.
        file: its name, for errors.
        token_column: name or index of the token column.
        tag_column: name or index of the tag column, or of the column of the labels of texts.
        text_column: name of the column of texts; by default ``text``.

    Raises:
        CorpusError: the columns are not known, or a row does not fit them; with file and line.

    >>> read_csv("text,label\\na fine film,positive\\n", "a.csv")
    [LabelledText(text='a fine film', label='positive', line=2, document=None)]
    """
    table = open_table(lambda: lines_of([text]), file)
    token, tag = table.column(TOKEN, token_column), table.column(TAG, tag_column)
    if token_column is None:
        passage = _passage_column(table, text_column)
        label = table.column(LABEL, tag_column)
        if passage is not None and label is not None and (text_column or label == tag):
            return [_labelled(table, line, cells, passage, label) for line, cells in table.filled_rows()]
        if passage is not None and tag is None:
            return [PlainText(cells[passage], line) for line, cells in table.filled_rows()]
    if token is None or tag is None:
        missing = "token" if token is None else "tag"
        message = f"no {missing} column among {', '.join(table.names)}; say which column it is"
        raise CorpusError(message, file=file, line=1)
    rows = list(table.rows)
    first = next((cells[token] for _, cells in rows if any(cells)), "")
    if table.names[token] in TOKENS or first.startswith("["):
        document = table.column(DOCUMENT)
        return [_sentence(table, line, cells, token, tag, document) for line, cells in rows if any(cells)]
    return _join_tokens(table, rows, token, tag)


def csv_documents(path: Path, encoding: str, column: str) -> Iterator[str]:
    """Read the text of each row; a few rows at a time are in memory."""
    table = open_table(lambda: lines_of(read_pieces(path, encoding)), path)
    check_column(column.lower(), table.names, path, 1)
    index = table.names.index(column.lower())
    return (cells[index] for _, cells in table.rows if cells)


class _Table(NamedTuple):
    """Named columns, and rows with the line on which each begins; a blank line is a row without cells."""

    file: str | Path
    names: list[str]
    rows: Iterator[NumberedCells]

    def column(self, candidates: Sequence[str], chosen: Column = None) -> int | None:
        """Return the index of the chosen column, or else of the first candidate that is there.

        Raises:
            CorpusError: the chosen column is not there.
        """
        if chosen is None:
            name = first_present(candidates, self.names)
            return None if name is None else self.names.index(name)
        return column_index(chosen, self.names, len(self.names), self.file, line=1)

    def filled_rows(self) -> Iterator[NumberedCells]:
        """Read the rows that have anything in their cells."""
        return ((line, cells) for line, cells in self.rows if any(cells))


def _passage_column(table: _Table, chosen: str | None) -> int | None:
    """Return the column of texts: ``text``, or ``sentence`` if there are neither texts nor tokens."""
    if chosen:
        return table.column((), chosen)
    if table.column(SENTENCE) is None:
        return table.column(TEXT[:1])
    return table.column(("sentence",)) if table.column(TOKEN) is None else None


def _labelled(table: _Table, line: int, cells: list[str], passage: int, label: int) -> Row:
    if not cells[label].strip():
        raise CorpusError("there is no label in this row", file=table.file, line=line)
    return LabelledText(cells[passage], cells[label].strip(), line)


def _sentence(table: _Table, line: int, cells: list[str], token: int, tag: int, document: int | None) -> Row:
    tokens, tags = _list(cells[token]), _list(cells[tag])
    if not tokens or len(tokens) != len(tags):
        raise CorpusError(f"{len(tokens)} tokens but {len(tags)} tags", file=table.file, line=line)
    name = None if document is None else cells[document]
    return TaggedSentence(tokens, tags, [line] * len(tokens), name or None)


def _list(cell: str) -> list[str]:
    if not cell.startswith("["):
        return [part for part in cell.split(" ") if part]
    for parse in (json.loads, ast.literal_eval):  # the second reads what pandas writes for a list
        try:
            value = parse(cell)
        except (ValueError, SyntaxError):
            continue
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return value
    return []


def _join_tokens(table: _Table, rows: Sequence[NumberedCells], token: int, tag: int) -> list[Row]:
    sentence, document = table.column(SENTENCE), table.column(DOCUMENT)
    if sentence is None and all(any(cells) for _, cells in rows):
        message = "nothing separates the sentences; add a sentence_id column, or blank lines between sentences"
        raise CorpusError(message, file=table.file, line=1)
    builder = SentenceBuilder(str(table.file))
    current = ""
    for line, cells in rows:
        if not any(cells):
            builder.end_sentence()
            continue
        if sentence is not None and cells[sentence].strip() not in ("", current):
            current = cells[sentence].strip()
            builder.end_sentence()
        if document is not None and cells[document] not in ("", builder.document):
            builder.start_document(cells[document])
        builder.add(cells[token], cells[tag], line)
    builder.end_sentence()
    return builder.rows


def open_table(read: Callable[[], Iterator[str]], file: str | Path) -> _Table:
    """Read the header of a table, find its dialect and begin to read its rows.

    Args:
        read: begins to read the lines of the file anew, with their ends; it is called twice.
        file: its name, for errors.
    """
    header = next(_csv_lines(read()), "")
    delimiter = _delimiter(header)
    # If a tab-separated file quotes no cell, quotation marks are tokens like any other.
    is_quoted = delimiter != "\t" or _has_quoted_cells(_csv_lines(read()), header.count("\t"))
    rows = _parsed(_csv_lines(read()), file, delimiter, csv.QUOTE_MINIMAL if is_quoted else csv.QUOTE_NONE)
    _, cells = next(rows, (1, []))
    names = [name.strip().lower() for name in cells]
    return _Table(file, names, _of_width(rows, len(names), file))


def _delimiter(header: str) -> str:
    if "\t" in header:
        return "\t"
    return ";" if ";" in header and "," not in header else ","


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


def _parsed(lines: Iterable[str], file: str | Path, delimiter: str, quoting: Literal[0, 3]) -> Iterator[NumberedCells]:
    """Parse rows; each comes with the line on which it begins."""
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
    line, batch = 1, [(0, [""])]
    while batch:
        batch = []
        # A cell may be a whole document. The limit holds for the whole process, so it is raised only while parsing.
        limit = csv.field_size_limit(2**31 - 1)
        try:
            for cells in islice(reader, ROWS_AT_ONCE):
                batch.append((line, cells))
                line = reader.line_num + 1
        except csv.Error as error:
            raise CorpusError(f"not CSV: {error}; is a quotation mark not closed?", file=file, line=line) from None
        finally:
            csv.field_size_limit(limit)
        yield from batch


def _of_width(rows: Iterable[NumberedCells], width: int, file: str | Path) -> Iterator[NumberedCells]:
    """Make sure that each row has as many cells as the header, unless they are all empty."""
    for line, cells in rows:
        if len(cells) == width:
            yield line, cells
        elif any(cells):
            raise CorpusError(f"this row has {len(cells)} fields, the header has {width}", file=file, line=line)
        else:
            yield line, []
