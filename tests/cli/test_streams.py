"""Streams that are closed, full or gone, and terminals of odd sizes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from seqkit_cli.streams import prepare_width
from tests.command_line import tiny_run

needs_shell = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this needs a shell and /dev/full")
SEQKIT = f"{sys.executable} -c 'from seqkit_cli.main import main; main()'"
LIST = f"{SEQKIT} corpora list"


def shell(command: str, **environment: str) -> tuple[int, str, str]:
    """Return the exit code of a command, and what it wrote to stdout and stderr."""
    paths = os.pathsep.join(map(os.path.abspath, sys.path))
    usual = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        env={**usual, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@needs_shell
@pytest.mark.parametrize(
    ("streams", "code", "printed", "told"),
    [
        pytest.param("<&-", 0, True, "", marks=pytest.mark.slow),
        pytest.param("2>&-", 0, True, "", marks=pytest.mark.slow),
        ("2>/dev/full", 0, True, ""),
        pytest.param("| head -c 1", 0, False, "", marks=pytest.mark.slow),
        (">&-", 1, False, "error: stdout: it is closed, so the output is lost\n"),
        ("<&- >&- 2>&-", 1, False, ""),
        pytest.param(
            ">/dev/full", 1, False, "error: input or output: No space left on device\n", marks=pytest.mark.slow
        ),
        pytest.param(">/dev/full 2>&-", 1, False, "", marks=pytest.mark.slow),
    ],
)
def test_results_are_printed_or_their_loss_is_an_error(streams: str, code: int, printed: bool, told: str) -> None:
    found = shell(f"{LIST} {streams}")
    assert (found[0], found[2]) == (code, told)
    assert found[1].startswith("anomalies-mini\nner-mini\n") is printed


@needs_shell
@pytest.mark.slow
@pytest.mark.parametrize("streams", ["<&-", "2>&-", "2>/dev/full", ">&-", ">/dev/full", "<&- >&- 2>&-"])
def test_no_stream_is_needed_to_train(streams: str, tmp_path: Path) -> None:
    small = "--device=cpu --epochs=1 --hidden-size=4 --word-size=4"
    code, out, err = shell(f"{SEQKIT} train ner --corpus=ner-mini --out={tmp_path / 'run'} {small} {streams}")
    assert (tmp_path / "run" / "report.json").exists()
    lost = ">&-" in streams.replace("2>&-", "") or ">/dev/full" in streams.replace("2>/dev/full", "")
    assert code == (1 if lost else 0)
    assert out == ("" if lost else f"{tmp_path / 'run'}\n")
    if lost and "2>" not in streams:
        assert err.splitlines()[-1].endswith(f"the run is saved in {tmp_path / 'run'}")


@needs_shell
@pytest.mark.slow
@pytest.mark.parametrize("command", ["predict RUN Ada", "evaluate RUN", "info RUN", "--help", "corpora validate RUN"])
def test_every_command_says_that_its_output_is_lost(command: str) -> None:
    words = command.replace("corpora validate RUN", "corpora validate ner-mini").replace("RUN", str(tiny_run("ner")))
    for streams in (">&-", ">/dev/full"):
        code, _, err = shell(f"{SEQKIT} {words} {streams}")
        assert code == 1
        assert re.fullmatch(r"error: [^\n]+\n", err)
    assert shell(f"{SEQKIT} {words} 2>&- <&-")[0] == 0


@needs_shell
@pytest.mark.slow
def test_a_closed_stdin_is_no_text(tmp_path: Path) -> None:
    run = tiny_run("ner")
    code, out, err = shell(f"{SEQKIT} predict {run} <&-")
    assert (code, out) == (2, "")
    assert "stdin is closed" in err


ODD: list[dict[str, str]] = [
    {"COLUMNS": "0"},
    {"COLUMNS": "1", "LINES": "0"},
    {"COLUMNS": "²"},
    {"COLUMNS": "-5", "TERM": "dumb"},
    {"COLUMNS": "9" * 20},
]


@pytest.mark.parametrize("given", ODD, ids=str)
def test_an_odd_width_is_not_believed(given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "LINES"):
        monkeypatch.setenv(name, given.get(name, "50"))
    monkeypatch.setattr(os, "get_terminal_size", _no_terminal)
    prepare_width()
    assert shutil.get_terminal_size().columns == 80
    assert Console().width == 80
    assert os.environ.get("LINES") == (None if "LINES" in given else "50")


def _no_terminal(number: int = 1) -> os.terminal_size:
    raise OSError


@pytest.mark.parametrize(("width", "used"), [(0, 80), (10, 80), (20, 20), (132, 132)])
def test_a_terminal_too_narrow_for_text_is_taken_for_80_columns(
    width: int, used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")  # so that it is restored
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr(os, "get_terminal_size", lambda number=1: os.terminal_size((width, 24)))
    prepare_width()
    assert shutil.get_terminal_size().columns == used


@needs_shell
@pytest.mark.slow
@pytest.mark.parametrize("environment", ODD, ids=str)
def test_the_whole_text_is_printed_whatever_the_width(environment: dict[str, str]) -> None:
    code, out, err = shell(f"{SEQKIT} corpora --help", **environment)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert any("Report the tagging scheme" in line for line in lines)
    assert 70 < max(map(len, lines)) <= 80


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize("size", [(0, 0), (3, 10)], ids=str)
def test_a_terminal_without_a_size_is_taken_for_80_columns(size: tuple[int, int]) -> None:
    import pty
    import termios

    main, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, size)
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, sys.path))
    command = [sys.executable, "-c", "from seqkit_cli.main import main; main()", "corpora", "--help"]
    with subprocess.Popen(command, env=environment, stdin=terminal, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        while part := _read(main):
            shown += part
    os.close(main)
    assert process.returncode == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())
    assert "Report the tagging scheme" in plain
    assert 70 < max(len(line.rstrip()) for line in plain.splitlines()) <= 80


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # as Linux says that the other side was closed
        return b""
