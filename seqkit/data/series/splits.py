"""Chronological splits: each is a part of every series, with all that comes before it as its context.

::

    north   ■ ■ ■ ■ ■ ■ ■ ■ □ □ ▒ ▒       train ■   dev □   test ▒
    south   ■ ■ ■ ■ ■                     too short for dev: all of it is trained on

No split contains a later one, nor anything that was computed from one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from seqkit.data.series.gaps import filled
from seqkit.data.series.panel import Integers, Panel
from seqkit.errors import CorpusError, setting_ref

__all__ = ["FUTURE", "split_panel"]

FUTURE = "future"
"""The split of the points whose values are not known, but their features are: what is to be forecast."""


def split_panel(
    panel: Panel,
    counts: Mapping[str, Integers],
    *,
    horizon: int = 1,
    dev_fraction: float = 0.1,
    fill: str | None = None,
) -> dict[str, Panel]:
    """Split a panel by time.

    Args:
        panel: whole series; their missing values are NaN.
        counts: how many points of each series are in each split that there is (E), in the order of time; what comes
            after all of them is the future.
        horizon: the number of points that are forecast at once.
        dev_fraction: the share of each series in train that becomes dev if there is none, in whole horizons, at least
            one; a series of less than two horizons stays in train.
        fill: how missing values are filled, if there are any.

    Raises:
        CorpusError: a split is shorter than the horizon in every series, or no series is long enough for dev.

    >>> panel = Panel.from_arrays({"north": list(range(10)), "south": [1.0]})
    >>> splits = split_panel(panel, {"train": panel.lengths}, horizon=2)
    >>> {name: (split.starts.tolist(), split.lengths.tolist()) for name, split in splits.items()}
    {'train': ([0, 0], [8, 1]), 'dev': ([8, 1], [10, 1])}
    """
    lengths = dict(counts)
    if "train" in lengths and "dev" not in lengths and dev_fraction:
        dev = _dev_lengths(panel, lengths["train"], horizon, dev_fraction)
        lengths = {"train": lengths["train"] - dev, "dev": dev, **{k: v for k, v in lengths.items() if k != "train"}}
    splits: dict[str, Panel] = {}
    end = np.zeros(len(panel), dtype=np.int64)
    for name, length in lengths.items():
        begin, end = end, end + length
        if not length.any():
            continue
        starts = begin if not splits else _starts(panel, name, begin, end, horizon)
        splits[name] = filled(replace(panel, starts=starts).until(end), fill)
    if (panel.lengths > end).any():
        splits[FUTURE] = _future(panel, end, fill)
    return splits


def _dev_lengths(panel: Panel, lengths: Integers, horizon: int, fraction: float) -> Integers:
    """Return how many points at the end of each series become dev."""
    horizons = np.maximum(1, np.floor(fraction * lengths / horizon + 1e-9)).astype(np.int64)
    dev: Integers = np.where(lengths >= 2 * horizon, np.minimum(horizons, lengths // horizon - 1) * horizon, 0)
    if not dev.any():
        longest = int(lengths.argmax())
        raise CorpusError(
            f"no series is long enough to take dev from its end: the longest, {panel.ids[longest]!r}, has"
            f" {_points(int(lengths[longest]))}, and dev takes two times the horizon of {horizon}; give a file for dev,"
            f" or a shorter {setting_ref('horizon')}",
            file=panel.source,
        )
    return dev


def _starts(panel: Panel, name: str, begin: Integers, end: Integers, horizon: int) -> Integers:
    """Return where a split begins in each series; the first points of a new series are the context of the others."""
    lengths = end - begin
    longest = int(lengths.argmax())
    if lengths[longest] < horizon:
        raise CorpusError(
            f"{name} has at most {_points(int(lengths[longest]))} of a series ({panel.ids[longest]!r}), fewer than the"
            f" horizon of {horizon}; give more, or a shorter {setting_ref('horizon')}",
            file=panel.source,
        )
    is_new = (begin == 0) & (lengths > 0)
    short = is_new & (lengths <= horizon)
    if short.any():
        number = int(short.argmax())
        raise CorpusError(
            f"the series {panel.ids[number]!r} is new in {name} and has {_points(int(lengths[number]))} there, not more"
            f" than the horizon of {horizon}: some must come before those that are forecast; leave it out",
            file=panel.source,
        )
    starts: Integers = np.where(is_new, end - (lengths - 1) // horizon * horizon, begin)
    return starts


def _future(panel: Panel, starts: Integers, fill: str | None) -> Panel:
    """Return whole series, of which what comes after all splits is not known."""
    known = filled(panel, fill)
    is_future = np.arange(len(panel.times)) - np.repeat(panel.offsets[:-1] + starts, panel.lengths) >= 0
    return replace(known, starts=starts, targets=np.where(is_future[:, None], np.nan, known.targets))


def _points(count: int) -> str:
    return "1 point" if count == 1 else f"{count} points"


def in_order_of_time(names: Sequence[str]) -> list[str]:
    """Return the names of splits in the order of time.

    >>> in_order_of_time(["test", "train"])
    ['train', 'test']
    """
    return [name for name in ("train", "dev", "test") if name in names]
