"""The training loss with label weights and smoothing, against an enumeration of every path."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from torch import Tensor
from torch.testing import assert_close

from seqkit.crf import CRF
from tests.chains import Problem, close_gradients, exact, gradients, mask_of, problems, quick

Expected = Callable[[Tensor, Tensor, Tensor, CRF], Tensor]

# Each takes a row's possible paths, their scores and the gold path, and returns the expected loss of the row.


def conditionals(paths: Tensor, scores: Tensor, gold: Tensor) -> Tensor:
    """log P(y_t | y_{t-1}) of a path at each step, from an enumeration."""
    steps, before = [], torch.ones(len(paths), dtype=torch.bool)
    for labels, label in zip(paths.T, gold, strict=True):
        steps.append(scores[before & (labels == label)].logsumexp(0) - scores[before].logsumexp(0))
        before = labels == label
    return torch.stack(steps) if steps else torch.zeros(0).double()


def plain(paths: Tensor, scores: Tensor, gold: Tensor, crf: CRF) -> Tensor:
    return scores.logsumexp(0) - scores[(paths == gold).all(1)].sum()


def weighted(paths: Tensor, scores: Tensor, gold: Tensor, crf: CRF) -> Tensor:
    assert crf.label_weights_K is not None
    return -(crf.label_weights_K[gold] * conditionals(paths, scores, gold)).sum()


def smoothed(of_gold: Expected) -> Expected:
    def cost(paths: Tensor, scores: Tensor, gold: Tensor, crf: CRF) -> Tensor:
        uniform = scores.logsumexp(0) - scores.mean()
        return (1 - crf.label_smoothing) * of_gold(paths, scores, gold, crf) + crf.label_smoothing * uniform

    return cost


def check(problem: Problem, expected: Expected) -> None:
    """Check the loss of each row in value and gradient."""
    tags = problem.random_tags()
    actual = problem.crf.loss(problem.emissions, tags, problem.mask, reduction="none")
    costs = torch.stack(
        [
            expected(paths, scores, gold[: paths.shape[1]], problem.crf)
            for gold, (paths, scores) in zip(tags, problem.rows(), strict=True)
        ]
    )
    exact(actual, costs)
    factors = problem.random(len(tags))
    close_gradients(actual @ factors, costs @ factors, problem.sources)


@quick
@given(problems())
def test_the_plain_loss_is_the_negative_log_likelihood(problem: Problem) -> None:
    check(problem, plain)
    tags = problem.random_tags()
    for reduction in ("none", "sum", "mean"):
        likelihood = problem.crf(problem.emissions, tags, problem.mask, reduction)
        exact(problem.crf.loss(problem.emissions, tags, problem.mask, reduction), -likelihood)


@quick
@given(problems(weighted=True))
def test_a_label_counts_its_weight_given_the_one_before_it(problem: Problem) -> None:
    check(problem, weighted)


@quick
@given(problems(smoothing=0.2))
def test_smoothing_mixes_in_the_mean_over_all_legal_paths(problem: Problem) -> None:
    check(problem, smoothed(plain))


@quick
@given(problems(smoothing=0.3, weighted=True))
def test_weights_and_smoothing_go_together(problem: Problem) -> None:
    check(problem, smoothed(weighted))


@quick
@given(problems())
def test_weights_of_one_change_nothing(problem: Problem) -> None:
    tags = problem.random_tags()
    unweighted = problem.crf.loss(problem.emissions, tags, problem.mask, reduction="none")
    problem.crf.label_weights_K = torch.ones(problem.crf.num_tags, dtype=torch.float64)
    ones = problem.crf.loss(problem.emissions, tags, problem.mask, reduction="none")
    exact(ones, unweighted)
    close_gradients(ones.sum(), unweighted.sum(), problem.sources)


@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_reductions_divide_by_what_counts(smoothing: float) -> None:
    torch.manual_seed(0)
    weights = [0.0, 0.5, 2.0]
    crf = CRF(3, batch_first=True, label_weights=weights, label_smoothing=smoothing)
    emissions, tags, mask = torch.randn(2, 4, 3), torch.tensor([[0, 1, 2, 2], [1, 0, 1, 1]]), mask_of([4, 2], 4)
    rows = crf.loss(emissions, tags, mask, reduction="none")
    assert rows.shape == (2,)
    assert_close(crf.loss(emissions, tags, mask), rows.sum())
    assert_close(crf.loss(emissions, tags, mask, reduction="mean"), rows.sum() / 2)
    assert_close(crf.loss(emissions, tags, mask, reduction="token_mean"), rows.sum() / (0.5 + 2.0 + 2.0 + 0.5))
    unweighted = CRF(3, batch_first=True, label_smoothing=smoothing)
    unweighted.load_state_dict(crf.state_dict())
    total = unweighted.loss(emissions, tags, mask)
    assert_close(unweighted.loss(emissions, tags, mask, reduction="token_mean"), total / 6)


def test_a_label_of_weight_zero_may_be_impossible() -> None:
    can_follow = [[True, True, False], [True, True, True], [True, True, True]]
    crf = CRF(3, batch_first=True, can_follow=can_follow, label_weights=[1.0, 1.0, 0.0])
    emissions = torch.randn(1, 3, 3, requires_grad=True)
    loss = crf.loss(emissions, torch.tensor([[1, 0, 2]]))  # 2 may not follow 0
    assert_close(-loss, crf.span_log_probabilities(emissions, [(0, 0, [1, 0])])[0])
    assert gradients(loss, [emissions])[0].isfinite().all()


def test_labels_of_weight_zero_alone_cost_nothing() -> None:
    crf = CRF(3, label_weights=[0.0, 1.0, 1.0])
    assert crf.loss(torch.randn(2, 1, 3), torch.zeros(2, 1, dtype=torch.long)) == 0


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "weights": {"label_weights": [0.5, 1.0, 2.0]},
    "smoothing": {"label_smoothing": 0.1},
    "both": {"label_weights": [0.5, 1.0, 2.0], "label_smoothing": 0.1},
}
every_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())


@every_option
@pytest.mark.parametrize("legal", [True, False], ids=["another path is legal", "no path is legal"])
def test_an_impossible_path_costs_infinity_and_has_finite_gradients(options: dict[str, Any], legal: bool) -> None:
    torch.manual_seed(0)
    can_follow = [[True, True, True], [True, True, False], [False, False, legal]]  # only label 2 may follow label 2
    crf = CRF(3, batch_first=True, can_follow=can_follow, can_end=[legal, legal, False], **options)
    emissions = torch.randn(3, 4, 3, requires_grad=True)
    tags = torch.tensor([[0, 1, 2, 2], [0, 2, 2, 0], [1, 1, 0, 2]])
    losses = crf.loss(emissions, tags, reduction="none")
    assert losses.tolist() == [torch.inf] * 3
    for gradient in gradients(losses.sum(), [emissions, *crf.parameters()]):
        assert gradient.isfinite().all()


@every_option
@pytest.mark.parametrize("constrained", [True, False])
def test_extreme_scores_give_no_nan(options: dict[str, Any], constrained: bool) -> None:
    torch.manual_seed(0)
    can_follow = [[True, True, False], [True, True, True], [True, False, True]] if constrained else None
    crf = CRF(3, batch_first=True, can_follow=can_follow, allow_empty=True, **options)
    for parameter in crf.parameters():
        parameter.data = 1e4 * torch.randint(-1, 2, parameter.shape).float()
    emissions = (1e4 * torch.randint(-1, 2, (20, 12, 3)).float()).requires_grad_()
    tags, mask = torch.zeros(20, 12, dtype=torch.long), mask_of([12, 1, 5, 0] * 5, 12)
    losses = crf.loss(emissions, tags, mask, reduction="none")
    assert losses.isfinite().all()
    assert (losses >= 0).all()
    for gradient in gradients(losses.sum(), [emissions, *crf.parameters()]):
        assert gradient.isfinite().all()
        assert gradient.abs().amax() <= 2.0 * 20 * 12


@every_option
def test_smoothing_over_constraints_that_leave_few_of_very_many_paths(options: dict[str, Any]) -> None:
    # Labels 1 and 2 can never be last: of 2^400 paths, only that of label 0 is legal.
    can_follow = [[True, False, False], [False, True, True], [False, True, True]]
    crf = CRF(3, batch_first=True, can_follow=can_follow, can_end=[True, False, False], **options).double()
    emissions = torch.randn(1, 400, 3, dtype=torch.float64, requires_grad=True)
    loss = crf.loss(emissions, torch.zeros(1, 400, dtype=torch.long))
    exact(loss, torch.zeros(()).double())
    for gradient in gradients(loss, [emissions, *crf.parameters()]):
        exact(gradient, torch.zeros_like(gradient))
