"""Conformal prediction: intervals that cover what they promise, whatever the model.

A conformity score says how badly a forecast misses a value. Of the scores on calibration data, which the model was not
trained on, a quantile is the radius of the intervals: if the next value is exchangeable with the calibration data, its
interval covers it with at least the nominal probability, for any distribution and any sample size (Vovk et al. 2005;
Lei et al. 2018). Series that drift are not exchangeable with their past; ``adaptive_conformal`` is for them.

- Split conformal prediction: the scores are :func:`absolute_residuals`, the intervals forecast ± radius.
- Conformalized quantile regression (CQR; Romano et al. 2019): the scores are :func:`quantile_residuals`, and the
  intervals of the quantile forecasts are widened by the radius, or narrowed if it is negative.

Both divide scores by a scale of the series, if given, and multiply the radius by it, so that one calibration serves
series of all sizes.

Shapes: n calibration windows, E series, H steps.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqkit.errors import ConfigError

__all__ = ["Calibration", "absolute_residuals", "calibrate", "conformal_quantile", "quantile_residuals", "widened"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ROUNDING = 1e-9  # relative: (n + 1) · level is often an integer but for rounding


@dataclass(frozen=True, eq=False)
class Calibration:
    """The radius of the intervals of each step.

    Attributes:
        radius_H: by how much intervals are wider on each side than the forecast or the quantiles (H), in scales of the
            series; infinite where there are too few scores for the level.
        level: the nominal coverage, of each step or, if ``joint``, of all steps together.
        joint: whether an interval of a whole forecast covers all its steps with the nominal probability.
        counts_H: the number of calibration scores of each step (H).

    >>> calibrate([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]], level=0.75).intervals([[10.0, 10.0]])[0].tolist()
    [[7.0, 4.0]]
    """

    radius_H: Floats
    level: float
    joint: bool
    counts_H: Integers

    def intervals(
        self,
        lower_EH: npt.ArrayLike,
        upper_EH: npt.ArrayLike | None = None,
        scales_E: npt.ArrayLike | None = None,
    ) -> tuple[Floats, Floats]:
        """Return the lower and upper bounds of the intervals (E, H).

        Args:
            lower_EH: the lower quantiles, or the forecasts.
            upper_EH: the upper quantiles; without them, intervals are symmetric around the forecasts.
            scales_E: the scale of each series, as the scores were divided by; by default 1.

        Raises:
            ConfigError: the shapes do not fit, or a scale is negative or NaN.
        """
        lower = np.asarray(lower_EH, dtype=np.float64)
        upper = lower if upper_EH is None else np.asarray(upper_EH, dtype=np.float64)
        scales = np.ones(len(lower)) if scales_E is None else np.asarray(scales_E, dtype=np.float64)
        if lower.shape != (len(scales), len(self.radius_H)):
            raise ConfigError(
                f"forecasts of shape {lower.shape} for {len(scales)} series and {len(self.radius_H)} calibrated steps"
            )
        if not np.all(scales >= 0):
            raise ConfigError("the scale of a series is negative or NaN")
        # Infinite times a scale of 0 is not a number, but still infinite here.
        radius = np.where(np.isinf(self.radius_H), self.radius_H, np.nan_to_num(self.radius_H) * scales[:, None])
        return widened(lower, upper, radius)

    def to_dict(self) -> dict[str, object]:
        """Return the calibration as JSON; None stands for an infinite radius."""
        radius = [None if math.isinf(each) else each for each in self.radius_H.tolist()]
        return {"radius": radius, "level": self.level, "joint": self.joint, "counts": self.counts_H.tolist()}

    @classmethod
    def from_dict(cls, saved: dict[str, object]) -> "Calibration":
        """Return a calibration from its JSON.

        Raises:
            ConfigError: it is not what ``to_dict`` returns.

        >>> Calibration.from_dict(calibrate([[1.0]], level=0.9).to_dict()).radius_H
        array([inf])
        """
        match saved:
            case {"radius": list(radius), "level": float(level), "joint": bool(joint), "counts": list(counts)}:
                radius_H = np.array([math.inf if each is None else each for each in radius], dtype=np.float64)
                return cls(radius_H, level, joint, np.array(counts, dtype=np.int64))
        raise ConfigError("a saved calibration needs a radius, a level, joint and counts")


def calibrate(
    scores_nH: npt.ArrayLike,
    level: float,
    *,
    scales_n: npt.ArrayLike | None = None,
    pooled: bool = False,
    joint: bool = False,
) -> Calibration:
    """Calibrate the radius of intervals on the scores of calibration windows.

    Args:
        scores_nH: the conformity scores of each window; NaN where a value is not known.
        level: the nominal coverage, between 0 and 1.
        scales_n: the scale of the series of each window, which its scores are divided by. A window whose scale is 0 or
            NaN is left out.
        pooled: calibrate one radius on the scores of all steps: for few windows, or if errors do not grow with the
            step. The coverage then holds on average over the steps.
        joint: cover all steps of a forecast at once, by Bonferroni's inequality: each step gets the level
            1 − (1 − level)/H. It needs H times as many windows, and is cautious if the errors of the steps are alike.

    Raises:
        ConfigError: the level is not between 0 and 1, the scores are not windows × steps, or the scales do not fit.

    >>> calibrate([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]], level=0.75).radius_H.tolist()
    [3.0, 7.0]
    >>> calibrate([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]], level=0.75, pooled=True).radius_H.tolist()
    [7.0, 7.0]
    >>> calibrate([[1.0], [2.0]], level=0.75).radius_H.tolist()  # 3 scores are needed
    [inf]
    """
    scores = np.asarray(scores_nH, dtype=np.float64)
    if scores.ndim != 2:
        raise ConfigError(f"scores of shape {scores.shape}: they must be windows × steps")
    if scales_n is not None:
        scales = np.asarray(scales_n, dtype=np.float64)
        if scales.shape != scores.shape[:1]:
            raise ConfigError(f"scales of shape {scales.shape} for {len(scores)} windows")
        scores = scores / np.where(scales > 0, scales, np.nan)[:, None]
    steps = scores.shape[1]
    each_level = 1 - (1 - level) / max(steps, 1) if joint else level
    if pooled:
        radius_H = np.full(steps, conformal_quantile(scores.reshape(-1, 1), each_level)[0])
        counts_H = np.full(steps, np.sum(~np.isnan(scores)))
    else:
        radius_H, counts_H = conformal_quantile(scores, each_level), np.sum(~np.isnan(scores), axis=0)
    return Calibration(radius_H, level, joint, counts_H.astype(np.int64))


def conformal_quantile(scores_nH: npt.ArrayLike, level: float) -> Floats:
    """Return the ⌈(n + 1) level⌉-th smallest of the n scores of each column.

    It is infinite where n is less than level/(1 − level), 9 for 90 %: no finite interval has the coverage then. NaN
    does not count as a score.

    Args:
        scores_nH: the scores of each column.
        level: the nominal coverage, between 0 and 1.

    Raises:
        ConfigError: the level is not between 0 and 1.

    >>> conformal_quantile(np.arange(1.0, 10.0)[:, None], 0.9).tolist(), conformal_quantile([[1.0]], 0.9).tolist()
    ([9.0], [inf])
    """
    if not 0 < level < 1:
        raise ConfigError(f"level must be between 0 and 1, not {level}")
    scores = np.sort(np.asarray(scores_nH, dtype=np.float64), axis=0)  # NaN last
    counts = np.sum(~np.isnan(scores), axis=0)
    ranks = _rank(counts, level)
    padded = np.concatenate([scores, np.full((1, scores.shape[1]), np.inf)])
    chosen = np.where(ranks > counts, len(scores), ranks - 1)
    quantiles: Floats = np.take_along_axis(padded, chosen[None], axis=0)[0]
    return quantiles


def _rank(counts: "Integers | int", level: float) -> Integers:
    wanted = (np.asarray(counts) + 1) * level
    return np.ceil(wanted * (1 - ROUNDING)).astype(np.int64)


def absolute_residuals(actual_nH: npt.ArrayLike, forecast_nH: npt.ArrayLike) -> Floats:
    """Return the scores of split conformal prediction, |y − f|.

    >>> absolute_residuals([[1.0, 4.0]], [[2.0, 2.0]]).tolist()
    [[1.0, 2.0]]
    """
    residuals: Floats = np.abs(np.asarray(actual_nH, dtype=np.float64) - np.asarray(forecast_nH, dtype=np.float64))
    return residuals


def quantile_residuals(actual_nH: npt.ArrayLike, lower_nH: npt.ArrayLike, upper_nH: npt.ArrayLike) -> Floats:
    """Return the scores of CQR, max(lower − y, y − upper): negative inside the interval (Romano et al. 2019, eq. 6).

    >>> quantile_residuals([[1.0, 5.0]], [[0.0, 0.0]], [[3.0, 3.0]]).tolist()
    [[-1.0, 2.0]]
    """
    actual, lower, upper = (np.asarray(each, dtype=np.float64) for each in (actual_nH, lower_nH, upper_nH))
    residuals: Floats = np.maximum(lower - actual, actual - upper)
    return residuals


def widened(lower_EH: npt.ArrayLike, upper_EH: npt.ArrayLike, radius: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return intervals whose bounds are moved outwards by a radius.

    A negative radius that would make the bounds cross gives the point in the middle of the interval. It covers no less
    than the empty interval of the theory.

    >>> [bounds.tolist() for bounds in widened([[0.0, 0.0]], [[4.0, 1.0]], -1.0)]
    [[[1.0, 0.5]], [[3.0, 0.5]]]
    """
    lower, upper, by = (np.asarray(each, dtype=np.float64) for each in (lower_EH, upper_EH, radius))
    low, high = lower - by, upper + by
    middle = (lower + upper) / 2
    return np.where(low > high, middle, low), np.where(low > high, middle, high)
