# mypy: allow-untyped-defs, allow-untyped-decorators, allow-untyped-calls, allow-any-generics
# (Triton gives the arguments of a kernel their types when it compiles it.)
"""The recursions over linear chains as fused kernels for CUDA, in Triton: each runs over all steps in one launch.

Shapes: B batch, T time, K labels, P pieces (a stretch of steps of one row).

Launched step by step, the recursions of ``forward_backward`` and ``viterbi`` cost a few kernels per step, and a GPU
spends its time on launching them. Here, one program runs over all steps of a row, in one direction (Rabiner 1989,
section III.A, for the forward and backward variables; Lafferty et al. 2001, section 3, for their use in a CRF). It keeps
the K×K transitions in registers, so that a step reads only its K emissions.

The sums are kept as logarithms in float64. With M_j = max_i trans_ij and m = max_i state_i, a step is

    arrived_j = m + M_j + log Σ_i exp(state_i − m) · exp(trans_ij − M_j),

where the last factor is computed once. It is exact unless a sum is so small that parts of it may have become 0. Such a
step, for instance one at which a label cannot be reached, is computed again as a logsumexp of state_i + trans_ij.

Sums over rows go through one partial result for each piece, without atomic additions, so that results are reproducible.
Importing this module imports triton: see ``forward_backward.has_kernels``.
"""

from collections.abc import Callable
from inspect import signature
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from seqkit.crf.forward_backward import Chain, Lattice, finite

__all__ = ["Scanned", "best_paths", "lattice", "likelihood", "likelihood_gradients", "pair_counts"]

SMALLEST = tl.constexpr(1e-200)  # smaller sums may have lost a part: see TINY in forward_backward
WARPS = {16: 1, 32: 4, 64: 8, 128: 16}  # of a program that holds a K×K block, by the width of the block
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


def compiled_once(kernel: Callable[..., None]) -> triton.runtime.JITFunction:
    """Compile a kernel for all shapes, instead of again for numbers that happen to be 1 or multiples of 16."""
    given = [name for name, one in signature(kernel).parameters.items() if one.annotation is not tl.constexpr]
    return triton.jit(kernel, do_not_specialize=given, do_not_specialize_on_alignment=given)


# Kernels


@triton.jit
def _finite(scores):
    return tl.where(scores == float("-inf"), 0.0, scores)


@triton.jit
def _log(sums):
    return tl.where(sums > 0.0, tl.log(tl.where(sums > 0.0, sums, 1.0)), float("-inf"))


@triton.jit
def _exact_arrivals(state_at, moves_at, from_stride, to_stride, K, WIDTH: tl.constexpr, PART: tl.constexpr):
    """Return log Σ_i exp(state_i + trans_ij) for each label j, from memory, a few labels i at a time."""
    labels = tl.arange(0, WIDTH)
    top, total = tl.full([WIDTH], float("-inf"), tl.float64), tl.zeros([WIDTH], tl.float64)
    first = 0
    while first < K:
        part = first + tl.arange(0, PART)
        known = (part < K)[:, None] & (labels < K)[None, :]
        moves = tl.load(
            moves_at + part[:, None] * from_stride + labels[None, :] * to_stride, mask=known, other=float("-inf")
        ).to(tl.float64)
        ways = tl.load(state_at + part, mask=part < K, other=float("-inf"))[:, None] + moves
        higher = tl.maximum(top, tl.max(ways, 0))
        shift = _finite(higher)
        total = total * tl.exp(top - shift) + tl.sum(tl.exp(ways - shift[None, :]), 0)
        top = higher
        first += PART
    return _finite(top) + _log(total)


