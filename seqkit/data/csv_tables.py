"""CSV and TSV files: a token a row, a sentence a row, a labelled text a row, or a document a row.

::

    sentence_id,token,tag          tokens,tags                      text,label
    1,Ada,B-PER                    Ada ran,B-PER O                  a fine film,positive
    1,ran,O                        "[""Bo""]","[""B-PER""]"         "dull, long",negative

:mod:`seqkit.data.tables` parses them; without a header, :mod:`seqkit.data.unnamed_columns` finds the columns.
"""

import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from seqkit.data.column_names import (
    DOCUMENT,
    LABEL,
    SENTENCE,
    TAG,
    TEXT,
    TOKEN,
    TOKENS,
    check_column,
    first_present,
    is_column_number,
)
from seqkit.data.columns_taken import ColumnsTaken, FileRows
from seqkit.data.list_cells import is_like_list, parse_list
from seqkit.data.rows import Column, LabelledText, PlainText, Row, SentenceBuilder
from seqkit.data.tables import NumberedCells, Table, open_table
from seqkit.data.text_files import clean_token, lines_of, read_pieces, shortened, split_lines
from seqkit.data.unnamed_columns import find_text_and_label, find_token_and_tag, has_inner_blank
from seqkit.errors import CorpusError, SeqkitWarning

__all__ = ["csv_documents", "has_table_header", "has_texts_and_labels", "looks_like_texts", "read_csv"]

LIST_OF_LABELS = re.compile(r"\[\s*(?:['\"]|null\b|None\b|nan\b|-?\d)")


class _Chosen(NamedTuple):
    """The columns that are read: texts with or without labels, or tokens and tags."""

    has_texts: bool
    first: int
    second: int | None


def has_table_header(text: str) -> bool:
    """Return whether the first line of a tab-separated file names its columns.

    >>> has_table_header("Token\\tTag\\nAda\\tB-PER\\n"), has_table_header("Ada\\tB-PER\\n")
    (True, False)
    """
    names = [name.strip().strip('"').lower() for name in split_lines(text[:10_000].lstrip())[0].split("\t")]
    return first_present((*TOKEN, *TEXT), names) is not None and first_present((*TAG, *LABEL), names) is not None


def looks_like_texts(text: str) -> bool:
    """Return whether a tab-separated file without a known header holds texts rather than tokens.

    >>> looks_like_texts("a good film\\tpos\\na bad film\\tneg\\n"), looks_like_texts("Ada\\tB-PER\\nran\\tO\\n")
    (True, False)
    """
    rows = [line.split("\t") for line in split_lines(text) if line.strip()]
    return len(rows[0]) > 1 and 2 * sum(len(cells) > 1 and has_inner_blank(cells) for cells in rows) > len(rows)


def has_texts_and_labels(text: str) -> bool:
    """Return whether a tab-separated file without a header has a text and a label in each row.

    >>> has_texts_and_labels("a good film\\tpos\\na fine film\\tpos\\n"), has_texts_and_labels("one\\ntwo\\n")
    (True, False)
    """
    lines = enumerate(split_lines(text), start=1)
    return find_text_and_label([(number, line.split("\t")) for number, line in lines if line.strip()]) is not None


def read_csv(
    text: str, file: str, token_column: Column = None, tag_column: Column = None, text_column: Column = None
) -> FileRows:
    """Read a table; the columns decide what a row is.

    ``text`` and ``label`` make labelled texts. ``tokens`` and ``tags``, as lists or separated by spaces, make a
    sentence a row. A token and a tag column make a token a row; sentences are then separated by a sentence column
    (blank means the same sentence) or by blank lines. A file without a header has columns with numbers; two of them
    are told apart by their content, with a warning.

    Args:
        text: the content of the file.
        file: its name, for errors.
        token_column: name or index of the token column.
        tag_column: name or index of the tag column, or of the column of the labels of texts.
        text_column: name or index of the column of texts; by default ``text``.

    Raises:
        CorpusError: the columns are not known, or a row does not fit them; with file and line.

    >>> read_csv("text,label\\na fine film,positive\\n", "a.csv").rows
    [LabelledText(text='a fine film', label='positive', line=2, document=None)]
    """
    table = open_table(lambda: lines_of([text]), file, (token_column, tag_column, text_column))
    rows = list(table.rows)
    find = _named_columns if table.names else _numbered_columns
    chosen = find(table, rows, token_column, tag_column, text_column)
    first, second = ("texts", "labels") if chosen.has_texts else ("tokens", "tags")
    columns = {first: table.label_of(chosen.first)}
    if chosen.second is not None:
        columns[second] = table.label_of(chosen.second)
    return FileRows(_rows(table, rows, chosen), ColumnsTaken(format="CSV", columns=columns, width=table.width))


