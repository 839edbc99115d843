"""The command line inside the test's own process, and a tiny run of each task, trained with it once."""

import atexit
import io
import json
import os
import re
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from seqkit.task_table import TASKS
from seqkit.tasks.spec import TaskSpec
from seqkit_cli.main import main
from seqkit_cli.signals import SIGNALS
from tests.tiny import PARTS, ROWS, SETTINGS, STILL, Rows
from tests.tiny_labels import LABEL_SETTINGS, LABELS, STILL_LABELS, TEXTS
from tests.tiny_text import text_options, write_texts

__all__ = [
    "ENCODING",
    "Done",
    "assert_refused",
    "json_lines",
    "label_options",
    "options",
    "seqkit",
    "tiny_run",
    "words_of",
    "write_conll",
    "write_corpus",
    "write_jsonl",
]

ENCODING = "utf-8"
WELL = {"epochs": 1, "learning_rate": 0.03, "word_replacement": 0.05}  # enough if each sentence occurs 40 times


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: Any
    out: str
    err: str


class _Stream(io.TextIOWrapper):
    """A standard stream, on a terminal or not."""

    def __init__(self, content: bytes = b"", *, terminal: bool = False, errors: str = "strict") -> None:
        super().__init__(io.BytesIO(content), encoding=ENCODING, errors=errors, newline="")
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def written(self) -> str:
        self.flush()
        content: bytes = self.buffer.getvalue()  # type: ignore[attr-defined]
        return content.decode(ENCODING)


@contextmanager
def _signals_restored() -> Iterator[None]:
    """Restore how signals are handled, which the command line changes until the process ends."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def seqkit(
    *arguments: object, stdin: bytes = b"", terminal: bool = False, tasks: Mapping[str, TaskSpec[Any]] = TASKS
) -> Done:
    """Run a command as ``seqkit ARGUMENTS`` would.

    Args:
        arguments: the arguments; each is turned into a string.
        stdin: the content of stdin.
        terminal: whether all three streams are a terminal, 80 columns wide.
        tasks: the table of tasks.
    """
    out, err = _Stream(terminal=terminal), _Stream(terminal=terminal, errors="backslashreplace")
    environment = {"COLUMNS": "80", "TERM": "xterm-256color"} if terminal else {"COLUMNS": "200"}
    with (
        patch.object(sys, "argv", ["seqkit", *map(str, arguments)]),
        patch.object(sys, "stdin", _Stream(stdin, terminal=terminal)),
        patch.dict(os.environ, environment),
        patch("os.fsync"),  # no test pulls the plug, and a busy disk is slow
        redirect_stdout(out),
        redirect_stderr(err),
        warnings.catch_warnings(),  # the command line sets how warnings are shown
        _signals_restored(),
    ):
        try:
            main(tasks)
        except SystemExit as leaving:
            code = leaving.code
    return Done(code, out.written(), err.written())


def words_of(screen: str) -> str:
    """Return the words of a help screen, without the frames and the line breaks."""
    return " ".join(re.sub(r"[╭╮╰╯─│]", " ", screen).split())


def json_lines(done: Done) -> list[dict[str, Any]]:
    """Return the JSON objects that a command printed, one per line; only line feeds end a line."""
    assert (done.code, done.err) == (0, "")
    assert done.out == "" or done.out.endswith("\n")
    return [json.loads(line) for line in done.out.split("\n")[:-1]]


def assert_refused(done: Done, code: int, *parts: str) -> None:
    """Assert that a command failed with an exit code, without output, and with a message that has some parts."""
    assert (done.code, done.out) == (code, "")
    for part in parts:
        assert part in done.err
    assert "Traceback" not in done.err
    if code == 1:
        assert re.fullmatch(r"error: [^\n]+\n", done.err)


def options(**changes: object) -> list[str]:
    """Return command line options for the settings of ``tests/tiny.py``, some of them changed."""
    return _as_options({**SETTINGS, **changes})


def label_options(**changes: object) -> list[str]:
    """Return command line options for the settings of ``tests/tiny_labels.py``, some of them changed."""
    return _as_options({**LABEL_SETTINGS, **changes})


def _as_options(settings: Mapping[str, object]) -> list[str]:
    given = ["--device=cpu"]
    for name, value in settings.items():
        dashed = name.replace("_", "-")
        if isinstance(value, bool):
            given.append(f"--{dashed}" if value else f"--no-{dashed}")
        elif value is not None:
            given.append(f"--{dashed}={value}")
    return given


def write_conll(path: Path, sentences: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Path:
    """Write sentences, tokens and tags, as CoNLL columns."""
    lines = ("".join(f"{token} {tag}\n" for token, tag in zip(*sentence, strict=True)) for sentence in sentences)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def write_corpus(folder: Path, rows: Rows = ROWS, *, dev: int = 4, repeats: int = 1) -> Path:
    """Write a folder with a train, a dev and a test file: all sentences, the first few, and the others."""
    folder.mkdir(parents=True, exist_ok=True)
    sentences = list(zip(rows["tokens"], rows["tags"], strict=True))
    for name, part in (("train", sentences * repeats), ("dev", sentences[:dev]), ("test", sentences[dev:])):
        write_conll(folder / f"{name}.conll", part)
    return folder


@cache
def _workspace() -> Path:
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Path(folder.name)


def write_jsonl(path: Path, texts: Sequence[str], labels: Sequence[str]) -> Path:
    """Write texts and their labels, a JSON object per line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ({"text": text, "label": label} for text, label in zip(texts, labels, strict=True))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _write_labelled(folder: Path) -> Path:
    """Write a folder with a train, a dev and a test file; the first label of the test file is wrong."""
    write_jsonl(folder / "train.jsonl", TEXTS * 3, LABELS * 3)
    write_jsonl(folder / "dev.jsonl", TEXTS, LABELS)
    write_jsonl(folder / "test.jsonl", TEXTS[:5], ["bad", *LABELS[1:5]])
    return folder


@cache
def tiny_run(task: str) -> Path:
    """Return a run that ``seqkit train TASK`` has written to ``runs/TASK``, the same one for all tests.

    A tagger and a classifier know their training examples well.
    """
    folder = _workspace() / task
    if task == "lm":
        corpus, given = write_texts(folder / "corpus"), text_options(epochs=2)
    elif task == "sentiment":
        corpus = _write_labelled(folder / "corpus")
        given = label_options(**{**STILL_LABELS, "epochs": 4, "state_dropout": 0.2})
    else:
        corpus = write_corpus(folder / "corpus", PARTS if task == "pos" else ROWS, repeats=40)
        given = options(**{**STILL, **WELL})
    with chdir(folder):
        done = seqkit("train", task, f"--corpus={corpus}", "--quiet", *given)
    assert (done.code, done.out, done.err) == (0, f"runs/{task}\n", "")
    return folder / "runs" / task
