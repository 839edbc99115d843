"""Recurrent cells against their textbook equations and their PyTorch namesakes, and their initial weights."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.testing import assert_close

from seqkit.cells.cell import Cell
from seqkit.cells.initialization import initialize_recurrent
from seqkit.cells.kernel import KernelCell
from seqkit.cells.state import Carry, map_state, parts_of, state_like
from seqkit.cells.table import CELLS, make_cell
from seqkit.errors import ConfigError

GATES = {"lstm": 4, "gru": 3, "rnn": 1, "rnn-relu": 1}
INPUT, HIDDEN = 24, 32
FORGET = slice(HIDDEN, 2 * HIDDEN)  # PyTorch stacks the LSTM's gates as input, forget, cell, output

every_cell = pytest.mark.parametrize("cell", sorted(CELLS))


def stack_of(cell: str, seed: int = 0) -> nn.RNNBase:
    torch.manual_seed(seed)
    stack = make_cell(cell).build(INPUT, HIDDEN, num_layers=2, bidirectional=True)
    assert isinstance(stack, nn.RNNBase)
    return stack


def gates_of(cell: str, kind: str) -> Iterator[Tensor]:
    for name, parameter in stack_of(cell).named_parameters():
        if name.startswith(kind):
            yield from parameter.detach().chunk(GATES[cell])


def test_every_cell_is_tested() -> None:
    assert CELLS.keys() == GATES.keys()


def test_an_unknown_cell_is_refused_with_the_names_of_the_others() -> None:
    with pytest.raises(ConfigError, match="lstm, gru, rnn, rnn-relu, not 'elman'"):
        make_cell("elman")


@every_cell
def test_every_recurrent_gate_is_orthogonal_and_its_own(cell: str) -> None:
    gates = list(gates_of(cell, "weight_hh"))
    assert len(gates) == 2 * 2 * GATES[cell]  # layers, directions, gates
    for gate in gates:
        assert_close(gate @ gate.T, torch.eye(HIDDEN), rtol=0, atol=1e-5)
    for one, other in pairwise(gates):
        assert not torch.allclose(one, other)


@every_cell
def test_every_input_gate_fills_the_xavier_bounds(cell: str) -> None:
    gates = list(gates_of(cell, "weight_ih"))
    assert {gate.shape[1] for gate in gates} == {INPUT, 2 * HIDDEN}  # first layer, second layer
    for gate in gates:
        bound = (6 / sum(gate.shape)) ** 0.5
        assert 0.97 * bound < gate.abs().max().item() <= bound
        assert gate.mean().abs().item() < 0.05 * bound
        assert gate.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)  # as a uniform distribution's


def test_the_forget_bias_is_one_in_total_and_every_other_bias_zero() -> None:
    stack = stack_of("lstm")
    for suffix in ("l0", "l0_reverse", "l1", "l1_reverse"):
        total = getattr(stack, f"bias_ih_{suffix}") + getattr(stack, f"bias_hh_{suffix}")
        expected = torch.zeros(4 * HIDDEN)
        expected[FORGET] = 1.0
        assert torch.equal(total.detach(), expected)


@pytest.mark.parametrize("cell", ["gru", "rnn", "rnn-relu"])
def test_other_cells_start_without_bias(cell: str) -> None:
    assert all((bias == 0).all() for bias in gates_of(cell, "bias"))


@every_cell
def test_rows_come_first(cell: str) -> None:
    stack = stack_of(cell)
    assert stack.batch_first
    assert (stack.input_size, stack.hidden_size, stack.num_layers, stack.bidirectional) == (INPUT, HIDDEN, 2, True)
    smallest = make_cell(cell).build(3, 5)
    assert isinstance(smallest, nn.RNNBase)
    assert (smallest.num_layers, smallest.bidirectional) == (1, False)


@every_cell
def test_the_start_is_the_same_for_the_same_seed(cell: str) -> None:
    one, same, other = stack_of(cell), stack_of(cell), stack_of(cell, seed=1)
    assert all(torch.equal(left, right) for left, right in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(next(one.parameters()), next(other.parameters()))


def test_a_plain_rnn_is_initialised_as_one_gate() -> None:
    torch.manual_seed(0)
    stack = nn.RNN(INPUT, HIDDEN)
    initialize_recurrent(stack, gates=1)
    weights = stack.state_dict()
    assert_close(weights["weight_hh_l0"] @ weights["weight_hh_l0"].T, torch.eye(HIDDEN), rtol=0, atol=1e-5)
    assert not weights["bias_hh_l0"].any()


def lstm_step(x: Tensor, h: Tensor, c: Tensor, weights: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The four equations of Hochreiter and Schmidhuber with the forget gate of Gers et al., one gate at a time."""
    W_i, W_f, W_g, W_o = weights["weight_ih_l0"].chunk(4)
    U_i, U_f, U_g, U_o = weights["weight_hh_l0"].chunk(4)
    b_i, b_f, b_g, b_o = (weights["bias_ih_l0"] + weights["bias_hh_l0"]).chunk(4)
    i = torch.sigmoid(W_i @ x + U_i @ h + b_i)
    f = torch.sigmoid(W_f @ x + U_f @ h + b_f)
    o = torch.sigmoid(W_o @ x + U_o @ h + b_o)
    c = f * c + i * torch.tanh(W_g @ x + U_g @ h + b_g)
    return o * torch.tanh(c), c


