"""CoNLL-U and CoNLL-U Plus."""

import re
from pathlib import Path

import pytest

from seqkit.data.formats import read_rows
from seqkit.data.validation import validate_corpus
from seqkit.errors import CorpusError, SeqkitWarning
from tests.tiny_corpora import lines, pairs, tagged, write_file

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
    rows = read_rows(write_file(tmp_path, "a.conllu", CONLLU))
    assert pairs(rows) == [[("Ada", "PROPN"), ("did", "AUX"), ("n't", "PART")], [("#", "SYM")]]
    assert lines(rows) == [[3, 5, 6], [10]]
    assert [row.document for row in rows] == ["d1", "d2"]


@pytest.mark.parametrize(
    ("tag_column", "expected"),
    [("xpos", ["NNP", "VBD", "RB"]), ("DEPREL", ["nsubj", "root", "advmod"]), (9, ["_", "_", "SpaceAfter=No"])],
)
def test_any_conllu_column_can_be_the_tag(tmp_path: Path, tag_column: str | int, expected: list[str]) -> None:
    path = write_file(tmp_path, "a.conllu", CONLLU)
    assert tagged(read_rows(path, tag_column=tag_column))[0].tags == expected
    assert tagged(read_rows(path, token_column="lemma"))[0].tokens == ["Ada", "do", "not"]


def test_conllu_plus_names_its_columns(tmp_path: Path) -> None:
    content = "# global.columns = ID FORM UPOS SEQKIT:NER\n1\tAda\tPROPN\tB-PER\n2\tran\tVERB\tO\n"
    path = write_file(tmp_path, "a.conllup", content)
    assert pairs(read_rows(path, tag_column="seqkit:ner")) == [[("Ada", "B-PER"), ("ran", "O")]]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("1\tAda\tPROPN\n", 1, "3 columns; CoNLL-U needs 10"),
        ("1 Ada Ada PROPN NNP _ 0 root _ _\n", 1, "one column; CoNLL-U needs 10, separated by tabs"),
        (CONLLU.replace("3.1", "x"), 7, "'x' is not the ID of a word"),
        (CONLLU.replace("PART", ""), 6, "no tag"),
        ("# nothing here\n", None, "no examples"),
    ],
)
def test_bad_conllu(tmp_path: Path, content: str, line: int | None, message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read_rows(write_file(tmp_path, "a.conllu", content))
    assert caught.value.line == line
    with pytest.raises(CorpusError, match="no column 'ner': the columns are id, form"):
        read_rows(write_file(tmp_path, "b.conllu", CONLLU), tag_column="ner")


@pytest.mark.parametrize("name", ["a.conll", "a.txt", "a.tsv", "a.csv", "a.pos", "treebank"])
def test_conllu_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    path = write_file(tmp_path, name, CONLLU)
    assert pairs(read_rows(path))[0] == [("Ada", "PROPN"), ("did", "AUX"), ("n't", "PART")]
    assert tagged(read_rows(path, tag_column="xpos"))[0].tags == ["NNP", "VBD", "RB"]
    plus = "# global.columns = ID FORM UPOS\n1\tAda\tPROPN\n"
    assert pairs(read_rows(write_file(tmp_path, name, plus))) == [[("Ada", "PROPN")]]


def test_a_column_without_any_tag_is_refused(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.conllu", re.sub(r"\t(NNP|VBD|RB|NN)\t", "\t_\t", CONLLU))
    message = r"a\.conllu:3: there is no tag in column xpos, only '_'; choose another column, such as --tag-column upos"
    with pytest.raises(CorpusError, match=message):
        read_rows(path, tag_column="xpos")
    assert tagged(read_rows(path))[0].tags == ["PROPN", "AUX", "PART"]
    path = write_file(tmp_path, "b.conllu", re.sub(r"\t(PROPN|SYM)\t", "\t_\t", CONLLU))
    with pytest.raises(CorpusError, match=r"b\.conllu:3: no sentence has a tag for each word in column upos.*xpos"):
        read_rows(path)


def test_sentences_with_untagged_words_are_left_out_and_counted(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.conllu", CONLLU.replace("AUX", "_"))
    with pytest.warns(SeqkitWarning, match=r"a\.conllu:5: left out 1 of 2 sentences.*column upos"):
        assert pairs(read_rows(path)) == [[("#", "SYM")]]
    with pytest.warns(SeqkitWarning, match="left out 1 of 2"):
        assert [problem.line for problem in validate_corpus(path).problems] == [None]  # one tag is left


def test_a_treebank_without_its_words_is_refused(tmp_path: Path) -> None:
    content = "1\t_\t_\tPROPN\tNNP\t_\t0\troot\t_\t_\n2\t_\t_\tVERB\tVBD\t_\t1\tdep\t_\t_\n"
    with pytest.raises(CorpusError, match=r"a\.conllu:1: every word is '_' in column form"):
        read_rows(write_file(tmp_path, "a.conllu", content))
    underscore = CONLLU.replace("1\t#\t#", "1\t_\t_")  # a word may be an underscore
    assert pairs(read_rows(write_file(tmp_path, "b.conllu", underscore)))[1] == [("_", "SYM")]


def test_blanks_after_conllu_cells_are_no_part_of_them(tmp_path: Path) -> None:
    content = CONLLU.replace("\tPROPN\t", "\tPROPN \t").replace("\tSpaceAfter=No\n", "\tSpaceAfter=No\t \n")
    assert pairs(read_rows(write_file(tmp_path, "a.conllu", content)))[0][0] == ("Ada", "PROPN")
