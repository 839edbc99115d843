"""The run folder of a training run: what is written when, and what is kept after a failure."""

import errno
import json
import os
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from sklearn.base import clone
from torch.testing import assert_close

from seqkit.config.tagging import TaggingConfig
from seqkit.config.training import TrainConfig
from seqkit.errors import CheckpointError, ConfigError, DivergenceError
from seqkit.runs.folder import FORMAT_VERSION, RunFolder
from seqkit.runs.run import run_header, training_report
from seqkit.tagger import Tagger
from seqkit.task_table import TASKS
from seqkit.text.tagging_schemes import Scheme
from seqkit.training.events import BatchDone, Event
from seqkit.version import __version__
from tests.tiny import PARTS, ROWS, history_of, press_at, task_of, tiny_tagger

# Failures.


def test_after_a_nan_loss_the_best_model_is_kept(tmp_path: Path) -> None:
    kept: list[dict[str, bytes]] = []
    tagger = tiny_tagger()

    def report(event: Event) -> None:
        if isinstance(event, BatchDone) and RunFolder(tmp_path / "run").has_model:
            kept.append({path.name: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()})
            assert tagger.fitted is not None
            torch.nn.init.constant_(tagger.fitted.model.features.words.weight, float("nan"))

    with pytest.raises(DivergenceError, match="the loss became nan in epoch 2, batch 2, which begins with '"):
        tagger.fit(ROWS, ROWS, out=tmp_path / "run", report=report)
    kept[0].pop(".seqkit-lock")
    now = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()}
    assert now == kept[0]
    assert all(tensor.isfinite().all() for tensor in load_file(tmp_path / "run" / "model.safetensors").values())
    loaded = Tagger.load(tmp_path / "run", device="cpu")
    assert loaded.evaluate(ROWS).scores["accuracy"] == history_of(tmp_path / "run")[0]["dev_accuracy"]


