"""The language model's network against the composition of its parts."""

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from seqkit.config.language_model import LanguageModelConfig
from seqkit.config.presets import PRESETS, preset_settings
from seqkit.models.language_model import DirectionalNetworks, NextTokenModel
from seqkit.models.next_token_head import CLUSTERS, NextTokenHead

SMALL: dict[str, Any] = {"embedding_size": 6, "hidden_size": 9, "num_layers": 3}


def network(vocabulary: int = 20, **settings: Any) -> NextTokenModel:
    torch.manual_seed(1)
    return NextTokenModel(LanguageModelConfig(**{**SMALL, **settings}), vocabulary)


def config_of(preset: str) -> LanguageModelConfig:
    names = LanguageModelConfig.__dataclass_fields__
    return LanguageModelConfig(**{name: value for name, value in preset_settings(preset).items() if name in names})


def parameters_of(preset: str, vocabulary: int) -> int:
    with torch.device("meta"):
        model = NextTokenModel(config_of(preset), vocabulary)
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_it_is_an_embedding_a_stack_and_scores(cell: str) -> None:
    model = network(cell=cell).eval()
    kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
    tokens = torch.randint(20, (4, 7))
    states = F.embedding(tokens, model.embedding.weight)
    for encoder, (inside, outside) in zip(model.encoders, [(6, 9), (9, 9), (9, 6)], strict=True):
        plain = kind(inside, outside, batch_first=True)
        plain.load_state_dict(encoder.recurrent.state_dict())
        states, _ = plain(states)
    found = model(tokens, torch.full((4,), 7), model.initial_carry(4))
    assert_close(found.states_BTH, states)
    assert_close(found.dropped_BTH, states)
    scores = states @ model.embedding.weight.T + model.head.bias_V
    assert_close(model.head.scores(states, model.tied_VH), scores)
    targets = torch.randint(20, (28,))
    expected = F.cross_entropy(scores.flatten(0, 1), targets)
    assert_close(model.head.loss(states.flatten(0, 1), targets, model.tied_VH), expected)
    assert_close(-model.head.log_probabilities(states.flatten(0, 1), targets, model.tied_VH).mean(), expected)


def test_tied_weights_are_stored_once_and_get_both_gradients() -> None:
    model = network()
    assert sum(name.endswith("embedding.weight") for name in model.state_dict()) == 1
    assert not [name for name in model.state_dict() if name.startswith("head.weight")]
    tokens, targets = torch.tensor([[3, 3]]), torch.tensor([5, 5])
    found = model(tokens, torch.tensor([2]), model.initial_carry(1))
    model.head.loss(found.dropped_BTH[0], targets, model.tied_VH).backward()
    gradient = model.embedding.weight.grad
    assert gradient is not None
    assert (gradient.abs().sum(1) > 0).all(), "a softmax moves every row"


def test_untied_scores_have_weights_of_their_own_width() -> None:
    model = network(tied=False)
    assert model.head.weight_VH is not None
    assert model.head.weight_VH.shape == (20, 9)
    assert model.tied_VH is None


def test_an_adaptive_softmax_is_a_distribution() -> None:
    torch.manual_seed(1)
    head = NextTokenHead(8, CLUSTERS[0] + 500, adaptive=True)
    states = torch.randn(3, 8)
    log_probabilities = head.scores(states)
    assert_close(log_probabilities.exp().sum(1), torch.ones(3))
    targets = torch.tensor([0, CLUSTERS[0] - 1, CLUSTERS[0] + 499])
    chosen = log_probabilities.gather(1, targets[:, None])[:, 0]
    assert_close(head.log_probabilities(states, targets), chosen)
    assert_close(head.loss(states, targets), -chosen.mean())


def test_scores_of_a_large_vocabulary_are_computed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    head = NextTokenHead(8, 50)
    states, targets = torch.randn(23, 8), torch.randint(50, (23,))
    whole = head.log_probabilities(states, targets)
    monkeypatch.setattr("seqkit.models.next_token_head.SCORES_AT_ONCE", 200)
    assert_close(head.log_probabilities(states, targets), whole)


@pytest.mark.parametrize("name", ["input_dropout", "hidden_dropout", "output_dropout", "weight_dropout"])
def test_dropout_is_of_training_alone_and_does_something_there(name: str) -> None:
    settings: dict[str, Any] = {name: 0.5}
    model = network(**settings)
    tokens, lengths = torch.randint(20, (4, 7)), torch.full((4,), 7)

    def dropped() -> torch.Tensor:
        found: torch.Tensor = model(tokens, lengths, model.initial_carry(4)).dropped_BTH
        return found

    assert not torch.equal(dropped(), dropped())
    model.eval()
    assert_close(dropped(), dropped(), rtol=0, atol=0)


