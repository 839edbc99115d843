"""The state of a recurrent cell: one tensor, or a tuple of tensors.

Shapes: L layers and directions, B batch, H hidden width.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

__all__ = ["Carry", "join_rows", "map_state", "parts_of", "stack_layers", "state_like"]

Carry = Tensor | tuple[Tensor, ...]
"""What a cell takes and returns between steps: h alone, or a tuple of parts such as (h, c). The hidden state h, which
is also the output, comes first."""


def map_state(carry: Carry, change: Callable[[Tensor], Tensor]) -> Carry:
    """Apply a function to each part of a state.

    >>> map_state((torch.zeros(1), torch.ones(1)), lambda part: part + 1)
    (tensor([1.]), tensor([2.]))
    """
    return tuple(change(part) for part in carry) if isinstance(carry, tuple) else change(carry)


def parts_of(carry: Carry) -> tuple[Tensor, ...]:
    """Return the parts of a state as a tuple, the hidden state first.

    >>> parts_of(torch.ones(2))
    (tensor([1., 1.]),)
    """
    return carry if isinstance(carry, tuple) else (carry,)


def state_like(carry: Carry, parts: Iterable[Tensor]) -> Carry:
    """Return other parts in the form of a given state: a tensor for a tensor, a tuple for a tuple."""
    replaced = tuple(parts)
    return replaced if isinstance(carry, tuple) else replaced[0]


def join_rows(carries: Sequence[Carry]) -> Carry:
    """Concatenate states of one layer, each part (B, …), row-wise.

    >>> join_rows([torch.zeros(1, 2), torch.ones(2, 2)]).shape
    torch.Size([3, 2])
    """
    return state_like(carries[0], (torch.cat(parts) for parts in zip(*map(parts_of, carries), strict=True)))


def stack_layers(carries: Sequence[Carry]) -> Carry:
    """Stack the states of several layers, each part (B, …), to one with parts (L, B, …).

    >>> stack_layers([torch.zeros(1, 2), torch.ones(1, 2)]).shape
    torch.Size([2, 1, 2])
    """
    return state_like(carries[0], (torch.stack(parts) for parts in zip(*map(parts_of, carries), strict=True)))
