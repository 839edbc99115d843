"""Examples that Python holds: the columns of a dataset, a data frame, a mapping, or a list of dictionaries.

::

    Dataset.from_dict({"words": [["Ada"]], "ner_tags": [[1]]})       the same as a stream
    pandas.DataFrame({"words": [["Ada"]], "ner_tags": [["B-PER"]]})
    {"words": [["Ada"]], "ner_tags": [["B-PER"]]}
    [{"words": ["Ada"], "ner_tags": ["B-PER"]}]                      {"tokens": [["Ada"]], "tags": [["B-PER"]]}
"""

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeGuard, runtime_checkable

import numpy as np

from seqkit.data.column_names import first_present
from seqkit.data.label_ids import class_names
from seqkit.errors import CorpusError

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

__all__ = ["InMemory", "is_dataset", "is_missing", "list_of", "read_columns"]


class InMemory(NamedTuple):
    """Columns under seqkit's names.

    Attributes:
        names: the names of all columns that there are, as they were given.
        columns: the values of the columns that were asked for and are there.
        class_names: for columns of class labels, the names that their numbers stand for.
    """

    names: list[str]
    columns: dict[str, list[object]]
    class_names: dict[str, list[str]]


@runtime_checkable
class _DataFrame(Protocol):
    @property
    def columns(self) -> Iterable[object]: ...

    def __getitem__(self, name: object, /) -> Iterable[object]: ...


def read_columns(data: object, wanted: Mapping[str, Sequence[str]]) -> InMemory | None:
    """Return columns as lists; None if the data have no columns, as a list of strings has none.

    Args:
        data: a ``Dataset`` or ``IterableDataset``, a data frame, a mapping, or a list of mappings.
        wanted: the names that each column may have, the first one first; by seqkit's name for the column.

    Raises:
        CorpusError: a row does not have the columns of the first one, or a column is not a list.

    >>> read_columns([{"words": ["Ada"], "id": 7}], {"tokens": ("tokens", "words"), "tags": ("tags",)})
    InMemory(names=['words', 'id'], columns={'tokens': [['Ada']]}, class_names={})
    """
    if isinstance(data, Mapping):
        return _chosen(list(data), wanted, data.__getitem__)
    if is_dataset(data):
        return _dataset_columns(data, wanted)
    if isinstance(data, _DataFrame) and not isinstance(data, np.ndarray):
        return _chosen(list(data.columns), wanted, data.__getitem__)
    rows = list_of(data) if isinstance(data, Sequence | np.ndarray) else None
    return _row_columns(rows, wanted) if rows and isinstance(rows[0], Mapping) else None


def list_of(value: object) -> list[object] | None:
    """Return a list, tuple, array or column as a list; None for anything else, such as a string or a number.

    >>> list_of(("Ada", "ran")), list_of("Ada ran")
    (['Ada', 'ran'], None)
    """
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, np.ndarray):
        return list(value.tolist()) if value.ndim else None
    if isinstance(value, str | bytes | Mapping | set | frozenset) or not isinstance(value, Iterable):
        return None
    return list(value)


def is_missing(value: object) -> bool:
    """Return whether a value is None, NaN, or a missing value of pandas.

    >>> is_missing(float("nan")), is_missing("")
    (True, False)
    """
    is_nan = isinstance(value, float | np.floating) and math.isnan(value)
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")


def is_dataset(data: object) -> "TypeGuard[Dataset | IterableDataset]":
    """Return whether data are a dataset of the ``datasets`` library; iterating over it yields rows.

    >>> is_dataset({"tokens": []})
    False
    """
    if "datasets" not in sys.modules:  # then nothing is one, and importing the library takes a second
        return False
    from datasets import Dataset, IterableDataset

    return isinstance(data, Dataset | IterableDataset)


def _chosen(names: Sequence[object], wanted: Mapping[str, Sequence[str]], values: Callable[[str], object]) -> InMemory:
    there = [name for name in names if isinstance(name, str)]
    columns: dict[str, list[object]] = {}
    for own, candidates in wanted.items():
        name = first_present(candidates, there)
        if name is not None:
            column = list_of(values(name))
            if column is None:
                raise CorpusError(f"the column {name!r} is a single value; give a list with a value for each row")
            columns[own] = column
    return InMemory(list(map(str, names)), columns, {})


def _dataset_columns(data: "Dataset | IterableDataset", wanted: Mapping[str, Sequence[str]]) -> InMemory | None:
    from datasets import Dataset

    plain = data.with_format(None)
    if isinstance(plain, Dataset):
        chosen = _chosen(plain.column_names, wanted, lambda name: plain.select_columns([name]).to_dict()[name])
    else:
        chosen = _row_columns(list(plain), wanted)
    own_names = {own: first_present(candidates, chosen.names) for own, candidates in wanted.items()}
    classes = {
        own: class_names(data.features, name) for own, name in own_names.items() if name is not None and data.features
    }
    return chosen._replace(class_names={own: names for own, names in classes.items() if names is not None})


def _row_columns(rows: Sequence[object], wanted: Mapping[str, Sequence[str]]) -> InMemory:
    first = rows[0] if rows and isinstance(rows[0], Mapping) else {}

    def column(name: str) -> list[object]:
        return [_cell(row, name, number) for number, row in enumerate(rows, start=1)]

    return _chosen(list(first), wanted, column)


def _cell(row: object, name: str, number: int) -> object:
    if not isinstance(row, Mapping):
        raise CorpusError(f"row {number} is {row!r}, but row 1 is a dictionary; all rows must be alike")
    if name not in row:
        raise CorpusError(f"row {number} has no {name!r}, but row 1 has; all rows must have the same keys")
    return row[name]
