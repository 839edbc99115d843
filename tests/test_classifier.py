"""Classifier: types of labels, probabilities, uncertainty, errors, saving and loading."""

import itertools
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Value
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

import seqkit
from seqkit.classifier import Classifier
from seqkit.data.labelled_rows import LabelledRows
from seqkit.errors import CheckpointError, ConfigError, CorpusError, SeqkitWarning
from seqkit.models.classifier import ClassificationModel
from seqkit.runs.folder import RunFolder
from seqkit.tasks.classification import ClassificationTask
from seqkit.training.device import Device
from seqkit.training.evaluate import predict
from seqkit.training.events import BatchDone, EpochDone, EpochStarted, Event
from tests.awkward import texts
from tests.tiny import history_of, press_at, without_time
from tests.tiny_labels import LABELS, LIKED, STARS, TEXTS, TOPICS, tiny_classifier

MODELS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "strings": (LABELS, {"state_dropout": 0.4, "ngram_dropout": 0.4}),
    "integers": (STARS, {"window": 16, "num_layers": 2, "pooling": "last+mean+max+attention"}),
    "booleans": (LIKED, {"ngrams": 0, "characters": "lstm"}),
    "lists": (TOPICS, {"unit": "bpe", "window": 16, "cell": "gru", "pooling": "attention"}),
}
WELL: dict[str, Any] = {"epochs": 8, "average": 0.0, "learning_rate": 0.04}
PAIR = (TEXTS, LABELS)
LONG = "The soup was not cold, and the host was kind. " * 12
every_model = pytest.mark.parametrize("name", MODELS)


@cache
def trained(name: str = "strings") -> Classifier:
    """Return a classifier trained on the hand-made texts, the same one for all tests."""
    labels, changes = MODELS[name]
    return tiny_classifier(still=True, **WELL, **changes).fit(TEXTS, labels, (TEXTS, labels))


@cache
def probabilities_after_one_epoch() -> Any:
    return tiny_classifier(epochs=1).fit(TEXTS, LABELS, PAIR).predict_proba(TEXTS)


def task_of(model: Classifier) -> ClassificationTask:
    assert model.fitted
    return model.fitted


def dataset(texts: list[str], labels: list[str]) -> Dataset:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["good", "bad"])})
    return Dataset.from_dict({"text": texts, "label": labels}, features=features)


def test_wrong_settings_and_untrained_models_are_errors() -> None:
    for wrong, message in (({"hidden_sizes": 7}, "hidden_sizes"), ({"ngrams": -1}, "ngrams"), ({"task": "ner"}, "ner")):
        with pytest.raises(ConfigError, match=message):
            Classifier(**wrong)
    for name in ("predict", "predict_proba", "classify", "save"):
        with pytest.raises(ConfigError, match="this Classifier is not trained yet"):
            getattr(tiny_classifier(), name)(TEXTS)


# Types of labels and texts.


@pytest.mark.parametrize(("name", "dtype"), [("strings", "U"), ("integers", "i"), ("booleans", "b")])
def test_predicted_labels_keep_their_type(name: str, dtype: str) -> None:
    model, (labels, _) = trained(name), MODELS[name]
    found, predicted = model.classify(TEXTS), model.predict(TEXTS)
    assert isinstance(predicted, np.ndarray)
    assert predicted.dtype.kind == model.classes_.dtype.kind == model.predict([]).dtype.kind == dtype
    assert [each.label for each in found] == predicted.tolist() == labels
    assert all(type(each.label) is type(labels[0]) for each in found)
    assert model.classes_.tolist() == sorted(set(labels))


@pytest.mark.parametrize("name", ["strings", "integers", "booleans"])
def test_probabilities_sum_to_one_and_match_the_predicted_label(name: str) -> None:
    model, lines = trained(name), [*TEXTS, "", LONG]
    probabilities, found = model.predict_proba(lines), model.classify(lines)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-12)
    assert model.classes_[probabilities.argmax(1)].tolist() == model.predict(lines).tolist()
    assert [each.confidence for each in found] == probabilities.max(1).tolist()
    assert all(list(each.probabilities) == model.classes_.tolist() for each in found)
    assert [list(each.probabilities.values()) for each in found] == probabilities.tolist()
    assert model.predict_proba([]).shape == (0, len(model.classes_))


