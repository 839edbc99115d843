"""From residuals to scores and alarms: their spread, the time scales, and the threshold.

The distance of a point is the Mahalanobis distance of its residual e, the difference of its K values from those that
the model expects (Malhotra et al. 2015)::

    distance = √((e − μ)ᵀ Σ⁻¹ (e − μ))       with K = 1: |e − μ| / σ

A forecaster expects each point several times, from one point ahead to many, and has a residual for each of these J
horizons. The distance is then the least of theirs: an anomaly is one for every forecast, but what follows it is strange
only to the forecasts that were misled by it.

A strange hour is made of points that are each only a little strange. So the score is the mean of the distances on
several time scales, of the last 1, 10 and 100 points, each relative to what is usual on that scale (its 99 % quantile).

Shapes: N points, J horizons, K values of a point, S time scales.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from seqkit.data.series.panel import Floats

__all__ = ["Calibration", "RunningMean", "RunningScore", "smoothed", "tail_threshold"]

SMALLEST = 1e-3  # of a deviation of residuals, in deviations of the series: less is rounding or a constant series
USUAL = 0.99  # quantile of the distances on a time scale
TAIL = 0.1  # share of the scores to which the tail is fitted


@dataclass(frozen=True, eq=False)
class Calibration:
    """How residuals become scores, and which scores are alarms.

    Attributes:
        mean: the mean of the residuals (J, K).
        whitening: the matrices that make them uncorrelated, with variance 1 (J, K, K).
        spans: the number of points of each time scale (S).
        usual: the distance that is usual on each time scale (S).
        threshold: a score above it is an alarm.
    """

    mean: Floats
    whitening: Floats
    spans: tuple[int, ...] = (1,)
    usual: tuple[float, ...] = (1.0,)
    threshold: float = np.inf

    @classmethod
    def fitted(cls, residuals: Floats, width: int) -> Self:
        """Fit the spread of residuals.

        Args:
            residuals: residuals at all horizons (N, J·K); where one is NaN, those of that horizon are left out.
            width: number K of values of a point.

        >>> Calibration.fitted(np.array([[1.0], [3.0]]), width=1).distances(np.array([[4.0], [2.0]])).round(3).tolist()
        [2.0, 0.0]
        """
        fits = [_fit(part) for part in np.split(residuals, residuals.shape[1] // width, axis=1)]
        return cls(np.stack([mean for mean, _ in fits]), np.stack([whitening for _, whitening in fits]))

    def with_scales(self, distances: Sequence[Floats], longest: int) -> Self:
        """Return the calibration with time scales of 1, 10, 100, … points, up to the longest.

        Args:
            distances: the distances of the points of each series, from which it is learnt what is usual.
            longest: most points of a time scale; below 10, there is one scale, of single points.
        """
        spans = tuple(10**power for power in range(len(str(longest))))
        if len(spans) == 1:
            return self
        usual = []
        for span in spans:
            means = np.concatenate([smoothed(each, span) for each in distances])
            usual.append(max(float(np.quantile(means, USUAL)), SMALLEST))
        return replace(self, spans=spans, usual=tuple(usual))

    def distances(self, residuals: Floats) -> Floats:
        """Return the distance of each point (N); 0 where nothing was observed.

        Args:
            residuals: the residuals (N, J·K). Where only some values are NaN, these count as the mean.
        """
        residuals_NJK = residuals.reshape(len(residuals), *self.mean.shape)
        known_NJK = np.isfinite(residuals_NJK)
        centered_NJK = np.where(known_NJK, residuals_NJK - self.mean, 0.0)
        whitened_NJK = np.einsum("njk,jkl->njl", centered_NJK, self.whitening)
        distances_NJ = np.sqrt((whitened_NJK**2).sum(axis=2))
        least_N = np.where(known_NJK.any(axis=2), distances_NJ, np.inf).min(axis=1)
        known: Floats = np.where(np.isfinite(least_N), least_N, 0.0)
        return known

    def scores(self, distances: Floats) -> Floats:
        """Return the score of each point of a series by the distances of all its points (N)."""
        scales = [smoothed(distances, span) / usual for span, usual in zip(self.spans, self.usual, strict=True)]
        scores: Floats = np.mean(scales, axis=0)
        return scores

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON contains."""
        return {
            "mean": self.mean.tolist(),
            "whitening": self.whitening.tolist(),
            "spans": list(self.spans),
            "usual": list(self.usual),
            "threshold": self.threshold if np.isfinite(self.threshold) else None,
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Return the calibration of ``to_dict``."""
        return cls(
            np.array(saved["mean"], dtype=float),
            np.array(saved["whitening"], dtype=float),
            tuple(saved["spans"]),
            tuple(saved["usual"]),
            np.inf if saved["threshold"] is None else float(saved["threshold"]),
        )


class RunningScore:
    """The score of each point by the distances as they come: what :meth:`Calibration.scores` computes.

    Args:
        calibration: the calibration.
    """

    def __init__(self, calibration: Calibration) -> None:
        self._scales = [
            (RunningMean(span), usual) for span, usual in zip(calibration.spans, calibration.usual, strict=True)
        ]

    def update(self, distance: float) -> float:
        """Return the score of the point with the next distance."""
        return sum(mean.update(distance) / usual for mean, usual in self._scales) / len(self._scales)


def _fit(residuals: Floats) -> tuple[Floats, Floats]:
    """Return the mean (K) and the whitening matrix (K, K) of residuals (N, K)."""
    known = residuals[np.isfinite(residuals).all(axis=1)]
    mean = known.mean(axis=0) if len(known) else np.zeros(residuals.shape[1])
    centered = known - mean
    covariance = centered.T @ centered / max(len(known), 1)
    covariance += np.diag(np.maximum(SMALLEST**2, 1e-6 * np.diag(covariance)))
    variances, axes = np.linalg.eigh(covariance)
    return mean, axes / np.sqrt(variances)


def smoothed(scores: Floats, span: int) -> Floats:
    """Return the mean of each score and those before it, ``span`` in all; what is before the beginning counts as 0.

    A few points are no evidence on a long time scale, all the less as a network has not settled at the beginning.

    >>> smoothed(np.array([1.0, 3.0, 3.0]), span=2).tolist()
    [0.5, 2.0, 3.0]
    """
    if span == 1 or not len(scores):
        return scores
    head = np.cumsum(scores[: span - 1]) / span
    if len(scores) < span:
        return head
    return np.concatenate([head, sliding_window_view(scores, span).mean(axis=1)])


class RunningMean:
    """The mean of the last ``span`` numbers, one by one: what :func:`smoothed` computes.

    The sum is kept with the error of its rounding (Neumaier 1974), so that a huge number leaves no trace.

    >>> mean = RunningMean(2)
    >>> [mean.update(number) for number in (1e300, 3.0, 3.0)]
    [5e+299, 5e+299, 3.0]
    """

    def __init__(self, span: int) -> None:
        self._span = span
        self._last: deque[float] = deque(maxlen=span)
        self._sum = self._error = 0.0

    def update(self, number: float) -> float:
        """Add a number, and return the mean."""
        if len(self._last) == self._span:
            self._add(-self._last[0])
        self._last.append(number)
        self._add(number)
        return (self._sum + self._error) / self._span

    def _add(self, number: float) -> None:
        total = self._sum + number
        larger, smaller = (self._sum, number) if abs(self._sum) >= abs(number) else (number, self._sum)
        self._error += (larger - total) + smaller
        self._sum = total


def tail_threshold(scores: Floats, rate: float) -> float:
    """Return the threshold that a share ``rate`` of scores is expected to exceed.

    Above the 90 % quantile of the scores, a generalized Pareto distribution is fitted by the method of moments
    (Hosking and Wallis 1987; the use for thresholds is that of Siffer et al. 2017), so that a rate may be smaller than
    one alarm among the scores given.

    Args:
        scores: scores of a validation split.
        rate: the expected share, between 0 and 1.

    >>> uniform = np.linspace(0.0, 1.0, 1001)
    >>> round(tail_threshold(uniform, 0.05), 2)
    0.95
    """
    if rate >= TAIL:
        return float(np.quantile(scores, 1.0 - rate))
    floor = float(np.quantile(scores, 1.0 - TAIL))
    excess = scores[scores > floor] - floor
    if len(excess) < 2 or excess.var() == 0.0:
        return float(scores.max())
    mean = float(excess.mean())
    ratio = mean**2 / float(excess.var())
    shape, scale = 0.5 * (1.0 - ratio), 0.5 * mean * (1.0 + ratio)
    odds = rate * len(scores) / len(excess)
    if abs(shape) < 1e-9:
        return floor - scale * math.log(odds)
    return floor + scale / shape * (math.exp(-shape * math.log(odds)) - 1.0)
