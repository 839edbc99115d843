import gzip
import tracemalloc
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.errors import ConfigError, CorpusError
from seqkit.text.pretrained_vectors import read_vectors


def write(folder: Path, content: str | bytes, name: str = "vectors.txt") -> Path:
    path = folder / name
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize(
    "content",
    [
        "the 0.5 -1\ncat 1e-3 +2.\n. . . 3 .5\nat a@b.c 7 8\n",
        "4 2\nthe 0.5 -1\ncat 1e-3 +2.\n. . . 3 .5\nat a@b.c 7 8\n",
        "4 2\nthe 0.5 -1 \ncat 1e-3 +2. \n. . . 3 .5 \nat a@b.c 7 8 \n",
        "the 0.5 -1\r\ncat 1e-3 +2.\r\n\r\n. . . 3 .5\r\nat a@b.c 7 8",
        "\ufeffthe 0.5 -1\ncat 1e-3 +2.\n. . . 3 .5\nat a@b.c 7 8\n",
        "the 0.5 -1\ncat 1e-3 +2.\nthe 9 9\n. . . 3 .5\nat a@b.c 7 8\ncat 9 9\n",
        "at a@b.c 7 8\nthe 0.5 -1\ncat 1e-3 +2.\n. . . 3 .5\n",
    ],
    ids=["glove", "word2vec", "fasttext", "crlf", "bom", "twice", "space-first"],
)
@pytest.mark.parametrize("name", ["vectors.txt", "vectors.vec.gz"])
def test_the_formats(tmp_path: Path, content: str, name: str) -> None:
    table = read_vectors(write(tmp_path, content, name), ["the", "cat", ". . .", "at a@b.c", "dog", "."])
    assert table.dimension == 2
    assert table.vectors.dtype == numpy.float32
    assert dict(zip(table.words, table.vectors.tolist(), strict=True)) == {
        "the": [0.5, -1.0],
        "cat": [numpy.float32(0.001).item(), 2.0],
        ". . .": [3.0, 0.5],
        "at a@b.c": [7.0, 8.0],
    }


def test_words_are_compared_as_they_are_written(tmp_path: Path) -> None:
    path = write(tmp_path, "The 1 2\nété 3 4\na\N{NO-BREAK SPACE}b 5 6\nx\u2028y 7 8\n1 9 10\n")
    wanted = ["the", "été", "a\N{NO-BREAK SPACE}b", "x\u2028y", "1"]
    assert read_vectors(path, wanted).words == wanted[1:]


def test_no_wanted_word_gives_an_empty_table(tmp_path: Path) -> None:
    table = read_vectors(write(tmp_path, "the 1 2 3\n"), [])
    assert (table.words, table.vectors.shape, table.dimension) == ([], (0, 3), 3)


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (
            "a 1 2\nb 1\n",
            2,
            "expected 2 numbers after the word, found 1; words and numbers must be separated by one space",
        ),
        (
            "a 1 2\nb 1 2 3\n",
            2,
            "expected 2 numbers after the word, found 3; words and numbers must be separated by one space",
        ),
        (
            "a 1 2\nb\n",
            2,
            "expected 2 numbers after the word, found 0; words and numbers must be separated by one space",
        ),
        (
            "a 1 2\n 1 2\n",
            2,
            "expected 2 numbers after the word, found 2; words and numbers must be separated by one space",
        ),
        (
            "2 3\na 1 2\n",
            2,
            "expected 3 numbers after the word, found 2; words and numbers must be separated by one space",
        ),
        ("a\n", 1, "expected some numbers after the word, found 0; words and numbers must be separated by one space"),
        (
            "some plain text\n",
            1,
            "expected some numbers after the word, found 0; words and numbers must be separated by one space",
        ),
        (
            "a 1 x 2\n",
            1,
            "expected 1 numbers after the word, found 1; words and numbers must be separated by one space",
        ),
        ("a 1 2\nb 1 zwei\n", 2, "'zwei' is not a number"),
        (
            "a 1 2\nb 1  2\n",
            2,
            "expected 2 numbers after the word, found 1; words and numbers must be separated by one space",
        ),
        (
            "a 1 2\nb  1 2\n",
            2,
            "expected 2 numbers after the word, found 2; words and numbers must be separated by one space",
        ),
        ("a 1 2\nwanted 1.2.3 2\n", 2, "'1.2.3' is not a number"),
        ("a 1 2\nb 1_0 2\n", 2, "'1_0' is not a number"),
        ("a 1 2\n\nb nan 2\n", 3, "a number is not finite"),
        ("a 1 nan\n", 1, "a number is not finite"),
        ("a 1 2\nb 1 -Infinity\n", 2, "a number is not finite"),
        ("a 1 2\nwanted 1 1e39\n", 2, "a number is not finite"),
        (b"a 1 2\nb\xff 1 2\n", 2, r"the word b'b\xff' is not UTF-8"),
    ],
)
def test_a_bad_line_is_named_whether_its_word_is_wanted_or_not(
    tmp_path: Path, content: str | bytes, line: int, message: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(CorpusError) as caught:
        read_vectors(path, ["a", "wanted"])
    assert str(caught.value) == f"{path}:{line}: {message}; correct or remove this line"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file has no vectors"),
        ("\n\n", "the file has no vectors"),
        ("0 5\n", "the file has no vectors"),
        ("3 1\na 1\nb 2\n", "the first line promises 3 words, but the file has 2; get the whole file"),
    ],
)
def test_a_file_without_its_words(tmp_path: Path, content: str, message: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(CorpusError) as caught:
        read_vectors(path, ["a"])
    assert str(caught.value).startswith(f"{path}: {message}")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    whole = write(tmp_path, "word 1 2 3\n" * 99, "whole.gz").read_bytes()
    (tmp_path / "cut.gz").write_bytes(whole[:-9])
    (tmp_path / "broken.gz").write_bytes(whole[:12] + b"\xff" * 9 + whole[21:])
    (tmp_path / "plain.gz").write_bytes(b"word 1 2 3\n")
    for name in ("cut.gz", "broken.gz", "plain.gz", "missing.txt", "."):
        with pytest.raises(CorpusError, match=r"the vectors cannot be read \(.+\); give a text file, or"):
            read_vectors(tmp_path / name, ["word"])


vector = st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=3, max_size=3)
word = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Nd"], exclude_characters="\ufeff"), min_size=1)


