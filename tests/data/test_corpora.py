"""Names to corpora: resolution, splits, features, datasets of every provenance, validation."""

import hashlib
import importlib.resources
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.corpora import (
    corpus_fingerprint,
    open_corpus,
    require_split,
)
from seqkit.data.corpus_names import CorpusSpec, corpus_files, list_embedded, read_card, resolve_spec
from seqkit.data.hub import HUB_ALIASES, HUB_CORPORA, load_hub
from seqkit.data.missing_splits import deal
from seqkit.data.typed_datasets import label_names
from seqkit.data.validation import validate_corpus
from seqkit.errors import ConfigError, CorpusError
from seqkit.text.tagging_schemes import Scheme

datasets: Any = pytest.importorskip("datasets")


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode())
    return folder


def conll(*sentences: str) -> str:
    """``"Ada/B-PER ran/O"`` as the lines of a CoNLL file."""
    return "\n\n".join(sentence.replace("/", "\t").replace(" ", "\n") for sentence in sentences) + "\n"


def sizes(corpus: Any) -> dict[str, int]:
    return {split: len(rows) for split, rows in corpus.items()}


def decoded(dataset: Any) -> list[tuple[list[str], list[str]]]:
    names = dataset.features["tags"].feature.names
    return [(row["tokens"], [names[tag] for tag in row["tags"]]) for row in dataset]


TRAIN, DEV, TEST = conll("Ada/B-PER ran/O", "Ghent/B-LOC"), conll("Bo/B-PER"), conll("Ypres/B-ORG")


# What a name stands for


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
    write(tmp_path, {"ner-mini/train.conll": TRAIN, "owner/name/train.conll": TRAIN})
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
    write(tmp_path, {f"tiny-ner/{name}": content for name, content in files.items()} | {"notes/x.txt": "x"})
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


# Files and folders


