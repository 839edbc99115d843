"""The distance of two points of a series, which is the same in all series of a corpus.

::

    2026-01-01, 2026-02-01, 2026-03-01               MS      the first of each month
    2026-01-02, 2026-01-05                           B       Friday and Monday
    2026-01-01 00:00, 01:00, 03:00                   h       with a gap
    rows                                             nothing is checked: each row is the next point, whenever it was

The frequency is that of which the fewest points are missing, among those that fit all times.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seqkit.data.series.time_axis import ROWS, TimeAxis
from seqkit.data.series.times import Times
from seqkit.errors import ConfigError

__all__ = ["Steps", "check_frequency", "find_steps"]

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

UNITS = {"h": 3_600_000_000, "min": 60_000_000, "s": 1_000_000, "ms": 1000, "us": 1}
DAY = 24 * UNITS["h"]
WEEKDAYS = ("THU", "FRI", "SAT", "SUN", "MON", "TUE", "WED")  # 1 January 1970 was a Thursday
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
CALENDARS = (
    (1, 3, ("B",)),
    (28, 31, ("MS", "ME", "BMS", "BME")),
    (89, 92, tuple(f"{kind}-{month}" for kind in ("QS", "QE") for month in MONTHS[:3])),
    (365, 366, tuple(f"{kind}-{month}" for kind in ("YS", "YE") for month in MONTHS)),
)
"""Frequencies whose distances, from so many days to so many, are not all the same."""


class Steps(NamedTuple):
    """How the points of all series follow each other.

    Attributes:
        axis: how times are counted.
        missing: how many points are missing before each one (N); 0 before the first of a series. -1 where a point is
            not where the frequency wants it.
    """

    axis: TimeAxis
    missing: Integers


def check_frequency(frequency: str | None) -> None:
    """Make sure that there is such a frequency.

    Raises:
        ConfigError: there is not.

    >>> check_frequency("15min")
    """
    if frequency is None or frequency == ROWS or (frequency.isdecimal() and int(frequency)):
        return
    import pandas as pd

    try:
        pd.tseries.frequencies.to_offset(frequency)
    except ValueError as error:
        hint = str(error).rpartition("Did you mean ")[2] if "Did you mean" in str(error) else ""
        meant = f"; did you mean {hint}" if hint else ""
        message = (
            f"no frequency {frequency!r}{meant}; write an alias of pandas such as h, D, W-SUN, MS or 15min, or rows"
        )
        raise ConfigError(message) from None


def find_steps(times: Times, follows: Flags, frequency: str | None = None) -> Steps:
    """Find the frequency of all series, and where points are missing.

    Args:
        times: the times of all series (N), ascending within each.
        follows: whether each point follows another one of its series (N); False for the first of each.
        frequency: the frequency; None finds it.

    Returns:
        The axis, and the missing points; if no frequency fits all times, -1 for those that do not fit the most common
        distance.

    Raises:
        ConfigError: the frequency is not one of such times.

    >>> find_steps(Times(np.array([1, 2, 4]), False, None), np.array([False, True, True])).missing.tolist()
    [0, 0, 1]
    """
    values = times.values
    distances = np.diff(values, prepend=values[:1])[follows]
    missing = np.zeros(len(values), dtype=np.int64)
    if frequency == ROWS:
        step = int(np.median(distances)) if len(distances) else 1
        return Steps(TimeAxis(ROWS if times.is_calendar else "", step, times.zone), missing)
    if frequency is not None and frequency.isdecimal() == times.is_calendar:
        wanted = "an alias of pandas such as h, D or 15min" if times.is_calendar else "an integer, since times are"
        raise ConfigError(f"the frequency {frequency!r} must be {wanted}")
    if not times.is_calendar:
        step = _most_common(distances, 1) if frequency is None else int(frequency)
        missing[follows] = _multiples(distances, step)
        return Steps(TimeAxis("", step, None), missing)
    if frequency is None:
        alias, missing[follows] = _inferred(times, follows, distances)
    else:
        alias, missing[follows] = frequency, _missing_of(frequency, times, follows)
    return Steps(TimeAxis(alias, 1, times.zone), missing)


def _inferred(times: Times, follows: Flags, distances: Integers) -> tuple[str, Integers]:
    """Return the frequency that fits all times with the fewest missing points, and where they are missing."""
    best: tuple[str, Integers] | None = None
    for alias, missing in _candidates(times, follows, distances):
        fits, best_fits = not (missing < 0).any(), best is not None and not (best[1] < 0).any()
        if best is None or (fits and (not best_fits or missing.sum() < best[1].sum())):
            best = alias, missing
        if fits and not missing.any():
            break
    assert best is not None
    return best


def _candidates(times: Times, follows: Flags, distances: Integers) -> Iterator[tuple[str, Integers]]:
    if not len(distances):
        yield "D", distances
        return
    step = _most_common(distances, DAY)
    if step % DAY or times.zone is None:
        yield _alias(step, times.values), _multiples(distances, step)
    local = _local(times)
    if times.zone is not None:  # days are 23 or 25 hours long where the clock is changed
        distances = np.diff(local, prepend=local[:1])[follows]
        step = _most_common(distances, DAY)
        if step % DAY == 0:
            yield _alias(step, local), _multiples(distances, step)
    days = step / DAY
    for least, most, aliases in CALENDARS:
        if least <= days <= most:
            yield from ((alias, _missing_of(alias, times, follows)) for alias in aliases)


def _most_common(distances: Integers, default: int) -> int:
    if not len(distances):
        return default
    if (distances == distances[0]).all():  # as it should be, and quicker than to sort millions
        return int(distances[0])
    found, counts = np.unique(distances, return_counts=True)
    return int(found[counts.argmax()])


def _multiples(distances: Integers, step: int) -> Integers:
    return np.where(distances % step == 0, distances // step - 1, -1)


def _alias(step: int, values: Integers) -> str:
    """Return a fixed distance in microseconds as an alias of pandas; weeks are named after their day."""
    if step == 7 * DAY and len(days := np.unique(values // DAY % 7)) == 1:
        return f"W-{WEEKDAYS[int(days[0])]}"
    unit, length = next((unit, length) for unit, length in {"D": DAY, **UNITS}.items() if step % length == 0)
    return unit if step == length else f"{step // length}{unit}"


def _local(times: Times) -> Integers:
    """Return what the local clock shows, in microseconds since 1970."""
    if times.zone in (None, "UTC"):
        return times.values
    import pandas as pd

    index = pd.DatetimeIndex(times.values.astype("datetime64[us]")).tz_localize("UTC").tz_convert(times.zone)
    local: Integers = index.tz_localize(None).as_unit("us").asi8
    return local


def _missing_of(frequency: str, times: Times, follows: Flags) -> Integers:
    """Return how many points are missing before each one that follows another; -1 where one does not fit."""
    import pandas as pd

    offset = pd.tseries.frequencies.to_offset(frequency)
    if isinstance(offset, pd.tseries.offsets.Tick) and offset.nanos % (1000 * DAY):
        distances = np.diff(times.values, prepend=times.values[:1])[follows]
        return _multiples(distances, max(offset.nanos // 1000, 1))
    local = _local(times)
    if frequency.endswith("D") and (count := frequency[:-1] or "1").isdecimal():
        return _multiples(np.diff(local, prepend=local[:1])[follows], int(count) * DAY)
    # The time of day is that of the points; the offset tells the days.
    clocks = local % DAY
    days = (local - clocks).astype("datetime64[us]")
    grid = pd.date_range(offset.rollback(pd.Timestamp(days.min())), days.max(), freq=offset).as_unit("us").asi8
    positions = np.searchsorted(grid, local - clocks)
    is_on_grid = grid[np.minimum(positions, len(grid) - 1)] == local - clocks
    same_clock = np.diff(clocks, prepend=clocks[:1]) == 0
    fits = (is_on_grid & same_clock & np.concatenate([[True], is_on_grid[:-1]]))[follows]
    return np.where(fits, np.diff(positions, prepend=positions[:1])[follows] - 1, -1)
