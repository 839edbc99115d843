"""The CRF against an enumeration of every path, and against pytorch-crf, whose place it takes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement, pairwise, product
from typing import Any

import pytest
import torch
import torchcrf
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from seqkit.crf import CRF
from seqkit.tagging_schemes import Scheme, allowed_transitions, illegal_tags

SCORES = ("start_transitions", "transitions", "end_transitions")
REDUCTIONS = ("none", "sum", "mean", "token_mean")
LENGTHS = [7, 1, 3, 7, 2]

quick = settings(max_examples=60)


def exact(actual: Tensor, expected: Tensor) -> None:
    assert_close(actual, expected, rtol=1e-9, atol=1e-9)


def mask_of(lengths: Sequence[int], steps: int) -> Tensor:
    return torch.tensor([[step < length for step in range(steps)] for length in lengths])


@dataclass(kw_only=True)
class Problem:
    """A small batch whose paths can all be written down."""

    crf: CRF
    emissions: Tensor  # (B, T, K), float64
    lengths: list[int]
    can_start: list[bool]
    can_follow: list[list[bool]]
    can_end: list[bool]
    mask: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.mask = mask_of(self.lengths, self.emissions.shape[1])

    def legal_paths(self, length: int) -> list[tuple[int, ...]]:
        return [
            path
            for path in product(range(len(self.can_start)), repeat=length)
            if self.can_start[path[0]]
            and self.can_end[path[-1]]
            and all(self.can_follow[before][after] for before, after in pairwise(path))
        ]

    def rows(self) -> list[tuple[Tensor, Tensor]]:
        """For each row its legal paths (P, T) and their unnormalised scores (P,), differentiable."""
        return [self.row(emissions, length) for emissions, length in zip(self.emissions, self.lengths, strict=True)]

    def row(self, emissions: Tensor, length: int) -> tuple[Tensor, Tensor]:
        paths = torch.tensor(self.legal_paths(length))
        emitted = emissions[torch.arange(length), paths].sum(1)
        moved = self.crf.transitions[paths[:, :-1], paths[:, 1:]].sum(1)
        return paths, emitted + moved + self.crf.start_transitions[paths[:, 0]] + self.crf.end_transitions[paths[:, -1]]

    def random_tags(self, generator: torch.Generator) -> Tensor:
        """One legal path a row, 0 beyond its end."""
        tags = torch.zeros(self.mask.shape, dtype=torch.long)
        for row, length in enumerate(self.lengths):
            paths = self.legal_paths(length)
            choice = int(torch.randint(len(paths), (), generator=generator))
            tags[row, :length] = torch.tensor(paths[choice])
        return tags


@st.composite
def problems(draw: st.DrawFn) -> tuple[Problem, torch.Generator]:
    """Random scores, lengths and constraints. Label 0 may start, end and stay, so that a legal path exists."""
    labels, steps = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    lengths = draw(st.lists(st.integers(1, steps), min_size=1, max_size=3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))
    constrained = draw(st.booleans())

    def allowed() -> list[bool]:
        chances = torch.rand(labels, generator=generator)
        return [True, *(not constrained or chance < 0.6 for chance in chances[1:].tolist())]

    limits = {"can_start": allowed(), "can_end": allowed()}
    can_follow = [allowed() for _ in range(labels)]
    crf = CRF(labels, batch_first=True, **limits, can_follow=can_follow).double()
    for parameter in crf.parameters():
        parameter.data.normal_(generator=generator)
    emissions = 2 * torch.randn(len(lengths), steps, labels, generator=generator, dtype=torch.float64)
    problem = Problem(crf=crf, emissions=emissions, lengths=lengths, can_follow=can_follow, **limits)
    return problem, generator


# Against every path


@quick
@given(problems())
def test_log_partition_and_marginals_are_sums_over_all_legal_paths(case: tuple[Problem, torch.Generator]) -> None:
    problem, _ = case
    log_partition = problem.crf.log_partition(problem.emissions, problem.mask)
    marginals = problem.crf.marginals(problem.emissions, problem.mask)
    expected = torch.zeros_like(marginals)
    for row, (paths, scores) in enumerate(problem.rows()):
        exact(log_partition[row], scores.logsumexp(0))
        for path, probability in zip(paths, scores.softmax(0).detach(), strict=True):
            expected[row, torch.arange(len(path)), path] += probability
    exact(marginals, expected)


@quick
@given(problems())
def test_decoding_finds_the_best_legal_path(case: tuple[Problem, torch.Generator]) -> None:
    problem, _ = case
    best = [paths[scores.argmax()].tolist() for paths, scores in problem.rows()]
    assert problem.crf.decode(problem.emissions, problem.mask) == best


@quick
@given(problems())
def test_gradients_are_those_of_the_enumeration(case: tuple[Problem, torch.Generator]) -> None:
    problem, generator = case
    problem.emissions.requires_grad_()
    tags = problem.random_tags(generator)
    weights = torch.randn(len(tags), generator=generator, dtype=torch.float64)
    sources = [problem.emissions, *problem.crf.parameters()]
    likelihood = problem.crf(problem.emissions, tags, problem.mask, reduction="none")
    expected = torch.stack(
        [
            scores[(paths == target[: paths.shape[1]]).all(1)].squeeze() - scores.logsumexp(0)
            for target, (paths, scores) in zip(tags, problem.rows(), strict=True)
        ]
    )
    exact(likelihood, expected)
    gradients = torch.autograd.grad(likelihood @ weights, sources)
    for gradient, wanted in zip(gradients, torch.autograd.grad(expected @ weights, sources), strict=True):
        exact(gradient, wanted)


@quick
@given(problems())
def test_every_segment_of_a_path_has_its_exact_probability(case: tuple[Problem, torch.Generator]) -> None:
    problem, generator = case
    tags = problem.random_tags(generator)
    marginals, conditionals = problem.crf.path_log_probabilities(problem.emissions, tags, problem.mask)
    assert not marginals.requires_grad
    assert not conditionals.requires_grad
    for row, (paths, scores) in enumerate(problem.rows()):
        length = problem.lengths[row]
        assert conditionals[row, 0] == 0
        for start, end in combinations_with_replacement(range(length), 2):
            agreeing = (paths[:, start : end + 1] == tags[row, start : end + 1]).all(1)
            segment = marginals[row, start] + conditionals[row, start + 1 : end + 1].sum()
            exact(segment, scores[agreeing].logsumexp(0) - scores.logsumexp(0))


# Against pytorch-crf


def twins(labels: int, *, batch_first: bool = True, seed: int = 0) -> tuple[CRF, Any]:
    """Ours and pytorch-crf's with the same scores, through the state dict."""
    torch.manual_seed(seed)
    parent = torchcrf.CRF(labels, batch_first).double()
    ours = CRF(labels, batch_first).double()
    assert list(ours.state_dict()) == list(parent.state_dict())
    ours.load_state_dict(parent.state_dict())
    return ours, parent


