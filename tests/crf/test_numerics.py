"""The CRF in numerically hard cases: forbidden transitions, huge scores, garbage in the padding, low precision."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from seqkit.crf import CRF
from seqkit.text.tagging_schemes import Scheme, allowed_transitions
from tests.chains import exact, gradients, mask_of

SCORES = ("start_transitions", "transitions", "end_transitions")

# Hard constraints

TAGS = ["O", *(f"{prefix}-{label}" for label in ("PER", "LOC", "ORG") for prefix in "BIES")]
CAN_START, CAN_FOLLOW, CAN_END = allowed_transitions(TAGS, Scheme.IOBES)


def iobes_crf() -> CRF:
    return CRF(len(TAGS), batch_first=True, can_start=CAN_START, can_follow=CAN_FOLLOW, can_end=CAN_END)


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


# Extreme numbers


def complete() -> tuple[CRF, Tensor, Tensor, Tensor]:
    """A CRF in float64 with all options (constraints, weights, smoothing), and emissions, tags and mask."""
    torch.manual_seed(6)
    crf = CRF(
        4,
        batch_first=True,
        can_start=[True, True, False, True],
        can_follow=[[True, True, False, True], [True] * 4, [False, True, True, True], [True] * 4],
        can_end=[True, False, True, True],
        label_weights=[0.5, 1.0, 2.0, 0.0],
        label_smoothing=0.2,
    )
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    lengths = [7, 1, 3, 7, 2]
    emissions, tags = torch.randn(5, 7, 4, dtype=torch.float64), torch.randint(4, (5, 7))
    tags[:, 0] = 1
    return crf.double(), emissions, tags, mask_of(lengths, 7)


def everything(crf: CRF, emissions: Tensor, tags: Tensor, mask: Tensor) -> tuple[list[Tensor], list[Any]]:
    """All results for a batch: numbers, and paths."""
    sources = [emissions.detach().requires_grad_(), *crf.parameters()]
    values = [call(sources[0], tags, mask, reduction="none") for call in (crf, crf.loss)]
    spans = [(0, 1, [0, 1, 1]), (2, 0, [2]), (3, 0, [0, 2])]
    numbers = [
        *values,
        *(gradient for value in values for gradient in gradients(value[mask[:, 1]].sum(), sources)),
        crf.log_partition(emissions, mask),
        crf.marginals(emissions, mask),
        *crf.path_log_probabilities(emissions, tags, mask),
        crf.span_log_probabilities(emissions, spans, mask),
    ]
    n_best = crf.decode_n_best(emissions, mask, n=3)
    return numbers, [crf.decode(emissions, mask), [[path.labels for path in paths] for paths in n_best]]


def path_scores_of(paths: list[list[int]], crf: CRF, emissions: Tensor, mask: Tensor) -> Tensor:
    tags = torch.zeros(mask.shape, dtype=torch.long)
    tags[mask] = torch.tensor([label for path in paths for label in path])
    likelihood: Tensor = crf(emissions, tags, mask, reduction="none")
    return likelihood + crf.log_partition(emissions, mask)


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
    assert_close(best, precise, rtol=1e-6, atol=0.1)  # in float32, paths that differ only by rounding may be swapped


@pytest.mark.parametrize("garbage", [torch.nan, torch.inf, -torch.inf])
def test_padding_never_changes_a_result(garbage: float) -> None:
    crf, emissions, tags, mask = complete()
    results = [
        everything(crf, emissions.masked_fill(~mask[..., None], filling), tags.masked_fill(~mask, label), mask)
        for filling, label in ((0.0, 1), (garbage, 0))
    ]
    (clean, clean_paths), (dirty, dirty_paths) = results
    assert dirty_paths == clean_paths
    for one, other in zip(clean, dirty, strict=True):
        assert not one.isnan().any()
        assert torch.equal(one, other)


@pytest.mark.cuda
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_a_gpu_gives_the_same(scale: float) -> None:
    crf, emissions, tags, mask = complete()
    numbers, paths = everything(crf, scale * emissions, tags, mask)
    batch = (part.cuda() for part in (scale * emissions, tags, mask))
    numbers_there, paths_there = everything(deepcopy(crf).cuda(), *batch)
    assert paths_there == paths
    for here, there in zip(numbers, numbers_there, strict=True):
        assert there.is_cuda
        exact(there.cpu(), here)


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_does_not_lower_the_precision(dtype: torch.dtype) -> None:
    crf, emissions, tags, mask = complete()
    crf.float()
    with torch.autocast("cpu", torch.bfloat16):
        inside, paths_inside = everything(crf, emissions.to(dtype), tags, mask)
    outside, paths = everything(crf, emissions.to(dtype), tags, mask)
    assert paths_inside == paths
    for one, other in zip(inside, outside, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


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
