"""Files to rows, whatever the format: CoNLL columns, CoNLL-U, JSON, CSV/TSV and plain text.

The format follows from the suffix, and from the content where the suffix says too little (``.txt``, ``.tsv``,
none). Whatever cannot be read as it is raises a :class:`~seqkit.errors.CorpusError` with file and line; nothing
is skipped or mended.
"""

import codecs
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from seqkit.data.conll import TAG_SHAPE, Column, read_columns, read_conllu, split_lines
from seqkit.data.csv_tables import has_table_header, read_csv
from seqkit.data.rows import LabelledText, PlainText, Row, TaggedSentence, read_json
from seqkit.errors import ConfigError, CorpusError

__all__ = [
    "KNOWN_SUFFIXES",
    "Column",
    "LabelledText",
    "PlainText",
    "Row",
    "TaggedSentence",
    "read_rows",
    "read_text",
]

Reader = Callable[[str, str, Column, Column], list[Row]]

COLUMN_SUFFIXES = (".conll", ".conll2003", ".bio", ".iob", ".iob2", ".bioes", ".iobes", ".ner", ".pos", ".tags")
CONLLU_SUFFIXES = (".conllu", ".conllup")
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
KNOWN_SUFFIXES = (*COLUMN_SUFFIXES, *CONLLU_SUFFIXES, *JSON_SUFFIXES, ".csv", ".tsv", ".txt", ".parquet")


def read_rows(
    path: Path,
    *,
    token_column: Column = None,
    tag_column: Column = None,
    text_column: str | None = None,
    encoding: str = "utf-8",
) -> list[Row]:
    """Read a corpus file of any text format; the format follows from the suffix, or from the content.

    Args:
        path: the file.
        token_column: index (may be negative) or name of the token column; the usual one where not given.
        tag_column: the same for the tags, or for the labels of texts.
        text_column: name of the column of labelled texts, where it is not ``text``.
        encoding: of the file; a byte order mark is allowed.

    Returns:
        Rows of one kind, in the order of the file.

    Raises:
        CorpusError: the file cannot be read as it is; with file and line.
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
    for row in rows:
        if type(row) is not type(rows[0]):
            raise CorpusError(
                f"this example is {_kind(row)}, but the one on line {rows[0].line} is {_kind(rows[0])};"
                " all examples of a corpus must be annotated alike",
                file=path,
                line=row.line,
            )
    return rows


def _kind(row: Row) -> str:
    kinds = {TaggedSentence: "a tagged sentence", LabelledText: "a labelled text", PlainText: "text without annotation"}
    return kinds[type(row)]


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Read and decode a text file, without its byte order mark.

    Raises:
        CorpusError: there is no such file, or it is not in this encoding: the message names line and byte,
            and the encoding it looks like.
        ConfigError: the encoding is unknown.

    >>> read_text(Path("nowhere.conll"))
    Traceback (most recent call last):
    seqkit.errors.CorpusError: nowhere.conll: no such file or directory
    """
    try:
        codec = codecs.lookup(encoding).name
    except LookupError:
        raise ConfigError(f"unknown encoding {encoding!r}; try utf-8, latin-1 or utf-16") from None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorpusError((error.strerror or str(error)).lower(), file=path) from None
    if codec.startswith("utf-8") and content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise CorpusError("the file is UTF-16, not UTF-8; pass --encoding utf-16", file=path, line=1)
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = content.count(b"\n", 0, start) + 1
        raise CorpusError(_undecodable(content, start, codec), file=path, line=line) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise CorpusError("a NUL character; is this UTF-16? then pass --encoding utf-16-le", file=path, line=line)
    return text


def _undecodable(content: bytes, start: int, codec: str) -> str:
    problem = f"byte 0x{content[start]:02x} at offset {start} is not {codec.upper()}" if content else codec
    if not codec.startswith("utf-8"):
        return f"{problem}; pass the file's own --encoding"
    if not content.decode("utf-8", errors="ignore").isascii():
        return f"{problem}, though other parts of the file are; mend this line"
    if any(0x80 <= byte < 0xA0 for byte in content):
        return f"{problem}; the file looks like Windows-1252: pass --encoding cp1252"
    return f"{problem}; the file looks like Latin-1: pass --encoding latin-1"


def _reader_for(path: Path, text: str, columns: Sequence[Column]) -> Reader:
    suffix = path.suffix.lower()
    if suffix in COLUMN_SUFFIXES:
        return read_columns
    if suffix in CONLLU_SUFFIXES:
        return read_conllu
    if suffix in JSON_SUFFIXES or (suffix not in KNOWN_SUFFIXES and text.lstrip().startswith("{")):
        return _read_json
    named = any(isinstance(column, str) and not column.removeprefix("-").isdecimal() for column in columns)
    if suffix == ".csv" or (suffix == ".tsv" and (named or has_table_header(text))):
        return read_csv
    return read_columns if suffix == ".tsv" or _looks_like_columns(text) else _read_lines


def _looks_like_columns(text: str) -> bool:
    """Whether most of the first lines have the same number of columns, the last of them a tag."""
    lines = [line.split() for line in text[:20_000].split("\n")[:200] if line.strip()]
    widths = [len(cells) for cells in lines if len(cells) > 1 and TAG_SHAPE.fullmatch(cells[-1])]
    return bool(widths) and 2 * widths.count(max(widths, key=widths.count)) > len(lines)


def _read_json(
    text: str, file: str, token_column: Column, tag_column: Column, text_column: str | None = None
) -> list[Row]:
    if isinstance(token_column, int) or isinstance(tag_column, int):
        raise CorpusError("columns of a JSON file are named, not numbered", file=file)
    return read_json(text, file, token_key=token_column, tag_key=tag_column, text_key=text_column)


def _read_lines(text: str, file: str, token_column: Column, tag_column: Column) -> list[Row]:
    if token_column is not None or tag_column is not None:
        raise CorpusError("this is plain text, which has no columns", file=file)
    return [PlainText(line, number) for number, line in enumerate(split_lines(text.removesuffix("\n")), start=1)]
