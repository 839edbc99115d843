"""Output layers of a language model with weights rearranged for one-token steps.

Shapes: B rows, X width of a state, V vocabulary, K entries of the head, C clusters of rare tokens.
"""

from typing import Any

import torch
from torch import Tensor, nn

from seqkit.cells.rearranged import RearrangedLinear

__all__ = ["OutputLayer", "rearranged_output"]


class AdaptiveSoftmax:
    """The log-probabilities of an adaptive softmax (Grave et al. 2017), (B, X) → (B, V)."""

    def __init__(self, output: nn.AdaptiveLogSoftmaxWithLoss) -> None:
        tail: Any = output.tail
        # The head and the narrowing product of each cluster read the same states: one product computes them all.
        weights = [output.head.weight, *(narrowing.weight for narrowing, _ in tail)]
        self._sizes = [len(weight) for weight in weights]
        bias = nn.functional.pad(output.head.bias, (0, sum(self._sizes[1:]))) if output.head_bias else None
        self._first = RearrangedLinear(torch.cat(weights), bias)
        self._clusters = [RearrangedLinear(widening.weight, None) for _, widening in tail]
        self._shortlist = output.shortlist_size

    def __call__(self, states_BX: Tensor) -> Tensor:
        """Return the log-probabilities of all tokens, (B, V)."""
        head_BK, *narrow = self._first(states_BX).split(self._sizes, 1)
        head_BK = head_BK.log_softmax(1)
        frequent_BK, clusters_BC = head_BK.tensor_split((self._shortlist,), 1)
        rare = [
            cluster(narrow_BX).log_softmax(1).add_(cluster_B1)
            for cluster, narrow_BX, cluster_B1 in zip(self._clusters, narrow, clusters_BC.split(1, 1), strict=True)
        ]
        return torch.cat([frequent_BK, *rare], 1)


OutputLayer = RearrangedLinear | AdaptiveSoftmax


def rearranged_output(output: nn.Linear | nn.AdaptiveLogSoftmaxWithLoss) -> OutputLayer:
    """Return a fast copy of an output layer, a function of states (B, X) to scores (B, V)."""
    if isinstance(output, nn.Linear):
        return RearrangedLinear(output.weight, output.bias)
    return AdaptiveSoftmax(output)
