"""The memory of this process, and whether it stays flat."""

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from seqkit.training.memory import release_freed_memory

__all__ = ["CAN_MEASURE", "growth", "resident_megabytes"]

CAN_MEASURE = sys.platform == "linux"


def resident_megabytes() -> float:
    """Return how many megabytes of this process are in memory, without what is free but not yet given back."""
    gc.collect()
    release_freed_memory()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def growth(before: float, after: Sequence[float]) -> float:
    """Return by which fraction the memory has grown since ``before``, at the least of the last measurements.

    >>> growth(100.0, [120.0, 101.0, 103.0])
    0.01
    """
    return round(min(after) / before - 1, 6)
