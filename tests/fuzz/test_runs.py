"""Damaged run folders: each changed file is noticed; unverified, the model answers or is refused in one line."""

import json
import pickle
import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from seqkit.runs.folder import FORMAT_VERSION
from seqkit.training.events import BatchDone
from tests.fuzz.runs import DAMAGES, check_load, damaged_bytes, files_of, outcome_of
from tests.golden_runs import GOLDEN, MODELS
from tests.tiny import ROWS, press_at, tiny_tagger
from tests.tiny_text import DEV, TRAIN, tiny_language_model

RUNS = GOLDEN / str(FORMAT_VERSION)
FILES = [(task, name) for task in MODELS for name in files_of(RUNS / task)]


def damage_file(folder: Path, task: str, name: str, count: int, seed: str) -> dict[str, int]:
    """Damage one file of a run in many ways; return how many runs were read and refused."""
    run = folder / "run"
    shutil.copytree(RUNS / task, run)
    content = (run / name).read_bytes()
    wanted = check_load(task, run, verify=True)
    chance = random.Random(f"{seed} {task} {name}")
    outcomes = {"read": 0, "refused": 0, "noticed": 0}
    for _ in range(count):
        damage = chance.choice(DAMAGES.get(Path(name).suffix, [damaged_bytes]))
        (run / name).unlink()
        (run / name).write_bytes(damage(content, chance))
        outcomes[check_load(task, run, verify=False)[0]] += 1
        verified = check_load(task, run, verify=True)
        outcomes["noticed"] += verified[0] == "refused"
        # A header with a valid checksum of its own may have another setting that is valid as well.
        assert verified[0] == "refused" or verified == wanted or name == "run.json", (run / name).read_bytes()[:3000]
    return outcomes


@pytest.mark.parametrize(("task", "name"), [each for each in FILES if each[0] in ("ner", "classifier", "lm")])
def test_a_damaged_file_of_a_run_is_noticed_or_changes_nothing(tmp_path: Path, task: str, name: str) -> None:
    outcomes = damage_file(tmp_path, task, name, 1, "short")
    assert outcomes["read"] + outcomes["refused"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(("task", "name"), FILES)
def test_many_damages_of_a_file_are_noticed_or_change_nothing(tmp_path: Path, task: str, name: str) -> None:
    outcomes = damage_file(tmp_path, task, name, 12, "long")
    assert outcomes["noticed"] > 0


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", files_of(RUNS / "ner"))
def test_no_file_is_unpickled(tmp_path: Path, name: str) -> None:
    shutil.copytree(RUNS / "ner", tmp_path / "run")
    writers: list[Callable[[Any, Any], None]] = [pickle.dump, torch.save]
    for number, write in enumerate(writers):
        target = tmp_path / f"written by {number}"
        with (tmp_path / "run" / name).open("wb") as file:
            write(Payload(target), file)
        for verify in (True, False):
            assert check_load("ner", tmp_path / "run", verify=verify)[0] == "refused"
        assert not target.exists()


def unfinished(folder: Path, task: str) -> Any:
    """Leave an unfinished training in a folder; return a function that resumes it."""
    if task == "ner":
        tiny_tagger().fit(ROWS, ROWS, out=folder, report=press_at((9, BatchDone)))
        return lambda out: tiny_tagger().fit(ROWS, ROWS, out=out, resume=True).predict(ROWS["tokens"])
    tiny_language_model(epochs=2).fit(TRAIN, dev=DEV, out=folder, report=press_at((25, BatchDone)))
    return lambda out: tiny_language_model(epochs=2).fit(TRAIN, dev=DEV, out=out, resume=True).score("Ada")


@pytest.mark.slow
@pytest.mark.parametrize("task", ["ner", "lm"])
def test_damaged_training_states_are_refused_or_resumed(tmp_path: Path, task: str) -> None:
    resume = unfinished(tmp_path / "run", task)
    (state,) = [name for name in files_of(tmp_path / "run") if name.startswith("resume/")]
    chance = random.Random(task)
    outcomes = []
    for number in range(12):
        copy = tmp_path / str(number)
        shutil.copytree(tmp_path / "run", copy)
        damage = chance.choice(DAMAGES[".safetensors"])
        (copy / state).write_bytes(damage((copy / state).read_bytes(), chance))
        outcomes.append(outcome_of(partial(resume, copy))[0])
        shutil.rmtree(copy)
    assert "refused" in outcomes


def test_the_runs_are_whole_before_they_are_damaged() -> None:
    for task in MODELS:
        assert check_load(task, RUNS / task, verify=True)[0] == "read"
        assert "sha256" in json.loads((RUNS / task / "run.json").read_text())
