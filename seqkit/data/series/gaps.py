"""Points and values that are missing: refused, or filled by a rule that a person chooses.

::

    01:00  5.1              forward      01:00 5.1   02:00 5.1   03:00 4.9
    03:00  4.9              interpolate  01:00 5.1   02:00 5.0   03:00 4.9

What is filled is not observed (``Panel.observed``). Values are filled in each split on its own: interpolation would
otherwise look into the next one. Features are always filled forward.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seqkit.data.series.cells import first_that_fails
from seqkit.data.series.ordering import Ordered, clock_hint, shown_time
from seqkit.data.series.panel import Flags, Floats, Integers, Panel
from seqkit.data.series.points import Places, Points
from seqkit.data.series.roles import Roles
from seqkit.data.series.time_axis import TimeAxis
from seqkit.errors import CorpusError

__all__ = ["checked_points", "filled"]

FIXED = re.compile(r"|\d*(us|ms|s|min|h|D|W-\w+)")
"""The frequencies whose points have the same distance, apart from changes of the clock."""

REMEDY = "add what is missing, or pass --fill forward or --fill interpolate"


def checked_points(ordered: Ordered, roles: Roles, places: Places, fill: str | None) -> tuple[Points, Integers]:
    """Make sure that no value is missing where it may not be, and insert points that are missing.

    Args:
        ordered: points in the order of time.
        roles: the columns from which they were read.
        places: where they were read.
        fill: ``forward`` or ``interpolate``; None refuses gaps.

    Returns:
        The points, with NaN as the values that are to be filled; and how many points of each series come before its
        future, of which only the features are known.

    Raises:
        CorpusError: a value or a point is missing; with file and line.
    """
    points, missing = _without_ends(ordered, roles, places) if roles.layout == "columns" else ordered[::2]
    if missing.any():
        if fill is None:
            raise _gap(points, missing, ordered.axis, places)
        points = _with_missing(points, missing, ordered.axis, places)
    check = _Check(points, ordered.axis, roles, places, fill)
    known_lengths, future = check.known_lengths()
    check.values(future)
    known = check.features(points.known, roles.known)
    return replace(points, known=known, past=check.past(future)), known_lengths


class _Check:
    """Checks of the values of points that are in the order of time.

    Args:
        points: the points.
        axis: how their times are counted.
        roles: the columns from which they were read.
        places: where they were read.
        fill: how missing values will be filled; None refuses them.
    """

    def __init__(self, points: Points, axis: TimeAxis, roles: Roles, places: Places, fill: str | None) -> None:
        self.points, self.axis, self.roles, self.places, self.fill = points, axis, roles, places, fill
        self.starts = np.flatnonzero(np.diff(points.series, prepend=-1))
        self.lengths = np.diff(np.append(self.starts, len(points.series)))

    def known_lengths(self) -> tuple[Integers, Flags]:
        """Return how many points of each series come before its future (E), and whether each point is in it (N)."""
        unknown: Flags = np.asarray(np.isnan(self.points.targets).all(axis=1))
        if not unknown.any() or not self.roles.known:
            return self.lengths, np.zeros(len(unknown), dtype=bool)
        positions = np.arange(len(unknown)) - np.repeat(self.starts, self.lengths)
        known: Integers = np.maximum.reduceat(np.where(unknown, 0, positions + 1), self.starts)
        return known, positions >= np.repeat(known, self.lengths)

    def values(self, future: Flags) -> None:
        """Raise CorpusError if a value is missing that cannot be filled, or is not to be."""
        unknown = np.isnan(self.points.targets)
        if not unknown.any():
            return
        names = [repr(name) for name in self.roles.targets] if self.roles.layout == "long" else ["value"]
        for column, name in enumerate(names):
            absent = unknown[:, column] & ~future
            # A series without any value may only be one of which the past is in no file.
            empty = np.logical_and.reduceat(unknown[:, column], self.starts)
            if (number := first_that_fails(empty & np.logical_or.reduceat(absent, self.starts))) is not None:
                raise self._error(f"there is no {name} at all in {{series}}", int(self.starts[number]))
            if (point := first_that_fails(absent)) is None:
                continue
            if self.fill is None:
                raise self._error(f"there is no {name} at {{time}} in {{series}}; {REMEDY}", point)
            if (number := first_that_fails(absent[self.starts])) is not None:
                message = f"{{series}} begins at {{time}} without {name}, and there is nothing to fill it with"
                raise self._error(f"{message}; begin it later", int(self.starts[number]))

    def features(self, values: Floats, names: Sequence[str]) -> Floats:
        """Return features without gaps."""
        absent = np.isnan(values)
        for column in np.flatnonzero(absent.any(axis=0)).tolist():
            begins = absent[self.starts, column]
            point = int(self.starts[begins.argmax()]) if begins.any() else int(absent[:, column].argmax())
            if self.fill is None or begins.any():
                remedy = "add it, since there is nothing to fill it with" if self.fill else REMEDY
                message = f"there is no value of the feature {names[column]!r} at {{time}} in {{series}}"
                raise self._error(f"{message}; {remedy}", point)
        return _forward(values) if absent.any() else values

    def past(self, future: Flags) -> Floats:
        """Return the past features without gaps; in the future they are as they were last, and nobody reads them."""
        past = self.points.past
        if not np.isnan(past).any():
            return past
        checked = self.features(np.where(future[:, None] & np.isnan(past), 0.0, past), self.roles.past)
        checked[future] = np.nan
        begins_in_future = self.starts[future[self.starts]]
        checked[begins_in_future] = 0.0
        return _forward(checked)

    def _error(self, message: str, point: int) -> CorpusError:
        """Return an error at a point, whose message may name the time and the series."""
        series = f"the series {self.points.ids[self.points.series[point]]!r}"
        time = shown_time(self.axis, int(self.points.times[point]))
        named = message.replace("{series}", series, 1).replace("{time}", time, 1)
        return self.places.error(named, self.points.rows[point])


def _without_ends(ordered: Ordered, roles: Roles, places: Places) -> tuple[Points, Integers]:
    """Leave out the points of a column before its first value, and after its last one unless features are known."""
    points, missing = ordered.points, ordered.missing
    filled = ~np.isnan(points.targets[:, 0])
    starts = np.flatnonzero(np.diff(points.series, prepend=-1))
    counts = np.add.reduceat(filled, starts)
    if (series := first_that_fails(counts == 0)) is not None:
        raise places.error(f"the column {points.ids[series]!r} has no values", points.rows[starts[series]])
    lengths = np.diff(np.append(starts, len(filled)))
    before = np.cumsum(filled) - np.repeat(np.cumsum(counts) - counts, lengths)
    kept = before > 0
    if not roles.known:
        kept &= (before < np.repeat(counts, lengths)) | filled
    if kept.all():
        return points, missing
    points, missing = points.take(kept), missing[kept]
    return points, np.where(np.diff(points.series, prepend=-1) != 0, 0, missing)


def _gap(points: Points, missing: Integers, axis: TimeAxis, places: Places) -> CorpusError:
    point = int((missing > 0).argmax())
    before, after = (shown_time(axis, int(points.times[each])) for each in (point - 1, point))
    count = int(missing[point])
    counted = "a point is" if count == 1 else f"{count} points are"
    others = int((missing > 0).sum()) - 1
    more = f", and there are {others} more gaps" if others > 1 else ", and there is another gap" if others else ""
    message = (
        f"{counted} missing between {before} and {after} in the series {points.ids[points.series[point]]!r}"
        f" (frequency {axis.frequency or axis.step}){more}"
    )
    time = int(points.times[point])
    hint = clock_hint(axis, time, time - int(points.times[point - 1]))
    return places.error(f"{message}; {REMEDY}{hint}", points.rows[point])


def _with_missing(points: Points, missing: Integers, axis: TimeAxis, places: Places) -> Points:
    """Insert the points that are missing, without values; each has the row of the point that follows."""
    total = int(missing.sum())
    if total > max(1000, 10 * len(missing)):
        point = int(missing.argmax())
        here = shown_time(axis, int(points.times[point]))
        message = f"{missing[point]} points would have to be filled in before {here}; is this time right?"
        raise places.error(message, points.rows[point])
    followers = np.repeat(np.arange(len(missing)), missing + 1)
    is_new = np.ones(len(followers), dtype=bool)
    is_new[np.cumsum(missing + 1) - 1] = False
    longer = points.take(followers)
    times = longer.times.copy()
    times[is_new] = _times_between(points.times, missing, axis)
    for column in (longer.targets, longer.past, longer.known):
        column[is_new] = np.nan
    weights = None if longer.weights is None else np.where(is_new, 0.0, longer.weights)
    anomalies = None if longer.anomalies is None else longer.anomalies & ~is_new
    return replace(longer, times=times, weights=weights, anomalies=anomalies)


def _times_between(times: Integers, missing: Integers, axis: TimeAxis) -> Integers:
    """Return the times of the points that are missing."""
    gaps = np.flatnonzero(missing)
    counts, spans = missing[gaps], times[gaps] - times[gaps - 1]
    steps, rest = np.divmod(spans, counts + 1)
    if FIXED.fullmatch(axis.frequency) and not rest.any() and (steps == steps[0]).all():
        behind = np.arange(counts.sum()) - np.repeat(np.cumsum(counts), counts)  # counted from the next point
        between: Integers = np.repeat(times[gaps], counts) + behind * steps[0]
        return between
    return np.concatenate([axis.after(int(times[gap - 1]), int(missing[gap])) for gap in gaps])


def _forward(values: Floats) -> Floats:
    """Return columns in which each NaN has become the number above it; the first row has none of its own series."""
    positions = np.where(np.isnan(values), 0, np.arange(len(values))[:, None])
    return np.take_along_axis(values, np.maximum.accumulate(positions, axis=0), axis=0)


def filled(panel: Panel, fill: str | None) -> Panel:
    """Fill the values that are missing before the end of each series, which are not observed.

    Args:
        panel: a split; the first value of each series is there.
        fill: ``forward`` repeats the last value. ``interpolate`` draws a line to the next one, in steps of the series;
            where there is none in this split, the last value is repeated, since nothing later may be looked at.

    >>> filled(Panel.from_arrays([[5.0, np.nan, 4.0, np.nan]]), "interpolate").targets[:, 0].tolist()
    [5.0, 4.5, 4.0, 4.0]
    """
    if fill is None or panel.observed.all():
        return panel
    known = panel.observed
    forward = _forward(panel.targets)
    if fill == "interpolate":
        series = panel.series_of_points
        for column in range(known.shape[1]):
            places = np.flatnonzero(known[:, column])
            absent = np.flatnonzero(~known[:, column])
            after = np.searchsorted(places, absent)
            nexts = places[np.minimum(after, len(places) - 1)]
            within = (after < len(places)) & (series[nexts] == series[absent])
            between = absent[within]
            forward[between, column] = np.interp(between, places, panel.targets[places, column])
    return replace(panel, targets=forward)
