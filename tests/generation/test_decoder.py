"""Decoding against the plain modules, and, bit for bit, against each row by itself."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close

from seqkit.cells.table import CELLS
from seqkit.errors import ConfigError
from seqkit.generation.decoder import Decoder, State
from seqkit.nn.recurrent import RecurrentEncoder
from tests.slow_cases import rest_slow

Output = nn.Linear | nn.AdaptiveLogSoftmaxWithLoss
Parts = tuple[Tensor, list[RecurrentEncoder], Output]


def language_model(
    cells: Sequence[str], widths: Sequence[int], vocabulary: int, *, adaptive: bool = False, seed: int = 0
) -> Parts:
    """Random weights, including all biases: an embedding, one encoder for each layer, and an output layer."""
    torch.manual_seed(seed)
    layers = [
        RecurrentEncoder(below, above, cell=cell) for cell, below, above in zip(cells, widths, widths[1:], strict=False)
    ]
    for layer in layers:
        for name, parameter in layer.named_parameters():
            if "bias" in name:
                nn.init.normal_(parameter, std=0.5)
    output: Output = nn.Linear(widths[-1], vocabulary)
    if adaptive:
        cutoffs = [vocabulary // 3, vocabulary // 2]
        output = nn.AdaptiveLogSoftmaxWithLoss(widths[-1], vocabulary, cutoffs, div_value=2.0, head_bias=True)
    return torch.randn(vocabulary, widths[0]), layers, output


@torch.no_grad()
def plainly(parts: Parts, tokens_BT: Tensor) -> tuple[Tensor, list[Any]]:
    """The modules applied to whole rows, in float64: scores after each token, (B, T, V), and the last states."""
    embedding, layers, output = copy.deepcopy(parts)
    states_BTX, carries = embedding.double()[tokens_BT], []
    for layer in layers:
        states_BTX, carry = layer.recurrent.double()(states_BTX)
        carries.append(carry)
    output = output.double()
    scores = output(states_BTX) if isinstance(output, nn.Linear) else output.log_prob(states_BTX.flatten(0, 1))
    return scores.view(*tokens_BT.shape, -1), carries


def tensors(state: Sequence[Any]) -> list[Tensor]:
    return [part for carry in state for part in (carry if isinstance(carry, tuple) else (carry,))]


def near(actual: Tensor, expected: Tensor) -> None:
    assert_close(actual.double(), expected.double(), rtol=1e-5, atol=1e-5)


def same(actual: tuple[Tensor, State], expected: tuple[Tensor, State]) -> bool:
    pairs = zip(tensors([actual[0], *actual[1]]), tensors([expected[0], *expected[1]]), strict=True)
    return all(torch.equal(got, wanted) for got, wanted in pairs)


def steps(decoder: Decoder, tokens_BT: Tensor, state: State | None = None) -> tuple[Tensor, State]:
    """The scores after each token, (B, T, V), and the state after the last one."""
    state = decoder.initial_state(len(tokens_BT)) if state is None else state
    scores = []
    for tokens_B in tokens_BT.T:
        scores_BV, state = decoder.step(tokens_B, state)
        scores.append(scores_BV)
    return torch.stack(scores, 1), state


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=["oneDNN", "plain"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With oneDNN's kernels, and as on a machine without them."""
    if request.param == "plain":
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    elif not torch.backends.mkldnn.is_available():
        pytest.skip("needs oneDNN")
    return str(request.param)


