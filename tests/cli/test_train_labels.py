"""``seqkit train`` on labelled texts."""

import csv
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

import seqkit as library
from seqkit.config.classification import ClassificationConfig
from seqkit.config.training import TrainConfig
from seqkit.runs.folder import RunFolder
from tests.command_line import assert_refused, json_lines, label_options, seqkit, tiny_run, words_of, write_jsonl
from tests.tiny_labels import LABELS, TEXTS

PNG = b"\x89PNG"
FEW = {"epochs": 1}


def test_a_run_folder_is_complete() -> None:
    run = tiny_run("sentiment")
    header = RunFolder(run).read_run()
    assert (header["task"], header["corpus"]["spec"]) == ("sentiment", str(run.parents[1] / "corpus"))
    names = {path.name for path in run.iterdir()}
    assert names >= {"run.json", "labels.json", "ngrams.json", "calibration.json", "report.json", "metrics.jsonl"}
    assert "resume" not in names
    for picture in ("reliability.png", "learning_curve.png"):
        assert (run / picture).read_bytes().startswith(PNG)
    assert library.load(run, device="cpu").predict(TEXTS).tolist() == LABELS
    done = seqkit("info", run)
    assert done.code == 0
    assert "sentiment" in done.out


def test_the_newest_run_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    corpus = tiny_run("sentiment").parents[1] / "corpus"
    done = seqkit("train", "sentiment", f"--corpus={corpus}", *label_options(**FEW))
    assert (done.code, done.out) == (0, "runs/sentiment\n")
    assert re.match(r"epoch 1/1  loss [\d.]+  dev accuracy [\d.]+  .*\nfinished after", done.err)
    assert "runs/sentiment on " in seqkit("evaluate").out
    assert json_lines(seqkit("predict", "cold eggs", "--json"))[0]["text"] == "cold eggs"


@pytest.mark.parametrize("asked", [[], ["--text-column=1", "--label-column=0"]])
def test_a_table_without_a_header_is_read_and_the_guess_is_told(tmp_path: Path, asked: list[str]) -> None:
    path = tmp_path / "all.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(zip(LABELS * 3, TEXTS * 3, strict=True))
    run = tmp_path / "run"
    done = seqkit("train", "classifier", "--corpus", path, "--out", run, *asked, *label_options(**FEW))
    assert done.code == 0
    guess = f"warning: {path} has no header: read texts from column 1 and labels from column 0; choose with --text"
    assert done.err.count(guess) == (0 if asked else 1)
    assert RunFolder(run).read_json("labels.json")["labels"] == ["bad", "good"]
    columns = {"all.csv": {"format": "CSV", "texts": 1, "labels": 0}}
    assert RunFolder(run).read_run()["corpus"]["columns"] == columns
    asked_of_validate = seqkit("corpora", "validate", path, *asked)
    expected = f"{path}: CSV: texts from column 1, labels from column 0, counted from 0\n0 errors, 0 notes\n"
    assert (asked_of_validate.code, asked_of_validate.out) == (0, expected)


def test_a_label_column_of_a_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "mood"), *zip(TEXTS * 3, LABELS * 3, strict=True)])
    run = tmp_path / "run"
    asked = ["--label-column=mood", "--dev-fraction=0.3"]
    done = seqkit("train", "classifier", "--corpus", path, "--out", run, *asked, *label_options(**FEW))
    assert (done.code, done.out) == (0, f"{run}\n")
    assert RunFolder(run).read_json("labels.json")["labels"] == ["bad", "good"]
    report = RunFolder(run).read_json("report.json")["dev"]
    scores = json.loads(seqkit("evaluate", run, "--json").out)  # on the same share of the same file
    assert {name: scores[name] for name in ("accuracy", "macro_f1", "roc_auc")}.items() <= report.items()
    again = json.loads(seqkit("evaluate", run, "--corpus", path, "--label-column=mood", "--split=train", "--json").out)
    assert again["tokens"] > scores["tokens"]


def test_print_config_shows_the_defaults_of_classifiers(tmp_path: Path) -> None:
    for task in ("sentiment", "classifier"):
        done = seqkit("train", task, "--print-config")
        assert done.code == 0
        lines = done.out.splitlines()
        assert {"epochs = 10", "ngrams = 2", 'pooling = "last+mean+max"', "balanced_sampling = false"} <= set(lines)
        named = {field.name for config in (ClassificationConfig, TrainConfig) for field in fields(config)}
        assert {line.split(" = ")[0] for line in lines} == named - {"vectors", "lm", "class_weights"}
        (tmp_path / "settings.toml").write_text(done.out)
        again = seqkit("train", task, "--config", tmp_path / "settings.toml", "--epochs=3", "--print-config")
        assert again.out == done.out.replace("epochs = 10", "epochs = 3")


@pytest.mark.parametrize("task", ["sentiment", "classifier"])
def test_train_help_shows_every_setting_of_classifiers(task: str) -> None:
    said = words_of(seqkit("train", task, "--help").out)
    assert f"{TrainConfig.__annotations__['epochs'].__metadata__[-1]} [default: 10]" in said
    for name in ("corpus", "label-column", "out", "resume", "print-config", "class-weights"):
        assert f" --{name} " in said
    for field in fields(ClassificationConfig):
        assert f" --{field.name.replace('_', '-')} " in said
    for command in (["train", task], ["predict"], ["evaluate"]):
        screen = re.sub(r"\x1b\[[0-9;]*m", "", seqkit(*command, "--help", terminal=True).out)
        assert max(map(len, screen.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["classifier"], 2, "needs --corpus"),
        (["classifier", "--corpus=nowhere.csv"], 1, "nowhere.csv"),
        (["sentiment", "--corpus=./one"], 1, "every text is 'good'"),
        (["sentiment", "--corpus=tagged.conll", "--dev-fraction=0.5"], 1, "text"),
        (["sentiment", "--corpus=plain.txt", "--dev-fraction=0.5"], 1, "label"),
        (["classifier", "--corpus=./one", "--pooling=sum"], 2, "pooling"),
        (["classifier", "--corpus=./one", "--class-weights=odd=2"], 2, "odd"),
        (["classifier", "--corpus=./one", "--tag-column=1"], 2, "--tag-column"),
    ],
    ids=str,
)
def test_what_cannot_be_trained_is_told_in_a_line(
    arguments: list[str], code: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    labels = ["good", "good"] if told.startswith("every") else ["good", "bad"]
    for split in ("train", "dev"):
        write_jsonl(Path("one", f"{split}.jsonl"), TEXTS[:2], labels)
    Path("tagged.conll").write_text("Ada B-PER\n\nran O\n")
    Path("plain.txt").write_text("one text\nanother text\n")
    assert_refused(seqkit("train", *arguments, "--quiet"), code, told)
    assert not list(Path().glob("runs/*"))
