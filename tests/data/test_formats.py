"""Files to rows. Every fixture is written here by hand; what must come out is written beside it."""

import codecs
import csv
import io
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.annotated_spans import tag_spans
from seqkit.data.conll import read_columns
from seqkit.data.csv_tables import read_csv
from seqkit.data.formats import read_rows
from seqkit.data.jsonl import read_json
from seqkit.data.rows import LabelledText, PlainText, Row, TaggedSentence
from seqkit.data.text_files import read_text, split_lines
from seqkit.errors import ConfigError, CorpusError
from seqkit.text.tagging_schemes import Scheme, Span, illegal_tags

Pairs = list[list[tuple[str, str]]]


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def tagged(rows: list[Row]) -> list[TaggedSentence]:
    assert all(isinstance(row, TaggedSentence) for row in rows)
    return [row for row in rows if isinstance(row, TaggedSentence)]


def pairs(rows: list[Row]) -> Pairs:
    return [list(zip(row.tokens, row.tags, strict=True)) for row in tagged(rows)]


def lines(rows: list[Row]) -> list[list[int]]:
    return [list(row.lines) for row in tagged(rows)]


TWO_SENTENCES = [[("Ada", "B-PER"), ("ran", "O")], [("Ghent", "B-LOC")]]


# CoNLL columns


@pytest.mark.parametrize(
    ("content", "expected_lines"),
    [
        ("Ada\tB-PER\nran\tO\n\nGhent\tB-LOC\n", [[1, 2], [4]]),
        ("Ada B-PER\nran O\n\nGhent B-LOC", [[1, 2], [4]]),
        ("Ada  B-PER\nran    O\n\nGhent \t B-LOC\n", [[1, 2], [4]]),
        ("\n\nAda\tB-PER\nran\tO\n\n\n\nGhent\tB-LOC\n\n", [[3, 4], [8]]),
        ("Ada\tB-PER\r\nran\tO\r\n\r\nGhent\tB-LOC\r\n", [[1, 2], [4]]),
        ("Ada\tB-PER\nran\tO\n\t\nGhent\tB-LOC\n \t \n", [[1, 2], [4]]),
        ("Ada NNP I-NP B-PER\nran VBD I-VP O\n\nGhent NNP I-NP B-LOC\n", [[1, 2], [4]]),
        ("\ufeffAda\tB-PER\nran\tO\n\nGhent\tB-LOC\n", [[1, 2], [4]]),
        ("# a comment\nAda\tB-PER\nran\tO\n\n# sent_id = 2\nGhent\tB-LOC\n", [[2, 3], [6]]),
        ("# a comment\nAda B-PER\nran O\n\n# b\n#\n## more\nGhent B-LOC\n", [[2, 3], [8]]),
    ],
)
def test_columns_of_every_shape_give_the_same_rows(
    tmp_path: Path, content: str, expected_lines: list[list[int]]
) -> None:
    rows = read_rows(write(tmp_path, "a.conll", content))
    assert pairs(rows) == TWO_SENTENCES
    assert lines(rows) == expected_lines


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("the\tO\n#\tO\n#NFL\tB-group\n", [("the", "O"), ("#", "O"), ("#NFL", "B-group")]),
        ("the O\n# O\n#NFL B-group\n", [("the", "O"), ("#", "O"), ("#NFL", "B-group")]),
        ("the det\n# det\n# note\n", [("the", "det"), ("#", "det")]),
        ("No. NN O\n# NN O\n# says who\n", [("No.", "O"), ("#", "O")]),
        ("#a\tO\n#b\tO\n", [("#a", "O"), ("#b", "O")]),
    ],
)
def test_a_hash_is_a_token_where_the_line_has_the_shape_of_one(content: str, expected: list[tuple[str, str]]) -> None:
    assert pairs(read_columns(content, "a.conll")) == [expected]


def test_odd_characters_are_part_of_their_token(tmp_path: Path) -> None:
    odd = ["a\x85b", "a\u2028b", "a\xa0b", "\xa0", "a\x0bb", "a\x1cb", "New York", " ", "\u3000"]
    path = write(tmp_path, "a.conll", "".join(f"{token}\tO\n" for token in odd))
    assert tagged(read_rows(path))[0].tokens == odd
    spaced = [token for token in odd if " " not in token]
    path = write(tmp_path, "b.conll", "".join(f"{token} O\n" for token in spaced))
    assert tagged(read_rows(path))[0].tokens == spaced


