"""Series as batches: windows by themselves, or streams that are read window by window with the state carried on.

Series are flat columns, one after the other, as in a panel. A batch is made of stretches of them::

    points      a b c d e f g | h i j         two series, of 7 points and of 3
    windows     abcd  bcde  cdef  defg  hij   of 4 points, a point from one to the next
    streams     abc… then def… then g         of the first series, in windows of 3 points
                hij                           of the second one: a row beside it, which ends earlier

Shapes: E series, B stretches in a batch, W windows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["StreamSampler", "Stretches", "WindowShuffler", "read_streams", "window_batches", "windows_of"]

Integers = npt.NDArray[np.int64]
MOST_STREAMS = 64  # side by side when series are only read


@dataclass(frozen=True, eq=False)
class Stretches:
    """The stretches of series that make a batch.

    Attributes:
        starts: the first point of each stretch, counted over all series (B).
        lengths: the number of points of each (B).
        continued: whether each row goes on where the same row of the previous batch has ended.
    """

    starts: Integers
    lengths: Integers
    continued: bool = False


def windows_of(lengths: Integers, width: int, stride: int, first_points: Integers | None = None) -> Stretches:
    """Return all windows of some series; the last window of a series ends with it.

    Args:
        lengths: the number of points of each series.
        width: points of a window; a series that is shorter is a window by itself.
        stride: points from one window to the next.
        first_points: leave out windows that end before these points, counted within each series.

    >>> windows = windows_of(np.array([7, 3]), width=4, stride=2)
    >>> windows.starts.tolist(), windows.lengths.tolist()
    ([0, 2, 3, 7], [4, 4, 4, 3])
    """
    offsets = np.cumsum(lengths) - lengths
    most = np.maximum(lengths - width, 0)
    least = np.zeros_like(lengths)
    if first_points is not None:
        least = np.minimum(np.maximum(first_points - width + 1, 0), most)
    counts = np.where(lengths > 0, -((least - most) // stride) + 1, 0)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    inside = np.minimum(np.repeat(least, counts) + number * stride, np.repeat(most, counts))
    starts = np.repeat(offsets, counts) + inside
    return Stretches(starts, np.repeat(np.minimum(lengths, width), counts))


def window_batches(windows: Stretches, rows: int) -> list[Stretches]:
    """Return batches of at most ``rows`` windows, in their order.

    >>> [batch.starts.tolist() for batch in window_batches(windows_of(np.array([7]), 4, 1), rows=3)]
    [[0, 1, 2], [3]]
    """
    cuts = range(0, len(windows.starts), rows)
    return [Stretches(windows.starts[cut : cut + rows], windows.lengths[cut : cut + rows]) for cut in cuts]


@dataclass(frozen=True, kw_only=True)
class WindowShuffler:
    """Samples windows in a random order, which depends only on the seed and the epoch.

    Args:
        windows: the windows.
        rows: number of windows in a batch.
        seed: random seed.

    >>> shuffler = WindowShuffler(windows=windows_of(np.array([7]), 4, 1), rows=3, seed=0)
    >>> sorted(start for batch in shuffler.epoch(0) for start in batch.starts.tolist())
    [0, 1, 2, 3]
    """

    windows: Stretches
    rows: int
    seed: int

    def epoch(self, number: int) -> Sequence[Stretches]:
        """Return the batches of one epoch."""
        order = np.random.default_rng([self.seed, number]).permutation(len(self.windows.starts))
        return window_batches(Stretches(self.windows.starts[order], self.windows.lengths[order]), self.rows)

    def learning_rate_scale(self, index: Stretches) -> float:
        """Return 1: the learning rate is the same for all batches."""
        return 1.0


def read_streams(starts: Integers, lengths: Integers, rows: int, steps: int) -> Iterator[Stretches]:
    """Yield batches that read streams side by side, longest first, in windows, with the state carried on.

    Args:
        starts: the first point of each stream.
        lengths: its number of points, at least 1.
        rows: most streams side by side.
        steps: points of a window.

    >>> [(each.starts.tolist(), each.lengths.tolist(), each.continued)
    ...  for each in read_streams(np.array([0, 7]), np.array([7, 3]), rows=2, steps=4)]
    [([0, 7], [4, 3], False), ([4], [3], True)]
    """
    order = np.argsort(-lengths, kind="stable")
    for cut in range(0, len(order), rows):
        group = order[cut : cut + rows]
        for done in range(0, int(lengths[group[0]]), steps):
            running = group[lengths[group] > done]
            left = np.minimum(lengths[running] - done, steps)
            yield Stretches(starts[running] + done, left, continued=done > 0)


def series_streams(lengths: Integers, budget: int) -> list[Stretches]:
    """Return batches that read whole series, of at most ``budget`` points each."""
    present = np.flatnonzero(lengths)
    starts = (np.cumsum(lengths) - lengths)[present]
    rows = max(1, min(MOST_STREAMS, len(present)))
    return list(read_streams(starts, lengths[present], rows, max(1, budget // rows)))


@dataclass(frozen=True, kw_only=True)
class StreamSampler:
    """Samples streams for truncated backpropagation through time; they depend only on the seed and the epoch.

    Each epoch cuts the series at other places into streams of equal length, as many as are read side by side, and
    reads each stream in windows. Every point is read once.

    Args:
        lengths: the number of points of each series.
        rows: number of streams in a batch.
        steps: points of a window.
        seed: random seed.

    >>> sampler = StreamSampler(lengths=np.array([70, 3]), rows=2, steps=10, seed=0)
    >>> sum(int(batch.lengths.sum()) for batch in sampler.epoch(0))
    73
    """

    lengths: Integers
    rows: int
    steps: int
    seed: int

    def epoch(self, number: int) -> Sequence[Stretches]:
        """Return the batches of one epoch."""
        generator = np.random.default_rng([self.seed, number])
        length = max(self.steps, -(-int(self.lengths.sum()) // self.rows))
        starts, lengths = self._streams(length, int(generator.integers(length)))
        order = generator.permutation(len(starts))
        return list(read_streams(starts[order], lengths[order], self.rows, self.steps))

    def _streams(self, length: int, shift: int) -> tuple[Integers, Integers]:
        """Cut each series at ``shift`` and every ``length`` points after it; return where streams begin and lengths."""
        ends = np.cumsum(self.lengths)
        begins = (ends - self.lengths)[self.lengths > 0]
        total = int(ends[-1]) if len(ends) else 0
        cuts = np.arange(shift, total, length)
        starts = np.unique(np.concatenate([begins, cuts[cuts > 0]]))
        return starts, np.diff(np.append(starts, total))

    def learning_rate_scale(self, index: Stretches) -> float:
        """Return 1: the learning rate is the same for all batches."""
        return 1.0
