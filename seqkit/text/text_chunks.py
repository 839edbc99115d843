"""Long texts as chunks that can be cut into tokens one by one.

A text may come in pieces of any size and be larger than memory. It is cut again at places where no token can span the
cut, so that the tokens do not depend on the pieces.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

__all__ = ["batches_of_chunks", "chunks_of"]

# Where a text may be cut: no rule of a tokenizer matches across such a place, or looks beyond it. What is white space
# to the engine of the rules is white space to Python.
_SAFE = re.compile(r"(?<=\S) |(?<=\n)(?=\S)")
CHUNK_LENGTH = 1 << 13  # characters, or more up to the next safe place
LONGEST_CHUNK = 1 << 20  # a text without any safe place is cut here
BATCH_LENGTH = 1 << 18  # characters of the chunks that are processed in parallel


def batches_of_chunks(documents: Iterable[Iterable[str]]) -> Iterator[tuple[list[str], list[int]]]:
    """Cut texts into chunks, a batch at a time; each batch comes with the number of chunks before the end of each text.

    Args:
        documents: the texts, each in pieces.

    >>> list(batches_of_chunks([["one", " two"], ["three"]]))
    [(['one two', 'three'], [1, 2])]
    """
    chunks: list[str] = []
    ends: list[int] = []
    length = 0
    for document in documents:
        for chunk in chunks_of(document):
            chunks.append(chunk)
            length += len(chunk)
            if length >= BATCH_LENGTH:
                yield chunks, ends
                chunks, ends, length = [], [], 0
        ends.append(len(chunks))
    yield chunks, ends


def chunks_of(pieces: Iterable[str]) -> Iterator[str]:
    """Cut a text at places that do not depend on its pieces, or make no difference to the tokens.

    >>> list(chunks_of(["on", "e two"]))
    ['one two']
    """
    held: list[str] = []
    length, enough = 0, 2 * CHUNK_LENGTH
    for piece in chain(pieces, [""]):  # after the last piece, what is held is cut too
        held.append(piece)
        length += len(piece)
        if piece and length < enough:
            continue
        text, start = "".join(held), 0
        while (end := _chunk_end(text, start)) is not None:
            yield text[start:end]
            start = end
        held, length = [text[start:]], len(text) - start
        enough = 2 * max(length, CHUNK_LENGTH)  # so that a text without safe places is not searched at every piece
    if length:
        yield held[0]


def _chunk_end(text: str, start: int) -> int | None:
    """Return where a chunk ends; None if that depends on text still to come.

    A text is cut at a place that is not safe only if there is no safe place within the longest chunk, counted from the
    last safe place or cut: that is the same wherever the chunks before ended.
    """
    if found := _SAFE.search(text, start + CHUNK_LENGTH, start + LONGEST_CHUNK + 1):
        return found.start()
    if len(text) <= start + LONGEST_CHUNK:
        return None
    earlier = [place.start() for place in _SAFE.finditer(text, start + 1, start + CHUNK_LENGTH)]
    return earlier[-1] if earlier else start + LONGEST_CHUNK
