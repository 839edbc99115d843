"""Windows of long texts: where they are cut, and how their predictions are merged.

If possible, a window ends where a sentence ends: a model that was trained on sentences loses nothing there. Otherwise
the cut is arbitrary, so the two windows overlap. Each provides the predictions on its side of a seam in the overlap,
and both have read the tokens around the seam::

    first window    ├───────────────────────────┤
    second window                       ├───────────────────────────┤
    overlap                             ├───────┤
    seam                                    ↑       moved, if possible, so that no span of either window crosses it
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from seqkit.errors import ConfigError
from seqkit.tasks.tag_prediction import TagPrediction
from seqkit.text.tagging_schemes import Scheme, Span, tags_from_spans

__all__ = [
    "MAX_WINDOW",
    "OVERLAP",
    "SENTENCE_END",
    "Window",
    "cut_windows",
    "merge_predictions",
    "seams",
    "window_borders",
]

MAX_WINDOW = 200  # tokens
OVERLAP = 40  # tokens; a token at the seam has half as many as context beyond the seam
SENTENCE_END = frozenset(".!?…。！？")


class Window(NamedTuple):
    """The tokens from ``start`` to ``end``, exclusive."""

    start: int
    end: int


def cut_windows(tokens: Sequence[str], longest: int = MAX_WINDOW, overlap: int = OVERLAP) -> list[Window]:
    """Cut a text into windows that together contain every token, in order.

    Each window is as long as possible, but ends at the last end of a sentence in its second half, if there is one.

    Args:
        tokens: the words of one text.
        longest: maximum number of tokens in a window.
        overlap: number of tokens that two windows share if no sentence ends between them.

    Raises:
        ConfigError: if ``longest`` is less than 1, or ``overlap`` is negative or more than half of it.

    >>> cut_windows("It rained . We went on and on and on".split(), longest=5, overlap=1)
    [Window(start=0, end=3), Window(start=3, end=8), Window(start=7, end=10)]
    """
    if not 0 <= 2 * overlap <= longest or longest < 1:  # so that no token is in three windows
        raise ConfigError(f"windows of {longest} tokens cannot overlap by {overlap} tokens; half is the maximum")
    if len(tokens) <= longest:
        return [Window(0, len(tokens))] if tokens else []
    windows = []
    start = 0
    while len(tokens) - start > longest:
        full = start + longest
        ends = (end for end in range(full, start + longest // 2, -1) if tokens[end - 1] in SENTENCE_END)
        end = next(ends, None)
        windows.append(Window(start, end or full))
        start = end or full - overlap
    return [*windows, Window(start, len(tokens))]


def merge_predictions(
    windows: Sequence[Window], predictions: Sequence[TagPrediction], scheme: Scheme | None
) -> TagPrediction:
    """Merge the predictions for the windows of one text.

    A span is taken whole from the window that provides its first token. If spans cross every possible seam, those spans
    of the later window that overlap a span of the earlier one are left out. The tags of several windows are derived
    from the merged spans, so that tags and spans always agree.

    Args:
        windows: the windows of one text, from ``cut_windows``.
        predictions: one for each window.
        scheme: the tagging scheme; None for plain tags.

    >>> windows = [Window(0, 4), Window(2, 6)]
    >>> left = TagPrediction(["O", "O", "B-LOC", "E-LOC"], [Span(2, 4, "LOC")], [0.5])  # cut off at the window's end
    >>> right = TagPrediction(["B-LOC", "I-LOC", "E-LOC", "O"], [Span(0, 3, "LOC")], [0.9])
    >>> merge_predictions(windows, [left, right], Scheme.IOBES).tags
    ['O', 'O', 'B-LOC', 'I-LOC', 'E-LOC', 'O']
    """
    if len(predictions) == 1:
        return predictions[0]
    found = [_spans(*each, plain=scheme is None) for each in zip(windows, predictions, strict=True)]
    borders = window_borders(windows, predictions, scheme)
    merged = TagPrediction([], [])
    for number, candidates in enumerate(found):
        for index, span in enumerate(candidates):
            free = not merged.spans or merged.spans[-1].end <= span.start
            if free and borders[number] <= span.start < borders[number + 1]:
                merged.spans.append(span)
                chosen = slice(index, index + 1)  # the lists are empty if confidence was not requested
                merged.confidence.extend(predictions[number].confidence[chosen])
                merged.spread.extend(predictions[number].spread[chosen])
                merged.intervals.extend(predictions[number].intervals[chosen])
    if scheme is None:
        return replace(merged, tags=[span.label for span in merged.spans], spans=[])
    return replace(merged, tags=tags_from_spans(merged.spans, borders[-1], scheme))


def window_borders(windows: Sequence[Window], predictions: Sequence[TagPrediction], scheme: Scheme | None) -> list[int]:
    """Return the first token that each window of one text provides, and the end of the text; [0] without windows.

    Args:
        windows: the windows of one text.
        predictions: one for each window.
        scheme: the tagging scheme; None for plain tags.

    >>> predictions = [TagPrediction([], [Span(3, 5, "PER")]), TagPrediction([], [Span(1, 3, "PER")])]
    >>> window_borders([Window(0, 6), Window(2, 8)], predictions, Scheme.IOBES)
    [0, 3, 8]
    """
    found = [_spans(*each, plain=scheme is None) for each in zip(windows, predictions, strict=True)]
    return [0, *seams(windows, found), windows[-1].end] if windows else [0]


def seams(windows: Sequence[Window], spans: Sequence[Sequence[Span]]) -> list[int]:
    """Return the first token that each window but the first provides.

    Args:
        windows: the windows of one text.
        spans: the spans found in each, counted in tokens of the text.

    Returns:
        One position for each pair of adjacent windows: the position nearest to the middle of their overlap that lies
        within no span of either window, or the middle itself if there is none.

    >>> seams([Window(0, 6), Window(2, 8)], [[Span(3, 5, "PER")], [Span(3, 5, "PER")]])
    [3]
    """
    return [
        _seam(left, right, [*left_spans, *right_spans])
        for (left, right), (left_spans, right_spans) in zip(pairwise(windows), pairwise(spans), strict=True)
    ]


def _seam(left: Window, right: Window, spans: Sequence[Span]) -> int:
    """Return the position nearest to the middle of two windows' overlap that lies within no span."""
    middle = (right.start + left.end) // 2
    free = set(range(right.start, left.end + 1))
    for span in spans:
        free.difference_update(range(span.start + 1, span.end))
    return min(free or {middle}, key=lambda position: (abs(position - middle), position))


def _spans(window: Window, prediction: TagPrediction, *, plain: bool) -> list[Span]:
    """Return the spans of a window, counted in tokens of the text; a plain tag is a span of one token."""
    spans = [Span(index, index + 1, tag) for index, tag in enumerate(prediction.tags)] if plain else prediction.spans
    return [Span(window.start + span.start, window.start + span.end, span.label) for span in spans]