@pytest.mark.parametrize("succeeding", [0, 1, 4, 9, 12])
def test_a_full_disk_leaves_the_old_model(succeeding: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run"
    old = tiny_tagger(epochs=2, seed=7).fit(ROWS, ROWS, out=path)
    (path / "notes.txt").write_text("mine")
    synced: list[int] = []

    def fsync(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) > succeeding:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.raises(CheckpointError, match=r"cannot be written: No space left on device; .*free some space"):
            tiny_tagger().fit(ROWS, ROWS, out=path, overwrite=True)
    loaded = Tagger.load(path, device="cpu")
    assert (path / "notes.txt").read_text() == "mine"
    assert [inner.name for inner in tmp_path.iterdir()] == ["run"]
    if succeeding < 12:  # the first epoch of the new run was not written completely: the old run is intact
        assert loaded.predict(ROWS["tokens"]) == old.predict(ROWS["tokens"])
        assert loaded.get_params()["seed"] == 7
    else:
        assert loaded.get_params()["seed"] == 1
        assert RunFolder(path).can_resume


# What is written.


def test_a_finished_run_is_fully_described(tmp_path: Path) -> None:
    about = {"spec": "path:tiny", "fingerprint": "abc"}
    changes: dict[str, Any] = {"epochs": 6, "seed": 5, "corpus_scheme": "BIO", "average": 0.0}
    tagger = tiny_tagger(**changes).fit(ROWS, ROWS, out=tmp_path, about=about)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("README.md", "affixes.json", "characters.json", "labels.json", "learning_curve.png", "metrics.jsonl"),
        *("model.safetensors", "report.json", "run.json", "tokenizer.json"),
    ]
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["format_version"] == FORMAT_VERSION
    assert (run["task"], run["metric"], run["seed"]) == ("ner", "f1", 5)
    assert run["corpus"] == about
    assert run["settings"] == {**asdict(tagger.config), **asdict(tagger.training)}
    assert run["settings"].keys() == {field.name for config in (TaggingConfig, TrainConfig) for field in fields(config)}
    assert run["settings"]["corpus_scheme"] == "IOB2"
    assert run["versions"]["seqkit"] == __version__
    assert run["versions"]["torch"] == version("torch")
    history = history_of(tmp_path)
    assert [record["epoch"] for record in history] == [1, 2, 3, 4, 5, 6]
    best = max(history, key=lambda record: record["dev_f1"])
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["best_epoch"] == best["epoch"]
    assert report["dev"] == {name: best[f"dev_{name}"] for name in ("f1", "precision", "recall", "accuracy")}
    assert (report["reason"], report["epochs"]) == ("finished", 6)
    weights = load_file(tmp_path / "model.safetensors")
    parameters = sum(tensor.numel() for tensor in weights.values() if tensor.is_floating_point())
    assert report["parameters"] == parameters
    assert Tagger.load(tmp_path, device="cpu").evaluate(ROWS).scores == report["dev"]
    card = (tmp_path / "README.md").read_text()
    assert "path:tiny" in card
    assert f"{100 * best['dev_f1']:.2f} %" in card
    assert f"{parameters:,} parameters" in card
    assert (tmp_path / "learning_curve.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_an_unfinished_run_contains_a_complete_model(tmp_path: Path) -> None:
    names: list[set[str]] = []

    def report(event: Event) -> None:
        if isinstance(event, BatchDone) and RunFolder(tmp_path / "run").has_model:
            names.append({path.name for path in (tmp_path / "run").iterdir()})

    tiny_tagger(epochs=2).fit(ROWS, ROWS, out=tmp_path / "run", report=report)
    assets = task_of().assets()
    expected = {".seqkit-lock", "README.md", "metrics.jsonl", "model.safetensors", "resume", "run.json", *assets}
    assert names == [expected] * 4


def test_nothing_is_written_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_tagger(epochs=1).fit(ROWS, ROWS)
    assert list(tmp_path.iterdir()) == []


def test_the_report_of_a_run_without_an_epoch_has_no_scores(tmp_path: Path) -> None:
    tagger = tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "run", report=press_at((0, BatchDone)))
    assert tagger.outcome is not None
    assert tagger.fitted is not None
    report = training_report(tagger.fitted, tagger.outcome)
    assert (report["reason"], report["epochs"], report["best_epoch"], report["dev"]) == ("interrupted", 0, 0, {})
    assert not (tmp_path / "run" / "learning_curve.png").exists()
    assert Tagger.load(tmp_path / "run", device="cpu").predict(["Ada met Bo ."])[0].text == "Ada met Bo ."


def test_a_header_is_json() -> None:
    training = TrainConfig(seed=3)
    header = run_header(TASKS["ner"], {**asdict(task_of().config), **asdict(training)}, training, {})
    again = json.loads(json.dumps(header, allow_nan=False))
    assert again == header
    assert again["seed"] == 3


# Saving and loading a tagger.


@pytest.mark.parametrize(("name", "rows"), [("ner", ROWS), ("pos", PARTS)])
def test_a_saved_tagger_predicts_like_the_trained_one(name: str, rows: Any, tmp_path: Path) -> None:
    tagger = tiny_tagger(name, epochs=10, schedule="constant", average=0.0).fit(rows, rows)
    tagger.save(tmp_path / "run")
    loaded = Tagger.load(tmp_path / "run", device="cpu")
    texts = ["Ada Lund met Bo in Ghent.", ["New", "South", "Wales", "?"], "", "unseen Wörter 🙂"]
    assert loaded.predict(texts) == tagger.predict(texts)
    assert any(tagged.entities for tagged in loaded.predict(texts)) is (name == "ner")
    one, other = loaded.get_params(), tagger.get_params()
    assert {**one, "precision": ""} == {**other, "precision": ""}
    assert loaded.fitted is not None
    assert tagger.fitted is not None
    assert_close(loaded.fitted.model.state_dict(), tagger.fitted.model.state_dict(), rtol=0, atol=0)


