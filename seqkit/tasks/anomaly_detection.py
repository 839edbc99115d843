"""Anomaly detection in series: how far is each point from what the model expects?

Five points of a series with a spike, scaled, and what both methods expect of them::

    values          0.1   0.2   4.0   0.1   0.2
    forecast        0.0   0.1   0.2   3.1   0.2      each point from all before it, state carried
    reconstruction  0.1   0.2   0.3   0.2   0.1      the window, from a summary of it
    residual        0.0   0.0   3.7  -0.1   0.1      (of the reconstruction)

Training needs no labels: it minimizes the error of what is expected. ``anomaly_calibration`` turns residuals into
scores and alarms.

Shapes: N points of all series, K values of a point, B rows of a batch, T time, J horizons. X is J·K for a
forecaster, and K for an autoencoder.
"""

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from seqkit.batches.batch import Batch
from seqkit.batches.series_windows import (
    StreamSampler,
    Stretches,
    WindowShuffler,
    series_streams,
    window_batches,
    windows_of,
)
from seqkit.config.anomaly_detection import AnomalyConfig
from seqkit.config.training import TrainConfig
from seqkit.data.series.panel import Flags, Floats, Integers, Panel
from seqkit.errors import CorpusError, setting_ref
from seqkit.metrics.metric import DETECTION_METRICS, ERROR, Metric
from seqkit.models.autoencoder import Autoencoder, NextValueModel
from seqkit.tasks.anomaly_calibration import Calibration, tail_threshold
from seqkit.tasks.series_scaling import SeriesScaling

__all__ = ["AnomalyTask", "SeriesExamples", "combined_windows"]

LARGEST = 5.0  # input in deviations: a larger value is read as this, so that one spike does not saturate the state

LEAST_STEPS = 8  # of an epoch on few points, for which batches are made smaller


@dataclass(frozen=True, eq=False)
class SeriesExamples:
    """Series as the model reads them.

    Attributes:
        values: the scaled values (N, K); a value that is not known is the one before it.
        observed: which values were observed (N, K).
        lengths: number of points of each series (E).
        starts: number of points of each series that are context and are not scored (E).
    """

    values: Floats
    observed: Flags
    lengths: Integers
    starts: Integers

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def steps(self) -> int:
        """Number of points that are scored."""
        return int((self.lengths - self.starts).sum())

    def observed_points(self) -> Flags:
        """Return which points are scored and were observed, at least in one of their values (N)."""
        inside = np.arange(len(self.values)) - np.repeat(np.cumsum(self.lengths) - self.lengths, self.lengths)
        return (inside >= np.repeat(self.starts, self.lengths)) & self.observed.any(axis=1)

    def series(self) -> list[slice]:
        """Return where the points of each series are."""
        ends = np.cumsum(self.lengths).tolist()
        return [slice(end - length, end) for end, length in zip(ends, self.lengths.tolist(), strict=True)]


