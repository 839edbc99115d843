"""The sums over all paths: both ways of computing them, against each other, an enumeration and a plain loop."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import event, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from seqkit.crf import CRF
from seqkit.crf.forward_backward import (
    Chain,
    Lattice,
    _log_lattice,
    _scaled_lattice,
    flipped,
    lattice_of,
    log_partition,
    time_mask,
)
from tests.chains import Problem, close_gradients, exact, mask_of, problems, quick

# Against every path


@quick
@given(problems(possible=False))
def test_log_partition_and_marginals_are_sums_over_all_legal_paths(problem: Problem) -> None:
    log_partitions = problem.crf.log_partition(problem.emissions, problem.mask)
    marginals = problem.crf.marginals(problem.emissions, problem.mask)
    expected = torch.zeros_like(marginals)
    for row, (paths, scores) in enumerate(problem.rows()):
        exact(log_partitions[row], scores.logsumexp(0))
        for path, probability in zip(paths, scores.softmax(0).detach(), strict=True):
            expected[row, torch.arange(len(path)), path] += probability
    exact(marginals, expected)


@quick
@given(problems(possible=False))
def test_log_partition_has_the_gradient_of_the_enumeration_where_there_is_one(problem: Problem) -> None:
    weights = problem.random(len(problem.lengths))
    actual = problem.crf.log_partition(problem.emissions, problem.mask)
    expected = torch.zeros(())
    for weight, (_, scores) in zip(weights, problem.rows(), strict=True):
        if len(scores):  # without a path, the gradient is 0
            expected = expected + weight * scores.logsumexp(0)
    close_gradients(actual @ weights, expected, problem.sources)


# The two ways against each other


def same(scaled: Lattice, logarithmic: Lattice, chain: Chain, tags_TB: Tensor) -> None:
    """All methods of both lattices give the same results."""
    mask_TB = time_mask(chain.lengths_B, len(tags_TB))
    exact(scaled.log_partition_B, logarithmic.log_partition_B)
    exact(scaled.unary()[mask_TB], logarithmic.unary()[mask_TB])
    weights_B = torch.linspace(-1.0, 2.0, tags_TB.shape[1], dtype=torch.float64)
    exact(scaled.pair_sums(weights_B), logarithmic.pair_sums(weights_B))
    values_KK = torch.arange(scaled.moves_KK.numel(), dtype=torch.float64).view_as(scaled.moves_KK)
    exact(scaled.expected_pairs(values_KK), logarithmic.expected_pairs(values_KK))
    assert scaled.expected_pairs(values_KK).shape == weights_B.shape
    for one, other in zip(scaled.log_path(tags_TB), logarithmic.log_path(tags_TB), strict=True):
        inside_TB = mask_TB[len(mask_TB) - len(one) :]
        exact(one[inside_TB], other[inside_TB])


@settings(max_examples=200)
@given(st.integers(0, 10_000), st.sampled_from([1.0, 10.0, 25.0, 55.0]))
def test_the_scaled_recursion_is_exact_or_gives_up(seed: int, widest: float) -> None:
    torch.manual_seed(seed)
    labels, steps, batch = int(torch.randint(1, 6, ())), int(torch.randint(1, 40, ())), 3

    def scores(*shape: int) -> Tensor:
        forbidden = torch.rand(shape) < 0.25 * (seed % 2)
        return (widest * (2 * torch.rand(shape, dtype=torch.float64) - 1)).masked_fill(forbidden, -torch.inf)

    lengths_B = torch.randint(0, steps + 1, (batch,))
    emissions_TBK = scores(steps, batch, labels).masked_fill(~time_mask(lengths_B, steps)[..., None], 0.0)
    chain = Chain(emissions_TBK, lengths_B, scores(labels), scores(labels, labels), scores(labels))
    scaled = _scaled_lattice(chain)
    event("gave up" if scaled is None else "scaled")
    if scaled is not None:
        assert not scaled.logarithmic
        same(scaled, _log_lattice(chain), chain, torch.randint(labels, (steps, batch)))


def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often each way of computing is used from here on."""
    counts: Counter[str] = Counter()

    def counting(name: str, way: Callable[[Chain], Lattice | None]) -> Callable[[Chain], Lattice | None]:
        def lattice(chain: Chain) -> Lattice | None:
            result = way(chain)
            counts[name] += result is not None
            return result

        return lattice

    monkeypatch.setattr("seqkit.crf.forward_backward._scaled_lattice", counting("scaled", _scaled_lattice))
    monkeypatch.setattr("seqkit.crf.forward_backward._log_lattice", counting("logarithmic", _log_lattice))
    return counts


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_common_scores_go_the_fast_way(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    counts = counted(monkeypatch)
    can_follow = (torch.rand(9, 9) < 0.7).tolist()
    crf = CRF(9, batch_first=True, can_follow=can_follow, label_smoothing=0.1, label_weights=[1.0, 2.0, 0.5] * 3)
    emissions, tags = (5 * torch.randn(4, 300, 9)).to(dtype), torch.zeros(4, 300, dtype=torch.long)
    crf(emissions, tags, mask_of([300, 1, 2, 150], 300))
    crf.loss(emissions, tags)
    assert counts["scaled"] > 0
    assert counts["logarithmic"] == 0


def ten_thousands() -> Chain:
    emissions_TBK = 1e4 * torch.randint(-1, 2, (5, 3, 4), dtype=torch.float64)
    others = (torch.randn(*shape, dtype=torch.float64) for shape in ((4,), (4, 4), (4,)))
    return Chain(emissions_TBK, torch.tensor([5, 1, 3]), *others)


def trap() -> Chain:
    """Only label 1 may be last, and it has the score −20 at each of 200 steps."""
    emissions_TBK = torch.tensor([0.0, -20.0], dtype=torch.float64).expand(200, 1, 2)
    zeros_2 = torch.zeros(2, dtype=torch.float64)
    stay_22 = torch.tensor([[0.0, -torch.inf], [-torch.inf, 0.0]], dtype=torch.float64)
    end_2 = torch.tensor([-torch.inf, 0.0], dtype=torch.float64)
    return Chain(emissions_TBK, torch.tensor([200]), zeros_2, stay_22, end_2)


def nothing_legal() -> Chain:
    chain = trap()
    return chain._replace(start_K=chain.end_K.flip(0))


@pytest.mark.parametrize("chain_of", [ten_thousands, trap, nothing_legal])
def test_what_float64_cannot_hold_is_computed_in_log_space(chain_of: Callable[[], Chain]) -> None:
    torch.manual_seed(0)
    assert _scaled_lattice(chain_of()) is None
    assert lattice_of(chain_of()).logarithmic


def test_a_label_reached_by_a_path_that_decays_has_its_exact_share() -> None:
    chain = trap()
    scores = [part.clone().requires_grad_() for part in (chain.emissions_TBK, *chain[2:])]
    value = log_partition(Chain(scores[0], chain.lengths_B, *scores[1:]))
    assert value.item() == pytest.approx(-20 * 200, abs=1e-9)
    emitted, start, moved, end = torch.autograd.grad(value, scores)
    exact(emitted, torch.tensor([0.0, 1.0]).double().expand(200, 1, 2))
    exact(moved, torch.tensor([[0.0, 0.0], [0.0, 199.0]]).double())
    exact(start, torch.tensor([0.0, 1.0]).double())
    exact(end, torch.tensor([0.0, 1.0]).double())


def test_an_improbable_path_keeps_its_log_probability() -> None:
    chain = trap()._replace(end_K=torch.zeros(2, dtype=torch.float64))
    labels, conditionals = lattice_of(chain).log_path(torch.ones(200, 1, dtype=torch.long))
    exact(labels, torch.full((200, 1), -4000.0).double())
    exact(conditionals, torch.zeros(199, 1).double())


# Long rows


def log_partition_by_loop(emissions_TK: Tensor, start_K: Tensor, transitions_KK: Tensor, end_K: Tensor) -> Tensor:
    """log Z of one row by the textbook recursion; its gradients by autograd are the expected counts."""
    state_K, shift = start_K + emissions_TK[0], torch.zeros(())
    for emissions_K in emissions_TK[1:]:
        peak = state_K.detach().amax()  # subtracted, so that long sums keep their precision
        state_K, shift = (state_K[:, None] - peak + transitions_KK).logsumexp(0) + emissions_K, shift + peak
    return (state_K + end_K).logsumexp(0) + shift


def test_long_rows_beside_short_ones_are_exact() -> None:
    torch.manual_seed(0)
    labels, lengths_B = 5, torch.tensor([2000, 1, 0, 37, 1999])
    banned = ~torch.eye(labels, dtype=torch.bool) & (torch.rand(labels, labels) < 0.4)
    emissions_TBK = 3 * torch.randn(2000, len(lengths_B), labels, dtype=torch.float64)
    others = [torch.randn(*shape, dtype=torch.float64) for shape in ((labels,), (labels, labels), (labels,))]
    others[1].masked_fill_(banned, -torch.inf)
    sources = [part.requires_grad_() for part in (emissions_TBK, *others)]
    actual_B = log_partition(Chain(emissions_TBK, lengths_B, *others))
    rows = [
        log_partition_by_loop(emissions_TBK[:length, row], *others) if length else torch.zeros(()).double()
        for row, length in enumerate(lengths_B.tolist())
    ]
    expected_B = torch.stack(rows)
    exact(actual_B, expected_B)
    weights_B = torch.tensor([1.0, -2.0, 1.0, 0.5, 0.7], dtype=torch.float64)
    close_gradients(actual_B @ weights_B, expected_B @ weights_B, sources)
    chain = Chain(emissions_TBK.detach(), lengths_B, *(part.detach() for part in others))
    cleared = chain._replace(emissions_TBK=chain.emissions_TBK.masked_fill(~time_mask(lengths_B, 2000)[..., None], 0.0))
    scaled = _scaled_lattice(cleared)
    assert scaled is not None
    same(scaled, _log_lattice(cleared), cleared, torch.randint(labels, (2000, len(lengths_B))))


def test_rows_are_flipped_within_their_lengths() -> None:
    values_TBK = torch.arange(12).view(4, 3, 1)
    turned = flipped(values_TBK, torch.tensor([4, 0, 3]))[..., 0]
    assert turned.T.tolist() == [[9, 6, 3, 0], [1, 4, 7, 10], [8, 5, 2, 11]]


# Memory


class Largest(TorchDispatchMode):
    """Records the size of the largest tensor that any operation returned."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = func(*args, **(kwargs or {}))
        for result in results if isinstance(results, (tuple, list)) else [results]:
            if isinstance(result, Tensor):
                self.numbers = max(self.numbers, result.numel())
        return results


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize(
    "options", [{}, {"label_weights": [0.5, 2.0] * 10}, {"label_smoothing": 0.1}], ids=["plain", "weights", "smoothing"]
)
def test_no_tensor_of_batch_by_time_by_squared_labels_is_ever_made(options: dict[str, Any], scale: float) -> None:
    torch.manual_seed(0)
    batch, steps, labels = 8, 50, 20
    crf = CRF(labels, batch_first=True, **options)
    emissions = (scale * torch.randn(batch, steps, labels)).requires_grad_()
    tags, saved = torch.randint(labels, (batch, steps)), []

    def pack(tensor: Tensor) -> Tensor:
        saved.append(tensor.numel())
        return tensor

    with Largest() as largest, torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        crf.loss(emissions, tags, mask_of(range(43, 51), steps)).backward()
    cells = batch * steps * labels
    assert 2 * cells <= largest.numbers <= 4 * cells  # both directions in one tensor are the largest
    assert sum(saved) <= 8 * cells
