"""Any text, through each face: exact offsets, probabilities that are some, and one answer however it is asked."""

import random
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqkit.classifier import Classifier
from seqkit.errors import SeqkitError
from seqkit.language_model import LanguageModel
from seqkit.tagger import Tagger
from tests.awkward import texts as awkward_texts
from tests.fuzz.faces import check_classifier, check_language_model, check_tagger, fuzzed_texts
from tests.tiny_faces import (
    busy_tagger,
    byte_pair_model,
    character_model,
    part_of_speech_tagger,
    topic_classifier,
    truth_classifier,
)

SURROGATES = ["\ud800", "a\udc00b", "Ada \ud83d Lund", "\udfff" * 30]


@cache
def taggers() -> list[Tagger]:
    return [busy_tagger(), part_of_speech_tagger()]


def classifiers(models: int = 1) -> list[Classifier]:
    return [make() for make in (_truth, _topics)[:models]]


def language_models(models: int = 1) -> list[LanguageModel]:
    return [make() for make in (_characters, _pairs)[:models]]


_truth, _topics = cache(truth_classifier), cache(topic_classifier)
_characters, _pairs = cache(character_model), cache(byte_pair_model)


def check_all(texts: list[str], models: int = 1) -> tuple[int, int]:
    """Check texts with taggers and ``models`` others of each kind; return the numbers of offsets and of entities."""
    tagged = [check_tagger(tagger, texts) for tagger in taggers()]
    for classifier in classifiers(models):
        check_classifier(classifier, texts)
    scored = [check_language_model(model, texts) for model in language_models(models)]
    return sum(count.offsets for count in (*tagged, *scored)), sum(count.entities for count in tagged)


def test_the_busy_tagger_finds_an_entity_in_nearly_every_word() -> None:
    tagger = taggers()[0]
    found = tagger.predict(fuzzed_texts(random.Random(7), 10, 200))
    inside = sum(tag != "O" for each in found for tag in each.tags)
    assert inside > 0.9 * sum(len(each.tags) for each in found)


# Texts that once went wrong, or that are wrong in careless code.
@example(["", " ", "\n", "\u2028"])
@example(["\ufeffAda", "Ada\ufeff", "\0", "a\0b"])
@example(["İstanbul ß \u0149", "e\u0301\u0323", "\u0301"])
@example(["\r\nAda\r\nLund\r", "\u202eAda\u202c", "👩🏽‍🚀👨‍👩‍👧🇧🇪1️⃣"])
@example(["Ada " * 201, "中" * 250])
@settings(max_examples=1)
@given(st.lists(awkward_texts, min_size=1, max_size=4))
def test_awkward_texts_have_exact_answers(texts: list[str]) -> None:
    check_all(texts)


def test_random_texts_have_exact_answers_and_many_entities() -> None:
    offsets, entities = check_all(fuzzed_texts(random.Random(1), 4, 300))
    assert offsets > 200
    assert entities > 30


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_many_long_random_texts_have_exact_answers(seed: int) -> None:
    check_all(fuzzed_texts(random.Random(f"long {seed}"), 16), 2)


def test_half_of_a_surrogate_pair_has_exact_offsets_too() -> None:
    check_tagger(taggers()[0], SURROGATES)
    check_classifier(classifiers()[0], SURROGATES)


@pytest.mark.parametrize("text", SURROGATES, ids=range(len(SURROGATES)))
def test_a_language_model_refuses_half_of_a_surrogate_pair_in_one_line(text: str) -> None:
    model = language_models()[0]
    uses: list[Callable[[], object]] = [
        lambda: model.generate(text, max_tokens=2, unknown="<unk>"),
        lambda: model.score(text, unknown="<unk>"),
        lambda: model.predict_proba([text], unknown="<unk>"),
    ]
    for use in uses:
        with pytest.raises(SeqkitError, match="half of a surrogate pair") as caught:
            use()
        assert str(caught.value).isprintable()
