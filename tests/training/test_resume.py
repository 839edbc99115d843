"""Resuming a run that was interrupted or killed at any point gives the result of an uninterrupted run."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from seqkit.errors import CheckpointError
from seqkit.runs.folder import RunFolder
from seqkit.tagger import Tagger
from seqkit.training.events import BatchDone, EpochDone, Event
from tests.slow_cases import rest_slow
from tests.tiny import ROWS, Rows, history_of, interrupt_when, press_at, terminal_interrupts, tiny_tagger, without_time

RECIPES: dict[str, dict[str, Any]] = {
    "AdamW, one-cycle": {},
    "AdamW, plateau, two batches a step": {"schedule": "plateau", "plateau_patience": 1, "accumulate": 2},
    "SGD, one-cycle, three batches a step": {"optimizer": "sgd", "learning_rate": 0.5, "accumulate": 3},
    "SGD, plateau": {"optimizer": "sgd", "learning_rate": 0.5, "schedule": "plateau", "plateau_patience": 1},
}
# An epoch has four batches, so four epochs have sixteen.
POINTS = {
    "in the first epoch": (0, BatchDone),
    "in the middle of the third": (9, BatchDone),
    "at the third's last batch": (11, BatchDone),
    "while dev is scored": (1, EpochDone),
}


class Killed(Exception):
    """Stands for the death of the process."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Train a run of each recipe to its end."""
    runs = {}
    for name, changes in RECIPES.items():
        runs[name] = tmp_path_factory.mktemp("runs") / "run"
        tiny_tagger(**changes).fit(ROWS, ROWS, out=runs[name])
    return runs


def assert_same_training(path: Path, reference: Path) -> None:
    one, other = load_file(path / "model.safetensors"), load_file(reference / "model.safetensors")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one), "the weights are the same to the last bit"
    assert without_time(history_of(path)) == without_time(history_of(reference))
    reports = [json.loads((folder / "report.json").read_text()) for folder in (path, reference)]
    assert {**reports[0], "seconds": 0} == {**reports[1], "seconds": 0}
    assert not (path / "resume").exists()


# Resuming.


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("recipe", rest_slow(RECIPES))
def test_a_resumed_run_equals_an_uninterrupted_one(
    recipe: str, point: str, uninterrupted: dict[str, Path], tmp_path: Path
) -> None:
    changes, path = RECIPES[recipe], tmp_path / "run"
    first = tiny_tagger(**changes).fit(ROWS, ROWS, out=path, report=press_at(POINTS[point]))
    assert first.outcome is not None
    assert first.outcome.reason == "interrupted"
    assert len(first.outcome.history) == POINTS[point][0] // (4 if POINTS[point][1] is BatchDone else 1) + (
        POINTS[point][1] is EpochDone
    )
    assert RunFolder(path).can_resume
    assert Tagger.load(path, device="cpu").predict(ROWS["tokens"]) == first.predict(ROWS["tokens"])
    torch.manual_seed(12345)  # the next process starts with another random state
    second = tiny_tagger(**changes).fit(ROWS, ROWS, out=path, resume=True)
    assert second.outcome is not None
    assert second.outcome.reason == "finished"
    assert second.outcome.seconds > first.outcome.seconds
    assert_same_training(path, uninterrupted[recipe])


@pytest.mark.slow
def test_large_embedding_tables_are_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqkit.training.optimizer.LARGE_TABLE", 5)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    tiny_tagger().fit(ROWS, ROWS, out=whole)
    tiny_tagger().fit(ROWS, ROWS, out=cut, report=press_at((9, BatchDone)))
    tiny_tagger().fit(ROWS, ROWS, out=cut, resume=True)
    assert_same_training(cut, whole)


def test_the_plateau_recipes_reach_plateaus(uninterrupted: dict[str, Path]) -> None:
    for name, path in uninterrupted.items():
        rates = [record["learning_rate"] for record in history_of(path)]
        assert len(set(rates)) > 1
        assert any(b == a / 2 for a, b in pairwise(rates)) is ("plateau" in name)


def test_a_run_can_be_interrupted_repeatedly(uninterrupted: dict[str, Path], tmp_path: Path) -> None:
    def fit(resume: bool) -> str:
        tagger = tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "run", resume=resume, report=press_at((2, BatchDone)))
        assert tagger.outcome is not None
        return tagger.outcome.reason

    reasons = [fit(resume=number > 0) for number in range(6)]
    assert reasons == ["interrupted"] * 5 + ["finished"]  # three batches each time, of sixteen
    assert_same_training(tmp_path / "run", uninterrupted["AdamW, one-cycle"])


def test_a_killed_run_resumes_from_its_last_epoch(uninterrupted: dict[str, Path], tmp_path: Path) -> None:
    batches: list[Event] = []

    def report(event: Event) -> None:
        if isinstance(event, BatchDone):
            batches.append(event)
            if len(batches) == 11:
                raise Killed

    with pytest.raises(Killed):
        tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "run", report=report)
    assert len(history_of(tmp_path / "run")) == 2
    tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "run", resume=True)
    assert_same_training(tmp_path / "run", uninterrupted["AdamW, one-cycle"])


