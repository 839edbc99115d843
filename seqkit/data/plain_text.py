"""Text files as documents, each in pieces: running text, JSON lines, tables with a header, Parquet.

Files are decoded here and read a piece at a time, and what is wrong with one is told with its line.
"""

import codecs
import csv
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Literal

from seqkit.data.formats import KNOWN_SUFFIXES
from seqkit.errors import ConfigError, CorpusError

__all__ = ["ROWS_AT_ONCE", "ROW_SUFFIXES", "TEXT_SUFFIXES", "check_column", "checked_text", "documents_of", "in_pieces"]

PIECE_LENGTH = 1 << 20
ROWS_AT_ONCE = 256
RUNNING_SUFFIXES = (".txt", ".md")
ROW_SUFFIXES = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")
TEXT_SUFFIXES = (*RUNNING_SUFFIXES, *ROW_SUFFIXES)
QUOTED_CELL = re.compile(r'(?:^|\t)"[^\t]+"(?:\t|\r?$)')


def checked_text(value: object, file: str | Path, line: int) -> str:
    """A value that is a text, as UTF-8 can hold it.

    Raises:
        CorpusError: it is no string, or holds half of a surrogate pair; with the number of its line or row.

    >>> checked_text("one", "a.jsonl", 1)
    'one'
    """
    if not isinstance(value, str):
        raise CorpusError(f"the text must be a string, not {value!r:.80}", file=file, line=line)
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError as error:
        message = f"\\u{ord(value[error.start]):04x} is half of a surrogate pair, which is no character"
        raise CorpusError(message, file=file, line=line) from None
    return value


def in_pieces(text: str) -> Iterator[str]:
    """A text in pieces of limited length.

    >>> list(in_pieces("one"))
    ['one']
    """
    return (text[start : start + PIECE_LENGTH] for start in range(0, len(text), PIECE_LENGTH))


def check_column(column: str, names: Iterable[str], file: str | Path, line: int | None = None) -> None:
    """Raise CorpusError where the column of the text is not among those there are."""
    if column not in names:
        message = f"no text under {column!r}, only {', '.join(names) or 'nothing'}; say where it is with --text-column"
        raise CorpusError(message, file=file, line=line)


def documents_of(path: Path, encoding: str, column: str | None) -> Iterator[Iterable[str]]:
    """The documents of one file, according to its suffix."""
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson", ".json"):
        return map(in_pieces, _json_rows(path, encoding, column or "text"))
    if suffix in (".csv", ".tsv"):
        return map(in_pieces, _table_rows(path, encoding, column or "text"))
    if suffix == ".parquet":
        return map(in_pieces, _parquet_rows(path, column or "text"))
    if suffix in KNOWN_SUFFIXES and suffix not in RUNNING_SUFFIXES:
        raise CorpusError("this file has words with tags, not text; give the text itself, as .txt or .jsonl", file=path)
    if column is not None:
        raise CorpusError(f"this is plain text, which has no column {column!r}", file=path)
    return iter([_read(path, encoding)])


def _read(path: Path, encoding: str) -> Iterator[str]:
    """A text file in pieces, decoded here and not by ``open``, which cannot say where it failed."""
    try:
        "".encode(encoding)
        decoder, name = codecs.getincrementaldecoder(encoding)(), codecs.lookup(encoding).name.upper()
    except LookupError:
        raise ConfigError(f"unknown encoding {encoding!r}; try utf-8, latin-1 or utf-16") from None
    line, end = 1, 0
    try:
        with path.open("rb") as file:
            for content in chain(iter(lambda: file.read(PIECE_LENGTH), b""), [b""]):
                end += len(content)
                piece = decoder.decode(content, final=not content)
                if "\0" in piece:
                    line += piece.count("\n", 0, piece.index("\0"))
                    message = "a NUL character; is this UTF-16? then pass --encoding utf-16-le"
                    raise CorpusError(message, file=path, line=line)
                if kept := piece.removeprefix("\ufeff") if end == len(content) else piece:
                    yield kept
                line += piece.count("\n")
    except OSError as error:
        raise CorpusError((error.strerror or str(error)).lower(), file=path) from None
    except UnicodeDecodeError as error:
        line += error.object.count(b"\n", 0, error.start)
        raise CorpusError(_undecodable(error, end, name), file=path, line=line) from None
    except UnicodeError:
        raise CorpusError(f"this is not {name}; pass the file's own --encoding", file=path, line=line) from None


