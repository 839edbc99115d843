"""Monte Carlo dropout: statistics of samples, against NumPy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqkit.metrics.mc_dropout import COVERAGE, summary


@given(samples=st.integers(1, 30), dim=st.integers(0, 2), seed=st.integers(0, 1000))
def test_statistics_equal_numpys_along_every_dimension(samples: int, dim: int, seed: int) -> None:
    shape = [2, 3]
    shape.insert(dim, samples)
    drawn = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    found = summary(drawn, dim)
    values = drawn.double().numpy()
    tail = (1 - COVERAGE) / 2
    assert found.mean.numpy() == pytest.approx(values.mean(dim))
    assert found.spread.numpy() == pytest.approx(values.std(dim), abs=1e-12)
    assert found.low.numpy() == pytest.approx(np.quantile(values, tail, axis=dim))
    assert found.high.numpy() == pytest.approx(np.quantile(values, 1 - tail, axis=dim))
    assert all(part.dtype == torch.float64 for part in found)


def test_an_interval_holds_its_share_of_the_samples() -> None:
    drawn = torch.randn(10_000, generator=torch.Generator().manual_seed(1))
    found = summary(drawn, 0)
    inside = (drawn >= found.low) & (drawn <= found.high)
    assert inside.double().mean() == pytest.approx(COVERAGE, abs=1e-3)
