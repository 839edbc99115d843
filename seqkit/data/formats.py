"""Which reader a file needs: CoNLL columns, CoNLL-U, JSON, CSV and TSV, Parquet, plain text.

The suffix decides, and the content if the suffix is not enough (``.txt``, ``.tsv``, none). A file is read as tagged
sentences, labelled texts or plain texts by :func:`read_rows`, and as the documents of a language model by
:func:`documents_of`. What cannot be read raises a :class:`~seqkit.errors.CorpusError` with file and line; nothing is
skipped or repaired.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from seqkit.data.column_names import TEXT
from seqkit.data.conll import TAG_SHAPE, read_columns
from seqkit.data.conllu import read_conllu
from seqkit.data.csv_tables import csv_documents, has_table_header, read_csv
from seqkit.data.jsonl import json_documents, read_json
from seqkit.data.parquet import parquet_documents
from seqkit.data.plain_text import read_lines, running_text
from seqkit.data.rows import AnnotatedText, Column, LabelledText, PlainText, Row, TaggedSentence
from seqkit.data.text_files import in_pieces, read_text
from seqkit.errors import CorpusError

__all__ = ["KNOWN_SUFFIXES", "TEXT_SUFFIXES", "documents_of", "has_documents_in_rows", "read_rows"]

Reader = Callable[[str, str, Column, Column], list[Row]]

COLUMN_SUFFIXES = (".conll", ".conll2003", ".bio", ".iob", ".iob2", ".bioes", ".iobes", ".ner", ".pos", ".tags")
CONLLU_SUFFIXES = (".conllu", ".conllup")
JSON_LINES_SUFFIXES = (".jsonl", ".ndjson")
JSON_SUFFIXES = (*JSON_LINES_SUFFIXES, ".json")
CSV_SUFFIXES = (".csv", ".tsv")
KNOWN_SUFFIXES = (*COLUMN_SUFFIXES, *CONLLU_SUFFIXES, *JSON_SUFFIXES, *CSV_SUFFIXES, ".txt", ".parquet")
"""The suffixes of files that can be a corpus of rows."""

RUNNING_SUFFIXES = (".txt", ".md")
TEXT_SUFFIXES = (*RUNNING_SUFFIXES, *JSON_LINES_SUFFIXES, *CSV_SUFFIXES, ".parquet")
"""The suffixes of files that can be text for a language model."""


def read_rows(
    path: Path,
    *,
    token_column: Column = None,
    tag_column: Column = None,
    text_column: str | None = None,
    encoding: str = "utf-8",
) -> list[Row]:
    """Read a text file of any format into rows.

    Args:
        path: the file.
        token_column: index (may be negative) or name of the token column; by default the usual one.
        tag_column: the same for the tags, or for the labels of texts.
        text_column: name of the column of labelled texts; by default ``text``.
        encoding: encoding of the file; a byte order mark is allowed.

    Returns:
        Rows of one kind, in the order of the file.

    Raises:
        CorpusError: the file cannot be read; with file and line.
        ConfigError: the encoding is unknown.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.conll")
    ...     _ = path.write_text("Ada B-PER\\nran O\\n")
    ...     read_rows(path)
    [TaggedSentence(tokens=['Ada', 'ran'], tags=['B-PER', 'O'], lines=[1, 2], document=None)]
    """
    text = read_text(path, encoding)
    if not text.strip():
        raise CorpusError("the file is empty", file=path)
    read = _reader_for(path, text, (token_column, tag_column, text_column))
    if text_column is not None:
        if read not in (read_csv, _read_json):
            raise CorpusError("the columns of this file have no names; leave the text column out", file=path)
        read = partial(read, text_column=text_column)
    rows = read(text, str(path), token_column, tag_column)
    if not rows:
        raise CorpusError("the file has no examples in it", file=path)
    _check_same_kind(rows, path)
    return rows


def _check_same_kind(rows: Sequence[Row], path: Path) -> None:
    kinds = {
        TaggedSentence: "a tagged sentence",
        AnnotatedText: "a text with spans",
        LabelledText: "a labelled text",
        PlainText: "text without annotation",
    }
    first = rows[0]
    for row in rows:
        if type(row) is not type(first):
            raise CorpusError(
                f"this example is {kinds[type(row)]}, but the one on line {first.line} is {kinds[type(first)]};"
                " all examples of a corpus must be annotated alike",
                file=path,
                line=row.line,
            )


def _reader_for(path: Path, text: str, columns: Sequence[Column]) -> Reader:
    suffix = path.suffix.lower()
    if suffix in COLUMN_SUFFIXES:
        return read_columns
    if suffix in CONLLU_SUFFIXES:
        return read_conllu
    if suffix in JSON_SUFFIXES or (suffix not in KNOWN_SUFFIXES and text.lstrip().startswith("{")):
        return _read_json
    has_named_column = any(isinstance(column, str) and not column.removeprefix("-").isdecimal() for column in columns)
    if suffix == ".csv" or (suffix == ".tsv" and (has_named_column or has_table_header(text))):
        return read_csv
    return read_columns if suffix == ".tsv" or _looks_like_columns(text) else read_lines


def _looks_like_columns(text: str) -> bool:
    """Return whether most of the first lines have the same number of columns, the last of them a tag."""
    lines = [line.split() for line in text[:20_000].split("\n")[:200] if line.strip()]
    widths = [len(cells) for cells in lines if len(cells) > 1 and TAG_SHAPE.fullmatch(cells[-1])]
    return bool(widths) and 2 * widths.count(max(widths, key=widths.count)) > len(lines)


def _read_json(
    text: str, file: str, token_column: Column, tag_column: Column, text_column: str | None = None
) -> list[Row]:
    if isinstance(token_column, int) or isinstance(tag_column, int):
        raise CorpusError("columns of a JSON file are named, not numbered", file=file)
    return read_json(text, file, token_key=token_column, tag_key=tag_column, text_key=text_column)


def has_documents_in_rows(path: Path) -> bool:
    """Return whether each row of a file is a document, rather than the whole file one running text.

    >>> has_documents_in_rows(Path("a.jsonl")), has_documents_in_rows(Path("book.txt"))
    (True, False)
    """
    return path.suffix.lower() in (*JSON_SUFFIXES, *CSV_SUFFIXES, ".parquet")


def documents_of(path: Path, encoding: str, column: str | None) -> Iterator[Iterable[str]]:
    """Read the documents of one file, each as its pieces; memory does not grow with the size of the file.

    Args:
        path: the file.
        encoding: encoding of the file, unless it is Parquet.
        column: the column or key of the text; by default ``text``.

    Raises:
        CorpusError: the file cannot be read as text; with file and line.
        ConfigError: the encoding is unknown.
    """
    suffix = path.suffix.lower()
    if suffix in JSON_SUFFIXES:
        return map(in_pieces, json_documents(path, encoding, column or TEXT[0]))
    if suffix in CSV_SUFFIXES:
        return map(in_pieces, csv_documents(path, encoding, column or TEXT[0]))
    if suffix == ".parquet":
        return map(in_pieces, parquet_documents(path, column or TEXT[0]))
    if suffix in (*COLUMN_SUFFIXES, *CONLLU_SUFFIXES):
        message = "this file has words with tags, not text; give the text itself, as .txt or .jsonl"
        raise CorpusError(message, file=path)
    return iter([running_text(path, encoding, column)])
