"""Ways of predicting with a tagger: with confidence, with Monte Carlo dropout, and the probabilities of all labels.

Shapes: B batch, T time, K labels.
"""

import math
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqkit.batches.batch import Batch
from seqkit.batches.samplers import in_order
from seqkit.metrics.mc_dropout import summary
from seqkit.models.tagger import TaggingModel
from seqkit.models.tagging_heads import Decoded
from seqkit.nn.dropout import drop_in_prediction
from seqkit.tasks.tag_prediction import TagPrediction
from seqkit.tasks.tagging import TaggedExamples, TaggingTask
from seqkit.tasks.tagging_windows import window_borders
from seqkit.text.tagging_schemes import Span

__all__ = ["ConfidentTags", "LabelMarginals", "MonteCarloTags"]

Prediction = TypeVar("Prediction")


class _AroundTagging(Generic[Prediction]):
    """The base of the predictors: the batches are those of the task."""

    def __init__(self, task: TaggingTask) -> None:
        self.task = task

    @property
    def model(self) -> TaggingModel:
        """The tagger's network."""
        return self.task.model

    def precompute(self, examples: TaggedExamples, device: torch.device) -> TaggedExamples:
        """Return the examples with the vectors of all their spellings computed once."""
        return self.task.precompute(examples, device)

    def batches(self, examples: TaggedExamples, batch_tokens: int) -> Sequence[Sequence[int]]:
        """Return the windows of each batch."""
        return self.task.batches(examples, batch_tokens)

    def collate(self, examples: TaggedExamples, index: Sequence[int]) -> Batch:
        """Return a batch of some windows, in the order given."""
        return self.task.collate(examples, index)


class ConfidentTags(_AroundTagging[TagPrediction]):
    """Predicted tags and spans with their probability under the model.

    Args:
        task: the tagger.
    """

    def predict(self, batch: Batch, carry: list[Tensor] | None = None) -> tuple[list[TagPrediction], None]:
        """Return the tags, spans and confidence of each window of a batch."""
        states_BTH = self.task.model(batch)
        decoded = self.task.model.head.decode(states_BTH, batch.mask, confidence=True)
        return [self._with_confidence(decoded, row) for row in range(len(decoded.labels))], None

    def merge(
        self,
        examples: TaggedExamples,
        batches: Sequence[Sequence[int]],
        predictions: Sequence[list[TagPrediction]],
    ) -> list[TagPrediction]:
        """Return the prediction for each sentence, merged from those for its windows."""
        return self.task.merge(examples, batches, predictions)

    def _with_confidence(self, decoded: Decoded, row: int) -> TagPrediction:
        plain = self.task.prediction(decoded.labels[row])
        return TagPrediction(plain.tags, plain.spans, self._confidence(decoded, row, plain))

    def _confidence(self, decoded: Decoded, row: int, prediction: TagPrediction) -> list[float]:
        """Return the probability of each span of a row, or of each plain tag."""
        marginal, conditional = decoded.marginals[row], decoded.conditionals[row]
        spans: Sequence[Span] = prediction.spans
        if self.task.scheme is None:
            spans = [Span(index, index + 1, tag) for index, tag in enumerate(prediction.tags)]
        return [min(1.0, math.exp(marginal[start] + sum(conditional[start + 1 : end]))) for start, end, _ in spans]


class MonteCarloTags(ConfidentTags):
    """Tags and spans predicted without dropout, with the mean and spread of their confidence under dropout.

    The copies of a window are read side by side in one batch (Gal and Ghahramani 2016).

    Args:
        task: the tagger.
        samples: number of times each window is read.
    """

    def __init__(self, task: TaggingTask, samples: int) -> None:
        super().__init__(task)
        self.samples = samples
        dropping = drop_in_prediction(task.model.eval())
        assert isinstance(dropping, TaggingModel)
        self.dropping = dropping

    def batches(self, examples: TaggedExamples, batch_tokens: int) -> Sequence[Sequence[int]]:
        """Return the windows of each batch, of which ``samples`` copies will be read."""
        return self.task.batches(examples, batch_tokens // self.samples)

    def predict(self, batch: Batch, carry: list[Tensor] | None = None) -> tuple[list[TagPrediction], None]:
        """Return the tags and spans of each window of a batch, and the mean and spread of their confidence."""
        states_BTH = self.task.model(batch)
        labels = self.task.model.head.decode(states_BTH, batch.mask).labels
        copies = batch.repeated(self.samples)
        states_BTH = self.dropping(copies)
        repeated = [row for row in labels for _ in range(self.samples)]
        sampled = self.dropping.head.judge(states_BTH, copies.mask, repeated)
        return [self._summarized(sampled, row, row_labels) for row, row_labels in enumerate(labels)], None

    def _summarized(self, sampled: Decoded, row: int, labels: Sequence[int]) -> TagPrediction:
        plain = self.task.prediction(labels)
        copies = range(row * self.samples, (row + 1) * self.samples)
        confidence = [self._confidence(sampled, copy, plain) for copy in copies]
        if not confidence[0]:
            return plain
        mean, spread, low, high = (part.tolist() for part in summary(torch.tensor(confidence), 0))
        return TagPrediction(plain.tags, plain.spans, mean, spread, list(zip(low, high, strict=True)))


class WindowMarginals(NamedTuple):
    """The label probabilities (T, K) of a window, and its prediction, which determines the seams."""

    probabilities_TK: NDArray[np.float32]
    prediction: TagPrediction


class LabelMarginals(_AroundTagging[WindowMarginals]):
    """The probability of each label at each token; with a CRF, its marginals.

    Windows are merged at the seams of the task's own predictions, so that the probabilities and the tag of a token come
    from the same window.

    Args:
        task: the tagger.
    """

    def predict(self, batch: Batch, carry: list[Tensor] | None = None) -> tuple[list[WindowMarginals], None]:
        """Return the label probabilities of each window of a batch."""
        states_BTH = self.task.model(batch)
        probabilities_BTK = self.task.model.head.probabilities(states_BTH, batch.mask).float().cpu().numpy()
        labels = self.task.model.head.decode(states_BTH, batch.mask).labels
        return [
            WindowMarginals(rows_TK[: len(row)], self.task.prediction(row))
            for rows_TK, row in zip(probabilities_BTK, labels, strict=True)
        ], None

    def merge(
        self,
        examples: TaggedExamples,
        batches: Sequence[Sequence[int]],
        predictions: Sequence[list[WindowMarginals]],
    ) -> list[WindowMarginals]:
        """Return the label probabilities of each sentence; those of a token come from the window of its tag."""
        of_window = iter(in_order(batches, predictions))
        merged = []
        for windows in examples.windows:
            parts = [next(of_window) for _ in windows]
            found = [part.prediction for part in parts]
            borders = window_borders(windows, found, self.task.scheme)
            rows = [
                part.probabilities_TK[start - window.start : end - window.start]
                for part, window, start, end in zip(parts, windows, borders[:-1], borders[1:], strict=True)
            ]
            nothing = np.zeros((0, len(self.task.labels)), dtype=np.float32)
            merged.append(WindowMarginals(np.concatenate([nothing, *rows]), TagPrediction([], [])))
        return merged
