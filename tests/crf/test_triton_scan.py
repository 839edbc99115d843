"""The fused kernels against an enumeration of every path and the recursions in PyTorch: on a GPU, or interpreted."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.testing import assert_close

ON_GPU = torch.cuda.is_available()
if not ON_GPU:
    if "triton" in sys.modules and os.environ.get("TRITON_INTERPRET") != "1":
        pytest.skip("Triton is loaded already, to compile; set TRITON_INTERPRET=1", allow_module_level=True)
    os.environ["TRITON_INTERPRET"] = "1"  # read when triton is loaded; kernels then run on a CPU, in NumPy
pytest.importorskip("triton", reason="needs Triton")

from seqkit.crf import CRF, forward_backward, likelihood, triton_scan, viterbi  # noqa: E402
from seqkit.crf.forward_backward import Chain, lattice_of, log_partition  # noqa: E402
from tests.chains import Problem, exact, mask_of, problems  # noqa: E402

DEVICE = "cuda" if ON_GPU else "cpu"
needs_gpu = pytest.mark.cuda
few = settings(max_examples=100 if ON_GPU else 6)  # the interpreter takes milliseconds for each operation


@contextmanager
def kernels(*, used: bool) -> Iterator[None]:
    """Use the interpreted kernels, or not; on a GPU, they are used for all tensors on the GPU."""
    with pytest.MonkeyPatch.context() as patch:
        if not ON_GPU:
            for module in (forward_backward, likelihood, viterbi):
                patch.setattr(module, "has_kernels", lambda scores_TBK: used)
        yield


@pytest.fixture(autouse=True)
def _kernels() -> Iterator[None]:
    with kernels(used=True):
        yield


@dataclass
class Batch:
    """A CRF and a batch of emissions (B, T, K), tags and lengths."""

    crf: CRF
    emissions: Tensor
    tags: Tensor
    lengths: list[int]

    def results(self, *, fused: bool) -> dict[str, Tensor]:
        """Return numbers and gradients of all kinds, by the kernels or by PyTorch on the CPU."""
        device = DEVICE if fused else "cpu"
        crf, tags = deepcopy(self.crf).to(device), self.tags.to(device)
        emissions = self.emissions.to(device, copy=True).requires_grad_()
        mask = mask_of(self.lengths, tags.shape[1]).to(device)
        sources = {"emissions": emissions, **dict(crf.named_parameters())}
        weights = torch.linspace(-1.0, 2.0, len(tags), dtype=emissions.dtype, device=device)
        with kernels(used=fused):
            values = {
                "likelihood": crf(emissions, tags, mask, reduction="none"),
                "log_partition": crf.log_partition(emissions, mask),
            }
            results = {**values, "marginals": crf.marginals(emissions, mask)}
            for name, value in values.items():
                possible = value > -torch.inf
                found = torch.autograd.grad(value[possible] @ weights[possible], list(sources.values()))
                results.update({f"{name} by {of}": part for of, part in zip(sources, found, strict=True)})
        return {name: result.detach().cpu() for name, result in results.items()}

    def decoded(self, *, fused: bool) -> list[list[int]]:
        device = DEVICE if fused else "cpu"
        mask = mask_of(self.lengths, self.tags.shape[1]).to(device)
        with kernels(used=fused):
            paths: list[list[int]] = deepcopy(self.crf).to(device).decode(self.emissions.to(device), mask)
        return paths


def batch_of(
    labels: int, lengths: list[int], *, scale: float = 1.0, dtype: torch.dtype = torch.float64, banned: float = 0.3
) -> Batch:
    torch.manual_seed(0)
    can_follow = (torch.rand(labels, labels) >= banned) | torch.eye(labels, dtype=torch.bool)
    crf = CRF(labels, batch_first=True, can_follow=can_follow.tolist(), allow_empty=True).to(dtype)
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter, std=scale)
    tags = torch.randint(labels, (len(lengths), max(lengths)))
    for step in range(1, max(lengths)):  # legal paths, but for the last row
        tags[:-1, step] = torch.multinomial(can_follow[tags[:-1, step - 1]].float(), 1)[:, 0]
    return Batch(crf, scale * torch.randn(*tags.shape, labels, dtype=dtype), tags, lengths)


# Against every path


@few
@given(problems(possible=False))
def test_sums_and_best_paths_are_those_of_all_legal_paths(problem: Problem) -> None:
    crf, emissions, mask = problem.crf.to(DEVICE), problem.emissions.to(DEVICE), problem.mask.to(DEVICE)
    sums, marginals = crf.log_partition(emissions, mask).cpu(), crf.marginals(emissions, mask).cpu()
    decoded = crf.decode(emissions, mask)
    problem.crf.cpu()
    expected = torch.zeros_like(marginals)
    for row, (paths, scores) in enumerate(problem.rows()):
        exact(sums[row], scores.logsumexp(0))
        for path, probability in zip(paths, scores.softmax(0).detach(), strict=True):
            expected[row, torch.arange(len(path)), path] += probability
        if len(scores):
            assert decoded[row] == paths[scores.argmax()].tolist()
    exact(marginals, expected)


@few
@given(problems())
def test_the_likelihood_has_the_gradient_of_the_enumeration(problem: Problem) -> None:
    tags, weights = problem.random_tags(), problem.random(len(problem.lengths))
    crf, emissions = deepcopy(problem.crf).to(DEVICE), problem.emissions.detach().to(DEVICE).requires_grad_()
    likelihoods = crf(emissions, tags.to(DEVICE), problem.mask.to(DEVICE), reduction="none")
    expected = torch.zeros(())
    for weight, path, actual, (paths, scores) in zip(weights, tags, likelihoods, problem.rows(), strict=True):
        (place,) = (paths == path[: paths.shape[1]]).all(1).nonzero()[0]
        exact(actual.cpu(), scores.log_softmax(0)[place])
        expected = expected + weight * scores.log_softmax(0)[place]
    found = torch.autograd.grad(likelihoods @ weights.to(DEVICE), [emissions, *crf.parameters()])
    wanted = torch.autograd.grad(expected, problem.sources, materialize_grads=True)
    for one, other in zip(found, wanted, strict=True):
        exact(one.cpu(), other)


# Against the recursions in PyTorch


@pytest.mark.parametrize(("labels", "scale"), [(1, 1.0), (5, 30.0), (5, 1e4), (17, 1.0)])
def test_the_kernels_give_what_pytorch_gives(labels: int, scale: float) -> None:
    batch = batch_of(labels, [4, 1, 0, 3], scale=scale)
    expected = batch.results(fused=False)
    for name, result in batch.results(fused=True).items():
        assert not result.isnan().any(), name
        exact(result, expected[name])
    assert batch.decoded(fused=True) == batch.decoded(fused=False)


def test_single_precision_gives_five_digits() -> None:
    batch = batch_of(5, [6, 2, 1], dtype=torch.float32)
    single, double = (
        batch.results(fused=True),
        Batch(batch.crf.double(), batch.emissions.double(), batch.tags, batch.lengths).results(fused=False),
    )
    for name, result in single.items():
        assert result.dtype == torch.float32
        assert_close(result.double(), double[name], rtol=1e-5, atol=1e-6)


def test_rows_of_several_pieces_are_summed_over_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STEPS", "PIECE", "PART"):
        monkeypatch.setattr(triton_scan, name, 2)
    batch = batch_of(3, [7, 2, 6])
    expected = batch.results(fused=False)
    for name, result in batch.results(fused=True).items():
        exact(result, expected[name])


def test_equally_good_paths_are_resolved_as_by_pytorch() -> None:
    batch = batch_of(6, [5, 4, 5, 1])
    for parameter in batch.crf.parameters():
        torch.nn.init.zeros_(parameter)
    batch.emissions = torch.randint(0, 2, batch.emissions.shape).double()
    assert batch.decoded(fused=True) == batch.decoded(fused=False)


def test_padding_never_changes_a_result() -> None:
    batch = batch_of(4, [5, 2, 1])
    clean, path = batch.results(fused=True), batch.decoded(fused=True)
    batch.emissions[~mask_of(batch.lengths, 5)] = torch.nan
    assert batch.decoded(fused=True) == path
    for name, result in batch.results(fused=True).items():
        assert torch.equal(result, clean[name])


def trap(steps: int) -> Chain:
    """Only label 1 may be last, and it has the score −20 at each step: its weight leaves the range of float64."""
    emissions_TBK = torch.tensor([0.0, -20.0], dtype=torch.float64).repeat(steps, 1, 1)
    stay_22 = torch.tensor([[0.0, -torch.inf], [-torch.inf, 0.0]], dtype=torch.float64)
    end_2 = torch.tensor([-torch.inf, 0.0], dtype=torch.float64)
    parts = (emissions_TBK, torch.tensor([steps]), torch.zeros(2, dtype=torch.float64), stay_22, end_2)
    return Chain(*(part.to(DEVICE) for part in parts))


def test_a_label_reached_by_a_path_that_decays_has_its_exact_share() -> None:
    chain = trap(24)
    scores = [part.clone().requires_grad_() for part in (chain.emissions_TBK, *chain[2:])]
    value = log_partition(Chain(scores[0], chain.lengths_B, *scores[1:]))
    assert value.item() == pytest.approx(-20 * 24, abs=1e-9)
    emitted, _, moved, _ = (part.cpu() for part in torch.autograd.grad(value, scores))
    exact(emitted, torch.tensor([0.0, 1.0]).double().expand(24, 1, 2))
    exact(moved, torch.tensor([[0.0, 0.0], [0.0, 23.0]]).double())


def test_where_no_path_is_legal_all_is_zero_and_nothing_is_nan() -> None:
    chain = trap(3)
    lattice = lattice_of(chain._replace(start_K=chain.end_K.flip(0)))
    assert lattice.log_partition_B.tolist() == [-torch.inf]
    assert (lattice.unary() == 0).all()
    assert (lattice.pair_sums(torch.ones_like(lattice.log_partition_B)) == 0).all()


# On a GPU


@needs_gpu
@pytest.mark.parametrize(("rows", "steps", "labels"), [(64, 128, 75), (64, 128, 9), (33, 250, 33), (5, 300, 128)])
def test_batches_of_common_size_are_as_precise_as_float64(rows: int, steps: int, labels: int) -> None:
    lengths = [steps, 1, *(1 + (37 * row) % steps for row in range(rows - 2))]
    batch = batch_of(labels, lengths, dtype=torch.float32)
    assert batch.decoded(fused=True) == batch.decoded(fused=False)
    single, again = batch.results(fused=True), batch.results(fused=True)
    double = Batch(batch.crf.double(), batch.emissions.double(), batch.tags, lengths).results(fused=False)
    for name, result in single.items():
        assert torch.equal(result, again[name]), name
        assert_close(result.double(), double[name], rtol=1e-5, atol=1e-4)


@needs_gpu
def test_more_labels_than_a_program_holds_are_left_to_pytorch() -> None:
    assert forward_backward.has_kernels(torch.zeros(1, 1, 128, device="cuda"))
    assert not forward_backward.has_kernels(torch.zeros(1, 1, 129, device="cuda"))


@needs_gpu
def test_a_loss_and_its_gradient_take_fewer_than_30_kernels() -> None:
    batch = batch_of(9, [50, 20, 31], dtype=torch.float32, banned=0.0)
    crf, tags, mask = batch.crf.cuda(), batch.tags.cuda(), mask_of(batch.lengths, 50).cuda()
    emissions = batch.emissions.cuda().requires_grad_()
    crf.loss(emissions, tags, mask).backward()  # compiles the kernels
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU], acc_events=True) as profiled:
        crf.loss(emissions, tags, mask).backward()
        torch.cuda.synchronize()
    kernels = [
        event.name
        for event in profiled.events()
        if event.device_type.name == "CUDA" and not event.name.startswith(("Memcpy", "Memset"))
    ]
    print(*kernels, sep="\n")
    assert 0 < len(kernels) < 30
