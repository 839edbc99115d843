"""Generation token by token, compared with a plain loop over nn.LSTM and with reading the weights from memory.

::

    python -m benchmarks.decoding

The model has 2 layers of 512 units over 100 characters. It is not trained, which does not affect speed. The plain loop
calls the modules with one token after the other and takes the most probable next token. ``step`` is seqkit's decoder
alone, with the same choice. ``generate`` is the whole of ``LanguageModel.generate``: filters, random draws,
log-probabilities, text. The floor is the time to read as many bytes as the weights have, from memory and not from a
cache.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from benchmarks.timing import (
    Device,
    Options,
    Table,
    interleaved,
    machine,
    options_of,
    run_script,
    script_parser,
    spread_note,
)
from seqkit.data.texts import from_strings
from seqkit.language_model import LanguageModel
from seqkit.models.language_model import NextTokenModel
from seqkit.tasks.language_modelling import LanguageModellingTask

__all__ = ["main", "plain_loop", "report", "untrained"]

_Writer = Callable[[int, int], Tensor]  # number of rows, number of tokens → the tokens generated

CHARACTERS = 98  # a vocabulary of 100 with <eos> and <unk>
WIDTH, LAYERS, TOKENS = 512, 2, 100
BATCHES = (1, 8, 64)
BEYOND_CACHES = 2**28  # bytes to read before the same ones are read again


def untrained(width: int = WIDTH, device: Device = "cpu") -> LanguageModel:
    """Return a character language model with its initial weights."""
    model = LanguageModel("char", num_layers=LAYERS, hidden_size=width, embedding_size=width, tied=True, device=device)
    torch.manual_seed(1)
    text = "".join(map(chr, range(256, 256 + CHARACTERS)))
    model.fitted = LanguageModellingTask.from_rows(model.config, from_strings([text]))[0]
    model.fitted.model.to(device)
    return model


def plain_loop(network: NextTokenModel) -> Callable[[int, int], Tensor]:
    """Return a function that writes a number of tokens in a number of rows by calling the modules for each token."""
    width, device = network.embedding.embedding_dim, network.embedding.weight.device
    lstm = nn.LSTM(width, width, num_layers=LAYERS, batch_first=True, device=device)
    for layer, encoder in enumerate(network.encoders):
        for name, tensor in encoder.recurrent.state_dict().items():
            lstm.state_dict()[name.replace("_l0", f"_l{layer}")].copy_(tensor)
    scores = network.head.as_module(network.tied_VH)

    @torch.inference_mode()
    def write(rows: int, tokens: int) -> Tensor:
        last, carry = torch.zeros(rows, 1, dtype=torch.int64, device=device), None
        written = []
        for _ in range(tokens):
            states, carry = lstm(network.embedding(last), carry)
            last = scores(states[:, -1]).argmax(-1, keepdim=True)
            written.append(last)
        return torch.cat(written, dim=1)

    return write


def _step_loop(model: LanguageModel) -> Callable[[int, int], Tensor]:
    decoder = model.decoder()

    @torch.inference_mode()
    def write(rows: int, tokens: int) -> Tensor:
        last, state = torch.zeros(rows, dtype=torch.int64, device=decoder.device), decoder.initial_state(rows)
        written = []
        for _ in range(tokens):
            scores, state = decoder.step(last, state)
            last = scores.argmax(-1)
            written.append(last)
        return torch.stack(written, dim=1)

    return write


def _reading(size: int, device: Device) -> Callable[[], object]:
    """Return a function that reads this many bytes, which are in no cache."""
    copies = itertools.cycle([torch.ones(size // 4, device=device) for _ in range(max(2, BEYOND_CACHES // size))])
    return lambda: next(copies).sum()


def report(options: Options) -> str:
    """Return the section of the report, in Markdown."""
    width = 32 if options.quick else WIDTH
    tokens = 5 if options.quick else TOKENS
    model = untrained(width, options.device)
    assert model.fitted is not None
    network = model.fitted.network("forward").eval()
    size = 4 * sum(parameter.numel() for parameter in network.parameters())
    plain, step = plain_loop(network), _step_loop(model)
    assert torch.equal(plain(3, tokens), step(3, tokens)), "the two loops generate different tokens"
    functions: dict[str, Callable[[], object]] = {"read": _reading(size, options.device)}
    for rows in BATCHES:
        functions |= _writers(model, plain, step, rows, tokens)
    with torch.inference_mode():
        found = interleaved(functions, options.rounds(9), options.at_least_seconds, options.clock)
    per_token = {name: measured.median / tokens for name, measured in found.items() if name != "read"}
    rows_of_table = []
    for rows in BATCHES:
        one, best, whole = (per_token[f"{name} {rows}"] for name in ("plain", "step", "generate"))
        first = per_token["step 1"]
        rows_of_table.append(
            [str(rows), *(f"{rows / seconds:,.0f}" for seconds in (one, best, whole)), f"{one / best:.1f}",
             f"{best / found['read'].median:.2f}", f"{rows * first / best:.1f}"]
        )  # fmt: skip
    header = ["rows", "nn.LSTM tokens/s", "step tokens/s", "generate tokens/s", "nn.LSTM/step", "step/memory read"]
    table = Table([*header, "tokens/s relative to one row"], rows_of_table)
    note = f"The weights take {size / 1e6:.1f} MB, and are read from memory in {1e3 * found['read'].median:.2f} ms. "
    return f"## Generation token by token\n\n{table}\n\n{note}{spread_note(list(found.values()), options.rounds(9))}"


def _writers(
    model: LanguageModel,
    plain: Callable[[int, int], Tensor],
    step: Callable[[int, int], Tensor],
    rows: int,
    tokens: int,
) -> Mapping[str, Callable[[], object]]:
    return {
        f"plain {rows}": lambda: plain(rows, tokens),
        f"step {rows}": lambda: step(rows, tokens),
        f"generate {rows}": lambda: model.generate(num_samples=rows, seed=1, max_tokens=tokens, ignore_end=True),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the section. Arguments default to those of the command line."""
    options = options_of(script_parser("python -m benchmarks.decoding", __doc__).parse_args(arguments))
    print(f"Machine: {machine(options.device)}\n\n{report(options)}")


if __name__ == "__main__":
    run_script(main)
