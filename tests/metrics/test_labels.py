"""Scores of labels for whole texts, against scikit-learn's and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from seqkit.errors import ConfigError
from seqkit.metrics.labels import label_scores

chances = st.sampled_from([0.0, 0.2, 0.5, 0.8, 1.0]) | st.floats(0, 1)  # many equal ones

Drawn = tuple[list[list[int]], list[list[float]]]


@st.composite
def single(draw: st.DrawFn, labels: int, unknown: bool = False) -> Drawn:
    """For each text the place of its label, and a probability of each; where asked, some labels are unknown."""
    places = st.integers(0, labels - 1 + unknown)
    rows = draw(st.lists(st.tuples(places, st.lists(chances, min_size=labels, max_size=labels)), min_size=1))
    return [[place] for place, _ in rows], [each for _, each in rows]


@st.composite
def several(draw: st.DrawFn, labels: int) -> Drawn:
    """For each text the places of its labels, the unknown one among them, and a probability of each."""
    places = st.lists(st.integers(0, labels), unique=True, max_size=3)
    rows = draw(st.lists(st.tuples(places, st.lists(chances, min_size=labels, max_size=labels)), min_size=1))
    return [right for right, _ in rows], [each for _, each in rows]


@given(st.integers(1, 5).flatmap(lambda labels: single(labels, unknown=True)))
def test_exclusive_labels_score_as_in_scikit_learn(drawn: Drawn) -> None:
    gold, probabilities = drawn
    right = [place for [place] in gold]
    said = np.argmax(probabilities, axis=1)  # the first of equals
    scores = label_scores(gold, probabilities)
    assert scores["accuracy"] == pytest.approx(accuracy_score(right, said))
    assert scores["macro_f1"] == pytest.approx(f1_score(right, said, average="macro"))
    assert ("roc_auc" in scores) == (len(probabilities[0]) == 2)


@given(single(labels=2))
def test_the_area_under_the_curve_is_that_of_scikit_learn(drawn: Drawn) -> None:
    gold, probabilities = drawn
    right = [place for [place] in gold]
    expected = roc_auc_score(right, [each[1] for each in probabilities]) if len(set(right)) == 2 else 0.5
    assert label_scores(gold, probabilities)["roc_auc"] == pytest.approx(expected)


@given(st.integers(1, 4).flatmap(several))
def test_labels_that_are_not_exclusive_score_as_in_scikit_learn(drawn: Drawn) -> None:
    gold, probabilities = drawn
    labels = len(probabilities[0])
    right = np.zeros((len(gold), labels + 1), dtype=int)  # the last is the unknown one: it is never said
    for row, places in enumerate(gold):
        right[row, places] = 1
    said = np.pad(np.array(probabilities) > 0.5, ((0, 0), (0, 1))).astype(int)
    scores = label_scores(gold, probabilities, several=True)
    occurring = np.flatnonzero(right.any(0) | said.any(0))
    known = right[:, -1] == 0
    chances = np.where(right[:, :-1], probabilities, 1 - np.array(probabilities)).clip(1e-15)
    costs = {"log_loss": pytest.approx(-np.log(chances[known]).mean())} if known.any() else {}
    assert {name: score for name, score in scores.items() if name not in ("accuracy", "macro_f1")} == costs
    assert scores["accuracy"] == pytest.approx(accuracy_score(right, said))
    expected = f1_score(right, said, labels=occurring, average="macro", zero_division=0) if len(occurring) else 0.0
    assert scores["macro_f1"] == pytest.approx(expected)


def test_scores_by_hand() -> None:
    gold = [[0], [0], [1], [2]]
    probabilities = [[0.6, 0.2, 0.2], [0.3, 0.4, 0.3], [0.1, 0.8, 0.1], [0.1, 0.7, 0.2]]
    # Label 0: 1 of 2 found, none in vain. Label 1: found, and twice in vain. Label 2: never found.
    assert label_scores(gold, probabilities) == pytest.approx(
        {
            "accuracy": 0.5,
            "macro_f1": (2 / 3 + 2 / 4 + 0) / 3,
            "log_loss": -np.log([0.6, 0.3, 0.8, 0.2]).mean(),
        }
    )


@pytest.mark.parametrize("several", [False, True])
def test_a_label_that_the_model_does_not_know_counts_as_wrong(several: bool) -> None:
    probabilities = [[0.9, 0.1, 0.0], [0.1, 0.9, 0.0]]
    assert label_scores([[0], [1]], probabilities, several=several)["accuracy"] == 1
    scores = label_scores([[0], [3]], probabilities, several=several)
    assert (scores["accuracy"], scores["macro_f1"]) == pytest.approx((0.5, 1 / 3))  # of labels 0, 1 and the unknown one
    alone = label_scores([[0]], probabilities[:1], several=several)
    assert scores["log_loss"] == alone["log_loss"]  # the unknown one is left out


def test_equal_probabilities() -> None:
    assert label_scores([[0]], [[0.4, 0.4, 0.2]])["accuracy"] == 1  # the first of equals is the answer
    assert label_scores([[]], [[0.5, 0.5, 0.5]], several=True)["accuracy"] == 1  # 1/2 is not more than 1/2
    assert label_scores([[0], [1], [1]], [[0.5, 0.5]] * 3)["roc_auc"] == 0.5
    # Of four pairs two are in order, one is not, one is a tie.
    assert label_scores([[0], [1], [0], [1]], [[0.8, 0.2], [0.8, 0.2], [0.4, 0.6], [0.1, 0.9]])["roc_auc"] == 0.625


def test_an_empty_answer_is_right_where_no_label_is() -> None:
    scores = label_scores([[], [], [1]], [[0.1, 0.2], [0.9, 0.2], [0.1, 0.6]], several=True)
    assert (scores["accuracy"], scores["macro_f1"]) == pytest.approx((2 / 3, 0.5))


@pytest.mark.parametrize("several", [False, True])
def test_no_texts_score_nothing(several: bool) -> None:
    assert label_scores([], [], several=several) == {"accuracy": 0, "macro_f1": 0}


def test_texts_of_one_label_alone_leave_nothing_to_rank() -> None:
    assert label_scores([[1], [1]], [[0.2, 0.8], [0.9, 0.1]])["roc_auc"] == 0.5


def test_labels_and_predictions_must_match_one_to_one() -> None:
    with pytest.raises(ConfigError, match="1 gold but 0 predicted texts"):
        label_scores([[0]], [])
