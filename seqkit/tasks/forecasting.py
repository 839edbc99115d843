"""Forecasting: the points of a series after its end.

A training window of an hourly series, with a lookback of five points and a horizon of two::

    points        5.1 4.8 4.9 5.6 6.0 | 6.4 5.9
    level, scale  6.0, 0.5                            the last value, and the mean absolute difference
    read          -1.8 -2.4 -2.2 -0.8 0.0             scaled
    reference     6.0 6.0                             seasonal naive: here, without a season, the last value
    target        0.8 -0.2                            differences from the reference, scaled

Shapes: B windows of a batch, H horizon, Q quantiles, P outputs of a point.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from seqkit.batches.batch import Batch
from seqkit.batches.forecast_examples import ForecastExamples
from seqkit.batches.samplers import in_order
from seqkit.batches.series_reader import SeriesReader
from seqkit.batches.windows import Frames, WindowSampler
from seqkit.config.forecasting import ForecastConfig
from seqkit.config.training import TrainConfig
from seqkit.data.series.panel import Floats, Panel
from seqkit.errors import CorpusError
from seqkit.metrics.metric import FORECAST_METRICS, Metric
from seqkit.models.forecast_heads import MEDIAN
from seqkit.models.forecaster import ForecastNetwork
from seqkit.tasks.forecast_history import MOST_POINTS, history_from_dict, history_to_dict, last_points
from seqkit.tasks.forecast_intervals import REPORTED_LEVEL, Intervals, bounds_of
from seqkit.tasks.forecast_scores import forecast_scores

__all__ = ["ForecastingTask"]

UNIT_LOSSES = ("point", "quantiles")  # heads whose loss is in the units of the values


class ForecastingTask:
    """Forecasting.

    Args:
        config: the settings of the model; 0 stands for what follows from the frequency.
        reader: what is known of the training series.

    Attributes:
        intervals: the calibration of the intervals; None before training has ended.
        history: the end of the training series, up to the end of dev; None if it is too large for the run folder.
    """

    metrics: ClassVar[Sequence[Metric]] = FORECAST_METRICS
    tie_breaker: ClassVar[Metric | None] = None

    def __init__(self, config: ForecastConfig, reader: SeriesReader) -> None:
        self.config = config
        self.reader = reader
        self.intervals: Intervals | None = None
        self.history: Panel | None = None
        self.model = ForecastNetwork(
            reader.config, channels=reader.channels, known=reader.covariates, series=len(reader.ids)
        )

    @classmethod
    def from_rows(cls, config: ForecastConfig, rows: Panel) -> tuple[Self, ForecastExamples]:
        """Fit a task to the training part of series; return it and their windows.

        Raises:
            CorpusError: the series are too short, or cannot be read as the settings say.
        """
        task = cls(config, SeriesReader.fitted(config.resolved(rows.axis.frequency, len(rows)), rows))
        resolved = task.reader.config
        frames = Frames.of_training(
            rows,
            lookback=resolved.lookback,
            segment=resolved.segment,
            horizon=resolved.horizon,
            season=resolved.season,
        )
        if not len(frames):
            raise CorpusError("no series has two points, so there is nothing to learn from", file=rows.source)
        return task, task.reader.examples(rows, frames, training=True)

    def prepare(self, rows: Panel) -> ForecastExamples:
        """Return windows that cover the part of each series from ``starts`` on."""
        return self.windows(rows, stride=self.config.horizon)

    def windows(self, rows: Panel, *, stride: int, most: int = 0) -> ForecastExamples:
        """Return windows with rolling origins.

        Args:
            rows: the series.
            stride: the distance of two origins.
            most: the number of windows at the end of each series; 0 takes all from ``starts`` on.
        """
        resolved = self.reader.config
        frames = Frames.of_scoring(
            rows,
            lookback=resolved.lookback,
            segment=resolved.segment,
            horizon=resolved.horizon,
            stride=stride,
            most=most,
        )
        return self.reader.examples(rows, frames)

    def precompute(self, examples: ForecastExamples, device: torch.device) -> ForecastExamples:
        """Return the examples, since windows share nothing."""
        return examples

    def sampler(self, examples: ForecastExamples, config: TrainConfig) -> WindowSampler:
        """Return the sampler of training windows."""
        size = max(1, config.batch_tokens // examples.steps_of_window)
        counts = examples.frames.counts
        return WindowSampler(counts=counts, size=size, windows=self.reader.config.windows, seed=config.seed)

    @property
    def parameter_groups(self) -> Sequence[str]:
        """No parameters have a learning rate of their own."""
        return ()

    def learning_rate_scale(self, group: str, epoch: int) -> float:
        """Return 1."""
        return 1.0

    def batches(self, examples: ForecastExamples, batch_tokens: int) -> Sequence[Sequence[int]]:
        """Return all windows, in order."""
        size = max(1, batch_tokens // examples.steps_of_window)
        return [range(start, min(start + size, len(examples))) for start in range(0, len(examples), size)]

    def collate(self, examples: ForecastExamples, index: Sequence[int]) -> Batch:
        """Return a batch of some windows."""
        return examples.collate(index)

    def loss(self, batch: Batch, carry: list[Tensor] | None) -> tuple[Tensor, None]:
        """Return the mean loss of the points that are known."""
        assert batch.targets is not None
        found = self.model.teacher_forced(batch)
        loss_BH = self.model.head.loss(found.outputs_BHP.float(), batch.targets - found.reference_BH)
        weight_BH = batch.inputs["weight_BH"]
        if self.config.head in UNIT_LOSSES:
            loss_BH = loss_BH * batch.inputs["unit_B"][:, None]
        return (loss_BH * weight_BH).sum() / weight_BH.sum().clamp(min=1e-9), None

    def predict(self, batch: Batch, carry: list[Tensor] | None) -> tuple[list[Floats], None]:
        """Return the quantiles of each window, (H, Q), in scaled units."""
        found = self.model(batch)
        quantiles_BHQ = found.reference_BH[..., None] + self.model.head.quantiles(found.outputs_BHP.float())
        return list(quantiles_BHQ.double().cpu().numpy()), None

    def merge(
        self, examples: ForecastExamples, batches: Sequence[Sequence[int]], predictions: Sequence[list[Floats]]
    ) -> list[Floats]:
        """Return the quantiles of each window, (H, Q), in the units of the series, in order."""
        converted = [
            list(examples.in_units(index, torch.from_numpy(np.stack(scaled))))
            for index, scaled in zip(batches, predictions, strict=True)
        ]
        return in_order(batches, converted)

    def score(self, examples: ForecastExamples, predictions: Sequence[Floats]) -> dict[str, float]:
        """Return the scores of forecasts, in the units of the series and averaged over series.

        Raises:
            CorpusError: no point is known.
        """
        self.check_scored(examples)
        quantiles_WHQ = np.stack(predictions)
        bounds_WH = bounds_of(quantiles_WHQ, REPORTED_LEVEL)
        return forecast_scores(
            examples.frames, quantiles_WHQ[..., MEDIAN], bounds_WH, self.reader.config.season, quantiles_WHQ
        )

    def check_scored(self, examples: ForecastExamples) -> None:
        """Raise CorpusError if there is nothing to score."""
        if not len(examples):
            message = f"no series has points after its training part; {self.config.horizon} are to be forecast"
            raise CorpusError(message, file=examples.frames.panel.source)

    def describe(self, examples: ForecastExamples, index: Sequence[int]) -> str:
        """Return the series and the time of the first window of a batch."""
        series, origin = examples.frames.locate(index[:1])
        panel = examples.frames.panel
        place = int(examples.frames.offsets[int(series)] + origin)
        time = panel.axis.format(panel.times[place : place + 1])[0]
        return f"series {panel.ids[int(series)]!r} at {time}"

    def keep_history(self, rows: Panel) -> None:
        """Keep the end of each series, from which the model forecasts if it is given no other."""
        resolved = self.reader.config
        kept = last_points(rows, max(resolved.lookback, resolved.season))
        self.history = kept if len(kept.times) <= MOST_POINTS else None

    def intervals_file(self) -> dict[str, str]:
        """Return the calibration of the intervals, ``null`` if there is none: content by the name of the file."""
        return {"intervals.json": json.dumps(None if self.intervals is None else self.intervals.to_dict())}

    def assets(self) -> Mapping[str, str]:
        """Return the description of the training series, their end, and the calibration."""
        history = None if self.history is None else history_to_dict(self.history)
        return {
            "series.json": json.dumps(self.reader.to_dict()),
            "history.json": json.dumps(history),
            **self.intervals_file(),
        }

    @classmethod
    def restored(cls, config: ForecastConfig, read: Callable[[str], str]) -> Self:
        """Return a task from its description."""
        values = json.loads(read("series.json"))
        resolved = config.resolved(values["times"]["frequency"], len(values["ids"]))
        task = cls(config, SeriesReader.from_dict(resolved, values))
        history, intervals = json.loads(read("history.json")), json.loads(read("intervals.json"))
        task.history = None if history is None else history_from_dict(history, task.reader.axis)
        task.intervals = None if intervals is None else Intervals.from_dict(intervals)
        return task
