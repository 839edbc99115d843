"""What series are read from: an Arrow table, of which only the columns asked for are read.

::

    unique_id,ds,y            names    unique_id, ds, y
    north,2026-01-01,5.1      read     cells as text; :mod:`seqkit.data.series.cells` turns them into numbers
    north,2026-01-02,         line_of  row 1 is on line 3
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seqkit.errors import CorpusError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["HEAD", "MISSING", "Source", "as_number", "check_names", "is_text", "with_dictionaries"]

MISSING = ("", "NaN", "nan", "NAN", "NA", "null", "NULL")
"""The cells of a column of numbers that mean that there is none."""

HEAD = 200
"""The number of lines from which the header and the columns of numbers are found."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file or data in memory.

    Attributes:
        name: the file or dataset, for errors.
        format: what it is, for ``run.json``.
        names: the names of its columns; their numbers if it has no header.
        numeric: those columns that hold numbers, as far as the first rows tell.
        read: reads some columns by name; those named secondly have few different cells, and become dictionaries.
        line_of: returns the line of a row, or the number of the row, from 1, if there are no lines.
        has_header: whether the columns have names.
        begins_with_digit: whether the first cell of the first row does, as a time would.
    """

    name: str
    format: str
    names: Sequence[str]
    numeric: frozenset[str]
    read: "Callable[[Sequence[str], Sequence[str]], pa.Table]"
    line_of: Callable[[int], int] = lambda row: row + 1
    has_header: bool = True
    begins_with_digit: bool = False


def as_number(cell: str) -> float | None:
    """Return the number that a cell holds, or None.

    >>> as_number(" 1.5e3"), as_number("1,5"), as_number("1_000")
    (1500.0, None, None)
    """
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def check_names(names: Sequence[str], file: str | Path, line: int | None = None) -> None:
    """Make sure that no two columns have the same name.

    Raises:
        CorpusError: two have; with file and line.

    >>> check_names(["ds", "y"], "a.csv")
    """
    seen: set[str] = set()
    for name in names:
        if name in seen and name:
            raise CorpusError(f"two columns are called {name!r}; rename one", file=file, line=line)
        seen.add(name)


def is_text(kind: "pa.DataType") -> bool:
    """Return whether a type of Arrow is one of texts.

    >>> import pyarrow as pa
    >>> is_text(pa.string()), is_text(pa.int64())
    (True, False)
    """
    import pyarrow as pa

    return any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def with_dictionaries(table: "pa.Table", columns: Sequence[str]) -> "pa.Table":
    """Return a table with columns of text as dictionaries, and those that are already as dictionaries of int32.

    >>> import pyarrow as pa
    >>> with_dictionaries(pa.table({"unique_id": ["north"]}), ["unique_id"]).schema.field(0).type
    DictionaryType(dictionary<values=string, indices=int32, ordered=0>)
    """
    import pyarrow as pa

    for name in columns:
        column = table[name]
        if is_text(column.type):
            column = column.cast(pa.string()).dictionary_encode()
        if pa.types.is_dictionary(column.type):
            if not is_text(column.type.value_type):
                column = column.cast(column.type.value_type)
            else:
                column = column.cast(pa.dictionary(pa.int32(), pa.string()))
            table = table.set_column(table.schema.get_field_index(name), name, column)
    return table
