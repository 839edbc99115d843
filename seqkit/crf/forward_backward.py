"""Sums over all paths of a linear chain: the forward and backward recursions, and quantities derived from them.

Shapes: B batch, T time, K labels, N directions (forward and backward).

A path y scores  start[y₁] + Σ emit_t[y_t] + Σ trans[y_{t-1}, y_t] + end[y_T].  The backward recursion is the forward
one on rows reversed within their lengths, with transposed transitions and with ``end`` in place of ``start``. So both
run in the same tensors, and neither needs a mask: what is computed beyond a row's end is never read.

A step of the recursion is a product with the K×K matrix exp(trans), in float64, rescaled every few steps (Rabiner 1989,
section V.A), in place of a logsumexp over B·K² numbers. It is exact unless a number leaves the range of float64. This
is checked, and the rare batch in which it happens, such as one with scores of ±10⁴, is computed in log space.

On CUDA, ``triton_scan`` computes the same lattice in one kernel, where Triton is installed.
"""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = [
    "Chain",
    "Lattice",
    "along",
    "finite",
    "flipped",
    "has_kernels",
    "lattice_of",
    "log_partition",
    "time_mask",
]

RESCALED_EVERY = 8  # steps
WIDEST = 115.0  # largest range of scores within a step for the scaled recursion: a factor of e^-115 = 1e-50
TINY = 1e-200  # two factors of 1e-50 lead from here to 1e-300, where float64 still has its full precision
MOST_LABELS = 128  # of a fused kernel, which holds the transitions in registers


