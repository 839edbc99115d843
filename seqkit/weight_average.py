"""An exponential average of a model's weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["WeightAverage"]


class WeightAverage:
    """Exponential moving average of a model's weights (Polyak and Juditsky 1992; Izmailov et al. 2018).

    Args:
        model: the model whose parameters are followed.
        decay: weight of the past at each step; smaller at the start, so that the first steps are forgotten.

    >>> model = nn.Linear(1, 1, bias=False)
    >>> average = WeightAverage(model, 0.9)
    >>> with torch.no_grad(): _ = model.weight.add_(1)
    >>> average.update(step=1000); round(float(model.weight.detach() - average.weights[0]), 3)
    0.9
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.parameters = list(model.parameters())
        self.weights = [parameter.detach().clone() for parameter in self.parameters]
        self.decay = decay

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the weights after optimiser step ``step`` in."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.weights, [p.detach() for p in self.parameters], 1.0 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the averaged weights inside, and its own again afterwards."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for parameter, weight in zip(self.parameters, self.weights, strict=True):
            kept = parameter.detach().clone()
            parameter.copy_(weight)
            weight.copy_(kept)
