"""CoNLL columns of every shape; the expected rows are written beside each file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.conll import read_columns
from seqkit.data.formats import read_file, read_rows
from seqkit.errors import CorpusError
from tests.tiny_corpora import TWO_SENTENCES, Pairs, lines, pairs, tagged, write_file


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
    rows = read_rows(write_file(tmp_path, "a.conll", content))
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
    assert pairs(read_columns(content, "a.conll").rows) == [expected]


def test_odd_characters_are_part_of_their_token(tmp_path: Path) -> None:
    odd = ["a\x85b", "a\u2028b", "a\xa0b", "\xa0", "a\x0bb", "a\x1cb", "New York", " ", "\u3000"]
    path = write_file(tmp_path, "a.conll", "".join(f"{token}\tO\n" for token in odd))
    assert tagged(read_rows(path))[0].tokens == odd
    spaced = [token for token in odd if " " not in token]
    path = write_file(tmp_path, "b.conll", "".join(f"{token} O\n" for token in spaced))
    assert tagged(read_rows(path))[0].tokens == spaced


cell = st.text(st.characters(blacklist_characters="\t\r\n\0\ufeff", blacklist_categories=["Cs"]), min_size=1)
token = cell.filter(lambda text: not text.startswith("-DOCSTART-"))


@given(
    st.lists(st.lists(st.tuples(token, cell.filter(str.strip)), min_size=1), min_size=1),
    st.sampled_from(["\n", "\r\n"]),
)
def test_tab_columns_round_trip(sentences: Pairs, end: str) -> None:
    text = (end + end).join(end.join(f"{token}\t{tag}" for token, tag in sentence) for sentence in sentences)
    expected = [[(token.strip(" ") or token, tag.strip()) for token, tag in sentence] for sentence in sentences]
    assert pairs(read_columns(text, "a.conll", token_column=0).rows) == expected


def test_docstart_and_newdoc_begin_documents(tmp_path: Path) -> None:
    content = "-DOCSTART- -X- O O\n\na NN O O\n\nb NN O O\n-DOCSTART-\nc NN O O\n"
    rows = read_rows(write_file(tmp_path, "train.conll", content))
    assert [row.document for row in rows] == ["train-1", "train-1", "train-2"]
    content = "# newdoc id = news/7\na\tO\n\nb\tO\n# newdoc\nc\tO\n#begin document (bc/x); part 000\nd\tO\n"
    with pytest.raises(CorpusError, match=r":9: .*one column"):
        read_columns(f"{content}#other\n", "train.conll")
    rows = read_columns(f"{content}#end document\n", "train.conll").rows
    assert [row.document for row in rows] == ["news/7", "news/7", "train-2", "(bc/x); part 000"]


def test_token_and_tag_column_by_index(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.conll", "1 Ada NNP B-PER x\n2 ran VBD O x\n")
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
    path = write_file(tmp_path, "bad.conll", content)
    with pytest.raises(CorpusError, match=message) as caught:
        read_rows(path)
    assert (caught.value.file, caught.value.line) == (str(path), line)


@pytest.mark.parametrize(
    ("content", "token", "tag"),
    [
        ("1\tAda\tB-PER\n2\tran\tO\n\n1\tGhent\tB-LOC\n", 1, 2),
        ("0\tAda\tB-PER\n1\tran\tO\n\n0\tGhent\tB-LOC\n", 1, 2),
        ("1\tAda\tB-PER\n2\tran\tO\n\n3\tGhent\tB-LOC\n", 1, 2),
        ("1 Ada NNP B-PER\n2 ran VBD O\n\n4 Ghent NNP B-LOC\n", 1, 3),
        ("1\t1\tAda\tB-PER\n1\t2\tran\tO\n\n2\t1\tGhent\tB-LOC\n", 2, 3),
        ("7\tAda\tB-PER\n7\tran\tO\n\n8\tGhent\tB-LOC\n", 1, 2),
        ("#begin document (a/b); part 000\na/b 0 0 Ada B-PER\na/b 0 1 ran O\n\na/b 0 0 Ghent B-LOC\n", 3, 4),
        ("1-2\tAdaran\t_\n1\tAda\tB-PER\n2\tran\tO\n\n1\tGhent\tB-LOC\n", 1, 2),
    ],
)
def test_a_column_that_counts_is_never_taken_for_words(tmp_path: Path, content: str, token: int, tag: int) -> None:
    for name in ("a.conll", "a.tsv", "a.txt"):
        found = read_file(write_file(tmp_path, name, content))
        assert pairs(found.rows) == TWO_SENTENCES
        assert found.columns.columns == {"tokens": token, "tags": tag}


def test_germeval_is_read_with_its_comments_and_outer_tags(tmp_path: Path) -> None:
    content = (
        "#\tn-tv.de vom 26.02.2005 [2005-02-26] \n1\tGhent\tB-ORG\tB-LOC\n2\tZoo\tI-ORG\tO\n\n"
        "#\thttp://a.de/b?c=#d [2009-10-17]\n1\t#\tO\tO\n2\tran\tO\tO\n"
    )
    path = write_file(tmp_path, "NER-de-train.tsv", content)
    assert pairs(read_rows(path)) == [[("Ghent", "B-ORG"), ("Zoo", "I-ORG")], [("#", "O"), ("ran", "O")]]
    assert pairs(read_rows(path, tag_column=3))[0] == [("Ghent", "B-LOC"), ("Zoo", "O")]
    path = write_file(tmp_path, "one.conll", "1\tAda\tB-PER\tO\n")
    assert pairs(read_rows(path)) == [[("Ada", "B-PER")]]


@pytest.mark.parametrize(
    ("content", "tag"),
    [
        ("Ada\tNNP\tB-NP\tB-PER\nran\tVBD\tB-VP\tO\n", 3),
        ("Ada\tB-NP\tB-PER\nran\tB-VP\tO\n", 2),
        ("Ada\tI-NC\tO\nran\tI-VC\tO\n", 2),
        ("Ada\tO\tB-PER\nran\tO\tO\n", 2),
        ("Ghent\tB-ORG\tB-LOC\tO\nZoo\tI-ORG\tO\tO\n", 1),
        ("Ada\t_\t_\tB-PER\nran\t_\t_\tO\n", 3),
    ],
)
def test_entities_come_after_phrases_and_nested_entities_after_the_outer_ones(content: str, tag: int) -> None:
    assert read_columns(content, "a.conll").columns.columns == {"tokens": 0, "tags": tag}


def test_words_that_are_numbers_stay_words() -> None:
    assert pairs(read_columns("1984\tNUM\n1985\tNUM\n1986\tNUM\n", "a.conll").rows)[0][0] == ("1984", "NUM")
    assert pairs(read_columns("1\tNUM\n\n2\tNUM\n", "a.conll").rows) == [[("1", "NUM")], [("2", "NUM")]]
    assert pairs(read_columns("1\tCD\tO\n3\tCD\tO\n7\tCD\tO\n", "a.conll").rows)[0][1] == ("3", "O")
    counted = "1\tthe\n2\tcat\n3\tran\n"
    with pytest.raises(CorpusError, match=r"a\.conll:1: column 0 counts the words.*--token-column 0"):
        read_columns(counted, "a.conll")
    assert pairs(read_columns(counted, "a.conll", token_column=0).rows)[0][0] == ("1", "the")


def test_a_number_that_is_none_is_refused() -> None:
    content = "".join(f"{number}\tw\tO\n" for number in range(1, 20))
    with pytest.raises(CorpusError, match=r"a\.conll:20: 'x' is not the ID of a word"):
        read_columns(f"{content}x\tw\tO\n", "a.conll")


@pytest.mark.parametrize("end", [" ", "\t", "  \t ", "\xa0"])
def test_blanks_after_a_cell_are_no_part_of_a_label(end: str) -> None:
    for content in (f"the\tDT{end}\nNOUN\tNN\n", f"the\tDT\nNOUN\tNN{end}\n", f"the\tDT{end}\nNOUN\tNN{end}\n"):
        assert pairs(read_columns(content, "a.conll").rows) == [[("the", "DT"), ("NOUN", "NN")]]
    assert pairs(read_columns("the  \t DT\nA b \tNN\n", "a.conll").rows) == [[("the", "DT"), ("A b", "NN")]]


@pytest.mark.parametrize("blank", ["\t", " ", "\xa0", "\t \xa0", "\u3000", "\r"])
def test_a_line_of_blanks_ends_a_sentence(blank: str) -> None:
    for space in ("\t", " "):
        content = f"Ada\tB-PER\nran\tO\n{blank}\nGhent\tB-LOC\n".replace("\t", space)
        assert pairs(read_columns(content, "a.conll").rows) == TWO_SENTENCES


def test_a_file_with_a_header_of_columns_has_no_word_of_it(tmp_path: Path) -> None:
    for name in ("a.conll", "a.tsv", "a.txt"):
        path = write_file(tmp_path, name, "Word\tTag\nAda\tB-PER\nran\tO\n\nGhent\tB-LOC\n")
        assert pairs(read_rows(path)) == TWO_SENTENCES
