"""Tagging schemes: six ways of writing labelled chunks of text as one tag a token.

A chunk tag is ``PREFIX-LABEL``, and ``O`` stands outside every chunk. For two touching PER chunks, of two
tokens and of one, and an LOC after them::

    IOB1    I-PER  I-PER  B-PER  O  I-LOC    B only where a chunk touches one of its own type before it
    IOB2    B-PER  I-PER  B-PER  O  B-LOC    B on every first token; also called BIO
    IOE1    I-PER  E-PER  I-PER  O  I-LOC    E only where a chunk touches one of its own type after it
    IOE2    I-PER  E-PER  E-PER  O  E-LOC    E on every last token
    IOBES   B-PER  E-PER  S-PER  O  S-LOC    first and last token marked, S for a single one; also BIOES
    BILOU   B-PER  L-PER  U-PER  O  U-LOC    the same with L for last and U for unit; also BILUO

In all six, whether a sequence is legal depends on neighbouring pairs of tags alone, and the borders of a sequence
act like ``O``. One table of rules therefore serves reading, writing, checking, detecting and constraining.

Sources: Ramshaw and Marcus 1995 (IOB1); Tjong Kim Sang and Veenstra 1999, "Representing Text Chunks" (IOB2, IOE1,
IOE2); Ratinov and Roth 2009 (BILOU). Pure Python: importing this module loads nothing heavy.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import chain, pairwise
from typing import Literal, NamedTuple

from seqkit.errors import ConfigError, CorpusError

__all__ = [
    "IllegalTag",
    "Scheme",
    "Span",
    "SpanMode",
    "allowed_transitions",
    "convert_tags",
    "detect_scheme",
    "illegal_tags",
    "spans_from_tags",
    "tags_from_spans",
]

SpanMode = Literal["strict", "conlleval"]

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
        """The scheme of this name in any case; BIO, BIOES and BILUO are understood too.

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
        """The prefixes of the scheme's chunk tags, ``O`` aside.

        >>> Scheme.IOBES.prefixes
        'BIES'
        """
        return "".join(prefix for prefix in "BIESLU" if prefix in "".join(_RULES[self]))


class Span(NamedTuple):
    """A labelled chunk: the tokens from ``start`` up to, not including, ``end``.

    >>> Span(0, 2, "PER").end
    2
    """

    start: int
    end: int
    label: str


class IllegalTag(NamedTuple):
    """One violation of a scheme: the tag at ``position`` (from 0), the tag before it if any, and why it is wrong.

    >>> IllegalTag(0, "I-PER", None, "I-PER cannot start a sentence").position
    0
    """

    position: int
    tag: str
    previous: str | None
    reason: str


class _Rules(NamedTuple):
    """Which prefixes may do what. "Touching" is for a neighbour of the same label, with no O between."""

    continued: str  # the next token may belong to the same chunk
    continuing: str  # the token may belong to the chunk before it
    opening: str
    opening_touching: str
    closing: str
    closing_touching: str


_RULES = {
    Scheme.IOB1: _Rules("BI", "I", "I", "B", "BI", "BI"),
    Scheme.IOB2: _Rules("BI", "I", "B", "B", "BI", "BI"),
    Scheme.IOE1: _Rules("I", "IE", "IE", "IE", "I", "E"),
    Scheme.IOE2: _Rules("I", "IE", "IE", "IE", "E", "E"),
    Scheme.IOBES: _Rules("BI", "IE", "BS", "BS", "ES", "ES"),
    Scheme.BILOU: _Rules("BI", "IL", "BU", "BU", "LU", "LU"),
}

# What detection takes among schemes that fit equally well: the commonest first.
_PREFERENCE = (Scheme.IOB2, Scheme.IOBES, Scheme.BILOU, Scheme.IOB1, Scheme.IOE2, Scheme.IOE1)

# The shape of a chunk tag of any scheme in use, also those not read here (BMES, BMEWO), so that they are reported,
# not mistaken for parts of speech. The label needs a letter, a digit or "_": "S-" and "I-------" are morphology.
_CHUNK_TAG = re.compile(r"[BIESLUMW]-.*\w")


class _Mark(NamedTuple):
    prefix: str
    label: str


_OUTSIDE = _Mark("O", "")


