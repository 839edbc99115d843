"""Columns of times as int64: microseconds since 1970, or the integers of the file.

::

    2026-01-01 13:00                   a calendar without a zone: the local clock, whatever it is
    2026-01-01T13:00+01:00             an instant; offsets that differ are converted to UTC
    31.01.2026   01/31/2026            dates in other orders, if they can only be read in one way
    20260131                           dates, if all whole numbers are
    17, 18, 19                         integers, seconds since 1970 too
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from seqkit.data.series.cells import Fail
from seqkit.data.text_files import shown
from seqkit.errors import ConfigError, CorpusError

if TYPE_CHECKING:
    import pandas
    import pyarrow as pa

__all__ = ["Times", "check_zone", "read_times"]

Integers = npt.NDArray[np.int64]

OFFSET = r"[Tt ]\d\d(:?\d\d)+(\.\d+)? ?(Z|z|[+-]\d\d(:?\d\d)?)$"
"""A time of day with an offset from UTC."""

DATES = ("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d %b %Y", "%b %d %Y")
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
TRIED = 1000
"""From how many different times the format is found."""

FIRST, LAST = (int(np.datetime64(year, "us").astype(np.int64)) for year in ("1678", "2262"))
"""The times that pandas knows in nanoseconds, too."""

ISO = "write it in ISO 8601, as 2026-01-31 or 2026-01-31T13:00:00"


class Times(NamedTuple):
    """A column of times.

    Attributes:
        values: the times.
        is_calendar: whether they are microseconds rather than integers of the file.
        zone: the name of their zone; None if they have none.
    """

    values: Integers
    is_calendar: bool
    zone: str | None


def check_zone(zone: str | None) -> None:
    """Make sure that there is such a time zone.

    Raises:
        ConfigError: there is not.

    >>> check_zone("Europe/Berlin")
    >>> check_zone("Europe/Bern")
    Traceback (most recent call last):
    seqkit.errors.ConfigError: no time zone 'Europe/Bern'; name one of the IANA database, such as Europe/Berlin
    """
    import zoneinfo

    try:
        if zone is not None:
            zoneinfo.ZoneInfo(zone)
    except (LookupError, ValueError, OSError):
        message = f"no time zone {zone!r}; name one of the IANA database, such as Europe/Berlin"
        raise ConfigError(message) from None


def read_times(column: "pa.ChunkedArray", name: str, zone: str | None, fail: Fail) -> Times:
    """Return the times of a column.

    Args:
        column: times, dates, integers or text.
        name: the name of the column, for errors.
        zone: the zone that local times are in, and that instants are converted to; None keeps that of the column.
        fail: makes an error for a row.

    Raises:
        CorpusError: a cell is empty or holds something else, or some times have an offset and others have none.

    >>> import pyarrow as pa
    >>> column = pa.chunked_array([["1970-01-01T01:00+01:00"]])
    >>> read_times(column, "ds", None, lambda message, row: CorpusError(message))
    Times(values=array([0]), is_calendar=True, zone='+01:00')
    """
    times = _read(column, name, zone, fail)
    if times.is_calendar and len(times.values):
        strange = (times.values < FIRST) | (times.values >= LAST)
        if strange.any():
            row = int(strange.argmax())
            raise fail(f"the time in the column {name!r} is before the year 1678 or after 2261; correct it", row)
    return times


def _read(column: "pa.ChunkedArray", name: str, zone: str | None, fail: Fail) -> Times:
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.null_count:
        raise fail(f"there is no time in the column {name!r}", int(pc.index(pc.is_null(column), True).as_py()))
    kind = column.type
    if pa.types.is_integer(kind):
        return _of_integers(_joined(column.cast(pa.int64())), zone, name, fail)
    if pa.types.is_floating(kind):
        numbers = _joined(column)
        whole = np.mod(numbers, 1) == 0
        if not whole.all():
            row = int(whole.argmin())
            raise fail(f"{numbers[row]} in the column {name!r} is not a time; use whole numbers", row)
        return _of_integers(numbers.astype(np.int64), zone, name, fail)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _of_stamps(column, zone, name, fail)
    texts = column if pa.types.is_dictionary(kind) else column.cast(pa.string()).dictionary_encode()
    if not pa.types.is_string(texts.type.value_type):
        raise fail(f"the column {name!r} holds {kind}, not times", 0)
    encoded = texts.unify_dictionaries().combine_chunks()
    indices = encoded.indices.to_numpy()
    used = pc.utf8_trim_whitespace(encoded.dictionary)

    def fail_for(message: str, distinct: int) -> CorpusError:
        return fail(message, int((indices == distinct).argmax()))

    times = _of_texts(used, zone, name, fail_for)
    return times._replace(values=times.values[indices])


def _joined(column: "pa.ChunkedArray") -> Integers:
    return np.concatenate([np.zeros(0, np.int64), *(chunk.to_numpy(zero_copy_only=False) for chunk in column.chunks)])


def _of_integers(values: Integers, zone: str | None, name: str, fail: Fail) -> Times:
    dates = _dates_without_signs(values)
    if dates is not None:
        return _located(dates, zone, name, fail)
    if zone is not None:
        raise fail(f"the times in the column {name!r} are integers, which are in no zone; leave --time-zone out", 0)
    return Times(values, False, None)


def _dates_without_signs(values: Integers) -> Integers | None:
    """Return dates such as 20260131 in microseconds, if all of the integers are such dates."""
    if not len(values) or values.min() < 18000101 or values.max() > 22001231:
        return None
    years, months, days = values // 10_000, values // 100 % 100, values % 100
    if months.min() < 1 or months.max() > 12 or days.min() < 1:
        return None
    first = (years * 12 + months - 1 - 1970 * 12).astype("datetime64[M]")
    dates = first.astype("datetime64[D]") + (days - 1)
    if (dates.astype("datetime64[M]") != first).any():  # there is no such day
        return None
    return dates.astype("datetime64[us]").astype(np.int64)


def _of_stamps(column: "pa.ChunkedArray", zone: str | None, name: str, fail: Fail) -> Times:
    import pyarrow as pa

    own = getattr(column.type, "tz", None)
    try:
        values = _joined(column.cast(pa.timestamp("us", own)).cast(pa.int64()))
    except pa.ArrowInvalid:
        raise fail(f"the times in the column {name!r} are finer than microseconds; round them", 0) from None
    return _located(values, zone, name, fail) if own is None else Times(values, True, zone or own)


def _of_texts(texts: "pa.Array", zone: str | None, name: str, fail: Fail) -> Times:
    """Parse the different texts of a column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return _of_integers(texts.cast(pa.int64()).to_numpy(), zone, name, fail)
    except pa.ArrowInvalid:
        pass
    have_offsets = pc.match_substring_regex(texts, OFFSET).to_numpy(zero_copy_only=False).astype(bool)
    if not have_offsets.any():
        return _located(_parsed(texts, name, fail), zone, name, fail)
    if not have_offsets.all():
        distinct = int(have_offsets.argmin())
        message = f"{texts[distinct]} in the column {name!r} has no offset from UTC, but others have; write one for all"
        raise fail(message, distinct)
    values = _parsed(texts, name, fail, has_offsets=True)
    found = pc.unique(pc.struct_field(pc.extract_regex(texts, r"(?P<offset>Z|z|[+-]\d\d(?::?\d\d)?)$"), 0)).to_pylist()
    only = found[0] if len(found) == 1 else "Z"
    return Times(values, True, zone or _zone_of(only))


