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
from tests.tiny_faces import busy_tagger, quick_classifier, quick_language_model, quick_part_of_speech_tagger

SURROGATES = ["\ud800", "a\udc00b", "Ada \ud83d Lund", "\udfff" * 30]


@cache
def taggers() -> list[Tagger]:
    return [busy_tagger(), quick_part_of_speech_tagger()]


@cache
def classifiers() -> list[Classifier]:
    return [quick_classifier(), quick_classifier(several=True)]


@cache
def language_models() -> list[LanguageModel]:
    return [quick_language_model("char"), quick_language_model("bpe")]


def check_all(texts: list[str]) -> tuple[int, int]:
    """Check texts with every model; return how many offsets were compared, and how many were those of entities."""
    tagged = [check_tagger(tagger, texts) for tagger in taggers()]
    for classifier in classifiers():
        check_classifier(classifier, texts)
    scored = [check_language_model(model, texts) for model in language_models()]
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
@example(["Ada " * 401, "中" * 450])
@settings(max_examples=3)
@given(st.lists(awkward_texts, min_size=1, max_size=4))
def test_awkward_texts_have_exact_answers(texts: list[str]) -> None:
    check_all(texts)


def test_random_texts_have_exact_answers_and_many_entities() -> None:
    offsets, entities = check_all(fuzzed_texts(random.Random(1), 6, 400))
    assert offsets > 400
    assert entities > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_many_long_random_texts_have_exact_answers(seed: int) -> None:
    check_all(fuzzed_texts(random.Random(f"long {seed}"), 16))


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
