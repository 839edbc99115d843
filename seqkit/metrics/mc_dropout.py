"""Monte Carlo dropout: what a model's samples of a probability say about it (Gal and Ghahramani 2016).

Shapes: C copies of an example, each read under a dropout of its own.
"""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["SHARE", "Samples", "summary"]

SHARE = 0.95  # of the samples lie in an interval


class Samples(NamedTuple):
    """The mean of samples, their standard deviation, and the bounds between which ``SHARE`` of them lie."""

    mean: Tensor
    spread: Tensor
    low: Tensor
    high: Tensor


def summary(samples: Tensor, dim: int) -> Samples:
    """What the samples along a dimension of a tensor say; each part is the tensor without it.

    >>> [round(float(value), 3) for value in summary(torch.linspace(0, 1, 101), 0)]
    [0.5, 0.292, 0.025, 0.975]
    """
    samples = samples.double()
    bounds = torch.tensor([(1 - SHARE) / 2, (1 + SHARE) / 2], dtype=samples.dtype, device=samples.device)
    low, high = samples.quantile(bounds, dim=dim)
    return Samples(samples.mean(dim), samples.std(dim, correction=0), low, high)