def test_multi_label_predictions_are_lists() -> None:
    model = trained("lists")
    assert model.predict(TEXTS) == [sorted(topics) for topics in TOPICS]
    assert model.classes_.tolist() == ["food", "room"]
    found = model.classify(TEXTS)
    for each, probabilities in zip(found, model.predict_proba(TEXTS), strict=True):
        assert each.label == [
            label for label, probability in zip(["food", "room"], probabilities, strict=True) if probability > 0.5
        ]
        assert each.confidence == pytest.approx(min(max(probability, 1 - probability) for probability in probabilities))
    assert not np.allclose(model.predict_proba(TEXTS).sum(1), 1)
    twice = tiny_classifier(epochs=1).fit(TEXTS[:4], [["a", "a"], ["a", "a"], ["a"], ["b"]])
    assert twice.predict_proba([""]).tolist() == [[0.75, 0.25]]


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda: tuple(map(tuple, PAIR)), id="tuples"),
        pytest.param(lambda: tuple(map(iter, PAIR)), id="iterators"),
        pytest.param(lambda: (np.array(TEXTS), np.array(LABELS, dtype=object)), id="arrays"),
        pytest.param(lambda: tuple(map(pytest.importorskip("pandas").Series, PAIR)), id="columns of pandas"),
        pytest.param(lambda: (dataset(*PAIR),), id="dataset"),
        pytest.param(lambda: ({"text": TEXTS, "label": LABELS},), id="mapping"),
    ],
)
def test_every_container_of_texts_gives_the_same_model(wrap: Callable[[], tuple[Any, ...]]) -> None:
    texts, labels = (*wrap(), None)[:2]
    model = tiny_classifier(epochs=1).fit(texts, labels, wrap() if labels is not None else texts)
    np.testing.assert_array_equal(model.predict_proba(wrap()[0]), probabilities_after_one_epoch())


def test_dev_is_a_tenth_of_each_label_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare, from_rows = ClassificationTask.prepare, ClassificationTask.from_rows
    seen: list[list[tuple[Any, ...]]] = []

    def record(rows: LabelledRows) -> None:
        seen.append([(text, *labels) for text, labels in zip(rows["text"], rows["label"], strict=True)])

    def recording(task: ClassificationTask, rows: LabelledRows) -> Any:
        record(rows)
        return prepare(task, rows)

    def building(config: Any, rows: LabelledRows, pretrained: Any) -> Any:
        record(rows)
        return from_rows(config, rows, pretrained)

    monkeypatch.setattr(ClassificationTask, "prepare", recording)
    monkeypatch.setattr(ClassificationTask, "from_rows", building)
    many, labels = [f"{text} {number}" for number in range(5) for text in TEXTS], LABELS * 5
    tiny_classifier(epochs=1).fit(many, labels)
    tiny_classifier(epochs=1).fit(TEXTS[:4], LABELS[:4])  # too few to split any off
    train, dev, *few = seen
    assert Counter(label for _, label in dev) == {"good": 3, "bad": 3}
    assert sorted(train + dev) == sorted(zip(many, labels, strict=True))
    assert few == [list(zip(TEXTS[:4], LABELS[:4], strict=True))] * 2


# Probabilities.


@given(st.lists(texts, min_size=1, max_size=5), st.randoms(use_true_random=False), st.sampled_from([1, 30, 8192]))
@settings(max_examples=8)
@pytest.mark.slow
def test_a_probability_depends_on_the_text_alone(lines: list[str], order: random.Random, batch_tokens: int) -> None:
    lines = [*lines, *TEXTS[:3], LONG, "bed", ""]
    order.shuffle(lines)
    for name in MODELS:
        model = trained(name)
        task = task_of(model)
        together = predict(task, task.prepare({"text": lines}), Device.open("cpu"), batch_tokens=batch_tokens)
        alone = [model.predict_proba([line])[0] for line in lines]
        np.testing.assert_allclose([each.probabilities for each in together], alone, rtol=0, atol=1e-6)


