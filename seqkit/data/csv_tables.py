"""CSV and TSV files with a header: one token a row, one sentence a row, or one labelled text a row.

::

    sentence_id,token,tag          tokens,tags                      text,label
    1,Ada,B-PER                    Ada ran,B-PER O                  a fine film,positive
    1,ran,O                        "[""Bo""]","[""B-PER""]"         "dull, long",negative
"""

import ast
import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from seqkit.data.conll import Column, SentenceBuilder
from seqkit.data.rows import LabelledText, PlainText, Row, TaggedSentence
from seqkit.errors import CorpusError

__all__ = ["has_table_header", "read_csv"]

LIST_COLUMNS = ("tokens", "words")
TOKEN_COLUMNS = ("token", "word", "form", *LIST_COLUMNS, "text")
TAG_COLUMNS = ("tag", "tags", "ner", "ner_tag", "ner_tags", "label", "labels", "pos", "upos")
SENTENCE_COLUMNS = ("sentence_id", "sentence #", "sentence_number", "sent_id", "sentence")
DOCUMENT_COLUMNS = ("document", "document_id", "doc_id")


class _Table(NamedTuple):
    """Numbered rows under named columns; a blank line is a row without cells."""

    file: str
    names: list[str]
    rows: list[tuple[int, list[str]]]

    def column(self, candidates: Sequence[str], chosen: Column = None) -> int | None:
        """The index of the first candidate there is, or of the column that was asked for."""
        if chosen is None:
            return next((self.names.index(name) for name in candidates if name in self.names), None)
        if str(chosen).lower() in self.names:
            return self.names.index(str(chosen).lower())
        if str(chosen).removeprefix("-").isdecimal() and -len(self.names) <= int(chosen) < len(self.names):
            return int(chosen) % len(self.names)
        raise CorpusError(f"no column {chosen!r}: the columns are {', '.join(self.names)}", file=self.file, line=1)

    def filled(self) -> Iterator[tuple[int, list[str]]]:
        """The rows that are not blank lines."""
        return (row for row in self.rows if row[1])


def has_table_header(text: str) -> bool:
    """Whether the first line of a tab-separated file names its columns.

    >>> has_table_header("Token\\tTag\\nAda\\tB-PER\\n"), has_table_header("Ada\\tB-PER\\n")
    (True, False)
    """
    names = [name.strip().strip('"').lower() for name in text.partition("\n")[0].split("\t")]
    return any(name in TOKEN_COLUMNS for name in names) and any(name in TAG_COLUMNS for name in names)


def read_csv(
    text: str, file: str, token_column: Column = None, tag_column: Column = None, text_column: str | None = None
) -> list[Row]:
    """Read a table with a header; its columns say what a row is.

    ``text`` and ``label`` make labelled texts; ``tokens`` and ``tags``, as JSON lists or cut at spaces, a
    sentence a row; a token and a tag column a token a row, where sentences are told apart by a sentence
    column (blank means the same sentence) or by blank lines.

    Args:
        text: the content of the file.
        file: its name, for errors.
        token_column: name or index of the token column.
        tag_column: name or index of the tag column, or of that of the labels of texts.
        text_column: name of the column of texts, where it is not ``text``.

    Raises:
        CorpusError: the columns are not known, or a row does not fit them; with file and line.

    >>> read_csv("text,label\\na fine film,positive\\n", "a.csv")
    [LabelledText(text='a fine film', label='positive', line=2, document=None)]
    """
    table = _parse(text, file)
    token, tag = table.column(TOKEN_COLUMNS, token_column), table.column(TAG_COLUMNS, tag_column)
    sentence, document = table.column(SENTENCE_COLUMNS), table.column(DOCUMENT_COLUMNS)
    if token_column is None:
        passage = (
            table.column((), text_column)
            if text_column
            else table.column(("text",))
            if sentence is None
            else table.column(("sentence",))
            if token is None
            else None
        )
        label = table.column(("label", "labels"), tag_column)
        if passage is not None and label is not None and (text_column or label == tag):
            return [_labelled(table, line, cells, passage, label) for line, cells in table.filled()]
        if passage is not None and tag is None:
            return [PlainText(cells[passage], line) for line, cells in table.filled()]
    if token is None or tag is None:
        missing = "token" if token is None else "tag"
        raise CorpusError(f"no {missing} column among {', '.join(table.names)}; name it", file=file, line=1)
    first = next((cells[token] for _, cells in table.filled()), "")
    if table.names[token] in LIST_COLUMNS or first.startswith("["):
        return [_sentence(table, line, cells, token, tag, document) for line, cells in table.filled()]
    return _join_tokens(table, token, tag, sentence, document)


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
    for parse in (json.loads, ast.literal_eval):  # the second reads what pandas writes of a list
        try:
            value = parse(cell)
        except (ValueError, SyntaxError):
            continue
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return value
    return []


def _join_tokens(table: _Table, token: int, tag: int, sentence: int | None, document: int | None) -> list[Row]:
    if sentence is None and all(cells for _, cells in table.rows):
        message = "nothing tells the sentences apart; add a sentence_id column, or blank lines between sentences"
        raise CorpusError(message, file=table.file, line=1)
    builder = SentenceBuilder(table.file)
    current = ""
    for line, cells in table.rows:
        if not cells:
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


def _parse(text: str, file: str) -> _Table:
    header = text.partition("\n")[0]
    delimiter = "\t" if "\t" in header else ";" if ";" in header and "," not in header else ","
    # In a tab-separated file that quotes no cell, a quotation mark is a token like any other.
    plain = delimiter == "\t" and not _has_quoted_cells(text)
    rows = _cells(text, file, delimiter, csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL)
    if plain and _misfit(rows) and '"' in text:
        rows = _cells(text, file, delimiter, csv.QUOTE_MINIMAL)
    if misfit := _misfit(rows):
        line, cells = misfit
        message = f"this row has {len(cells)} fields, the header has {len(rows[0][1])}"
        raise CorpusError(message, file=file, line=line)
    return _Table(file, [name.strip().lower() for name in rows[0][1]], rows[1:])


def _misfit(rows: list[tuple[int, list[str]]]) -> tuple[int, list[str]] | None:
    width = len(rows[0][1])
    return next((row for row in rows if row[1] and len(row[1]) != width), None)


def _cells(text: str, file: str, delimiter: str, quoting: Literal[0, 3]) -> list[tuple[int, list[str]]]:
    """Rows with the line each begins on; a blank line is a row without cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    limit = csv.field_size_limit(2**31 - 1)  # a whole document may stand in one cell
    rows = []
    line = 1
    try:
        for cells in reader:
            rows.append((line, cells if any(cells) else []))
            line = reader.line_num + 1
    except csv.Error as error:
        raise CorpusError(f"not CSV: {error}; is a quotation mark not closed?", file=file, line=line) from None
    finally:
        csv.field_size_limit(limit)
    return rows


def _has_quoted_cells(text: str) -> bool:
    """Whether a tab-separated file quotes its cells; if it does not, ``"`` is a token like any other."""
    cells = (cell for line in text.split("\n") for cell in line.removesuffix("\r").split("\t"))
    return any(len(cell) > 2 and cell[0] == cell[-1] == '"' for cell in cells)
