"""Which examples make a batch, in training and in prediction."""

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
"""A step of a small batch takes as long as that of so many rows more: measured, for encoder and CRF, on two cores."""


def in_order(batches: Sequence[Sequence[int]], values: Sequence[Sequence[_Value]]) -> list[_Value]:
    """The values of the examples of batches, in the order of the examples.

    >>> in_order([[2, 0], [1]], [["c", "a"], ["b"]])
    ['a', 'b', 'c']
    """
    of_example = dict(zip(chain.from_iterable(batches), chain.from_iterable(values), strict=True))
    return [of_example[example] for example in range(len(of_example))]


def length_sorted_batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Every example once, the longest first, in batches of like lengths and at most ``batch_tokens`` padded tokens.

    A batch holds a power of four of examples, so that shapes come again: kernels are built, and kept, for each shape.
    It grows as long as the padding that this takes is worth less than the steps of further batches. An example longer
    than the budget is a batch of its own.

    >>> length_sorted_batches([3, 9, 2, 3, 3, 3], batch_tokens=12)
    [[1], [0, 3, 4, 5], [2]]
    """
    order = sorted(range(len(lengths)), key=lambda example: -lengths[example])
    batches = []
    start = 0
    while start < len(order):
        longest, size = lengths[order[start]], 1
        while start + 4 * size <= len(order) and 4 * size * longest <= batch_tokens:
            shorter = lengths[order[start + size]]  # the longest of what would be added
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
    """As many examples as there are labels given, of each label as many as of any other, but for one."""
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
    """Random batches of like lengths under a token budget, the same for the same seed and epoch.

    The examples are shuffled, sorted by length within pools of many batches, cut by the token budget, and the
    batches shuffled: rows of a batch are about as long as each other, yet no two epochs share their batches.
    The whole state is (seed, epoch), so a position in it is one number and resuming is exact.

    With ``labels``, one for each example, an epoch is drawn anew: as many examples as there are, of each label as many
    as of any other. Those of a rare label come several times, of a frequent one some do not come.

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
        """The batches of one epoch."""
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
        """Return 1: all batches are learnt from at the same rate."""
        return 1.0
