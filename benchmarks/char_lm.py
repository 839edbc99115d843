"""Character language models on tinyshakespeare: nats per character after 3 and after 30 minutes of training.

::

    python -m benchmarks.char_lm --data DIR

The text is ``DIR/tinyshakespeare/input.txt``. Its last tenth, 111,540 characters, is the validation text; all of them
are scored. Each row of the table is a separate training with its own time limit, at which the learning rate reaches
zero. The baseline is a bare one-layer ``nn.LSTM`` with 256 units, trained as long as the shortest of them, in the
plainest way: AdamW with a constant learning rate, one window after the other.
"""

import math
import time
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from benchmarks.language_models import corpus_path, text_parser, trained, write_results
from benchmarks.timing import Table, run_script
from seqkit.data.texts import Texts, open_texts
from seqkit.language_model import LanguageModel
from seqkit.tasks.language_modelling import LanguageModellingTask

__all__ = ["bare_nats", "main"]

WIDTH, STREAMS, STEPS = 256, 32, 128  # the bare model and its batches
DEV_STEPS = 1000


class _Bare(nn.Module):
    def __init__(self, characters: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, WIDTH)
        self.lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.scores = nn.Linear(WIDTH, characters)

    def forward(self, window: Tensor, carry: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        states, (hidden, cell) = self.lstm(self.embedding(window[:, :-1]), carry)
        loss = nn.functional.cross_entropy(self.scores(states).flatten(0, 1), window[:, 1:].flatten())
        return loss, (hidden.detach(), cell.detach())


def bare_nats(texts: Mapping[str, Texts], seconds: float) -> float:
    """Train a bare nn.LSTM for a number of seconds, and return its nats per character on dev."""
    torch.manual_seed(1)
    task = LanguageModellingTask.from_rows(LanguageModel("char").config, texts["train"])[0]
    train_N, dev_N = (
        torch.from_numpy(task.prepare(texts[split]).store.ids.astype("int64")) for split in ("train", "dev")
    )
    model = _Bare(len(task.tokenizer))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    streams = train_N[: len(train_N) // STREAMS * STREAMS].view(STREAMS, -1)
    start, place, carry = time.perf_counter(), 0, None
    while time.perf_counter() - start < seconds:
        if place + STEPS >= streams.shape[1]:
            place, carry = 0, None
        loss, carry = model(streams[:, place : place + STEPS + 1], carry)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        place += STEPS
    return _nats(model, torch.cat([torch.zeros(1, dtype=torch.int64), dev_N]))


@torch.no_grad()
def _nats(model: _Bare, tokens: Tensor) -> float:
    total, carry = 0.0, None
    for first in range(0, len(tokens) - 1, DEV_STEPS):
        window = tokens[None, first : first + DEV_STEPS + 1]
        loss, carry = model(window, carry)
        total += float(loss) * (window.shape[1] - 1)
    return total / (len(tokens) - 1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, print the table, and write it with all epochs to ``--out``.

    Raises:
        ConfigError: if the text does not exist.
    """
    parser = text_parser("python -m benchmarks.char_lm", __doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[3.0, 30.0], help="time limits")
    parser.add_argument("--skip-peer", action="store_true", help="do not train the bare model")
    given = parser.parse_args(arguments)
    texts = open_texts(corpus_path(given.data, "tinyshakespeare", "input.txt"), dev_fraction=0.1)
    rows, logs = [], {}
    if not given.skip_peer:
        nats = bare_nats(texts, 60 * min(given.minutes))
        print(f"bare nn.LSTM: {nats:.4f} nats", flush=True)
        rows.append(["bare nn.LSTM", f"{min(given.minutes):g}", f"{nats:.4f}", f"{nats / math.log(2):.4f}"])
    for minutes in given.minutes:
        model = LanguageModel("char", max_minutes=minutes, seed=given.seed)
        found = trained(model, texts, given.runs and given.runs / f"char-{minutes:g}-minutes")
        nats = found.scores["nats_per_token"]
        rows.append(["--preset char", f"{found.minutes:.1f}", f"{nats:.4f}", f"{nats / math.log(2):.4f}"])
        logs[f"--preset char --max-minutes {minutes:g}, {found.parameters:,} parameters"] = found.log
    table = Table(["model", "minutes", "nats per character", "bits per character"], rows)
    write_results("Characters of tinyshakespeare", table, logs, given.out)


if __name__ == "__main__":
    run_script(main)
