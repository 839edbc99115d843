"""The head of a language model: from states to scores of the next token, or a loss.

Shapes: H state width, V vocabulary, X tokens of a batch.
"""

from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from seqkit.nn.chunked_cross_entropy import SCORES_AT_ONCE, linear_cross_entropy

__all__ = ["NextTokenHead"]

CLUSTERS = (2_000, 10_000, 50_000)  # the first id of each cluster of an adaptive softmax


class NextTokenHead(nn.Module):
    """A linear layer, or an adaptive softmax, over the next token.

    Args:
        input_size: state width H.
        vocabulary: number of tokens V, the frequent ones first.
        tied: whether the weights are those of an embedding, (V, H), passed in with each call (Press and Wolf 2017).
        adaptive: whether rare tokens are scored in clusters, from narrower states (Grave et al. 2017). It computes
            in float32, whatever the states are: PyTorch's module collects its results in the precision of its input.

    >>> head = NextTokenHead(8, 20)
    >>> states_XH, targets_X = torch.randn(5, 8), torch.arange(5)
    >>> torch.allclose(head.loss(states_XH, targets_X), -head.log_probabilities(states_XH, targets_X).mean())
    True
    """

    def __init__(self, input_size: int, vocabulary: int, *, tied: bool = False, adaptive: bool = False) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.adaptive: nn.AdaptiveLogSoftmaxWithLoss | None = None
        self.weight_VH: nn.Parameter | None = None
        if adaptive:
            cutoffs = [start for start in CLUSTERS if start < vocabulary - 1] or [max(1, vocabulary // 2)]
            self.adaptive = nn.AdaptiveLogSoftmaxWithLoss(input_size, vocabulary, cutoffs)
            return
        self.bias_V = nn.Parameter(torch.zeros(vocabulary))
        if not tied:
            self.weight_VH = nn.Parameter(nn.init.xavier_uniform_(torch.empty(vocabulary, input_size)))

    def scores(self, states_XH: Tensor, tied_VH: Tensor | None = None) -> Tensor:
        """Return the scores of all tokens, (X, V): logits, or log-probabilities from an adaptive softmax."""
        if self.adaptive is not None:
            with _without_autocast(states_XH):
                log_probabilities_XV: Tensor = self.adaptive.log_prob(states_XH.float())
            return log_probabilities_XV
        return nn.functional.linear(states_XH, self._weight(tied_VH), self.bias_V)

    def as_module(self, tied_VH: Tensor | None = None) -> nn.Linear | nn.AdaptiveLogSoftmaxWithLoss:
        """Return a PyTorch module that computes the same scores."""
        if self.adaptive is not None:
            return self.adaptive
        weight_VH = self._weight(tied_VH)
        linear = nn.Linear(weight_VH.shape[1], self.vocabulary, device="meta")
        linear.weight, linear.bias = nn.Parameter(weight_VH.detach()), nn.Parameter(self.bias_V.detach())
        return linear

    def loss(self, states_XH: Tensor, targets_X: Tensor, tied_VH: Tensor | None = None) -> Tensor:
        """Return the cross-entropy in nats, averaged over tokens."""
        if self.adaptive is not None:
            with _without_autocast(states_XH):
                loss: Tensor = self.adaptive(states_XH.float(), targets_X).loss
            return loss
        if len(states_XH) * self.vocabulary > SCORES_AT_ONCE and not _autocasts(states_XH):
            return linear_cross_entropy(states_XH, self._weight(tied_VH), self.bias_V, targets_X)
        return nn.functional.cross_entropy(self.scores(states_XH, tied_VH).float(), targets_X)

    def log_probabilities(self, states_XH: Tensor, targets_X: Tensor, tied_VH: Tensor | None = None) -> Tensor:
        """Return the log-probability of each target, (X,).

        Tokens are scored in parts, because all scores over a large vocabulary may not fit into memory.
        """
        parts, tokens = [], max(1, SCORES_AT_ONCE // self.vocabulary)
        for states, targets in zip(states_XH.split(tokens), targets_X.split(tokens), strict=True):
            if self.adaptive is not None:
                with _without_autocast(states):
                    parts.append(self.adaptive(states.float(), targets).output)
            else:
                parts.append(
                    -nn.functional.cross_entropy(self.scores(states, tied_VH).float(), targets, reduction="none")
                )
        return torch.cat(parts)

    def _weight(self, tied_VH: Tensor | None) -> Tensor:
        weight_VH = self.weight_VH if tied_VH is None else tied_VH
        assert weight_VH is not None
        return weight_VH


def _without_autocast(tensor: Tensor) -> AbstractContextManager[None]:
    return torch.autocast(tensor.device.type, enabled=False)


def _autocasts(tensor: Tensor) -> bool:
    return torch.is_autocast_enabled(tensor.device.type)
