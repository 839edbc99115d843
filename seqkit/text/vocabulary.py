"""Words, characters and affixes as ids: vocabularies, the normal form of a word, word shapes."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Self

from tokenizers import Regex
from tokenizers.normalizers import Lowercase, Replace
from tokenizers.normalizers import Sequence as NormalizerSequence

from seqkit.errors import ConfigError

__all__ = [
    "AFFIX_LENGTHS",
    "NORMALIZER",
    "PADDING",
    "PADDING_ID",
    "UNKNOWN",
    "UNKNOWN_ID",
    "WORD_SHAPES",
    "Vocabulary",
    "affixes",
    "encodable",
    "normalize_word",
    "word_shape",
]

PADDING, UNKNOWN = "<pad>", "<unk>"
PADDING_ID, UNKNOWN_ID = 0, 1

NORMALIZER = NormalizerSequence([Lowercase(), Replace(Regex(r"\p{Nd}"), "0")])
_SURROGATE = re.compile("[\ud800-\udfff]")


def encodable(text: str) -> str:
    """Replace lone surrogates, which JSON may have, by U+FFFD, for libraries that take only valid UTF-8.

    >>> encodable("a\\ud800") == "a\\ufffd"
    True
    """
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def normalize_word(word: str) -> str:
    """Return the form in which a word is looked up: lower case, with ``0`` for every digit.

    This is the normalizer of ``tokenizer.json`` itself, so both always agree. Unlike ``str.lower`` it converts each
    character by itself, so that a Greek final sigma has one form.

    >>> normalize_word("BRCA1"), normalize_word("1,250")
    ('brca0', '0,000')
    """
    return NORMALIZER.normalize_str(encodable(word))


class Vocabulary:
    """The entries that have a row in an embedding table, in order; id 0 is ``<pad>`` and id 1 is ``<unk>``.

    Args:
        entries: all entries, ``<pad>`` and ``<unk>`` first, as :attr:`entries` returns them.
        normalize: returns the form of a word that is looked up: :func:`normalize_word` for words; characters are
            looked up as they are.

    The strings ``<pad>`` and ``<unk>`` in a text are unknown words like any other.

    Raises:
        ConfigError: the entries do not begin with ``<pad>`` and ``<unk>``, or one of them occurs twice.

    >>> words = Vocabulary.build({"The": 2, "the": 1, "cat": 1}, normalize=normalize_word)
    >>> words.entries
    ('<pad>', '<unk>', 'the', 'cat')
    >>> words.ids(["the", "CAT", "sat"]), len(words), "Cat" in words
    ([2, 3, 1], 4, True)
    """

    def __init__(self, entries: Iterable[str] = (PADDING, UNKNOWN), *, normalize: Callable[[str], str] = str) -> None:
        self.entries = tuple(entries)
        self.normalize = normalize
        if self.entries[:2] != (PADDING, UNKNOWN):
            raise ConfigError(f"a vocabulary begins with {PADDING} and {UNKNOWN}, not with {list(self.entries[:2])}")
        self._ids = {entry: index for index, entry in enumerate(self.entries)}
        if len(self._ids) != len(self.entries):
            raise ConfigError(f"the vocabulary entry {Counter(self.entries).most_common(1)[0][0]!r} occurs twice")
        del self._ids[PADDING], self._ids[UNKNOWN]

    @classmethod
    def build(
        cls,
        counts: Mapping[str, int],
        minimum_count: int = 1,
        *,
        extra: Iterable[str] = (),
        normalize: Callable[[str], str] = str,
    ) -> Self:
        """Make a vocabulary from counts: the most frequent entries first, equally frequent ones by code point.

        Args:
            counts: how often each word or character occurs; counts of words with the same normal form are added.
            minimum_count: how often an entry must occur.
            extra: words that get an entry in any case, at the end (those with a pretrained vector).
            normalize: see the class.

        >>> Vocabulary.build({"b": 2, "a": 2, "c": 1}, 2, extra=["z"]).entries[2:]
        ('a', 'b', 'z')
        """
        totals: Counter[str] = Counter()
        for word, count in counts.items():
            totals[normalize(word)] += count
        frequent = sorted((key for key in totals if totals[key] >= minimum_count), key=lambda key: (-totals[key], key))
        return cls(dict.fromkeys((PADDING, UNKNOWN, *frequent, *map(normalize, extra))), normalize=normalize)

    def ids(self, words: Iterable[str]) -> list[int]:
        """Return the id of each word; 1 for unknown words."""
        find = self._ids.get
        keys = words if self.normalize is str else map(self.normalize, words)
        return [find(key, UNKNOWN_ID) for key in keys]

    def __contains__(self, word: str) -> bool:
        return self.normalize(word) in self._ids

    def __len__(self) -> int:
        return len(self.entries)


WORD_SHAPES = (
    PADDING,
    "lower",  # word, well-known
    "UPPER",  # NATO
    "Title",  # Paris, I, Anglo-Saxon
    "miXed",  # iPhone, McDonald
    "capitals and full stops",  # J. U.S.
    "caseless",  # letters of a script without case
    "digits",  # 1984
    "digits and marks",  # 3.14, 10:30, -5
    "letters and digits",  # B2B, 5th
    "punctuation",  # , ... (
    "symbol",  # $ + and emoji
    "other",  # anything else: control characters, lone marks, the empty word
)
"""The names of the shapes; :func:`word_shape` returns the index, and 0 is padding."""

AFFIX_LENGTHS = (2, 3, -2, -3, -4)
"""The lengths of the affixes of a word: its first 2 and 3 characters, its last 2, 3 and 4."""


def affixes(word: str) -> list[str]:
    """Return the prefixes and suffixes of a word, in its own case; for a short word, the whole word.

    >>> affixes("Lisbon")
    ['Li-', 'Lis-', '-on', '-bon', '-sbon']
    """
    return [f"{word[:length]}-" if length > 0 else f"-{word[length:]}" for length in AFFIX_LENGTHS]


_SHAPE_IDS = {name: index for index, name in enumerate(WORD_SHAPES)}
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+")


def word_shape(word: str) -> int:
    """Return how a word is written, as an index into :data:`WORD_SHAPES`.

    >>> [WORD_SHAPES[word_shape(word)] for word in ["Paris", "U.S.", "10:30", "B2B", "..."]]
    ['Title', 'capitals and full stops', 'digits and marks', 'letters and digits', 'punctuation']
    """
    return _SHAPE_IDS[_shape_name(word)]


def _shape_name(word: str) -> str:
    if word.isalpha():  # as most words are
        return _letters_shape(word)
    if any(map(str.isalpha, word)):
        return "letters and digits" if any(map(str.isdecimal, word)) else _letters_shape(word)
    if any(map(str.isdecimal, word)):
        return "digits" if word.isdecimal() else "digits and marks"
    categories = {unicodedata.category(character)[0] for character in word} - {"M"}
    if categories == {"P"}:
        return "punctuation"
    return "symbol" if "S" in categories else "other"


def _letters_shape(word: str) -> str:
    if word.isupper():
        if _INITIALS.fullmatch(word):
            return "capitals and full stops"
        return "UPPER" if sum(map(str.isalpha, word)) > 1 else "Title"
    if word.islower():
        return "lower"
    if word.istitle() or (word[0].isupper() and word[1:].islower()):
        return "Title"
    return "miXed" if any(map(str.isupper, word)) or any(map(str.islower, word)) else "caseless"
