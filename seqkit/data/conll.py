"""CoNLL columns: a token a line, a blank line after each sentence.

::

    Ada<TAB>B-PER
    ran<TAB>O           TaggedSentence(tokens=["Ada", "ran"], tags=["B-PER", "O"], lines=[1, 2])
    <blank line>

Only tabs and spaces separate columns, so that a token may have any other character in it: a next-line or no-break space
is part of its token. Blanks around a cell are not part of it. :mod:`seqkit.data.word_columns` finds the columns.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from seqkit.data.column_names import column_index
from seqkit.data.columns_taken import ColumnsTaken, FileRows
from seqkit.data.rows import Column, Row, SentenceBuilder
from seqkit.data.text_files import clean_token, split_lines
from seqkit.data.word_columns import first_columns, tag_column_after
from seqkit.errors import CorpusError

__all__ = ["TAG_SHAPE", "WordLayout", "count_columns", "read_columns", "sentences_of"]

DOCUMENT_COMMENT = re.compile(
    r"#\s*+(?:newdoc(?:\s++id\s*+=\s*+(?P<id>\S.*))?|begin document\b\s*+(?P<name>\S.*)?|end document)"
)
# A tag in any notation, or a part of speech: B-PER, b_PER, PER/B, O_PER, NNP, PRP$.
TAG_SHAPE = re.compile(r"o|(?i:[BIESLUMW][-_:/]\S+|\S+[-_:/][BIESLUMWO])|\S*O_\S+|[A-Z]{1,5}\$?")
WORD_NUMBER = re.compile(r"\d+")
NOT_A_WORD = re.compile(r"\d+[-.]\d+")  # a multiword token or an empty node, as CoNLL-U numbers them


class WordLayout(NamedTuple):
    """How the rows of a file with a word a line are split.

    Attributes:
        split: cuts a line into cells.
        width: the number of cells.
        token: the index of the token column.
        tag: the index of the tag column.
        number: the index of the column that counts the words of a sentence; None if there is none.
        expected: the end of the error for a row with another number of cells.
        known_tags: tags by which a row that begins with ``#`` is known.
        tabs: whether tabs separate the cells.
    """

    split: Callable[[str], list[str]]
    width: int
    token: int
    tag: int
    number: int | None
    expected: str
    known_tags: frozenset[str] = frozenset()
    tabs: bool = True

    def is_comment(self, line: str) -> bool:
        """Return whether a line that begins with ``#`` is a comment rather than a row with a token."""
        if self.number is not None:  # a row begins with its number
            return True
        cells = self.cells(line)
        if len(cells) == self.width:
            tag = cells[self.tag].strip()
            if self.tabs or cells[0].strip("#") or tag in self.known_tags or TAG_SHAPE.fullmatch(tag):
                return False
        return line == "#" or line.startswith(("# ", "##", "#newdoc", "#begin document", "#end document"))

    def cells(self, line: str) -> list[str]:
        """Split a line, without the blank cells that tabs at its end make."""
        cells = self.split(line)
        while len(cells) > self.width and not cells[-1].strip():
            cells.pop()
        return cells


def read_columns(text: str, file: str, token_column: Column = None, tag_column: Column = None) -> FileRows:
    """Read CoNLL columns: a token a line, a blank line after each sentence.

    Columns are separated by tabs if the file has tabs, else by spaces. ``-DOCSTART-``, ``# newdoc`` and
    ``#begin document`` start a document; other comments are ignored.

    Args:
        text: the content of the file.
        file: its name, for errors.
        token_column: index of the token column; by default the first that does not count words or sentences.
        tag_column: index of the tag column; by default the last, or the first of nested tags.

    Raises:
        CorpusError: a row has no tag, or not as many columns as the others; with file and line.

    >>> read_columns("# newdoc id = d1\\n#1\\tO\\n", "a.conll").rows
    [TaggedSentence(tokens=['#1'], tags=['O'], lines=[2], document='d1')]
    """
    lines = split_lines(text)
    layout = _layout(lines, file, token_column, tag_column)
    columns = {"tokens": layout.token, "tags": layout.tag}
    taken = ColumnsTaken(format="CoNLL", columns=columns, width=layout.width)
    return FileRows(sentences_of(lines, layout, file), taken)


