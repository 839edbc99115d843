"""Run folders: a failure at any point leaves the previous content intact."""

import ast
import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load as load_tensors
from torch.testing import assert_close

import seqkit
from seqkit.errors import CheckpointError
from seqkit.runs import atomic
from seqkit.runs.folder import FORMAT_VERSION, RunFolder, newest_run, next_run_path, resume_bytes, tensor_bytes, to_json

HEADER = {"format_version": FORMAT_VERSION}
NEW_HEADER = {**HEADER, "new": 1}
OLD: dict[str, str | bytes] = {"model.safetensors": b"old", "resume/state": b"old"}
NEW: dict[str, str | bytes] = {"model.safetensors": b"new"}
NEW_RUN: dict[str, bytes] = {"model.safetensors": b"new"}


def content(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder, hidden ones included."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run_json(header: dict[str, Any], files: dict[str, bytes]) -> bytes:
    """Return the ``run.json`` of some files, whose checksums are computed here."""
    names = sorted({"run.json", *(name.split("/")[0] for name in files)})
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    run = {**header, "format_version": FORMAT_VERSION, "files": names, "sha256": sums}
    own = hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()
    return to_json({**run, "sha256": {**sums, "run.json": own}}).encode()


def old_run(path: Path) -> dict[str, bytes]:
    """Write a run and two files of the user into a folder; return the content of all files."""
    RunFolder(path).create(HEADER, OLD)
    (path / "notes.txt").write_text("mine")
    (path / "figures").mkdir()
    (path / "figures" / "errors.csv").write_text("mine too")
    return content(path)


class FullDisk:
    """Makes the disk full from the ``since``-th change on; renames, which need no space, then fail only once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, since: int) -> None:
        self.changes, self.since, self.last = 0, since, ""
        for name in ("mkdir", "open", "write", "fsync", "link", "rename", "replace"):
            self.fill(monkeypatch, os, name, needs_space=name not in ("rename", "replace"))
        self.fill(monkeypatch, atomic, "_renameat2", needs_space=False)

    def fill(self, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, *, needs_space: bool) -> None:
        usual: Callable[..., Any] = getattr(where, name)

        def full(*args: Any, **options: Any) -> Any:
            if name == "open" and not args[1] & os.O_CREAT:
                return usual(*args, **options)  # reading changes nothing
            self.changes, self.last = self.changes + 1, name
            if self.changes == self.since or (needs_space and self.changes > self.since):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return usual(*args, **options)

        monkeypatch.setattr(where, name, full)


def fail_everywhere(write: Callable[[], None], check: Callable[[], None]) -> int:
    """Repeat a write with a disk that is full from its first change on, then its second, …; return the failures."""
    for since in range(1, 100):
        with pytest.MonkeyPatch.context() as monkeypatch:
            disk = FullDisk(monkeypatch, since)
            try:
                write()
            except CheckpointError as error:
                message = str(error)
            else:
                flushed = disk.last == "fsync" and disk.changes == since  # the last step, with all in place
                assert disk.changes < since or flushed, "an error of the disk was ignored"
                return since - 1
        assert "cannot be written: No space left on device" in message
        assert "what was saved before is untouched; free some space" in message
        check()
    raise AssertionError("the write never succeeds")


def test_a_disk_that_fills_while_a_new_run_is_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "run"
    before = old_run(path)

    def check() -> None:
        assert content(path) == before
        assert [inner.name for inner in tmp_path.iterdir()] == ["run"], "something was left beside the run"

    failures = fail_everywhere(lambda: RunFolder(path).create(NEW_HEADER, NEW, overwrite=True), check)
    assert failures >= 2 * (len(NEW) + 1) + 4  # every file twice, and the moves of both runs and two files
    assert content(path) == {
        "run.json": run_json(NEW_HEADER, NEW_RUN),
        "model.safetensors": b"new",
        "notes.txt": b"mine",
        "figures/errors.csv": b"mine too",
    }
    assert [inner.name for inner in tmp_path.iterdir()] == ["run"]


def test_a_disk_that_fills_while_folders_are_exchanged_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "run"
    RunFolder(path).create(HEADER, OLD)
    before, place = content(path), path.stat().st_ino

    def check() -> None:
        assert content(path) == before
        assert path.stat().st_ino == place
        assert [inner.name for inner in tmp_path.iterdir()] == ["run"], "something was left beside the run"

    assert fail_everywhere(lambda: RunFolder(path).create(NEW_HEADER, NEW, overwrite=True), check) >= 10
    assert content(path) == {"run.json": run_json(NEW_HEADER, NEW_RUN), "model.safetensors": b"new"}
    assert [inner.name for inner in tmp_path.iterdir()] == ["run"]


def test_a_disk_that_fills_while_a_first_run_is_written_leaves_nothing(tmp_path: Path) -> None:
    def check() -> None:
        assert list(tmp_path.iterdir()) == []

    fail_everywhere(lambda: RunFolder(tmp_path / "run").create(NEW_HEADER, NEW), check)
    assert RunFolder(tmp_path / "run").has_model


def test_a_disk_that_fills_while_files_are_replaced_leaves_each_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "run"
    before = old_run(path)
    new = {name: text if isinstance(text, bytes) else text.encode() for name, text in NEW.items()}

    def check() -> None:
        after = content(path)
        assert after.keys() == before.keys()
        assert all(after[name] in (before[name], new.get(name)) for name in after if name != "run.json")
        assert RunFolder(path).read("model.safetensors").encode() == after["model.safetensors"], "its checksum is known"

    fail_everywhere(lambda: RunFolder(path).write(NEW), check)
    run = run_json(HEADER, {"model.safetensors": b"new", "resume/state": b"old"})
    assert content(path) == {**before, **new, "run.json": run}


def test_files_are_flushed_to_disk_before_they_are_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RunFolder(tmp_path).create(HEADER, {"model.safetensors": b"old"})
    order: list[str] = []

    def noted(name: str, usual: Callable[..., Any]) -> Callable[..., Any]:
        def call(first: Any, *args: Any) -> Any:
            flushed = "folder" if name == "fsync" and stat.S_ISDIR(os.fstat(first).st_mode) else "file"
            order.append(f"flush a {flushed}" if name == "fsync" else f"rename {Path(args[0]).name}")
            return usual(first, *args)

        return call

    with (tmp_path / "model.safetensors").open("rb") as reader:
        monkeypatch.setattr(os, "fsync", noted("fsync", os.fsync))
        monkeypatch.setattr(os, "replace", noted("replace", os.replace))
        RunFolder(tmp_path).write({"model.safetensors": b"new"})
        assert order == [
            *["flush a file"] * 3,
            *("rename run.json", "flush a folder"),
            *("rename model.safetensors", "flush a folder"),
            *("rename run.json", "flush a folder"),
        ]
        assert reader.read() == b"old", "a process that has the old file open can read it to its end"
    assert (tmp_path / "model.safetensors").read_bytes() == b"new"


def test_a_new_run_replaces_the_files_of_the_old_run_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "run"
    before = old_run(path)
    RunFolder(path).create(NEW_HEADER, {"labels.json": "[]"}, overwrite=True)
    kept = {name: before[name] for name in ("notes.txt", "figures/errors.csv")}
    assert content(path) == {"run.json": run_json(NEW_HEADER, {"labels.json": b"[]"}), "labels.json": b"[]", **kept}


def test_every_file_of_an_old_run_is_removed_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "run"
    RunFolder(path).create(HEADER, {"model.safetensors": b"old", "scaler.json": "{}"})
    RunFolder(path).write({"forecast.png": b"old"})
    (path / "notes.txt").write_text("mine")
    RunFolder(path).create(NEW_HEADER, NEW, overwrite=True)
    assert content(path) == {
        "run.json": run_json(NEW_HEADER, NEW_RUN),
        "model.safetensors": b"new",
        "notes.txt": b"mine",
    }


PROJECT = {
    "README.md": b"# mine",
    "labels.json": b"[1]",
    "report.json": b"{}",
    "resume/cv.txt": b"me",
    "run.json": b"{}",
}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", [*PROJECT, None])
def test_a_folder_of_somebody_else_is_never_written(tmp_path: Path, name: str | None, overwrite: bool) -> None:
    files = PROJECT if name is None else {name: PROJECT[name]}
    for each, text in files.items():
        (tmp_path / each).parent.mkdir(exist_ok=True)
        (tmp_path / each).write_bytes(text)
    with pytest.raises(CheckpointError, match=r"exists and is not a run folder; choose another out$"):
        RunFolder(tmp_path).create(HEADER, {"README.md": "", "labels.json": ""}, overwrite=overwrite)
    assert content(tmp_path) == files


def test_a_run_is_replaced_only_if_that_is_asked_for(tmp_path: Path) -> None:
    before = old_run(tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"has a run already; replace it with overwrite=True, or choose another"):
        RunFolder(tmp_path / "run").create(NEW_HEADER, NEW)
    assert content(tmp_path / "run") == before


def test_a_file_of_the_user_in_a_run_is_not_overwritten(tmp_path: Path) -> None:
    RunFolder(tmp_path).create(HEADER, OLD)
    (tmp_path / "report.json").write_text("mine")
    before = content(tmp_path)
    with pytest.raises(CheckpointError, match=r"report\.json is not a file of the run; move it, and try again$"):
        RunFolder(tmp_path).create(NEW_HEADER, {**NEW, "report.json": "{}"}, overwrite=True)
    with pytest.raises(CheckpointError, match=r"report\.json is not a file of the run; move it, and try again$"):
        RunFolder(tmp_path).write({"report.json": "{}"})
    assert content(tmp_path) == before


def test_the_working_directory_can_be_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = tmp_path.stat().st_ino
    RunFolder(".").create(HEADER, OLD)
    (tmp_path / "notes.txt").write_text("mine")
    assert RunFolder(".").read_run()["files"] == ["model.safetensors", "resume", "run.json"]
    RunFolder(".").create(NEW_HEADER, NEW, overwrite=True)
    assert content(Path.cwd()) == {
        "run.json": run_json(NEW_HEADER, NEW_RUN),
        "model.safetensors": b"new",
        "notes.txt": b"mine",
    }
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert Path.cwd().stat().st_ino == place


def test_a_disk_that_fills_while_the_working_directory_is_replaced_leaves_the_old_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = old_run(tmp_path)

    def check() -> None:
        assert content(tmp_path) == before
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

    assert fail_everywhere(lambda: RunFolder(".").create(NEW_HEADER, NEW, overwrite=True), check) >= 8


def test_an_empty_folder_keeps_its_place_and_its_permissions(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    place = tmp_path.stat().st_ino
    RunFolder(tmp_path).create(NEW_HEADER, NEW)
    assert (tmp_path.stat().st_ino, tmp_path.stat().st_mode & 0o777) == (place, 0o750)
    assert content(tmp_path) == {"run.json": run_json(NEW_HEADER, NEW_RUN), "model.safetensors": b"new"}


def test_whether_a_folder_can_be_written_is_tried_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*args: Any, **options: Any) -> Any:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "mkdir", refused)
    with pytest.raises(CheckpointError, match="cannot be written: Read-only file system"):
        RunFolder(tmp_path / "deep" / "run").check_can_create()


def test_a_file_is_listed_in_run_json_before_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run"
    RunFolder(path).create(HEADER, OLD)
    seen: list[list[str]] = []
    usual = os.replace

    def replace(source: Any, target: Any) -> Any:
        done = usual(source, target)
        if Path(target).name != "run.json":
            seen.append(RunFolder(path).read_run()["files"])
        return done

    monkeypatch.setattr(os, "replace", replace)
    RunFolder(path).write({"report.json": "{}", "model.safetensors": b"new"})
    assert seen == [["model.safetensors", "report.json", "resume", "run.json"]] * 2


def test_a_run_behind_a_link_is_replaced_at_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    old_run(tmp_path / "disk" / "run")
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "run")
    RunFolder(tmp_path / "link").create(NEW_HEADER, NEW, overwrite=True)
    assert (tmp_path / "disk" / "run" / "model.safetensors").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "link"]


def test_a_run_folder_has_the_default_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    RunFolder(tmp_path / "run").create(NEW_HEADER, NEW, overwrite=True)
    assert (tmp_path / "run").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_text_is_written_as_utf_8_and_bytes_as_they_are(tmp_path: Path) -> None:
    RunFolder(tmp_path).create(HEADER, {"README.md": "Čapek 🙂\n", "learning_curve.png": b"\x89PNG\r\n"})
    assert (tmp_path / "README.md").read_bytes() == "Čapek 🙂\n".encode()
    assert (tmp_path / "learning_curve.png").read_bytes() == b"\x89PNG\r\n"


@pytest.mark.parametrize("name", ["file", "file/run", "file/deep/run"])
def test_a_file_where_the_folder_should_be_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CheckpointError, match=r"(cannot be written: .*|is not a run folder); .*choose another out$"):
        RunFolder(tmp_path / name).create(NEW_HEADER, NEW, overwrite=True)
    assert content(tmp_path) == {"file": b"mine"}


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    tensors = {
        "matrix": torch.arange(6.0).reshape(2, 3).t(),  # not contiguous
        "parameter": torch.nn.Parameter(torch.tensor([1.5, -0.0])),
        "flags": torch.tensor([True, False]),
        "state": torch.tensor([7, 255], dtype=torch.uint8),
    }
    RunFolder(tmp_path).create(HEADER, {"model.safetensors": tensor_bytes(tensors, {"state": "{}"})})
    read, metadata = RunFolder(tmp_path).read_tensors()
    assert metadata == {"state": "{}"}
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert_close(read[name], tensor.detach(), rtol=0, atol=0)
    assert load_tensors((tmp_path / "model.safetensors").read_bytes()).keys() == tensors.keys()


def test_errors_name_what_is_missing_and_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has no run\.json; there is no such folder"):
        RunFolder(tmp_path / "gone").read_run()
    with pytest.raises(
        CheckpointError, match=r"is not a run: it has no run\.json; give the folder that 'seqkit train'"
    ):
        RunFolder(tmp_path).read_run()
    with pytest.raises(CheckpointError, match=r"has no model\.safetensors; give the folder"):
        RunFolder(tmp_path).read_tensors()
    with pytest.raises(CheckpointError, match="cannot be resumed: it is not a run"):
        RunFolder(tmp_path).read_resume()
    (tmp_path / "model.safetensors").write_bytes(tensor_bytes({"x": torch.ones(1)}))
    with pytest.raises(CheckpointError, match="cannot be resumed: its training has finished"):
        RunFolder(tmp_path).read_resume()


@pytest.mark.parametrize("damaged", [b"", b"{", b'{"format_version": 1', b"\xff\xfe{}"])
def test_a_damaged_run_json_is_an_error(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "run.json").write_bytes(damaged)
    with pytest.raises(CheckpointError, match=r"run\.json (is damaged: .*restore the file|cannot be read)"):
        RunFolder(tmp_path).read_run()


@pytest.mark.parametrize(
    "foreign",
    ["{}", "[]", "null", *(f'{{"format_version": {version}}}' for version in ("99", '"1"', "true", "1.0", "0"))],
)
def test_another_format_version_is_an_error(tmp_path: Path, foreign: str) -> None:
    (tmp_path / "run.json").write_text(foreign)
    with pytest.raises(
        CheckpointError, match=f"this seqkit reads versions 1 to {FORMAT_VERSION}; use the seqkit version"
    ):
        RunFolder(tmp_path).read_run()


@pytest.mark.parametrize("cut", [0, 4, 30, -1])
def test_damaged_weights_are_an_error(tmp_path: Path, cut: int) -> None:
    (tmp_path / "model.safetensors").write_bytes(tensor_bytes({"x": torch.ones(9)})[:cut])
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged: .*train again or restore the file"):
        RunFolder(tmp_path).read_tensors()


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "has version None; this seqkit resumes version 1; resume with the seqkit version in run.json"),
        ({"version": "99", "state": "{}"}, "has version 99; this seqkit resumes version 1"),
        ({"version": "1", "other": "1"}, "has no training state; train again"),
        ({"version": "1", "state": "{"}, "has no training state; train again"),
    ],
)
def test_a_resume_file_of_another_program_or_version_is_an_error(
    tmp_path: Path, metadata: dict[str, str] | None, message: str
) -> None:
    RunFolder(tmp_path).create(HEADER, {"resume/state.safetensors": tensor_bytes({"x": torch.ones(1)}, metadata)})
    assert RunFolder(tmp_path).can_resume
    with pytest.raises(CheckpointError, match=message):
        RunFolder(tmp_path).read_resume()


def test_discarding_the_resume_state_twice_is_no_error(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.create(HEADER, {"resume/state.safetensors": resume_bytes({"x": torch.ones(1)}, {"epoch": 2})})
    tensors, values = folder.read_resume()
    assert tensors["x"].tolist() == [1.0]
    assert values == {"epoch": 2}
    folder.discard_resume()
    folder.discard_resume()  # nothing is left to discard
    assert not folder.can_resume
    assert content(tmp_path).keys() == {"run.json"}


def test_runs_are_numbered_from_2(tmp_path: Path) -> None:
    parent = tmp_path / "runs"
    (parent / "ner-3").mkdir(parents=True)
    assert [next_run_path("ner", parent).name for _ in range(4)] == ["ner", "ner-2", "ner-4", "ner-5"]
    (parent / "pos").write_text("a file")
    assert next_run_path("pos", parent) == parent / "pos-2"
    assert (parent / "pos-2").is_dir()


def test_a_run_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(CheckpointError, match="runs/ner cannot be written: Not a directory"):
        next_run_path("ner", tmp_path / "runs")


def test_the_newest_run_is_the_one_whose_model_was_saved_last(tmp_path: Path) -> None:
    def run(name: str, description: str, time: int) -> None:
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "run.json").write_text(description)
        (tmp_path / name / "model.safetensors").write_bytes(b"")
        os.utime(tmp_path / name / "model.safetensors", (time, time))

    with pytest.raises(CheckpointError, match=r"no ner or pos run in .*; train one first, or name its folder"):
        newest_run({"pos", "ner"}, tmp_path)
    run("ner", '{"task": "ner"}', 300)
    run("ner-2", '{"task": "ner"}', 200)
    run("pos", '{"task": "pos"}', 400)
    run("damaged", "{", 900)
    run("foreign", "[]", 900)
    run("listed", '{"task": ["ner"]}', 900)
    run("mine", '{"task": "weather"}', 900)
    (tmp_path / "no-model").mkdir()
    (tmp_path / "no-model" / "run.json").write_text('{"task": "ner"}')
    (tmp_path / "no-description").mkdir()
    (tmp_path / "no-description" / "model.safetensors").write_bytes(b"")
    assert newest_run({"ner"}, tmp_path) == tmp_path / "ner"
    assert newest_run({"pos"}, tmp_path) == tmp_path / "pos"
    assert newest_run({"ner", "pos"}, tmp_path) == tmp_path / "pos"
    run("ner-2", '{"task": "ner"}', 500)
    assert newest_run({"ner", "pos"}, tmp_path) == tmp_path / "ner-2"


def test_no_module_uses_pickle() -> None:
    # Loading a pickle runs arbitrary code, so a model that is passed on must not contain one.
    picklers = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
    for package in (Path(str(seqkit.__file__)).parent, Path(__file__).parents[2] / "cli" / "seqkit_cli"):
        for path in package.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    assert not picklers & {alias.name.split(".")[0] for alias in node.names}, path
                elif isinstance(node, ast.ImportFrom):
                    assert str(node.module).split(".")[0] not in picklers, path
                elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    written = f"{node.value.id}.{node.attr}"
                    assert written not in {"torch.load", "torch.save", "numpy.load", "numpy.save"}, path


def test_json_is_read_as_it_was_written(tmp_path: Path) -> None:
    value = {"f1": 0.5, "labels": ["O", "B-ÉTAT"], "none": None}
    RunFolder(tmp_path).create(HEADER, {"report.json": to_json(value)})
    assert RunFolder(tmp_path).read_json("report.json") == value
    assert repr(RunFolder(tmp_path)) == f"RunFolder({str(tmp_path)!r})"


def test_a_run_is_replaced_only_if_it_is_said_so(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.create(HEADER, dict(NEW))
    with pytest.raises(CheckpointError, match="overwrite"):
        folder.check_can_create()
    folder.check_can_create(overwrite=True)


def test_a_file_and_a_folder_are_discarded(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    for name in ("file", "folder", "absent"):
        atomic.discard(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