def csv_documents(path: Path, encoding: str, column: str) -> Iterator[str]:
    """Read the text of each row; a few rows at a time are in memory."""
    table = open_table(lambda: lines_of(read_pieces(path, encoding)), path, (column,))
    if not is_column_number(column):
        check_column(column.lower(), table.names, path, table.first_line)
    index = table.column((), column)
    assert index is not None
    return (cells[index] for _, cells in table.rows if cells)


def _named_columns(
    table: Table, rows: Sequence[NumberedCells], token_column: Column, tag_column: Column, text_column: Column
) -> _Chosen:
    token, tag = table.column(TOKEN, token_column), table.column(TAG, tag_column)
    if token_column is None:
        passage = _passage_column(table, text_column)
        label = table.column(LABEL, tag_column)
        if passage is not None and label is not None and (text_column is not None or label == tag):
            return _Chosen(True, passage, label)
        if passage is not None and tag is None:
            return _Chosen(True, passage, None)
    if token is None or tag is None:
        missing = "token" if token is None else "tag"
        message = f"no {missing} column among {', '.join(table.names)}; {_REMEDY[missing]}"
        raise CorpusError(message, file=table.file, line=table.first_line)
    return _Chosen(False, token, tag)


_BY_NUMBER = (
    "if the first line is no header, give numbers, as in --text-column 0 --label-column 1"
    " or --token-column 0 --tag-column 1"
)
_REMEDY = {
    "token": f"name it with --token-column, or that of texts with --text-column; {_BY_NUMBER}",
    "tag": f"name it with --tag-column, or that of labels with --label-column; {_BY_NUMBER}",
}


def _passage_column(table: Table, chosen: Column) -> int | None:
    """Return the column of texts: ``text``, or ``sentence`` if there are neither texts nor tokens."""
    if chosen is not None:
        return table.column((), chosen)
    if table.column(SENTENCE) is None:
        return table.column(TEXT[:1])
    return table.column(("sentence",)) if table.column(TOKEN) is None else None


def _numbered_columns(
    table: Table, rows: Sequence[NumberedCells], token_column: Column, tag_column: Column, text_column: Column
) -> _Chosen:
    """Find the columns of a table without a header."""
    text, token, tag = (table.column((), each) for each in (text_column, token_column, tag_column))
    if token is not None:
        return _Chosen(False, token, table.width - 1 if tag is None else tag)
    words = find_token_and_tag(rows) if text is None else None
    if words is not None:
        return _Chosen(False, words[0], words[1] if tag is None else tag)
    if text is not None and tag is not None:
        _warn_of_header(table, rows, text, tag)
        return _Chosen(True, text, tag)
    if (text is not None or tag is not None) and table.width == 2:
        passage, label = (text, 1 - text) if text is not None else (1 - (tag or 0), tag or 0)
        return _Chosen(True, passage, label)
    found = None if text is not None or tag is not None else find_text_and_label(rows)
    if found is None:
        cells = ", ".join(shortened(cell, 20) for cell in table.first[:8])
        message = f"no token column among {cells}; {_REMEDY['token']}"
        raise CorpusError(message, file=table.file, line=table.first_line)
    message = (
        f"{table.file} has no header: read texts from column {found[0]} and labels from column {found[1]};"
        " choose with --text-column and --label-column"
    )
    warnings.warn(message, SeqkitWarning, stacklevel=2)
    return _Chosen(True, *found)


def _warn_of_header(table: Table, rows: Sequence[NumberedCells], text: int, label: int) -> None:
    """Warn if the first row may be a header: its label is the only one that occurs once."""
    counts = Counter(cells[label].strip() for _, cells in rows if cells)
    if [value for value, count in counts.items() if count == 1] == [table.first[label].strip()]:
        message = (
            f"{table.file}:{table.first_line}: read as an example, with a label that occurs nowhere else; if this is"
            f" the header, give its names: --text-column '{table.first[text]}' --label-column '{table.first[label]}'"
        )
        warnings.warn(message, SeqkitWarning, stacklevel=2)


