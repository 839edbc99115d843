"""Signals in every phase of ``seqkit train``: it ends with the right exit code, and is finished or can be resumed."""

import random
import signal
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from seqkit.runs.folder import RunFolder
from seqkit_cli.main import main
from tests.command_line import label_options, options, write_corpus, write_jsonl
from tests.faults.children import Child, Ended
from tests.faults.trainings import contents
from tests.tiny import PARTS, ROWS
from tests.tiny_labels import LABELS, TEXTS
from tests.tiny_text import text_options, write_texts

__all__ = ["SIGNALLED", "Signalled", "reference_run", "spoil_by_signals"]

SIGNALLED = 100  # trials of each task
NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SMALL = {"epochs": 3, "hidden_size": 4}


@dataclass(frozen=True)
class Signalled:
    """One or two signals.

    Attributes:
        numbers: the signals.
        when: when the first one is sent, as a fraction of the duration of the training.
        gap: seconds between the two.
    """

    numbers: tuple[signal.Signals, ...]
    when: float
    gap: float = 0.0

    @classmethod
    def draw(cls, draw: random.Random) -> "Signalled":
        """Return random signals: half of the time two of them."""
        numbers = draw.choices(NUMBERS, k=draw.choice((1, 2)))
        return cls(tuple(numbers), draw.uniform(0.0, 1.1), draw.choice((0.0, draw.uniform(0.0, 0.1))))

    def __str__(self) -> str:
        return f"{' and '.join(number.name for number in self.numbers)} after {self.when:.0%}"


def _command(task: str, folder: Path) -> list[str]:
    """Write the corpus of a task; return the command that trains on it."""
    if task == "lm":
        corpus, given = write_texts(folder / "corpus"), text_options(**SMALL)
    elif task == "sentiment":
        corpus, given = (
            write_jsonl(folder / "corpus" / "train.jsonl", TEXTS * 2, LABELS * 2).parent,
            label_options(**SMALL),
        )
        write_jsonl(folder / "corpus" / "dev.jsonl", TEXTS, LABELS)
    else:
        corpus, given = write_corpus(folder / "corpus", PARTS if task == "pos" else ROWS), options(**SMALL)
    return ["train", task, f"--corpus={corpus}", f"--out={folder / 'run'}", *given]


def _run(command: list[str]) -> None:
    figures = ("seqkit.runs.run.learning_curve", "seqkit.classifier.reliability_diagram")
    with (
        patch.object(sys, "argv", ["seqkit", *command]),
        patch(figures[0], lambda *_: b"PNG"),
        patch(figures[1], lambda *_, **__: b"PNG"),
    ):
        for name, number in (("stdout", 1), ("stderr", 2)):  # not those of the parent
            stream = open(number, "w", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        main()


@cache
def reference_run(task: str) -> tuple[dict[str, bytes], float]:
    """Return the files of an undisturbed training by the command line, and how long it takes."""
    with TemporaryDirectory() as folder:
        command = _command(task, Path(folder))
        start = time.monotonic()
        _finished(Child.run(lambda: _run(command)))
        return _files(Path(folder, "run")), time.monotonic() - start


def _files(path: Path) -> dict[str, bytes]:
    files = contents(path)
    del files["README.md"]  # which names the corpus, in another temporary folder
    return files


def _finished(ended: Ended) -> None:
    assert ended.code == 0, f"exit code {ended.code}, not 0"


def spoil_by_signals(task: str, signalled: Signalled) -> str:
    """Send signals to a training; return what is wrong after that."""
    wanted, duration = reference_run(task)
    with TemporaryDirectory() as name:
        folder = Path(name)
        command = _command(task, folder)
        log = folder / "log"
        child = Child.start(lambda: _run(command), log=log)
        time.sleep(signalled.when * duration)
        for number in signalled.numbers:
            child.signal(number)
            time.sleep(signalled.gap)
        ended = child.wait()
        said = log.read_text(encoding="utf-8")
        # Until the command begins, a signal has Python's or the system's effect.
        codes = {0, *(128 + number for number in signalled.numbers), *(-number for number in signalled.numbers)}
        if ended.code not in codes:
            return f"exit code {ended.code}: {said[-300:]}"
        if "Traceback" in said and ended.code > 0:
            return f"a traceback: {said[-300:]}"
        log.unlink()
        return _resumed(folder, command, wanted)


def _resumed(folder: Path, command: list[str], wanted: dict[str, bytes]) -> str:
    run = folder / "run"
    if RunFolder(run).can_resume:
        again = Child.run(lambda: _run(["train", command[1], f"--resume={run}"]), log=folder / "again")
    elif RunFolder(run).has_model:
        again = Ended(0)
    else:
        again = Child.run(lambda: _run(command), log=folder / "again")
    if again.code:
        return f"training again ended with {again.code}: {(folder / 'again').read_text()[-300:]}"
    found = _files(run)
    changed = [name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)]
    return f"differs from an undisturbed training: {', '.join(sorted(changed))}" if changed else ""