def test_a_folder_is_a_corpus_with_typed_features(tmp_path: Path) -> None:
    corpus = open_corpus(
        write(tmp_path, {"train.conll": TRAIN, "dev.conll": DEV, "test.conll": TEST, "README.md": "x"})
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
    write(
        tmp_path,
        dict(zip(names, (TRAIN, DEV, TEST), strict=True)) | {"LICENSE": "test", "trainer.md": "x", "vectors.txt": "x"},
    )
    found = corpus_files(tmp_path)
    assert [found[split].name for split in ("train", "dev", "test")] == list(names)
    assert sizes(open_corpus(tmp_path)) == {"train": 2, "dev": 1, "test": 1}


def test_the_plain_text_beside_a_treebank_is_no_split(tmp_path: Path) -> None:
    row = "1\tAda\t_\tPROPN\t_\t_\t0\troot\t_\t_\n"
    write(tmp_path, {"en_x-ud-train.conllu": row, "en_x-ud-train.txt": "Ada", "en_x-ud-dev.conllu": row})
    assert decoded(open_corpus(tmp_path)["dev"]) == [(["Ada"], ["PROPN"])]


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
        open_corpus(write(tmp_path, files))


def test_labels_of_texts(tmp_path: Path) -> None:
    write(tmp_path, {"train.csv": "text,label\na,10\nb,9\nc,2\n", "test.jsonl": '{"text": "d", "label": 1}\n'})
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


# Splits that are missing


def documents_of(corpus: Any, split: str) -> set[str]:
    return set(corpus[split]["document"][:])


def test_dev_is_made_of_whole_documents(tmp_path: Path) -> None:
    text = "".join(f"# newdoc id = d{i}\n{conll(*[f'w{i}.{j}/O' for j in range(1 + i % 4)])}\n" for i in range(40))
    path = write(tmp_path, {"train.conll": text}) / "train.conll"
    corpus = open_corpus(path, dev_fraction=0.2, test_fraction=0.1, seed=3)
    assert sum(map(len, corpus.values())) == 100
    assert len(corpus["dev"]) == 20
    assert len(corpus["test"]) == 10
    assert not documents_of(corpus, "train") & documents_of(corpus, "dev")
    assert not documents_of(corpus, "train") & documents_of(corpus, "test")
    assert not documents_of(corpus, "dev") & documents_of(corpus, "test")
    again = open_corpus(path, dev_fraction=0.2, test_fraction=0.1, seed=3)
    other = open_corpus(path, dev_fraction=0.2, test_fraction=0.1, seed=4)
    assert corpus_fingerprint(again) == corpus_fingerprint(corpus) != corpus_fingerprint(other)
    whole = open_corpus(path, dev_fraction=0)["train"]
    at_hand = open_corpus(whole, dev_fraction=0.2, test_fraction=0.1, seed=3)
    assert at_hand["dev"]["tokens"][:] == corpus["dev"]["tokens"][:]


def test_dev_is_made_of_sentences_where_no_documents_are_marked(tmp_path: Path) -> None:
    write(tmp_path, {"train.conll": conll(*[f"w{i}/O" for i in range(50)]), "test.conll": TEST})
    corpus = open_corpus(tmp_path)
    assert sizes(corpus) == {"train": 45, "test": 1, "dev": 5}
    tokens = [row["tokens"][0] for split in ("train", "dev") for row in corpus[split]]
    assert sorted(tokens) == sorted(f"w{i}" for i in range(50))
    assert set(open_corpus(tmp_path, dev_fraction=0)) == {"train", "test"}


def test_labels_that_only_dev_got_come_after_those_of_train(tmp_path: Path) -> None:
    path = write(tmp_path, {"a.conll": conll(*[f"w/B-{name}" for name in "abcdefghij"])}) / "a.conll"
    corpus = open_corpus(path, dev_fraction=0.3)
    names = corpus["train"].features["tags"].feature.names
    in_train = sorted(tags[0] for _, tags in decoded(corpus["train"]))
    assert names[:7] == in_train
    assert names[7:] == sorted(tags[0] for _, tags in decoded(corpus["dev"]))


def test_the_end_of_plain_text_is_dev(tmp_path: Path) -> None:
    path = write(tmp_path, {"a.txt": "".join(f"it is line {i}\n" for i in range(20))}) / "a.txt"
    corpus = open_corpus(path, dev_fraction=0.1, test_fraction=0.2)
    numbers = {split: [int(text.split()[-1]) for text in rows["text"][:]] for split, rows in corpus.items()}
    assert {split: sorted(found) for split, found in numbers.items()} == numbers
    assert sorted(itertools.chain(*numbers.values())) == list(range(20))
    assert numbers["train"] == list(range(14))


def test_too_little_to_share_and_fractions_without_meaning(tmp_path: Path) -> None:
    path = write(tmp_path, {"a.conll": "-DOCSTART- O\n\nAda\tO\n\nran\tO\n"}) / "a.conll"
    with pytest.raises(CorpusError, match=r"a\.conll: 1 document cannot be shared among train, dev; give a file"):
        open_corpus(path)
    with pytest.raises(ConfigError, match="dev_fraction must be at least 0 and below 1, not 1"):
        open_corpus(path, dev_fraction=1)


@given(
    st.lists(st.sampled_from([None, *"abcdefgh"]), min_size=1, max_size=60),
    st.floats(0.01, 0.45),
    st.booleans(),
    st.booleans(),
    st.integers(0, 5),
)
def test_dealing_shares_everything_once(
    documents: list[str | None], fraction: float, by_document: bool, in_order: bool, seed: int
) -> None:
    units = len(set(documents)) if by_document else len(documents)
    arguments: dict[str, Any] = {"seed": seed, "in_order": in_order, "documents": documents if by_document else None}
    if units < 3:
        with pytest.raises(CorpusError, match="cannot be shared"):
            deal(len(documents), {"dev": fraction, "test": fraction}, **arguments)
        return
    dealt = deal(len(documents), {"dev": fraction, "test": fraction}, **arguments)
    assert sorted(itertools.chain(*dealt.values())) == list(range(len(documents)))
    assert all(rows and rows == sorted(rows) for rows in dealt.values())
    if by_document:
        owners = [{documents[row] for row in rows} for rows in dealt.values()]
        assert sum(map(len, owners)) == len(set(documents))
    else:
        assert len(dealt["dev"]) == max(1, round(fraction * len(documents)))


def test_require_split(tmp_path: Path) -> None:
    corpus = open_corpus(write(tmp_path, {"train.conll": TRAIN}), dev_fraction=0)
    assert len(require_split(corpus, "train")) == 2
    with pytest.raises(CorpusError, match="no split 'test', only train; add a file for it"):
        require_split(corpus, "test")
    with pytest.raises(CorpusError, match="no split 'best', only train; choose one of these"):
        require_split(corpus, "best")


# Datasets


def tagged_dataset(rows: list[list[Any]], feature: Any, **columns: str) -> Any:
    tokens = [[f"w{position}" for position in range(len(row))] for row in rows]
    names = {"tokens": "tokens", "tags": "ner_tags"} | columns
    return datasets.Dataset.from_dict(
        {"id": [str(row) for row in range(len(rows))], names["tokens"]: tokens, names["tags"]: rows},
        features=datasets.Features(
            {
                "id": datasets.Value("string"),
                names["tokens"]: datasets.List(datasets.Value("string")),
                names["tags"]: datasets.List(feature),
            }
        ),
    )


LABELS = datasets.ClassLabel(names=["O", "B-X", "I-X", "B-A"])


def test_a_dataset_at_hand_keeps_its_names() -> None:
    dataset = tagged_dataset([[1, 2], [0]], LABELS)
    corpus = open_corpus(datasets.DatasetDict(train=dataset, validation=dataset, test=dataset))
    assert list(corpus) == ["train", "dev", "test"]
    assert corpus["dev"].column_names == ["tokens", "tags"]
    assert corpus["dev"].features["tags"] == datasets.List(LABELS)
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
        datasets.DatasetDict(test=tagged_dataset([[0, 1, 2]], other), train=tagged_dataset([[1, 2, 3]], LABELS)),
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
            lambda: tagged_dataset([[0]], LABELS),
            {"tag_column": "pos"},
            "no column 'pos'; its columns: id, tokens, ner",
        ),
        (lambda: tagged_dataset([[0]], LABELS), {"tag_column": 1}, "named, not numbered"),
        (
            lambda: datasets.Dataset.from_dict({"tokens": [["a"], ["a", "b"]], "tags": [["O"], ["O"]]}),
            {},
            r"\(train\):2: row 2 does not hold one tag for each token",
        ),
        (
            lambda: datasets.DatasetDict(dev=tagged_dataset([[0]], LABELS), validation=tagged_dataset([[0]], LABELS)),
            {},
            "two splits could be dev",
        ),
    ],
)
def test_datasets_that_cannot_be_used(dataset: Callable[[], Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        open_corpus(dataset(), dev_fraction=0, **options)


def test_what_is_no_corpus_at_all() -> None:
    nothing: Any = 7
    with pytest.raises(ConfigError, match="a name, a path, a Dataset or a DatasetDict, not int"):
        open_corpus(nothing)


def test_parquet_and_saved_datasets(tmp_path: Path) -> None:
    train, test = tagged_dataset([[1, 2], [0]], LABELS), tagged_dataset([[3]], LABELS)
    (tmp_path / "parquet").mkdir()
    train.to_parquet(tmp_path / "parquet/train.parquet")
    test.to_parquet(tmp_path / "parquet/test.parquet")
    datasets.DatasetDict(train=train, test=test).save_to_disk(tmp_path / "saved")
    train.save_to_disk(tmp_path / "one")
    for folder in ("parquet", "saved"):
        corpus = open_corpus(tmp_path / folder, dev_fraction=0)
        assert list(corpus) == ["train", "test"]
        assert corpus["train"].features["tags"] == datasets.List(LABELS)
        assert decoded(corpus["test"]) == [(["w0"], ["B-A"])]
    for path in ("one", "parquet/train.parquet"):
        assert decoded(open_corpus(tmp_path / path, dev_fraction=0)["train"])[0][1] == ["B-X", "I-X"]


# The hub


def hub_folder(folder: Path, tables: dict[str, Any], features: str = "") -> Path:
    """A folder with data files and a card, as a repository of the hub has them."""
    configs = "".join(f"  - split: {split}\n    path: data/{split}-*\n" for split in tables)
    info = f"dataset_info:\n  features:\n{features}" if features else ""
    card = f"---\nconfigs:\n- config_name: default\n  data_files:\n{configs}{info}---\n# A corpus\n"
    write(folder, {"README.md": card, "data/.keep": ""})
    for split, table in tables.items():
        table.to_parquet(folder / f"data/{split}-00000-of-00001.parquet")
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


FEATURES = """\
  - name: id
    dtype: string
  - name: tokens
    sequence: string
  - name: ner_tags
    sequence:
      class_label:
        names:
          '0': O
          '1': B-X
"""


@pytest.mark.usefixtures("cache")
def test_a_folder_in_the_shape_of_a_hub_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tagged_dataset([[1, 0], [0]], datasets.Value("int64"))
    hub_folder(tmp_path / "any", {"train": table, "validation": table}, FEATURES)
    monkeypatch.chdir(tmp_path)
    bars_disabled = datasets.utils.are_progress_bars_disabled()
    corpus = open_corpus("hub:./any")
    assert datasets.utils.are_progress_bars_disabled() == bars_disabled
    assert list(corpus) == ["train", "dev"]
    assert decoded(corpus["dev"]) == [(["w0", "w1"], ["B-X", "O"]), (["w0"], ["O"])]
    assert decoded(open_corpus("hub:./any:default")["dev"]) == decoded(corpus["dev"])
    assert corpus_files("hub:./any") == {}
    with pytest.raises(CorpusError, match=r"\./any has no configuration 'zz'.*default"):
        open_corpus("hub:./any:zz")
    with pytest.raises(CorpusError, match=r"\./none: no such folder"):
        open_corpus("hub:./none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match=r"the folder \./empty cannot be loaded"):
        open_corpus("hub:./empty")


@pytest.mark.usefixtures("cache")
def test_known_corpora_get_their_columns_and_names(tmp_path: Path) -> None:
    table = tagged_dataset([[1, 4, 0], [2, 3]], datasets.Value("int32"), tags="tags")
    folder = hub_folder(tmp_path / "tner/bc5cdr", {"train": table, "validation": table, "test": table})
    corpus = open_corpus(f"hub:{folder}")
    assert [tags for _, tags in decoded(corpus["test"])] == [
        ["B-Chemical", "I-Chemical", "O"],
        ["B-Disease", "I-Disease"],
    ]
    names = HUB_CORPORA["tner/bc5cdr"].names
    assert corpus["train"].features["tags"].feature.names == list(names)


@pytest.mark.usefixtures("cache")
def test_rows_that_are_no_words_are_left_out_of_treebanks(tmp_path: Path) -> None:
    upos = datasets.ClassLabel(names=["AUX", "PART", "_"])
    table = tagged_dataset([[2, 0, 1], [0]], upos, tags="upos")
    folder = hub_folder(tmp_path / "universal-dependencies/universal_dependencies", {"train": table})
    with pytest.raises(CorpusError, match=r"several configurations; choose one, as in .*:en_ewt"):
        open_corpus(f"hub:{folder}")
    corpus = open_corpus(f"hub:{folder}:default", dev_fraction=0)
    assert decoded(corpus["train"]) == [(["w1", "w2"], ["AUX", "PART"]), (["w0"], ["AUX"])]


def test_the_table_of_known_corpora_is_sound() -> None:
    assert HUB_ALIASES["conll2003"] == "eriktks/conll2003"
    for name, known in HUB_CORPORA.items():
        assert resolve_spec(name).kind == "hub"
        assert len(set(known.names)) == len(known.names)
        labels = {label for prefix, _, label in (tag.partition("-") for tag in known.names) if prefix in ("B", "I")}
        assert all(f"B-{label}" in known.names for label in labels)
    assert len(HUB_CORPORA["tner/ontonotes5"].names) == 37


def test_the_hub_is_asked_for_data_then_for_its_own_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    answer = datasets.DatasetDict(train=tagged_dataset([[0]], LABELS))

    def load_dataset(path: str, **options: Any) -> Any:
        asked.append((path, options))
        if "revision" not in options:
            raise RuntimeError("Dataset scripts are no longer supported, but found x.py")
        return answer

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert load_hub("wikiann", "en") is answer
    assert asked == [
        ("unimelb-nlp/wikiann", {"name": "en"}),
        ("unimelb-nlp/wikiann", {"data_dir": "en", "revision": "refs/convert/parquet"}),
    ]


@pytest.mark.parametrize(
    "error", [ConnectionError("Couldn't reach 'a/b' on the Hub"), OSError("no route"), RuntimeError("?")]
)
def test_a_hub_out_of_reach_is_one_error_that_names_the_alternatives(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def load_dataset(path: str, **options: Any) -> Any:
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(CorpusError, match=r"hub could not be reached or has no a/b .*ner-mini.* \./corpus") as caught:
        open_corpus("a/b")
    assert "\n" not in str(caught.value)


# Fingerprint


def test_the_fingerprint_is_of_the_content_alone(tmp_path: Path) -> None:
    first = open_corpus(write(tmp_path / "a", {"train.conll": TRAIN, "dev.conll": DEV}))
    second = open_corpus(write(tmp_path / "b", {"train.conll": f"\n\n{TRAIN}", "dev.conll": DEV, "test.conll": TEST}))
    lines = ["dev", json.dumps([["Bo"], ["B-PER"]]), "train"]
    lines += [json.dumps([["Ada", "ran"], ["B-PER", "O"]]), json.dumps([["Ghent"], ["B-LOC"]])]
    expected = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
    assert corpus_fingerprint(first) == expected
    assert corpus_fingerprint(second) != expected
    del second["test"]
    assert corpus_fingerprint(second) == expected


def test_the_fingerprint_knows_texts_and_labels(tmp_path: Path) -> None:
    texts = open_corpus(write(tmp_path, {"a.csv": "text,label\na,x\nb,y\n"}) / "a.csv", dev_fraction=0)
    swapped = open_corpus(write(tmp_path, {"b.csv": "text,label\na,y\nb,x\n"}) / "b.csv", dev_fraction=0)
    assert corpus_fingerprint(texts) != corpus_fingerprint(swapped)


# Validation


def test_illegal_tags_are_reported_with_file_and_line(tmp_path: Path) -> None:
    write(tmp_path, {"train.conll": f"# c\n{conll('Ada/B-PER Bo/I-PER ran/O', 'in/O Ghent/I-LOC')}", "dev.conll": DEV})
    (problem,) = validate_corpus(tmp_path)
    assert (problem.file, problem.line, problem.level) == (str(tmp_path / "train.conll"), 7, "error")
    assert "I-LOC cannot follow O" in problem.message
    assert str(problem).startswith(f"{tmp_path}/train.conll:7: I-LOC")
    assert [found.line for found in validate_corpus(tmp_path, scheme=Scheme.IOB1)] == [2, 1]
    assert open_corpus(tmp_path)["train"].num_rows == 2


def test_lines_of_multiword_tokens_do_not_shift_the_report(tmp_path: Path) -> None:
    row = "\t".join("_" * 7)
    content = f"1-2\tdon't\t_\t{row}\n1\tdo\tO\t{row}\n2\tn't\tI-X\t{row}\n\n1\ta\tB-X\t{row}\n2\ta\tI-X\t{row}\n"
    write(tmp_path, {"train.conllu": content})
    assert [problem.line for problem in validate_corpus(tmp_path, tag_column="lemma")] == [3]


def test_legal_and_plain_tags_have_no_problems(tmp_path: Path) -> None:
    assert validate_corpus(write(tmp_path / "ner", {"train.conll": TRAIN, "dev.conll": DEV})) == []
    assert (
        validate_corpus(
            write(tmp_path / "pos", {"train.conll": conll("Ada/NNP ran/VBD"), "dev.conll": conll("Bo/NNP")})
        )
        == []
    )
    assert validate_corpus(write(tmp_path / "text", {"train.txt": "it is line 1\n", "dev.txt": "it is line 2\n"})) == []


def test_unreadable_files_are_problems_and_the_others_are_still_checked(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"train.conll": "Ada\tB-PER\nran\n", "dev.conll": conll("x/O y/I-PER", "z/B-PER z/I-PER"), "test.conll": ""},
    )
    found = [(Path(problem.file).name, problem.line, problem.message) for problem in validate_corpus(tmp_path)]
    assert [place[:2] for place in found] == [("train.conll", 2), ("test.conll", None), ("dev.conll", 2)]
    assert found[0][2].startswith("this row has one column")
    assert found[1][2] == "the file is empty"


def test_notes_of_what_is_worth_knowing(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"train.conll": TRAIN, "dev.conll": conll("a/O b/B-ORG", "Ghent/B-LOC"), "test.conll": conll("no/O one/O")},
    )
    notes = validate_corpus(tmp_path)
    assert {note.level for note in notes} == {"note"}
    assert [(Path(note.file).name, note.line) for note in notes] == [
        ("test.conll", None),
        ("dev.conll", 2),
        ("dev.conll", 4),
    ]
    assert ["no entity" in notes[0].message, "B-ORG does not occur in train" in notes[1].message] == [True, True]
    assert notes[2].message.startswith("1 of 2 sentences also occur in train")


def test_rows_of_a_dataset_are_numbered() -> None:
    dataset = tagged_dataset([[1, 2], [0, 2], [1]], LABELS)
    assert [(problem.file, problem.line) for problem in validate_corpus(dataset)] == [("Dataset (train)", 2)]


# Real data


def test_a_real_treebank_opens(public_data: Path) -> None:
    corpus = open_corpus(public_data / "ud_english_ewt")
    assert (len(corpus["train"]), len(corpus["dev"])) == (12_544, 2_001)
    assert len(corpus["train"].features["tags"].feature.names) == 17
    assert len(documents_of(corpus, "train")) == 540


@pytest.mark.parametrize("name", ["wnut2017", "ncbi_disease", "bc5cdr"])
def test_real_corpora_have_legal_tags(public_data: Path, name: str) -> None:
    assert [problem for problem in validate_corpus(public_data / name) if problem.level == "error"] == []
