"""Datasets of any origin get the split names, columns and features of a corpus."""

from collections.abc import Callable
from typing import Any

import datasets
import pytest

from seqkit.data.corpora import open_corpus
from seqkit.errors import CorpusError
from tests.tiny_corpora import decoded, tag_labels, tagged_dataset


def test_a_dataset_at_hand_keeps_its_names() -> None:
    dataset = tagged_dataset([[1, 2], [0]], tag_labels())
    corpus = open_corpus(datasets.DatasetDict(train=dataset, validation=dataset, test=dataset))
    assert list(corpus) == ["train", "dev", "test"]
    assert corpus["dev"].column_names == ["tokens", "tags"]
    assert corpus["dev"].features["tags"] == datasets.List(tag_labels())
    assert corpus["dev"]["tags"][:] == [[1, 2], [0]]
    assert list(open_corpus(dataset, dev_fraction=0)) == ["train"]


@pytest.mark.parametrize("columns", [{}, {"tokens": "words", "tags": "upos"}, {"tokens": "form", "tags": "mine"}])
def test_columns_of_datasets(columns: dict[str, str]) -> None:
    dataset = tagged_dataset([["B-X", "O"], ["B-A"]], datasets.Value("large_string"), **columns)
    named: dict[str, Any] = {"token_column": "form", "tag_column": "mine"} if "form" in columns.values() else {}
    corpus = open_corpus(dataset, dev_fraction=0, **named)
    assert corpus["train"].features["tags"].feature.names == ["O", "B-A", "B-X"]
    assert decoded(corpus["train"]) == [(["w0", "w1"], ["B-X", "O"]), (["w0"], ["B-A"])]


def test_splits_that_number_their_labels_differently_are_brought_together() -> None:
    other = datasets.ClassLabel(names=["B-NEW", "B-X", "O"])
    corpus = open_corpus(
        datasets.DatasetDict(test=tagged_dataset([[0, 1, 2]], other), train=tagged_dataset([[1, 2, 3]], tag_labels())),
        dev_fraction=0,
    )
    assert corpus["test"].features["tags"].feature.names == ["O", "B-X", "I-X", "B-A", "B-NEW"]
    assert decoded(corpus["test"])[0][1] == ["B-NEW", "B-X", "O"]
    assert decoded(corpus["train"])[0][1] == ["B-X", "I-X", "B-A"]


def test_datasets_of_texts() -> None:
    label = datasets.ClassLabel(names=["neg", "pos"])
    features = datasets.Features({"text": datasets.Value("string"), "label": label})
    train = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features)
    withheld = datasets.Dataset.from_dict({"text": ["c"], "label": [-1]}, features=features)
    corpus = open_corpus(datasets.DatasetDict(train=train, test=withheld), dev_fraction=0)
    assert corpus["train"].features == features
    assert corpus["test"]["label"][:] == [-1]
    corpus = open_corpus(datasets.Dataset.from_dict({"text": ["a", "b"], "label": [7, 10]}), dev_fraction=0)
    assert corpus["train"].features["label"].names == ["7", "10"]
    corpus = open_corpus(datasets.Dataset.from_dict({"id": [1], "text": ["a"]}), dev_fraction=0)
    assert corpus["train"].column_names == ["text"]


@pytest.mark.parametrize(
    ("dataset", "options", "message"),
    [
        (lambda: datasets.Dataset.from_dict({"a": [1]}), {}, r"neither tokens nor text among its columns: a"),
        (lambda: datasets.Dataset.from_dict({"tokens": [["a"]]}), {}, "no column of tags; choose one"),
        (lambda: tagged_dataset([[1]], datasets.Value("int32")), {}, "labels are numbers without names"),
        (
            lambda: tagged_dataset([[0]], tag_labels()),
            {"tag_column": "pos"},
            "no column 'pos'; its columns: id, tokens, ner",
        ),
        (lambda: tagged_dataset([[0]], tag_labels()), {"tag_column": 1}, "named, not numbered"),
        (
            lambda: datasets.Dataset.from_dict({"tokens": [["a"], ["a", "b"]], "tags": [["O"], ["O"]]}),
            {},
            r"\(train\):2: row 2 does not hold one tag for each token",
        ),
        (
            lambda: datasets.Dataset.from_dict({"tokens": [["a"], ["b", None]], "tags": [["O"], ["O", "O"]]}),
            {},
            r"\(train\):2: row 2: a token is null; give it a value, or leave the row out",
        ),
        (
            lambda: datasets.Dataset.from_dict({"text": ["a", None], "label": ["x", "y"]}),
            {},
            r"\(train\):2: row 2: a text is null; give it a value, or leave the row out",
        ),
        (
            lambda: datasets.DatasetDict(
                dev=tagged_dataset([[0]], tag_labels()), validation=tagged_dataset([[0]], tag_labels())
            ),
            {},
            "two splits could be dev",
        ),
    ],
)
def test_datasets_that_cannot_be_used(dataset: Callable[[], Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        open_corpus(dataset(), dev_fraction=0, **options)


@pytest.mark.parametrize("withheld", [-1, None])
def test_tags_that_are_withheld_are_no_label_of_a_corpus(withheld: int | None) -> None:
    upos = datasets.ClassLabel(names=["B-A", "O"])  # other names than in train, so that both are numbered anew
    splits = datasets.DatasetDict(
        train=tagged_dataset([[1, 0]], tag_labels()), test=tagged_dataset([[withheld, 1]], upos)
    )
    corpus = open_corpus(splits, dev_fraction=0)
    assert corpus["test"].features["tags"].feature.names == ["O", "B-X", "I-X", "B-A"]
    assert corpus["test"]["tags"][:] == [[None, 0]]
    strings = tagged_dataset([["B-A", None]], datasets.Value("string"))
    assert open_corpus(strings, dev_fraction=0)["train"].features["tags"].feature.names == ["B-A"]


def test_very_many_labels_are_refused_and_the_limit_can_be_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": ["x", "y", "z"]})
    monkeypatch.setenv("SEQKIT_MOST_LABELS", "2")
    with pytest.raises(CorpusError, match=r"3 different labels, more than 2; .* SEQKIT_MOST_LABELS"):
        open_corpus(dataset, dev_fraction=0)
    monkeypatch.setenv("SEQKIT_MOST_LABELS", "3")
    assert len(open_corpus(dataset, dev_fraction=0)["train"]) == 3
