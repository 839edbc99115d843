"""Resuming the training of a language model, interrupted or killed, gives the result of an uninterrupted run."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from seqkit.runs.folder import RunFolder
from seqkit.training.events import BatchDone, EpochDone, Event
from seqkit.training.trainer import Trainer
from tests.slow_cases import rest_slow
from tests.tiny import history_of, press_at, without_time
from tests.tiny_text import DEV, TRAIN, TextTrainer, text_options, tiny_language_model, write_texts

RECIPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "both directions, two batches a step": {"direction": "both", "accumulate": 2},
    "AWD": {
        "num_layers": 2,
        "optimizer": "sgd",
        "learning_rate": 2.0,
        "schedule": "plateau",
        "plateau_patience": 1,
        "vary_bptt": True,
        "reset_probability": 0.1,
        "activation_penalty": 1.0,
        "temporal_penalty": 1.0,
    },
    "decay, GRU, untied": {"cell": "gru", "tied": False, "schedule": "decay", "decay_after": 1, "decay": 0.5},
}


def assert_same_training(path: Path, reference: Path) -> None:
    one, other = load_file(path / "model.safetensors"), load_file(reference / "model.safetensors")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one), "the weights are the same to the last bit"
    assert without_time(history_of(path)) == without_time(history_of(reference))
    assert not (path / "resume").exists()


@pytest.mark.parametrize("point", [(0, BatchDone), (29, BatchDone), (1, EpochDone)], ids=str)
@pytest.mark.parametrize("recipe", rest_slow(RECIPES))
def test_a_resumed_run_equals_an_uninterrupted_one(recipe: str, point: tuple[int, type], tmp_path: Path) -> None:
    changes = RECIPES[recipe]
    tiny_language_model(**changes).fit(TRAIN, DEV, out=tmp_path / "whole")
    first = tiny_language_model(**changes).fit(TRAIN, DEV, out=tmp_path / "cut", report=press_at(point))
    assert first.outcome is not None
    assert first.outcome.reason == "interrupted"
    torch.manual_seed(12345)
    tiny_language_model(**changes).fit(TRAIN, DEV, out=tmp_path / "cut", resume=True)
    assert_same_training(tmp_path / "cut", tmp_path / "whole")


def test_the_decay_schedule_follows_its_paper(tmp_path: Path) -> None:
    """Zaremba et al. (2014): the full rate for some epochs, then multiplied by a factor in each further one."""
    settings: dict[str, Any] = {"epochs": 5, "warmup": 0.0, "schedule": "decay", "decay_after": 2, "decay": 0.5}
    tiny_language_model(**settings, learning_rate=0.01).fit(TRAIN, DEV, out=tmp_path / "run")
    rates = [record["learning_rate"] for record in history_of(tmp_path / "run")]
    assert rates == pytest.approx([0.01, 0.01, 0.005, 0.0025, 0.00125])


def test_a_long_epoch_is_saved_before_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With practically no time between saves, every step is saved, and saving does not change the result."""
    saved: list[int] = []
    checkpoint = Trainer.state_dict

    def counted(self: TextTrainer) -> Any:
        saved.append(self.state.position)
        return checkpoint(self)

    monkeypatch.setattr(Trainer, "state_dict", counted)
    tiny_language_model(epochs=1, save_minutes=1e-9).fit(TRAIN, DEV, out=tmp_path / "often")
    batches = max(saved)
    assert saved == [*range(1, batches + 1), 0]
    saved.clear()
    tiny_language_model(epochs=1, save_minutes=0).fit(TRAIN, DEV, out=tmp_path / "once")
    assert saved == [0]
    assert_same_training(tmp_path / "often", tmp_path / "once")


def test_a_killed_run_resumes_from_its_last_save(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    batches: list[Event] = []

    def report(event: Event) -> None:
        if isinstance(event, BatchDone):
            batches.append(event)
            if len(batches) == 17:
                raise Killed

    settings = {"save_minutes": 1e-9}
    tiny_language_model(**settings).fit(TRAIN, DEV, out=tmp_path / "whole")
    with pytest.raises(Killed):
        tiny_language_model(**settings).fit(TRAIN, DEV, out=tmp_path / "cut", report=report)
    _, values = RunFolder(tmp_path / "cut").read_resume()
    assert values["position"] == 16
    tiny_language_model(**settings).fit(TRAIN, DEV, out=tmp_path / "cut", resume=True)
    assert_same_training(tmp_path / "cut", tmp_path / "whole")


@pytest.mark.slow
def test_kill_9_at_a_random_step_changes_nothing(tmp_path: Path) -> None:
    """The command runs in its own process and is killed during training."""
    corpus, generator = write_texts(tmp_path / "corpus"), random.Random(1)
    options = text_options(epochs=4, save_minutes=1e-9, vary_bptt=True)
    begin = ["train", "lm", f"--corpus={corpus}", "--quiet", *options]
    assert _started(*begin, f"--out={tmp_path / 'whole'}").wait() == 0
    process = _started(*begin, f"--out={tmp_path / 'cut'}")
    while process.poll() is None and not _is_saved(tmp_path / "cut"):
        time.sleep(0.002)
    time.sleep(0.2 * generator.random())
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it was still training"
    assert _started("train", "lm", f"--resume={tmp_path / 'cut'}", "--quiet", "--device=cpu").wait() == 0
    assert_same_training(tmp_path / "cut", tmp_path / "whole")


def _started(*arguments: str) -> "subprocess.Popen[bytes]":
    code = "from seqkit_cli.main import main; main()"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, stdout=subprocess.DEVNULL)


def _is_saved(path: Path) -> bool:
    return (path / "resume" / "state.safetensors").is_file()
