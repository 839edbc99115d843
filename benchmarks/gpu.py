"""Prove or refute what seqkit promises on a GPU: one command, eight minutes, a JSON line for each probe.

::

    python -m benchmarks.gpu

A probe that fails prints its error, and the next one runs; probes for which no time is left are skipped. On a machine
without a GPU, ``--device cpu --quick`` runs the probes that a CPU can run, and names the others.

Throughput is measured with complete training steps on generated data, beside a textbook pipeline on the same card: a
packed ``nn.LSTM``, pytorch-crf and a fixed number of sentences in a batch (``benchmarks/tagging_step.py``). Kernels and
synchronisations are counted in one step after others like it: kernels by PyTorch's profiler, synchronisations by its
warnings. On a CPU, calls of operators and reads of single values stand in for them.
"""

import argparse
import json
import subprocess
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import DeviceType  # type: ignore[attr-defined]
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.gpu_workloads import LARGE, SMALL, Precision, decoder_steps, language_model_steps, tagging_steps
from benchmarks.timing import machine, run_script
from seqkit.errors import ConfigError
from seqkit.nn.recurrent import RecurrentEncoder
from seqkit.training.device import Device

__all__ = ["PROBES", "Operators", "Probe", "counted", "main"]

Figures = dict[str, Any]
SECONDS = 480
READS = {"aten._local_scalar_dense.default", "aten.nonzero.default", "aten.masked_select.default"}


@dataclass(frozen=True)
class Probe:
    """A question and the function that answers it with figures.

    Attributes:
        run: returns the figures; called with the device and with whether sizes are tiny.
        needs_gpu: whether only a GPU can answer.
    """

    run: Callable[[torch.device, bool], Figures]
    needs_gpu: bool = True


def launches(device: torch.device, quick: bool) -> Figures:
    """Return the microseconds that starting a kernel takes, alone and in a queue of many."""
    value = torch.zeros(1, device=device)

    def queue(number: int) -> float:
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(number):
            value.add_(1)
        torch.cuda.synchronize()
        return (time.perf_counter() - start) / number * 1e6

    queue(100)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(1000):
            value.add_(1)
    graph.replay()
    torch.cuda.synchronize()
    start = time.perf_counter()
    graph.replay()
    torch.cuda.synchronize()
    in_graph = (time.perf_counter() - start) * 1e3
    return {"alone_us": queue(1), "queued_us": queue(2000), "in_graph_us": in_graph}


def precision_of_states(device: torch.device, quick: bool) -> Figures:
    """Compare an encoder's states in each precision with those in float64 on a CPU."""
    torch.manual_seed(0)
    encoder = RecurrentEncoder(200, 200, num_layers=2, bidirectional=True).double()
    vectors, lengths = torch.randn(16, 40, 200, dtype=torch.float64), torch.randint(20, 41, (16,))
    with torch.no_grad():
        exact = encoder(vectors, lengths).states_BTH
        figures: Figures = {}
        there = encoder.to(device).float()
        for name, states in _states_by_precision(there, vectors.float().to(device), lengths):
            error = (states.double().cpu() - exact).abs().max()
            figures[name] = {"dtype": str(states.dtype), "largest_error": float(error)}
        with torch.autocast(device.type, torch.bfloat16):
            large = there(vectors.float().to(device) * 1e5, lengths).states_BTH  # beyond the range of float16
    figures["bfloat16"]["finite_for_large_inputs"] = bool(large.isfinite().all())
    return figures


def _states_by_precision(encoder: RecurrentEncoder, vectors: Tensor, lengths: Tensor) -> Iterator[tuple[str, Tensor]]:
    Device.open(vectors.device.type, "float32")  # type: ignore[arg-type]
    yield "float32", encoder(vectors, lengths).states_BTH
    for dtype in (torch.bfloat16, torch.float16):
        with torch.autocast(vectors.device.type, dtype):
            yield str(dtype).removeprefix("torch."), encoder(vectors, lengths).states_BTH
    with _tf32():
        yield "tf32", encoder(vectors, lengths).states_BTH


