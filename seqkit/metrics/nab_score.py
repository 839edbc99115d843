"""The score of the Numenta Anomaly Benchmark (Lavin & Ahmad 2015), which rewards early alarms.

Each anomaly has a window around it. Of the alarms in a window only the first counts, and more the earlier it is; an
alarm outside of windows costs, less so shortly after a window; a window without an alarm costs. The threshold is the
best one for all series together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqkit.errors import ConfigError
from seqkit.metrics.anomaly_scores import Flags, Floats, Integers, checked_scores, label_ranges

__all__ = ["NAB_PROFILES", "PROBATION", "NabProfile", "NabScore", "nab_score"]

STEEPNESS = 5.0
FAR = 3.0  # widths of a window after its end: alarms from there on cost the most
PROBATION = 0.15
LONGEST_PROBATION = 750  # 15 % of 5,000 points


@dataclass(frozen=True)
class NabProfile:
    """The weights of an application.

    Attributes:
        found: what a window with an alarm at its very beginning is worth.
        false_alarm: the most that a false alarm costs.
        missed: what a window without an alarm costs.
    """

    found: float
    false_alarm: float
    missed: float


NAB_PROFILES = {
    "standard": NabProfile(1.0, 0.11, 1.0),
    "reward_low_fp": NabProfile(1.0, 0.22, 1.0),
    "reward_low_fn": NabProfile(1.0, 0.11, 2.0),
}


@dataclass(frozen=True)
class NabScore:
    """A score and the threshold it was reached with.

    Attributes:
        score: 100 for a perfect detector, 0 for one that never raises an alarm, negative for a worse one. NaN if no
            window is scored.
        threshold: points with this score or a higher one raise an alarm; infinity if none should.
        windows: the number of windows.
    """

    score: float
    threshold: float
    windows: int


def nab_score(
    labels: Sequence[npt.ArrayLike],
    scores: Sequence[npt.ArrayLike],
    *,
    profile: str = "standard",
    threshold: float | None = None,
    probation: float = PROBATION,
) -> NabScore:
    """Return the score of the Numenta benchmark over some series.

    With σ(y) = 2/(1 + e^{5y}) − 1, an alarm at point i in a window of width k that ends at point r is worth
    σ(−(r − i + 1)/k)/σ(−1), times the weight of a found window; outside of windows, d points after the end of the last
    one, σ(d/(k − 1)) times the weight of a false alarm, and −1 times it before the first window or three widths after
    one. (A width of 1, which the benchmark does not have, divides by 1.) The sum of the best alarm of each window, of
    all false alarms and of the missed windows, x, becomes 100 (x − null)/(perfect − null), where null misses all
    windows, and perfect finds each at its beginning and raises no false alarm.

    Args:
        labels: for each series, whether each of its points is in a window.
        scores: for each series, the score of each point, higher is stranger; comparable between series.
        profile: ``standard``, ``reward_low_fp`` or ``reward_low_fn``.
        threshold: the lowest score that raises an alarm; None tries all, and takes the best.
        probation: the share of each series at its beginning that is not scored, at most 750 points.

    Raises:
        ConfigError: no such profile, no series, a score is NaN, or the lengths differ.

    >>> labels, scores = [[0, 0, 0, 0, 1, 1, 1, 0]], [[0, 0, 0, 0, 1, 0, 0, 0]]
    >>> nab_score(labels, scores)
    NabScore(score=100.0, threshold=1.0, windows=1)
    >>> nab_score(labels, scores, threshold=2.0).score
    0.0
    """
    if profile not in NAB_PROFILES:
        raise ConfigError(f"no profile is named {profile!r}: choose from {', '.join(NAB_PROFILES)}")
    if not scores or len(labels) != len(scores):
        raise ConfigError(f"labels of {len(labels)} series and scores of {len(scores)}")
    weights = NAB_PROFILES[profile]
    series = [
        _scored(*checked_scores(each_labels, each_scores), weights, probation)
        for each_labels, each_scores in zip(labels, scores, strict=True)
    ]
    windows = sum(each.windows for each in series)
    if not windows:
        return NabScore(float("nan"), float("nan") if threshold is None else threshold, 0)
    thresholds_T, sums_T = _sweep(series, weights.missed)
    if threshold is None:
        best = int(np.argmax(sums_T))
    else:
        best = int(np.searchsorted(-thresholds_T, -threshold, side="right")) - 1
    null, perfect = -weights.missed * windows, weights.found * windows
    reached = float(thresholds_T[best]) if threshold is None else threshold
    return NabScore(100 * (float(sums_T[best]) - null) / (perfect - null), reached, windows)


@dataclass(frozen=True, eq=False)
class _Scored:
    """The points of a series after the probation, with what an alarm there is worth."""

    scores: Floats
    worth: Floats
    window: Integers  # the number of the window, or -1
    windows: int


def _scored(labels_N: Flags, scores_N: Floats, weights: NabProfile, probation: float) -> _Scored:
    worth, window = _worth(labels_N, weights)
    first = int(min(probation * len(labels_N), LONGEST_PROBATION))
    found, numbers = np.unique(window[first:], return_inverse=True)
    outside = int(found.size and found[0] == -1)
    return _Scored(scores_N[first:], worth[first:], numbers - outside, len(found) - outside)


def _worth(labels_N: Flags, weights: NabProfile) -> tuple[Floats, Integers]:
    """Return what an alarm at each point is worth, and the number of the window it is in, or -1."""
    starts, ends = label_ranges(labels_N)
    points = np.arange(len(labels_N))
    begun = np.searchsorted(starts, points, side="right") - 1  # the last window that begins up to each point
    window = np.where(labels_N, begun, -1)
    if not len(starts):
        return np.full(len(points), -weights.false_alarm), window
    start, end = starts[np.maximum(begun, 0)], ends[np.maximum(begun, 0)]
    width = end - start + 1
    inside = _sigmoid(-(end - points + 1) / width) / _sigmoid(np.float64(-1.0))
    past = np.where(begun < 0, FAR, (points - end) / np.maximum(width - 1, 1))
    outside = np.where(past >= FAR, -1.0, _sigmoid(np.clip(past, 0.0, FAR)))
    return np.where(labels_N, weights.found * inside, weights.false_alarm * outside), window


def _sigmoid(position: "Floats | np.float64") -> Floats:
    scaled: Floats = 2 / (1 + np.exp(STEEPNESS * position)) - 1
    return scaled


def _sweep(series: Sequence[_Scored], missed: float) -> tuple[Floats, Floats]:
    """Return all thresholds, descending from infinity, and the sum of the scores at each.

    A window gets better when a lower threshold lets an earlier alarm in: its worth is a running maximum.
    """
    offsets = np.cumsum([0, *(each.windows for each in series)])
    scores = np.concatenate([each.scores for each in series])
    worth = np.concatenate([each.worth for each in series])
    window = np.concatenate(
        [np.where(each.window < 0, -1, each.window + offset) for each, offset in zip(series, offsets[:-1], strict=True)]
    )
    order = np.argsort(-scores, kind="stable")
    scores, worth, window = scores[order], worth[order], window[order]
    gains = np.where(window < 0, worth, 0.0)
    for number in range(int(offsets[-1])):
        members = np.flatnonzero(window == number)
        best = np.maximum.accumulate(np.maximum(worth[members], -missed))
        gains[members] = np.diff(best, prepend=-missed)
    ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) if len(scores) else np.zeros(0, dtype=np.int64)
    sums = np.concatenate([[0.0], np.cumsum(gains)[ends]]) - missed * float(offsets[-1])
    return np.concatenate([[np.inf], scores[ends]]), sums
