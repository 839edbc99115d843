"""Brute-force reference for CRFs: small batches whose label sequences can all be enumerated."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from seqkit.crf import CRF
from seqkit.crf.forward_backward import Chain

__all__ = ["Problem", "close_gradients", "exact", "gradients", "mask_of", "problems", "quick"]

quick = settings(max_examples=60)


def exact(actual: Tensor, expected: Tensor) -> None:
    assert_close(actual, expected, rtol=1e-9, atol=1e-9)


def mask_of(lengths: Sequence[int], steps: int) -> Tensor:
    return torch.tensor([[step < length for step in range(steps)] for length in lengths], dtype=torch.bool)


@dataclass(kw_only=True)
class Problem:
    """A small batch whose label sequences (paths) can all be enumerated."""

    crf: CRF
    emissions: Tensor  # (B, T, K), float64
    lengths: list[int]
    can_start: list[bool]
    can_follow: list[list[bool]]
    can_end: list[bool]
    generator: torch.Generator  # for further random numbers of a test
    mask: Tensor = field(init=False)
    sources: list[Tensor] = field(init=False)  # the tensors that gradients are compared for

    def __post_init__(self) -> None:
        self.mask = mask_of(self.lengths, self.emissions.shape[1])
        self.sources = [self.emissions.requires_grad_(), *self.crf.parameters()]

    def legal_paths(self, length: int) -> list[tuple[int, ...]]:
        return [
            path
            for path in product(range(len(self.can_start)), repeat=length)
            if not path
            or (
                self.can_start[path[0]]
                and self.can_end[path[-1]]
                and all(self.can_follow[before][after] for before, after in pairwise(path))
            )
        ]

    def rows(self) -> list[tuple[Tensor, Tensor]]:
        """Return the possible paths (P, T) of each row and their unnormalized scores (P,), differentiable."""
        return [self.row(emissions, length) for emissions, length in zip(self.emissions, self.lengths, strict=True)]

    def row(self, emissions: Tensor, length: int) -> tuple[Tensor, Tensor]:
        legal = self.legal_paths(length)
        paths = torch.tensor(legal, dtype=torch.long).view(len(legal), length)
        scores = emissions[torch.arange(length), paths].sum(1)
        if length:
            scores = scores + self.crf.start_transitions[paths[:, 0]] + self.crf.end_transitions[paths[:, -1]]
            scores = scores + self.crf.transitions[paths[:, :-1], paths[:, 1:]].sum(1)
        possible = scores > -torch.inf
        return paths[possible], scores[possible]

    def random_tags(self) -> Tensor:
        """Return one possible path for each row, padded with 0."""
        tags = torch.zeros(self.mask.shape, dtype=torch.long)
        for row, (paths, _) in enumerate(self.rows()):
            tags[row, : paths.shape[1]] = paths[torch.randint(len(paths), (), generator=self.generator)]
        return tags

    def any_tags(self) -> Tensor:
        """Return random labels, possible or not, in the padding too."""
        return torch.randint(len(self.can_start), self.mask.shape, generator=self.generator)

    def random(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def chain(self) -> Chain:
        """Return the scores as the recursions take them: time first, −∞ if forbidden, 0 in the padding."""
        with torch.no_grad():
            return Chain(
                self.emissions.masked_fill(~self.mask[..., None], 0.0).transpose(0, 1),
                self.mask.sum(1),
                self.crf.start_transitions.masked_fill(~torch.tensor(self.can_start), -torch.inf),
                self.crf.transitions.masked_fill(~torch.tensor(self.can_follow), -torch.inf),
                self.crf.end_transitions.masked_fill(~torch.tensor(self.can_end), -torch.inf),
            )


@st.composite
def problems(draw: st.DrawFn, *, possible: bool = True, weighted: bool = False, smoothing: float = 0.0) -> Problem:
    """Draw random scores, small and huge, lengths and constraints; if ``possible``, every row has a possible path."""
    labels, steps = draw(st.integers(1, 4)), draw(st.integers(0, 5))
    lengths = draw(st.lists(st.integers(0, steps), min_size=1, max_size=3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))
    constrained, holes = draw(st.booleans()), draw(st.booleans())
    scale = draw(st.sampled_from([1.0, 1.0, 0.1, 100.0, 1e4]))

    def allowed() -> list[bool]:
        first, *others = torch.rand(labels, generator=generator).tolist()
        return [not constrained or possible or first < 0.6, *(not constrained or chance < 0.6 for chance in others)]

    limits: dict[str, Any] = {"can_start": allowed(), "can_end": allowed()}
    limits["can_follow"] = [allowed() for _ in range(labels)]
    weights = [0.0, 0.5, 1.0, 2.5][:labels] if weighted else None
    crf = CRF(labels, True, **limits, label_weights=weights, label_smoothing=smoothing, allow_empty=True).double()
    for parameter in crf.parameters():
        parameter.data.normal_(std=scale, generator=generator)
    emissions = 2 * scale * torch.randn(len(lengths), steps, labels, generator=generator, dtype=torch.float64)
    if holes:
        impossible = torch.rand(emissions.shape, generator=generator) < 0.2
        impossible[..., 0] &= not possible
        emissions.masked_fill_(impossible, -torch.inf)
    return Problem(crf=crf, emissions=emissions, lengths=lengths, generator=generator, **limits)


def close_gradients(actual: Tensor, expected: Tensor, sources: Sequence[Tensor], wanted: Sequence[Tensor] = ()) -> None:
    """Assert that both have the same gradients, by ``sources`` and, for the expected one, by ``wanted`` if given."""
    for gradient, other in zip(gradients(actual, sources), gradients(expected, wanted or sources), strict=True):
        exact(gradient, other)


def gradients(value: Tensor, sources: Sequence[Tensor]) -> Sequence[Tensor]:
    if not value.requires_grad:
        return [torch.zeros_like(source) for source in sources]
    return torch.autograd.grad(value, sources, materialize_grads=True)
