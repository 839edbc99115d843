"""Label Studio's projects: several controls, choices about spans, and types of results that are not read."""

import json
from pathlib import Path
from typing import Any

import pytest

from seqkit.data.annotations import ExportOptions
from seqkit.data.formats import read_rows
from seqkit.data.jsonl import read_json
from seqkit.data.rows import AnnotatedText, LabelledText, Row
from seqkit.data.validation import validate_corpus
from seqkit.errors import CorpusError, SeqkitWarning
from seqkit.text.tagging_schemes import Span
from tests.annotation_exports import GOOD, OTHER, REGIONS, TEXT, choice, json_min, result, task
from tests.command_line import seqkit
from tests.tiny_corpora import write_file

PER = result(0, 3, "PER")


def read(*tasks: dict[str, Any], from_name: str | None = None, **keys: str) -> list[Row]:
    return read_json(json.dumps(tasks), "a.json", options=ExportOptions(from_name=from_name), **keys)


def typed(kind: str, **value: Any) -> dict[str, Any]:
    return {"id": "x", "from_name": "label", "to_name": "text", "type": kind, "value": {kind: ["PER"], **value}}


HYPERTEXT = typed(
    "hypertextlabels", start="/text()[1]", end="/text()[1]", text="Ada", globalOffsets={"start": 0, "end": 3}
)


@pytest.mark.parametrize(
    "marked",
    [
        typed("paragraphlabels", start="0", end="0", startOffset=0, endOffset=3, text="Ada"),
        typed("timeserieslabels", start=0, end=3, instant=False),
        typed("hypertextlabels", start="/p[1]/text()[1]", end="/p[1]/text()[1]", startOffset=0, endOffset=3),
        typed("rectanglelabels", x=1, y=2, width=3, height=4),
        {"id": "y", "from_name": "label", "type": "text", "value": {"start": 0, "end": 3, "text": "Ada"}},
    ],
    ids=lambda marked: str(marked["type"]),
)
@pytest.mark.parametrize("command", ["validate", "train"])
def test_spans_of_other_types_are_never_texts_without_spans(tmp_path: Path, marked: Any, command: str) -> None:
    tasks = [task(TEXT, PER), task(OTHER, PER), task(TEXT, marked)]
    path = write_file(tmp_path, "a.jsonl", "".join(f"{json.dumps(each)}\n" for each in tasks))
    arguments = ["corpora", "validate", path] if command == "validate" else ["train", "ner", "--corpus", path]
    done = seqkit(*arguments)
    assert done.code == 1
    assert f"{path}:3: " in done.out + done.err
    assert f"type '{marked['type']}'" in done.out + done.err


def test_spans_of_a_page_without_markup_are_read() -> None:
    assert read(task(TEXT, HYPERTEXT)) == [AnnotatedText(TEXT, [Span(0, 3, "PER")], 1)]
    flat = {"hypertextlabels": ["PER"], "globalOffsets": {"start": 0, "end": 3}, "start": "/text()[1]", "text": "Ada"}
    assert read(json_min(TEXT, 1, label=[flat])) == [AnnotatedText(TEXT, [Span(0, 3, "PER")], 1)]
    with pytest.raises(
        CorpusError, match=r"^a\.json:1: hypertextlabels mark places in a rendered page, but the text has"
    ):
        read(task({"html": f"<p>{TEXT}</p>"}, HYPERTEXT))


def test_the_text_may_have_any_name_in_the_data(tmp_path: Path) -> None:
    data = {"title": "a title", "body": TEXT, "meta": {"n": 1}}
    path = write_file(tmp_path, "a.json", json.dumps([task(data, PER)]))
    with pytest.raises(CorpusError, match=r"a\.json:1: no text .* only title, body, meta; name it with --text-column$"):
        read_rows(path)
    assert read_rows(path, text_column="body") == [AnnotatedText(TEXT, [Span(0, 3, "PER")], 1)]
    assert seqkit("corpora", "validate", path, "--text-column", "body").out.endswith("\n0 errors, 0 notes\n")
    assert read(task({"n": 1, "body": TEXT}, PER)) == [AnnotatedText(TEXT, [Span(0, 3, "PER")], 1)]


def test_choices_do_not_erase_the_spans_beside_them() -> None:
    tasks = [task(TEXT, PER, choice("pos")), task(OTHER, choice("neg"))]
    message = r"^choices beside spans \(--from-name sentiment reads them instead\) are left out: 2, first a\.json:1$"
    with pytest.warns(SeqkitWarning, match=message):
        assert read(*tasks) == [AnnotatedText(TEXT, [Span(0, 3, "PER")], 1), AnnotatedText(OTHER, [], 1)]
    assert read(*tasks, from_name="sentiment") == [LabelledText(TEXT, "pos", 1), LabelledText(OTHER, "neg", 1)]
    assert read(*tasks, tag_key="sentiment") == read(*tasks, from_name="sentiment")


@pytest.mark.parametrize("about", [{"id": "r0"}, {"parentID": "r0"}], ids=lambda about: next(iter(about)))
def test_a_choice_about_a_span_is_not_the_label_of_the_text(about: dict[str, str]) -> None:
    of_region = choice("certain", control="sure", **about)
    with pytest.warns(SeqkitWarning, match=r"^choices about spans \(sure\) are left out: 1, first a\.json:1$"):
        assert read(task(TEXT, PER, of_region)) == [AnnotatedText(TEXT, [Span(0, 3, "PER")], 1)]
    rows = read(task(TEXT, PER, of_region, choice("pos")), task(OTHER, choice("neg")), from_name="sentiment")
    assert rows == [LabelledText(TEXT, "pos", 1), LabelledText(OTHER, "neg", 1)]


