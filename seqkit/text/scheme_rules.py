"""The rules of the tagging schemes: which prefixes may open, continue and close a chunk.

In all six schemes, whether a sequence is legal depends only on pairs of neighbouring tags, and the borders of a
sequence act like ``O``. One table therefore serves :mod:`seqkit.text.tagging_schemes` for reading, writing, checking,
detecting and constraining.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from seqkit.errors import ConfigError, CorpusError

__all__ = [
    "OUTSIDE",
    "RULES",
    "Mark",
    "Rules",
    "Scheme",
    "alternatives",
    "is_inside",
    "read_tag",
    "read_tags",
    "wanted_prefixes",
]

_ALIASES = {"BIO": "IOB2", "BIOES": "IOBES", "BILUO": "BILOU"}


class Scheme(StrEnum):
    """The name of a tagging scheme.

    >>> Scheme.parse("bio")
    <Scheme.IOB2: 'IOB2'>
    """

    IOB1 = "IOB1"
    IOB2 = "IOB2"
    IOE1 = "IOE1"
    IOE2 = "IOE2"
    IOBES = "IOBES"
    BILOU = "BILOU"

    @classmethod
    def parse(cls, name: str) -> "Scheme":
        """Return the scheme of this name, in upper or lower case; BIO, BIOES and BILUO are understood too.

        Raises:
            ConfigError: no scheme has this name.

        >>> Scheme.parse("BIOES") is Scheme.IOBES
        True
        """
        upper = _ALIASES.get(name.upper(), name.upper())
        if upper not in cls.__members__:
            raise ConfigError(f"unknown tagging scheme {name!r}; choose one of {', '.join([*cls, *_ALIASES])}")
        return cls(upper)

    @property
    def prefixes(self) -> str:
        """The prefixes of the scheme's tags, without ``O``.

        >>> Scheme.IOBES.prefixes
        'BIES'
        """
        return "".join(prefix for prefix in "BIESLU" if prefix in "".join(RULES[self]))


class Rules(NamedTuple):
    """Which prefixes may do what; "touching" applies next to a chunk of the same label, with no O between.

    >>> RULES[Scheme.IOB1].opening_touching
    'B'
    """

    continued: str  # the next token may belong to the same chunk
    continuing: str  # the token may belong to the chunk before it
    opening: str
    opening_touching: str
    closing: str
    closing_touching: str


RULES = {
    Scheme.IOB1: Rules("BI", "I", "I", "B", "BI", "BI"),
    Scheme.IOB2: Rules("BI", "I", "B", "B", "BI", "BI"),
    Scheme.IOE1: Rules("I", "IE", "IE", "IE", "I", "E"),
    Scheme.IOE2: Rules("I", "IE", "IE", "IE", "E", "E"),
    Scheme.IOBES: Rules("BI", "IE", "BS", "BS", "ES", "ES"),
    Scheme.BILOU: Rules("BI", "IL", "BU", "BU", "LU", "LU"),
}


class Mark(NamedTuple):
    """A tag, split into prefix and label.

    >>> Mark("B", "PER").label
    'PER'
    """

    prefix: str
    label: str


OUTSIDE = Mark("O", "")


@lru_cache(maxsize=10_000)
def read_tag(tag: str | None, scheme: Scheme) -> tuple[Mark, str]:
    """Split a tag, and say why it is not a tag of the scheme in any position; an empty string if it is one.

    None is the border of a sequence. A tag that does not belong to the scheme acts like ``O`` on its neighbours.

    >>> read_tag("B-PER", Scheme.IOB2)
    (Mark(prefix='B', label='PER'), '')
    """
    if tag is None or tag == "O":
        return OUTSIDE, ""
    prefix, _, label = tag.partition("-")
    if prefix not in tuple(scheme.prefixes):
        allowed = alternatives(scheme.prefixes, "")
        return OUTSIDE, f"{tag!r} is not a tag of {scheme}, where a tag is O, or {allowed} followed by a label"
    if not label:
        return OUTSIDE, f"{tag!r} has no label; write the type of the chunk after it, as in {prefix}-PER"
    return Mark(prefix, label), ""


def read_tags(tags: Sequence[str], scheme: Scheme) -> list[Mark]:
    """Split tags.

    Raises:
        CorpusError: a tag does not belong to the scheme.

    >>> read_tags(["O", "B-"], Scheme.IOB2)
    Traceback (most recent call last):
        ...
    seqkit.errors.CorpusError: tag 2 of 2: 'B-' has no label; write the type of the chunk after it, as in B-PER
    """
    marks = []
    for position, tag in enumerate(tags, start=1):
        mark, flaw = read_tag(tag, scheme)
        if flaw:
            raise CorpusError(f"tag {position} of {len(tags)}: {flaw}")
        marks.append(mark)
    return marks


def alternatives(prefixes: str, label: str) -> str:
    """Name tags in an error.

    >>> alternatives("BS", "PER")
    'B-PER or S-PER'
    """
    return " or ".join(f"{prefix}-{label}" for prefix in prefixes)


def is_inside(previous: Mark, mark: Mark, rules: Rules) -> bool:
    """Return whether two neighbours belong to one chunk.

    >>> is_inside(Mark("B", "PER"), Mark("I", "PER"), RULES[Scheme.IOB2])
    True
    """
    return previous.label == mark.label and previous.prefix in rules.continued and mark.prefix in rules.continuing


def wanted_prefixes(previous: Mark, mark: Mark, rules: Rules) -> tuple[str, str]:
    """Return the prefixes that would close the first neighbour, and those that would open the second.

    Each is empty if that neighbour is legal.

    >>> wanted_prefixes(OUTSIDE, Mark("I", "PER"), RULES[Scheme.IOB2])
    ('', 'B')
    """
    if is_inside(previous, mark, rules):
        return "", ""
    same = previous.label == mark.label
    closing = rules.closing_touching if same else rules.closing
    opening = rules.opening_touching if same else rules.opening
    closed = previous is OUTSIDE or previous.prefix in closing
    opened = mark is OUTSIDE or mark.prefix in opening
    return "" if closed else closing, "" if opened else opening
