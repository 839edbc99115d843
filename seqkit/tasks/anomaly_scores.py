"""The score of each point of series, from the residuals that a calibrated model leaves.

A forecaster expects a point once: its score is how far it is from that (``anomaly_calibration``). An autoencoder
reconstructs it in each window that contains it, and an anomaly spoils the reconstruction of the whole window. The score
of a window is the mean over its points, and the score of a point the mean or the median over its windows::

    points     a b c d e f          windows of 3 points, one point apart, and their scores:
    windows    abc 0.2  bcd 0.3  cde 2.5  def 2.6
    scores     a: 0.2   b: 0.25   c: 1.0   d: 1.8   e: 2.55   f: 2.6          (mean)

Shapes: N points of all series, K values of a point, W windows.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from seqkit.batches.batch import Batch
from seqkit.batches.series_windows import Stretches
from seqkit.data.series.panel import Flags, Floats, Integers
from seqkit.tasks.anomaly_calibration import Calibration
from seqkit.tasks.anomaly_detection import AnomalyTask, SeriesExamples, combined_windows

__all__ = ["PointScores", "window_scores"]


class PointScores:
    """A detector that predicts the score of each point.

    Args:
        task: the detector.
        calibration: how its residuals become scores.
    """

    def __init__(self, task: AnomalyTask, calibration: Calibration) -> None:
        self.task = task
        self.calibration = calibration

    @property
    def model(self) -> nn.Module:
        """The network."""
        return self.task.model

    def precompute(self, examples: SeriesExamples, device: torch.device) -> SeriesExamples:
        """Return the examples as they are: batches share nothing."""
        return examples

    def batches(self, examples: SeriesExamples, batch_tokens: int) -> Sequence[Stretches]:
        """Return the batches of a prediction."""
        return self.task.batches(examples, batch_tokens)

    def collate(self, examples: SeriesExamples, index: Stretches) -> Batch:
        """Return a batch of stretches."""
        return self.task.collate(examples, index)

    def predict(self, batch: Batch, carry: list[Tensor] | None) -> tuple[list[Floats], list[Tensor] | None]:
        """Return the residuals of each stretch (T, K), and the state after the batch."""
        return self.task.predict(batch, carry)

    def merge(
        self, examples: SeriesExamples, batches: Sequence[Stretches], predictions: Sequence[list[Floats]]
    ) -> list[Floats]:
        """Return the score of each point of each series that is scored."""
        return [self.calibration.scores(each) for each in self.distances(examples, batches, predictions)]

    def distances(
        self, examples: SeriesExamples, batches: Sequence[Stretches], predictions: Sequence[list[Floats]]
    ) -> list[Floats]:
        """Return the distance of each point of each series that is scored: the score on the scale of single points."""
        if self.task.config.method == "forecast":
            return [self.calibration.distances(each) for each in self.task.merge(examples, batches, predictions)]
        return self._of_windows(examples, batches, predictions)

    def _of_windows(
        self, examples: SeriesExamples, batches: Sequence[Stretches], predictions: Sequence[list[Floats]]
    ) -> list[Floats]:
        rows = [row for predicted in predictions for row in predicted]
        points = len(examples.values)
        scores_N = np.full(points, np.nan)
        if rows:
            starts_W = np.concatenate([batch.starts for batch in batches])
            lengths_W = np.array([len(row) for row in rows], dtype=np.int64)
            place = np.repeat(starts_W - (np.cumsum(lengths_W) - lengths_W), lengths_W) + np.arange(lengths_W.sum())
            scores_W = window_scores(self.calibration, np.concatenate(rows), examples.observed[place], lengths_W)
            spread = [np.full((length, 1), score) for length, score in zip(lengths_W, scores_W, strict=True)]
            scores_N = combined_windows((points, 1), starts_W, spread, self.task.config.combine)[:, 0]
        scores_N[~examples.observed.any(axis=1)] = 0.0
        starts_E = examples.starts.tolist()
        return [scores_N[part][start:] for part, start in zip(examples.series(), starts_E, strict=True)]


def window_scores(calibration: Calibration, residuals: Floats, observed: Flags, lengths: Integers) -> Floats:
    """Return the score of each window: the mean over its observed points; 0 if there are none.

    Args:
        calibration: how residuals become scores.
        residuals: the residuals of all windows, one after the other (N, K).
        observed: which values were observed (N, K).
        lengths: number of points of each window, at least 1 (W).
    """
    scores_N = calibration.distances(np.where(observed, residuals, np.nan))
    begins_W = np.cumsum(lengths) - lengths
    counts_W = np.add.reduceat(observed.any(axis=1).astype(np.int64), begins_W)
    means_W: Floats = np.add.reduceat(scores_N, begins_W) / np.maximum(counts_W, 1)
    return means_W
