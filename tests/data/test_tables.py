"""The dialects of delimited files."""

from pathlib import Path

import pytest

from seqkit.data.formats import read_rows
from seqkit.data.rows import LabelledText
from seqkit.errors import CorpusError
from tests.tiny_corpora import write_file

EXPECTED = [LabelledText("a good; film, yes", "pos", 2), LabelledText("bad", "neg", 3)]


@pytest.mark.parametrize(
    "content",
    [
        'text,label\n"a good; film, yes",pos\nbad,neg\n',
        'text;label\n"a good; film, yes";pos\nbad;neg\n',
        "text\tlabel\na good; film, yes\tpos\nbad\tneg\n",
        'text, label\n"a good; film, yes", "pos"\nbad, "neg"\n',
        'text; label\n"a good; film, yes"; "pos"\nbad;  neg\n',
        'label, text\n"pos", "a good; film, yes"\nneg, bad\n',
        'text,label,note; or not\n"a good; film, yes",pos,\nbad,neg,x\n',
        'text,label\n"a good; film, yes",pos,,\nbad,neg,\n',
        '"text","label"\n"a good; film, yes","pos"\n"bad","neg"\n',
        'text;label;a, b\n"a good; film, yes";pos;\nbad;neg;\n',  # commas would make rows of different widths
    ],
)
def test_delimiters_and_blanks_before_quotation_marks(content: str, tmp_path: Path) -> None:
    assert read_rows(write_file(tmp_path, "a.csv", content)) == EXPECTED
    assert read_rows(write_file(tmp_path, "b.csv", content.replace("\n", "\r\n"))) == EXPECTED


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"'])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_excel_says_which_delimiter_it_writes(tmp_path: Path, line: str, end: str) -> None:
    content = end.join([line, "text;label", '"a good; film, yes";pos', "bad;neg", ""])
    expected = [LabelledText(row.text, row.label, row.line + 1) for row in EXPECTED]
    assert read_rows(write_file(tmp_path, "a.csv", content)) == expected


def test_a_cell_that_begins_with_a_blank_keeps_it_where_nothing_else_does(tmp_path: Path) -> None:
    content = 'text,label\n" ""so"", he said",pos\n bad,neg\n"he said, ""no""",neg\n"well, ",neg\n'
    texts = [row.text for row in read_rows(write_file(tmp_path, "a.csv", content)) if isinstance(row, LabelledText)]
    assert texts == [' "so", he said', " bad", 'he said, "no"', "well, "]


def test_a_row_with_more_cells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"a\.csv:2: this row has 3 fields, the header has 2"):
        read_rows(write_file(tmp_path, "a.csv", "text,label\nbad,neg,x\n"))
    with pytest.raises(CorpusError, match=r"b\.csv:2: this row has 3 fields, line 1 has 2"):
        read_rows(write_file(tmp_path, "b.csv", "good,yes\nbad,no,x\n"))


def test_the_name_of_a_column_goes_on_one_line_of_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no column 'x': the columns are my text, label$"):
        read_rows(write_file(tmp_path, "a.csv", '"My\ntext",label\nbad,neg\n'), text_column="x")
