"""Text files as strings: decoded, in pieces and in lines.

Every reader of text files decodes here, so that each finds the same faults and names them with file and line. A file is
decoded a piece at a time; memory does not grow with its size unless the caller keeps the pieces.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from seqkit.errors import ConfigError, CorpusError

__all__ = [
    "ROWS_AT_ONCE",
    "check_characters",
    "checked_string",
    "checked_text",
    "clean_token",
    "in_pieces",
    "lines_of",
    "read_pieces",
    "read_text",
    "shortened",
    "shown",
    "split_lines",
]

PIECE_LENGTH = 1 << 20
ROWS_AT_ONCE = 256
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Latin-1 has rare control characters at these bytes, Windows-1252 has quotation marks and dashes.
WINDOWS_BYTES = bytes(range(0x80, 0xA0))


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Read and decode a whole text file, without its byte order mark.

    Raises:
        CorpusError: the file does not exist or is not in this encoding. The message names the line and the byte, and
            the encoding that the file seems to be in.
        ConfigError: the encoding is unknown.

    >>> read_text(Path("nowhere.conll"))
    Traceback (most recent call last):
    seqkit.errors.CorpusError: nowhere.conll: no such file or directory
    """
    return "".join(read_pieces(path, encoding))


def read_pieces(path: Path, encoding: str = "utf-8") -> Iterator[str]:
    """Decode a text file a piece at a time; for errors see :func:`read_text`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.txt")
    ...     _ = path.write_bytes(b"one\\r\\ntwo")
    ...     list(read_pieces(path))
    ['one\\r\\ntwo']
    """
    codec = _codec_name(encoding)
    decoder = codecs.getincrementaldecoder(encoding)()
    line, end = 1, 0
    try:
        with path.open("rb") as file:
            for content in chain(iter(lambda: file.read(PIECE_LENGTH), b""), [b""]):
                end += len(content)
                piece = decoder.decode(content, final=not content)
                if end == len(content):
                    piece = piece.removeprefix("\ufeff")
                if "\0" in piece:
                    line += piece.count("\n", 0, piece.index("\0"))
                    message = "the file has a NUL character; if it is UTF-16, pass --encoding utf-16-le"
                    raise CorpusError(message, file=path, line=line)
                if piece:
                    yield piece
                line += piece.count("\n")
    except OSError as error:
        raise CorpusError((error.strerror or str(error)).lower(), file=path) from None
    except UnicodeDecodeError as error:
        line += error.object.count(b"\n", 0, error.start)
        message = _undecodable(path, codec, error, end - len(error.object) + error.start)
        raise CorpusError(message, file=path, line=line) from None
    except UnicodeError as error:
        message = f"the file is not {codec.upper()} ({error}); pass its own --encoding, such as utf-8 or utf-16-le"
        raise CorpusError(message, file=path, line=line) from None


def _codec_name(encoding: str) -> str:
    try:
        "".encode(encoding)  # refuses codecs such as rot13, which do not turn text into bytes
        return codecs.lookup(encoding).name
    except LookupError:
        raise ConfigError(f"unknown encoding {encoding!r}; try utf-8, latin-1 or utf-16") from None


def _undecodable(path: Path, codec: str, error: UnicodeDecodeError, offset: int) -> str:
    """Describe the byte at ``offset``, which the codec cannot decode, and name the encoding the file seems to be in."""
    is_utf8 = codec.startswith("utf-8")
    if is_utf8 and offset == 0 and error.object[:2] in UTF16_MARKS:
        return "the file is UTF-16, not UTF-8; pass --encoding utf-16"
    problem = f"byte 0x{error.object[error.start]:02x} at offset {offset} is not {codec.upper()}"
    if not is_utf8 or not path.is_file():  # a pipe cannot be read again
        return f"{problem}; pass the file's own --encoding"
    has_other_utf8, has_windows_bytes = _scan(path)
    if has_other_utf8:
        return f"{problem}, though other parts of the file are; correct this line"
    if has_windows_bytes:
        return f"{problem}; the file looks like Windows-1252: pass --encoding cp1252"
    return f"{problem}; the file looks like Latin-1: pass --encoding latin-1"


