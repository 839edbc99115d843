"""Long words are cut in their middle."""

from hypothesis import given
from hypothesis import strategies as st

from seqkit.text.long_words import LONGEST_WORD, shortened


@given(word=st.text(max_size=100))
def test_a_long_word_keeps_its_two_ends_and_any_other_is_unchanged(word: str) -> None:
    short = shortened(word)
    assert len(short) == min(len(word), LONGEST_WORD)
    assert short[:20] == word[:20]
    assert short[-20:] == word[-20:]
    assert len(word) > LONGEST_WORD or short == word