def _undecodable(error: UnicodeDecodeError, end: int, name: str) -> str:
    """What is wrong, where the bytes that were to be decoded end at an offset in the file."""
    offset = end - len(error.object) + error.start
    if name == "UTF-8" and offset == 0 and error.object[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "the file is UTF-16, not UTF-8; pass --encoding utf-16"
    byte = f"byte 0x{error.object[error.start]:02x} at offset {offset} is not {name}"
    return f"{byte}; mend this line, or pass the file's own --encoding, such as cp1252 or latin-1"


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    """Lines with their ends; nothing but a line feed ends one."""
    held: list[str] = []
    for piece in pieces:
        *ended, rest = piece.split("\n")
        for line in ended:
            yield "".join((*held, line, "\n"))
            held = []
        held.append(rest)
    if last := "".join(held):
        yield last


def _json_rows(path: Path, encoding: str, column: str) -> Iterator[str]:
    for number, line in enumerate(_lines(_read(path, encoding)), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            message = f"not JSON: {error.msg} at column {error.colno}; write one object a line"
            raise CorpusError(message, file=path, line=number) from None
        if not isinstance(record, dict):
            raise CorpusError(f"not an object such as {{{column!r}: ...}}; write one a line", file=path, line=number)
        check_column(column, record, path, number)
        yield checked_text(record[column], path, number)


def _table_rows(path: Path, encoding: str, column: str) -> Iterator[str]:
    lines = _lines(_read(path, encoding))
    header = next(lines, "")
    delimiter = "\t" if "\t" in header else ";" if ";" in header and "," not in header else ","
    tabs, others = header.count("\t"), (line for line in _lines(_read(path, encoding)) if line.strip())
    # In a tab-separated file that quotes no cell, nor has one of several lines, quotation marks are like any character.
    quoted = delimiter != "\t" or any(line.count("\t") != tabs or QUOTED_CELL.search(line) for line in others)
    rows = _cells(chain([header], lines), path, delimiter, quoted)
    names = [name.strip().lower() for name in next(rows, (1, []))[1]]
    check_column(column.lower(), names, path, 1)
    for line, cells in rows:
        if len(cells) != len(names):
            message = f"this row has {len(cells)} fields, the header has {len(names)}"
            raise CorpusError(message, file=path, line=line)
        yield cells[names.index(column.lower())]


def _cells(lines: Iterable[str], path: Path, delimiter: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table, with the line each begins on; blank lines are passed over."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    rows = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
    cells: list[str] | None = []
    while cells is not None:
        line = rows.line_num + 1
        limit = csv.field_size_limit(2**31 - 1)  # it holds for the whole process, so it is raised for a row at a time
        try:
            cells = next(rows, None)
        except csv.Error as error:
            raise CorpusError(f"not CSV: {error}; is a quotation mark not closed?", file=path, line=line) from None
        finally:
            csv.field_size_limit(limit)
        if cells:
            yield line, cells


def _parquet_rows(path: Path, column: str) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            check_column(column, file.schema_arrow.names, path)
            batches = file.iter_batches(ROWS_AT_ONCE, columns=[column])
            rows = chain.from_iterable(batch.column(0).to_pylist() for batch in batches)
            yield from (checked_text(row, path, number) for number, row in enumerate(rows, start=1))
    except (OSError, pa.ArrowException) as error:
        raise CorpusError(f"this Parquet file is damaged: {error}", file=path) from None
