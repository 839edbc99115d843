"""Pretrained word vectors from text files: GloVe, word2vec and fastText, plain or gzipped.

Each line of such a file is a word and its numbers::

    the 0.418 0.24968 -0.41242 ...

Files of word2vec and fastText begin with a line with the number of words and the dimension. Some files have words with
spaces in them (``. . .`` in GloVe 840B); the numbers are therefore counted from the right.
"""

import gzip
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Collection, Iterator
from itertools import takewhile
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from seqkit.errors import CorpusError
from seqkit.text.limits import limit_of

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

__all__ = ["VectorTable", "read_vectors"]


LONGEST_LINE = 4_000_000
"""How many bytes a line may have: a word and 200,000 numbers. The environment variable raises the limit."""
LIMIT_VARIABLE = "SEQKIT_LONGEST_LINE"


class VectorTable(NamedTuple):
    """The vectors that were found: ``vectors[i]`` belongs to ``words[i]``, in the order of the file.

    Attributes:
        words: the words.
        vectors: float32 of shape ``(len(words), dimension)``.
        dimension: the length of a vector.
    """

    words: list[str]
    vectors: "NDArray[numpy.float32]"
    dimension: int


def read_vectors(path: str | PathLike[str], wanted: Collection[str], *, most_frequent: int = 0) -> VectorTable:
    """Read the vectors of the wanted words; if a word occurs twice, the first vector counts.

    The file is read once, line by line, and only the wanted vectors are kept in memory. Words are compared with their
    case: a caller who wants the vector of ``the`` for ``The`` asks for both.

    Args:
        path: a GloVe, word2vec or fastText text file in UTF-8; a file that ends in ``.gz`` is decompressed.
        wanted: the words to look for.
        most_frequent: how many words to keep beside them, from the top of the file, where such files have the most
            frequent words.

    Raises:
        CorpusError: the file is missing, truncated or has no vectors; or a line has too few or too many numbers, a
            number that is not finite, or a word that is not UTF-8, or is longer than ``LONGEST_LINE`` bytes (the
            environment variable ``SEQKIT_LONGEST_LINE`` sets another limit).
        ConfigError: that variable is not a number.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "vectors.txt")
    ...     _ = path.write_text("the 0.5 1\\na 2 3\\n. . . 4 5\\n")
    ...     read_vectors(path, {"the", ". . .", "cat"}).words
    ['the', '. . .']
    """
    import numpy

    keep = frozenset(wanted)
    found: dict[str, NDArray[numpy.float32]] = {}
    promised = rows = dimension = 0
    for number, line in _lines(Path(path)):
        if number == 1 and (header := _HEADER.fullmatch(line)):
            promised, dimension = map(int, header.groups())
            continue
        dimension = dimension or _trailing_numbers(line.split(b" ")[1:])
        try:
            word, values = _cut(line, dimension)
            if (word in keep or rows < most_frequent) and word not in found:
                found[word] = _vector(values)
        except ValueError as error:
            raise CorpusError(f"{error}; correct or remove this line", file=path, line=number) from error
        rows += 1
    if not rows:
        raise CorpusError("the file has no vectors; give a GloVe, word2vec or fastText text file", file=path)
    if promised not in (0, rows):
        message = f"the first line promises {promised} words, but the file has {rows}; get the whole file"
        raise CorpusError(message, file=path)
    vectors = numpy.array(list(found.values()), dtype=numpy.float32).reshape(len(found), dimension)
    return VectorTable(list(found), vectors, dimension)


_HEADER = re.compile(rb"(\d{1,18}) ([1-9]\d{0,8})")
_NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf|infinity)", re.IGNORECASE)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Read the lines that are not blank, as bytes, with their numbers; only a line feed ends a line."""
    longest = limit_of(LIMIT_VARIABLE, LONGEST_LINE)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(longest + 1), b""), start=1):
                if len(line) > longest:
                    raise CorpusError(
                        f"this line has more than {longest} bytes, so it is no word with its vector; if it is, set the"
                        f" environment variable {LIMIT_VARIABLE} to a greater number",
                        file=path,
                        line=number,
                    )
                if stripped := line.removeprefix(BOM_UTF8).rstrip(b" \r\n"):
                    yield number, stripped
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CorpusError(
            f"the vectors cannot be read ({reason}); give a text file, or one compressed as .gz", file=path
        ) from error


def _trailing_numbers(fields: list[bytes]) -> int:
    return sum(1 for _ in takewhile(_NUMBER.fullmatch, reversed(fields)))


def _cut(line: bytes, dimension: int) -> tuple[str, bytes]:
    """Split a line into its word and its numbers, with the checks that are cheap enough for every line."""
    fields = line.split(b" ", 1) if line.count(b" ") == dimension else _cut_from_the_right(line, dimension)
    pieces = fields[0].split(b" ")
    if not dimension or len(fields) != 2 or not all(pieces) or any(map(_NUMBER.fullmatch, pieces[1:])):
        count = _trailing_numbers(line.split(b" ")[1:])
        found = f"expected {dimension or 'some'} numbers after the word, found {count}"
        raise ValueError(f"{found}; words and numbers must be separated by one space")
    word, values = fields
    if values.translate(None, b"0123456789+-.eE "):
        _vector(values)  # something in it is not a number: raise an error that says what
    try:
        return word.decode(), values
    except UnicodeDecodeError as error:
        raise ValueError(f"the word {word!r} is not UTF-8") from error


def _cut_from_the_right(line: bytes, dimension: int) -> list[bytes]:
    word, *values = line.rsplit(b" ", dimension)
    return [word, b" ".join(values)] if len(values) == dimension else [word]


def _vector(values: bytes) -> "NDArray[numpy.float32]":
    import numpy

    fields = values.split(b" ")
    for field in fields:
        if not _NUMBER.fullmatch(field):
            raise ValueError(f"{field.decode(errors='replace')!r} is not a number")
    with numpy.errstate(over="ignore"):
        vector = numpy.array(list(map(float, fields))).astype(numpy.float32)
    if not numpy.isfinite(vector).all():
        raise ValueError("a number is not finite")
    return vector
