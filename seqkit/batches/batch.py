"""From ragged columns to padded batches.

Examples are kept as flat columns, one value a token, with a length per example; a batch is cut out of them with
index arithmetic, so that collation never loops over tokens in Python.

Shapes: N tokens of all examples, E examples, B batch, T time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

__all__ = [
    "Batch",
    "Ragged",
    "integers",
]


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
