"""Texts longer than a model reads at once: cut into windows, and the answers for the windows made one again.

Where a sentence ends, a window ends with it and the next begins: a model that learnt from sentences misses nothing
there. Elsewhere the cut is arbitrary, so that two windows overlap; each answers for its side of a seam in the overlap,
and both have seen what stands around it::

    first window    ├───────────────────────────┤
    second window                       ├───────────────────────────┤
    overlap                             ├───────┤
    seam                                    ↑       moved, if need be, to where no span of either lies across it
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from seqkit.errors import ConfigError
from seqkit.tasks.tagging import TagPrediction
from seqkit.text.tagging_schemes import Scheme, Span, tags_from_spans

__all__ = ["LONGEST_WINDOW", "OVERLAP", "SENTENCE_END", "Window", "cut_windows", "merge_predictions", "seams"]

LONGEST_WINDOW = 200  # tokens
OVERLAP = 40  # half of it is the context that a token beside the seam has on the far side
SENTENCE_END = frozenset(".!?…。！？")


class Window(NamedTuple):
    """The tokens from ``start`` up to, not including, ``end``."""

    start: int
    end: int


def cut_windows(tokens: Sequence[str], longest: int = LONGEST_WINDOW, overlap: int = OVERLAP) -> list[Window]:
    """Windows that hold every token, in order.

    Each is as long as may be, yet ends with the last sentence that ends in its second half, where there is one.

    Args:
        tokens: the words of one text.
        longest: most tokens in a window.
        overlap: how many tokens two windows share where no sentence ends between them.

    Raises:
        ConfigError: windows of no token, or that overlap by more than half.

    >>> cut_windows("It rained . We went on and on and on".split(), longest=5, overlap=1)
    [Window(start=0, end=3), Window(start=3, end=8), Window(start=7, end=10)]
    """
    if not 0 <= 2 * overlap <= longest or longest < 1:  # so that no token is in three windows
        raise ConfigError(f"windows of {longest} tokens cannot overlap by {overlap}; let them by half at most")
    windows = []
    start = 0
    while len(tokens) - start > longest:
        full = start + longest
        ends = (place for place in range(full, start + longest // 2, -1) if tokens[place - 1] in SENTENCE_END)
        end = next(ends, None)
        windows.append(Window(start, end or full))
        start = end or full - overlap
    return [*windows, Window(start, len(tokens))] if tokens else []


def merge_predictions(
    windows: Sequence[Window], predictions: Sequence[TagPrediction], scheme: Scheme | None
) -> TagPrediction:
    """The prediction for a text out of those for its windows.

    A span is taken, whole, from the window that answers for its first token; where no seam is free of spans, those of
    the later window that overlap one of the earlier are left out. The tags of several windows are written from their
    spans, so that both always agree.

    Args:
        windows: the windows of one text, from ``cut_windows``.
        predictions: one for each.
        scheme: the scheme of the tags; None where they are plain, and each stands for itself.

    >>> windows = [Window(0, 4), Window(2, 6)]
    >>> left = TagPrediction(["O", "O", "B-LOC", "E-LOC"], [Span(2, 4, "LOC")], [0.5])  # it sees no more of it
    >>> right = TagPrediction(["B-LOC", "I-LOC", "E-LOC", "O"], [Span(0, 3, "LOC")], [0.9])
    >>> merge_predictions(windows, [left, right], Scheme.IOBES).tags
    ['O', 'O', 'B-LOC', 'I-LOC', 'E-LOC', 'O']
    """
    if len(predictions) == 1:
        return predictions[0]
    found = [_spans(*each, plain=scheme is None) for each in zip(windows, predictions, strict=True)]
    length = windows[-1].end if windows else 0
    borders = [0, *seams(windows, found), length]
    spans: list[Span] = []
    confidence: list[float] = []
    spread: list[float] = []
    intervals: list[tuple[float, float]] = []
    for place, candidates in enumerate(found):
        for number, span in enumerate(candidates):
            if borders[place] <= span.start < borders[place + 1] and (not spans or spans[-1].end <= span.start):
                spans.append(span)
                said, chosen = predictions[place], slice(number, number + 1)  # empty where not asked for
                confidence += said.confidence[chosen]
                spread += said.spread[chosen]
                intervals += said.intervals[chosen]
    if scheme is None:
        return TagPrediction([span.label for span in spans], [], confidence, spread, intervals)
    return TagPrediction(tags_from_spans(spans, length, scheme), spans, confidence, spread, intervals)


def seams(windows: Sequence[Window], spans: Sequence[Sequence[Span]]) -> list[int]:
    """Where the answers pass from each window to the next: the first token that the next one answers for.

    Args:
        windows: the windows of one text.
        spans: what was found in each, counted in tokens of the text.

    Returns:
        One place fewer than windows: of those in the overlap the nearest to its middle that lies within no span of
        either window; the middle itself where there is none.

    >>> seams([Window(0, 6), Window(2, 8)], [[Span(3, 5, "PER")], [Span(3, 5, "PER")]])
    [3]
    """
    places = []
    for (left, right), found in zip(pairwise(windows), pairwise(spans), strict=True):
        middle = (right.start + left.end) // 2
        free = set(range(right.start, left.end + 1))
        for span in (*found[0], *found[1]):
            free.difference_update(range(span.start + 1, span.end))
        places.append(min(free or {middle}, key=lambda place: (abs(place - middle), place)))
    return places


def _spans(window: Window, prediction: TagPrediction, *, plain: bool) -> list[Span]:
    """The spans of a window, counted in tokens of the text; a plain tag is a span of one token."""
    spans = [Span(place, place + 1, tag) for place, tag in enumerate(prediction.tags)] if plain else prediction.spans
    return [Span(window.start + span.start, window.start + span.end, span.label) for span in spans]
