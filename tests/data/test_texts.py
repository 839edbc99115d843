"""Raw text from everywhere: what is read, that it is kept as it is, how it is shared among splits, what is refused."""

import csv
import importlib.resources
import itertools
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import seqkit.data.parquet as parquet
import seqkit.data.stored_datasets as stored_datasets
import seqkit.data.tables as tables
import seqkit.data.text_files as text_files
import seqkit.data.texts as module
from seqkit.data.texts import Texts, from_strings, open_texts, texts_fingerprint
from seqkit.errors import ConfigError, CorpusError
from tests.tiny_corpora import write_files

datasets: Any = pytest.importorskip("datasets")

AWKWARD = [
    "a",
    " ",
    "\n",
    "\r\n",
    "\r",
    "\f",
    "\v",
    "\x1c",
    "\x85",
    "\u2028",
    "\xa0",
    "é",
    "e\u0301",
    "中",
    "👩\u200d👩",
    "\ufeff",
]
texts = st.lists(st.sampled_from(AWKWARD), max_size=30).map("".join)
DOCUMENTS = ['say "so",\nplease; or\tnot', "", " leading", "trailing \r\n", "naïve 中\u2028👍🏽", "last"]


def contents(texts: Texts) -> list[str]:
    return ["".join(document) for document in texts.documents()]


def cut(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


# One running text


@given(
    text=texts.filter(lambda text: text.strip("\ufeff")),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-16-le"]),
    size=st.integers(4, 40),
)
def test_every_character_of_a_file_is_kept_wherever_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, text: str, encoding: str, size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "running.txt"
    path.write_bytes(text.encode(encoding))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "PIECE_LENGTH", size)
        read = open_texts(path, encoding=encoding, dev_fraction=0)["train"]
        assert not read.many
        assert contents(read) == contents(read) == [text.removeprefix("\ufeff")]
        assert all(0 < len(piece) <= size for document in read.documents() for piece in document)


@given(st.integers(2, 60), st.floats(0.01, 0.9), st.floats(0, 0.5), st.integers(1, 20))
def test_dev_and_test_are_the_end_of_a_running_text(length: int, dev: float, test: float, size: int) -> None:
    text = "".join(chr(0x4E00 + index) for index in range(length))
    train = Texts(lambda: [cut(text, size)], many=False)
    first, second = int(length * (1 - (dev + test))), int(length * (1 - test)) if test else length
    expected = {"train": text[:first], "dev": text[first:second]} | ({"test": text[second:]} if test else {})
    missing = {"dev": dev} | ({"test": test} if test else {})
    if not all(expected.values()):
        with pytest.raises(
            CorpusError, match=r"a text: \d+ characters cannot be shared among train, dev( and test)?; "
        ):
            module._divided(train, missing, "a text")
        return
    shared = module._divided(train, missing, "a text")
    assert {split: "".join(contents(each)) for split, each in shared.items()} == expected
    assert not any(each.many for each in shared.values())


def test_tinyshakespeare_is_shared_as_usual(public_data: Path) -> None:
    path = public_data / "tinyshakespeare" / "input.txt"
    splits = open_texts(path)
    text = path.read_bytes().decode()
    assert contents(splits["train"]) == [text[:1_003_854]]
    assert contents(splits["dev"]) == [text[1_003_854:]]
    assert len(text) - 1_003_854 == 111_540


def test_a_large_file_is_read_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_bytes(b"all work and no play\n" * 1_200_000)  # 25 MB
    tracemalloc.start()
    splits = open_texts(path)
    lengths = [sum(map(len, document)) for each in splits.values() for document in each.documents()]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lengths == [22_680_000, 2_520_000]
    assert peak < 6_000_000


# Documents


def as_jsonl(path: Path, documents: list[str]) -> None:
    path.write_text("\n\n".join(json.dumps({"text": each}, ensure_ascii=False) for each in documents), encoding="utf-8")


def as_table(delimiter: str) -> Callable[[Path, list[str]], None]:
    def write_table(path: Path, documents: list[str]) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, delimiter=delimiter)
            rows.writerows([["id", "Text"], *enumerate(documents)])

    return write_table


def as_parquet(path: Path, documents: list[str]) -> None:
    pq.write_table(pa.table({"id": range(len(documents)), "text": documents}), path, row_group_size=4)


def as_saved(path: Path, documents: list[str]) -> None:
    datasets.Dataset.from_dict({"text": documents}).save_to_disk(str(path))


