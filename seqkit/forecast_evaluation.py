"""The scores of a forecaster, beside those of the seasonal naive forecast.

Shapes: W windows, H horizon, Q quantiles.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqkit.baselines.seasonal_naive import seasonal_naive
from seqkit.batches.forecast_examples import ForecastExamples
from seqkit.batches.windows import Frames
from seqkit.data.series.panel import Flags, Floats
from seqkit.models.forecast_heads import MEDIAN
from seqkit.tasks.forecast_intervals import REPORTED_LEVEL, bounds_of
from seqkit.tasks.forecast_scores import actual_values, forecast_scores
from seqkit.tasks.forecasting import ForecastingTask

__all__ = ["ForecastEvaluation", "evaluation_of"]

LONGEST_HISTORY = 2048  # points from which the spread of the naive forecast is estimated
WINDOWS_AT_ONCE = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class ForecastEvaluation:
    """The result of an evaluation.

    Attributes:
        scores: scores by the name of the metric, each the mean over series; ``coverage`` and ``width`` are those of the
            90 % intervals.
        baselines: the same of each baseline, by its name.
        frames: the windows that were forecast.
        quantiles: the forecasts of ``QUANTILES`` in the units of the series (W, H, Q).
        naive: the seasonal naive forecasts (W, H).
        actual: the true values (W, H).
        known: which of them are known (W, H).
        steps: number of points scored.
        seconds: duration of the predictions.
    """

    scores: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]]
    frames: Frames
    quantiles: Floats
    naive: Floats
    actual: Floats
    known: Flags
    steps: int
    seconds: float

    def to_dict(self, step: str = "step") -> dict[str, Any]:
        """Return the scores, those of each baseline under its name, and the number of points, as JSON output does."""
        return {
            **_finite(self.scores),
            **{name: _finite(each) for name, each in self.baselines.items()},
            f"{step}s": self.steps,
        }

    def error_by_step(self) -> tuple[Floats, Floats]:
        """Return the mean absolute error of each step of the horizon, and that of the seasonal naive forecast."""
        counts_H = np.maximum(self.known.sum(0), 1)
        errors_WH = np.abs(self.actual - self.quantiles[..., MEDIAN])
        naive_WH = np.abs(self.actual - self.naive)
        return tuple(np.where(self.known, each, 0.0).sum(0) / counts_H for each in (errors_WH, naive_WH))


def evaluation_of(
    task: ForecastingTask, examples: ForecastExamples, quantiles_WHQ: Floats, seconds: float
) -> ForecastEvaluation:
    """Score forecasts.

    Args:
        task: the forecaster.
        examples: the windows.
        quantiles_WHQ: the forecasts of ``QUANTILES`` in the units of the series.
        seconds: how long they took.

    Raises:
        CorpusError: there is nothing to score.
    """
    season, frames = task.reader.config.season, examples.frames
    task.check_scored(examples)
    naive_WH, naive_bounds_WH = _naive(frames, season)
    bounds_WH = bounds_of(quantiles_WHQ, REPORTED_LEVEL)
    if task.intervals is not None:
        bounds_WH = task.intervals.bounds(quantiles_WHQ, REPORTED_LEVEL, examples.scales())
    actual_WH, known_WH = actual_values(frames)
    return ForecastEvaluation(
        scores=forecast_scores(frames, quantiles_WHQ[..., MEDIAN], bounds_WH, season, quantiles_WHQ),
        baselines={"seasonal_naive": forecast_scores(frames, naive_WH, naive_bounds_WH, season)},
        frames=frames,
        quantiles=quantiles_WHQ,
        naive=naive_WH,
        actual=actual_WH,
        known=known_WH,
        steps=int(known_WH.sum()),
        seconds=seconds,
    )


def _naive(frames: Frames, season: int) -> tuple[Floats, tuple[Floats, Floats]]:
    """Return the seasonal naive forecast of each window (W, H), and the bounds of its intervals."""
    level = REPORTED_LEVEL / 100
    means, lows, highs = [], [], []
    for start in range(0, len(frames), WINDOWS_AT_ONCE):
        windows: Sequence[int] = range(start, min(start + WINDOWS_AT_ONCE, len(frames)))
        series_B, origin_B = (each.numpy() for each in frames.locate(windows))
        lengths_B = np.minimum(origin_B, LONGEST_HISTORY)
        firsts_B = np.cumsum(lengths_B) - lengths_B
        begins_B = frames.offsets[series_B] + origin_B - lengths_B
        points = np.arange(lengths_B.sum()) + np.repeat(begins_B - firsts_B, lengths_B)
        found = seasonal_naive(frames.panel.targets[points, 0], lengths_B, frames.horizon, season, (level,))
        means.append(found.mean_EH)
        lows.append(found.lower_EH[level])
        highs.append(found.upper_EH[level])
    return np.concatenate(means), (np.concatenate(lows), np.concatenate(highs))


def _finite(scores: Mapping[str, float]) -> dict[str, float | None]:
    """Return scores as JSON can hold them: None where there is none, such as the width of unbounded intervals."""
    return {name: value if np.isfinite(value) else None for name, value in scores.items()}
