"""Run folders of every released format, as they were written then, are read now."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import seqkit
from seqkit.runs.folder import FORMAT_VERSION, RunFolder
from seqkit.runs.format import MIGRATIONS
from seqkit.training.events import BatchDone
from tests.golden_runs import GOLDEN, MODELS, predicted
from tests.tiny import ROWS, press_at, tiny_tagger


@pytest.mark.parametrize("task", MODELS)
@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
def test_a_run_of_a_released_format_predicts_as_it_did(version: int, task: str) -> None:
    run = GOLDEN / str(version) / task
    assert json.loads((run / "run.json").read_text())["format_version"] == version
    expected = json.loads((GOLDEN / str(version) / f"{task}.json").read_text())
    assert close(predicted(task, seqkit.load(run, device="cpu")), expected)


def close(one: Any, other: Any) -> bool:
    """Return whether two values are equal, numbers up to their last decimal."""
    if isinstance(one, float):
        return bool(one == pytest.approx(other, abs=2e-4))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(close, one, other))
    return bool(one == other)


def test_every_earlier_version_has_a_migration() -> None:
    assert sorted(MIGRATIONS) == list(range(1, FORMAT_VERSION))


def as_version_1(run: Path) -> None:
    """Make a run one of version 1, which had no checksums."""
    header = json.loads((run / "run.json").read_text())
    del header["sha256"], header["examples"]
    (run / "run.json").write_text(json.dumps({**header, "format_version": 1}))


def test_an_unfinished_run_of_version_1_is_resumed(tmp_path: Path) -> None:
    whole = tiny_tagger().fit(ROWS, ROWS)
    tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "run", report=press_at((9, BatchDone)))
    as_version_1(tmp_path / "run")
    resumed = tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "run", resume=True)
    assert resumed.predict(ROWS["tokens"]) == whole.predict(ROWS["tokens"])
    assert RunFolder(tmp_path / "run").read_run()["format_version"] == FORMAT_VERSION
    assert seqkit.load(tmp_path / "run", device="cpu").predict(ROWS["tokens"]) == whole.predict(ROWS["tokens"])


def test_a_run_of_version_1_is_replaced(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "1" / "ner", tmp_path / "run")
    RunFolder(tmp_path / "run").create({}, {"labels.json": "[]"}, overwrite=True)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["labels.json", "run.json"]
