"""The end of the training series, from which a run forecasts by itself; and panels that go on into the future.

Shapes: E series, N points of all series.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from seqkit.data.series.panel import Floats, Panel
from seqkit.data.series.time_axis import TimeAxis
from seqkit.errors import CorpusError

__all__ = ["MOST_POINTS", "extended", "history_from_dict", "history_to_dict", "last_points"]

MOST_POINTS = 5_000_000  # a run with more would be mostly history
_COLUMNS = ("targets", "past", "known")


def last_points(panel: Panel, count: int) -> Panel:
    """Return the last ``count`` points of each series up to its last known value.

    >>> last_points(Panel.from_arrays([[1.0, 2.0, 3.0], [4.0]]), 2).targets[:, 0].tolist()
    [2.0, 3.0, 4.0]
    """
    ends = panel.known_lengths
    begins = np.maximum(ends - count, 0)
    lengths = ends - begins
    firsts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    points = np.arange(lengths.sum()) + np.repeat(panel.offsets[:-1] + begins - firsts, lengths)
    return replace(
        panel,
        lengths=lengths,
        starts=lengths,
        times=panel.times[points],
        targets=panel.targets[points],
        observed=panel.observed[points],
        past=panel.past[points],
        known=panel.known[points],
        weights=None,
        anomalies=None,
    )


def extended(panel: Panel, horizon: int) -> Panel:
    """Return series that go on for ``horizon`` points beyond their last known value, which are to be forecast.

    Raises:
        CorpusError: a feature that should be known ahead is missing there, or a series has no known value.
    """
    ends = panel.known_lengths
    if len(ends) and not ends.all():
        name = panel.ids[int(np.argmin(ends))]
        raise CorpusError(f"series {name!r} has no value, so it cannot be forecast", file=panel.source)
    lengths = ends + horizon
    there = np.minimum(panel.lengths, lengths)
    firsts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    given = np.arange(there.sum()) - np.repeat(np.concatenate([[0], np.cumsum(there)[:-1]]), there)
    source = np.repeat(panel.offsets[:-1], there) + given
    place = np.repeat(firsts, there) + given
    total = int(lengths.sum())
    times = np.zeros(total, dtype=np.int64)
    times[place] = panel.times[source]
    for series in np.flatnonzero(there < lengths).tolist():
        missing = int(lengths[series] - there[series])
        if panel.known_names:
            time = panel.axis.format(panel.axis.after(int(times[firsts[series] + there[series] - 1]), 1))[0]
            names = ", ".join(panel.known_names)
            message = f"series {panel.ids[series]!r} has no {names} at {time}; known features must reach to the horizon"
            raise CorpusError(f"{message}: add rows with them and an empty target", file=panel.source)
        end = int(firsts[series] + lengths[series])
        times[end - missing : end] = panel.axis.after(int(times[end - missing - 1]), missing)

    def spread(values: Floats, fill: float) -> Floats:
        wide = np.full((total, values.shape[1]), fill)
        wide[place] = values[source]
        return wide

    targets = spread(panel.targets, np.nan)
    positions = np.arange(total) - np.repeat(firsts, lengths)
    targets[positions >= np.repeat(ends, lengths)] = np.nan
    observed = np.zeros(targets.shape, dtype=np.bool_)
    observed[place] = panel.observed[source]
    return replace(
        panel,
        lengths=lengths,
        starts=ends,
        times=times,
        targets=targets,
        observed=observed & np.isfinite(targets),
        past=spread(panel.past, 0.0),
        known=spread(panel.known, np.nan),
        weights=None,
        anomalies=None,
    )


def history_to_dict(panel: Panel) -> dict[str, Any]:
    """Return what JSON needs to restore series."""
    columns: dict[str, Any] = {name: getattr(panel, name).T.tolist() for name in _COLUMNS}
    return {
        "ids": list(panel.ids),
        "lengths": panel.lengths.tolist(),
        "times": panel.times.tolist(),
        "filled": np.flatnonzero(~panel.observed[:, 0]).tolist(),
        "names": {name: list(getattr(panel, f"{name.removesuffix('s')}_names")) for name in _COLUMNS},
        **columns,
    }


def history_from_dict(values: Mapping[str, Any], axis: TimeAxis) -> Panel:
    """Return the series that :func:`history_to_dict` wrote.

    >>> panel = Panel.from_arrays({"north": [5.1, 4.8]})
    >>> history_from_dict(history_to_dict(panel), panel.axis).targets[:, 0].tolist()
    [5.1, 4.8]
    """
    points = len(values["times"])
    columns = {name: np.array(values[name], dtype=np.float64).reshape(-1, points).T for name in _COLUMNS}
    observed = np.ones(columns["targets"].shape, dtype=np.bool_)
    observed[values["filled"]] = False
    lengths = np.array(values["lengths"], dtype=np.int64)
    return Panel(
        ids=values["ids"],
        lengths=lengths,
        starts=lengths,
        times=np.array(values["times"], dtype=np.int64),
        targets=columns["targets"],
        observed=observed,
        past=columns["past"],
        known=columns["known"],
        target_names=values["names"]["targets"],
        past_names=values["names"]["past"],
        known_names=values["names"]["known"],
        axis=axis,
        source="the training series",
    )
