"""The CRF against an enumeration of every path, and against pytorch-crf, which it replaces."""

import re
from itertools import combinations_with_replacement
from typing import Any

import pytest
import torch
import torchcrf
from hypothesis import given
from torch import Tensor

from seqkit.crf import CRF
from tests.chains import Problem, close_gradients, exact, gradients, mask_of, problems, quick

SCORES = ("start_transitions", "transitions", "end_transitions")
REDUCTIONS = ("none", "sum", "mean", "token_mean")
LENGTHS = [7, 1, 3, 7, 2]

# Against every path


@quick
@given(problems())
def test_the_likelihood_and_its_gradients_are_those_of_the_enumeration(problem: Problem) -> None:
    tags = problem.random_tags()
    likelihood = problem.crf(problem.emissions, tags, problem.mask, reduction="none")
    expected = torch.stack(
        [
            scores[(paths == target[: paths.shape[1]]).all(1)].squeeze() - scores.logsumexp(0)
            for target, (paths, scores) in zip(tags, problem.rows(), strict=True)
        ]
    )
    exact(likelihood, expected)
    weights = problem.random(len(tags))
    close_gradients(likelihood @ weights, expected @ weights, problem.sources)


@quick
@given(problems(possible=False))
def test_every_segment_of_a_path_has_its_exact_probability(problem: Problem) -> None:
    tags = problem.any_tags()
    marginals, conditionals = problem.crf.path_log_probabilities(problem.emissions, tags, problem.mask)
    assert not marginals.requires_grad
    assert not conditionals.requires_grad
    assert (conditionals[:, :1] == 0).all()
    spans, by_path, by_enumeration = [], [torch.zeros(0).double()], [torch.zeros(0).double()]
    for row, (paths, scores) in enumerate(problem.rows()):
        for start, end in combinations_with_replacement(range(problem.lengths[row]), 2):
            spans.append((row, start, tags[row, start : end + 1].tolist()))
            by_path.append((marginals[row, start] + conditionals[row, start + 1 : end + 1].sum())[None])
            agreeing = (paths[:, start : end + 1] == tags[row, start : end + 1]).all(1)
            share = scores[agreeing].logsumexp(0) - scores.logsumexp(0) if agreeing.any() else torch.tensor(-torch.inf)
            by_enumeration.append(share.double()[None])
    exact(torch.cat(by_path), torch.cat(by_enumeration))
    exact(problem.crf.span_log_probabilities(problem.emissions, spans, problem.mask), torch.cat(by_enumeration))


@pytest.mark.parametrize("span", [(2, 0, [0]), (-1, 0, [0]), (0, 2, [0, 1]), (0, -1, [0]), (1, 1, [0]), (0, 0, [])])
def test_a_span_outside_its_row_is_refused(span: tuple[int, int, list[int]]) -> None:
    row, start, labels = span
    crf = CRF(2, batch_first=True)
    message = f"^no span of {len(labels)} labels begins at step {start} of row {row}$"
    with pytest.raises(ValueError, match=message):
        crf.span_log_probabilities(torch.zeros(2, 3, 2), [(0, 1, [0, 1]), span], mask_of([3, 1], 3))


# Against pytorch-crf


def twins(labels: int, *, batch_first: bool = True, seed: int = 0) -> tuple[CRF, Any]:
    """Our CRF and pytorch-crf's with the same parameters, copied by the state dict."""
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
    expected = parent(emissions, tags, mask, reduction)  # it warns about its own default mask
    exact(value, expected)
    close_gradients(value.sum(), expected.sum(), [emissions, *ours.parameters()], [emissions, *parent.parameters()])


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
    close_gradients(likelihood, expected, [emissions, *ours.parameters()], [emissions, *parent.parameters()])


def test_byte_masks_mean_the_same_as_bool_masks() -> None:
    ours, _ = twins(4)
    emissions, tags = sample(4, batch_first=True)
    mask = mask_of(LENGTHS, 7)
    for reduction in REDUCTIONS:
        assert torch.equal(ours(emissions, tags, mask.byte(), reduction), ours(emissions, tags, mask, reduction))
    assert ours.decode(emissions, mask.byte()) == ours.decode(emissions, mask)
    assert torch.equal(ours.marginals(emissions, mask.byte()), ours.marginals(emissions, mask))


