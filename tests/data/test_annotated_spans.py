"""Character spans, and the tokens that match them."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.annotated_spans import MarkedSpan, match_spans, place_spans, read_spans, unit_of_quotes
from seqkit.data.jsonl import read_json
from seqkit.data.rows import AnnotatedText
from seqkit.errors import CorpusError
from seqkit.text.tagging_schemes import Scheme, Span, illegal_tags, spans_from_tags

Drawn = list[tuple[int, int]]


def cut_at(borders: list[int]) -> Drawn:
    """Return stretches between alternate borders, which are in order and do not overlap."""
    ordered = sorted(set(borders))
    return list(zip(ordered[::2], ordered[1::2], strict=False))


@given(st.lists(st.integers(0, 30), max_size=20), st.lists(st.integers(0, 30), max_size=12))
def test_a_span_matches_tokens_that_begin_and_end_with_it(token_borders: list[int], span_borders: list[int]) -> None:
    tokens = cut_at(token_borders)
    spans = [Span(start, end, "XY"[start % 2]) for start, end in cut_at(span_borders)]
    tags, unmatched = match_spans(tokens, spans)
    assert not illegal_tags(tags, Scheme.IOB2)
    found = {
        Span(tokens[span.start][0], tokens[span.end - 1][1], span.label) for span in spans_from_tags(tags, Scheme.IOB2)
    }
    starts, ends = {start for start, _ in tokens}, {end for _, end in tokens}
    assert found == {span for span in spans if span.start in starts and span.end in ends}
    assert unmatched == [span for span in spans if span not in found]


def test_the_borders_of_a_span_do_not_cut_tokens() -> None:
    record = {"text": "post-Soviet Ghent's", "label": [[5, 11, "MISC"], [12, 17, "LOC"]]}
    assert read_json(json.dumps(record), "a.jsonl") == [
        AnnotatedText("post-Soviet Ghent's", [Span(5, 11, "MISC"), Span(12, 17, "LOC")], line=1)
    ]


def test_white_space_at_the_borders_belongs_to_no_span() -> None:
    assert read_spans([[2, 7, "PER"]], "So Ada\n ran") == [Span(3, 6, "PER")]


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([[3, 3, "X"]], "the X span 3..3 is empty"),
        ([[-1, 3, "X"]], "the X span -1..3 is out of range: the text has 7 characters"),
        ([[0, 8, "X"]], "the X span 0..8 is out of range: the text has 7 characters"),
        ([[3, 4, "X"]], "the X span 3..4 covers only white space"),
        ([[0, 4, "X"], [2, 5, "Y"]], "the X span 0..3 and the Y span 2..5 overlap; .*"),
    ],
)
def test_a_span_that_cannot_be_used_is_an_error(spans: list[object], message: str) -> None:
    with pytest.raises(CorpusError, match=f"^{message}$"):
        read_spans(spans, "Ada ran")


LONG = 1_000_000


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("a" * LONG, [MarkedSpan(0, LONG - number, "X") for number in range(5000)]),
        ("x" + " " * LONG, [MarkedSpan(0, LONG - number, "X", quote="x") for number in range(5000)]),
        (" " * LONG + "x", [MarkedSpan(number, LONG + 1, "X", quote="x") for number in range(5000)]),
        ("é" * LONG, [MarkedSpan(0, LONG - number, "X", quote="é") for number in range(5000)]),
    ],
    ids=["one word", "blanks after", "blanks before", "quotes"],
)
def test_many_long_spans_that_overlap_are_refused_at_once(text: str, spans: list[MarkedSpan]) -> None:
    start = time.process_time()
    unit = unit_of_quotes([(text, spans)], "characters")
    with pytest.raises(CorpusError, match=r"overlap|quotes"):
        place_spans(spans, text, unit)
    assert time.process_time() - start < 2  # looking at each of them takes a minute
