"""Texts as token ids, for models that read the tokens of a language model, or byte pairs.

An example::

    It's not bad.       pieces It 's ␣not ␣bad .     →   ids 312 67 41 980 9

Shapes: B batch, T time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Self

import numpy as np
import torch
from torch import Tensor

from seqkit.batches.batch import Ragged
from seqkit.text.lm_rules import Unit
from seqkit.text.lm_tokenizer import TextTokenizer
from seqkit.text.vocabulary import encodable

__all__ = ["TokenExamples", "TokenReader"]


@dataclass(frozen=True, kw_only=True)
class TokenExamples:
    """Texts as token ids."""

    ragged: Ragged

    def __len__(self) -> int:
        return len(self.ragged)

    @property
    def lengths(self) -> list[int]:
        """Number of tokens of each text."""
        lengths: list[int] = self.ragged.lengths.tolist()
        return lengths

    def tensors(self, rows: Sequence[int]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the inputs of the model for some texts, with a row for each, in the order given; none are shared."""
        return {"tokens_BT": self.ragged.pad(rows)["tokens"]}, {}


class TokenReader:
    """Splits texts into tokens; an empty text becomes a single end-of-text token.

    Args:
        tokenizer: the tokenizer of a language model, or one built from the training texts.

    >>> reader = TokenReader.fitted(["one two", "two"], "word", 100)
    >>> reader.read(["two one", ""]).lengths
    [2, 1]
    """

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self.tokenizer = tokenizer

    @classmethod
    def fitted(cls, texts: Sequence[str], unit: Unit, size: int) -> Self:
        """Build a reader from training texts, with a vocabulary of at most ``size`` tokens."""
        documents = ([encodable(text)] for text in texts)
        return cls(TextTokenizer.fitted(unit, documents, vocabulary_size=size))

    def read(self, texts: Sequence[str]) -> TokenExamples:
        """Return texts as token ids."""
        ids = [self.tokenizer.encode(text) for text in texts]
        ids = [each if len(each) else np.array([self.tokenizer.end_id]) for each in ids]
        columns = {"tokens": torch.from_numpy(np.fromiter(chain.from_iterable(ids), dtype=np.int64))}
        return TokenExamples(ragged=Ragged(columns=columns, lengths=torch.tensor([len(each) for each in ids])))

    def pieces(self, text: str) -> list[str]:
        """Return the tokens of a text, as strings."""
        ids = self.tokenizer.encode(text).tolist() or [self.tokenizer.end_id]
        return [self.tokenizer.pieces[token].decode(errors="replace") for token in ids]

    def assets(self) -> dict[str, str]:
        """Return the files of the reader."""
        return {"pieces.json": self.tokenizer.to_json()}

    @classmethod
    def restored(cls, read: Callable[[str], str]) -> Self:
        """Restore a reader; ``read`` returns the content of a file by name."""
        return cls(TextTokenizer.from_json(read("pieces.json")))
