"""The device and the precision that a model computes in."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from seqkit.errors import ConfigError, setting_ref
from seqkit.training.forks import survive_forks
from seqkit.training.memory import keep_few_kernels, keep_freed_memory

__all__ = ["Device", "DeviceName", "Precision"]

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device and a precision.

    >>> Device.open("cpu").torch_device
    device(type='cpu')
    """

    torch_device: torch.device
    precision: Literal["float32", "bfloat16"] = "float32"

    @classmethod
    def open(cls, name: DeviceName = "auto", precision: Precision = "auto") -> "Device":
        """Return a device, and set up the process for it.

        From now on, models can be used in processes that are forked from this one (see ``survive_forks``). On a CPU,
        the process keeps freed memory (see ``keep_freed_memory``), but few kernels (see ``keep_few_kernels``). On a
        CUDA GPU, cuDNN computes float32 as float32. By default it rounds the factors of products to TF32, with 10 bits
        of precision, so that a GPU and a CPU would not predict the same probabilities.

        Training on a GPU is not reproducible to the bit, because some gradients are sums of numbers added in no fixed
        order; a resumed training comes as close to an undisturbed one as a second run would.

        Args:
            name: the device; ``auto`` takes a GPU if there is one.
            precision: ``bfloat16`` runs forward passes under autocast, with recurrent layers that compute in bfloat16
                and carry their state in float32; ``auto`` uses it on a CUDA GPU that supports it.

        Raises:
            ConfigError: if the device is not available, the precision does not exist, or the CPU has no instructions
                for it.
        """
        available = ["cpu"]
        if torch.cuda.is_available():
            available.insert(0, "cuda")
        if torch.backends.mps.is_available():
            available.insert(0, "mps")
        chosen = available[0] if name == "auto" else name
        if chosen not in available:
            raise ConfigError(f"device {chosen!r} is not available here; available: {', '.join(available)}")
        if precision not in get_args(Precision):
            raise ConfigError(f"unknown precision {precision!r}; choose from {', '.join(get_args(Precision))}")
        if precision == "auto":
            precision = "bfloat16" if chosen == "cuda" and torch.cuda.is_bf16_supported() else "float32"
        survive_forks()
        if chosen == "cpu":
            if precision == "bfloat16" and not cpu_has_bfloat16():
                float32 = setting_ref("precision", "float32")
                raise ConfigError(f"this CPU has no instructions for bfloat16; choose {float32}")
            keep_freed_memory()
            keep_few_kernels()
        if chosen == "cuda":
            torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]
            torch.backends.cudnn.rnn.fp32_precision = "ieee"  # type: ignore[attr-defined]
        return cls(torch_device=torch.device(chosen), precision=precision)

    def autocast(self) -> AbstractContextManager[None]:
        """Return the context in which forward passes run."""
        return torch.autocast(self.torch_device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16")

    @contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        """Seed PyTorch within a block; the caller's random state is restored afterwards.

        On a CPU, the random state of GPUs is neither changed nor asked for, which a forked process could not do.

        >>> with Device.open("cpu").seeded(1):
        ...     first = torch.rand(())
        >>> with Device.open("cpu").seeded(1):
        ...     bool(torch.rand(()) == first)
        True
        """
        with torch.random.fork_rng(devices=None if self.torch_device.type == "cuda" else []):
            if self.torch_device.type == "cpu":
                torch.default_generator.manual_seed(seed)
            else:
                torch.manual_seed(seed)
            yield


def cpu_has_bfloat16() -> bool:
    """Return whether this CPU can run recurrent layers in bfloat16; oneDNN can only with AVX-512 or AMX.

    >>> cpu_has_bfloat16() in (True, False)
    True
    """
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
