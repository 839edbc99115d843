"""Dropout and word replacement: what they drop, how often, and what they leave unchanged."""

from typing import Any

import pytest
import torch
from torch import nn

from seqkit.nn.dropout import Dropout, LockedDropout, StochasticModule, drop_in_prediction, replace_words
from seqkit.nn.recurrent import RecurrentEncoder

PADDING, UNKNOWN, COMMON, ONCE = 0, 1, 2, 3
SINGLETONS = torch.tensor([False, False, False, True])


def test_locked_dropout_drops_a_feature_for_the_whole_row_or_not_at_all() -> None:
    torch.manual_seed(0)
    values = torch.randn(40, 6, 50).exp()
    ratio = LockedDropout(0.25)(values) / values
    assert torch.equal(ratio == 0, (ratio[:, :1] == 0).expand_as(ratio))
    torch.testing.assert_close(ratio[ratio != 0], torch.full_like(ratio[ratio != 0], 1 / 0.75))
    assert (ratio[:, 0] == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert not torch.equal(ratio[0], ratio[1])  # each row drops other features


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
    values = torch.randn(101, 7, 43).exp()  # not a multiple of four
    ratio = Dropout(probability)(values) / values
    kept = ratio != 0
    torch.testing.assert_close(ratio[kept], torch.full_like(ratio[kept], 1 / (1 - probability)), rtol=1e-4, atol=0)
    assert kept.float().mean().item() == pytest.approx(1 - probability, abs=0.01)
    # Independent: neither neighbours nor values 4, 8 or 16 apart are correlated.
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
    replaced = replace_words(words, SINGLETONS, UNKNOWN, singleton=0.4, other=0.05)
    assert torch.equal(words, before)
    changed = replaced != words
    assert (replaced[changed] == UNKNOWN).all()
    assert changed[words == ONCE].float().mean().item() == pytest.approx(0.4, abs=0.02)
    assert changed[words == COMMON].float().mean().item() == pytest.approx(0.05, abs=0.01)


def test_every_token_is_replaced_by_its_own_chance() -> None:
    torch.manual_seed(0)
    replaced = replace_words(torch.full((50, 50), ONCE), SINGLETONS, UNKNOWN, singleton=0.5, other=0.0) == UNKNOWN
    for side in (0, 1):
        shares = replaced.float().mean(side)
        assert 0.1 < shares.min().item() < shares.max().item() < 0.9


@pytest.mark.parametrize(
    ("singleton", "other", "expected"),
    [
        (0.0, 0.0, [COMMON, ONCE]),
        (1.0, 0.0, [COMMON, UNKNOWN]),
        (0.0, 1.0, [UNKNOWN, ONCE]),
        (1.0, 1.0, [UNKNOWN, UNKNOWN]),
    ],
)
def test_certain_chances_are_certain(singleton: float, other: float, expected: list[int]) -> None:
    words = torch.tensor([[COMMON, ONCE]] * 100)
    replaced = replace_words(words, SINGLETONS, UNKNOWN, singleton=singleton, other=other)
    assert torch.equal(replaced, torch.tensor([expected] * 100))


# Dropout in prediction


class Deep(nn.Module):
    """Dropout modules at several depths, in a list and as attributes, and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        inner = nn.Sequential(nn.Linear(6, 6), Dropout(0.5))
        self.layers = nn.ModuleList([inner, nn.Sequential(inner, nn.Sequential(LockedDropout(0.5)))])
        self.register_buffer("shift", torch.ones(6))

    def forward(self, values_BTD: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            values_BTD = layer(values_BTD) + self.shift
        return values_BTD


def test_a_model_drops_in_prediction_however_deep_its_dropout_is_and_the_original_does_not() -> None:
    torch.manual_seed(0)
    model, values = Deep().eval(), torch.randn(3, 4, 6)
    expected = model(values)
    sampling = drop_in_prediction(model).eval()
    dropouts = [module for module in sampling.modules() if isinstance(module, StochasticModule)]
    assert [type(module).__name__ for module in dropouts] == ["Dropout", "LockedDropout"]  # one of them is used twice
    assert all(module.active for module in dropouts)
    assert not any(getattr(module, "always", False) for module in model.modules())
    assert not torch.equal(sampling(values), sampling(values))
    torch.manual_seed(3)
    dropped = sampling(values)
    torch.manual_seed(3)
    assert torch.equal(dropped, model.train()(values))  # as in training
    assert torch.equal(model.eval()(values), expected)
    mean = torch.stack([sampling(torch.ones(500, 1, 6)) for _ in range(10)]).mean((0, 1))
    torch.testing.assert_close(mean, model(torch.ones(1, 1, 6))[0], atol=0.2, rtol=0)


def test_a_model_that_drops_in_prediction_has_the_same_weights_and_buffers() -> None:
    model = Deep()
    sampling = drop_in_prediction(model)
    own, other = model.state_dict(), sampling.state_dict()
    assert own.keys() == other.keys()
    assert all(own[name].data_ptr() == other[name].data_ptr() for name in own)
    assert [id(one) for one in model.parameters()] == [id(other) for other in sampling.parameters()]
    assert all(module is not twin for module, twin in zip(model.modules(), sampling.modules(), strict=True))


@pytest.mark.parametrize("strategy", ["packed", "fused"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_an_encoder_drops_between_layers_in_prediction(strategy: str, cell: str) -> None:
    torch.manual_seed(0)
    shape: dict[str, Any] = {"num_layers": 2, "bidirectional": True, "cell": cell, "strategy": strategy}
    encoder = RecurrentEncoder(3, 4, **shape, dropout=0.5).eval()
    vectors, lengths = torch.randn(3, 6, 3), torch.tensor([6, 2, 4])
    expected = encoder(vectors, lengths).states_BTH
    sampling = drop_in_prediction(encoder).eval()
    assert isinstance(sampling, RecurrentEncoder)
    draws = [sampling(vectors, lengths).states_BTH for _ in range(2)]
    assert not torch.equal(draws[0], draws[1])
    assert torch.equal(encoder(vectors, lengths).states_BTH, expected)
    torch.manual_seed(7)
    drawn = sampling(vectors, lengths)
    torch.manual_seed(7)
    assert torch.equal(drawn.states_BTH, encoder.train()(vectors, lengths).states_BTH)
    assert all(one is other for one, other in zip(encoder.parameters(), sampling.parameters(), strict=True))
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.zero_()
    assert not sampling(vectors, lengths).states_BTH.any()  # it uses the weights of the original


def test_weights_that_a_whole_batch_shares_are_not_dropped_in_prediction() -> None:
    encoder = RecurrentEncoder(3, 4, weight_dropout=0.5).eval()
    vectors, lengths = torch.randn(3, 6, 3), torch.tensor([6, 2, 4])
    sampling = drop_in_prediction(encoder)
    assert torch.equal(sampling(vectors, lengths).states_BTH, encoder(vectors, lengths).states_BTH)
