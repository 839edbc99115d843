"""CSV and TSV files as rows."""

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.csv_tables import read_csv
from seqkit.data.formats import read_rows
from seqkit.data.rows import LabelledText, PlainText, Row
from seqkit.errors import CorpusError
from tests.tiny_corpora import (
    TWO_SENTENCES,
    lines,
    pairs,
    write_file,
)


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
    rows = read_rows(write_file(tmp_path, name, content))
    assert pairs(rows) == TWO_SENTENCES
    assert lines(rows) == expected_lines


def test_quoted_line_breaks_keep_the_line_numbers_right(tmp_path: Path) -> None:
    content = 'text,label\r\n"two\r\nlines, ""quoted""",a\r\n\r\nplain,b\r\n'
    expected = [LabelledText('two\r\nlines, "quoted"', "a", 2), LabelledText("plain", "b", 5)]
    assert read_rows(write_file(tmp_path, "a.csv", content)) == expected
    assert read_rows(write_file(tmp_path, "a.tsv", content.replace(",", "\t").replace("lines\t", "lines,"))) == expected


def test_quotation_marks_are_tokens_where_nothing_is_quoted(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.tsv", 'token\ttag\n"\tO\nAda\tB-PER\n"\tO\n\n"x\tO\n')
    assert pairs(read_rows(path)) == [[('"', "O"), ("Ada", "B-PER"), ('"', "O")], [('"x', "O")]]
    path = write_file(tmp_path, "a.csv", 'token,tag\n"""",O\n",",O\n\nx,O\n')
    assert pairs(read_rows(path)) == [[('"', "O"), (",", "O")], [("x", "O")]]


def test_columns_can_be_named_and_documents_are_kept(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.csv", "doc_id,sentence_id,w,ner,pos\nd,1,Ada,B-PER,NN\nd,2,ran,O,V\ne,3,x,O,V\n")
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
    assert read_csv(content, "a.csv").rows == [expected]


def test_a_cell_may_hold_a_whole_document_and_the_limit_stays_as_it_was() -> None:
    limit = csv.field_size_limit()
    (row,) = read_csv(f"text,label\n{'x' * (limit + 1)},a\n", "a.csv").rows
    assert isinstance(row, LabelledText)
    assert len(row.text) == limit + 1
    assert csv.field_size_limit() == limit


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])).filter(str.strip),
            st.sampled_from("ab"),
        )
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
    rows = read_csv(buffer.getvalue(), "a.csv").rows
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
        ('tokens,tags\n"[""Ada""",O\n', 2, r'\["Ada" is not a list of strings'),
        ("a,b\n1,2\n", 1, "no token column among a, b"),
        ("token,b\n1,2\n", 1, "no tag column among token, b"),
        ("text,label\n", None, "no examples"),
    ],
)
def test_bad_tables(tmp_path: Path, content: str, line: int | None, message: str) -> None:
    path = write_file(tmp_path, "bad.csv", content)
    with pytest.raises(CorpusError, match=message) as caught:
        read_rows(path)
    assert (caught.value.file, caught.value.line) == (str(path), line)


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    for column in ("nerd", 2, "-3"):
        with pytest.raises(CorpusError, match=r"a\.csv:1: no column .*: the columns are token, tag"):
            read_rows(write_file(tmp_path, "a.csv", "token,tag\nAda,O\n"), tag_column=column)
