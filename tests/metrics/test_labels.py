"""Scores of the labels of whole texts, against scikit-learn and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from seqkit.errors import ConfigError
from seqkit.metrics.labels import label_scores

probability = st.sampled_from([0.0, 0.2, 0.5, 0.8, 1.0]) | st.floats(0, 1)  # with many ties

Drawn = tuple[list[list[int]], list[list[float]]]


@st.composite
def single(draw: st.DrawFn, labels: int, unknown: bool = False) -> Drawn:
    """The index of each text's label, which may be an unknown one, and the probabilities of the known labels."""
    indices = st.integers(0, labels - 1 + unknown)
    rows = draw(st.lists(st.tuples(indices, st.lists(probability, min_size=labels, max_size=labels)), min_size=1))
    return [[index] for index, _ in rows], [each for _, each in rows]


@st.composite
def multiple(draw: st.DrawFn, labels: int) -> Drawn:
    """The indices of each text's labels, which may include an unknown one, and the probabilities of the known ones."""
    indices = st.lists(st.integers(0, labels), unique=True, max_size=3)
    rows = draw(st.lists(st.tuples(indices, st.lists(probability, min_size=labels, max_size=labels)), min_size=1))
    return [labels_of for labels_of, _ in rows], [each for _, each in rows]


@given(st.integers(1, 5).flatmap(lambda labels: single(labels, unknown=True)))
def test_scores_of_exclusive_labels_equal_scikit_learns(drawn: Drawn) -> None:
    gold, probabilities = drawn
    true = [index for [index] in gold]
    predicted = np.argmax(probabilities, axis=1)  # the first of equal ones
    scores = label_scores(gold, probabilities)
    assert scores["accuracy"] == pytest.approx(accuracy_score(true, predicted))
    assert scores["macro_f1"] == pytest.approx(f1_score(true, predicted, average="macro"))
    assert ("roc_auc" in scores) == (len(probabilities[0]) == 2)


@given(single(labels=2))
def test_the_area_under_the_curve_equals_scikit_learns(drawn: Drawn) -> None:
    gold, probabilities = drawn
    true = [index for [index] in gold]
    expected = roc_auc_score(true, [each[1] for each in probabilities]) if len(set(true)) == 2 else 0.5
    assert label_scores(gold, probabilities)["roc_auc"] == pytest.approx(expected)


@given(st.integers(1, 4).flatmap(multiple))
def test_scores_of_multiple_labels_equal_scikit_learns(drawn: Drawn) -> None:
    gold, probabilities = drawn
    labels = len(probabilities[0])
    true = np.zeros((len(gold), labels + 1), dtype=int)  # the last label is the unknown one, never predicted
    for row, indices in enumerate(gold):
        true[row, indices] = 1
    predicted = np.pad(np.array(probabilities) > 0.5, ((0, 0), (0, 1))).astype(int)
    scores = label_scores(gold, probabilities, multi_label=True)
    occurring = np.flatnonzero(true.any(0) | predicted.any(0))
    known = true[:, -1] == 0
    of_truth = np.where(true[:, :-1], probabilities, 1 - np.array(probabilities)).clip(1e-15)
    loss = {"log_loss": pytest.approx(-np.log(of_truth[known]).mean())} if known.any() else {}
    assert {name: score for name, score in scores.items() if name not in ("accuracy", "macro_f1")} == loss
    assert scores["accuracy"] == pytest.approx(accuracy_score(true, predicted))
    expected = f1_score(true, predicted, labels=occurring, average="macro", zero_division=0) if len(occurring) else 0.0
    assert scores["macro_f1"] == pytest.approx(expected)


def test_scores_by_hand() -> None:
    gold = [[0], [0], [1], [2]]
    probabilities = [[0.6, 0.2, 0.2], [0.3, 0.4, 0.3], [0.1, 0.8, 0.1], [0.1, 0.7, 0.2]]
    # Label 0: one of two predicted. Label 1: predicted correctly once, wrongly twice. Label 2: never predicted.
    assert label_scores(gold, probabilities) == pytest.approx(
        {
            "accuracy": 0.5,
            "macro_f1": (2 / 3 + 2 / 4 + 0) / 3,
            "log_loss": -np.log([0.6, 0.3, 0.8, 0.2]).mean(),
        }
    )


@pytest.mark.parametrize("multi_label", [False, True])
def test_a_label_that_the_model_does_not_know_counts_as_wrong(multi_label: bool) -> None:
    probabilities = [[0.9, 0.1, 0.0], [0.1, 0.9, 0.0]]
    assert label_scores([[0], [1]], probabilities, multi_label=multi_label)["accuracy"] == 1
    scores = label_scores([[0], [3]], probabilities, multi_label=multi_label)
    assert (scores["accuracy"], scores["macro_f1"]) == pytest.approx((0.5, 1 / 3))  # of labels 0, 1 and the unknown one
    alone = label_scores([[0]], probabilities[:1], multi_label=multi_label)
    assert scores["log_loss"] == alone["log_loss"]  # the unknown one is left out


def test_equal_probabilities() -> None:
    assert label_scores([[0]], [[0.4, 0.4, 0.2]])["accuracy"] == 1  # the first of equal ones is predicted
    assert label_scores([[]], [[0.5, 0.5, 0.5]], multi_label=True)["accuracy"] == 1  # 1/2 is not more than 1/2
    assert label_scores([[0], [1], [1]], [[0.5, 0.5]] * 3)["roc_auc"] == 0.5
    # Of the four pairs of texts two are ranked correctly, one is not, and one is a tie.
    assert label_scores([[0], [1], [0], [1]], [[0.8, 0.2], [0.8, 0.2], [0.4, 0.6], [0.1, 0.9]])["roc_auc"] == 0.625


def test_an_empty_prediction_is_correct_for_a_text_without_labels() -> None:
    scores = label_scores([[], [], [1]], [[0.1, 0.2], [0.9, 0.2], [0.1, 0.6]], multi_label=True)
    assert (scores["accuracy"], scores["macro_f1"]) == pytest.approx((2 / 3, 0.5))


@pytest.mark.parametrize("multi_label", [False, True])
def test_without_texts_scores_are_zero(multi_label: bool) -> None:
    assert label_scores([], [], multi_label=multi_label) == {"accuracy": 0, "macro_f1": 0}


def test_the_area_under_the_curve_is_one_half_if_only_one_label_occurs() -> None:
    assert label_scores([[1], [1]], [[0.2, 0.8], [0.9, 0.1]])["roc_auc"] == 0.5


def test_labels_and_predictions_must_match_one_to_one() -> None:
    with pytest.raises(ConfigError, match="1 gold but 0 predicted texts"):
        label_scores([[0]], [])
