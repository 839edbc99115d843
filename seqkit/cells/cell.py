"""The contract of a recurrent cell.

Shapes: B batch, T time, D input width, H hidden width per direction, L layers, N directions (1 or 2), X input width of
a layer (D, or N·H above the first one).

A cell knows four things: how to build the parameters of a stack of layers (``build``), how to run such a stack over
sequences (``run``), the state that a sequence starts from (``initial_state``), and how to advance one layer by one
token, as fast as possible (``step``). It holds no parameters itself. All its computations are functions of the weights
passed in, so that the encoder can drop some of them and the decoder can rearrange a copy.

A cell without a kernel of its own defines ``build``, ``weights`` and ``run_layer``, and inherits the rest. A cell that
PyTorch has kernels for derives from ``seqkit.cells.kernel.KernelCell``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter

import torch
from torch import Tensor, nn

from seqkit.cells.state import Carry, join_rows, map_state, parts_of, stack_layers

__all__ = ["Cell", "LayerWeights", "Stepper"]

LayerWeights = list[Tensor]
"""The weights of one layer in one direction, in an order of the cell's choice."""

Stepper = Callable[[Tensor, Carry], tuple[Tensor, Carry]]
"""Advances one layer: inputs (T, B, X) and a state with parts (B, …) → states (T, B, H) and the state after them."""


class Cell(ABC):
    """Base class of recurrent cells: the interface that the encoder and the decoder use.

    Attributes:
        packs_on_gpu: whether :meth:`run` is faster on packed than on padded rows on a GPU, as with cuDNN's kernels.
    """

    packs_on_gpu: bool = False

    @abstractmethod
    def build(
        self, input_size: int, hidden_size: int, *, num_layers: int = 1, bidirectional: bool = False
    ) -> nn.Module:
        """Return a module with the initialised parameters of a stack of layers.

        Args:
            input_size: width D of the input vectors.
            hidden_size: hidden units H per direction.
            num_layers: number of stacked layers L.
            bidirectional: whether each layer has a second direction, which reads from right to left. The layer above
                then reads the states of both, (…, 2·H).
        """

    @abstractmethod
    def weights(self, stack: nn.Module, dropout: float = 0.0) -> list[LayerWeights]:
        """Return the weights of each layer and direction of a stack: layer by layer, forward before backward.

        Args:
            stack: a module from :meth:`build`; it is not changed.
            dropout: the probability with which each entry of a recurrent weight matrix is zeroed, the others being
                scaled up (Merity et al. 2018, section 2). Masks are drawn anew in each call. A cell without recurrent
                weight matrices ignores it.
        """

    @abstractmethod
    def run_layer(self, weights: LayerWeights, inputs_TBX: Tensor, state: Carry) -> tuple[Tensor, Carry]:
        """Run one layer in one direction over rows of equal length.

        Rows must be independent, and a step must not depend on later ones: the encoder also passes rows with padding
        at their ends, and ignores the states there and the state after it.

        Args:
            weights: the weights of the layer and direction.
            inputs_TBX: the inputs, at least one step and one row. The backward direction gets them reversed.
            state: the state to start from, each part (B, …). It must not be modified in place.

        Returns:
            The hidden state after each step, (T, B, H), and the state after the last step.
        """

    def initial_state(self, like: Tensor, layers: int, batch: int, hidden_size: int) -> Carry:
        """Return the state before the first step; by default a single tensor of zeros, (L·N, B, H).

        Args:
            like: a tensor with the dtype and on the device wanted.
            layers: number of layers times directions, L·N.
            batch: number of rows B.
            hidden_size: hidden units H per direction.

        A state may have any number of parts, each (L·N, B, …). The hidden state comes first.
        """
        return like.new_zeros(layers, batch, hidden_size)

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
        """Run a stack of layers over rows of equal length, or over packed rows of any lengths.

        The forward direction starts from the given state at a row's first step, and the backward direction at its last
        step. Packed rows have no padding, and the state returned is that after each row's own last step.

        Args:
            weights: the weights of each layer and direction, as :meth:`weights` returns them. A part of a stack, such
                as one layer in one direction, can be run by itself.
            inputs: dense rows (B, T, X), or the data of a ``PackedSequence`` (the sum of all lengths, X).
            state: the state to start from, each part (L·N, B, …); packed rows are sorted by length, longest first.
            batch_sizes: the ``batch_sizes`` of the packed sequence; None for dense rows.
            bidirectional: whether ``weights`` holds two directions of each layer.
            dropout: the probability of dropout between layers, applied if ``training``.
            training: whether dropout is active.

        Returns:
            The hidden states of the top layer, (B, T, N·H) or packed as the inputs are; and the state of each layer and
            direction after the last step that it has read, with the shapes of ``state``.
        """
        sizes = [inputs.shape[0]] * inputs.shape[1] if batch_sizes is None else batch_sizes.tolist()
        values_SX = inputs.transpose(0, 1).flatten(0, 1) if batch_sizes is None else inputs
        values_SX, end = _run_layers(
            [partial(self.run_layer, layer) for layer in weights],
            values_SX,
            sizes,
            state,
            directions=2 if bidirectional else 1,
            dropout=dropout if training else 0.0,
        )
        states = values_SX.unflatten(0, (-1, len(inputs))).transpose(0, 1) if batch_sizes is None else values_SX
        return states, end

    def step(self, weights: LayerWeights) -> Stepper:
        """Return a fast function that advances one layer by a few steps, for writing one token at a time.

        Args:
            weights: the weights of one layer and direction, in float32 and without gradient. They belong to the
                stepper, which may rearrange or overwrite them.

        Returns:
            A function of inputs (T, B, X) and a state with parts (B, …) that leaves both unchanged. By default it is
            :meth:`run_layer`.
        """
        return partial(self.run_layer, weights)

    def fold_inputs(self, weights: LayerWeights, vectors_VX: Tensor) -> LayerWeights | None:
        """Return the weights of a layer that reads the index of a vector in place of the vector.

        Where inputs enter a layer only through a matrix product, the product with each of a few possible inputs can be
        computed once.

        Args:
            weights: the weights of one layer and direction; they are not changed.
            vectors_VX: the possible inputs.

        Returns:
            Weights with which rows of the V×V identity matrix have the effect of the vectors; None, the default, if
            the cell uses its inputs in another way.
        """
        return None

    def compact(self, stack: nn.Module) -> None:  # noqa: B027  # most cells have nothing to do here
        """Lay the weights of a stack out in memory as the kernels need them; called after a deep copy."""