def sample(labels: int, *, batch_first: bool, steps: int = 7, rows: int = 5) -> tuple[Tensor, Tensor]:
    shape = (rows, steps) if batch_first else (steps, rows)
    return torch.randn(*shape, labels, dtype=torch.float64, requires_grad=True), torch.randint(labels, shape)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("masked", [True, False])
def test_equals_the_parent_in_value_and_gradient(batch_first: bool, reduction: str, masked: bool) -> None:
    ours, parent = twins(6, batch_first=batch_first)
    emissions, tags = sample(6, batch_first=batch_first)
    mask = mask_of(LENGTHS if masked else [7] * 5, 7)
    mask = mask if batch_first else mask.T
    value = ours(emissions, tags, mask if masked else None, reduction)
    expected = parent(emissions, tags, mask, reduction)  # which warns of its own default mask
    exact(value, expected)
    gradients = torch.autograd.grad(value.sum(), [emissions, *ours.parameters()])
    for gradient, wanted in zip(
        gradients, torch.autograd.grad(expected.sum(), [emissions, *parent.parameters()]), strict=True
    ):
        exact(gradient, wanted)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_decodes_as_the_parent(batch_first: bool, seed: int) -> None:
    ours, parent = twins(6, batch_first=batch_first, seed=seed)
    emissions, _ = sample(6, batch_first=batch_first)
    mask = mask_of(LENGTHS, 7) if batch_first else mask_of(LENGTHS, 7).T
    assert ours.decode(emissions, mask) == parent.decode(emissions, mask)
    assert ours.decode(emissions) == parent.decode(emissions, torch.ones_like(mask))
    assert [len(row) for row in ours.decode(emissions, mask)] == LENGTHS


