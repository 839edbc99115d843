"""Models in processes that are forked, as by ``multiprocessing``, ``datasets`` and servers such as gunicorn."""

import os
import sys
from functools import cache

import torch

__all__ = ["survive_forks"]

_PARALLELISM = "TOKENIZERS_PARALLELISM"


@cache
def survive_forks() -> None:
    """Let the models of this process be used in processes that are forked from it; the second call does nothing.

    A fork copies only one thread of a process. In the child, PyTorch would wait forever for the threads that have
    computed in the parent, so the child computes in one thread; ``torch.set_num_threads`` gives it threads of its own.
    The ``tokenizers`` library likewise uses no threads in the child, and prints no warning about it.

    >>> survive_forks()
    """
    if sys.platform == "win32":
        return
    added = False

    def before() -> None:  # tokenizers reads the variable during the fork; if it is not set, the child prints a warning
        nonlocal added
        added = _PARALLELISM not in os.environ
        os.environ.setdefault(_PARALLELISM, "false")

    def after_in_parent() -> None:
        if added:
            os.environ.pop(_PARALLELISM, None)

    def after_in_child() -> None:
        torch.set_num_threads(1)

    os.register_at_fork(before=before, after_in_parent=after_in_parent, after_in_child=after_in_child)
