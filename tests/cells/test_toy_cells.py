"""Cells defined here, without a kernel of PyTorch's: one row in the table, and they work everywhere."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from seqkit.cells.cell import Cell, LayerWeights
from seqkit.cells.state import Carry, parts_of
from seqkit.cells.table import CELLS
from seqkit.errors import ConfigError
from seqkit.generation.decoder import Decoder
from seqkit.nn.recurrent import RecurrentEncoder, Strategy
from tests.slow_cases import rest_slow
from tests.tiny import ROWS, tiny_tagger
from tests.tiny_labels import TEXTS, TOPICS, tiny_classifier
from tests.tiny_text import TRAIN, tiny_language_model

INPUT, HIDDEN = 3, 4


class ToyStack(nn.Module):
    """One input matrix and one decay for each layer and direction."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int, directions: int) -> None:
        super().__init__()
        widths = [hidden_size * directions if layer else input_size for layer in range(num_layers)]
        self.maps = nn.ModuleList(nn.Linear(width, hidden_size) for width in widths for _ in range(directions))
        self.decays = nn.ParameterList(torch.rand(hidden_size) for _ in self.maps)


class Toy(Cell):
    def build(self, input_size: int, hidden_size: int, *, num_layers: int = 1, bidirectional: bool = False) -> ToyStack:
        return ToyStack(input_size, hidden_size, num_layers, 2 if bidirectional else 1)

    def weights(self, stack: nn.Module, dropout: float = 0.0) -> list[LayerWeights]:
        assert isinstance(stack, ToyStack)
        return [
            [layer.weight, layer.bias, decay]
            for layer, decay in zip(stack.maps, stack.decays, strict=True)
            if isinstance(layer, nn.Linear)
        ]


class Leaky(Toy):
    """A leaky integrator: h' = a ∘ h + W x + b."""

    def run_layer(self, weights: LayerWeights, inputs_TBX: Tensor, state: Carry) -> tuple[Tensor, Carry]:
        weight, bias, decay = weights
        assert isinstance(state, Tensor)
        states = []
        for inputs_BX in inputs_TBX:
            state = decay * state + nn.functional.linear(inputs_BX, weight, bias)
            states.append(state)
        return torch.stack(states), state


class Averaging(Toy):
    """A weighted mean of tanh(W x + b), with a state of three parts of two widths: mean, sum, and number of steps."""

    def initial_state(self, like: Tensor, layers: int, batch: int, hidden_size: int) -> tuple[Tensor, ...]:
        zeros = like.new_zeros(layers, batch, hidden_size)
        return zeros, zeros, like.new_ones(layers, batch, 1)

    def run_layer(self, weights: LayerWeights, inputs_TBX: Tensor, state: Carry) -> tuple[Tensor, Carry]:
        weight, bias, decay = weights
        mean, total, count = state
        states = []
        for inputs_BX in inputs_TBX:
            total = decay * total + nn.functional.linear(inputs_BX, weight, bias).tanh()
            count = count + 1
            mean = total / count
            states.append(mean)
        return torch.stack(states), (mean, total, count)


TOYS: dict[str, Callable[[], Cell]] = {"leaky": Leaky, "averaging": Averaging}
every_toy = pytest.mark.parametrize("cell", sorted(TOYS))


@pytest.fixture(autouse=True)
def rows_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, toy in TOYS.items():
        monkeypatch.setitem(CELLS, name, toy)


def row_by_row(encoder: RecurrentEncoder, vectors_TD: Tensor, start: Carry) -> tuple[Tensor, Tensor, list[Tensor]]:
    """States, final states and last states of a single row without padding, computed token by token."""
    values, ends, tops = vectors_TD, list[tuple[Tensor, ...]](), list[Tensor]()
    for layer in range(encoder.num_layers):
        outputs, tops = [], []
        for direction in range(encoder.directions):
            place = layer * encoder.directions + direction
            weights, states = encoder.cell.weights(encoder.recurrent)[place], []
            parts = [part[place][None] for part in parts_of(start)]
            state: Carry = parts[0] if isinstance(start, Tensor) else tuple(parts)
            for vector in values.flip(0) if direction else values:
                found, state = encoder.cell.run_layer(weights, vector[None, None], state)
                states.append(found[0, 0])
            ends.append(parts_of(state))
            tops.append(states[-1])
            outputs.append(torch.stack(states[::-1] if direction else states))
        values = torch.cat(outputs, dim=1)
    return values, torch.cat(tops), [torch.cat(parts) for parts in zip(*ends, strict=True)]


