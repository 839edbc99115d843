"""Texts with labels as a classifier reads them, and what it says of them."""

from dataclasses import dataclass
from typing import Any

from seqkit.batches.token_examples import TokenExamples
from seqkit.batches.word_examples import WordExamples

__all__ = ["LabelProbabilities", "LabelledExamples"]


@dataclass(frozen=True)
class LabelProbabilities:
    """What a classifier says of one text.

    Attributes:
        probabilities: for each label, in the order of the task's labels; they sum to 1 unless labels are not exclusive.
        logits: the scores that they come from, before the temperature.
        empty: whether the text holds no word; the probabilities are then how frequent each label is.
        attention: how much attention each token got, where that pooling is used.
        spread: for each label the standard deviation of its probability over Monte Carlo samples, where these were
            asked for; ``probabilities`` are then their means.
        intervals: for each label the bounds between which 95 % of the samples lie.
    """

    probabilities: list[float]
    logits: list[float]
    empty: bool = False
    attention: list[float] | None = None
    spread: list[float] | None = None
    intervals: list[tuple[float, float]] | None = None


@dataclass(frozen=True)
class LabelledExamples:
    """Texts as a model reads them.

    Attributes:
        texts: the texts, cut into words.
        read: what the encoder reads of them.
        ngrams: for each its n-grams and their weights; None without that branch.
        empty: for each whether it holds no word.
        gold: for each the place of its label, or of its labels; None where they are not known.
    """

    texts: list[list[str]]
    read: WordExamples | TokenExamples
    ngrams: list[tuple[Any, Any]] | None
    empty: list[bool]
    gold: list[list[int]] | None

    def __len__(self) -> int:
        return len(self.read)

    @property
    def lengths(self) -> list[int]:
        """Tokens of each text."""
        return self.read.lengths