def sentences_of(lines: Sequence[str], layout: WordLayout, file: str) -> list[Row]:
    """Read the sentences of a file with a word a line.

    Args:
        lines: the lines, without their ends.
        layout: how they are split.
        file: the name of the file, for errors.

    Raises:
        CorpusError: a row does not fit the layout, or has no token or no tag; with file and line.
    """
    builder = SentenceBuilder(file)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            builder.end_sentence()
        elif line.startswith("-DOCSTART-"):
            builder.start_document()
        elif line[0] == "#" and layout.is_comment(line):
            if mark := DOCUMENT_COMMENT.fullmatch(line.rstrip()):
                builder.start_document(mark["id"] or mark["name"])
        else:
            cells = layout.cells(line)
            if len(cells) != layout.width:
                raise CorpusError(f"{count_columns(len(cells))}{layout.expected}", file=file, line=number)
            if layout.number is None or _is_word(cells[layout.number].strip(), file, number):
                builder.add(clean_token(cells[layout.token]), cells[layout.tag].strip(), number)
    builder.end_sentence()
    return builder.rows


def _is_word(number: str, file: str, line: int) -> bool:
    """Return whether a row is a word, rather than a multiword token (``3-4``) or an empty node (``8.1``)."""
    if WORD_NUMBER.fullmatch(number):
        return True
    if NOT_A_WORD.fullmatch(number):
        return False
    raise CorpusError(f"{number!r} is not the ID of a word, such as 1, 1-2 or 1.1", file=file, line=line)


def _layout(lines: Sequence[str], file: str, token_column: Column, tag_column: Column) -> WordLayout:
    content = [line for line in lines if line.strip() and not line.startswith("-DOCSTART-")]
    rows = [line for line in content if not line.startswith("#")] or [line for line in content if "\t" in line]
    if not rows:
        raise CorpusError("there is no row with a token and a tag in this file", file=file)
    tabs = 2 * sum("\t" in line for line in rows) >= len(rows)
    split = _split_tabs if tabs else _split_spaces
    width = _width(rows, split)
    first_line = lines.index(rows[0]) + 1
    if width < 2:
        raise CorpusError(f"{count_columns(width)}; a token and a tag are needed", file=file, line=first_line)
    sentences = _split_sentences(lines, split, width)
    number, token = first_columns(sentences, width)
    if token_column is not None:
        token = column_index(token_column, (), width, file)
    elif token == width - 1:
        message = (
            f"column 0 counts the words, so only column {token} is left; a token and a tag are needed (if column 0"
            " holds the tokens, pass --token-column 0)"
        )
        raise CorpusError(message, file=file, line=first_line)
    if tag_column is not None:
        tag = column_index(tag_column, (), width, file)
    else:
        tag = tag_column_after(token, sentences, width)
    spaced = not tabs and any(line.startswith("#") for line in content)
    known_tags = frozenset(cells[tag] for sentence in sentences for cells in sentence) if spaced else frozenset()
    separator = "tabs" if tabs else "spaces"
    expected = f", but line {first_line} has {width}; all rows need the same columns, separated by {separator}"
    return WordLayout(split, width, token, tag, number, expected, known_tags, tabs)


def _width(rows: Sequence[str], split: Callable[[str], list[str]]) -> int:
    """Return how many columns the first row has, without columns at the end that are blank in every row."""
    width = len(split(rows[0]))
    while width > 1 and not any(len(cells) >= width and cells[width - 1].strip() for cells in map(split, rows)):
        width -= 1
    return width


def _split_sentences(lines: Sequence[str], split: Callable[[str], list[str]], width: int) -> list[list[list[str]]]:
    """Split the rows that are not comments and have all columns, by sentence."""
    sentences: list[list[list[str]]] = [[]]
    for line in lines:
        if not line.strip():
            sentences.append([])
        elif not line.startswith(("#", "-DOCSTART-")) and len(cells := split(line)) >= width:
            sentences[-1].append(cells)
    return [sentence for sentence in sentences if sentence]


def _split_tabs(line: str) -> list[str]:
    return line.split("\t")


_split_spaces = re.compile(r"[^ \t]+").findall  # str.split() would also cut at no-break spaces


def count_columns(count: int) -> str:
    """Say in an error how many columns a row has.

    >>> count_columns(1)
    'this row has one column'
    """
    return "this row has one column" if count == 1 else f"this row has {count} columns"
