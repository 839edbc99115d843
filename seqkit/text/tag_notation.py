"""How a corpus spells its chunk tags, whatever the scheme: ``B-PER``, ``B_PER``, ``PER-B``, ``b-per``, ``B``, ``PER``.

A PER chunk of two tokens, a token outside and an LOC chunk, in IOB2 but for the last two rows::

    B-PER  I-PER  O         B-LOC    HYPHENATED: prefix, hyphen, label
    PER-B  PER-I  O         LOC-B    the same with the prefix last
    b_PER  i_PER  o         b_LOC    other separators, prefixes in lower case
    B      I      O         B        without labels: all chunks have one type
    PER    PER    O         LOC      BARE: without prefixes: each run of one label is a chunk
    B_PER  E_PER  WW_O_LOC  W_LOC    BMEWO+: what is outside chunks says what it is next to

Source of BMEWO+: the documentation of LingPipe's ``HmmChunker`` (``WW_O_LOC`` above), and Carpenter 2009, "Coding
Chunkers as Taggers" (``O_LOC`` instead).
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product
from typing import Literal, NamedTuple

from seqkit.text.scheme_rules import OUTSIDE, PREFIXES, Mark

__all__ = [
    "BARE",
    "DEFAULT_TYPE",
    "HYPHENATED",
    "NOTATIONS",
    "Notation",
    "Outside",
    "likely_tag",
    "without_stray_marks",
]

DEFAULT_TYPE = "ENTITY"
"""The label of chunks whose tags name none."""

Order = Literal["prefix first", "label first", "prefix alone", "label alone"]

_BOTH: tuple[Order, ...] = ("prefix first", "label first")
_SEPARATORS = "-_:/"
_STRAY = ",;.:'\"\u00a0\u200b"  # what slips in behind a tag: punctuation, a no-break space, a space of no width
_LIKE_O = str.maketrans({"0": "o", "\u043e": "o", "\u03bf": "o"})  # zero, and the o of Cyrillic and of Greek


class Outside(NamedTuple):
    """The tags of tokens outside chunks, by what is next to the token: a chunk or a border of the sequence, or neither.

    ``{0}`` stands for the label of the chunk before the token, ``{1}`` for that of the chunk after it; ``start`` and
    ``end`` stand there for the borders.

    >>> Outside().neither
    'O'
    """

    neither: str = "O"
    after: str = "O"
    before: str = "O"
    both: str = "O"
    start: str = ""
    end: str = ""


_PLAIN = Outside()
_LOWER = Outside("o", "o", "o", "o")
_BMEWO_PLUS = (
    Outside("MM_O", "BB_O_{0}", "EE_O_{1}", "WW_O_{1}", "OOS", "OOS"),
    Outside("O", "{0}_O", "O_{1}", "O_{1}", "BOS", "EOS"),
)


@dataclass(frozen=True)
class Notation:
    """The spelling of the tags of a corpus.

    Args:
        order: whether the prefix or the label comes first in a tag; or which of the two there is alone.
        separator: what stands between them.
        lower: whether prefixes are in lower case.
        outside: the tags outside chunks.
        entity_type: the label of all chunks if tags have prefixes alone.

    >>> Notation("label first", "_").read("PER_B")
    Mark(prefix='B', label='PER')
    >>> Notation("label first", "_").write([Mark("B", "PER"), OUTSIDE])
    ['PER_B', 'O']
    """

    order: Order = "prefix first"
    separator: str = "-"
    lower: bool = False
    outside: Outside = _PLAIN
    entity_type: str = DEFAULT_TYPE

    def read(self, tag: str) -> Mark | None:
        """Return what a tag says; None if it is not a tag in this notation.

        >>> HYPHENATED.read("O"), HYPHENATED.read("PER")
        (Mark(prefix='O', label=''), None)
        """
        return _read(self, tag)

    def write(self, marks: Sequence[Mark]) -> list[str]:
        """Return the tags of one sequence.

        >>> BARE.write([Mark("I", "PER"), OUTSIDE])
        ['PER', 'O']
        """
        bordered = [Mark("", self.outside.start), *marks, Mark("", self.outside.end)]
        return [
            self._outside_tag(before, after) if mark is OUTSIDE else self.chunk_tag(mark.prefix, mark.label)
            for before, mark, after in zip(bordered, marks, bordered[2:], strict=False)
        ]

    def chunk_tag(self, prefix: str, label: str) -> str:
        """Return the tag of a token in a chunk.

        >>> Notation("label first").chunk_tag("B", "PER")
        'PER-B'
        """
        letter = prefix.lower() if self.lower else prefix
        match self.order:
            case "prefix first":
                return f"{letter}{self.separator}{label}"
            case "label first":
                return f"{label}{self.separator}{letter}"
            case "prefix alone":
                return letter
            case "label alone":
                return label

    @property
    def is_contextual(self) -> bool:
        """Whether tags outside chunks depend on the chunks next to them, as in BMEWO+."""
        return self.outside in _BMEWO_PLUS

    def _outside_tag(self, before: Mark, after: Mark) -> str:
        context = {
            (True, True): self.outside.neither,
            (False, True): self.outside.after,
            (True, False): self.outside.before,
            (False, False): self.outside.both,
        }
        return context[before is OUTSIDE, after is OUTSIDE].format(before.label, after.label)


HYPHENATED = Notation()
"""``B-PER``: the notation of most corpora, and of the labels of models."""

BARE = Notation("label alone", "")
"""``PER``: labels without prefixes. A chunk that touches another of its own label cannot be told from it."""

NOTATIONS = (
    *(
        Notation(order, separator, lower, outside)
        for order, separator, lower, outside in product(_BOTH, _SEPARATORS, (False, True), (_PLAIN, _LOWER))
    ),
    *(Notation("prefix alone", "", lower, outside) for lower, outside in product((False, True), (_PLAIN, _LOWER))),
    *(Notation("prefix first", "_", False, outside) for outside in _BMEWO_PLUS),
)
"""All notations with prefixes, the most common first."""


@lru_cache(maxsize=10_000)
def _read(notation: Notation, tag: str) -> Mark | None:
    if tag == notation.outside.neither:
        return OUTSIDE
    if notation.order == "label alone":
        looks_wrong = not tag or _folded(tag) == "o" or HYPHENATED.read(tag) is not None
        return None if looks_wrong else Mark("I", tag)
    if notation.order == "prefix alone":
        letter, label = tag, notation.entity_type
    elif notation.order == "prefix first":
        letter, _, label = tag.partition(notation.separator)
    else:
        label, _, letter = tag.rpartition(notation.separator)
    prefixes = PREFIXES.lower() if notation.lower else PREFIXES
    if label and letter in tuple(prefixes):
        return Mark(letter.upper(), label)
    return OUTSIDE if _outside_pattern(notation.outside).fullmatch(tag) else None


@cache
def _outside_pattern(outside: Outside) -> re.Pattern[str]:
    tags = (outside.neither, outside.after, outside.before, outside.both)
    return re.compile("|".join(re.sub(r"\\{\d\\}", ".+", re.escape(tag)) for tag in tags))


def likely_tag(tag: str, known: Iterable[str]) -> str | None:
    """Return the tag that was probably meant by one that is no tag: the first that differs in no letter but by case.

    Args:
        tag: what stands in the place of a tag.
        known: the tags it could be, the most common first.

    >>> likely_tag("0", ["O", "B-PER"]), likely_tag("b_per,", ["O", "B-PER"]), likely_tag("NOUN", ["O", "B-PER"])
    ('O', 'B-PER', None)
    """
    folded = _folded(tag)
    return next((each for each in known if each != tag and _folded(each) == folded), None) if folded else None


def without_stray_marks(label: str) -> str:
    """Return a label without punctuation at its end that does not belong there.

    >>> without_stray_marks("PER,")
    'PER'
    """
    return label.rstrip(_STRAY)


@lru_cache(maxsize=10_000)
def _folded(tag: str) -> str:
    plain = unicodedata.normalize("NFKC", tag).casefold().translate(_LIKE_O)
    return "".join(filter(str.isalnum, plain))
