"""The units in which annotation tools count the offsets of spans.

::

    😀 Ada        characters 2..5    utf16 3..6    bytes 5..8

seqkit counts characters (Unicode code points), as Python does. JavaScript counts UTF-16 units, in which a character
such as an emoji is two; other tools count the bytes of UTF-8.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal, get_args

from seqkit.errors import ConfigError

__all__ = ["UNITS", "Offsets", "checked_offsets", "index_of", "length_in", "offsets_of", "unit_name"]

Offsets = Literal["characters", "utf16", "bytes"]
UNITS: tuple[Offsets, ...] = get_args(Offsets)
"""The units, the usual one first."""


def checked_offsets(name: str | None) -> Offsets:
    """Return the unit of this name; characters if there is none.

    Raises:
        ConfigError: there is no such unit.

    >>> checked_offsets("utf16")
    'utf16'
    """
    for unit in UNITS:
        if name in (None, unit):
            return unit
    raise ConfigError(f"offsets (--offsets) must be one of {', '.join(UNITS)}, not {name!r}")


def unit_name(unit: Offsets) -> str:
    """Return what to call a unit in a sentence.

    >>> unit_name("utf16")
    'UTF-16 units'
    """
    return {"characters": "characters", "utf16": "UTF-16 units", "bytes": "UTF-8 bytes"}[unit]


def offsets_of(text: str, unit: Offsets) -> Sequence[int]:
    """Return the offset of each character of a text in a unit, and of its end.

    >>> list(offsets_of("é😀", "utf16")), list(offsets_of("é😀", "bytes"))
    ([0, 1, 3], [0, 2, 6])
    """
    if length_in(text, unit) == len(text):
        return range(len(text) + 1)
    import numpy  # here, so that the command line can list units without it

    codes = numpy.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    borders = (0xFFFF,) if unit == "utf16" else (0x7F, 0x7FF, 0xFFFF)
    widths = 1 + sum((codes > border).astype(numpy.int64) for border in borders)
    offsets: list[int] = numpy.cumsum(widths).tolist()
    return [0, *offsets]


def length_in(text: str, unit: Offsets) -> int:
    """Return the length of a text in a unit.

    >>> length_in("é😀", "utf16"), length_in("é😀", "bytes")
    (3, 6)
    """
    if unit == "characters" or text.isascii():
        return len(text)
    if unit == "utf16":
        return len(text.encode("utf-16-le", "surrogatepass")) // 2
    return len(text.encode("utf-8", "surrogatepass"))


def index_of(offset: int, offsets: Sequence[int]) -> int | None:
    """Return which character begins at an offset; None if the offset is inside a character or out of range.

    >>> index_of(3, offsets_of("é😀", "utf16")), index_of(2, offsets_of("é😀", "utf16"))
    (2, None)
    """
    index = bisect_left(offsets, offset)
    return index if index < len(offsets) and offsets[index] == offset else None
