"""Character spans, as annotation tools export them, as tags of tokens.

::

    {"text": "Ada met Bo in Ghent.", "label": [[0, 3, "PER"], [8, 10, "PER"], [14, 19, "LOC"]]}

    tokens  Ada    met  Bo     in  Ghent  .
    tags    B-PER  O    B-PER  O   B-LOC  O

Offsets count Unicode code points; the end is exclusive. No annotation is lost: a token that straddles the border of a
span is cut there, and a span that cannot become tags is an error.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from seqkit.data.text_files import shortened
from seqkit.errors import CorpusError
from seqkit.text.tagging_schemes import Span

if TYPE_CHECKING:
    from seqkit.text.words import WordTokenizer

__all__ = ["parse_boundary", "parse_span", "tag_spans"]


def tag_spans(
    text: str, spans: Iterable[Span], boundaries: Sequence[tuple[int, int]] | None = None
) -> tuple[list[str], list[str]]:
    """Cut a text into tokens and tag them in IOB2.

    Args:
        text: the text.
        spans: labelled stretches ``text[start:end]`` of it, in any order.
        boundaries: ``(start, end)`` of each token, in order; by default those of seqkit's own word tokenizer.

    Returns:
        Tokens and tags. A token with the border of a span inside it is cut at that border.

    Raises:
        CorpusError: a span is empty, out of range, overlaps another, or covers no token.

    >>> from seqkit.text.tagging_schemes import Span
    >>> tag_spans("anti-Soviet talks", [Span(5, 11, "MISC")], [(0, 11), (12, 17)])
    (['anti-', 'Soviet', 'talks'], ['O', 'B-MISC', 'O'])
    """
    ordered = _checked_spans(text, spans)
    if boundaries is None:
        boundaries = [(token.start, token.end) for token in _word_tokenizer().tokenize(text)]
    tokens: list[str] = []
    tags: list[str] = []
    covered = [0] * len(ordered)
    current = 0
    for start, end in _cut(boundaries, sorted({border for span in ordered for border in span[:2]})):
        while current < len(ordered) and ordered[current].end <= start:
            current += 1
        tokens.append(text[start:end])
        if current < len(ordered) and ordered[current].start <= start:
            prefix = "I" if covered[current] else "B"
            tags.append(f"{prefix}-{ordered[current].label}")
            covered[current] += 1
        else:
            tags.append("O")
    for span, count in zip(ordered, covered, strict=True):
        if not count:
            raise CorpusError(f"{_name(span)} covers no token")
    return tokens, tags


def _name(span: Span) -> str:
    return f"the {span.label} span {span.start}..{span.end}"


def _checked_spans(text: str, spans: Iterable[Span]) -> list[Span]:
    ordered = sorted(spans)
    for span in ordered:
        if span.start >= span.end:
            raise CorpusError(f"{_name(span)} is empty")
        if span.start < 0 or span.end > len(text):
            raise CorpusError(f"{_name(span)} is out of range: the text has {len(text)} characters")
    for left, right in pairwise(ordered):
        if right.start < left.end:
            raise CorpusError(f"{_name(left)} and {_name(right)} overlap; the spans of a tagger must not overlap")
    return ordered


def _cut(boundaries: Iterable[tuple[int, int]], borders: Sequence[int]) -> Iterator[tuple[int, int]]:
    position = 0
    for start, end in boundaries:
        while position < len(borders) and borders[position] < end:
            if borders[position] > start:
                yield start, borders[position]
                start = borders[position]
            position += 1
        yield start, end


@cache
def _word_tokenizer() -> "WordTokenizer":
    from seqkit.text.words import WordTokenizer

    return WordTokenizer()


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
    elif isinstance(item, list) and len(item) == 3:
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


def parse_boundary(token: object, text: str) -> tuple[int, int]:
    """Read where a token begins and ends, as Prodigy writes it.

    >>> parse_boundary({"text": "Ada", "start": 0, "end": 3, "id": 0}, "Ada ran")
    (0, 3)
    """
    if isinstance(token, dict):
        start, end = token.get("start"), token.get("end")
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text):
            return start, end
    raise CorpusError(f"a token needs a start and an end inside the text; this is {shortened(repr(token))}")
