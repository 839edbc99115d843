"""Trainings that are killed or whose disk is full at the steps that matter most: the short form of ``tests.faults``."""

import os
import random
import signal
import sys
from pathlib import Path

import pytest

from tests.faults.__main__ import CASES, attempt, faults_of
from tests.faults.damage import Case, spoil, steps_of
from tests.faults.file_layer import Fault
from tests.faults.rivals import two_at_once
from tests.faults.signals import Signalled, spoil_by_signals
from tests.faults.trainings import answers, fit, warm_up

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork processes")
OVER = Case("ner", "over an old run")


@pytest.fixture(scope="module", autouse=True)
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import everything here, so that the forked processes need not."""
    path = tmp_path_factory.mktemp("warm") / "run"
    fit("ner", path)
    answers("ner", path)


@pytest.fixture(scope="module")
def names() -> list[str]:
    """The steps of a training over an old run."""
    return steps_of(OVER)


def test_a_kill_or_a_full_disk_leaves_a_model_and_a_training_that_can_go_on(names: list[str]) -> None:
    middle = len(names) - names[::-1].index("write")  # the last file that is written
    exchange = names.index("exchange") + 1 if "exchange" in names else 1
    for fault in (
        Fault("kill before", exchange),
        Fault("kill after", exchange),
        Fault("kill half-way", middle),
        Fault("full disk", middle),
    ):
        assert spoil(OVER, fault).wrong == "", fault


@pytest.mark.slow
def test_trainings_survive_some_faults_of_every_kind() -> None:
    warm_up()
    draw = random.Random(1)
    for case in draw.sample(CASES, 6):
        for stage in faults_of(case, steps_of(case))[:3]:
            trial = draw.choice(stage)
            assert attempt(trial).wrong == "", trial


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the signals are those of Linux")
def test_trainings_survive_signals() -> None:
    draw = random.Random(1)
    for _ in range(5):
        signalled = Signalled.draw(draw)
        assert spoil_by_signals("ner", signalled) == "", signalled


@pytest.mark.slow
def test_of_two_trainings_into_one_folder_one_is_told_of_the_other() -> None:
    for _ in range(3):
        assert two_at_once("ner") == ""


def test_a_run_that_is_lost_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(folder: Path, files: dict[str, bytes], owned: object) -> None:
        folder.rename(tmp_path / "lost")  # and not yet the new one to its place
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr("seqkit.runs.folder.replace_folder", replace)
    assert "no model is left" in spoil(OVER, Fault()).wrong
