"""The exports of annotation tools become the same rows; what is not read is counted, and annotators are chosen."""

import json
from pathlib import Path
from typing import Any

import pytest

from seqkit.data.corpora import open_corpus
from seqkit.data.formats import read_rows
from seqkit.data.jsonl import read_json
from seqkit.data.rows import AnnotatedText, LabelledText, Row
from seqkit.data.validation import validate_corpus
from seqkit.errors import CorpusError, SeqkitWarning
from tests.annotation_exports import (
    BAD,
    CONLL,
    GOOD,
    OPTIONS,
    OTHER,
    SPANS,
    TEXT,
    WITH_LABELS,
    WITH_SPANS,
    as_lines,
    choice,
    json_min,
    result,
    task,
)
from tests.command_line import seqkit
from tests.tiny_corpora import pairs, write_file

LABELS: list[Any] = [(GOOD, "pos"), (BAD, "neg")]


def read_spans(rows: list[Row]) -> list[tuple[str, list[tuple[int, int, str]]]]:
    return [
        (row.text, [(start, end, label) for start, end, label in row.spans])
        for row in rows
        if isinstance(row, AnnotatedText)
    ]


def read_labels(rows: list[Row]) -> list[tuple[str, str | list[str]]]:
    return [(row.text, row.label) for row in rows if isinstance(row, LabelledText)]


@pytest.mark.parametrize("name", WITH_SPANS)
def test_every_export_with_spans_is_read_alike(tmp_path: Path, name: str) -> None:
    path = write_file(tmp_path, *WITH_SPANS[name])
    assert read_spans(read_rows(path)) == [(TEXT, SPANS), (OTHER, [])]
    assert validate_corpus(path).problems == []


@pytest.mark.parametrize("name", WITH_LABELS)
def test_every_export_with_labels_is_read_alike(tmp_path: Path, name: str) -> None:
    path = write_file(tmp_path, *WITH_LABELS[name])
    assert read_labels(read_rows(path)) == LABELS
    assert validate_corpus(path).problems == []


def test_the_conll_export_is_read(tmp_path: Path) -> None:
    rows = read_rows(write_file(tmp_path, "a.conll", CONLL))
    assert pairs(rows) == [[("Ada", "B-PER"), ("met", "O"), ("Bo", "B-PER")], [("Nobody", "O"), ("came.", "O")]]


