"""What format the tags of a corpus are in: the scheme and the notation that explain the most of its chunks.

::

    B-PER I-PER O S-LOC    IOBES, if most chunks are legal in it
    PER_B PER_I O LOC_B    IOB2, written like PER_B
    B I O B                IOB2, without types
    PER PER O LOC          IOB1 without prefixes

A chunk, as conlleval reads it, is *explained* by a scheme if the strict reading finds it too. Real corpora have a few
chunks that no scheme explains.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any, TypeVar

from seqkit.text.scheme_rules import OUTSIDE, RULES, Mark, Scheme
from seqkit.text.tag_notation import BARE, DEFAULT_TYPE, HYPHENATED, NOTATIONS, Notation, Outside
from seqkit.text.tagging_schemes import Span, conlleval_spans, strict_spans

__all__ = ["TagFormat", "detect_format"]

_Key = TypeVar("_Key")

# Which of several schemes that explain equally much is detected: the most common first.
_PREFERENCE = (
    Scheme.IOB2,
    Scheme.IOBES,
    Scheme.BILOU,
    Scheme.BMES,
    Scheme.BMEWO,
    Scheme.BMO,
    Scheme.IOB1,
    Scheme.IOE2,
    Scheme.IOE1,
)
# A label has a letter, a digit or "_": "S-" and "I-------" are morphology.
_LABEL = re.compile(r".*\w")
# The share of prefixes among the tags of a corpus whose tags are prefixes alone.
_PREFIXES_ALONE = 0.9


@dataclass(frozen=True)
class TagFormat:
    """The scheme of a corpus, and how its tags are spelled.

    >>> print(TagFormat(Scheme.IOB2), TagFormat(Scheme.IOB1, BARE), sep="; ")
    IOB2; IOB1 without prefixes, so that each run of a type is one chunk
    """

    scheme: Scheme
    notation: Notation = HYPHENATED

    def __str__(self) -> str:
        if self.notation.order == "label alone":
            return f"{self.scheme} without prefixes, so that each run of a type is one chunk"
        name = f"{self.scheme}+" if self.notation.is_contextual else str(self.scheme)
        if self.notation == HYPHENATED:
            return name
        label = "per" if self.notation.lower else "PER"
        tag = self.notation.chunk_tag(RULES[self.scheme].opening[0], label)
        return f"{name} without types, like {tag}" if self.notation.order == "prefix alone" else f"{name}, like {tag}"

    def to_dict(self) -> dict[str, Any]:
        """Return the format as a run folder stores it.

        >>> TagFormat.from_dict(TagFormat(Scheme.IOB1, BARE).to_dict()) == TagFormat(Scheme.IOB1, BARE)
        True
        """
        return {"scheme": str(self.scheme), **asdict(self.notation)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "TagFormat":
        """Return the format that ``to_dict`` stored."""
        fields = dict(stored)
        scheme, outside = Scheme(fields.pop("scheme")), Outside(*fields.pop("outside"))
        return cls(scheme, Notation(**fields, outside=outside))


def detect_format(
    sequences: Iterable[Sequence[str]], *, scheme: Scheme | None = None, entity_type: str = DEFAULT_TYPE
) -> TagFormat | None:
    """Detect the format of the tags of a corpus.

    Tags are chunk tags in a notation if more than half of those other than ``O`` have a prefix and a label in it; if
    tags are prefixes alone, nearly all of them. What is spelled in no such way, but has ``O``, is read as labels
    without prefixes. Anything else, such as parts of speech or ``O`` alone, is plain tags.

    Of the notations that read the most tags, and of all schemes, those are returned that explain the largest share of
    the chunks. Several schemes can explain all of them only if the corpus has no chunk that they write differently; the
    most common of them is then returned.

    Args:
        sequences: the tag sequences of the corpus.
        scheme: the scheme, if it is known.
        entity_type: the label of chunks whose tags have none.

    Returns:
        The format, or None for plain tags.

    >>> detect_format([["B-PER", "E-PER", "O", "S-LOC"]]).scheme
    <Scheme.IOBES: 'IOBES'>
    >>> print(detect_format([["PER_B", "PER_I", "O"]]))
    IOB2, like PER_B
    >>> detect_format([["PROPN", "VERB", "PUNCT"]]) is None
    True
    """
    corpus = list(sequences)
    counts = Counter(chain.from_iterable(corpus))
    known = [replace(each, entity_type=entity_type) if each.order == "prefix alone" else each for each in NOTATIONS]
    notations = _largest({each: _tags_read(each, counts) for each in known if _is_spelled(each, counts)})
    if not notations and scheme is not None:
        notations = [HYPHENATED]
    if not notations:
        has_chunks = "O" in counts and len(counts) > 1
        return TagFormat(Scheme.IOB1, BARE) if has_chunks else None
    schemes = _PREFERENCE if scheme is None else (scheme,)
    shares = {}
    for notation in notations:
        patterns = _chunk_patterns(corpus, {tag: notation.read(tag) or OUTSIDE for tag in counts})
        shares.update({TagFormat(each, notation): _explained(patterns, each) for each in schemes})
    return _largest(shares)[0]


def _largest(values: Mapping[_Key, float]) -> list[_Key]:
    largest = max(values.values(), default=0)
    return [key for key, value in values.items() if value == largest]


def _tags_read(notation: Notation, counts: Counter[str]) -> int:
    return sum(count for tag, count in counts.items() if notation.read(tag) is not None)


def _is_spelled(notation: Notation, counts: Counter[str]) -> bool:
    """Return whether the tags of a corpus are chunk tags in a notation."""
    outside, prefixes, chunks = 0, set(), 0
    for tag, count in counts.items():
        mark = notation.read(tag)
        if mark is OUTSIDE:
            outside += count
        elif mark is not None and _LABEL.match(mark.label):
            chunks += count
            prefixes.add(mark.prefix)
    inside = counts.total() - outside
    if notation.order == "prefix alone":  # also without O, as in word segmentation
        return bool(prefixes & {"B", "I"}) and len(counts) > 1 and chunks >= _PREFIXES_ALONE * inside
    return 2 * chunks > inside and (outside > 0 or notation == HYPHENATED)


def _chunk_patterns(corpus: Iterable[Sequence[str]], marks: Mapping[str, Mark]) -> Counter[tuple[Mark, ...]]:
    """Count the chunks, each with the marks before and after it; ``=`` is the label of the chunk, ``/`` any other."""
    patterns: Counter[tuple[Mark, ...]] = Counter()
    for tags in corpus:
        bordered = [OUTSIDE, *(marks[tag] for tag in tags), OUTSIDE]
        for start, end, label in conlleval_spans(bordered):
            around = bordered[start - 1 : end + 1]
            patterns[tuple(_anonymous(mark, label) for mark in around)] += 1
    return patterns


def _anonymous(mark: Mark, label: str) -> Mark:
    return mark if mark is OUTSIDE else Mark(mark.prefix, "=" if mark.label == label else "/")


def _explained(patterns: Counter[tuple[Mark, ...]], scheme: Scheme) -> float:
    """Return the share of chunks that the strict reading finds."""
    explained = sum(
        count for pattern, count in patterns.items() if Span(1, len(pattern) - 1, "=") in strict_spans(pattern, scheme)
    )
    return explained / max(patterns.total(), 1)
