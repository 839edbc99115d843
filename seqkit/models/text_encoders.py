"""What a classifier reads a text with: words and their spelling, byte pairs, or a language model's layers.

Each encoder gives a state for every step and, of the whole text, the last state of each direction. A text of more than
a window is read in windows: what a forward direction knows is carried from one to the next, without its gradient
(truncated backpropagation through time), while a backward direction of a bidirectional encoder begins anew in each.

Shapes: B batch, T time, D width of vectors, H width of states, L layers and directions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqkit.batches.token_examples import TokenReader
from seqkit.batches.word_examples import WordReader
from seqkit.config.classification import ClassificationConfig
from seqkit.config.language_model import LanguageModelConfig
from seqkit.models.language_model import NextTokenModel
from seqkit.nn.dropout import Dropout
from seqkit.nn.recurrent import Carry, RecurrentEncoder
from seqkit.nn.word_features import word_features
from seqkit.text.lm_tokenizer import TextTokenizer

__all__ = ["LanguageModelEncoder", "PretrainedEncoder", "TextStates", "TokenEncoder", "WordEncoder", "text_encoder"]

Read = Callable[[Tensor, Tensor, list[Carry], bool], tuple[Tensor, list[Carry]]]


@dataclass(frozen=True)
class PretrainedEncoder:
    """A language model that a classifier begins as: its configuration, tokenizer and networks, one a direction."""

    config: LanguageModelConfig
    tokenizer: TextTokenizer
    networks: Sequence[NextTokenModel]


class TextStates(NamedTuple):
    """The states (B, T, H) of all steps, zero beyond each length, and the last ones of each direction, (B, H)."""

    states_BTH: Tensor
    final_BH: Tensor


class WordEncoder(nn.Module):
    """Word features → dropout → bidirectional recurrent layers.

    Args:
        config: sizes and dropouts.
        singletons: for each entry of the word vocabulary whether training holds it once.
        characters: size of the character vocabulary.
        affixes: size of the affix vocabulary.
    """

    def __init__(self, config: ClassificationConfig, singletons: Tensor, *, characters: int, affixes: int) -> None:
        super().__init__()
        self.features = word_features(config, singletons, characters=characters, affixes=affixes)
        self.input_dropout = Dropout(config.input_dropout)
        self.layers = _bidirectional(config, self.features.output_size)
        self.window = config.window
        self.output_size = self.layers.output_size

    def forward(self, inputs: Mapping[str, Tensor], lengths_B: Tensor) -> TextStates:
        """Read a batch of texts, as ``WordExamples.inputs`` has them."""
        spelt_UD = inputs["spelt_UD"] if "spelt_UD" in inputs else self.spelt(inputs)
        vectors_BTD = self.input_dropout(self.features(inputs["words_BT"], inputs["spellings_BT"], spelt_UD))
        return _both_ways(self.layers, vectors_BTD, lengths_B, self.window)

    def spelt(self, spellings: Mapping[str, Tensor]) -> Tensor:
        """What the model makes of distinct spellings, (U, D); arguments by name, as ``WordFeatures.spelt`` has them."""
        names = ("shapes_U", "affixes_UA", "characters_UL", "characters_U")
        return self.features.spelt(**{name: spellings[name] for name in names})


class TokenEncoder(nn.Module):
    """Token embedding → dropout → bidirectional recurrent layers.

    Args:
        config: sizes and dropouts.
        tokens: size of the vocabulary.
    """

    def __init__(self, config: ClassificationConfig, tokens: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, config.word_size)
        nn.init.uniform_(self.embedding.weight, -((3 / config.word_size) ** 0.5), (3 / config.word_size) ** 0.5)
        self.input_dropout = Dropout(config.input_dropout)
        self.layers = _bidirectional(config, config.word_size)
        self.window = config.window
        self.output_size = self.layers.output_size

    def forward(self, inputs: Mapping[str, Tensor], lengths_B: Tensor) -> TextStates:
        """Read a batch of texts, as ``TokenExamples.inputs`` has them."""
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
        self.directions = ("forward", "backward") if config.direction == "both" else (config.direction,)
        self.networks = nn.ModuleList(NextTokenModel(config, tokens) for _ in self.directions)
        self.window = window
        for network in self._networks():
            network.head = nn.Identity()  # type: ignore[assignment]  # nothing is told of the next token here
        self.output_size = sum(network.state_size for network in self._networks())

    def adopt(self, networks: Sequence[NextTokenModel]) -> None:
        """Begin with the weights of a language model's networks, one a direction."""
        for own, other in zip(self._networks(), networks, strict=True):
            weights = {name: value for name, value in other.state_dict().items() if not name.startswith("head.")}
            own.load_state_dict(weights)

    def depths(self) -> dict[str, int]:
        """For each part of the networks, by the beginning of its parameters' names, how many layers are above it."""
        depths: dict[str, int] = {}
        for number, network in enumerate(self._networks()):
            layers = len(network.encoders)
            depths |= {f"networks.{number}.layers.{layer}.": layers - 1 - layer for layer in range(layers)}
            depths[f"networks.{number}.embedding."] = layers
        return depths

    def _networks(self) -> list[NextTokenModel]:
        return [network for network in self.networks if isinstance(network, NextTokenModel)]

    def forward(self, inputs: Mapping[str, Tensor], lengths_B: Tensor) -> TextStates:
        """Read a batch of texts, as ``TokenExamples.inputs`` has them."""
        tokens_BT = inputs["tokens_BT"]
        order_BT = _flipped_order(lengths_B, tokens_BT)
        states, finals = [], []
        for direction, network in zip(self.directions, self._networks(), strict=True):
            backward = direction == "backward"

            def read(part_BT: Tensor, inside_B: Tensor, carry: list[Carry], ends: bool) -> tuple[Tensor, list[Carry]]:
                found = network(part_BT, inside_B, carry, ends=ends)  # noqa: B023
                return found.states_BTH, found.carry

            read_BT = tokens_BT.gather(1, order_BT) if backward else tokens_BT
            if read_BT.shape[1] <= self.window:
                states_BTH = network(read_BT, lengths_B, None).states_BTH
            else:
                start = network.initial_carry(len(lengths_B))
                states_BTH = _in_windows(read, read_BT, lengths_B, start, self.window)
            finals.append(_at(states_BTH, lengths_B - 1))
            if backward:
                states_BTH = states_BTH.gather(1, order_BT[..., None].expand_as(states_BTH))
            states.append(states_BTH)
        return TextStates(torch.cat(states, dim=2), torch.cat(finals, dim=1))


