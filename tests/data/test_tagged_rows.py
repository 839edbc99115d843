"""Tags that are withheld or have no names are refused where gold tags are needed, with the place of the sentence."""

from pathlib import Path
from typing import Any

import datasets
import pytest

import seqkit
from seqkit.data.corpora import corpus_fingerprint, open_corpus
from seqkit.data.tagged_rows import rows_of
from seqkit.errors import CorpusError
from tests.tiny_corpora import TRAIN, tag_labels, tagged_dataset, write_file

WITHHELD = r"its tags are withheld, .*; choose a split with tags$"


@pytest.mark.parametrize("tags", [[-1, -1], [0, -1], [None, 1], [-1], None], ids=str)
def test_withheld_tags_are_not_the_last_label(tags: list[int | None] | None) -> None:
    rows: list[Any] = [[1, 2], tags]
    data = {"tokens": [["a", "b"], ["c"] * len(tags or [0])], "tags": rows}
    features = {
        "tokens": datasets.List(datasets.Value("string")),
        "tags": datasets.List(tag_labels()),
    }
    split = datasets.Dataset.from_dict(data, features=datasets.Features(features))
    with pytest.raises(CorpusError, match=f"^sentence 2: {WITHHELD}"):
        rows_of(split)
    named = split.add_column("source", ["x.conll:3", "x.conll:9"])
    with pytest.raises(CorpusError, match=f"^x.conll:9: {WITHHELD}"):
        rows_of(named)


def test_a_model_is_neither_trained_nor_scored_on_withheld_tags() -> None:
    known = open_corpus(tagged_dataset([[1, 2], [0]], tag_labels(), tags="tags"), dev_fraction=0)["train"]
    withheld = open_corpus(tagged_dataset([[0], [-1, -1]], tag_labels(), tags="tags"), dev_fraction=0)["train"]
    for train, dev in ((withheld, known), (known, withheld)):
        with pytest.raises(CorpusError, match=f"^sentence 2: {WITHHELD}"):
            seqkit.Tagger().fit(train, dev)


def test_withheld_tags_are_the_same_content_however_they_are_stored() -> None:
    prints = [
        corpus_fingerprint(datasets.DatasetDict(test=tagged_dataset([[tag, 1]], tag_labels(), tags="tags")))
        for tag in (-1, None, 3)
    ]
    assert prints[0] == prints[1] != prints[2]


def test_tags_of_a_dataset_may_be_strings() -> None:
    data = {"tokens": [["Ada", "ran"]], "tags": [["B-PER", "O"]]}
    assert rows_of(datasets.Dataset.from_dict(data)) == data
    assert rows_of(data) == data


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ([["O"], [None]], f"^sentence 2: {WITHHELD}"),
        ([["O"], None], f"^sentence 2: {WITHHELD}"),
        ([["O"], [3]], r"^sentence 2: labels are numbers without names \(such as 3\); store the names$"),
        ([[-1], ["O"]], r"^sentence 1: labels are numbers without names \(such as -1\)"),
    ],
)
def test_tags_of_a_mapping_must_be_names(tags: list[Any], message: str) -> None:
    for rows in ({"tokens": [["a"], ["b"]], "tags": tags},):
        with pytest.raises(CorpusError, match=message):
            rows_of(rows)


def test_tags_of_files_have_names(tmp_path: Path) -> None:
    path = write_file(tmp_path, "train.conll", TRAIN)
    assert rows_of(open_corpus(path, dev_fraction=0)["train"]) == {
        "tokens": [["Ada", "ran"], ["Ghent"]],
        "tags": [["B-PER", "O"], ["B-LOC"]],
        "source": [f"{path}:1", f"{path}:4"],
    }
