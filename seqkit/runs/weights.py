"""Weights in safetensors files: what is in one is compared with what is needed before anything is allocated or read."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["Stored", "WeightsError", "allocation_limit", "check_finite", "check_match", "read_index"]

MAX_INDEX = 100_000_000  # bytes, the limit of the safetensors library
SLACK = 2**22  # numbers that a model may need besides its weights
_DTYPES = {
    "BOOL": (torch.bool, 1),
    "U8": (torch.uint8, 1),
    "I8": (torch.int8, 1),
    "I16": (torch.int16, 2),
    "I32": (torch.int32, 4),
    "I64": (torch.int64, 8),
    "F16": (torch.float16, 2),
    "BF16": (torch.bfloat16, 2),
    "F32": (torch.float32, 4),
    "F64": (torch.float64, 8),
}
_ALLOCATORS = frozenset(
    {
        *(torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.randint, torch.randperm),
        *(torch.arange, torch.linspace, torch.eye, torch.tril_indices, torch.triu_indices),
    }
)


class WeightsError(ValueError):
    """Weights that are damaged, or do not belong to the model."""


class Stored(NamedTuple):
    """What a safetensors file says of a tensor."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def numel(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


def read_index(file: IO[bytes]) -> dict[str, Stored]:
    """Return what is in a safetensors file, without reading it.

    Raises:
        WeightsError: if the file is not one, or its length is not the one that its tensors have.

    >>> import io
    >>> from safetensors.torch import save
    >>> read_index(io.BytesIO(save({"bias": torch.zeros(2)})))["bias"]
    Stored(dtype=torch.float32, shape=(2,))
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, MAX_INDEX):
        raise WeightsError("it is not a safetensors file, or was cut off")
    try:
        index = json.loads(file.read(length))
        stored, end = {}, 0
        entries = [(name, entry) for name, entry in index.items() if name != "__metadata__"]
        for name, entry in sorted(entries, key=lambda each: each[1]["data_offsets"]):
            stored[name], end = _entry(entry, end)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError, LookupError):
        raise WeightsError("its index of tensors cannot be read") from None
    if 8 + length + end != size:
        raise WeightsError(f"it has {size} bytes instead of {8 + length + end}")
    return stored


def _entry(entry: Mapping[str, Any], begin: int) -> tuple[Stored, int]:
    """Return what an entry of the index says, and where its data end; raise ValueError unless they begin there."""
    dtype, width = _DTYPES[entry["dtype"]]
    shape = tuple(entry["shape"])
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError
    end = begin + width * math.prod(shape)
    if list(entry["data_offsets"]) != [begin, end]:
        raise ValueError
    return Stored(dtype, shape), end


@contextmanager
def allocation_limit(stored: Mapping[str, Stored]) -> Iterator[None]:
    """Refuse within a block to create tensors that are many times larger than the stored ones.

    Raises:
        WeightsError: if the block creates too much, before the memory is taken.

    >>> with allocation_limit({"bias": Stored(torch.float32, (2,))}):
    ...     torch.empty(10**6, 10**6)
    Traceback (most recent call last):
    seqkit.runs.weights.WeightsError: the settings in run.json need far more than the 2 numbers that it has
    """
    with _Limit(sum(each.numel for each in stored.values())):
        yield


class _Limit(TorchFunctionMode):
    """Counts the elements of new tensors."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.numbers, self.left = numbers, 4 * numbers + SLACK

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        options = options or {}
        if function in _ALLOCATORS:
            about = {name: value for name, value in options.items() if name not in ("generator", "pin_memory")}
            self.left -= function(*arguments, **{**about, "device": "meta"}).numel()
            if self.left < 0:
                raise WeightsError(
                    f"the settings in run.json need far more than the {self.numbers:,} numbers that it has"
                )
        return function(*arguments, **options)


def check_match(expected: Mapping[str, Tensor], stored: Mapping[str, Stored]) -> None:
    """Make sure that stored tensors are those of a model.

    Raises:
        WeightsError: if a tensor is missing, unknown, or of another shape or dtype.

    >>> check_match({"bias": torch.zeros(3)}, {"bias": Stored(torch.float32, (2,))})
    Traceback (most recent call last):
    seqkit.runs.weights.WeightsError: size mismatch for bias: it has (2,), the settings and labels need (3,)
    """
    for name, tensor in expected.items():
        if name not in stored:
            raise WeightsError(f"it has no {name}")
        if stored[name].shape != tuple(tensor.shape):
            needed = f"the settings and labels need {tuple(tensor.shape)}"
            raise WeightsError(f"size mismatch for {name}: it has {stored[name].shape}, {needed}")
        if stored[name].dtype != tensor.dtype:
            raise WeightsError(f"{name} is {stored[name].dtype}, not {tensor.dtype}")
    if unknown := sorted(stored.keys() - expected.keys()):
        raise WeightsError(f"the model has no {unknown[0]}")


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Make sure that no number is NaN or infinite.

    Raises:
        WeightsError: if one is.

    >>> check_finite({"bias": torch.tensor([1.0, float("nan")])})
    Traceback (most recent call last):
    seqkit.runs.weights.WeightsError: bias has numbers that are NaN or infinite
    """
    for name, tensor in tensors.items():
        # The sum of finite numbers is nearly always finite; it needs no memory.
        if tensor.is_floating_point() and not math.isfinite(float(tensor.sum())) and not bool(tensor.isfinite().all()):
            raise WeightsError(f"{name} has numbers that are NaN or infinite")