def gru_step(x: Tensor, h: Tensor, weights: dict[str, Tensor]) -> Tensor:
    """Cho et al., with the reset gate after the product, as Chung et al. and cuDNN have it."""
    W_r, W_z, W_n = weights["weight_ih_l0"].chunk(3)
    U_r, U_z, U_n = weights["weight_hh_l0"].chunk(3)
    a_r, a_z, a_n = weights["bias_ih_l0"].chunk(3)
    b_r, b_z, b_n = weights["bias_hh_l0"].chunk(3)
    r = torch.sigmoid(W_r @ x + a_r + U_r @ h + b_r)
    z = torch.sigmoid(W_z @ x + a_z + U_z @ h + b_z)
    n = torch.tanh(W_n @ x + a_n + r * (U_n @ h + b_n))
    return (1 - z) * n + z * h


def rnn_step(x: Tensor, h: Tensor, weights: dict[str, Tensor], relu: bool) -> Tensor:
    """Elman's equation."""
    total = weights["weight_ih_l0"] @ x + weights["weight_hh_l0"] @ h + weights["bias_ih_l0"] + weights["bias_hh_l0"]
    return total.clamp(min=0) if relu else torch.tanh(total)


@pytest.mark.parametrize("cell", ["rnn", "rnn-relu"])
def test_the_plain_network_follows_its_equation_step_by_step(cell: str) -> None:
    torch.manual_seed(0)
    stack = make_cell(cell).build(3, 5).double()
    for parameter in stack.parameters():
        nn.init.normal_(parameter, std=0.5)
    x_T = torch.randn(6, 3, dtype=torch.float64)
    states, hidden = stack(x_T[None])
    h = torch.zeros(5, dtype=torch.float64)
    for step, x in enumerate(x_T):
        h = rnn_step(x, h, dict(stack.named_parameters()), cell == "rnn-relu")
        assert_close(states[0, step], h, rtol=1e-12, atol=1e-12)
    assert_close(hidden[0, 0], h, rtol=1e-12, atol=1e-12)
    assert bool((states == 0).any()) == (cell == "rnn-relu")


