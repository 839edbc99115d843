"""What it costs a classifier not to know the labels of texts: cross-entropy, weighted, smoothed, focal.

Shapes: B batch, K labels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.config.classification import ClassificationConfig
from seqkit.errors import ConfigError

__all__ = ["LabelLoss", "class_weights"]

LEAST_WEIGHT = 1e-12  # what weights that are 0 together count as, so that their loss is 0, too


class LabelLoss:
    """Cross-entropy of labels, averaged over texts by the weights of their labels.

    Where labels are not exclusive each is a choice of its own, and the average is over texts and labels. A focal loss
    (Lin et al. 2017, section 3.2) multiplies each cost by (1 − p)^γ, p being the probability of what is right.

    Args:
        weights: what a text of each label counts.
        several: whether a text may have several labels, or none.
        label_smoothing: share of the target that is spread over all labels, or over both choices for each.
        focal_gamma: γ; 0 counts all texts alike.

    >>> loss = LabelLoss([1.0, 3.0], several=False)
    >>> round(float(loss(torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1]))), 4)
    0.6931
    """

    def __init__(
        self, weights: Sequence[float], *, several: bool, label_smoothing: float = 0.0, focal_gamma: float = 0.0
    ) -> None:
        self.weights_K = torch.tensor(weights)
        self.several, self.label_smoothing, self.focal_gamma = several, label_smoothing, focal_gamma

    def __call__(self, scores_BK: Tensor, targets: Tensor) -> Tensor:
        """The loss of scores, given the places of labels (B,), or which labels are right (B, K)."""
        scores_BK, weights_K = scores_BK.float(), self.weights_K.to(scores_BK.device)
        return (self._of_each if self.several else self._of_one)(scores_BK, targets, weights_K)

    def _of_one(self, scores_BK: Tensor, targets_B: Tensor, weights_K: Tensor) -> Tensor:
        costs_B = nn.functional.cross_entropy(
            scores_BK, targets_B, label_smoothing=self.label_smoothing, reduction="none"
        )
        if self.focal_gamma:
            right_B = scores_BK.softmax(1).gather(1, targets_B[:, None])[:, 0]
            costs_B = costs_B * (1 - right_B) ** self.focal_gamma
        weights_B = weights_K[targets_B]
        return (costs_B * weights_B).sum() / weights_B.sum().clamp(min=LEAST_WEIGHT)

    def _of_each(self, scores_BK: Tensor, targets_BK: Tensor, weights_K: Tensor) -> Tensor:
        smooth_BK = targets_BK * (1 - self.label_smoothing) + self.label_smoothing / 2
        costs_BK = nn.functional.binary_cross_entropy_with_logits(scores_BK, smooth_BK, reduction="none")
        if self.focal_gamma:
            right_BK = torch.where(targets_BK > 0.5, scores_BK, -scores_BK).sigmoid()
            costs_BK = costs_BK * (1 - right_BK) ** self.focal_gamma
        return (costs_BK * weights_K).sum() / (weights_K.sum().clamp(min=LEAST_WEIGHT) * len(scores_BK))


def class_weights(config: ClassificationConfig, labels: Sequence[Any], prior: Sequence[float]) -> list[float]:
    """What a text of each label counts in the loss.

    Args:
        config: what ``class_weights`` it has.
        labels: the labels.
        prior: how frequent each is in training.

    Raises:
        ConfigError: where a weight is given to a name that is no label.

    >>> class_weights(ClassificationConfig(class_weights="balanced"), ["ham", "spam"], [0.75, 0.25])
    [0.6666666666666666, 2.0]
    """
    if config.class_weights == "balanced":
        return [1 / (len(labels) * chance) for chance in prior]
    given = config.class_weights_by_name()
    if unknown := sorted(given.keys() - set(map(str, labels))):
        known = ", ".join(map(str, labels))
        raise ConfigError(f"class_weights: the training data has no label {unknown[0]!r}; there is {known}")
    return [given.get(str(label), 1.0) for label in labels]
