"""Two processes do not write one run folder, and a dead one locks nobody out."""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import seqkit
from seqkit.errors import CheckpointError
from seqkit.runs import lock
from seqkit.runs.folder import RunFolder
from seqkit.training.events import BatchDone, EpochDone, Event
from tests.tiny import ROWS, press_at, tiny_tagger

# The children of a fork only write files and end.
pytestmark = pytest.mark.filterwarnings(r"ignore:This process .* is multi-threaded:DeprecationWarning")

HOLDER = """
import sys
from seqkit.runs.lock import FolderLock
from pathlib import Path
lock = FolderLock.acquire(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_elsewhere(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Lock a folder in another process."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "locked\n"
        yield process
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


@pytest.fixture
def no_system_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand for a file system that has no locks, in this process."""

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_a_second_process_is_told_who_writes_the_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    tiny_tagger(epochs=1).fit(ROWS, ROWS).save(run)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    with held_elsewhere(run) as process:
        message = (
            rf"is being written by process {process.pid} on .+, since \d{{4}}-.+; wait until it has ended, or choose"
        )
        with pytest.raises(CheckpointError, match=message) as raised:
            RunFolder(run).create({}, {"labels.json": "[]"}, overwrite=True)
        assert "\n" not in str(raised.value)
        trained: list[Event] = []
        with pytest.raises(CheckpointError, match="is being written by process"):
            tiny_tagger().fit(ROWS, ROWS, out=run, overwrite=True, report=trained.append)
        assert trained == [], "it is refused before training"
        assert seqkit.load(run, device="cpu").predict(["Ada"]), "it can be read meanwhile"
    (run / ".seqkit-lock").unlink(missing_ok=True)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


@pytest.mark.parametrize("system_locks", [True, False])
def test_the_lock_of_a_dead_process_is_taken_over(
    system_locks: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with held_elsewhere(tmp_path / "run"):
        if not system_locks:
            request.getfixturevalue("no_system_locks")
            with pytest.raises(CheckpointError, match="is being written by process"):
                RunFolder(tmp_path / "run").create({}, {"labels.json": "[]"})
    assert (tmp_path / "run" / ".seqkit-lock").exists(), "it was killed"
    RunFolder(tmp_path / "run").create({}, {"labels.json": "[]"})
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["labels.json", "run.json"]


@pytest.mark.usefixtures("no_system_locks")
def test_a_lock_file_counts_while_its_very_process_is_alive(tmp_path: Path) -> None:
    def signed(**changes: Any) -> None:
        owner = {"pid": os.getppid(), "host": socket.gethostname(), "started": "", "since": "2026-01-01 00:00:00"}
        (tmp_path / ".seqkit-lock").write_text(json.dumps({**owner, **changes}))

    signed(started=lock._started(os.getppid()))
    with pytest.raises(CheckpointError, match=f"by process {os.getppid()} on "):
        RunFolder(tmp_path).check_can_create()
    signed(host="elsewhere", started="1")
    with pytest.raises(CheckpointError, match="on elsewhere, since 2026-01-01 00:00:00; wait"):
        RunFolder(tmp_path).check_can_create()
    for changes in (
        {"started": "1"},
        {"pid": 2**22 + 1},
        {"pid": "x"},
    ):  # its number is another's now; it is dead; garbage
        signed(**changes)
        RunFolder(tmp_path).check_can_create()
    (tmp_path / ".seqkit-lock").write_bytes(b"\xff")
    RunFolder(tmp_path).check_can_create()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("system_locks", [True, False])
def test_threads_of_one_process_lock_each_other_out(
    system_locks: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if not system_locks:
        request.getfixturevalue("no_system_locks")
    refused: list[str] = []

    def create() -> None:
        try:
            RunFolder(tmp_path / "run").create({}, {})
        except CheckpointError as error:
            refused.append(str(error))

    with RunFolder(tmp_path / "run").locked():
        thread = threading.Thread(target=create)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert "is being written by another training or save in this process; wait" in refused[0]
    assert list(tmp_path.iterdir()) == [], "the folder was made for the lock"


def test_a_forked_process_neither_keeps_nor_drops_the_lock(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    holding = lock.FolderLock.acquire(folder.path)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(writing)
        holding.release()  # as when an exception unwinds its stack
        os.read(reading, 1)
        os._exit(0)
    os.close(reading)
    try:
        with pytest.raises(CheckpointError, match="is being written"):
            folder.create({}, {})
        holding.release()
        folder.create({}, {})
    finally:
        os.close(writing)
        os.waitpid(child, 0)


def test_a_training_stops_writing_if_its_folder_is_moved_or_replaced(tmp_path: Path) -> None:
    run, aside = tmp_path / "run", tmp_path / "aside"
    other = tiny_tagger(epochs=1, seed=7).fit(ROWS, ROWS)

    def take_away(event: Event, replace: bool) -> None:
        if isinstance(event, EpochDone) and event.record["epoch"] == 2:
            run.rename(aside)
            if replace:
                other.save(run)

    for replace in (False, True):
        with pytest.raises(CheckpointError, match="run was moved, deleted or replaced while it was being written"):
            tiny_tagger().fit(ROWS, ROWS, out=run, report=partial(take_away, replace=replace))
        assert len((aside / "metrics.jsonl").read_text().splitlines()) == 1, "nothing more was written"
        assert run.exists() is replace
        tiny_tagger().fit(ROWS, ROWS, out=aside, resume=True)
        shutil.rmtree(aside)
    assert seqkit.load(run, device="cpu").predict(ROWS["tokens"]) == other.predict(ROWS["tokens"])


def test_a_training_stops_writing_if_another_run_is_copied_into_its_folder(tmp_path: Path) -> None:
    tiny_tagger(epochs=1, seed=7).fit(ROWS, ROWS).save(tmp_path / "other")

    def copy(event: Event) -> None:
        if isinstance(event, EpochDone) and event.record["epoch"] == 2:
            shutil.copytree(tmp_path / "other", tmp_path / "run", dirs_exist_ok=True)

    with pytest.raises(CheckpointError, match=r"run\.json was replaced by that of another run meanwhile; nothing more"):
        tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "run", report=copy)
    assert seqkit.load(tmp_path / "run", device="cpu").get_params()["seed"] == 7


def test_a_training_leaves_no_lock(tmp_path: Path) -> None:
    tiny_tagger(epochs=1).fit(ROWS, ROWS, out=tmp_path / "whole")
    tiny_tagger(epochs=1).fit(ROWS, ROWS, out=tmp_path / "cut", report=press_at((1, BatchDone)))
    assert list(tmp_path.rglob(".*")) == []
