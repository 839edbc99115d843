"""Windows of series: the points before an origin, which the network reads, and those after it, which it forecasts.

A window in segments of two, with a lookback of eight and a horizon of four, near the beginning of a series::

    points      . 5 4 6 5 7 6 8 | 7 9 8 10     origin 7, lookback 8: three and a half segments
    segments    [. 5][4 6][5 7][6 8]           the first is padded at its beginning

Shapes: B windows of a batch, T points of the longest lookback, S segments, W points of a segment, H horizon, C channels
of a point, F features known ahead, N points of all series, E series.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqkit.data.series.panel import Integers, Panel

__all__ = ["Context", "Frames", "Future", "WindowSampler"]


class Context(NamedTuple):
    """The points before the origins of some windows, in whole segments.

    Attributes:
        index_BT: the place of each point among all points; that of some other point where there is none.
        inside_BT: whether there is a point.
        segments_B: the number of segments of each row, at least 1.
        series_B: the series of each row.
        begin_B: the place where the first segment begins, among all points; before ``first_B`` if it is padded.
        first_B: the place of the first point of the row.
    """

    index_BT: Tensor
    inside_BT: Tensor
    segments_B: Tensor
    series_B: Tensor
    begin_B: Tensor
    first_B: Tensor


class Future(NamedTuple):
    """The points from the origins of some windows on.

    Attributes:
        index_BH: the place of each point among all points; that of some other point where there is none.
        inside_BH: whether there is a point.
    """

    index_BH: Tensor
    inside_BH: Tensor


@dataclass(frozen=True, eq=False)
class Frames:
    """The windows of a panel, numbered; where they are, not what is in them.

    Attributes:
        panel: the series.
        lookback: most points that are read before an origin.
        segment: points of a segment.
        horizon: points that are forecast.
        first: the first origin of each series, counted from its beginning (E).
        counts: the number of windows of each series (E).
        stride: the distance of two origins.

    >>> frames = Frames.of_training(Panel.from_arrays([range(10)]), lookback=4, segment=2, horizon=3, season=1)
    >>> len(frames), frames.locate([0, 5])
    (6, (tensor([0, 0]), tensor([2, 7])))
    """

    panel: Panel
    lookback: int
    segment: int
    horizon: int
    first: Integers
    counts: Integers
    stride: int = 1

    @classmethod
    def of_training(cls, panel: Panel, *, lookback: int, segment: int, horizon: int, season: int) -> "Frames":
        """Return the windows of training: at every point that has at least half a lookback before it, if there is one.

        A series that is too short for that still gives windows, down to one with a single point on each side.
        """
        lengths = panel.lengths
        last = np.maximum(lengths - horizon, (lengths + 1) // 2)
        first = np.minimum(max(season, lookback // 2, 1), last)
        counts = np.where(lengths > 1, last - first + 1, 0)
        return cls(panel, lookback, segment, horizon, first, counts)

    @classmethod
    def of_scoring(
        cls, panel: Panel, *, lookback: int, segment: int, horizon: int, stride: int, most: int = 0
    ) -> "Frames":
        """Return the windows that cover the scored part of each series, from ``starts`` to its end.

        Args:
            panel: the series.
            lookback: most points that are read before an origin.
            segment: points of a segment.
            horizon: points that are forecast.
            stride: the distance of two origins.
            most: the number of windows of each series at its end; 0 takes all.
        """
        first = np.maximum(panel.starts, 1)
        scored = panel.lengths - first
        counts = np.where(scored > 0, np.maximum(-(-(scored - horizon) // stride) + 1, 1), 0)
        if most:
            first = first + stride * np.maximum(counts - most, 0)
            counts = np.minimum(counts, most)
        return cls(panel, lookback, segment, horizon, first, counts, stride)

    def __len__(self) -> int:
        return int(self.counts.sum())

    @cached_property
    def _ends(self) -> Integers:
        return np.cumsum(self.counts)

    @cached_property
    def offsets(self) -> Integers:
        """Where each series begins among all points."""
        return self.panel.offsets

    def locate(self, windows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return the series of some windows, and their origins, counted from its beginning."""
        numbers = np.asarray(windows, dtype=np.int64)
        series = np.searchsorted(self._ends, numbers, side="right")
        within = numbers - (self._ends[series] - self.counts[series])
        return torch.from_numpy(series), torch.from_numpy(self.first[series] + self.stride * within)

    def context(self, windows: Sequence[int], *, full: bool, ahead: int = 0) -> Context:
        """Return the points before the origins.

        Args:
            windows: the numbers of the windows.
            full: whether all rows have the segments of a whole lookback, as direct forecasts need them, which are
                faster so; if not, a row begins with the first point that there is.
            ahead: how many points after the origins to add, in whole segments.
        """
        series_B, origin_B = self.locate(windows)
        count_B = origin_B.clamp(max=self.lookback)
        whole = -(-self.lookback // self.segment)
        before_B = torch.full_like(count_B, whole) if full else (count_B + self.segment - 1) // self.segment
        steps_T = torch.arange((int(before_B.max())) * self.segment + ahead)
        begin_B = origin_B - before_B * self.segment
        place_BT = begin_B[:, None] + steps_T
        end_B = torch.minimum(origin_B + ahead, torch.from_numpy(self.panel.lengths)[series_B])
        inside_BT = (place_BT >= (origin_B - count_B)[:, None]) & (place_BT < end_B[:, None])
        offset_B = torch.from_numpy(self.offsets)[series_B]
        return Context(
            index_BT=offset_B[:, None] + torch.where(inside_BT, place_BT, 0),
            inside_BT=inside_BT,
            segments_B=before_B + ahead // self.segment,
            series_B=series_B,
            begin_B=offset_B + begin_B,
            first_B=offset_B + origin_B - count_B,
        )

    def future(self, windows: Sequence[int], points: int) -> Future:
        """Return the points from the origins on."""
        series_B, origin_B = self.locate(windows)
        place_BH = origin_B[:, None] + torch.arange(points)
        inside_BH = place_BH < torch.from_numpy(self.panel.lengths)[series_B][:, None]
        offset_B = torch.from_numpy(self.offsets)[series_B]
        return Future(offset_B[:, None] + torch.where(inside_BH, place_BH, 0), inside_BH)


@dataclass(frozen=True, kw_only=True)
class WindowSampler:
    """Draws windows at random: each series with the same probability, then one of its windows.

    An epoch depends only on (seed, epoch).

    Attributes:
        counts: the number of windows of each series.
        size: the number of windows in a batch.
        windows: the number of windows in an epoch.
        seed: the seed.

    >>> sampler = WindowSampler(counts=np.array([50, 2]), size=4, windows=8, seed=1)
    >>> [[window < 50 for window in batch] for batch in sampler.epoch(0)]
    [[True, False, False, False], [False, False, True, False]]
    """

    counts: Integers
    size: int
    windows: int
    seed: int

    def epoch(self, number: int) -> Sequence[Sequence[int]]:
        """Return the batches of one epoch."""
        generator = np.random.default_rng(random.Random(f"{self.seed}/{number}").getrandbits(64))
        usable = np.flatnonzero(self.counts)
        series = usable[generator.integers(len(usable), size=self.windows)]
        drawn = np.cumsum(self.counts)[series] - 1 - generator.integers(self.counts[series])
        return [drawn[start : start + self.size].tolist() for start in range(0, len(drawn), self.size)]

    def learning_rate_scale(self, index: Sequence[int]) -> float:
        """Return 1: the learning rate is the same for all batches."""
        return 1.0