@every_toy
@pytest.mark.parametrize("strategy", ["auto", "packed", "fused"])
@pytest.mark.parametrize(("num_layers", "bidirectional"), [(1, False), (2, False), (1, True), (2, True)])
@pytest.mark.parametrize("lengths", [[6, 6, 6], [2, 6, 1, 6, 4], [3, 1]])
@pytest.mark.parametrize("carried", [False, True])
def test_the_encoder_reads_padded_rows_as_each_row_alone(
    cell: str, strategy: Strategy, num_layers: int, bidirectional: bool, lengths: list[int], carried: bool
) -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(
        INPUT, HIDDEN, num_layers=num_layers, bidirectional=bidirectional, cell=cell, strategy=strategy
    ).double()
    vectors = torch.randn(len(lengths), 6, INPUT, dtype=torch.float64, requires_grad=True)
    start = encoder.initial_carry(len(lengths))
    if carried:
        parts = [torch.rand_like(part).add(0.5).requires_grad_() for part in parts_of(start)]
        start = parts[0] if isinstance(start, Tensor) else tuple(parts)
    encoded = encoder(vectors, torch.tensor(lengths), start if carried else None)
    assert (encoded.carry is not None) == carried
    total = expected_total = torch.zeros((), dtype=torch.float64)
    for row, length in enumerate(lengths):
        alone = [part[:, row] for part in parts_of(start)]
        states, final, ends = row_by_row(
            encoder, vectors[row, :length], alone[0] if isinstance(start, Tensor) else tuple(alone)
        )
        assert_close(encoded.states_BTH[row, :length], states, rtol=1e-10, atol=1e-10)
        assert (encoded.states_BTH[row, length:] == 0).all()
        assert_close(encoded.final_BH[row], final, rtol=1e-10, atol=1e-10)
        expected_total = expected_total + states.square().sum() + final.sin().sum()
        total = total + encoded.states_BTH[row].square().sum() + encoded.final_BH[row].sin().sum()
        for part, end in zip(parts_of(encoded.carry) if carried else (), ends if carried else (), strict=True):
            assert_close(part[:, row], end, rtol=1e-10, atol=1e-10)
            total, expected_total = total + part[:, row].cos().sum(), expected_total + end.cos().sum()
    sources = [vectors, *encoder.parameters(), *(parts_of(start) if carried else ())]
    gradients = [torch.autograd.grad(each, sources, materialize_grads=True) for each in (total, expected_total)]
    for gradient, wanted in zip(*gradients, strict=True):
        assert_close(gradient, wanted, rtol=1e-10, atol=1e-10)


@every_toy
def test_the_decoder_continues_what_the_encoder_has_read(cell: str) -> None:
    torch.manual_seed(0)
    layers = [RecurrentEncoder(12, 9, cell=cell), RecurrentEncoder(9, 7, cell="gru"), RecurrentEncoder(7, 5, cell=cell)]
    embedding, output = torch.randn(10, 12), nn.Linear(5, 10)
    decoder, tokens_BT = Decoder(embedding, layers, output), torch.randint(10, (6, 8))
    state, scores = decoder.initial_state(6), []
    for tokens_B in tokens_BT.T:
        scores_BV, state = decoder.step(tokens_B, state)
        scores.append(scores_BV)
    states_BTX = embedding[tokens_BT]
    for layer in layers:
        states_BTX = layer(states_BTX, torch.full((6,), 8)).states_BTH
    assert_close(torch.stack(scores, 1), output(states_BTX), rtol=1e-4, atol=1e-5)
    read, after = decoder.read(tokens_BT[2], decoder.initial_state(1))
    assert_close(read[0], scores[-1][2], rtol=1e-4, atol=1e-5)
    assert [len(parts_of(carry)) for carry in after] == [len(parts_of(carry)) for carry in state]


@pytest.mark.parametrize("cell", rest_slow([*sorted(TOYS), "rnn", "rnn-relu"]))
def test_a_tagger_learns_with_it(cell: str) -> None:
    tagger = tiny_tagger(cell=cell, num_layers=2, epochs=30).fit(ROWS, ROWS)
    assert tagger.evaluate(ROWS).scores["f1"] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["leaky", "rnn"])
def test_a_classifier_learns_with_it_in_windows(cell: str) -> None:
    classifier = tiny_classifier(cell=cell, window=3, ngrams=0, epochs=25).fit(TEXTS, TOPICS)
    assert classifier.score(TEXTS, TOPICS) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("cell", [*sorted(TOYS), "rnn", "rnn-relu"])
def test_a_language_model_learns_and_writes_with_it(cell: str) -> None:
    options: dict[str, Any] = {"cell": cell, "num_layers": 2, "embedding_size": 24, "hidden_size": 24}
    model = tiny_language_model(**options, epochs=12).fit(TRAIN, TRAIN)
    # Of 41 characters; a mean of the past knows little of the next one.
    assert model.evaluate(TRAIN).scores["perplexity"] < (30 if cell == "averaging" else 12)
    alone, first, *_ = (model.generate("Ada ", max_tokens=20, num_samples=count, seed=1)[0] for count in (1, 5))
    assert len(alone.tokens) <= 20
    assert alone.text == first.text


def test_a_config_takes_a_cell_as_soon_as_the_table_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tiny_tagger(cell="leaky").config.cell == "leaky"
    monkeypatch.delitem(CELLS, "leaky")
    with pytest.raises(ConfigError, match="cell must be one of"):
        tiny_tagger(cell="leaky")
