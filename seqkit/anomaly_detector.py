"""The ``AnomalyDetector``: what is strange in a series of numbers?"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from seqkit.anomaly_evaluation import AnomalyEvaluation, labelled_series, mean_scores, sub_pca_of
from seqkit.anomaly_stream import AnomalyScore, AnomalyStream
from seqkit.batches.series_windows import Stretches
from seqkit.config.anomaly_detection import AnomalyConfig
from seqkit.data.series.open_series import SeriesData, open_series
from seqkit.data.series.panel import Floats, Integers, Panel
from seqkit.data.series.time_axis import ROWS
from seqkit.errors import ConfigError, CorpusError
from seqkit.estimator import Conclusion, Estimator, Prepared
from seqkit.tasks.anomaly_calibration import Calibration
from seqkit.tasks.anomaly_detection import AnomalyTask, SeriesExamples
from seqkit.tasks.anomaly_scores import PointScores
from seqkit.training.device import Device, DeviceName, Precision
from seqkit.training.evaluate import predict
from seqkit.training.events import Event

__all__ = ["AnomalyDetector"]


class AnomalyDetector(Estimator[SeriesExamples, Floats, Stretches]):
    """Finds anomalies in series of numbers, without labels.

    A point is strange if it is far from what a recurrent network expects: from a forecast by all points before it, or
    from the reconstruction of a window (setting ``method``). An alarm is a score above a threshold that is fitted to a
    validation split (settings ``quantile`` and ``alarms``).

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: ``auto``, ``float32`` or ``bfloat16``, for training; predictions are computed in float64 on the CPU.
        **settings: any field of ``AnomalyConfig`` and ``TrainConfig``.

    Raises:
        ConfigError: if a setting does not exist, or a value cannot be used.

    >>> waves = np.sin(np.arange(400) / 3)
    >>> detector = AnomalyDetector(epochs=10, hidden_size=16, lookback=20, learning_rate=0.02)
    >>> detector = detector.fit(Panel.from_arrays([waves]))
    >>> waves[200] += 1.0
    >>> scores = detector.predict(Panel.from_arrays([waves]))
    >>> max(scores, key=lambda point: point.score).time
    200
    """

    tasks = ("anomaly",)
    noun = "a detector of anomalies"
    fitted: AnomalyTask | None
    config: AnomalyConfig

    def __init__(self, *, device: DeviceName = "auto", precision: Precision = "auto", **settings: Any) -> None:
        self._configure({"device": device, "precision": precision}, settings)

    def _task_of(self, own: Mapping[str, Any]) -> str:
        return "anomaly"

    def _configure(self, own: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        super()._configure(own, settings)
        self._exact: tuple[AnomalyTask, PointScores] | None = None

    def fit(
        self,
        train: SeriesData,
        /,
        dev: "SeriesData | None" = None,
        *,
        out: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        resume: bool = False,
        about: Mapping[str, object] | None = None,
        report: Callable[[Event], None] | None = None,
        progress: bool = False,
    ) -> Self:
        """Train on one split; select the weights, and set the threshold, on another that comes later.

        Args:
            train: the training series: a panel, or anything that ``open_series`` opens. Labels are not read.
            dev: likewise; a panel that contains train, and whose points from ``starts`` on are dev, as ``open_series``
                returns it. None takes the last tenth of each series in ``train``.
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
            splits = open_series(train, frequency=None if isinstance(train, Panel) else ROWS)
            train_panel, dev_panel = splits["train"], splits["dev"]
        else:
            train_panel, dev_panel = _opened(train), _opened(dev)

        def prepare() -> Prepared[AnomalyTask, SeriesExamples]:
            task, examples = AnomalyTask.from_rows(self.config, train_panel)
            dev_examples = task.prepare(dev_panel)
            _check_scored(dev_examples, dev_panel)
            return Prepared(task, examples, dev_examples)

        return self._fit(
            prepare, out=out, overwrite=overwrite, resume=resume, about=about, report=report, progress=progress
        )

    def _conclude(self, dev: SeriesExamples, *, draw: bool) -> Conclusion:
        task = self._trained(self.fitted)
        exact = task.exact()
        residuals = np.concatenate(predict(exact, dev, _exact_device()))
        fitted = Calibration.fitted(residuals, len(task.target_names))
        whole = replace(dev, starts=0 * dev.starts)
        distances = predict(PointScores(exact, fitted), whole, _exact_device())  # on one scale, scores are distances
        fitted = fitted.with_scales(distances, task.config.smoothing)
        scores = np.concatenate([fitted.scores(each) for each in distances])
        threshold = max(
            task.threshold_of(scores[points]) for points in (dev.observed_points(), whole.observed_points())
        )
        task.calibration = replace(fitted, threshold=threshold)
        self._exact = None
        return Conclusion({"threshold": task.calibration.threshold}, {**task.calibration_file()})

    def scores(self, series: SeriesData) -> list[Floats]:
        """Return the score of each point from ``starts`` on, an array for each series.

        Args:
            series: a panel, or anything that ``open_series`` opens, of which all points are scored.

        Raises:
            ConfigError: if the model is not trained yet.
            CorpusError: if a value is infinite, or a series was not trained on.
        """
        predictor = self._ready()
        return predict(predictor, predictor.task.prepare(_opened(series)), _exact_device())

    def predict(self, series: SeriesData) -> list[AnomalyScore]:
        """Return the score of each point from ``starts`` on; arguments and errors as for ``scores``."""
        panel = _opened(series)
        threshold, scores = self.threshold, self.scores(panel)
        results: list[AnomalyScore] = []
        for number, found in enumerate(scores):
            name = panel.ids[number] if len(panel) > 1 else None
            times = _times(panel, number)[int(panel.starts[number]) :]
            results += [
                AnomalyScore(when, score, score > threshold, name)
                for when, score in zip(times, found.tolist(), strict=True)
            ]
        return results

    def evaluate(self, panel: Panel, /) -> AnomalyEvaluation:
        """Score the points from ``starts`` on: the error, and if labels are known, VUS-PR and others beside Sub-PCA's.

        Args:
            panel: the series; its ``anomalies`` are the labels.

        Raises:
            ConfigError: if the model is not trained yet.
            CorpusError: if a value is infinite, or a series was not trained on.
        """
        predictor = self._ready()
        task, examples = predictor.task, predictor.task.prepare(panel)
        begin = time.perf_counter()
        scores = predict(predictor, examples, _exact_device())
        seconds = time.perf_counter() - begin
        residuals = predict(task, examples, _exact_device())
        labelled = labelled_series(panel, examples.values)
        return AnomalyEvaluation(
            scores={**task.score(examples, residuals), **mean_scores(labelled, lambda series: scores[series.index])},
            baselines={"sub_pca": mean_scores(labelled, sub_pca_of)} if labelled else {},
            series=len(labelled),
            steps=examples.steps,
            seconds=seconds,
        )

    @property
    def target_names(self) -> list[str]:
        """The names of the values of a point; ConfigError if the model is not trained yet."""
        return self._trained(self.fitted).target_names

    @property
    def threshold(self) -> float:
        """The score above which a point is an alarm; ConfigError if the model is not trained yet."""
        return self._ready().calibration.threshold

    def stream(self, unique_id: str | None = None) -> AnomalyStream:
        """Return a stream that scores the points of one series as they arrive, from its beginning.

        Args:
            unique_id: the series whose scaling applies; may be left out if the model was trained on one series.

        Raises:
            ConfigError: if the model is not trained yet, or there is no such series.
        """
        predictor = self._ready()
        ids = list(predictor.task.scaling.ids)
        if len(ids) == 1:
            return AnomalyStream(predictor, 0, unique_id)
        if unique_id not in ids:
            examples = ", ".join(map(repr, ids[:5])) + (", …" if len(ids) > 5 else "")
            raise ConfigError(f"no series {unique_id!r} in the training data, only {examples}; name one of these")
        return AnomalyStream(predictor, ids.index(unique_id), unique_id)

    def _ready(self) -> PointScores:
        """Return the calibrated predictor of scores, in float64 on the CPU."""
        task = self._trained(self.fitted)
        if task.calibration is None:
            raise ConfigError("the training of this model was cut off before it had a threshold; resume it")
        if self._exact is None or self._exact[0] is not task:
            self._exact = task, PointScores(task.exact(), task.calibration)
        return self._exact[1]

    def _restored_task(self, read: Callable[[str], str]) -> AnomalyTask:
        return AnomalyTask.restored(self.config, read)

    @classmethod
    def _from_run(cls, run: Mapping[str, Any], *, device: DeviceName, precision: Precision) -> Self:
        return cls(device=device, precision=precision, **run["settings"])


def _exact_device() -> Device:
    return Device.open("cpu", "float32")


def _times(panel: Panel, series: int) -> Sequence[str | int]:
    begin, end = panel.offsets[series : series + 2]
    times: Integers = panel.times[begin:end]
    if panel.axis.frequency == "":
        numbers: list[int] = times.tolist()
        return numbers
    return panel.axis.format(times)


def _opened(data: SeriesData) -> Panel:
    """Return all points of series; each row of a frame is the next point, whenever it was."""
    if isinstance(data, Panel):
        return data
    splits = open_series(data, frequency=ROWS, dev_fraction=0.0)
    return replace(panel := list(splits.values())[-1], starts=0 * panel.lengths)


def _check_scored(dev: SeriesExamples, panel: Panel) -> None:
    """Raise CorpusError if no value of dev was observed."""
    parts = zip(dev.series(), dev.starts.tolist(), strict=True)
    if not any(dev.observed[part][start:].any() for part, start in parts):
        raise CorpusError("dev has no value, so there is nothing to set the threshold by", file=panel.source)
