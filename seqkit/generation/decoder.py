"""One-token steps of a recurrent language model, about as fast as a CPU can read the weights.

Shapes: V vocabulary, B rows, T time, D embedding width, H hidden width of a layer, X any width.

A step does little arithmetic with many weights, so most of its cost depends on how they lie in memory. Each cell
rearranges a copy of them once (``Cell.step``), and so does the output layer. If there are fewer tokens than embedding
dimensions, the product of each token's vector with the first layer's weights is computed once (``Cell.fold_inputs``),
and a token's vector becomes its row of the identity matrix: there is less to read.

**The result for a row is the same, to the bit, whatever the other rows are**, so that a sample depends on its seed
alone. Matrix kernels do not promise that: how they split a sum may depend on the number of rows. It is achieved by
these means:

- Rows are computed in blocks of a few fixed sizes, the last one filled up with copies of its last row. (Each size also
  costs oneDNN 0.4 MB of code for each product, so using few sizes keeps the memory small and constant.)
- Each block size is tried when a decoder is made, with its own weights: four rows, repeated to fill the block, must
  give the same in every position as each does alone. With oneDNN and AVX2 or newer, they did for every shape tried.
- If they do not, each row is computed alone, in the same call on the same shape. This is slow for many rows. On a GPU,
  where a row costs as much as 64 do, all blocks have 64 rows instead.
- Long sums are cut in fixed places (``seqkit.cells.rearranged``).
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter

import torch
from torch import Tensor, nn

from seqkit.cells.state import Carry, map_state, parts_of, state_like
from seqkit.errors import ConfigError
from seqkit.generation.output_layers import rearranged_output
from seqkit.nn.recurrent import RecurrentEncoder

__all__ = ["Decoder", "State"]

State = list[Carry]
"""The state of each layer, as its cell defines it, each part (B, H)."""

_BLOCKS = (1, 4, 8, 16, 24, 32, 48, 64)


class Decoder:
    """A recurrent language model that reads a prompt and continues it one token at a time.

    Args:
        embedding_VD: the vector of each token.
        layers: the recurrent layers from the bottom up, each a one-layer, one-directional encoder; their cells and
            widths may differ.
        output: the layer from the top hidden state to scores of tokens.

    The weights are copied, as float32, and rearranged: later changes of the modules have no effect here. No dropout is
    applied and no gradient is kept.

    Raises:
        ConfigError: if an encoder has several layers or two directions, widths do not match, or the output layer is of
            another type.

    >>> layers = [RecurrentEncoder(3, 5, cell="lstm"), RecurrentEncoder(5, 4, cell="gru")]
    >>> decoder = Decoder(torch.randn(10, 3), layers, nn.Linear(4, 10))
    >>> scores, state = decoder.read(torch.tensor([1, 2, 3]), decoder.initial_state(1))
    >>> scores, state = decoder.step(torch.tensor([7, 8]), decoder.select(state, torch.tensor([0, 0])))
    >>> scores.shape, [part.shape for part in state[0]], state[1].shape
    (torch.Size([2, 10]), [torch.Size([2, 5]), torch.Size([2, 5])], torch.Size([2, 4]))
    """

    @torch.no_grad()
    def __init__(
        self,
        embedding_VD: Tensor,
        layers: Sequence[RecurrentEncoder],
        output: nn.Linear | nn.AdaptiveLogSoftmaxWithLoss,
    ) -> None:
        _check(embedding_VD, layers, output)
        vectors_VD = _copied(embedding_VD)
        self._cells = [layer.cell for layer in layers]
        weights = [[_copied(weight) for weight in layer.cell.weights(layer.recurrent)[0]] for layer in layers]
        if len(vectors_VD) < vectors_VD.shape[1]:
            folded = self._cells[0].fold_inputs(weights[0], vectors_VD)
            if folded is not None:
                weights[0], vectors_VD = folded, torch.eye(len(vectors_VD), device=vectors_VD.device)
        self._vectors_VD = vectors_VD
        self._hidden_sizes = [layer.hidden_size for layer in layers]
        self._layers = [cell.step(own) for cell, own in zip(self._cells, weights, strict=True)]
        self._scores = rearranged_output(output)
        self._empty = self.initial_state(0)
        self._blocks: tuple[int, ...] = _BLOCKS
        if not self._keeps_rows_apart():
            self._blocks = _BLOCKS[:1] if vectors_VD.device.type == "cpu" else _BLOCKS[-1:]

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self._vectors_VD.device

    def initial_state(self, rows: int) -> State:
        """Return the state before the first token.

        Args:
            rows: number B of texts.
        """
        sizes = zip(self._cells, self._hidden_sizes, strict=True)
        states = (cell.initial_state(self._vectors_VD, 1, rows, hidden_size) for cell, hidden_size in sizes)
        return [map_state(state, itemgetter(0)) for state in states]

    @torch.no_grad()
    def step(self, tokens_B: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one token in each row.

        Args:
            tokens_B: the ids of the tokens.
            state: the state before them; it is not changed.

        Returns:
            Scores of the next token, (B, V): logits, or log-probabilities from an adaptive softmax; and the new state.

        Raises:
            ConfigError: if the state has another number of rows than there are tokens, or there are none.
        """
        rows, held = len(tokens_B), len(parts_of(state[0])[0])
        if rows != held or not rows:
            raise ConfigError(f"{rows} tokens for a state of {held} rows; a step takes one for each, and at least one")
        if rows in self._blocks:
            return self._step(tokens_B, state)
        blocks = []
        for first in range(0, rows, self._blocks[-1]):
            inside = min(rows - first, self._blocks[-1])
            size = next(size for size in self._blocks if size >= inside)
            chosen = torch.arange(first, first + size, device=tokens_B.device).clamp_(max=rows - 1)
            blocks.append(_flat(*self._step(tokens_B[chosen], self.select(state, chosen)), inside))
        scores_BV, *parts = [torch.cat(block) for block in zip(*blocks, strict=True)]
        return scores_BV, self._unflat(parts)

    @torch.no_grad()
    def read(self, tokens_T: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a whole prompt in few calls.

        Args:
            tokens_T: the ids of the tokens of one text.
            state: the state before them, of one row; it is not changed.

        Returns:
            Scores of the next token, (1, V), and the state after the last token. They equal those of single steps up to
            rounding.

        Raises:
            ConfigError: if there are no tokens, or the state has more than one row.
        """
        if len(tokens_T) == 0 or len(parts_of(state[0])[0]) != 1:
            raise ConfigError("reading takes at least one token and a state of one row")
        top_TBH = vectors_TBD = self._vectors_VD.index_select(0, tokens_T)[:, None]
        while len(vectors_TBD):  # in pieces of a few sizes, because each size is a kernel that stays in memory
            size = max(size for size in _BLOCKS if size <= len(vectors_TBD))
            top_TBH, state = self._advance(vectors_TBD[:size], state)
            vectors_TBD = vectors_TBD[size:]
        return self._scores(top_TBH[-1]), state

    @staticmethod
    def select(state: State, rows: Tensor) -> State:
        """Keep, drop, repeat or reorder rows.

        Args:
            state: the state of B rows.
            rows: the rows of the new state, int64.

        >>> Decoder.select([torch.tensor([[1.0], [2.0], [3.0]])], torch.tensor([2, 0, 0]))[0].tolist()
        [[3.0], [1.0], [1.0]]
        """
        return [map_state(carry, lambda part: part.index_select(0, rows)) for carry in state]

    def _step(self, tokens_B: Tensor, state: State) -> tuple[Tensor, State]:
        top_TBH, state = self._advance(self._vectors_VD.index_select(0, tokens_B)[None], state)
        return self._scores(top_TBH[0]), state

    def _advance(self, states_TBX: Tensor, state: State) -> tuple[Tensor, State]:
        """Run all layers over T steps; return the top layer's hidden states, and the state after the last step."""
        after = []
        for layer, carry in zip(self._layers, state, strict=True):
            states_TBX, carry = layer(states_TBX, carry)
            after.append(carry)
        return states_TBX, after

    def _unflat(self, parts: Iterable[Tensor]) -> State:
        """Return a state made of the parts of all layers."""
        remaining = iter(parts)
        return [state_like(form, [next(remaining) for _ in parts_of(form)]) for form in self._empty]

    def _keeps_rows_apart(self) -> bool:
        """Whether rows come out as each does alone, to the bit, in every position of a block of every size."""
        generator = torch.Generator().manual_seed(0)
        drawn = [torch.randn(4, part.shape[1], generator=generator) for part in _flat_state(self._empty)]
        state = self._unflat(part.to(self.device) for part in drawn)
        rows_B = torch.arange(4, device=self.device)
        tokens_B = rows_B % len(self._vectors_VD)
        alone = [_flat(*self._step(tokens_B[row], self.select(state, row))) for row in rows_B.split(1)]
        expected = [torch.cat(rows) for rows in zip(*alone, strict=True)]
        for size in _BLOCKS:
            chosen = torch.arange(size, device=self.device) % 4
            together = _flat(*self._step(tokens_B[chosen], self.select(state, chosen)))
            if not all(torch.equal(got, rows[chosen]) for got, rows in zip(together, expected, strict=True)):
                return False
        return True


def _copied(weight: Tensor) -> Tensor:
    return weight.detach().to(torch.float32, copy=True)


def _flat_state(state: State) -> list[Tensor]:
    return [part for carry in state for part in parts_of(carry)]


def _flat(scores_BV: Tensor, state: State, rows: int | None = None) -> list[Tensor]:
    """Return the scores and all parts of the state of the first rows; by default, of all."""
    return [part[:rows] for part in (scores_BV, *_flat_state(state))]


def _check(embedding_VD: Tensor, layers: Sequence[RecurrentEncoder], output: nn.Module) -> None:
    """Raise ConfigError unless the parts of a language model can be decoded and fit together."""
    if not layers:
        raise ConfigError("a decoder needs at least one recurrent layer")
    width = embedding_VD.shape[1]
    for number, layer in enumerate(layers, 1):
        if layer.num_layers > 1 or layer.bidirectional:
            raise ConfigError(
                f"layer {number} has {layer.num_layers} layers and {layer.directions} directions; decoding takes"
                " encoders of one layer and one direction: give each layer an encoder of its own"
            )
        if layer.input_size != width:
            raise ConfigError(f"layer {number} reads {layer.input_size} values; the layer below it returns {width}")
        width = layer.hidden_size
    if not isinstance(output, nn.Linear | nn.AdaptiveLogSoftmaxWithLoss):
        raise ConfigError(f"the output layer is {type(output).__name__}; decoding takes Linear or an adaptive softmax")
    if output.in_features != width:
        raise ConfigError(f"the output layer reads {output.in_features} values; the top layer returns {width}")