def test_the_state_dict_loads_into_the_parent_and_holds_no_constraints() -> None:
    limits: dict[str, Any] = {"can_start": [True, False], "can_follow": [[True, False], [True, True]]}
    ours, parent = CRF(2, **limits, can_end=[False, True], label_weights=[1.0, 2.0]), torchcrf.CRF(2)
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


# Invalid and valid input

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
    with pytest.raises(ValueError) as expected:  # noqa: PT011 - the message is compared with the parent's
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


@pytest.mark.parametrize("name", ["forward", "loss", "path_log_probabilities", "decode", "marginals", "log_partition"])
def test_a_mask_with_a_hole_is_refused(name: str) -> None:
    emissions, mask = torch.zeros(2, 3, 4), torch.tensor([[True, True, True], [True, False, True]])
    tags = [torch.zeros(2, 3, dtype=torch.long)] if name in ("forward", "loss", "path_log_probabilities") else []
    with pytest.raises(ValueError, match=r"^the mask has a true step after a false one; padding must be on the right$"):
        getattr(CRF(4, batch_first=True), name)(emissions, *tags, mask)


def test_a_mask_of_another_shape_is_refused_where_rows_may_be_empty_too() -> None:
    with pytest.raises(ValueError, match=r"^the mask has shape \(2, 2\), the emissions \(2, 3\)$"):
        CRF(4, batch_first=True, allow_empty=True).decode(torch.zeros(2, 3, 4), torch.ones(2, 2))


def test_a_loss_of_unknown_reduction_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^invalid reduction: median$"):
        CRF(4).loss(torch.zeros(1, 1, 4), torch.zeros(1, 1, dtype=torch.long), reduction="median")


WEIGHTS = "label_weights must be 3 numbers of at least 0, not "
SMOOTHING = "label_smoothing must be at least 0 and below 1, not "
BAD_OPTIONS = [
    ({"can_start": [True]}, "can_start must have shape (3,), not (1,)"),
    ({"can_follow": [[True] * 3] * 2}, "can_follow must have shape (3, 3), not (2, 3)"),
    ({"can_end": [True] * 4}, "can_end must have shape (3,), not (4,)"),
    ({"label_weights": [1.0, 1.0]}, WEIGHTS + "[1.0, 1.0]"),
    ({"label_weights": [1.0, -1.0, 0.0]}, WEIGHTS + "[1.0, -1.0, 0.0]"),
    ({"label_weights": [1.0, torch.nan, 0.0]}, WEIGHTS + "[1.0, nan, 0.0]"),
    ({"label_smoothing": 1.0}, SMOOTHING + "1.0"),
    ({"label_smoothing": -0.1}, SMOOTHING + "-0.1"),
    ({"label_smoothing": torch.nan}, SMOOTHING + "nan"),
]


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS)
def test_bad_options_are_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        CRF(3, **options)


@pytest.mark.parametrize("shape", [(0, 4), (2, 0)])
def test_a_batch_may_hold_no_rows_or_no_steps(shape: tuple[int, int]) -> None:
    crf = CRF(3, batch_first=True, allow_empty=True, label_weights=[1.0, 2.0, 3.0], label_smoothing=0.1)
    emissions, tags = torch.zeros(*shape, 3, requires_grad=True), torch.zeros(shape, dtype=torch.long)
    assert crf.decode(emissions) == [[]] * shape[0]
    assert crf.decode_n_best(emissions, n=2) == [[([], 0.0, 0.0)]] * shape[0]
    assert crf(emissions, tags, reduction="none").tolist() == [0.0] * shape[0]
    losses = crf.loss(emissions, tags, reduction="none")
    assert losses.tolist() == [0.0] * shape[0]
    assert all((gradient == 0).all() for gradient in gradients(losses.sum(), list(crf.parameters())))
    assert crf.marginals(emissions).shape == emissions.shape
    assert [part.shape for part in crf.path_log_probabilities(emissions, tags)] == [tags.shape] * 2
    assert crf.span_log_probabilities(emissions, []).shape == (0,)
