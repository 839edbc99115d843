"""JSON objects as rows: the exports of annotation tools, tokens with tags, labelled texts."""

import json
import re
from pathlib import Path

import pytest

from seqkit.data.formats import read_rows
from seqkit.data.jsonl import read_json
from seqkit.data.rows import AnnotatedText, LabelledText, PlainText
from seqkit.errors import CorpusError
from seqkit.text.tagging_schemes import Span
from tests.tiny_corpora import TWO_SENTENCES, lines, pairs, write_file

TEXT = "Ada met Bo 😀 in Ghent."
EXPECTED = [Span(0, 3, "PER"), Span(8, 10, "PER"), Span(16, 21, "LOC")]
SPANS: list[list[object]] = [[0, 3, "PER"], [8, 10, "PER"], [16, 21, "LOC"]]
STARTS = [(match.start(), match.end()) for match in re.finditer(r"\w+|[^\w\s]", TEXT)]
AS_DICTS = [{"start": start, "end": end, "label": label} for start, end, label in SPANS]
LABEL_STUDIO = {
    "id": 1,
    "data": {"text": TEXT},
    "annotations": [
        {
            "result": [
                {
                    "type": "labels",
                    "value": {
                        "start": start,
                        "end": end,
                        "text": TEXT[int(str(start)) : int(str(end))],
                        "labels": [label],
                    },
                }
                for (start, end, label), quoted in zip(SPANS, ["Ada", "Bo", "Ghent"], strict=True)
            ]
        },
    ],
}
JSON_MIN = {
    "id": 1,
    "text": TEXT,
    "annotator": 1,
    "ner": [{"start": start, "end": end, "labels": [label]} for start, end, label in SPANS],
}
EXPORTS: dict[str, dict[str, object]] = {
    "doccano": {"id": 1, "text": TEXT, "label": SPANS},
    "doccano labels": {"text": TEXT, "labels": list(reversed(SPANS)), "Comments": []},
    "doccano entities": {
        "text": TEXT,
        "entities": [{"id": 1, "start_offset": s, "end_offset": e, "label": label} for s, e, label in SPANS],
        "relations": [],
    },
    "prodigy": {
        "text": TEXT,
        "tokens": [{"text": TEXT[s:e], "start": s, "end": e, "id": i} for i, (s, e) in enumerate(STARTS)],
        "spans": AS_DICTS,
        "answer": "accept",
    },
    "prodigy without tokens": {"text": TEXT, "spans": AS_DICTS},
    "label studio": LABEL_STUDIO,
    "label studio json-min": JSON_MIN,
}


@pytest.mark.parametrize("name", EXPORTS)
def test_exports_of_annotation_tools(tmp_path: Path, name: str) -> None:
    rows = read_rows(write_file(tmp_path, "a.jsonl", f"\n{json.dumps(EXPORTS[name])}\n"))
    assert rows == [AnnotatedText(TEXT, EXPECTED, line=2)]
    content = json.dumps([EXPORTS[name], EXPORTS[name] | {"id": 2}], indent=2, ensure_ascii=False)
    rows = read_rows(write_file(tmp_path, "a.json", content))
    assert [row.spans for row in rows if isinstance(row, AnnotatedText)] == [EXPECTED] * 2
    first, second = (row.line for row in rows)
    assert (first, content.split("\n")[second - 1]) == (2, "  {")
    assert second > first


@pytest.mark.parametrize(
    "record",
    [
        {"text": "Nobody here", "spans": []},
        {"text": "Nobody here", "entities": []},
        {"text": "Nobody here", "label": []},
        {"text": "Nobody here", "answer": "accept"},
        {"text": "Nobody here", "annotator": 1, "annotation_id": 4},
        {"data": {"text": "Nobody here"}, "annotations": [{"result": []}]},
        {"text": "Nobody here", "tokens": [{"start": 0, "end": 6, "id": 0}, {"start": 7, "end": 11, "id": 1}]},
    ],
)
def test_an_annotated_text_may_have_no_span(record: object) -> None:
    assert read_json(json.dumps(record), "a.jsonl") == [AnnotatedText("Nobody here", [], line=1)]


@pytest.mark.parametrize("key", ["tags", "ner_tags", "labels"])
def test_tokens_and_tags(tmp_path: Path, key: str) -> None:
    records = [{"tokens": ["Ada", "ran"], key: ["B-PER", "O"], "doc_id": 3}, {"tokens": ["Ghent"], key: ["B-LOC"]}]
    rows = read_rows(write_file(tmp_path, "a.jsonl", "\n".join(map(json.dumps, records))))
    assert pairs(rows) == TWO_SENTENCES
    assert lines(rows) == [[1, 1], [2]]
    assert [row.document for row in rows] == ["3", None]


