"""Weights of the training loss that grow toward the end of a series.

Shapes: X any dimensions.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from seqkit.errors import ConfigError

__all__ = ["RECENCY", "recency_weights"]

GROWTH = 3.0  # the exponential weight of the last point is e³ ≈ 20 times that of the first


def recency_weights(kind: str, positions_X: Tensor, lengths_X: Tensor) -> Tensor:
    """Return the weights of points by their positions in their series.

    With t from 0 at the first point of a series to 1 at the last, weights are

    - ``none``: 1;
    - ``linear``: from 0.5 to 1, proportional to 0.5 + 0.5 t;
    - ``exponential``: proportional to e^{3t}.

    The mean over the points of each series is 1, so the loss keeps its size and every series its share.

    Args:
        kind: a name in ``RECENCY``.
        positions_X: positions, from 0 on.
        lengths_X: the lengths of the series that the positions are in, at least 1; broadcast to the positions.

    Returns:
        Weights (X), float64.

    Raises:
        ConfigError: the table has no such kind.

    >>> recency_weights("linear", torch.arange(3), torch.tensor(3)).tolist()
    [0.6666666666666666, 1.0, 1.3333333333333333]
    """
    if kind not in RECENCY:
        raise ConfigError(f"recency must be one of {', '.join(RECENCY)}, not {kind!r}")
    return RECENCY[kind](positions_X.double(), lengths_X.double())


def _none(positions_X: Tensor, lengths_X: Tensor) -> Tensor:
    return torch.ones_like(positions_X * lengths_X)


def _linear(positions_X: Tensor, lengths_X: Tensor) -> Tensor:
    mean_X = torch.where(lengths_X > 1, 0.75, 0.5)
    return (0.5 + 0.5 * positions_X / (lengths_X - 1).clamp(min=1)) / mean_X


def _exponential(positions_X: Tensor, lengths_X: Tensor) -> Tensor:
    """Return e^{rate · position}, divided by its mean, which is that of a geometric series."""
    rate_X = GROWTH / (lengths_X - 1).clamp(min=1)
    return (rate_X * positions_X).exp() * lengths_X * rate_X.expm1() / (rate_X * lengths_X).expm1()


# Functions of positions and lengths, both float64.
RECENCY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "none": _none,
    "linear": _linear,
    "exponential": _exponential,
}
