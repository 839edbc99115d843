"""What a score means: its name, whether higher is better, and its unit.

Nothing is inferred from a name: a task lists its metrics, and whoever compares or prints a score asks the metric.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "ACCURACY",
    "ANOMALY_METRICS",
    "AUC_PR",
    "BACKWARD_PERPLEXITY",
    "BITS_PER_BYTE",
    "BITS_PER_CHARACTER",
    "COVERAGE",
    "CRPS",
    "DETECTION_METRICS",
    "ERROR",
    "EXPECTED_CALIBRATION_ERROR",
    "F1",
    "FORECAST_METRICS",
    "FORWARD_PERPLEXITY",
    "LABEL_METRICS",
    "LANGUAGE_MODEL_METRICS",
    "LOG_LOSS",
    "MACRO_F1",
    "MAE",
    "MASE",
    "NAB",
    "NATS_PER_TOKEN",
    "PERPLEXITY",
    "PINBALL",
    "PRECISION",
    "RANGE_F1",
    "RANGE_PRECISION",
    "RANGE_RECALL",
    "RECALL",
    "RMSE",
    "ROC_AUC",
    "SMAPE",
    "SPAN_METRICS",
    "TAG_METRICS",
    "VUS_PR",
    "VUS_ROC",
    "WIDTH",
    "Metric",
    "find_metric",
]


@dataclass(frozen=True)
class Metric:
    """A kind of score.

    Attributes:
        name: its key in scores, in snake case.
        higher_is_better: whether the best model maximizes it.
        unit: ``%`` for a fraction in 0..1, which is printed in per cent; otherwise a unit printed after the number,
            or nothing.

    >>> f1, mae = Metric("f1", True, "%"), Metric("mae", False, "kWh")
    >>> f1.format(0.84321), mae.format(0.1), Metric("perplexity", False).format(112.42)
    ('84.32 %', '0.1000 kWh', '112.4')
    >>> f1.is_better(0.9, 0.8), mae.is_better(0.9, 0.8)
    (True, False)
    """

    name: str
    higher_is_better: bool
    unit: str = ""

    @property
    def worst(self) -> float:
        """The value that any score is better than: minus infinity, or infinity where lower is better."""
        return -math.inf if self.higher_is_better else math.inf

    def is_better(self, score: float, other: float) -> bool:
        """Return whether a score is strictly better than another one."""
        return score > other if self.higher_is_better else score < other

    def format(self, score: float) -> str:
        """Return a score as people read it, with its unit."""
        if self.unit == "%":
            return f"{100 * score:.2f} %"
        number = f"{score:#.4g}" if abs(score) < 1e4 else f"{score:,.0f}"
        return f"{number} {self.unit}".rstrip()

    def format_number(self, score: float) -> str:
        """Return a score as people read it, without its unit."""
        return self.format(score).removesuffix(f" {self.unit}")


def find_metric(metrics: Iterable[Metric], name: str) -> Metric:
    """Return the metric with a name.

    Raises:
        KeyError: if no metric has that name.

    >>> find_metric([F1, RECALL], "recall").unit
    '%'
    """
    return {metric.name: metric for metric in metrics}[name]


F1 = Metric("f1", True, "%")
PRECISION = Metric("precision", True, "%")
RECALL = Metric("recall", True, "%")
ACCURACY = Metric("accuracy", True, "%")
MACRO_F1 = Metric("macro_f1", True, "%")
LOG_LOSS = Metric("log_loss", False)
ROC_AUC = Metric("roc_auc", True, "%")
EXPECTED_CALIBRATION_ERROR = Metric("expected_calibration_error", False, "%")
PERPLEXITY = Metric("perplexity", False)
NATS_PER_TOKEN = Metric("nats_per_token", False)
BITS_PER_CHARACTER = Metric("bits_per_character", False)
BITS_PER_BYTE = Metric("bits_per_byte", False)
FORWARD_PERPLEXITY = Metric("forward_perplexity", False)
BACKWARD_PERPLEXITY = Metric("backward_perplexity", False)
MASE = Metric("mase", False)
MAE = Metric("mae", False)
RMSE = Metric("rmse", False)
SMAPE = Metric("smape", False, "%")
PINBALL = Metric("pinball", False)
CRPS = Metric("crps", False)
COVERAGE = Metric("coverage", True, "%")  # right if it equals the nominal level; below it, the intervals lie
WIDTH = Metric("width", False)
ERROR = Metric("error", False)
VUS_PR = Metric("vus_pr", True, "%")
VUS_ROC = Metric("vus_roc", True, "%")
AUC_PR = Metric("auc_pr", True, "%")
RANGE_F1 = Metric("range_f1", True, "%")
RANGE_PRECISION = Metric("range_precision", True, "%")
RANGE_RECALL = Metric("range_recall", True, "%")
NAB = Metric("nab", True)  # 0 for a detector that never raises an alarm, 100 for a perfect one

# The first metric of each tuple selects the best weights.
SPAN_METRICS = (F1, PRECISION, RECALL, ACCURACY)
TAG_METRICS = (ACCURACY,)
LABEL_METRICS = (ACCURACY, MACRO_F1, LOG_LOSS, ROC_AUC, EXPECTED_CALIBRATION_ERROR)
LANGUAGE_MODEL_METRICS = (
    PERPLEXITY,
    NATS_PER_TOKEN,
    BITS_PER_CHARACTER,
    BITS_PER_BYTE,
    FORWARD_PERPLEXITY,
    BACKWARD_PERPLEXITY,
)
FORECAST_METRICS = (MASE, MAE, RMSE, SMAPE, PINBALL, CRPS, COVERAGE, WIDTH)
ANOMALY_METRICS = (VUS_PR, VUS_ROC, AUC_PR, RANGE_F1, RANGE_PRECISION, RANGE_RECALL, NAB)
DETECTION_METRICS = (ERROR, *ANOMALY_METRICS)  # without labels there is only the error
