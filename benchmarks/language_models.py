"""Shared code of the language model benchmarks: training with a log of every epoch, and the scripts' options."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.timing import Table, machine
from seqkit.data.texts import Texts
from seqkit.errors import ConfigError
from seqkit.language_model import LanguageModel
from seqkit.training.events import EpochDone, Event

__all__ = ["Trained", "corpus_path", "text_parser", "trained", "write_results"]


class Trained(NamedTuple):
    """A trained model: scores on dev, number of parameters, training time, and a log line for each epoch."""

    scores: Mapping[str, float]
    parameters: int
    minutes: float
    log: list[str]


def trained(model: LanguageModel, texts: Mapping[str, Texts], out: Path | None = None) -> Trained:
    """Train a model, printing a line for each epoch, and score it on dev."""
    log: list[str] = []

    def report(event: Event) -> None:
        if isinstance(event, EpochDone):
            record = event.record
            log.append(
                f"epoch {record['epoch']:.0f}, {record['seconds']:.0f} s: train {record['train_loss']:.4f}, "
                f"dev {record['dev_nats_per_token']:.4f} nats, perplexity {record['dev_perplexity']:.2f}"
            )
            print(log[-1], flush=True)

    model.fit(texts["train"], texts["dev"], out=out, report=report)
    assert model.fitted is not None
    assert model.outcome is not None
    parameters = sum(parameter.numel() for parameter in model.fitted.model.parameters())
    return Trained(model.evaluate(texts["dev"]).scores, parameters, model.outcome.seconds / 60, log)


def text_parser(program: str, purpose: str) -> argparse.ArgumentParser:
    """Return a parser with the options that the scripts have in common.

    Args:
        program: the command that runs the script.
        purpose: its docstring; the first line becomes the description.
    """
    parser = argparse.ArgumentParser(prog=program, description=purpose.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the corpora")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=Path, metavar="DIR", help="keep the run folders here")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="write the tables to this file")
    return parser


def corpus_path(data: Path, *parts: str) -> Path:
    """Return the path of a file or folder of the public corpora.

    Raises:
        ConfigError: if it does not exist.
    """
    path = data.joinpath(*parts)
    if not path.exists():
        raise ConfigError(f"--data: there is no {path}")
    return path


def write_results(title: str, table: Table, logs: Mapping[str, list[str]], out: Path | None) -> None:
    """Print the machine, a table and every epoch of every training in Markdown, and write them to ``out``."""
    kept = [f"{name}:\n\n```\n" + "\n".join(lines) + "\n```" for name, lines in logs.items()]
    text = "\n\n".join([f"# {title}", f"Machine: {machine()}", str(table), *kept]) + "\n"
    print(text)
    if out:
        out.write_text(text, encoding="utf-8")
