"""Columns that count words, against counts written by hand and at random."""

from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.word_columns import counts_words, first_columns

lengths = st.lists(st.integers(1, 6), min_size=1, max_size=8)


@given(lengths, st.integers(0, 1), st.booleans(), st.integers(1, 2))
def test_counts_from_0_or_1_in_each_sentence_or_through_the_file(
    sizes: list[int], start: int, through: bool, gap: int
) -> None:
    sentences, number = [], start
    for size in sizes:
        sentences.append([str(number + index) for index in range(size)])
        number = number + size - 1 + gap if through else start
    assert counts_words(sentences)
    rows = [[[cell, "w", "O"] for cell in sentence] for sentence in sentences]
    assert first_columns(rows, 3) == (0, 1)


@given(st.lists(st.lists(st.sampled_from(["5", "7", "a", ""]), min_size=1), min_size=1))
def test_what_does_not_begin_with_0_or_1_does_not_count(sentences: list[list[str]]) -> None:
    assert not counts_words(sentences)


def test_a_gap_in_a_long_count_is_no_end_of_it() -> None:
    assert counts_words([[str(number) for number in range(1, 30) if number != 17]])
    assert not counts_words([["1", "5", "3", "9"]])
