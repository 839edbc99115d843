"""The speed of the recurrent encoder, compared with a packed ``nn.LSTM`` and with its matrix products alone.

::

    python -m benchmarks.encoder

A training step is the forward pass, and the backward pass of a fixed gradient to weights and inputs. The *floor* is the
time of the matrix products that both passes need, in the same sizes and number, over padded rows; the rest of a layer
is element-wise. On some processors the library behind ``torch.mm`` is slower than the kernel in oneDNN's fused LSTM
layer, so an encoder may be faster than its floor.

Shapes: B batch, T time, D input width, H hidden width per direction, N = B·T, G = 4·H gates.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks.timing import (
    Device,
    Measured,
    Options,
    Table,
    interleaved,
    machine,
    options_of,
    print_progress,
    run_script,
    script_parser,
    spread_note,
)
from seqkit.nn.recurrent import RecurrentEncoder

__all__ = ["SHAPES", "Products", "Setup", "Shape", "main", "measure", "packed_states", "products_of", "report"]

ROUNDS = 15


class Shape(NamedTuple):
    """The sizes of a batch and of the layers."""

    batch: int
    time: int
    input_size: int
    hidden_size: int
    layers: int


SHAPES = (
    Shape(1, 25, 220, 200, 1),
    Shape(8, 25, 220, 200, 1),
    Shape(32, 25, 220, 200, 1),
    Shape(32, 50, 220, 200, 1),
    Shape(64, 50, 300, 256, 1),
    Shape(64, 50, 300, 256, 2),
)
QUICK_SHAPES = (Shape(1, 4, 5, 3, 1), Shape(3, 6, 5, 4, 2))


def packed_states(lstm: nn.LSTM, vectors_BTD: Tensor, lengths_B: Tensor) -> Tensor:
    """Return the states of padded rows (B, T, 2·H), zero beyond each length, in the way PyTorch documents.

    >>> lstm = nn.LSTM(3, 5, batch_first=True)
    >>> packed_states(lstm, torch.randn(2, 4, 3), torch.tensor([2, 4])).shape
    torch.Size([2, 4, 5])
    """
    packed = pack_padded_sequence(vectors_BTD, lengths_B, batch_first=True, enforce_sorted=False)
    states_BTH, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=vectors_BTD.shape[1])
    return states_BTH


class Setup:
    """Both encoders with the same weights, and a batch of rows of different lengths, drawn with a fixed seed.

    Args:
        shape: the sizes of the batch and of the layers.
        device: the device of the encoders and the batch.

    Attributes:
        lengths_B: uniform between 3/4·T and T, the first one T.
        states: for each encoder, the function that encodes the batch.

    >>> sorted(Setup(Shape(2, 4, 5, 3, 1), "cpu").states)
    ['packed', 'seqkit']
    """

    def __init__(self, shape: Shape, device: Device) -> None:
        batch, time, input_size, hidden_size, layers = shape
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            lstm = nn.LSTM(input_size, hidden_size, layers, batch_first=True, bidirectional=True)
            self.lengths_B = torch.randint(-(-3 * time // 4), time + 1, (batch,))
            self.vectors_BTD = torch.randn(batch, time, input_size).to(device).requires_grad_()
            self.gradient_BTH = torch.randn(batch, time, 2 * hidden_size).to(device)
        self.lengths_B[0] = time
        encoder = RecurrentEncoder(input_size, hidden_size, num_layers=layers, bidirectional=True)
        encoder.recurrent.load_state_dict(lstm.state_dict())
        self.models = nn.ModuleDict({"packed": lstm, "seqkit": encoder}).to(device)
        self.states: dict[str, Callable[[], Tensor]] = {
            "packed": lambda: packed_states(lstm, self.vectors_BTD, self.lengths_B),
            "seqkit": lambda: encoder(self.vectors_BTD, self.lengths_B).states_BTH,
        }

    def train(self, name: str) -> tuple[Tensor, ...]:
        """Run a training step, and return the gradients of inputs and weights."""
        wanted = [self.vectors_BTD, *self.models[name].parameters()]
        return torch.autograd.grad(self.states[name](), wanted, self.gradient_BTH)

    @torch.inference_mode()
    def infer(self, name: str) -> Tensor:
        """Run the encoder without gradients."""
        return self.states[name]()


class Products(NamedTuple):
    """The matrix products of one layer in one direction."""

    steps: int
    inputs_ND: Tensor
    states_BH: Tensor
    states_NH: Tensor
    gates_BG: Tensor
    gates_NG: Tensor
    input_weights_GD: Tensor
    state_weights_GH: Tensor

    def forward(self) -> None:
        """Multiply all inputs at once, then the states step by step."""
        linear(self.inputs_ND, self.input_weights_GD)
        for _ in range(self.steps):
            linear(self.states_BH, self.state_weights_GH)

    def backward(self) -> None:
        """Multiply for the gradients of the states step by step, then for those of inputs and weights at once."""
        for _ in range(self.steps):
            torch.mm(self.gates_BG, self.state_weights_GH)
        torch.mm(self.gates_NG, self.input_weights_GD)
        torch.mm(self.gates_NG.t(), self.inputs_ND)
        torch.mm(self.gates_NG.t(), self.states_NH)


def products_of(shape: Shape, device: Device) -> list[Products]:
    """Return the products of both directions of all layers.

    >>> [products.inputs_ND.shape[1] for products in products_of(Shape(2, 4, 5, 3, 2), "cpu")]
    [5, 5, 6, 6]
    """
    batch, time, _, hidden, layers = shape
    generator = torch.Generator().manual_seed(1)

    def draw(rows: int, columns: int) -> Tensor:
        return torch.randn(rows, columns, generator=generator).to(device)

    return [
        Products(
            steps=time,
            inputs_ND=draw(batch * time, width),
            states_BH=draw(batch, hidden),
            states_NH=draw(batch * time, hidden),
            gates_BG=draw(batch, 4 * hidden),
            gates_NG=draw(batch * time, 4 * hidden),
            input_weights_GD=draw(4 * hidden, width),
            state_weights_GH=draw(4 * hidden, hidden),
        )
        for layer in range(layers)
        for width in [2 * hidden if layer else shape.input_size] * 2
    ]


@torch.inference_mode()
def _multiply(products: Iterable[Products], *, train: bool) -> None:
    for layer in products:
        layer.forward()
        if train:
            layer.backward()


def measure(shape: Shape, options: Options) -> dict[str, dict[str, Measured]]:
    """Measure the seconds of ``packed``, ``seqkit`` and ``floor`` for ``train`` and ``inference``.

    >>> timings = measure(Shape(2, 4, 5, 3, 1), Options(quick=True))
    >>> {name: sorted(measured) for name, measured in timings.items()}
    {'train': ['floor', 'packed', 'seqkit'], 'inference': ['floor', 'packed', 'seqkit']}
    """
    setup, products = Setup(shape, options.device), products_of(shape, options.device)
    timings = {}
    for name, work in (("train", setup.train), ("inference", setup.infer)):
        train = name == "train"
        setup.models.train(train)
        functions: dict[str, Callable[[], object]] = {peer: partial(work, peer) for peer in setup.states}
        functions["floor"] = partial(_multiply, products, train=train)
        timings[name] = interleaved(functions, options.rounds(ROUNDS), options.at_least_seconds, options.clock)
    return timings


def report(options: Options) -> str:
    """Return the section of the report, in Markdown."""
    rows: list[list[str]] = []
    every: list[Measured] = []
    for shape in QUICK_SHAPES if options.quick else SHAPES:
        for name, timings in measure(shape, options).items():
            packed, seqkit, floor = (timings[peer].median for peer in ("packed", "seqkit", "floor"))
            times = [f"{1e3 * packed:.2f}", f"{1e3 * seqkit:.2f}"]
            rows.append([str(tuple(shape)), name, *times, f"{packed / seqkit:.2f}", f"{floor / seqkit:.2f}"])
            every += timings.values()
            print_progress(f"encoder: {' '.join(rows[-1])}")
    header = ["(B, T, D, H, layers)", "pass", "packed ms", "seqkit ms", "packed/seqkit", "floor/seqkit"]
    parts = [
        "## Encoder compared with a packed nn.LSTM",
        "Bidirectional LSTM over rows of 3/4·T to T steps; the floor is the time of its matrix products alone.",
        str(Table(header, rows, texts=2)),
        spread_note(every, options.rounds(ROUNDS)),
    ]
    return "\n\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table. Arguments default to those of the command line."""
    options = options_of(script_parser("python -m benchmarks.encoder", __doc__).parse_args(arguments))
    print(f"Machine: {machine(options.device)}\n\n{report(options)}")


if __name__ == "__main__":
    run_script(main)
