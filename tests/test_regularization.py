"""Dropout and word replacement: what they drop, how often, and what they leave alone."""

import pytest
import torch

from seqkit.regularization import Dropout, LockedDropout, replace_words

PADDING, UNKNOWN, COMMON, ONCE = 0, 1, 2, 3
SINGLETONS = torch.tensor([False, False, False, True])


def test_locked_dropout_drops_a_feature_for_the_whole_row_or_not_at_all() -> None:
    torch.manual_seed(0)
    values = torch.randn(40, 6, 50).exp()
    ratio = LockedDropout(0.25)(values) / values
    assert torch.equal(ratio == 0, (ratio[:, :1] == 0).expand_as(ratio))
    torch.testing.assert_close(ratio[ratio != 0], torch.full_like(ratio[ratio != 0], 1 / 0.75))
    assert (ratio[:, 0] == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert not torch.equal(ratio[0], ratio[1])  # each row drops features of its own


def test_locked_dropout_keeps_the_mean() -> None:
    torch.manual_seed(0)
    assert LockedDropout(0.5)(torch.ones(200, 1, 200)).mean().item() == pytest.approx(1.0, abs=0.02)


def test_the_gradient_flows_where_the_value_does() -> None:
    values = torch.ones(3, 4, 20, requires_grad=True)
    dropped = LockedDropout(0.5)(values)
    dropped.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, dropped.detach())


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_locked_dropout_is_the_identity_outside_training(probability: float) -> None:
    values = torch.randn(2, 3, 4)
    assert torch.equal(LockedDropout(probability).eval()(values), values)


@pytest.mark.parametrize(("probability", "kept"), [(0.0, 1.0), (1.0, 0.0)])
def test_all_or_nothing_can_be_dropped(probability: float, kept: float) -> None:
    values = torch.randn(2, 3, 4)
    assert torch.equal(LockedDropout(probability)(values), values * kept)


@pytest.mark.parametrize("probability", [0.1, 0.25, 0.5, 0.9])
def test_each_value_is_dropped_on_its_own_and_the_rest_scaled_up(probability: float) -> None:
    torch.manual_seed(0)
    values = torch.randn(101, 7, 43).exp()  # no multiple of four
    ratio = Dropout(probability)(values) / values
    kept = ratio != 0
    torch.testing.assert_close(ratio[kept], torch.full_like(ratio[kept], 1 / (1 - probability)), rtol=1e-4, atol=0)
    assert kept.float().mean().item() == pytest.approx(1 - probability, abs=0.01)
    # As independent coins: neither neighbours nor values 4, 8 or 16 apart know of each other.
    flat = kept.flatten().double() - kept.double().mean()
    for distance in (1, 2, 3, 4, 8, 16):
        correlation = (flat[:-distance] * flat[distance:]).mean() / flat.square().mean()
        assert abs(correlation.item()) < 0.03


def test_dropout_is_the_identity_outside_training_and_keeps_the_mean_within() -> None:
    torch.manual_seed(0)
    values = torch.randn(3, 5)
    assert torch.equal(Dropout(0.5).eval()(values), values)
    assert torch.equal(Dropout(0.0)(values), values)
    assert not Dropout(1.0)(values).any()
    assert Dropout(0.3)(torch.ones(200_000)).mean().item() == pytest.approx(1.0, abs=0.01)


def test_the_same_seed_drops_the_same_values() -> None:
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(Dropout(0.5)(torch.ones(1000)))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_words_are_replaced_at_the_rate_of_their_kind() -> None:
    torch.manual_seed(0)
    words = torch.tensor([COMMON, ONCE]).repeat(100, 100)
    before = words.clone()
    replaced = replace_words(words, SINGLETONS, UNKNOWN, singleton=0.4, anyone=0.05)
    assert torch.equal(words, before)
    changed = replaced != words
    assert (replaced[changed] == UNKNOWN).all()
    assert changed[words == ONCE].float().mean().item() == pytest.approx(0.4, abs=0.02)
    assert changed[words == COMMON].float().mean().item() == pytest.approx(0.05, abs=0.01)


def test_every_token_is_replaced_by_its_own_chance() -> None:
    torch.manual_seed(0)
    replaced = replace_words(torch.full((50, 50), ONCE), SINGLETONS, UNKNOWN, singleton=0.5, anyone=0.0) == UNKNOWN
    for side in (0, 1):
        shares = replaced.float().mean(side)
        assert 0.1 < shares.min().item() < shares.max().item() < 0.9


@pytest.mark.parametrize(
    ("singleton", "anyone", "expected"),
    [
        (0.0, 0.0, [COMMON, ONCE]),
        (1.0, 0.0, [COMMON, UNKNOWN]),
        (0.0, 1.0, [UNKNOWN, ONCE]),
        (1.0, 1.0, [UNKNOWN, UNKNOWN]),
    ],
)
def test_certain_chances_are_certain(singleton: float, anyone: float, expected: list[int]) -> None:
    words = torch.tensor([[COMMON, ONCE]] * 100)
    replaced = replace_words(words, SINGLETONS, UNKNOWN, singleton=singleton, anyone=anyone)
    assert torch.equal(replaced, torch.tensor([expected] * 100))
