"""The language model's network: embedding, recurrent layers, next-token scores.

Shapes: B streams, T time, D embedding width, H width of the last layer, V vocabulary, X tokens of a batch.
"""

from itertools import pairwise
from typing import NamedTuple

from torch import Tensor, nn

from seqkit.config.language_model import LanguageModelConfig
from seqkit.models.next_token_head import NextTokenHead
from seqkit.nn.dropout import Dropout, LockedDropout
from seqkit.nn.recurrent import Carry, RecurrentEncoder

__all__ = ["NextTokenModel", "NextTokenStates"]


class NextTokenStates(NamedTuple):
    """What the recurrent layers make of a window.

    Attributes:
        states_BTH: the last layer's states.
        dropped_BTH: the same after dropout, from which the next token is told.
        carry: the state of each layer after the window; empty where none was handed in.
    """

    states_BTH: Tensor
    dropped_BTH: Tensor
    carry: list[Carry]


class NextTokenModel(nn.Module):
    """Embedding → dropout → recurrent layers with dropout between → dropout → scores of the next token.

    The dropouts are those of Merity et al. (2018): of whole tokens of the vocabulary, of embeddings, between layers, on
    the last layer, and of recurrent weights. Layers are of width ``hidden_size``, but where embedding and scores share
    their weights the last one is as wide as the embedding.

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
        embedding = _SharedEmbedding if config.tied else nn.Embedding
        self.embedding = embedding(vocabulary, config.embedding_size)
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
        """The embedding where it scores the next token, too."""
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
        """The state that a text begins with: zeros."""
        return [layer.initial_carry(rows) for layer in self.encoders]

    def forward(
        self, tokens_BT: Tensor, lengths_B: Tensor, carry: list[Carry] | None, *, ends: bool = True
    ) -> NextTokenStates:
        """Read a window of tokens on from a state; lengths are int64 on the CPU.

        Without a carry the text begins here, and none comes back, as where ``ends`` says that no text goes on: rows of
        different lengths are read faster so.
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


class _SharedEmbedding(nn.Embedding):
    """One whose table is read elsewhere too, so that its gradient is never sparse."""