def _run_layers(
    layers: Sequence[Stepper],
    values_SX: Tensor,
    sizes: Sequence[int],
    state: Carry,
    *,
    directions: int,
    dropout: float,
) -> tuple[Tensor, Carry]:
    """Run each layer and direction over packed rows, with dropout between the layers."""
    after = []
    for first in range(0, len(layers), directions):
        if first and dropout:
            values_SX = nn.functional.dropout(values_SX, dropout)
        outputs = []
        for place in range(first, first + directions):
            read = _run_backward if place > first else _run_forward
            states_SH, end = read(layers[place], _blocks(values_SX, sizes), map_state(state, itemgetter(place)))
            outputs.append(states_SH)
            after.append(end)
        values_SX = torch.cat(outputs, dim=-1)
    return values_SX, stack_layers(after)


def _blocks(values_SX: Tensor, sizes: Sequence[int]) -> Iterator[Tensor]:
    """Cut packed rows into blocks (T, B, X) of consecutive steps at which the same rows are still running."""
    start = 0
    for rows, steps in groupby(sizes):
        count = len(list(steps)) * rows
        yield values_SX[start : start + count].unflatten(0, (-1, rows))
        start += count


def _run_forward(advance: Stepper, blocks: Iterable[Tensor], state: Carry) -> tuple[Tensor, Carry]:
    """Run from the first block to the last, setting aside the states of rows that have ended."""
    outputs, ended = [], list[Carry]()
    for inputs_TBX in blocks:
        rows = inputs_TBX.shape[1]
        ended.append(map_state(state, itemgetter(slice(rows, None))))
        states_TBH, state = advance(inputs_TBX, map_state(state, itemgetter(slice(rows))))
        outputs.append(states_TBH.flatten(0, 1))
    return torch.cat(outputs), join_rows([state, *reversed(ended)])


def _run_backward(advance: Stepper, blocks: Iterable[Tensor], start: Carry) -> tuple[Tensor, Carry]:
    """Run from the last block to the first, each row joining in at its own last step."""
    outputs, state = [], map_state(start, itemgetter(slice(0)))
    for inputs_TBX in reversed(list(blocks)):
        running, rows = len(parts_of(state)[0]), inputs_TBX.shape[1]
        state = join_rows([state, map_state(start, itemgetter(slice(running, rows)))])
        states_TBH, state = advance(inputs_TBX.flip(0), state)
        outputs.append(states_TBH.flip(0).flatten(0, 1))
    return torch.cat(outputs[::-1]), state
