"""Damage to the Arrow files that the ``datasets`` library stores: its cache of a hub corpus, and saved datasets."""

import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets

from seqkit.data.corpora import open_corpus
from seqkit.errors import CorpusError
from tests.command_line import write_jsonl
from tests.tiny_labels import LABELS, TEXTS

__all__ = ["DAMAGES", "damaged_cache", "damaged_saved", "outcomes"]

Damage = Callable[[Path, random.Random], object]


def _truncate(file: Path, draw: random.Random) -> None:
    os.truncate(file, draw.randrange(file.stat().st_size))


def _flip(file: Path, draw: random.Random) -> None:
    data = bytearray(file.read_bytes())
    for _ in range(8):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    file.write_bytes(data)


def _zero(file: Path, draw: random.Random) -> None:
    data = bytearray(file.read_bytes())
    start = draw.randrange(len(data))
    data[start : start + 512] = bytes(len(data[start : start + 512]))
    file.write_bytes(data)


DAMAGES: dict[str, Damage] = {
    "removed": lambda file, draw: file.unlink(),
    "emptied": lambda file, draw: file.write_bytes(b""),
    "truncated": _truncate,
    "zeroed": _zero,
    "flipped": _flip,
}


def _rows(corpus: str) -> Any:
    splits = open_corpus(corpus)
    return {name: [list(split[column]) for column in split.column_names] for name, split in splits.items()}


def _outcome(corpus: str, wanted: Any) -> str:
    try:
        found = _rows(corpus)
    except CorpusError as error:
        return "an error of one line" if "\n" not in str(error) else f"several lines: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "the same rows" if found == wanted else "other rows"


def damaged_cache(folder: Path, damage: str, seed: int) -> str:
    """Damage the cache of a corpus that is shaped like one of the hub, and open the corpus again."""
    corpus = folder / "owner" / "corpus"
    write_jsonl(corpus / "data" / "part.jsonl", TEXTS, LABELS)
    (corpus / "README.md").write_text("---\nconfigs:\n- config_name: default\n  data_files: data/part.jsonl\n---\n")
    cache = folder / "cache"
    usual = datasets.config.HF_DATASETS_CACHE
    datasets.config.HF_DATASETS_CACHE = cache
    try:
        wanted = _rows(f"hub:{corpus}")
        files = sorted(cache.rglob("*.arrow"))
        if not files:
            return "no cache"
        DAMAGES[damage](files[0], random.Random(seed))
        return _outcome(f"hub:{corpus}", wanted)
    finally:
        datasets.config.HF_DATASETS_CACHE = usual


def damaged_saved(folder: Path, damage: str, seed: int) -> str:
    """Damage a dataset that ``save_to_disk`` wrote, and open it."""
    corpus = folder / "saved"
    rows = datasets.Dataset.from_dict({"text": TEXTS, "label": LABELS})
    datasets.DatasetDict({"train": rows}).save_to_disk(str(corpus))
    wanted = _rows(str(corpus))
    DAMAGES[damage](sorted(corpus.rglob("*.arrow"))[0], random.Random(seed))
    return _outcome(str(corpus), wanted)


def outcomes(folder: Path, times: int) -> dict[str, Counter[str]]:
    """Return how often each outcome followed each damage."""
    found: dict[str, Counter[str]] = {}
    for damage in DAMAGES:
        for spoil in (damaged_cache, damaged_saved):
            counts = found.setdefault(f"{spoil.__name__.replace('_', ' ')}, {damage}", Counter())
            for seed in range(times):
                inner = folder / f"{spoil.__name__}-{damage}-{seed}"
                inner.mkdir()
                counts[spoil(inner, damage, seed)] += 1
    return found