class Chain(NamedTuple):
    """The scores of a batch of chains.

    Attributes:
        emissions_TBK: the score of each label at each step; values beyond a row's length are ignored.
        lengths_B: number of steps of each row, from 0 to T.
        start_K: the score of each label as the first one; −∞ forbids it, here and below.
        transitions_KK: the score of each label (column) after each other (row).
        end_K: the score of each label as the last one.
    """

    emissions_TBK: Tensor
    lengths_B: Tensor
    start_K: Tensor
    transitions_KK: Tensor
    end_K: Tensor


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """Sums over the paths of a batch, as logarithms or as scaled numbers; their products are exact probabilities.

    P(i at t) = alpha_t[i] · rest_t[i]  and  P(i at t−1, j at t) = alpha_{t−1}[i] · moves[i, j] · after_t[j].
    Beyond a row's length only ``after`` is defined: it is 0 there.

    Attributes:
        logarithmic: whether the four tensors below are logarithms.
        alpha_TBK: weight of all beginnings up to and including a label and its emission.
        rest_TBK: weight of all endings after a label, divided by the partition function.
        after_TBK: the same, including the label's emission.
        moves_KK: weight of each transition.
        log_partition_B: log Z; 0 for an empty row, −∞ if no path is legal.
    """

    logarithmic: bool
    alpha_TBK: Tensor
    rest_TBK: Tensor
    after_TBK: Tensor
    moves_KK: Tensor
    log_partition_B: Tensor

    def unary(self) -> Tensor:
        """Return the probability of each label at each step, (T, B, K); arbitrary beyond a row's length."""
        if self.logarithmic:
            return (self.alpha_TBK + self.rest_TBK).clamp_(max=0.0).exp_()
        return self.alpha_TBK * self.rest_TBK

    def pair_sums(self, weights_B: Tensor) -> Tensor:
        """Return the expected number of each transition, (K, K), summed over rows with the given weights."""
        if not self.logarithmic:
            after_TBK = self.after_TBK[1:] * weights_B[:, None]
            return self.alpha_TBK[:-1].flatten(0, 1).T @ after_TBK.flatten(0, 1) * self.moves_KK
        return torch.einsum("b,bij->ij", weights_B, self._pair_counts())

    def expected_pairs(self, values_KK: Tensor) -> Tensor:
        """Return the expected sum of values of transitions along each row, (B,); differentiable in the values."""
        values_KK = values_KK.to(self.moves_KK.dtype)
        if self.logarithmic:
            return (self._pair_counts() * values_KK).sum((1, 2))
        return (self.alpha_TBK[:-1] @ (self.moves_KK * values_KK) * self.after_TBK[1:]).sum((0, 2))

    def _pair_counts(self) -> Tensor:
        """Return the expected number of each transition in each row, (B, K, K), from logarithms, step by step."""
        if has_kernels(self.alpha_TBK):
            from seqkit.crf import triton_scan

            return triton_scan.pair_counts(self.alpha_TBK, self.after_TBK, self.moves_KK)
        counts_BKK = self.moves_KK.new_zeros(self.alpha_TBK.shape[1], *self.moves_KK.shape)
        for before_BK, after_BK in zip(self.alpha_TBK[:-1], self.after_TBK[1:], strict=True):
            pairs_BKK = before_BK[:, :, None] + self.moves_KK + after_BK[:, None, :]
            counts_BKK += pairs_BKK.clamp_(max=0.0).exp_()
        return counts_BKK

    def rows(self, rows_R: Tensor) -> "Lattice":
        """Return the lattice of some rows in the given order; a row may occur more than once."""
        picked = (part.index_select(1, rows_R) for part in (self.alpha_TBK, self.rest_TBK, self.after_TBK))
        alpha_TRK, rest_TRK, after_TRK = picked
        return Lattice(
            logarithmic=self.logarithmic,
            alpha_TBK=alpha_TRK,
            rest_TBK=rest_TRK,
            after_TBK=after_TRK,
            moves_KK=self.moves_KK,
            log_partition_B=self.log_partition_B[rows_R],
        )

    def logs(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the logarithms of alpha, rest, after and moves."""
        parts = (self.alpha_TBK, self.rest_TBK, self.after_TBK, self.moves_KK)
        if self.logarithmic:
            return parts
        alpha_TBK, rest_TBK, after_TBK, moves_KK = (part.log() for part in parts)
        return alpha_TBK, rest_TBK, after_TBK, moves_KK

    def log_path(self, tags_TB: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log-probability of each label of a path, and of each but the first given the label before it.

        Impossible labels have −∞, also after a label that is itself impossible.
        """
        parts = [along(part, tags_TB) for part in (self.alpha_TBK, self.rest_TBK, self.after_TBK)]
        moved_TB = self.moves_KK[tags_TB[:-1], tags_TB[1:]]
        if not self.logarithmic:
            parts, moved_TB = [part.log() for part in parts], moved_TB.log()
        alpha_TB, rest_TB, after_TB = parts
        return alpha_TB + rest_TB, moved_TB + after_TB[1:] - finite(rest_TB[:-1])


def time_mask(lengths_B: Tensor, steps: int) -> Tensor:
    """Return a mask that is true for the steps of each row, (T, B)."""
    return torch.arange(steps, device=lengths_B.device)[:, None] < lengths_B


def along(values_TBK: Tensor, tags_TB: Tensor) -> Tensor:
    """Return the value of a path's label at each step, (T, B)."""
    return values_TBK.gather(2, tags_TB[..., None])[..., 0]


def has_kernels(scores_TBK: Tensor) -> bool:
    """Return whether the recursions over these scores run as fused kernels: on CUDA, with Triton, for 128 labels."""
    return scores_TBK.is_cuda and scores_TBK.shape[2] <= MOST_LABELS and _has_triton()


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


def lattice_of(chain: Chain) -> Lattice:
    """Return the lattice of a chain, without gradient, in float64 if the device has it."""
    with torch.no_grad():
        if has_kernels(chain.emissions_TBK):
            from seqkit.crf import triton_scan

            return triton_scan.lattice(chain)
        precise = _precise(chain)
        return _scaled_lattice(precise) or _log_lattice(precise)


def log_partition(chain: Chain) -> Tensor:
    """Return log Z of each row, (B,), in the precision of the emissions.

    The gradient with respect to a score is the probability of the label or transition it belongs to (Rabiner 1989, eqs
    27 and 37). It is computed from the lattice, which is all that is kept: a few numbers per step and label.
    """
    result: Tensor = _LogPartition.apply(*chain)  # type: ignore[no-untyped-call]
    return result


class _LogPartition(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, emissions_TBK: Tensor, lengths_B: Tensor, start_K: Tensor, transitions_KK: Tensor, end_K: Tensor
    ) -> Tensor:
        lattice = lattice_of(Chain(emissions_TBK, lengths_B, start_K, transitions_KK, end_K))
        if any(ctx.needs_input_grad):
            ctx.lattice, ctx.lengths_B = lattice, lengths_B
        return lattice.log_partition_B.to(emissions_TBK.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_B: Tensor) -> tuple[Tensor | None, ...]:
        lattice, lengths_B = ctx.lattice, ctx.lengths_B
        weights_B = gradient_B.to(lattice.alpha_TBK.dtype)
        unary_TBK = lattice.unary().mul_(weights_B[:, None])
        unary_TBK.masked_fill_(~time_mask(lengths_B, len(unary_TBK))[..., None], 0.0)
        ends_K = _last(unary_TBK, lengths_B).sum(0)
        gradients = (unary_TBK, None, unary_TBK[0].sum(0), lattice.pair_sums(weights_B), ends_K)
        return tuple(None if gradient is None else gradient.to(gradient_B.dtype) for gradient in gradients)


def _precise(chain: Chain) -> Chain:
    """Return a copy in float64, or in float32 if the device has no float64, with the padding set to 0."""
    dtype = torch.float32 if chain.emissions_TBK.device.type == "mps" else torch.float64
    beyond_TB1 = ~time_mask(chain.lengths_B, len(chain.emissions_TBK))[..., None]
    emissions_TBK = chain.emissions_TBK.to(dtype, copy=True).masked_fill_(beyond_TB1, 0.0)
    return Chain(emissions_TBK, chain.lengths_B, *(scores.detach().to(dtype) for scores in chain[2:]))


def _last(values_TBK: Tensor, lengths_B: Tensor) -> Tensor:
    """Return the values at each row's last step, (B, K); at step 0 for an empty row."""
    last_B = (lengths_B - 1).clamp(min=0)
    return values_TBK.gather(0, last_B[None, :, None].expand(1, -1, values_TBK.shape[2]))[0]


def flipped(values_TBK: Tensor, lengths_B: Tensor) -> Tensor:
    """Return the values with each row reversed within its length; padding stays in its place."""
    steps, batch = values_TBK.shape[:2]
    steps_T1 = torch.arange(steps, device=lengths_B.device)[:, None]
    source_TB = torch.where(steps_T1 < lengths_B, lengths_B - 1 - steps_T1, steps_T1)
    source_TB = source_TB * batch + torch.arange(batch, device=lengths_B.device)
    return values_TBK.flatten(0, 1).index_select(0, source_TB.flatten()).view(values_TBK.shape)


def _two_ways(chain: Chain) -> tuple[Tensor, Tensor, Tensor]:
    """Return emissions (T, N, B, K), first scores (N, K) and transitions (N, K, K) of both recursions."""
    emissions_TNBK = torch.stack([chain.emissions_TBK, flipped(chain.emissions_TBK, chain.lengths_B)], dim=1)
    first_NK = torch.stack([chain.start_K, chain.end_K])
    return emissions_TNBK, first_NK, torch.stack([chain.transitions_KK, chain.transitions_KK.T])


def _scaled_lattice(chain: Chain) -> Lattice | None:
    """Return the lattice from the recursion on scaled numbers; None if float64 cannot hold them."""
    peaked = [_peaked(chain.emissions_TBK)] + [_peaked(scores.flatten()) for scores in chain[2:]]
    if chain.emissions_TBK.dtype != torch.float64 or any(_any_between(-torch.inf, low, -WIDEST) for low, _ in peaked):
        return None
    (emitted_TBK, peak_TB1), (start_K, start_1), (moves_X, move_1), (end_K, end_1) = peaked
    weights = Chain(
        emitted_TBK.exp_(), chain.lengths_B, start_K.exp_(), moves_X.exp_().view_as(chain.transitions_KK), end_K.exp_()
    )
    arrived_TNBK, scale_TB1 = _scaled_recursion(*_two_ways(weights))
    # No number falls from TINY to 0 within one step: without tiny numbers, each 0 is exact.
    if _any_between(0.0, arrived_TNBK, TINY):
        return None
    mask_TB1 = time_mask(chain.lengths_B, len(emitted_TBK))[..., None]
    alpha_TBK = arrived_TNBK[:, 0] * emitted_TBK
    rest_TBK = flipped(arrived_TNBK[:, 1], chain.lengths_B)
    total_TB1 = (alpha_TBK * rest_TBK).sum(-1, keepdim=True).masked_fill_(~mask_TB1, 1.0)  # Z, up to the scale
    if _any_between(-1.0, total_TB1, TINY):
        return None
    rest_TBK /= total_TB1
    after_TBK = (emitted_TBK * rest_TBK).mul_(mask_TB1 / scale_TB1)
    scales_TB1 = (scale_TB1.log_() + peak_TB1).masked_fill_(~mask_TB1, 0.0)
    moves_B = move_1 * (chain.lengths_B - 1)
    ends_B = (_last(alpha_TBK, chain.lengths_B) @ weights.end_K).log_() + start_1 + end_1
    log_partition_B = (scales_TB1.sum((0, 2)) + moves_B + ends_B).masked_fill_(chain.lengths_B == 0, 0.0)
    return Lattice(
        logarithmic=False,
        alpha_TBK=alpha_TBK,
        rest_TBK=rest_TBK,
        after_TBK=after_TBK,
        moves_KK=weights.transitions_KK,
        log_partition_B=log_partition_B,
    )


def _scaled_recursion(emitted_TNBK: Tensor, first_NK: Tensor, weights_NKK: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weight that arrives at each label before its emission, and the scales of the forward state."""
    arrived_TNBK = torch.empty_like(emitted_TNBK)
    arrived_TNBK[0] = first_NK[:, None]
    scale_TB1 = torch.ones_like(emitted_TNBK[:, 0, :, :1])
    state_NBK = arrived_TNBK[0] * emitted_TNBK[0]
    steps = zip(arrived_TNBK.unbind(0)[1:], emitted_TNBK.unbind(0)[1:], strict=True)
    for step, (arrived_NBK, emitted_NBK) in enumerate(steps, start=1):
        if step % RESCALED_EVERY == 0:
            peak_NB1 = state_NBK.amax(-1, keepdim=True).clamp_(min=TINY)
            state_NBK /= peak_NB1
            scale_TB1[step] = peak_NB1[0]
        torch.bmm(state_NBK, weights_NKK, out=arrived_NBK)
        torch.mul(arrived_NBK, emitted_NBK, out=state_NBK)
    return arrived_TNBK, scale_TB1


def _log_lattice(chain: Chain) -> Lattice:
    """Return the lattice from the recursion in log space, which works for any scores."""
    emissions_TNBK, first_NK, moves_NKK = _two_ways(chain)
    arrived_NBK = first_NK[:, None].expand_as(emissions_TNBK[0])
    arrivals = [arrived_NBK]
    for emissions_NBK in emissions_TNBK[:-1]:
        arrived_NBK = ((arrived_NBK + emissions_NBK)[..., None] + moves_NKK[:, None]).logsumexp(-2)
        arrivals.append(arrived_NBK)
    arrived_TNBK = torch.stack(arrivals)
    alpha_TBK = arrived_TNBK[:, 0] + chain.emissions_TBK
    last_BK = _last(alpha_TBK, chain.lengths_B)
    log_partition_B = (last_BK + chain.end_K).logsumexp(1).masked_fill_(chain.lengths_B == 0, 0.0)
    rest_TBK = flipped(arrived_TNBK[:, 1], chain.lengths_B) - finite(log_partition_B)[:, None]
    beyond_TB1 = ~time_mask(chain.lengths_B, len(alpha_TBK))[..., None]
    return Lattice(
        logarithmic=True,
        alpha_TBK=alpha_TBK,
        rest_TBK=rest_TBK,
        after_TBK=(rest_TBK + chain.emissions_TBK).masked_fill_(beyond_TB1, -torch.inf),
        moves_KK=chain.transitions_KK,
        log_partition_B=log_partition_B,
    )


def _peaked(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return scores minus their maximum over the last dimension, and that maximum with the dimension kept."""
    peak = finite(scores.amax(-1, keepdim=True))
    return scores - peak, peak


def finite(scores: Tensor) -> Tensor:
    """Return scores with 0 in place of −∞, the logarithm of an empty sum, so that they can be subtracted."""
    return scores.masked_fill(scores == -torch.inf, 0.0)


def _any_between(low: float, values: Tensor, high: float) -> bool:
    # The minimum alone is fast, and usually decides.
    return bool(values.numel()) and bool(values.amin() < high) and bool(((values > low) & (values < high)).any())
