"""JSON files: one object a line, or (for tagged and labelled rows) one list of objects.

What becomes of an object is told in :mod:`seqkit.data.records`.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from seqkit.data.column_names import check_column
from seqkit.data.records import empty_label_text, row_from_record
from seqkit.data.rows import LabelledText, Row
from seqkit.data.text_files import check_characters, checked_text, lines_of, read_pieces
from seqkit.errors import CorpusError

__all__ = ["json_documents", "read_json"]


def read_json(
    text: str,
    file: str,
    *,
    token_key: str | None = None,
    tag_key: str | None = None,
    text_key: str | None = None,
) -> list[Row]:
    """Read examples from JSON: one object a line, or one list of objects.

    Args:
        text: the content of the file.
        file: its name, for errors.
        token_key: the key of the tokens; by default ``tokens``.
        tag_key: the key of the tags, or of the label of a text; by default one of the usual names.
        text_key: the key of the text; by default one of the usual names.

    Raises:
        CorpusError: the text is not JSON, or an object is not an example; with file and line.

    >>> [row.text for row in read_json('{"text": "one"}\\n{"text": "two"}\\n', "a.jsonl")]
    ['one', 'two']
    """
    objects = _objects_of_list(text, file) if text.lstrip().startswith("[") else _objects_by_line([text], file)
    may_have_surrogates = "\\ud" in text.lower()
    rows: list[Row] = []
    empty: dict[int, LabelledText] = {}  # rows with an empty list, either of spans or of labels
    for line, record in objects:
        try:
            if may_have_surrogates:
                check_characters(json.dumps(record, ensure_ascii=False))
            row = row_from_record(record, line, token_key=token_key, tag_key=tag_key, text_key=text_key)
            if labelled := empty_label_text(record, row, tag_key=tag_key, text_key=text_key):
                empty[len(rows)] = labelled
        except CorpusError as error:
            raise CorpusError(str(error), file=file, line=line) from None
        rows.append(row)
    if any(isinstance(row, LabelledText) for row in rows):
        for index, labelled in empty.items():
            rows[index] = labelled
    return rows


def json_documents(path: Path, encoding: str, key: str) -> Iterator[str]:
    """Read the text of each object of a file with one object a line; one line at a time is in memory."""
    for line, record in _objects_by_line(read_pieces(path, encoding), path):
        if not isinstance(record, dict):
            message = f"this is not an object such as {{{key!r}: ...}}; write one object a line"
            raise CorpusError(message, file=path, line=line)
        check_column(key, record, path, line)
        yield checked_text(record[key], path, line)


def _objects_by_line(pieces: Iterable[str], file: str | Path) -> Iterator[tuple[int, object]]:
    for number, line in enumerate(lines_of(pieces), start=1):
        if line.strip():
            try:
                yield number, json.loads(line.rstrip("\r\n"))
            except json.JSONDecodeError as error:
                message = f"not JSON: {error.msg} at column {error.colno}; write one object a line"
                raise CorpusError(message, file=file, line=number) from None


def _objects_of_list(text: str, file: str) -> Iterator[tuple[int, object]]:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise CorpusError(f"not JSON: {error.msg} at column {error.colno}", file=file, line=error.lineno) from None
    # Decoded once more, item by item, because this is how the line of each item becomes known.
    decoder = json.JSONDecoder()
    position = text.index("[") + 1
    line, counted = 1, 0
    while True:
        while text[position] in " \t\r\n,":
            position += 1
        if text[position] == "]":
            return
        line, counted = line + text.count("\n", counted, position), position
        record, position = decoder.raw_decode(text, position)
        yield line, record
