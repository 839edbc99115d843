"""Texts with labels as a classifier reads them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqkit.batches.token_examples import TokenExamples
from seqkit.batches.word_examples import WordExamples

__all__ = ["LabelledExamples", "WeightedNgrams"]

WeightedNgrams = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Ids and weights of the known n-grams of a text."""


@dataclass(frozen=True)
class LabelledExamples:
    """Texts as a classifier reads them.

    Attributes:
        texts: the texts, split into words.
        read: the input of the encoder.
        ngrams: the n-grams of each text and their weights; None if the model has no linear branch.
        empty: for each text, whether it has no words.
        gold: the indices of the labels of each text; None if unknown. An index beyond the last label stands for a label
            that does not occur in the training data.
    """

    texts: list[list[str]]
    read: WordExamples | TokenExamples
    ngrams: list[WeightedNgrams] | None
    empty: list[bool]
    gold: list[list[int]] | None

    def __len__(self) -> int:
        return len(self.read)

    @property
    def lengths(self) -> list[int]:
        """Number of tokens of each text."""
        return self.read.lengths

    @property
    def steps(self) -> int:
        """Number of tokens of all texts."""
        return sum(self.lengths)
