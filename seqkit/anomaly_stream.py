"""Scores of the points of a series as they arrive."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from seqkit.batches.batch import Batch
from seqkit.cells.state import Carry, map_state
from seqkit.data.series.panel import Flags, Floats
from seqkit.errors import ConfigError, CorpusError
from seqkit.models.autoencoder import Autoencoder, NextValueModel
from seqkit.tasks.anomaly_calibration import Calibration, RunningScore
from seqkit.tasks.anomaly_detection import LARGEST
from seqkit.tasks.anomaly_scores import PointScores, window_scores

__all__ = ["AnomalyScore", "AnomalyStream"]


@dataclass(frozen=True)
class AnomalyScore:
    """The score of a point of a series.

    Attributes:
        time: the time of the point, as text, or its number.
        score: how strange it is: higher is stranger; 0 if no value was observed and scores are not smoothed.
        anomaly: whether the score is above the threshold.
        unique_id: the name of the series; None if there is only one.
    """

    time: str | int
    score: float
    anomaly: bool
    unique_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON output contains."""
        named = {} if self.unique_id is None else {"unique_id": self.unique_id}
        return {**named, "time": self.time, "score": self.score, "anomaly": self.anomaly}


class _Reader(Protocol):
    """A model that reads the points of a series one by one."""

    def score(self, values_K: Floats, known_K: Flags) -> float:
        """Read a point, and return its score, without smoothing.

        Args:
            values_K: its scaled values, or those before where they are not known.
            known_K: which are known.
        """


class AnomalyStream:
    """Scores the points of one series as they arrive; made by ``AnomalyDetector.stream``.

    A forecaster carries its state from point to point: an update takes the same time and memory whatever came before,
    and gives what ``AnomalyDetector.predict`` gives for the whole series. An autoencoder encodes the last ``lookback``
    points anew for each point, so that an update takes time in proportion to the lookback. The score is that of this
    window, while ``predict`` combines all windows that contain a point, of which others end later.

    Args:
        predictor: predicts scores in float64.
        series: the number of the series whose scaling applies.
        unique_id: the name of the series in the results.
    """

    def __init__(self, predictor: PointScores, series: int, unique_id: str | None = None) -> None:
        task = predictor.task
        self._names = task.target_names
        self._threshold = predictor.calibration.threshold
        self._level_K, self._scale_K = task.scaling.levels[series], task.scaling.scales[series]
        self._running = RunningScore(predictor.calibration)
        self._last_K = np.zeros(len(task.target_names))
        self._count = 0
        self._id = unique_id
        self._reader: _Reader
        if isinstance(task.model, NextValueModel):
            self._reader = _Forecasting(task.model, predictor.calibration, task.config.horizons)
        else:
            assert isinstance(task.model, Autoencoder)
            self._reader = _Reconstructing(task.model, predictor.calibration, task.config.lookback)

    @torch.no_grad()
    def update(self, value: float | Sequence[float], *, time: str | int | None = None) -> AnomalyScore:
        """Read the next point, and return its score.

        Args:
            value: the value, or the values of a series of several. NaN is one that is not known: the model reads the
                one before it.
            time: the time of the point; None numbers the points from 0.

        Raises:
            ConfigError: if the number of values differs from that in training.
            CorpusError: if a value is infinite.
        """
        values_K = np.atleast_1d(np.asarray(value, dtype=np.float64))
        time = self._count if time is None else time
        if values_K.shape != self._last_K.shape:
            names = ", ".join(self._names)
            raise ConfigError(f"{values_K.size} values at {time}; the model reads {len(self._last_K)}: {names}")
        if np.isinf(values_K).any():
            raise CorpusError(f"the value at {time} is infinite; give nan for one that is not known")
        known_K = np.isfinite(values_K)
        self._last_K = np.where(known_K, (values_K - self._level_K) / self._scale_K, self._last_K)
        score = self._running.update(self._reader.score(self._last_K, known_K))
        self._count += 1
        return AnomalyScore(time, score, score > self._threshold, self._id)


class _Forecasting:
    """One-step forecasts, with the state of each layer carried on; as fast for any number of points before."""

    def __init__(self, model: NextValueModel, calibration: Calibration, horizons: Sequence[int]) -> None:
        self._calibration = calibration
        self._horizons = horizons
        self._forecasts: deque[Floats] = deque(maxlen=max(horizons))  # the newest first, each (J, K)
        encoder = model.encoder
        cell = encoder.cell
        weights = cell.weights(encoder.recurrent)
        self._layers = [partial(cell.run_layer, [weight.detach() for weight in layer]) for layer in weights]
        self._output: nn.Module = model.output
        start = encoder.initial_carry(1)
        self._state: list[Carry] = [map_state(start, itemgetter(layer)) for layer in range(encoder.num_layers)]
        self._before_11K = torch.zeros(1, 1, encoder.input_size, dtype=torch.float64)

    def score(self, values_K: Floats, known_K: Flags) -> float:
        states_11X = self._before_11K
        for number, layer in enumerate(self._layers):
            states_11X, self._state[number] = layer(states_11X, self._state[number])
        forecasts: Tensor = self._output(states_11X)
        self._forecasts.appendleft(forecasts.view(len(self._horizons), -1).numpy())
        self._before_11K = torch.from_numpy(values_K.clip(-LARGEST, LARGEST))[None, None]
        residuals_JK = np.full((len(self._horizons), len(values_K)), np.nan)
        for number, horizon in enumerate(self._horizons):
            if horizon <= len(self._forecasts):
                residuals_JK[number, known_K] = (values_K - self._forecasts[horizon - 1][number])[known_K]
        return float(self._calibration.distances(residuals_JK.reshape(1, -1))[0])


class _Reconstructing:
    """The reconstruction of the last window, which is encoded anew."""

    def __init__(self, model: Autoencoder, calibration: Calibration, width: int) -> None:
        self._model = model
        self._calibration = calibration
        self._window: deque[Floats] = deque(maxlen=width)
        self._known: deque[Flags] = deque(maxlen=width)

    def score(self, values_K: Floats, known_K: Flags) -> float:
        self._window.append(values_K)
        self._known.append(known_K)
        if not known_K.any():
            return 0.0
        window_TK, known_TK = np.stack(self._window), np.stack(self._known)
        length = torch.tensor([len(window_TK)])
        read_1TK = torch.from_numpy(window_TK.clip(-LARGEST, LARGEST))[None]
        residuals_TK = window_TK - self._model(Batch(inputs={"values": read_1TK}, lengths=length))[0].numpy()
        return float(window_scores(self._calibration, residuals_TK, known_TK, length.numpy())[0])
