"""CoNLL columns and CoNLL-U: a token a line, a blank line after each sentence.

::

    Ada<TAB>B-PER
    ran<TAB>O           TaggedSentence(tokens=["Ada", "ran"], tags=["B-PER", "O"], lines=[1, 2])
    <blank line>

Only ``\\n`` and ``\\r\\n`` end a line and only tabs and spaces separate columns, so that a token may hold any
other character: a next-line or no-break space is part of its token.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from seqkit.data.rows import Row, TaggedSentence
from seqkit.errors import CorpusError

__all__ = ["TAG_SHAPE", "Column", "SentenceBuilder", "read_columns", "read_conllu", "split_lines"]

Column = str | int | None

CONLLU_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")

DOCUMENT_COMMENT = re.compile(
    r"#\s*(?:newdoc(?:\s+id\s*=\s*(?P<id>.*\S))?|begin document\b\s*(?P<name>.*\S)?|end document)\s*"
)
TAG_SHAPE = re.compile(r"O|[BIESLUM]-\S+|[A-Z]{1,5}\$?")


def split_lines(text: str) -> list[str]:
    """Cut a text at ``\\n`` and ``\\r\\n`` and nowhere else.

    >>> split_lines("one\\x85more\\r\\ntwo")
    ['one\\x85more', 'two']
    """
    lines = text.split("\n")
    return [line.removesuffix("\r") for line in lines] if "\r" in text else lines


@dataclass(slots=True)
class SentenceBuilder:
    """Gathers tokens into sentences and documents while a file is read.

    >>> builder = SentenceBuilder("a.conll")
    >>> builder.add("Ada", "B-PER", 1)
    >>> builder.end_sentence()
    >>> builder.rows[0].tokens
    ['Ada']
    """

    file: str
    rows: list[Row] = field(default_factory=list)
    document: str | None = None
    documents: int = 0
    tokens: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def add(self, token: str, tag: str, line: int) -> None:
        """Append a token; neither it nor its tag may be empty."""
        if not token or not tag:
            raise CorpusError(f"there is no {'tag' if token else 'token'} in this row", file=self.file, line=line)
        self.tokens.append(token)
        self.tags.append(tag)
        self.lines.append(line)

    def end_sentence(self) -> None:
        """Close the sentence, if there is one."""
        if self.tokens:
            self.rows.append(TaggedSentence(self.tokens, self.tags, self.lines, self.document))
            self.tokens, self.tags, self.lines = [], [], []

    def start_document(self, name: str | None = None) -> None:
        """Close the sentence and begin a document; one without a name gets the file's and a number."""
        self.end_sentence()
        self.documents += 1
        self.document = name or f"{Path(self.file).stem}-{self.documents}"


class _Layout(NamedTuple):
    """How the rows of a column file are cut, found from the file as a whole."""

    split: Callable[[str], list[str]]
    width: int
    first_line: int
    token: int
    tag: int
    tabs: bool
    known_tags: frozenset[str]

    def is_comment(self, line: str) -> bool:
        """Whether a line that begins with ``#`` has the shape of a comment, not that of a token row."""
        cells = self.split(line)
        if len(cells) == self.width:
            tag = cells[self.tag]
            if self.tabs or cells[0].strip("#") or tag in self.known_tags or TAG_SHAPE.fullmatch(tag):
                return False
        return line == "#" or line.startswith(("# ", "##", "#newdoc", "#begin document", "#end document"))


def read_columns(text: str, file: str, token_column: Column = None, tag_column: Column = None) -> list[Row]:
    """Read CoNLL columns: a token a line, a blank line after each sentence.

    Columns are cut at tabs where the file has tabs, else at spaces. ``-DOCSTART-``, ``# newdoc`` and
    ``#begin document`` start a document; other comments are passed over.

    Args:
        text: the content of the file.
        file: its name, for errors.
        token_column: index of the token column, the first by default.
        tag_column: index of the tag column, the last by default.

    Raises:
        CorpusError: a row has no tag or not as many columns as the others; with file and line.

    >>> read_columns("# newdoc id = d1\\n#1\\tO\\n", "a.conll")
    [TaggedSentence(tokens=['#1'], tags=['O'], lines=[2], document='d1')]
    """
    lines = split_lines(text)
    layout = _layout(lines, file, token_column, tag_column)
    builder = SentenceBuilder(file)
    for number, line in enumerate(lines, start=1):
        if not line.strip(" \t"):
            builder.end_sentence()
        elif line.startswith("-DOCSTART-"):
            builder.start_document()
        elif line[0] == "#" and layout.is_comment(line):
            _note_document(line, builder)
        else:
            cells = layout.split(line)
            if len(cells) != layout.width:
                raise CorpusError(
                    f"{_columns(len(cells))}, where line {layout.first_line} has {layout.width}; every row needs"
                    f" the same columns, cut at {'tabs' if layout.tabs else 'spaces'}",
                    file=file,
                    line=number,
                )
            builder.add(cells[layout.token], cells[layout.tag], number)
    builder.end_sentence()
    return builder.rows


