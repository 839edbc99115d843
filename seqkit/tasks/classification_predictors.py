"""Monte Carlo dropout for classifiers.

Shapes: B batch, C copies of a text, K labels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from seqkit.batches.batch import Batch
from seqkit.batches.labelled_examples import LabelledExamples
from seqkit.metrics.mc_dropout import summary
from seqkit.models.classifier import ClassificationModel, LabelScores
from seqkit.nn.dropout import drop_in_prediction
from seqkit.tasks.classification import ClassificationTask
from seqkit.tasks.label_prediction import LabelPrediction

__all__ = ["MonteCarloLabels"]


class MonteCarloLabels:
    """Mean and spread of the label probabilities over copies of a text that are read under dropout.

    The copies are read side by side in one batch (Gal and Ghahramani 2016).

    Args:
        task: the classifier.
        samples: number of copies.
    """

    def __init__(self, task: ClassificationTask, samples: int) -> None:
        self.task = task
        self.samples = samples
        model = drop_in_prediction(task.model.eval())
        assert isinstance(model, ClassificationModel)
        self.model = model

    def precompute(self, examples: LabelledExamples, device: torch.device) -> LabelledExamples:
        """Return the examples with the vectors of all their spellings computed once."""
        return self.task.precompute(examples, device)

    def batches(self, examples: LabelledExamples, batch_tokens: int) -> Sequence[Sequence[int]]:
        """Return the examples of each batch, which will contain ``samples`` copies of each."""
        return self.task.batches(examples, batch_tokens // self.samples)

    def collate(self, examples: LabelledExamples, index: Sequence[int]) -> Batch:
        """Return a batch of copies of some examples; the copies of an example are adjacent."""
        return self.task.collate(examples, [row for row in index for _ in range(self.samples)])

    def predict(self, batch: Batch, carry: list[Tensor] | None = None) -> tuple[list[LabelPrediction], None]:
        """Return the label probabilities of each text of a batch: mean, standard deviation and interval."""
        scores: LabelScores = self.model(batch)
        labels = len(self.task.labels)
        logits_BCK = scores.scores_BK.float().view(-1, self.samples, labels)
        summaries = zip(*(part.tolist() for part in summary(self.task.probabilities(logits_BCK), 1)), strict=True)
        prior = (self.task.prior, [0.0] * labels, self.task.prior, self.task.prior)
        attention = self.task.attention(scores, copies=self.samples)
        predictions = []
        for row, (logits, sampled) in enumerate(zip(logits_BCK.mean(1).tolist(), summaries, strict=True)):
            copy = row * self.samples
            empty = bool(batch.inputs["empty_B"][copy])
            mean, spread, low, high = prior if empty else sampled
            predictions.append(
                LabelPrediction(
                    probabilities=mean,
                    logits=logits,
                    empty=empty,
                    attention=None if attention is None else attention[row][: int(batch.lengths[copy])],
                    spread=spread,
                    intervals=list(zip(low, high, strict=True)),
                )
            )
        return predictions, None

    def merge(
        self,
        examples: LabelledExamples,
        batches: Sequence[Sequence[int]],
        predictions: Sequence[list[LabelPrediction]],
    ) -> list[LabelPrediction]:
        """Return the predictions of all batches in the order of the examples."""
        return self.task.merge(examples, batches, predictions)
