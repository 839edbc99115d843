"""The encoders of a classifier: of words and their spelling, of byte pairs, or a language model's layers.

Each encoder returns the state of every step, and the last state of each direction for the whole text. A text longer
than a window is read in windows. The state of a forward direction is carried from one window to the next without its
gradient (truncated backpropagation through time); a backward direction of a bidirectional encoder starts anew in each
window.

Shapes: B batch, T time, D width of vectors, H width of states, L layers times directions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqkit.cells.state import Carry, map_state, parts_of, state_like
from seqkit.config.classification import ClassificationConfig
from seqkit.config.language_model import LanguageModelConfig
from seqkit.models.language_model import DirectionalNetworks, NextTokenModel
from seqkit.nn.dropout import Dropout
from seqkit.nn.embedding import Embedding
from seqkit.nn.recurrent import RecurrentEncoder
from seqkit.nn.reverse import Reversal
from seqkit.nn.word_features import word_features
from seqkit.text.lm_tokenizer import TextTokenizer

__all__ = [
    "LanguageModelEncoder",
    "PretrainedEncoder",
    "TextStates",
    "TokenEncoder",
    "WordEncoder",
    "WordVocabularies",
    "text_encoder",
]

WindowReader = Callable[[Tensor, Tensor, list[Carry], bool], tuple[Tensor, list[Carry]]]
"""Reads a window of some texts: its inputs, its lengths, the states before it, and whether to return the states after
it → the states of all steps, and the states after it."""


@dataclass(frozen=True)
class WordVocabularies:
    """What an encoder of words needs to know of the vocabularies.

    Attributes:
        singletons_V: for each entry of the word vocabulary, whether it occurs once in the training data.
        characters: size of the character vocabulary.
        affixes: size of the affix vocabulary.
    """

    singletons_V: Tensor
    characters: int
    affixes: int


@dataclass(frozen=True)
class PretrainedEncoder:
    """A language model whose layers a classifier starts from: configuration, tokenizer, and a network per direction."""

    config: LanguageModelConfig
    tokenizer: TextTokenizer
    networks: Sequence[NextTokenModel]


class TextStates(NamedTuple):
    """The states of all steps (B, T, H), zero beyond each length, and the last state of each direction, (B, H)."""

    states_BTH: Tensor
    final_BH: Tensor


class WordEncoder(nn.Module):
    """Word features → dropout → bidirectional recurrent layers.

    Args:
        config: sizes and dropouts.
        vocabularies: the sizes of the vocabularies.
    """

    def __init__(self, config: ClassificationConfig, vocabularies: WordVocabularies) -> None:
        super().__init__()
        self.features = word_features(
            config,
            vocabularies.singletons_V,
            characters=vocabularies.characters,
            affixes=vocabularies.affixes,
        )
        self.input_dropout = Dropout(config.input_dropout)
        self.layers = _bidirectional(config, self.features.output_size)
        self.window = config.window
        self.output_size = self.layers.output_size

    def forward(self, inputs: Mapping[str, Tensor], lengths_B: Tensor) -> TextStates:
        """Encode a batch of texts.

        Args:
            inputs: what ``WordFeatures.forward`` takes.
            lengths_B: words of each text, int64 on the CPU.
        """
        vectors_BTD = self.input_dropout(self.features(inputs))
        return _both_ways(self.layers, vectors_BTD, lengths_B, self.window)


class TokenEncoder(nn.Module):
    """Token embedding → dropout → bidirectional recurrent layers.

    Args:
        config: sizes and dropouts.
        tokens: size of the vocabulary.
    """

    def __init__(self, config: ClassificationConfig, tokens: int) -> None:
        super().__init__()
        self.embedding = Embedding(tokens, config.word_size)
        nn.init.uniform_(self.embedding.weight, -((3 / config.word_size) ** 0.5), (3 / config.word_size) ** 0.5)
        self.input_dropout = Dropout(config.input_dropout)
        self.layers = _bidirectional(config, config.word_size)
        self.window = config.window
        self.output_size = self.layers.output_size

    def forward(self, inputs: Mapping[str, Tensor], lengths_B: Tensor) -> TextStates:
        """Encode a batch of texts: ``tokens_BT`` in ``inputs``, of the given lengths (int64 on the CPU)."""
        return _both_ways(self.layers, self.input_dropout(self.embedding(inputs["tokens_BT"])), lengths_B, self.window)


class LanguageModelEncoder(nn.Module):
    """The embedding and the layers of a language model, its directions side by side (Howard and Ruder 2018).

    Args:
        config: the language model's configuration.
        tokens: size of its vocabulary.
        window: steps that gradients go back.
    """

    def __init__(self, config: LanguageModelConfig, tokens: int, window: int) -> None:
        super().__init__()
        self.networks = DirectionalNetworks(config, tokens)
        self.window = window
        for network in self.networks:
            network.head = nn.Identity()  # type: ignore[assignment]  # no next token is predicted here
        self.output_size = self.networks.state_size

    def adopt(self, networks: Sequence[NextTokenModel]) -> None:
        """Copy the weights of a language model's networks, one for each direction."""
        for own, other in zip(self.networks, networks, strict=True):
            weights = {name: value for name, value in other.state_dict().items() if not name.startswith("head.")}
            own.load_state_dict(weights)

    def depths(self) -> dict[str, int]:
        """Return the number of layers above each part of the networks, by the prefix of its parameters' names."""
        depths: dict[str, int] = {}
        for number, network in enumerate(self.networks):
            layers = len(network.encoders)
            depths |= {f"networks.{number}.layers.{layer}.": layers - 1 - layer for layer in range(layers)}
            depths[f"networks.{number}.embedding."] = layers
        return depths

    def forward(self, inputs: Mapping[str, Tensor], lengths_B: Tensor) -> TextStates:
        """Encode a batch of texts: ``tokens_BT`` in ``inputs``, of the given lengths (int64 on the CPU)."""
        tokens_BT = inputs["tokens_BT"]
        reversal = Reversal(lengths_B.to(tokens_BT.device), tokens_BT.shape[1])
        states, finals = [], []
        for direction, network in self.networks.by_direction():
            backward = direction == "backward"
            states_BTH = self._states(network, reversal(tokens_BT) if backward else tokens_BT, lengths_B)
            finals.append(_at(states_BTH, lengths_B - 1))
            states.append(reversal(states_BTH) if backward else states_BTH)
        return TextStates(torch.cat(states, dim=2), torch.cat(finals, dim=1))

    def _states(self, network: NextTokenModel, tokens_BT: Tensor, lengths_B: Tensor) -> Tensor:
        if tokens_BT.shape[1] <= self.window:
            states_BTH: Tensor = network(tokens_BT, lengths_B, None).states_BTH
            return states_BTH

        def read(part_BT: Tensor, lengths_B: Tensor, carry: list[Carry], ends: bool) -> tuple[Tensor, list[Carry]]:
            found = network(part_BT, lengths_B, carry, ends=ends)
            return found.states_BTH, found.carry

        return _in_windows(read, tokens_BT, lengths_B, network.initial_carry(len(lengths_B)), self.window)