def _rows(table: Table, rows: Sequence[NumberedCells], chosen: _Chosen) -> list[Row]:
    filled = [(line, cells) for line, cells in rows if cells]
    if chosen.second is None:
        return [PlainText(_text(table, line, cells[chosen.first]), line) for line, cells in filled]
    if chosen.has_texts:
        return [
            LabelledText(_text(table, line, cells[chosen.first]), _label(table, line, cells[chosen.second]), line)
            for line, cells in filled
        ]
    first = next((cells[chosen.first] for _, cells in filled), "")
    if table.label_of(chosen.first) in TOKENS or parse_list(first) is not None:
        return _sentences(table, filled, chosen.first, chosen.second)
    return _join_tokens(table, rows, chosen.first, chosen.second)


def _text(table: Table, line: int, cell: str) -> str:
    if not cell.strip():
        raise CorpusError("there is no text in this row; write one or delete the row", file=table.file, line=line)
    return cell


def _label(table: Table, line: int, cell: str) -> str | list[str]:
    """Return a label, or the labels in a list, of which one becomes that label."""
    cell = cell.strip()
    if not cell:
        message = "there is no label in this row; write one or delete the row"
        raise CorpusError(message, file=table.file, line=line)
    if not is_like_list(cell):
        return cell
    values = _parse_list(table, line, cell)
    if values is None:
        if LIST_OF_LABELS.match(cell):
            message = f"{shortened(cell)} is not a list of strings; write one such as ['a', 'b']"
            raise CorpusError(message, file=table.file, line=line)
        return cell
    labels = list(dict.fromkeys(str(value).strip() for value in values))
    if not all(labels):
        raise CorpusError(f"an empty label in {shortened(cell)}; delete it", file=table.file, line=line)
    return labels[0] if len(labels) == 1 else labels


def _sentences(table: Table, rows: Sequence[NumberedCells], token: int, tag: int) -> list[Row]:
    """Read a sentence a row."""
    document = table.column(DOCUMENT)
    builder = SentenceBuilder(str(table.file))
    for line, cells in rows:
        tokens, tags = (_strings(table, line, cells[index]) for index in (token, tag))
        if not tokens or len(tokens) != len(tags):
            raise CorpusError(f"{len(tokens)} tokens but {len(tags)} tags", file=table.file, line=line)
        builder.document = (cells[document] or None) if document is not None else None
        for word, name in zip(tokens, tags, strict=True):
            builder.add(clean_token(word), name.strip(), line)
        builder.end_sentence()
    return builder.rows


def _strings(table: Table, line: int, cell: str) -> list[str]:
    """Return the strings of a list, or those that spaces separate."""
    if not is_like_list(cell):
        return [part for part in cell.split(" ") if part]
    values = _parse_list(table, line, cell) or []
    strings = [value for value in values if isinstance(value, str)]
    if not strings or len(strings) < len(values):
        message = f"{shortened(cell)} is not a list of strings; write one such as ['a', 'b']"
        raise CorpusError(message, file=table.file, line=line)
    return strings


def _parse_list(table: Table, line: int, cell: str) -> list[str | int] | None:
    try:
        return parse_list(cell)
    except CorpusError as error:
        raise CorpusError(str(error), file=table.file, line=line) from None


def _join_tokens(table: Table, rows: Sequence[NumberedCells], token: int, tag: int) -> list[Row]:
    """Read a token a row."""
    sentence, document = table.column(SENTENCE), table.column(DOCUMENT)
    if sentence is None and all(cells for _, cells in rows):
        message = "nothing separates the sentences; add a sentence_id column, or blank lines between sentences"
        raise CorpusError(message, file=table.file, line=table.first_line)
    builder = SentenceBuilder(str(table.file))
    current = ""
    for line, cells in rows:
        if not cells:
            builder.end_sentence()
            continue
        if sentence is not None and cells[sentence].strip() not in ("", current):
            current = cells[sentence].strip()
            builder.end_sentence()
        if document is not None and cells[document] not in ("", builder.document):
            builder.start_document(cells[document])
        builder.add(clean_token(cells[token]), cells[tag].strip(), line)
    builder.end_sentence()
    return builder.rows
