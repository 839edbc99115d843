"""The heads of a tagger: from encoder states to a loss, or to labels.

Shapes: B batch, T time, H state width, K labels.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqkit.crf import CRF

__all__ = ["CRFHead", "Decoded", "SoftmaxHead", "TaggingHead"]


class Decoded(NamedTuple):
    """Label sequences and their probabilities.

    Attributes:
        labels: label ids, a list per row without padding.
        marginals: the log-probability of each label, in lists of the same lengths; empty if not asked for.
        conditionals: the log-probability of each label given the label before it, likewise. The run of labels from s to
            e has the log-probability ``marginals[s] + sum(conditionals[s + 1 : e + 1])``.
    """

    labels: list[list[int]]
    marginals: list[list[float]]
    conditionals: list[list[float]]


class TaggingHead(nn.Module, ABC):
    """Base class of the heads of a tagger.

    Attributes:
        scores: the linear layer from states to scores of labels.
    """

    scores: nn.Linear

    @abstractmethod
    def loss(self, states_BTH: Tensor, targets_BT: Tensor, mask_BT: Tensor) -> Tensor:
        """Return the training loss, a scalar averaged over tokens by their label weights.

        Args:
            states_BTH: encoder states.
            targets_BT: label ids; arbitrary where the mask is false.
            mask_BT: true for the tokens of each row, which come first.
        """

    @abstractmethod
    def decode(self, states_BTH: Tensor, mask_BT: Tensor, *, confidence: bool = False) -> Decoded:
        """Return the most probable labels; with ``confidence``, their log-probabilities too."""

    @abstractmethod
    def judge(self, states_BTH: Tensor, mask_BT: Tensor, labels: list[list[int]]) -> Decoded:
        """Return given label sequences with their log-probabilities."""

    @abstractmethod
    def probabilities(self, states_BTH: Tensor, mask_BT: Tensor) -> Tensor:
        """Return the probability of each label at each token, (B, T, K); arbitrary for padding."""


class CRFHead(TaggingHead):
    """A linear layer and a CRF over its scores (Huang et al. 2015).

    Args:
        input_size: state width H.
        labels: number of labels K.
        can_start: for each label, whether a sequence may start with it; None allows all.
        can_follow: for each label, a row of which labels may follow it; None allows all.
        can_end: for each label, whether a sequence may end with it; None allows all.
        label_weights: the weight in the loss of a token of each label; None weights all equally.
        label_smoothing: share of the target that is spread evenly over all legal paths.

    >>> head = CRFHead(8, 3)
    >>> states, mask = torch.randn(2, 4, 8), torch.ones(2, 4, dtype=torch.bool)
    >>> [len(row) for row in head.decode(states, mask).labels]
    [4, 4]
    """

    def __init__(
        self,
        input_size: int,
        labels: int,
        *,
        can_start: Sequence[bool] | None = None,
        can_follow: Sequence[Sequence[bool]] | None = None,
        can_end: Sequence[bool] | None = None,
        label_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.scores = nn.Linear(input_size, labels)
        self.crf = CRF(
            labels,
            batch_first=True,
            can_start=can_start,
            can_follow=can_follow,
            can_end=can_end,
            label_weights=label_weights,
            label_smoothing=label_smoothing,
        )

    def loss(self, states_BTH: Tensor, targets_BT: Tensor, mask_BT: Tensor) -> Tensor:
        """Return the negative log-likelihood of the target sequences, averaged over tokens as in ``CRF.loss``."""
        return self.crf.loss(self.scores(states_BTH), targets_BT, mask_BT, reduction="token_mean")

    def decode(self, states_BTH: Tensor, mask_BT: Tensor, *, confidence: bool = False) -> Decoded:
        """Return the most probable label sequences; with ``confidence``, their exact log-probabilities too."""
        emissions_BTK = self.scores(states_BTH)
        labels = self.crf.decode(emissions_BTK, mask_BT)
        if not confidence:
            return Decoded(labels, [], [])
        return self._judged(emissions_BTK, mask_BT, labels)

    def judge(self, states_BTH: Tensor, mask_BT: Tensor, labels: list[list[int]]) -> Decoded:
        """Return given label sequences with their exact log-probabilities."""
        return self._judged(self.scores(states_BTH), mask_BT, labels)

    def _judged(self, emissions_BTK: Tensor, mask_BT: Tensor, labels: list[list[int]]) -> Decoded:
        paths_BT = _padded(labels, mask_BT)
        marginals_BT, conditionals_BT = self.crf.path_log_probabilities(emissions_BTK, paths_BT, mask_BT)
        return Decoded(labels, _rows(marginals_BT, mask_BT), _rows(conditionals_BT, mask_BT))

    def probabilities(self, states_BTH: Tensor, mask_BT: Tensor) -> Tensor:
        """Return the probability of each label at each token, summed over all paths, (B, T, K)."""
        return self.crf.marginals(self.scores(states_BTH), mask_BT)


class SoftmaxHead(TaggingHead):
    """A linear layer and a softmax: each token is labelled independently.

    Args:
        input_size: state width H.
        labels: number of labels K.
        label_weights: the weight in the loss of a token of each label; None weights all equally.
        label_smoothing: share of the target that is spread evenly over all labels (Szegedy et al. 2016, section 7).

    >>> head = SoftmaxHead(8, 3)
    >>> states, mask = torch.randn(2, 4, 8), torch.ones(2, 4, dtype=torch.bool)
    >>> head.loss(states, torch.zeros(2, 4, dtype=torch.long), mask).shape
    torch.Size([])
    """

    label_weights_K: Tensor | None

    def __init__(
        self,
        input_size: int,
        labels: int,
        *,
        label_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.scores = nn.Linear(input_size, labels)
        weights_K = None if label_weights is None else torch.tensor(label_weights)
        self.register_buffer("label_weights_K", weights_K, persistent=False)
        self.label_smoothing = label_smoothing

    def loss(self, states_BTH: Tensor, targets_BT: Tensor, mask_BT: Tensor) -> Tensor:
        """Return the cross-entropy, averaged over tokens by their label weights."""
        return nn.functional.cross_entropy(
            self.scores(states_BTH)[mask_BT].float(),
            targets_BT[mask_BT],
            weight=self.label_weights_K,
            label_smoothing=self.label_smoothing,
        )

    def decode(self, states_BTH: Tensor, mask_BT: Tensor, *, confidence: bool = False) -> Decoded:
        """Return the most probable label of each token; with ``confidence``, its log-probability too."""
        best = self.scores(states_BTH).float().log_softmax(dim=-1).max(dim=-1)
        labels = [row[:length] for row, length in zip(best.indices.tolist(), mask_BT.sum(1).tolist(), strict=True)]
        if not confidence:
            return Decoded(labels, [], [])
        probabilities = _rows(best.values, mask_BT)
        return Decoded(labels, probabilities, probabilities)

    def judge(self, states_BTH: Tensor, mask_BT: Tensor, labels: list[list[int]]) -> Decoded:
        """Return given label sequences with their log-probabilities."""
        scores_BTK = self.scores(states_BTH).float().log_softmax(dim=-1)
        probabilities = _rows(scores_BTK.gather(2, _padded(labels, mask_BT)[..., None])[..., 0], mask_BT)
        return Decoded(labels, probabilities, probabilities)

    def probabilities(self, states_BTH: Tensor, mask_BT: Tensor) -> Tensor:
        """Return the probability of each label at each token, (B, T, K)."""
        probabilities_BTK: Tensor = self.scores(states_BTH).float().softmax(dim=-1)
        return probabilities_BTK


def _padded(labels: list[list[int]], mask_BT: Tensor) -> Tensor:
    """Return label sequences padded with 0, (B, T)."""
    paths_BT = torch.zeros_like(mask_BT, dtype=torch.int64)
    paths_BT[mask_BT] = torch.tensor([label for row in labels for label in row], device=mask_BT.device)
    return paths_BT


def _rows(values_BT: Tensor, mask_BT: Tensor) -> list[list[float]]:
    lengths = mask_BT.sum(1).tolist()
    return [row[:length] for row, length in zip(values_BT.tolist(), lengths, strict=True)]