@pytest.mark.parametrize("seed", range(3))
def test_the_lstm_follows_its_equations_step_by_step(seed: int) -> None:
    torch.manual_seed(seed)
    stack = make_cell("lstm").build(3, 5).double()
    x_T = torch.randn(6, 3, dtype=torch.float64)
    states, (hidden, cell) = stack(x_T[None])
    h = c = torch.zeros(5, dtype=torch.float64)
    for step, x in enumerate(x_T):
        h, c = lstm_step(x, h, c, dict(stack.named_parameters()))
        assert_close(states[0, step], h, rtol=1e-12, atol=1e-12)
    assert_close(hidden[0, 0], h, rtol=1e-12, atol=1e-12)
    assert_close(cell[0, 0], c, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_gru_follows_its_equations_step_by_step(seed: int) -> None:
    torch.manual_seed(seed)
    stack = make_cell("gru").build(3, 5).double()
    for name, parameter in stack.named_parameters():
        if "bias" in name:
            nn.init.normal_(parameter)
    x_T = torch.randn(6, 3, dtype=torch.float64)
    states, hidden = stack(x_T[None])
    h = torch.zeros(5, dtype=torch.float64)
    for step, x in enumerate(x_T):
        h = gru_step(x, h, dict(stack.named_parameters()))
        assert_close(states[0, step], h, rtol=1e-12, atol=1e-12)
    assert_close(hidden[0, 0], h, rtol=1e-12, atol=1e-12)


# The contract: run, initial_state, step, fold_inputs

LENGTHS = torch.tensor([7, 5, 5, 2, 1])  # longest first, as packed rows are
SHAPES = [(1, False), (2, False), (1, True), (3, True)]


def doubled(cell: str, num_layers: int, bidirectional: bool) -> nn.RNNBase:
    torch.manual_seed(3)
    stack = make_cell(cell).build(3, 4, num_layers=num_layers, bidirectional=bidirectional).double()
    for parameter in stack.parameters():
        nn.init.normal_(parameter, std=0.5)
    assert isinstance(stack, nn.RNNBase)
    return stack


def random_state(cell: Cell, layers: int) -> Carry:
    zeros = cell.initial_state(torch.zeros(1, dtype=torch.float64), layers, len(LENGTHS), 4)
    return map_state(zeros, lambda part: torch.randn_like(part).requires_grad_())


def outcome(states: Tensor, end: Carry, sources: list[Tensor]) -> list[Tensor]:
    """States, last states, and the gradients of a fixed weighted sum of both."""
    results = [states, *parts_of(end)]
    total = sum((result * torch.arange(result.numel()).view(result.shape).cos()).sum() for result in results)
    assert isinstance(total, Tensor)
    return [*results, *torch.autograd.grad(total, sources, retain_graph=True)]


def assert_all_close(actual: list[Tensor], expected: list[Tensor]) -> None:
    for own, wanted in zip(actual, expected, strict=True):
        assert_close(own, wanted, rtol=1e-10, atol=1e-10)


@every_cell
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("num_layers", "bidirectional"), SHAPES)
def test_running_equals_the_pytorch_module(cell: str, packed: bool, num_layers: int, bidirectional: bool) -> None:
    """Both the kernels and the default of the base class, from a random state, in values and gradients."""
    stack, own = doubled(cell, num_layers, bidirectional), make_cell(cell)
    start = random_state(own, num_layers * (2 if bidirectional else 1))
    vectors = torch.randn(len(LENGTHS), int(LENGTHS[0]), 3, dtype=torch.float64, requires_grad=True)
    rows = pack_padded_sequence(vectors, LENGTHS, batch_first=True)
    sources = [vectors, *parts_of(start), *stack.parameters()]
    reference: Any = stack(rows if packed else vectors, start)
    expected = outcome(reference[0].data if packed else reference[0], reference[1], sources)
    for run in (own.run, super(KernelCell, own).run):  # type: ignore[misc]
        states, end = run(
            own.weights(stack),
            rows.data if packed else vectors,
            start,
            rows.batch_sizes if packed else None,
            bidirectional=bidirectional,
        )
        assert type(end) is type(start)
        assert_all_close(outcome(states, end, sources), expected)


