"""N-grams and their weights, against scikit-learn's and by hand."""

import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB

from seqkit.text.ngrams import NgramVocabulary
from tests import awkward

WORDS = ["not", "Not", "NOT", "bad", "Bad", "at", "7", "42", "1,250", "don't", "Ünï", "正面", "😀", "!", "и"]
texts_of_words = st.lists(st.lists(st.sampled_from(WORDS), max_size=9), min_size=1, max_size=12)


def keys(words: list[str]) -> list[str]:
    return [re.sub(r"\d", "0", word.lower()) for word in words]


def reference(longest: int, minimum_count: int) -> TfidfVectorizer:
    """scikit-learn's, which makes n-grams of the same words."""
    return TfidfVectorizer(
        preprocessor=keys,
        tokenizer=list,
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, longest),
        min_df=minimum_count,
        binary=True,
        norm="l2",
        smooth_idf=True,
    )


def dense(vocabulary: NgramVocabulary, words: list[str]) -> np.ndarray:
    vector_G = np.zeros(len(vocabulary))
    ids_X, weights_X = vocabulary.weights(words)
    vector_G[ids_X] = weights_X
    return vector_G


@given(texts_of_words, texts_of_words, st.integers(1, 3), st.integers(1, 3))
def test_n_grams_and_weights_are_those_of_scikit_learn(
    train: list[list[str]], dev: list[list[str]], longest: int, minimum_count: int
) -> None:
    vocabulary = NgramVocabulary.fitted(train, longest=longest, minimum_count=minimum_count)
    vectorizer = reference(longest, min(minimum_count, len(train)))
    try:
        vectorizer.fit(train)
    except ValueError:  # it refuses to know nothing
        assert len(vocabulary) == 0
        return
    if minimum_count > len(train):
        assert len(vocabulary) == 0
        return
    assert vocabulary.ngrams == list(vectorizer.get_feature_names_out())
    np.testing.assert_allclose(vocabulary.frequencies_G, vectorizer.idf_, rtol=1e-6)
    for words, expected_G in zip(dev, vectorizer.transform(dev).toarray(), strict=True):
        np.testing.assert_allclose(dense(vocabulary, words), expected_G, rtol=1e-5, atol=1e-7)


def test_weights_by_hand() -> None:
    texts = [["a", "b"], ["a", "c"], ["a", "b", "a", "b"]]
    vocabulary = NgramVocabulary.fitted(texts, longest=2, minimum_count=2)
    assert vocabulary.ngrams == ["a", "a b", "b"]
    rare = 1 + math.log(4 / 3)  # in two of three texts, one more counted on both sides
    np.testing.assert_allclose(vocabulary.frequencies_G, [1, rare, rare], rtol=1e-6)
    ids_X, weights_X = vocabulary.weights(["b", "c", "A", "a"])
    assert ids_X.tolist() == [0, 2]
    np.testing.assert_allclose(weights_X, np.array([1, rare]) / math.hypot(1, rare), rtol=1e-6)


@given(texts_of_words, st.lists(st.sampled_from(WORDS), max_size=9))
def test_ids_ascend_without_repeats_and_the_weights_have_length_one(train: list[list[str]], words: list[str]) -> None:
    vocabulary = NgramVocabulary.fitted(train, longest=2, minimum_count=1)
    ids_X, weights_X = vocabulary.weights(words)
    assert (ids_X.dtype, weights_X.dtype) == (np.dtype(np.int64), np.dtype(np.float32))
    assert ids_X.shape == weights_X.shape
    assert (np.diff(ids_X) > 0).all()
    assert np.linalg.norm(weights_X) == pytest.approx(1 if len(ids_X) else 0, abs=1e-5)
    repeated = vocabulary.weights([*words, "unheard", *words])  # says nothing new, but at the seam
    assert set(ids_X) <= set(repeated[0])


@pytest.mark.parametrize("words", [[], ["unheard"], ["un", "heard", "of"], [""]])
def test_a_text_without_a_known_n_gram_has_none(words: list[str]) -> None:
    ids_X, weights_X = NgramVocabulary.fitted([["a", "b"]], longest=3, minimum_count=1).weights(words)
    assert (ids_X.tolist(), weights_X.tolist()) == ([], [])


@pytest.mark.parametrize("texts", [[], [[]], [["a"], ["b"]]])
def test_a_vocabulary_may_be_empty(texts: list[list[str]]) -> None:
    vocabulary = NgramVocabulary.fitted(texts, longest=2, minimum_count=2)
    assert (len(vocabulary), vocabulary.weights(["a"])[0].tolist()) == (0, [])
    assert len(NgramVocabulary.from_json(vocabulary.to_json())) == 0


@given(st.lists(st.lists(awkward.texts, max_size=5), max_size=6), st.integers(1, 3))
def test_what_is_read_back_from_json_is_the_same(texts: list[list[str]], longest: int) -> None:
    vocabulary = NgramVocabulary.fitted(texts, longest=longest, minimum_count=1)
    again = NgramVocabulary.from_json(vocabulary.to_json().encode().decode())
    assert (again.ngrams, again.longest) == (vocabulary.ngrams, longest)
    assert again.to_json() == vocabulary.to_json()
    assert again.frequencies_G.tobytes() == vocabulary.frequencies_G.tobytes()
    for words in texts:
        (ids_X, weights_X), (same_ids_X, same_weights_X) = vocabulary.weights(words), again.weights(words)
        assert ids_X.tolist() == same_ids_X.tolist()
        assert weights_X.tolist() == same_weights_X.tolist()


def test_the_file_can_be_read_by_people() -> None:
    vocabulary = NgramVocabulary.fitted([["正面", "Ünï"]], longest=2, minimum_count=1)
    assert json.loads(vocabulary.to_json()) == {"longest": 2, "frequencies": {"ünï": 1, "正面": 1, "正面 ünï": 1}}
    assert "正面" in vocabulary.to_json()


def test_a_lone_surrogate_is_read_like_any_other_character() -> None:
    vocabulary = NgramVocabulary.fitted([["a\ud800", "b"]], longest=1, minimum_count=1)
    assert vocabulary.weights(["A\ud800"])[0].tolist() == [vocabulary.ngrams.index("a\ufffd")]


def test_the_ratios_are_the_weights_of_naive_bayes() -> None:
    chosen = np.random.default_rng(1)
    texts = [[str(word) for word in chosen.choice(WORDS, size=6)] for _ in range(30)]
    labels = [sorted({int(place) for place in chosen.integers(0, 3, size=chosen.integers(1, 3))}) for _ in texts]
    vocabulary = NgramVocabulary.fitted(texts, longest=2, minimum_count=2)
    ratios_GK = vocabulary.log_count_ratios(texts, labels, 3)
    held = np.array([dense(vocabulary, words) > 0 for words in texts]).astype(int)
    for place in range(3):
        of_label = [place in answer for answer in labels]
        bayes = MultinomialNB(alpha=1.0).fit(held, of_label)
        expected_G = bayes.feature_log_prob_[1] - bayes.feature_log_prob_[0]
        np.testing.assert_allclose(ratios_GK[:, place], expected_G, rtol=1e-5, atol=1e-6)
