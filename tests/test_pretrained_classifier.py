"""Classifiers that start from a language model; and texts of 10,000 words."""

import json
import math
import random
import re
import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import seqkit as library
from seqkit.classifier import Classifier
from seqkit.config.classification import ClassificationConfig
from seqkit.errors import CheckpointError, ConfigError
from seqkit.language_model import LanguageModel
from seqkit.models.text_encoders import LanguageModelEncoder
from seqkit.nn.recurrent import RecurrentEncoder
from seqkit.runs.folder import RunFolder
from seqkit.training.events import BatchDone, EpochDone, Event
from tests.command_line import Done, seqkit
from tests.tiny_labels import LABEL_SETTINGS, tiny_classifier
from tests.tiny_text import tiny_language_model

WORDS = {"good": ["warm", "kind", "quiet", "rich"], "bad": ["cold", "loud", "rude", "dull"]}
NOUNS, NEW = ["soup", "room", "host", "ferry", "wall"], ["bed", "café"]
UNITS: dict[str, dict[str, Any]] = {
    "word": {"unit": "word", "num_layers": 2},
    "bpe": {"unit": "bpe", "vocabulary_size": 400},
    "both directions": {"unit": "word", "direction": "both", "cell": "gru"},
}
# Without n-grams, so that the encoder that was the language model has to learn everything.
SETTINGS: dict[str, Any] = {
    "ngrams": 0,
    "lm_rate": 1.0,
    "unfreeze_epochs": 0.5,
    "epochs": 10,
    "learning_rate": 0.03,
    "average": 0.0,
}

every_unit = pytest.mark.parametrize("unit", UNITS)