def test_a_single_step_equals_the_parent() -> None:
    ours, parent = twins(4)
    emissions, tags = sample(4, batch_first=True, steps=1)
    likelihood, expected = ours(emissions, tags), parent(emissions, tags)
    exact(likelihood, expected)
    assert ours.decode(emissions) == parent.decode(emissions)
    scores = [[emissions, crf.start_transitions, crf.end_transitions] for crf in (ours, parent)]
    gradients = torch.autograd.grad(likelihood, [*scores[0], ours.transitions])
    assert gradients[-1].abs().sum() == 0  # no step, no transition
    for gradient, wanted in zip(gradients, torch.autograd.grad(expected, scores[1]), strict=False):
        exact(gradient, wanted)


def test_byte_masks_mean_the_same_as_bool_masks() -> None:
    ours, _ = twins(4)
    emissions, tags = sample(4, batch_first=True)
    mask = mask_of(LENGTHS, 7)
    for reduction in REDUCTIONS:
        assert torch.equal(ours(emissions, tags, mask.byte(), reduction), ours(emissions, tags, mask, reduction))
    assert ours.decode(emissions, mask.byte()) == ours.decode(emissions, mask)
    assert torch.equal(ours.marginals(emissions, mask.byte()), ours.marginals(emissions, mask))


def test_the_state_dict_loads_into_the_parent_and_holds_no_constraints() -> None:
    ours = CRF(2, can_start=[True, False], can_follow=[[True, False], [True, True]], can_end=[False, True])
    parent = torchcrf.CRF(2)
    parent.load_state_dict(ours.state_dict())
    for name in SCORES:
        assert torch.equal(getattr(parent, name), getattr(ours, name))


def test_time_first_and_batch_first_agree() -> None:
    rows_first, _ = twins(4)
    time_first = CRF(4).double()
    time_first.load_state_dict(rows_first.state_dict())
    emissions, tags = sample(4, batch_first=True)
    mask = mask_of(LENGTHS, 7)
    turned = (emissions.transpose(0, 1), tags.T, mask.T)
    assert torch.equal(time_first(*turned), rows_first(emissions, tags, mask))
    assert time_first.decode(turned[0], turned[2]) == rows_first.decode(emissions, mask)
    marginals = time_first.marginals(turned[0], turned[2]).transpose(0, 1)
    assert torch.equal(marginals, rows_first.marginals(emissions, mask))
    for one, other in zip(
        time_first.path_log_probabilities(*turned),
        rows_first.path_log_probabilities(emissions, tags, mask),
        strict=True,
    ):
        assert torch.equal(one.T, other)


BAD_CALLS = {
    "emissions without labels": (torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.long), None, "sum"),
    "wrong number of labels": (torch.zeros(2, 3, 5), torch.zeros(2, 3, dtype=torch.long), None, "sum"),
    "tags too short": (torch.zeros(2, 3, 4), torch.zeros(2, 2, dtype=torch.long), None, "sum"),
    "mask too short": (torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.long), torch.ones(2, 2), "sum"),
    "empty row": (torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.long), torch.tensor([[1] * 3, [0] * 3]), "sum"),
    "unknown reduction": (torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.long), None, "median"),
}


@pytest.mark.parametrize("call", BAD_CALLS.values(), ids=BAD_CALLS.keys())
def test_bad_calls_raise_the_errors_of_the_parent(call: tuple[Tensor, Tensor, Tensor | None, str]) -> None:
    emissions, tags, mask, reduction = call
    mask = None if mask is None else mask.bool()
    with pytest.raises(ValueError) as expected:  # noqa: PT011 - the parent's own message is the measure
        torchcrf.CRF(4, batch_first=True)(emissions, tags, mask, reduction)
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        CRF(4, batch_first=True)(emissions, tags, mask, reduction)
    assert str(raised.value) == str(expected.value)


def test_decoding_and_marginals_check_their_shapes_too() -> None:
    crf = CRF(4, batch_first=True)
    for function in (crf.decode, crf.marginals):
        with pytest.raises(ValueError, match="expected last dimension of emissions is 4"):
            function(torch.zeros(2, 3, 5))
        with pytest.raises(ValueError, match="first timestep"):
            function(torch.zeros(1, 2, 4), torch.tensor([[False, True]]))
    with pytest.raises(ValueError, match="invalid number of tags"):
        CRF(0)


