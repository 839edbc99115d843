"""N-grams of words, weighted by their inverse document frequency as in text search.

The words of a text, and its n-grams of up to two words::

    not bad at all      not · bad · at · all · not bad · bad at · at all

The weight of an n-gram is its inverse document frequency; the weights of a text are scaled to a vector of length 1
(Salton and Buckley 1988), so that a long text does not count more than a short one.

Shapes: G known n-grams, X n-grams of a text, K labels.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from seqkit.text.vocabulary import normalize_word

__all__ = ["NgramVocabulary"]

_LONGEST_KEPT = 64  # characters

_kept = lru_cache(2**16)(normalize_word)  # most words occur many times


class NgramVocabulary:
    """The known n-grams and their weights.

    Args:
        longest: the number of words of the longest n-grams.
        frequencies: the inverse document frequency of each n-gram.

    >>> texts = [["not", "bad"], ["bad", "idea"], ["not", "bad"]]
    >>> vocabulary = NgramVocabulary.fitted(texts, longest=2, minimum_count=2)
    >>> vocabulary.ngrams
    ['bad', 'not', 'not bad']
    >>> vocabulary.weights(["Not", "bad", "!"])[0].tolist()
    [0, 1, 2]
    """

    def __init__(self, longest: int, frequencies: dict[str, float]) -> None:
        self.longest = longest
        self.ngrams = list(frequencies)
        self.frequencies_G = np.array(list(frequencies.values()), dtype=np.float32)
        self._ids = {ngram: index for index, ngram in enumerate(self.ngrams)}

    @classmethod
    def fitted(cls, texts: Sequence[Sequence[str]], *, longest: int, minimum_count: int) -> Self:
        """Collect the n-grams of training texts.

        Args:
            texts: the words of each text.
            longest: the number of words of the longest n-grams.
            minimum_count: in how many texts an n-gram must occur to be known.
        """
        counts = Counter(ngram for words in texts for ngram in _ngrams(words, longest))
        known = sorted(ngram for ngram, count in counts.items() if count >= minimum_count)
        return cls(longest, {ngram: math.log((1 + len(texts)) / (1 + counts[ngram])) + 1 for ngram in known})

    def __len__(self) -> int:
        return len(self.ngrams)

    def weights(self, words: Iterable[str]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the ids of the known n-grams of a text, in ascending order, and their weights: two arrays (X,)."""
        found = sorted(self._ids[ngram] for ngram in _ngrams(words, self.longest) if ngram in self._ids)
        ids_X = np.array(found, dtype=np.int64)
        weights_X = self.frequencies_G[ids_X]
        return ids_X, weights_X / max(float(np.linalg.norm(weights_X)), 1e-12)

    def log_count_ratios(
        self, texts: Iterable[Iterable[str]], labels: Sequence[Sequence[int]], count: int
    ) -> NDArray[np.float32]:
        """Return the log of how much likelier each n-gram is in texts with a label than in the others, (G, K).

        These are the weights of a naive Bayes classifier that looks at which n-grams occur in a text, with 1 added to
        each count (Wang and Manning 2012, section 2.1).

        Args:
            texts: the words of each text.
            labels: the indices of the labels of each text.
            count: the number of labels K.

        >>> vocabulary = NgramVocabulary.fitted([["good"], ["bad"]], longest=1, minimum_count=1)
        >>> vocabulary.log_count_ratios([["good"], ["bad"]], [[0], [1]], 2).astype(float).round(2).tolist()
        [[-0.69, 0.69], [0.69, -0.69]]
        """
        counts_GK = np.ones((len(self), count), dtype=np.float64)
        total_G = np.ones(len(self), dtype=np.float64)
        for words, indices in zip(texts, labels, strict=True):
            ids_X = self.weights(words)[0]
            total_G[ids_X] += 1
            for index in indices:
                counts_GK[ids_X, index] += 1
        others_GK = total_G[:, None] - counts_GK + 1
        ratios_GK = np.log(counts_GK / counts_GK.sum(0)) - np.log(others_GK / others_GK.sum(0))
        single_GK: NDArray[np.float32] = ratios_GK.astype(np.float32)
        return single_GK

    def to_json(self) -> str:
        """Return the text of ``ngrams.json``."""
        frequencies = dict(zip(self.ngrams, self.frequencies_G.astype(float).tolist(), strict=True))
        return json.dumps({"longest": self.longest, "frequencies": frequencies}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: if the number of words or a frequency is of another kind.
        """
        saved = json.loads(text)
        longest, frequencies = saved["longest"], saved["frequencies"]
        if type(longest) is not int or not all(type(each) in (int, float) for each in frequencies.values()):
            raise ValueError("ngrams.json has something else than numbers")
        return cls(longest, frequencies)


def _ngrams(words: Iterable[str], longest: int) -> set[str]:
    return set(_each_ngram(list(map(_normalized, words)), longest))


def _normalized(word: str) -> str:
    """Return the normal form of a word; very long ones are not kept, so that they do not fill the memory."""
    return _kept(word) if len(word) <= _LONGEST_KEPT else normalize_word(word)


def _each_ngram(words: Sequence[str], longest: int) -> Iterator[str]:
    for size in range(1, longest + 1):
        for start in range(len(words) - size + 1):
            yield " ".join(words[start : start + size])
