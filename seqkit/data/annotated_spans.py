"""Character spans, as annotation tools export them, and the tokens that match them.

::

    {"text": "Ada met Bo in Ghent.", "label": [[0, 3, "PER"], [8, 10, "PER"], [14, 19, "LOC"]]}

    tokens  Ada    met  Bo     in  Ghent  .
    tags    B-PER  O    B-PER  O   B-LOC  O

Offsets count Unicode code points; the end is exclusive. Tokens are made from the text alone. A span that begins or ends
inside a token matches no tokens, so no tagger of these tokens can find it: it is kept, and counts as missed.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from seqkit.data.text_files import shortened
from seqkit.errors import CorpusError
from seqkit.text.tagging_schemes import Span

__all__ = ["MatchedSpans", "match_spans", "parse_span", "read_spans"]


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
    ordered = sorted(_trimmed(parse_span(item, text), text) for item in items)
    for left, right in pairwise(ordered):
        if right.start < left.end:
            raise CorpusError(f"{_name(left)} and {_name(right)} overlap; the spans of a tagger must not overlap")
    return ordered


def _trimmed(span: Span, text: str) -> Span:
    if span.start >= span.end:
        raise CorpusError(f"{_name(span)} is empty")
    if span.start < 0 or span.end > len(text):
        raise CorpusError(f"{_name(span)} is out of range: the text has {len(text)} characters")
    inside = text[span.start : span.end]
    if not inside.strip():
        raise CorpusError(f"{_name(span)} covers only white space")
    return Span(span.end - len(inside.lstrip()), span.start + len(inside.rstrip()), span.label)


def _name(span: Span) -> str:
    return f"the {span.label} span {span.start}..{span.end}"


def parse_span(item: object, text: str) -> Span:
    """Read a span as a tool writes it: ``[start, end, label]``, or an object with these keys or similar ones.

    Raises:
        CorpusError: the start, the end or the label is missing, or the text that the span quotes is elsewhere.

    >>> parse_span({"start_offset": 0, "end_offset": 3, "label": "PER"}, "Ada ran")
    Span(start=0, end=3, label='PER')
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
        shown = shortened(repr(item))
        raise CorpusError(f"a span needs an integer start, an integer end and one label; this is {shown}")
    if isinstance(item, dict) and isinstance(item.get("text"), str):
        _check_quote(item["text"], text[max(start, 0) : end])
    return Span(start, end, label)


def _only_label(item: dict[str, Any]) -> object:
    labels = item.get("labels")
    return labels[0] if isinstance(labels, list) and len(labels) == 1 else None


def _check_quote(quoted: str, found: str) -> None:
    # Label Studio writes a line break of the text as the two characters \n
    if re.sub(r"\s|\\n", "", quoted) != re.sub(r"\s|\\n", "", found):
        raise CorpusError(
            f"a span quotes {quoted!r}, but the text has {found!r} at its offsets; offsets must count code points"
        )
