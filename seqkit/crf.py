"""Linear-chain conditional random field (Lafferty et al. 2001), exact, with hard constraints.

Shapes: B batch, T time, K labels. Time comes first inside, as in torchcrf.

The score of a path y is  start[y₁] + Σ emit_t[y_t] + Σ trans[y_{t-1}, y_t] + end[y_T]  and its probability is
exp(score − log Z), log Z by the forward algorithm. The gradient of log Z with respect to a score is the marginal
probability of what the score belongs to (Rabiner 1989, eqs 27 and 37), so the backward pass is one backward
recursion written by hand: nothing is stored for autograd but the forward scores, (T, B, K).

A forbidden transition scores −∞: it has probability 0 in training and is never decoded.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torchcrf
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["CRF", "Lattice"]


class Lattice(NamedTuple):
    """Forward and backward scores of a batch, from which every exact probability follows.

    Attributes:
        alpha_TBK: log of the summed weight of all paths up to a label, its emission included.
        beta_TBK: log of the summed weight of all paths after a label.
        log_partition_B: log Z.
    """

    alpha_TBK: Tensor
    beta_TBK: Tensor
    log_partition_B: Tensor


class CRF(torchcrf.CRF):  # type: ignore[misc]  # torchcrf has no type hints
    """pytorch-crf's CRF with a hand-derived backward, batched Viterbi, exact marginals and hard constraints.

    Args:
        num_tags: labels K.
        batch_first: whether tensors come as (B, T, …) instead of (T, B, …).
        can_start: for each label whether a path may start with it; None allows all.
        can_follow: K rows of K, whether the column's label may follow the row's; None allows all.
        can_end: for each label whether a path may end with it; None allows all.

    Parameters and interface are those of ``torchcrf.CRF``. Masks must be right-padded: true, then false.

    >>> crf = CRF(2, batch_first=True, can_follow=[[True, False], [True, True]])
    >>> crf.decode(torch.tensor([[[1.0, 0.0], [0.0, 9.0]]]))
    [[1, 1]]
    """

    can_start_K: Tensor
    can_follow_KK: Tensor
    can_end_K: Tensor

    def __init__(
        self,
        num_tags: int,
        batch_first: bool = False,
        *,
        can_start: Sequence[bool] | None = None,
        can_follow: Sequence[Sequence[bool]] | None = None,
        can_end: Sequence[bool] | None = None,
    ) -> None:
        super().__init__(num_tags, batch_first)
        everything = [True] * num_tags
        self.register_buffer("can_start_K", torch.tensor(can_start or everything), persistent=False)
        self.register_buffer("can_follow_KK", torch.tensor(can_follow or [everything] * num_tags), persistent=False)
        self.register_buffer("can_end_K", torch.tensor(can_end or everything), persistent=False)

    def forward(self, emissions: Tensor, tags: Tensor, mask: Tensor | None = None, reduction: str = "sum") -> Tensor:
        """Log-likelihood of tag sequences.

        Args:
            emissions: scores, (T, B, K), or (B, T, K) where ``batch_first``.
            tags: label indices, (T, B) or (B, T).
            mask: true for the steps that count; None counts all.
            reduction: ``none`` gives (B,), ``sum`` one number, ``mean`` the mean over the batch, ``token_mean``
                the sum divided by the steps that count.

        Raises:
            ValueError: on shapes that do not fit or an unknown reduction, as ``torchcrf.CRF`` does.
        """
        if reduction not in ("none", "sum", "mean", "token_mean"):
            raise ValueError(f"invalid reduction: {reduction}")
        if mask is None:
            mask = torch.ones_like(tags, dtype=torch.uint8)
        self._validate(emissions, tags=tags, mask=mask.byte())
        emissions, mask = self._time_first(emissions, mask)
        tags = tags.transpose(0, 1) if self.batch_first else tags
        likelihood = self.path_scores(emissions, tags, mask) - self.log_partition(emissions, mask)
        if reduction == "none":
            return likelihood
        if reduction == "mean":
            return likelihood.mean()
        return likelihood.sum() / (mask.sum() if reduction == "token_mean" else 1)

    def decode(self, emissions: Tensor, mask: Tensor | None = None) -> list[list[int]]:
        """The most probable path of each row, by Viterbi (1967); arguments as for ``forward``."""
        self._validate(emissions, mask=None if mask is None else mask.byte())
        emissions, mask = self._time_first(emissions, mask)
        return self._viterbi(emissions, mask)

    def marginals(self, emissions: Tensor, mask: Tensor | None = None) -> Tensor:
        """Probability of each label at each step, in the layout of ``emissions``; zero where the mask is false.

        >>> crf = CRF(3, batch_first=True)
        >>> crf.marginals(torch.randn(2, 4, 3)).sum(-1).allclose(torch.ones(2, 4))
        True
        """
        self._validate(emissions, mask=None if mask is None else mask.byte())
        emissions, mask = self._time_first(emissions, mask)
        lattice = self.lattice(emissions, mask)
        marginals = _exp_sum(lattice.alpha_TBK, lattice.beta_TBK, -lattice.log_partition_B[:, None])
        marginals = marginals.masked_fill(~mask[..., None], 0.0)
        return marginals.transpose(0, 1) if self.batch_first else marginals

    # What follows is time first: emissions_TBK, tags_TB, mask_TB (bool).

    def transition_scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Start (K,), transition (K, K) and end (K,) scores with −∞ for what is forbidden."""
        return (
            self.start_transitions.masked_fill(~self.can_start_K, -torch.inf),
            self.transitions.masked_fill(~self.can_follow_KK, -torch.inf),
            self.end_transitions.masked_fill(~self.can_end_K, -torch.inf),
        )

    def path_scores(self, emissions_TBK: Tensor, tags_TB: Tensor, mask_TB: Tensor) -> Tensor:
        """Unnormalised score of one path a row, (B,); −∞ for a forbidden one."""
        start_K, transitions_KK, end_K = self.transition_scores()
        emitted_TB = emissions_TBK.gather(2, tags_TB[..., None])[..., 0]
        moved_TB = transitions_KK[tags_TB[:-1], tags_TB[1:]]
        last_B = tags_TB.gather(0, (mask_TB.long().sum(0) - 1)[None])[0]
        inner_B = emitted_TB.masked_fill(~mask_TB, 0.0).sum(0) + moved_TB.masked_fill(~mask_TB[1:], 0.0).sum(0)
        return start_K[tags_TB[0]] + inner_B + end_K[last_B]

    def log_partition(self, emissions_TBK: Tensor, mask_TB: Tensor) -> Tensor:
        """log Z of each row, (B,)."""
        scores = (emissions_TBK, mask_TB, *self.transition_scores())
        log_partition_B: Tensor = _LogPartition.apply(*scores)  # type: ignore[no-untyped-call]
        return log_partition_B

    def lattice(self, emissions_TBK: Tensor, mask_TB: Tensor) -> Lattice:
        """Forward and backward scores, without gradient."""
        with torch.no_grad():
            start_K, transitions_KK, end_K = self.transition_scores()
            alpha_TBK, log_partition_B = _forward_scores(emissions_TBK, mask_TB, start_K, transitions_KK, end_K)
            beta_TBK = _backward_scores(emissions_TBK, mask_TB, transitions_KK, end_K)
        return Lattice(alpha_TBK, beta_TBK, log_partition_B)

    def path_log_probabilities(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probability of each label of a path, and of each label given the one before it.

        By the Markov property the exact log-probability that a row has the path's labels from step s to step e,
        whatever stands around them, is ``marginal[s] + conditional[s+1 : e+1].sum()``.

        Args:
            emissions: scores, in the layout of the module.
            tags: one path a row; any legal label beyond the mask.
            mask: true for the steps that count.

        Returns:
            (marginal, conditional), both in the layout of ``tags``; the first conditional is 0.
        """
        emissions_TBK, mask_TB = self._time_first(emissions, mask)
        tags_TB = tags.transpose(0, 1) if self.batch_first else tags
        alpha_TBK, beta_TBK, log_partition_B = self.lattice(emissions_TBK, mask_TB)
        _, transitions_KK, _ = self.transition_scores()

        def of_path(scores_TBK: Tensor) -> Tensor:
            return scores_TBK.gather(2, tags_TB[..., None])[..., 0]

        after_TB = of_path(beta_TBK)
        marginal_TB = of_path(alpha_TBK) + after_TB - log_partition_B
        conditional_TB = torch.zeros_like(marginal_TB)
        arriving_TB = transitions_KK[tags_TB[:-1], tags_TB[1:]] + of_path(emissions_TBK)[1:] + after_TB[1:]
        conditional_TB[1:] = arriving_TB - after_TB[:-1]
        if self.batch_first:
            return marginal_TB.transpose(0, 1).detach(), conditional_TB.transpose(0, 1).detach()
        return marginal_TB.detach(), conditional_TB.detach()

    def _time_first(self, emissions: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Time-first emissions, in float32 at least (autocast hands in half precision), and a bool mask."""
        if mask is None:
            mask = emissions.new_ones(emissions.shape[:2], dtype=torch.bool)
        if emissions.dtype in (torch.float16, torch.bfloat16):
            emissions = emissions.float()
        if self.batch_first:
            emissions, mask = emissions.transpose(0, 1), mask.transpose(0, 1)
        return emissions, mask.bool()

    @torch.no_grad()
    def _viterbi(self, emissions_TBK: Tensor, mask_TB: Tensor) -> list[list[int]]:
        start_K, transitions_KK, end_K = self.transition_scores()
        score_BK = start_K + emissions_TBK[0]
        arrived_by: list[Tensor] = []
        stay_K = torch.arange(self.num_tags, device=emissions_TBK.device)
        for emissions_BK, mask_B in zip(emissions_TBK[1:], mask_TB[1:], strict=True):
            best_BK, origin_BK = (score_BK[:, :, None] + transitions_KK).max(dim=1)
            # Beyond a row's end the path stays where it is, so that one back-trace serves rows of all lengths.
            score_BK = torch.where(mask_B[:, None], best_BK + emissions_BK, score_BK)
            arrived_by.append(torch.where(mask_B[:, None], origin_BK, stay_K))
        label_B = (score_BK + end_K).argmax(dim=1)
        path = [label_B]
        for origin_BK in reversed(arrived_by):
            label_B = origin_BK.gather(1, label_B[:, None])[:, 0]
            path.append(label_B)
        labels_BT = torch.stack(path[::-1], dim=1).tolist()  # one copy to the host
        lengths_B = mask_TB.sum(0).tolist()
        return [labels[:length] for labels, length in zip(labels_BT, lengths_B, strict=True)]


class _LogPartition(torch.autograd.Function):
    """log Z, with marginal probabilities as its gradient."""

    @staticmethod
    def forward(
        ctx: Any, emissions_TBK: Tensor, mask_TB: Tensor, start_K: Tensor, transitions_KK: Tensor, end_K: Tensor
    ) -> Tensor:
        alpha_TBK, log_partition_B = _forward_scores(emissions_TBK, mask_TB, start_K, transitions_KK, end_K)
        ctx.save_for_backward(emissions_TBK, mask_TB, transitions_KK, end_K, alpha_TBK, log_partition_B)
        return log_partition_B

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_B: Tensor) -> tuple[Tensor | None, ...]:
        emissions_TBK, mask_TB, transitions_KK, end_K, alpha_TBK, log_partition_B = ctx.saved_tensors
        beta_TBK = _backward_scores(emissions_TBK, mask_TB, transitions_KK, end_K)
        minus_log_partition_B1 = -log_partition_B[:, None]
        unary_TBK = _exp_sum(alpha_TBK, beta_TBK, minus_log_partition_B1) * gradient_B[:, None]
        unary_TBK = unary_TBK.masked_fill(~mask_TB[..., None], 0.0)
        pairs_KK = torch.zeros_like(transitions_KK)
        for step in range(1, len(emissions_TBK)):
            arriving_BK = emissions_TBK[step] + beta_TBK[step] + minus_log_partition_B1
            # Filled, not multiplied by 0: what stands in the padding may be NaN.
            arriving_BK = arriving_BK.masked_fill(~mask_TB[step][:, None], -torch.inf)
            pairs_BKK = _exp_sum(alpha_TBK[step - 1][:, :, None], transitions_KK, arriving_BK[:, None, :])
            pairs_KK += torch.einsum("b,bij->ij", gradient_B, pairs_BKK)
        last_B = mask_TB.long().sum(0) - 1
        ends_K = unary_TBK[last_B, torch.arange(len(last_B), device=last_B.device)].sum(0)
        return unary_TBK, None, unary_TBK[0].sum(0), pairs_KK, ends_K


