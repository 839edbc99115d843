"""Tagging schemes: six ways of writing labelled chunks of text as one tag per token.

The tag of a token in a chunk is ``PREFIX-LABEL``, that of any other token is ``O``. Two adjacent PER chunks, of two
tokens and of one, and an LOC chunk after them::

    IOB1    I-PER  I-PER  B-PER  O  I-LOC    B only if the chunk follows one of its own type directly
    IOB2    B-PER  I-PER  B-PER  O  B-LOC    B on every first token; also called BIO
    IOE1    I-PER  E-PER  I-PER  O  I-LOC    E only if the chunk is followed by one of its own type directly
    IOE2    I-PER  E-PER  E-PER  O  E-LOC    E on every last token
    IOBES   B-PER  E-PER  S-PER  O  S-LOC    first and last token marked, S for a single one; also BIOES
    BILOU   B-PER  L-PER  U-PER  O  U-LOC    the same with L for last and U for unit; also BILUO

Sources: Ramshaw and Marcus 1995 (IOB1); Tjong Kim Sang and Veenstra 1999, "Representing Text Chunks" (IOB2, IOE1,
IOE2); Ratinov and Roth 2009 (BILOU). Pure Python: importing this module loads nothing heavy.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from typing import Literal, NamedTuple

from seqkit.errors import ConfigError, CorpusError
from seqkit.text.scheme_rules import (
    OUTSIDE,
    RULES,
    Mark,
    Rules,
    Scheme,
    alternatives,
    is_inside,
    read_tag,
    read_tags,
    wanted_prefixes,
)

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

# Which of several schemes that fit equally well is detected: the most common first.
_PREFERENCE = (Scheme.IOB2, Scheme.IOBES, Scheme.BILOU, Scheme.IOB1, Scheme.IOE2, Scheme.IOE1)

# The form of a chunk tag in any scheme in use, including those that are not read here (BMES, BMEWO): these are then
# reported, not mistaken for parts of speech. The label needs a letter, a digit or "_": "S-" and "I-------" are
# morphology.
_CHUNK_TAG = re.compile(r"[BIESLUMW]-.*\w")


class Span(NamedTuple):
    """A labelled chunk: the tokens from ``start`` up to but not including ``end``.

    >>> Span(0, 2, "PER").end
    2
    """

    start: int
    end: int
    label: str


class IllegalTag(NamedTuple):
    """A violation of a scheme: the tag at ``position`` (from 0), the tag before it if any, and what is wrong.

    >>> IllegalTag(0, "I-PER", None, "I-PER cannot start a sentence").position
    0
    """

    position: int
    tag: str
    previous: str | None
    reason: str


def illegal_tags(tags: Sequence[str], scheme: Scheme) -> list[IllegalTag]:
    """Return all violations of a scheme in one sequence, in order; none if the sequence is legal.

    A tag may not belong to the scheme (unknown prefix, missing label), may not follow the tag before it, or may not
    precede the tag after it (an unfinished chunk). A tag that is wrong on both sides counts twice.

    Args:
        tags: the tags of one sequence.
        scheme: the scheme that the tags are meant to be in.

    >>> [(found.position, found.reason) for found in illegal_tags(["O", "I-PER"], Scheme.IOB2)]
    [(1, 'I-PER cannot follow O: IOB2 opens a chunk there with B-PER')]
    """
    bordered = [None, *tags, None]
    marks, flaws = zip(*(read_tag(tag, scheme) for tag in bordered), strict=True)
    wanted = [wanted_prefixes(previous, mark, RULES[scheme]) for previous, mark in pairwise(marks)]
    found = []
    for position, tag in enumerate(tags):
        previous, following = bordered[position], bordered[position + 2]
        reasons = [flaws[position + 1]]
        if opening := wanted[position][1]:
            where = "start a sentence" if previous is None else f"follow {previous}"
            choice = alternatives(opening, marks[position + 1].label)
            reasons.append(f"{tag} cannot {where}: {scheme} opens a chunk there with {choice}")
        if closing := wanted[position + 1][0]:
            where = "end a sentence" if following is None else f"come before {following}"
            choice = alternatives(closing, marks[position + 1].label)
            reasons.append(f"{tag} cannot {where}: {scheme} closes a chunk there with {choice}")
        found += [IllegalTag(position, tag, previous, reason) for reason in reasons if reason]
    return found


def spans_from_tags(tags: Sequence[str], scheme: Scheme, mode: SpanMode = "strict") -> list[Span]:
    """Read the chunks of one tag sequence, in order.

    Both modes read the same chunks from a legal sequence. They differ on illegal sequences, which a model without
    constraints may predict:

    * ``"strict"`` counts a chunk only if it is opened and closed by the rules of the scheme, like seqeval's
      ``mode="strict"``. It also reads a legal chunk that seqeval's IOE1 misses: a single ``E-`` token directly before
      the next chunk.
    * ``"conlleval"`` is the rule of the script that scored CoNLL-2000 and CoNLL-2003, which does not check the order
      of prefixes. A chunk opens at B, S or U, after E, L, S or U, after O, and wherever the label changes.

    Args:
        tags: the tags of one sequence.
        scheme: the scheme of the tags.
        mode: how to read malformed chunks.

    Raises:
        CorpusError: a tag does not belong to the scheme.
        ConfigError: the mode is unknown.

    In IOB2 the first chunk below has no B; conlleval counts it, strict does not:

    >>> tags = ["I-PER", "I-PER", "O", "B-LOC"]
    >>> spans_from_tags(tags, Scheme.IOB2, "conlleval")
    [Span(start=0, end=2, label='PER'), Span(start=3, end=4, label='LOC')]
    >>> spans_from_tags(tags, Scheme.IOB2, "strict")
    [Span(start=3, end=4, label='LOC')]
    """
    marks = read_tags(tags, scheme)
    if mode == "strict":
        return _strict_spans(marks, RULES[scheme])
    if mode == "conlleval":
        return _conlleval_spans(marks)
    raise ConfigError(f"unknown mode {mode!r}; choose strict or conlleval")


def _strict_spans(marks: list[Mark], rules: Rules) -> list[Span]:
    spans = []
    start = None
    previous = OUTSIDE
    for position, mark in enumerate([*marks, OUTSIDE]):
        if start is None or not is_inside(previous, mark, rules):
            if start is not None and _closes(previous, mark, rules):
                spans.append(Span(start, position, previous.label))
            touches = previous.label == mark.label and mark.prefix in rules.opening_touching
            start = position if touches or mark.prefix in rules.opening else None
        previous = mark
    return spans


def _closes(mark: Mark, following: Mark, rules: Rules) -> bool:
    if mark.label == following.label:
        return mark.prefix in rules.closing_touching
    # As in seqeval: in IOB1 an illegal B-Y spoils the chunk before it after B-X, but not after I-X.
    spoilt = mark.prefix == following.prefix == "B" and "B" not in rules.opening
    return mark.prefix in rules.closing and not spoilt


def _conlleval_spans(marks: list[Mark]) -> list[Span]:
    spans = []
    start = 0
    previous = OUTSIDE
    for position, mark in enumerate([*marks, OUTSIDE]):
        border = mark.label != previous.label or mark.prefix in "BSU" or previous.prefix in "ELSU"
        if border and previous is not OUTSIDE:
            spans.append(Span(start, position, previous.label))
        if border:
            start = position
        previous = mark
    return spans


def tags_from_spans(spans: Iterable[Span], length: int, scheme: Scheme) -> list[str]:
    """Write chunks as tags; every scheme can express every set of chunks that do not overlap.

    Args:
        spans: the chunks, in any order.
        length: the number of tokens, and of tags in the result.
        scheme: the scheme to write.

    Raises:
        ConfigError: a span is empty, out of range or without a label, or two spans overlap.

    >>> tags_from_spans([Span(0, 2, "PER"), Span(2, 3, "PER")], 4, Scheme.IOBES)
    ['B-PER', 'E-PER', 'S-PER', 'O']
    """
    rules = RULES[scheme]
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


def _chunk_prefixes(length: int, opening: str, closing: str, rules: Rules) -> str:
    """Return the prefixes of one chunk; in every row of the table exactly one prefix qualifies for each position."""
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
            raise ConfigError(f"{before} and {span} overlap; a tagging scheme cannot express both, so keep one of them")


def convert_tags(tags: Sequence[str], source: Scheme, target: Scheme) -> list[str]:
    """Rewrite one tag sequence in another scheme, without loss.

    Args:
        tags: the tags of one sequence, legal in ``source``.
        source: the scheme of the tags.
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
    """Detect the scheme of a corpus from its tags.

    Tags are chunk tags if more than half of the tags other than ``O`` are a prefix letter, a hyphen and a label with a
    letter or digit in it, or if there are only ``O``, ``I`` and more bare prefixes (labels were forgotten). Anything
    else, such as parts of speech or ``O`` alone, is plain tags.

    The scheme with the fewest violations is returned. Ties are decided in the order IOB2, IOBES, BILOU, IOB1, IOE2,
    IOE1. Two schemes can be free of violations only if all tags are I- and O: these are read as IOB1. The corpus is
    read once; only the distinct pairs of neighbouring tags are then examined.

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
    if not _are_chunk_tags(counts):
        return None
    return min(_PREFERENCE, key=lambda scheme: _count_violations(pairs, scheme))


def _are_chunk_tags(counts: Counter[str]) -> bool:
    if {"I", "O"} < counts.keys() <= set("OBIESLU"):
        return True
    chunk_tags = sum(count for tag, count in counts.items() if _CHUNK_TAG.match(tag))
    return 2 * chunk_tags > counts.total() - counts["O"]


def _count_violations(pairs: Counter[tuple[str | None, str | None]], scheme: Scheme) -> int:
    """Count the violations that ``illegal_tags`` would list, from the counts of neighbouring pairs."""
    violations = 0
    for (previous, tag), count in pairs.items():
        (before, _), (mark, flaw) = read_tag(previous, scheme), read_tag(tag, scheme)
        violations += count * sum(map(bool, (flaw, *wanted_prefixes(before, mark, RULES[scheme]))))
    return violations


def allowed_transitions(tags: Sequence[str], scheme: Scheme | None) -> tuple[list[bool], list[list[bool]], list[bool]]:
    """Return which tags may start a sequence, follow one another and end a sequence, as hard constraints for a CRF.

    A sequence is legal if and only if its first tag may start, each further tag may follow and its last tag may end.

    Args:
        tags: the K different tags, in the order of the results.
        scheme: their scheme; None for plain tags, which may come in any order.

    Returns:
        ``can_start[tag]`` (K,), ``can_follow[previous][tag]`` (K, K) and ``can_end[tag]`` (K,).

    Raises:
        CorpusError: a tag does not belong to the scheme.

    >>> can_start, can_follow, can_end = allowed_transitions(["O", "B-PER", "I-PER"], Scheme.IOB2)
    >>> can_follow[0]
    [True, True, False]
    """
    if scheme is None:
        return [True] * len(tags), [[True] * len(tags) for _ in tags], [True] * len(tags)
    marks = [OUTSIDE, *read_tags(tags, scheme)]
    border, *rows = [[not any(wanted_prefixes(one, other, RULES[scheme])) for other in marks] for one in marks]
    return border[1:], [row[1:] for row in rows], [row[0] for row in rows]