@compiled_once
def _scan_kernel(
    emissions, stride_T, stride_B, stride_K, lengths, start, transitions, end,
    states, rest, log_partition, T, B, K, WIDTH: tl.constexpr, PART: tl.constexpr,
):  # fmt: skip
    """Run the recursion over row ``program_id(0)``, forward or backward by ``program_id(1)``."""
    row, backward = tl.program_id(0).to(tl.int64), tl.program_id(1) == 1
    length = tl.load(lengths + row)
    labels = tl.arange(0, WIDTH)
    known = labels < K
    # moves[i, j] leads from label i to label j in the direction of the recursion.
    from_stride, to_stride = tl.where(backward, 1, K), tl.where(backward, K, 1)
    moves_at = transitions + labels[:, None] * from_stride + labels[None, :] * to_stride
    moves = tl.load(moves_at, mask=known[:, None] & known[None, :], other=float("-inf")).to(tl.float64)
    highest = tl.max(moves, 0)
    peaks, reachable = _finite(highest), highest > float("-inf")
    weights = tl.exp(moves - peaks[None, :])
    first = tl.load(start + labels, mask=known, other=float("-inf")).to(tl.float64)
    last = tl.load(end + labels, mask=known, other=float("-inf")).to(tl.float64)
    arrived = tl.where(backward, last, first)
    state = arrived
    emitted_at = emissions + row * stride_B + labels * stride_K
    place, onward = tl.where(backward, length - 1, 0), tl.where(backward, -1, 1)
    states += tl.where(backward, T, 0).to(tl.int64) * B * K
    emitted = tl.load(emitted_at + place * stride_T, mask=known & (length > 0), other=float("-inf")).to(tl.float64)
    step = 0
    while step < length:
        here = (place * B + row) * K
        state = arrived + emitted
        tl.store(states + here + labels, state, mask=known)
        tl.store(rest + here + labels, arrived, mask=known & backward)
        place += onward
        # Read ahead, so that the next step need not wait.
        ahead = known & (step + 1 < length)
        emitted = tl.load(emitted_at + place * stride_T, mask=ahead, other=float("-inf")).to(tl.float64)
        top = _finite(tl.max(state, 0))
        sums = tl.sum(tl.exp(state - top)[:, None] * weights, 0)
        arrived = top + peaks + _log(sums)
        if tl.min(tl.where(reachable, sums, 1.0), 0) < SMALLEST:
            tl.debug_barrier()  # it reads what all threads of the program have written
            arrived = _exact_arrivals(states + here, transitions, from_stride, to_stride, K, WIDTH, PART)
        step += 1
    ends = state + last
    top = _finite(tl.max(ends, 0))
    total = tl.where(length > 0, top + _log(tl.sum(tl.exp(ends - top), 0)), 0.0)
    tl.store(log_partition + row, total, mask=backward == 0)


@compiled_once
def _likelihood_kernel(
    emissions, stride_T, stride_B, stride_K, lengths, start, transitions, end,
    tags, tag_stride_T, tag_stride_B, log_partition, likelihoods, K, STEPS: tl.constexpr,
):  # fmt: skip
    """Write the log-likelihood of the path of row ``program_id(0)``; −∞ for a forbidden one."""
    row = tl.program_id(0).to(tl.int64)
    length = tl.load(lengths + row)
    scores = tl.zeros([STEPS], tl.float64)
    first = 0
    while first < length:
        steps = first + tl.arange(0, STEPS)
        inside, moving = steps < length, (steps > 0) & (steps < length)
        tag_at = tags + row * tag_stride_B + steps * tag_stride_T
        tag = tl.load(tag_at, mask=inside, other=0)
        before = tl.load(tag_at - tag_stride_T, mask=moving, other=0)
        emitted_at = emissions + row * stride_B + steps * stride_T + tag * stride_K
        scores += tl.load(emitted_at, mask=inside, other=0.0).to(tl.float64)
        scores += tl.load(transitions + before * K + tag, mask=moving, other=0.0).to(tl.float64)
        scores += tl.load(start + tag, mask=inside & (steps == 0), other=0.0).to(tl.float64)
        scores += tl.load(end + tag, mask=steps == length - 1, other=0.0).to(tl.float64)
        first += STEPS
    score = tl.sum(scores, 0)
    total = tl.load(log_partition + row)
    tl.store(likelihoods + row, tl.where(score == float("-inf"), score, score - _finite(total)))


