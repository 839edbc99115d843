"""Recency weights: their shape from the formulae, and a mean of 1 whatever the length."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from seqkit.errors import ConfigError
from seqkit.transforms.recency import RECENCY, recency_weights


def weights_of(kind: str, length: int) -> torch.Tensor:
    return recency_weights(kind, torch.arange(length), torch.tensor(length))


FORMULAE = {"none": lambda t: t**0, "linear": lambda t: 0.5 + 0.5 * t, "exponential": lambda t: np.exp(3 * t)}


@pytest.mark.parametrize("kind", FORMULAE)
@pytest.mark.parametrize("length", [2, 3, 60, 10_001])
def test_weights_follow_their_formulae(kind: str, length: int) -> None:
    raw = FORMULAE[kind](np.linspace(0, 1, length))
    np.testing.assert_allclose(weights_of(kind, length).numpy(), raw / raw.mean(), rtol=1e-12)


@pytest.mark.parametrize("kind", RECENCY)
@pytest.mark.parametrize("length", [1, 2, 5, 1000, 1_000_000])
def test_the_mean_is_one_and_the_last_weighs_most(kind: str, length: int) -> None:
    weights = weights_of(kind, length)
    assert weights.mean().item() == pytest.approx(1, abs=1e-11)
    assert (weights.diff() >= 0).all()
    assert (weights > 0).all()


@pytest.mark.parametrize("kind", RECENCY)
def test_points_of_several_series_are_weighted_by_their_own_lengths(kind: str) -> None:
    lengths = torch.tensor([4, 1, 9])
    positions = torch.tensor([[0, 3], [0, 0], [2, 8]])
    found = recency_weights(kind, positions, lengths[:, None])
    for row, length in enumerate(lengths.tolist()):
        assert_close(found[row], weights_of(kind, length)[positions[row]])


def test_a_single_point_weighs_one() -> None:
    assert [weights_of(kind, 1).tolist() for kind in RECENCY] == [[1.0]] * 3


def test_an_unknown_recency_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="recency must be one of none, linear, exponential, not 'quadratic'"):
        weights_of("quadratic", 3)
