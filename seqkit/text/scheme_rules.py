"""The rules of the tagging schemes: which prefixes may open, continue and close a chunk.

In all schemes, whether a sequence is legal depends only on pairs of neighbouring tags, and the borders of a sequence
act like ``O``. One table therefore serves for reading, writing, checking, detecting and constraining. It knows nothing
of how a file spells a tag: that is the :class:`~seqkit.text.tag_notation.Notation`.
"""

from enum import StrEnum
from typing import NamedTuple

from seqkit.errors import ConfigError

__all__ = ["OUTSIDE", "PREFIXES", "RULES", "Mark", "Rules", "Scheme", "is_inside", "wanted_prefixes"]

PREFIXES = "BIMESLUW"
"""The prefixes of all schemes."""

_ALIASES = {"BIO": "IOB2", "BIOES": "IOBES", "BILUO": "BILOU", "BMEWO+": "BMEWO"}


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
    BMO = "BMO"
    BMES = "BMES"
    BMEWO = "BMEWO"

    @classmethod
    def parse(cls, name: str) -> "Scheme":
        """Return the scheme of this name, in upper or lower case; BIO, BIOES, BILUO and BMEWO+ too.

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
        """The prefixes of the scheme's chunk tags.

        >>> Scheme.IOBES.prefixes
        'BIES'
        """
        return "".join(prefix for prefix in PREFIXES if prefix in "".join(RULES[self]))


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
    Scheme.BMO: Rules("BM", "M", "B", "B", "BM", "BM"),
    Scheme.BMES: Rules("BM", "ME", "BS", "BS", "ES", "ES"),
    Scheme.BMEWO: Rules("BM", "ME", "BW", "BW", "EW", "EW"),
}


class Mark(NamedTuple):
    """What a tag says of its token: a prefix, and the label of the chunk; ``O`` and no label outside chunks.

    >>> Mark("B", "PER").label
    'PER'
    """

    prefix: str
    label: str


OUTSIDE = Mark("O", "")
"""The mark of a token that belongs to no chunk, and of the borders of a sequence."""


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
