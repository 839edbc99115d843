"""A process that is killed at any step of a write leaves one whole run, for the next reader and the next writer."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from seqkit.errors import CheckpointError
from seqkit.runs import atomic
from seqkit.runs.atomic import READY
from seqkit.runs.folder import RunFolder

# The children of a fork only write files and end.
pytestmark = pytest.mark.filterwarnings(r"ignore:This process .* is multi-threaded:DeprecationWarning")

OLD: dict[str, str | bytes] = {
    "labels.json": "old",
    "model.safetensors": "old",
    "resume/state": "old",
    "gone.json": "1",
}
NEW: dict[str, str | bytes] = {"labels.json": "new", "model.safetensors": "new", "more.json": "2"}
WRITTEN: dict[str, str | bytes] = {"model.safetensors": "written", "resume/state": "written", "report.json": "3"}
STEPS = ("mkdir", "open", "write", "fsync", "link", "rename", "replace", "unlink", "rmdir")


def kill_at(step: int, write: Callable[[], None]) -> bool:
    """Write in another process, which is killed at its step-th change of the disk; return whether it was."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] != 0
    steps = 0

    def counted(usual: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps == step:
                os._exit(9)
            return usual(*args, **options)

        return call

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    atomic._renameat2 = counted(atomic._renameat2)
    try:
        write()
    except BaseException:
        os._exit(1)
    os._exit(0)


def contents(path: Path) -> dict[str, str] | None:
    """Return what a reader finds, without writing; None if there is no run."""
    run = RunFolder(path)

    def read() -> dict[str, str]:
        names = [name for name in run.read_run()["sha256"] if name != "run.json"]
        return {name: run.read(name) for name in names if name != "report.json" or (path / name).exists()}

    if not (path / "run.json").exists() and not (path / READY / "run.json").exists():
        with pytest.raises(CheckpointError, match=r"it has no run\.json"):
            run.read_run()
        return None
    return run.consistently(read)


def visible(path: Path) -> dict[str, str]:
    return {
        str(each.relative_to(path)): each.read_text()
        for each in path.rglob("*")
        if each.is_file() and each.name != "run.json"
    }


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flush nothing: a killed process loses nothing by that, and flushing takes long."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


EVERY = [pytest.param(1, marks=pytest.mark.slow), 9]  # all steps, or some of them
PLACES = ("absent", "empty", "run", "run with other files", "run in the working directory", "no exchange")


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("place", PLACES)
def test_a_new_run_is_there_or_the_old_one(
    place: str, every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = {"notes.txt": "mine"} if place == "run with other files" else {}
    old = None if place in ("absent", "empty") else OLD
    outcomes = set()
    step, killed = 1 + PLACES.index(place) % every, True
    while killed:
        path = tmp_path / str(step) / "run"
        if place != "absent":
            path.mkdir(parents=True)
        if old:
            RunFolder(path).create({}, old)
        for name, text in mine.items():
            (path / name).write_text(text)
        with monkeypatch.context() as patched:
            if place == "run in the working directory":
                patched.chdir(path)
            if place == "no exchange":
                patched.setattr(atomic, "_renameat2", refused)
            killed = kill_at(step, partial(RunFolder(path).create, {}, NEW, overwrite=True))
        found = contents(path)
        assert found in (old, NEW)
        outcomes.add(found == NEW)
        with RunFolder(path).locked():  # the next writer
            assert {**visible(path), ".seqkit-lock": ""} == {**(found or {}), **mine, ".seqkit-lock": ""}
        assert not list(path.parent.rglob(".*")), "nothing temporary is left"
        assert contents(path) == found
        step += every
    assert step > 20
    assert outcomes == {True, False}


def refused(*_: object) -> None:
    raise OSError(38, "Function not implemented")


@pytest.mark.parametrize("every", EVERY)
def test_files_of_a_run_are_written_or_not(every: int, tmp_path: Path) -> None:
    step, killed = 1, True
    while killed:
        path = tmp_path / str(step) / "run"
        RunFolder(path).create({}, OLD)
        killed = kill_at(step, partial(RunFolder(path).write, WRITTEN))
        found = contents(path)
        assert found is not None
        assert {**found, "report.json": "3"} == {
            **OLD,
            "report.json": "3",
            **{k: found[k] for k in WRITTEN if k in found},
        }
        assert all(found[name] in (OLD.get(name), text) for name, text in WRITTEN.items() if name in found)
        RunFolder(path).write(WRITTEN)
        assert contents(path) == {**OLD, **WRITTEN}
        assert not list(path.parent.rglob(".*"))
        step += every
    assert step > 20


def test_a_reader_finds_one_whole_run_at_each_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run"
    RunFolder(path).create({}, OLD)
    (path / "notes.txt").write_text("mine")  # so that the new run moves in file by file
    seen = [contents(path)]

    def watched(usual: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            done = usual(*args, **options)
            seen.append(contents(path))
            return done

        return call

    with monkeypatch.context() as patched:
        for name in ("rename", "replace", "unlink"):
            patched.setattr(os, name, watched(getattr(os, name)))
        RunFolder(path).create({}, NEW, overwrite=True)
    assert {found == NEW for found in seen} == {True, False}
    assert all(found in (OLD, NEW) for found in seen)