cell = st.text(st.characters(blacklist_characters="\t\r\n\0\ufeff", blacklist_categories=["Cs"]), min_size=1)
token = cell.filter(lambda text: not text.startswith("-DOCSTART-"))


@given(
    st.lists(st.lists(st.tuples(token, cell.filter(str.strip)), min_size=1), min_size=1),
    st.sampled_from(["\n", "\r\n"]),
)
def test_tab_columns_round_trip(sentences: Pairs, end: str) -> None:
    text = (end + end).join(end.join(f"{token}\t{tag}" for token, tag in sentence) for sentence in sentences)
    assert pairs(read_columns(text, "a.conll")) == sentences


@given(st.text(st.sampled_from("ab\r\n\x85\u2028\x0b")))
def test_lines_end_at_line_feeds_only(text: str) -> None:
    # A carriage return counts only where a line feed or the end follows it.
    assert split_lines(text) == re.split(r"\r?\n", re.sub(r"\r\Z", "", text))


def test_docstart_and_newdoc_begin_documents(tmp_path: Path) -> None:
    content = "-DOCSTART- -X- O O\n\na NN O O\n\nb NN O O\n-DOCSTART-\nc NN O O\n"
    rows = read_rows(write(tmp_path, "train.conll", content))
    assert [row.document for row in rows] == ["train-1", "train-1", "train-2"]
    content = "# newdoc id = news/7\na\tO\n\nb\tO\n# newdoc\nc\tO\n#begin document (bc/x); part 000\nd\tO\n"
    with pytest.raises(CorpusError, match=r":9: .*one column"):
        read_columns(f"{content}#other\n", "train.conll")
    rows = read_columns(f"{content}#end document\n", "train.conll")
    assert [row.document for row in rows] == ["news/7", "news/7", "train-2", "(bc/x); part 000"]


def test_token_and_tag_column_by_index(tmp_path: Path) -> None:
    path = write(tmp_path, "a.conll", "1 Ada NNP B-PER x\n2 ran VBD O x\n")
    assert pairs(read_rows(path, token_column=1, tag_column=-2)) == [[("Ada", "B-PER"), ("ran", "O")]]
    assert pairs(read_rows(path, token_column="1", tag_column="2")) == [[("Ada", "NNP"), ("ran", "VBD")]]
    with pytest.raises(CorpusError, match="no column 5: the rows have 5"):
        read_rows(path, tag_column=5)
    with pytest.raises(CorpusError, match="no column 'ner': columns of this format have numbers"):
        read_rows(path, tag_column="ner")


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("", None, "empty"),
        (" \n\t\n", None, "empty"),
        ("# only a comment\n", None, "no row with a token and a tag"),
        ("-DOCSTART- O\n", None, "no row with a token and a tag"),
        ("Ada\nran\n", 1, "one column; a token and a tag are needed"),
        ("Ada\tB-PER\nran\n", 2, "one column, but line 1 has 2"),
        ("\nAda\tB-PER\nNew York\n", 3, "one column, but line 2 has 2.*tabs"),
        ("Ada B-PER\nran\n", 2, "one column, but line 1 has 2.*spaces"),
        ("Ada B-PER\nran VBD O\n", 2, "3 columns, but line 1 has 2"),
        ("Ada\tNNP\tB-PER\nran\tO\n", 2, "2 columns, but line 1 has 3"),
        ("Ada\tB-PER\nran\t\n", 2, "no tag in this row"),
        ("Ada\tB-PER\n\tO\n", 2, "no token in this row"),
        ("Ada\tB-PER\n#NFL\n", 2, "one column"),
        ("Ada\tB-PER\n# x\ty\tz\tO\n#x\ty\tz\n", 3, "3 columns"),
    ],
)
def test_bad_columns_have_file_and_line(tmp_path: Path, content: str, line: int | None, message: str) -> None:
    path = write(tmp_path, "bad.conll", content)
    with pytest.raises(CorpusError, match=message) as caught:
        read_rows(path)
    assert (caught.value.file, caught.value.line) == (str(path), line)