def _scan(path: Path) -> tuple[bool, bool]:
    """Return whether a file has valid UTF-8 beyond ASCII, and whether it has bytes that only Windows-1252 uses."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")
    has_utf8 = has_windows_bytes = False
    with path.open("rb") as file:
        while content := file.read(PIECE_LENGTH):
            has_utf8 = has_utf8 or not decoder.decode(content).isascii()
            has_windows_bytes = has_windows_bytes or len(content.translate(None, WINDOWS_BYTES)) < len(content)
    return has_utf8, has_windows_bytes


def lines_of(pieces: Iterable[str]) -> Iterator[str]:
    """Cut a text that comes in pieces into lines, with their ends; only ``\\n`` ends a line.

    >>> list(lines_of(["one\\r\\nt", "wo\\n", "three"]))
    ['one\\r\\n', 'two\\n', 'three']
    """
    held: list[str] = []
    for piece in pieces:
        *ended, rest = piece.split("\n")
        for line in ended:
            yield "".join((*held, line, "\n"))
            held = []
        held.append(rest)
    if last := "".join(held):
        yield last


def split_lines(text: str) -> list[str]:
    """Cut a text into lines without their ends, at ``\\n`` and ``\\r\\n`` and nowhere else.

    If there are more single ``\\r`` than ``\\n``, they end lines too, as on the old Macintosh.

    >>> split_lines("one\\x85more\\r\\ntwo"), split_lines("one\\rtwo")
    (['one\\x85more', 'two'], ['one', 'two'])
    """
    if "\r" not in text:
        return text.split("\n")
    if text.count("\r") - text.count("\r\n") > text.count("\n"):
        return re.split(r"\r\n|\r|\n", text)
    return [line.removesuffix("\r") for line in text.split("\n")]


def in_pieces(text: str) -> Iterator[str]:
    """Cut a text into pieces of limited length.

    >>> list(in_pieces("one"))
    ['one']
    """
    return (text[start : start + PIECE_LENGTH] for start in range(0, len(text), PIECE_LENGTH))


def clean_token(cell: str) -> str:
    """Return a token without the blanks around it, unless it is nothing but blanks.

    >>> clean_token("Ada "), clean_token(" "), clean_token("\\xa0")
    ('Ada', ' ', '\\xa0')
    """
    return cell.strip(" ") or cell


def check_characters(text: str) -> None:
    """Refuse a text that UTF-8 cannot hold.

    Raises:
        CorpusError: the text has half of a surrogate pair, without file and line.

    >>> check_characters("a\\ud800")
    Traceback (most recent call last):
    seqkit.errors.CorpusError: \\ud800 is half of a surrogate pair, which is not a character
    """
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        raise CorpusError(f"\\u{code:04x} is half of a surrogate pair, which is not a character") from None


def checked_text(value: object, file: str | Path, line: int) -> str:
    """Return a value that is a text, as UTF-8 can hold it.

    Raises:
        CorpusError: the value is not a string, or has half of a surrogate pair; with the number of its line or row.

    >>> checked_text("one", "a.jsonl", 1)
    'one'
    """
    try:
        text = checked_string(value)
        check_characters(text)
    except CorpusError as error:
        raise CorpusError(str(error), file=file, line=line) from None
    return text


def checked_string(value: object) -> str:
    """Return a value that is a string.

    Raises:
        CorpusError: it is not; without file and line.

    >>> checked_string("one")
    'one'
    """
    if not isinstance(value, str):
        raise CorpusError(f"the text must be a string, not {shown(value)}")
    return value


def shortened(text: str, limit: int = 80) -> str:
    """Cut a text that is too long for an error message, and put it on one line.

    >>> shortened("one\\ntwo three", 10)
    'one two...'
    """
    text = " ".join(text.splitlines())
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def shown(value: object) -> str:
    """Return how a value is written, as short as an error message needs it.

    >>> shown(["Ada"]), shown(10**5000)
    ("['Ada']", 'a very long int')
    """
    try:
        return shortened(repr(value))
    except (ValueError, RecursionError):  # integers of thousands of digits, and lists in lists in lists
        return f"a very long {type(value).__name__}"