# Hard constraints

TAGS = ["O", *(f"{prefix}-{label}" for label in ("PER", "LOC", "ORG") for prefix in "BIES")]
CAN_START, CAN_FOLLOW, CAN_END = allowed_transitions(TAGS, Scheme.IOBES)


def iobes_crf() -> CRF:
    return CRF(len(TAGS), batch_first=True, can_start=CAN_START, can_follow=CAN_FOLLOW, can_end=CAN_END)


@pytest.mark.parametrize("scale", [0.1, 10.0, 1e4])
def test_thousands_of_decodes_hold_no_illegal_transition(scale: float) -> None:
    torch.manual_seed(1)
    crf = iobes_crf()
    torch.nn.init.normal_(crf.transitions, std=scale)
    lengths = torch.randint(1, 11, (2000,)).tolist()
    decoded = crf.decode(scale * torch.randn(2000, 10, len(TAGS)), mask_of(lengths, 10))
    assert [len(row) for row in decoded] == lengths
    for row in decoded:
        assert illegal_tags([TAGS[label] for label in row], Scheme.IOBES) == []
    assert {label for row in decoded for label in row} == set(range(len(TAGS)))


def test_an_unconstrained_crf_does_break_the_scheme() -> None:
    torch.manual_seed(1)
    decoded = CRF(len(TAGS), batch_first=True).decode(torch.randn(200, 10, len(TAGS)))
    assert any(illegal_tags([TAGS[label] for label in row], Scheme.IOBES) for row in decoded)


def test_forbidden_transitions_have_no_gradient_and_no_probability() -> None:
    torch.manual_seed(2)
    crf, mask = iobes_crf(), mask_of([8, 1, 5], 8)
    emissions = (10 * torch.randn(3, 8, len(TAGS))).requires_grad_()
    tags = torch.zeros(3, 8, dtype=torch.long)
    tags[0, 1:4] = torch.tensor([1, 2, 3])
    (-crf(emissions, tags, mask)).backward()
    for name, allowed in zip(SCORES, (CAN_START, CAN_FOLLOW, CAN_END), strict=True):
        gradient = getattr(crf, name).grad
        assert gradient.isfinite().all()
        assert (gradient[~torch.tensor(allowed)] == 0).all()
        assert (gradient[torch.tensor(allowed)] != 0).any()
    assert emissions.grad is not None
    assert emissions.grad.isfinite().all()
    assert (emissions.grad[~mask] == 0).all()
    marginals = crf.marginals(emissions.detach(), mask)
    assert (marginals[:, 0, ~torch.tensor(CAN_START)] == 0).all()
    assert_close(marginals.sum(2), mask.float(), rtol=0, atol=1e-4)


def test_a_forbidden_path_is_impossible() -> None:
    crf = iobes_crf()
    inside_after_outside = torch.tensor([[0, TAGS.index("I-PER"), TAGS.index("E-PER")]])
    assert crf(torch.zeros(1, 3, len(TAGS)), inside_after_outside).item() == -torch.inf


# Numbers that are hard


def path_scores_of(paths: list[list[int]], crf: CRF, emissions: Tensor, mask: Tensor) -> Tensor:
    tags = torch.zeros(mask.shape, dtype=torch.long)
    tags[mask] = torch.tensor([label for path in paths for label in path])
    return crf(emissions, tags, mask, reduction="none") + crf.log_partition(emissions, mask)


@pytest.mark.parametrize("constrained", [True, False])
def test_extreme_scores_give_no_nan(constrained: bool) -> None:
    torch.manual_seed(3)
    crf = iobes_crf() if constrained else CRF(len(TAGS), batch_first=True)
    emissions = (1e4 * torch.randint(-1, 2, (20, 12, len(TAGS))).float()).requires_grad_()
    mask = mask_of([12, 1, 5, 7] * 5, 12)
    likelihood = crf(emissions, torch.zeros(20, 12, dtype=torch.long), mask, reduction="none")
    assert likelihood.isfinite().all()
    likelihood.sum().backward()
    for gradient in [emissions.grad, *(parameter.grad for parameter in crf.parameters())]:
        assert gradient is not None
        assert gradient.isfinite().all()
    marginals = crf.marginals(emissions.detach(), mask)
    assert ((marginals >= 0) & (marginals <= 1)).all()
    best = path_scores_of(crf.decode(emissions, mask), crf.double(), emissions.double(), mask)
    precise = path_scores_of(crf.decode(emissions.double(), mask), crf, emissions.double(), mask)
    assert_close(best, precise, rtol=1e-6, atol=0.1)  # float32 may choose among paths that differ by rounding alone