def test_several_labels_in_a_cell_of_doccano_are_several_labels(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.csv", f"id,text,label,Comments\n1,{GOOD},pos#film,\n2,dull,,\n")
    assert read_labels(read_rows(path)) == [(GOOD, ["pos", "film"]), ("dull", [])]


def test_rejected_and_ignored_examples_are_left_out_and_counted() -> None:
    answers = ["accept", "reject", "ignore"]
    content = as_lines(*({"text": GOOD, "label": "pos", "answer": answer} for answer in answers))
    with pytest.warns(
        SeqkitWarning, match=r"^examples that were rejected or ignored are left out: 2, first a\.jsonl:2$"
    ):
        assert read_labels(read_json(content, "a.jsonl")) == [(GOOD, "pos")]
    with pytest.raises(CorpusError, match=r"^a\.jsonl: no example is left: .* rejected .*: 1, first a\.jsonl:1$"):
        read_json(as_lines({"text": GOOD, "label": "pos", "answer": "reject"}), "a.jsonl")


def test_a_choice_of_several_options_makes_a_text_with_several_labels() -> None:
    def chosen(*labels: str) -> dict[str, Any]:
        return {"text": GOOD, "options": OPTIONS, "accept": list(labels), "answer": "accept"}

    assert read_labels(read_json(as_lines(chosen("pos", "neg"), chosen()), "a.jsonl")) == [
        (GOOD, ["pos", "neg"]),
        (GOOD, []),
    ]
    multiple = {**chosen(), "config": {"choice_style": "multiple"}}
    assert read_labels(read_json(as_lines(chosen("pos"), multiple), "a.jsonl")) == [(GOOD, "pos"), (GOOD, [])]
    with pytest.warns(SeqkitWarning, match=r"^texts for which nothing was chosen are left out: 1, first a\.jsonl:2$"):
        assert read_labels(read_json(as_lines(chosen("pos"), chosen()), "a.jsonl")) == [(GOOD, "pos")]
    with pytest.raises(CorpusError, match=r"^a\.jsonl:1: 'so' was accepted, but the options are \['pos', 'neg'\]$"):
        read_json(as_lines(chosen("so")), "a.jsonl")


def test_labels_beside_spans_and_relations_are_counted() -> None:
    record = {"text": TEXT, "entities": SPANS, "cats": ["news"], "relations": [{"from_id": 0, "to_id": 1}]}
    with pytest.warns(SeqkitWarning) as warned:
        assert read_spans(read_json(as_lines(record), "a.jsonl")) == [(TEXT, SPANS)]
    assert [str(each.message) for each in warned] == [
        "relations between spans are left out: 1, first a.jsonl:1",
        "labels beside spans (a classifier reads them with --label-column) are left out: 1, first a.jsonl:1",
    ]
    with pytest.warns(SeqkitWarning, match="relations"):
        assert read_labels(read_json(as_lines(record), "a.jsonl", tag_key="cats")) == [(TEXT, "news")]


# Annotators.


def by(*opinions: tuple[str, tuple[dict[str, Any], ...]]) -> dict[str, Any]:
    """A task that several people have annotated."""
    tasks = [task(TEXT, *results, who={"id": who[0], "email": who}) for who, results in opinions]
    return {**tasks[0], "annotations": [each["annotations"][0] for each in tasks]}


ADA, BO, GHENT = (result(*span) for span in SPANS)
OPINIONS = by(("ann@x", (ADA, BO)), ("ben@x", (ADA, GHENT)), ("cas@x", (ADA, BO)))


def test_what_most_annotators_marked_is_read_and_said() -> None:
    message = (
        r"^texts with several annotations: 1, first a\.json:1; .* --annotator .*: a or ann@x, b or ben@x, c or cas@x$"
    )
    with pytest.warns(SeqkitWarning, match=message):
        assert read_spans(read_json(json.dumps([OPINIONS]), "a.json")) == [(TEXT, SPANS[:2])]


@pytest.mark.parametrize("who", ["b", "ben@x"])
def test_one_annotator_is_read_by_id_or_address(tmp_path: Path, who: str) -> None:
    path = write_file(tmp_path, "a.json", json.dumps([OPINIONS, by(("ann@x", (ADA,)))]))
    with pytest.warns(SeqkitWarning, match=rf"^texts that {who} did not annotate are left out: 1, first .*a\.json:1$"):
        (row,) = open_corpus(path, annotator=who, dev_fraction=0)["train"]
    assert [span["start"] for span in row["spans"]] == [0, 14]
    with pytest.raises(CorpusError, match=r"a\.json: no annotator 'dan' .*: there are a or ann@x, b or ben@x, c or "):
        open_corpus(path, annotator="dan", dev_fraction=0)


def test_annotators_in_rows_of_their_own_are_found_by_the_task() -> None:
    opinions = ["pos", "pos", "neg"]
    rows = [json_min(GOOD, 1, who, sentiment=opinion) for who, opinion in enumerate(opinions)]
    with pytest.warns(SeqkitWarning, match="several annotations: 1"):
        assert read_labels(read_json(json.dumps(rows), "a.json")) == [(GOOD, "pos")]
    with pytest.warns(SeqkitWarning) as warned, pytest.raises(CorpusError, match="no example is left"):
        read_json(json.dumps(rows[1:]), "a.json")
    assert "several annotations" in str(warned[0].message)


def test_annotators_of_prodigy_are_found_by_the_task() -> None:
    records = [
        {"text": TEXT, "spans": [SPANS[0]], "_task_hash": 5, "_annotator_id": who, "answer": "accept"}
        for who in ("ner-ann", "ner-ben")
    ]
    with pytest.warns(SeqkitWarning, match="--annotator reads one of them: ner-ann, ner-ben$"):
        assert read_spans(read_json(as_lines(*records), "a.jsonl")) == [(TEXT, SPANS[:1])]


def test_an_option_that_a_file_cannot_use_is_an_error(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.conll", "Ada B-PER\n")
    with pytest.raises(CorpusError, match=r"a\.conll: this file is no export .*; leave --offsets, --annotator out$"):
        open_corpus(path, offsets="utf16", annotator="1")
    with pytest.raises(CorpusError, match=r"leave --from-name out$"):
        open_corpus(write_file(tmp_path, *WITH_SPANS["Prodigy spans"]), from_name="ner")


# Null.


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"tokens": ["Ada", None], "tags": ["B-PER", "O"]}, "a token must be a string that is not empty, not None"),
        ({"tokens": ["Ada", "ran"], "tags": ["B-PER", None]}, "a tag must be a string that is not empty, not None"),
        ({"tokens": None, "tags": ["B-PER"]}, "'tokens' is None, which is not a list of words"),
        ({"tokens": ["Ada"], "tags": None}, "no list of tags under 'tags'; name its key with --tag-column"),
        ({"text": None}, "'text' is None, which is not a string"),
        ({"text": None, "label": "a"}, "'text' is None, which is not a string"),
        ({"text": "Ada", "label": None}, "'label' is None; give it a value, or leave the text out"),
        ({"text": "Ada", "label": [None]}, "a label must be a string or an integer, not None"),
        ({"text": "Ada", "spans": None}, "'spans' is None; give it a value, or leave the text out"),
        ({"text": "Ada", "spans": [None]}, r"'spans' is \[None\]; give it a value"),
        ({"text": "Ada", "spans": [[0, 3, "X"], None]}, "a span needs an integer start"),
        ({"text": "Ada", "spans": [{"start": None, "end": 3, "label": "X"}]}, "a span needs an integer start"),
        ({"text": "Ada", "spans": [{"start": 0, "end": 3, "label": None}]}, "a span needs an integer start"),
        ({"text": "Ada", "label": [[0, None, "X"]]}, "a span needs an integer start"),
        (task(TEXT, result(0, 3, "X") | {"value": None}), "a result of the type 'labels' has no value"),
        (task(TEXT, choice() | {"value": {"choices": None}}), "the choices of a result must be a list, not None"),
        (task(TEXT, choice() | {"value": {"choices": [None]}}), "a label must be a string or an integer, not None"),
        (task({"text": None}, result(0, 3, "X")), "'text' is None, which is not a string|no text under 'text'"),
        (json_min(TEXT, 1, label=[{"start": None, "end": 3, "labels": ["X"]}]), "a span needs an integer start"),
    ],
)
def test_null_is_one_error_of_validate_and_of_train(tmp_path: Path, record: object, message: str) -> None:
    path = write_file(tmp_path, "bad.jsonl", f"\n{json.dumps(record)}\n")
    task_name = "classifier" if "label" in record and "tokens" not in record else "ner"  # type: ignore[operator]
    done = seqkit("train", task_name, "--corpus", path, "--out", tmp_path / "run")
    assert (done.code, done.out) == (1, "")
    assert f"error: {path}:2: " in done.err
    with pytest.raises(CorpusError, match=message):
        read_rows(path)
    (problem,) = validate_corpus(path).problems
    assert (problem.file, problem.line) == (str(path), 2)
    assert done.err == f"error: {problem}\n"