@pytest.mark.parametrize(
    ("name", "store"),
    [
        ("a.jsonl", as_jsonl),
        ("a.ndjson", as_jsonl),
        ("a.csv", as_table(",")),
        ("a.CSV", as_table(";")),
        ("a.tsv", as_table("\t")),
        ("a.parquet", as_parquet),
        ("saved", as_saved),
    ],
)
def test_a_row_is_a_document_in_every_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, store: Callable[[Path, list[str]], None]
) -> None:
    monkeypatch.setattr(text_files, "PIECE_LENGTH", 7)
    for each in (parquet, tables, module):
        monkeypatch.setattr(each, "ROWS_AT_ONCE", 2)
    store(tmp_path / name, DOCUMENTS)
    splits = open_texts(tmp_path / name, dev_fraction=0.3)
    assert splits["train"].many
    assert splits["dev"].many
    assert contents(splits["train"]) == contents(splits["train"]) == DOCUMENTS[:4]
    assert contents(splits["dev"]) == DOCUMENTS[4:]
    assert all(0 < len(piece) <= 7 for document in splits["dev"].documents() for piece in document)


def test_texts_in_memory() -> None:
    expected = {"train": DOCUMENTS[:-1], "dev": DOCUMENTS[-1:]}
    dataset = datasets.Dataset.from_dict({"body": DOCUMENTS, "id": range(6)}).with_format("numpy")
    splits = [
        open_texts(DOCUMENTS),
        open_texts(dataset, text_column="body"),
        open_texts({"body": DOCUMENTS, "id": ["x"] * 6}, text_column="body"),
        open_texts({"text": DOCUMENTS}),
    ]
    assert [{split: contents(each) for split, each in opened.items()} for opened in splits] == [expected] * 4
    rows = datasets.Dataset.from_dict({"text": ["x"]})
    named = datasets.DatasetDict({"validation": rows, "unsupervised": rows, "train": rows})
    assert list(open_texts(named)) == ["train", "dev"]


@pytest.mark.parametrize(
    ("count", "dev", "test", "expected"),
    [(10, 0.1, 0, [9, 1]), (3, 0.1, 0, [2, 1]), (10, 0.25, 0.3, [5, 2, 3]), (3, 0.1, 0.1, [1, 1, 1]), (4, 0, 0, [4])],
)
def test_dev_and_test_are_the_last_documents(count: int, dev: float, test: float, expected: list[int]) -> None:
    documents = [f"text {number}" for number in range(count)]
    splits = open_texts(documents, dev_fraction=dev, test_fraction=test)
    assert list(splits) == ["train", "dev", "test"][: len(expected)]
    assert [len(contents(each)) for each in splits.values()] == expected
    assert list(itertools.chain.from_iterable(map(contents, splits.values()))) == documents


def test_a_cell_may_be_longer_than_a_csv_cell_usually_is(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    as_table(",")(tmp_path / "long.csv", ["long " * 100_000, "short"])
    (tmp_path / "long.tsv").write_text('text\tn\n"Yes," he said.\t1\nsay "so"\t2\n')
    assert list(map(len, contents(open_texts(tmp_path / "long.csv", dev_fraction=0)["train"]))) == [500_000, 5]
    assert contents(open_texts(tmp_path / "long.tsv", dev_fraction=0)["train"]) == ['"Yes," he said.', 'say "so"']
    assert csv.field_size_limit() == limit


# Folders, and names


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"train.txt": "a", "valid.txt": "b", "notes.txt": "c"}, {"train": ["a"], "dev": ["b"]}),
        ({"wiki.train.tokens": "a", "wiki.test.raw": "b", "ptb.valid": "c"},
         {"train": ["a"], "dev": ["c"], "test": ["b"]}),
        ({"b/2.txt": "2", "b/1.md": "1", "a.txt": "0", ".x.txt": "x", ".git/y.txt": "y", "z.py": "z"},
         {"train": ["0", "1", "2"]}),
        ({"train/b/x.txt": "b", "train/a.txt": "a", "train/.x.txt": "x", "dev/c.txt": "c", "more.txt": "d"},
         {"train": ["a", "b"], "dev": ["c"]}),
        ({"train-1-of-2.jsonl": '{"text": "a"}', "train-2-of-2.jsonl": '{"text": "b"}\n{"text": "c"}'},
         {"train": ["a", "b", "c"]}),
        ({"a.txt": "a\n", "b.jsonl": '{"text": "b"}'}, {"train": ["a\n", "b"]}),
        ({"only.txt": "a"}, {"train": ["a"]}),
        ({"train.py": "no text", "a.txt": "a"}, {"train": ["a"]}),
        ({"train.json": '{"text": "a"}\n{"text": "b"}\n'}, {"train": ["a", "b"]}),
        ({"train.txt": "a", "train.txt.gz/x": "", "test/c.csv": "text\nc\n"}, None),
    ],
)  # fmt: skip
def test_what_a_folder_holds(tmp_path: Path, files: dict[str, str], expected: dict[str, list[str]] | None) -> None:
    folder = write_files(tmp_path, files)
    if expected is None:
        with pytest.raises(CorpusError, match=r"cannot tell which file is train: train\.txt and train\.txt\.gz"):
            open_texts(folder, dev_fraction=0)
        return
    splits = open_texts(folder, dev_fraction=0)
    assert {split: contents(each) for split, each in splits.items()} == expected
    assert list(splits) == [split for split in ("train", "dev", "test") if split in expected]
    rows = any(name.endswith(("jsonl", "json")) for name in files)
    assert {split: each.many for split, each in splits.items()} == {
        split: rows or len(documents) > 1 for split, documents in expected.items()
    }


