"""Chunked cross-entropy equals PyTorch's in value and gradient, and takes no more memory than a chunk."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

import seqkit.nn.chunked_cross_entropy as module
from seqkit.nn.chunked_cross_entropy import linear_cross_entropy


def drawn(tokens: int, width: int, vocabulary: int, seed: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    states, weight, bias = (
        torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)
        for shape in ((tokens, width), (vocabulary, width), (vocabulary,))
    )
    return states, weight, bias, torch.randint(vocabulary, (tokens,), generator=generator)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 30), st.integers(1, 200), st.floats(-3, 3))
def test_value_and_gradients_are_those_of_pytorch(
    tokens: int, width: int, vocabulary: int, at_once: int, factor: float
) -> None:
    *inputs, targets = drawn(tokens, width, vocabulary)
    states, weight, bias = inputs
    expected = F.cross_entropy(states @ weight.T + bias, targets)
    slopes = torch.autograd.grad(expected * factor, inputs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SCORES_AT_ONCE", at_once)
        found = linear_cross_entropy(states, weight, bias, targets)
        assert_close(found, expected)
        assert_close(torch.autograd.grad(found * factor, inputs), slopes)


def test_the_gradient_is_that_of_differences() -> None:
    *inputs, targets = drawn(5, 3, 4)
    assert torch.autograd.gradcheck(lambda s, w, b: linear_cross_entropy(s, w, b, targets), inputs)


def test_extreme_scores_make_no_nan() -> None:
    *inputs, targets = drawn(6, 3, 5)
    states, weight, bias = inputs
    found = linear_cross_entropy(states * 1e4, weight * 1e4, bias, targets)
    assert torch.isfinite(found)
    assert all(torch.isfinite(slope).all() for slope in torch.autograd.grad(found, inputs))


def test_without_gradients_none_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    states, weight, bias, targets = drawn(6, 3, 5)
    monkeypatch.setattr(torch, "mm", None)
    with torch.no_grad():
        assert torch.isfinite(linear_cross_entropy(states, weight, bias, targets))
