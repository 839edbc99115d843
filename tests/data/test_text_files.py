"""Text files are decoded, and cut into lines; what cannot be decoded is named with its line and byte."""

import codecs
import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import seqkit.data.text_files as text_files
from seqkit.data.formats import read_rows
from seqkit.data.rows import LabelledText, PlainText
from seqkit.data.text_files import lines_of, read_text, split_lines
from seqkit.errors import ConfigError, CorpusError
from tests.tiny_corpora import TWO_SENTENCES, pairs, tagged, write_file


@given(st.text(st.sampled_from("ab\r\n\x85\u2028\x0b")))
def test_lines_end_at_line_feeds_only(text: str) -> None:
    # A carriage return counts only where a line feed or the end follows it, unless most lines end with one.
    if len(re.findall(r"\r(?!\n)", text)) > text.count("\n"):
        assert split_lines(text) == re.split(r"\r\n|\r|\n", text)
    else:
        assert split_lines(text) == re.split(r"\r?\n", re.sub(r"\r\Z", "", text))


def test_a_file_of_the_old_macintosh_has_lines_too(tmp_path: Path) -> None:
    assert pairs(read_rows(write_file(tmp_path, "a.conll", "Ada\tB-PER\rran\tO\r\rGhent\tB-LOC\r"))) == TWO_SENTENCES
    assert read_rows(write_file(tmp_path, "a.txt", "once\r\rupon\r")) == [
        PlainText("once", 1),
        PlainText("", 2),
        PlainText("upon", 3),
    ]
    for name, comma in (("a.csv", ","), ("a.tsv", "\t")):
        table = f'text{comma}label\r"a good film,\ryes"{comma}pos\r'
        assert read_rows(write_file(tmp_path, name, table)) == [LabelledText("a good film,\ryes", "pos", 2)]


def test_latin_1_is_named_with_its_line_and_can_be_read(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.conll", "Ada\tB-PER\nré\tO\n".encode("latin-1"))
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
        read_rows(write_file(tmp_path, "a.conll", content), encoding=encoding)


def test_byte_order_marks_are_taken_off(tmp_path: Path) -> None:
    for name, encoding in (("a", "utf-8-sig"), ("b", "utf-16")):
        path = write_file(tmp_path, name, "é O".encode(encoding))
        assert read_text(path, "utf-8" if name == "a" else "utf-16") == "é O"
    assert read_text(write_file(tmp_path, "c", codecs.BOM_UTF8 + b"x"), "utf-8-sig") == "x"


def test_files_that_are_not_there_and_unknown_encodings(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"gone\.conll: no such file"):
        read_rows(tmp_path / "gone.conll")
    with pytest.raises(CorpusError, match="is a directory"):
        read_text(tmp_path)
    with pytest.raises(ConfigError, match="unknown encoding 'klingon'"):
        read_text(write_file(tmp_path, "a", "x"), "klingon")


@given(st.text(st.sampled_from("ab\r\n\x85\u2028")), st.lists(st.integers(0, 20)))
def test_lines_do_not_depend_on_pieces(text: str, cuts: list[int]) -> None:
    borders = [0, *sorted(cuts), len(text)]
    pieces = [text[start:stop] for start, stop in itertools.pairwise(borders)]
    assert list(lines_of(pieces)) == re.findall(r"[^\n]*\n|[^\n]+", text)


@given(st.binary(max_size=30), st.sampled_from(["utf-8", "latin-1", "utf-16-le", "shift_jis"]), st.integers(2, 9))
def test_pieces_are_decoded_as_the_whole_file_is(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, encoding: str, size: int
) -> None:
    path = write_file(tmp_path_factory.getbasetemp(), "bytes.txt", content)
    try:
        expected = content.decode(encoding)
    except UnicodeDecodeError:
        expected = "\0"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "PIECE_LENGTH", size)
        if "\0" in expected:
            with pytest.raises(CorpusError, match=r"bytes\.txt:\d+: "):
                read_text(path, encoding)
        else:
            assert read_text(path, encoding) == expected.removeprefix("\ufeff")


def test_codecs_that_are_no_encoding_of_text_are_unknown(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.txt", "one")
    for encoding in ("rot13", "base64"):
        with pytest.raises(ConfigError, match=f"unknown encoding '{encoding}'; try utf-8"):
            read_text(path, encoding)


def test_utf_16_without_a_byte_order_mark_needs_its_byte_order(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.txt", "one".encode("utf-16-be"))
    with pytest.raises(CorpusError, match=r"a\.txt:1: .* is not UTF-16.*; pass .* --encoding"):
        read_text(path, "utf-16")
    assert read_text(path, "utf-16-be") == "one"