def text_encoder(
    config: ClassificationConfig, vocabulary: WordVocabularies | int, language_model: LanguageModelConfig | None
) -> WordEncoder | TokenEncoder | LanguageModelEncoder:
    """Return the encoder that a configuration describes.

    Args:
        config: sizes and dropouts.
        vocabulary: the vocabularies of an encoder of words, or the number of tokens of an encoder of tokens.
        language_model: the configuration of the language model whose layers the encoder consists of, if any.
    """
    if isinstance(vocabulary, WordVocabularies):
        return WordEncoder(config, vocabulary)
    if language_model is None:
        return TokenEncoder(config, vocabulary)
    return LanguageModelEncoder(language_model, vocabulary, config.window)


def _bidirectional(config: ClassificationConfig, input_size: int) -> RecurrentEncoder:
    return RecurrentEncoder(
        input_size,
        config.hidden_size,
        num_layers=config.num_layers,
        bidirectional=True,
        dropout=config.state_dropout,
        cell=config.cell,
    )


def _both_ways(layers: RecurrentEncoder, vectors_BTD: Tensor, lengths_B: Tensor, window: int) -> TextStates:
    if vectors_BTD.shape[1] <= window:
        encoded = layers(vectors_BTD, lengths_B)
        return TextStates(encoded.states_BTH, encoded.final_BH)
    half, start = layers.output_size // 2, layers.initial_carry(len(lengths_B))

    def read(part_BTD: Tensor, lengths_B: Tensor, carry: list[Carry], ends: bool) -> tuple[Tensor, list[Carry]]:
        encoded = layers(part_BTD, lengths_B, carry[0], ends=ends)
        return encoded.states_BTH, [_forward_only(encoded.carry, start)] if ends else []

    states_BTH = _in_windows(read, vectors_BTD, lengths_B, [start], window)
    final_BH = torch.cat([_at(states_BTH, lengths_B - 1)[:, :half], states_BTH[:, 0, half:]], dim=1)
    return TextStates(states_BTH, final_BH)


