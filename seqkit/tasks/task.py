"""What training and evaluation ask of a task."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from seqkit.batching import Batch

__all__ = ["Task"]


class Task(Protocol):
    """A task: data in, batches, a loss, predictions, scores.

    Attributes:
        name: its name in the TASKS table.
        metric: the score, higher is better, that a checkpoint is chosen by.
    """

    name: str
    metric: str

    @property
    def model(self) -> nn.Module:
        """What is trained."""

    def prepare(self, rows: Mapping[str, Any]) -> Any:
        """Rows as the model reads them; the result has ``lengths``, ``gold`` and a length."""

    def settled(self, examples: Any, device: torch.device) -> Any:
        """The same examples, with what all batches of a prediction share computed once, under weights that stay."""

    def collate(self, examples: Any, rows: Sequence[int]) -> Batch:
        """A batch of some examples, in the order given."""

    def loss(self, batch: Batch) -> Tensor:
        """Training loss of a batch, averaged over its tokens."""

    def predict(self, batch: Batch, *, confidence: bool = False) -> list[Any]:
        """A prediction for each row of a batch."""

    def score(self, gold: Any, predicted: Any) -> dict[str, float]:
        """Scores by name, ``metric`` among them."""

    def describe(self, examples: Any, row: int) -> str:
        """A few words that let a person find an example again."""

    def assets(self) -> dict[str, str]:
        """Files that, with the weights, make the model: name to content."""
