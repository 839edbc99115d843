"""Files, folders and datasets as corpora with typed features."""

import hashlib
import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from seqkit.data.corpora import corpus_fingerprint, open_corpus, require_split
from seqkit.data.typed_datasets import label_names
from seqkit.errors import ConfigError, CorpusError
from tests.tiny_corpora import DEV, TEST, TRAIN, decoded, tag_labels, tagged_dataset, write_files


def test_a_folder_is_a_corpus_with_typed_features(tmp_path: Path) -> None:
    corpus = open_corpus(
        write_files(tmp_path, {"train.conll": TRAIN, "dev.conll": DEV, "test.conll": TEST, "README.md": "x"})
    )
    assert list(corpus) == ["train", "dev", "test"]
    assert decoded(corpus["train"]) == [(["Ada", "ran"], ["B-PER", "O"]), (["Ghent"], ["B-LOC"])]
    assert corpus["train"].features == datasets.Features(
        {
            "tokens": datasets.List(datasets.Value("string")),
            "tags": datasets.List(datasets.ClassLabel(names=["O", "B-LOC", "B-PER", "B-ORG"])),
            "source": datasets.Value("string"),
        }
    )
    assert corpus["dev"].features == corpus["train"].features == corpus["test"].features
    assert corpus["train"]["source"][:] == [f"{tmp_path}/train.conll:1", f"{tmp_path}/train.conll:4"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"train.conll": TRAIN, "dev.conll": DEV, "valid.conll": DEV}, "which file is dev: dev.conll and valid.conll"),
        (
            {"train.conll": TRAIN, "test.conll": DEV, "testb.conll": DEV},
            "is test: test.conll and testb.conll",
        ),
        ({"train-dev.conll": TRAIN}, "cannot tell which file is"),
        ({"notes.md": "x"}, "no train, dev or test file"),
        ({"README.md": "x", "data/train-0.parquet": ""}, "write hub:"),
        (
            {"train.conll": TRAIN, "dev.csv": "text,label\na,b\n"},
            "has label and text, but train.conll has tags",
        ),
        ({"train.conll": TRAIN, "dev.parquet": ""}, "Parquet and other files"),
        ({"train.conll": TRAIN, "dev.conll": "Bo\tB-PER\nran\n"}, "dev.conll:2: this row has one column"),
        ({"train.parquet": "no parquet"}, "train.parquet: this Parquet file is damaged"),
        ({"dataset_dict.json": "{}"}, "saved dataset is damaged"),
    ],
)
def test_folders_that_are_no_corpus(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        open_corpus(write_files(tmp_path, files))


def test_labels_of_texts(tmp_path: Path) -> None:
    write_files(tmp_path, {"train.csv": "text,label\na,10\nb,9\nc,2\n", "test.jsonl": '{"text": "d", "label": 1}\n'})
    corpus = open_corpus(tmp_path, dev_fraction=0)
    assert list(corpus["train"].features) == ["text", "label", "source"]
    assert corpus["train"].features["label"].names == ["2", "9", "10", "1"]
    assert corpus["test"]["label"][:] == [3]
    assert label_names(["b", "O", "a"], ["c", "a", "O"]) == ["O", "a", "b", "c"]


def test_encoding_and_columns_are_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "train.conll"
    path.write_bytes("Zoë NNP B-PER\n".encode("latin-1"))
    corpus = open_corpus(path, encoding="latin-1", tag_column=1, dev_fraction=0)
    assert decoded(corpus["train"]) == [(["Zoë"], ["NNP"])]


def test_require_split(tmp_path: Path) -> None:
    corpus = open_corpus(write_files(tmp_path, {"train.conll": TRAIN}), dev_fraction=0)
    assert len(require_split(corpus, "train")) == 2
    with pytest.raises(CorpusError, match="no split 'test', only train; add a file for it"):
        require_split(corpus, "test")
    with pytest.raises(CorpusError, match="no split 'best', only train; choose one of these"):
        require_split(corpus, "best")


def test_what_is_no_corpus_at_all() -> None:
    nothing: Any = 7
    with pytest.raises(ConfigError, match="a name, a path, a Dataset or a DatasetDict, not int"):
        open_corpus(nothing)


def test_parquet_and_saved_datasets(tmp_path: Path) -> None:
    train, test = tagged_dataset([[1, 2], [0]], tag_labels()), tagged_dataset([[3]], tag_labels())
    (tmp_path / "parquet").mkdir()
    train.to_parquet(tmp_path / "parquet/train.parquet")
    test.to_parquet(tmp_path / "parquet/test.parquet")
    datasets.DatasetDict(train=train, test=test).save_to_disk(tmp_path / "saved")
    train.save_to_disk(tmp_path / "one")
    for folder in ("parquet", "saved"):
        corpus = open_corpus(tmp_path / folder, dev_fraction=0)
        assert list(corpus) == ["train", "test"]
        assert corpus["train"].features["tags"] == datasets.List(tag_labels())
        assert decoded(corpus["test"]) == [(["w0"], ["B-A"])]
    for path in ("one", "parquet/train.parquet"):
        assert decoded(open_corpus(tmp_path / path, dev_fraction=0)["train"])[0][1] == ["B-X", "I-X"]


# The fingerprint


def test_the_fingerprint_is_of_the_content_alone(tmp_path: Path) -> None:
    first = open_corpus(write_files(tmp_path / "a", {"train.conll": TRAIN, "dev.conll": DEV}))
    second = open_corpus(
        write_files(tmp_path / "b", {"train.conll": f"\n\n{TRAIN}", "dev.conll": DEV, "test.conll": TEST})
    )
    lines = ["dev", json.dumps([["Bo"], ["B-PER"]]), "train"]
    lines += [json.dumps([["Ada", "ran"], ["B-PER", "O"]]), json.dumps([["Ghent"], ["B-LOC"]])]
    expected = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
    assert corpus_fingerprint(first) == expected
    assert corpus_fingerprint(second) != expected
    del second["test"]
    assert corpus_fingerprint(second) == expected


def test_the_fingerprint_knows_texts_and_labels(tmp_path: Path) -> None:
    texts = open_corpus(write_files(tmp_path, {"a.csv": "text,label\na,x\nb,y\n"}) / "a.csv", dev_fraction=0)
    swapped = open_corpus(write_files(tmp_path, {"b.csv": "text,label\na,y\nb,x\n"}) / "b.csv", dev_fraction=0)
    assert corpus_fingerprint(texts) != corpus_fingerprint(swapped)


# Real data


@pytest.mark.slow
def test_a_real_treebank_opens(public_data: Path) -> None:
    corpus = open_corpus(public_data / "ud_english_ewt")
    assert (len(corpus["train"]), len(corpus["dev"])) == (12_544, 2_001)
    assert len(corpus["train"].features["tags"].feature.names) == 17
    assert len(set(corpus["train"]["document"][:])) == 540
