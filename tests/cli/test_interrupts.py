"""Ctrl-C, SIGTERM and SIGHUP at any moment of a command: no traceback, and the exit code of the signal."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqkit_cli.interrupts import raise_interrupts
from tests.command_line import options, tiny_run, write_corpus

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
SLOW = pytest.mark.slow
COMMAND = [sys.executable, "-c", "from seqkit_cli.main import main; main()"]
# As above, and it says when it can handle signals: before that, Python itself shows a traceback of its start.
TELLING = """
import os, seqkit_cli.signals as signals
usual = signals.handle
def handle(handler):
    usual(handler)
    os.write(1, b"+")
signals.handle = handle
from seqkit_cli.main import main
main()
"""


def start(*command: str) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # shells may ignore it
    )


def interrupted(delay: float, number: signal.Signals, *arguments: str) -> tuple[int, str]:
    """Return the exit code and the messages of a command that gets a signal some seconds after its start."""
    with start(sys.executable, "-c", TELLING, *arguments) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == "+"
        time.sleep(delay)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    return process.returncode, err


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, pytest.param(signal.SIGTERM, marks=SLOW), pytest.param(signal.SIGHUP, marks=SLOW)],
    ids=lambda number: number.name,
)
def test_an_interrupt_during_imports_shows_no_traceback(number: signal.Signals) -> None:
    code, err = interrupted(0.05, number, "train", "--help")
    assert (code, err.strip()) == (128 + number, "interrupted")


@pytest.mark.slow
def test_an_interrupt_at_any_moment_of_the_start_shows_no_traceback() -> None:
    draw = random.Random(1)
    for _ in range(30):
        number = draw.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
        delay = draw.uniform(0.0, 1.5)
        code, err = interrupted(delay, number, "predict", str(tiny_run("ner")), "--input", "-")
        assert (code, err.strip()) == (128 + number, "interrupted"), delay


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_training_is_saved_and_can_be_resumed(number: signal.Signals, tmp_path: Path) -> None:
    corpus, run = write_corpus(tmp_path / "corpus"), tmp_path / "run"
    given = [*options(epochs=1_000_000), f"--corpus={corpus}", f"--out={run}"]
    with start(*COMMAND, "train", "ner", *given) as process:
        assert process.stderr is not None
        for line in process.stderr:  # blocks until training has begun
            if line.startswith("epoch 2/"):
                break
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (128 + number, f"{run}\n")
    assert err.splitlines()[-1] == f"resume with: seqkit train ner --resume {run}"
    assert (run / "resume").is_dir()


@pytest.mark.slow
def test_sighup_stays_ignored_under_nohup(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    given = [*options(epochs=30), f"--corpus={corpus}", f"--out={tmp_path / 'run'}"]
    with start("nohup", *COMMAND, "train", "ner", *given) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch 2/"):
                break
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_swallowed_interrupt_ends_the_process() -> None:
    code = """
import os, signal
from seqkit_cli.interrupts import raise_interrupts
class Loud:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
with raise_interrupts():
    Loud()
"""
    with start(sys.executable, "-c", code) as process:
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (143, "interrupted\n")


def test_the_first_signal_raises_and_is_remembered() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with pytest.raises(KeyboardInterrupt), raise_interrupts() as interrupt:
            signal.raise_signal(signal.SIGTERM)
        assert interrupt.number == signal.SIGTERM
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
