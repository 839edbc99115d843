"""What ``run.json`` contains: its format version, the migrations from earlier ones, and checksums of all files.

``sha256`` in ``run.json`` has the SHA-256 of each file of the run by its path, and under ``run.json`` that of
``run.json`` itself without this entry. While a file is being replaced, there are two: a process that is killed then
leaves either.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

__all__ = [
    "FORMAT_VERSION",
    "MIGRATIONS",
    "RUN_FILE",
    "checksum",
    "header_fault",
    "is_intact",
    "migrated",
    "sealed",
    "to_json",
]

RUN_FILE = "run.json"
_KINDS: dict[str, type] = {
    "task": str,
    "settings": dict,
    "corpus": dict,
    "versions": dict,
    "files": list,
    "sha256": dict,
    "seed": int,
}


def _without_checksums(run: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had no checksums: the files are read as they are."""
    return {"sha256": {}, **run}


# For each earlier format version, what makes a run of it one of the next version.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _without_checksums}
FORMAT_VERSION = max(MIGRATIONS) + 1


def migrated(run: object) -> dict[str, Any] | None:
    """Return the content of ``run.json`` in the present version; None if it has a version that cannot be read.

    >>> migrated({"format_version": 1, "task": "ner"})
    {'sha256': {}, 'format_version': 2, 'task': 'ner'}
    >>> [migrated({"format_version": version}) for version in (True, "1", 1.0, 99)]
    [None, None, None, None]
    """
    version = run.get("format_version") if isinstance(run, dict) else None
    if (
        not isinstance(run, dict)
        or type(version) is not int
        or not (version == FORMAT_VERSION or version in MIGRATIONS)
    ):
        return None
    while version < FORMAT_VERSION:
        run, version = MIGRATIONS[version](run), version + 1
    return {**run, "format_version": version}


def header_fault(run: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the kinds of values in ``run.json``; None if nothing is.

    >>> header_fault({"task": "ner", "settings": []})
    "'settings' is not an object"
    """
    for name, kind in _KINDS.items():
        if name in run and (not isinstance(run[name], kind) or isinstance(run[name], bool)):
            return f"{name!r} is not {_JSON_NAMES[kind]}"
    if not all(isinstance(name, str) for name in run.get("files", [])):
        return "'files' has something else than names"
    return None


_JSON_NAMES = {str: "a text", dict: "an object", list: "a list", int: "a whole number"}


def checksum(data: bytes) -> str:
    """Return the SHA-256 of a file's content.

    >>> checksum(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(data).hexdigest()


def sealed(run: Mapping[str, Any]) -> str:
    """Return the text of ``run.json`` with its own checksum, which ``is_intact`` checks.

    >>> is_intact(json.loads(sealed({"seed": 1})))
    True
    >>> is_intact(json.loads(sealed({"seed": 1}).replace("1,", "2,")))
    False
    """
    return to_json({**run, "sha256": {**run.get("sha256", {}), RUN_FILE: _own_checksum(run)}})


def is_intact(run: Mapping[str, Any]) -> bool:
    """Return whether ``run.json`` is as it was written."""
    sums = run.get("sha256")
    return isinstance(sums, dict) and sums.get(RUN_FILE) == _own_checksum(run)


def _own_checksum(run: Mapping[str, Any]) -> str:
    sums = {name: value for name, value in run.get("sha256", {}).items() if name != RUN_FILE}
    return checksum(json.dumps({**run, "sha256": sums}, sort_keys=True).encode())


def to_json(value: Any) -> str:
    """Return a value as the text of a JSON file; NaN and infinities raise ValueError.

    >>> to_json({"f1": 0.5})
    '{\\n "f1": 0.5\\n}\\n'
    """
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
