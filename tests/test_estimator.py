"""What the estimators share: devices, scores, settings, JSON."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from seqkit.classifier import Classifier
from seqkit.data.tagged_rows import gold_spans
from seqkit.errors import CheckpointError
from seqkit.language_model import LanguageModel
from seqkit.metrics.metric import LABEL_METRICS, LANGUAGE_MODEL_METRICS, SPAN_METRICS, TAG_METRICS
from seqkit.tagger import Tagger
from seqkit.task_table import TASKS
from seqkit.tasks.classification import ClassificationTask
from seqkit.tasks.language_modelling import LanguageModellingTask
from seqkit.tasks.spec import TaskSpec
from seqkit.tasks.tagging import PartOfSpeechTask, TaggingTask
from seqkit.text.tagging_schemes import Span
from seqkit.training.device import Device
from tests.tiny import PARTS, ROWS, tiny_tagger
from tests.tiny_labels import LABELS, TEXTS, tiny_classifier
from tests.tiny_text import DEV, TRAIN, tiny_language_model

FITTED: dict[str, Any] = {
    "ner": lambda: tiny_tagger(epochs=1).fit(ROWS, ROWS),
    "pos": lambda: tiny_tagger("pos", epochs=1).fit(PARTS, PARTS),
    "classifier": lambda: tiny_classifier(epochs=1).fit(TEXTS, LABELS),
    "sentiment": lambda: tiny_classifier("sentiment", epochs=1).fit(TEXTS, LABELS),
    "lm": lambda: tiny_language_model(epochs=1).fit(TRAIN, DEV),
}
PREDICT: dict[type, Any] = {
    Tagger: lambda model: (model.predict(["Ada met Bo"]), model.predict_proba(["Ada"]), model.evaluate(ROWS)),
    Classifier: lambda model: (model.predict(TEXTS), model.classify(TEXTS, mc_samples=2), model.score(TEXTS, LABELS)),
    LanguageModel: lambda model: (model.score("Ada"), model.predict(["Ada"]), model.evaluate(DEV)),
}


@pytest.mark.parametrize("name", ["ner", "classifier", "lm"])
def test_the_device_is_opened_once(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []
    usual = Device.open

    def counted(*arguments: Any) -> Device:
        opened.append(name)
        return usual(*arguments)

    monkeypatch.setattr(Device, "open", counted)
    model = FITTED[name]()
    for _ in range(3):
        PREDICT[type(model)](model)
    assert opened == [name]
    model.save(tmp_path / "run")
    loaded = type(model).load(tmp_path / "run")
    PREDICT[type(model)](loaded)
    assert opened == [name, name]


@pytest.mark.parametrize("name", FITTED)
def test_every_task_returns_the_scores_named_in_its_row(name: str) -> None:
    spec: TaskSpec[Any] = TASKS[name]
    model = FITTED[name]()
    history = model.outcome.history
    names = {metric.name for metric in spec.metrics}
    assert {key for record in history for key in record if key.startswith("dev_")} <= {f"dev_{each}" for each in names}
    assert f"dev_{spec.metric.name}" in history[0]
    data: dict[type, Sequence[Any]] = {Tagger: [PARTS if name == "pos" else ROWS], Classifier: [TEXTS, LABELS]}
    scores = model.evaluate(*data.get(type(model), [DEV])).scores
    assert set(scores) <= names
    assert all(spec.format_score(key, score) for key, score in scores.items())
    assert spec.model() is type(model)


@pytest.mark.parametrize(
    ("task", "metrics"),
    [
        (TaggingTask, SPAN_METRICS),
        (PartOfSpeechTask, TAG_METRICS),
        (ClassificationTask, LABEL_METRICS),
        (LanguageModellingTask, LANGUAGE_MODEL_METRICS),
    ],
)
def test_a_task_and_its_row_agree_on_the_metric_that_selects_weights(task: Any, metrics: Any) -> None:
    assert task.metrics is metrics


def test_set_params_does_not_call_the_constructor(monkeypatch: pytest.MonkeyPatch) -> None:
    tagger = FITTED["ner"]()
    monkeypatch.setattr(Tagger, "__init__", None)  # calling it would fail
    tagger.set_params(hidden_size=7, task="pos")
    assert (tagger.config.hidden_size, tagger.task, tagger.spec.name, tagger.fitted) == (7, "pos", "pos", None)
    assert tagger.get_params()["hidden_size"] == 7


def test_gold_tags_are_converted_to_spans_once_per_split(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    usual = gold_spans

    def counted(rows: Any, *format: Any, **options: Any) -> list[list[Span]]:
        read.append(len(rows["tokens"]))
        return usual(rows, *format, **options)

    monkeypatch.setattr("seqkit.tasks.tagging.gold_spans", counted)
    dev = {"tokens": ROWS["tokens"][:5], "tags": ROWS["tags"][:5]}
    tiny_tagger(epochs=2).fit(ROWS, dev)
    assert read == [len(ROWS["tokens"]), 5]


def test_results_convert_to_json() -> None:
    tagger, classifier, model = (FITTED[name]() for name in ("ner", "classifier", "lm"))
    results = [
        *tagger.predict(["Ada met Bo"], mc_samples=2),
        *FITTED["pos"]().predict(["Ada met Bo"]),
        *classifier.classify([*TEXTS[:2], ""], mc_samples=2),
        *model.generate("Ada", max_tokens=3, seed=1),
        model.score("Ada"),
        tagger.evaluate(ROWS),
    ]
    for result in results:
        converted = result.to_dict()
        assert json.loads(json.dumps(converted, allow_nan=False)) == converted
    generated = model.generate("Ada", max_tokens=3, seed=1)[0].to_dict(tokens=True)
    assert [token.keys() for token in generated["tokens"]] == [{"id", "text", "log_probability"}] * 3
    assert "".join(token["text"] for token in generated["tokens"]) == generated["text"]


@pytest.mark.parametrize(
    "train",
    [
        lambda out: tiny_tagger(epochs=10**6).fit(ROWS, ROWS, out=out),
        lambda out: tiny_classifier(epochs=10**6).fit(TEXTS, LABELS, out=out),
        lambda out: tiny_language_model(epochs=10**6).fit(TRAIN, DEV, out=out),
    ],
)
def test_the_folder_of_a_project_is_refused_before_training(train: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(CheckpointError, match=r"exists and is not a run folder; choose another out$"):
        train(tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("README.md", "mine")]


def test_a_run_is_replaced_only_with_overwrite(tmp_path: Path) -> None:
    first = tiny_tagger(epochs=1, seed=1).fit(ROWS, ROWS, out=tmp_path / "run")
    for write in (
        lambda: tiny_tagger(epochs=1, seed=2).fit(ROWS, ROWS, out=tmp_path / "run"),
        lambda: first.save(tmp_path / "run"),
    ):
        with pytest.raises(CheckpointError, match=r"has a run already; replace it with overwrite=True"):
            write()
    tiny_tagger(epochs=1, seed=2).fit(ROWS, ROWS, out=tmp_path / "run", overwrite=True)
    assert Tagger.load(tmp_path / "run", device="cpu").get_params()["seed"] == 2
    first.save(tmp_path / "run", overwrite=True)
    assert Tagger.load(tmp_path / "run", device="cpu").get_params()["seed"] == 1