def _layout(lines: Sequence[str], file: str, token_column: Column, tag_column: Column) -> _Layout:
    content = [line for line in lines if line.strip(" \t") and not line.startswith("-DOCSTART-")]
    rows = [line for line in content if not line.startswith("#")] or [line for line in content if "\t" in line]
    if not rows:
        raise CorpusError("there is no row with a token and a tag in this file", file=file)
    tabs = 2 * sum("\t" in line for line in rows) >= len(rows)
    split = _split_tabs if tabs else _split_spaces
    width = len(split(rows[0]))
    first_line = lines.index(rows[0]) + 1
    if width < 2:
        raise CorpusError(f"{_columns(width)}; a token and a tag are needed", file=file, line=first_line)
    token = _find_column(token_column, 0, width, (), file)
    tag = _find_column(tag_column, -1, width, (), file)
    spaced = not tabs and any(line.startswith("#") for line in content)
    known_tags = frozenset(cells[tag] for cells in map(split, rows) if len(cells) == width) if spaced else frozenset()
    return _Layout(split, width, first_line, token, tag, tabs, known_tags)


def _split_tabs(line: str) -> list[str]:
    return line.split("\t")


_split_spaces = re.compile(r"[^ \t]+").findall  # str.split() would also cut at no-break spaces


def _columns(count: int) -> str:
    return "this row has one column" if count == 1 else f"this row has {count} columns"


def _find_column(column: Column, default: int, width: int, names: Sequence[str], file: str) -> int:
    if column is None:
        return default
    if isinstance(column, str) and not column.removeprefix("-").isdecimal():
        if column.lower() in names:
            return names.index(column.lower())
        known = f"the columns are {', '.join(names)}" if names else "columns of this format have numbers, not names"
        raise CorpusError(f"no column {column!r}: {known}", file=file)
    if not -width <= int(column) < width:
        raise CorpusError(f"no column {column}: the rows have {width}, counted from 0", file=file)
    return int(column)


def _note_document(comment: str, builder: SentenceBuilder) -> None:
    if mark := DOCUMENT_COMMENT.fullmatch(comment):
        builder.start_document(mark["id"] or mark["name"])


def read_conllu(text: str, file: str, token_column: Column = None, tag_column: Column = None) -> list[Row]:
    """Read CoNLL-U, or CoNLL-U Plus with its ``# global.columns``.

    Rows of multiword tokens (``3-4``) and empty nodes (``8.1``) are no words and are passed over.

    Args:
        text: the content of the file.
        file: its name, for errors.
        token_column: name or index of the token column, ``form`` by default.
        tag_column: name or index of the tag column, ``upos`` by default.

    Raises:
        CorpusError: a row does not have the columns, or its ID is none; with file and line.

    Source: https://universaldependencies.org/format.html

    >>> rows = read_conllu("1\\tAda\\tAda\\tPROPN\\t_\\t_\\t0\\troot\\t_\\t_\\n", "a.conllu")
    >>> rows[0].tags
    ['PROPN']
    """
    lines = split_lines(text)
    names: Sequence[str] = CONLLU_COLUMNS
    if lines[0].startswith("# global.columns"):
        names = lines[0].partition("=")[2].lower().split()
    identifier = _find_column("id", 0, len(names), names, file)
    token = _find_column(token_column or "form", 1, len(names), names, file)
    tag = _find_column("upos" if tag_column is None else tag_column, -1, len(names), names, file)
    builder = SentenceBuilder(file)
    for number, line in enumerate(lines, start=1):
        if not line.strip(" \t"):
            builder.end_sentence()
        elif line[0] == "#":
            _note_document(line, builder)
        else:
            cells = line.split("\t")
            if len(cells) != len(names):
                message = f"{_columns(len(cells))}; CoNLL-U needs {len(names)}, cut at tabs"
                raise CorpusError(message, file=file, line=number)
            if cells[identifier].isdecimal():
                builder.add(cells[token], cells[tag], number)
            elif not re.fullmatch(r"\d+[-.]\d+", cells[identifier]):
                raise CorpusError(f"{cells[identifier]!r} is no CoNLL-U word ID", file=file, line=number)
    builder.end_sentence()
    return builder.rows