@given(st.dictionaries(word, vector, min_size=1), st.data())
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: dict[str, list[float]], data: st.DataObject
) -> None:
    wanted = data.draw(st.sets(st.sampled_from(sorted(rows))))
    text = "".join(f"{key} {' '.join(map(repr, values))}\n" for key, values in rows.items())
    table = read_vectors(write(tmp_path_factory.getbasetemp(), text), wanted)
    assert table.words == [key for key in rows if key in wanted]
    numpy.testing.assert_array_equal(table.vectors.tolist(), [rows[key] for key in table.words])


def test_real_vectors(public_data: Path) -> None:
    path = public_data / "vectors" / "glove.6B.50d.subset.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    table = read_vectors(path, [line.split()[0] for line in lines])
    assert table.vectors.shape == (len(lines), 50)
    for row in (0, len(lines) // 2, len(lines) - 1):
        assert lines[row].split()[0] == table.words[row]
        numpy.testing.assert_array_equal(table.vectors[row], numpy.array(lines[row].split()[1:], dtype=numpy.float32))


def test_the_most_frequent_words_are_those_at_the_top(tmp_path: Path) -> None:
    path = write(tmp_path, "5 1\nthe 1\nof 2\nthe 3\ncat 4\ndog 5\n")
    assert read_vectors(path, ["dog", "of"], most_frequent=1).words == ["the", "of", "dog"]
    assert read_vectors(path, [], most_frequent=2).words == ["the", "of"]
    assert read_vectors(path, [], most_frequent=99).words == ["the", "of", "cat", "dog"]


@pytest.mark.parametrize("name", ["vectors.txt", "vectors.txt.gz"])
def test_an_endless_line_is_refused_and_the_limit_can_be_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = write(tmp_path, f"the 1\nof{' ' * 9}{'0' * 20_000_000}\n", name)
    tracemalloc.start()
    with pytest.raises(CorpusError, match=rf"{name}:2: .* more than 4000000 bytes.* set .* SEQKIT_LONGEST_LINE"):
        read_vectors(path, {"the"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15_000_000
    long = write(tmp_path, f"the 1\n{'o' * 4_000_000} 1\n")
    monkeypatch.setenv("SEQKIT_LONGEST_LINE", "5000000")
    assert read_vectors(long, {"the"}).words == ["the"]
    monkeypatch.setenv("SEQKIT_LONGEST_LINE", "many")
    with pytest.raises(ConfigError, match="SEQKIT_LONGEST_LINE must be a number, not 'many'"):
        read_vectors(long, {"the"})
