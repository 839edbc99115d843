"""Tagging schemes: ways of writing labelled chunks of text as one tag per token.

The tag of a token in a chunk is ``PREFIX-LABEL``, that of any other token is ``O``. Two adjacent PER chunks, of two
tokens and of one, and an LOC chunk after them::

    IOB1    I-PER  I-PER  B-PER  O  I-LOC    B only if the chunk follows one of its own type directly
    IOB2    B-PER  I-PER  B-PER  O  B-LOC    B on every first token; also called BIO
    IOE1    I-PER  E-PER  I-PER  O  I-LOC    E only if the chunk is followed by one of its own type directly
    IOE2    I-PER  E-PER  E-PER  O  E-LOC    E on every last token
    IOBES   B-PER  E-PER  S-PER  O  S-LOC    first and last token marked, S for a single one; also BIOES
    BILOU   B-PER  L-PER  U-PER  O  U-LOC    the same with L for last and U for unit; also BILUO
    BMES    B-PER  E-PER  S-PER  O  S-LOC    IOBES with M for the tokens between the first and the last
    BMEWO   B-PER  E-PER  W-PER  O  W-LOC    the same with W for a whole chunk
    BMO     B-PER  M-PER  B-PER  O  B-LOC    IOB2 with M for I

Files that spell tags otherwise, as in ``PER_B``, have another :class:`~seqkit.text.tag_notation.Notation`, and
:mod:`seqkit.text.tag_format` finds out which. Sources: Ramshaw and Marcus 1995 (IOB1); Tjong Kim Sang and Veenstra
1999, "Representing Text Chunks" (IOB2, IOE1, IOE2); Ratinov and Roth 2009 (BILOU); Borthwick 1999 (BMEWO). Pure
Python: importing this module loads nothing heavy.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from seqkit.errors import ConfigError, CorpusError
from seqkit.text.scheme_rules import OUTSIDE, PREFIXES, RULES, Mark, Rules, Scheme, is_inside, wanted_prefixes
from seqkit.text.tag_notation import HYPHENATED, Notation, likely_tag, without_stray_marks

__all__ = [
    "IllegalTag",
    "Scheme",
    "Span",
    "SpanMode",
    "allowed_transitions",
    "conlleval_spans",
    "convert_tags",
    "illegal_tags",
    "spans_from_tags",
    "strict_spans",
    "tags_from_spans",
]

SpanMode = Literal["strict", "conlleval"]


class Span(NamedTuple):
    """A labelled chunk: the tokens from ``start`` up to but not including ``end``.

    >>> Span(0, 2, "PER").end
    2
    """

    start: int
    end: int
    label: str


class IllegalTag(NamedTuple):
    """A violation of a scheme.

    Attributes:
        position: the position of the tag, from 0.
        tag: the tag.
        previous: the tag before it, if any.
        reason: what is wrong.
        readable: whether conlleval's rules give the tag a meaning all the same.

    >>> IllegalTag(0, "I-PER", None, "I-PER cannot start a sentence").position
    0
    """

    position: int
    tag: str
    previous: str | None
    reason: str
    readable: bool = True


def illegal_tags(
    tags: Sequence[str], scheme: Scheme, notation: Notation = HYPHENATED, known: Sequence[str] = ()
) -> list[IllegalTag]:
    """Return all violations of a scheme in one sequence, in order; none if the sequence is legal.

    A tag may not belong to the scheme (unknown prefix, missing label), may not follow the tag before it, or may not
    precede the tag after it (an unfinished chunk). A tag that is wrong on both sides counts twice.

    Args:
        tags: the tags of one sequence.
        scheme: the scheme that the tags are meant to be in.
        notation: how they are spelled.
        known: the tags of the corpus, the most common first: what a tag that is almost one of them was meant to be.

    >>> [(found.position, found.reason) for found in illegal_tags(["O", "I-PER"], Scheme.IOB2)]
    [(1, 'I-PER cannot follow O: IOB2 opens a chunk there with B-PER')]
    >>> [found.reason for found in illegal_tags(["0"], Scheme.IOB2)]
    ["'0' is not a tag of IOB2; did you mean O?"]
    """
    bordered = [None, *tags, None]
    marks = [_mark(tag, scheme, notation) for tag in bordered]
    wanted = [wanted_prefixes(previous, mark, RULES[scheme]) for previous, mark in pairwise(marks)]
    expected = notation.write(marks[1:-1]) if notation.is_contextual else tags
    found = []
    for position, tag in enumerate(tags):
        previous, following, label = bordered[position], bordered[position + 2], marks[position + 1].label
        if flaw := _flaw(tag, scheme, notation, known):
            found.append(IllegalTag(position, tag, previous, *flaw))
        elif marks[position + 1] is OUTSIDE and tag != expected[position]:
            reason = f"{tag} cannot stand there: this token has {expected[position]}"
            found.append(IllegalTag(position, tag, previous, reason))
        opening, closing = wanted[position][1], wanted[position + 1][0]
        where = "start a sentence" if previous is None else f"follow {previous}"
        if opening:
            reason = f"{tag} cannot {where}: {scheme} opens a chunk there with {_choice(opening, label, notation)}"
            found.append(IllegalTag(position, tag, previous, reason))
        where = "end a sentence" if following is None else f"come before {following}"
        if closing:
            reason = f"{tag} cannot {where}: {scheme} closes a chunk there with {_choice(closing, label, notation)}"
            found.append(IllegalTag(position, tag, previous, reason))
    return found


def _mark(tag: str | None, scheme: Scheme, notation: Notation) -> Mark:
    """Read a tag, or the border of a sequence; what is no tag of the scheme acts like ``O`` on its neighbours."""
    mark = OUTSIDE if tag is None else notation.read(tag)
    return mark if mark is not None and mark.prefix in scheme.prefixes else OUTSIDE


def _choice(prefixes: str, label: str, notation: Notation) -> str:
    return " or ".join(notation.chunk_tag(prefix, label) for prefix in prefixes)


def _flaw(tag: str, scheme: Scheme, notation: Notation, known: Sequence[str] = ()) -> tuple[str, bool] | None:
    """Return why a tag is no tag of the scheme in any position, and whether it can be read; None if it is one."""
    mark = notation.read(tag)
    name = "this corpus" if notation.order == "label alone" else scheme
    if likely := _likely_tag(tag, mark, notation, known):
        return f"{tag!r} is not a tag of {name}; did you mean {likely}?", False
    if mark is not None and (mark is OUTSIDE or mark.prefix in scheme.prefixes):
        return None
    if notation.order == "label alone":
        return f"{tag!r} is not a tag of {name}, whose tags have no prefix", False
    if mark is None and tag.strip(notation.separator) in tuple(scheme.prefixes):
        example = notation.chunk_tag(tag.strip(notation.separator), "PER")
        return f"{tag!r} has no label; write the type of the chunk with it, as in {example}", False
    *others, last = notation.outside.neither, *(notation.chunk_tag(prefix, "X") for prefix in scheme.prefixes)
    return f"{tag!r} is not a tag of {scheme}, whose tags are {', '.join(others)} and {last}", mark is not None


def _likely_tag(tag: str, mark: Mark | None, notation: Notation, known: Sequence[str]) -> str | None:
    """Return the tag that was probably meant by one that is no tag, or has a label with a stray mark behind it."""
    if mark is None:
        return likely_tag(tag, [notation.outside.neither, *known])
    label = without_stray_marks(mark.label)
    if label == mark.label or not any(notation.chunk_tag(prefix, label) in known for prefix in PREFIXES):
        return None
    return notation.chunk_tag(mark.prefix, label)


def spans_from_tags(
    tags: Sequence[str], scheme: Scheme, mode: SpanMode = "strict", notation: Notation = HYPHENATED
) -> list[Span]:
    """Read the chunks of one tag sequence, in order.

    Both modes read the same chunks from a legal sequence. They differ on illegal sequences, which a model without
    constraints may predict:

    * ``"strict"`` counts a chunk only if it is opened and closed by the rules of the scheme, like seqeval's
      ``mode="strict"``. It also reads a legal chunk that seqeval's IOE1 misses: a single ``E-`` token directly before
      the next chunk.
    * ``"conlleval"`` is the rule of the script that scored CoNLL-2000 and CoNLL-2003, which does not check the order
      of prefixes. A chunk opens at B, S, U or W, after E, L, S, U or W, after O, and wherever the label changes.

    Args:
        tags: the tags of one sequence.
        scheme: the scheme of the tags.
        mode: how to read malformed chunks.
        notation: how the tags are spelled.

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
    marks = _checked_marks(tags, scheme, notation)
    if mode == "strict":
        return strict_spans(marks, scheme)
    if mode == "conlleval":
        return conlleval_spans(marks)
    raise ConfigError(f"unknown mode {mode!r}; choose strict or conlleval")


