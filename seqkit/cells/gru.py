"""Gated recurrent unit (Cho et al. 2014), with the reset gate after the product (Chung et al. 2014, as in cuDNN).

::

    r = σ(W_r x + a_r + U_r h + b_r)            reset gate
    z = σ(W_z x + a_z + U_z h + b_z)            update gate
    n = tanh(W_n x + a_n + r ∘ (U_n h + b_n))   candidate
    h' = (1 - z) ∘ n + z ∘ h

The state is h. Weights are stacked in the order r, z, n, as in ``torch.nn.GRU``.

Shapes: B batch, T time, X input width, H hidden width, G stacked gates (3·H).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seqkit.cells.cell import LayerWeights, Stepper
from seqkit.cells.kernel import KernelCell
from seqkit.cells.rearranged import RearrangedLinear, has_onednn
from seqkit.cells.state import Carry

__all__ = ["GRU"]


class GRU(KernelCell):
    """The cell of ``nn.GRU``.

    >>> GRU().build(3, 5, num_layers=2).num_layers
    2
    """

    gates = 3
    mode = "GRU"

    @property
    def kernel(self) -> Callable[..., tuple[Tensor, ...]]:
        return torch.gru

    @property
    def cell_kernel(self) -> Callable[..., Carry]:
        return torch.gru_cell

    def new_stack(self, input_size: int, hidden_size: int, *, num_layers: int, bidirectional: bool) -> nn.GRU:
        return nn.GRU(input_size, hidden_size, num_layers=num_layers, bidirectional=bidirectional, batch_first=True)

    def step(self, weights: LayerWeights) -> Stepper:
        return _FastGRU(*weights) if has_onednn(weights[0]) else super().step(weights)


class _FastGRU:
    """A GRU layer of two rearranged products: one of the inputs of all steps, one of the hidden state at each step.

    PyTorch's sigmoid rounds differently at the end of a tensor, so sigmoids are computed from tanh.
    """

    def __init__(self, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> None:
        self._gates = 2 * weight_hh.shape[1]  # reset and update come first
        for weight in (weight_ih, weight_hh, bias_ih, bias_hh):
            weight[: self._gates] *= 0.5  # sigmoid(x) = tanh(x / 2) / 2 + 1 / 2; halving rounds nothing
        self._half = torch.tensor(0.5)
        self._from_input = RearrangedLinear(weight_ih, bias_ih)
        self._from_hidden = RearrangedLinear(weight_hh, bias_hh)

    def __call__(self, inputs_TBX: Tensor, state: Carry) -> tuple[Tensor, Carry]:
        assert isinstance(state, Tensor)
        hidden_BH, states = state, []
        sums_TBG = self._from_input(inputs_TBX.flatten(0, 1)).view(*inputs_TBX.shape[:2], -1)
        for sums_BG in sums_TBG.unbind():
            hidden_BH = self._step(sums_BG, hidden_BH)
            states.append(hidden_BH)
        return torch.stack(states), hidden_BH

    def _step(self, input_BG: Tensor, hidden_BH: Tensor) -> Tensor:
        recurrent_BG = self._from_hidden(hidden_BH)
        gates_BG = (input_BG[:, : self._gates] + recurrent_BG[:, : self._gates]).tanh_()
        reset_BH, update_BH = torch.add(self._half, gates_BG, alpha=0.5).chunk(2, 1)
        new_BH = torch.addcmul(input_BG[:, self._gates :], reset_BH, recurrent_BG[:, self._gates :]).tanh_()
        return torch.lerp(new_BH, hidden_BH, update_BH)
