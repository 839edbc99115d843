"""Calibration: temperature scaling of probabilities, and the gap between confidence and accuracy.

Shapes: E examples, K labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqkit.errors import ConfigError

__all__ = ["Bin", "cross_fitted_temperatures", "expected_calibration_error", "fitted_temperature", "reliability"]

MIN_TEMPERATURE, MAX_TEMPERATURE = 1e-2, 1e2  # beyond these, probabilities are practically 0 and 1, or all equal
BISECTIONS = 60
BINS = 15


@dataclass(frozen=True)
class Bin:
    """Predictions of similar confidence.

    Attributes:
        count: the number of predictions.
        confidence: their mean probability.
        accuracy: the share of them that is correct.
    """

    count: int
    confidence: float
    accuracy: float


def fitted_temperature(logits_EK: Tensor, targets_E: Tensor, smoothing: float = 0.0) -> float:
    """Fit the temperature that minimizes the negative log-likelihood of the targets (Guo et al. 2017, section 4.2).

    The mean negative log-likelihood is convex in the inverse temperature. Its derivative is the expected logit minus
    the target's logit; bisection finds the zero. If labels do not exclude each other, pass each as a binary choice: its
    logit and 0 as the two columns.

    Args:
        logits_EK: logits of examples that the model was not trained on.
        targets_E: the indices of the correct labels.
        smoothing: share of each target that is spread over all labels; it prevents extreme confidence if the few
            examples there are happen to be all correct.

    Returns:
        A temperature from 0.01 to 100, to divide logits by; 1 if there are no examples.

    >>> logits = torch.tensor([[4.0, 0.0]] * 3 + [[4.0, 0.0]])
    >>> temperature = fitted_temperature(logits, torch.tensor([0, 0, 0, 1]))
    >>> [round(value, 3) for value in (logits / temperature).softmax(1)[0].tolist()]
    [0.75, 0.25]
    """
    if len(logits_EK) == 0:
        return 1.0
    logits_EK = logits_EK.double()
    target_E = (1 - smoothing) * logits_EK.gather(1, targets_E[:, None])[:, 0] + smoothing * logits_EK.mean(1)

    def derivative(inverse: float) -> float:
        expected_E = ((inverse * logits_EK).softmax(1) * logits_EK).sum(1)
        return float((expected_E - target_E).mean())

    low, high = 1 / MAX_TEMPERATURE, 1 / MIN_TEMPERATURE
    for _ in range(BISECTIONS):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if derivative(middle) > 0 else (middle, high)
    return float(1 / (low * high) ** 0.5)


def cross_fitted_temperatures(logits_EK: Tensor, targets_E: Tensor, folds: int = 5, smoothing: float = 0.0) -> Tensor:
    """Fit a temperature for each example on the examples of the other folds.

    A calibration error measured with these temperatures is not measured on the examples that they were fitted to.
    Example e belongs to fold e mod ``folds``.

    Args:
        logits_EK: logits of examples that the model was not trained on.
        targets_E: the indices of the correct labels.
        folds: the number of folds.
        smoothing: as in :func:`fitted_temperature`.

    Returns:
        Temperatures (E,), float64.

    Raises:
        ConfigError: there are fewer than two folds, or fewer examples than folds.
    """
    if not 2 <= folds <= len(logits_EK):
        raise ConfigError(f"{folds} folds of {len(logits_EK)} examples: choose from 2 folds to one for each example")
    fold_E = torch.arange(len(logits_EK)) % folds
    temperatures_E = torch.ones(len(logits_EK), dtype=torch.float64)
    for fold in range(folds):
        others_E = fold_E != fold
        temperatures_E[~others_E] = fitted_temperature(logits_EK[others_E], targets_E[others_E], smoothing)
    return temperatures_E


def reliability(confidence: Sequence[float], correct: Sequence[bool], bins: int = BINS) -> list[Bin]:
    """Group predictions into bins of equal width in confidence; empty bins are left out.

    Args:
        confidence: the probability of each predicted label.
        correct: whether each predicted label is correct.
        bins: the number of bins between 0 and 1.

    Raises:
        ConfigError: there is no bin.

    >>> reliability([0.95, 0.92, 0.2], [True, False, False], bins=10)
    [Bin(count=1, confidence=0.2, accuracy=0.0), Bin(count=2, confidence=0.935, accuracy=0.5)]
    """
    if bins < 1:
        raise ConfigError(f"bins must be at least 1, not {bins}")
    confidences: NDArray[np.float64] = np.asarray(confidence, dtype=np.float64)
    hits = np.asarray(correct, dtype=np.float64)
    indices = np.clip((confidences * bins).astype(np.int64), 0, bins - 1)
    occupied = []
    for index in range(bins):
        inside = indices == index
        if inside.any():
            mean_confidence = round(float(confidences[inside].mean()), 12)
            occupied.append(Bin(int(inside.sum()), mean_confidence, float(hits[inside].mean())))
    return occupied


def expected_calibration_error(confidence: Sequence[float], correct: Sequence[bool], bins: int = BINS) -> float:
    """Compute the mean gap between confidence and accuracy, weighted by the counts of the bins (Naeini et al. 2015).

    Args:
        confidence: the probability of each predicted label.
        correct: whether each predicted label is correct.
        bins: the number of bins between 0 and 1.

    >>> expected_calibration_error([0.9, 0.9], [True, False])
    0.4
    """
    total = len(confidence)
    return sum(
        part.count / total * abs(part.confidence - part.accuracy) for part in reliability(confidence, correct, bins)
    )
