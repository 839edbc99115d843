"""Long short-term memory (Hochreiter and Schmidhuber 1997), with the forget gate of Gers et al. (2000).

::

    i = σ(W_i x + U_i h + b_i)          input gate
    f = σ(W_f x + U_f h + b_f)          forget gate
    g = tanh(W_g x + U_g h + b_g)       candidate
    o = σ(W_o x + U_o h + b_o)          output gate
    c' = f ∘ c + i ∘ g
    h' = o ∘ tanh(c')

The state is (h, c). Weights are stacked in the order i, f, g, o, as in ``torch.nn.LSTM``.

Shapes: B batch, T time, X input width, H hidden width, L layers and directions.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.cells.cell import LayerWeights, Stepper
from seqkit.cells.kernel import KernelCell
from seqkit.cells.rearranged import has_onednn
from seqkit.cells.state import Carry

__all__ = ["LSTM"]


class LSTM(KernelCell):
    """The cell of ``nn.LSTM``. The forget gate starts open, with bias 1 (Jozefowicz et al. 2015).

    >>> LSTM().build(3, 5).bias_hh_l0[5:10].tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """

    gates = 4
    mode = "LSTM"

    @property
    def kernel(self) -> Callable[..., tuple[Tensor, ...]]:
        return torch.lstm

    @property
    def cell_kernel(self) -> Callable[..., Carry]:
        return torch.lstm_cell

    def new_stack(self, input_size: int, hidden_size: int, *, num_layers: int, bidirectional: bool) -> nn.LSTM:
        return nn.LSTM(input_size, hidden_size, num_layers=num_layers, bidirectional=bidirectional, batch_first=True)

    def build(
        self, input_size: int, hidden_size: int, *, num_layers: int = 1, bidirectional: bool = False
    ) -> nn.RNNBase:
        stack = super().build(input_size, hidden_size, num_layers=num_layers, bidirectional=bidirectional)
        with torch.no_grad():
            for name, parameter in stack.named_parameters():
                if name.startswith("bias_hh"):  # PyTorch adds two biases; the 1 is in one of them
                    parameter[hidden_size : 2 * hidden_size].fill_(1.0)
        return stack

    def initial_state(self, like: Tensor, layers: int, batch: int, hidden_size: int) -> tuple[Tensor, Tensor]:
        zeros_LBH = like.new_zeros(layers, batch, hidden_size)
        return zeros_LBH, zeros_LBH

    def step(self, weights: LayerWeights) -> Stepper:
        return _FusedLSTM(*weights) if has_onednn(weights[0]) else super().step(weights)


class _FusedLSTM:
    """oneDNN's LSTM layer with rearranged weights: what ``nn.LSTM`` computes on a CPU, to the bit.

    PyTorch hands plain weights to the kernel, which rearranges them in each call; here that is done once. Gradients
    must be off: if they are on, the kernel is a slower one that undoes the arrangement in each call.
    """

    def __init__(self, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> None:
        width = weight_hh.shape[1]
        rearranged = torch.ops.mkldnn._reorder_mkldnn_rnn_layer_weight(
            weight_ih, weight_hh, width, False, True, False, [1, 1, weight_ih.shape[1]]
        )
        self._weights = (*rearranged, bias_ih, bias_hh)
        # reverse, batch sizes, mode (2: LSTM), width, layers, biases, bidirectional, batch first, training
        self._settings: tuple[Any, ...] = (False, [], 2, width, 1, True, False, False, False)
        self._kernel = torch.ops.aten.mkldnn_rnn_layer.default

    def __call__(self, inputs_TBX: Tensor, state: Carry) -> tuple[Tensor, Carry]:
        h, c = state
        states_TBH, h, c, _ = self._kernel(inputs_TBX, *self._weights, h[None], c[None], *self._settings)
        return states_TBH, (h[0], c[0])
