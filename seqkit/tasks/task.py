"""What training and evaluation ask of a task."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from seqkit.batches.batch import Batch
from seqkit.config.training import TrainConfig

__all__ = ["Sampler", "Task"]


class Sampler(Protocol):
    """The batches of each epoch, the same for the same seed and epoch: a place in them is one number."""

    def epoch(self, number: int) -> Sequence[Any]:
        """What ``Task.collate`` makes the batches of one epoch from, in their order."""

    def rate_share(self, batch: Any) -> float:
        """What the learning rate of one of them is multiplied by."""


class Task(Protocol):
    """A task: data in, batches, a loss, predictions, scores.

    The carry is what a batch hands on to the next one, such as the state after a window of running text: tensors
    without gradient, or None at the start and where examples stand alone.

    Attributes:
        name: its name in the TASKS table.
        metric: the score that a checkpoint is chosen by.
        tie_breaker: the score that chooses between checkpoints whose ``metric`` is the same; None keeps the first.
        usage: Python lines that use ``model``, for the model card.
    """

    name: str
    metric: str
    tie_breaker: str | None
    usage: str

    @property
    def rate_parts(self) -> Sequence[str]:
        """Beginnings of parameter names that have a learning rate of their own."""

    @property
    def model(self) -> nn.Module:
        """What is trained."""

    def sampler(self, examples: Any, config: TrainConfig) -> Sampler:
        """The batches to train on."""

    def rate_share(self, part: str, epoch: int) -> float:
        """What the learning rate is multiplied by in a part of ``rate_parts``, or in the rest, which is ``""``."""

    def batches(self, examples: Any, batch_tokens: int) -> Sequence[Any]:
        """What ``collate`` makes the batches of a prediction from: every token once."""

    def settled(self, examples: Any, device: torch.device) -> Any:
        """The same examples, with what all batches of a prediction share computed once, under weights that stay."""

    def collate(self, examples: Any, rows: Any) -> Batch:
        """A batch of some examples, in the order given, or of a window."""

    def loss(self, batch: Batch, carry: list[Tensor] | None) -> tuple[Tensor, list[Tensor] | None]:
        """Training loss of a batch, averaged over its tokens, and the carry after it."""

    def predict(
        self, batch: Batch, carry: list[Tensor] | None, *, confidence: bool = False
    ) -> tuple[list[Any], list[Tensor] | None]:
        """Predictions for a batch, and the carry after it."""

    def in_order(self, batches: Sequence[Any], predictions: Sequence[list[Any]]) -> list[Any]:
        """The predictions of all batches in the order of the examples."""

    def score(self, gold: Any, predicted: Any) -> dict[str, float]:
        """Scores by name, ``metric`` among them."""

    def describe(self, examples: Any, rows: Any) -> str:
        """A few words that let a person find the first example of a batch again."""

    def assets(self) -> Mapping[str, str]:
        """Files that, with the weights, make the model: name to content."""
