"""Next-token probabilities: against scores, greedy text, and predictions in other batches."""

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from seqkit.errors import ConfigError
from seqkit.language_model import LanguageModel
from seqkit.text.lm_tokenizer import TextTokenizer
from tests.tiny_text import DEV, TRAIN, tiny_language_model

KINDS: dict[str, dict[str, Any]] = {
    "characters": {},
    "words": {"unit": "word", "epochs": 8},
    "byte pairs": {"unit": "bpe", "vocabulary_size": 300},
    "pretokenized": {"unit": "word", "pretokenized": True, "tied": False},
    "clusters": {"tied": False, "adaptive_softmax": True},
    "two layers": {"num_layers": 2, "cell": "gru"},
    "both directions": {"direction": "both"},
    "backward": {"direction": "backward"},
}
FORWARD = [kind for kind in KINDS if kind != "backward"]
TEXT = TRAIN[1]  # its words are known

every_kind = pytest.mark.parametrize("kind", KINDS)
every_forward_kind = pytest.mark.parametrize("kind", FORWARD)


@cache
def model(kind: str = "characters") -> LanguageModel:
    """Return a trained model, the same one for all tests."""
    return tiny_language_model(**{"learning_rate": 0.03, "epochs": 4, **KINDS[kind]}).fit(TRAIN, DEV)


def tokenizer_of(kind: str) -> TextTokenizer:
    task = model(kind).fitted
    assert task is not None
    return task.tokenizer


@every_forward_kind
@pytest.mark.slow
def test_the_probability_of_a_token_equals_its_score_in_a_longer_text(kind: str) -> None:
    tokenizer, scored = tokenizer_of(kind), model(kind).score(TEXT)
    ids = tokenizer.encode(TEXT).tolist()
    # The end of a text may be split into other byte pairs than the same characters within a longer text.
    ends = [end for end in range(len(ids)) if tokenizer.encode(tokenizer.decode(ids[:end])).tolist() == ids[:end]]
    assert ends[0] == 0
    assert len(ends) > len(ids) / 2
    probabilities = model(kind).predict_proba([tokenizer.decode(ids[:end]) for end in ends])
    for end, probabilities_V in zip(ends, probabilities, strict=True):
        assert math.log(probabilities_V[ids[end]]) == pytest.approx(scored.log_probabilities[end], abs=1e-4)


def test_a_backward_model_predicts_the_token_before() -> None:
    ids, scored = tokenizer_of("backward").encode(TEXT).tolist(), model("backward").score(TEXT)
    probabilities = model("backward").predict_proba([TEXT[index + 1 :] for index in range(len(TEXT))])
    for index, probabilities_V in enumerate(probabilities):
        assert math.log(probabilities_V[ids[index]]) == pytest.approx(scored.log_probabilities[index], abs=1e-4)


@every_kind
def test_each_row_is_a_distribution_and_depends_on_its_prompt_alone(kind: str) -> None:
    own, prompts = model(kind), ["", "Rain", "Ada sat", "Rain fell on Ghent all day. Nobody"]
    torch.manual_seed(3)
    before = torch.get_rng_state()
    probabilities = own.predict_proba(prompts)
    assert torch.equal(torch.get_rng_state(), before)
    assert probabilities.dtype == np.float64
    assert probabilities.shape == (4, len(own.classes_))
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)
    assert probabilities.min() > 0
    for prompt, probabilities_V in zip(prompts, probabilities, strict=True):
        np.testing.assert_array_equal(own.predict_proba([prompt])[0], probabilities_V)
    assert len({tuple(probabilities_V.round(6)) for probabilities_V in probabilities}) == 4
    assert own.predict(prompts) == [own.classes_[column] for column in probabilities.argmax(1)]


@every_forward_kind
def test_the_first_token_of_greedy_text_is_the_most_probable_one(kind: str) -> None:
    own, prompts = model(kind), ["", "Rain", "Ada sat", "The harbour", "Nobody"]
    for prompt, predicted in zip(prompts, own.predict(prompts), strict=True):
        (written,) = own.generate(prompt, temperature=0, max_tokens=1)
        first = written.tokens[0].piece.decode(errors="replace") if written.tokens else ""
        assert predicted == first
        assert written.tokens == [] or math.exp(written.tokens[0].log_probability) == pytest.approx(
            own.predict_proba([prompt]).max(), abs=1e-5
        )


@every_kind
def test_classes_are_the_texts_of_the_tokens(kind: str) -> None:
    own, tokenizer = model(kind), tokenizer_of(kind)
    assert len(own.classes_) == len(tokenizer)
    assert "".join(own.classes_[token] for token in tokenizer.encode(DEV[1])) == tokenizer.decode(
        tokenizer.encode(DEV[1])
    )
    if kind != "pretokenized":  # in pretokenized text, it is the end of a line
        assert own.classes_[tokenizer.end_id] == ""


def test_continuations_in_the_training_text_are_probable() -> None:
    """Every training text begins with one of four characters, and ``Gh`` has only one continuation."""
    own = tiny_language_model(epochs=25, learning_rate=0.03, embedding_size=24, output_dropout=0.0).fit(TRAIN, TRAIN)
    known = dict(zip(own.classes_, own.predict_proba([""])[0], strict=True))
    assert sum(known[text[0]] for text in TRAIN[:4]) > 0.5
    assert own.predict(["Rain fell on Gh"]) == ["e"]


@every_kind
def test_an_empty_list_of_prompts_gives_no_rows(kind: str) -> None:
    assert model(kind).predict([]) == []
    assert model(kind).predict_proba([]).shape == (0, len(model(kind).classes_))


def test_unknown_characters_and_words_are_named_or_read_as_unk() -> None:
    for use in (model().predict, model().predict_proba):
        with pytest.raises(ConfigError, match=r"the vocabulary does not contain '5', '€'; leave that out, or read it"):
            use(["Ada", "5 €"])
        with pytest.raises(ConfigError, match="unknown must be error or <unk>, not 'skip'"):
            use(["Ada"], unknown="skip")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="the vocabulary does not contain 'zebra'"):
        model("words").predict(["Ada zebra"])
    one, other, known = model().predict_proba(["Ada 5", "Ada €", "Ada s"], unknown="<unk>")
    np.testing.assert_array_equal(one, other)
    assert not np.allclose(one, known)
    assert model().predict(["Ada 5"], unknown="<unk>") == [model().classes_[one.argmax()]]
    assert model("byte pairs").predict_proba(["5 € Ж"]).shape[0] == 1  # made of bytes, all of which are known


def test_a_single_prompt_instead_of_a_list_is_an_error() -> None:
    for use in (model().predict, model().predict_proba):
        with pytest.raises(ConfigError, match="give a list of prompts, such as "):
            use("Ada")


def test_an_untrained_model_has_no_classes_and_cannot_predict() -> None:
    own = tiny_language_model()
    assert not hasattr(own, "classes_")
    with pytest.raises(AttributeError, match="this LanguageModel is not trained yet, so it has no classes_"):
        own.classes_  # noqa: B018
    for use in (own.predict_proba, own.predict):
        with pytest.raises(ConfigError, match="this LanguageModel is not trained yet; call fit"):
            use(["Ada"])


def test_a_long_prompt_is_read_to_its_end() -> None:
    long = "Rain fell on Ghent all day. " * 100
    one, other = model().predict_proba([f"{long}Nobody", f"{long}Nobod"])
    assert not np.allclose(one, other)
    assert math.log(other[tokenizer_of("characters").encode("y")[0]]) == pytest.approx(
        model().score(f"{long}Nobody").log_probabilities[-1], abs=1e-4
    )