@every_cell
def test_dropout_between_layers_is_applied_in_training_alone(cell: str) -> None:
    stack, own = doubled(cell, 2, False), make_cell(cell)
    start, vectors = random_state(own, 2), torch.randn(len(LENGTHS), 6, 3, dtype=torch.float64)
    for run in (own.run, super(KernelCell, own).run):  # type: ignore[misc]
        plain, _ = run(own.weights(stack), vectors, start)
        still, _ = run(own.weights(stack), vectors, start, dropout=0.9)
        assert torch.equal(plain, still)
        dropped, _ = run(own.weights(stack), vectors, start, dropout=1.0, training=True)
        other, _ = run(own.weights(stack), -vectors, start, dropout=1.0, training=True)
        assert torch.equal(dropped, other)  # the second layer reads zeros


@every_cell
def test_the_initial_state_is_the_one_that_pytorch_starts_from(cell: str) -> None:
    stack, own = doubled(cell, 2, True), make_cell(cell)
    vectors = torch.randn(len(LENGTHS), 6, 3, dtype=torch.float64)
    expected, end = stack(vectors)
    start = own.initial_state(vectors, 4, len(LENGTHS), 4)
    assert [part.shape for part in parts_of(start)] == [part.shape for part in parts_of(end)]
    assert_close(own.run(own.weights(stack), vectors, start, bidirectional=True)[0], expected)


@every_cell
@pytest.mark.parametrize("onednn", [True, False])
@torch.no_grad()
def test_steps_equal_the_stack(cell: str, onednn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not onednn:
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    torch.manual_seed(0)
    own = make_cell(cell)
    stack = own.build(17, 19)
    for parameter in stack.parameters():
        nn.init.normal_(parameter, std=0.3)
    inputs_TBX = torch.randn(9, 4, 17)
    start = map_state(own.initial_state(inputs_TBX, 1, 4, 19), torch.randn_like)
    expected_BTH, expected = stack(inputs_TBX.transpose(0, 1), start)
    advance = own.step([weight.clone() for weight in own.weights(stack)[0]])
    state, states = map_state(start, lambda part: part[0]), []
    kept = map_state(state, torch.clone)
    for piece in inputs_TBX.split([1, 1, 4, 1, 2]):
        found, state = advance(piece, state)
        states.append(found)
    assert_close(torch.cat(states), expected_BTH.transpose(0, 1), rtol=1e-5, atol=1e-5)
    for part, wanted in zip(parts_of(state), parts_of(expected), strict=True):
        assert_close(part, wanted[0], rtol=1e-5, atol=1e-5)
    for part, first in zip(parts_of(kept), parts_of(start), strict=True):
        assert torch.equal(part, first[0])  # the state that was passed in is unchanged


@every_cell
def test_folded_inputs_are_read_from_rows_of_the_identity_matrix(cell: str) -> None:
    stack, own = doubled(cell, 1, False), make_cell(cell)
    vectors_VX, tokens_TB = torch.randn(6, 3, dtype=torch.float64), torch.tensor([[0, 5], [2, 2], [4, 1]])
    (weights,) = own.weights(stack)
    folded = own.fold_inputs(weights, vectors_VX)
    assert folded is not None
    start = map_state(own.initial_state(vectors_VX, 1, 2, 4), lambda part: part[0])
    expected, _ = own.run_layer(weights, vectors_VX[tokens_TB], start)
    found, _ = own.run_layer(folded, torch.eye(6, dtype=torch.float64)[tokens_TB], start)
    assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_a_state_keeps_its_form() -> None:
    one, three = torch.ones(2), (torch.ones(2), torch.zeros(3), torch.ones(1))
    assert parts_of(one) == (one,)
    assert parts_of(three) == three
    assert state_like(one, [three[2]]) is three[2]
    assert state_like(three, list(three)) == three
