"""Multi-label corpora, and text columns of other names: files, datasets, the command line."""

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from hypothesis import given
from hypothesis import strategies as st

import seqkit as library
from seqkit.data.corpora import corpus_fingerprint, open_corpus
from seqkit.data.csv_tables import read_csv
from seqkit.data.formats import read_rows
from seqkit.data.jsonl import read_json
from seqkit.data.labelled_rows import Label, labelled_rows
from seqkit.data.rows import AnnotatedText, LabelledText, PlainText, Row
from seqkit.data.typed_datasets import build_corpus
from seqkit.errors import CorpusError
from seqkit.text.tagging_schemes import Span
from tests.command_line import seqkit
from tests.tiny_labels import LABEL_SETTINGS, STILL_LABELS, TEXTS, TOPICS

LINES = ["one", "two", "three"]
ANSWERS = [["b", "a"], [], ["a"]]


def jsonl(records: Sequence[object]) -> str:
    return "".join(f"{json.dumps(record)}\n" for record in records)


def records(key: str = "label", text: str = "text") -> list[dict[str, Any]]:
    return [{text: line, key: answer} for line, answer in zip(LINES, ANSWERS, strict=True)]


def write(path: Path, content: str) -> Path:
    path.write_bytes(content.encode())
    return path


def found(rows: Sequence[Row]) -> list[tuple[str, Any]]:
    """Return labelled texts without their line numbers."""
    assert all(isinstance(row, LabelledText) for row in rows)
    return [(row.text, row.label) for row in rows if isinstance(row, LabelledText)]


def dataset(answers: Sequence[Any], names: Sequence[str] | None = None, **columns: str) -> Dataset:
    """Return the three texts with these labels, which are indices if ``names`` are given; columns may be renamed."""
    data = {columns.get("text", "text"): LINES[: len(answers)], columns.get("label", "label"): list(answers)}
    if names is None:
        return Dataset.from_dict(data)
    return Dataset.from_dict(
        data, features=Features(dict(zip(data, multi_label_features(names).values(), strict=True)))
    )


def multi_label_features(names: Sequence[str]) -> Features:
    return Features({"text": Value("string"), "label": List(ClassLabel(names=list(names)))})


def named(split: Any) -> list[tuple[str, Sequence[Label]]]:
    """Return the texts of a multi-label split with the names of their labels."""
    rows = labelled_rows(split)
    assert rows["multi_label"] is True
    return list(zip(rows["text"], rows["label"], strict=True))


EXPECTED = list(zip(LINES, ANSWERS, strict=True))


# JSON.


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
@pytest.mark.parametrize("key", ["label", "labels", "topics"])
def test_lists_of_labels_are_read_whatever_the_position_of_an_empty_one(key: str, order: tuple[int, ...]) -> None:
    expected = [[("one", ["b", "a"]), ("two", []), ("three", "a")][index] for index in order]
    given_records = [records(key)[index] for index in order]
    named_keys = [None, key] if key != "topics" else [key]
    for tag_key in named_keys:
        rows = read_json(jsonl(given_records), "a.jsonl", tag_key=tag_key)
        assert found(rows) == expected
        assert [row.line for row in rows] == [1, 2, 3]
        assert found(read_json(json.dumps(given_records, indent=1), "a.json", tag_key=tag_key)) == expected


@given(st.lists(st.lists(st.sampled_from("abc"), unique=True, max_size=3), min_size=1, max_size=6).filter(any))
def test_any_number_of_labels_is_read_unchanged(answers: list[list[str]]) -> None:
    rows = read_json(jsonl([{"text": f"text {n}", "label": answer} for n, answer in enumerate(answers)]), "a.jsonl")
    assert [label for _, label in found(rows)] == [answer[0] if len(answer) == 1 else answer for answer in answers]


