"""The best paths of a linear chain: the algorithm of Viterbi (1967), and its extension to the n best paths.

Shapes: B batch, T time, K labels, R ranks (the n best).

The recursion runs from each row's end to its start. Paths are then followed from the start, for all rows at once, on
the host. On CUDA, ``triton_scan`` does both in one kernel, where Triton is installed.
"""

import numpy as np
import torch
from torch import Tensor

from seqkit.crf.forward_backward import Chain, flipped, has_kernels

__all__ = ["best_paths", "n_best_paths"]


@torch.no_grad()
def best_paths(chain: Chain) -> list[list[int]]:
    """Return the labels of the best path of each row; any of them if several are equally good."""
    if has_kernels(chain.emissions_TBK):
        from seqkit.crf import triton_scan

        paths = triton_scan.best_paths(chain).tolist()
        return [path[:length] for path, length in zip(paths, chain.lengths_B.tolist(), strict=True)]
    # The batch dimension comes last, so that the maximum over the next label is one of whole vectors. It is not an
    # argmax: the trace below computes that again, for the one label in K that the path goes through.
    endings_TKB = chain.emissions_TBK.transpose(1, 2).clone(memory_format=torch.contiguous_format)
    steps, labels, batch = endings_TKB.shape
    ways_KKB = endings_TKB.new_empty(labels, labels, batch)
    onward_KK1, end_K1 = chain.transitions_KK.T[..., None].contiguous(), chain.end_K[:, None]
    last_B, lengths = chain.lengths_B - 1, chain.lengths_B.tolist()
    first_end = min(lengths, default=0) - 1
    endings = endings_TKB.unbind(0)
    ending_KB = endings[-1].add_(end_K1)
    for step in range(steps - 2, -1, -1):
        torch.add(onward_KK1, ending_KB[:, None], out=ways_KKB)
        best_KB = ways_KKB.amax(0)
        if step >= first_end:
            best_KB = torch.where(last_B == step, end_K1, best_KB)
        ending_KB = endings[step].add_(best_KB)
    paths = _trace(endings_TKB, chain.start_K, chain.transitions_KK)
    return [path[:length] for path, length in zip(paths, lengths, strict=True)]


def _trace(endings_TKB: Tensor, start_K: Tensor, transitions_KK: Tensor) -> list[list[int]]:
    """Follow the best endings from the start, for all rows at once, on the host, after copying all of them there."""
    endings, start, transitions = (scores.cpu().numpy() for scores in (endings_TKB, start_K, transitions_KK))
    with np.errstate(invalid="ignore"):  # values beyond a row's length are arbitrary
        path = [(start + endings[0].T).argmax(1)]
        for ending in endings[1:]:
            path.append((transitions.take(path[-1], 0) + ending.T).argmax(1))
    paths: list[list[int]] = np.stack(path, axis=1).tolist()
    return paths


@torch.no_grad()
def n_best_paths(chain: Chain, n: int) -> tuple[Tensor, Tensor]:
    """Return the n best paths of each row, best first.

    Args:
        chain: the scores.
        n: number of paths R.

    Returns:
        Labels, (B, R, T), arbitrary beyond a row's length; and scores, (B, R), −∞ for ranks beyond the number of legal
        paths. An empty row has one path, with score 0.
    """
    emissions_TBK = flipped(chain.emissions_TBK, chain.lengths_B)
    steps, batch, labels = emissions_TBK.shape
    none_BK = torch.full_like(emissions_TBK[0], -torch.inf)
    ending_BKR = torch.stack([chain.end_K + emissions_TBK[0]] + [none_BK] * (n - 1), dim=2)
    endings, follows = [ending_BKR], [torch.zeros_like(ending_BKR, dtype=torch.long)]
    for emissions_BK in emissions_TBK[1:]:
        # All continuations of label i: to each label, with each of its n best endings.
        candidates_BKX = (chain.transitions_KK[:, :, None] + ending_BKR[:, None]).flatten(2)
        best = candidates_BKX.topk(n, dim=2)
        ending_BKR = best.values + emissions_BK[..., None]
        endings.append(ending_BKR)
        follows.append(best.indices)
    # The successor in each label's r-th best ending, as label · n + rank.
    follows_TBX = flipped(torch.stack(follows).flatten(2), chain.lengths_B)
    first_BKR = flipped(torch.stack(endings).flatten(2), chain.lengths_B)[0].view(batch, labels, n)
    best = (chain.start_K[:, None] + first_BKR).flatten(1).topk(n, dim=1)
    place_BR = best.indices
    path = [place_BR]
    for follows_BX in follows_TBX[: steps - 1]:
        place_BR = follows_BX.gather(1, place_BR)
        path.append(place_BR)
    only_first_R = torch.where(torch.arange(n, device=place_BR.device) == 0, 0.0, -torch.inf)
    scores_BR = torch.where(chain.lengths_B[:, None] == 0, only_first_R, best.values)
    return torch.stack(path, dim=2) // n, scores_BR