def test_two_controls_are_not_merged(tmp_path: Path) -> None:
    other = result(4, 7, "VERB", from_name="pos")
    path = write_file(tmp_path, "a.json", json.dumps([task(TEXT, PER), task(TEXT, PER, other)], indent=1))
    line = path.read_text().split("\n").index(" {", 2) + 1
    message = rf"a\.json:{line}: the project has several labelling controls: label, pos; choose one with --from-name$"
    with pytest.raises(CorpusError, match=message):
        read_rows(path)
    (problem,) = validate_corpus(path).problems
    assert problem.line == line
    assert seqkit("corpora", "validate", path, "--from-name", "pos").out.endswith("\n0 errors, 0 notes\n")
    one, two = read_rows(path, options=ExportOptions(from_name="pos"))
    assert (one, two) == (AnnotatedText(TEXT, [], 2), AnnotatedText(TEXT, [Span(4, 7, "VERB")], line))
    with pytest.raises(CorpusError, match=r"a\.json: no control 'nre' \(--from-name\) in this file, only label, pos$"):
        read_rows(path, options=ExportOptions(from_name="nre"))


def test_two_questions_about_a_text_are_not_merged() -> None:
    tasks = [task(GOOD, choice("pos"), choice("film", control="topic"))]
    with pytest.raises(
        CorpusError, match=r"^a\.json:1: .* several labelling controls: sentiment, topic; .* --from-name$"
    ):
        read(*tasks)
    assert read(*tasks, from_name="topic") == [LabelledText(GOOD, "film", 1)]
    flat = json_min(GOOD, 1, sentiment="pos", topic="film")
    with pytest.raises(
        CorpusError, match=r"^a\.json: several keys could be the label: sentiment, topic; .* --from-name$"
    ):
        read(flat)
    assert read(flat, from_name="topic") == [LabelledText(GOOD, "film", 1)]
    with pytest.raises(CorpusError, match=r"no control 'tpoic' .* only sentiment, topic$"):
        read(flat, from_name="tpoic")


def test_what_is_not_annotated_is_left_out_and_counted() -> None:
    predicted = {"data": {"text": OTHER}, "predictions": [{"result": [PER]}]}
    cancelled = task(TEXT, PER)
    cancelled["annotations"].insert(0, {"was_cancelled": True, "result": []})
    relation = {"type": "relation", "from_id": "r0", "to_id": "r8", "direction": "right"}
    with pytest.warns(SeqkitWarning) as warned:
        rows = read(predicted, {**task(OTHER), "annotations": []}, cancelled, task(TEXT, PER, relation), task(OTHER))
    assert rows == [
        AnnotatedText(TEXT, [Span(0, 3, "PER")], 1),
        AnnotatedText(TEXT, [Span(0, 3, "PER")], 1),
        AnnotatedText(OTHER, [], 1),
    ]
    assert [str(each.message) for each in warned] == [
        "tasks that nobody has annotated (predictions are not read) are left out: 2, first a.json:1",
        "cancelled annotations are left out: 1, first a.json:1",
        "results of the type 'relation' are left out: 1, first a.json:1",
    ]
    with pytest.raises(
        CorpusError, match=r"^a\.json: no example is left: tasks that nobody has annotated .*: 1, first"
    ):
        read(predicted)


def test_cancelled_rows_of_a_table_are_left_out_and_counted(tmp_path: Path) -> None:
    content = f'"annotation_id","annotator","id","mood","text","was_cancelled"\n7,"a@x",1,"pos","{GOOD}","False"\n'
    path = write_file(tmp_path, "a.csv", f'{content}8,"a@x",2,"","{OTHER}","True"\n')
    with pytest.warns(SeqkitWarning, match=r"^cancelled annotations are left out: 1, first .*a\.csv:3$"):
        assert read_rows(path) == [LabelledText(GOOD, "pos", 2)]


def test_a_question_that_nobody_answered_is_left_out_and_counted() -> None:
    message = "^texts for which nothing was chosen are left out: 1, first a.json:1$"
    with pytest.warns(SeqkitWarning, match=message):
        assert read(task(GOOD, choice("pos")), task(OTHER)) == [LabelledText(GOOD, "pos", 1)]
    several = [task(GOOD, choice("pos", "film")), task(OTHER)]
    assert read(*several) == [LabelledText(GOOD, ["pos", "film"], 1), LabelledText(OTHER, [], 1)]


def test_the_options_are_kept_in_the_run(tmp_path: Path) -> None:
    records = [json_min(TEXT, number, f"{number % 2}", ner=REGIONS, other=REGIONS[:1]) for number in range(40)]
    path = write_file(tmp_path, "a.json", json.dumps(records))
    options = ["--from-name", "ner", "--annotator", "1", "--offsets", "utf16", "--text-column", "text"]
    run = tmp_path / "run"
    done = seqkit("train", "ner", "--corpus", path, *options, "--epochs", "1", "--out", run, "--quiet")
    assert done.code == 0, done.err
    opened = json.loads((run / "run.json").read_text())["corpus"]
    assert [opened[key] for key in ("from_name", "annotator", "offsets", "text_column")] == [
        "ner",
        "1",
        "utf16",
        "text",
    ]
    assert seqkit("evaluate", run, "--split", "dev").code == 0
    assert seqkit("evaluate", run, "--split", "dev", "--annotator", "7").code == 1