def test_other_keys_are_named(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.jsonl", '{"w": ["Ada"], "ner": ["B-PER"], "pos": ["PROPN"]}')
    assert pairs(read_rows(path, token_column="w", tag_column="pos")) == [[("Ada", "PROPN")]]
    with pytest.raises(CorpusError, match="named, not numbered"):
        read_rows(path, tag_column=1)


def test_texts_with_and_without_labels() -> None:
    assert read_json('{"text": "fine", "label": "good"}\n{"text": "dull", "label": 0}', "a.jsonl") == [
        LabelledText("fine", "good", 1),
        LabelledText("dull", "0", 2),
    ]
    assert read_json('{"text": "fine", "label": ["good"]}', "a.jsonl") == [LabelledText("fine", "good", 1)]
    choices = {"result": [{"type": "choices", "value": {"choices": ["good"]}}]}
    record = {"data": {"review": "fine"}, "annotations": [choices]}
    assert read_json(json.dumps([record]), "a.json") == [LabelledText("fine", "good", 1)]
    assert read_json('{"text": "once"}\r\n\r\n{"text": "upon"}', "a.jsonl") == [
        PlainText("once", 1),
        PlainText("upon", 3),
    ]


def span(start: object, end: object, label: object = "PER", **more: object) -> dict[str, object]:
    return {"text": TEXT, "spans": [{"start": start, "end": end, "label": label, **more}]}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (
            {"text": TEXT, "label": [[2, 5, "LOC"], [0, 3, "PER"]]},
            r"PER span 0..3 and .*LOC.*overlap",
        ),
        ({"text": TEXT, "label": [[0, 3, "PER"], [0, 3, "PER"]]}, "overlap"),
        (span(8, 99), r"span 8..99 is out of range: the text has 22 characters"),
        (span(-1, 3), "out of range"),
        (span(3, 3), "is empty"),
        (span(5, 3), "is empty"),
        (span(3, 4), r"span 3..4 covers only white space"),
        (span(16, 21, text="in Bo"), "quotes 'in Bo', but the text has 'Ghent' at its offsets.*code points"),
        (span(0.0, 3), "integer start"),
        (span(True, 3), "integer start"),
        (span(0, None), "integer end"),
        (span(0, 3, None), "one label"),
        ({"text": TEXT, "spans": [{"start": 0, "end": 3, "labels": ["PER", "LOC"]}]}, "one label"),
        ({"text": TEXT, "label": [[0, 3]]}, "one label"),
        ({"text": TEXT, "spans": AS_DICTS, "answer": "maybe"}, "'maybe', which is not accept, reject or ignore"),
        ({"text": TEXT, "label": ["a", ""]}, "a label must be a string"),
        ({"text": 3, "label": "a"}, "'text' is 3, which is not a string"),
        ({"text": TEXT, "label": {"a": 1}}, "a label must be a string"),
        ({"data": {"a": "x", "b": "y"}, "annotations": [{"result": []}]}, "no text .* only a, b; .* --text-column"),
        ({"tokens": ["a", "b"], "tags": ["O"]}, "2 tokens but 1 tags"),
        ({"tokens": ["a"], "tags": [1]}, "a tag must be a string that is not empty, not 1"),
        ({"tokens": [""], "tags": ["O"]}, "a token must be a string that is not empty"),
        ({"tokens": [], "tags": []}, "list of tokens is empty"),
        ({"tokens": ["a"]}, "no list of tags"),
        ({"title": "x"}, "neither 'text' nor 'tokens' among the keys title"),
        (["a", "b"], "must be a JSON object"),
        ({"text": "a\ud83d"}, "half of a surrogate pair"),
    ],
)
def test_annotations_that_cannot_be_used_have_a_line(tmp_path: Path, record: object, message: str) -> None:
    path = write_file(tmp_path, "bad.jsonl", f"{json.dumps(EXPORTS['doccano'])}\n\n{json.dumps(record)}\n")
    with pytest.raises(CorpusError, match=message) as caught:
        read_rows(path)
    assert (caught.value.file, caught.value.line) == (str(path), 3)


@pytest.mark.parametrize(
    ("name", "content", "line", "message"),
    [
        ("a.jsonl", '{"text": "a"}\n{"text": }\n', 2, "not JSON: Expecting value at column 10"),
        ("a.json", '[{"text": "a"},\n {"text": "b"\n', 3, "not JSON"),
        ("a.json", "[]", None, "no examples"),
        (
            "a.jsonl",
            '{"text": "a"}\n{"text": "b", "label": "x"}',
            2,
            "a labelled text, but the one on line 1 is",
        ),
    ],
)
def test_bad_json(tmp_path: Path, name: str, content: str, line: int | None, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read_rows(write_file(tmp_path, name, content))
    assert caught.value.line == line
