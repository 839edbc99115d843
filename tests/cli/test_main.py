"""The command line as a whole: help, version, exit codes, which run is read, what is imported."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import seqkit as library
from tests.command_line import seqkit, tiny_run, words_of


def copied_runs(folder: Path, **runs: str) -> None:
    """Copies of tiny runs as ``runs/NAME``, each saved a minute after the one before."""
    for age, (name, task) in enumerate(runs.items()):
        copy = shutil.copytree(tiny_run(task), folder / "runs" / name)
        os.utime(copy / "model.safetensors", (60 * age, 60 * age))


def test_version() -> None:
    done = seqkit("--version")
    assert (done.code, done.out, done.err) == (0, f"seqkit {library.__version__}\n", "")


def test_help_names_every_command() -> None:
    said = words_of(seqkit("--help").out)
    for command in ("train", "evaluate", "predict", "info", "corpora"):
        assert f" {command} " in said
    for command in ("ner", "pos", "sentiment", "classifier", "lm"):
        assert f" {command} " in words_of(seqkit("train", "--help").out)


def test_no_screen_is_wider_than_a_terminal() -> None:
    for command in ("train ner", "train pos", "evaluate", "predict", "info", "corpora validate"):
        done = seqkit(*command.split(), "--help", terminal=True)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", done.out)
        assert max(map(len, plain.splitlines())) <= 80


@pytest.mark.parametrize(
    "command",
    [
        "nonsense",
        "train",
        "train sing",
        "train ner --no-such-option",
        "train ner --epochs many",
        "train ner --head tail",
        "train ner --cell abacus",
        "train ner --characters=runes",
        "train ner --optimizer luck",
        "train ner --schedule never",
        "train ner --device abacus",
        "train ner --precision perfect",
        "train ner --epochs 0",
        "train ner --max-minutes inf",
        "train ner --learning-rate nan",
        "train ner --scheme ZZZ",
        "train ner --dev-fraction 2",
        "train ner --config nowhere.toml",
        "train pos",
        "predict RUN some text",
        "predict RUN text --input -",
        "predict RUN text --format xml",
        "evaluate RUN --errors -1",
        "evaluate RUN --device abacus",
        "corpora show",
        "info RUN RUN",
    ],
)
def test_bad_usage_is_exit_code_2(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = seqkit(*(word.replace("RUN", str(tiny_run("ner"))) for word in command.split()))
    assert done.code == 2
    assert "error" in done.err.lower() or "Usage" in done.out + done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_debug_adds_the_traceback() -> None:
    plain, debug = seqkit("info", "nowhere"), seqkit("--debug", "info", "nowhere")
    assert plain.code == debug.code == 1
    assert re.fullmatch(r"error: .*nowhere.*\n", plain.err)
    assert debug.err.startswith("Traceback")
    assert debug.err.endswith(plain.err)


def test_commands_take_the_newest_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied_runs(tmp_path, old="ner", middle="pos", new="ner")
    monkeypatch.chdir(tmp_path)
    for command in (["evaluate"], ["info"]):
        assert "runs/new" in seqkit(*command).out
    assert json.loads(seqkit("predict", "Bo ran", "--json").out).keys() == {"text", "entities"}
    os.utime("runs/middle/model.safetensors", (600, 600))
    assert "runs/middle" in seqkit("info").out
    assert json.loads(seqkit("predict", "Bo ran", "--json").out).keys() == {"text", "tokens"}


@pytest.mark.parametrize("command", ["evaluate", "info", "predict some-text"])
def test_no_run_is_an_error(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = seqkit(*command.split())
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(
        r"error: no (anomaly|classifier|forecast|lm|ner|or|pos|sentiment| )+ run in runs/; .*\n", done.err
    )


def test_a_damaged_run_is_told(tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run("ner"), tmp_path / "run")
    spoil: list[tuple[str, Callable[[Path], object]]] = [
        ("model.safetensors", lambda file: file.write_bytes(b"\0" * 20)),
        ("labels.json", lambda file: file.write_text("{")),
        ("tokenizer.json", lambda file: file.unlink()),
        ("run.json", lambda file: file.write_text('{"format_version": 99}')),
    ]
    for name, change in spoil:
        change(run / name)
        done = seqkit("predict", run, "Bo ran")
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("error: ")
        assert done.err.count("\n") == 1
        shutil.copy(tiny_run("ner") / name, run / name)
    assert seqkit("predict", run, "Bo ran").code == 0


@pytest.mark.parametrize("command", [["predict", "RUN", "Bo ran"], ["evaluate", "RUN"]])
def test_a_device_that_is_missing_is_bad_usage(command: list[str]) -> None:
    if torch.backends.mps.is_available():
        pytest.skip("this machine has the device")
    done = seqkit(*(word.replace("RUN", str(tiny_run("ner"))) for word in command), "--device=mps")
    assert (done.code, done.out) == (2, "")
    assert re.fullmatch(r"error: device 'mps' is not available here; [^\n]+\n", done.err)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_an_output_that_is_full_is_told() -> None:
    command = [sys.executable, "-c", "from seqkit_cli.main import main; main()", "corpora", "list"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"error: .*No space left on device\n", done.stderr)


def test_help_and_wrong_runs_are_told_without_torch(tmp_path: Path) -> None:
    code = """
import sys
from seqkit_cli.main import main
codes = []
for command in ("train ner --help", "predict -h", "corpora list", "predict text", "info", "predict nowhere text"):
    sys.argv = ["seqkit", *command.split()]
    try:
        main()
    except SystemExit as leaving:
        codes.append(leaving.code)
print(codes, file=sys.stderr)
assert not {"torch", "datasets", "numpy"} & set(sys.modules), sorted(sys.modules)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[0, 0, 0, 1, 1, 1]"
