"""Texts and labels come as the same plain lists whatever holds them; what cannot be used is named with its number."""

import enum
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from seqkit.data.labelled_rows import LabelledRows, labelled_rows, texts_of
from seqkit.errors import ConfigError, CorpusError

TEXTS = ["Not bad.", "Meh.", "正面 😀"]
LABELS: dict[str, list[Any]] = {
    "strings": ["positive", "negative", "positive"],
    "integers": [2, 0, -1],
    "truth values": [True, False, True],
}

every_kind = pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)


def typed(answers: Sequence[Sequence[Any]]) -> list[list[tuple[type, Any]]]:
    return [[(type(label), label) for label in answer] for answer in answers]


def check(rows: LabelledRows, labels: list[Any]) -> None:
    """That rows hold ``TEXTS`` and these labels, one each, in their own types."""
    assert rows["text"] == TEXTS
    assert all(type(text) is str for text in rows["text"])
    assert typed(rows["label"]) == typed([[label] for label in labels])
    assert rows["multi_label"] is False


# What texts and labels come in.


@every_kind
@pytest.mark.parametrize(
    "hold",
    [
        pytest.param(list, id="list"),
        pytest.param(tuple, id="tuple"),
        pytest.param(iter, id="iterator"),
        pytest.param(np.array, id="array"),
        pytest.param(lambda values: np.array(values, dtype=object), id="array of objects"),
    ],
)
def test_lists_tuples_and_arrays_are_the_same(hold: Callable[[list[Any]], Any], labels: list[Any]) -> None:
    check(labelled_rows(hold(TEXTS), hold(labels)), labels)


@every_kind
def test_a_column_of_pandas_is_a_list(labels: list[Any]) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    index = [7, 7, 3]  # says nothing about the order
    check(labelled_rows(pandas.Series(TEXTS, index=index), pandas.Series(labels, index=index)), labels)
    check(labelled_rows(TEXTS, pandas.Series(labels, dtype="category")), labels)
    check(labelled_rows({"text": pandas.Series(TEXTS), "label": pandas.Series(labels)}), labels)


@every_kind
def test_a_mapping_has_its_columns(labels: list[Any]) -> None:
    check(labelled_rows({"text": TEXTS, "label": labels, "stars": [1, 2, 3]}), labels)
    check(labelled_rows({"text": TEXTS, "label": [None, None, None]}, labels), labels)  # those beside it are meant


@every_kind
@pytest.mark.parametrize("form", [None, "numpy"])
def test_a_dataset_has_its_columns(labels: list[Any], form: str | None) -> None:
    data = Dataset.from_dict({"text": TEXTS, "label": labels}).with_format(form)
    check(labelled_rows(data), labels)
    assert texts_of(data) == TEXTS


def test_a_class_label_is_its_name() -> None:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["negative", "positive"])})
    data = Dataset.from_dict({"text": TEXTS, "label": [1, 0, 1]}, features=features)
    check(labelled_rows(data), LABELS["strings"])
    check(labelled_rows(data, LABELS["integers"]), LABELS["integers"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([["b", "a"], [], ["a"]], [["b", "a"], [], ["a"]]),
        ([("b", "a"), (), ("a",)], [["b", "a"], [], ["a"]]),
        ([{"b", "a"}, set(), {"a"}], [["a", "b"], [], ["a"]]),
        ([frozenset({"b", "a"}), ["b"], ("a",)], [["a", "b"], ["b"], ["a"]]),
        ([np.array([2, 0]), np.array([], dtype=int), np.array([0])], [[2, 0], [], [0]]),
        ([[np.int64(2), np.str_("x")], [], [np.int8(1)]], [[2, "x"], [], [1]]),
    ],
    ids=["lists", "tuples", "sets", "mixed", "arrays", "of NumPy's"],
)
def test_several_labels_come_as_any_collection(given: list[Any], expected: list[list[Any]]) -> None:
    rows = labelled_rows(TEXTS, given)
    assert typed(rows["label"]) == typed(expected)
    assert rows["multi_label"] is True


def test_several_labels_of_a_dataset() -> None:
    answers = [["b", "a"], [], ["a"]]
    rows = labelled_rows(Dataset.from_dict({"text": TEXTS, "label": answers}))
    assert (rows["label"], rows["multi_label"]) == (answers, True)


