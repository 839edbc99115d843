"""fastText's files."""

from pathlib import Path

import pytest

from seqkit.data.corpora import open_corpus
from seqkit.data.formats import read_rows
from seqkit.data.rows import LabelledText
from seqkit.errors import CorpusError
from tests.tiny_corpora import write_file


@pytest.mark.parametrize("name", ["a.txt", "cooking.train", "a.csv", "a.tsv", "train", "a.ft"])
def test_fasttext_lines_are_known_under_any_suffix(tmp_path: Path, name: str) -> None:
    content = "__label__pos a good film, yes\r\n\n__label__neg   bad\t \n"
    rows = [LabelledText("a good film, yes", "pos", 1), LabelledText("bad", "neg", 3)]
    assert read_rows(write_file(tmp_path, name, content)) == rows


def test_several_labels_make_a_multi_label_text(tmp_path: Path) -> None:
    content = "__label__a __label__b one two\n__label__a three\nfour __label__c five __label__c\n"
    path = write_file(tmp_path, "a.txt", content)
    assert read_rows(path) == [
        LabelledText("one two", ["a", "b"], 1),
        LabelledText("three", "a", 2),
        LabelledText("four five", "c", 3),
    ]
    corpus = open_corpus(path, dev_fraction=0)["train"]
    assert [[corpus.features["label"].feature.names[each] for each in row] for row in corpus["label"]] == [
        ["a", "b"],
        ["a"],
        ["c"],
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a good film", "2: there is no label in this line; begin it with __label__"),
        ("__label__a ", "2: there is no text in this line"),
        ("__label__ a film", "2: there is no label"),
    ],
)
def test_bad_fasttext_lines(tmp_path: Path, line: str, message: str) -> None:
    path = write_file(tmp_path, "a.txt", f"__label__x one\n{line}\n")
    with pytest.raises(CorpusError, match=message):
        read_rows(path)
    with pytest.raises(CorpusError, match="no columns; leave out --token-column and --label-column"):
        read_rows(path, tag_column="label")
    with pytest.raises(CorpusError, match="leave out --text-column"):
        read_rows(path, text_column=0)
