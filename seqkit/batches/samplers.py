"""Group examples into batches, for training and for prediction."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

__all__ = [
    "BucketSampler",
    "in_order",
    "length_sorted_batches",
]

_Value = TypeVar("_Value")
ROWS_A_STEP_IS_WORTH = 8
"""Extra rows that cost as much as an extra step of a small batch; measured for encoder and CRF on two cores."""


def in_order(batches: Sequence[Sequence[int]], values: Sequence[Sequence[_Value]]) -> list[_Value]:
    """Return the values of the examples of all batches, in the order of the examples.

    >>> in_order([[2, 0], [1]], [["c", "a"], ["b"]])
    ['a', 'b', 'c']
    """
    of_example = dict(zip(chain.from_iterable(batches), chain.from_iterable(values), strict=True))
    return [of_example[example] for example in range(len(of_example))]


def length_sorted_batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Group all examples, longest first, into batches of similar lengths with at most ``batch_tokens`` padded tokens.

    The size of a batch is a power of four, so that shapes recur: kernels are compiled and cached for each shape. A
    batch grows as long as the additional padding costs less than the steps of a further batch. An example longer than
    ``batch_tokens`` forms a batch of its own.

    >>> length_sorted_batches([3, 9, 2, 3, 3, 3], batch_tokens=12)
    [[1], [0, 3, 4, 5], [2]]
    """
    order = sorted(range(len(lengths)), key=lambda example: -lengths[example])
    batches = []
    start = 0
    while start < len(order):
        longest, size = lengths[order[start]], 1
        while start + 4 * size <= len(order) and 4 * size * longest <= batch_tokens:
            shorter = lengths[order[start + size]]  # the longest of the examples that would be added
            if (longest - shorter) * 3 * size > ROWS_A_STEP_IS_WORTH * shorter:
                break
            size *= 4
        batches.append(order[start : start + size])
        start += size
    return batches


def _cut(order: Sequence[int], lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    batch: list[int] = []
    longest = 0
    for example in order:
        longest = max(longest, lengths[example])
        if batch and longest * (len(batch) + 1) > batch_tokens:
            yield batch
            batch, longest = [], lengths[example]
        batch.append(example)
    if batch:
        yield batch


def _balanced(labels: Sequence[int], generator: random.Random) -> list[int]:
    """Draw ``len(labels)`` examples, with counts per label that differ by at most one."""
    examples: dict[int, list[int]] = {}
    for example, label in enumerate(labels):
        examples.setdefault(label, []).append(example)
    drawn = []
    for number, label in enumerate(sorted(examples)):
        wanted = len(labels) // len(examples) + (number < len(labels) % len(examples))
        times, more = divmod(wanted, len(examples[label]))
        drawn += examples[label] * times + generator.sample(examples[label], more)
    return drawn


@dataclass(frozen=True, kw_only=True)
class BucketSampler:
    """Samples random batches of similar lengths, limited by a number of tokens.

    Examples are shuffled, sorted by length within pools of many batches, cut into batches by the token budget, and the
    batches are shuffled. The rows of a batch therefore have similar lengths, but every epoch has different batches. An
    epoch depends only on (seed, epoch), so the position in it is one number, and resuming is exact.

    With ``labels``, one for each example, every epoch draws as many examples as there are, the same number for each
    label. Examples of a rare label are repeated; of a frequent label, some are left out.

    >>> sampler = BucketSampler(lengths=[5, 1, 4, 2], batch_tokens=6, seed=1)
    >>> sorted(example for batch in sampler.epoch(0) for example in batch)
    [0, 1, 2, 3]
    """

    lengths: Sequence[int]
    batch_tokens: int
    seed: int
    pool_batches: int = 50
    labels: Sequence[int] | None = None

    def epoch(self, number: int) -> Sequence[Sequence[int]]:
        """Return the batches of one epoch."""
        generator = random.Random(f"{self.seed}/{number}")
        order = list(range(len(self.lengths))) if self.labels is None else _balanced(self.labels, generator)
        generator.shuffle(order)
        batches: list[list[int]] = []
        for pool in _cut(order, self.lengths, self.batch_tokens * self.pool_batches):
            pool.sort(key=lambda example: self.lengths[example])
            batches.extend(_cut(pool, self.lengths, self.batch_tokens))
        generator.shuffle(batches)
        return batches

    def learning_rate_scale(self, index: Sequence[int]) -> float:
        """Return 1: the learning rate is the same for all batches."""
        return 1.0