def _exp_sum(*terms: Tensor) -> Tensor:
    """exp of a sum of log weights, at most 1 whatever the rounding."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total.clamp_(max=0.0).exp_()


def _forward_scores(
    emissions_TBK: Tensor, mask_TB: Tensor, start_K: Tensor, transitions_KK: Tensor, end_K: Tensor
) -> tuple[Tensor, Tensor]:
    alpha_BK = start_K + emissions_TBK[0]
    alphas = [alpha_BK]
    for emissions_BK, mask_B in zip(emissions_TBK[1:], mask_TB[1:], strict=True):
        arrived_BK = (alpha_BK[:, :, None] + transitions_KK).logsumexp(dim=1) + emissions_BK
        alpha_BK = torch.where(mask_B[:, None], arrived_BK, alpha_BK)
        alphas.append(alpha_BK)
    return torch.stack(alphas), (alpha_BK + end_K).logsumexp(dim=1)


def _backward_scores(emissions_TBK: Tensor, mask_TB: Tensor, transitions_KK: Tensor, end_K: Tensor) -> Tensor:
    beta_BK = end_K.expand_as(emissions_TBK[0])
    betas = [beta_BK]
    for step in range(len(emissions_TBK) - 1, 0, -1):
        leaving_BK = (transitions_KK + (emissions_TBK[step] + beta_BK)[:, None, :]).logsumexp(dim=2)
        beta_BK = torch.where(mask_TB[step][:, None], leaving_BK, beta_BK)
        betas.append(beta_BK)
    return torch.stack(betas[::-1])
