"""Precision, recall and F1 of ranges of alarms (Tatbul et al. 2018).

A range of anomalous points is found in part if some of its points raise an alarm, and once more for that it was found
at all. Several alarms for one range count less than one alarm that lasts.

Alarms are not adjusted to the labels first, as the point-adjusted F1 does; ``anomaly_scores`` says why.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqkit.errors import ConfigError
from seqkit.metrics.anomaly_scores import Flags, Floats, Integers, checked_scores, label_ranges

__all__ = ["BIASES", "RangeScores", "best_range_scores", "range_scores"]

THRESHOLDS = 100

# The weight of each point of a range, given its position 1, 2, …, length, and the length of the range.
BIASES: dict[str, Callable[[Integers, Integers], Floats]] = {
    "flat": lambda position, length: np.ones(len(position)),
    "front": lambda position, length: (length - position + 1).astype(np.float64),
    "middle": lambda position, length: np.minimum(position, length - position + 1).astype(np.float64),
    "back": lambda position, length: position.astype(np.float64),
}


@dataclass(frozen=True)
class RangeScores:
    """Scores of alarms.

    Attributes:
        precision: the mean over ranges of alarms; 0 if there is none.
        recall: the mean over ranges of anomalous points; NaN if there is none.
        f1: their harmonic mean; 0 if both are 0, NaN if the recall is.
        threshold: the score from which a point raises an alarm, if thresholds were tried.
    """

    precision: float
    recall: float
    f1: float
    threshold: float | None = None


def range_scores(
    labels: npt.ArrayLike, alarms: npt.ArrayLike, *, alpha: float = 0.0, bias: str = "flat"
) -> RangeScores:
    """Score ranges of alarms (Tatbul et al. 2018, equations 1 to 9).

    The recall of a range R, with the ranges of alarms that overlap it, is ::

        α · [R has an alarm] + (1 − α) · (weight of its points that raise an alarm) / (number of these ranges)

    where the weights of the points of R sum to 1. Precision is the same with the roles exchanged and α = 0. The
    defaults are those of the paper: α = 0, points weigh alike (flat bias), and the cardinality factor is 1/x. TSB-AD
    takes α = 0.2.

    Args:
        labels: whether each point is anomalous (N).
        alarms: whether each point raises an alarm (N).
        alpha: how much it counts that a range was found at all, in 0..1.
        bias: which points of a range weigh more, in recall: ``flat``, ``front``, ``middle`` or ``back``. Precision is
            flat.

    Raises:
        ConfigError: alpha or bias is not one of these, or the lengths differ.

    >>> range_scores([0, 1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0, 1, 0])
    RangeScores(precision=0.5, recall=0.5, f1=0.5, threshold=None)
    """
    if not 0 <= alpha <= 1:
        raise ConfigError(f"alpha must be from 0 to 1, not {alpha}")
    if bias not in BIASES:
        raise ConfigError(f"no bias is named {bias!r}: choose from {', '.join(BIASES)}")
    labels_N, _ = checked_scores(labels, np.asarray(alarms, dtype=np.float64))
    alarms_N = np.asarray(alarms).astype(np.bool_)
    recall = _recall(labels_N, alarms_N, alpha, bias)
    precision = _recall(alarms_N, labels_N, 0.0, "flat") if alarms_N.any() else 0.0
    total = precision + recall
    return RangeScores(precision, recall, 2 * precision * recall / total if total else total)


def best_range_scores(
    labels: npt.ArrayLike, scores: npt.ArrayLike, *, alpha: float = 0.0, thresholds: int = THRESHOLDS
) -> RangeScores:
    """Return the scores at the threshold with the highest F1: what a detector could reach, if the labels were known.

    Points above the threshold raise an alarm. The thresholds are equidistant from the lowest to the highest score, as
    in TSB-AD.

    Args:
        labels: whether each point is anomalous (N).
        scores: the score of each point (N), higher is stranger.
        alpha: as in :func:`range_scores`.
        thresholds: how many to try.

    Raises:
        ConfigError: a score is NaN or infinite, or the lengths differ.

    >>> best_range_scores([0, 1, 1, 0], [0.1, 0.8, 0.9, 0.2]).f1
    1.0
    """
    labels_N, scores_N = checked_scores(labels, scores)
    if not np.isfinite(scores_N).all():
        raise ConfigError("a score is infinite: thresholds between the lowest and the highest score do not exist")
    if not labels_N.any():
        return RangeScores(0.0, float("nan"), float("nan"))
    tried = [
        (threshold, range_scores(labels_N, scores_N > threshold, alpha=alpha))
        for threshold in np.linspace(scores_N.min(), scores_N.max(), thresholds).tolist()
    ]
    threshold, best = max(tried, key=lambda each: each[1].f1)
    return RangeScores(best.precision, best.recall, best.f1, threshold)


def _recall(real: Flags, found: Flags, alpha: float, bias: str) -> float:
    """Return the mean over the real ranges of how well each is found; NaN if there is no real range."""
    starts, ends = label_ranges(real)
    if not len(starts):
        return float("nan")
    other_starts, other_ends = label_ranges(found)
    # Of the other ranges, those that end before this one starts, and those that start after it ends, do not overlap.
    overlapping = np.searchsorted(other_starts, ends, side="right") - np.searchsorted(other_ends, starts, side="left")
    lengths = ends - starts + 1
    bounds = np.cumsum(lengths) - lengths
    sizes = np.repeat(lengths, lengths)
    weights = BIASES[bias](np.arange(1, lengths.sum() + 1) - np.repeat(bounds, lengths), sizes)
    overlap = np.add.reduceat(weights * found[real], bounds) / np.add.reduceat(weights, bounds)
    rewards = alpha * (overlapping > 0) + (1 - alpha) * overlap / np.maximum(overlapping, 1)
    return float(rewards.mean())