def _zone_of(offset: str) -> str:
    """Return the name of the zone with a fixed offset, as pandas knows it."""
    digits = offset.replace(":", "")
    hours, minutes = digits[:3], digits[3:] or "00"
    return "UTC" if offset in ("Z", "z") or digits.strip("+-0") == "" else f"{hours}:{minutes}"


def _parsed(texts: "pa.Array", name: str, fail: Fail, *, has_offsets: bool = False) -> Integers:
    """Return the microseconds of texts, which have the same format."""
    import pandas as pd
    import pyarrow as pa

    try:  # far quicker, and without an object for each
        kind = pa.timestamp("us", "UTC" if has_offsets else None)
        values: Integers = texts.cast(kind).cast(pa.int64()).to_numpy()
        return values
    except pa.ArrowInvalid:
        pass
    strings = texts.to_pylist()
    iso = _iso(strings, has_offsets)
    if not iso.isna().any():
        return _microseconds(iso)
    formats = _fitting(strings, has_offsets)
    if len(formats) > 1:
        message = f"{shown(strings[0])} in the column {name!r} may begin with the day or the month; {ISO}"
        raise fail(message, 0)
    best = iso
    if formats:
        best = pd.to_datetime(strings, format=formats[0], utc=has_offsets, errors="coerce")
    if best.isna().any():
        distinct = int(best.isna().argmax())
        raise fail(f"{shown(strings[distinct])} in the column {name!r} is not a time; {ISO}", distinct)
    return _microseconds(best)


def _iso(strings: Sequence[str], has_offsets: bool) -> "pandas.DatetimeIndex":
    """Return the times of texts in ISO 8601; NaT for others."""
    import pandas as pd

    try:
        return pd.to_datetime(strings, format="ISO8601", utc=has_offsets, errors="coerce")
    except ValueError:  # some have an offset in a form that only pandas takes for one
        one_by_one = [pd.to_datetime(text, format="ISO8601", errors="coerce") for text in strings]
        return pd.DatetimeIndex([pd.NaT if time.tz is not None else time for time in one_by_one])


def _fitting(strings: Sequence[str], has_offsets: bool) -> list[str]:
    """Return the formats that fit all texts; if none does, the one that fits the first of them."""
    import pandas as pd

    end = "%z" if has_offsets else ""
    formats = [f"{date}{clock}{end}" for date in DATES for clock in CLOCKS]
    sample = strings[:TRIED]

    def fits(format: str, texts: Sequence[str]) -> bool:
        return not pd.to_datetime(texts, format=format, utc=has_offsets, errors="coerce").isna().any()

    begun = [format for format in formats if fits(format, sample[:1])]
    fitting = [format for format in begun if fits(format, sample) and fits(format, strings)]
    return fitting or begun[:1]


def _microseconds(index: "pandas.DatetimeIndex") -> Integers:
    values: Integers = index.as_unit("us").asi8
    return values


def _located(local: Integers, zone: str | None, name: str, fail: Fail) -> Times:
    """Return local times in a zone, if there is one."""
    if zone is None:
        return Times(local, True, None)
    import pandas as pd

    index = pd.DatetimeIndex(local.astype("datetime64[us]"))
    instants = index.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    if instants.isna().any():
        row = int(instants.isna().argmax())
        message = (
            f"{index[row]} in the column {name!r} comes twice or never in {zone}, where the clock was changed (daylight"
            " saving time); write times with their offset from UTC, as 2026-10-25T02:30+01:00"
        )
        raise fail(message, row)
    return Times(_microseconds(instants), True, zone)