def _checked_marks(tags: Sequence[str], scheme: Scheme, notation: Notation = HYPHENATED) -> list[Mark]:
    for position, tag in enumerate(tags, start=1):
        if flaw := _flaw(tag, scheme, notation):
            raise CorpusError(f"tag {position} of {len(tags)}: {flaw[0]}")
    return [_mark(tag, scheme, notation) for tag in tags]


def strict_spans(marks: Sequence[Mark], scheme: Scheme) -> list[Span]:
    """Read the chunks that are opened, continued and closed by the rules of a scheme; other prefixes are like ``O``.

    >>> strict_spans([Mark("I", "PER"), OUTSIDE, Mark("B", "LOC")], Scheme.IOB2)
    [Span(start=2, end=3, label='LOC')]
    """
    rules, prefixes = RULES[scheme], scheme.prefixes
    known = [mark if mark.prefix in prefixes else OUTSIDE for mark in marks]
    spans = []
    start = None
    previous = OUTSIDE
    for position, mark in enumerate([*known, OUTSIDE]):
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


def conlleval_spans(marks: Sequence[Mark]) -> list[Span]:
    """Read the chunks as conlleval does; the scheme does not matter.

    >>> conlleval_spans([Mark("I", "PER"), OUTSIDE, Mark("B", "LOC")])
    [Span(start=0, end=1, label='PER'), Span(start=2, end=3, label='LOC')]
    """
    spans = []
    start = 0
    previous = OUTSIDE
    for position, mark in enumerate([*marks, OUTSIDE]):
        border = mark.label != previous.label or mark.prefix in "BSUW" or previous.prefix in "ELSUW"
        if border and previous is not OUTSIDE:
            spans.append(Span(start, position, previous.label))
        if border:
            start = position
        previous = mark
    return spans


