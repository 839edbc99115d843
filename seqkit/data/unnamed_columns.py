"""What the columns of a table without a header hold, as their content shows.

::

    a good film,pos         texts in column 0, labels in column 1
    1,"dull, long"          labels in column 0, texts in column 1
    Ada,B-PER               tokens in column 0, tags in column 1, if there are blank lines after the sentences
"""

import re
from collections.abc import Sequence
from itertools import chain, groupby

from seqkit.data.word_columns import first_columns, tag_column_after

__all__ = ["find_text_and_label", "find_token_and_tag", "has_inner_blank"]

Rows = Sequence[tuple[int, list[str]]]


def has_inner_blank(cells: Sequence[str]) -> bool:
    """Return whether one of the cells is of several words.

    >>> has_inner_blank(["a film", "pos"]), has_inner_blank([" Ada ", "B-PER"])
    (True, False)
    """
    return any(re.search(r"\S\s+\S", cell) for cell in cells)


def find_text_and_label(rows: Rows) -> tuple[int, int] | None:
    """Find the columns of texts and of labels among two.

    Texts have more words than labels, and are as many or more; the first row has a label that occurs again, so that it
    is not a header.

    Args:
        rows: the rows of a table; those that are blank have no cells.

    Returns:
        None if the content does not show it.

    >>> find_text_and_label([(1, ["pos", "a good film"]), (2, ["neg", "a bad film"]), (3, ["pos", "a fine film"])])
    (1, 0)
    >>> find_text_and_label([(1, ["film", "mood"]), (2, ["a bad film", "neg"]), (3, ["a dull film", "neg"])])
    """
    filled = [cells for _, cells in rows if cells]
    if not filled or any(len(cells) != 2 for cells in filled):
        return None
    columns = [[cells[index].strip() for cells in filled] for index in range(2)]
    words = [sum(len(cell.split()) for cell in column) for column in columns]
    values = [len(set(column)) for column in columns]
    for text, label in ((0, 1), (1, 0)):
        recurs = columns[label][0] in columns[label][1:]
        if recurs and words[text] > words[label] and values[text] >= values[label] and all(columns[label]):
            return text, label
    return None


def find_token_and_tag(rows: Rows) -> tuple[int, int] | None:
    """Find the columns of tokens and of tags, if blank rows end the sentences and no cell has several words.

    Args:
        rows: the rows of a table; those that are blank have no cells.

    Returns:
        None if this is no table with a token a row.

    >>> find_token_and_tag([(1, ["Ada", "B-PER"]), (2, ["ran", "O"]), (3, []), (4, ["Ghent", "B-LOC"])])
    (0, 1)
    """
    sentences = [
        [cells for _, cells in group] for is_filled, group in groupby(rows, lambda row: bool(row[1])) if is_filled
    ]
    width = len(sentences[0][0]) if sentences else 0
    if len(sentences) < 2 or width < 2 or any(has_inner_blank(cells) for cells in chain.from_iterable(sentences)):
        return None
    _, token = first_columns(sentences, width)
    return None if token == width - 1 else (token, tag_column_after(token, sentences, width))
