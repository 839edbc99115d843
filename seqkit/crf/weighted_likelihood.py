"""The log-likelihood of a path of a linear chain with weighted steps, and its gradient.

Shapes: B batch, T time, K labels.

log P(y) = Σ_t log P(y_t | y_{t-1}) by the chain rule, and the weighted sum is

    L = Σ_t w_t · (trans[y_{t-1}, y_t] + emit_t[y_t] + β_t[y_t] − β_{t-1}[y_{t-1}]),

where β_t[i] is the log of the summed weight of all endings after label i. The derivative of β_t[i] with respect to a
score is the probability of the label or transition it belongs to, among the paths through i. So the gradient is
probability that flows from each gold label to the right, by P(j at t | i at t−1), in proportion to the coefficient of
its β in L. One forward recursion computes all of it.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqkit.crf.forward_backward import Chain, finite, lattice_of, time_mask

__all__ = ["weighted_log_likelihood"]


def weighted_log_likelihood(chain: Chain, tags_TB: Tensor, weights_TB: Tensor) -> Tensor:
    """Return Σ_t w_t · log P(y_t | y_{t-1}) of each row, (B,), differentiable in the scores of the chain.

    Args:
        chain: the scores.
        tags_TB: the path of each row; arbitrary labels beyond its length.
        weights_TB: the weight of each step; 0 beyond a row's length.

    >>> chain = Chain(torch.zeros(2, 1, 4), torch.tensor([2]), *(torch.zeros(*s) for s in ((4,), (4, 4), (4,))))
    >>> likelihood = weighted_log_likelihood(chain, torch.zeros(2, 1, dtype=torch.long), torch.tensor([[1.0], [2.0]]))
    >>> round(float(likelihood.exp()), 6) == 0.25**3
    True
    """
    result: Tensor = _WeightedLikelihood.apply(*chain, tags_TB, weights_TB)  # type: ignore[no-untyped-call]
    return result


class _WeightedLikelihood(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, emissions_TBK: Tensor, *others: Tensor) -> Tensor:
        *scores, tags_TB, weights_TB = others
        chain = Chain(emissions_TBK, *scores)
        lattice = lattice_of(chain)
        marginal_TB, conditional_TB = lattice.log_path(tags_TB)
        ctx.lattice, ctx.lengths_B, ctx.tags_TB, ctx.weights_TB = lattice, chain.lengths_B, tags_TB, weights_TB
        log_steps_TB = torch.cat([marginal_TB[:1], conditional_TB])
        log_steps_TB = log_steps_TB.masked_fill(weights_TB == 0, 0.0)  # a label of weight 0 may be impossible
        return (log_steps_TB * weights_TB).sum(0).to(emissions_TBK.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_B: Tensor) -> tuple[Tensor | None, ...]:
        alpha_TBK, rest_TBK, after_TBK, moves_KK = ctx.lattice.logs()
        lengths_B, tags_TB = ctx.lengths_B, ctx.tags_TB
        steps, _, labels = alpha_TBK.shape
        mask_TB = time_mask(lengths_B, steps)
        last_TB = mask_TB & ~torch.cat([mask_TB[1:], torch.zeros_like(mask_TB[:1])])
        weights_TB = ctx.weights_TB.to(alpha_TBK.dtype) * gradient_B
        gold_TBK = torch.zeros_like(alpha_TBK).scatter_(2, tags_TB[..., None], weights_TB[..., None])
        # The coefficient of a gold label's β in L: its own step adds it, the next step subtracts it.
        counts_TBK = gold_TBK.clone()
        next_TB = torch.cat([weights_TB[1:], torch.zeros_like(weights_TB[:1])])
        counts_TBK.scatter_add_(2, tags_TB[..., None], -next_TB[..., None])
        flow_BK = (alpha_TBK[0] + rest_TBK[0]).clamp_(max=0.0).exp_() * -weights_TB[:1].T
        flows = [flow_BK]
        pairs_KK = torch.zeros_like(moves_KK)
        for step in range(1, steps):
            onward_BKK = moves_KK + after_TBK[step][:, None, :] - finite(rest_TBK[step - 1])[:, :, None]
            leaving_BK1 = (flow_BK + counts_TBK[step - 1])[..., None]
            moved_BKK = onward_BKK.clamp_(max=0.0).exp_() * leaving_BK1
            pairs_KK += moved_BKK.sum(0)
            flow_BK = moved_BKK.sum(1)
            flows.append(flow_BK)
        gradient_TBK = (torch.stack(flows) + gold_TBK).masked_fill_(~mask_TB[..., None], 0.0)
        inner_TB = mask_TB[1:]
        pairs = (tags_TB[:-1] * labels + tags_TB[1:])[inner_TB]
        pairs_KK.view(-1).index_add_(0, pairs, weights_TB[1:][inner_TB])
        ends_K = gradient_TBK.masked_fill(~last_TB[..., None], 0.0).sum((0, 1))
        gradients = (gradient_TBK, None, gradient_TBK[0].sum(0), pairs_KK, ends_K, None, None)
        return tuple(None if gradient is None else gradient.to(gradient_B.dtype) for gradient in gradients)