def damaged_files() -> list[tuple[str, bytes | None, str]]:
    return [
        ("run.json", None, "is not a run: it has no run.json"),
        ("run.json", b"{}", "format version None"),
        ("run.json", b'{"format_version": 1}', "has a model of the task None, not a tagger"),
        ("run.json", b'{"format_version": 1, "task": []}', "is damaged: 'task' is not a text; .*restore"),
        ("run.json", b'{"format_version": 1, "task": "weather"}', "has a model of the task 'weather', not a tagger"),
        ("run.json", b'{"format_version": 1, "task": "ner"}', "is damaged: .*restore its files"),
        (
            "run.json",
            b'{"format_version": 1, "task": "ner", "settings": {"wings": 2}}',
            "is damaged: no setting 'wings'",
        ),
        ("labels.json", None, "it has no labels.json"),
        ("labels.json", b"{", r"is damaged: .*restore"),
        ("labels.json", b"[]", r"is damaged: .*restore"),
        ("labels.json", b'{"scheme": "IOBES", "labels": ["O"]}', r"is damaged: .*restore"),
        ("affixes.json", b'["<pad>", "<unk>"]', r"is damaged: size mismatch for features.affixes.weight: .*restore"),
        ("characters.json", b"[", r"is damaged: .*restore"),
        ("characters.json", b'["a", "b"]', r"is damaged: .*restore"),
        ("tokenizer.json", b"{}", r"tokenizer\.json cannot be read .*restore"),
        ("model.safetensors", None, r"has no model\.safetensors"),
        ("model.safetensors", b"not tensors at all", r"model\.safetensors is damaged: .*restore"),
    ]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a tagger; return its run folder."""
    path = tmp_path_factory.mktemp("saved") / "run"
    tiny_tagger(epochs=1).fit(ROWS, ROWS).save(path)
    return path


@pytest.mark.parametrize(("name", "content", "message"), damaged_files())
def test_a_damaged_run_is_an_error_of_one_line(
    name: str, content: bytes | None, message: str, saved: Path, tmp_path: Path
) -> None:
    for path in saved.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    if content is not None and name != "run.json":
        with pytest.raises(
            CheckpointError, match=f"{name} is damaged.*; restore the file|{name} is damaged: it is not"
        ):
            Tagger.load(tmp_path, device="cpu")
    with pytest.raises(CheckpointError, match=message) as raised:
        Tagger.load(tmp_path, device="cpu", verify=False)
    assert "\n" not in str(raised.value)
    assert str(tmp_path) in str(raised.value) or name == "tokenizer.json"


def test_settings_can_be_read_and_changed_and_cloned() -> None:
    tagger = tiny_tagger(scheme="BILOU", corpus_scheme="BIO")
    parameters = tagger.get_params()
    assert parameters["hidden_size"] == 16
    assert parameters["corpus_scheme"] is Scheme.IOB2
    assert parameters.keys() == {"task", "device", "precision"} | {
        field.name for config in (TaggingConfig, TrainConfig) for field in fields(config)
    }
    twin = clone(tagger)
    assert twin is not tagger
    assert twin.get_params() == parameters
    assert twin.fitted is None
    assert twin.set_params(hidden_size=8, epochs=2) is twin
    assert (twin.config.hidden_size, twin.training.epochs, twin.config.word_size) == (8, 2, 16)
    assert tagger.get_params() == parameters
    with pytest.raises(ConfigError, match="no setting 'wings'"):
        twin.set_params(wings=2)
    assert Tagger(**parameters).get_params() == parameters


def test_a_clone_of_a_trained_tagger_is_untrained_and_trains_to_the_same() -> None:
    tagger = tiny_tagger(epochs=2).fit(ROWS, ROWS)
    twin = clone(tagger)
    with pytest.raises(ConfigError, match="not trained yet"):
        twin.predict(["Ada"])
    assert twin.fit(ROWS, ROWS).predict(ROWS["tokens"]) == tagger.predict(ROWS["tokens"])


def test_training_leaves_the_callers_random_state_alone(tmp_path: Path) -> None:
    torch.manual_seed(99)
    expected = torch.rand(4)
    torch.manual_seed(99)
    tagger = tiny_tagger(epochs=2).fit(ROWS, ROWS, out=tmp_path / "run", report=press_at((5, BatchDone)))
    tiny_tagger(epochs=2).fit(ROWS, ROWS, out=tmp_path / "run", resume=True)
    tagger.evaluate(ROWS)
    tagger.predict(["Ada met Bo ."])
    assert torch.equal(torch.rand(4), expected)