# Encodings


def test_latin_1_is_named_with_its_line_and_can_be_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a.conll", "Ada\tB-PER\nré\tO\n".encode("latin-1"))
    with pytest.raises(CorpusError, match=r"byte 0xe9 at offset 11 is not UTF-8.*Latin-1.*--encoding") as caught:
        read_rows(path)
    assert caught.value.line == 2
    assert tagged(read_rows(path, encoding="latin-1"))[0].tokens == ["Ada", "ré"]


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        ("€ O".encode("cp1252"), "utf-8", "--encoding cp1252"),
        ("é O\n".encode() + b"\xff O", "utf-8", "correct this line"),
        ("é O".encode("utf-16"), "utf-8", "--encoding utf-16$"),
        ("é O".encode("utf-16-le"), "utf-8", "--encoding"),
        ("e O".encode("utf-16-le"), "utf-8", "--encoding utf-16-le"),
        ("é O".encode(), "ascii", "not ASCII.*own --encoding"),
    ],
)
def test_other_encodings_are_named(tmp_path: Path, content: bytes, encoding: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read_rows(write(tmp_path, "a.conll", content), encoding=encoding)


def test_byte_order_marks_are_taken_off(tmp_path: Path) -> None:
    for name, encoding in (("a", "utf-8-sig"), ("b", "utf-16")):
        path = write(tmp_path, name, "é O".encode(encoding))
        assert read_text(path, "utf-8" if name == "a" else "utf-16") == "é O"
    assert read_text(write(tmp_path, "c", codecs.BOM_UTF8 + b"x"), "utf-8-sig") == "x"


def test_files_that_are_not_there_and_unknown_encodings(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"gone\.conll: no such file"):
        read_rows(tmp_path / "gone.conll")
    with pytest.raises(CorpusError, match="is a directory"):
        read_text(tmp_path)
    with pytest.raises(ConfigError, match="unknown encoding 'klingon'"):
        read_text(write(tmp_path, "a", "x"), "klingon")


# CoNLL-U

CONLLU = """\
# newdoc id = d1
# sent_id = 1
1\tAda\tAda\tPROPN\tNNP\t_\t3\tnsubj\t_\t_
2-3\tdidn't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdid\tdo\tAUX\tVBD\t_\t0\troot\t_\t_
3\tn't\tnot\tPART\tRB\t_\t2\tadvmod\t_\tSpaceAfter=No
3.1\trun\trun\tVERB\t_\t_\t_\t_\t_\t_

# newdoc id = d2
1\t#\t#\tSYM\tNN\t_\t0\troot\t_\t_
"""


def test_conllu_passes_over_multiword_tokens_and_empty_nodes(tmp_path: Path) -> None:
    rows = read_rows(write(tmp_path, "a.conllu", CONLLU))
    assert pairs(rows) == [[("Ada", "PROPN"), ("did", "AUX"), ("n't", "PART")], [("#", "SYM")]]
    assert lines(rows) == [[3, 5, 6], [10]]
    assert [row.document for row in rows] == ["d1", "d2"]


@pytest.mark.parametrize(
    ("tag_column", "expected"),
    [("xpos", ["NNP", "VBD", "RB"]), ("DEPREL", ["nsubj", "root", "advmod"]), (9, ["_", "_", "SpaceAfter=No"])],
)
def test_any_conllu_column_can_be_the_tag(tmp_path: Path, tag_column: str | int, expected: list[str]) -> None:
    path = write(tmp_path, "a.conllu", CONLLU)
    assert tagged(read_rows(path, tag_column=tag_column))[0].tags == expected
    assert tagged(read_rows(path, token_column="lemma"))[0].tokens == ["Ada", "do", "not"]


def test_conllu_plus_names_its_columns(tmp_path: Path) -> None:
    content = "# global.columns = ID FORM UPOS SEQKIT:NER\n1\tAda\tPROPN\tB-PER\n2\tran\tVERB\tO\n"
    path = write(tmp_path, "a.conllup", content)
    assert pairs(read_rows(path, tag_column="seqkit:ner")) == [[("Ada", "B-PER"), ("ran", "O")]]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("1\tAda\tPROPN\n", 1, "3 columns; CoNLL-U needs 10"),
        ("1 Ada Ada PROPN NNP _ 0 root _ _\n", 1, "one column; CoNLL-U needs 10, separated by tabs"),
        (CONLLU.replace("3.1", "x"), 7, "'x' is not a CoNLL-U word ID"),
        (CONLLU.replace("PART", ""), 6, "no tag"),
        ("# nothing here\n", None, "no examples"),
    ],
)
def test_bad_conllu(tmp_path: Path, content: str, line: int | None, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read_rows(write(tmp_path, "a.conllu", content))
    assert caught.value.line == line
    with pytest.raises(CorpusError, match="no column 'ner': the columns are id, form"):
        read_rows(write(tmp_path, "b.conllu", CONLLU), tag_column="ner")


# JSON

TEXT = "Ada met Bo 😀 in Ghent."
EXPECTED = [
    [("Ada", "B-PER"), ("met", "O"), ("Bo", "B-PER"), ("😀", "O"), ("in", "O"), ("Ghent", "B-LOC"), (".", "O")],
]
SPANS: list[list[object]] = [[0, 3, "PER"], [8, 10, "PER"], [16, 21, "LOC"]]
STARTS = [(match.start(), match.end()) for match in re.finditer(r"\w+|[^\w\s]", TEXT)]
AS_DICTS = [{"start": start, "end": end, "label": label} for start, end, label in SPANS]
LABEL_STUDIO = {
    "id": 1,
    "data": {"text": TEXT},
    "annotations": [
        {"was_cancelled": True, "result": []},
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
EXPORTS = {
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
    rows = read_rows(write(tmp_path, "a.jsonl", f"\n{json.dumps(EXPORTS[name])}\n"))
    assert pairs(rows) == EXPECTED
    assert lines(rows) == [[2] * 7]
    content = json.dumps([EXPORTS[name], EXPORTS[name]], indent=2, ensure_ascii=False)
    rows = read_rows(write(tmp_path, "a.json", content))
    assert pairs(rows) == EXPECTED * 2
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
def test_an_annotated_text_without_spans_is_outside_of_all(record: object) -> None:
    assert pairs(read_json(json.dumps(record), "a.jsonl")) == [[("Nobody", "O"), ("here", "O")]]


@pytest.mark.parametrize("key", ["tags", "ner_tags", "labels"])
def test_tokens_and_tags(tmp_path: Path, key: str) -> None:
    records = [{"tokens": ["Ada", "ran"], key: ["B-PER", "O"], "doc_id": 3}, {"tokens": ["Ghent"], key: ["B-LOC"]}]
    rows = read_rows(write(tmp_path, "a.jsonl", "\n".join(map(json.dumps, records))))
    assert pairs(rows) == TWO_SENTENCES
    assert lines(rows) == [[1, 1], [2]]
    assert [row.document for row in rows] == ["3", None]


def test_other_keys_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"w": ["Ada"], "ner": ["B-PER"], "pos": ["PROPN"]}')
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
        (span(3, 4), r"span 3..4 covers no token"),
        (span(16, 21, text="in Gh"), "quotes 'in Gh', but the text has 'Ghent' at its offsets.*code points"),
        (span(0.0, 3), "integer start"),
        (span(True, 3), "integer start"),
        (span(0, None), "integer end"),
        (span(0, 3, None), "one label"),
        ({"text": TEXT, "spans": [{"start": 0, "end": 3, "labels": ["PER", "LOC"]}]}, "one label"),
        ({"text": TEXT, "label": [[0, 3]]}, "one label"),
        ({"text": TEXT, "spans": [], "tokens": [{"start": 0, "end": 99}]}, "a token needs a start and an end"),
        ({"text": TEXT, "spans": AS_DICTS, "answer": "reject"}, "'reject'; export accepted"),
        ({"text": " ", "spans": []}, "no token"),
        ({"text": TEXT, "label": ["a", ""]}, "a label must be a string"),
        ({"text": 3, "label": "a"}, "'text' is 3, which is not a string"),
        ({"text": TEXT, "label": {"a": 1}}, "a label must be a string"),
        ({"data": {"text": TEXT}, "annotations": []}, "0 annotations; export exactly one"),
        ({"data": {"a": "x", "b": "y"}, "annotations": [{"result": []}]}, "no 'text'"),
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
    path = write(tmp_path, "bad.jsonl", f"{json.dumps(EXPORTS['doccano'])}\n\n{json.dumps(record)}\n")
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
        read_rows(write(tmp_path, name, content))
    assert caught.value.line == line


def test_a_token_is_cut_where_a_span_ends_inside_it() -> None:
    record = {"text": "post-Soviet Ghent's", "label": [[5, 11, "MISC"], [12, 17, "LOC"]]}
    (sentence,) = tagged(read_json(json.dumps(record), "a.jsonl"))
    assert list(zip(sentence.tokens, sentence.tags, strict=True)) == [
        ("post-", "O"),
        ("Soviet", "B-MISC"),
        ("Ghent", "B-LOC"),
        ("'s", "O"),
    ]


@given(st.text("ab. \u0301😀\n", max_size=20), st.lists(st.tuples(st.integers(0, 20), st.integers(1, 8)), max_size=6))
def test_spans_become_tags_as_a_character_by_character_reading_says(text: str, drawn: list[tuple[int, int]]) -> None:
    spans: list[Span] = []
    for start, length in sorted(drawn):
        end = start + length
        if end <= len(text) and text[start:end].strip() and (not spans or spans[-1].end <= start):
            spans.append(Span(start, end, "X" if length % 2 else "Y"))
    words = [(match.start(), match.end()) for match in re.finditer(r"\S+", text)]
    owner = [next((i for i, s in enumerate(spans) if s.start <= at < s.end), None) for at in range(len(text))]
    expected: list[tuple[str, int | None]] = []
    for start, end in words:
        for at in range(start, end):
            if at > start and owner[at] == owner[at - 1]:
                expected[-1] = (expected[-1][0] + text[at], owner[at])
            else:
                expected.append((text[at], owner[at]))
    tokens, tags = tag_spans(text, reversed(spans), words)
    assert tokens == [piece for piece, _ in expected]
    seen: set[int] = set()
    for tag, (_, index) in zip(tags, expected, strict=True):
        assert tag == ("O" if index is None else f"{'I' if index in seen else 'B'}-{spans[index].label}")
        seen |= set() if index is None else {index}
    assert not illegal_tags(tags, Scheme.IOB2)


# Tables


@pytest.mark.parametrize(
    ("name", "content", "expected_lines"),
    [
        ("a.csv", "sentence_id,token,tag\n1,Ada,B-PER\n1,ran,O\n2,Ghent,B-LOC\n", [[2, 3], [4]]),
        (
            "a.csv",
            "Sentence #,Word,POS,Tag\nSentence: 1,Ada,NNP,B-PER\n,ran,VBD,O\nSentence: 2,Ghent,NNP,B-LOC\n",
            [[2, 3], [4]],
        ),
        ("a.csv", "form;upos;ner\nAda;NNP;B-PER\nran;V;O\n\nGhent;NNP;B-LOC\n", [[2, 3], [5]]),
        ("a.csv", "token,tag\r\nAda,B-PER\r\nran,O\r\n\r\nGhent,B-LOC\r\n", [[2, 3], [5]]),
        ("a.tsv", "Token\tTag\nAda\tB-PER\nran\tO\n\nGhent\tB-LOC\n", [[2, 3], [5]]),
        ("a.tsv", "Ada\tB-PER\nran\tO\n\nGhent\tB-LOC\n", [[1, 2], [4]]),
        ("a.csv", 'tokens,tags\n"[""Ada"", ""ran""]","[""B-PER"", ""O""]"\nGhent,B-LOC\n', [[2, 2], [3]]),
        ("a.csv", "tokens,ner_tags\nAda ran,B-PER O\n\nGhent,B-LOC\n", [[2, 2], [4]]),
        ("a.csv", "tokens,tags\n\"['Ada', 'ran']\",\"['B-PER', 'O']\"\n['Ghent'],['B-LOC']\n", [[2, 2], [3]]),
    ],
)
def test_tables_of_tokens_and_of_sentences(
    tmp_path: Path, name: str, content: str, expected_lines: list[list[int]]
) -> None:
    rows = read_rows(write(tmp_path, name, content))
    assert pairs(rows) == TWO_SENTENCES
    assert lines(rows) == expected_lines


def test_quoted_line_breaks_keep_the_line_numbers_right(tmp_path: Path) -> None:
    content = 'text,label\r\n"two\r\nlines, ""quoted""",a\r\n\r\nplain,b\r\n'
    expected = [LabelledText('two\r\nlines, "quoted"', "a", 2), LabelledText("plain", "b", 5)]
    assert read_rows(write(tmp_path, "a.csv", content)) == expected
    assert read_rows(write(tmp_path, "a.tsv", content.replace(",", "\t").replace("lines\t", "lines,"))) == expected


def test_quotation_marks_are_tokens_where_nothing_is_quoted(tmp_path: Path) -> None:
    path = write(tmp_path, "a.tsv", 'token\ttag\n"\tO\nAda\tB-PER\n"\tO\n\n"x\tO\n')
    assert pairs(read_rows(path)) == [[('"', "O"), ("Ada", "B-PER"), ('"', "O")], [('"x', "O")]]
    path = write(tmp_path, "a.csv", 'token,tag\n"""",O\n",",O\n\nx,O\n')
    assert pairs(read_rows(path)) == [[('"', "O"), (",", "O")], [("x", "O")]]


def test_columns_can_be_named_and_documents_are_kept(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "doc_id,sentence_id,w,ner,pos\nd,1,Ada,B-PER,NN\nd,2,ran,O,V\ne,3,x,O,V\n")
    rows = read_rows(path, token_column="w", tag_column="pos")
    assert pairs(rows) == [[("Ada", "NN")], [("ran", "V")], [("x", "V")]]
    assert [row.document for row in rows] == ["d", "d", "e"]
    assert pairs(read_rows(path, token_column=2, tag_column=-1)) == pairs(rows)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("text,label\nfine,good\n", LabelledText("fine", "good", 2)),
        ("sentence,label\nfine,1\n", LabelledText("fine", "1", 2)),
        ("id,sentence_id,sentence,label\n1,7,fine,good\n", LabelledText("fine", "good", 2)),
        ("id,text\n1,once upon\n", PlainText("once upon", 2)),
    ],
)
def test_tables_of_texts(content: str, expected: Row) -> None:
    assert read_csv(content, "a.csv") == [expected]


def test_a_cell_may_hold_a_whole_document_and_the_limit_stays_as_it_was() -> None:
    limit = csv.field_size_limit()
    (row,) = read_csv(f"text,label\n{'x' * (limit + 1)},a\n", "a.csv")
    assert isinstance(row, LabelledText)
    assert len(row.text) == limit + 1
    assert csv.field_size_limit() == limit


@given(
    st.lists(
        st.tuples(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])), st.sampled_from("ab"))
    )
)
def test_csv_round_trips_and_counts_lines(examples: list[tuple[str, str]]) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(["text", "label"])
    starts = []
    for example in examples:
        starts.append(len(re.findall(r"\r\n|\n|\r", buffer.getvalue())) + 1)
        writer.writerow(example)
    rows = read_csv(buffer.getvalue(), "a.csv")
    assert [(row.text, row.label, row.line) for row in rows if isinstance(row, LabelledText)] == [
        (text, label, line) for (text, label), line in zip(examples, starts, strict=True)
    ]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("text,label\nfine,good\ndull\n", 3, "1 fields, the header has 2"),
        ("text,label\nfine,good,bad\n", 2, "3 fields, the header has 2"),
        ('text,label\n"a\nb",x\nfine,\n', 4, "no label in this row"),
        ('text,label\nfine,good\n"dull,bad\n', 3, "not CSV.*quotation mark"),
        ("token,tag\nAda,B-PER\nran,O\n", 1, "nothing separates the sentences"),
        ("sentence_id,token,tag\n1,Ada,B-PER\n1,,O\n", 3, "no token in this row"),
        ("sentence_id,token,tag\n1,Ada,\n", 2, "no tag in this row"),
        ("tokens,tags\nAda ran,O\n", 2, "2 tokens but 1 tags"),
        ('tokens,tags\n"[""Ada""",O\n', 2, "0 tokens"),
        ("a,b\n1,2\n", 1, "no token column among a, b"),
        ("token,b\n1,2\n", 1, "no tag column among token, b"),
        ("text,label\n", None, "no examples"),
    ],
)
def test_bad_tables(tmp_path: Path, content: str, line: int | None, message: str) -> None:
    path = write(tmp_path, "bad.csv", content)
    with pytest.raises(CorpusError, match=message) as caught:
        read_rows(path)
    assert (caught.value.file, caught.value.line) == (str(path), line)


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    for column in ("nerd", 2, "-3"):
        with pytest.raises(CorpusError, match=r"a\.csv:1: no column .*: the columns are token, tag"):
            read_rows(write(tmp_path, "a.csv", "token,tag\nAda,O\n"), tag_column=column)


