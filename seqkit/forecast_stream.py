"""Forecasts of a series whose points arrive one by one."""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from seqkit.batches.forecast_examples import CLIP
from seqkit.cells.state import Carry
from seqkit.data.series.panel import Floats, Panel
from seqkit.errors import ConfigError, CorpusError
from seqkit.models.forecast_heads import MEDIAN
from seqkit.tasks.forecast_history import extended
from seqkit.tasks.forecast_intervals import REPORTED_LEVEL, bounds_of
from seqkit.tasks.forecast_point import ForecastPoint
from seqkit.tasks.forecasting import ForecastingTask
from seqkit.training.device import Device
from seqkit.training.evaluate import predict
from seqkit.transforms.scaling import Affine

__all__ = ["ForecastStream"]


class ForecastStream:
    """Reads a series point by point, and forecasts the next point after each.

    A series that the run knows goes on where its history ends; any other begins with the first point that is read.

    A forecaster with ``multistep="recursive"``, ``segment=1``, ``scope="series"`` and ``calendar=False`` reads a point
    in constant time, because it carries the state of its network on. The forecast is that of ``predict`` for all points
    so far, if the lookback is as long. Any other forecaster keeps the points of one lookback, and reads all of them for
    each forecast.

    Args:
        task: the trained forecaster.
        unique_id: the name of the series; None takes the only one of the training data, or a new one.

    Raises:
        ConfigError: if the model needs other columns than the values.
    """

    def __init__(self, task: ForecastingTask, unique_id: str | None = None) -> None:
        reader, config = task.reader, task.reader.config
        if reader.known or reader.past:
            names = ", ".join([*reader.known, *reader.past])
            raise ConfigError(f"a stream reads values only, but the model was trained with the features {names}")
        only = reader.ids[0] if len(reader.ids) == 1 else ""
        self.task = task
        self.unique_id = only if unique_id is None else unique_id
        history = _history_of(task.history, self.unique_id)
        if history is None and reader.covariates:
            raise ConfigError("the model reads the calendar, so it can only go on with a series of its training data")
        self._number = reader.ids.index(self.unique_id) + 1 if self.unique_id in reader.ids else 0
        self._time = 0 if history is None else int(history.times[-1])
        self._has_time = history is not None
        self.is_constant_time = (
            (config.multistep, config.segment, config.scope) == ("recursive", 1, "series")
            and self._number > 0
            and not reader.covariates
        )
        self._device = Device.open("cpu")
        kept = config.season if self.is_constant_time else max(config.lookback, config.season)
        self._points: deque[float] = deque(maxlen=kept)
        self._carry: Carry | None = None
        self._state_BD: Tensor | None = None
        if history is not None:
            self._read(history.targets[:, 0].tolist())

    def update(self, value: float) -> ForecastPoint:
        """Read a point; return the forecast of the next one, with a 90 % interval.

        Args:
            value: the value, in the units of the series.

        Raises:
            CorpusError: if the value is not finite, or has no logarithm that the model needs.
        """
        if not np.isfinite(value):
            raise CorpusError(f"the value of a point must be a finite number, not {value}")
        if self.task.config.log_returns and value <= 0:
            raise CorpusError(f"the value {value:g} has no logarithm; log returns are for positive values")
        if self._has_time:
            self._time = int(self.task.reader.axis.after(self._time, 1)[0])
        self._has_time = True
        self._read([float(value)])
        return self._forecast()

    @torch.inference_mode()
    def _read(self, values: Iterable[float]) -> None:
        new = list(values)
        self._points.extend(new)
        if not self.is_constant_time:
            return
        self.task.model.eval()
        scaled_T = self._scaling().apply(self._as_read(new)[None])[0].clamp(-CLIP, CLIP).float()
        inputs_BTX = torch.stack([scaled_T, torch.ones_like(scaled_T)], dim=-1)[None]
        states_BTD, self._carry = self.task.model.encode(inputs_BTX, torch.tensor([len(new)]), self._carry)
        self._state_BD = states_BTD[:, -1]

    @torch.inference_mode()
    def _forecast(self) -> ForecastPoint:
        quantiles_Q, scale = self._next() if self.is_constant_time else self._reread()
        level = REPORTED_LEVEL
        quantiles_WHQ = np.repeat(quantiles_Q[None, None], self.task.config.horizon, axis=1)
        if self.task.intervals is None:
            low, high = bounds_of(quantiles_WHQ, level)
        else:
            low, high = self.task.intervals.bounds(quantiles_WHQ, level, np.array([scale]))
        axis = self.task.reader.axis
        time = axis.format(axis.after(self._time, 1))[0]
        return ForecastPoint(
            self.unique_id, time, float(quantiles_Q[MEDIAN]), {level: (float(low[0, 0]), float(high[0, 0]))}
        )

    def _next(self) -> tuple[Floats, float]:
        """Return the quantiles of the next point, from the state that is carried."""
        assert self._state_BD is not None
        model, scaling = self.task.model, self._scaling()
        season = self.task.reader.config.season
        points = list(self._points)
        lagged_M = self._as_read(points if len(points) == season else points[-1:] * season)
        reference_BW = model.reference(scaling.apply(lagged_M[None]).float())
        quantiles_Q = reference_BW[0, 0] + model.head.quantiles(model.outputs(self._state_BD))[0, 0]
        values_Q = scaling.invert(quantiles_Q.double()[None])[0]
        return (values_Q.exp() if self.task.config.log_returns else values_Q).numpy(), float(scaling.scale_B)

    def _reread(self) -> tuple[Floats, float]:
        """Return the quantiles of the next point, from all points of a lookback."""
        axis, points = self.task.reader.axis, np.array(self._points)
        panel = Panel.from_arrays({self.unique_id: points})
        times = self._earlier(len(points))
        panel = replace(panel, times=times.astype(np.int64), axis=axis, target_names=(self.task.reader.target,))
        examples = self.task.prepare(extended(panel, self.task.config.horizon))
        return predict(self.task, examples, self._device)[0][0], float(examples.scaling([0]).scale_B)

    def _earlier(self, count: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        """Return the times of the last points."""
        axis = self.task.reader.axis
        if not axis.frequency:
            return self._time - axis.step * np.arange(count, dtype=np.int64)[::-1]
        import pandas as pd

        zone = axis.zone
        last = pd.Timestamp(self._time, unit="us", tz="UTC" if zone else None)
        if zone:
            last = last.tz_convert(zone)
        times = pd.date_range(end=last, periods=count, freq=axis.frequency)
        instants: np.ndarray[tuple[int], np.dtype[np.int64]] = times.as_unit("us").asi8
        return instants

    def _scaling(self) -> Affine:
        scales = self.task.reader.scales
        assert scales is not None
        return scales.select(torch.tensor([self._number - 1]))

    def _as_read(self, values: list[float]) -> Tensor:
        tensor = torch.tensor(values, dtype=torch.float64)
        return tensor.log() if self.task.config.log_returns else tensor


def _history_of(history: Panel | None, unique_id: str) -> Panel | None:
    if history is None or unique_id not in history.ids:
        return None
    return history.series(list(history.ids).index(unique_id))
