"""The lines of a file or of stdin, as they come."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from seqkit.errors import CorpusError

__all__ = ["read_lines"]


def read_lines(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield lines, which end at a line feed only: Unicode's other line separators are part of a text."""
    for number, line in enumerate(file, start=1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            yield line.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            message = f"not UTF-8 (byte {line[error.start]:#04x}); convert the file, for instance with iconv"
            raise CorpusError(message, file=name, line=number) from None
