"""Cells that PyTorch has kernels for.

Shapes: B batch, T time, D input width, H hidden width per direction, L layers, N directions (1 or 2), X input width of
a layer, V possible inputs.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqkit.cells.cell import Cell, LayerWeights
from seqkit.cells.initialization import initialize_recurrent
from seqkit.cells.state import Carry

__all__ = ["KernelCell", "drop_weights"]

WEIGHTS = 4  # of a layer in one direction: weight_ih, weight_hh, bias_ih, bias_hh


class KernelCell(Cell):
    """A cell whose stack is a ``torch.nn.RNNBase``, with its parameter names, and is run by PyTorch's kernels.

    The stack is initialised the way recurrent networks train best: recurrent weights orthogonal (Saxe et al. 2014),
    input weights Xavier-uniform (Glorot and Bengio 2010), both gate by gate, and biases zero.

    Attributes:
        gates: the number of gates that are stacked in each weight.
    """

    packs_on_gpu = True
    gates: int

    @property
    @abstractmethod
    def kernel(self) -> Callable[..., tuple[Tensor, ...]]:
        """The function that runs a stack, such as ``torch.gru``."""

    @property
    @abstractmethod
    def cell_kernel(self) -> Callable[..., Carry]:
        """The function that advances one layer by one step, such as ``torch.gru_cell``."""

    @abstractmethod
    def new_stack(self, input_size: int, hidden_size: int, *, num_layers: int, bidirectional: bool) -> nn.RNNBase:
        """Return PyTorch's module, with biases and rows first."""

    def build(
        self, input_size: int, hidden_size: int, *, num_layers: int = 1, bidirectional: bool = False
    ) -> nn.RNNBase:
        stack = self.new_stack(input_size, hidden_size, num_layers=num_layers, bidirectional=bidirectional)
        initialize_recurrent(stack, self.gates)
        return stack

    def weights(self, stack: nn.Module, dropout: float = 0.0) -> list[LayerWeights]:
        assert isinstance(stack, nn.RNNBase)
        weights = drop_weights(stack, dropout)
        return [weights[first : first + WEIGHTS] for first in range(0, len(weights), WEIGHTS)]

    def run(
        self,
        weights: Sequence[LayerWeights],
        inputs: Tensor,
        state: Carry,
        batch_sizes: Tensor | None = None,
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
        training: bool = False,
    ) -> tuple[Tensor, Carry]:
        num_layers = len(weights) // (2 if bidirectional else 1)
        if inputs.is_cuda and torch.is_grad_enabled() and not training:
            training, dropout = True, 0.0  # cuDNN computes gradients only in training mode
        flat = [weight for layer in weights for weight in layer]
        settings = (True, num_layers, dropout, training, bidirectional)  # the first: there are biases
        first = state if isinstance(state, Tensor) else list(state)
        if batch_sizes is None:
            states, *end = self.kernel(inputs, first, flat, *settings, True)  # rows first
        else:
            states, *end = self.kernel(inputs, batch_sizes, first, flat, *settings)
        return states, end[0] if isinstance(state, Tensor) else tuple(end)

    def run_layer(self, weights: LayerWeights, inputs_TBX: Tensor, state: Carry) -> tuple[Tensor, Carry]:
        states = []
        for inputs_BX in inputs_TBX:
            state = self.cell_kernel(inputs_BX, state, *weights)
            states.append(state[0] if isinstance(state, tuple) else state)
        return torch.stack(states), state

    def fold_inputs(self, weights: LayerWeights, vectors_VX: Tensor) -> LayerWeights:
        weight_ih, *others = weights
        return [(weight_ih.cpu().double() @ vectors_VX.cpu().double().T).to(weight_ih), *others]

    def compact(self, stack: nn.Module) -> None:
        assert isinstance(stack, nn.RNNBase)
        stack.flatten_parameters()


def drop_weights(stack: nn.RNNBase, probability: float) -> list[Tensor]:
    """Return a stack's weights with some of the recurrent ones dropped, the same ones at every step.

    This is the weight-dropped LSTM of Merity et al. (2018, section 2).

    Args:
        stack: an ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``; it is not changed.
        probability: the probability with which each entry of a ``weight_hh`` is zeroed; the others are scaled up.

    Returns:
        All weights in the order of the kernels; the stack's own ones if the probability is 0. On a GPU they share one
        block of memory, as cuDNN requires.

    >>> stack = nn.LSTM(3, 5)
    >>> weights = drop_weights(stack, 0.5)
    >>> weights[0] is stack.weight_ih_l0, int((weights[1] == 0).sum()) > 0
    (False, True)
    """
    weights = [weight for weight in stack._flat_weights if weight is not None]
    if probability == 0.0:
        return weights
    names = stack._flat_weights_names
    masks = [
        nn.functional.dropout(torch.ones_like(weight), probability) if name.startswith("weight_hh") else None
        for name, weight in zip(names, weights, strict=True)
    ]
    dropped = _DroppedWeights.apply(stack, masks, *weights)  # type: ignore[no-untyped-call]
    return list(dropped)


class _DroppedWeights(torch.autograd.Function):
    """Weights times masks, copied into one block of memory if cuDNN will read them."""

    @staticmethod
    def forward(ctx: Any, stack: nn.RNNBase, masks: list[Tensor | None], *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.masks = masks
        dropped = [w.clone() if m is None else w * m for w, m in zip(weights, masks, strict=True)]
        if dropped[0].is_cuda and torch.backends.cudnn.is_acceptable(dropped[0]):
            torch._cudnn_rnn_flatten_weight(
                dropped,
                WEIGHTS,
                stack.input_size,
                torch.backends.cudnn.rnn.get_cudnn_mode(stack.mode),
                stack.hidden_size,
                stack.proj_size,
                stack.num_layers,
                stack.batch_first,
                stack.bidirectional,
            )
        return tuple(dropped)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        masked = (g if m is None else g * m for g, m in zip(gradients, ctx.masks, strict=True))
        return (None, None, *masked)
