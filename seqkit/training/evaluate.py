"""The only evaluation loop."""

import time
from dataclasses import dataclass
from typing import Any

import torch

from seqkit.tasks import Task
from seqkit.training.device import Engine

__all__ = ["Evaluation", "evaluate", "predict"]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        scores: the task's scores, in 0..1 or natural units.
        predictions: one an example, in the order of the examples.
        tokens: how many tokens were read.
        seconds: how long reading them took.
    """

    scores: dict[str, float]
    predictions: list[Any]
    tokens: int
    seconds: float


@torch.inference_mode()
def predict(
    task: Task, examples: Any, engine: Engine, *, batch_tokens: int = 8192, confidence: bool = False
) -> list[Any]:
    """Predictions for examples, in their order.

    Args:
        task: the task whose model predicts.
        examples: what ``task.prepare`` returned.
        engine: where the model runs; it must be there already.
        batch_tokens: most padded tokens in a batch.
        confidence: whether predictions carry probabilities.
    """
    task.model.eval()
    with engine.autocast():
        examples = task.settled(examples, engine.device)
    batches, predictions, carry = task.batches(examples, batch_tokens), [], None
    for rows in batches:
        batch = task.collate(examples, rows).to(engine.device)
        with engine.autocast():
            predicted, carry = task.predict(batch, carry, confidence=confidence)
        predictions.append(predicted)
    return task.in_order(batches, predictions)


def evaluate(
    task: Task, examples: Any, engine: Engine, *, batch_tokens: int = 8192, confidence: bool = False
) -> Evaluation:
    """Predict and score examples whose gold answers are known; arguments as for ``predict``."""
    start = time.perf_counter()
    predictions = predict(task, examples, engine, batch_tokens=batch_tokens, confidence=confidence)
    seconds = time.perf_counter() - start
    return Evaluation(
        scores=task.score(examples.gold, predictions),
        predictions=predictions,
        tokens=sum(examples.lengths),
        seconds=seconds,
    )
