"""Control what the C library does with freed memory, and how many kernels oneDNN keeps."""

import ctypes
import os
import platform
from functools import cache

__all__ = ["keep_few_kernels", "keep_freed_memory", "release_freed_memory"]

# Names and numbers of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_MEGABYTE = 2**20

_KERNELS = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"


@cache
def keep_freed_memory() -> bool:
    """Let the C library keep up to 256 MB of freed memory for the next tensors; return whether it does so.

    Each training step allocates and frees the same megabytes. By default, glibc returns them to the operating system
    every time, and every page has to be mapped and cleared again. On two cores of a virtual machine this took a quarter
    of a tagger's training time. Environment variables for the same purpose (``MALLOC_TRIM_THRESHOLD_`` and the like)
    take precedence. With other C libraries, nothing happens. Only the first call has an effect.

    >>> keep_freed_memory() in (True, False)
    True
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_M_MMAP_THRESHOLD, 32), (_M_TRIM_THRESHOLD, 256), (_M_TOP_PAD, 16))
    return all(mallopt(setting, megabytes * _MEGABYTE) == 1 for setting, megabytes in settings)


def keep_few_kernels() -> None:
    """Let oneDNN keep the last 128 kernels instead of 1024.

    oneDNN makes a kernel for each shape of a batch that an LSTM or GRU reads. Texts of many lengths have so many shapes
    that a process that predicts for hours would grow by hundreds of megabytes. To make a kernel again takes some
    milliseconds. The environment variable of the same purpose (``ONEDNN_PRIMITIVE_CACHE_CAPACITY``) takes precedence.
    There is no effect if PyTorch has used oneDNN in this process before.

    >>> keep_few_kernels()
    """
    os.environ.setdefault(_KERNELS, "128")


def release_freed_memory() -> None:
    """Return all freed memory to the operating system, if the C library can.

    The process keeps as much memory as its largest batch needed. Returning it between large chunks of work costs a few
    per cent of the time.

    >>> release_freed_memory()
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
