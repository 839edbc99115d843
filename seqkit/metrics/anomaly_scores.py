"""Scores of anomaly scores that need no threshold: AUC-PR, and the volumes under the surface.

A detector gives each point a score, higher is stranger. VUS-PR (Paparrizos et al. 2022) tolerates that a range of
anomalies is found some points early or late, and rewards the finding of each range; Liu & Paparrizos (2024, TSB-AD)
found it the most reliable score of many. The point-adjusted F1, which is popular with neural detectors, is left out on
purpose: it counts a whole range as found as soon as one of its points is, so that random scores reach the values that
are published for good detectors (Kim et al. 2022).

Alarms at a threshold are scored in ``range_scores``, and as the Numenta benchmark does in ``nab_score``.

Shapes: N points, R ranges of anomalous points, T thresholds.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqkit.errors import ConfigError

__all__ = ["Surface", "average_precision", "checked_scores", "label_ranges", "vus", "vus_pr", "vus_roc"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

WINDOW = 100
THRESHOLDS = 250


@dataclass(frozen=True)
class Surface:
    """The volumes under the surfaces that precision-recall and ROC curves form over the window.

    Attributes:
        pr: VUS-PR in 0..1; NaN if no point is anomalous.
        roc: VUS-ROC in 0..1; NaN if no point is anomalous or all are.
    """

    pr: float
    roc: float


def average_precision(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Return the area under the precision-recall curve, as average precision: Σ (recall_t − recall_{t−1}) precision_t.

    Each distinct score is a threshold: points with equal scores raise an alarm together. Constant scores have the share
    of anomalous points as their average precision. scikit-learn's ``average_precision_score`` computes the same.

    Args:
        labels: whether each point is anomalous (N).
        scores: the score of each point (N), higher is stranger.

    Returns:
        A number in 0..1; NaN if no point is anomalous, because recall is not defined then.

    Raises:
        ConfigError: a score is NaN, or the lengths differ.

    >>> average_precision([False, True, False, True], [0.1, 0.9, 0.6, 0.4])
    0.8333333333333333
    """
    labels_N, scores_N = checked_scores(labels, scores)
    if not labels_N.any():
        return float("nan")
    order = np.argsort(-scores_N, kind="stable")
    ordered = scores_N[order]
    ends = np.flatnonzero(np.concatenate([ordered[1:] != ordered[:-1], [True]]))
    found = np.cumsum(labels_N[order])[ends]
    precision = found / (ends + 1)
    return float(np.diff(found, prepend=0) @ precision / found[-1])


def vus_pr(labels: npt.ArrayLike, scores: npt.ArrayLike, window: int = WINDOW) -> float:
    """Return VUS-PR; see :func:`vus`.

    >>> vus_pr([False] * 50 + [True] * 5 + [False] * 45, [0.0] * 50 + [1.0] * 5 + [0.0] * 45, window=0) > 0.99
    True
    """
    return vus(labels, scores, window).pr


def vus_roc(labels: npt.ArrayLike, scores: npt.ArrayLike, window: int = WINDOW) -> float:
    """Return VUS-ROC; see :func:`vus`.

    >>> vus_roc([False, True, False, False], [0.0, 1.0, 0.0, 0.0], window=0)
    1.0
    """
    return vus(labels, scores, window).roc


def vus(labels: npt.ArrayLike, scores: npt.ArrayLike, window: int = WINDOW, thresholds: int = THRESHOLDS) -> Surface:
    """Return the volumes under the precision-recall and the ROC surface (Paparrizos et al. 2022, sections 4 and 5).

    For each width w from 0 to ``window``, labels are made continuous: the ⌊w/2⌋ points on both sides of a range, at
    distance d from it, get the label √(1 − d/w); labels that overlap add up to at most 1. For each threshold, with l
    the labels of the points that raise an alarm, n their number, and P the number of anomalous points::

        TP = Σ l
        P' = P + ½ Σ l of points outside the ranges
        recall = min(TP / P', 1) · share of ranges with an alarm (ranges that meet when widened are one)
        precision = TP / n
        false positive rate = (n − TP) / (N − P')

    The area under the curve over the thresholds is a sum of steps for precision and recall, and of trapezoids for ROC;
    the volume is the mean of the areas over the widths. The thresholds are scores at equal distances in their order.
    The definition, and so the result, is that of the TSB-AD package 1.5. As there, a recall that is lower at a lower
    threshold counts negatively.

    Only the points near a range and the order of the scores matter, so that sums over points are counts by threshold:
    O(thresholds + points near ranges) a width.

    Args:
        labels: whether each point is anomalous (N).
        scores: the score of each point (N), higher is stranger.
        window: the largest width in points. TSB-AD takes the dominant period of the series.
        thresholds: the number of thresholds.

    Returns:
        Both volumes.

    Raises:
        ConfigError: a score is NaN, the lengths differ, the window is negative, or there is no threshold.

    >>> labels, scores = np.arange(100) // 5 == 10, np.arange(100) // 5 == 10
    >>> late = np.roll(scores, 2)
    >>> vus(labels, scores, window=0).pr == 1.0, vus(labels, late, 20).pr > vus(labels, late, 0).pr
    (True, True)
    """
    labels_N, scores_N = checked_scores(labels, scores)
    if window < 0 or thresholds < 1:
        raise ConfigError(f"a window of {window} points and {thresholds} thresholds: at least 0 and 1")
    if not labels_N.any():
        return Surface(float("nan"), float("nan"))
    surface = _Widened(labels_N, scores_N, window, thresholds)
    areas = np.array([surface.areas(width) for width in range(window + 1)])
    pr, roc = areas.mean(0).tolist()
    return Surface(pr, float("nan") if labels_N.all() else roc)


