"""Running text as batches: parallel contiguous streams, read in windows for truncated backpropagation through time.

A text of N tokens is cut into B streams whose lengths differ by at most one token. All are read in windows::

    tokens     a b c d e f g h i j k        N = 11, B = 2: the streams are a…f and g…k
    window 1   inputs ⟨ a b / f g h         targets a b c / g h i       (⟨ is <eos>, which precedes a text)
    window 2   inputs c d e / i j           targets d e f / j k

Each token is the target exactly once, and its input is the preceding token, also across the borders of windows and
streams. If the state is carried from window to window, the only context lost is what precedes a stream.

Shapes: N tokens of the text, B streams, T steps of a window, W windows.
"""

import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Window", "WindowSampler", "Windows", "window_tokens"]

VARIED_SHORT = 0.05  # probability of halving the mean length of a window (Merity et al. 2018, section 5)
VARIED_SPREAD = 5.0  # standard deviation of the length of a window
SHORTEST = 5


@dataclass(frozen=True)
class Window:
    """Steps ``start`` to ``start + steps`` of the streams.

    Attributes:
        start: first step.
        steps: number of steps.
        streams: number of streams that the text is cut into.
        rows: number of streams in the window: all, or only the longer ones if the window is the very last step.
        learning_rate_scale: factor on the learning rate.
    """

    start: int
    steps: int
    streams: int
    rows: int
    learning_rate_scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class WindowSampler:
    """Samples the windows of an epoch; they depend only on the seed and the epoch.

    Args:
        tokens: number of tokens of the text, N.
        streams: number of parallel streams, B; reduced if there are fewer tokens.
        steps: number of steps of a window, T.
        vary: draw random lengths as in Merity et al. (2018, section 5): about T, occasionally about T/2. The learning
            rate is scaled with the length, because shorter windows would otherwise get too much weight.
        seed: random seed of the lengths.

    >>> [(window.start, window.steps, window.rows) for window in WindowSampler(tokens=11, streams=2, steps=3).epoch(0)]
    [(0, 3, 2), (3, 3, 2)]
    """

    tokens: int
    streams: int
    steps: int
    vary: bool = False
    seed: int = 0

    def epoch(self, number: int) -> "Windows":
        """Return the windows of one epoch, in order."""
        streams = min(self.streams, self.tokens)
        longest = -(-self.tokens // streams)
        if self.vary:
            starts_W = self._random_starts(longest, random.Random(f"{self.seed}/{number}"))
        else:
            starts_W = np.arange(0, longest, self.steps)
        return Windows(starts_W, self.tokens, streams, self.steps)

    def _random_starts(self, longest: int, generator: random.Random) -> NDArray[np.int64]:
        starts, start = array("q"), 0
        while start < longest:
            starts.append(start)
            mean = self.steps / 2 if generator.random() < VARIED_SHORT else float(self.steps)
            start += max(SHORTEST, round(generator.gauss(mean, VARIED_SPREAD)))
        return np.frombuffer(starts, dtype=np.int64)

    def learning_rate_scale(self, index: Window) -> float:
        """Return the factor on the learning rate for a window."""
        return index.learning_rate_scale


@dataclass(frozen=True, eq=False)
class Windows(Sequence[Window]):
    """A sequence of windows, created on access because a large text has very many.

    Attributes:
        starts_W: first steps of the windows.
        tokens: number of tokens of the text, N.
        streams: number of streams that the text is cut into.
        usual: the length of a window at which the learning rate is not scaled.
    """

    starts_W: NDArray[np.int64]
    tokens: int
    streams: int
    usual: int

    def __len__(self) -> int:
        return len(self.starts_W)

    def __getitem__(self, place: Any) -> Any:
        """Return a window, or a list of windows for a slice."""
        if isinstance(place, slice):
            return [self[each] for each in range(len(self))[place]]
        place = range(len(self))[place]
        longest, longer = -(-self.tokens // self.streams), self.tokens % self.streams or self.streams
        start = int(self.starts_W[place])
        end = longest if place + 1 == len(self) else int(self.starts_W[place + 1])
        alone = end == longest and end - start == 1  # the step that only the longer streams have
        return Window(start, end - start, self.streams, longer if alone else self.streams, (end - start) / self.usual)


def window_tokens(ids: np.ndarray, window: Window, *, before: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the inputs and targets of a window (B, T) as int64, padded with 0, and the true lengths (B,).

    Args:
        ids: token ids of the text (N,), possibly memory-mapped; only those of the window are read.
        window: one of the windows of this text.
        before: id of the token that precedes the text.

    >>> inputs, targets, lengths = window_tokens(np.arange(1, 12), Window(3, 3, streams=2, rows=2), before=0)
    >>> inputs.tolist(), targets.tolist(), lengths.tolist()
    ([[3, 4, 5], [9, 10, 0]], [[4, 5, 6], [10, 11, 0]], [3, 2])
    """
    shortest, longer = divmod(len(ids), window.streams)
    row_B = np.arange(window.rows)
    first_B = row_B * shortest + np.minimum(row_B, longer)
    last_B = first_B + shortest + (row_B < longer)
    place_BT = (first_B + window.start)[:, None] + np.arange(window.steps)
    inside_BT = place_BT < last_B[:, None]
    place_BT[~inside_BT] = 0
    targets_BT = ids[place_BT].astype(np.int64)
    inputs_BT = np.where(place_BT == 0, before, ids[np.maximum(place_BT - 1, 0)]).astype(np.int64)
    for padded_BT in (targets_BT, inputs_BT):
        padded_BT[~inside_BT] = 0
    lengths_B = torch.from_numpy(inside_BT.sum(1))
    return torch.from_numpy(inputs_BT), torch.from_numpy(targets_BT), lengths_B
