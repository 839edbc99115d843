"""Contextual string embeddings: what a character language model has in mind at the borders of words.

Two words of a sentence, and where their states are read off (Akbik et al. 2018, section 2.2)::

    forward    ¶ U m a ␣ r a n ¶        ¶ stands for the line ends around the sentence
                     ↑       ↑          after the last character of each word, having read all to its left
    backward   ¶ U m a ␣ r a n ¶
                 ↑       ↑              after the first character of each word, having read all to its right

The language model stays as it is: it is read, never trained.

Shapes: N tokens of all sentences, C width of their vectors, B sentences, T characters, X words, H state width.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import accumulate
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from seqkit.batches.samplers import length_sorted_batches
from seqkit.config.language_model import LanguageModelConfig
from seqkit.errors import ConfigError
from seqkit.models.language_model import NextTokenModel
from seqkit.text.lm_tokenizer import TextTokenizer

__all__ = ["ContextualStates"]

BATCH_CHARACTERS = 16_384
LONGEST_WORD = 40  # characters that are read of a word: its first and last 20


class ContextualStates(nn.Module):
    """Vectors of words in their sentence from a frozen character language model.

    Args:
        config: the language model's configuration; its unit must be characters.
        tokenizer: its tokenizer.

    Raises:
        ConfigError: where it is no character model.

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
        self.directions = ("forward", "backward") if config.direction == "both" else (config.direction,)
        self.networks = nn.ModuleList(NextTokenModel(config, len(tokenizer)) for _ in self.directions)
        self.requires_grad_(False)
        self.eval()

    @property
    def output_size(self) -> int:
        """Width C of a vector."""
        return sum(network.state_size for network in self._networks())

    def train(self, mode: bool = True) -> Self:
        """It is never in training: its dropout stays off."""
        return super().train(False)

    def _networks(self) -> list[NextTokenModel]:
        return [network for network in self.networks if isinstance(network, NextTokenModel)]

    @torch.no_grad()
    def of(self, sentences: Sequence[Sequence[str]]) -> Tensor:
        """The vectors of all words of all sentences, in order: (N, C), in half precision to save memory."""
        device = self._networks()[0].embedding.weight.device
        counts = [len(words) for words in sentences]
        firsts = [0, *accumulate(counts)]
        vectors_NC = torch.empty(firsts[-1], self.output_size, dtype=torch.float16)
        read = [_characters(words) for words in sentences]
        ids = [self.tokenizer.encode(text) for text, _, _ in read]
        for rows in length_sorted_batches([len(each) for each in ids], BATCH_CHARACTERS):
            lengths_B = torch.tensor([len(ids[row]) for row in rows])
            places = np.concatenate([np.arange(firsts[row], firsts[row + 1]) for row in rows])
            row_X = np.repeat(np.arange(len(rows)), [counts[row] for row in rows])
            found = []
            for direction, network in zip(self.directions, self._networks(), strict=True):
                forward = direction == "forward"
                tokens_BT = torch.zeros(len(rows), int(lengths_B.max()), dtype=torch.int64)
                for place, row in enumerate(rows):
                    tokens_BT[place, : len(ids[row])] = torch.from_numpy(ids[row] if forward else ids[row][::-1].copy())
                states_BTH = network(tokens_BT.to(device), lengths_B, None).states_BTH
                steps_X = np.concatenate(
                    [read[row][2] if forward else len(ids[row]) - 1 - read[row][1] for row in rows]
                )
                found.append(states_BTH[torch.from_numpy(row_X), torch.from_numpy(steps_X)])
            vectors_NC[torch.from_numpy(places)] = torch.cat(found, dim=1).half().cpu()
        return vectors_NC

    def to_json(self) -> str:
        """All but the weights, as text."""
        return json.dumps({"config": asdict(self.config), "tokenizer": json.loads(self.tokenizer.to_json())})

    @classmethod
    def from_json(cls, text: str) -> "ContextualStates":
        """What ``to_json`` wrote, before its weights are loaded."""
        saved = json.loads(text)
        return cls(LanguageModelConfig(**saved["config"]), TextTokenizer.from_json(json.dumps(saved["tokenizer"])))


def _characters(words: Sequence[str]) -> tuple[str, np.ndarray, np.ndarray]:
    """A sentence as it is read, and where in it each word has its first and its last character."""
    half = LONGEST_WORD // 2
    read = [word if len(word) <= LONGEST_WORD else word[:half] + word[-half:] for word in words]
    lengths = np.array([len(word) for word in read], dtype=np.int64)
    firsts = 1 + np.cumsum(lengths + 1) - lengths - 1
    return "\n" + " ".join(read) + "\n", firsts, firsts + np.maximum(lengths, 1) - 1
