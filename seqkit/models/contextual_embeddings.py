"""Contextual string embeddings: the states of a character language model at the boundaries of words.

Two words of a sentence, and where their states are taken from (Akbik et al. 2018, section 2.2)::

    forward    ¶ U m a ␣ r a n ¶        ¶ is the line end before and after the sentence
                     ↑       ↑          after the last character of each word, with all text to its left
    backward   ¶ U m a ␣ r a n ¶
                 ↑       ↑              after the first character of each word, with all text to its right

The language model is frozen: it is used, never trained.

Shapes: N tokens of all sentences, C width of their vectors, B sentences of a batch, T characters, X words of a batch,
H state width.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn

from seqkit.batches.samplers import length_sorted_batches
from seqkit.config.language_model import LanguageModelConfig
from seqkit.errors import ConfigError
from seqkit.models.language_model import Direction, DirectionalNetworks
from seqkit.nn.reverse import reversed_within_lengths
from seqkit.text.lm_tokenizer import TextTokenizer
from seqkit.text.long_words import shortened

__all__ = ["ContextualStates"]

BATCH_CHARACTERS = 16_384


class ContextualStates(nn.Module):
    """Vectors of words in their sentences, from a frozen character language model.

    Args:
        config: the configuration of the language model; its unit must be characters.
        tokenizer: its tokenizer.

    Raises:
        ConfigError: if the unit is not characters.

    >>> tokenizer = TextTokenizer.fitted("char", [["Uma ran home"]])
    >>> states = ContextualStates(LanguageModelConfig(direction="both", embedding_size=4, hidden_size=4), tokenizer)
    >>> states.of([["Uma", "ran"], ["home"]]).shape
    torch.Size([3, 8])
    """

    def __init__(self, config: LanguageModelConfig, tokenizer: TextTokenizer) -> None:
        super().__init__()
        if config.unit != "char":
            raise ConfigError(f"a tagger reads a language model of characters, not of the unit {config.unit!r}")
        self.config, self.tokenizer = config, tokenizer
        self.networks = DirectionalNetworks(config, len(tokenizer))
        self.requires_grad_(False)
        self.eval()

    @property
    def output_size(self) -> int:
        """Width C of a vector."""
        return self.networks.state_size

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode: dropout is never applied."""
        return super().train(False)

    @torch.no_grad()
    def of(self, sentences: Sequence[Sequence[str]]) -> Tensor:
        """Return the vectors of all words of all sentences, in order: (N, C), in half precision to save memory."""
        counts = np.array([len(words) for words in sentences], dtype=np.int64)
        firsts = np.cumsum(counts) - counts
        vectors_NC = torch.empty(int(counts.sum()), self.output_size, dtype=torch.float16)
        read = [_read(words, self.tokenizer) for words in sentences]
        for rows in length_sorted_batches([len(sentence.ids) for sentence in read], BATCH_CHARACTERS):
            indices = np.concatenate([np.arange(firsts[row], firsts[row] + counts[row]) for row in rows])
            vectors_NC[torch.from_numpy(indices)] = self._vectors([read[row] for row in rows]).half().cpu()
        return vectors_NC

    def _vectors(self, sentences: Sequence["_Characters"]) -> Tensor:
        """Return the vectors of all words of a batch, (X, C)."""
        lengths_B = torch.tensor([len(sentence.ids) for sentence in sentences])
        tokens_BT = torch.zeros(len(sentences), int(lengths_B.max()), dtype=torch.int64)
        for row, sentence in enumerate(sentences):
            tokens_BT[row, : len(sentence.ids)] = torch.from_numpy(sentence.ids)
        row_X = np.repeat(np.arange(len(sentences)), [len(sentence.first) for sentence in sentences])
        steps: dict[Direction, np.ndarray] = {
            "forward": np.concatenate([sentence.last for sentence in sentences]),
            "backward": np.concatenate([len(sentence.ids) - 1 - sentence.first for sentence in sentences]),
        }
        device, found = next(self.networks.parameters()).device, []
        for direction, network in self.networks.by_direction():
            read_BT = tokens_BT if direction == "forward" else reversed_within_lengths(tokens_BT, lengths_B)
            states_BTH = network(read_BT.to(device), lengths_B, None).states_BTH
            found.append(states_BTH[torch.from_numpy(row_X), torch.from_numpy(steps[direction])])
        return torch.cat(found, dim=1)

    def to_json(self) -> str:
        """Return all but the weights, as JSON."""
        return json.dumps({"config": asdict(self.config), "tokenizer": json.loads(self.tokenizer.to_json())})

    @classmethod
    def from_json(cls, text: str) -> "ContextualStates":
        """Return the model that ``to_json`` described, with initial weights."""
        saved = json.loads(text)
        return cls(LanguageModelConfig(**saved["config"]), TextTokenizer.from_json(json.dumps(saved["tokenizer"])))


class _Characters(NamedTuple):
    """The token ids of a sentence, and the positions of the first and the last character of each of its words."""

    ids: np.ndarray
    first: np.ndarray
    last: np.ndarray


def _read(words: Sequence[str], tokenizer: TextTokenizer) -> _Characters:
    read = [shortened(word) for word in words]
    lengths = np.array([len(word) for word in read], dtype=np.int64)
    first = 1 + np.cumsum(lengths + 1) - lengths - 1
    return _Characters(tokenizer.encode("\n" + " ".join(read) + "\n"), first, first + np.maximum(lengths, 1) - 1)
