"""The encoder against its contract: pack_padded_sequence, a plain PyTorch stack, pad_packed_sequence."""

import copy
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.testing import assert_close

from seqkit.cells.kernel import drop_weights
from seqkit.cells.state import Carry, parts_of
from seqkit.nn.recurrent import Encoded, RecurrentEncoder, Strategy
from seqkit.training.device import Device

PLAIN: dict[str, Any] = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "rnn": nn.RNN,
    "rnn-relu": partial(nn.RNN, nonlinearity="relu"),
}
INPUT, HIDDEN = 3, 4

quick = settings(max_examples=60)
strategies = pytest.mark.parametrize("strategy", ["packed", "fused"])


def exact(actual: Tensor, expected: Tensor) -> None:
    assert_close(actual, expected, rtol=1e-9, atol=1e-9)


def parts(carry: Carry | None) -> list[Tensor]:
    return [] if carry is None else list(carry) if isinstance(carry, tuple) else [carry]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A stack, and a batch of rows of any lengths in any order; all may be shorter than the padded length."""

    cell: str
    num_layers: int
    bidirectional: bool
    vectors: Tensor  # (B, T, D), float64
    lengths: Tensor
    carry: Carry | None
    seed: int

    def encoder(self, strategy: Strategy) -> RecurrentEncoder:
        torch.manual_seed(self.seed)
        stack: dict[str, Any] = {"num_layers": self.num_layers, "bidirectional": self.bidirectional, "cell": self.cell}
        encoder = RecurrentEncoder(INPUT, HIDDEN, **stack, strategy=strategy).double()
        for name, parameter in encoder.named_parameters():
            if "bias" in name:
                nn.init.normal_(parameter)
        return encoder


@st.composite
def cases(draw: st.DrawFn) -> Case:
    steps = draw(st.integers(1, 6))
    lengths = torch.tensor(draw(st.lists(st.integers(1, steps), min_size=1, max_size=4)))
    if draw(st.booleans()):
        lengths = torch.full_like(lengths, steps)
    cell, num_layers, bidirectional = draw(st.sampled_from(sorted(PLAIN))), draw(st.integers(1, 3)), draw(st.booleans())
    seed = draw(st.integers(0, 10_000))
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)

    vectors = normal(len(lengths), steps, INPUT)
    carry: Carry | None = None
    if draw(st.booleans()):
        shape = (num_layers * (2 if bidirectional else 1), len(lengths), HIDDEN)
        carry = (normal(*shape), normal(*shape)) if cell == "lstm" else normal(*shape)
    return Case(
        cell=cell,
        num_layers=num_layers,
        bidirectional=bidirectional,
        vectors=vectors,
        lengths=lengths,
        carry=carry,
        seed=seed,
    )


def reference(case: Case, plain: nn.RNNBase) -> Encoded:
    """The result by the contract, with final states taken from the states row by row."""
    packed = pack_padded_sequence(case.vectors, case.lengths, batch_first=True, enforce_sorted=False)
    packed_states, carry = plain(packed, case.carry)
    states, _ = pad_packed_sequence(packed_states, batch_first=True, total_length=case.vectors.shape[1])
    finals = []
    for row, length in zip(states, case.lengths.tolist(), strict=True):
        last_read = [row[length - 1, :HIDDEN]] + ([row[0, HIDDEN:]] if case.bidirectional else [])
        finals.append(torch.cat(last_read))
    return Encoded(states, torch.stack(finals), carry)


def gradients(encoded: Encoded, sources: list[Tensor], *, with_carry: bool) -> tuple[Tensor, ...]:
    """Gradients of a random weighted sum of all results of the encoder."""
    results = [encoded.states_BTH, encoded.final_BH, *(parts(encoded.carry) if with_carry else [])]
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros((), dtype=torch.float64)
    for result in results:
        total = total + (result * torch.randn(result.shape, generator=generator, dtype=torch.float64)).sum()
    return torch.autograd.grad(total, sources, materialize_grads=True)


@strategies
@quick
@given(case=cases())
def test_equals_packing_a_plain_stack_in_value_and_gradient(strategy: Strategy, case: Case) -> None:
    encoder = case.encoder(strategy)
    shape = {"num_layers": case.num_layers, "bidirectional": case.bidirectional}
    plain = PLAIN[case.cell](INPUT, HIDDEN, **shape, batch_first=True).double()
    plain.load_state_dict(encoder.recurrent.state_dict())
    encoded, expected = encoder(case.vectors, case.lengths, case.carry), reference(case, plain)
    exact(encoded.states_BTH, expected.states_BTH)
    exact(encoded.final_BH, expected.final_BH)
    with_carry = case.carry is not None  # a state is returned if one was passed in
    assert (encoded.carry is not None) == with_carry
    if with_carry:
        for part, wanted in zip(parts(encoded.carry), parts(expected.carry), strict=True):
            exact(part, wanted)
    names = dict(encoder.recurrent.named_parameters())
    sources = [[case.vectors, *parts(case.carry), *stack.parameters()] for stack in (encoder, plain)]
    actual = gradients(encoded, sources[0], with_carry=with_carry)
    wanted_gradients = gradients(expected, sources[1], with_carry=with_carry)
    assert len(actual) == len(names) + 1 + len(parts(case.carry))
    for gradient, wanted in zip(actual, wanted_gradients, strict=True):
        exact(gradient, wanted)


@strategies
@pytest.mark.parametrize("garbage", [torch.nan, torch.inf, -torch.inf, 1e300])
@settings(quick, max_examples=10)
@given(case=cases())
def test_padding_never_changes_a_value_or_a_gradient(strategy: Strategy, garbage: float, case: Case) -> None:
    encoder = case.encoder(strategy)
    padding = torch.arange(case.vectors.shape[1]) >= case.lengths[:, None]
    results = []
    for filling in (0.0, garbage):
        vectors = case.vectors.detach().masked_fill(padding[..., None], filling).requires_grad_()
        encoded = encoder(vectors, case.lengths, case.carry)
        sources = [vectors, *parts(case.carry), *encoder.parameters()]
        changes = gradients(encoded, sources, with_carry=encoded.carry is not None)
        results.append([encoded.states_BTH, encoded.final_BH, *parts(encoded.carry), *changes])
        assert (encoded.states_BTH[padding] == 0).all()
        assert (changes[0][padding] == 0).all()
    for clean, dirty in zip(*results, strict=True):
        assert torch.equal(clean, dirty)


@strategies
@settings(quick, max_examples=30)
@given(case=cases(), more=st.integers(1, 3))
def test_wider_padding_changes_nothing(strategy: Strategy, case: Case, more: int) -> None:
    encoder = case.encoder(strategy)
    encoded = encoder(case.vectors, case.lengths, case.carry)
    wider = encoder(nn.functional.pad(case.vectors, (0, 0, 0, more), value=7.0), case.lengths, case.carry)
    exact(wider.states_BTH, nn.functional.pad(encoded.states_BTH, (0, 0, 0, more)))
    exact(wider.final_BH, encoded.final_BH)


@strategies
@settings(quick, max_examples=30)
@given(case=cases(), order=st.randoms(use_true_random=False))
def test_permuting_the_rows_permutes_the_results(strategy: Strategy, case: Case, order: Any) -> None:
    encoder = case.encoder(strategy)
    rows = list(range(len(case.lengths)))
    order.shuffle(rows)
    moved = [part[:, rows] for part in parts(case.carry)]
    carry: Carry | None = None if not moved else moved[0] if len(moved) == 1 else (moved[0], moved[1])
    encoded = encoder(case.vectors, case.lengths, case.carry)
    permuted = encoder(case.vectors[rows], case.lengths[rows], carry)
    exact(permuted.states_BTH, encoded.states_BTH[rows])
    exact(permuted.final_BH, encoded.final_BH[rows])
    for part, wanted in zip(parts(permuted.carry), parts(encoded.carry), strict=True):
        exact(part, wanted[:, rows])


@strategies
@pytest.mark.parametrize("cell", sorted(PLAIN))
def test_the_carry_goes_on_where_the_text_was_cut(strategy: Strategy, cell: str) -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(INPUT, HIDDEN, num_layers=2, cell=cell, strategy=strategy).double()
    vectors = torch.randn(2, 9, INPUT, dtype=torch.float64)
    whole = encoder(vectors, torch.tensor([9, 9]), encoder.initial_carry(2))
    first = encoder(vectors[:, :5], torch.tensor([5, 5]), encoder.initial_carry(2))
    second = encoder(vectors[:, 5:], torch.tensor([4, 4]), first.carry)
    exact(torch.cat([first.states_BTH, second.states_BTH], dim=1), whole.states_BTH)
    for part, wanted in zip(parts(second.carry), parts(whole.carry), strict=True):
        exact(part, wanted)


@pytest.mark.parametrize("cell", sorted(PLAIN))
def test_the_state_dict_is_that_of_the_plain_stack(cell: str) -> None:
    encoder = RecurrentEncoder(INPUT, HIDDEN, num_layers=2, bidirectional=True, cell=cell)
    plain = PLAIN[cell](INPUT, HIDDEN, num_layers=2, bidirectional=True)
    assert {name: value.shape for name, value in encoder.recurrent.state_dict().items()} == {
        name: value.shape for name, value in plain.state_dict().items()
    }
    encoder.recurrent.load_state_dict(plain.state_dict())
    vectors, lengths = torch.randn(2, 5, INPUT), torch.tensor([5, 5])
    states, _ = plain(vectors.transpose(0, 1))
    assert_close(encoder(vectors, lengths).states_BTH, states.transpose(0, 1))


@pytest.mark.parametrize("cell", sorted(PLAIN))
def test_dropout_stands_between_layers_in_training_alone(cell: str) -> None:
    torch.manual_seed(0)
    shape: dict[str, Any] = {"num_layers": 2, "bidirectional": True, "cell": cell}
    vectors, lengths = torch.randn(3, 6, INPUT), torch.tensor([6, 2, 4])
    full = RecurrentEncoder(INPUT, HIDDEN, **shape, dropout=1.0, strategy="packed")
    fused = RecurrentEncoder(INPUT, HIDDEN, **shape, dropout=1.0, strategy="fused")
    none = RecurrentEncoder(INPUT, HIDDEN, **shape)
    for encoder in (fused, none):
        encoder.load_state_dict(full.state_dict())
    # If all values are dropped, nothing is random: the layer above reads zeros, whatever the input.
    assert_close(fused(vectors, lengths).states_BTH, full(vectors, lengths).states_BTH)
    assert_close(fused(vectors, lengths).states_BTH, fused(-vectors, lengths).states_BTH)
    assert_close(fused.eval()(vectors, lengths).states_BTH, none(vectors, lengths).states_BTH)
    assert_close(full.eval()(vectors, lengths).states_BTH, none(vectors, lengths).states_BTH)


@strategies
def test_a_single_layer_has_no_place_for_dropout(strategy: Strategy) -> None:
    encoder = RecurrentEncoder(INPUT, HIDDEN, dropout=0.9, strategy=strategy)
    vectors, lengths = torch.randn(2, 4, INPUT), torch.tensor([4, 3])
    assert_close(encoder(vectors, lengths).states_BTH, encoder.eval()(vectors, lengths).states_BTH)


@pytest.mark.parametrize("strategy", ["auto", "packed", "fused"])
@pytest.mark.parametrize("cell", sorted(PLAIN))
def test_starting_from_the_initial_carry_is_starting_from_none(strategy: Strategy, cell: str) -> None:
    encoder = RecurrentEncoder(INPUT, HIDDEN, num_layers=2, bidirectional=True, cell=cell, strategy=strategy)
    vectors, lengths = torch.randn(2, 4, INPUT), torch.tensor([4, 3])
    without = encoder(vectors, lengths)
    assert without.carry is None
    with_carry = encoder(vectors, lengths, encoder.initial_carry(2))
    assert with_carry.carry is not None
    assert_close(with_carry.states_BTH, without.states_BTH)
    assert_close(with_carry.final_BH, without.final_BH)


@pytest.mark.parametrize(("bidirectional", "width"), [(False, HIDDEN), (True, 2 * HIDDEN)])
def test_output_size_is_the_width_of_a_state(bidirectional: bool, width: int) -> None:
    encoder = RecurrentEncoder(INPUT, HIDDEN, num_layers=2, bidirectional=bidirectional)
    encoded = encoder(torch.randn(1, 2, INPUT), torch.tensor([2]))
    assert encoder.output_size == width == encoded.states_BTH.shape[2] == encoded.final_BH.shape[1]


# Weight dropout


@strategies
@pytest.mark.parametrize("cell", sorted(PLAIN))
def test_dropped_weights_are_those_of_a_plain_stack_with_the_same_ones_missing(strategy: Strategy, cell: str) -> None:
    shape: dict[str, Any] = {"num_layers": 2, "bidirectional": True}
    encoder = RecurrentEncoder(INPUT, HIDDEN, **shape, cell=cell, weight_dropout=0.5, strategy=strategy).double()
    vectors, lengths = torch.randn(3, 6, INPUT, dtype=torch.float64), torch.tensor([6, 2, 4])
    torch.manual_seed(7)
    encoded = encoder(vectors, lengths)
    torch.manual_seed(7)
    stack = encoder.recurrent
    assert isinstance(stack, nn.RNNBase)
    dropped = dict(zip(stack._flat_weights_names, drop_weights(stack, 0.5), strict=True))
    plain = PLAIN[cell](INPUT, HIDDEN, **shape, batch_first=True).double()
    plain.load_state_dict(dropped)
    case = Case(cell=cell, **shape, vectors=vectors, lengths=lengths, carry=None, seed=0)
    exact(encoded.states_BTH, reference(case, plain).states_BTH)
    # The gradient of a weight is that of the dropped one, scaled likewise, and zero for those that were zeroed.
    encoded.states_BTH.square().sum().backward()
    reference(case, plain).states_BTH.square().sum().backward()
    for name, parameter in encoder.recurrent.named_parameters():
        wanted, weight = plain.get_parameter(name).grad, dropped[name]
        assert parameter.grad is not None
        assert wanted is not None
        scale = torch.where(weight == 0, 0.0, 2.0) if name.startswith("weight_hh") else 1.0
        exact(parameter.grad, wanted * scale)
        if name.startswith("weight_hh"):
            assert 0.1 < float((weight == 0).double().mean()) < 0.9
            exact(weight[weight != 0], 2 * parameter.detach()[weight != 0])
        else:
            assert torch.equal(weight, parameter)


@strategies
def test_no_weight_is_dropped_when_training_is_over(strategy: Strategy) -> None:
    encoder = RecurrentEncoder(INPUT, HIDDEN, weight_dropout=0.9, strategy=strategy).eval()
    plain = RecurrentEncoder(INPUT, HIDDEN, strategy=strategy)
    plain.load_state_dict(encoder.state_dict())
    vectors, lengths = torch.randn(2, 4, INPUT), torch.tensor([4, 3])
    assert torch.equal(encoder(vectors, lengths).states_BTH, plain(vectors, lengths).states_BTH)


# On a GPU


@pytest.mark.cuda
@pytest.mark.parametrize("cell", sorted(PLAIN))
def test_cudnn_finds_the_weights_in_one_piece(cell: str) -> None:
    shape: dict[str, Any] = {"num_layers": 2, "bidirectional": True, "cell": cell, "weight_dropout": 0.5}
    encoder = RecurrentEncoder(INPUT, HIDDEN, **shape).cuda()
    encoder.load_state_dict(RecurrentEncoder(INPUT, HIDDEN, **shape).state_dict())
    vectors, lengths = torch.randn(3, 6, INPUT, device="cuda"), torch.tensor([6, 2, 4])
    # Warnings are errors here, and cuDNN warns if the weights are not in a single contiguous chunk of memory.
    for each in (encoder, copy.deepcopy(encoder), copy.deepcopy(encoder).eval()):
        for enabled in (False, True):
            with torch.autocast("cuda", torch.bfloat16, enabled=enabled):
                encoded = each(vectors, lengths, each.initial_carry(3))
            encoded.states_BTH.float().sum().backward()
            assert each.recurrent.weight_hh_l0.grad is not None


@pytest.mark.cuda
@pytest.mark.parametrize("strategy", ["packed", "fused"])
@pytest.mark.parametrize("cell", sorted(PLAIN))
def test_a_gpu_gives_what_a_cpu_gives(strategy: Strategy, cell: str) -> None:
    Device.open("cuda", "float32")  # without TF32
    encoder = RecurrentEncoder(INPUT, HIDDEN, num_layers=2, bidirectional=True, cell=cell, strategy=strategy)
    vectors, lengths = torch.randn(3, 6, INPUT), torch.tensor([6, 2, 4])
    expected = encoder(vectors, lengths)
    encoded = copy.deepcopy(encoder).cuda()(vectors.cuda(), lengths)
    assert_close(encoded.states_BTH.cpu(), expected.states_BTH, rtol=1e-4, atol=1e-5)
    assert_close(encoded.final_BH.cpu(), expected.final_BH, rtol=1e-4, atol=1e-5)


@pytest.mark.cuda
@pytest.mark.parametrize("strategy", ["packed", "fused"])
@pytest.mark.parametrize("cell", sorted(PLAIN))
def test_autocast_computes_in_bfloat16_and_carries_float32(strategy: Strategy, cell: str) -> None:
    encoder = RecurrentEncoder(INPUT, HIDDEN, num_layers=2, cell=cell, strategy=strategy).cuda()
    vectors, lengths = torch.randn(3, 6, INPUT, device="cuda"), torch.tensor([6, 2, 4])
    expected = encoder(vectors, lengths, encoder.initial_carry(3))
    with torch.autocast("cuda", torch.bfloat16):
        encoded = encoder(vectors, lengths, encoder.initial_carry(3))
        large = encoder(1e6 * vectors, lengths).states_BTH  # float16 ends at 65,504
    assert encoded.states_BTH.dtype == torch.bfloat16
    assert {part.dtype for part in parts_of(encoded.carry)} == {torch.float32}
    assert_close(encoded.states_BTH.float(), expected.states_BTH, rtol=0.0, atol=0.03)
    assert large.isfinite().all()


@pytest.mark.cuda
@pytest.mark.parametrize("cell", sorted(PLAIN))
def test_gradients_outside_training_are_those_without_dropout(cell: str) -> None:
    encoder = RecurrentEncoder(INPUT, HIDDEN, num_layers=2, dropout=0.9, cell=cell).double().eval()
    vectors, lengths = torch.randn(3, 6, INPUT, dtype=torch.float64), torch.tensor([6, 2, 4])
    there = copy.deepcopy(encoder).cuda()
    for each, device in ((encoder, "cpu"), (there, "cuda")):
        each(vectors.to(device), lengths).states_BTH.square().sum().backward()
    for here, other in zip(encoder.parameters(), there.parameters(), strict=True):
        assert here.grad is not None
        assert other.grad is not None
        exact(other.grad.cpu(), here.grad)


@pytest.mark.cuda
def test_a_model_can_be_trained_after_a_prediction_with_dropout() -> None:
    """PyTorch keeps cuDNN's state of dropout for the whole process, and would keep it as a tensor without gradients."""
    script = """
import torch
from seqkit.nn.dropout import drop_in_prediction
from seqkit.nn.recurrent import RecurrentEncoder
encoder = RecurrentEncoder(3, 4, num_layers=2, dropout=0.5).cuda()
vectors, lengths = torch.randn(2, 5, 3, device="cuda"), torch.tensor([5, 3])
with torch.inference_mode():
    drop_in_prediction(encoder.eval())(vectors, lengths)
encoder.train()(vectors, lengths).states_BTH.sum().backward()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.cuda
def test_full_rows_are_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    Device.open("cuda", "float32")  # without TF32
    encoder = RecurrentEncoder(INPUT, HIDDEN, num_layers=2, bidirectional=True)
    vectors, lengths = torch.randn(3, 6, INPUT), torch.full((3,), 6)
    expected = encoder(vectors, lengths).states_BTH
    monkeypatch.delattr("seqkit.nn.recurrent.pack_padded_sequence")
    assert_close(encoder.cuda()(vectors.cuda(), lengths).states_BTH.cpu(), expected, rtol=1e-4, atol=1e-5)


def test_a_deep_copy_is_another_encoder_with_the_same_weights() -> None:
    encoder = RecurrentEncoder(INPUT, HIDDEN, num_layers=2, bidirectional=True)
    vectors, lengths = torch.randn(2, 4, INPUT), torch.tensor([4, 3])
    expected = encoder(vectors, lengths).states_BTH
    twin = copy.deepcopy(encoder)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.zero_()
    assert torch.equal(twin(vectors, lengths).states_BTH, expected)
