"""Rows read from right to left.

Shapes: B batch, T time, X any further dimensions.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["Reversal", "reversed_within_lengths"]


class Reversal:
    """The reversal of each row of a batch within its own length; padding stays in its place.

    It is its own inverse. Making it once and using it several times saves the computation of the order.

    Args:
        lengths_B: the lengths, int64, on the device of the values.
        steps: T, the padded length.

    >>> reversal = Reversal(torch.tensor([3, 2]), 3)
    >>> reversal(torch.tensor([[1, 2, 3], [4, 5, 0]])).tolist()
    [[3, 2, 1], [5, 4, 0]]
    """

    def __init__(self, lengths_B: Tensor, steps: int) -> None:
        steps_T = torch.arange(steps, device=lengths_B.device)
        first_B = torch.arange(len(lengths_B), device=lengths_B.device) * steps
        source_BT = torch.where(steps_T < lengths_B[:, None], lengths_B[:, None] - 1 - steps_T, steps_T)
        self._order = (first_B[:, None] + source_BT).flatten()

    def __call__(self, values_BTX: Tensor) -> Tensor:
        """Return the values (B, T, …) with each row reversed."""
        reordered: Tensor = _Reordered.apply(values_BTX, self._order)  # type: ignore[no-untyped-call]
        return reordered


def reversed_within_lengths(values_BTX: Tensor, lengths_B: Tensor) -> Tensor:
    """Reverse each row of a padded batch within its own length.

    Args:
        values_BTX: the values, with any number of dimensions from two on.
        lengths_B: the lengths, int64.

    >>> reversed_within_lengths(torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([3, 2])).tolist()
    [[3, 2, 1], [5, 4, 0]]
    """
    return Reversal(lengths_B.to(values_BTX.device), values_BTX.shape[1])(values_BTX)


class _Reordered(torch.autograd.Function):
    """Flattened steps in an order that undoes itself, so that the gradient is put in order likewise.

    Autograd's own backward of an index adds up value by value, although each has a single source here.
    """

    @staticmethod
    def forward(ctx: Any, values_BTX: Tensor, order: Tensor) -> Tensor:
        ctx.order = order
        return values_BTX.flatten(0, 1).index_select(0, order).view(values_BTX.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_BTX: Tensor) -> tuple[Tensor, None]:
        return gradient_BTX.flatten(0, 1).index_select(0, ctx.order).view(gradient_BTX.shape), None
