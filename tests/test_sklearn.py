"""Compatibility: a Classifier works in scikit-learn, and every model can be pickled, also by joblib."""

import copy
import io
import pickle
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from seqkit.classifier import Classifier
from seqkit.errors import ConfigError
from seqkit.language_model import LanguageModel
from seqkit.tagger import Tagger
from tests.tiny import PARTS, ROWS, tiny_tagger
from tests.tiny_labels import LABELS, LIKED, STARS, TEXTS, TOPICS, tiny_classifier
from tests.tiny_text import DEV, TRAIN, tiny_language_model

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, check_cv, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

joblib = pytest.importorskip("joblib")  # comes with scikit-learn
QUICK: dict[str, Any] = {"epochs": 2, "still": True}


def lower(texts: list[str]) -> list[str]:
    return [text.lower() for text in texts]


@cache
def trained(kind: str = "strings", **changes: Any) -> Classifier:
    answers: dict[str, list[Any]] = {"strings": LABELS, "integers": STARS, "booleans": LIKED, "lists": TOPICS}
    labels = answers[kind]
    return tiny_classifier(**{**QUICK, **changes}).fit(TEXTS, labels, (TEXTS[:4], labels[:4]))


def pickled(content: Any) -> Any:
    return pickle.loads(pickle.dumps(content))


def through_joblib(content: Any) -> Any:
    buffer = io.BytesIO()
    joblib.dump(content, buffer, compress=3)
    buffer.seek(0)
    return joblib.load(buffer)


TRANSFERS: dict[str, Callable[[Any], Any]] = {"pickle": pickled, "joblib": through_joblib, "deepcopy": copy.deepcopy}
every_way = pytest.mark.parametrize("transfer", TRANSFERS.values(), ids=TRANSFERS)


# Settings.


