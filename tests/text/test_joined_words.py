"""Words joined to a text, and cut again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.text.joined_words import compare_words, join_words
from seqkit.text.words import WordTokenizer


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["Ada", "met", "Bo", "."], "Ada met Bo ."),
        (["王", "伟", "在", "北", "京", "。"], "王伟在北京。"),
        (["他", "买", "iPhone", "12", "。"], "他买iPhone 12。"),
        (["二", "0", "二", "4", "年"], "二0二4年"),
        (["コ", "ー", "ヒ", "ー", "を"], "コーヒーを"),
        ([], ""),
    ],
)
def test_words_are_joined_as_their_script_is_written(words: list[str], text: str) -> None:
    assert join_words(words) == text


@given(
    st.lists(st.lists(st.text(st.sampled_from("ab王伟.วั"), min_size=1, max_size=3), min_size=1, max_size=4), min_size=1)
)
def test_the_share_counts_the_sentences_that_come_back_otherwise(sentences: list[list[str]]) -> None:
    tokenizer = WordTokenizer()
    wrong = [words for words in sentences if [word.text for word in tokenizer.tokenize(join_words(words))] != words]
    found = compare_words(sentences, tokenizer)
    if found is None:
        assert not wrong
    else:
        assert found.share == len(wrong) / len(sentences)
        assert found.words == wrong[0]
        assert found.cut == [word.text for word in tokenizer.tokenize(join_words(wrong[0]))]


def test_a_corpus_with_a_character_a_line_agrees_with_raw_text() -> None:
    sentences = [list("王伟在北京工作。"), list("東京タワーに行く"), ["ส", "วั", "ส", "ดี"]]
    assert compare_words(sentences, WordTokenizer.fitted_to(sentences)) is None


def test_words_of_several_characters_do_not_come_back() -> None:
    sentences = [["王伟", "在", "北京", "工作"]]
    found = compare_words(sentences, WordTokenizer.fitted_to(sentences))
    assert found is not None
    assert (found.share, found.cut) == (1.0, ["王伟在北京工作"])
