"""Words joined to a text, and how often a tokenizer cuts such a text otherwise.

::

    Ada met Bo .      "Ada met Bo ."
    王 伟 在 北 京       "王伟在北京"
"""

import re
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from seqkit.errors import SeqkitWarning
from seqkit.text.words import SPACELESS, WordTokenizer

__all__ = ["Disagreement", "compare_words", "join_words", "warn_of_other_words"]

WARNED = 0.05  # share of sentences

_SPACELESS = re.compile(SPACELESS)


class Disagreement(NamedTuple):
    """The share of sentences that a tokenizer cuts otherwise, and one of them, as its words and as cut again.

    >>> Disagreement(0.5, ["can", "not"], ["cannot"]).share
    0.5
    """

    share: float
    words: Sequence[str]
    cut: Sequence[str]


def join_words(words: Sequence[str]) -> str:
    """Join words with spaces, or, if some are in a script without spaces between words, as that script is written.

    In such a sentence, spaces remain only between words of other scripts that have several characters.

    >>> join_words(["Ada", "ran", "."]), join_words(["在", "New", "York", "买", "2", "0", "本"])
    ('Ada ran .', '在New York买20本')
    """
    spaced = " ".join(words)
    if not _SPACELESS.search(spaced):
        return spaced
    return "".join([*words[:1], *(f"{_space(left, right)}{right}" for left, right in pairwise(words))])


def _space(left: str, right: str) -> str:
    """Return what is between two words of a sentence in a script without spaces."""
    touching = left[-1] + right[0]
    is_spaced = all(map(str.isalnum, touching)) and not _SPACELESS.search(touching)
    return " " if is_spaced and max(len(left), len(right)) > 1 else ""


def compare_words(sentences: Sequence[Sequence[str]], tokenizer: WordTokenizer) -> Disagreement | None:
    """Join the words of each sentence, cut them again, and compare; None if all sentences come back as they were.

    >>> compare_words([["He", "can", "not"], ["It", "did", "n't"]], WordTokenizer()) is None
    True
    >>> compare_words([["New York", "is", "big"], ["It", "is"]], WordTokenizer()).share
    0.5
    """
    cut = tokenizer.split_batch([join_words(words) for words in sentences])
    differing = [number for number, words in enumerate(sentences) if cut[number] != list(words)]
    if not differing:
        return None
    return Disagreement(len(differing) / len(sentences), sentences[differing[0]], cut[differing[0]])


def warn_of_other_words(sentences: Sequence[Sequence[str]], tokenizer: WordTokenizer) -> None:
    """Warn if a tokenizer cuts raw text so differently from a corpus that a score on the corpus says too much.

    >>> warn_of_other_words([["It", "did", "n't", "."]], WordTokenizer())
    """
    found = compare_words(sentences, tokenizer)
    if found is None or found.share <= WARNED:
        return
    pairs = zip([*found.words, ""], [*found.cut, ""], strict=False)
    first = next(number for number, (word, other) in enumerate(pairs) if word != other)
    shown, cut = (" ".join(words[max(first - 1, 0) : first + 3]) for words in (found.words, found.cut))
    message = (
        f"in {100 * found.share:.0f} % of the training sentences, the words differ from those of raw text as it is cut:"
        f" '{shown}' becomes '{cut}'; raw text may score less than dev, unless it is given as words (predict --tokens)"
    )
    warnings.warn(message, SeqkitWarning, stacklevel=2)