def test_embedded_and_hub_corpora(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(
        tmp_path,
        {"tiny/CARD.md": "# tiny\n", "tiny/train.jsonl": '{"text": "a"}\n', "tiny/dev.jsonl": '{"text": "b"}\n'},
    )
    monkeypatch.setattr(importlib.resources, "files", {"seqkit_corpora": tmp_path}.__getitem__)
    assert {split: contents(each) for split, each in open_texts("tiny").items()} == {"train": ["a"], "dev": ["b"]}
    asked = []

    def load(name: str, config: str | None, revision: str | None) -> Any:
        asked.append((name, config))
        return datasets.DatasetDict({"train": datasets.Dataset.from_dict({"content": ["c"]})})

    monkeypatch.setattr(stored_datasets, "load_hub", load)
    assert contents(open_texts("owner/name:raw", text_column="content", dev_fraction=0)["train"]) == ["c"]
    assert asked == [("owner/name", "raw")]


# What is refused


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", r"a\.txt: there is no text in train$"),
        ("a.txt", b"one\ntw\0o", r"a\.txt:2: the file has a NUL character; if it is UTF-16"),
        ("a.txt", "one".encode("utf-16"), r"a\.txt:1: the file is UTF-16, not UTF-8; pass --encoding utf-16"),
        ("a.txt", b"caf\xe9 ", r"a\.txt:1: byte 0xe9 at offset 3 is not UTF-8; the file looks like Latin-1: pass"),
        ("a.conll", b"Ada B-PER\n", r"a\.conll: this file has words with tags, not text"),
        ("a.jsonl", b'{"text": "a"}\n\n{"text": \n', r"a\.jsonl:3: not JSON: .* at column \d+; write one object"),
        ("a.jsonl", b'{"text": "a"}\n["b"]\n', r"a\.jsonl:2: this is not an object such as \{'text': \.\.\.\}"),
        ("a.jsonl", b'{"body": "a", "n": 1}\n', r"a\.jsonl:1: no text under 'text', only body, n; .* --text-column"),
        ("a.jsonl", b'{"text": ["a"]}\n', r"a\.jsonl:1: the text must be a string, not \['a'\]"),
        ("a.jsonl", b'{"text": "a\\ud800"}\n', r"a\.jsonl:1: \\ud800 is half of a surrogate pair"),
        ("a.jsonl", b"\n \n", r"there is no text in train"),
        ("a.csv", b"text,n\n\na,1\n\"b\nc\"\n", r"a\.csv:4: this row has 1 fields, the header has 2"),
        ("a.csv", b'text,n\na,1\n"b,2\n', r"a\.csv:3: not CSV: .*; is a quotation mark not closed\?"),
        ("a.csv", b"body,n\na,1\n", r"a\.csv:1: no text under 'text', only body, n"),
        ("a.csv", b"text\n", r"there is no text in train"),
        ("a.parquet", b"PAR1", r"a\.parquet: this Parquet file is damaged"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        contents(open_texts(path)["train"])


@given(
    st.lists(st.sampled_from([b"a", b"\n", "é".encode(), "👍".encode(), b"\xff", b"\xc3"]), min_size=1),
    st.integers(1, 9),
)
def test_the_first_byte_that_is_not_in_the_encoding_is_named(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], size: int
) -> None:
    content = b"ab" + b"".join(parts)
    path = tmp_path_factory.getbasetemp() / "broken.txt"
    path.write_bytes(content)
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line, byte = content.count(b"\n", 0, error.start) + 1, f"0x{content[error.start]:02x}"
        message = rf"broken\.txt:{line}: byte {byte} at offset {error.start} is not UTF-8"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(text_files, "PIECE_LENGTH", size)
            with pytest.raises(CorpusError, match=message):
                contents(module._files_texts([path], "utf-8", None))


def test_rows_that_are_no_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", None]}), tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match=r"a\.parquet:2: the text must be a string, not None"):
        open_texts(tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match=r"a\.parquet: no text under 'body', only text"):
        open_texts(tmp_path / "a.parquet", text_column="body")
    numbers = datasets.Dataset.from_dict({"text": [1, 2]})
    with pytest.raises(CorpusError, match=r"the Dataset \(train\):1: the text must be a string, not 1"):
        open_texts(numbers)
    with pytest.raises(CorpusError, match=r"the Dataset \(train\): no text under 'body', only text"):
        open_texts(numbers, text_column="body")
    with pytest.raises(CorpusError, match=r"the list of texts:2: the text must be a string, not 2"):
        open_texts(["one", 2])
    with pytest.raises(CorpusError, match=r"the dict: no text under 'text', only train"):
        open_texts({"train": ["one"]})
    with pytest.raises(CorpusError, match=r"the DatasetDict: cannot tell which split .* among val, dev; rename them"):
        open_texts(datasets.DatasetDict({"val": numbers, "dev": numbers}))
    with pytest.raises(CorpusError, match=r"the list: there is no text in train"):
        open_texts([])


def test_names_and_settings_that_have_no_meaning(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {"a.txt": "abc", "empty/x.py": "", "two/train.txt": "a", "two/training.txt": "b", "train-dev/x.txt": "x"},
    )
    with pytest.raises(CorpusError, match=r"gone\.txt: no such file or folder"):
        open_texts(tmp_path / "gone.txt")
    with pytest.raises(CorpusError, match=r"no embedded corpus 'gone'"):
        open_texts("gone")
    with pytest.raises(
        CorpusError, match=r"empty: there is no text for train in this folder; known formats are \.txt, "
    ):
        open_texts(tmp_path / "empty")
    with pytest.raises(CorpusError, match=r"cannot tell which file is train: train\.txt and training\.txt"):
        open_texts(tmp_path / "two")
    with pytest.raises(CorpusError, match=r"cannot tell which file is (train|dev): train-dev; leave one"):
        open_texts(tmp_path)
    with pytest.raises(CorpusError, match=r"this is plain text, which has no column 'body'"):
        open_texts(tmp_path / "a.txt", text_column="body")
    with pytest.raises(CorpusError, match=r"a\.txt: 3 characters cannot be shared among train, dev and test"):
        open_texts(tmp_path / "a.txt", dev_fraction=0.9, test_fraction=0.2)
    with pytest.raises(CorpusError, match=r"the list: 1 document cannot be shared among train, dev; give a file"):
        open_texts(["one"])
    for fraction in (-0.1, 1.0, float("nan")):
        with pytest.raises(ConfigError, match="dev_fraction must be at least 0 and below 1"):
            open_texts(["one"], dev_fraction=fraction)
    for encoding in ("klingon", "rot13"):
        with pytest.raises(ConfigError, match=f"unknown encoding '{encoding}'; try utf-8"):
            open_texts(tmp_path / "a.txt", encoding=encoding)
    with pytest.raises(ConfigError, match=r"texts are a name, a path, a list, .* not int"):
        open_texts(3)


# The fingerprint


@given(st.lists(texts, max_size=4), st.integers(1, 5), st.integers(1, 5))
def test_the_fingerprint_does_not_depend_on_pieces(documents: list[str], one: int, other: int) -> None:
    def in_pieces(size: int) -> dict[str, Texts]:
        return {"dev": Texts(lambda: [cut(document, size) for document in documents], many=True)}

    prints = [texts_fingerprint(in_pieces(one)), texts_fingerprint(in_pieces(other))]
    assert prints == [texts_fingerprint({"dev": from_strings(documents)})] * 2


def test_the_fingerprint_depends_on_everything_else() -> None:
    corpora: list[dict[str, list[str]]] = [
        {"train": ["ab", "c"]}, {"train": ["a", "bc"]}, {"train": ["abc"]}, {"train": ["ab", "", "c"]},
        {"train": ["c", "ab"]}, {"dev": ["ab", "c"]}, {"train": ["ab"], "dev": ["c"]}, {"train": ["ab", "C"]},
    ]  # fmt: skip
    prints = [texts_fingerprint({split: from_strings(each) for split, each in corpus.items()}) for corpus in corpora]
    assert len(set(prints)) == len(corpora)
    swapped = {"dev": from_strings(["c"]), "train": from_strings(["ab"])}
    assert texts_fingerprint(swapped) == prints[6]
