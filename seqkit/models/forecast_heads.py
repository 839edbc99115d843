"""Heads of a forecaster: a value, quantiles, or a distribution for each point.

Shapes: P numbers that the network returns for a point, Q quantiles; … any other dimensions.
"""

import math
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import huber_loss, softplus

from seqkit.errors import ConfigError

__all__ = ["MEDIAN", "QUANTILES", "ForecastHead", "make_head", "student_t_quantiles"]

QUANTILES = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
MEDIAN = QUANTILES.index(0.5)
NARROWEST = 1e-4  # the smallest spread of a distribution, in units of the scale


class ForecastHead(Protocol):
    """What a network forecasts.

    Attributes:
        outputs: the numbers P that the network returns for each point; zeros are a sensible forecast.
    """

    outputs: int

    def loss(self, outputs_P: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each point, given the outputs (…, P) and the true values (…)."""

    def quantiles(self, outputs_P: Tensor) -> Tensor:
        """Return the forecasts of ``QUANTILES`` (…, Q), which do not cross, given the outputs (…, P)."""


class PointHead:
    """A value, trained by the Huber loss (Huber 1964).

    Args:
        delta: the error at which the loss becomes linear; 0 is the absolute error.

    >>> PointHead(1.0).loss(torch.tensor([[0.5], [3.0]]), torch.zeros(2)).tolist()
    [0.125, 2.5]
    """

    outputs = 1

    def __init__(self, delta: float) -> None:
        self.delta = delta

    def loss(self, outputs_P: Tensor, targets: Tensor) -> Tensor:
        """Return the Huber loss, or the absolute error."""
        if self.delta == 0.0:
            return (outputs_P[..., 0] - targets).abs()
        return huber_loss(outputs_P[..., 0], targets, reduction="none", delta=self.delta)

    def quantiles(self, outputs_P: Tensor) -> Tensor:
        """Return the value for every quantile, since nothing is known of its spread."""
        return outputs_P.expand(*outputs_P.shape[:-1], len(QUANTILES))


class QuantileHead:
    """Quantiles, trained by the pinball loss (Koenker and Bassett 1978).

    The median is an output; the others are reached from it in positive steps, so that quantiles never cross.

    >>> found = QuantileHead().quantiles(torch.randn(5, 9))
    >>> bool((found.diff(dim=-1) > 0).all())
    True
    """

    outputs = len(QUANTILES)

    def loss(self, outputs_P: Tensor, targets: Tensor) -> Tensor:
        """Return twice the mean pinball loss of the quantiles, and that of the median again, with the same weight.

        Twice the pinball loss of the median is its absolute error, which is what scores measure most. Without it, the
        outer quantiles, whose errors are larger, decide what the network learns.
        """
        levels_Q = outputs_P.new_tensor(QUANTILES)
        errors_Q = targets[..., None] - self.quantiles(outputs_P)
        pinball_Q = 2 * torch.maximum(levels_Q * errors_Q, (levels_Q - 1) * errors_Q)
        return 0.5 * (pinball_Q.mean(-1) + pinball_Q[..., MEDIAN])

    def quantiles(self, outputs_P: Tensor) -> Tensor:
        """Return the quantiles."""
        median = outputs_P[..., MEDIAN : MEDIAN + 1]
        below = softplus(outputs_P[..., :MEDIAN]).flip(-1).cumsum(-1).flip(-1)
        above = softplus(outputs_P[..., MEDIAN + 1 :]).cumsum(-1)
        return torch.cat([median - below, median, median + above], dim=-1)


class GaussianHead:
    """A normal distribution, trained by its negative log-likelihood."""

    outputs = 2

    def loss(self, outputs_P: Tensor, targets: Tensor) -> Tensor:
        """Return the negative log-likelihood, in nats."""
        mean, deviation = outputs_P[..., 0], softplus(outputs_P[..., 1]) + NARROWEST
        return 0.5 * ((targets - mean) / deviation).square() + deviation.log() + 0.5 * math.log(2 * math.pi)

    def quantiles(self, outputs_P: Tensor) -> Tensor:
        """Return the quantiles of the distribution."""
        deviation = softplus(outputs_P[..., 1:]) + NARROWEST
        standard_Q: Tensor = torch.special.ndtri(outputs_P.new_tensor(QUANTILES))
        return outputs_P[..., :1] + deviation * standard_Q


class StudentTHead:
    """Student's t-distribution with more than two degrees of freedom, trained by its negative log-likelihood."""

    outputs = 3

    def loss(self, outputs_P: Tensor, targets: Tensor) -> Tensor:
        """Return the negative log-likelihood, in nats."""
        place, scale, freedom = self._parameters(outputs_P)
        half = 0.5 * (freedom + 1)
        constant = torch.lgamma(0.5 * freedom) - torch.lgamma(half) + 0.5 * (freedom * math.pi).log() + scale.log()
        return constant + half * (((targets - place) / scale).square() / freedom).log1p()

    def quantiles(self, outputs_P: Tensor) -> Tensor:
        """Return the quantiles of the distribution."""
        place, scale, freedom = (each[..., None] for each in self._parameters(outputs_P))
        return place + scale * student_t_quantiles(outputs_P.new_tensor(QUANTILES), freedom)

    @staticmethod
    def _parameters(outputs_P: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        place, scale, freedom = outputs_P.unbind(-1)
        return place, softplus(scale) + NARROWEST, softplus(freedom) + 2


def student_t_quantiles(levels_Q: Tensor, freedom: Tensor) -> Tensor:
    """Return quantiles of Student's t-distribution (Hill 1970, algorithm 396), to about three digits.

    Args:
        levels_Q: the levels, between 0 and 1.
        freedom: the degrees of freedom, at least 2; its shape and that of the levels are broadcast.

    >>> student_t_quantiles(torch.tensor([0.025, 0.5, 0.975]), torch.tensor([10.0]))
    tensor([-2.2281,  0.0000,  2.2281])
    """
    levels_Q, freedom = torch.broadcast_tensors(levels_Q.double(), freedom.double())
    tails = 2 * torch.minimum(levels_Q, 1 - levels_Q).clamp(min=1e-300)
    a = 1 / (freedom - 0.5)
    b = 48 / a.square()
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * (a * math.pi / 2).sqrt() * freedom
    far = (d * tails).pow(2 / freedom)
    # Near the centre: a correction of the normal quantile.
    x = torch.special.ndtri(tails / 2)
    c = c + torch.where(freedom < 5, 0.3 * (freedom - 4.5) * (x + 0.6), 0.0)
    c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
    square = x.square()
    near = (((((0.4 * square + 6.3) * square + 36) * square + 94.5) / c - square - 3) / b + 1) * x
    centre = torch.expm1(a * near.square())
    inner = ((freedom + 6) / (freedom * far) - 0.089 * d - 0.822) * (freedom + 2) * 3
    tail = ((1 / inner + 0.5 / (freedom + 4)) * far - 1) * (freedom + 1) / (freedom + 2) + 1 / far
    size = (freedom * torch.where(far > 0.05 + a, centre, tail)).clamp(min=0).sqrt()
    signed: Tensor = torch.where(levels_Q == 0.5, 0.0, torch.where(levels_Q < 0.5, -size, size))
    return signed.float()


def make_head(name: str, *, delta: float = 1.0) -> ForecastHead:
    """Return a head by its name.

    Args:
        name: ``point``, ``quantiles``, ``gaussian`` or ``student-t``.
        delta: as for the Huber loss of the head ``point``.

    Raises:
        ConfigError: if there is no such head.
    """
    heads: dict[str, ForecastHead] = {
        "point": PointHead(delta),
        "quantiles": QuantileHead(),
        "gaussian": GaussianHead(),
        "student-t": StudentTHead(),
    }
    if name not in heads:
        raise ConfigError(f"head must be one of {', '.join(heads)}, not {name!r}")
    return heads[name]