@contextmanager
def _tf32() -> Iterator[None]:
    """Round the factors of products, and of cuDNN's layers, to TF32 within the block."""
    backends: list[Any] = [torch.backends.cudnn.rnn, torch.backends.cuda.matmul]
    before = [each.fp32_precision for each in backends]
    try:
        for each in backends:
            each.fp32_precision = "tf32"
        yield
    finally:
        for each, precision in zip(backends, before, strict=True):
            each.fp32_precision = precision


def tests(device: torch.device, quick: bool) -> Figures:
    """Run the tests that need a GPU, as they are."""
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-m", "cuda", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return {"exit_code": done.returncode, "closing_line": done.stdout.strip().splitlines()[-1], "failed": failed}


class Operators(TorchDispatchMode):
    """Counts the operators called within a block."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls[str(func)] += 1
        return func(*args, **(kwargs or {}))


def counted(step: Callable[[], object], device: torch.device) -> Figures:
    """Count the kernels and synchronisations of a call, after others like it."""
    for _ in range(3):
        step()
    if device.type == "cpu":
        with Operators() as operators:
            step()
        return {"operators": operators.calls.total(), "reads": sum(operators.calls[name] for name in READS)}
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA], acc_events=True) as profile:
        step()
        torch.cuda.synchronize()
    kernels = [event for event in profile.events() or () if event.device_type == DeviceType.CUDA]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        step()
        torch.cuda.set_sync_debug_mode("default")
    waits = [found for found in caught if "synchronizing CUDA operation" in str(found.message)]
    places = Counter(f"{found.filename.rpartition('/seqkit/')[2]}:{found.lineno}" for found in waits)
    busy = sum(event.device_time for event in kernels) / 1e3
    return {"kernels": len(kernels), "busy_ms": busy, "synchronisations": len(waits), "places": dict(places)}


def counts(device: torch.device, quick: bool) -> Figures:
    """Count the kernels and synchronisations of a training step of each kind, and of a step of generation."""
    steps = {
        "tagging": tagging_steps(device, "auto", SMALL, quick=quick)["seqkit"],
        "awd": language_model_steps(device, "auto", quick=quick),
        "generation": decoder_steps(device, rows=8, vocabulary=100, quick=quick),
    }
    return {name: counted(lambda steps=stream: next(steps), device) for name, stream in steps.items()}  # type: ignore[misc]


def _rate(steps: Iterator[int], device: torch.device, *, seconds: float) -> Figures:
    """Return the work per second, and the milliseconds of a step."""
    for _ in islice(steps, 5):
        pass
    _wait(device)
    start, work, number = time.perf_counter(), 0, 0
    while time.perf_counter() - start < seconds:
        work += sum(islice(steps, 5))
        number += 5
        _wait(device)
    elapsed = time.perf_counter() - start
    return {"per_second": round(work / elapsed), "step_ms": round(elapsed / number * 1e3, 2)}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def tagging(device: torch.device, quick: bool) -> Figures:
    """Measure training steps of the tagger at two batch sizes, beside the textbook pipeline."""
    figures: Figures = {}
    for tokens in (SMALL,) if quick else (SMALL, LARGE):
        for precision in precisions(device):
            steps = tagging_steps(device, precision, tokens, quick=quick)
            rates = {name: _rate(stream, device, seconds=0.1 if quick else 4) for name, stream in steps.items()}
            rates["ratio"] = rates["seqkit"]["per_second"] / rates["textbook"]["per_second"]
            figures[f"{tokens} tokens, {precision}"] = rates
    return figures


def precisions(device: torch.device) -> list[Precision]:
    """Return the precisions to measure on a device."""
    return ["float32", "bfloat16"] if device.type == "cuda" else ["float32"]


def awd(device: torch.device, quick: bool) -> Figures:
    """Measure training steps of the preset ``awd-wt2`` over a large vocabulary."""
    return {
        precision: _rate(language_model_steps(device, precision, quick=quick), device, seconds=0.1 if quick else 6)
        for precision in precisions(device)
    }


def generation(device: torch.device, quick: bool) -> Figures:
    """Measure steps of generation, with random draws, for several numbers of rows and two vocabularies."""
    return {
        f"{rows} rows, {vocabulary} tokens": _rate(
            decoder_steps(device, rows=rows, vocabulary=vocabulary, quick=quick), device, seconds=0.1 if quick else 2
        )
        for vocabulary in ((100,) if quick else (100, 33_000))
        for rows in ((1, 8) if quick else (1, 8, 64))
    }


def losses(device: torch.device, quick: bool) -> Figures:
    """Train a language model for 300 steps in each precision, and compare the losses of the last 50."""
    return {
        name: _last_losses(device, dtype, tf32=name == "tf32", steps=20 if quick else 300)
        for name, dtype in (
            ("float32", None),
            ("tf32", None),
            ("bfloat16", torch.bfloat16),
            ("float16", torch.float16),
        )
    }


def _last_losses(device: torch.device, dtype: torch.dtype | None, *, tf32: bool, steps: int) -> float:
    """Learn to repeat what was read 10 steps before, which needs the state to be carried exactly."""
    torch.manual_seed(0)
    embedding, encoder, scores = nn.Embedding(20, 64), RecurrentEncoder(64, 256), nn.Linear(256, 20)
    model = nn.ModuleList([embedding, encoder, scores]).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    generator, recent = torch.Generator().manual_seed(1), list[float]()
    lengths = torch.full((32,), 60)
    autocast = torch.autocast(device.type, dtype or torch.bfloat16, enabled=dtype is not None)
    for step in range(steps):
        tokens = torch.randint(20, (32, 60), generator=generator).to(device)
        with _tf32() if tf32 else nullcontext():
            with autocast:
                states = encoder(embedding(tokens), lengths).states_BTH
                guesses = scores(states[:, 10:]).flatten(0, 1).float()
            loss = nn.functional.cross_entropy(guesses, tokens[:, :-10].flatten())
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step >= steps * 5 // 6:
            recent.append(float(loss.detach()))
    return sum(recent) / len(recent)


PROBES: Mapping[str, Probe] = {
    "launches": Probe(launches),
    "precision": Probe(precision_of_states),
    "tests": Probe(tests),
    "counts": Probe(counts, needs_gpu=False),
    "tagging": Probe(tagging, needs_gpu=False),
    "awd": Probe(awd, needs_gpu=False),
    "generation": Probe(generation, needs_gpu=False),
    "losses": Probe(losses),
}


def run_probe(name: str, device: torch.device, *, quick: bool) -> Figures:
    """Run a probe, and return its line: its figures, or why there are none."""
    probe = PROBES[name]
    if probe.needs_gpu and device.type != "cuda":
        return {"probe": name, "skipped": "needs a CUDA GPU"}
    start = time.perf_counter()
    line: Figures = {"probe": name}
    try:
        line |= probe.run(device, quick)
    except Exception as error:  # the next probe shall run, whatever went wrong
        line |= {"error": f"{type(error).__name__}: {error}", "where": traceback.format_exc().splitlines()[-8:]}
    return {**line, "seconds": round(time.perf_counter() - start, 1)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the probes and print their lines. Arguments default to those of the command line.

    Raises:
        ConfigError: if there is no such probe or device.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="device to probe")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to check that it runs")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="start no probe after this time (default: 480)")
    parser.add_argument("--only", nargs="+", metavar="PROBE", help=f"run only these, of {', '.join(PROBES)}")
    given = parser.parse_args(arguments)
    names = given.only or list(PROBES)
    if unknown := [name for name in names if name not in PROBES]:
        raise ConfigError(f"no probe {unknown[0]!r}; choose from {', '.join(PROBES)}")
    device = Device.open(given.device, "float32").torch_device
    print(json.dumps({"machine": machine(given.device)}), flush=True)
    end = time.perf_counter() + given.seconds
    for name in names:
        late = time.perf_counter() > end
        line = {"probe": name, "skipped": "no time left"} if late else run_probe(name, device, quick=given.quick)
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    run_script(main)