@lru_cache(maxsize=10_000)
def _read(tag: str | None, scheme: Scheme) -> tuple[_Mark, str]:
    """A tag taken apart, and why it is none of the scheme's tags, wherever it stands; empty if it is one.

    None is the border of a sequence. For its neighbours, a tag that is none of the scheme's counts as outside.
    """
    if tag is None or tag == "O":
        return _OUTSIDE, ""
    prefix, _, label = tag.partition("-")
    if prefix not in tuple(scheme.prefixes):
        allowed = _either(scheme.prefixes, "")
        return _OUTSIDE, f"{tag!r} is not a tag of {scheme}, where a tag is O, or {allowed} followed by a label"
    if not label:
        return _OUTSIDE, f"{tag!r} has no label; write the type of the chunk after it, as in {prefix}-PER"
    return _Mark(prefix, label), ""


def _read_all(tags: Sequence[str], scheme: Scheme) -> list[_Mark]:
    marks = []
    for position, tag in enumerate(tags, start=1):
        mark, flaw = _read(tag, scheme)
        if flaw:
            raise CorpusError(f"tag {position} of {len(tags)}: {flaw}")
        marks.append(mark)
    return marks


def _either(prefixes: str, label: str) -> str:
    return " or ".join(f"{prefix}-{label}" for prefix in prefixes)


def _inside(previous: _Mark, mark: _Mark, rules: _Rules) -> bool:
    """Whether two neighbours belong to one chunk."""
    return previous.label == mark.label and previous.prefix in rules.continued and mark.prefix in rules.continuing


def _wanted(previous: _Mark, mark: _Mark, rules: _Rules) -> tuple[str, str]:
    """The prefixes that would close the first neighbour, and that would open the second; empty where all is well."""
    if _inside(previous, mark, rules):
        return "", ""
    same = previous.label == mark.label
    closing = rules.closing_touching if same else rules.closing
    opening = rules.opening_touching if same else rules.opening
    closed = previous is _OUTSIDE or previous.prefix in closing
    opened = mark is _OUTSIDE or mark.prefix in opening
    return "" if closed else closing, "" if opened else opening


def illegal_tags(tags: Sequence[str], scheme: Scheme) -> list[IllegalTag]:
    """Every violation of a scheme in one sequence, in order; empty if the sequence is legal.

    A tag may be no tag of the scheme at all (unknown prefix, missing label), may not follow the tag before it, or may
    not come before the tag after it (an unfinished chunk). A tag wrong on both sides gives two violations.

    Args:
        tags: the tags of one sequence.
        scheme: the scheme they are meant to be in.

    >>> [(found.position, found.reason) for found in illegal_tags(["O", "I-PER"], Scheme.IOB2)]
    [(1, 'I-PER cannot follow O: IOB2 opens a chunk there with B-PER')]
    """
    bordered = [None, *tags, None]
    marks, flaws = zip(*(_read(tag, scheme) for tag in bordered), strict=True)
    wanted = [_wanted(previous, mark, _RULES[scheme]) for previous, mark in pairwise(marks)]
    found = []
    for position, tag in enumerate(tags):
        previous, following = bordered[position], bordered[position + 2]
        reasons = [flaws[position + 1]]
        if opening := wanted[position][1]:
            where = "start a sentence" if previous is None else f"follow {previous}"
            choice = _either(opening, marks[position + 1].label)
            reasons.append(f"{tag} cannot {where}: {scheme} opens a chunk there with {choice}")
        if closing := wanted[position + 1][0]:
            where = "end a sentence" if following is None else f"come before {following}"
            choice = _either(closing, marks[position + 1].label)
            reasons.append(f"{tag} cannot {where}: {scheme} closes a chunk there with {choice}")
        found += [IllegalTag(position, tag, previous, reason) for reason in reasons if reason]
    return found


