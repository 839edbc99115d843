"""The recurrent encoder: the only code that packs, pads, flips or carries state.

Shapes: B batch, T time, D input width, H hidden width per direction, L layers, N directions (1 or 2).

The contract is that of ``pack_padded_sequence`` → ``nn.LSTM`` → ``pad_packed_sequence``: padding never changes a
result, in value or gradient, and padded positions come out as zeros. There are two ways to keep it:

- ``packed`` is that very sequence of calls. On a GPU, cuDNN has a kernel for it.
- ``fused`` runs dense calls over the padded rows: where all rows are full, one for the whole stack; else one for each
  layer and direction, the backward direction on rows flipped within their own lengths. What a row computes beyond its
  length is never read, so it costs time but changes nothing. On a CPU this is faster, since oneDNN's fused kernel
  takes dense input alone and packed rows of different lengths run step by step: a training step over 32 rows of 20 to
  25 steps, D = 220, H = 200, took 17 ms against 41 ms on two cores (``benchmarks/encoder.py``).

``auto`` packs on a GPU. On a CPU it packs rows of different lengths where state is carried, for the kernel does not
give the cell state within a row, and is fused for the rest.
"""

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from seqkit.nn.cells import CELLS
from seqkit.nn.dropout import drop_weights

__all__ = ["Carry", "Encoded", "RecurrentEncoder", "Strategy"]

Strategy = Literal["auto", "packed", "fused"]
Carry = Tensor | tuple[Tensor, Tensor]  # what the cell takes and returns: h, or (h, c), each (L·N, B, H)


class Encoded(NamedTuple):
    """What the encoder returns.

    Attributes:
        states_BTH: the top layer's hidden states, (B, T, N·H), zero beyond each length.
        final_BH: the top layer's last true state of each direction, (B, N·H).
        carry: the state after each row's last true step, to go on from; None where none was handed in, or wanted.
    """

    states_BTH: Tensor
    final_BH: Tensor
    carry: Carry | None