def tags_from_spans(spans: Iterable[Span], length: int, scheme: Scheme, notation: Notation = HYPHENATED) -> list[str]:
    """Write chunks as tags; every scheme can express every set of chunks that do not overlap.

    Args:
        spans: the chunks, in any order.
        length: the number of tokens, and of tags in the result.
        scheme: the scheme to write.
        notation: how to spell the tags.

    Raises:
        ConfigError: a span is empty, out of range or without a label, or two spans overlap.

    >>> tags_from_spans([Span(0, 2, "PER"), Span(2, 3, "PER")], 4, Scheme.IOBES)
    ['B-PER', 'E-PER', 'S-PER', 'O']
    """
    rules = RULES[scheme]
    ordered = sorted(spans)
    _check_spans(ordered, length)
    marks = [OUTSIDE] * length
    for before, span, after in zip([None, *ordered], ordered, [*ordered[1:], None], strict=False):
        after_same = before is not None and before[1:] == (span.start, span.label)
        before_same = after is not None and (after.start, after.label) == span[1:]
        opening = rules.opening_touching if after_same else rules.opening
        closing = rules.closing_touching if before_same else rules.closing
        prefixes = _chunk_prefixes(span.end - span.start, opening, closing, rules)
        marks[span.start : span.end] = [Mark(prefix, span.label) for prefix in prefixes]
    return notation.write(marks)


def _chunk_prefixes(length: int, opening: str, closing: str, rules: Rules) -> str:
    """Return the prefixes of one chunk; in every row of the table exactly one prefix qualifies for each position."""
    if length == 1:
        return _common(opening, closing)
    first, last = _common(opening, rules.continued), _common(rules.continuing, closing)
    return first + _common(rules.continued, rules.continuing) * (length - 2) + last


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
    marks = [OUTSIDE, *_checked_marks(tags, scheme)]
    border, *rows = [[not any(wanted_prefixes(one, other, RULES[scheme])) for other in marks] for one in marks]
    return border[1:], [row[1:] for row in rows], [row[0] for row in rows]
