"""Arrow columns as numbers: cells of text are parsed exactly, and what is no number is an error with its line."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seqkit.data.series.source import MISSING, as_number
from seqkit.data.text_files import shown
from seqkit.errors import CorpusError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Fail", "first_that_fails", "read_numbers"]

Fail = Callable[[str, int], CorpusError]
"""Makes an error with the place of a row, from the message and the number of the row."""

TRUTH = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}


def read_numbers(column: "pa.ChunkedArray", name: str, fail: Fail) -> npt.NDArray[np.float64]:
    """Return the numbers of a column; NaN where there is none.

    Args:
        column: numbers, truth values, or text.
        name: the name of the column, for errors.
        fail: makes an error for a row.

    Raises:
        CorpusError: a cell holds something else, or an infinite number.

    >>> import pyarrow as pa
    >>> read_numbers(pa.chunked_array([["1.5", "", "NaN"]]), "y", lambda message, row: CorpusError(message))
    array([1.5, nan, nan])
    """
    import pyarrow as pa

    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        column = _parsed(column, name, fail)
    elif not any(
        test(kind) for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    ):
        raise fail(f"the column {name!r} holds {kind}, not numbers", 0)
    # An integer beyond 2**53 becomes the nearest number, as in every library that computes with float64.
    numbers = np.concatenate(
        [np.zeros(0), *(chunk.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) for chunk in column.chunks)]
    )
    if np.isinf(numbers).any():
        row = int(np.isinf(numbers).argmax())
        raise fail(f"the column {name!r} has an infinite value ({numbers[row]}), which cannot be learnt from", row)
    return numbers


def _parsed(column: "pa.ChunkedArray", name: str, fail: Fail) -> "pa.ChunkedArray":
    """Parse text, a chunk at a time."""
    import pyarrow as pa

    parsed, before = [], 0
    for chunk in column.chunks:
        texts = chunk.cast(pa.string())
        try:
            parsed.append(texts.cast(pa.float64()))  # "NaN" too; empty cells are null already
        except pa.ArrowInvalid:
            parsed.append(_parsed_one_by_one(texts, name, fail, before))
        before += len(chunk)
    return pa.chunked_array(parsed, pa.float64())


def _parsed_one_by_one(texts: "pa.Array", name: str, fail: Fail, before: int) -> "pa.Array":
    """Parse a chunk that has words for missing values, blanks, truth values, or something that is no number."""
    import pyarrow as pa

    numbers: list[float | None] = []
    for row, text in enumerate(texts.to_pylist()):
        cell = "" if text is None else text.strip()
        number = None if cell in MISSING else as_number(cell)
        if number is None and cell not in MISSING:
            number = TRUTH.get(cell.lower())
        if number is None and cell not in MISSING:
            raise fail(f"{shown(text)} in the column {name!r} is not a number; {_remedy(cell)}", before + row)
        numbers.append(number)
    return pa.array(numbers, pa.float64())


def _remedy(cell: str) -> str:
    with_point = cell.replace(".", "").replace(",", ".")
    if "," in cell and as_number(with_point) is not None:
        return f"write it with a point and without separators of thousands, as in {with_point}"
    return "leave the cell empty if the number is not known"


def first_that_fails(fails: npt.NDArray[np.bool_]) -> int | None:
    """Return the first row for which something holds, or None.

    >>> first_that_fails(np.array([False, True])), first_that_fails(np.array([False]))
    (1, None)
    """
    return int(fails.argmax()) if fails.any() else None