# Plain text, and which format a file is in


def test_plain_text_keeps_every_line(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", "once\r\n\n  upon\x85a\u2028time \n")
    assert read_rows(path) == [PlainText("once", 1), PlainText("", 2), PlainText("  upon\x85a\u2028time ", 3)]
    with pytest.raises(CorpusError, match="plain text, which has no columns"):
        read_rows(path, tag_column=1)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("train.txt", "Ada NNP B-NP B-PER\nran VBD B-VP O\n", TaggedSentence),
        ("eng.train", "-DOCSTART- -X- O O\n\nAda NNP I-NP I-PER\n", TaggedSentence),
        ("train", "Ada\tB-PER\nran\tO\nfar\n", None),
        ("train.txt", "a tale of two cities .\nit was the best .\nit was the worst .\n", PlainText),
        ("train.txt", "First Citizen:\nBefore we proceed any further, hear me speak.\n", PlainText),
        ("poem", "so much\ndepends upon\n", PlainText),
        ("train", '{"text": "a", "label": "b"}\n', LabelledText),
        ("a.tsv", "text\tlabel\nfine\tgood\n", LabelledText),
        ("a.CSV", "text,label\nfine,good\n", LabelledText),
    ],
)
def test_the_content_decides_where_the_suffix_does_not(
    tmp_path: Path, name: str, content: str, kind: type[Row] | None
) -> None:
    path = write(tmp_path, name, content)
    if kind is None:
        with pytest.raises(CorpusError, match=r"train:3: this row has one column"):
            read_rows(path)
    else:
        assert {type(row) for row in read_rows(path)} == {kind}


