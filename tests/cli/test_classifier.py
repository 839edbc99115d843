"""The command line and classifiers: training, scores and pictures, predictions line by line, refused options."""

import csv
import html.parser
import json
import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import seqkit as library
from seqkit.config.classification import ClassificationConfig
from seqkit.config.training import TrainConfig
from seqkit.runs.folder import RunFolder
from tests.command_line import Done, seqkit
from tests.tiny_labels import LABEL_SETTINGS, LABELS, STILL_LABELS, TEXTS

PNG = b"\x89PNG"
FEW = {"epochs": 1}


def label_options(**changes: Any) -> list[str]:
    """Command line options for the settings of ``tests/tiny_labels.py``, some of them changed."""
    given = ["--device=cpu"]
    for name, value in {**LABEL_SETTINGS, **changes}.items():
        dashed = name.replace("_", "-")
        if isinstance(value, bool):
            given.append(f"--{'' if value else 'no-'}{dashed}")
        elif value is not None:
            given.append(f"--{dashed}={value}")
    return given


def write_jsonl(path: Path, texts: Sequence[str], labels: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ({"text": text, "label": label} for text, label in zip(texts, labels, strict=True))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a train, a dev and a test file."""
    folder = tmp_path_factory.mktemp("corpus")
    write_jsonl(folder / "train.jsonl", TEXTS * 3, LABELS * 3)
    write_jsonl(folder / "dev.jsonl", TEXTS, LABELS)
    write_jsonl(folder / "test.jsonl", TEXTS[:5], ["bad", *LABELS[1:5]])
    return folder


@pytest.fixture(scope="module")
def run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of ``seqkit train sentiment`` that knows its training texts."""
    path = tmp_path_factory.mktemp("runs") / "sentiment"
    settings = {**STILL_LABELS, "epochs": 4, "state_dropout": 0.2}
    done = seqkit("train", "sentiment", "--corpus", corpus, "--out", path, "--quiet", *label_options(**settings))
    assert (done.code, done.out, done.err) == (0, f"{path}\n", "")
    return path


def found_in(done: Done) -> list[dict[str, Any]]:
    assert (done.code, done.err) == (0, "")
    return [json.loads(line) for line in done.out.split("\n")[:-1]]


def assert_refused(done: Done, code: int, *parts: str) -> None:
    """The command failed, and its last words name what was wrong."""
    assert (done.code, done.out) == (code, "")
    for part in parts:
        assert part in done.err
    assert "Traceback" not in done.err
    if code == 1:
        assert re.fullmatch(r"error: [^\n]+\n", done.err)


# Training.


def test_a_run_folder_is_complete(run: Path, corpus: Path) -> None:
    folder = RunFolder(run)
    assert (folder.read_run()["task"], folder.read_run()["corpus"]["spec"]) == ("sentiment", str(corpus))
    names = {path.name for path in run.iterdir()}
    assert names >= {"run.json", "labels.json", "ngrams.json", "calibration.json", "report.json", "metrics.jsonl"}
    assert "resume" not in names
    for picture in ("reliability.png", "learning_curve.png"):
        assert (run / picture).read_bytes().startswith(PNG)
    assert library.load(run, device="cpu").predict(TEXTS).tolist() == LABELS
    done = seqkit("info", run)
    assert done.code == 0
    assert "sentiment" in done.out


def test_the_newest_run_is_found(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = seqkit("train", "sentiment", f"--corpus={corpus}", *label_options(**FEW))
    assert (done.code, done.out) == (0, "runs/sentiment\n")
    assert re.match(r"epoch 1/1  loss [\d.]+  dev accuracy [\d.]+  .*\nfinished after", done.err)
    assert "runs/sentiment on " in seqkit("evaluate").out
    assert found_in(seqkit("predict", "cold eggs", "--json"))[0]["text"] == "cold eggs"


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
def test_train_help_shows_every_setting(task: str) -> None:
    said = " ".join(re.sub(r"[╭╮╰╯─│]", " ", seqkit("train", task, "--help").out).split())
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


# Scores.


def test_evaluate_prints_scores_labels_and_errors(run: Path) -> None:
    done = seqkit("evaluate", run, "--split=test")
    assert (done.code, done.err) == (0, "")
    assert re.search(r"^accuracy +80.00 %$", done.out, re.M)
    assert re.search(r"│ bad +│ +100.00 +│ +66.67 +│ +80.00 +│ +3 +│ +2 +│ +2 +│", done.out)
    assert "Confusion matrix" in done.out
    assert re.search(
        r"^Errors \(1 wrong\)\n +[01]\.\d{3}  The soup was warm and rich \.   said good, gold bad$", done.out, re.M
    )
    assert "wrong)" not in seqkit("evaluate", run, "--split=test", "--errors=0").out


def test_evaluate_gives_json_and_pictures(run: Path, tmp_path: Path) -> None:
    done = seqkit("evaluate", run, "--json", "--pictures", tmp_path / "deep" / "pictures")
    assert done.code == 0
    scores = json.loads(done.out)
    assert scores.keys() >= {"accuracy", "macro_f1", "roc_auc", "expected_calibration_error", "tokens"}
    model = library.load(run, device="cpu")
    expected = model.evaluate(TEXTS, LABELS)
    assert {name: scores[name] for name in expected.scores} == pytest.approx(expected.scores)
    assert scores["tokens"] == expected.tokens
    written = sorted((tmp_path / "deep" / "pictures").iterdir())
    assert [path.name for path in written] == ["confusion_matrix.png", "reliability.png"]
    assert all(path.read_bytes().startswith(PNG) for path in written)
    assert done.err.split() == list(map(str, written))
    (tmp_path / "file").write_text("")
    assert_refused(seqkit("evaluate", run, "--json", "--pictures", tmp_path / "file"), 1, "file")


def test_evaluate_warns_of_labels_that_training_lacks(run: Path, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "other.jsonl", TEXTS[:4], ["odd", *LABELS[1:4]])
    done = seqkit("evaluate", run, "--corpus", path)
    assert done.code == 0
    assert re.fullmatch(r"warning: .* that training lacks, .*: odd\n", done.err)
    assert "(unknown)" in done.out


# Predictions.


def test_a_text_is_classified(run: Path) -> None:
    done = seqkit("predict", run, TEXTS[1])
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"bad  bad [01]\.\d\d · good [01]\.\d\d  The soup was cold!\n", done.out)
    colored = seqkit("predict", run, TEXTS[1], terminal=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored.out) == done.out != colored.out
    (found,) = found_in(seqkit("predict", run, TEXTS[1], "--json"))
    (expected,) = library.load(run, device="cpu").classify([TEXTS[1]])
    assert found == {
        "text": TEXTS[1],
        "label": "bad",
        "confidence": expected.confidence,
        "probabilities": expected.probabilities,
    }


def test_lines_of_stdin_are_classified_and_an_empty_one_is_told(run: Path) -> None:
    lines = [*TEXTS, "", " ", "naïve 😀"]
    content = "\n".join(lines).encode()
    found = found_in(seqkit("predict", run, "--json", stdin=content))
    assert [each["text"] for each in found] == lines
    assert [each["label"] for each in found[:12]] == LABELS
    assert [each.get("empty", False) for each in found] == [line.strip() == "" for line in lines]
    assert found[12]["probabilities"] == {"bad": 0.5, "good": 0.5}
    shown = seqkit("predict", run, "--input=-", stdin=content).out.splitlines()
    assert len(shown) == len(lines)
    assert shown[12].endswith("(no words: how frequent labels are)")
    assert seqkit("predict", run, "--input=-").out == ""


def test_samples_and_least_confidence_are_passed_on(run: Path) -> None:
    text = "The bed was"
    (found,) = found_in(seqkit("predict", run, text, "--json", "--mc-samples=20"))
    (expected,) = library.load(run, device="cpu").classify([text], mc_samples=20)
    assert found["probabilities"] == expected.probabilities
    assert found["spread"] == expected.spread
    assert expected.intervals is not None
    assert found["intervals"] == {label: list(bounds) for label, bounds in expected.intervals.items()}
    shown = seqkit("predict", run, text, "--mc-samples=20").out
    assert len(re.findall(r"(bad|good) \d\.\d\d \[\d\.\d\d to \d\.\d\d\]", shown)) == 2
    (found,) = found_in(seqkit("predict", run, text, "--json", "--min-confidence=1"))
    assert found["label"] is None
    assert found["confidence"] < 1
    assert seqkit("predict", run, text, "--min-confidence=1").out.startswith("?  ")


class Page(html.parser.HTMLParser):
    """The paragraphs of a page, each as its text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.inside = False
        self.paragraphs: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        if tag == "p":
            self.paragraphs.append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "p"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.paragraphs[-1] += data


def test_explanations_are_shown_and_written(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("captum", reason="captum is not installed")
    lines = [TEXTS[0], "", "<b>cold</b> café & eggs"]
    content = "\n".join(lines).encode()
    path = tmp_path / "page.html"
    done = seqkit("predict", run, "--explain", "--html", path, stdin=content)
    assert (done.code, done.err) == (0, "")
    for line, shown in zip(lines, done.out.split("\n")[:-1], strict=True):
        without_weights = re.sub(r"\([+-]\d+\.\d\d\)", "", shown)
        assert re.fullmatch(rf"(bad|good) \d\.\d\d  {re.escape(line)}", without_weights)
        assert (without_weights == shown) == (line == "")
    paragraphs = Page(path.read_text(encoding="utf-8")).paragraphs
    assert [text.split(" ", 2)[2] for text in paragraphs[:3]] == lines
    found = found_in(seqkit("predict", run, "--explain", "--json", stdin=content))
    assert [each["text"] for each in found] == lines
    assert [word["text"] for word in found[0]["words"]] == ["The", "soup", "was", "warm", "and", "rich", "."]
    for line, each in zip(lines, found, strict=True):
        assert all(line[word["start"] : word["end"]] == word["text"] for word in each["words"])
    assert found[1]["words"] == []


# What goes with which model.


def test_options_of_other_models_are_refused(run: Path, tmp_path: Path) -> None:
    tagger, page = tmp_path / "tagger", tmp_path / "page.html"
    tagger.mkdir()
    (tagger / "run.json").write_text(json.dumps({"format_version": 1, "task": "ner", "corpus": {}}))
    for option in ("--min-confidence=0.5", "--explain", f"--html={page}"):
        assert_refused(seqkit("predict", tagger, "Bo ran", option), 2, option.split("=")[0])
    assert not page.exists()
    assert_refused(seqkit("predict", run, "Bo ran", "--format=conll"), 2, "--format")
    assert_refused(seqkit("predict", run, "Bo ran", "--mc-samples=-1"), 2, "--mc-samples")
    assert_refused(seqkit("predict", run, "Bo ran", "--min-confidence=1.5"), 2, "--min-confidence")
    for option in ("--cache", "--dynamic", "--token-column=0", "--tag-column=1"):
        assert_refused(seqkit("evaluate", run, option), 2, option.split("=")[0])
    for option in ("--label-column=label", f"--pictures={tmp_path}"):
        assert_refused(seqkit("evaluate", tagger, option), 2, option.split("=")[0])
    assert_refused(seqkit("train", "ner", f"--resume={run}"), 2, "seqkit train sentiment")
