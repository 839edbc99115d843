"""What a language model says comes next: against its scores, its greedy text, and itself in other company."""

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
    """A model that has learnt something, the same one for all tests."""
    return tiny_language_model(**{"learning_rate": 0.03, "epochs": 4, **KINDS[kind]}).fit(TRAIN, DEV)


def tokenizer_of(kind: str) -> TextTokenizer:
    task = model(kind).fitted
    assert task is not None
    return task.tokenizer


@every_forward_kind
def test_the_probability_of_a_token_is_the_one_that_a_longer_text_gives_it(kind: str) -> None:
    tokenizer, scored = tokenizer_of(kind), model(kind).score(TEXT)
    ids = tokenizer.encode(TEXT).tolist()
    # Where a text ends, its end may be cut into other byte pairs than within a longer one.
    ends = [end for end in range(len(ids)) if tokenizer.encode(tokenizer.decode(ids[:end])).tolist() == ids[:end]]
    assert ends[0] == 0
    assert len(ends) > len(ids) / 2
    chances = model(kind).predict_proba([tokenizer.decode(ids[:end]) for end in ends])
    for end, chances_V in zip(ends, chances, strict=True):
        assert math.log(chances_V[ids[end]]) == pytest.approx(scored.log_probabilities[end], abs=1e-4)


def test_a_backward_model_tells_what_comes_before() -> None:
    ids, scored = tokenizer_of("backward").encode(TEXT).tolist(), model("backward").score(TEXT)
    chances = model("backward").predict_proba([TEXT[place + 1 :] for place in range(len(TEXT))])
    for place, chances_V in enumerate(chances):
        assert math.log(chances_V[ids[place]]) == pytest.approx(scored.log_probabilities[place], abs=1e-4)


@every_kind
def test_each_row_is_a_distribution_and_depends_on_its_prompt_alone(kind: str) -> None:
    own, prompts = model(kind), ["", "Rain", "Ada sat", "Rain fell on Ghent all day. Nobody"]
    torch.manual_seed(3)
    before = torch.get_rng_state()
    chances = own.predict_proba(prompts)
    assert torch.equal(torch.get_rng_state(), before)
    assert chances.dtype == np.float64
    assert chances.shape == (4, len(own.classes_))
    np.testing.assert_allclose(chances.sum(1), 1, atol=1e-6)
    assert chances.min() > 0
    for prompt, chances_V in zip(prompts, chances, strict=True):
        np.testing.assert_array_equal(own.predict_proba([prompt])[0], chances_V)
    assert len({tuple(chances_V.round(6)) for chances_V in chances}) == 4
    assert own.predict(prompts) == [own.classes_[column] for column in chances.argmax(1)]


@every_forward_kind
def test_the_first_token_of_greedy_text_is_the_most_probable_one(kind: str) -> None:
    own, prompts = model(kind), ["", "Rain", "Ada sat", "The harbour", "Nobody"]
    for prompt, said in zip(prompts, own.predict(prompts), strict=True):
        (written,) = own.generate(prompt, temperature=0, max_tokens=1)
        first = written.tokens[0].piece.decode(errors="replace") if written.tokens else ""
        assert said == first
        assert written.tokens == [] or math.exp(written.tokens[0].log_probability) == pytest.approx(
            own.predict_proba([prompt]).max(), abs=1e-5
        )


@every_kind
def test_classes_are_what_tokens_add_to_a_text(kind: str) -> None:
    own, tokenizer = model(kind), tokenizer_of(kind)
    assert len(own.classes_) == len(tokenizer)
    assert "".join(own.classes_[token] for token in tokenizer.encode(DEV[1])) == tokenizer.decode(
        tokenizer.encode(DEV[1])
    )
    if kind != "pretokenized":  # there it is the end of a line
        assert own.classes_[tokenizer.end_id] == ""


def test_what_has_been_learnt_is_likely() -> None:
    """Each text of training begins with one of these, and after ``Gh`` there is but one way to go on."""
    own = tiny_language_model(epochs=25, learning_rate=0.03, embedding_size=24, output_dropout=0.0).fit(TRAIN, TRAIN)
    known = dict(zip(own.classes_, own.predict_proba([""])[0], strict=True))
    assert sum(known[text[0]] for text in TRAIN[:4]) > 0.5
    assert own.predict(["Rain fell on Gh"]) == ["e"]


@every_kind
def test_no_prompt_gives_no_row(kind: str) -> None:
    assert model(kind).predict([]) == []
    assert model(kind).predict_proba([]).shape == (0, len(model(kind).classes_))


def test_what_the_model_never_saw_is_named_or_read_as_unknown() -> None:
    for use in (model().predict, model().predict_proba):
        with pytest.raises(ConfigError, match=r"the vocabulary does not have '5', '€'; leave that out, or read it as"):
            use(["Ada", "5 €"])
        with pytest.raises(ConfigError, match="unknown must be error or <unk>, not 'skip'"):
            use(["Ada"], unknown="skip")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="the vocabulary does not have 'zebra'"):
        model("words").predict(["Ada zebra"])
    one, other, known = model().predict_proba(["Ada 5", "Ada €", "Ada s"], unknown="<unk>")
    np.testing.assert_array_equal(one, other)
    assert not np.allclose(one, known)
    assert model().predict(["Ada 5"], unknown="<unk>") == [model().classes_[one.argmax()]]
    assert model("byte pairs").predict_proba(["5 € Ж"]).shape[0] == 1  # made of bytes, all of which are known


def test_one_prompt_in_place_of_a_list_is_refused() -> None:
    for use in (model().predict, model().predict_proba):
        with pytest.raises(ConfigError, match="give a list of prompts, such as "):
            use("Ada")


def test_untrained_it_has_no_classes_and_says_so() -> None:
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