class RecurrentEncoder(nn.Module):
    """A stack of recurrent layers over padded rows of vectors.

    Args:
        input_size: width D of the vectors.
        hidden_size: hidden units H per direction.
        num_layers: stacked layers.
        bidirectional: whether a second direction reads from right to left.
        dropout: dropout between layers, in training only.
        weight_dropout: share of the recurrent weights dropped, in training only (Merity et al. 2018, section 2).
        cell: a name in ``seqkit.nn.cells.CELLS``.
        strategy: ``auto`` takes the fast way for the device; ``packed`` and ``fused`` force one.

    The parameters are those of the plain PyTorch stack in ``recurrent``, so its state dict is interchangeable
    with ``nn.LSTM``'s.

    >>> encoder = RecurrentEncoder(3, 5, bidirectional=True)
    >>> encoded = encoder(torch.randn(2, 4, 3), torch.tensor([4, 2]))
    >>> encoded.states_BTH.shape, encoded.final_BH.shape
    (torch.Size([2, 4, 10]), torch.Size([2, 10]))
    >>> encoded.states_BTH[1, 2:].abs().sum().item()
    0.0
    """

    always = False  # whether dropout between layers is on in prediction, too: see regularization.drop_in_prediction

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
        self.recurrent = CELLS[cell](input_size, hidden_size, num_layers=num_layers, bidirectional=bidirectional)
        self.dropout = dropout
        self.weight_dropout = weight_dropout
        self.strategy: Strategy = strategy

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A deep copy has copied each weight by itself; cuDNN wants them in one piece again.
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self.recurrent.flatten_parameters()

    @property
    def directions(self) -> int:
        """1, or 2 where the stack is bidirectional."""
        return 2 if self.recurrent.bidirectional else 1

    @property
    def output_size(self) -> int:
        """Width of a state: hidden size times directions."""
        return self.recurrent.hidden_size * self.directions

    @property
    def _drops(self) -> bool:
        return self.training or self.always

    def initial_carry(self, batch: int) -> Carry:
        """The state that ``carry=None`` starts from: zeros, each part (L·N, B, H). Handing it in gets one back."""
        return self._zeros(next(self.recurrent.parameters()), batch)

    def forward(
        self, vectors_BTD: Tensor, lengths_B: Tensor, carry: Carry | None = None, *, ends: bool = True
    ) -> Encoded:
        """Encode padded rows.

        Args:
            vectors_BTD: the vectors; what stands beyond a row's length is ignored.
            lengths_B: true lengths, int64 on the CPU, each between 1 and T.
            carry: the state to start from; zeros where it is None.
            ends: whether the state after the last step will be gone on from. Where no text goes on, rows of different
                lengths are read faster without it.
        """
        ends = ends and carry is not None
        weights = drop_weights(self.recurrent, self.weight_dropout if self.training else 0.0)
        start = self._zeros(vectors_BTD, len(vectors_BTD)) if carry is None else carry
        full = bool((lengths_B == vectors_BTD.shape[1]).all())
        packs = self.strategy == "packed" or (self.strategy == "auto" and vectors_BTD.is_cuda)
        if packs or (ends and not full):
            states_BTH, end = self._packed(vectors_BTD, lengths_B, start, weights)
            final_BH = _top(end, self.directions)
        elif full:
            states_BTH, end = self._run(vectors_BTD, None, start, weights)
            final_BH = _top(end, self.directions)
        else:
            states_BTH, final_BH = self._flipped(vectors_BTD, lengths_B, start, weights)
        return Encoded(states_BTH, final_BH, end if ends else None)

    def _zeros(self, like: Tensor, batch: int) -> Carry:
        stack = self.recurrent
        zeros = like.new_zeros(stack.num_layers * self.directions, batch, stack.hidden_size)
        return (zeros, zeros) if stack.mode == "LSTM" else zeros

    def _packed(
        self, vectors_BTD: Tensor, lengths_B: Tensor, start: Carry, weights: list[Tensor]
    ) -> tuple[Tensor, Carry]:
        packed = pack_padded_sequence(vectors_BTD, lengths_B, batch_first=True, enforce_sorted=False)
        start = _each(start, lambda part: part.index_select(1, packed.sorted_indices))
        data, end = self._run(packed.data, packed.batch_sizes, start, weights)
        states = PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
        states_BTH, _ = pad_packed_sequence(states, batch_first=True, total_length=vectors_BTD.shape[1])
        return states_BTH, _each(end, lambda part: part.index_select(1, packed.unsorted_indices))

    def _flipped(
        self, vectors_BTD: Tensor, lengths_B: Tensor, start: Carry, weights: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        batch, steps = vectors_BTD.shape[:2]
        lengths_B = lengths_B.to(vectors_BTD.device)
        steps_T = torch.arange(steps, device=vectors_BTD.device)
        inside_BT = steps_T < lengths_B[:, None]
        beyond_BT1 = ~inside_BT[..., None]
        first_B = torch.arange(batch, device=vectors_BTD.device) * steps
        flip_X = (first_B[:, None] + torch.where(inside_BT, lengths_B[:, None] - 1 - steps_T, steps_T)).flatten()
        last_B = first_B + lengths_B - 1
        # What stands beyond a row's end comes after it in both directions; only a gradient could be spoilt by it.
        inputs = vectors_BTD.masked_fill(beyond_BT1, 0.0) if torch.is_grad_enabled() else vectors_BTD
        stretch = len(weights) // (self.recurrent.num_layers * self.directions)
        for layer in range(self.recurrent.num_layers):
            outputs, finals = [], []
            for direction in range(self.directions):
                place = layer * self.directions + direction
                turned = _reordered(inputs, flip_X) if direction else inputs
                begin = _each(start, lambda part, place=place: part[place : place + 1])
                states, _ = self._run(turned, None, begin, weights[place * stretch : (place + 1) * stretch], layers=1)
                finals.append(states.flatten(0, 1).index_select(0, last_B))
                outputs.append(_reordered(states, flip_X) if direction else states)
            inputs = torch.cat(outputs, dim=-1).masked_fill_(beyond_BT1, 0.0)
            if layer + 1 < self.recurrent.num_layers:
                inputs = nn.functional.dropout(inputs, self.dropout, self._drops)
        return inputs, torch.cat(finals, dim=-1)

    def _run(
        self,
        inputs: Tensor,
        batch_sizes: Tensor | None,
        start: Carry,
        weights: list[Tensor],
        *,
        layers: int | None = None,
    ) -> tuple[Tensor, Carry]:
        """PyTorch's own kernel on dense rows or packed data: the whole stack, or one layer in one direction of it."""
        stack = self.recurrent
        whole = layers is None
        settings = (
            stack.bias,
            stack.num_layers if layers is None else layers,
            self.dropout if whole else 0.0,
            self._drops,
            stack.bidirectional and whole,
        )
        kernel: Any = {"LSTM": torch.lstm, "GRU": torch.gru}[stack.mode]
        first = start if isinstance(start, Tensor) else list(start)
        if batch_sizes is None:
            states, *end = kernel(inputs, first, weights, *settings, True)  # batch first
        else:
            states, *end = kernel(inputs, batch_sizes, first, weights, *settings)
        return states, end[0] if len(end) == 1 else (end[0], end[1])


def _reordered(values_BTX: Tensor, order: Tensor) -> Tensor:
    """The steps of all rows in another order, one that undoes itself; so their gradient is reordered likewise.

    Autograd's own backward of an index adds up, one by one, what here has a single source each.
    """
    reordered: Tensor = _Reordered.apply(values_BTX, order)  # type: ignore[no-untyped-call]
    return reordered


class _Reordered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values_BTX: Tensor, order: Tensor) -> Tensor:
        ctx.order = order
        return values_BTX.flatten(0, 1).index_select(0, order).view(values_BTX.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_BTX: Tensor) -> tuple[Tensor, None]:
        return gradient_BTX.flatten(0, 1).index_select(0, ctx.order).view(gradient_BTX.shape), None


def _each(carry: Carry, change: Any) -> Carry:
    return (change(carry[0]), change(carry[1])) if isinstance(carry, tuple) else change(carry)


def _top(carry: Carry, directions: int) -> Tensor:
    """The last hidden states of the top layer, (B, N·H)."""
    hidden = carry[0] if isinstance(carry, tuple) else carry
    return hidden[-directions:].transpose(0, 1).flatten(1)