MODELS = [
    (["lstm"], [24, 16], 50),  # more tokens than dimensions: vectors are looked up
    (["gru"], [24, 16], 50),
    (["lstm", "lstm"], [40, 17, 9], 11),  # fewer: they are folded into the weights
    (["gru", "gru"], [40, 17, 9], 11),
    (["gru", "lstm", "gru"], [8, 33, 64, 20], 30),
    (["rnn", "rnn-relu"], [24, 16, 9], 50),
    (["rnn-relu", "rnn"], [40, 17, 9], 11),
    (["lstm"], [30, 1150], 20),  # sums longer than oneDNN computes in one piece
    (["gru"], [30, 1150], 20),
]


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("adaptive", rest_slow([False, True]))
@pytest.mark.parametrize(("cells", "widths", "vocabulary"), MODELS)
def test_steps_equal_the_plain_modules(cells: list[str], widths: list[int], vocabulary: int, adaptive: bool) -> None:
    parts = language_model(cells, widths, vocabulary, adaptive=adaptive)
    tokens_BT = torch.randint(vocabulary, (3, 4 if max(widths) > 1000 else 60))
    scores_BTV, state = steps(Decoder(*parts), tokens_BT)
    expected_BTV, carries = plainly(parts, tokens_BT)
    near(scores_BTV, expected_BTV)
    for part, expected in zip(tensors(state), tensors(carries), strict=True):
        near(part, expected[0])
    if adaptive:
        near(scores_BTV.exp().sum(-1), torch.ones(tokens_BT.shape))


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize(("cells", "widths", "vocabulary"), MODELS[2:5])
@pytest.mark.parametrize("length", [1, 7, 64, 150])
def test_reading_a_prompt_equals_its_steps(cells: list[str], widths: list[int], vocabulary: int, length: int) -> None:
    decoder = Decoder(*language_model(cells, widths, vocabulary))
    _, begun = steps(decoder, torch.randint(vocabulary, (1, 5)))
    tokens_T = torch.randint(vocabulary, (length,))
    scores_1V, state = decoder.read(tokens_T, begun)
    expected_BTV, expected = steps(decoder, tokens_T[None], begun)
    near(scores_1V, expected_BTV[:, -1])
    for part, wanted in zip(tensors(state), tensors(expected), strict=True):
        near(part, wanted)


@st.composite
def decoders(draw: st.DrawFn) -> tuple[Decoder, int]:
    cells = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=2))
    widths = draw(st.lists(st.integers(4, 150), min_size=len(cells) + 1, max_size=len(cells) + 1))
    vocabulary = draw(st.integers(7, 200))
    seed = draw(st.integers(0, 1000))
    parts = language_model(cells, widths, vocabulary, adaptive=draw(st.booleans()), seed=seed)
    return Decoder(*parts), vocabulary