def test_numbers_and_booleans_become_string_labels() -> None:
    rows = read_json(jsonl([{"text": "one", "label": [3, "x", True]}, {"text": "two", "label": [0]}]), "a.jsonl")
    assert found(rows) == [("one", ["3", "x", "True"]), ("two", "0")]


def test_a_text_without_labels_keeps_its_document() -> None:
    rows = read_json(jsonl([{**record, "doc_id": number} for number, record in enumerate(records())]), "a.jsonl")
    assert [row.document for row in rows] == ["0", "1", "2"]


def test_an_annotation_tool_may_export_several_choices() -> None:
    def task(*choices: str) -> dict[str, Any]:
        return {
            "data": {"text": "fine"},
            "annotations": [{"result": [{"type": "choices", "value": {"choices": choices}}]}],
        }

    rows = read_json(json.dumps([task("a", "b"), task("a")]), "a.json")
    assert found(rows) == [("fine", ["a", "b"]), ("fine", "a")]


def test_only_empty_lists_are_texts_without_spans() -> None:
    rows = read_json(jsonl([{"text": "one two", "label": []}] * 2), "a.jsonl")
    assert [row.spans for row in rows if isinstance(row, AnnotatedText)] == [[], []]
    assert found(read_json(jsonl([{"text": "one two", "topics": []}]), "a.jsonl", tag_key="topics")) == [
        ("one two", [])
    ]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (["a", ""], "a label must be a string or an integer, not ''"),
        (["a", None], "a label must be a string or an integer, not None"),
        (["a", 1.5], "a label must be a string or an integer, not 1.5"),
        (["a", ["b"]], r"a label must be a string or an integer, not \['b'\]"),
        ([["a"]], "a span needs an integer start"),
    ],
    ids=str,
)
def test_an_invalid_label_in_a_list_is_an_error_with_its_line(tmp_path: Path, label: object, message: str) -> None:
    path = write(tmp_path / "bad.jsonl", jsonl([*records(), {"text": "four", "label": label}]))
    with pytest.raises(CorpusError, match=message) as caught:
        read_rows(path)
    assert (caught.value.file, caught.value.line) == (str(path), 4)


def test_an_empty_list_of_labels_beside_tokens_is_not_a_labelled_text(tmp_path: Path) -> None:
    mixed = [{"text": "one", "label": "a"}, {"tokens": ["two"], "tags": ["O"], "label": []}]
    with pytest.raises(CorpusError, match="all examples of a corpus must be annotated alike") as caught:
        read_rows(write(tmp_path / "mixed.jsonl", jsonl(mixed)))
    assert caught.value.line == 2


# Text columns of other names.


