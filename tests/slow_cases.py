"""Cases of a parametrized test of which only the first ones run every time."""

from collections.abc import Iterable
from typing import Any

import pytest

__all__ = ["rest_slow"]


def rest_slow(values: Iterable[Any], usual: int = 1) -> list[Any]:
    """Return values as cases of a test; all but the first ones are marked as slow.

    >>> [len(case.marks) if isinstance(case, type(pytest.param(0))) else 0 for case in rest_slow("abc")]
    [0, 1, 1]
    """
    cases = list(values)
    return [*cases[:usual], *(pytest.param(case, marks=pytest.mark.slow) for case in cases[usual:])]