# Real data


@pytest.mark.parametrize(
    ("name", "sentences", "tokens"),
    [
        ("wnut2017/train.conll", 3_394, None),
        ("wnut2017/dev.conll", 1_009, None),
        ("ncbi_disease/train.conll", 5_424, None),
        ("bc5cdr/dev.conll", 4_581, None),
        ("ud_english_ewt/train.conllu", 12_544, 204_577),
        ("ud_english_ewt/dev.conllu", 2_001, 25_147),
        ("mr/train.jsonl", 8_530, None),
        ("movie_reviews/train.csv", 1_600, None),
        ("banking77/train.csv", 9_003, None),
    ],
)
def test_real_files_have_the_counts_their_readme_states(
    public_data: Path, name: str, sentences: int, tokens: int | None
) -> None:
    rows = read_rows(public_data / name)
    assert len(rows) == sentences
    if tokens is not None:
        assert sum(len(row.tokens) for row in tagged(rows)) == tokens


def test_hashes_and_blank_lines_of_tabs_in_real_tweets(public_data: Path) -> None:
    content = (public_data / "wnut2017/dev.conll").read_text(encoding="utf-8")
    expected = Counter(line.split("\t")[0] for line in content.split("\n") if line.strip())
    found = Counter(token for row in tagged(read_rows(public_data / "wnut2017/dev.conll")) for token in row.tokens)
    assert found == expected
    assert found["#"] > 0
