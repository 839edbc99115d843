"""Character spans, as annotation tools export them, and the tokens that match them.

::

    {"text": "Ada met Bo in Ghent.", "label": [[0, 3, "PER"], [8, 10, "PER"], [14, 19, "LOC"]]}

    tokens  Ada    met  Bo     in  Ghent  .
    tags    B-PER  O    B-PER  O   B-LOC  O

Offsets count Unicode code points unless another unit is named (:mod:`seqkit.data.offsets`); the end is exclusive.
Tokens are made from the text alone. A span that begins or ends inside a token matches no tokens, so no tagger of these
tokens can find it: it is kept, and counts as missed.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from seqkit.data.offsets import UNITS, Offsets, index_of, offsets_of, unit_name
from seqkit.data.text_files import shortened, shown
from seqkit.errors import CorpusError
from seqkit.text.tagging_schemes import Span

__all__ = [
    "MarkedSpan",
    "MatchedSpans",
    "match_spans",
    "parse_span",
    "place_spans",
    "read_spans",
    "trimmed",
    "unit_of_quotes",
]


class MarkedSpan(NamedTuple):
    """A span as a tool writes it: offsets in the tool's unit, and the text that it quotes, if it quotes any.

    >>> MarkedSpan(0, 3, "PER", quote="Ada").label
    'PER'
    """

    start: int
    end: int
    label: str
    quote: str | None = None


class MatchedSpans(NamedTuple):
    """The tags of the tokens that spans match, in IOB2, and the spans that match no tokens.

    >>> MatchedSpans(["B-LOC", "O"], []).tags
    ['B-LOC', 'O']
    """

    tags: list[str]
    unmatched: list[Span]


def match_spans(tokens: Iterable[tuple[int, int]], spans: Iterable[Span]) -> MatchedSpans:
    """Find the tokens that spans match: those from one that starts with the span to one that ends with it.

    Args:
        tokens: start and end of each token, in order.
        spans: the spans, which must not overlap.

    >>> match_spans([(0, 11), (12, 17)], [Span(5, 11, "MISC"), Span(12, 17, "LOC")])
    MatchedSpans(tags=['O', 'B-LOC'], unmatched=[Span(start=5, end=11, label='MISC')])
    """
    borders = list(tokens)
    first = {start: number for number, (start, _) in enumerate(borders)}
    last = {end: number for number, (_, end) in enumerate(borders)}
    found = MatchedSpans(["O"] * len(borders), [])
    for span in spans:
        if span.start in first and span.end in last:
            inside = range(first[span.start], last[span.end] + 1)
            for number in inside:
                found.tags[number] = f"{'B' if number == inside.start else 'I'}-{span.label}"
        else:
            found.unmatched.append(span)
    return found


def read_spans(items: Iterable[object], text: str) -> list[Span]:
    """Read the spans of one text, in the order of the text, without white space at their borders.

    Args:
        items: the spans as a tool writes them; see :func:`parse_span`.
        text: the text.

    Raises:
        CorpusError: a span cannot be read, is empty, out of range, or overlaps another.

    >>> read_spans([[3, 7, "PER"]], "So Ada ran")
    [Span(start=3, end=6, label='PER')]
    """
    return [trimmed(span, text) for span in place_spans(map(parse_span, items), text)]


def parse_span(item: object) -> MarkedSpan:
    """Read a span as a tool writes it: ``[start, end, label]``, or an object with these keys or similar ones.

    Raises:
        CorpusError: the start, the end or the label is missing.

    >>> parse_span({"start_offset": 0, "end_offset": 3, "label": "PER"})
    MarkedSpan(start=0, end=3, label='PER', quote=None)
    """
    start: Any = None
    end: Any = None
    label: Any = None
    if isinstance(item, dict):
        start, end = (item.get(key, item.get(f"{key}_offset")) for key in ("start", "end"))
        label = item.get("label", _only_label(item))
    elif isinstance(item, Sequence) and not isinstance(item, str) and len(item) == 3:
        start, end, label = item
    if type(start) is not int or type(end) is not int or not isinstance(label, str) or not label:
        raise CorpusError(f"a span needs an integer start, an integer end and one label; this is {shown(item)}")
    quote = item.get("text") if isinstance(item, dict) else None
    return MarkedSpan(start, end, label, quote if isinstance(quote, str) else None)


def _only_label(item: dict[str, Any]) -> object:
    labels = item.get("labels")
    return labels[0] if isinstance(labels, list) and len(labels) == 1 else None


def place_spans(spans: Iterable[MarkedSpan], text: str, unit: Offsets = "characters") -> list[Span]:
    """Return spans with offsets that count characters, in the order of the text.

    Args:
        spans: spans of the text.
        text: the text.
        unit: what their offsets count.

    Raises:
        CorpusError: a span is empty, out of range, overlaps another, or quotes a text that is elsewhere.

    >>> place_spans([MarkedSpan(3, 6, "PER")], "😀 Ada", "utf16")
    [Span(start=2, end=5, label='PER')]
    """
    offsets = offsets_of(text, unit)
    ordered = sorted(((*_borders(span, offsets, unit), span) for span in spans), key=lambda each: each[:2])
    found: list[Span] = []
    before: Span | None = None
    # In the order of the text, so that no part of it is looked at for more than two spans, however many overlap.
    for start, end, span in ordered:
        found.append(_checked(Span(start, end, span.label), span, text))
        inside = trimmed(found[-1], text)
        if before is not None and inside.start < before.end:
            raise CorpusError(f"{_name(before)} and {_name(inside)} overlap; the spans of a tagger must not overlap")
        before = inside
    return sorted(found)


def _borders(span: MarkedSpan, offsets: Sequence[int], unit: Offsets) -> tuple[int, int]:
    if span.start >= span.end:
        raise CorpusError(f"{_name(span)} is empty")
    if span.start < 0 or span.end > offsets[-1]:
        raise CorpusError(f"{_name(span)} is out of range: the text has {offsets[-1]} {unit_name(unit)}")
    start, end = index_of(span.start, offsets), index_of(span.end, offsets)
    if start is None or end is None:
        raise CorpusError(
            f"{_name(span)} begins or ends inside a character; its offsets do not count {unit_name(unit)}"
        )
    return start, end


def _checked(placed: Span, span: MarkedSpan, text: str) -> Span:
    inside = text[placed.start : placed.end]
    if not inside.strip():
        raise CorpusError(f"{_name(span)} covers only white space")
    if span.quote is not None and _without_space(span.quote) != _without_space(inside):
        raise CorpusError(
            f"{_name(span)} quotes {shown(span.quote)}, but the text has {shown(inside)} at its"
            " offsets; offsets must count code points, UTF-16 units or UTF-8 bytes, alike in the whole file"
        )
    return placed


def trimmed(span: Span, text: str) -> Span:
    """Return a span without the white space at its borders.

    >>> trimmed(Span(3, 7, "PER"), "So Ada ran")
    Span(start=3, end=6, label='PER')
    """
    inside = text[span.start : span.end]
    return Span(span.end - len(inside.lstrip()), span.start + len(inside.rstrip()), span.label)


def _name(span: MarkedSpan | Span) -> str:
    return f"the {shortened(span.label)} span {span.start}..{span.end}"


def unit_of_quotes(texts: Sequence[tuple[str, Sequence[MarkedSpan]]], asked: Offsets) -> Offsets:
    """Return the unit under which all spans of some texts mark what they quote.

    Args:
        texts: each text with its spans.
        asked: the unit to prefer. It is also returned if no span quotes its text, or if no unit fits.

    >>> unit_of_quotes([("😀 Ada", [MarkedSpan(3, 6, "PER", quote="Ada")])], "characters")
    'utf16'
    """
    quoted = [
        (text, spans)
        for text, spans in texts
        if any(span.quote is not None for span in spans) and not _overlap_widely(spans, text)
    ]
    for unit in (asked, *UNITS):
        by_text = ((text, spans, offsets_of(text, unit)) for text, spans in quoted)
        if all(_has_quote(span, text, offsets) for text, spans, offsets in by_text for span in spans):
            return unit
    return asked


def _overlap_widely(spans: Sequence[MarkedSpan], text: str) -> bool:
    """Return whether spans are so long together that they will be refused, whatever they quote.

    Two spans of a text share no more than the white space between them, and a character is four bytes at most.
    """
    return sum(span.end - span.start for span in spans) > 8 * len(text)


def _has_quote(span: MarkedSpan, text: str, offsets: Sequence[int]) -> bool:
    if span.quote is None:
        return True
    start, end = index_of(span.start, offsets), index_of(span.end, offsets)
    return start is not None and end is not None and _without_space(span.quote) == _without_space(text[start:end])


def _without_space(text: str) -> str:
    return re.sub(r"\s|\\n", "", text)  # Label Studio writes a line break of the text as the two characters \n
