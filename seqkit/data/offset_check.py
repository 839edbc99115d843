"""Whether the offsets of spans fit the words of their texts, and in which unit they would.

::

    text  😀 met Indira          {"start": 7, "end": 13, "label": "PER"}

Read as characters, this span marks ``ndira``; read as UTF-16 units, it marks ``Indira``.
"""

from collections.abc import Sequence

from seqkit.data.annotated_spans import MarkedSpan, match_spans, place_spans, trimmed
from seqkit.data.offsets import UNITS, Offsets, length_in, unit_name
from seqkit.errors import CorpusError
from seqkit.text.tagging_schemes import Span
from seqkit.text.words import WordTokenizer

__all__ = ["offsets_hint", "spans_inside_words"]

LOOKED_AT = 100_000
"""After how many characters of texts the unit is as good as certain."""


def spans_inside_words(
    texts: Sequence[str], spans: Sequence[Sequence[Span]], tokenizer: WordTokenizer | None = None
) -> list[tuple[int, Span]]:
    """Find the spans that begin or end inside a word, each with the number of its text, counted from 0.

    Args:
        texts: the texts.
        spans: the spans of each, in characters, without white space at their borders.
        tokenizer: cuts texts into words; by default the usual one.

    >>> spans_inside_words(["met Indira"], [[Span(4, 8, "PER")]])
    [(0, Span(start=4, end=8, label='PER'))]
    """
    words = (tokenizer or WordTokenizer()).tokenize_batch(texts)
    return [
        (number, span)
        for number, (found, each) in enumerate(zip(words, spans, strict=True))
        for span in match_spans((word[1:] for word in found), each).unmatched
    ]


def offsets_hint(texts: Sequence[str], spans: Sequence[Sequence[Span]], unit: Offsets = "characters") -> str:
    """Return what to add to a message about spans if their offsets count something else; usually nothing.

    Another unit is offered if at most a tenth as many spans are out of place when offsets are read in it. Only the
    texts count in which the units differ.

    Args:
        texts: the texts of a corpus.
        spans: the spans of each, as they are in the file.
        unit: the unit in which they are read now.

    >>> offsets_hint(["😀 met Indira"], [[Span(7, 13, "PER")]])
    '; where the unit matters, 0 of 1 spans fit, but 1 if offsets count UTF-16 units: pass --offsets utf16'
    """
    gained, hint = 0, ""
    for other in UNITS:
        concerned, marked, others = _where_units_differ(texts, spans, unit, other)
        total = sum(map(len, marked))
        now, then = (_count_fitting(concerned, marked, each) for each in (unit, other))
        if now < total and 10 * (total - then) <= total - now and then - now > gained:
            gained = then - now
            counted = f"the first {total}" if others else str(total)
            hint = (
                f"; where the unit matters, {now} of {counted} spans fit, but {then} if offsets count"
                f" {unit_name(other)}: pass --offsets {other}"
            )
    return hint


def _where_units_differ(
    texts: Sequence[str], spans: Sequence[Sequence[Span]], unit: Offsets, other: Offsets
) -> tuple[list[str], list[Sequence[Span]], bool]:
    """Return the texts in which two units differ and their spans, up to ``LOOKED_AT``, and whether there are others."""
    concerned: list[str] = []
    marked: list[Sequence[Span]] = []
    characters = 0
    for text, each in zip(texts, spans, strict=True):
        if each and length_in(text, unit) != length_in(text, other):
            if characters > LOOKED_AT:
                return concerned, marked, True
            concerned.append(text)
            marked.append(each)
            characters += len(text)
    return concerned, marked, False


def _count_fitting(texts: Sequence[str], spans: Sequence[Sequence[Span]], unit: Offsets) -> int:
    """Count the spans that have a place in their text, and neither begin nor end inside a word."""
    placed: list[list[Span]] = []
    for text, each in zip(texts, spans, strict=True):
        try:
            marked = [MarkedSpan(*span) for span in each]
            placed.append([trimmed(span, text) for span in place_spans(marked, text, unit)])
        except CorpusError:
            placed.append([])
    return sum(map(len, placed)) - len(spans_inside_words(texts, placed))
