"""Which reader a file needs: CoNLL columns, CoNLL-U, JSON, CSV and TSV, fastText, Parquet, plain text.

The suffix decides, and the content if the suffix is not enough (``.txt``, ``.tsv``, none). CoNLL-U and fastText's lines
are known by their content under any suffix. A file is read as tagged
sentences, annotated, labelled or plain texts by :func:`read_rows`, and as the documents of a language model by
:func:`documents_of`. What cannot be read raises a :class:`~seqkit.errors.CorpusError` with file and line; nothing is
skipped or repaired.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from seqkit.data.annotations import ExportOptions
from seqkit.data.brat import ANNOTATION_SUFFIX, is_brat, read_brat
from seqkit.data.column_names import TEXT, is_column_number
from seqkit.data.columns_taken import ColumnsTaken, FileRows
from seqkit.data.conll import TAG_SHAPE, read_columns
from seqkit.data.conllu import looks_like_conllu, read_conllu
from seqkit.data.csv_tables import csv_documents, has_table_header, has_texts_and_labels, looks_like_texts, read_csv
from seqkit.data.export_tables import is_export_table, read_export_table
from seqkit.data.fasttext import looks_like_fasttext, read_fasttext
from seqkit.data.jsonl import json_documents, read_json
from seqkit.data.parquet import parquet_documents
from seqkit.data.plain_text import read_lines, running_text
from seqkit.data.records import Keys
from seqkit.data.rows import AnnotatedText, Column, LabelledText, PlainText, Row, TaggedSentence
from seqkit.data.text_files import in_pieces, read_text, split_lines
from seqkit.errors import CorpusError

__all__ = ["KNOWN_SUFFIXES", "TEXT_SUFFIXES", "documents_of", "has_documents_in_rows", "read_file", "read_rows"]

Reader = Callable[[str, str, Column, Column], FileRows]

COLUMN_SUFFIXES = (".conll", ".conll2003", ".bio", ".iob", ".iob2", ".bioes", ".iobes", ".ner", ".pos", ".tags")
CONLLU_SUFFIXES = (".conllu", ".conllup")
JSON_LINES_SUFFIXES = (".jsonl", ".ndjson")
JSON_SUFFIXES = (*JSON_LINES_SUFFIXES, ".json")
CSV_SUFFIXES = (".csv", ".tsv")
KNOWN_SUFFIXES = (
    *COLUMN_SUFFIXES,
    *CONLLU_SUFFIXES,
    *JSON_SUFFIXES,
    *CSV_SUFFIXES,
    ANNOTATION_SUFFIX,
    ".txt",
    ".parquet",
)
"""The suffixes of files that can be a corpus of rows."""

RUNNING_SUFFIXES = (".txt", ".md")
TEXT_SUFFIXES = (*RUNNING_SUFFIXES, *JSON_LINES_SUFFIXES, *CSV_SUFFIXES, ".parquet")
"""The suffixes of files that can be text for a language model."""


def read_rows(
    path: Path,
    *,
    token_column: Column = None,
    tag_column: Column = None,
    text_column: Column = None,
    encoding: str = "utf-8",
    options: ExportOptions | None = None,
) -> list[Row]:
    """Read a text file of any format into rows.

    Args:
        path: the file.
        token_column: index (may be negative) or name of the token column; by default the usual one.
        tag_column: the same for the tags, or for the labels of texts.
        text_column: the same for the texts; by default ``text``.
        encoding: encoding of the file; a byte order mark is allowed.
        options: how to read the export of an annotation tool.

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
    return read_file(path, (token_column, tag_column, text_column), encoding, options).rows


