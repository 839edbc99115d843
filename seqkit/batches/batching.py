"""From ragged columns to padded batches.

Examples are kept as flat columns, one value a token, with a length per example; a batch is cut out of them with
index arithmetic, so that collation never loops over tokens in Python.

Shapes: N tokens of all examples, E examples, B batch, T time.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

__all__ = ["Batch", "BucketSampler", "Ragged", "in_order", "integers", "length_sorted_batches"]

_Value = TypeVar("_Value")

ROWS_A_STEP_IS_WORTH = 8
"""A step of a small batch takes as long as that of so many rows more: measured, for encoder and CRF, on two cores."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One padded batch, checked once, here.

    Attributes:
        inputs: tensors a model reads, by name.
        lengths: true lengths (B,), int64 on the CPU: packing needs them there.
        targets: what the model should say, (B, T), or None where it is not known.

    >>> batch = Batch(inputs={"words": torch.tensor([[4, 2, 7], [5, 0, 0]])}, lengths=torch.tensor([3, 1]))
    >>> batch.mask.tolist()
    [[True, True, True], [True, False, False]]
    """

    inputs: Mapping[str, Tensor]
    lengths: Tensor
    targets: Tensor | None = None

    def __post_init__(self) -> None:
        if self.lengths.dtype != torch.int64 or self.lengths.device.type != "cpu" or self.lengths.dim() != 1:
            raise ValueError("lengths must be a vector of int64 on the CPU")
        if len(self.lengths) == 0 or int(self.lengths.min()) < 1:
            raise ValueError("a batch holds at least one example, and no example is empty")
        if self.targets is not None and len(self.targets) != len(self.lengths):
            raise ValueError(f"{len(self.targets)} rows of targets for {len(self.lengths)} lengths")

    @property
    def mask(self) -> Tensor:
        """True for real tokens, (B, T), on the CPU."""
        return torch.arange(int(self.lengths.max())) < self.lengths[:, None]

    @property
    def tokens(self) -> int:
        """How many real tokens the batch holds."""
        return int(self.lengths.sum())

    def repeated(self, copies: int) -> "Batch":
        """Each row so many times, one after another; what is no tensor of rows, named ``…_B…``, is shared."""
        return Batch(
            inputs={
                name: tensor.repeat_interleave(copies, dim=0) if name.rpartition("_")[2].startswith("B") else tensor
                for name, tensor in self.inputs.items()
            },
            lengths=self.lengths.repeat_interleave(copies),
            targets=None if self.targets is None else self.targets.repeat_interleave(copies, dim=0),
        )

    def to(self, device: torch.device) -> "Batch":
        """The same batch with inputs and targets on a device; the lengths stay on the CPU."""
        if device.type == "cpu":
            return self
        return Batch(
            inputs={name: tensor.to(device, non_blocking=True) for name, tensor in self.inputs.items()},
            lengths=self.lengths,
            targets=None if self.targets is None else self.targets.to(device, non_blocking=True),
        )


@dataclass(frozen=True, kw_only=True)
class Ragged:
    """Examples of different lengths as flat columns.

    Attributes:
        columns: for each name one value a token, (N,).
        lengths: tokens of each example (E,), int64.

    >>> ragged = Ragged(columns={"words": torch.tensor([4, 2, 7, 5])}, lengths=torch.tensor([3, 1]))
    >>> ragged.pad([1, 0])["words"].tolist()
    [[5, 0, 0], [4, 2, 7]]
    """

    columns: Mapping[str, Tensor]
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.lengths)

    def __post_init__(self) -> None:
        starts = torch.zeros_like(self.lengths)
        torch.cumsum(self.lengths[:-1], 0, out=starts[1:])
        object.__setattr__(self, "_starts", starts)

    def places(self, examples: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Where the tokens of some examples stand in the columns, (B, T), 0 for padding; and which are padding."""
        chosen = torch.as_tensor(examples)
        starts: Tensor = self._starts[chosen]  # type: ignore[attr-defined]
        lengths = self.lengths[chosen]
        steps_T = torch.arange(int(lengths.max()))
        padding_BT = steps_T >= lengths[:, None]
        return (starts[:, None] + steps_T).masked_fill_(padding_BT, 0), padding_BT

    def pad(self, examples: Sequence[int]) -> dict[str, Tensor]:
        """The columns of some examples, each (B, T) as int64, padded with 0 on the right, rows in the order given."""
        index_BT, padding_BT = self.places(examples)
        return {name: column[index_BT].long().masked_fill_(padding_BT, 0) for name, column in self.columns.items()}


def integers(values: Sequence[int]) -> Tensor:
    """A list as int64; ``torch.tensor`` takes eight times as long to read one.

    >>> integers([3, 1])
    tensor([3, 1])
    """
    return torch.from_numpy(np.array(values, dtype=np.int64))


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

    def epoch(self, number: int) -> list[list[int]]:
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

    def rate_share(self, batch: Sequence[int]) -> float:
        """What the learning rate of a batch is multiplied by: nothing is special about any."""
        return 1.0
