"""A fingerprint of prepared examples, by which a resumed training recognizes its data."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["fingerprint"]


def fingerprint(examples: object) -> str:
    """Return a checksum of all tensors, arrays, texts and numbers in a dataclass, however deep.

    >>> from seqkit.batches.token_store import TokenStore
    >>> one, other = (TokenStore(np.array(ids), characters=2, bytes=2) for ids in ([1, 2], [2, 1]))
    >>> fingerprint(one) == fingerprint(one), fingerprint(one) == fingerprint(other)
    (True, False)
    """
    digest = hashlib.sha256()
    _add(digest, examples)
    return digest.hexdigest()[:16]


def _add(digest: "_Hash", value: object) -> None:
    if isinstance(value, Tensor):
        digest.update(f"tensor {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    elif isinstance(value, np.ndarray):
        digest.update(f"array {value.dtype} {value.shape}".encode())
        digest.update(np.ascontiguousarray(value).view(np.uint8).data if value.size else b"")
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            _add(digest, getattr(value, each.name))
    elif isinstance(value, Mapping):
        _add(digest, list(value.items()))
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        _add_sequence(digest, value)
    elif value is None or isinstance(value, str | bytes | int | float | Enum):
        digest.update(f"{value!r};".encode(errors="surrogatepass"))
    else:
        digest.update(f"{type(value).__name__};".encode())


def _add_sequence(digest: "_Hash", values: Sequence[object]) -> None:
    digest.update(f"{len(values)} values;".encode())
    if all(type(value) in (str, int, float, bool) for value in values):  # in one go: there may be millions
        digest.update(repr(list(values)).encode(errors="surrogatepass"))
        return
    for value in values:
        _add(digest, value)
