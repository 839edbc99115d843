"""The loss of a classifier: cross-entropy, optionally weighted, smoothed or focal.

Shapes: B batch, K labels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.config.classification import ClassificationConfig
from seqkit.errors import ConfigError, setting_ref

__all__ = ["LabelLoss", "class_weights"]

LEAST_WEIGHT = 1e-12  # a lower bound for the sum of weights, so that the loss is 0 if they are all 0


class LabelLoss:
    """Cross-entropy of labels, averaged over texts with the weights of their labels.

    If labels are not exclusive, each label is a binary decision, and the average is over texts and labels. A focal loss
    (Lin et al. 2017, section 3.2) multiplies each term by (1 − p)^γ, where p is the probability of the correct answer.

    Args:
        weights: the weight of a text of each label.
        multi_label: whether a text may have any number of labels.
        label_smoothing: share of the target that is spread over all labels, or over both outcomes of each decision.
        focal_gamma: γ; 0 weights all texts equally.

    >>> loss = LabelLoss([1.0, 3.0], multi_label=False)
    >>> round(float(loss(torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1]))), 4)
    0.6931
    """

    def __init__(
        self, weights: Sequence[float], *, multi_label: bool, label_smoothing: float = 0.0, focal_gamma: float = 0.0
    ) -> None:
        self.weights_K = torch.tensor(weights)
        self.multi_label, self.label_smoothing, self.focal_gamma = multi_label, label_smoothing, focal_gamma

    def __call__(self, scores_BK: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of scores, given label indices (B,) or, for multi_label labels, a 0 or 1 for each (B, K)."""
        scores_BK, weights_K = scores_BK.float(), self.weights_K.to(scores_BK.device)
        return (self._of_each if self.multi_label else self._of_one)(scores_BK, targets, weights_K)

    def _of_one(self, scores_BK: Tensor, targets_B: Tensor, weights_K: Tensor) -> Tensor:
        losses_B = nn.functional.cross_entropy(
            scores_BK, targets_B, label_smoothing=self.label_smoothing, reduction="none"
        )
        if self.focal_gamma:
            correct_B = scores_BK.softmax(1).gather(1, targets_B[:, None])[:, 0]
            losses_B = losses_B * (1 - correct_B) ** self.focal_gamma
        weights_B = weights_K[targets_B]
        return (losses_B * weights_B).sum() / weights_B.sum().clamp(min=LEAST_WEIGHT)

    def _of_each(self, scores_BK: Tensor, targets_BK: Tensor, weights_K: Tensor) -> Tensor:
        smooth_BK = targets_BK * (1 - self.label_smoothing) + self.label_smoothing / 2
        losses_BK = nn.functional.binary_cross_entropy_with_logits(scores_BK, smooth_BK, reduction="none")
        if self.focal_gamma:
            correct_BK = torch.where(targets_BK > 0.5, scores_BK, -scores_BK).sigmoid()
            losses_BK = losses_BK * (1 - correct_BK) ** self.focal_gamma
        return (losses_BK * weights_K).sum() / (weights_K.sum().clamp(min=LEAST_WEIGHT) * len(scores_BK))


def class_weights(config: ClassificationConfig, labels: Sequence[Any], prior: Sequence[float]) -> list[float]:
    """Return the weight in the loss of a text of each label.

    Args:
        config: its ``class_weights`` are used.
        labels: the labels.
        prior: the relative frequency of each label in the training data.

    Raises:
        ConfigError: if a weight is given for a name that is not a label.

    >>> class_weights(ClassificationConfig(class_weights="balanced"), ["ham", "spam"], [0.75, 0.25])
    [0.6666666666666666, 2.0]
    """
    if config.class_weights == "balanced":
        return [1 / (len(labels) * chance) for chance in prior]
    given = config.class_weights_by_name()
    if unknown := sorted(given.keys() - set(map(str, labels))):
        known = ", ".join(map(str, labels))
        message = f"the training data has no label {unknown[0]!r}; there is {known}"
        raise ConfigError(f"{setting_ref('class_weights')}: {message}")
    return [given.get(str(label), 1.0) for label in labels]