@pytest.mark.parametrize(
    "model",
    [
        tiny_classifier("sentiment", hidden_size=9, class_weights="good=2", vectors="words.txt"),
        Tagger("pos", seed=5, hidden_size=7, scheme="IOB2"),
        LanguageModel("awd-ptb", bptt=7),
        tiny_language_model(seed=7),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_clone_has_the_same_settings_and_is_not_fitted(model: Any) -> None:
    other = clone(model)
    assert type(other) is type(model)
    assert other is not model
    assert other.get_params() == model.get_params()
    assert other.fitted is None
    assert clone(other.set_params(seed=77)).get_params() == {**model.get_params(), "seed": 77}


def test_a_clone_of_a_fitted_model_is_not_fitted() -> None:
    model = trained()
    other = clone(model)
    assert other.get_params() == model.get_params()
    assert other.fitted is None
    assert model.fitted is not None
    np.testing.assert_array_equal(other.fit(TEXTS, LABELS).classes_, model.classes_)


def test_scikit_learn_knows_what_it_is() -> None:
    model = tiny_classifier()
    assert is_classifier(model)
    assert isinstance(check_cv(3, LABELS, classifier=is_classifier(model)), StratifiedKFold)
    with pytest.raises(NotFittedError):
        check_is_fitted(model)
    check_is_fitted(trained())
    with pytest.raises(ConfigError, match="no setting 'depth'"):
        model.set_params(depth=3)
    assert not hasattr(model, "classes_")


# Scores and searches.


def test_scores_are_those_of_scikit_learn() -> None:
    lines, labels = [*TEXTS, "The cold host was not bad.", "", "bed"], [*LABELS, "bad", "good", "bad"]
    for model in (trained(), trained(epochs=1, ngrams=0)):
        probabilities, predicted = model.predict_proba(lines), model.predict(lines)
        scores = model.evaluate(lines, labels).scores
        assert scores["accuracy"] == model.score(lines, labels) == accuracy_score(labels, predicted)
        assert scores["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))
        assert scores["roc_auc"] == pytest.approx(
            roc_auc_score([label == "good" for label in labels], probabilities[:, 1])
        )


@pytest.mark.parametrize("labels", [LABELS, np.array(STARS), LIKED], ids=["strings", "array", "booleans"])
def test_cross_validation_keeps_every_label_in_every_fold(labels: Any) -> None:
    order = np.argsort(labels, kind="stable")  # sorted: folds that are not stratified would lack a label
    texts, sorted_labels = [TEXTS[index] for index in order], [labels[index] for index in order]
    model = tiny_classifier(**QUICK)
    for scoring in (None, "neg_log_loss"):
        scores = cross_val_score(model, texts, sorted_labels, cv=2, scoring=scoring, error_score="raise")
        assert scores.shape == (2,)
        assert np.isfinite(scores).all()
    probabilities = cross_val_predict(model, texts, sorted_labels, cv=2, method="predict_proba")
    np.testing.assert_allclose(probabilities.sum(1), 1)


@pytest.mark.slow
def test_cross_validation_is_the_same_in_other_processes() -> None:
    model = tiny_classifier(**QUICK)
    alone = cross_val_score(model, TEXTS, LABELS, cv=2, scoring="neg_log_loss", error_score="raise")
    both = cross_val_score(model, TEXTS, LABELS, cv=2, scoring="neg_log_loss", error_score="raise", n_jobs=2)
    joblib.externals.loky.get_reusable_executor().shutdown(wait=False, kill_workers=True)
    np.testing.assert_allclose(both, alone, rtol=1e-6)


@pytest.mark.slow
def test_a_grid_search_finds_the_better_setting() -> None:
    texts, labels = TEXTS * 3, LABELS * 3
    grid = {"hidden_size": [6], "ngrams": [0, 2], "learning_rate": [1e-7, 0.02]}
    search = GridSearchCV(tiny_classifier(**QUICK), grid, cv=2, error_score="raise").fit(texts, labels)
    assert search.best_params_["learning_rate"] == 0.02
    best = search.best_estimator_
    assert best.get_params().items() >= search.best_params_.items()
    assert best.config.hidden_size == search.best_params_["hidden_size"]
    assert search.predict(["cold eggs"]).tolist() == best.predict(["cold eggs"]).tolist()
    assert search.score(texts, labels) > 0.8


def test_it_is_the_last_step_of_a_pipeline() -> None:
    pipeline = make_pipeline(FunctionTransformer(lower), tiny_classifier(**QUICK))
    pipeline.set_params(classifier__hidden_size=5).fit(TEXTS, LABELS)
    plain = tiny_classifier(**QUICK, hidden_size=5).fit(lower(TEXTS), LABELS)
    shouted = [text.upper() for text in TEXTS]
    np.testing.assert_array_equal(pipeline.predict_proba(shouted), plain.predict_proba(lower(TEXTS)))
    assert pipeline.predict(shouted).tolist() == plain.predict(lower(TEXTS)).tolist()
    assert pipeline.classes_.tolist() == ["bad", "good"]
    assert pipeline.score(shouted, LABELS) == plain.score(lower(TEXTS), LABELS)
    assert not np.array_equal(plain.predict_proba(shouted), plain.predict_proba(lower(TEXTS)))
    scores = cross_val_score(clone(pipeline), TEXTS, LABELS, cv=2, error_score="raise")
    assert scores.shape == (2,)
    np.testing.assert_array_equal(pickled(pipeline).predict_proba(shouted), pipeline.predict_proba(shouted))


# Pickling and copying.


@every_way
@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("strings", {}),
        ("integers", {"unit": "bpe", "ngrams": 0}),
        ("booleans", {"pooling": "attention", "cell": "gru"}),
        ("lists", {"characters": "lstm"}),
    ],
    ids=str,
)
def test_a_transferred_classifier_predicts_the_same(
    kind: str, changes: dict[str, Any], transfer: Callable[[Any], Any]
) -> None:
    model = trained(kind, **changes)
    other = transfer(model)
    lines = [*TEXTS, "", "Unheard-of Zoë 😀"]
    np.testing.assert_array_equal(other.predict_proba(lines), model.predict_proba(lines))
    assert other.classify(lines) == model.classify(lines)
    assert other.get_params() == model.get_params()
    assert other.outcome == model.outcome
    assert transfer(clone(model)).fitted is None


@every_way
def test_a_transferred_tagger_predicts_the_same(transfer: Callable[[Any], Any]) -> None:
    for task, rows in (("ner", ROWS), ("pos", PARTS)):
        tagger = tiny_tagger(task, epochs=1).fit(rows, rows)
        other = transfer(tagger)
        assert other.predict(["Ada Lund met Bo in Ghent.", ""]) == tagger.predict(["Ada Lund met Bo in Ghent.", ""])
        assert other.get_params() == tagger.get_params()


@every_way
def test_a_transferred_language_model_generates_and_scores_the_same(transfer: Callable[[Any], Any]) -> None:
    for changes in ({}, {"unit": "bpe", "vocabulary_size": 270, "direction": "both"}):
        model = tiny_language_model(epochs=1, **changes).fit(TRAIN, DEV)
        other = transfer(model)
        assert other.score("Ada sat.") == model.score("Ada sat.")
        assert other.generate("Ada", max_tokens=5, seed=1) == model.generate("Ada", max_tokens=5, seed=1)
        assert other.get_params() == model.get_params()


def test_a_transferred_model_can_be_trained_and_saved_again(tmp_path: Any) -> None:
    other = pickled(trained())
    other.save(tmp_path / "run")
    np.testing.assert_array_equal(
        Classifier.load(tmp_path / "run", device="cpu").predict_proba(TEXTS), trained().predict_proba(TEXTS)
    )
    np.testing.assert_array_equal(
        other.fit(TEXTS, LABELS, (TEXTS[:4], LABELS[:4])).predict_proba(TEXTS), trained().predict_proba(TEXTS)
    )