@compiled_once
def _unary_kernel(
    alpha, rest, log_partition, likelihoods, lengths, tags, tag_stride_T, tag_stride_B,
    outer, gradient, borders, T, B, K, STEPS: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Write the gradients of a block of steps by their emissions, and those by the first and last label of a row."""
    row, block = tl.program_id(0).to(tl.int64), tl.program_id(1)
    length = tl.load(lengths + row)
    steps, labels = block * STEPS + tl.arange(0, STEPS), tl.arange(0, WIDTH)
    known, inside = labels < K, steps < length
    at = (steps[:, None] * B + row) * K + labels[None, :]
    read = inside[:, None] & known[None, :]
    ways = tl.load(alpha + at, mask=read, other=float("-inf")) + tl.load(rest + at, mask=read, other=float("-inf"))
    probability = tl.exp(tl.minimum(ways - _finite(tl.load(log_partition + row)), 0.0))
    possible = tl.load(likelihoods + row) > float("-inf")  # a forbidden path has no log Z subtracted
    tag = tl.load(tags + row * tag_stride_B + steps * tag_stride_T, mask=inside, other=-1)
    gold = tl.where(tag[:, None] == labels[None, :], 1.0, 0.0)
    values = tl.load(outer + row).to(tl.float64) * (gold - tl.where(possible, probability, 0.0))
    values = tl.where(read, values, 0.0)
    tl.store(gradient + at, values, mask=(steps < T)[:, None] & known[None, :])
    last = tl.maximum(length - 1, 0)
    starts = tl.sum(tl.where((steps == 0)[:, None], values, 0.0), 0)
    ends = tl.sum(tl.where((steps == last)[:, None], values, 0.0), 0)
    tl.store(borders + row * K + labels, starts, mask=known & (block == 0))
    tl.store(borders + (B + row) * K + labels, ends, mask=known & (block == last // STEPS))


@compiled_once
def _pair_kernel(
    alpha, after, log_partition, lengths, transitions, tags, tag_stride_T, tag_stride_B, likelihoods, outer,
    counts, B, K, PIECE: tl.constexpr, TILE: tl.constexpr, GRADIENT: tl.constexpr,
):  # fmt: skip
    """Write the expected number of transitions in a piece of a row, or the gradient by them, for a block of pairs."""
    piece = tl.program_id(0).to(tl.int64)
    row, first = piece % B, piece // B * PIECE
    length = tl.load(lengths + row)
    before, behind = tl.program_id(1) * TILE + tl.arange(0, TILE), tl.program_id(2) * TILE + tl.arange(0, TILE)
    known = (before < K)[:, None] & (behind < K)[None, :]
    moves_at = before[:, None] * K + behind[None, :]
    moves = tl.load(transitions + moves_at, mask=known, other=float("-inf")).to(tl.float64)
    moves -= _finite(tl.load(log_partition + row))
    expected, gold = tl.zeros([TILE, TILE], tl.float64), tl.zeros([TILE, TILE], tl.float64)
    step, stop = first + 1, tl.minimum(first + PIECE + 1, length)
    while step < stop:
        here = (step * B + row) * K
        alphas = tl.load(alpha + here - B * K + before, mask=before < K, other=float("-inf"))
        afters = tl.load(after + here + behind, mask=behind < K, other=float("-inf"))
        expected += tl.exp(tl.minimum(alphas[:, None] + moves + afters[None, :], 0.0))
        if GRADIENT:
            tag_at = tags + row * tag_stride_B + step * tag_stride_T
            old, new = tl.load(tag_at - tag_stride_T), tl.load(tag_at)
            gold += tl.where((before == old)[:, None] & (behind == new)[None, :], 1.0, 0.0)
        step += 1
    if GRADIENT:
        possible = tl.load(likelihoods + row) > float("-inf")
        expected = tl.load(outer + row).to(tl.float64) * (gold - tl.where(possible, expected, 0.0))
    tl.store(counts + piece * K * K + moves_at, expected, mask=known)


@compiled_once
def _viterbi_kernel(
    emissions, stride_T, stride_B, stride_K, lengths, start, transitions, end, follows, paths, T, B, K,
    WIDTH: tl.constexpr,
):  # fmt: skip
    """Write the best path of row ``program_id(0)``: the recursion from its end to its start, and then the path."""
    row = tl.program_id(0).to(tl.int64)
    length = tl.load(lengths + row)
    labels = tl.arange(0, WIDTH)
    known = labels < K
    dtype = emissions.dtype.element_ty
    # moves[j, i] leads from label i to label j.
    moves_at = transitions + labels[None, :] * K + labels[:, None]
    moves = tl.load(moves_at, mask=known[:, None] & known[None, :], other=float("-inf")).to(dtype)
    best = tl.load(end + labels, mask=known, other=float("-inf")).to(dtype)
    ending = best
    emitted_at = emissions + row * stride_B + labels * stride_K
    emitted = tl.load(emitted_at + (length - 1) * stride_T, mask=known & (length > 0), other=float("-inf"))
    step = 0
    while step < length:
        place = length - 1 - step
        ending = emitted + best
        emitted = tl.load(emitted_at + (place - 1) * stride_T, mask=known & (place > 0), other=float("-inf"))
        best, follow = tl.max(moves + ending[:, None], 0, return_indices=True, return_indices_tie_break_left=True)
        tl.store(follows + ((place - 1) * B + row) * K + labels, follow.to(tl.int16), mask=known & (place > 0))
        step += 1
    tl.debug_barrier()  # the path reads what all threads of the program have written
    begun = tl.load(start + labels, mask=known, other=float("-inf")).to(dtype) + ending
    label = tl.argmax(begun, 0, tie_break_left=True).to(tl.int32)
    step = 0
    while step < length:
        tl.store(paths + row * T + step, label)
        label = tl.load(follows + (step * B + row) * K + label, mask=step + 1 < length, other=0).to(tl.int32)
        step += 1


# Launching


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
        _likelihood_kernel[(len(lengths_B),)](
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
    gradient_TBK = torch.empty_like(scanned.alpha_TBK, dtype=given.gradient_B.dtype)
    borders_2BK = scanned.alpha_TBK.new_empty(2, batch, labels)
    with torch.cuda.device_of(gradient_TBK):
        _unary_kernel[(batch, triton.cdiv(steps, STEPS))](
            scanned.alpha_TBK, scanned.rest_TBK, scanned.log_partition_B, given.values_B, lengths_B,
            given.tags_TB, *given.tags_TB.stride(), given.gradient_B, gradient_TBK, borders_2BK,
            steps, batch, labels, STEPS=STEPS, WIDTH=_width(labels),
        )  # fmt: skip
    start_K, end_K = borders_2BK.sum(1).to(gradient_TBK.dtype).unbind()
    pairs_KK = _pair_pieces(scanned, lengths_B, transitions_KK, given).sum(0).to(gradient_TBK.dtype)
    return gradient_TBK, start_K, pairs_KK, end_K


def best_paths(chain: Chain) -> Tensor:
    """Return the best path of each row, (B, T), arbitrary beyond its length; the first of several equally good ones."""
    emissions_TBK, lengths_B, *scores = chain
    steps, batch, labels = emissions_TBK.shape
    follows_TBK = torch.empty(steps, batch, labels, dtype=torch.int16, device=emissions_TBK.device)
    paths_BT = torch.zeros(batch, steps, dtype=torch.int32, device=emissions_TBK.device)
    width = _width(labels)
    with torch.cuda.device_of(emissions_TBK):
        _viterbi_kernel[(batch,)](
            emissions_TBK, *emissions_TBK.stride(), lengths_B, *_contiguous(scores), follows_TBK, paths_BT,
            steps, batch, labels, WIDTH=width, num_warps=WARPS[width],
        )  # fmt: skip
    return paths_BT


def _scan(chain: Chain, parts_3TBK: Tensor) -> Scanned:
    """Fill alpha, after and rest up to the length of each row."""
    emissions_TBK, lengths_B, *scores = chain
    log_partition_B = parts_3TBK.new_empty(len(lengths_B))
    width = _width(emissions_TBK.shape[2])
    with torch.cuda.device_of(emissions_TBK):
        _scan_kernel[(len(lengths_B), 2)](
            emissions_TBK, *emissions_TBK.stride(), lengths_B, *_contiguous(scores),
            parts_3TBK, parts_3TBK[2], log_partition_B, *emissions_TBK.shape,
            WIDTH=width, PART=PART, num_warps=WARPS[width],
        )  # fmt: skip
    alpha_TBK, after_TBK, rest_TBK = parts_3TBK.unbind()
    return Scanned(alpha_TBK, rest_TBK, after_TBK, log_partition_B)


def _pair_pieces(scanned: Scanned, lengths_B: Tensor, moves_KK: Tensor, given: Likelihoods | None) -> Tensor:
    """Return the expected number of each transition in each piece of a row, or the gradient by it, (P, K, K)."""
    steps, batch, labels = scanned.alpha_TBK.shape
    pieces = max(1, triton.cdiv(steps - 1, PIECE))
    counts_PKK = scanned.alpha_TBK.new_empty(pieces * batch, labels, labels)
    tags_TB, values_B, gradient_B = given or (lengths_B[None], lengths_B, lengths_B)  # these are not read
    tiles = triton.cdiv(labels, TILE)
    with torch.cuda.device_of(counts_PKK):
        _pair_kernel[(pieces * batch, tiles, tiles)](
            scanned.alpha_TBK, scanned.after_TBK, scanned.log_partition_B, lengths_B, moves_KK.contiguous(),
            tags_TB, *tags_TB.stride(), values_B, gradient_B, counts_PKK, batch, labels,
            PIECE=PIECE, TILE=TILE, GRADIENT=given is not None,
        )  # fmt: skip
    return counts_PKK


def _contiguous(scores: list[Tensor]) -> list[Tensor]:
    return [part.detach().contiguous() for part in scores]


def _width(labels: int) -> int:
    """Return the width of a block that holds all labels: a power of two, as Triton needs it."""
    return max(16, triton.next_power_of_2(labels))
