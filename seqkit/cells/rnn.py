"""The plain recurrent network (Elman 1990): one layer of units that read their own last output.

::

    h' = φ(W x + a + U h + b)       φ is tanh, or relu (Le et al. 2015)

The state is h.

Shapes: B batch, T time, X input width, H hidden width.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from seqkit.cells.cell import LayerWeights, Stepper
from seqkit.cells.kernel import KernelCell
from seqkit.cells.rearranged import RearrangedLinear, has_onednn
from seqkit.cells.state import Carry

__all__ = ["RNN"]

Nonlinearity = Literal["tanh", "relu"]


class RNN(KernelCell):
    """The cell of ``nn.RNN``.

    Args:
        nonlinearity: the function φ.

    >>> RNN("relu").build(3, 5).nonlinearity
    'relu'
    """

    gates = 1
    mode = "RNN_TANH"

    def __init__(self, nonlinearity: Nonlinearity) -> None:
        self.nonlinearity: Nonlinearity = nonlinearity

    @property
    def kernel(self) -> Callable[..., tuple[Tensor, ...]]:
        return torch.rnn_tanh if self.nonlinearity == "tanh" else torch.rnn_relu

    @property
    def cell_kernel(self) -> Callable[..., Carry]:
        return torch.rnn_tanh_cell if self.nonlinearity == "tanh" else torch.rnn_relu_cell

    def new_stack(self, input_size: int, hidden_size: int, *, num_layers: int, bidirectional: bool) -> nn.RNN:
        return nn.RNN(
            input_size,
            hidden_size,
            num_layers=num_layers,
            nonlinearity=self.nonlinearity,
            bidirectional=bidirectional,
            batch_first=True,
        )

    def step(self, weights: LayerWeights) -> Stepper:
        return _FastRNN(self.nonlinearity, *weights) if has_onednn(weights[0]) else super().step(weights)


class _FastRNN:
    """A layer of two rearranged products: one of the inputs of all steps, one of the hidden state at each step."""

    def __init__(
        self, nonlinearity: Nonlinearity, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
    ) -> None:
        self._activate = torch.tanh_ if nonlinearity == "tanh" else torch.relu_
        self._from_input = RearrangedLinear(weight_ih, bias_ih + bias_hh)
        self._from_hidden = RearrangedLinear(weight_hh, None)

    def __call__(self, inputs_TBX: Tensor, state: Carry) -> tuple[Tensor, Carry]:
        assert isinstance(state, Tensor)
        hidden_BH, states = state, []
        sums_TBH = self._from_input(inputs_TBX.flatten(0, 1)).view(*inputs_TBX.shape[:2], -1)
        for sums_BH in sums_TBH.unbind():
            hidden_BH = self._activate(self._from_hidden(hidden_BH).add_(sums_BH))
            states.append(hidden_BH)
        return torch.stack(states), hidden_BH