def test_texts_of_json_may_have_another_key(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", jsonl([{"text": "not this", **each} for each in records("topics", "body")]))
    assert found(read_rows(path, tag_column="topics", text_column="body")) == [
        ("one", ["b", "a"]),
        ("two", []),
        ("three", "a"),
    ]
    for key in ("label", "labels"):
        rows = read_json(jsonl(records(key, "body")), "a.jsonl", text_key="body")
        assert [text for text, _ in found(rows)] == LINES
    assert read_json('{"body": "once", "text": "upon"}', "a.jsonl", text_key="body") == [PlainText("once", 1)]
    (row,) = read_json('{"body": "Ada ran", "label": [[0, 3, "PER"]]}', "a.jsonl", text_key="body")
    assert row == AnnotatedText("Ada ran", [Span(0, 3, "PER")], 1)
    with pytest.raises(
        CorpusError, match=r"^a.jsonl:1: neither 'body' nor 'tokens' among the keys text, label; name .* --text-column"
    ):
        read_json('{"text": "one", "label": "a"}', "a.jsonl", text_key="body")


@pytest.mark.parametrize(
    ("content", "columns", "expected"),
    [
        ("id,body,topic\n1,one,a\n", {"text_column": "body", "tag_column": "topic"}, LabelledText("one", "a", 2)),
        ("text,body,label\nx,one,a\n", {"text_column": "body"}, LabelledText("one", "a", 2)),
        ("Body,Labels\none,a b\n", {"text_column": "BODY"}, LabelledText("one", "a b", 2)),
        ("sentence,label,body\nx,a,one\n", {"text_column": "body"}, LabelledText("one", "a", 2)),
        ("text,stars,label\none,3,a\n", {"tag_column": "stars"}, LabelledText("one", "3", 2)),
        ("body,tag\none,a\n", {"text_column": "body", "tag_column": "tag"}, LabelledText("one", "a", 2)),
        ("id,body\n1,one\n", {"text_column": "body"}, PlainText("one", 2)),
    ],
)
def test_texts_of_tables_may_have_another_column(
    content: str, columns: dict[str, Any], expected: Row, tmp_path: Path
) -> None:
    assert read_csv(content, "a.csv", **columns).rows == [expected]
    assert read_rows(write(tmp_path / "a.tsv", content.replace(",", "\t")), **columns) == [expected]


def test_a_missing_text_column_is_an_error(tmp_path: Path) -> None:
    table = write(tmp_path / "a.csv", "text,label\none,a\n")
    with pytest.raises(CorpusError, match=r"a\.csv:1: no column 'body': the columns are text, label$"):
        read_rows(table, text_column="body")
    for name, content in (("a.conll", "Ada B-PER\n"), ("a.txt", "one\ntwo\n"), ("a.tsv", "Ada\tB-PER\n")):
        with pytest.raises(CorpusError, match=rf"{name}\S*: .*column") as caught:
            read_rows(write(tmp_path / name, content), text_column="body")
        assert caught.value.file == str(tmp_path / name)


# Corpora.


def test_if_one_text_has_several_labels_all_splits_have_lists() -> None:
    corpus = build_corpus(
        {
            "train": {"text": ["one", "two"], "label": ["x", "y"]},
            "dev": {"text": ["three"], "label": [["x", "z"]]},
            "test": {"text": ["four", "five"], "label": ["y", []]},
        }
    )
    assert (
        corpus["train"].features
        == corpus["dev"].features
        == corpus["test"].features
        == multi_label_features(["x", "y", "z"])
    )
    assert [corpus[split]["label"][:] for split in corpus] == [[[0], [1]], [[0, 2]], [[1], []]]
    single = build_corpus({"train": {"text": ["one", "two"], "label": ["x", "y"]}})
    assert single["train"].features["label"] == ClassLabel(names=["x", "y"])


def test_a_split_off_part_of_a_multi_label_corpus_has_lists_too(tmp_path: Path) -> None:
    answers = [["a", "b"], *(["b"] for _ in range(19))]
    path = write(tmp_path / "a.jsonl", jsonl([{"text": f"text {n}", "label": each} for n, each in enumerate(answers)]))
    for seed in range(4):
        corpus = open_corpus(path, dev_fraction=0.3, test_fraction=0.2, seed=seed)
        assert {len(corpus[split]) for split in corpus} == {10, 6, 4}
        dealt = [pair for split in corpus for pair in named(corpus[split])]
        assert sorted(dealt) == sorted((f"text {n}", each) for n, each in enumerate(answers))
        assert len({str(corpus[split].features) for split in corpus}) == 1


def test_a_file_of_several_labels_is_a_typed_corpus(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", jsonl(records("topics", "body")))
    corpus = open_corpus(path, text_column="body", tag_column="topics", dev_fraction=0)
    assert corpus["train"].features == Features({**multi_label_features(["a", "b"]), "source": Value("string")})
    assert named(corpus["train"]) == EXPECTED
    assert corpus["train"]["source"][:] == [f"{path}:{line}" for line in (1, 2, 3)]


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: dataset([["b", "a"], [], ["a"]], label="labels"), ["a", "b"]),
        (lambda: dataset([["b", "a"], [], ["a"]], text="body", label="topics"), ["a", "b"]),
        (lambda: dataset([[0, 1], [], [1]], ["b", "a"]), ["b", "a"]),
        (lambda: dataset([[0, 1], [], [1]], ["b", "a"], label="labels"), ["b", "a"]),
        (lambda: dataset([[0, 1], [], [1]], ["b", "a"], text="body", label="topics"), ["b", "a"]),
    ],
    ids=["strings", "strings under other names", "typed", "typed, labels", "typed under other names"],
)
def test_a_dataset_may_have_lists_of_labels(make: Callable[[], Dataset], names: list[str], tmp_path: Path) -> None:
    made = make()
    other: dict[str, Any] = {"text_column": "body", "tag_column": "topics"} if "body" in made.column_names else {}
    for held in (made, DatasetDict(train=made)):
        corpus = open_corpus(held, dev_fraction=0, **other)
        assert corpus["train"].features == multi_label_features(names)
        assert named(corpus["train"]) == EXPECTED
    made.to_parquet(tmp_path / "train.parquet")
    corpus = open_corpus(tmp_path / "train.parquet", dev_fraction=0, **other)
    assert corpus["train"].features == multi_label_features(names)
    assert named(corpus["train"]) == EXPECTED


