"""The log-likelihood of a path of a linear chain, and its gradient.

Shapes: B batch, T time, K labels.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqkit.crf.forward_backward import Chain, along, has_kernels, log_partition, time_mask

__all__ = ["log_likelihood", "normalized", "path_scores"]


def log_likelihood(chain: Chain, tags_TB: Tensor) -> Tensor:
    """Return log P of a path of each row, (B,), differentiable in the scores of the chain; −∞ for a forbidden path.

    Args:
        chain: the scores.
        tags_TB: the path of each row; any labels beyond its length.

    >>> chain = Chain(torch.zeros(2, 1, 4), torch.tensor([2]), *(torch.zeros(*s) for s in ((4,), (4, 4), (4,))))
    >>> round(float(log_likelihood(chain, torch.zeros(2, 1, dtype=torch.long)).exp()), 6) == 0.25**2
    True
    """
    if has_kernels(chain.emissions_TBK):
        result: Tensor = _FusedLikelihood.apply(*chain, tags_TB)  # type: ignore[no-untyped-call]
        return result
    return normalized(path_scores(chain, tags_TB), chain)


def path_scores(chain: Chain, tags_TB: Tensor) -> Tensor:
    """Return the unnormalised score of a path of each row, (B,); −∞ for a forbidden one, 0 for an empty one."""
    mask_TB = time_mask(chain.lengths_B, len(tags_TB))
    emitted_TB = along(chain.emissions_TBK, tags_TB).masked_fill(~mask_TB, 0.0)
    pairs_TB = tags_TB[:-1] * len(chain.start_K) + tags_TB[1:]
    moved_TB = chain.transitions_KK.flatten().index_select(0, pairs_TB.flatten()).view(pairs_TB.shape)
    last_B = tags_TB.gather(0, (chain.lengths_B - 1).clamp(min=0)[None])[0]
    borders_B = (chain.start_K[tags_TB[0]] + chain.end_K[last_B]).masked_fill(chain.lengths_B == 0, 0.0)
    return emitted_TB.sum(0) + moved_TB.masked_fill(~mask_TB[1:], 0.0).sum(0) + borders_B


def normalized(scores_B: Tensor, chain: Chain) -> Tensor:
    """Return scores minus log Z. Forbidden paths keep −∞ if no path is legal, where the difference is −∞ + ∞."""
    return torch.where(scores_B == -torch.inf, scores_B, scores_B - log_partition(chain))


class _FusedLikelihood(torch.autograd.Function):
    """The same from fused kernels. The gradient is the count of a label or transition minus its expectation."""

    @staticmethod
    def forward(
        ctx: Any,
        emissions_TBK: Tensor,
        lengths_B: Tensor,
        start_K: Tensor,
        transitions_KK: Tensor,
        end_K: Tensor,
        tags_TB: Tensor,
    ) -> Tensor:
        from seqkit.crf import triton_scan

        chain = Chain(emissions_TBK, lengths_B, start_K, transitions_KK, end_K)
        values_B, ctx.scanned = triton_scan.likelihood(chain, tags_TB)
        ctx.save_for_backward(lengths_B, transitions_KK, tags_TB, values_B)
        return values_B

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_B: Tensor) -> tuple[Tensor | None, ...]:
        from seqkit.crf import triton_scan

        lengths_B, transitions_KK, tags_TB, values_B = ctx.saved_tensors
        given = triton_scan.Likelihoods(tags_TB, values_B, gradient_B)
        emitted_TBK, start_K, moved_KK, end_K = triton_scan.likelihood_gradients(
            ctx.scanned, lengths_B, transitions_KK, given
        )
        return emitted_TBK, None, start_K, moved_KK, end_K, None
