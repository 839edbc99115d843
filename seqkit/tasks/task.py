"""The contract of a task: the interface that training, evaluation, prediction and run folders use.

A :class:`Predictor` is one way of predicting; a :class:`Task` is a predictor that can be trained, scored and saved. The
other ways of predicting (label probabilities, Monte Carlo dropout) are predictors that wrap a task.

Both are generic in these types:

- ``Examples``: a prepared split, as the model reads it
- ``Prediction``: the prediction for one example
- ``Index``: identifies the examples of a batch; row numbers by default
- ``Rows``: a split before it is prepared
- ``Config``: the settings of the model

``Rows`` and ``Config`` are contravariant with the default ``Never``, so ``Task[Examples, Prediction]`` is a task with
any rows and settings.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Never, Protocol, Self

import torch
from torch import Tensor, nn
from typing_extensions import TypeVar

from seqkit.batches.batch import Batch
from seqkit.config.training import TrainConfig
from seqkit.metrics.metric import Metric

__all__ = ["Predictor", "Sampler", "SizedExamples", "Task"]


class SizedExamples(Protocol):
    """Examples with a known number of examples and of steps (tokens, or points of a series)."""

    def __len__(self) -> int:
        """Return the number of examples."""

    @property
    def steps(self) -> int:
        """Number of steps of all examples together."""


Examples = TypeVar("Examples", bound=SizedExamples)
Prediction = TypeVar("Prediction")
Index = TypeVar("Index", default=Sequence[int])
Rows = TypeVar("Rows", contravariant=True, default=Never)
Config = TypeVar("Config", contravariant=True, default=Never)


class Sampler(Protocol[Index]):
    """The batches of each epoch; the same seed and epoch give the same batches, so that training can be resumed."""

    def epoch(self, number: int) -> Sequence[Index]:
        """Return the index of each batch of an epoch, in order, for ``Task.collate``."""

    def learning_rate_scale(self, index: Index) -> float:
        """Return the factor of the learning rate for a batch."""


class Predictor(Protocol[Examples, Prediction, Index]):
    """A way of predicting.

    A batch passes a carry on to the next batch, such as the state after a window of running text: tensors without
    gradient. It is None for the first batch, and if examples are independent.
    """

    @property
    def model(self) -> nn.Module:
        """The network; it is in evaluation mode when predictions are made."""

    def precompute(self, examples: Examples, device: torch.device) -> Examples:
        """Return the examples with precomputed values that batches share; valid until the weights change."""

    def batches(self, examples: Examples, batch_tokens: int) -> Sequence[Index]:
        """Return the index of each batch: every example once, at most ``batch_tokens`` padded steps unless alone."""

    def collate(self, examples: Examples, index: Index) -> Batch:
        """Return a batch of some examples, in the order given."""

    def predict(self, batch: Batch, carry: list[Tensor] | None) -> tuple[list[Prediction], list[Tensor] | None]:
        """Return the predictions for a batch, and the carry after it."""

    def merge(
        self, examples: Examples, batches: Sequence[Index], predictions: Sequence[list[Prediction]]
    ) -> list[Prediction]:
        """Return one prediction for each example, in order, from the predictions of all batches."""


class Task(Predictor[Examples, Prediction, Index], Protocol[Examples, Prediction, Index, Rows, Config]):
    """A task: rows in, batches, a loss, predictions, scores.

    Attributes:
        metrics: the metrics of the scores that ``score`` returns; the first one selects the best weights.
        tie_breaker: the metric that decides if the first score is equal; None keeps the earlier weights.
    """

    metrics: ClassVar[Sequence[Metric]]
    tie_breaker: ClassVar[Metric | None]

    @classmethod
    def from_rows(cls, config: Config, rows: Rows) -> tuple[Self, Examples]:
        """Build a task with the vocabularies and labels of training rows; return it and these rows as examples."""

    def prepare(self, rows: Rows) -> Examples:
        """Return rows as examples for prediction or scoring."""

    def sampler(self, examples: Examples, config: TrainConfig) -> Sampler[Index]:
        """Return the sampler of training batches."""

    @property
    def parameter_groups(self) -> Sequence[str]:
        """Prefixes of parameter names that have a learning rate of their own."""

    def learning_rate_scale(self, group: str, epoch: int) -> float:
        """Return the factor of the learning rate of a parameter group; ``""`` is the group of all other parameters."""

    def loss(self, batch: Batch, carry: list[Tensor] | None) -> tuple[Tensor, list[Tensor] | None]:
        """Return the mean training loss of a batch, and the carry after it."""

    def score(self, examples: Examples, predictions: Sequence[Prediction]) -> dict[str, float]:
        """Return scores by the name of the metric."""

    def describe(self, examples: Examples, index: Index) -> str:
        """Return the beginning of the first example of a batch, by which a user can find the batch."""

    def assets(self) -> Mapping[str, str]:
        """Return the files that are needed besides weights and settings to restore the model: content by name."""

    @classmethod
    def restored(cls, config: Config, read: Callable[[str], str]) -> Self:
        """Return the task whose ``assets`` the function ``read`` returns by name, before its weights are loaded."""
