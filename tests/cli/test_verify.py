"""Checksums and locks of run folders on the command line."""

import json
import shutil
from pathlib import Path

import pytest

from seqkit.runs.lock import FolderLock
from tests.command_line import seqkit
from tests.golden_runs import GOLDEN

CURRENT = max(GOLDEN.iterdir(), key=lambda path: int(path.name))


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(CURRENT / "ner", "runs/ner")
    shutil.copytree(CURRENT / "lm", "runs/lm")


def test_a_changed_file_is_named_and_can_be_read_all_the_same() -> None:
    for run in ("ner", "lm"):
        path = Path("runs", run, "tokenizer.json")
        path.write_text(path.read_text() + "\n")
    for command in (["predict", "runs/ner", "Ada"], ["generate", "--prompt=a", "--max-tokens=2"]):
        refused = seqkit(*command)
        assert (refused.code, refused.out) == (1, "")
        assert refused.err.count("\n") == 1
        assert "tokenizer.json is damaged or was changed" in refused.err
        assert refused.err.endswith("load it as it is with --no-verify\n")
        assert seqkit(*command, "--no-verify").code == 0


def test_a_folder_that_is_being_written_is_refused_in_one_line() -> None:
    Path("a.conll").write_text("Ada B-PER\nran O\n\nBo B-PER\n\n" * 8)
    lock = FolderLock.acquire(Path("runs/ner").resolve())
    try:
        done = seqkit("train", "ner", "--corpus=a.conll", "--out=runs/ner", "--overwrite", "--quiet")
    finally:
        lock.release()
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1
    assert "is being written by another training or save in this process; wait until it has ended" in done.err
    assert done.err.endswith("choose another --out\n")


def test_a_run_without_its_corpus_is_an_error_of_one_line() -> None:
    assert seqkit("info", "runs/ner").code == 0
    header = json.loads(Path("runs/ner/run.json").read_text())
    del header["corpus"], header["sha256"]
    Path("runs/ner/run.json").write_text(json.dumps({**header, "format_version": 1}))
    done = seqkit("info", "runs/ner")
    assert (done.code, done.out) == (1, "")
    assert "run.json is damaged: it has no 'corpus'; train again or restore the file" in done.err
