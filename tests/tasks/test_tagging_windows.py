"""Windows: they contain every token, and their merged predictions equal those of the whole text."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.errors import ConfigError
from seqkit.tasks.tag_prediction import TagPrediction
from seqkit.tasks.tagging_windows import SENTENCE_END, Window, cut_windows, merge_predictions, seams
from seqkit.text.tagging_schemes import Scheme, Span, illegal_tags, spans_from_tags, tags_from_spans

Model = Callable[[list[str]], TagPrediction]

texts = st.text(st.sampled_from("aaaaabbbbb."), max_size=80).map(list)  # sentences are mostly longer than windows
sizes = st.integers(1, 12).flatmap(lambda longest: st.tuples(st.just(longest), st.integers(0, longest // 2)))


def kept(windows: list[Window], positions: list[int]) -> list[range]:
    """Return the tokens whose predictions each window provides."""
    return [range(*borders) for borders in pairwise([0, *positions, windows[-1].end])]


def read_in_windows(tokens: list[str], model: Model, size: tuple[int, int], scheme: Scheme | None) -> TagPrediction:
    windows = cut_windows(tokens, *size)
    return merge_predictions(windows, [model(tokens[start:end]) for start, end in windows], scheme)


# Cutting


@given(texts, sizes)
def test_windows_contain_every_token_and_end_with_sentences(tokens: list[str], size: tuple[int, int]) -> None:
    longest, overlap = size
    windows = cut_windows(tokens, longest, overlap)
    assert [window.start for window in windows][:1] == [0] * bool(tokens)
    assert [window.end for window in windows][-1:] == [len(tokens)] * bool(tokens)
    assert all(0 < end - start <= longest for start, end in windows)
    assert all(windows[number + 2].start >= windows[number].end for number in range(len(windows) - 2))
    for left, right in pairwise(windows):
        second_half = range(left.start + longest // 2 + 1, left.start + longest + 1)
        ends = [position for position in second_half if tokens[position - 1] in SENTENCE_END]
        if ends:
            assert left.end == right.start == ends[-1]
        else:
            assert (left.end, right.start) == (left.start + longest, left.end - overlap)


def test_a_text_that_fits_is_one_window() -> None:
    assert cut_windows(["a"] * 200) == [Window(0, 200)]
    assert cut_windows(["a"] * 201) == [Window(0, 200), Window(160, 201)]
    assert cut_windows(["a"] * 100 + ["."] + ["a"] * 100) == [Window(0, 101), Window(101, 201)]
    assert cut_windows([]) == []


@pytest.mark.parametrize("size", [(0, 0), (4, 3), (4, -1), (1, 1)])
def test_windows_that_would_not_advance_are_an_error(size: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match=f"{size[0]} tokens cannot overlap by {size[1]}"):
        cut_windows(["a"] * 9, *size)


# Merging: models whose predictions depend on at most half an overlap, within the sentence


def neighbourhood(radius: int) -> Model:
    """Return a model whose tag of a token spells out ``radius`` tokens around it, within its sentence."""

    def model(tokens: list[str]) -> TagPrediction:
        text = "".join(tokens)
        tags = []
        for position in range(len(text)):
            start = max(text.rfind(".", 0, position) + 1, position - radius)
            end = text.find(".", position) % (len(text) + 1)  # the length of the text if there is none
            tags.append(
                f"{text[start:position]}<{text[position]}>{text[position + 1 : min(end, position + radius) + 1]}"
            )
        return TagPrediction(tags, [], [len(tag) / 99 for tag in tags])

    return model


def runs(tokens: list[str]) -> TagPrediction:
    """Predict each run of one letter as a span, with a confidence by its length; other characters are outside."""
    tags = ["O" if token in "-." else f"{'B' if token != before else 'I'}-{token}" for before, token in
            pairwise(["", *tokens])]  # fmt: skip
    spans = spans_from_tags(tags, Scheme.IOB2)
    confidence = [1 / (1 + span.end - span.start) for span in spans]
    return TagPrediction(tags_from_spans(spans, len(tags), Scheme.IOBES), spans, confidence)


@given(texts, sizes)
def test_plain_tags_are_those_of_the_whole_text(tokens: list[str], size: tuple[int, int]) -> None:
    model = neighbourhood(size[1] // 2)
    assert read_in_windows(tokens, model, size, None) == model(tokens)


@given(st.data(), st.integers(0, 6))
def test_spans_are_those_of_the_whole_text(data: st.DataObject, overlap: int) -> None:
    longest = data.draw(st.integers(max(2 * overlap, 1), 30))
    piece = st.tuples(st.sampled_from("abc-."), st.integers(1, max(1, overlap // 2)))
    drawn = data.draw(st.lists(piece, max_size=40))
    apart = [(letter, length) for (before, _), (letter, length) in pairwise([("", 0), *drawn]) if letter != before]
    tokens = [*"".join(letter * length for letter, length in apart)]
    assert read_in_windows(tokens, runs, (longest, overlap), Scheme.IOBES) == runs(tokens)


# Merging: windows that disagree arbitrarily


def drawn_spans(draw: st.DrawFn, length: int) -> list[Span]:
    borders = sorted({0, length, *draw(st.sets(st.integers(0, length), max_size=4))})
    return [Span(*pair, draw(st.sampled_from("XY"))) for pair in pairwise(borders) if draw(st.integers(0, 3))]


@st.composite
def disagreements(draw: st.DrawFn) -> tuple[list[Window], list[TagPrediction]]:
    windows = cut_windows(draw(texts), *draw(sizes))
    found = [drawn_spans(draw, end - start) for start, end in windows]
    numbers: Iterator[int] = iter(range(1, 10_000))
    return windows, [
        TagPrediction(
            tags_from_spans(spans, end - start, Scheme.IOB1), spans, [1 / next(numbers) for _ in spans]
        )
        for (start, end), spans in zip(windows, found, strict=True)
    ]  # fmt: skip


def shifted(windows: list[Window], predictions: list[TagPrediction]) -> list[list[Span]]:
    return [
        [Span(window.start + start, window.start + end, label) for start, end, label in prediction.spans]
        for window, prediction in zip(windows, predictions, strict=True)
    ]


@given(disagreements())
def test_no_span_is_cut_or_duplicated(given_predictions: tuple[list[Window], list[TagPrediction]]) -> None:
    windows, predictions = given_predictions
    merged = merge_predictions(windows, predictions, Scheme.IOB1)
    assert all(left.end <= right.start for left, right in pairwise(merged.spans))
    assert illegal_tags(merged.tags, Scheme.IOB1) == []
    assert spans_from_tags(merged.tags, Scheme.IOB1) == merged.spans
    assert len(merged.tags) == (windows[-1].end if windows else 0)
    # Each merged span, with its confidence, is a whole span of the window that provides its first token.
    found = shifted(windows, predictions)
    confidence_of = {
        (position, span): confidence
        for position, (spans, prediction) in enumerate(zip(found, predictions, strict=True))
        for span, confidence in zip(spans, prediction.confidence, strict=True)
    }
    parts = kept(windows, seams(windows, found)) if windows else []
    owners = [next(position for position, part in enumerate(parts) if span.start in part) for span in merged.spans]
    assert merged.confidence == [confidence_of[each] for each in zip(owners, merged.spans, strict=True)]
    # A span is missing only if it overlaps a merged one.
    for position, spans in enumerate(found):
        for span in spans:
            if span.start in parts[position] and span not in merged.spans:
                assert any(other.start < span.start < other.end for other in merged.spans)


@given(disagreements())
def test_seams_avoid_spans(given_predictions: tuple[list[Window], list[TagPrediction]]) -> None:
    windows, predictions = given_predictions
    found = shifted(windows, predictions)
    positions = seams(windows, found)
    assert [token for part in (kept(windows, positions) if windows else []) for token in part] == list(
        range(windows[-1].end if windows else 0)
    )
    for position, (left, right), spans in zip(positions, pairwise(windows), pairwise(found), strict=True):
        both = [*spans[0], *spans[1]]
        crossed = {
            seam: any(span.start < seam < span.end for span in both) for seam in range(right.start, left.end + 1)
        }
        middle = (right.start + left.end) // 2
        if all(crossed.values()):
            assert position == middle
        else:
            assert not crossed[position]
            assert all(crossed[seam] for seam in crossed if abs(seam - middle) < abs(position - middle))


@pytest.mark.parametrize(
    ("left", "right", "position"),
    [
        ([], [], 4),
        ([Span(3, 5, "X")], [], 3),  # the earlier of two equally near positions
        ([Span(2, 5, "X")], [Span(4, 5, "X")], 5),
        ([Span(1, 4, "X")], [Span(3, 6, "X")], 6),  # the borders of the overlap are positions too
        ([Span(0, 2, "X"), Span(2, 6, "Y")], [Span(3, 7, "X")], 2),
        ([Span(1, 6, "X")], [Span(2, 7, "X")], 4),  # none is free
    ],
)
def test_positions_of_a_seam(left: list[Span], right: list[Span], position: int) -> None:
    assert seams([Window(0, 6), Window(2, 8)], [left, right]) == [position]


def test_if_no_seam_is_free_the_earlier_window_wins() -> None:
    windows = [Window(0, 8), Window(4, 12)]
    left = TagPrediction(["O"] * 3 + ["B-X"] + ["I-X"] * 3 + ["E-X"], [Span(3, 8, "X")], [0.5])
    right = TagPrediction(
        ["B-Y", "E-Y", "B-X", "I-X", "E-X", "S-Y", "O", "O"],
        [Span(0, 2, "Y"), Span(2, 5, "X"), Span(5, 6, "Y")],
        [0.6, 0.7, 0.8],
    )
    merged = merge_predictions(windows, [left, right], Scheme.IOBES)
    assert merged.spans == [Span(3, 8, "X"), Span(9, 10, "Y")]
    assert merged.tags == [*["O"] * 3, "B-X", "I-X", "I-X", "I-X", "E-X", "O", "S-Y", "O", "O"]
    assert merged.confidence == [0.5, 0.8]


def test_touching_spans_of_touching_windows_stay_two_in_every_scheme() -> None:
    for scheme in Scheme:
        one = TagPrediction(tags_from_spans([Span(0, 2, "X")], 2, scheme), [Span(0, 2, "X")], [0.5])
        merged = merge_predictions([Window(0, 2), Window(2, 4)], [one, one], scheme)
        assert spans_from_tags(merged.tags, scheme) == merged.spans == [Span(0, 2, "X"), Span(2, 4, "X")]


def test_one_window_is_returned_unchanged_and_no_confidence_is_invented() -> None:
    malformed = TagPrediction(["I-X", "O"], [Span(0, 1, "X")], [])  # as a softmax head may predict
    assert merge_predictions([Window(0, 2)], [malformed], Scheme.IOBES) is malformed
    windows = [Window(0, 2), Window(2, 4)]
    assert merge_predictions(windows, [malformed] * 2, Scheme.IOBES) == TagPrediction(
        ["S-X", "O", "S-X", "O"], [Span(0, 1, "X"), Span(2, 3, "X")], []
    )
    plain = TagPrediction(["N", "V"], [], [])
    assert merge_predictions(windows, [plain] * 2, None) == TagPrediction(["N", "V", "N", "V"], [], [])
    assert merge_predictions([], [], Scheme.IOBES) == TagPrediction([], [], [])
