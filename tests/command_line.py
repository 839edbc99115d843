"""The command line inside the test's own process, and a tagger that is trained with it once."""

import atexit
import io
import os
import sys
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from seqkit_cli.main import main
from tests.tiny import PARTS, ROWS, SETTINGS, STILL, Rows

__all__ = ["ENCODING", "Done", "options", "seqkit", "tiny_run", "write_conll", "write_corpus"]

ENCODING = "utf-8"
WELL = {"epochs": 1, "learning_rate": 0.03, "word_replacement": 0.05}  # enough where each sentence comes 40 times


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


def seqkit(*arguments: object, stdin: bytes = b"", terminal: bool = False) -> Done:
    """Run a command as ``seqkit ARGUMENTS`` would; ``terminal`` lets all three streams be one, 80 columns wide."""
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
    ):
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code
    return Done(code, out.written(), err.written())


def options(**changes: object) -> list[str]:
    """Command line options for the settings of ``tests/tiny.py``, some of them changed."""
    given = {**SETTINGS, **changes}
    return [
        "--device=cpu",
        *(f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None),
    ]


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


@cache
def tiny_run(task: str) -> Path:
    """A run that ``seqkit train TASK`` has left, the same one for all tests; it knows its training sentences well."""
    folder = _workspace() / task
    corpus = write_corpus(folder / "corpus", PARTS if task == "pos" else ROWS, repeats=40)
    with chdir(folder):
        done = seqkit("train", task, f"--corpus={corpus}", "--quiet", *options(**{**STILL, **WELL}))
    assert (done.code, done.err) == (0, "")
    assert done.out == f"runs/{task}\n"
    return folder / "runs" / task