def test_a_token_whose_embedding_is_dropped_is_dropped_wherever_it_stands() -> None:
    model = network(embedding_dropout=0.5)
    tokens = torch.arange(20).repeat(3, 2)
    vectors = model._embedded(tokens)
    assert_close(vectors[0], vectors[2])
    assert_close(vectors[:, :20], vectors[:, 20:])
    gone = (vectors[0, :20] == 0).all(1)
    assert 3 <= int(gone.sum()) <= 17
    assert_close(vectors[0, :20][~gone], 2 * model.embedding.weight[~gone])


def test_locked_dropout_lasts_a_window_and_the_plain_one_a_step() -> None:
    tokens, lengths = torch.randint(20, (4, 30)), torch.full((4,), 30)
    for locked in (True, False):
        model = network(output_dropout=0.5, locked_dropout=locked)
        states, dropped, _ = model(tokens, lengths, model.initial_carry(4))
        zeros = (dropped == 0) & (states != 0)
        assert bool((zeros == zeros[:, :1]).all()) is locked


# Published sizes: 20 million for the medium LSTM on the Penn Treebank (Zaremba et al. 2014, table 1; 10,000 words),
# 24 million for AWD-LSTM there and 33 million on WikiText-2 (Merity et al. 2018, tables 1 and 2; 33,278 words).


@pytest.mark.parametrize(
    ("preset", "vocabulary", "millions"),
    [("zaremba-medium", 10_000, 20), ("awd-ptb", 10_000, 24), ("awd-wt2", 33_278, 33)],
)
def test_presets_have_their_published_sizes(preset: str, vocabulary: int, millions: int) -> None:
    assert parameters_of(preset, vocabulary) / 1e6 == pytest.approx(millions, abs=0.6)


def test_awd_has_exactly_the_weights_of_its_layers() -> None:
    def lstm(inside: int, outside: int) -> int:
        return 4 * outside * (inside + outside + 2)

    expected = 33_278 * 400 + 33_278 + lstm(400, 1150) + lstm(1150, 1150) + lstm(1150, 400)
    assert parameters_of("awd-wt2", 33_278) == expected


def test_every_preset_gives_every_setting_that_another_gives() -> None:
    names = set().union(*PRESETS.values())
    optional = {"decay", "decay_after"}
    for preset in PRESETS:
        assert names - optional <= PRESETS[preset].keys(), preset


def test_a_model_begins_by_knowing_nothing() -> None:
    model = network(vocabulary=50).eval()
    tokens = torch.randint(50, (8, 10))
    found = model(tokens, torch.full((8,), 10), model.initial_carry(8))
    loss = model.head.loss(found.dropped_BTH.flatten(0, 1), tokens.flatten(), model.tied_VH)
    assert float(loss.detach()) == pytest.approx(math.log(50), abs=0.05)


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_there_is_a_network_for_each_direction(direction: str) -> None:
    config = LanguageModelConfig(direction=direction, embedding_size=4, hidden_size=6, tied=False)  # type: ignore[arg-type]
    networks = DirectionalNetworks(config, 10)
    expected = ("forward", "backward") if direction == "both" else (direction,)
    assert networks.directions == expected
    assert networks.state_size == 6 * len(expected)
    assert [name for name, _ in networks.by_direction()] == list(expected)
    assert [networks.of(name) for name in expected] == list(networks)
    single = NextTokenModel(config, 10).state_dict()
    assert networks.state_dict().keys() == {f"{number}.{name}" for number in range(len(expected)) for name in single}
    with pytest.raises(KeyError):
        networks.of("upward")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_an_adaptive_softmax_takes_states_in_lower_precision(dtype: torch.dtype) -> None:
    torch.manual_seed(3)
    head = NextTokenHead(8, 40, adaptive=True)
    states, targets = torch.randn(30, 8).to(dtype), torch.randint(40, (30,))
    expected = head.log_probabilities(states.float(), targets)
    with torch.autocast("cpu", torch.bfloat16):  # as the recurrent layers return them
        found, loss, scores = head.log_probabilities(states, targets), head.loss(states, targets), head.scores(states)
    assert found.dtype == loss.dtype == scores.dtype == torch.float32
    for each in (found, scores.gather(1, targets[:, None])[:, 0]):
        assert_close(each, expected, rtol=0.0, atol=0.1)
    assert_close(loss, -expected.mean(), rtol=0.0, atol=0.1)
