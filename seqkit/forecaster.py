"""The ``Forecaster``: how does a series of numbers go on?"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from seqkit.batches.forecast_examples import ForecastExamples
from seqkit.config.forecasting import ForecastConfig
from seqkit.data.series.open_series import SeriesData, open_series
from seqkit.data.series.panel import Floats, Panel
from seqkit.errors import ConfigError
from seqkit.estimator import Conclusion, Estimator, Prepared, random_seed
from seqkit.forecast_evaluation import ForecastEvaluation, evaluation_of
from seqkit.forecast_stream import ForecastStream
from seqkit.models.forecast_heads import MEDIAN
from seqkit.tasks.forecast_history import extended
from seqkit.tasks.forecast_intervals import Intervals, bounds_of, check_level
from seqkit.tasks.forecast_point import ForecastPoint
from seqkit.tasks.forecast_predictors import MonteCarloForecasts
from seqkit.tasks.forecast_scores import actual_values
from seqkit.tasks.forecasting import ForecastingTask
from seqkit.training.device import DeviceName, Precision
from seqkit.training.evaluate import evaluate, predict
from seqkit.training.events import Event

__all__ = ["Forecaster"]


class Forecaster(Estimator[ForecastExamples, Floats, Sequence[int]]):
    """Forecasts series of numbers: one recurrent network for all series.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: ``auto``, ``float32`` or ``bfloat16``.
        **settings: any field of ``ForecastConfig`` and ``TrainConfig``.

    Raises:
        ConfigError: if a setting does not exist, or a value cannot be used.

    >>> waves = np.sin(np.arange(200) / 3)
    >>> model = Forecaster(horizon=4, lookback=20, epochs=3, windows=64, hidden_size=8).fit(Panel.from_arrays([waves]))
    >>> [point.ds for point in model.predict()]
    ['200', '201', '202', '203']
    """

    tasks = ("forecast",)
    noun = "a forecaster"
    fitted: ForecastingTask | None
    config: ForecastConfig

    def __init__(self, *, device: DeviceName = "auto", precision: Precision = "auto", **settings: Any) -> None:
        self._configure({"device": device, "precision": precision}, settings)

    def _task_of(self, own: Mapping[str, Any]) -> str:
        return "forecast"

    def fit(
        self,
        train: "SeriesData",
        /,
        dev: Panel | None = None,
        *,
        out: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        resume: bool = False,
        about: Mapping[str, object] | None = None,
        report: Callable[[Event], None] | None = None,
        progress: bool = False,
    ) -> Self:
        """Train on one part of each series; select the weights, and calibrate intervals, on a later part.

        Args:
            train: the training series: a panel, or anything that ``open_series`` opens, such as a data frame with the
                columns ``unique_id``, ``ds`` and ``y``.
            dev: a panel that contains train, and whose points from ``starts`` on are dev, as ``open_series`` returns
                it; None takes the end of each series in ``train``.
            out: run folder in which the model is saved during training; None keeps it in memory.
            overwrite: whether a run that is in ``out`` already is replaced.
            resume: whether to continue the unfinished training in ``out``.
            about: a description of the corpus for ``run.json``.
            report: called with each event of training.
            progress: whether to draw progress on stderr.

        Raises:
            ConfigError: if the device is not available.
            CorpusError: if the data cannot be used for training.
            CheckpointError: if the run folder cannot be written or resumed.
            DivergenceError: if the loss becomes NaN or infinite; the best model so far is kept in ``out``.
        """
        if dev is None:
            splits = open_series(train, horizon=self.config.horizon)
            train_panel, dev_panel = splits["train"], splits["dev"]
        else:
            train_panel, dev_panel = self._panel(train), dev

        def prepare() -> Prepared[ForecastingTask, ForecastExamples]:
            task, examples = ForecastingTask.from_rows(self.config, train_panel)
            task.keep_history(dev_panel)
            dev_examples = task.prepare(dev_panel)
            task.check_scored(dev_examples)
            return Prepared(task, examples, dev_examples)

        return self._fit(
            prepare, out=out, overwrite=overwrite, resume=resume, about=about, report=report, progress=progress
        )

    def _conclude(self, dev: ForecastExamples, *, draw: bool) -> Conclusion:
        task = self._trained(self.fitted)
        found = predict(task, dev, self._device())
        quantiles_WHQ: Floats = np.stack(found)
        actual_WH, known_WH = actual_values(dev.frames)
        task.intervals = Intervals.fitted(quantiles_WHQ, actual_WH, known_WH, dev.scales())
        scored = evaluation_of(task, dev, quantiles_WHQ, 0.0)
        coverage = {str(level): share for level, share in task.intervals.coverage.items()}
        report = {"dev_coverage": coverage, "dev_seasonal_naive": dict(scored.baselines["seasonal_naive"])}
        files: dict[str, str | bytes] = {**task.intervals_file()}
        return Conclusion(report, files)

    def predict(
        self,
        series: "SeriesData | None" = None,
        *,
        level: Sequence[int] = (90,),
        mc_samples: int = 0,
        seed: int = 1,
    ) -> list[ForecastPoint]:
        """Forecast the points that follow the end of each series.

        Args:
            series: the series, with features known ahead up to the horizon if the model has any; None takes those that
                the model was trained on, up to the end of dev.
            level: the levels of intervals, in per cent: 50, 80, 90 or 95.
            mc_samples: number of Monte Carlo dropout samples, from which the intervals are then taken; 0 takes those
                that are calibrated on dev.
            seed: seed of the samples.

        Raises:
            ConfigError: if the model is not trained yet, or there is no such level.
            CorpusError: if the series do not fit the model.
        """
        return list(self.stream_predictions(series, level=level, mc_samples=mc_samples, seed=seed))

    def stream_predictions(
        self,
        series: "SeriesData | None" = None,
        *,
        level: Sequence[int] = (90,),
        mc_samples: int = 0,
        seed: int = 1,
    ) -> Iterator[ForecastPoint]:
        """Yield what :meth:`predict` returns, series by series."""
        for each in level:
            check_level(each)
        task = self._trained(self.fitted)
        panel = extended(self._panel(series), self.config.horizon)
        examples = task.prepare(panel)
        quantiles_WHQ = np.stack(self._quantiles(examples, mc_samples, seed))
        scales_W = examples.scales()
        bounds = {
            each: task.intervals.bounds(quantiles_WHQ, each, scales_W)
            if task.intervals and not mc_samples
            else bounds_of(quantiles_WHQ, each)
            for each in level
        }
        ends = panel.offsets[1:]
        for number, name in enumerate(panel.ids):
            times = panel.axis.format(panel.times[ends[number] - self.config.horizon : ends[number]])
            for step, time in enumerate(times):
                intervals = {
                    each: (float(low[number, step]), float(high[number, step])) for each, (low, high) in bounds.items()
                }
                yield ForecastPoint(name, time, float(quantiles_WHQ[number, step, MEDIAN]), intervals)

    def evaluate(self, split: Panel, /) -> ForecastEvaluation:
        """Score forecasts of the points of each series from ``starts`` on, beside those of the seasonal naive forecast.

        If there are more than a horizon of them, the origin moves on by a horizon each time.

        Args:
            split: the series.

        Raises:
            ConfigError: if the model is not trained yet.
            CorpusError: if the series do not fit the model, or there is nothing to score.
        """
        task = self._trained(self.fitted)
        return self._evaluated(task.prepare(split))

    def backtest(self, series: Panel, /, windows: int = 5, *, stride: int = 0) -> ForecastEvaluation:
        """Score forecasts from rolling origins at the end of each series; the model is not trained again.

        Args:
            series: the series.
            windows: number of origins in each series.
            stride: the distance of two origins; 0 takes a horizon.

        Raises:
            ConfigError: if the model is not trained yet.
            CorpusError: if the series do not fit the model.
        """
        task = self._trained(self.fitted)
        step = stride or self.config.horizon
        begin = np.maximum(series.lengths - self.config.horizon - step * (windows - 1), 1)
        return self._evaluated(task.windows(replace(series, starts=begin), stride=step, most=windows))

    def stream(self, unique_id: str | None = None) -> ForecastStream:
        """Return a stream that forecasts the next point of a series after each one; see ``ForecastStream``.

        Args:
            unique_id: the name of the series; None if there was a single one in training, or for a new one.
        """
        return ForecastStream(self._trained(self.fitted), unique_id)

    @property
    def target_name(self) -> str:
        """The name of the column of values."""
        return self._trained(self.fitted).reader.target

    def _evaluated(self, examples: ForecastExamples) -> ForecastEvaluation:
        task = self._trained(self.fitted)
        found = evaluate(task, examples, self._device())
        return evaluation_of(task, examples, np.stack(found.predictions), found.seconds)

    def _quantiles(self, examples: ForecastExamples, mc_samples: int, seed: int) -> list[Floats]:
        task, device = self._trained(self.fitted), self._device()
        if not mc_samples:
            return predict(task, examples, device)
        with random_seed(device, seed):
            return predict(MonteCarloForecasts(task, mc_samples), examples, device)

    def _panel(self, series: "SeriesData | None") -> Panel:
        if isinstance(series, Panel):
            return series
        if series is not None:
            splits = open_series(series, horizon=self.config.horizon, dev_fraction=0.0)
            return list(splits.values())[-1]
        history = self._trained(self.fitted).history
        if history is None:
            raise ConfigError("the run does not hold the end of its training series; give the series to forecast")
        return history

    def _restored_task(self, read: Callable[[str], str]) -> ForecastingTask:
        return ForecastingTask.restored(self.config, read)

    @classmethod
    def _from_run(cls, run: Mapping[str, Any], *, device: DeviceName, precision: Precision) -> Self:
        return cls(device=device, precision=precision, **run["settings"])
