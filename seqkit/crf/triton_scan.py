"""The kernels of ``triton_kernels``, launched for whole batches: what ``forward_backward`` and ``viterbi`` do, on CUDA.

Shapes: B batch, T time, K labels, P pieces (a stretch of steps of one row).

Launched step by step, the recursions cost a few kernels per step, and a GPU spends its time on launching them. Here, a
likelihood with its gradient is four kernels, and a best path is one. Sums over rows go through one partial result for
each piece, without atomic additions, so that results are reproducible.

Importing this module imports Triton: see ``forward_backward.has_kernels``.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from seqkit.crf.forward_backward import Chain, Lattice, finite
from seqkit.crf.triton_kernels import likelihood_kernel, pair_kernel, scan_kernel, unary_kernel, viterbi_kernel

__all__ = ["Likelihoods", "Scanned", "best_paths", "lattice", "likelihood", "likelihood_gradients", "pair_counts"]

WARPS = {16: 4, 32: 8, 64: 16, 128: 16}  # of a program that holds a K×K block, by the width of the block
STEPS = 32  # steps of a block of the kernels that need no recursion
PIECE = 64  # steps that are summed into one partial result
PART = 16  # labels that a repeated step reads at once
TILE = 32  # width of a block of pairs of labels


class Scanned(NamedTuple):
    """The logarithms that the recursions leave, in float64; those of a row end at its length.

    Attributes:
        alpha_TBK: weight of all beginnings up to and including a label and its emission.
        rest_TBK: weight of all endings after a label.
        after_TBK: the same, including the label's emission.
        log_partition_B: log Z; 0 for an empty row, −∞ if no path is legal.
    """

    alpha_TBK: Tensor
    rest_TBK: Tensor
    after_TBK: Tensor
    log_partition_B: Tensor


def lattice(chain: Chain) -> Lattice:
    """Return the lattice of a chain, in logarithms."""
    parts_3TBK = chain.emissions_TBK.new_zeros(3, *chain.emissions_TBK.shape, dtype=torch.float64)
    parts_3TBK[1].fill_(-torch.inf)
    scanned = _scan(chain, parts_3TBK)
    shift_B1 = finite(scanned.log_partition_B)[:, None]
    return Lattice(
        logarithmic=True,
        alpha_TBK=scanned.alpha_TBK,
        rest_TBK=scanned.rest_TBK.sub_(shift_B1),
        after_TBK=scanned.after_TBK.sub_(shift_B1),
        moves_KK=chain.transitions_KK.double(),
        log_partition_B=scanned.log_partition_B,
    )


def pair_counts(alpha_TBK: Tensor, after_TBK: Tensor, moves_KK: Tensor) -> Tensor:
    """Return the expected number of each transition in each row, (B, K, K), from the logarithms of a lattice."""
    steps, batch, _ = alpha_TBK.shape
    zeros_B = alpha_TBK.new_zeros(batch)
    lengths_B = torch.full_like(zeros_B, steps, dtype=torch.long)
    scanned = Scanned(alpha_TBK.contiguous(), after_TBK, after_TBK.contiguous(), zeros_B)
    counts_PKK = _pair_pieces(scanned, lengths_B, moves_KK, None)
    return counts_PKK.view(-1, batch, *moves_KK.shape).sum(0)


def likelihood(chain: Chain, tags_TB: Tensor) -> tuple[Tensor, Scanned]:
    """Return the log-likelihood of a path of each row, (B,), in the precision of the emissions, and what it took."""
    emissions_TBK, lengths_B, *scores = chain
    scanned = _scan(chain, emissions_TBK.new_empty(3, *emissions_TBK.shape, dtype=torch.float64))
    result_B = torch.empty_like(scanned.log_partition_B, dtype=emissions_TBK.dtype)
    labels = emissions_TBK.shape[2]
    with torch.cuda.device_of(emissions_TBK):
        likelihood_kernel[(len(lengths_B),)](
            emissions_TBK, *emissions_TBK.stride(), lengths_B, *_contiguous(scores),
            tags_TB, *tags_TB.stride(), scanned.log_partition_B, result_B, labels, STEPS=STEPS,
        )  # fmt: skip
    return result_B, scanned


class Likelihoods(NamedTuple):
    """A batch of log-likelihoods, and the gradient of a loss by them.

    Attributes:
        tags_TB: the paths.
        values_B: their log-likelihoods.
        gradient_B: the gradient by each.
    """

    tags_TB: Tensor
    values_B: Tensor
    gradient_B: Tensor


def likelihood_gradients(
    scanned: Scanned, lengths_B: Tensor, transitions_KK: Tensor, given: Likelihoods
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients by the emissions (T, B, K), first labels (K,), transitions (K, K) and last labels (K,)."""
    steps, batch, labels = scanned.alpha_TBK.shape
    # A row at a time, as the layer below most often has it, and in its precision.
    gradient_TBK = given.gradient_B.new_empty(batch, steps, labels).transpose(0, 1)
    borders_2BK = given.gradient_B.new_empty(2, batch, labels)
    with torch.cuda.device_of(gradient_TBK):
        unary_kernel[(batch, -(-steps // STEPS))](
            scanned.alpha_TBK, scanned.rest_TBK, scanned.log_partition_B, given.values_B, lengths_B,
            given.tags_TB, *given.tags_TB.stride(), given.gradient_B, *given.gradient_B.stride(),
            gradient_TBK, *gradient_TBK.stride()[:2], borders_2BK, steps, batch, labels,
            STEPS=STEPS, WIDTH=_width(labels),
        )  # fmt: skip
    start_K, end_K = borders_2BK.sum(1).unbind()
    return gradient_TBK, start_K, _pair_pieces(scanned, lengths_B, transitions_KK, given).sum(0), end_K


def best_paths(chain: Chain) -> Tensor:
    """Return the best path of each row, (B, T), arbitrary beyond its length; the first of several equally good ones."""
    emissions_TBK, lengths_B, *scores = chain
    steps, batch, labels = emissions_TBK.shape
    follows_TBK = torch.empty(steps, batch, labels, dtype=torch.int16, device=emissions_TBK.device)
    paths_BT = torch.zeros(batch, steps, dtype=torch.int32, device=emissions_TBK.device)
    width = _width(labels)
    with torch.cuda.device_of(emissions_TBK):
        viterbi_kernel[(batch,)](
            emissions_TBK, *emissions_TBK.stride(), lengths_B, *_contiguous(scores), follows_TBK, paths_BT,
            steps, batch, labels, WIDTH=width, num_warps=WARPS[width], maxnreg=_registers(width),
        )  # fmt: skip
    return paths_BT


def _scan(chain: Chain, parts_3TBK: Tensor) -> Scanned:
    """Fill alpha, after and rest up to the length of each row."""
    emissions_TBK, lengths_B, *scores = chain
    log_partition_B = parts_3TBK.new_empty(len(lengths_B))
    width = _width(emissions_TBK.shape[2])
    with torch.cuda.device_of(emissions_TBK):
        scan_kernel[(len(lengths_B), 2)](
            emissions_TBK, *emissions_TBK.stride(), lengths_B, *_contiguous(scores),
            parts_3TBK, parts_3TBK[2], log_partition_B, *emissions_TBK.shape,
            WIDTH=width, PART=PART, num_warps=WARPS[width], maxnreg=_registers(width),
        )  # fmt: skip
    alpha_TBK, after_TBK, rest_TBK = parts_3TBK.unbind()
    return Scanned(alpha_TBK, rest_TBK, after_TBK, log_partition_B)


def _pair_pieces(scanned: Scanned, lengths_B: Tensor, moves_KK: Tensor, given: Likelihoods | None) -> Tensor:
    """Return the expected number of each transition in each piece of a row, or the gradient by it, (P, K, K)."""
    steps, batch, labels = scanned.alpha_TBK.shape
    pieces = max(1, -(-(steps - 1) // PIECE))
    # Without a gradient, only the numbers of the lattice are read.
    tags_TB, values_B, gradient_B = given or (lengths_B[None], lengths_B, scanned.log_partition_B)
    counts_PKK = gradient_B.new_empty(pieces * batch, labels, labels)
    tiles = -(-labels // TILE)
    with torch.cuda.device_of(counts_PKK):
        pair_kernel[(pieces * batch, tiles, tiles)](
            scanned.alpha_TBK, scanned.after_TBK, scanned.log_partition_B, lengths_B, moves_KK.contiguous(),
            tags_TB, *tags_TB.stride(), values_B, gradient_B, *gradient_B.stride(), counts_PKK, batch, labels,
            PIECE=PIECE, TILE=TILE, GRADIENT=given is not None,
        )  # fmt: skip
    return counts_PKK


def _contiguous(scores: list[Tensor]) -> list[Tensor]:
    return [part.detach().contiguous() for part in scores]


def _width(labels: int) -> int:
    """Return the width of a block that holds all labels: a power of two, as Triton needs it."""
    return max(16, 1 << (labels - 1).bit_length())


def _registers(width: int) -> int:
    """Return how many registers a thread may have; by itself, the compiler gives wide blocks only half of them."""
    return min(255, 65_536 // (32 * WARPS[width]))