def checked_scores(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Flags, Floats]:
    """Return labels and scores as arrays.

    Raises:
        ConfigError: a score is NaN, or the lengths differ.
    """
    labels_N, scores_N = np.asarray(labels).astype(np.bool_), np.asarray(scores, dtype=np.float64)
    if labels_N.ndim != 1 or labels_N.shape != scores_N.shape:
        raise ConfigError(f"labels of shape {labels_N.shape} and scores of shape {scores_N.shape}: one of each a point")
    unknown = np.flatnonzero(np.isnan(scores_N))
    if len(unknown):
        raise ConfigError(f"the score of point {unknown[0]} is NaN")
    return labels_N, scores_N


def label_ranges(labels: Flags) -> tuple[Integers, Integers]:
    """Return the first and the last point of each range of anomalous points.

    >>> [each.tolist() for each in label_ranges(np.array([True, False, True, True]))]
    [[0, 2], [0, 3]]
    """
    edges = np.diff(labels.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1


class _Widened:
    """The areas under the curves for any width of the labels.

    Args:
        labels: whether each point is anomalous (N).
        scores: the score of each point (N).
        window: the largest width.
        thresholds: their number, T.
    """

    def __init__(self, labels: Flags, scores: Floats, window: int, thresholds: int) -> None:
        self.starts, self.ends = label_ranges(labels)
        self.points, self.positives, self.thresholds = len(labels), int(labels.sum()), thresholds
        positions_T = np.linspace(0, len(scores) - 1, thresholds).astype(np.int64)
        thresholds_T = -np.sort(-scores)[positions_T]
        # The first threshold at which a point raises an alarm; thresholds descend.
        self.first_N = np.searchsorted(-thresholds_T, -scores, side="left")
        self.alarms_T = self._by_threshold(self.first_N)
        self.found_T = self._by_threshold(self.first_N[labels])
        self.nearby, self.distances = self._near(labels, window // 2)
        self.near_points, self.near_index = np.unique(self.nearby, return_inverse=True)

    def _by_threshold(self, first: Integers, weights: Floats | None = None) -> Floats:
        """Return the number of points, or the sum of their weights, that raise an alarm at each threshold (T)."""
        counts = np.bincount(first, weights=weights, minlength=self.thresholds + 1)
        return np.cumsum(counts[: self.thresholds]).astype(np.float64)

    def _near(self, labels: Flags, reach: int) -> tuple[Integers, Integers]:
        """Return the normal points that are near a range, once for each range and side, and their distances to it."""
        distances = np.arange(1, reach + 1)
        sides = [(self.ends[:, None] + distances).ravel(), (self.starts[:, None] - distances).ravel()]
        points, every = np.concatenate(sides), np.tile(distances, 2 * len(self.ends))
        inside = (points >= 0) & (points < self.points)
        points, every = points[inside], every[inside]
        outside_ranges = ~labels[points]
        return points[outside_ranges], every[outside_ranges]

    def areas(self, width: int) -> tuple[float, float]:
        """Return the areas under the precision-recall and the ROC curve for one width."""
        partly_T = self._partial(width)
        true_T = self.found_T + partly_T
        positives_T = self.positives + partly_T / 2
        recall_T = np.minimum(true_T / positives_T, 1) * self._existence(width)
        precision_T = true_T / self.alarms_T
        pr = float(np.diff(recall_T, prepend=0) @ precision_T)
        if self.positives == self.points:
            return pr, 0.0
        false_T = (self.alarms_T - true_T) / (self.points - positives_T)
        x, y = (np.concatenate([[0.0], each, [1.0]]) for each in (false_T, recall_T))
        return pr, float(np.diff(x) @ (y[1:] + y[:-1]) / 2)

    def _partial(self, width: int) -> Floats:
        """Return the sum of the labels of normal points that raise an alarm at each threshold (T)."""
        reached = self.distances <= width // 2
        if not reached.any():
            return np.zeros(self.thresholds)
        labels = np.sqrt(1 - self.distances[reached] / width)
        added = np.bincount(self.near_index[reached], weights=labels, minlength=len(self.near_points))
        return self._by_threshold(self.first_N[self.near_points], np.minimum(added, 1.0))

    def _existence(self, width: int) -> Floats:
        """Return the share of widened ranges in which a point raises an alarm at each threshold (T)."""
        reach = width // 2
        apart = self.ends[:-1] + reach < self.starts[1:] - reach
        starts = np.maximum(self.starts[np.concatenate([[True], apart])] - reach, 0)
        ends = np.minimum(self.ends[np.concatenate([apart, [True]])] + reach, self.points - 1)
        padded = np.append(self.first_N, self.thresholds)  # so that the end of the last range is an index
        firsts = np.minimum.reduceat(padded, np.stack([starts, ends + 1], axis=1).ravel())[::2]
        return self._by_threshold(firsts) / len(starts)
