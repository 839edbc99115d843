"""Run folders in special places: mount points, read-only parents; and loading while another process saves."""

import ctypes
import errno
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import seqkit
from seqkit.errors import CheckpointError
from seqkit.runs.folder import RunFolder
from seqkit.training.events import Event
from tests.slow_cases import rest_slow
from tests.tiny import ROWS, tiny_tagger

# The children of a fork only write files and end.
pytestmark = pytest.mark.filterwarnings(r"ignore:This process .* is multi-threaded:DeprecationWarning")

BIND, READ_ONLY, REMOUNT = 4096, 1, 32


def mount(source: Path, target: Path, flags: int) -> None:
    """Call Linux's ``mount``; skip the test where that is not allowed."""
    if sys.platform != "linux":
        pytest.skip("mounts are tried on Linux only")
    library = ctypes.CDLL(None, use_errno=True)
    if library.mount(os.fsencode(source), os.fsencode(target), None, ctypes.c_ulong(flags), None):
        pytest.skip(f"this process may not mount: {os.strerror(ctypes.get_errno())}")


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that is a mount point below a folder that is read-only."""
    disk, parent = tmp_path / "disk", tmp_path / "parent"
    place = parent / "run"
    disk.mkdir()
    place.mkdir(parents=True)
    mount(parent, parent, BIND)
    try:
        mount(disk, place, BIND)
        try:
            mount(parent, parent, BIND | REMOUNT | READ_ONLY)
            yield place
        finally:
            subprocess.run(["umount", place], check=True)
    finally:
        subprocess.run(["umount", parent], check=True)


def test_a_mount_point_below_a_read_only_folder_is_written(mounted: Path) -> None:
    first = tiny_tagger(epochs=1, seed=3).fit(ROWS, ROWS, out=mounted)
    assert seqkit.load(mounted, device="cpu").predict(ROWS["tokens"]) == first.predict(ROWS["tokens"])
    second = tiny_tagger(epochs=1).fit(ROWS, ROWS)
    second.save(mounted, overwrite=True)
    assert seqkit.load(mounted, device="cpu").predict(ROWS["tokens"]) == second.predict(ROWS["tokens"])
    assert list(mounted.rglob(".*")) == []
    assert [path.name for path in mounted.parent.iterdir()] == ["run"]


def test_a_read_only_folder_is_refused_before_training(mounted: Path) -> None:
    trained: list[Event] = []
    message = (
        "beside cannot be written: Read-only file system; what was saved before is untouched; .*choose another out"
    )
    with pytest.raises(CheckpointError, match=message):
        tiny_tagger().fit(ROWS, ROWS, out=mounted.parent / "beside", report=trained.append)
    assert trained == []


def test_a_full_disk_is_noticed_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    trained: list[Event] = []
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(CheckpointError, match="run cannot be written: No space left on device"):
        tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "run", report=trained.append)
    assert (trained, list(tmp_path.iterdir())) == ([], [])


def parts_of(run: RunFolder) -> set[str]:
    return {str(run.read_json(f"{part}.json")) for part in "abcdef"}


def save_in_turns(path: Path, files: list[dict[str, str | bytes]], stop: Any) -> None:
    number = 0
    while not stop.is_set():
        RunFolder(path).create({}, files[number % 2], overwrite=True)
        number += 1


@pytest.mark.parametrize("verify", rest_slow([True, False]))
@pytest.mark.parametrize("in_place", [True, False])
def test_a_reader_never_gets_parts_of_two_runs(in_place: bool, verify: bool, tmp_path: Path) -> None:
    path = tmp_path / "run"
    runs: list[dict[str, str | bytes]] = [{f"{part}.json": f'"{turn}"' for part in "abcdef"} for turn in ("one", "two")]
    RunFolder(path).create({}, runs[0])
    if in_place:
        (path / "notes.txt").write_text("mine")
    process = multiprocessing.get_context("fork")
    stop = process.Event()
    writer = process.Process(target=save_in_turns, args=(path, runs, stop))
    writer.start()
    seen: set[str] = set()
    refused = 0
    try:
        readings, end = 0, time.monotonic() + 20
        while readings < 150 or (len(seen) < 2 and time.monotonic() < end):
            readings += 1
            run = RunFolder(path, verify=verify)
            try:
                found = run.consistently(partial(parts_of, run))
            except CheckpointError as error:
                assert "is being written all the time; try again later" in str(error), error  # noqa: PT017
                refused += 1
            else:
                assert len(found) == 1, "parts of two runs"
                seen |= found
    finally:
        stop.set()
        writer.join()
    assert seen == {"one", "two"}
    assert refused < readings / 3