def _in_windows(read: WindowReader, inputs: Tensor, lengths_B: Tensor, carry: list[Carry], window: int) -> Tensor:
    """Return the states of all steps, read window by window.

    In each window, the texts that continue after it are read first, and then those that end in it: only the former need
    the state after the window.
    """
    states = []
    for start in range(0, inputs.shape[1], window):
        part, whole_BTH = inputs[:, start : start + window], None
        for continues in (True, False):
            rows = ((lengths_B > start) & ((lengths_B > start + window) == continues)).nonzero()[:, 0]
            if not len(rows):
                continue
            chosen, inside_B = rows.to(inputs.device), (lengths_B[rows] - start).clamp(max=window)
            width = int(inside_B.max())
            found_BTH, ends = read(part[chosen, :width], inside_B, _select_rows(carry, chosen), continues)
            if whole_BTH is None:
                whole_BTH = found_BTH.new_zeros(len(lengths_B), part.shape[1], found_BTH.shape[2])
            whole_BTH[chosen, :width] = found_BTH
            if continues:
                carry = [_replace_rows(before, end, chosen) for before, end in zip(carry, ends, strict=True)]
        assert whole_BTH is not None
        states.append(whole_BTH)
    return torch.cat(states, dim=1)


def _select_rows(carry: list[Carry], chosen: Tensor) -> list[Carry]:
    return [map_state(state, lambda part: part[:, chosen].contiguous()) for state in carry]


def _replace_rows(before: Carry, end: Carry, chosen: Tensor) -> Carry:
    """Return a state in which some rows are replaced by those of another one, detached from its gradient."""
    pairs = zip(parts_of(before), parts_of(end), strict=True)
    return state_like(before, (old.index_copy(1, chosen, new.detach().to(old.dtype)) for old, new in pairs))


def _forward_only(carry: Carry, start: Carry) -> Carry:
    """Return a state in which every second layer, a backward one, is in its initial state.

    The rows of the initial states of a batch are all alike.
    """
    first, initial = parts_of(carry), parts_of(start)
    forward_L11 = (torch.arange(len(first[0]), device=first[0].device) % 2 == 0)[:, None, None]
    pairs = zip(first, initial, strict=True)
    return state_like(carry, (torch.where(forward_L11, part, old[:, : part.shape[1]]) for part, old in pairs))


def _at(states_BTH: Tensor, steps_B: Tensor) -> Tensor:
    """Return the state of each row at a step of its own, (B, H)."""
    return states_BTH[torch.arange(len(steps_B), device=states_BTH.device), steps_B.to(states_BTH.device)]
