"""The recurrent encoder: the only code that packs and pads rows and carries state between them.

Shapes: B batch, T time, D input width, H hidden width per direction, L layers, N directions (1 or 2).

The contract is that of ``pack_padded_sequence`` → ``nn.LSTM`` → ``pad_packed_sequence``, for every cell of
``seqkit.cells.table``: padding never affects a result, in value or gradient, and padded positions of the output are
zero. There are two ways to keep it:

- ``packed`` packs the rows, runs the stack on them, and pads the result. On a GPU, cuDNN has a kernel for this.
- ``fused`` runs the cell on dense, padded rows. If all rows are full, this is one call for the whole stack. Otherwise
  it is one call for each layer and direction, and the backward direction reads rows reversed within their own lengths.
  What a row computes beyond its length is never read: it costs time but changes nothing. On a CPU this is faster,
  because oneDNN's fused kernel takes only dense input, and packed rows of different lengths run step by step. A
  training step over 32 rows of 20 to 25 steps, with an LSTM of D = 220 and H = 200, took 17 ms instead of 41 ms on two
  cores (``benchmarks/encoder.py``).

``auto`` packs rows of different lengths on a GPU, if the cell has a kernel for it. Elsewhere it packs only those whose
state is carried on, because the dense kernels do not return the state within a row, and otherwise uses ``fused``.
"""

from operator import itemgetter
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from seqkit.cells.cell import LayerWeights
from seqkit.cells.state import Carry, map_state, parts_of
from seqkit.cells.table import make_cell
from seqkit.nn.dropout import StochasticModule
from seqkit.nn.reverse import Reversal

__all__ = ["Carry", "Encoded", "RecurrentEncoder", "Strategy"]

Strategy = Literal["auto", "packed", "fused"]


class Encoded(NamedTuple):
    """The result of the encoder.

    Attributes:
        states_BTH: the top layer's hidden states, (B, T, N·H), zero beyond each length.
        final_BH: the top layer's last true state of each direction, (B, N·H).
        carry: the state after each row's last true step, to start the next call from; None if none was passed in, or
            if it was not asked for.
    """

    states_BTH: Tensor
    final_BH: Tensor
    carry: Carry | None


