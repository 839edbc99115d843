"""CoNLL columns: a token a line, a blank line after each sentence.

::

    Ada<TAB>B-PER
    ran<TAB>O           TaggedSentence(tokens=["Ada", "ran"], tags=["B-PER", "O"], lines=[1, 2])
    <blank line>

Only ``\\n`` and ``\\r\\n`` end a line, and only tabs and spaces separate columns, so that a token may have any other
character in it: a next-line or no-break space is part of its token.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from seqkit.data.column_names import column_index
from seqkit.data.rows import Column, Row, SentenceBuilder
from seqkit.data.text_files import split_lines
from seqkit.errors import CorpusError

__all__ = ["TAG_SHAPE", "count_columns", "read_columns", "start_commented_document"]

DOCUMENT_COMMENT = re.compile(
    r"#\s*(?:newdoc(?:\s+id\s*=\s*(?P<id>.*\S))?|begin document\b\s*(?P<name>.*\S)?|end document)\s*"
)
TAG_SHAPE = re.compile(r"O|[BIESLUM]-\S+|[A-Z]{1,5}\$?")


class _Layout(NamedTuple):
    """How the rows of a column file are split; decided from the whole file."""

    split: Callable[[str], list[str]]
    width: int
    first_line: int
    token: int
    tag: int
    tabs: bool
    known_tags: frozenset[str]

    def is_comment(self, line: str) -> bool:
        """Return whether a line that begins with ``#`` is a comment rather than a row with a token."""
        cells = self.split(line)
        if len(cells) == self.width:
            tag = cells[self.tag]
            if self.tabs or cells[0].strip("#") or tag in self.known_tags or TAG_SHAPE.fullmatch(tag):
                return False
        return line == "#" or line.startswith(("# ", "##", "#newdoc", "#begin document", "#end document"))


def read_columns(text: str, file: str, token_column: Column = None, tag_column: Column = None) -> list[Row]:
    """Read CoNLL columns: a token a line, a blank line after each sentence.

    Columns are separated by tabs if the file has tabs, else by spaces. ``-DOCSTART-``, ``# newdoc`` and
    ``#begin document`` start a document; other comments are ignored.

    Args:
        text: the content of the file.
        file: its name, for errors.
        token_column: index of the token column, the first by default.
        tag_column: index of the tag column, the last by default.

    Raises:
        CorpusError: a row has no tag, or not as many columns as the others; with file and line.

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
            start_commented_document(line, builder)
        else:
            cells = layout.split(line)
            if len(cells) != layout.width:
                raise CorpusError(
                    f"{count_columns(len(cells))}, but line {layout.first_line} has {layout.width}; all rows need the"
                    f" same columns, separated by {'tabs' if layout.tabs else 'spaces'}",
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
        raise CorpusError(f"{count_columns(width)}; a token and a tag are needed", file=file, line=first_line)
    token = column_index(0 if token_column is None else token_column, (), width, file)
    tag = column_index(-1 if tag_column is None else tag_column, (), width, file)
    spaced = not tabs and any(line.startswith("#") for line in content)
    known_tags = frozenset(cells[tag] for cells in map(split, rows) if len(cells) == width) if spaced else frozenset()
    return _Layout(split, width, first_line, token, tag, tabs, known_tags)


def _split_tabs(line: str) -> list[str]:
    return line.split("\t")


_split_spaces = re.compile(r"[^ \t]+").findall  # str.split() would also cut at no-break spaces


def count_columns(count: int) -> str:
    """Say in an error how many columns a row has.

    >>> count_columns(1)
    'this row has one column'
    """
    return "this row has one column" if count == 1 else f"this row has {count} columns"


def start_commented_document(comment: str, builder: SentenceBuilder) -> None:
    """Start a document if a comment says so.

    >>> builder = SentenceBuilder("a.conllu")
    >>> start_commented_document("# newdoc id = d1", builder)
    >>> builder.document
    'd1'
    """
    if mark := DOCUMENT_COMMENT.fullmatch(comment):
        builder.start_document(mark["id"] or mark["name"])
