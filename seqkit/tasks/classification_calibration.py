"""Calibration of a classifier by temperature scaling, and the confidence of its decisions (Guo et al. 2017).

Shapes: E decisions, K classes: the labels, or 2 (for and against) if a text may have several labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.batches.labelled_examples import LabelledExamples
from seqkit.metrics.calibration import cross_fitted_temperatures, expected_calibration_error, fitted_temperature
from seqkit.tasks.classification import ClassificationTask
from seqkit.tasks.label_prediction import LabelPrediction

__all__ = ["Calibration", "calibrate", "confidence_and_correct"]

FOLDS = 5  # of dev, so that no example's confidence is scaled by a temperature fitted to that example


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The result of temperature scaling on a dev split.

    Attributes:
        confidence, correct: the cross-fitted confidence of each decision, and whether it was correct.
        temperature: the temperature fitted to all decisions.
        error: the expected calibration error of the cross-fitted confidence, in 0..1.
        before: the expected calibration error without temperature scaling, in 0..1.
        log_loss: the mean negative log-likelihood of the decisions at this temperature, in nats.
    """

    confidence: list[float]
    correct: list[bool]
    temperature: float
    error: float
    before: float
    log_loss: float

    def to_dict(self) -> dict[str, Any]:
        """Return what the report of a run contains."""
        return {
            "temperature": self.temperature,
            "expected_calibration_error": self.error,
            "before_temperature_scaling": self.before,
            "log_loss": self.log_loss,
        }


def calibrate(
    task: ClassificationTask, examples: LabelledExamples, predictions: Sequence[LabelPrediction]
) -> Calibration | None:
    """Fit the temperature of a task to predictions for examples with gold labels; return None if there are too few.

    Args:
        task: the task, whose temperature is set.
        examples: the examples.
        predictions: one for each example.
    """
    logits_EK, targets_E = _decisions(task, examples, predictions)
    if len(logits_EK) < 2 * FOLDS:
        return None
    smoothing = 1 / (1 + len(logits_EK))
    task.temperature = fitted_temperature(logits_EK, targets_E, smoothing)
    temperatures_E = cross_fitted_temperatures(logits_EK, targets_E, FOLDS, smoothing)
    confidence, correct = _confidence_and_correct(logits_EK / temperatures_E[:, None], targets_E)
    return Calibration(
        confidence=confidence,
        correct=correct,
        temperature=task.temperature,
        error=expected_calibration_error(confidence, correct),
        before=expected_calibration_error(*_confidence_and_correct(logits_EK, targets_E)),
        log_loss=float(nn.functional.cross_entropy(logits_EK / task.temperature, targets_E)),
    )


def confidence_and_correct(
    task: ClassificationTask, examples: LabelledExamples, predictions: Sequence[LabelPrediction]
) -> tuple[list[float], list[bool]]:
    """Return the confidence of each decision, and whether it was correct.

    Each text is one decision; if a text may have several labels, each label is a decision.
    """
    assert examples.gold is not None
    probabilities = [each.probabilities for each in predictions]
    if task.multi_label:
        indices = range(len(task.labels))
        right = [index in gold for gold in examples.gold for index in indices]
        flat = [chance for each in probabilities for chance in each]
        confidence = [max(chance, 1 - chance) for chance in flat]
        return confidence, [(chance > 0.5) is expected for chance, expected in zip(flat, right, strict=True)]
    predicted = [max(range(len(each)), key=each.__getitem__) for each in probabilities]
    correct = [index in gold for index, gold in zip(predicted, examples.gold, strict=True)]
    return [max(each) for each in probabilities], correct


def _decisions(
    task: ClassificationTask, examples: LabelledExamples, predictions: Sequence[LabelPrediction]
) -> tuple[Tensor, Tensor]:
    """Return the logits (E, K) and targets (E,) of all decisions: between labels, or for or against each label.

    Texts without a word, and texts with a label that does not occur in the training data, are left out.
    """
    assert examples.gold is not None
    known = [
        (each.logits, gold)
        for each, gold in zip(predictions, examples.gold, strict=True)
        if not each.empty and all(index < len(task.labels) for index in gold)
    ]
    logits_EK = torch.tensor([logits for logits, _ in known], dtype=torch.float64).view(len(known), len(task.labels))
    if not task.multi_label:
        return logits_EK, torch.tensor([gold[0] for _, gold in known], dtype=torch.int64)
    right_EK = torch.tensor([[index in gold for index in range(len(task.labels))] for _, gold in known])
    scores_E = logits_EK.flatten()
    return torch.stack([torch.zeros_like(scores_E), scores_E], dim=1), right_EK.flatten().long()


def _confidence_and_correct(logits_EK: Tensor, targets_E: Tensor) -> tuple[list[float], list[bool]]:
    confidence_E, predicted_E = logits_EK.softmax(1).max(1)
    return confidence_E.tolist(), (predicted_E == targets_E).tolist()