def spans_from_tags(tags: Sequence[str], scheme: Scheme, mode: SpanMode = "strict") -> list[Span]:
    """Read the chunks of one tag sequence, in order.

    On a legal sequence both modes give the same chunks. They differ on what a model without constraints may emit:

    * ``"strict"`` counts a chunk only if the scheme's own marks open and close it, as seqeval's ``mode="strict"``
      does. Where seqeval's IOE1 overlooks a legal chunk (one ``E-`` token that touches the next chunk), this reads it.
    * ``"conlleval"`` is the rule of the script that scored CoNLL-2000 and CoNLL-2003: it does not ask whether marks
      are in order. A chunk opens at B, S or U, after E, L, S or U, after O, and wherever the label changes.

    Args:
        tags: the tags of one sequence.
        scheme: the scheme they are in.
        mode: how malformed chunks are read.

    Raises:
        CorpusError: a tag is none of the scheme's tags; neither mode guesses what it could mean.
        ConfigError: unknown mode.

    In IOB2 the first chunk below lacks its B; conlleval counts it, strict does not:

    >>> tags = ["I-PER", "I-PER", "O", "B-LOC"]
    >>> spans_from_tags(tags, Scheme.IOB2, "conlleval")
    [Span(start=0, end=2, label='PER'), Span(start=3, end=4, label='LOC')]
    >>> spans_from_tags(tags, Scheme.IOB2, "strict")
    [Span(start=3, end=4, label='LOC')]
    """
    marks = _read_all(tags, scheme)
    if mode == "strict":
        return _strict_spans(marks, _RULES[scheme])
    if mode == "conlleval":
        return _conlleval_spans(marks)
    raise ConfigError(f"unknown mode {mode!r}; choose strict or conlleval")


def _strict_spans(marks: list[_Mark], rules: _Rules) -> list[Span]:
    spans = []
    start = None
    previous = _OUTSIDE
    for position, mark in enumerate([*marks, _OUTSIDE]):
        if start is None or not _inside(previous, mark, rules):
            if start is not None and _closes(previous, mark, rules):
                spans.append(Span(start, position, previous.label))
            touches = previous.label == mark.label and mark.prefix in rules.opening_touching
            start = position if touches or mark.prefix in rules.opening else None
        previous = mark
    return spans


def _closes(mark: _Mark, following: _Mark, rules: _Rules) -> bool:
    if mark.label == following.label:
        return mark.prefix in rules.closing_touching
    # As in seqeval: in IOB1 an illegal B-Y after B-X spoils the chunk before it, though after I-X it does not.
    spoilt = mark.prefix == following.prefix == "B" and "B" not in rules.opening
    return mark.prefix in rules.closing and not spoilt


def _conlleval_spans(marks: list[_Mark]) -> list[Span]:
    spans = []
    start = 0
    previous = _OUTSIDE
    for position, mark in enumerate([*marks, _OUTSIDE]):
        border = mark.label != previous.label or mark.prefix in "BSU" or previous.prefix in "ELSU"
        if border and previous is not _OUTSIDE:
            spans.append(Span(start, position, previous.label))
        if border:
            start = position
        previous = mark
    return spans


def tags_from_spans(spans: Iterable[Span], length: int, scheme: Scheme) -> list[str]:
    """Write chunks as tags; every set of chunks that do not overlap can be written in every scheme.

    Args:
        spans: the chunks, in any order.
        length: the number of tokens, and of tags in the result.
        scheme: the scheme to write.

    Raises:
        ConfigError: spans that are empty, unlabelled, out of range, or overlap.

    >>> tags_from_spans([Span(0, 2, "PER"), Span(2, 3, "PER")], 4, Scheme.IOBES)
    ['B-PER', 'E-PER', 'S-PER', 'O']
    """
    rules = _RULES[scheme]
    ordered = sorted(spans)
    _check_spans(ordered, length)
    tags = ["O"] * length
    for before, span, after in zip([None, *ordered], ordered, [*ordered[1:], None], strict=False):
        after_same = before is not None and before[1:] == (span.start, span.label)
        before_same = after is not None and (after.start, after.label) == span[1:]
        opening = rules.opening_touching if after_same else rules.opening
        closing = rules.closing_touching if before_same else rules.closing
        prefixes = _chunk_prefixes(span.end - span.start, opening, closing, rules)
        tags[span.start : span.end] = [f"{prefix}-{span.label}" for prefix in prefixes]
    return tags


def _chunk_prefixes(length: int, opening: str, closing: str, rules: _Rules) -> str:
    """The prefixes of one chunk. In every row of the table exactly one prefix can do each of these jobs."""
    if length == 1:
        return _common(opening, closing)
    first, last = _common(opening, rules.continued), _common(rules.continuing, closing)
    return first + "I" * (length - 2) + last


def _common(some: str, others: str) -> str:
    return next(prefix for prefix in some if prefix in others)


def _check_spans(ordered: list[Span], length: int) -> None:
    for span in ordered:
        if not (0 <= span.start < span.end <= length and span.label):
            raise ConfigError(f"{span} cannot be written; it needs a label and 0 <= start < end <= {length}")
    for before, span in pairwise(ordered):
        if span.start < before.end:
            raise ConfigError(f"{before} and {span} overlap; a tagging scheme cannot write both, so keep one of them")


