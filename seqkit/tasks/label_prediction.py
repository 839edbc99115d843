"""The prediction of a classifier for one text."""

from dataclasses import dataclass

__all__ = ["LabelPrediction"]


@dataclass(frozen=True, kw_only=True)
class LabelPrediction:
    """The label probabilities of one text.

    Attributes:
        probabilities: one for each label, in the order of the task's labels; they sum to 1 unless a text may have
            several labels.
        logits: one for each label, not divided by the temperature.
        empty: whether the text has no word; the probabilities are then the label frequencies of the training data.
        attention: the attention weight of each token; None without attention pooling.
        spread: the standard deviation of each probability over Monte Carlo samples, of which ``probabilities`` are then
            the means; None without samples.
        intervals: the bounds of the central 95 % of the samples; None without samples.

    >>> LabelPrediction(probabilities=[0.9, 0.1], logits=[2.0, -0.2]).empty
    False
    """

    probabilities: list[float]
    logits: list[float]
    empty: bool = False
    attention: list[float] | None = None
    spread: list[float] | None = None
    intervals: list[tuple[float, float]] | None = None