def toy(nouns: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return texts that are good or bad by a single word, and their labels."""
    pairs = [(f"The {noun} was {word}.", label) for noun in nouns for label, words in WORDS.items() for word in words]
    return [text for text, _ in pairs], [label for _, label in pairs]


TRAIN, DEV = toy(NOUNS), toy(NEW)


@cache
def language_model(unit: str = "word") -> LanguageModel:
    """Return a language model trained on texts of both labels, without the labels; the same one for all tests."""
    settings = {"embedding_size": 24, "hidden_size": 24, "epochs": 20, "learning_rate": 0.01, **UNITS[unit]}
    text = [f"{text}\n" for text in TRAIN[0] + DEV[0]]
    random.Random(1).shuffle(text)
    return tiny_language_model(**settings).fit(text, text[:10])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Save each language model; return their run folders."""
    folder = tmp_path_factory.mktemp("language models")
    for number, unit in enumerate(UNITS):
        language_model(unit).save(folder / f"lm-{number}")
    return {unit: folder / f"lm-{number}" for number, unit in enumerate(UNITS)}


def classifier(run: Path, **changes: Any) -> Classifier:
    return tiny_classifier(lm=str(run), **{**SETTINGS, **changes})


def encoder_of(model: Classifier) -> dict[str, Tensor]:
    """Return a copy of the encoder's weights, under their names in the language model."""
    assert model.fitted is not None
    encoder = model.fitted.model.encoder
    assert isinstance(encoder, LanguageModelEncoder)
    return {name.removeprefix("networks."): value.clone() for name, value in encoder.state_dict().items()}


def weights_of(unit: str) -> dict[str, Tensor]:
    """Return the weights of the language model, without those of its output layer."""
    task = language_model(unit).fitted
    assert task is not None
    return {name: value for name, value in task.model.state_dict().items() if ".head." not in name}


def assert_refused(done: Done, code: int, message: str) -> None:
    assert (done.code, done.out) == (code, "")
    assert re.fullmatch(r"error: [^\n]+\n", done.err)
    assert message in done.err


# Learning.


@every_unit
@pytest.mark.slow
def test_it_learns_the_meaning_of_words_and_generalizes_to_new_contexts(unit: str, runs: dict[str, Path]) -> None:
    model = classifier(runs[unit]).fit(*TRAIN, DEV)
    assert model.score(*DEV) >= 0.9
    assert model.classes_.tolist() == ["bad", "good"]


@every_unit
@pytest.mark.slow
def test_layers_equal_those_of_the_language_model_until_they_are_unfrozen(unit: str, runs: dict[str, Path]) -> None:
    snapshots: list[dict[str, Tensor]] = []

    def report(event: Event) -> None:
        if isinstance(event, EpochDone):
            snapshots.append(encoder_of(model))

    model = classifier(runs[unit], epochs=4, schedule="constant", unfreeze_epochs=1.0)
    model.fit(*TRAIN, DEV, report=report)
    started = weights_of(unit)
    assert snapshots[0].keys() == started.keys()
    layers = UNITS[unit].get("num_layers", 1)
    from_the_top = [*(f".layers.{layer}." for layer in reversed(range(layers))), ".embedding."]
    for epoch, found in enumerate(snapshots):
        for name, value in found.items():
            moves = any(part in name for part in from_the_top[:epoch])
            assert torch.equal(value, started[name]) is not moves, name


def test_a_frozen_language_model_is_saved_unchanged(runs: dict[str, Path], tmp_path: Path) -> None:
    model = classifier(runs["word"], epochs=1, average=0.9, unfreeze_epochs=1.0).fit(*TRAIN, DEV)
    model.save(tmp_path / "run")
    for each in (model, Classifier.load(tmp_path / "run", device="cpu")):
        torch.testing.assert_close(encoder_of(each), weights_of("word"), rtol=0, atol=0)


# Saving and loading.


@every_unit
def test_a_trained_run_does_not_need_the_language_model(unit: str, runs: dict[str, Path], tmp_path: Path) -> None:
    read = tmp_path / "lm"
    shutil.copytree(runs[unit], read)
    model = classifier(read, epochs=2).fit(*TRAIN, DEV)
    model.save(tmp_path / "run")
    shutil.rmtree(read)
    texts = [*DEV[0], "", "never seen: 5 €"]
    expected = model.predict_proba(texts)
    for each in (Classifier.load(tmp_path / "run", device="cpu"), library.load(tmp_path / "run", device="cpu")):
        np.testing.assert_array_equal(each.predict_proba(texts), expected)
        each.save(tmp_path / "again", overwrite=True)
    np.testing.assert_array_equal(Classifier.load(tmp_path / "again", device="cpu").predict_proba(texts), expected)
    assert RunFolder(tmp_path / "run").read_run()["settings"]["lm"] == str(read)


def test_samples_use_the_dropout_of_the_language_model(runs: dict[str, Path]) -> None:
    model = classifier(runs["word"], epochs=2, input_dropout=0.0, state_dropout=0.0, ngram_dropout=0.0)
    model.fit(*TRAIN, DEV)
    one, same, other = (model.classify(DEV[0], mc_samples=8, seed=seed) for seed in (1, 1, 2))
    assert one == same
    for first, second, plain in zip(one, other, model.classify(DEV[0]), strict=True):
        assert first.spread is not None
        assert min(first.spread.values()) > 1e-6
        assert first.probabilities != second.probabilities
        assert first.probabilities != plain.probabilities
        assert plain.spread is None


# Errors.


def test_a_model_of_characters_is_refused(tmp_path: Path) -> None:
    tiny_language_model(epochs=1).fit(TRAIN[0][:2], DEV[0][:2]).save(tmp_path / "lm")
    with pytest.raises(ConfigError, match=r"^a classifier starts from a model of words or byte pairs; .*lm is one of"):
        classifier(tmp_path / "lm").fit(*TRAIN, DEV)
    corpus = write_corpus(tmp_path)
    done = seqkit("train", "classifier", "--corpus", corpus, "--lm", tmp_path / "lm", "--out", tmp_path / "run", "-q")
    assert_refused(done, 2, "is one of characters")
    assert not (tmp_path / "run").exists()


def test_a_folder_without_a_language_model_is_an_error(runs: dict[str, Path], tmp_path: Path) -> None:
    tiny_classifier(epochs=1).fit(*TRAIN, DEV).save(tmp_path / "other")
    corpus = write_corpus(tmp_path)
    for folder, message in (("nowhere", "is not a run"), ("other", "not a language model"), ("corpus", "is not a run")):
        with pytest.raises(CheckpointError, match=message):
            classifier(tmp_path / folder).fit(*TRAIN, DEV)
        done = seqkit("train", "classifier", "--corpus", corpus, "--lm", tmp_path / folder, "--out", tmp_path / "run",
                      "-q")  # fmt: skip
        assert_refused(done, 1, str(tmp_path / folder))
        assert not (tmp_path / "run").exists()


def test_word_vectors_cannot_be_combined_with_a_language_model_or_byte_pairs(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("warm 0.1 0.2\n")
    others: list[dict[str, Any]] = [{"lm": str(runs["word"])}, {"unit": "bpe"}]
    for settings in others:
        with pytest.raises(ConfigError, match="pretrained vectors are for words: leave them out"):
            tiny_classifier(vectors=str(vectors), **settings).fit(*TRAIN, DEV)


# The command line.


def write_corpus(folder: Path) -> Path:
    corpus = folder / "corpus"
    corpus.mkdir()
    for name, pairs in (("train", TRAIN), ("dev", DEV)):
        rows = (json.dumps({"text": text, "label": label}) for text, label in zip(*pairs, strict=True))
        (corpus / f"{name}.jsonl").write_text("\n".join(rows), encoding="utf-8")
    return corpus


def test_the_command_line_starts_from_a_language_model(runs: dict[str, Path], tmp_path: Path) -> None:
    corpus, run, config = write_corpus(tmp_path), tmp_path / "run", tmp_path / "settings.toml"
    shutil.copytree(runs["word"], tmp_path / "lm")
    settings = {**LABEL_SETTINGS, **SETTINGS, "epochs": 2}
    config.write_text(
        "\n".join(f"{name} = {json.dumps(value)}" for name, value in settings.items() if value is not None)
    )
    done = seqkit("train", "classifier", "--corpus", corpus, "--lm", tmp_path / "lm", "--config", config, "--out", run,
                  "--device=cpu", "--quiet")  # fmt: skip
    assert (done.code, done.out, done.err) == (0, f"{run}\n", "")
    shutil.rmtree(tmp_path / "lm")
    expected = classifier(runs["word"], epochs=2).fit(*TRAIN, DEV).predict_proba(DEV[0])
    np.testing.assert_array_equal(library.load(run, device="cpu").predict_proba(DEV[0]), expected)
    found = json.loads(seqkit("predict", run, DEV[0][0], "--json", "--device=cpu").out)
    assert list(found["probabilities"].values()) == pytest.approx(expected[0].tolist(), abs=1e-6)


# Texts of 10,000 words.


_FEW = ["The soup was warm.", "The soup was cold."], list(WORDS)


def _of_10_000_words() -> tuple[float, list[float], set[int], list[list[float]]]:
    """Train on a text of 10,000 words and a short one, and classify both.

    Returns:
        The memory this takes in megabytes, the losses, the lengths that the encoder read at once, the probabilities.
    """
    chosen = random.Random(1)
    texts = [" ".join(chosen.choices([*WORDS["good"], *NOUNS, "was", "the", "."], k=10_000)), "The soup was cold."]
    tiny_classifier(epochs=1).fit(*_FEW, _FEW)  # so that what the first step of a process allocates is not counted
    before, losses, steps = _megabytes("VmRSS"), [], set()
    forward = RecurrentEncoder.forward

    def recording(encoder: RecurrentEncoder, inputs_BTD: Tensor, *given: Any, **options: Any) -> Any:
        steps.add(inputs_BTD.shape[1])
        return forward(encoder, inputs_BTD, *given, **options)

    def report(event: Event) -> None:
        if isinstance(event, BatchDone):
            losses.append(event.loss)

    model = tiny_classifier(epochs=1, batch_tokens=1500)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RecurrentEncoder, "forward", recording)
        probabilities = model.fit(texts, list(WORDS), _FEW, report=report).predict_proba(texts)
    return _megabytes("VmHWM") - before, losses, steps, probabilities.tolist()


def _megabytes(field: str) -> float:
    lines = (line.split() for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return next(int(words[1]) / 1024 for words in lines if words[0] == f"{field}:")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.slow
def test_texts_of_10_000_words_need_little_memory() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        megabytes, losses, steps, probabilities = pool.submit(_of_10_000_words).result()
    assert len(losses) == 2  # each text is a batch of its own, and a step
    assert all(math.isfinite(loss) for loss in losses)
    assert max(steps) == LABEL_SETTINGS["window"] == ClassificationConfig().window
    assert [sum(row) for row in probabilities] == pytest.approx([1, 1])
    assert probabilities[0] != probabilities[1]
    assert megabytes < 150
