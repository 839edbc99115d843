"""The only evaluation loop."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from seqkit.tasks.task import Examples, Index, Prediction, Predictor, Task
from seqkit.training.device import Device

__all__ = ["Evaluation", "evaluate", "predict"]

Prediction_co = TypeVar("Prediction_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class Evaluation(Generic[Prediction_co]):
    """The result of an evaluation.

    Attributes:
        scores: scores by the name of the metric; percentages are fractions in 0..1.
        predictions: one for each example, in order.
        steps: number of steps (tokens, or points of a series) read.
        seconds: duration of the predictions.
    """

    scores: dict[str, float]
    predictions: Sequence[Prediction_co]
    steps: int
    seconds: float

    @property
    def steps_per_second(self) -> float:
        """Steps read per second."""
        return self.steps / self.seconds

    def to_dict(self, step: str = "step") -> dict[str, Any]:
        """Return scores, number of steps and speed, as JSON output contains them.

        Args:
            step: the name of a step, in the singular.
        """
        return {**self.scores, f"{step}s": self.steps, f"{step}s_per_second": round(self.steps_per_second, 1)}


@torch.inference_mode()
def predict(
    predictor: Predictor[Examples, Prediction, Index],
    examples: Examples,
    device: Device,
    *,
    batch_tokens: int = 8192,
) -> list[Prediction]:
    """Return a prediction for each example, in order.

    Args:
        predictor: a task, or another way of predicting.
        examples: prepared examples, from ``Task.prepare``.
        device: the device of the model.
        batch_tokens: maximum number of padded steps in a batch.
    """
    predictor.model.eval()
    with device.autocast():
        examples = predictor.precompute(examples, device.torch_device)
    batches = predictor.batches(examples, batch_tokens)
    predictions: list[list[Prediction]] = []
    carry: list[Tensor] | None = None
    for index in batches:
        batch = predictor.collate(examples, index).to(device.torch_device)
        with device.autocast():
            predicted, carry = predictor.predict(batch, carry)
        predictions.append(predicted)
    return predictor.merge(examples, batches, predictions)


def evaluate(
    task: Task[Examples, Prediction, Index],
    examples: Examples,
    device: Device,
    *,
    predictor: Predictor[Examples, Prediction, Index] | None = None,
    batch_tokens: int = 8192,
) -> Evaluation[Prediction]:
    """Predict and score examples whose gold answers are known.

    Args:
        task: the task that scores the predictions.
        examples: prepared examples, from ``Task.prepare``.
        device: the device of the model.
        predictor: the way of predicting; None takes the task's own.
        batch_tokens: maximum number of padded steps in a batch.
    """
    start = time.perf_counter()
    predictions = predict(predictor or task, examples, device, batch_tokens=batch_tokens)
    seconds = time.perf_counter() - start
    scores = task.score(examples, predictions)
    return Evaluation(scores=scores, predictions=predictions, steps=examples.steps, seconds=seconds)
