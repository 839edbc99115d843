"""Linear-chain conditional random field (Lafferty et al. 2001), exact, with hard constraints.

Shapes: B batch, T time, K labels, S spans. Internally time comes first, as in torchcrf.

The score of a path y is  start[y₁] + Σ emit_t[y_t] + Σ trans[y_{t-1}, y_t] + end[y_T],  and its probability is
exp(score − log Z). A forbidden transition has the score −∞: its probability is 0 in training, and it is never decoded.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torchcrf
from torch import Tensor

from seqkit.crf.forward_backward import Chain, lattice_of, log_partition, time_mask
from seqkit.crf.likelihood import log_likelihood, normalized
from seqkit.crf.viterbi import best_paths, n_best_paths
from seqkit.crf.weighted_likelihood import weighted_log_likelihood

__all__ = ["CRF", "ScoredPath"]


class ScoredPath(NamedTuple):
    """One of the n best paths.

    Attributes:
        labels: its label indices.
        score: its unnormalised score.
        log_probability: score − log Z.
    """

    labels: list[int]
    score: float
    log_probability: float


class CRF(torchcrf.CRF):  # type: ignore[misc]  # torchcrf has no type hints
    """A faster and more complete version of pytorch-crf's CRF, with the same parameters, interface and results.

    Args:
        num_tags: number of labels K.
        batch_first: whether tensors are (B, T, …) instead of (T, B, …).
        can_start: for each label, whether a path may start with it; None allows all.
        can_follow: K×K, whether the label of the column may follow that of the row; None allows all.
        can_end: for each label, whether a path may end with it; None allows all.
        label_weights: the weight in :meth:`loss` of a token of each label; None weights all equally.
        label_smoothing: share of the target in :meth:`loss` that is spread evenly over all legal paths.
        allow_empty: whether rows may have length 0. Their only path has log-likelihood 0. pytorch-crf refuses them.

    Raises:
        ValueError: if an argument has the wrong shape or is out of range.

    Padding must be on the right: in each row of a mask, all true values come first.

    The sums over all paths are computed in float64, without gradients of each step: PyTorch's operations run on any
    device, for all rows at once. On CUDA, if Triton is installed and there are at most 128 labels, the likelihood, its
    gradient, the marginals and the best path are fused kernels instead, each for all steps at once; the n best paths
    and the gradient of a loss with label weights are not.

    >>> crf = CRF(2, batch_first=True, can_follow=[[True, False], [True, True]])
    >>> crf.decode(torch.tensor([[[1.0, 0.0], [0.0, 9.0]]]))
    [[1, 1]]
    """

    no_start_K: Tensor
    no_follow_KK: Tensor
    no_end_K: Tensor
    label_weights_K: Tensor | None

    def __init__(
        self,
        num_tags: int,
        batch_first: bool = False,
        *,
        can_start: Sequence[bool] | None = None,
        can_follow: Sequence[Sequence[bool]] | None = None,
        can_end: Sequence[bool] | None = None,
        label_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(num_tags, batch_first)
        for name, given, shape in (
            ("start_K", can_start, (num_tags,)),
            ("follow_KK", can_follow, (num_tags, num_tags)),
            ("end_K", can_end, (num_tags,)),
        ):
            allowed = torch.ones(shape, dtype=torch.bool) if given is None else torch.tensor(given, dtype=torch.bool)
            if allowed.shape != shape:
                raise ValueError(f"can_{name.rstrip('_K')} must have shape {shape}, not {tuple(allowed.shape)}")
            self.register_buffer(f"no_{name}", ~allowed, persistent=False)
        weights = None if label_weights is None else torch.tensor(label_weights, dtype=torch.get_default_dtype())
        if weights is not None and (weights.shape != (num_tags,) or not bool((weights >= 0).all())):
            raise ValueError(f"label_weights must be {num_tags} numbers of at least 0, not {list(label_weights or [])}")
        self.register_buffer("label_weights_K", weights, persistent=False)
        if not 0.0 <= label_smoothing < 1.0:
            raise ValueError(f"label_smoothing must be at least 0 and below 1, not {label_smoothing}")
        self.label_smoothing = label_smoothing
        self.allow_empty = allow_empty

    def forward(self, emissions: Tensor, tags: Tensor, mask: Tensor | None = None, reduction: str = "sum") -> Tensor:
        """Return the log-likelihood of tag sequences.

        Args:
            emissions: scores, (T, B, K), or (B, T, K) if ``batch_first``; half precision is computed in float32.
            tags: label indices, (T, B) or (B, T).
            mask: true for the steps of each row, false for padding; None if there is no padding.
            reduction: ``none`` returns (B,), ``sum`` the sum, ``mean`` the mean over the batch, ``token_mean`` the sum
                divided by the number of steps.

        Raises:
            ValueError: if shapes do not match or the reduction is unknown, as with ``torchcrf.CRF``; or if a mask has a
                true step after a false one.
        """
        _check_reduction(reduction)
        chain, tags_TB = self._chain(emissions, mask, tags)
        return _reduced(log_likelihood(chain, tags_TB), chain.lengths_B, reduction)

    def loss(self, emissions: Tensor, tags: Tensor, mask: Tensor | None = None, reduction: str = "sum") -> Tensor:
        """Return the training loss: the negative log-likelihood, with label weights and smoothing if they are set.

        With weights w, log P(y) = Σ log P(y_t | y_{t-1}) becomes Σ w[y_t] · log P(y_t | y_{t-1}), and ``token_mean``
        divides by Σ w[y_t], as in ``torch.nn.functional.cross_entropy``. With smoothing ε the result is (1 − ε) times
        that, plus ε times the cross-entropy with the uniform distribution over all legal paths (Szegedy et al. 2016,
        section 7, for paths instead of classes).

        Arguments and errors are those of :meth:`forward`.

        >>> crf = CRF(3, label_weights=[0.5, 1.0, 1.0])
        >>> crf.loss(torch.randn(4, 1, 3), torch.zeros(4, 1, dtype=torch.long)).shape
        torch.Size([])
        """
        _check_reduction(reduction)
        chain, tags_TB = self._chain(emissions, mask, tags)
        counts_B: Tensor = chain.lengths_B
        if self.label_weights_K is None:
            likelihood_B = log_likelihood(chain, tags_TB)
        else:
            mask_TB = time_mask(chain.lengths_B, len(tags_TB))
            weights_TB = self.label_weights_K[tags_TB].masked_fill(~mask_TB, 0.0)
            likelihood_B = weighted_log_likelihood(chain, tags_TB, weights_TB)
            counts_B = weights_TB.sum(0)
        if self.label_smoothing:
            uniform_B = normalized(self._uniform_score(chain), chain)
            likelihood_B = (1 - self.label_smoothing) * likelihood_B + self.label_smoothing * uniform_B
        return -_reduced(likelihood_B, counts_B, reduction)

    def log_partition(self, emissions: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return log Z of each row, (B,), differentiable; arguments as for ``forward``."""
        return log_partition(self._chain(emissions, mask)[0])

    def decode(self, emissions: Tensor, mask: Tensor | None = None) -> list[list[int]]:
        """Return the most probable path of each row (Viterbi 1967); arguments as for ``forward``."""
        return best_paths(self._chain(emissions, mask)[0])

    def decode_n_best(self, emissions: Tensor, mask: Tensor | None = None, *, n: int) -> list[list[ScoredPath]]:
        """Return the n most probable paths of each row, best first, computed in float64.

        Args:
            emissions: as for ``forward``.
            mask: as for ``forward``.
            n: number of paths; for a row with fewer legal paths, all of them are returned.

        Raises:
            ValueError: as for ``forward``, or if n is below 1.

        >>> crf = CRF(2, batch_first=True)
        >>> [path.labels for path in crf.decode_n_best(torch.tensor([[[1.0, 0.0]]]), n=5)[0]]
        [[0], [1]]
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, not {n}")
        chain, _ = self._chain(emissions, mask)
        if emissions.device.type != "mps":
            chain = Chain(chain.emissions_TBK.double(), chain.lengths_B, *(scores.double() for scores in chain[2:]))
        labels_BRT, scores_BR = n_best_paths(chain, n)
        log_partitions = log_partition(chain).tolist()
        rows = zip(labels_BRT.tolist(), scores_BR.tolist(), chain.lengths_B.tolist(), log_partitions, strict=True)
        return [
            [
                ScoredPath(path[:length], score, score - log_z)
                for path, score in zip(paths, scores, strict=True)
                if score > -torch.inf
            ]
            for paths, scores, length, log_z in rows
        ]

    def marginals(self, emissions: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the probability of each label at each step, in the layout of ``emissions``; zero for padding.

        >>> crf = CRF(3, batch_first=True)
        >>> crf.marginals(torch.randn(2, 4, 3)).sum(-1).allclose(torch.ones(2, 4))
        True
        """
        chain, _ = self._chain(emissions, mask)
        beyond_TB = ~time_mask(chain.lengths_B, len(chain.emissions_TBK))
        marginals = lattice_of(chain).unary().masked_fill_(beyond_TB[..., None], 0.0).to(chain.emissions_TBK.dtype)
        marginals = marginals[: emissions.shape[int(self.batch_first)]]
        return marginals.transpose(0, 1) if self.batch_first else marginals

    def span_log_probabilities(
        self, emissions: Tensor, spans: Sequence[tuple[int, int, Sequence[int]]], mask: Tensor | None = None
    ) -> Tensor:
        """Return the log-probability that a row has given labels from a given step on, whatever its other labels are.

        Args:
            emissions: as for ``forward``.
            spans: (row, first step, labels) of each span; a row may have any number of spans, which may overlap.
            mask: as for ``forward``.

        Returns:
            (S,), −∞ for a forbidden span.

        Raises:
            ValueError: as for ``forward``, or if a span is empty or not within its row.

        >>> crf = CRF(2, batch_first=True, can_follow=[[True, False], [True, True]])
        >>> crf.span_log_probabilities(torch.zeros(1, 3, 2), [(0, 1, [0, 1])]).tolist()
        [-inf]
        """
        chain, _ = self._chain(emissions, mask)
        lengths = chain.lengths_B.tolist()
        for row, start, labels in spans:
            if not (0 <= row < len(lengths) and start >= 0 and labels and start + len(labels) <= lengths[row]):
                raise ValueError(f"no span of {len(labels)} labels begins at step {start} of row {row}")
        if not spans:
            return chain.emissions_TBK.new_zeros(0)
        # Each span becomes a row of its own, with the lattice of its row and a path that contains its labels.
        rows_S = torch.tensor([row for row, _, _ in spans], device=emissions.device)
        paths_TS = torch.zeros(len(chain.emissions_TBK), len(spans), dtype=torch.long)
        later_TS = torch.zeros_like(paths_TS, dtype=torch.bool)
        for number, (_, start, labels) in enumerate(spans):
            paths_TS[start : start + len(labels), number] = torch.as_tensor(labels)
            later_TS[start + 1 : start + len(labels), number] = True
        starts_S = torch.tensor([start for _, start, _ in spans], device=emissions.device)
        marginal_TS, conditional_TS = lattice_of(chain).rows(rows_S).log_path(paths_TS.to(emissions.device))
        inner_S = conditional_TS.masked_fill(~later_TS[1:].to(emissions.device), 0.0).sum(0)
        return (marginal_TS.gather(0, starts_S[None])[0] + inner_S).to(chain.emissions_TBK.dtype)

    def path_log_probabilities(
        self, emissions: Tensor, tags: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the log-probability of each label of a path, and of each label given the one before it.

        By the Markov property, the exact log-probability that a row has the path's labels from step s to step e,
        whatever its other labels are, is ``marginal[s] + conditional[s+1 : e+1].sum()``.

        Args:
            emissions: as for ``forward``.
            tags: a path for each row; arbitrary labels for padding.
            mask: as for ``forward``.

        Returns:
            (marginal, conditional), both in the layout of ``tags``, 0 for padding; the first conditional is 0.
        """
        chain, tags_TB = self._chain(emissions, mask, tags)
        marginal_TB, later_TB = lattice_of(chain).log_path(tags_TB)
        conditional_TB = torch.cat([torch.zeros_like(marginal_TB[:1]), later_TB])
        beyond_TB = ~time_mask(chain.lengths_B, len(tags_TB))
        results = [
            values.masked_fill(beyond_TB, 0.0).to(chain.emissions_TBK.dtype)[: tags.shape[int(self.batch_first)]]
            for values in (marginal_TB, conditional_TB)
        ]
        marginal, conditional = (values.transpose(0, 1) if self.batch_first else values for values in results)
        return marginal, conditional

    def _chain(self, emissions: Tensor, mask: Tensor | None, tags: Tensor | None = None) -> tuple[Chain, Tensor]:
        """Return scores and tags of a batch, time first; half precision, as autocast may pass it, becomes float32."""
        if mask is None:
            mask = torch.ones(emissions.shape[:2], dtype=torch.bool, device=emissions.device)
        self._validate(emissions, tags=tags, mask=None if self.allow_empty else mask)
        if mask.shape != emissions.shape[:2]:
            raise ValueError(f"the mask has shape {tuple(mask.shape)}, the emissions {tuple(emissions.shape[:2])}")
        if self.batch_first:
            emissions, mask = emissions.transpose(0, 1), mask.transpose(0, 1)
            tags = None if tags is None else tags.transpose(0, 1)
        mask = mask.bool()
        if bool((mask[1:] > mask[:-1]).any()):
            raise ValueError("the mask has a true step after a false one; padding must be on the right")
        if emissions.dtype in (torch.float16, torch.bfloat16):
            emissions = emissions.float()
        if len(mask) == 0:  # add one step of padding, so that there is a first step
            emissions, mask = (torch.cat([part, part.new_zeros(1, *part.shape[1:])]) for part in (emissions, mask))
            tags = None
        tags_TB = mask.long() if tags is None else tags.masked_fill(~mask, 0)
        start_K = self.start_transitions.masked_fill(self.no_start_K, -torch.inf)
        transitions_KK = self.transitions.masked_fill(self.no_follow_KK, -torch.inf)
        end_K = self.end_transitions.masked_fill(self.no_end_K, -torch.inf)
        return Chain(emissions, mask.sum(0), start_K, transitions_KK, end_K), tags_TB

    def _uniform_score(self, chain: Chain) -> Tensor:
        """Return the mean score of all legal paths, (B,): the expectation in a chain whose legal scores are all 0."""
        scores = (chain.emissions_TBK, *chain[2:])
        flat = [torch.zeros_like(part).masked_fill(part == -torch.inf, -torch.inf) for part in scores]
        uniform = lattice_of(Chain(flat[0], chain.lengths_B, *flat[1:]))
        emissions_TBK, start_K, transitions_KK, end_K = (part.masked_fill(part == -torch.inf, 0.0) for part in scores)
        beyond_TB1 = ~time_mask(chain.lengths_B, len(emissions_TBK))[..., None]
        unary_TBK = uniform.unary().masked_fill_(beyond_TB1, 0.0)
        last_B = (chain.lengths_B - 1).clamp(min=0)
        ends_BK = unary_TBK[last_B, torch.arange(len(last_B), device=last_B.device)]
        emitted_B = (unary_TBK * emissions_TBK.masked_fill(beyond_TB1, 0.0)).sum((0, 2))
        borders_B = (unary_TBK[0] * start_K + ends_BK * end_K).sum(1)
        mean_B = emitted_B + borders_B + uniform.expected_pairs(transitions_KK)
        return mean_B.masked_fill(uniform.log_partition_B == -torch.inf, -torch.inf).to(emissions_TBK.dtype)


def _check_reduction(reduction: str) -> None:
    if reduction not in ("none", "sum", "mean", "token_mean"):
        raise ValueError(f"invalid reduction: {reduction}")


def _reduced(values_B: Tensor, counts_B: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return values_B
    if reduction == "mean":
        return values_B.mean()
    return values_B.sum() / (counts_B.sum() if reduction == "token_mean" else 1)
