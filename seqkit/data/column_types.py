"""Which types the columns of stored datasets may have: what seqkit reads exactly. Everything else is refused.

::

    tokens    lists of strings
    tags      lists of strings, of class labels or of integers
    text      strings
    label     strings, class labels, integers or booleans, or lists of them
    document  strings or integers

Nothing is converted: not bytes to text, not a number to a word, not a record to its ``repr``.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seqkit.data.text_files import shown
from seqkit.errors import CorpusError

if TYPE_CHECKING:
    import pyarrow
    from datasets import Dataset

__all__ = ["check_columns", "item_feature"]

INTEGERS = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
STRINGS = frozenset(["string", "large_string"])
NOTHING = frozenset(["null"])  # the type of a column without a value

TYPES: Mapping[str, tuple[frozenset[str], str, str]] = {
    "tokens": (STRINGS | NOTHING, "token", "a string"),
    "tags": (STRINGS | NOTHING | INTEGERS | {"class label"}, "tag", "a string"),
    "text": (STRINGS | NOTHING, "text", "a string"),
    "label": (STRINGS | NOTHING | INTEGERS | {"class label", "bool"}, "label", "a string or an integer"),
    "document": (STRINGS | NOTHING | INTEGERS, "name of a document", "a string or an integer"),
}
"""For each column the types of its values, and what to call one of them in an error."""

IS_LIST = {"tokens": True, "tags": True, "text": False, "label": None, "document": False}
"""Whether a column has lists; None if it may."""


def item_feature(feature: object) -> object | None:
    """Return the feature of the items of a list; None if the feature is no list.

    >>> from datasets import List, Value
    >>> item_feature(List(Value("string"))), item_feature(Value("string"))
    (Value('string'), None)
    """
    from datasets import LargeList, List

    item: object = feature.feature if isinstance(feature, List | LargeList) else None
    return item


def check_columns(dataset: "Dataset", where: str) -> None:
    """Make sure that columns have a type that is read, that no token or text is null, and that each token has a tag.

    Args:
        dataset: a dataset with seqkit's names of columns.
        where: its name, for errors.

    Raises:
        CorpusError: one of them is not so; with the number of the row.

    >>> from datasets import Dataset
    >>> check_columns(Dataset.from_dict({"text": [b"one"]}), "mine")
    Traceback (most recent call last):
    seqkit.errors.CorpusError: mine:1: row 1: a text is b'one', which is not a string; its column is binary, convert it
    """
    features: Mapping[str, object] = dataset.features
    for column in TYPES.keys() & features.keys():
        _check_type(dataset, column, where)
    for column in ("tokens", "text"):
        if column in features:
            _check_no_null(dataset, column, TYPES[column][1], where)
    if {"tokens", "tags"} <= features.keys():
        _check_lengths(dataset, where)


def _check_type(dataset: "Dataset", column: str, where: str) -> None:
    kinds, name, wanted = TYPES[column]
    feature = dataset.features[column]
    kind, is_list = _kind(feature), item_feature(feature) is not None
    is_nothing = kind == "null" and not is_list
    if kind in kinds and (is_nothing or IS_LIST[column] in (None, is_list)):
        return
    remedy = f"its column is {kind}, convert it"
    if kind in kinds:
        remedy = "convert the column"
        name, wanted = f"cell of {column}", "a list" if IS_LIST[column] else wanted
    row, value = _first(dataset, column)
    message = f"row {row}: a {name} is {value}, which is not {wanted}; {remedy}"
    raise CorpusError(message, file=where, line=row)


def _kind(feature: object) -> str:
    """Return the type of the values of a column, or of the items of its lists."""
    from datasets import ClassLabel, Value

    item = item_feature(feature)
    if item is not None:
        return "list" if item_feature(item) is not None else _kind(item)
    if isinstance(feature, ClassLabel):
        return "class label"
    if isinstance(feature, Value):
        return str(feature.dtype)
    return "struct" if isinstance(feature, dict) else type(feature).__name__


def _batches(dataset: "Dataset", *columns: str) -> Iterator["tuple[int, list[pyarrow.ChunkedArray]]"]:
    """Yield the number of the row before each batch, from 0, and the values of some columns."""
    row = 0
    for batch in dataset.select_columns(list(columns)).with_format("arrow").iter(batch_size=1000):
        values: list[Any] = [batch[column].combine_chunks() for column in columns]
        yield row, values
        row += len(values[0])


def _first(dataset: "Dataset", column: str) -> tuple[int, str]:
    """Return the number of the first row that is not null, from 1, and its value."""
    for row, (values,) in _batches(dataset, column):
        for index, is_valid in enumerate(values.is_valid().to_pylist()):
            if is_valid:
                return row + index + 1, shown(values[index].as_py())
    return 1, "null"


def _check_no_null(dataset: "Dataset", column: str, name: str, where: str) -> None:
    for row, (values,) in _batches(dataset, column):
        is_list = item_feature(dataset.features[column]) is not None
        if values.null_count or (is_list and values.flatten().null_count):
            found = (None in value if isinstance(value, list) else value is None for value in values.to_pylist())
            row += list(found).index(True) + 1
            raise CorpusError(
                f"row {row}: a {name} is null; give it a value, or leave the row out", file=where, line=row
            )


def _check_lengths(dataset: "Dataset", where: str) -> None:
    from pyarrow import compute

    for row, (tokens, tags) in _batches(dataset, "tokens", "tags"):
        if tags.type == "null":
            continue
        lengths = compute.list_value_length(tokens), compute.list_value_length(tags)
        differ = compute.not_equal(*(each.cast("int64") for each in lengths)).to_pylist()
        if True in differ:
            row += differ.index(True) + 1
            raise CorpusError(
                f"row {row} does not hold one tag for each token: {lengths[0][differ.index(True)]} tokens but"
                f" {lengths[1][differ.index(True)]} tags",
                file=where,
                line=row,
            )