def test_labels_keep_their_own_type_beside_each_other() -> None:
    rows = labelled_rows(TEXTS, ["1", 1, "True"])
    assert typed(rows["label"]) == [[(str, "1")], [(int, 1)], [(str, "True")]]
    with pytest.raises(CorpusError, match="some labels are booleans and some are numbers"):
        labelled_rows(TEXTS, ["1", 1, True])


class Grade(enum.IntEnum):
    LOW = 1
    HIGH = 2


def test_a_label_is_what_json_gives_back() -> None:
    rows = labelled_rows(TEXTS, [Grade.LOW, Grade.HIGH, np.int64(1)])
    assert typed(rows["label"]) == [[(int, 1)], [(int, 2)], [(int, 1)]]
    assert labelled_rows(TEXTS, ["a\ud800", "b", "c"])["label"][0] == ["a\ufffd"]


def test_a_label_counts_once_for_a_text() -> None:
    assert labelled_rows(TEXTS, [["b", "a", "b"], [], ["a", "a"]])["label"] == [["b", "a"], [], ["a"]]


@pytest.mark.parametrize("labels", ["abc", {"a", "b", "c"}, {"a": 1, "b": 2, "c": 3}, np.eye(3, dtype=int)])
def test_labels_that_are_no_list_are_refused(labels: Any) -> None:
    with pytest.raises(ConfigError, match="labels must be a list, one for each text"):
        labelled_rows(TEXTS, labels)


def test_a_data_frame_has_its_columns() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame({"text": TEXTS, "label": ["a", "b", "a"]})
    check(labelled_rows(frame), ["a", "b", "a"])
    with pytest.raises(CorpusError, match="there is no column 'text', only label"):
        texts_of(frame[["label"]])


@every_kind
def test_a_streamed_dataset_and_a_list_of_dictionaries_have_columns(labels: list[Any]) -> None:
    data = Dataset.from_dict({"text": TEXTS, "label": labels})
    check(labelled_rows(list(data)), labels)
    check(labelled_rows(data.to_iterable_dataset()), labels)
    check(labelled_rows(data.to_iterable_dataset().map(lambda row: row)), labels)  # its columns are not known
    assert texts_of(data.to_iterable_dataset()) == texts_of(list(data)) == TEXTS


def test_rows_that_are_not_alike_are_told() -> None:
    for row, message in (({"text": "b"}, "row 2 has no 'label', but row 1 has"), ("b", "row 2 is 'b', but row 1 is a")):
        with pytest.raises(CorpusError, match=f"^{message}"):
            labelled_rows([{"text": "a", "label": "x"}, row] if isinstance(row, dict) else [{"text": "a"}, row])


def test_what_was_given_is_not_changed() -> None:
    labels = [["b", "a"], [], ["a"]]
    rows = labelled_rows(TEXTS, labels)
    text, label = rows["text"], rows["label"][0]
    assert isinstance(text, list)
    assert isinstance(label, list)
    text.append("more")
    label.append("more")
    assert (len(TEXTS), labels) == (3, [["b", "a"], [], ["a"]])


# What cannot be used.


@pytest.mark.parametrize("missing", [None, float("nan"), np.float64("nan"), np.float32("nan")])
def test_a_missing_label_is_told_with_its_number(missing: Any) -> None:
    with pytest.raises(CorpusError, match=r"^text 2 has no label \((None|nan)\); give it one, or leave the text out$"):
        labelled_rows(TEXTS, ["a", missing, "b"])
    with pytest.raises(CorpusError, match=r"^text 3 has no label"):
        labelled_rows(TEXTS, [["a"], [], ["b", missing]])


def test_a_label_that_pandas_or_a_dataset_lacks_is_told() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    with pytest.raises(CorpusError, match=r"^text 2 has no label"):
        labelled_rows(TEXTS, pandas.Series(["a", None, "b"]))
    for missing in (pandas.Series([1, None, 2]), [1, pandas.NA, 2]):
        with pytest.raises(CorpusError, match=r"^text 2 has no label"):
            labelled_rows(TEXTS, missing)
    features = Features({"text": Value("string"), "label": ClassLabel(names=["negative", "positive"])})
    for columns in (None, features):
        data = Dataset.from_dict({"text": TEXTS, "label": [1, None, 0]}, features=columns)
        with pytest.raises(CorpusError, match=r"^text 2 has no label"):
            labelled_rows(data)


