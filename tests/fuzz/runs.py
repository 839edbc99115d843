"""Damaged run folders: what a model says that is loaded from one, and the ways to damage its files."""

import json
import random
import resource
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import seqkit
from seqkit.errors import SeqkitError
from seqkit.runs.format import sealed
from tests.golden_runs import predicted

__all__ = ["DAMAGES", "check_load", "damaged_bytes", "damaged_header", "damaged_json", "files_of", "outcome_of"]

SECONDS = 2.0  # of the processor, so that a busy machine fails no test
MEGABYTES = 200.0

HOSTILE_VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    7,
    10**5,
    10**9,
    2**63,
    10**30,
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "a",
    "\0",
    "\ud800",
    "../../etc/passwd",
    "/dev/zero",
    "O",
    "B-PER",
    [],
    [[]],
    [0],
    ["a", "a"],
    ["<pad>", "<unk>"],
    {},
    {"": None},
    {"a": {"b": []}},
    ["a"] * 1000,
]


def files_of(run: Path) -> list[str]:
    """Return the names of all files of a run folder."""
    return sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())


def damaged_bytes(content: bytes, chance: random.Random) -> bytes:
    """Return content with flipped bits, cut, repeated, or with other bytes in it."""
    kind = chance.choice(["flip", "flip", "cut", "insert", "delete", "repeat", "zero", "empty"])
    place = chance.randrange(len(content) + 1)
    end = min(len(content), place + chance.choice([1, 2, 8, 100]))
    match kind:
        case "flip" if place < len(content):
            return content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]
        case "cut":
            return content[:place]
        case "insert":
            return content[:place] + chance.randbytes(chance.choice([1, 2, 8])) + content[place:]
        case "delete":
            return content[:place] + content[end:]
        case "repeat":
            return content[:end] + content[place:]
        case "zero":
            return content[:place] + bytes(end - place) + content[end:]
    return b""


def damaged_json(content: bytes, chance: random.Random) -> bytes:
    """Return a JSON file in which a value, or the name of one, is another."""
    value = [json.loads(content)]
    holder, key = chance.choice(list(_places(value)))
    if chance.random() < 0.2 and isinstance(holder, dict):
        holder[chance.choice(["", "x", "format_version", "vocab"])] = holder.pop(key)
    elif chance.random() < 0.2:
        del holder[key]
    else:
        holder[key] = chance.choice(HOSTILE_VALUES)
    document = value[0] if value else None
    if isinstance(document, dict) and "sha256" in document:
        document = _sealed(document)
    return json.dumps(document).encode()


def _sealed(document: dict[str, Any]) -> Any:
    """Return ``run.json`` with a checksum of its own, so that what is behind the check is tried too."""
    try:
        return json.loads(sealed(document))
    except (TypeError, ValueError, AttributeError):
        return document


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place of a nested value: what holds it, and its name or number there."""
    own = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    return [(value, key) for key, _ in own] + [place for _, inner in own for place in _places(inner)]


def damaged_header(content: bytes, chance: random.Random) -> bytes:
    """Return a safetensors file whose header, with shapes and offsets, has another value."""
    size = int.from_bytes(content[:8], "little")
    header = damaged_json(content[8 : 8 + size], chance)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


DAMAGES: dict[str, list[Callable[[bytes, random.Random], bytes]]] = {
    ".json": [damaged_bytes, damaged_json, damaged_json],
    ".safetensors": [damaged_bytes, damaged_header],
}
"""How the files of each ending are damaged; others byte by byte."""


def outcome_of(use: Callable[[], Any]) -> tuple[str, Any]:
    """Return what something returns, or the message if it is refused, in one line, soon and in little memory."""
    memory, start = _peak_megabytes(), time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome = ("read", use())
    except SeqkitError as error:
        outcome = ("refused", str(error))
    assert time.process_time() - start < SECONDS
    assert _peak_megabytes() - memory < MEGABYTES
    if outcome[0] == "refused":
        assert outcome[1].isprintable(), outcome
        outcome[1].encode()
    return outcome


def check_load(task: str, run: Path, *, verify: bool) -> tuple[str, Any]:
    """Load a run and predict; return whether it was read, and the answers or the message."""
    return outcome_of(lambda: predicted(task, seqkit.load(run, device="cpu", verify=verify)))


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