class AnomalyTask:
    """Detection of anomalies by the error of a forecast or of a reconstruction.

    Args:
        config: the settings of the model.
        scaling: the scaling of each series.
        target_names: the names of the K values.

    Attributes:
        calibration: how residuals become scores and alarms; None before the model is calibrated on dev.
    """

    metrics: ClassVar[Sequence[Metric]] = DETECTION_METRICS
    tie_breaker: ClassVar[Metric | None] = None

    def __init__(self, config: AnomalyConfig, *, scaling: SeriesScaling, target_names: Sequence[str]) -> None:
        self.config = config
        self.scaling = scaling
        self.target_names = list(target_names)
        self.calibration: Calibration | None = None
        self.model: nn.Module = _network(config, len(self.target_names))

    @classmethod
    def from_rows(cls, config: AnomalyConfig, rows: Panel) -> tuple[Self, SeriesExamples]:
        """Build a task with the scaling of the training series; return it and these series as examples.

        Raises:
            CorpusError: if no value was observed, or one is infinite.
        """
        _check_finite(rows)
        task = cls(config, scaling=SeriesScaling.fitted(config.scaling, rows), target_names=rows.target_names)
        return task, task.prepare(rows)

    def prepare(self, rows: Panel) -> SeriesExamples:
        """Return series as examples.

        Raises:
            CorpusError: if a value is infinite, or a series was not trained on.
        """
        _check_finite(rows)
        if (width := rows.targets.shape[1]) != len(self.target_names):
            names = ", ".join(self.target_names)
            raise CorpusError(f"{width} values a point; the model was trained on {names}", file=rows.source)
        values = _filled(self.scaling.apply(rows), rows.lengths)
        return SeriesExamples(values, rows.observed & np.isfinite(rows.targets), rows.lengths, rows.starts)

    def precompute(self, examples: SeriesExamples, device: torch.device) -> SeriesExamples:
        """Return the examples as they are: batches share nothing."""
        return examples

    def sampler(self, examples: SeriesExamples, config: TrainConfig) -> StreamSampler | WindowShuffler:
        """Return the sampler of training batches: streams of a forecaster, shuffled windows of an autoencoder."""
        width = self.config.lookback
        rows = max(1, config.batch_tokens // width)
        if self.config.method == "forecast":
            rows = max(1, min(rows, len(examples.values) // (width * LEAST_STEPS)))
            return StreamSampler(lengths=examples.lengths, rows=rows, steps=width, seed=config.seed)
        windows = windows_of(examples.lengths, width, self._stride)
        rows = max(1, min(rows, len(windows.starts) // LEAST_STEPS))
        return WindowShuffler(windows=windows, rows=rows, seed=config.seed)

    @property
    def _stride(self) -> int:
        return self.config.stride or max(1, self.config.lookback // 10)

    @property
    def parameter_groups(self) -> Sequence[str]:
        """No groups: all parameters have the same learning rate."""
        return ()

    def learning_rate_scale(self, group: str, epoch: int) -> float:
        """Return 1: all parameters have the same learning rate."""
        return 1.0

    def batches(self, examples: SeriesExamples, batch_tokens: int) -> Sequence[Stretches]:
        """Return the batches of a prediction: whole series, or the windows that contain points to be scored."""
        if self.config.method == "forecast":
            return series_streams(examples.lengths, batch_tokens)
        width = self.config.lookback
        windows = windows_of(examples.lengths, width, self._stride, examples.starts)
        return window_batches(windows, max(1, batch_tokens // width))

    def collate(self, examples: SeriesExamples, index: Stretches) -> Batch:
        """Return a batch of stretches; a forecaster also reads the point before each point, zeros at the beginning."""
        inside_BT = np.arange(index.lengths.max()) < index.lengths[:, None]
        place_BT = np.where(inside_BT, index.starts[:, None] + np.arange(inside_BT.shape[1]), 0)
        if self.config.method == "autoencoder":
            values_BTK, observed_BTK = examples.values[place_BT], examples.observed[place_BT] & inside_BT[..., None]
            return self._batch(index, values_BTK, observed_BTK, values=values_BTK)
        begins = np.isin(index.starts, np.cumsum(examples.lengths) - examples.lengths)
        before_BTK = examples.values[np.maximum(place_BT - 1, 0)]
        before_BTK[begins, 0] = 0.0
        ends = np.cumsum(examples.lengths)
        end_B1 = ends[np.searchsorted(ends, index.starts, side="right")][:, None]
        targets, observed = [], []
        for horizon in self.config.horizons:
            ahead_BT = place_BT + horizon - 1
            known_BT = inside_BT & (ahead_BT < end_B1)
            ahead_BT = np.where(known_BT, ahead_BT, 0)
            targets.append(examples.values[ahead_BT])
            observed.append(examples.observed[ahead_BT] & known_BT[..., None])
        return self._batch(index, np.concatenate(targets, axis=2), np.concatenate(observed, axis=2), before=before_BTK)

    def _batch(self, index: Stretches, targets_BTX: Floats, observed_BTX: Flags, **inputs: Floats) -> Batch:
        dtype = next(self.model.parameters()).dtype
        read = {name: torch.from_numpy(each.clip(-LARGEST, LARGEST)).to(dtype) for name, each in inputs.items()}
        return Batch(
            inputs={"observed": torch.from_numpy(observed_BTX), **read},
            lengths=torch.from_numpy(index.lengths),
            targets=torch.from_numpy(targets_BTX).to(dtype),
            shared={"continued": torch.ones(())} if index.continued else {},
        )

    def expected(self, batch: Batch, carry: list[Tensor] | None) -> tuple[Tensor, list[Tensor] | None]:
        """Return what the model expects of each point (B, T, X), and the state after the batch."""
        if isinstance(self.model, NextValueModel):
            forecasts: tuple[Tensor, list[Tensor]] = self.model(batch, carry if "continued" in batch.shared else None)
            return forecasts
        return self.model(batch), None

    def loss(self, batch: Batch, carry: list[Tensor] | None) -> tuple[Tensor, list[Tensor] | None]:
        """Return the mean Huber loss of the residuals of observed values, and the state after the batch."""
        assert batch.targets is not None
        expected_BTK, after = self.expected(batch, carry)
        observed_BTK = batch.inputs["observed"]
        losses_BTK = nn.functional.smooth_l1_loss(expected_BTK.float(), batch.targets.float(), reduction="none")
        return (losses_BTK * observed_BTK).sum() / observed_BTK.sum().clamp(min=1), after

    def predict(self, batch: Batch, carry: list[Tensor] | None) -> tuple[list[Floats], list[Tensor] | None]:
        """Return the residuals of each stretch (T, X), in deviations of the series, and the state after the batch."""
        assert batch.targets is not None
        expected_BTK, after = self.expected(batch, carry)
        residuals_BTK = (batch.targets - expected_BTK).double().cpu().numpy()
        return [row[:length] for row, length in zip(residuals_BTK, batch.lengths.tolist(), strict=True)], after

    def merge(
        self, examples: SeriesExamples, batches: Sequence[Stretches], predictions: Sequence[list[Floats]]
    ) -> list[Floats]:
        """Return the residuals of the points of each series that are scored (T, X); NaN where there is none."""
        starts = np.concatenate([batch.starts for batch in batches]) if batches else np.zeros(0, dtype=np.int64)
        rows = [row for predicted in predictions for row in predicted]
        if self.config.method == "forecast":
            residuals = self._of_points(examples, starts, rows)
        else:
            residuals = combined_windows(examples.values.shape, starts, rows, "mean")
            residuals[~examples.observed] = np.nan
        starts_E = examples.starts.tolist()
        return [residuals[part][start:] for part, start in zip(examples.series(), starts_E, strict=True)]

    def _of_points(self, examples: SeriesExamples, starts: Integers, rows: Sequence[Floats]) -> Floats:
        """Return the residuals of each point at all horizons (N, J·K), from those of the forecasts made at each."""
        points, width = examples.values.shape
        made = np.full((points, width * len(self.config.horizons)), np.nan)
        for start, row in zip(starts.tolist(), rows, strict=True):
            made[start : start + len(row)] = row
        inside = np.arange(points) - np.repeat(np.cumsum(examples.lengths) - examples.lengths, examples.lengths)
        residuals = np.full_like(made, np.nan)
        for number, horizon in enumerate(self.config.horizons):
            part = slice(number * width, (number + 1) * width)
            known = inside >= horizon - 1
            residuals[known, part] = made[np.flatnonzero(known) - horizon + 1, part]
            residuals[:, part][~examples.observed] = np.nan
        return residuals

    def score(self, examples: SeriesExamples, predictions: Sequence[Floats]) -> dict[str, float]:
        """Return the mean absolute residual of the observed values."""
        sums = sum(float(np.nansum(np.abs(each))) for each in predictions)
        count = sum(int(np.isfinite(each).sum()) for each in predictions)
        return {ERROR.name: sums / count if count else float("nan")}

    def threshold_of(self, scores: Floats) -> float:
        """Return the threshold of alarms by the scores of the observed points of dev."""
        if self.config.alarms:
            return tail_threshold(scores, self.config.alarms / 1000)
        return float(np.quantile(scores, self.config.quantile))

    def exact(self) -> Self:
        """Return a copy that computes in float64 on the CPU, so that a stream gives what a batch gives."""
        clone = copy.copy(self)
        clone.model = copy.deepcopy(self.model).double().cpu().eval()
        return clone

    def describe(self, examples: SeriesExamples, index: Stretches) -> str:
        """Return the first values of the first stretch."""
        start = int(index.starts[0])
        return f"{examples.values[start : start + 3, 0].round(3).tolist()} (scaled)"

    def assets(self) -> dict[str, str]:
        """Return the files that make the model together with its weights and settings."""
        series = {"targets": self.target_names, "scaling": self.scaling.to_dict()}
        return {"series.json": json.dumps(series), **self.calibration_file()}

    def calibration_file(self) -> dict[str, str]:
        """Return the file of the calibration."""
        saved = None if self.calibration is None else self.calibration.to_dict()
        return {"calibration.json": json.dumps(saved)}

    @classmethod
    def restored(cls, config: AnomalyConfig, read: Callable[[str], str]) -> Self:
        """Return the model whose ``assets`` the function ``read`` returns by name, before its weights are loaded."""
        series, calibration = json.loads(read("series.json")), json.loads(read("calibration.json"))
        task = cls(config, scaling=SeriesScaling.from_dict(series["scaling"]), target_names=series["targets"])
        task.calibration = None if calibration is None else Calibration.from_dict(calibration)
        return task


def _check_finite(panel: Panel) -> None:
    """Raise CorpusError if a value of a panel is infinite; the message names the series and the time."""
    wrong = np.flatnonzero(np.isinf(panel.targets).any(axis=1))
    if not len(wrong):
        return
    point = int(wrong[0])
    target = int(np.isinf(panel.targets[point]).argmax())
    raise CorpusError(
        f"{panel.place(point)}: {panel.target_names[target]} is {panel.targets[point, target]}; correct it, or"
        f" leave the cell empty and choose {setting_ref('fill', 'forward')}",
        file=panel.source,
    )


def _network(config: AnomalyConfig, values: int) -> NextValueModel | Autoencoder:
    layers, dropout, cell = config.num_layers, config.dropout, config.cell
    if config.method == "autoencoder":
        return Autoencoder(values, config.hidden_size, num_layers=layers, dropout=dropout, cell=cell)
    horizons = len(config.horizons)
    return NextValueModel(values, config.hidden_size, horizons=horizons, num_layers=layers, dropout=dropout, cell=cell)


def _filled(values: Floats, lengths: Integers) -> Floats:
    """Return values (N, K) with each NaN replaced by the last known value of its series before it; by 0 if none is."""
    known = np.isfinite(values)
    if known.all():
        return values
    begins = np.zeros(len(values), dtype=bool)
    begins[(np.cumsum(lengths) - lengths)[lengths > 0]] = True
    place = np.where(known | begins[:, None], np.arange(len(values))[:, None], 0)
    filled = np.take_along_axis(values, np.maximum.accumulate(place, axis=0), axis=0)
    return np.nan_to_num(filled, nan=0.0, posinf=0.0, neginf=0.0)


def combined_windows(shape: tuple[int, ...], starts: Integers, rows: Sequence[Floats], how: str) -> Floats:
    """Return the mean or the median of what each point (N, K) has in all windows; NaN if it is in none.

    The windows of a series are consecutive, so a point is in few of them: each has a layer of its own.
    """
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    if not len(rows):
        return np.full(shape, np.nan)
    order = np.argsort(starts, kind="stable")
    ends, layers = list[int](), list[int]()
    for row in order.tolist():
        start = int(starts[row])
        free = next((layer for layer, end in enumerate(ends) if end <= start), len(ends))
        ends[free : free + 1] = [start + int(lengths[row])]
        layers.append(free)
    stacked = np.full((len(ends), *shape), np.nan)
    for row, layer in zip(order.tolist(), layers, strict=True):
        stacked[layer, starts[row] : starts[row] + lengths[row]] = rows[row]
    known = np.isfinite(stacked).any(axis=(0, 2))
    result = np.full(shape, np.nan)
    combine = np.nanmean if how == "mean" else np.nanmedian
    result[known] = combine(stacked[:, known], axis=0)
    return result
