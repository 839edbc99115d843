"""Heads of forecasters against PyTorch's distributions, SciPy and scikit-learn."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mean_pinball_loss
from torch.nn.functional import softplus

from seqkit.errors import ConfigError
from seqkit.models.forecast_heads import MEDIAN, QUANTILES, make_head, student_t_quantiles


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_quantiles_of_every_head_ascend(seed: int, size: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    for name in ("quantiles", "gaussian", "student-t"):
        head = make_head(name)
        found = head.quantiles(size * torch.randn(4, 3, head.outputs, generator=generator))
        assert found.shape == (4, 3, len(QUANTILES))
        assert bool((found.diff(dim=-1) >= 0).all())


def test_the_pinball_loss_is_that_of_scikit_learn() -> None:
    head = make_head("quantiles")
    outputs, targets = torch.randn(50, head.outputs), torch.randn(50)
    quantiles = head.quantiles(outputs).numpy()
    losses = [mean_pinball_loss(targets, quantiles[:, place], alpha=level) for place, level in enumerate(QUANTILES)]
    assert float(head.loss(outputs, targets).mean()) == pytest.approx(np.mean(losses) + losses[MEDIAN], rel=1e-5)


def test_likelihoods_are_those_of_pytorch() -> None:
    targets = torch.linspace(-3, 3, 20)
    outputs = torch.randn(20, 3)
    spread, freedom = softplus(outputs[:, 1]) + 1e-4, softplus(outputs[:, 2]) + 2
    normal = torch.distributions.Normal(outputs[:, 0], spread)
    student = torch.distributions.StudentT(freedom, outputs[:, 0], spread)
    torch.testing.assert_close(make_head("gaussian").loss(outputs[:, :2], targets), -normal.log_prob(targets))
    torch.testing.assert_close(make_head("student-t").loss(outputs, targets), -student.log_prob(targets))


@pytest.mark.parametrize("freedom", [2.1, 3.0, 4.5, 10.0, 200.0])
def test_quantiles_of_student_are_those_of_scipy(freedom: float) -> None:
    found = student_t_quantiles(torch.tensor(QUANTILES), torch.tensor([freedom]))
    np.testing.assert_allclose(found.numpy(), stats.t.ppf(QUANTILES, freedom), rtol=2e-3, atol=1e-3)


def test_quantiles_of_the_normal_distribution_are_those_of_scipy() -> None:
    outputs = torch.tensor([[2.0, 0.5]])
    spread = float(softplus(torch.tensor(0.5))) + 1e-4
    np.testing.assert_allclose(
        make_head("gaussian").quantiles(outputs)[0].numpy(), stats.norm.ppf(QUANTILES, 2.0, spread), rtol=1e-5
    )


def test_the_huber_loss_is_that_of_pytorch_and_becomes_the_absolute_error() -> None:
    outputs, targets = torch.randn(30, 1), 3 * torch.randn(30)
    expected = torch.nn.functional.huber_loss(outputs[:, 0], targets, delta=0.7, reduction="none")
    torch.testing.assert_close(make_head("point", delta=0.7).loss(outputs, targets), expected)
    torch.testing.assert_close(make_head("point", delta=0.0).loss(outputs, targets), (outputs[:, 0] - targets).abs())


@pytest.mark.parametrize("name", ["point", "quantiles", "gaussian", "student-t"])
def test_outputs_of_zeros_forecast_the_reference(name: str) -> None:
    head = make_head(name)
    assert head.quantiles(torch.zeros(1, head.outputs))[0, MEDIAN] == 0.0


def test_there_are_four_heads() -> None:
    with pytest.raises(ConfigError, match="head must be one of point, quantiles, gaussian, student-t, not 'mean'"):
        make_head("mean")
