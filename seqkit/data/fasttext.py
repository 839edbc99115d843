"""fastText's files: a text a line, with its labels before it.

::

    __label__positive a fine film                   LabelledText("a fine film", "positive", line=1)
    __label__long __label__dull three hours         LabelledText("three hours", ["long", "dull"], line=2)
"""

import re

from seqkit.data.columns_taken import ColumnsTaken, FileRows
from seqkit.data.rows import Column, LabelledText, Row
from seqkit.data.text_files import split_lines
from seqkit.errors import CorpusError

__all__ = ["looks_like_fasttext", "read_fasttext"]

PREFIX = "__label__"
LABEL = re.compile(rf"(?<!\S){PREFIX}(\S+)\s*")


def looks_like_fasttext(text: str) -> bool:
    """Return whether a text begins with a label.

    >>> looks_like_fasttext("__label__good a fine film\\n"), looks_like_fasttext("a fine film\\n")
    (True, False)
    """
    return re.match(rf"\s*+{PREFIX}", text) is not None


def read_fasttext(text: str, file: str, token_column: Column = None, tag_column: Column = None) -> FileRows:
    """Read lines of labels and text; a word that begins with ``__label__`` is a label wherever it is.

    Blank lines are left out, as fastText does.

    Args:
        text: the content of the file.
        file: its name, for errors.
        token_column: not accepted.
        tag_column: not accepted.

    Raises:
        CorpusError: a line has no label or no text, or columns are asked for; with file and line.

    >>> read_fasttext("__label__good a fine film\\n", "a.txt").rows
    [LabelledText(text='a fine film', label='good', line=1, document=None)]
    """
    if token_column is not None or tag_column is not None:
        message = "these are fastText's lines, which have no columns; leave out --token-column and --label-column"
        raise CorpusError(message, file=file)
    rows: list[Row] = []
    for number, line in enumerate(split_lines(text), start=1):
        if not line.strip():
            continue
        labels = list(dict.fromkeys(LABEL.findall(line)))
        content = LABEL.sub("", line).strip()
        if not labels:
            raise CorpusError(f"there is no label in this line; begin it with {PREFIX}", file=file, line=number)
        if not content:
            raise CorpusError("there is no text in this line; add it or delete the line", file=file, line=number)
        rows.append(LabelledText(content, labels[0] if len(labels) == 1 else labels, number))
    return FileRows(rows, ColumnsTaken(format="fastText"))
