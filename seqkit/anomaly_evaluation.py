"""The scores of a detector of anomalies where it is known which points are anomalous, beside those of a baseline."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqkit.baselines.period import dominant_period
from seqkit.baselines.sub_pca import sub_pca_scores
from seqkit.data.series.panel import Flags, Floats, Panel
from seqkit.metrics.anomaly_scores import average_precision, vus
from seqkit.metrics.metric import AUC_PR, NAB, RANGE_F1, RANGE_PRECISION, RANGE_RECALL, VUS_PR, VUS_ROC
from seqkit.metrics.nab_score import PROBATION, nab_score
from seqkit.metrics.range_scores import best_range_scores

__all__ = ["AnomalyEvaluation", "LabelledSeries", "labelled_series", "mean_scores", "sub_pca_of"]


@dataclass(frozen=True, kw_only=True)
class AnomalyEvaluation:
    """The result of an evaluation.

    Attributes:
        scores: ``error``, the mean absolute residual in deviations of the training series; and if labels are known, the
            means over the labelled series of VUS-PR, AUC-PR and the other scores.
        baselines: the latter of each baseline, by its name.
        series: number of series with a labelled anomaly.
        steps: number of points scored.
        seconds: duration of the predictions of the detector.
    """

    scores: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]]
    series: int
    steps: int
    seconds: float

    def to_dict(self, step: str = "step") -> dict[str, Any]:
        """Return the scores, those of each baseline under its name, and the speed, as JSON output contains them."""
        speed = {f"{step}s": self.steps, f"{step}s_per_second": round(self.steps / self.seconds, 1)}
        return {**self.scores, **self.baselines, "labelled_series": self.series, **speed}


@dataclass(frozen=True, eq=False)
class LabelledSeries:
    """A series with an anomaly in the part that is scored.

    Attributes:
        index: its number in the panel.
        values: all its values, filled (T, K).
        labels: whether each point that is scored is anomalous; the last ones of the series.
        whole: whether all points are scored; then those at its beginning are the probation of NAB's score.
    """

    index: int
    values: Floats
    labels: Flags
    whole: bool


def labelled_series(panel: Panel, values: Floats) -> list[LabelledSeries]:
    """Return the series with an anomaly in the part that is scored.

    Args:
        panel: the series.
        values: their values, filled (N, K).
    """
    if panel.anomalies is None:
        return []
    found = []
    for index, (begin, end) in enumerate(zip(panel.offsets[:-1].tolist(), panel.offsets[1:].tolist(), strict=True)):
        start = int(panel.starts[index])
        labels = panel.anomalies[begin + start : end]
        if labels.any():
            found.append(LabelledSeries(index, values[begin:end], labels, start == 0))
    return found


def mean_scores(series: Sequence[LabelledSeries], scores_of: Callable[[LabelledSeries], Floats]) -> dict[str, float]:
    """Return the mean over series of each score; {} if there are none.

    Args:
        series: the labelled series.
        scores_of: returns the score of each point that is scored.
    """
    rows = [_scores(each, scores_of(each)) for each in series]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]} if rows else {}


def _scores(series: LabelledSeries, scores: Floats) -> dict[str, float]:
    surface = vus(series.labels, scores, window=dominant_period(series.values[:, 0]))
    ranges = best_range_scores(series.labels, scores)
    probation = PROBATION if series.whole else 0.0
    return {
        VUS_PR.name: surface.pr,
        VUS_ROC.name: surface.roc,
        AUC_PR.name: average_precision(series.labels, scores),
        RANGE_F1.name: ranges.f1,
        RANGE_PRECISION.name: ranges.precision,
        RANGE_RECALL.name: ranges.recall,
        NAB.name: nab_score([series.labels], [scores], probation=probation).score,
    }


def sub_pca_of(series: LabelledSeries) -> Floats:
    """Return the scores by Sub-PCA of the points that are scored; its components are those of the whole series."""
    return sub_pca_scores(series.values)[-len(series.labels) :]
