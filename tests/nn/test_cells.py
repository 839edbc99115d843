"""Recurrent cells against their textbook equations, and how their weights start."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from seqkit.nn.cells import CELLS
from seqkit.nn.cells.initialization import initialize_recurrent

GATES = {"lstm": 4, "gru": 3}
INPUT, HIDDEN = 24, 32
FORGET = slice(HIDDEN, 2 * HIDDEN)  # PyTorch stacks the LSTM's gates as input, forget, cell, output

every_cell = pytest.mark.parametrize("cell", sorted(CELLS))


def stack_of(cell: str, seed: int = 0) -> nn.RNNBase:
    torch.manual_seed(seed)
    return CELLS[cell](INPUT, HIDDEN, num_layers=2, bidirectional=True)


def gates_of(cell: str, kind: str) -> Iterator[Tensor]:
    for name, parameter in stack_of(cell).named_parameters():
        if name.startswith(kind):
            yield from parameter.detach().chunk(GATES[cell])


def test_every_cell_is_tested() -> None:
    assert CELLS.keys() == GATES.keys()


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


def test_the_gru_starts_without_bias() -> None:
    assert all((bias == 0).all() for bias in gates_of("gru", "bias"))


@every_cell
def test_rows_come_first(cell: str) -> None:
    stack = stack_of(cell)
    assert stack.batch_first
    assert (stack.input_size, stack.hidden_size, stack.num_layers, stack.bidirectional) == (INPUT, HIDDEN, 2, True)
    assert (CELLS[cell](3, 5).num_layers, CELLS[cell](3, 5).bidirectional) == (1, False)


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


@pytest.mark.parametrize("seed", range(3))
def test_the_lstm_follows_its_equations_step_by_step(seed: int) -> None:
    torch.manual_seed(seed)
    stack = CELLS["lstm"](3, 5).double()
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
    stack = CELLS["gru"](3, 5).double()
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
