"""Where tensors live and in what precision they are multiplied."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from seqkit.errors import ConfigError
from seqkit.training.memory import keep_freed_memory

__all__ = ["Device", "Engine", "Precision"]

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A device and a precision.

    >>> Engine.open("cpu").device
    device(type='cpu')
    """

    device: torch.device
    precision: Literal["float32", "bfloat16"] = "float32"

    @classmethod
    def open(cls, device: Device = "auto", precision: Precision = "auto") -> "Engine":
        """The engine for a device. On a CPU, freed memory is kept from now on (see ``keep_freed_memory``).

        Args:
            device: ``auto`` takes a GPU where there is one.
            precision: ``auto`` is bfloat16 autocast on a GPU that has it, float32 elsewhere.

        Raises:
            ConfigError: where the device is not there, naming those that are; or no such precision.
        """
        available = ["cpu"]
        if torch.cuda.is_available():
            available.insert(0, "cuda")
        if torch.backends.mps.is_available():
            available.insert(0, "mps")
        name = available[0] if device == "auto" else device
        if name not in available:
            raise ConfigError(f"device {name!r} is not available here; there is {', '.join(available)}")
        if precision not in get_args(Precision):
            raise ConfigError(f"no precision {precision!r}; choose from {', '.join(get_args(Precision))}")
        if precision == "auto":
            precision = "bfloat16" if name == "cuda" and torch.cuda.is_bf16_supported() else "float32"
        if name == "cpu":
            keep_freed_memory()
        return cls(device=torch.device(name), precision=precision)

    def autocast(self) -> AbstractContextManager[None]:
        """The context that forward passes run in."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16")
