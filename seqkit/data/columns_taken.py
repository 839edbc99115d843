"""Which columns of a file were read, and the rows that they gave.

::

    1<TAB>Ada<TAB>B-PER<TAB>O       columns: tokens from column 1, tags from column 2, counted from 0
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from seqkit.data.rows import Row
from seqkit.errors import CorpusError

__all__ = ["ColumnsTaken", "FileRows", "check_same_columns"]


@dataclass(frozen=True, kw_only=True)
class ColumnsTaken:
    """Which columns of a file were read as tokens and tags, or as texts and labels.

    Args:
        format: the format of the file.
        columns: for each of ``tokens``, ``tags``, ``texts`` and ``labels`` that was read, the name of its column, or
            its number, counted from 0.
        width: the number of columns.

    >>> print(ColumnsTaken(format="CoNLL-U", columns={"tokens": "form", "tags": "upos"}, width=10))
    CoNLL-U: tokens from column form, tags from column upos
    """

    format: str
    columns: Mapping[str, str | int] = field(default_factory=dict)
    width: int = 0

    def __str__(self) -> str:
        parts = [f"{part} from column {column}" for part, column in self.columns.items()]
        counted = any(isinstance(column, int) for column in self.columns.values())
        described = ", ".join([*parts, "counted from 0"] if counted else parts)
        return f"{self.format}: {described}" if described else self.format

    def to_dict(self) -> dict[str, str | int]:
        """Return the format and the columns as plain values, for ``run.json``.

        >>> ColumnsTaken(format="CoNLL", columns={"tokens": 0, "tags": 1}, width=2).to_dict()
        {'format': 'CoNLL', 'tokens': 0, 'tags': 1}
        """
        return {"format": self.format, **self.columns}


class FileRows(NamedTuple):
    """The rows of a file, and the columns from which they were read.

    >>> FileRows([], ColumnsTaken(format="plain text")).columns.format
    'plain text'
    """

    rows: list[Row]
    columns: ColumnsTaken


def check_same_columns(taken: Mapping[Path, ColumnsTaken]) -> None:
    """Make sure that the files of a corpus that are laid out alike were read alike.

    A column of tokens or labels that has no name is found from its content, which may mislead in a small file.

    Args:
        taken: what was read from each file.

    Raises:
        CorpusError: two files have equally many columns, of which different ones were read.

    >>> check_same_columns({Path("a.conll"): ColumnsTaken(format="CoNLL", columns={"tokens": 0}, width=3)})
    """
    first: dict[tuple[str, int], Path] = {}
    for path, columns in taken.items():
        if not any(isinstance(column, int) for column in columns.columns.values()):
            continue
        other = first.setdefault((columns.format, columns.width), path)
        if columns.columns != taken[other].columns:
            options = " and ".join(_OPTIONS[part] for part in columns.columns)
            message = f"this file has {columns}, but {other.name} has {taken[other]}; choose with {options}"
            raise CorpusError(message, file=path)


_OPTIONS = {
    "tokens": "--token-column",
    "tags": "--tag-column",
    "texts": "--text-column",
    "labels": "--label-column",
}