@every_model
def test_a_text_without_words_is_flagged_and_gets_the_label_frequencies(name: str) -> None:
    labels, changes = MODELS[name]
    model = tiny_classifier(epochs=1, **changes).fit(TEXTS[:8], labels[:8], (TEXTS[:4], labels[:4]))
    given_ = Counter(itertools.chain.from_iterable(labels[:8] if name == "lists" else zip(labels[:8], strict=True)))
    prior = {label: given_[label] / 8 for label in model.classes_.tolist()}
    found = model.classify(["", "bed", " \t\r\n", "\u2003\u00a0"])
    assert [each.empty for each in found] == [True, False, True, True]
    assert all((each.probabilities == prior) is each.empty for each in found)
    (sampled,) = model.classify([" "], mc_samples=3)
    assert sampled.probabilities == prior
    assert sampled.spread == dict.fromkeys(prior, 0)
    assert sampled.intervals == {label: (probability, probability) for label, probability in prior.items()}


@pytest.mark.parametrize("piece", ["soup ", "x", " "])
@pytest.mark.slow
def test_a_text_of_a_million_characters_is_classified(piece: str) -> None:
    long, short = trained().classify([piece * (1_000_000 // len(piece)), "soup"])
    assert long.empty is (piece == " ")
    assert sum(long.probabilities.values()) == pytest.approx(1)
    assert short.probabilities == pytest.approx(trained().classify(["soup"])[0].probabilities, abs=1e-6)


@pytest.mark.parametrize("samples", [0, 5])
def test_threads_give_the_same_results_as_a_loop(samples: int) -> None:
    def classify(part: list[str]) -> Any:
        return trained().classify(part, mc_samples=samples)

    parts = [[f"{text} {number}" for text in TEXTS[: 3 + number]] for number in range(8)]
    expected, before = [classify(part) for part in parts], torch.get_rng_state()
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            assert list(pool.map(classify, parts)) == expected
    assert torch.equal(torch.get_rng_state(), before)


# Uncertainty.


@pytest.mark.parametrize("name", ["strings", "lists"])
def test_monte_carlo_samples_are_those_of_the_model(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    forward, seen = ClassificationModel.forward, []

    def recording(model: ClassificationModel, batch: Any) -> Any:
        predicted = forward(model, batch)
        seen.append(predicted.scores_BK.double().numpy())
        return predicted

    model = trained(name)
    monkeypatch.setattr(ClassificationModel, "forward", recording)
    (found,) = model.classify([LONG], mc_samples=40)
    (scores_CK,) = seen  # one pass for all samples
    scaled = np.exp(scores_CK / task_of(model).temperature)
    probabilities_CK = scaled / (1 + scaled) if name == "lists" else scaled / scaled.sum(1, keepdims=True)
    assert list(found.probabilities.values()) == pytest.approx(probabilities_CK.mean(0))
    assert list((found.spread or {}).values()) == pytest.approx(probabilities_CK.std(0))
    bounds_K2 = np.quantile(probabilities_CK, [0.025, 0.975], axis=0).T
    np.testing.assert_allclose(list((found.intervals or {}).values()), bounds_K2)
    seen.clear()
    assert len(model.classify(TEXTS, mc_samples=40)) == len(TEXTS)
    assert len(seen) < len(TEXTS)
    assert sum(map(len, seen)) == 40 * len(TEXTS)


def test_samples_depend_on_the_seed_and_leave_the_callers_random_state_alone() -> None:
    model = trained()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, same, other = (model.classify([*TEXTS, LONG], mc_samples=30, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert one == same
    for first, second, plain in zip(one, other, model.classify([*TEXTS, LONG]), strict=True):
        assert first.probabilities != second.probabilities
        assert (plain.spread, plain.intervals) == (None, None)
        assert first.spread is not None
        assert first.intervals is not None
        assert min(first.spread.values()) > 0
        assert all(0 <= low < first.probabilities[name] < high <= 1 for name, (low, high) in first.intervals.items())


def test_it_abstains_exactly_below_the_minimum_confidence() -> None:
    for name in ("strings", "lists"):
        for text in (TEXTS[0], "The bed was"):
            (found,) = trained(name).classify([text])
            above = float(np.nextafter(found.confidence, 2))
            assert trained(name).classify([text], min_confidence=found.confidence) == [found]
            assert found.label is not None
            (same,) = trained(name).classify([text], min_confidence=above)
            assert same == replace(found, label=None)


def test_the_fitted_temperature_minimizes_the_loss_on_dev() -> None:
    wrong = ["bad" if number % 4 == 0 else label for number, label in enumerate(LABELS)]
    model = tiny_classifier(still=True, **WELL).fit(TEXTS, LABELS, (TEXTS, wrong))
    task = task_of(model)
    indices = [model.classes_.tolist().index(label) for label in wrong]

    def loss(temperature: float) -> float:
        task.temperature = temperature
        return -float(np.log(model.predict_proba(TEXTS)[range(len(wrong)), indices]).mean())

    fitted = task.temperature
    assert loss(fitted) < 0.99 * loss(1.0)
    assert loss(fitted) < 1.01 * min(loss(fitted * 1.5**step) for step in range(-4, 5))


# Errors.


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ((TEXTS, ["good"] * 12), "nothing to learn from the training split: every text is 'good'"),
        ((TEXTS[:3], ["good", None, "bad"]), "text 2 has no label"),
        ((TEXTS[:3], ["good", "bad", float("nan")]), "text 3 has no label"),
        (([*TEXTS[:2], 3.5], ["good", "bad", "good"]), "text 3 is 3.5, which is not a string"),
        (([], []), "there is no text"),
        ((["", " "], ["good", "bad"]), "no text of the train split contains a word"),
        ((TEXTS, TOPICS), "labels are lists in one of train and dev, and single labels in the other"),
    ],
)
def test_unusable_training_data_is_an_error(given_: tuple[Any, Any], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        tiny_classifier(epochs=1).fit(given_[0], given_[1], PAIR)


def test_wrong_arguments_are_errors_before_prediction_starts() -> None:
    model, answers = trained(), ["good", "bad", "bad"]
    for use in (model.predict, model.predict_proba, model.classify, model.stream):
        with pytest.raises(ConfigError, match="give a list of texts"):
            use("bad")
    for learn in (model.evaluate, tiny_classifier().fit):
        with pytest.raises(ConfigError, match="give a list of texts"):
            learn("bad", answers)
    options: list[dict[str, Any]] = [{"mc_samples": -1}, {"min_confidence": 1.5}, {"min_confidence": -0.1}]
    for wrong in options:
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            model.stream(["bad"], **wrong)
    for text in (None, 3, float("nan")):
        for use in (model.predict, model.classify, lambda given_: list(model.stream(given_))):
            with pytest.raises(CorpusError, match="text 2 is"):
                use(["fine", text])


def test_unknown_labels_cause_a_warning_and_count_as_wrong() -> None:
    model, labels = tiny_classifier(epochs=2), ["odd", "awful", *LABELS[2:]]
    with pytest.warns(SeqkitWarning, match="dev has labels that do not occur in the training data .*: awful, odd$"):
        model.fit(TEXTS, LABELS, (TEXTS, labels))
    with pytest.warns(SeqkitWarning, match="this corpus has labels that do not occur in the training data"):
        score = model.score(TEXTS, labels)
    assert model.outcome is not None
    assert score == model.outcome.best == (model.predict(TEXTS) == np.array(labels)).mean()


@pytest.mark.parametrize("labels", [[[]] * 12, TOPICS])
def test_a_single_label_model_does_not_score_lists_of_labels(labels: list[Any]) -> None:
    with pytest.raises(CorpusError, match="lists of labels, but the model was trained on one label each"):
        trained("strings").evaluate(TEXTS, labels)


def test_a_multi_label_model_scores_single_labels_as_lists_of_one() -> None:
    alone, listed = (trained("lists").evaluate(TEXTS, labels) for labels in (["food"] * 12, [["food"]] * 12))
    assert alone.scores == listed.scores


def test_texts_without_words_are_left_out_of_training() -> None:
    with pytest.warns(SeqkitWarning, match="^left out 2 texts of the train split without a word$"):
        model = tiny_classifier(epochs=1).fit([" ", *TEXTS, "\n"], ["odd", *LABELS, "good"], PAIR)
    np.testing.assert_array_equal(model.predict_proba(TEXTS), probabilities_after_one_epoch())


# Saving and loading.


@every_model
def test_a_saved_model_predicts_the_same(name: str, tmp_path: Path) -> None:
    model = trained(name)
    model.save(tmp_path / "run")
    for each in (Classifier.load(tmp_path / "run", device="cpu"), seqkit.load(tmp_path / "run", device="cpu")):
        assert type(each) is Classifier
        assert {**each.get_params(), "device": "cpu", "precision": "float32"} == model.get_params()
        assert each.classify([*TEXTS, LONG, ""]) == model.classify([*TEXTS, LONG, ""])
    with pytest.raises(CheckpointError, match="not a tagger"):
        seqkit.Tagger.load(tmp_path / "run")


def test_lone_surrogates_survive_saving(tmp_path: Path) -> None:
    texts = ["a ha\ud83d", "a da\ud83d", "the la\ud83d", "the ma\ud83d"]
    model = tiny_classifier(epochs=1).fit(texts, ["\ud800", "b"] * 2, out=tmp_path / "run")
    assert Classifier.load(tmp_path / "run", device="cpu").classify(texts) == model.classify(texts)


def test_the_texts_of_a_mapping_are_those_of_its_column_on_every_road() -> None:
    model = trained()
    assert list(model.stream({"text": TEXTS})) == list(model.stream(TEXTS)) == model.classify({"text": TEXTS})
    with pytest.raises(CorpusError, match="there is no column 'text', only a"):
        model.stream({"a": TEXTS})
    with pytest.raises(ConfigError, match="give a list of texts"):
        model.stream(None)  # type: ignore[arg-type]


def test_a_run_folder_contains_the_calibration(tmp_path: Path) -> None:
    model = tiny_classifier(still=True, epochs=6).fit(TEXTS, LABELS, PAIR, out=tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    assert (folder.path / "reliability.png").read_bytes().startswith(b"\x89PNG")
    temperature = folder.read_json("calibration.json")["temperature"]
    loaded = Classifier.load(folder.path, device="cpu")
    assert task_of(loaded).temperature == task_of(model).temperature == temperature != 1
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), model.predict_proba(TEXTS))
    report = folder.read_json("report.json")
    assert report["calibration"]["temperature"] == temperature
    assert 0 <= report["calibration"]["expected_calibration_error"] <= 1
    assert report["dev"]["accuracy"] == model.score(*PAIR)


def test_saving_replaces_an_old_run(tmp_path: Path) -> None:
    for name in (*MODELS, "strings"):
        trained(name).save(tmp_path, overwrite=True)
        (tmp_path / "notes.txt").write_text("mine")
        assert Classifier.load(tmp_path, device="cpu").classify(TEXTS) == trained(name).classify(TEXTS)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "pieces.json").exists()


@pytest.mark.slow
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    tiny_classifier().fit(TEXTS, LABELS, PAIR, out=whole)
    first = tiny_classifier().fit(TEXTS, LABELS, PAIR, out=cut, report=press_at((20, BatchDone)))
    assert first.outcome
    assert first.outcome.reason == "interrupted"
    assert Classifier.load(cut, device="cpu").classify(TEXTS) == first.classify(TEXTS)
    torch.manual_seed(12345)
    tiny_classifier().fit(TEXTS, LABELS, PAIR, out=cut, resume=True)
    one, other = load_file(cut / "model.safetensors"), load_file(whole / "model.safetensors")
    torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert without_time(history_of(cut)) == without_time(history_of(whole))
    for name in ("calibration.json", "labels.json", "ngrams.json", "reliability.png"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()


def test_training_prints_nothing_by_default(capfd: pytest.CaptureFixture[str]) -> None:
    events: list[Event] = []
    tiny_classifier(epochs=2).fit(TEXTS, LABELS, PAIR, report=events.append)
    assert capfd.readouterr() == ("", "")
    kinds = [kind for kind, _ in itertools.groupby(map(type, events))]
    assert kinds == 2 * [EpochStarted, BatchDone, EpochDone]
    tiny_classifier(epochs=2).fit(TEXTS, LABELS, PAIR, progress=True)
    out, err = capfd.readouterr()
    assert (out, [line.split("  ")[0] for line in err.splitlines()]) == ("", ["epoch 1/2", "epoch 2/2"])