@settings(max_examples=40)
@given(model=decoders(), rows=st.integers(2, 200), seed=st.integers(0, 1000))
def test_a_row_is_the_same_to_the_bit_in_any_batch(model: tuple[Decoder, int], rows: int, seed: int) -> None:
    decoder, vocabulary = model
    torch.manual_seed(seed)
    tokens_BT = torch.randint(vocabulary, (rows, 3))
    together_BTV, state = steps(decoder, tokens_BT)
    for row in {0, rows // 2, rows - 1}:
        alone = steps(decoder, tokens_BT[row : row + 1])
        assert same((together_BTV[row : row + 1], decoder.select(state, torch.tensor([row]))), alone)


def keeps_rows_apart(decoder: Decoder, vocabulary: int, rows: int) -> bool:
    tokens_BT = torch.randint(vocabulary, (rows, 2))
    together_BTV, state = steps(decoder, tokens_BT)
    own = together_BTV[1:2], decoder.select(state, torch.tensor([1]))
    return same(own, steps(decoder, tokens_BT[1:2]))


@pytest.mark.parametrize(
    ("cells", "widths", "vocabulary", "adaptive"),
    [
        (["lstm", "gru"], [512, 512, 512], 100, False),
        (["gru", "lstm"], [50, 333, 1150], 1001, False),
        (["lstm", "gru"], [30, 1150, 32], 33_000, True),
    ],
)
def test_large_layers_keep_rows_apart(cells: list[str], widths: list[int], vocabulary: int, adaptive: bool) -> None:
    decoder = Decoder(*language_model(cells, widths, vocabulary, adaptive=adaptive))
    assert keeps_rows_apart(decoder, vocabulary, 3)
    assert keeps_rows_apart(decoder, vocabulary, 50)


@pytest.mark.usefixtures("two_threads")
def test_two_threads_keep_rows_apart() -> None:
    assert keeps_rows_apart(Decoder(*language_model(["lstm", "gru"], [20, 256, 300], 3000)), 3000, 33)


def test_rows_stay_the_same_over_hundreds_of_steps_while_others_finish() -> None:
    decoder = Decoder(*language_model(["lstm", "gru"], [30, 45, 37], 60))
    tokens_BT, kept = torch.randint(60, (150, 300)), 77
    left, state, own = torch.arange(150), decoder.initial_state(150), decoder.initial_state(1)
    for t in range(300):
        scores_BV, state = decoder.step(tokens_BT[left, t], state)
        scores_1V, own = decoder.step(tokens_BT[kept : kept + 1, t], own)
        assert same((scores_BV[left == kept], decoder.select(state, (left == kept).nonzero()[0])), (scores_1V, own))
        if t % 2:  # in every second step, one row ends and the others are permuted
            places = torch.randperm(len(left))
            places = places[(torch.arange(len(left)) > 0) | (left[places] == kept)]
            left, state = left[places], decoder.select(state, places)
    assert len(left) < 10


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("cell", sorted(CELLS))
def test_kernels_that_mix_rows_are_found_out_and_given_one_row_at_a_time(
    monkeypatch: pytest.MonkeyPatch, cell: str
) -> None:
    log_softmax = torch.log_softmax

    def of_the_batch(values: Tensor, *args: Any, **settings: Any) -> Tensor:
        return log_softmax(values, *args, **settings) * (1 + 1e-6 * (len(values) > 20))

    monkeypatch.setattr(Tensor, "log_softmax", of_the_batch)
    parts = language_model([cell], [8, 40], 30, adaptive=True)
    decoder, tokens_BT = Decoder(*parts), torch.randint(30, (33, 4))
    scores_BTV, _ = steps(decoder, tokens_BT)
    near(scores_BTV, plainly(parts, tokens_BT)[0])
    for row in range(33):
        assert torch.equal(scores_BTV[row : row + 1], steps(decoder, tokens_BT[row : row + 1])[0])


def test_kernels_see_few_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder(*language_model(["lstm"], [4, 5], 20))
    layer, shapes = decoder._layers[0], set()

    def watched(inputs_TBX: Tensor, carry: Any) -> Any:
        shapes.add(inputs_TBX.shape)
        return layer(inputs_TBX, carry)

    monkeypatch.setattr(decoder, "_layers", [watched])
    for rows in range(1, 201):
        decoder.step(torch.zeros(rows, dtype=torch.int64), decoder.initial_state(rows))
    for length in range(1, 301):
        decoder.read(torch.zeros(length, dtype=torch.int64), decoder.initial_state(1))
    assert len(shapes) < 20


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_rows_can_be_kept_dropped_repeated_and_reordered(cell: str) -> None:
    decoder = Decoder(*language_model([cell, cell], [6, 7, 8], 10))
    tokens_BT, places = torch.randint(10, (5, 6)), torch.tensor([4, 0, 0, 2])
    _, state = steps(decoder, tokens_BT)
    scores_BTV, after = steps(decoder, torch.tensor([[1, 2]]).expand(4, 2), decoder.select(state, places))
    longer_BT = torch.cat([tokens_BT[places], torch.tensor([[1, 2]]).expand(4, 2)], 1)
    expected_BTV, expected = steps(decoder, longer_BT)
    assert same((scores_BTV, after), (expected_BTV[:, -2:], expected))


@pytest.mark.parametrize("rows", [1, 3, 70])
def test_a_step_leaves_its_state_alone_and_gives_tensors_that_may_be_changed(rows: int) -> None:
    decoder = Decoder(*language_model(["lstm", "gru"], [6, 7, 8], 10))
    tokens_B = torch.arange(rows) % 10
    _, state = decoder.step(tokens_B, decoder.initial_state(rows))
    before = copy.deepcopy(state)
    scores_BV, after = decoder.step(tokens_B, state)
    expected = copy.deepcopy((scores_BV, after))
    for part in tensors([scores_BV.div_(2.0), *after]):
        assert not part.requires_grad
        part.zero_()
    assert same((scores_BV, state), (scores_BV, before))
    assert same(decoder.step(tokens_B, state), expected)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("adaptive", [False, True])
def test_later_changes_of_the_modules_change_nothing(adaptive: bool) -> None:
    embedding, layers, output = language_model(["lstm", "gru"], [6, 7, 8], 10, adaptive=adaptive)
    decoder, tokens_BT = Decoder(embedding, layers, output), torch.randint(10, (4, 3))
    before = steps(decoder, tokens_BT)
    with torch.no_grad():
        for weight in [embedding, *output.parameters(), *(w for layer in layers for w in layer.parameters())]:
            weight.fill_(3.0)
    assert same(steps(decoder, tokens_BT), before)


def test_tied_and_bfloat16_weights_are_decoded_as_float32() -> None:
    embedding, layers, output = language_model(["lstm"], [8, 8], 20)
    tied = nn.Parameter(embedding.bfloat16())
    output = nn.Linear(8, 20, bias=False).bfloat16()
    output.weight = tied
    layers = [layer.bfloat16() for layer in layers]
    tokens_BT = torch.randint(20, (2, 9))
    scores_BTV, _ = steps(Decoder(tied, layers, output), tokens_BT)
    assert scores_BTV.dtype == torch.float32
    near(scores_BTV, plainly((tied.detach(), layers, output), tokens_BT)[0])


def test_building_draws_no_random_seed() -> None:
    parts = language_model(["lstm"], [4, 5], 6)
    before = torch.get_rng_state()
    Decoder(*parts)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("layers", "output", "complaint"),
    [
        ([], nn.Linear(4, 10), "at least one recurrent layer"),
        ([RecurrentEncoder(4, 5, num_layers=2)], nn.Linear(5, 10), "layer 1 has 2 layers and 1 directions"),
        (
            [RecurrentEncoder(4, 5), RecurrentEncoder(5, 3, bidirectional=True)],
            nn.Linear(6, 10),
            "layer 2 has 1 layers and 2 directions",
        ),
        ([RecurrentEncoder(3, 5)], nn.Linear(5, 10), "layer 1 reads 3 values; the layer below it returns 4"),
        ([RecurrentEncoder(4, 5), RecurrentEncoder(4, 5)], nn.Linear(5, 10), "layer 2 reads 4 values"),
        ([RecurrentEncoder(4, 5)], nn.Linear(4, 10), "the output layer reads 4 values; the top layer returns 5"),
        ([RecurrentEncoder(4, 5)], nn.Identity(), "the output layer is Identity"),
    ],
)
def test_parts_that_make_no_language_model_are_refused(
    layers: list[RecurrentEncoder], output: Any, complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        Decoder(torch.randn(10, 4), layers, output)


def test_tokens_and_states_have_to_fit() -> None:
    decoder = Decoder(*language_model(["gru"], [4, 5], 6))
    with pytest.raises(ConfigError, match="3 tokens for a state of 2 rows"):
        decoder.step(torch.zeros(3, dtype=torch.int64), decoder.initial_state(2))
    with pytest.raises(ConfigError, match="at least one"):
        decoder.step(torch.zeros(0, dtype=torch.int64), decoder.initial_state(0))
    with pytest.raises(ConfigError, match="at least one token"):
        decoder.read(torch.zeros(0, dtype=torch.int64), decoder.initial_state(1))
    with pytest.raises(ConfigError, match="one row"):
        decoder.read(torch.zeros(3, dtype=torch.int64), decoder.initial_state(2))