def test_numbers_without_names_become_string_labels() -> None:
    corpus = open_corpus(dataset([[10, 2], [], [2]], label="labels"), dev_fraction=0)
    assert corpus["train"].features == multi_label_features(["2", "10"])
    assert named(corpus["train"]) == [("one", ["10", "2"]), ("two", []), ("three", ["2"])]


def test_splits_with_different_label_types_and_numbers_are_unified() -> None:
    splits = DatasetDict(
        train=dataset([[0, 1], [], [1]], ["b", "a"]),
        validation=dataset([[0, 1], [2]], ["a", "b", "c"]),
        test=dataset([["c"], ["a", "b"]]),
    )
    corpus = open_corpus(splits)
    assert corpus["train"].features == corpus["dev"].features == corpus["test"].features
    assert named(corpus["train"]) == EXPECTED
    assert named(corpus["dev"]) == [("one", ["a", "b"]), ("two", ["c"])]
    assert named(corpus["test"]) == [("one", ["c"]), ("two", ["a", "b"])]
    single = open_corpus(DatasetDict(train=dataset(["a", "b", "a"]), dev=dataset([["a", "b"], []])))
    assert named(single["train"]) == [("one", ["a"]), ("two", ["b"]), ("three", ["a"])]
    assert named(single["dev"]) == [("one", ["a", "b"]), ("two", [])]


def test_a_named_text_column_takes_precedence_over_tokens() -> None:
    data = {"tokens": [["x"], ["y"]], "text": ["no", "no"], "body": ["one", "two"], "label": [["a"], []]}
    corpus = open_corpus(Dataset.from_dict(data), text_column="body", dev_fraction=0)
    assert corpus["train"].column_names == ["text", "label"]
    assert named(corpus["train"]) == [("one", ["a"]), ("two", [])]
    with pytest.raises(CorpusError, match="neither tokens nor headline among its columns: tokens, text, body, label"):
        open_corpus(Dataset.from_dict(data), text_column="headline")
    with pytest.raises(CorpusError, match="no column 'topics'; its columns: tokens, text, body, label"):
        open_corpus(Dataset.from_dict(data), text_column="body", tag_column="topics")


def test_the_fingerprint_depends_on_label_names_and_not_on_their_numbers(tmp_path: Path) -> None:
    one, other = dataset([[0, 1], [], [1]], ["b", "a"]), dataset([[1, 0], [], [0]], ["a", "b", "c"])
    same = corpus_fingerprint(DatasetDict(train=one))
    assert corpus_fingerprint(DatasetDict(train=other)) == same
    for changed in ([[1, 0], [0], [0]], [[1, 0], [], [1]], [[1], [], [0]]):
        assert corpus_fingerprint(DatasetDict(train=dataset(changed, ["a", "b", "c"]))) != same
    assert corpus_fingerprint(open_corpus(dataset(ANSWERS, text="body"), text_column="body", dev_fraction=0)) == same
    file = write(tmp_path / "a.jsonl", jsonl(records("topics", "body")))
    opened = open_corpus(file, text_column="body", tag_column="topics", dev_fraction=0)
    assert corpus_fingerprint(opened) == same
    lists, single = dataset([[0], [1]], ["a", "b"]), dataset(["a", "b"])
    assert corpus_fingerprint(DatasetDict(train=lists)) != corpus_fingerprint(open_corpus(single, dev_fraction=0))


