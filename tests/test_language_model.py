"""LanguageModel: training, scoring, generation, saving and loading."""

import math
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from seqkit.config.adaptive import CacheConfig, DynamicConfig
from seqkit.config.presets import PRESETS
from seqkit.data.texts import open_texts
from seqkit.errors import CheckpointError, ConfigError, CorpusError
from seqkit.language_model import GeneratedText, LanguageModel
from seqkit.loading import load
from seqkit.tagger import Tagger
from tests.tiny_text import DEV, TEXT_SETTINGS, TRAIN, tiny_language_model


@cache
def model(unit: str = "char") -> LanguageModel:
    """Return a trained model, the same one for all tests."""
    settings: dict[str, Any] = {"epochs": 15, "embedding_size": 24, "hidden_size": 24, "learning_rate": 0.03}
    size = {"char": 0, "word": 60, "bpe": 300}[unit]
    return tiny_language_model(unit=unit, vocabulary_size=size, **settings).fit(TRAIN, DEV)


UNITS = ["char", "word", "bpe"]


# Settings.


def test_the_constructor_stores_settings_and_names_a_wrong_one() -> None:
    assert LanguageModel("char").get_params()["hidden_size"] == PRESETS["char"]["hidden_size"]
    assert LanguageModel("char", hidden_size=7).get_params()["hidden_size"] == 7
    changed = LanguageModel("tiny", bptt=7).set_params(preset="awd-ptb", seed=5).get_params()
    assert (changed["preset"], changed["bptt"], changed["seed"]) == ("awd-ptb", 7, 5)
    assert changed["hidden_size"] == 1150
    with pytest.raises(ConfigError, match="no preset 'large'; choose from tiny, "):
        LanguageModel("large")
    with pytest.raises(ConfigError, match="no setting 'hiden_size'"):
        LanguageModel(hiden_size=3)


def test_scikit_learn_can_clone_it() -> None:
    from sklearn.base import clone

    original = tiny_language_model(seed=7)
    assert clone(original).get_params() == original.get_params()


def test_an_untrained_model_cannot_be_used() -> None:
    for use in (lambda: LanguageModel().generate("a"), lambda: LanguageModel().score("a")):
        with pytest.raises(ConfigError, match="this LanguageModel is not trained yet"):
            use()


# Training.


def test_it_learns_more_than_character_frequencies() -> None:
    text = "".join(TRAIN)
    entropy = -sum(text.count(each) / len(text) * math.log(text.count(each) / len(text)) for each in set(text))
    assert model().evaluate(DEV).scores["nats_per_token"] < 0.85 * entropy