def test_a_resumed_run_stops_early_at_the_same_epoch(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"epochs": 30, "patience": 2, "learning_rate": 1e-5}
    tiny_tagger(**settings).fit(ROWS, ROWS, out=tmp_path / "reference")
    epochs = len(history_of(tmp_path / "reference"))
    assert epochs < 30
    tiny_tagger(**settings).fit(ROWS, ROWS, out=tmp_path / "run", report=press_at((4 * epochs - 3, BatchDone)))
    assert len(history_of(tmp_path / "run")) == epochs - 1
    tagger = tiny_tagger(**settings).fit(ROWS, ROWS, out=tmp_path / "run", resume=True)
    assert tagger.outcome is not None
    assert tagger.outcome.reason == "early stop"
    assert_same_training(tmp_path / "run", tmp_path / "reference")
    assert tagger.outcome.best_epoch < epochs - 1, "the best weights are from before the interrupt"
    assert tagger.fitted is not None
    kept = load_file(tmp_path / "run" / "model.safetensors")
    assert all(torch.equal(tensor, kept[name]) for name, tensor in tagger.fitted.model.state_dict().items())


def test_after_a_second_ctrl_c_the_last_epoch_can_be_resumed(uninterrupted: dict[str, Path], tmp_path: Path) -> None:
    press = interrupt_when(lambda event: isinstance(event, EpochDone) and event.record["epoch"] == 3, times=2)
    with terminal_interrupts(), pytest.raises(KeyboardInterrupt):
        tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "run", report=press)
    tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "run", resume=True)
    assert_same_training(tmp_path / "run", uninterrupted["AdamW, one-cycle"])


def test_only_an_unfinished_run_can_be_resumed(uninterrupted: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be resumed: its training has finished"):
        tiny_tagger().fit(ROWS, ROWS, out=uninterrupted["AdamW, one-cycle"], resume=True)
    with pytest.raises(CheckpointError, match="cannot be resumed: it is not a run"):
        tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "none", resume=True)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an unfinished run, which the tests that use it leave as it is."""
    path = tmp_path_factory.mktemp("begun") / "run"
    tiny_tagger().fit(ROWS, ROWS, out=path, report=press_at((5, BatchDone)))
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 8}, "hidden_size=16, not 8"),
        ({"cell": "gru"}, "cell='lstm', not 'gru'"),
        ({"seed": 2}, "seed=1, not 2"),
        ({"learning_rate": 0.03}, "learning_rate=0.02, not 0.03"),
        ({"epochs": 5}, "epochs=4, not 5"),
    ],
    ids=str,
)
def test_resuming_with_other_settings_is_an_error(changes: dict[str, Any], message: str, begun: Path) -> None:
    with pytest.raises(CheckpointError, match=f"was begun with {message}; resume with the settings in run.json"):
        tiny_tagger(**changes).fit(ROWS, ROWS, out=begun, resume=True)


def test_resuming_with_other_data_is_an_error(tmp_path: Path) -> None:
    tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "run", report=press_at((5, BatchDone)))
    turned: Rows = {"tokens": ROWS["tokens"][::-1], "tags": ROWS["tags"][::-1]}
    for train, dev, name in ((turned, ROWS, "train"), (ROWS, turned, "dev")):
        with pytest.raises(CheckpointError, match=f"was begun with other {name} data; resume with"):
            tiny_tagger().fit(train, dev, out=tmp_path / "run", resume=True)
    tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "run", resume=True)


def test_the_state_of_another_training_is_refused(tmp_path: Path) -> None:
    for name, seed in (("run", 1), ("other", 2)):
        tiny_tagger(seed=seed).fit(ROWS, ROWS, out=tmp_path / name, report=press_at((5, BatchDone)))
    (tmp_path / "other" / "resume" / "state.safetensors").replace(tmp_path / "run" / "resume" / "state.safetensors")
    with pytest.raises(CheckpointError, match=r"state\.safetensors is damaged or was changed: its SHA-256 is not"):
        tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "run", resume=True)


def test_a_run_that_hits_the_time_limit_has_a_model_and_can_be_resumed(tmp_path: Path) -> None:
    tagger = tiny_tagger(epochs=100_000, max_minutes=0.3 / 60).fit(ROWS, ROWS, out=tmp_path / "run")
    assert tagger.outcome is not None
    assert tagger.outcome.reason == "time"
    assert tagger.outcome.seconds < 5
    assert json.loads((tmp_path / "run" / "report.json").read_text())["reason"] == "time"
    assert RunFolder(tmp_path / "run").can_resume
    assert Tagger.load(tmp_path / "run", device="cpu").predict(ROWS["tokens"]) == tagger.predict(ROWS["tokens"])


@pytest.mark.slow
def test_a_resumed_run_has_its_own_time_limit(tmp_path: Path) -> None:
    first = tiny_tagger(epochs=100_000, max_minutes=1.0 / 60).fit(ROWS, ROWS, out=tmp_path / "run")
    again = tiny_tagger(epochs=100_000, max_minutes=1.0 / 60).fit(ROWS, ROWS, out=tmp_path / "run", resume=True)
    assert first.outcome is not None
    assert again.outcome is not None
    assert again.outcome.seconds >= 2.0  # both runs, a second each
    assert len(again.outcome.history) > len(first.outcome.history) + 1


def test_a_run_killed_after_its_early_stop_trains_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"epochs": 30, "patience": 2, "learning_rate": 1e-5}
    reference = tiny_tagger(**settings).fit(ROWS, ROWS, out=tmp_path / "reference")
    assert reference.outcome is not None
    assert reference.outcome.reason == "early stop"

    def kill(folder: RunFolder) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "discard_resume", kill)
        with pytest.raises(Killed):
            tiny_tagger(**settings).fit(ROWS, ROWS, out=tmp_path / "run")
    tiny_tagger(**settings).fit(ROWS, ROWS, out=tmp_path / "run", resume=True)
    assert_same_training(tmp_path / "run", tmp_path / "reference")
