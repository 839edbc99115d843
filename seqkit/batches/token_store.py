"""Token ids of a text in a temporary file, for texts that do not fit in memory."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from seqkit.data.texts import Texts
from seqkit.errors import CorpusError
from seqkit.text.lm_tokenizer import TextTokenizer

__all__ = ["TokenStore", "store_tokens"]


@dataclass(frozen=True, eq=False)
class TokenStore:
    """The token ids of a split, and the length of its text.

    Attributes:
        ids: token ids (N,), read-only, in the smallest unsigned dtype that holds every id of the vocabulary. They are
            memory-mapped from an unnamed temporary file, which disappears with the last array that refers to it.
        characters: length of the text in Unicode code points.
        bytes: length of the text in UTF-8.

    >>> store = TokenStore(np.array([2, 3], np.uint8), characters=2, bytes=3)
    >>> len(store.ids)
    2
    """

    ids: NDArray[np.integer]
    characters: int
    bytes: int


class _Meter:
    """Counts the characters and bytes of the text that passes through."""

    def __init__(self) -> None:
        self.characters = self.bytes = 0

    def through(self, pieces: Iterable[str]) -> Iterator[str]:
        for piece in pieces:
            self.characters += len(piece)
            self.bytes += len(piece) if piece.isascii() else len(piece.encode())
            yield piece


def store_tokens(tokenizer: TextTokenizer, texts: Texts) -> TokenStore:
    """Encode a split in constant memory; one to four bytes per token are written to the temporary folder.

    ``<eos>`` follows each document if there are several, but not a single running text, and not pretokenized text,
    whose line ends already are ``<eos>``.

    Raises:
        CorpusError: if the split is empty or cannot be read, or the temporary folder is full.

    >>> from seqkit.data.texts import from_strings
    >>> texts = from_strings(["aab", "ba"])
    >>> store_tokens(TextTokenizer.fitted("char", texts.documents()), texts)
    TokenStore(ids=memmap([2, 2, 3, 0, 3, 2, 0], dtype=uint8), characters=5, bytes=5)
    """
    dtype = np.min_scalar_type(len(tokenizer) - 1)
    meter = _Meter()
    documents = map(meter.through, texts.documents())
    ended = texts.many and not tokenizer.pretokenized
    with _temporary_file() as file:
        for ids in tokenizer.encode_documents(documents, ended=ended):
            _write(file, ids.astype(dtype).tobytes())
        if not meter.characters:
            raise CorpusError("the split is empty: it has no text")
        stored = np.memmap(file, dtype, mode="r")
    return TokenStore(stored, meter.characters, meter.bytes)


def _temporary_file() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(prefix="seqkit-", buffering=0)
    except OSError as error:
        raise _unwritable(error) from None


def _write(file: IO[bytes], content: bytes) -> None:
    try:
        while content:
            content = content[file.write(content) :]
    except OSError as error:
        raise _unwritable(error) from None


def _unwritable(error: OSError) -> CorpusError:
    message = f"cannot write tokens here ({error.strerror}); set TMPDIR to a folder with more space"
    return CorpusError(message, file=tempfile.gettempdir())
