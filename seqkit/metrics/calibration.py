"""Probabilities that mean something: temperature scaling, and how far confidence and accuracy are apart.

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

LEAST, MOST = 1e-2, 1e2  # temperatures: beyond these a model is sure of everything, or of nothing
HALVINGS = 60
BINS = 15


@dataclass(frozen=True)
class Bin:
    """Predictions of like confidence: how many, how sure on average, and what share of them is right."""

    count: int
    confidence: float
    accuracy: float


def fitted_temperature(logits_EK: Tensor, targets_E: Tensor, smoothing: float = 0.0) -> float:
    """The temperature that makes the right labels most probable (Guo et al. 2017, section 4.2).

    The mean negative log-likelihood is convex in the inverse temperature, whose slope is the expected score minus the
    right one's; so its zero is found by halving. Where labels are not exclusive each is a choice of its own: hand in
    its score and 0 as two columns.

    Args:
        logits_EK: scores of labels, of examples that the model was not trained on.
        targets_E: the right labels.
        smoothing: share of what each right label counts that is spread over all labels: it keeps a few examples that
            are all right from making the model sure of everything.

    Returns:
        A temperature from 0.01 to 100; scores are to be divided by it. 1 for no example.

    >>> logits = torch.tensor([[4.0, 0.0]] * 3 + [[4.0, 0.0]])
    >>> temperature = fitted_temperature(logits, torch.tensor([0, 0, 0, 1]))
    >>> [round(value, 3) for value in (logits / temperature).softmax(1)[0].tolist()]
    [0.75, 0.25]
    """
    if len(logits_EK) == 0:
        return 1.0
    scores_EK = logits_EK.double()
    right_E = (1 - smoothing) * scores_EK.gather(1, targets_E[:, None])[:, 0] + smoothing * scores_EK.mean(1)

    def slope(inverse: float) -> float:
        expected_E = ((inverse * scores_EK).softmax(1) * scores_EK).sum(1)
        return float((expected_E - right_E).mean())

    low, high = 1 / MOST, 1 / LEAST
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return float(1 / (low * high) ** 0.5)


def cross_fitted_temperatures(logits_EK: Tensor, targets_E: Tensor, folds: int = 5, smoothing: float = 0.0) -> Tensor:
    """For each example the temperature that the examples of the other folds give, (E,).

    What is measured with these is not measured on what was fitted. Example e belongs to fold e mod ``folds``.

    Raises:
        ConfigError: there are fewer examples than folds, or fewer than two folds.
    """
    if not 2 <= folds <= len(logits_EK):
        raise ConfigError(
            f"{folds} folds of {len(logits_EK)} examples; there must be two folds, and an example for each"
        )
    fold_E = torch.arange(len(logits_EK)) % folds
    temperatures_E = torch.ones(len(logits_EK), dtype=torch.float64)
    for fold in range(folds):
        others_E = fold_E != fold
        temperatures_E[~others_E] = fitted_temperature(logits_EK[others_E], targets_E[others_E], smoothing)
    return temperatures_E


def reliability(confidence: Sequence[float], right: Sequence[bool], bins: int = BINS) -> list[Bin]:
    """Predictions in bins of equal width in confidence; bins without any are left out.

    Args:
        confidence: the probability of each predicted label.
        right: whether it is the right one.
        bins: how many there are between 0 and 1.

    >>> reliability([0.95, 0.92, 0.2], [True, False, False], bins=10)
    [Bin(count=1, confidence=0.2, accuracy=0.0), Bin(count=2, confidence=0.935, accuracy=0.5)]
    """
    if bins < 1:
        raise ConfigError(f"there must be at least 1 bin, not {bins}")
    sure: NDArray[np.float64] = np.asarray(confidence, dtype=np.float64)
    hits = np.asarray(right, dtype=np.float64)
    place = np.clip((sure * bins).astype(np.int64), 0, bins - 1)
    found = []
    for number in range(bins):
        inside = place == number
        if inside.any():
            found.append(Bin(int(inside.sum()), round(float(sure[inside].mean()), 12), float(hits[inside].mean())))
    return found


def expected_calibration_error(confidence: Sequence[float], right: Sequence[bool], bins: int = BINS) -> float:
    """How far confidence and accuracy are apart, averaged over bins by their counts (Naeini et al. 2015).

    >>> expected_calibration_error([0.9, 0.9], [True, False])
    0.4
    """
    total = len(confidence)
    return sum(
        part.count / total * abs(part.confidence - part.accuracy) for part in reliability(confidence, right, bins)
    )
