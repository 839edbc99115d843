"""The contract of a task: what training, evaluation, prediction and run folders ask of it.

A :class:`Predictor` is one way of predicting; a :class:`Task` is a predictor that can be trained, scored and saved. The
other ways of predicting (label probabilities, Monte Carlo dropout) are predictors around a task.

Both are generic in the types that pass through them:

- ``Examples``: a prepared split, as the model reads it
- ``Prediction``: the prediction for one example
- ``Index``: which examples make a batch: row numbers unless the task says otherwise
- ``Rows``: a split before it is prepared
- ``Config``: the settings of the model

The last two only go in, so ``Task[Examples, Prediction]`` stands for a task whatever its rows and settings are.
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
    """What is asked of any examples: their number, and how many steps (tokens, points of a series) they have."""

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
    """The batches of each epoch, the same for the same seed and epoch, so that one number marks a position."""

    def epoch(self, number: int) -> Sequence[Index]:
        """Return what ``Task.collate`` makes each batch of an epoch from, in order."""

    def learning_rate_scale(self, index: Index) -> float:
        """Return the factor of the learning rate for a batch."""


class Predictor(Protocol[Examples, Prediction, Index]):
    """A way of predicting.

    The carry is what a batch passes on to the next one, such as the state after a window of running text: tensors
    without gradient, or None at the start and where examples are independent.
    """

    @property
    def model(self) -> nn.Module:
        """The network; it is in evaluation mode when predictions are made."""

    def precompute(self, examples: Examples, device: torch.device) -> Examples:
        """Return the examples with what all batches share computed once, valid as long as the weights do not change."""

    def batches(self, examples: Examples, batch_tokens: int) -> Sequence[Index]:
        """Return what ``collate`` makes each batch from: every example once, at most ``batch_tokens`` padded steps."""

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
        metrics: the metrics that ``score`` may return; the first one selects the best weights.
        tie_breaker: the metric that decides between weights with the same first score; None keeps the earlier ones.
    """

    metrics: ClassVar[Sequence[Metric]]
    tie_breaker: ClassVar[Metric | None]

    @classmethod
    def from_rows(cls, config: Config, rows: Rows) -> tuple[Self, Examples]:
        """Build a task with the vocabularies and labels of training rows; return it and these rows as examples."""

    def prepare(self, rows: Rows) -> Examples:
        """Return rows that are to be predicted or scored as examples."""

    def sampler(self, examples: Examples, config: TrainConfig) -> Sampler[Index]:
        """Return the sampler of training batches."""

    @property
    def parameter_groups(self) -> Sequence[str]:
        """Prefixes of parameter names that have a learning rate of their own."""

    def learning_rate_scale(self, group: str, epoch: int) -> float:
        """Return the factor of the learning rate for one of ``parameter_groups``, or for the rest, which is ``""``."""

    def loss(self, batch: Batch, carry: list[Tensor] | None) -> tuple[Tensor, list[Tensor] | None]:
        """Return the mean training loss of a batch, and the carry after it."""

    def score(self, examples: Examples, predictions: Sequence[Prediction]) -> dict[str, float]:
        """Return scores by the name of their metric."""

    def describe(self, examples: Examples, index: Index) -> str:
        """Return the beginning of the first example of a batch, so that a person can find it again."""

    def assets(self) -> Mapping[str, str]:
        """Return the files that make the model together with its weights and settings: content by name."""

    @classmethod
    def restored(cls, config: Config, read: Callable[[str], str]) -> Self:
        """Return the task whose ``assets`` the function ``read`` returns by name, before its weights are loaded."""