@pytest.mark.parametrize("garbage", [torch.nan, torch.inf, -torch.inf])
def test_padding_never_changes_a_result(garbage: float) -> None:
    ours, _ = twins(4)
    emissions, tags = sample(4, batch_first=True)
    mask = mask_of(LENGTHS, 7)
    results = []
    for filling in (0.0, garbage):
        filled = emissions.detach().masked_fill(~mask[..., None], filling).requires_grad_()
        likelihood = ours(filled, tags.masked_fill(~mask, int(filling == 0)), mask, reduction="none")
        gradients = torch.autograd.grad(likelihood.sum(), [filled, *ours.parameters()])
        of_path = ours.path_log_probabilities(filled, tags, mask)
        tensors = [likelihood, *gradients, ours.marginals(filled, mask), *(values[mask] for values in of_path)]
        results.append((tensors, ours.decode(filled, mask)))
    (clean, clean_paths), (dirty, dirty_paths) = results
    assert dirty_paths == clean_paths
    for one, other in zip(clean, dirty, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_emissions_are_scored_in_float32(dtype: torch.dtype) -> None:
    torch.manual_seed(4)
    crf = CRF(5, batch_first=True)
    emissions = torch.randn(4, 30, 5).to(dtype).requires_grad_()
    tags = torch.randint(5, (4, 30))
    likelihood = crf(emissions, tags)
    assert likelihood.dtype == torch.float32
    assert torch.equal(likelihood, crf(emissions.float(), tags))
    likelihood.backward()
    assert emissions.grad is not None
    assert emissions.grad.dtype == dtype
    assert emissions.grad.isfinite().all()
    assert crf.marginals(emissions).dtype == torch.float32
    assert crf.decode(emissions) == crf.decode(emissions.float())


def test_autocast_does_not_lower_the_precision() -> None:
    torch.manual_seed(4)
    crf = CRF(5, batch_first=True)
    emissions, tags = torch.randn(4, 30, 5), torch.randint(5, (4, 30))
    with torch.autocast("cpu", torch.bfloat16):
        inside = crf(emissions, tags)
    assert torch.equal(inside, crf(emissions, tags))


def test_float32_is_close_to_float64_on_long_rows() -> None:
    torch.manual_seed(5)
    crf = iobes_crf()
    emissions = (3 * torch.randn(8, 120, len(TAGS))).requires_grad_()
    tags = torch.zeros(8, 120, dtype=torch.long)
    single = crf(emissions, tags, reduction="token_mean")
    single_gradients = torch.autograd.grad(single, [emissions, *crf.parameters()])
    single_marginals = crf.marginals(emissions)
    crf.double()
    precise = emissions.detach().double().requires_grad_()
    double = crf(precise, tags, reduction="token_mean")
    assert double.dtype == torch.float64
    assert_close(single.double(), double, rtol=1e-5, atol=1e-5)
    for gradient, wanted in zip(
        single_gradients, torch.autograd.grad(double, [precise, *crf.parameters()]), strict=True
    ):
        assert_close(gradient.double(), wanted, rtol=1e-3, atol=1e-6)
    assert_close(single_marginals.double(), crf.marginals(precise), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("batch_first", [True, False])
def test_nothing_that_is_handed_in_is_changed(rows: int, batch_first: bool) -> None:
    ours, _ = twins(4, batch_first=batch_first)
    emissions, tags = sample(4, batch_first=batch_first, rows=rows)
    before = [part.detach().clone() for part in (emissions, tags, *ours.parameters())]
    ours(emissions, tags).backward()
    ours.decode(emissions)
    ours.decode_n_best(emissions, n=2)
    ours.marginals(emissions)
    ours.path_log_probabilities(emissions, tags)
    for part, was in zip((emissions, tags, *ours.parameters()), before, strict=True):
        assert torch.equal(part, was)
