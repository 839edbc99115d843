"""The speed of the CRF compared with pytorch-crf, with the same parameters and scores.

::

    python -m benchmarks.crf

*loss* is the mean negative log-likelihood per token and its gradients with respect to emissions and parameters.
*decode* is the most probable path of each row, as lists, under ``no_grad``; *decode, inference mode* is the same under
``inference_mode``, in which pytorch-crf's many small reads are cheaper. All rows have full length.

Shapes: B batch, T time, K labels.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
import torchcrf
from torch import Tensor

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
from seqkit.crf import CRF

__all__ = ["SHAPES", "Setup", "Shape", "main", "measure", "report"]

ROUNDS = 15


class Shape(NamedTuple):
    """The sizes of a batch, and the number of labels."""

    batch: int
    time: int
    labels: int


SHAPES = (Shape(32, 25, 9), Shape(64, 128, 9), Shape(64, 128, 75), Shape(256, 40, 17))
QUICK_SHAPES = (Shape(2, 5, 3),)


class Setup:
    """Both CRFs with the same parameters, and a batch of scores and labels, drawn with a fixed seed.

    >>> setup = Setup(Shape(2, 4, 3), "cpu")
    >>> setup.loss("seqkit").shape, len(setup.decode("seqkit"))
    (torch.Size([]), 2)
    """

    def __init__(self, shape: Shape, device: Device) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            peer = torchcrf.CRF(shape.labels, batch_first=True)
            self.emissions_BTK = torch.randn(*shape).to(device).requires_grad_()
            self.tags_BT = torch.randint(shape.labels, shape[:2]).to(device)
        self.mask_BT = torch.ones(*shape[:2], dtype=torch.bool, device=device)
        seqkit = CRF(shape.labels, batch_first=True)
        seqkit.load_state_dict(peer.state_dict())
        self.models = {"pytorch-crf": peer.to(device), "seqkit": seqkit.to(device)}

    def loss(self, name: str) -> Tensor:
        """Return the mean negative log-likelihood per token."""
        likelihood: Tensor = self.models[name](self.emissions_BTK, self.tags_BT, self.mask_BT, reduction="token_mean")
        return -likelihood

    def train(self, name: str) -> tuple[Tensor, ...]:
        """Return the loss and its gradients with respect to emissions and parameters."""
        return torch.autograd.grad(self.loss(name), [self.emissions_BTK, *self.models[name].parameters()])

    @torch.no_grad()
    def decode(self, name: str) -> list[list[int]]:
        """Return the most probable path of each row."""
        paths: list[list[int]] = self.models[name].decode(self.emissions_BTK, self.mask_BT)
        return paths

    @torch.inference_mode()
    def decode_in_inference_mode(self, name: str) -> list[list[int]]:
        """Return the same in inference mode."""
        return self.decode(name)


def measure(shape: Shape, options: Options) -> dict[str, dict[str, Measured]]:
    """Measure the seconds of ``pytorch-crf`` and ``seqkit`` for each operation.

    >>> sorted(measure(Shape(2, 4, 3), Options(quick=True)))
    ['decode', 'decode, inference mode', 'loss']
    """
    setup = Setup(shape, options.device)
    works = {"loss": setup.train, "decode": setup.decode, "decode, inference mode": setup.decode_in_inference_mode}
    timings = {}
    for name, work in works.items():
        functions = {peer: partial(work, peer) for peer in setup.models}
        timings[name] = interleaved(functions, options.rounds(ROUNDS), options.at_least_seconds, options.clock)
    return timings


def report(options: Options) -> str:
    """Return the section of the report, in Markdown."""
    rows: list[list[str]] = []
    every: list[Measured] = []
    for shape in QUICK_SHAPES if options.quick else SHAPES:
        for name, timings in measure(shape, options).items():
            peer, seqkit = timings["pytorch-crf"].median, timings["seqkit"].median
            rows.append([str(tuple(shape)), name, f"{1e3 * peer:.2f}", f"{1e3 * seqkit:.2f}", f"{peer / seqkit:.2f}"])
            every += timings.values()
            print_progress(f"crf: {' '.join(rows[-1])}")
    parts = [
        "## CRF compared with pytorch-crf",
        "The loss with its gradients, and decoding; all rows have full length.",
        str(Table(["(B, T, K)", "work", "pytorch-crf ms", "seqkit ms", "pytorch-crf/seqkit"], rows, texts=2)),
        spread_note(every, options.rounds(ROUNDS)),
    ]
    return "\n\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table. Arguments default to those of the command line."""
    options = options_of(script_parser("python -m benchmarks.crf", __doc__).parse_args(arguments))
    print(f"Machine: {machine(options.device)}\n\n{report(options)}")


if __name__ == "__main__":
    run_script(main)
