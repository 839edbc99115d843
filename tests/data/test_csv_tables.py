"""CSV and TSV files as rows."""

import csv
import io
import re
import warnings
from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.corpora import open_corpus
from seqkit.data.csv_tables import csv_documents, read_csv
from seqkit.data.formats import read_file, read_rows
from seqkit.data.rows import LabelledText, PlainText, Row
from seqkit.data.validation import validate_corpus
from seqkit.errors import CorpusError, SeqkitWarning
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


def test_one_quoted_cell_of_one_line_makes_quotation_marks_special(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.tsv", 'text\tlabel\na film\tgood\n"a ""fine"" film"\tbad\n')
    assert read_rows(path) == [LabelledText("a film", "good", 2), LabelledText('a "fine" film', "bad", 3)]


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


FILMS = [("a good film", "pos"), ("a bad film", "neg"), ("a fine, fine film", "pos"), ("a dull film", "neg")]


@pytest.mark.parametrize("name", ["a.tsv", "a.csv", "a.txt", "a.data"])
@pytest.mark.parametrize("labels_first", [False, True])
def test_texts_without_a_header_are_told_from_their_labels(tmp_path: Path, name: str, labels_first: bool) -> None:
    buffer = io.StringIO(newline="")
    pairs_in_order = [(label, text) if labels_first else (text, label) for text, label in FILMS]
    csv.writer(buffer, delimiter="," if name == "a.csv" else "\t").writerows(pairs_in_order)
    path = write_file(tmp_path, name, buffer.getvalue())
    with pytest.warns(SeqkitWarning, match=f"no header: read texts from column {int(labels_first)} .*--text-column"):
        found = read_file(path)
    assert found.rows == [LabelledText(text, label, line) for line, (text, label) in enumerate(FILMS, start=1)]
    assert found.columns.columns == {"texts": int(labels_first), "labels": int(not labels_first)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # columns that are asked for are no guess
        for text_column, tag_column in ((int(labels_first), None), (str(int(labels_first)), -int(labels_first) + 1)):
            assert read_rows(path, text_column=text_column, tag_column=tag_column) == found.rows


@pytest.mark.parametrize(
    "content",
    [
        "good,pos\nbad,neg\nfine,pos\n",  # of one word each
        "a good film,pos\na bad film,neg\n",  # no label occurs again: is the first line a header?
        "review,mood\na good film,pos\na bad film,neg\na fine film,pos\na dull film,neg\n",
        "1,a good film,pos\n2,a bad film,neg\n3,a fine film,pos\n",
    ],
)
def test_columns_that_cannot_be_told_apart_have_to_be_named(tmp_path: Path, content: str) -> None:
    path = write_file(tmp_path, "a.csv", content)
    with pytest.raises(CorpusError, match=r"a\.csv:1: .*--text-column 0 --label-column 1") as caught:
        read_rows(path)
    assert "\n" not in str(caught.value)


def test_a_header_of_other_names_is_named_or_read_as_an_example_with_a_warning(tmp_path: Path) -> None:
    content = "review,mood\na good film,pos\na bad film,neg\na fine film,pos\na dull film,neg\n"
    path = write_file(tmp_path, "a.csv", content)
    rows = read_rows(path, text_column="review", tag_column="mood")
    assert [row.line for row in rows] == [2, 3, 4, 5]
    with pytest.warns(SeqkitWarning, match=r"a\.csv:1: .*--text-column 'review' --label-column 'mood'"):
        assert read_rows(path, text_column=0, tag_column=1)[1:] == rows
    known = write_file(tmp_path, "b.csv", content.replace("mood", "label"))
    assert read_rows(known, text_column=0, tag_column=1) == rows


def test_a_label_that_is_the_name_of_a_column_is_no_header(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.csv", "a good film,pos\na bad film,neg\na fine film,pos\na dull film,neg\n")
    with pytest.warns(SeqkitWarning, match="has no header"):
        assert len(read_rows(path)) == 4


def test_tokens_without_a_header(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.csv", "Ada,B-PER\nran,O\n\nGhent,B-LOC\n")
    assert pairs(read_rows(path)) == TWO_SENTENCES
    path = write_file(tmp_path, "b.csv", "1;Ada;B-PER\n2;ran;O\n\n1;Ghent;B-LOC\n")
    assert pairs(read_rows(path)) == TWO_SENTENCES
    path = write_file(tmp_path, "c.csv", "B-PER,Ada\nO,ran\n,\nB-LOC,Ghent\n")
    assert pairs(read_rows(path, token_column=1, tag_column=0)) == TWO_SENTENCES


def test_lists_of_labels_as_pandas_writes_them(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"text": ["one", "two", "three"], "labels": [["neg", "x's"], ["neg"], []]})
    frame.to_csv(tmp_path / "a.csv")
    assert read_rows(tmp_path / "a.csv") == [
        LabelledText("one", ["neg", "x's"], 2),
        LabelledText("two", "neg", 3),
        LabelledText("three", [], 4),
    ]
    path = write_file(tmp_path, "b.csv", 'text,label\none,[x]\ntwo,"[1, 2]"\n')
    assert [row.label for row in read_rows(path) if isinstance(row, LabelledText)] == ["[x]", ["1", "2"]]


def test_arrays_of_tokens_as_pandas_writes_them(tmp_path: Path) -> None:
    rows = [(np.array(["Ada", "ran"]), np.array(["B-PER", "O"])), (np.array(["Ghent"]), np.array(["B-LOC"]))]
    pandas.DataFrame(rows, columns=["tokens", "tags"]).to_csv(tmp_path / "a.csv", index=False)
    assert pairs(read_rows(tmp_path / "a.csv")) == TWO_SENTENCES


def test_a_bracket_is_a_token_too(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.csv", "token,tag\n[,O\nAda,B-PER\n],O\n\nx,O\n")
    assert pairs(read_rows(path))[0] == [("[", "O"), ("Ada", "B-PER"), ("]", "O")]
    path = write_file(tmp_path, "b.csv", "tokens,tags\n[UNK] ran,O O\n")
    assert pairs(read_rows(path)) == [[("[UNK]", "O"), ("ran", "O")]]


NOTHING = {
    "text,label\nx,pos\n,pos\n": "3: there is no text in this row",
    "text,label\nx,pos\n  ,pos\n": "3: there is no text in this row",
    "text,label\nx,pos\nx,\n": "3: there is no label in this row",
    "text,label\nx,pos\nx, \n": "3: there is no label in this row",
    "text,labels\nx,\"['a', '']\"\n": "2: an empty label",
    "text,labels\nx,\"['a', None]\"\n": "2: .* is not a list of strings",
    'text,labels\nx,"[null]"\n': "2: .* is not a list of strings",
    "id,text\n1,x\n2,\n": "3: there is no text in this row",
    "sentence_id,token,tag\n1,Ada,O\n1,,O\n": "3: there is no token in this row",
    "sentence_id,token,tag\n1,Ada,O\n1,ran, \n": "3: there is no tag in this row",
    "tokens,tags\nAda,O\n,O\n": "3: 0 tokens but 1 tags",
    "tokens,tags\n\"['Ada', '']\",\"['O', 'O']\"\n": "2: there is no token in this row",
    "tokens,tags\n\"['Ada']\",\"[' ']\"\n": "2: there is no tag in this row",
    "tokens,tags\n\"['Ada', 'x']\",\"['O', None]\"\n": "2: .* is not a list of strings",
    "tokens,tags\n\"['Ada']\",[0]\n": "2: .* is not a list of strings",
}


@pytest.mark.parametrize(("content", "message"), NOTHING.items())
def test_an_empty_cell_is_one_error_for_train_and_validate_alike(tmp_path: Path, content: str, message: str) -> None:
    path = write_file(tmp_path, "a.csv", content)
    with pytest.raises(CorpusError, match=rf"a\.csv:{message}") as caught:
        open_corpus(path)
    (problem,) = validate_corpus(path).problems
    assert str(problem) == str(caught.value)


def test_the_words_for_nothing_are_words(tmp_path: Path) -> None:
    content = "text,label\nNaN,None\nnull,nan\nNA,null\n"
    expected = [LabelledText("NaN", "None", 2), LabelledText("null", "nan", 3), LabelledText("NA", "null", 4)]
    assert read_rows(write_file(tmp_path, "a.csv", content)) == expected


def test_a_sheet_with_empty_rows_at_its_end(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.csv", "text;label;\nbad;neg;\n;;\n;;\n")
    assert read_rows(path) == [LabelledText("bad", "neg", 2)]


def test_documents_of_a_table_without_a_header_have_a_number(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.csv", "1,once upon\n2,a time\n")
    assert list(csv_documents(path, "utf-8", "1")) == ["once upon", "a time"]
    with pytest.raises(CorpusError, match=r"no text under 'text'.*--text-column"):
        list(csv_documents(path, "utf-8", "text"))


def test_a_single_column_of_texts_is_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text\na fine film\ndull\n")
    assert read_rows(path) == [PlainText("a fine film", 2), PlainText("dull", 3)]