def text_encoder(
    config: ClassificationConfig, reader: WordReader | TokenReader, language_model: LanguageModelConfig | None
) -> WordEncoder | TokenEncoder | LanguageModelEncoder:
    """The encoder that a configuration describes.

    Args:
        config: sizes and dropouts.
        reader: the vocabularies of what it reads.
        language_model: the configuration of the language model that it has been, if any.
    """
    if isinstance(reader, WordReader):
        singletons_V = torch.tensor(reader.singletons)
        return WordEncoder(config, singletons_V, characters=len(reader.characters), affixes=len(reader.affixes))
    if language_model is None:
        return TokenEncoder(config, len(reader.tokenizer))
    return LanguageModelEncoder(language_model, len(reader.tokenizer), config.window)


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
    half = layers.output_size // 2

    def read(part_BTD: Tensor, inside_B: Tensor, carry: list[Carry], ends: bool) -> tuple[Tensor, list[Carry]]:
        encoded = layers(part_BTD, inside_B, carry[0], ends=ends)
        return encoded.states_BTH, [_of_each(encoded.carry, _forward_only)] if ends else []

    start = [layers.initial_carry(len(lengths_B))]
    states_BTH = _in_windows(read, vectors_BTD, lengths_B, start, window)
    final_BH = torch.cat([_at(states_BTH, lengths_B - 1)[:, :half], states_BTH[:, 0, half:]], dim=1)
    return TextStates(states_BTH, final_BH)


def _in_windows(read: Read, inputs: Tensor, lengths_B: Tensor, carry: list[Carry], window: int) -> Tensor:
    """The states of all steps, window by window: in each, of texts that go on after it, and of those that end in it."""
    states = []
    for start in range(0, inputs.shape[1], window):
        part = inputs[:, start : start + window]
        whole_BTH: Tensor | None = None
        for goes_on in (True, False):
            rows = ((lengths_B > start) & ((lengths_B > start + window) == goes_on)).nonzero()[:, 0]
            if not len(rows):
                continue
            chosen, inside_B = rows.to(inputs.device), (lengths_B[rows] - start).clamp(max=window)
            narrow = int(inside_B.max())
            begun = [_of_each(each, lambda one: one[:, chosen].contiguous()) for each in carry]  # noqa: B023
            found_BTH, ends = read(part[chosen, :narrow], inside_B, begun, goes_on)
            if whole_BTH is None:
                whole_BTH = found_BTH.new_zeros(len(lengths_B), part.shape[1], found_BTH.shape[2])
            whole_BTH[chosen, :narrow] = found_BTH
            if goes_on:
                carry = [_replaced(before, end, chosen) for before, end in zip(carry, ends, strict=True)]
        assert whole_BTH is not None
        states.append(whole_BTH)
    return torch.cat(states, dim=1)


def _replaced(before: Carry, end: Carry, chosen: Tensor) -> Carry:
    """The carry with the states of some rows replaced, without their gradient."""
    if isinstance(before, tuple) and isinstance(end, tuple):
        return tuple(a.index_copy(1, chosen, b.detach().to(a.dtype)) for a, b in zip(before, end, strict=True))  # type: ignore[return-value]
    assert isinstance(before, Tensor)
    assert isinstance(end, Tensor)
    return before.index_copy(1, chosen, end.detach().to(before.dtype))


def _forward_only(part_LBH: Tensor) -> Tensor:
    """A carry in which every second layer, a backward one, begins anew."""
    forward_L = torch.arange(len(part_LBH), device=part_LBH.device) % 2 == 0
    return part_LBH * forward_L[:, None, None]


def _of_each(carry: Carry, change: Callable[[Tensor], Tensor]) -> Carry:
    return (change(carry[0]), change(carry[1])) if isinstance(carry, tuple) else change(carry)


def _at(states_BTH: Tensor, steps_B: Tensor) -> Tensor:
    """The state of each row at a step of its own, (B, H)."""
    return states_BTH[torch.arange(len(steps_B), device=states_BTH.device), steps_B.to(states_BTH.device)]


def _flipped_order(lengths_B: Tensor, like_BT: Tensor) -> Tensor:
    """Which step comes where when each row is read from its end; padding stays where it is."""
    steps_T = torch.arange(like_BT.shape[1])
    flipped_BT = lengths_B[:, None] - 1 - steps_T
    return torch.where(flipped_BT >= 0, flipped_BT, steps_T).to(like_BT.device)
