"""Tables without a header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.unnamed_columns import find_text_and_label

words = st.lists(st.sampled_from(["a", "film", "good", "bad"]), min_size=2, max_size=6).map(" ".join)


@given(st.lists(words, min_size=4, max_size=20, unique=True), st.booleans())
def test_more_words_and_more_values_make_the_texts(texts: list[str], swapped: bool) -> None:
    labels = [("pos", "neg")[number % 2] for number in range(len(texts))]
    rows = [(0, [label, text] if swapped else [text, label]) for text, label in zip(texts, labels, strict=True)]
    assert find_text_and_label(rows) == ((1, 0) if swapped else (0, 1))


@pytest.mark.parametrize("cells", [["a b"], ["a b", "x", "y"], []])
def test_other_widths_are_not_guessed(cells: list[str]) -> None:
    assert find_text_and_label([(1, cells), (2, cells)]) is None
