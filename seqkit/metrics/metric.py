"""How a score compares with another, and how it is printed."""

import math

__all__ = [
    "is_better",
    "shown",
    "worst",
]

SURPRISES = ("perplexity", "nats", "bits", "loss")
"""How the names of scores end or begin that are lower where a model is better; all others are shares of 1."""


def _is_surprise(metric: str) -> bool:
    return any(word in SURPRISES for word in metric.split("_"))


def worst(metric: str) -> float:
    """What any score is better than.

    >>> worst("f1"), worst("perplexity")
    (-inf, inf)
    """
    return math.inf if _is_surprise(metric) else -math.inf


def is_better(metric: str, score: float, other: float) -> bool:
    """Whether a score is better than another: higher, or lower where it counts surprise.

    >>> is_better("f1", 0.9, 0.8), is_better("perplexity", 90.0, 80.0)
    (True, False)
    """
    return score < other if _is_surprise(metric) else score > other


def shown(metric: str, score: float) -> str:
    """A score as people read it: a share in per cent, surprise as it is.

    >>> shown("f1", 0.84321), shown("perplexity", 4.3751), shown("perplexity", 112.4)
    ('84.32 %', '4.375', '112.4')
    """
    if not _is_surprise(metric):
        return f"{100 * score:.2f} %"
    return f"{score:#.4g}" if score < 1e4 else f"{score:,.0f}"
