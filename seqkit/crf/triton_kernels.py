# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
# (Triton gives the arguments of a kernel their types when it compiles it.)
"""The recursions over linear chains as kernels for CUDA, in Triton: each runs over all steps in one launch.

Shapes: B batch, T time, K labels; blocks of them have widths that are powers of two.

One program runs over all steps of a row, in one direction (Rabiner 1989, section III.A, for the forward and backward
variables; Lafferty et al. 2001, section 3, for their use in a CRF). It keeps the K×K transitions in registers, so that
a step reads only its K emissions.

The sums are kept as logarithms in float64. With M_j = max_i trans_ij and m = max_i state_i, a step is

    arrived_j = m + M_j + log Σ_i exp(state_i − m) · exp(trans_ij − M_j),

where the last factor is computed once. It is exact unless a sum is so small that parts of it may have become 0. Such a
step, for instance one at which a label cannot be reached, is computed again as a logsumexp of state_i + trans_ij.

Loops are ``while`` loops: the bounds are tensors, and Triton's interpreter refuses them in ``range`` with NumPy 2.4.
"""

from collections.abc import Callable
from inspect import signature

import triton
import triton.language as tl

__all__ = ["likelihood_kernel", "pair_kernel", "scan_kernel", "unary_kernel", "viterbi_kernel"]

SMALLEST = tl.constexpr(1e-200)  # smaller sums may have lost a part: see TINY in forward_backward


def compiled_once(kernel: Callable[..., None]) -> triton.runtime.JITFunction:
    """Compile a kernel for all shapes, instead of again for numbers that happen to be 1 or multiples of 16."""
    given = [name for name, one in signature(kernel).parameters.items() if one.annotation is not tl.constexpr]
    return triton.jit(kernel, do_not_specialize=given, do_not_specialize_on_alignment=given)


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
def scan_kernel(
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
def likelihood_kernel(
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
def unary_kernel(
    alpha, rest, log_partition, likelihoods, lengths, tags, tag_stride_T, tag_stride_B,
    outer, outer_stride, gradient, gradient_stride_T, gradient_stride_B, borders,
    T, B, K, STEPS: tl.constexpr, WIDTH: tl.constexpr,
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
    values = tl.load(outer + row * outer_stride).to(tl.float64) * (gold - tl.where(possible, probability, 0.0))
    values = tl.where(read, values, 0.0)
    gradient_at = gradient + row * gradient_stride_B + steps[:, None] * gradient_stride_T + labels[None, :]
    tl.store(gradient_at, values, mask=(steps < T)[:, None] & known[None, :])
    last = tl.maximum(length - 1, 0)
    starts = tl.sum(tl.where((steps == 0)[:, None], values, 0.0), 0)
    ends = tl.sum(tl.where((steps == last)[:, None], values, 0.0), 0)
    tl.store(borders + row * K + labels, starts, mask=known & (block == 0))
    tl.store(borders + (B + row) * K + labels, ends, mask=known & (block == last // STEPS))


@compiled_once
def pair_kernel(
    alpha, after, log_partition, lengths, transitions, tags, tag_stride_T, tag_stride_B, likelihoods,
    outer, outer_stride, counts, B, K, PIECE: tl.constexpr, TILE: tl.constexpr, GRADIENT: tl.constexpr,
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
        expected = tl.load(outer + row * outer_stride).to(tl.float64) * (gold - tl.where(possible, expected, 0.0))
    tl.store(counts + piece * K * K + moves_at, expected, mask=known)


@compiled_once
def viterbi_kernel(
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
