"""What a corpus name means, and which files belong to it."""

import importlib.resources
from pathlib import Path
from typing import Any

import pytest

from seqkit.data.corpora import open_corpus
from seqkit.data.corpus_names import CorpusSpec, corpus_files, list_embedded, read_card, resolve_spec
from seqkit.errors import ConfigError, CorpusError
from tests.tiny_corpora import DEV, TEST, TRAIN, decoded, sizes, write_files


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("ner-mini", ("embedded", "ner-mini", None)),
        ("owner/name", ("hub", "owner/name", None)),
        ("owner/name:en_ewt", ("hub", "owner/name", "en_ewt")),
        ("./owner/name", ("path", "./owner/name", None)),
        ("../name", ("path", "../name", None)),
        ("/data/name", ("path", "/data/name", None)),
        ("~/name", ("path", "~/name", None)),
        (".", ("path", ".", None)),
        ("train.conll", ("path", "train.conll", None)),
        ("owner/data.CSV", ("path", "owner/data.CSV", None)),
        ("embedded:x.conll", ("embedded", "x.conll", None)),
        ("hub:conll2003", ("hub", "conll2003", None)),
        ("hub:./folder", ("hub", "./folder", None)),
        ("path:ner-mini", ("path", "ner-mini", None)),
        (Path("ner-mini"), ("path", "ner-mini", None)),
    ],
)
def test_the_shape_of_a_name_says_what_it_is(spec: str | Path, expected: tuple[Any, ...]) -> None:
    assert resolve_spec(spec) == CorpusSpec(*expected)


def test_what_lies_on_the_disk_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, {"ner-mini/train.conll": TRAIN, "owner/name/train.conll": TRAIN})
    monkeypatch.chdir(tmp_path)
    assert resolve_spec("ner-mini").kind == "embedded"
    assert resolve_spec("owner/name").kind == "hub"
    assert len(open_corpus("./ner-mini", dev_fraction=0)["train"]) == 2


def test_names_without_a_shape_and_files_that_are_not_there(tmp_path: Path) -> None:
    for spec in ("a/b/c", ""):
        with pytest.raises(ConfigError, match=r"is not the name of a corpus; write \./"):
            open_corpus(spec)
    for path in (tmp_path / "gone", tmp_path / "gone.conll"):
        with pytest.raises(CorpusError, match=r"gone.*no such file or folder"):
            open_corpus(path)


# Embedded corpora


def test_embedded_corpora_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"train.conll": TRAIN, "dev.conll": DEV, "test.conll": TEST, "CARD.md": "# tiny\n"}
    write_files(tmp_path, {f"tiny-ner/{name}": content for name, content in files.items()} | {"notes/x.txt": "x"})
    monkeypatch.setattr(importlib.resources, "files", {"seqkit_corpora": tmp_path}.__getitem__)
    assert list_embedded() == ["tiny-ner"]
    assert read_card("tiny-ner") == "# tiny\n"
    assert {split: len(rows) for split, rows in open_corpus("embedded:tiny-ner").items()} == {
        "train": 2,
        "dev": 1,
        "test": 1,
    }
    assert corpus_files("tiny-ner")["dev"].name == "dev.conll"
    with pytest.raises(CorpusError, match=r"no embedded corpus 'tiny_nr'; did you mean tiny-ner\?.*\./tiny_nr"):
        open_corpus("tiny_nr")
    with pytest.raises(CorpusError, match=r"did you mean eriktks/conll2003\?"):
        open_corpus("conll2003")
    with pytest.raises(CorpusError, match=r"no embedded corpus 'zzzzzz'; known are tiny-ner"):
        open_corpus("zzzzzz")


@pytest.mark.parametrize(
    "names",
    [
        ("train.conll", "valid.conll", "test.conll"),
        ("train.conll", "validation.conll", "test.conll"),
        ("train.txt", "testa.txt", "testb.txt"),
        ("eng.train", "eng.testa", "eng.testb"),
        ("en_x-ud-train.iob2", "en_x-ud-dev.iob2", "en_x-ud-test.iob2"),
        ("Train.tsv", "DEV.tsv", "my-test.tsv"),
        ("train", "dev", "test"),
    ],
)
def test_names_of_split_files(tmp_path: Path, names: tuple[str, str, str]) -> None:
    write_files(
        tmp_path,
        dict(zip(names, (TRAIN, DEV, TEST), strict=True)) | {"LICENSE": "test", "trainer.md": "x", "vectors.txt": "x"},
    )
    found = corpus_files(tmp_path)
    assert [found[split].name for split in ("train", "dev", "test")] == list(names)
    assert sizes(open_corpus(tmp_path)) == {"train": 2, "dev": 1, "test": 1}


def test_the_plain_text_beside_a_treebank_is_no_split(tmp_path: Path) -> None:
    row = "1\tAda\t_\tPROPN\t_\t_\t0\troot\t_\t_\n"
    write_files(tmp_path, {"en_x-ud-train.conllu": row, "en_x-ud-train.txt": "Ada", "en_x-ud-dev.conllu": row})
    assert decoded(open_corpus(tmp_path)["dev"]) == [(["Ada"], ["PROPN"])]
