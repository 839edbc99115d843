"""Cells that PyTorch has kernels for.

Shapes: B batch, T time, D input width, H hidden width per direction, L layers, N directions (1 or 2), X input width of
a layer, V possible inputs.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqkit.cells.cell import Cell, LayerWeights
from seqkit.cells.initialization import initialize_recurrent
from seqkit.cells.state import Carry, map_state, parts_of

__all__ = ["KernelCell", "drop_weights"]

WEIGHTS = 4  # of a layer in one direction: weight_ih, weight_hh, bias_ih, bias_hh


class KernelCell(Cell):
    """A cell whose stack is a ``torch.nn.RNNBase``, with its parameter names, and is run by PyTorch's kernels.

    The stack is initialised the way recurrent networks train best: recurrent weights orthogonal (Saxe et al. 2014),
    input weights Xavier-uniform (Glorot and Bengio 2010), both gate by gate, and biases zero.

    Attributes:
        gates: the number of gates that are stacked in each weight.
        mode: PyTorch's name of the kernel, ``nn.RNNBase.mode``.
    """

    packs_on_gpu = True
    gates: int
    mode: str

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
        flat = [weight for layer in weights for weight in layer]
        if not inputs.is_cuda:
            return self._call(flat, inputs, state, batch_sizes, bidirectional, dropout, training)
        # Autocast would run cuDNN in float16 whatever the precision asked for.
        autocast = torch.is_autocast_enabled("cuda")
        dtype = torch.get_autocast_dtype("cuda") if autocast else inputs.dtype
        with torch.autocast("cuda", enabled=False):
            flat = self._in_one_block(flat, bidirectional, dtype)
            values, start = inputs.to(dtype), map_state(state, lambda part: part.to(dtype))
            if torch.is_grad_enabled() and not training:
                training, dropout = True, 0.0  # cuDNN computes gradients only in training mode
            with _usable_later() if training and dropout else nullcontext():
                states, end = self._call(flat, values, start, batch_sizes, bidirectional, dropout, training)
            before = parts_of(state)[0].dtype
            return states, map_state(end, lambda part: part.to(before))

    def _call(
        self,
        weights: list[Tensor],
        inputs: Tensor,
        state: Carry,
        batch_sizes: Tensor | None,
        bidirectional: bool,
        dropout: float,
        training: bool,
    ) -> tuple[Tensor, Carry]:
        settings = (True, _layers(weights, bidirectional), dropout, training, bidirectional)  # first: there are biases
        first = state if isinstance(state, Tensor) else list(state)
        if batch_sizes is None:
            states, *end = self.kernel(inputs, first, weights, *settings, True)  # rows first
        else:
            states, *end = self.kernel(inputs, batch_sizes, first, weights, *settings)
        return states, end[0] if isinstance(state, Tensor) else tuple(end)

    def _in_one_block(self, weights: list[Tensor], bidirectional: bool, dtype: torch.dtype) -> list[Tensor]:
        """Return weights as cuDNN reads them, copied unless they are in one block, in this precision, already."""
        mode = torch.backends.cudnn.rnn.get_cudnn_mode(self.mode)
        block = _Block(mode, _layers(weights, bidirectional), bidirectional, dtype)
        if block.holds(weights) or not torch.backends.cudnn.enabled:
            return [weight.to(dtype) for weight in weights]
        return list(_CopiedIntoBlock.apply(block, *weights))  # type: ignore[no-untyped-call]

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


def _layers(weights: Sequence[Tensor], bidirectional: bool) -> int:
    return len(weights) // (2 * WEIGHTS if bidirectional else WEIGHTS)


@contextmanager
def _usable_later() -> Iterator[None]:
    """Leave inference mode, if it is on, without turning gradients on.

    PyTorch keeps the random state of cuDNN's dropout for the whole process. If it were created in inference mode, no
    later call could compute gradients.
    """
    if torch.is_inference_mode_enabled():
        with torch.inference_mode(False), torch.no_grad():
            yield
    else:
        yield


def drop_weights(stack: nn.RNNBase, probability: float) -> list[Tensor]:
    """Return a stack's weights with some of the recurrent ones dropped, the same ones at every step.

    This is the weight-dropped LSTM of Merity et al. (2018, section 2).

    Args:
        stack: an ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``; it is not changed.
        probability: the probability with which each entry of a ``weight_hh`` is zeroed; the others are scaled up.

    Returns:
        All weights in the order of the kernels; those of which nothing is dropped are the stack's own.

    >>> stack = nn.LSTM(3, 5)
    >>> weights = drop_weights(stack, 0.5)
    >>> weights[0] is stack.weight_ih_l0, int((weights[1] == 0).sum()) > 0
    (True, True)
    """
    weights = [weight for weight in stack._flat_weights if weight is not None]
    if probability == 0.0:
        return weights
    return [
        nn.functional.dropout(weight, probability) if name.startswith("weight_hh") else weight
        for name, weight in zip(stack._flat_weights_names, weights, strict=True)
    ]


class _Block(NamedTuple):
    """The weights that cuDNN reads in one call: their cell and layout, and the precision of the call."""

    mode: int
    num_layers: int
    bidirectional: bool
    dtype: torch.dtype

    def holds(self, weights: Sequence[Tensor]) -> bool:
        """Return whether weights share one block of memory already, with nothing else in it."""
        storage = weights[0].untyped_storage()
        return (
            weights[0].dtype == self.dtype
            and storage.nbytes() == sum(weight.nbytes for weight in weights)
            and all(weight.untyped_storage().data_ptr() == storage.data_ptr() for weight in weights)
        )


class _CopiedIntoBlock(torch.autograd.Function):
    """Copies of weights that share one block of memory, and are in the precision of a call."""

    @staticmethod
    def forward(ctx: Any, block: _Block, *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.dtypes = [weight.dtype for weight in weights]
        copied = [weight.to(block.dtype, copy=True) for weight in weights]
        weight_ih, weight_hh = copied[:2]
        sizes = weight_ih.shape[1], block.mode, weight_hh.shape[1], 0, block.num_layers
        torch._cudnn_rnn_flatten_weight(copied, WEIGHTS, *sizes, True, block.bidirectional)
        return tuple(copied)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return (None, *(gradient.to(dtype) for gradient, dtype in zip(gradients, ctx.dtypes, strict=True)))
