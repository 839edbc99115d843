"""Intervals of forecasts, calibrated on dev windows by conformal prediction.

The bounds that the network forecasts are moved apart, or together, until they would have covered as much of dev as they
promise (conformalized quantile regression, Romano et al. 2019). A head that forecasts a value alone gets intervals
around it (split conformal prediction). Errors are measured in units of the window's scale, so that one calibration
serves all series.

Shapes: W windows, H horizon, Q quantiles.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from seqkit.data.series.panel import Flags, Floats
from seqkit.errors import ConfigError, setting_ref
from seqkit.metrics.conformal import Calibration, calibrate, quantile_residuals
from seqkit.models.forecast_heads import QUANTILES

__all__ = ["LEVELS", "REPORTED_LEVEL", "Intervals", "bounds_of", "check_level"]

LEVELS = {50: (0.25, 0.75), 80: (0.1, 0.9), 90: (0.05, 0.95), 95: (0.025, 0.975)}
"""The quantiles between which each level lies, in per cent."""
REPORTED_LEVEL = 90
FEW_WINDOWS = 200  # fewer windows calibrate all steps together


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """Calibrated intervals.

    Attributes:
        calibrations: by the level in per cent.
        coverage: for each level, the share of the dev values within intervals that were calibrated on other windows.
    """

    calibrations: Mapping[int, Calibration]
    coverage: Mapping[int, float]

    @classmethod
    def fitted(cls, quantiles_WHQ: Floats, actual_WH: Floats, known_WH: Flags, scales_W: Floats) -> Self:
        """Calibrate intervals on dev windows.

        The coverage is found by calibrating on every other window and counting on the rest, and the other way round.

        Args:
            quantiles_WHQ: the forecasts.
            actual_WH: the true values.
            known_WH: which of them are known.
            scales_W: the scale of each window.
        """
        calibrations, coverage = {}, {}
        halves = np.arange(len(actual_WH)) % 2 == 0
        for level in LEVELS:
            lower_WH, upper_WH = bounds_of(quantiles_WHQ, level)
            residuals_WH = np.where(known_WH, quantile_residuals(actual_WH, lower_WH, upper_WH), np.nan)
            calibrations[level] = _calibrated(residuals_WH, level, scales_W)
            inside = []
            for fold in (halves, ~halves):
                found = _calibrated(residuals_WH[fold], level, scales_W[fold])
                radius_WH = found.radius_H * scales_W[~fold, None]
                inside.append((residuals_WH[~fold] <= radius_WH)[known_WH[~fold]])
            counted = np.concatenate(inside)
            coverage[level] = float(counted.mean()) if len(counted) else float("nan")
        return cls(calibrations=calibrations, coverage=coverage)

    def bounds(self, quantiles_WHQ: Floats, level: int, scales_W: Floats) -> tuple[Floats, Floats]:
        """Return the lower and upper bounds of intervals (W, H).

        Raises:
            ConfigError: there is no such level.
        """
        check_level(level)
        calibration = self.calibrations[level]
        return calibration.intervals(*bounds_of(quantiles_WHQ, level), scales_W)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON needs to restore the calibrations."""
        return {
            "calibrations": {str(level): each.to_dict() for level, each in self.calibrations.items()},
            "coverage": {str(level): share for level, share in self.coverage.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` was called on."""
        return cls(
            calibrations={int(level): Calibration.from_dict(each) for level, each in values["calibrations"].items()},
            coverage={int(level): share for level, share in values["coverage"].items()},
        )


def bounds_of(quantiles_WHQ: Floats, level: int) -> tuple[Floats, Floats]:
    """Return the quantiles between which a level lies.

    Raises:
        ConfigError: there is no such level.
    """
    check_level(level)
    low, high = LEVELS[level]
    return quantiles_WHQ[..., QUANTILES.index(low)], quantiles_WHQ[..., QUANTILES.index(high)]


def check_level(level: int) -> None:
    """Raise ConfigError if there are no intervals of a level.

    >>> check_level(99)
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: level must be one of 50, 80, 90, 95, not 99
    """
    if level not in LEVELS:
        choices: Sequence[str] = [str(each) for each in LEVELS]
        raise ConfigError(f"{setting_ref('level')} must be one of {', '.join(choices)}, not {level}")


def _calibrated(residuals_WH: Floats, level: int, scales_W: Floats) -> Calibration:
    """Calibrate each step by itself if there are many windows, else all together; leave bounds alone if too few."""
    pooled = len(residuals_WH) < FEW_WINDOWS
    found = calibrate(residuals_WH, level / 100, scales_n=scales_W, pooled=pooled)
    radius_H = np.where(np.isfinite(found.radius_H), found.radius_H, 0.0)
    return Calibration(radius_H, found.level, found.joint, found.counts_H)