def convert_tags(tags: Sequence[str], source: Scheme, target: Scheme) -> list[str]:
    """Rewrite one tag sequence in another scheme, without loss.

    Args:
        tags: the tags of one sequence, legal in ``source``.
        source: the scheme they are in.
        target: the scheme to write.

    Raises:
        CorpusError: the sequence is illegal in ``source``; it is not repaired.

    >>> convert_tags(["I-PER", "I-PER", "O"], Scheme.IOB1, Scheme.BILOU)
    ['B-PER', 'L-PER', 'O']
    """
    if illegal := illegal_tags(tags, source):
        first = illegal[0]
        raise CorpusError(f"tag {first.position + 1} of {len(tags)}: {first.reason}")
    return tags_from_spans(spans_from_tags(tags, source), len(tags), target)


def detect_scheme(sequences: Iterable[Sequence[str]]) -> Scheme | None:
    """Find the scheme that a corpus is tagged in, from its tags alone.

    Tags are chunk tags if more than half of the tokens not tagged ``O`` carry a scheme's prefix letter, a hyphen and a
    label with a letter or digit in it, or if they are ``O``, ``I`` and more bare prefixes (labels forgotten). All else,
    such as parts of speech or ``O`` alone, is plain tags.

    The scheme with the fewest violations is taken; a legal one has none. Ties go to IOB2, IOBES, BILOU, IOB1, IOE2,
    IOE1 in this order. Two schemes are legal at once only where there is nothing but I- and O: that is read as IOB1.
    Takes one pass over the corpus, then looks only at the distinct pairs of neighbouring tags.

    Args:
        sequences: the tag sequences of the corpus.

    Returns:
        The scheme, or None for plain tags.

    >>> detect_scheme([["B-PER", "E-PER", "O", "S-LOC"]])
    <Scheme.IOBES: 'IOBES'>
    >>> detect_scheme([["PROPN", "VERB", "PUNCT"]]) is None
    True
    """
    pairs = Counter(pairwise(chain([None], chain.from_iterable((*tags, None) for tags in sequences))))
    counts: Counter[str] = Counter()
    for (_, tag), count in pairs.items():
        if tag is not None:
            counts[tag] += count
    return min(_PREFERENCE, key=lambda scheme: _count_violations(pairs, scheme)) if _are_chunk_tags(counts) else None


def _are_chunk_tags(counts: Counter[str]) -> bool:
    if {"I", "O"} < counts.keys() <= set("OBIESLU"):
        return True
    chunk_tags = sum(count for tag, count in counts.items() if _CHUNK_TAG.match(tag))
    return 2 * chunk_tags > counts.total() - counts["O"]


def _count_violations(pairs: Counter[tuple[str | None, str | None]], scheme: Scheme) -> int:
    """How many violations ``illegal_tags`` would list, from the counts of neighbouring pairs."""
    violations = 0
    for (previous, tag), count in pairs.items():
        (before, _), (mark, flaw) = _read(previous, scheme), _read(tag, scheme)
        violations += count * sum(map(bool, (flaw, *_wanted(before, mark, _RULES[scheme]))))
    return violations


def allowed_transitions(tags: Sequence[str], scheme: Scheme | None) -> tuple[list[bool], list[list[bool]], list[bool]]:
    """Which tags may start, follow one another and end, as hard constraints for a CRF.

    A sequence over ``tags`` is legal exactly if its first tag can start, each next tag can follow and the last can end.

    Args:
        tags: the tag inventory, in the order of the results.
        scheme: its scheme; None for plain tags, where everything is allowed.

    Returns:
        ``can_start[tag]``, ``can_follow[previous][tag]`` and ``can_end[tag]``, over the K tags: K, K x K and K.

    Raises:
        CorpusError: one of the tags is none of the scheme's.

    >>> can_start, can_follow, can_end = allowed_transitions(["O", "B-PER", "I-PER"], Scheme.IOB2)
    >>> can_follow[0]
    [True, True, False]
    """
    if scheme is None:
        return [True] * len(tags), [[True] * len(tags) for _ in tags], [True] * len(tags)
    marks = [_OUTSIDE, *_read_all(tags, scheme)]
    border, *rows = [[not any(_wanted(one, other, _RULES[scheme])) for other in marks] for one in marks]
    return border[1:], [row[1:] for row in rows], [row[0] for row in rows]