def test_results_depend_on_the_seed_and_leave_the_callers_random_state_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, same, other = (tiny_language_model(epochs=1, seed=seed).fit(TRAIN, DEV) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    scores = [each.evaluate(DEV).scores["perplexity"] for each in (one, same, other)]
    assert scores[0] == scores[1] != scores[2]


def test_every_container_of_documents_gives_the_same_model(tmp_path: Path) -> None:
    from datasets import Dataset

    scores = [
        tiny_language_model(epochs=1).fit(train, dev).evaluate(dev).scores["perplexity"]
        for train, dev in [
            (TRAIN, DEV),
            ({"text": TRAIN}, {"text": DEV}),
            (Dataset.from_dict({"text": TRAIN}), Dataset.from_dict({"text": DEV})),
            (open_texts(TRAIN, dev_fraction=0)["train"], open_texts(DEV, dev_fraction=0)["train"]),
        ]
    ]
    assert len(set(scores)) == 1


def test_dev_is_the_end_of_train_by_default() -> None:
    texts = open_texts(TRAIN)
    expected = tiny_language_model(epochs=1).fit(texts["train"], texts["dev"])
    found = tiny_language_model(epochs=1).fit(TRAIN)
    assert found.outcome is not None
    assert expected.outcome is not None
    assert found.outcome.best == expected.outcome.best
    with pytest.raises(ConfigError, match="give dev as well"):
        tiny_language_model().fit(texts["train"])


def test_no_text_is_an_error() -> None:
    for texts in ([""], []):
        with pytest.raises(CorpusError, match="no text"):
            tiny_language_model().fit(texts, DEV)


# Scoring.


@pytest.mark.parametrize("unit", UNITS)
def test_the_score_of_a_text_is_that_of_its_evaluation(unit: str) -> None:
    text = "Rain fell on the wall. Ada sat.\n"
    scored = model(unit).score(text, unknown="<unk>")
    task = model(unit).fitted
    assert task is not None
    assert len(scored.log_probabilities) == len(task.tokenizer.encode(text))
    joined = "".join(scored.pieces)
    assert joined == (text if unit != "word" else task.tokenizer.decode(task.tokenizer.encode(text)))
    end = -model(unit).evaluate([text]).scores["nats_per_token"] * (len(scored.log_probabilities) + 1)
    assert sum(scored.log_probabilities) > end, "evaluation counts the end of the document, too"
    assert scored.perplexity == pytest.approx(math.exp(-sum(scored.log_probabilities) / len(scored.pieces)))
    assert scored.bits_per_byte == pytest.approx(-sum(scored.log_probabilities) / math.log(2) / len(text.encode()))


def test_a_backward_model_scores_but_does_not_generate() -> None:
    backward = tiny_language_model(direction="backward", epochs=1).fit(TRAIN, DEV)
    scored = backward.score("Ada")
    assert scored.pieces == ["A", "d", "a"]
    assert scored.log_probabilities[2] == pytest.approx(backward.score("a").log_probabilities[0], abs=1e-5)
    with pytest.raises(ConfigError, match="this model reads backward"):
        backward.generate("Ada")


def test_unknown_characters_and_words_are_named_or_read_as_unk() -> None:
    for use in (model().score, model().generate):
        with pytest.raises(ConfigError, match=r"the vocabulary does not contain '5', '€', 'Ж'; leave that out, or"):
            use("5 € Ж €")
    assert len(model().score("5 €", unknown="<unk>").pieces) == 3
    assert model().generate("5 €", unknown="<unk>", max_tokens=3, seed=1)[0].text
    with pytest.raises(ConfigError, match="the vocabulary does not contain 'zebra'; leave"):
        model("word").generate("Ada zebra")
    assert model("bpe").generate("5 € Ж", max_tokens=2, seed=1)


@pytest.mark.parametrize("unit", UNITS)
def test_half_of_a_surrogate_pair_is_refused_not_read_as_another_character(unit: str) -> None:
    uses: list[Any] = [model(unit).score, model(unit).generate, lambda text: model(unit).predict_proba([text])]
    for use in uses:
        with pytest.raises(CorpusError, match=r"\\ud800 is half of a surrogate pair, which is not a character"):
            use("Ada \ud800")
        with pytest.raises(CorpusError, match="the text must be a string, not 3"):
            use(3)


# Generation.


@pytest.mark.parametrize("unit", UNITS)
def test_streamed_and_batch_text_are_the_same_to_the_byte(unit: str) -> None:
    for changes in ({}, {"temperature": 0.7, "top_k": 5}, {"stop": ["e", "."]}, {"temperature": 0}):
        options: dict[str, Any] = {"max_tokens": 60, "seed": 3, "ignore_end": True, **changes}
        (text,) = model(unit).generate("Ada", **options)
        assert "".join(model(unit).stream("Ada", **options)) == text.text
        whole = b"".join(token.piece for token in text.tokens).decode(errors="replace")
        assert whole.startswith(text.text)
        assert not any(stop in text.text for stop in options.get("stop", ()))


@pytest.mark.parametrize("unit", UNITS)
def test_a_sample_is_the_same_alone_as_in_a_batch(unit: str) -> None:
    options: dict[str, Any] = {"max_tokens": 50, "temperature": 0.9, "stop": ["ll"]}
    together = model(unit).generate("Ada", num_samples=13, seed=100, **options)
    for number, text in enumerate(together):
        assert text.seed == 100 + number
        (alone,) = model(unit).generate("Ada", seed=text.seed, **options)
        assert [token.id for token in alone.tokens] == [token.id for token in text.tokens]
        assert (alone.text, alone.ending) == (text.text, text.ending)


def test_log_probabilities_of_a_sample_are_its_score() -> None:
    prompt = "Ada sat on"
    (text,) = model().generate(prompt, max_tokens=30, seed=2, temperature=0.5, ignore_end=True)
    scored = model().score(prompt + text.text)
    assert scored.log_probabilities[-30:] == pytest.approx([token.log_probability for token in text.tokens], abs=1e-4)


@settings(deadline=None, max_examples=25)
@given(st.text(alphabet=sorted(set("".join(TRAIN))), max_size=30), st.integers(0, 2**40))
def test_any_prompt_of_known_characters_can_be_continued(prompt: str, seed: int) -> None:
    (text,) = model().generate(prompt, max_tokens=5, seed=seed)
    assert len(text.tokens) == 5 or text.ending == "end"
    assert "\ufffd" not in text.text, "<unk> is never drawn"


def test_a_beam_finds_texts_at_least_as_probable_as_the_greedy_one() -> None:
    def total(text: GeneratedText) -> float:
        return sum(token.log_probability for token in text.tokens)

    options: dict[str, Any] = {"max_tokens": 12, "ignore_end": True}
    (greedy,) = model().generate("Ada ", temperature=0, seed=1, **options)
    beams = model().generate("Ada ", beam=8, num_samples=8, **options)
    assert [total(text) for text in beams] == sorted(map(total, beams), reverse=True)
    assert total(beams[0]) >= total(greedy) - 1e-6
    assert len({text.text for text in beams}) == 8
    assert beams[0].seed is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_samples": 0}, "num_samples must be at least 1, not 0"),
        ({"max_tokens": 0}, "max_tokens must be at least 1, not 0"),
        ({"seed": -1}, "seed must be from 0 to"),
        ({"stop": [""]}, "a stop string must not be empty"),
        ({"beam": 2, "num_samples": 3}, "a beam of width 2 cannot find 3 texts"),
        ({"beam": -1}, "a beam of width -1 cannot find 1 texts"),
        ({"top_p": 0.0}, "top_p must be greater than 0 and at most 1, not 0"),
        ({"temprature": 1.0}, "no generation option 'temprature'"),
        ({"unknown": "skip"}, "unknown must be error or <unk>, not 'skip'"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        model().generate("Ada", **options)


def test_generation_uses_the_new_weights_after_refitting() -> None:
    own = tiny_language_model(epochs=1).fit(TRAIN, DEV)
    first = own.generate("Ada", seed=1, max_tokens=20)[0].text
    own.set_params(seed=9).fit(TRAIN, DEV)
    assert own.generate("Ada", seed=1, max_tokens=20)[0].text != first


# Saving and loading.


@pytest.mark.parametrize("changes", [{}, {"unit": "bpe", "vocabulary_size": 280}, {"direction": "both", "cell": "gru"},
                                     {"unit": "word", "pretokenized": True, "tied": False}], ids=str)  # fmt: skip
def test_a_saved_model_generates_and_scores_the_same(changes: dict[str, Any], tmp_path: Path) -> None:
    own = tiny_language_model(epochs=1, **changes).fit(TRAIN, DEV)
    own.save(tmp_path / "run")
    again = load(tmp_path / "run", device="cpu")
    assert isinstance(again, LanguageModel)
    options: dict[str, Any] = {"max_tokens": 20, "seed": 1}
    assert again.generate("Rain", **options) == own.generate("Rain", **options)
    assert again.evaluate(DEV).scores == own.evaluate(DEV).scores
    assert {name: value for name, value in again.get_params().items() if name in TEXT_SETTINGS} == {
        **TEXT_SETTINGS,
        **changes,
        "epochs": 1,
    }


def test_a_language_model_is_not_loaded_as_a_tagger(tmp_path: Path) -> None:
    model().save(tmp_path / "run")
    with pytest.raises(CheckpointError, match="has a model of the task 'lm', not a tagger"):
        Tagger.load(tmp_path / "run")


# Adaptive evaluation.


@pytest.mark.parametrize("how", ["cache", "dynamic", "both"])
def test_adaptive_evaluation_leaves_the_model_as_it_is(how: str, tmp_path: Path) -> None:
    own = model()
    own.save(tmp_path / "before")
    texts = ["Ada counted the boats. " * 20]
    cache = CacheConfig(size=50, flatness=1.0, share=0.2) if how != "dynamic" else None
    dynamic = DynamicConfig(rate=0.3, steps=20) if how != "cache" else None
    adapted = own.evaluate(texts, cache=cache, dynamic=dynamic).scores
    assert adapted["perplexity"] < own.evaluate(texts).scores["perplexity"], "the text repeats itself"
    own.save(tmp_path / "after")
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("before", "after"))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_dynamic_evaluation_without_movement_is_plain_evaluation() -> None:
    plain = model().evaluate(DEV).scores
    for still in (DynamicConfig(rate=1e-30, back=0.0, steps=7), DynamicConfig(rate=1e-30, back=0.5, steps=100)):
        assert model().evaluate(DEV, dynamic=still).scores == pytest.approx(plain, rel=1e-5)


@torch.no_grad()
def test_the_cache_mixture_follows_the_paper() -> None:
    """Grave et al. (2017), equations 3 to 5, token by token."""
    task = model().fitted
    assert task is not None
    text = "Ada sat. Ada sat on the wall."
    ids = [*task.tokenizer.encode(text).tolist(), 0]
    network = task.network("forward").eval()
    states = network(torch.tensor([[0, *ids[:-1]]]), torch.tensor([len(ids)]), network.initial_carry(1)).states_BTH[0]
    plain = network.head.scores(states, network.tied_VH).double().softmax(-1)
    total, size, flatness, share = 0.0, 9, 0.7, 0.3
    for step, token in enumerate(ids):
        seen = range(max(0, step - size), step)
        similarity = [math.exp(flatness * float(states[step] @ states[other])) for other in seen]
        matching = sum(weight for weight, other in zip(similarity, seen, strict=True) if ids[other] == token)
        probability = float(plain[step, token])
        if similarity:
            probability = (1 - share) * probability + share * matching / sum(similarity)
        total -= math.log(probability)
    found = model().evaluate([text], cache=CacheConfig(size=size, flatness=flatness, share=share)).scores
    assert found["nats_per_token"] * len(ids) == pytest.approx(total, rel=1e-5)