class RecurrentEncoder(StochasticModule):
    """A stack of recurrent layers over padded rows of vectors.

    Args:
        input_size: width D of the vectors.
        hidden_size: hidden units H per direction.
        num_layers: number of stacked layers.
        bidirectional: whether a second direction reads from right to left.
        dropout: dropout between layers, in training only.
        weight_dropout: share of the recurrent weights dropped, in training only (Merity et al. 2018, section 2).
        cell: a name in ``seqkit.cells.table.CELLS``.
        strategy: ``auto`` chooses the fast way for the device; ``packed`` and ``fused`` force one. On a GPU, ``fused``
            is slow: the weights of each layer and direction are copied in each call, as cuDNN needs them.

    Raises:
        ConfigError: if there is no such cell.

    The parameters are those of the cell's stack, in ``recurrent``. For a cell that PyTorch has as a module, the state
    dict of ``recurrent`` is interchangeable with that module's.

    >>> encoder = RecurrentEncoder(3, 5, bidirectional=True)
    >>> encoded = encoder(torch.randn(2, 4, 3), torch.tensor([4, 2]))
    >>> encoded.states_BTH.shape, encoded.final_BH.shape
    (torch.Size([2, 4, 10]), torch.Size([2, 10]))
    >>> encoded.states_BTH[1, 2:].abs().sum().item()
    0.0
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        weight_dropout: float = 0.0,
        cell: str = "lstm",
        strategy: Strategy = "auto",
    ) -> None:
        super().__init__()
        self.cell = make_cell(cell)
        self.recurrent = self.cell.build(input_size, hidden_size, num_layers=num_layers, bidirectional=bidirectional)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.weight_dropout = weight_dropout
        self.strategy: Strategy = strategy

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self.cell.compact(self.recurrent)  # a deep copy has copied each weight by itself

    @property
    def directions(self) -> int:
        """The number of directions N, 1 or 2."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """Width of a state: hidden size times directions."""
        return self.hidden_size * self.directions

    def initial_carry(self, batch: int) -> Carry:
        """Return the state that ``carry=None`` starts from, each part (L·N, B, H).

        Pass it in to get the state after the last step back.
        """
        return self._initial_state(next(self.recurrent.parameters()), batch)

    def forward(
        self, vectors_BTD: Tensor, lengths_B: Tensor, carry: Carry | None = None, *, ends: bool = True
    ) -> Encoded:
        """Encode padded rows.

        Args:
            vectors_BTD: the vectors; values beyond a row's length are ignored.
            lengths_B: true lengths, int64 on the CPU, each between 1 and T.
            carry: the state to start from; None starts from the initial state, and returns no state.
            ends: whether to return the state after the last step. Rows of different lengths are encoded faster without
                it.
        """
        ends = ends and carry is not None
        weights = self.cell.weights(self.recurrent, self.weight_dropout if self.training else 0.0)
        start = self._initial_state(vectors_BTD, len(vectors_BTD)) if carry is None else carry
        full = bool((lengths_B == vectors_BTD.shape[1]).all())
        if self._packs(vectors_BTD, full=full) or (ends and not full):
            states_BTH, end = self._packed(vectors_BTD, lengths_B, start, weights)
            final_BH = _top(end, self.directions)
        elif full:
            states_BTH, end = self._run(vectors_BTD, start, weights)
            final_BH = _top(end, self.directions)
        else:
            states_BTH, final_BH = self._reversing(vectors_BTD, lengths_B, start, weights)
        return Encoded(states_BTH, final_BH, end if ends else None)

    def _initial_state(self, like: Tensor, batch: int) -> Carry:
        return self.cell.initial_state(like, self.num_layers * self.directions, batch, self.hidden_size)

    def _packs(self, vectors_BTD: Tensor, *, full: bool) -> bool:
        if self.strategy == "auto":
            return vectors_BTD.is_cuda and self.cell.packs_on_gpu and not full
        return self.strategy == "packed"

    def _run(
        self, inputs: Tensor, start: Carry, weights: list[LayerWeights], batch_sizes: Tensor | None = None
    ) -> tuple[Tensor, Carry]:
        """Run the whole stack."""
        return self.cell.run(
            weights,
            inputs,
            start,
            batch_sizes,
            bidirectional=self.bidirectional,
            dropout=self.dropout,
            training=self.stochastic,
        )

    def _packed(
        self, vectors_BTD: Tensor, lengths_B: Tensor, start: Carry, weights: list[LayerWeights]
    ) -> tuple[Tensor, Carry]:
        packed = pack_padded_sequence(vectors_BTD, lengths_B, batch_first=True, enforce_sorted=False)
        order_B, unorder_B = packed.sorted_indices, packed.unsorted_indices
        assert order_B is not None
        assert unorder_B is not None
        start = map_state(start, lambda part: part.index_select(1, order_B))
        data, end = self._run(packed.data, start, weights, packed.batch_sizes)
        states = PackedSequence(data, packed.batch_sizes, order_B, unorder_B)
        states_BTH, _ = pad_packed_sequence(states, batch_first=True, total_length=vectors_BTD.shape[1])
        return states_BTH, map_state(end, lambda part: part.index_select(1, unorder_B))

    def _reversing(
        self, vectors_BTD: Tensor, lengths_B: Tensor, start: Carry, weights: list[LayerWeights]
    ) -> tuple[Tensor, Tensor]:
        """Run layer by layer and direction by direction on padded rows, and return the states and the final states."""
        batch, steps = vectors_BTD.shape[:2]
        lengths_B = lengths_B.to(vectors_BTD.device)
        beyond_BT1 = (torch.arange(steps, device=vectors_BTD.device) >= lengths_B[:, None])[..., None]
        reversal = Reversal(lengths_B, steps)
        last_B = torch.arange(batch, device=vectors_BTD.device) * steps + lengths_B - 1
        # Padding comes after a row's end in both directions, so only a gradient could be affected by it.
        inputs = vectors_BTD.masked_fill(beyond_BT1, 0.0) if torch.is_grad_enabled() else vectors_BTD
        for layer in range(self.num_layers):
            outputs, finals = [], []
            for direction in range(self.directions):
                place = slice(layer * self.directions + direction, layer * self.directions + direction + 1)
                values = reversal(inputs) if direction else inputs
                begin = map_state(start, itemgetter(place))
                states, _ = self.cell.run(weights[place], values, begin, training=self.stochastic)
                finals.append(states.flatten(0, 1).index_select(0, last_B))
                outputs.append(reversal(states) if direction else states)
            inputs = torch.cat(outputs, dim=-1).masked_fill_(beyond_BT1, 0.0)
            if layer + 1 < self.num_layers:
                inputs = nn.functional.dropout(inputs, self.dropout, self.stochastic)
        return inputs, torch.cat(finals, dim=-1)


def _top(carry: Carry, directions: int) -> Tensor:
    """Return the last hidden states of the top layer, (B, N·H)."""
    return parts_of(carry)[0][-directions:].transpose(0, 1).flatten(1)
