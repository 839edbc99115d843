"""Which format a file is in, plain text, and real files."""

from collections import Counter
from pathlib import Path

import pytest

from seqkit.data.formats import read_rows
from seqkit.data.rows import LabelledText, PlainText, Row, TaggedSentence
from seqkit.errors import CorpusError
from tests.tiny_corpora import pairs, tagged, write_file


def test_plain_text_keeps_every_line(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.txt", "once\r\n\n  upon\x85a\u2028time \n")
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
    path = write_file(tmp_path, name, content)
    if kind is None:
        with pytest.raises(CorpusError, match=r"train:3: this row has one column"):
            read_rows(path)
    else:
        assert {type(row) for row in read_rows(path)} == {kind}


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


@pytest.mark.parametrize(
    "tags", [("b_PER", "o"), ("PER-B", "O"), ("B:PER", "O"), ("W_PER", "PER_O"), ("M-PER", "O"), ("PER", "O")]
)
def test_columns_of_any_notation_are_known_by_their_content(tmp_path: Path, tags: tuple[str, str]) -> None:
    path = write_file(tmp_path, "corpus.txt", f"Ada {tags[0]}\nran {tags[1]}\n\nBo {tags[0]}\n")
    assert pairs(read_rows(path)) == [[("Ada", tags[0]), ("ran", tags[1])], [("Bo", tags[0])]]


def test_lines_of_prose_are_not_columns(tmp_path: Path) -> None:
    path = write_file(tmp_path, "prose.txt", "Plan A or\nplan B.\nAn e-mail to the U.S.\nhe saw an X-ray\n")
    assert all(isinstance(row, PlainText) for row in read_rows(path))
