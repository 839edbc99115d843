"""The language model's network: embedding, recurrent layers, next-token scores.

Shapes: B streams, T time, D embedding width, H width of the last layer, V vocabulary, X tokens of a batch.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, NamedTuple, cast

from torch import Tensor, nn

from seqkit.cells.state import Carry
from seqkit.config.language_model import LanguageModelConfig
from seqkit.models.next_token_head import NextTokenHead
from seqkit.nn.dropout import Dropout, LockedDropout
from seqkit.nn.embedding import Embedding
from seqkit.nn.recurrent import RecurrentEncoder

__all__ = ["Direction", "DirectionalNetworks", "NextTokenModel", "NextTokenStates"]

Direction = Literal["forward", "backward"]


class NextTokenStates(NamedTuple):
    """The states of the recurrent layers over a window.

    Attributes:
        states_BTH: the last layer's states.
        dropped_BTH: the same after dropout, from which the next token is predicted.
        carry: the state of each layer after the window; empty if none was passed in.
    """

    states_BTH: Tensor
    dropped_BTH: Tensor
    carry: list[Carry]


class NextTokenModel(nn.Module):
    """Embedding → dropout → recurrent layers with dropout between them → dropout → scores of the next token.

    The dropouts are those of Merity et al. (2018): of whole tokens of the vocabulary, of embeddings, between layers, on
    the last layer, and of recurrent weights. Layers have the width ``hidden_size``, except that the last one is as wide
    as the embedding if embedding and scores share their weights.

    Args:
        config: sizes and dropouts.
        vocabulary: number of tokens V.

    >>> import torch
    >>> model = NextTokenModel(LanguageModelConfig(embedding_size=8, hidden_size=16, num_layers=2), vocabulary=20)
    >>> states = model(torch.zeros(3, 5, dtype=torch.long), torch.full((3,), 5), model.initial_carry(3))
    >>> states.states_BTH.shape, len(states.carry)
    (torch.Size([3, 5, 8]), 2)
    """

    def __init__(self, config: LanguageModelConfig, vocabulary: int) -> None:
        super().__init__()
        inner = [config.hidden_size] * (config.num_layers - 1)
        widths = [config.embedding_size, *inner, config.embedding_size if config.tied else config.hidden_size]
        self.embedding = Embedding(vocabulary, config.embedding_size, sparse_gradient=not config.tied)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.layers = nn.ModuleList(
            RecurrentEncoder(width, following, weight_dropout=config.weight_dropout, cell=config.cell)
            for width, following in pairwise(widths)
        )
        self.head = NextTokenHead(widths[-1], vocabulary, tied=config.tied, adaptive=config.adaptive_softmax)
        self.tied = config.tied
        self.embedding_dropout = config.embedding_dropout
        kind = LockedDropout if config.locked_dropout else Dropout
        self.input_dropout = kind(config.input_dropout)
        self.hidden_dropout = kind(config.hidden_dropout)
        self.output_dropout = kind(config.output_dropout)

    @property
    def tied_VH(self) -> Tensor | None:
        """The embedding, if it also scores the next token."""
        return self.embedding.weight if self.tied else None

    @property
    def encoders(self) -> list[RecurrentEncoder]:
        """The recurrent layers, the lowest first."""
        return [layer for layer in self.layers if isinstance(layer, RecurrentEncoder)]

    @property
    def state_size(self) -> int:
        """Width H of the last layer."""
        return self.encoders[-1].output_size

    def initial_carry(self, rows: int) -> list[Carry]:
        """Return the state of each layer before the first token of a text."""
        return [layer.initial_carry(rows) for layer in self.encoders]

    def forward(
        self, tokens_BT: Tensor, lengths_B: Tensor, carry: list[Carry] | None, *, ends: bool = True
    ) -> NextTokenStates:
        """Read a window of tokens.

        Args:
            tokens_BT: token ids.
            lengths_B: true lengths, int64 on the CPU.
            carry: the state of each layer before the window; None if the texts begin here, in which case no state is
                returned.
            ends: whether to return the state after the window. Rows of different lengths are read faster without it.
        """
        states_BTH = self.input_dropout(self._embedded(tokens_BT))
        after = []
        for number, layer in enumerate(self.encoders):
            inputs = self.hidden_dropout(states_BTH) if number else states_BTH
            encoded = layer(inputs, lengths_B, carry and carry[number], ends=ends)
            states_BTH = encoded.states_BTH
            if encoded.carry is not None:
                after.append(encoded.carry)
        return NextTokenStates(states_BTH, self.output_dropout(states_BTH), after)

    def _embedded(self, tokens_BT: Tensor) -> Tensor:
        vectors_BTD: Tensor = self.embedding(tokens_BT)
        if not self.training or self.embedding_dropout == 0.0:
            return vectors_BTD
        ones_V1 = vectors_BTD.new_ones(self.embedding.num_embeddings, 1)
        return vectors_BTD * nn.functional.dropout(ones_V1, self.embedding_dropout)[tokens_BT]


class DirectionalNetworks(nn.ModuleList):
    """The networks of a language model, one for each direction in which it reads.

    Args:
        config: sizes and dropouts, and the direction: forward, backward or both.
        vocabulary: number of tokens V.

    Attributes:
        directions: the direction of each network.

    >>> networks = DirectionalNetworks(LanguageModelConfig(direction="both", embedding_size=4, hidden_size=4), 10)
    >>> networks.directions, networks.state_size
    (('forward', 'backward'), 8)
    """

    def __init__(self, config: LanguageModelConfig, vocabulary: int) -> None:
        directions: tuple[Direction, ...] = (
            ("forward", "backward") if config.direction == "both" else (config.direction,)
        )
        super().__init__(NextTokenModel(config, vocabulary) for _ in directions)
        self.directions = directions

    def __iter__(self) -> Iterator[NextTokenModel]:
        return cast("Iterator[NextTokenModel]", super().__iter__())

    @property
    def state_size(self) -> int:
        """Width of the states of all networks together."""
        return sum(network.state_size for network in self)

    def by_direction(self) -> Iterator[tuple[Direction, NextTokenModel]]:
        """Iterate over the directions and their networks."""
        return zip(self.directions, self, strict=True)

    def of(self, direction: str) -> NextTokenModel:
        """Return the network that reads in a direction.

        Raises:
            KeyError: the model does not read in this direction.
        """
        return dict[str, NextTokenModel](self.by_direction())[direction]