def read_file(
    path: Path,
    columns: tuple[Column, Column, Column] = (None, None, None),
    encoding: str = "utf-8",
    options: ExportOptions | None = None,
) -> FileRows:
    """Read a text file of any format into rows, and tell which columns were read.

    Args:
        path: the file.
        columns: the token column, the tag column and the text column, as for :func:`read_rows`.
        encoding: encoding of the file.
        options: how to read the export of an annotation tool.

    Raises:
        CorpusError: the file cannot be read; with file and line.
        ConfigError: the encoding or an option is unknown.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.conll")
    ...     _ = path.write_text("1\\tAda\\tB-PER\\n2\\tran\\tO\\n")
    ...     print(read_file(path).columns)
    CoNLL: tokens from column 1, tags from column 2, counted from 0
    """
    options = options or ExportOptions()
    if is_brat(path):
        return FileRows([*read_brat(path, encoding, options)], ColumnsTaken(format="brat"))
    text = read_text(path, encoding)
    if not text.strip():
        raise CorpusError("the file is empty", file=path)
    is_json = _is_json(path, text)
    if is_json or (path.suffix.lower() in CSV_SUFFIXES and is_export_table(text)):
        found = _read_objects(path, text, columns, options, is_json)
    elif options.given():
        given = ", ".join(options.given())
        raise CorpusError(f"this file is no export of an annotation tool; leave {given} out", file=path)
    else:
        found = _read_columns(path, text, columns)
    if not found.rows:
        raise CorpusError("the file has no examples in it", file=path)
    _check_same_kind(found.rows, path)
    return found


def _read_columns(path: Path, text: str, columns: tuple[Column, Column, Column]) -> FileRows:
    read = _reader_for(path, text, columns)
    token_column, tag_column, text_column = columns
    if text_column is not None:
        if read is not read_csv:
            message = "this file has no columns of texts with labels; leave out --text-column"
            raise CorpusError(message, file=path)
        read = partial(read, text_column=text_column)
    return read(text, str(path), token_column, tag_column)


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
    if suffix in CONLLU_SUFFIXES or looks_like_conllu(text):
        return read_conllu
    if looks_like_fasttext(text):
        return read_fasttext
    if suffix == ".csv" or has_table_header(text):
        return read_csv
    if suffix in COLUMN_SUFFIXES:
        return read_columns
    is_named = any(column is not None and not is_column_number(column) for column in columns)
    if columns[2] is not None or (suffix == ".tsv" and (is_named or looks_like_texts(text))):
        return read_csv
    if suffix == ".tsv":
        return read_columns
    if looks_like_texts(text) and has_texts_and_labels(text):
        return read_csv
    return read_columns if _looks_like_columns(text) else read_lines


def _looks_like_columns(text: str) -> bool:
    """Return whether most of the first lines have the same number of columns, the last of them a tag."""
    lines = [line.split() for line in split_lines(text[:20_000])[:200] if line.strip()]
    widths = [len(cells) for cells in lines if len(cells) > 1 and TAG_SHAPE.fullmatch(cells[-1])]
    return bool(widths) and 2 * widths.count(max(widths, key=widths.count)) > len(lines)


def _is_json(path: Path, text: str) -> bool:
    suffix = path.suffix.lower()
    return suffix in JSON_SUFFIXES or (suffix not in KNOWN_SUFFIXES and text.lstrip().startswith("{"))


def _read_objects(
    path: Path, text: str, columns: tuple[Column, Column, Column], options: ExportOptions, is_json: bool
) -> FileRows:
    """Read JSON, or a table that an annotation tool has exported, which is read as JSON is."""
    if any(isinstance(column, int) for column in columns):
        raise CorpusError("columns of JSON and of annotation tools are named, not numbered", file=path)
    token, tag, passage = (None if column is None else str(column) for column in columns)
    if is_json:
        rows = read_json(text, str(path), token_key=token, tag_key=tag, text_key=passage, options=options)
        return FileRows(rows, ColumnsTaken(format="JSON"))
    rows = read_export_table(text, str(path), Keys(token=token, tag=tag, text=passage), options)
    return FileRows(rows, ColumnsTaken(format="table of an annotation tool"))


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
