"""Whether the files in which ``datasets`` caches a corpus of the hub are intact: the library itself checks no sums."""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from seqkit.errors import CorpusError

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["check_cache"]


def check_cache(splits: "Mapping[str, Dataset]") -> None:
    """Make sure that cached files are as they were when they were used first.

    The SHA-256 of each file is kept beside it. A cache that cannot be written is not checked.

    Args:
        splits: the splits as they were loaded.

    Raises:
        CorpusError: if a file has changed; the message says how to make it anew.

    >>> from datasets import Dataset
    >>> check_cache({"train": Dataset.from_dict({"text": ["in memory, without a cache"]})})
    """
    for file in {Path(part["filename"]) for split in splits.values() for part in split.cache_files}:
        with file.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
        kept = file.with_name(f"{file.name}.sha256")
        with suppress(OSError):
            if not kept.exists():
                fresh = file.with_name(f".{kept.name}-{os.getpid()}")
                fresh.write_text(found, encoding="ascii")
                fresh.replace(kept)
            if kept.read_text(encoding="ascii", errors="replace") != found:
                raise CorpusError(
                    f"the cached copy of the corpus is damaged; remove {file.parent}, and try again", file=file
                )
