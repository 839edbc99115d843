"""An exponential moving average (EMA) of a model's weights."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["EMA"]


class EMA:
    """Exponential moving average of a model's weights (Polyak and Juditsky 1992; Izmailov et al. 2018).

    A row of an embedding table with sparse gradients changes in few steps, and between two changes its average moves
    towards it by a known factor. So the average of a row is updated only when the row changes, and all rows when the
    averages are read.

    Args:
        model: the model whose trained parameters are averaged.
        decay: weight of the previous average at each step; smaller in the first steps, so that the average soon forgets
            the initial weights.

    >>> model = nn.Linear(1, 1, bias=False)
    >>> ema = EMA(model, 0.9)
    >>> with ema.update(step=1000), torch.no_grad():
    ...     _ = model.weight.add_(1)
    >>> round(float(model.weight.detach() - ema.weights[0]), 3)
    0.9
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._averages = [parameter.detach().clone() for parameter in self.parameters]
        self.decay = decay
        self._faded = 0.0  # log of the product of all decays so far
        self._faded_rows: dict[int, Tensor] = {}  # for each table, the value of _faded at the last update of each row

    @property
    def weights(self) -> list[Tensor]:
        """The current averages, in the order of the trained parameters."""
        for index in self._faded_rows:
            self._catch_up(index, slice(None))
        return self._averages

    def state_dict(self) -> dict[str, Tensor]:
        """Return the state by name; rows are not brought up to date first, which would change how they are rounded."""
        averages = {f"weight.{index}": average for index, average in enumerate(self._averages)}
        rows = {f"faded.{index}": faded for index, faded in self._faded_rows.items()}
        return {**averages, **rows, "faded": torch.tensor(self._faded, dtype=torch.float64)}

    def load_state_dict(self, tensors: dict[str, Tensor]) -> None:
        """Restore the state that ``state_dict`` returned."""
        self._faded = float(tensors["faded"])
        for index, average in enumerate(self._averages):
            average.copy_(tensors[f"weight.{index}"])
            if f"faded.{index}" in tensors:
                self._faded_rows[index] = tensors[f"faded.{index}"].to(average.device)

    @contextmanager
    def update(self, step: int) -> Iterator[None]:
        """Update the averages after the block, which takes an optimizer step; gradients show which rows it changes."""
        rows = {
            index: parameter.grad.coalesce().indices()[0]
            for index, parameter in enumerate(self.parameters)
            if parameter.grad is not None and parameter.grad.is_sparse
        }
        for index, rows_R in rows.items():
            if index not in self._faded_rows:
                faded = torch.full((len(self.parameters[index]),), self._faded, dtype=torch.float64)
                self._faded_rows[index] = faded.to(self.parameters[index].device)
            self._catch_up(index, rows_R)
        yield
        decay = min(self.decay, (1 + step) / (10 + step))
        self._faded += math.log(max(decay, 1e-30))
        dense = [index for index in range(len(self.parameters)) if index not in self._faded_rows]
        if dense:
            averages = [self._averages[index] for index in dense]
            torch._foreach_lerp_(averages, [self.parameters[index].detach() for index in dense], 1.0 - decay)
        for index, rows_R in rows.items():
            self._catch_up(index, rows_R)

    @torch.no_grad()
    def _catch_up(self, index: int, rows: Tensor | slice) -> None:
        parameter, average, faded = self.parameters[index], self._averages[index], self._faded_rows[index]
        left = (self._faded - faded[rows]).exp().to(average.dtype)
        average[rows] = torch.lerp(parameter[rows], average[rows], left[:, None])
        faded[rows] = self._faded

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Swap the averaged weights into the model within the block."""
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
