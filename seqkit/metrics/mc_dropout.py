"""Monte Carlo dropout: the mean, the spread and an interval of sampled probabilities (Gal and Ghahramani 2016).

Samples come from reading an example several times, each time under another dropout mask.
"""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["COVERAGE", "SampleSummary", "summary"]

COVERAGE = 0.95  # share of the samples that lie within an interval


class SampleSummary(NamedTuple):
    """Statistics of samples.

    Attributes:
        mean: their mean.
        spread: their standard deviation.
        low: lower end of the central interval that holds ``COVERAGE`` of them.
        high: its upper end.
    """

    mean: Tensor
    spread: Tensor
    low: Tensor
    high: Tensor


def summary(samples: Tensor, dim: int) -> SampleSummary:
    """Summarize samples along a dimension; each result is a float64 tensor without that dimension.

    >>> [round(float(value), 3) for value in summary(torch.linspace(0, 1, 101), 0)]
    [0.5, 0.292, 0.025, 0.975]
    """
    samples = samples.double()
    ends = torch.tensor([(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], dtype=samples.dtype, device=samples.device)
    low, high = samples.quantile(ends, dim=dim)
    return SampleSummary(samples.mean(dim), samples.std(dim, correction=0), low, high)