# Labels that are missing.


@pytest.mark.parametrize(
    "answers", [[[1], [-1], [0]], [[1], [0, -1], []], [[1], [None], [0]], [[1], None, [0]]], ids=str
)
def test_a_withheld_label_in_a_list_is_an_error(answers: list[Any]) -> None:
    with pytest.raises(CorpusError, match=r"^text 2 has no label"):
        labelled_rows(dataset(answers, ["a", "b"]))


def test_a_withheld_single_label_is_an_error() -> None:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["a", "b"])})
    data = Dataset.from_dict({"text": LINES, "label": [1, -1, 0]}, features=features)
    with pytest.raises(CorpusError, match=r"^text 2 has no label \(None\); give it one, or leave the text out$"):
        labelled_rows(data)
    assert labelled_rows(data, ["x", "y", "z"])["label"] == [["x"], ["y"], ["z"]]


# The command line.


def test_multi_label_texts_are_trained_on_scored_and_predicted(tmp_path: Path) -> None:
    corpus, run, config = (tmp_path / name for name in ("multi.jsonl", "run", "settings.toml"))
    rows = [
        {"id": n, "body": text, "topics": topics} for n, (text, topics) in enumerate(zip(TEXTS, TOPICS, strict=True))
    ]
    write(corpus, jsonl(rows * 4))
    settings = {**LABEL_SETTINGS, **STILL_LABELS, "epochs": 6, "learning_rate": 0.04, "average": 0.0}
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items() if value is not None]
    write(config, "\n".join(lines))
    columns = ["--text-column=body", "--label-column=topics"]
    done = seqkit("train", "classifier", "--corpus", corpus, "--out", run, "--config", config, "--device=cpu",
                  "--dev-fraction=0.25", "--quiet", *columns)  # fmt: skip
    assert (done.code, done.out, done.err) == (0, f"{run}\n", "")

    model = library.load(run, device="cpu")
    assert model.predict(TEXTS) == [sorted(topics) for topics in TOPICS]
    opened = open_corpus(corpus, text_column="body", tag_column="topics", dev_fraction=0.25, seed=1)
    assert len(opened["dev"]) == 12
    done = seqkit("evaluate", run, "--json", "--device=cpu")  # on the same share of the same file
    assert (done.code, done.err) == (0, "")
    scores, expected = json.loads(done.out), model.evaluate(opened["dev"])
    assert {name: scores[name] for name in expected.scores} == pytest.approx(expected.scores)
    assert scores["tokens"] == expected.steps
    usual = write(tmp_path / "usual.jsonl", jsonl([{"text": row["body"], "label": row["topics"]} for row in rows]))
    again = json.loads(seqkit("evaluate", run, "--corpus", usual, "--json").out)
    assert again["accuracy"] == 1.0

    done = seqkit("predict", run, "--json", "--device=cpu", stdin="\n".join([*TEXTS, ""]).encode() + b"\n")
    assert (done.code, done.err) == (0, "")
    predicted = [json.loads(line) for line in done.out.splitlines()]
    assert [each["label"] for each in predicted[:-1]] == [sorted(topics) for topics in TOPICS]
    assert predicted[-1]["empty"] is True
    for each, whole in zip(predicted, model.classify([*TEXTS, ""]), strict=True):
        assert (each["label"], each["probabilities"]) == (whole.label, whole.probabilities)
