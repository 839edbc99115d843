"""Character spans as tags of tokens."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.annotated_spans import tag_spans
from seqkit.data.jsonl import read_json
from seqkit.text.tagging_schemes import Scheme, Span, illegal_tags
from tests.tiny_corpora import tagged


def test_a_token_is_cut_where_a_span_ends_inside_it() -> None:
    record = {"text": "post-Soviet Ghent's", "label": [[5, 11, "MISC"], [12, 17, "LOC"]]}
    (sentence,) = tagged(read_json(json.dumps(record), "a.jsonl"))
    assert list(zip(sentence.tokens, sentence.tags, strict=True)) == [
        ("post-", "O"),
        ("Soviet", "B-MISC"),
        ("Ghent", "B-LOC"),
        ("'s", "O"),
    ]


@given(st.text("ab. \u0301😀\n", max_size=20), st.lists(st.tuples(st.integers(0, 20), st.integers(1, 8)), max_size=6))
def test_spans_become_tags_as_a_character_by_character_reading_says(text: str, drawn: list[tuple[int, int]]) -> None:
    spans: list[Span] = []
    for start, length in sorted(drawn):
        end = start + length
        if end <= len(text) and text[start:end].strip() and (not spans or spans[-1].end <= start):
            spans.append(Span(start, end, "X" if length % 2 else "Y"))
    words = [(match.start(), match.end()) for match in re.finditer(r"\S+", text)]
    owner = [next((i for i, s in enumerate(spans) if s.start <= at < s.end), None) for at in range(len(text))]
    expected: list[tuple[str, int | None]] = []
    for start, end in words:
        for at in range(start, end):
            if at > start and owner[at] == owner[at - 1]:
                expected[-1] = (expected[-1][0] + text[at], owner[at])
            else:
                expected.append((text[at], owner[at]))
    tokens, tags = tag_spans(text, reversed(spans), words)
    assert tokens == [piece for piece, _ in expected]
    seen: set[int] = set()
    for tag, (_, index) in zip(tags, expected, strict=True):
        assert tag == ("O" if index is None else f"{'I' if index in seen else 'B'}-{spans[index].label}")
        seen |= set() if index is None else {index}
    assert not illegal_tags(tags, Scheme.IOB2)
