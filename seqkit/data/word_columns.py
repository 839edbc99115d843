"""Which column of a file with a word a line holds the words, and which the tags.

::

    1  Ada  B-PER  O        column 0 counts the words: it is not one of words; tags from column 2, the outer of two
    0  0  the  DT  O        column 0 counts the sentences
    d1 0  0  the  DT        columns 0 and 1 name the document and its part, column 2 counts the words
"""

import re
from collections.abc import Iterable, Iterator, Sequence

__all__ = ["counts_words", "first_columns", "tag_column_after"]

Sentences = Sequence[Sequence[Sequence[str]]]
"""For each sentence its rows, each with its cells."""

CHUNK_TAG = re.compile(r"O|[BIESLUM]-(\S+)")
PHRASES = frozenset(["NP", "VP", "PP", "ADVP", "ADJP", "SBAR", "CONJP", "PRT", "INTJ", "LST", "UCP", "NC", "VC", "PC"])
"""The types of chunks in the shared tasks of CoNLL, English and German."""

RANGE = re.compile(r"\d+[-.]\d+")
SHARE = 0.9
"""How many of the numbers have to follow each other; sentences that were cut or joined leave gaps."""


def first_columns(sentences: Sentences, width: int) -> tuple[int | None, int]:
    """Find the column that counts the words of a sentence, and that of the words.

    Args:
        sentences: the rows, by sentence; each has ``width`` cells or more.
        width: the number of columns.

    Returns:
        The index of the column with the numbers, None if there is none; and the index of the first column of words:
        the one after it, or after any that number the sentences. It is the last column if there is none for the tags.

    >>> first_columns([[["1", "Ada", "B-PER"], ["2", "ran", "O"]]], 3), first_columns([[["Ada", "O"]]], 2)
    ((0, 1), (None, 0))
    """
    if width == 2:
        # A sentence of one word may be a number, as in "1 NUM".
        is_long = any(len(sentence) > 1 for sentence in sentences)
        return (0, 1) if is_long and counts_words(_column(sentences, 0)) else (None, 0)
    for index in range(width - 2):
        if counts_words(_column(sentences, index)):
            return index, index + 1
        if not _is_constant(_column(sentences, index)):
            break
    return None, next(index for index in range(width) if index == width - 2 or not _is_number(sentences, index))


def _is_number(sentences: Sentences, index: int) -> bool:
    """Return whether a column numbers the sentences."""
    return _is_constant(_column(sentences, index)) and all(sentence[0][index].isdecimal() for sentence in sentences)


def counts_words(sentences: Iterable[Sequence[str]]) -> bool:
    """Return whether a column counts up from 0 or 1 in each sentence, or through the whole file.

    Args:
        sentences: the cells of the column, by sentence.

    >>> counts_words([["1", "2"], ["1"]]), counts_words([["1", "2"], ["4", "5"]]), counts_words([["in"], ["1984"]])
    (True, True, False)
    """
    right = count = 0
    previous = -1
    for cells in sentences:
        is_first = True
        for cell in cells:
            if RANGE.fullmatch(cell):
                continue
            value = _number(cell)
            if value is None and not count:
                return False
            count += 1
            # Numbers of lines count the blank line between two sentences too.
            starts = is_first and value is not None and (value in (0, 1) or previous < value <= previous + 2)
            if starts or value == previous + 1:
                right += 1
            previous = previous if value is None else value
            is_first = False
    return count > 0 and right >= SHARE * count


def _number(cell: str) -> int | None:
    cell = cell.strip()
    return int(cell) if cell.isdecimal() and len(cell) < 10 else None


def _column(sentences: Sentences, index: int) -> Iterator[list[str]]:
    return ([cells[index] for cells in sentence] for sentence in sentences)


def _is_constant(column: Iterable[Sequence[str]]) -> bool:
    """Return whether a column is the same in each row of a sentence, as a name or number of the sentence is."""
    longest = 0
    for cells in column:
        if any(cell != cells[0] for cell in cells):
            return False
        longest = max(longest, len(cells))
    return longest > 1


def tag_column_after(token: int, sentences: Sentences, width: int) -> int:
    """Find the tag column: the last, unless all columns after the tokens hold nested tags, the outermost first.

    A column of phrases, such as CoNLL-2003 has between the parts of speech and the entities, is not one of nested tags.

    Args:
        token: the index of the token column.
        sentences: the rows, by sentence.
        width: the number of columns.

    >>> tag_column_after(0, [[["Ghent", "B-ORG", "B-LOC"], ["Zoo", "I-ORG", "O"]]], 3)
    1
    >>> tag_column_after(0, [[["Ghent", "B-NP", "B-LOC"]]], 3), tag_column_after(0, [[["Ghent", "NNP", "B-LOC"]]], 3)
    (2, 2)
    """
    if width - token <= 2:
        return width - 1
    types = [_chunk_types(sentences, index) for index in range(token + 1, width)]
    outer = types[0]
    if not outer or None in types or outer & PHRASES:
        return width - 1
    return token + 1


def _chunk_types(sentences: Sentences, index: int) -> set[str] | None:
    """Return the types of the chunks in a column; None if it has anything but chunk tags."""
    types: set[str] = set()
    for cells in (cells for sentence in sentences for cells in sentence):
        tag = CHUNK_TAG.fullmatch(cells[index].strip())
        if tag is None:
            return None
        types.update(tag.groups(default="")[:1])
    return types - {""}
