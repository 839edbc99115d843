"""The optimizer: dense and lazy steps, the weight average of sparse rows, and learning rates of groups."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from seqkit.config.training import TrainConfig
from seqkit.nn.embedding import Embedding
from seqkit.training.ema import EMA
from seqkit.training.optimizer import Optimizer

ROWS, WIDTH = 50, 3
GROUPS = ["table.", "layer.", "layer.b"]
BATCHES = [[1, 2, 2], [3, 1, 4], [7, 7, 7], [1, 9, 3], [2, 4, 1], [30, 31, 32], [1, 1, 1], [3, 2, 49]]


class Words(nn.Module):
    """A table and a layer on top of the mean of its rows."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = Embedding(ROWS, WIDTH, padding_idx=0)
        self.layer = nn.Linear(WIDTH, 1)

    def forward(self, rows: list[int]) -> Tensor:
        score: Tensor = self.layer(self.table(torch.tensor(rows)).tanh().mean(0))
        return score.square().sum()


def optimizer_of(model: Words, *, large: int = 10, groups: Sequence[str] = (), **settings: Any) -> Optimizer:
    """Return an optimizer for which tables of more than ``large`` rows are large."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seqkit.training.optimizer.LARGE_TABLE", large)
        return Optimizer(model, TrainConfig(**{"learning_rate": 0.1, "clip_norm": 0.0, **settings}), groups)


def scale_of(group: str) -> float:
    """Return the factor of the learning rate of each of ``GROUPS``, and of the rest."""
    return {"": 1.0, "table.": 0.25, "layer.": 0.5, "layer.b": 3.0}[group]


def test_a_large_table_has_sparse_gradients_and_a_small_one_dense_ones() -> None:
    for large, sparse in ((ROWS - 1, True), (ROWS, False)):
        model = Words()
        optimizer_of(model, large=large)
        model([1, 2]).backward()
        assert model.table.weight.grad is not None
        assert model.table.weight.grad.is_sparse is sparse


def test_a_large_table_changes_only_in_the_rows_of_the_batch() -> None:
    model = Words()
    optimizer = optimizer_of(model)
    for rows in BATCHES:
        before = model.table.weight.detach().clone()
        model(rows).backward()
        optimizer.clip()
        optimizer.step()
        moved = (model.table.weight.detach() != before).any(1).nonzero().flatten().tolist()
        assert moved == sorted(set(rows))
        assert model.table.weight.grad is None


def test_steps_of_sparse_rows_are_those_of_adam_without_momentum() -> None:
    model, learning_rate = Words(), 0.1
    optimizer = optimizer_of(model, learning_rate=learning_rate)
    squares, expected = torch.zeros(ROWS, WIDTH), model.table.weight.detach().clone()
    for step, rows in enumerate(BATCHES, start=1):
        loss = model(rows)
        (gradient,) = torch.autograd.grad(loss, [model.table.weight], retain_graph=True)
        loss.backward()
        optimizer.clip()
        optimizer.step()
        gradient = gradient.to_dense()
        touched = sorted(set(rows))
        squares[touched] = 0.999 * squares[touched] + 0.001 * gradient[touched].square()
        steps = gradient[touched] * math.sqrt(1 - 0.999**step) / (squares[touched].sqrt() + 1e-8)
        expected[touched] -= learning_rate * steps
        assert_close(model.table.weight.detach(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("clip_norm", [0.0, 0.01, 100.0])
@pytest.mark.parametrize("large", [10, 100])
def test_clipping_uses_the_total_norm_of_all_gradients(clip_norm: float, large: int) -> None:
    model, twin = Words(), Words()
    optimizer = optimizer_of(model, large=large, clip_norm=clip_norm)
    for each in (model, twin):
        each([1, 2, 2, 3]).backward()
    dense = [parameter.grad for parameter in twin.parameters() if parameter.grad is not None]
    norm = math.sqrt(sum(float(gradient.square().sum()) for gradient in dense))
    assert optimizer.clip() == pytest.approx(norm, rel=1e-5)
    scale = min(1.0, (clip_norm or math.inf) / norm)
    for parameter, gradient in zip(model.parameters(), dense, strict=True):
        assert parameter.grad is not None
        clipped = parameter.grad.to_dense() if parameter.grad.is_sparse else parameter.grad
        assert_close(clipped, gradient * scale, rtol=1e-3, atol=1e-7)


def test_sgd_has_dense_gradients() -> None:
    model = Words()
    optimizer = optimizer_of(model, optimizer="sgd", momentum=0.9)
    model([1, 2]).backward()
    assert model.table.weight.grad is not None
    assert not model.table.weight.grad.is_sparse
    optimizer.step()


@pytest.mark.parametrize(
    "settings",
    [{}, {"optimizer": "sgd"}, {"large": 1000}, {"groups": GROUPS}, {"large": 1000, "groups": GROUPS}],
    ids=str,
)
def test_a_restored_optimizer_continues_identically(settings: dict[str, Any]) -> None:
    model = Words()
    optimizer = optimizer_of(model, **settings)

    def learn(model: Words, optimizer: Optimizer, batches: list[list[int]]) -> None:
        for rows in batches:
            optimizer.set_learning_rate(0.1, scale_of)
            model(rows).backward()
            optimizer.clip()
            optimizer.step()

    learn(model, optimizer, BATCHES[:5])
    twin = Words()
    twin.load_state_dict(model.state_dict())
    other = optimizer_of(twin, **settings)
    other.load_state_dict({name: tensor.clone() for name, tensor in optimizer.state_dict().items()})
    learn(model, optimizer, BATCHES[5:])
    learn(twin, other, BATCHES[5:])
    for one, two in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("read_at", [(), (3,), (1, 2, 6)])
def test_the_lazy_average_equals_the_dense_one(decay: float, read_at: tuple[int, ...]) -> None:
    model = Words()
    optimizer = optimizer_of(model)
    average = EMA(model, decay)
    expected = [parameter.detach().clone().double() for parameter in model.parameters()]
    for step, rows in enumerate(BATCHES, start=1):
        model(rows).backward()
        optimizer.clip()
        with average.update(step):
            optimizer.step()
        share = min(decay, (1 + step) / (10 + step))
        expected = [
            share * was + (1 - share) * parameter.detach().double()
            for was, parameter in zip(expected, model.parameters(), strict=True)
        ]
        if step in read_at:
            assert_close([weight.double() for weight in average.weights], expected, rtol=1e-5, atol=1e-6)
    assert_close([weight.double() for weight in average.weights], expected, rtol=1e-5, atol=1e-6)
    with average.applied():
        assert_close(model.table.weight.detach().double(), expected[0], rtol=1e-5, atol=1e-6)


def test_a_model_of_only_large_tables_can_be_averaged() -> None:
    table = nn.Embedding(4, 2, sparse=True)
    average = EMA(table, 0.0)
    table(torch.tensor([1])).sum().backward()
    with average.update(1):
        nn.init.ones_(table.weight)
    assert average.weights[0][1].tolist() == [1.0, 1.0]


# Learning rates of groups


def first_step(groups: Sequence[str], share: Any = scale_of, **settings: Any) -> dict[str, Tensor]:
    """Return how far each parameter moves against its gradient in the first step, at the rate 0.01."""
    model = Words()
    optimizer = optimizer_of(model, groups=groups, weight_decay=0.0, momentum=0.0, **settings)
    optimizer.set_learning_rate(0.01, share)
    model([1, 2]).backward()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer.step()
    return {name: before[name] - parameter.detach() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize(
    ("groups", "scales"),
    [
        (GROUPS, {"table.weight": 0.25, "layer.weight": 0.5, "layer.bias": 3.0}),
        (GROUPS[::-1], {"table.weight": 0.25, "layer.weight": 0.5, "layer.bias": 3.0}),
        (["layer."], {"table.weight": 1.0, "layer.weight": 0.5, "layer.bias": 0.5}),
        (["layer.b"], {"table.weight": 1.0, "layer.weight": 1.0, "layer.bias": 3.0}),
        (["table."], {"table.weight": 0.25, "layer.weight": 1.0, "layer.bias": 1.0}),
        ([], {"table.weight": 1.0, "layer.weight": 1.0, "layer.bias": 1.0}),
    ],
    ids=str,
)
@pytest.mark.parametrize("settings", [{}, {"large": 1000}, {"optimizer": "sgd"}], ids=str)
def test_each_group_has_its_own_rate_and_the_longest_prefix_counts(
    settings: dict[str, Any], groups: list[str], scales: dict[str, float]
) -> None:
    plain = first_step([], None, **settings)
    for name, moved in first_step(groups, **settings).items():
        assert plain[name].any()
        assert_close(moved, scales[name] * plain[name], rtol=1e-3, atol=1e-6)
    for name, moved in first_step(groups, None, **settings).items():
        assert_close(moved, plain[name], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("settings", [{}, {"large": 1000}, {"optimizer": "sgd"}], ids=str)
def test_a_group_with_rate_0_is_frozen_until_its_rate_rises(settings: dict[str, Any]) -> None:
    model = Words()
    optimizer = optimizer_of(model, groups=["table."], **settings)
    frozen = model.table.weight.detach().clone()
    for share in (0.0, 1.0):
        for rows in BATCHES[:4]:
            optimizer.set_learning_rate(0.1, lambda part, share=share: share if part else 1.0)  # type: ignore[misc]
            model(rows).backward()
            optimizer.step()
        assert torch.equal(model.table.weight, frozen) is (share == 0.0)


def test_weights_decay_at_the_rate_of_their_group_and_biases_never() -> None:
    model = Words()
    nn.init.ones_(model.layer.bias)
    optimizer = optimizer_of(model, large=1000, groups=GROUPS[:2], weight_decay=0.5)
    optimizer.set_learning_rate(0.1, scale_of)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    scales = {"table.weight": 0.25, "layer.weight": 0.5, "layer.bias": 0.0}
    for name, parameter in model.named_parameters():
        assert_close(parameter.detach(), before[name] * (1 - 0.1 * 0.5 * scales[name]))
