"""The names that columns of files and datasets, and keys of JSON objects, usually have.

One table for all formats: a reader that guesses a column takes the first of these names that is there. Names are in
lower case; those of CSV files are compared without regard to case.
"""

import re
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from seqkit.errors import CorpusError

__all__ = [
    "ANOMALY",
    "DOCUMENT",
    "LABEL",
    "SENTENCE",
    "SERIES",
    "SPANS",
    "TAG",
    "TAGS",
    "TARGET",
    "TEXT",
    "TIME",
    "TOKEN",
    "TOKENS",
    "check_column",
    "column_index",
    "first_present",
    "is_column_number",
]

# A list of tokens, and a list of tags, in each row.
TOKENS = ("tokens", "words")
TAGS = ("tags", "ner_tags", "labels", "ner", "pos_tags", "upos")

# One token and one tag in each row of a CSV file. Such a file may also have lists in its cells, under the same names.
TOKEN = ("token", "word", "form", *TOKENS, "text")
TAG = ("tag", "tags", "ner", "ner_tag", "ner_tags", "label", "labels", "pos", "upos")
SENTENCE = ("sentence_id", "sentence #", "sentence_number", "sent_id", "sentence")

# A text and its label or labels. JSON is searched for all three names, other formats for the first alone.
TEXT = ("text", "data", "sentence")
LABEL = ("label", "labels")
SPANS = ("spans", "entities", *LABEL)

DOCUMENT = ("document", "document_id", "doc_id")

# The time of a value, the value, the name of its series, and whether it is anomalous.
TIME = ("ds", "timestamp", "date", "datetime", "time", "date_time")
TARGET = ("y", "value", "target")
SERIES = ("unique_id", "id", "series", "series_id", "item_id")
ANOMALY = ("label", "anomaly", "is_anomaly")


def first_present(candidates: Iterable[str], names: Container[str]) -> str | None:
    """Return the first candidate that is among the names, or None.

    >>> first_present(TAGS, ["id", "upos", "ner_tags"])
    'ner_tags'
    """
    return next((name for name in candidates if name in names), None)


def check_column(column: str, names: Iterable[str], file: str | Path, line: int | None = None) -> None:
    """Make sure that the column of the text is there.

    Raises:
        CorpusError: it is not; the message names those that are.

    >>> check_column("text", ["id", "body"], "a.csv", 1)
    Traceback (most recent call last):
    seqkit.errors.CorpusError: a.csv:1: no text under 'text', only id, body; name its column with --text-column
    """
    if column not in names:
        there = ", ".join(names) or "nothing"
        message = f"no text under {column!r}, only {there}; name its column with --text-column"
        raise CorpusError(message, file=file, line=line)


def is_column_number(column: str | int) -> bool:
    """Return whether a column is chosen by its number rather than its name.

    >>> is_column_number(0), is_column_number("-1"), is_column_number("text")
    (True, True, False)
    """
    return re.fullmatch(r"-?[0-9]{1,9}", str(column)) is not None


def column_index(chosen: str | int, names: Sequence[str], width: int, file: str | Path, line: int | None = None) -> int:
    """Return the index of a column that is chosen by its name or index.

    Args:
        chosen: the name, in upper or lower case, or the index, which may be negative and may be a string.
        names: the names of the columns; empty if they have none.
        width: the number of columns.
        file: the name of the file, for errors.
        line: the line with the names, for errors.

    Raises:
        CorpusError: there is no such column.

    >>> column_index("XPOS", ["id", "form", "xpos"], 3, "a.conllu"), column_index("-1", [], 4, "a.conll")
    (2, 3)
    """
    name = str(chosen).lower()
    if name in names:
        return names.index(name)
    is_number = is_column_number(name)
    if is_number and -width <= int(name) < width:
        return int(name) % width
    if names:
        known = f"the columns are {', '.join(names)}"
    elif is_number:
        known = f"the rows have {width}, counted from 0"
    else:
        known = "columns of this format have numbers, not names"
    raise CorpusError(f"no column {chosen!r}: {known}", file=file, line=line)
