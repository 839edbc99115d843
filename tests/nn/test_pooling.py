"""Pooling: each kind against a loop over the true steps of each text, which nothing else affects."""

import pytest
import torch
from torch.testing import assert_close

from seqkit.config.classification import POOLINGS, ClassificationConfig
from seqkit.errors import ConfigError
from seqkit.nn.pooling import Pooling

LENGTHS = torch.tensor([5, 1, 3])


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    states = torch.randn(3, 5, 4, generator=generator)
    return states, torch.randn(3, 4, generator=generator), torch.arange(5) < LENGTHS[:, None]


@pytest.mark.parametrize("kind", POOLINGS)
def test_each_kind_is_what_it_is_called(kind: str) -> None:
    states, final, mask = inputs()
    pooling = Pooling(kind, 4)
    found = pooling(states, final, mask)
    for row, length in enumerate(LENGTHS.tolist()):
        true = states[row, :length]
        expected = {"last": final[row], "mean": true.mean(0), "max": true.max(0).values}.get(kind)
        if expected is None:
            assert pooling.attention is not None
            weights = torch.softmax(true @ pooling.attention.weight[0], 0)
            expected = weights @ true
            assert_close(found.attention_BT[row, :length], weights)
            assert not found.attention_BT[row, length:].any()
        assert_close(found.vectors_BP[row], expected)


@pytest.mark.parametrize("kind", ["attention", "last+mean+max", "+".join(POOLINGS)])
def test_padding_changes_neither_value_nor_gradient(kind: str) -> None:
    states, final, mask = inputs()
    pooling = Pooling(kind, 4)
    spoilt = states.masked_fill(~mask[..., None], 1e6)
    for given in (states, spoilt):
        given.requires_grad_()
    one, other = (pooling(given, final, mask).vectors_BP for given in (states, spoilt))
    assert_close(one, other)
    slopes = [
        torch.autograd.grad(vectors.square().sum(), given)[0] for vectors, given in ((one, states), (other, spoilt))
    ]
    assert_close(slopes[0], slopes[1])
    assert not slopes[0][~mask].any()


def test_several_stand_side_by_side() -> None:
    states, final, mask = inputs()
    parts = [Pooling(kind, 4)(states, final, mask).vectors_BP for kind in ("max", "last")]
    assert_close(Pooling("max+last", 4)(states, final, mask).vectors_BP, torch.cat(parts, 1))


@pytest.mark.parametrize("kinds", ["", "sum", "mean+mean", "mean,max"])
def test_what_is_no_pooling_is_named(kinds: str) -> None:
    with pytest.raises(ConfigError, match="pooling must be one or more of last, mean, max, attention"):
        ClassificationConfig(pooling=kinds)
