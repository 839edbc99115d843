"""Points in the order of their series and of time, and the gaps between them.

::

    north 03:00 4.9          north 01:00 5.1
    south 01:00 0.3          north 03:00 4.9     one point is missing before it
    north 01:00 5.1          south 01:00 0.3

Rows of a series need not be sorted; times that come twice, that do not fit the frequency, or that belong to an earlier
split are errors.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seqkit.data.series.frequency import DAY, UNITS, Steps, find_steps
from seqkit.data.series.panel import Flags, Integers
from seqkit.data.series.points import Places, Points
from seqkit.data.series.time_axis import ROWS, TimeAxis
from seqkit.data.series.times import Times
from seqkit.errors import CorpusError

__all__ = ["Ordered", "clock_hint", "in_order", "shown_time"]

CLOCK_CHANGED = (
    "; if the clock was changed there (daylight saving time), write times with their offset from UTC, as"
    " 2026-10-25T02:30+01:00, or name --time-zone"
)
AS_ROWS = "or take each row as the next point with --frequency rows"


class Ordered(NamedTuple):
    """Points, series by series and by time.

    Attributes:
        points: the points.
        axis: how their times are counted.
        missing: how many points are missing before each.
    """

    points: Points
    axis: TimeAxis
    missing: Integers


def in_order(
    points: Points, times: Times, places: Places, names: Sequence[str], frequency: str | None, *, are_rows: bool
) -> Ordered:
    """Sort points, and find the frequency of their series.

    Args:
        points: the points.
        times: how their times are to be understood.
        places: where they were read.
        names: the names of the splits, for errors.
        frequency: the frequency; None finds it; ``rows`` keeps the order of the rows.
        are_rows: whether the series are rows, whose times are numbered from 1.

    Raises:
        CorpusError: two points of a series have the same time, or a point does not fit the frequency.
    """
    keeps_order = are_rows or frequency == ROWS
    keys = (points.splits, points.series) if keeps_order else (points.times, points.splits, points.series)
    if not _are_sorted(keys):
        points = points.take(np.lexsort(keys))
    follows = np.diff(points.series, prepend=-1) == 0
    if are_rows:
        starts = np.flatnonzero(~follows)
        lengths = np.diff(np.append(starts, len(follows)))
        numbers = np.arange(len(follows)) - np.repeat(starts, lengths) + 1
        points = replace(points, times=numbers)
        return Ordered(points, TimeAxis(), np.zeros(len(follows), dtype=np.int64))
    times = times._replace(values=points.times)
    if not keeps_order:
        _check_ascending(points, times, follows, places, names)
    steps = find_steps(times, follows, frequency)
    if frequency is None and (steps.missing != 0).any():
        _check_same_frequency(points, times, follows, places)
    if (steps.missing < 0).any():
        raise _irregular(points, times, steps, places, frequency)
    return Ordered(points, steps.axis, steps.missing)


def _are_sorted(keys: Sequence[npt.NDArray[np.generic]]) -> bool:
    """Return whether rows are in ascending order of several keys, of which the last one comes first."""
    equal = np.ones(len(keys[0]) - 1, dtype=bool)
    for key in reversed(keys):
        if (equal & (key[1:] < key[:-1])).any():
            return False
        equal &= key[1:] == key[:-1]
    return True


def _check_ascending(points: Points, times: Times, follows: Flags, places: Places, names: Sequence[str]) -> None:
    """Raise CorpusError if a time does not come after the one before it."""
    wrong = follows & (np.diff(times.values, prepend=0) <= 0)
    if not wrong.any():
        return
    point = int(wrong.argmax())
    series, here = points.ids[points.series[point]], _shown(times, point)
    split, before = names[points.splits[point]], names[points.splits[point - 1]]
    if split != before:
        message = f"{split} begins at {here} in the series {series!r}, but {before} ends at {_shown(times, point - 1)}"
        raise places.error(f"{message}; each split must continue the one before", points.rows[point])
    duplicates = int(wrong.sum())
    hint = f"; leave one, {AS_ROWS}{clock_hint(_bare_axis(times), int(times.values[point]))}"
    counted = "" if duplicates == 1 else f" ({duplicates} times come again in all)"
    message = f"the time {here} comes again in the series {series!r}{counted}"
    if len(points.ids) == 1:
        message += "; if there are several series, name the column of their names with --id"
    raise places.error(message + hint, points.rows[point])


def _check_same_frequency(points: Points, times: Times, follows: Flags, places: Places) -> None:
    """Raise CorpusError if two series of three points or more have each a constant distance, but not the same."""
    starts = np.flatnonzero(~follows)
    lengths = np.diff(np.append(starts, len(follows)))
    distances = np.diff(times.values, prepend=times.values[:1])
    least = np.minimum.reduceat(np.where(follows, distances, np.iinfo(np.int64).max), starts)
    most = np.maximum.reduceat(np.where(follows, distances, 0), starts)
    regular = np.flatnonzero((least == most) & (lengths > 2))
    different = regular[least[regular] != least[regular[:1]]] if len(regular) else regular
    if not len(different):
        return
    one, other = int(regular[0]), int(different[0])
    names = [points.ids[points.series[starts[number]]] for number in (one, other)]
    steps = [_span(int(least[number]), times.is_calendar) for number in (one, other)]
    message = (
        f"the series {names[1]!r} has a point every {steps[1]}, but {names[0]!r} every {steps[0]}; all series of a"
        " corpus have the same frequency: train on each kind apart"
    )
    raise places.error(message, points.rows[starts[other]])


def _irregular(points: Points, times: Times, steps: Steps, places: Places, frequency: str | None) -> CorpusError:
    point = int((steps.missing < 0).argmax())
    series, here, last = points.ids[points.series[point]], _shown(times, point), _shown(times, point - 1)
    apart = _span(int(times.values[point] - times.values[point - 1]), times.is_calendar)
    wanted = frequency or steps.axis.frequency or steps.axis.step
    message = f"{here} comes {apart} after {last} in the series {series!r}, which does not fit the frequency {wanted}"
    zone = "; if the clock was changed, name the zone with --time-zone" if times.zone == "UTC" else ""
    remedy = f"correct it, name another one with --frequency, {AS_ROWS}{zone}"
    return places.error(f"{message}; {remedy}", points.rows[point])


def clock_hint(axis: TimeAxis, time: int, distance: int = 0) -> str:
    """Return what to do if the clock was changed at a time, if that may be: early on a Sunday, by an hour.

    Args:
        axis: how times are counted.
        time: the time, which comes again or after a gap.
        distance: how long after the time before it.

    >>> clock_hint(TimeAxis("h"), 0)
    ''
    """
    is_early_on_sunday = time // DAY % 7 == 3 and 0 < time % DAY <= 5 * UNITS["h"]
    is_an_hour = not distance or UNITS["h"] < distance <= 2 * UNITS["h"]
    is_local = bool(axis.frequency) and axis.zone is None
    return CLOCK_CHANGED if is_local and is_early_on_sunday and is_an_hour else ""


def shown_time(axis: TimeAxis, time: int) -> str:
    """Return a time as an error shows it.

    >>> shown_time(TimeAxis("h"), 3_600_000_000)
    '1970-01-01T01:00:00'
    """
    return axis.format(np.array([time]))[0]


def _bare_axis(times: Times) -> TimeAxis:
    return TimeAxis(ROWS if times.is_calendar else "", 1, times.zone)


def _shown(times: Times, point: int) -> str:
    return shown_time(_bare_axis(times), int(times.values[point]))


def _span(distance: int, is_calendar: bool) -> str:
    """Return a distance as a person says it."""
    if not is_calendar:
        return str(distance)
    unit, length = next(
        (unit, length)
        for unit, length in {"days": DAY, "h": UNITS["h"], "min": UNITS["min"], "s": UNITS["s"], "µs": 1}.items()
        if distance % length == 0
    )
    return "1 day" if (unit, distance) == ("days", DAY) else f"{distance // length} {unit}"