@pytest.mark.parametrize("label", [1.5, 2.0, b"a", {"a": 1}, object(), np.float64(0.5), 1j])
def test_a_label_of_no_usable_kind_is_told_with_its_number(label: Any) -> None:
    with pytest.raises(CorpusError, match=r"^label 3 is .*; a label is a string, an integer or a boolean$"):
        labelled_rows(TEXTS, ["a", "b", label])


def test_labels_within_lists_within_lists_are_refused() -> None:
    with pytest.raises(CorpusError, match=r"^label 1 is \['a'\]; a label is a string"):
        labelled_rows(TEXTS, [[["a"]], [], []])


@pytest.mark.parametrize("labels", [["a", "b", ["c"]], [["a"], ["b"], "c"], [1, 2, (1, 2)]])
def test_one_label_and_several_do_not_go_together(labels: list[Any]) -> None:
    with pytest.raises(CorpusError, match=r"^label 3 is .*, but label 1 is .*: either all or none must be lists$"):
        labelled_rows(TEXTS, labels)


@pytest.mark.parametrize("text", [None, float("nan"), 3, b"bytes", ["Not", "bad"]])
def test_a_text_that_is_none_is_told_with_its_number(text: Any) -> None:
    for read in (texts_of, lambda texts: labelled_rows(texts, ["a", "b"])):
        with pytest.raises(CorpusError, match=r"^text 2 is .*, which is not a string; leave it out or make it one$"):
            read(["fine", text])


def test_one_text_in_place_of_a_list_is_refused() -> None:
    for read in (texts_of, lambda text: labelled_rows(text, ["a"])):
        with pytest.raises(ConfigError, match=r"^give a list of texts, such as \[text\], not one text$"):
            read("Not bad.")


@pytest.mark.parametrize("labels", [[], ["a", "b"], ["a", "b", "c", "d"]])
def test_there_must_be_a_label_for_each_text(labels: list[str]) -> None:
    with pytest.raises(CorpusError, match=rf"^there are {len(labels)} labels for 3 texts; each text needs its own$"):
        labelled_rows(TEXTS, labels)


@pytest.mark.parametrize("texts", [[], {"text": [], "label": []}, Dataset.from_dict({"text": [], "label": []})])
def test_there_must_be_a_text_to_learn_from(texts: Any) -> None:
    assert texts_of(texts) == []
    with pytest.raises(CorpusError, match=r"^there is no text$"):
        labelled_rows(texts, [])


@pytest.mark.parametrize(("columns", "named"), [({"review": ["a"]}, "review"), ({}, "nothing")])
@pytest.mark.parametrize("hold", [dict, Dataset.from_dict], ids=["mapping", "dataset"])
def test_a_column_that_is_not_there_is_told(
    columns: dict[str, list[str]], named: str, hold: Callable[[dict[str, list[str]]], Any]
) -> None:
    with pytest.raises(CorpusError, match=f"^there is no column 'text', only {named}$"):
        texts_of(hold(columns))


@pytest.mark.parametrize("texts", [TEXTS, {"text": TEXTS}, Dataset.from_dict({"text": TEXTS})])
def test_labels_that_are_nowhere_are_told(texts: Any) -> None:
    with pytest.raises(CorpusError, match=r"^there are no labels: .* --label-column; in Python, give them beside"):
        labelled_rows(texts)


@pytest.mark.parametrize("given", [None, 1, 1.5])
def test_what_is_no_list_is_refused(given: Any) -> None:
    with pytest.raises(ConfigError, match=f"give a list of texts, such as \\[text\\], not a {type(given).__name__}"):
        texts_of(given)
    if given is not None:
        with pytest.raises(ConfigError, match="labels must be a list"):
            labelled_rows(TEXTS, given)
    with pytest.raises(ConfigError, match="labels must be a list"):
        labelled_rows(TEXTS, b"abc")
