"""What the command line prints about classifiers: scores and figures, predictions line by line, explanations."""

import html.parser
import json
import re
from pathlib import Path
from typing import Any

import pytest

import seqkit as library
from tests.command_line import assert_refused, json_lines, seqkit, tiny_run, write_jsonl
from tests.tiny_labels import LABELS, TEXTS

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def run() -> Path:
    """A run of a classifier that knows its training texts."""
    return tiny_run("sentiment")


# Scores.


def test_evaluate_prints_scores_labels_and_errors(run: Path) -> None:
    done = seqkit("evaluate", run, "--split=test")
    assert (done.code, done.err) == (0, "")
    assert re.search(r"^accuracy +80.00 %$", done.out, re.M)
    assert re.search(r"│ bad +│ +100.00 +│ +66.67 +│ +80.00 +│ +3 +│ +2 +│ +2 +│", done.out)
    assert "Confusion matrix" in done.out
    assert re.search(
        r"^Errors \(1 wrong\)\n +[01]\.\d{3}  The soup was warm and rich \.   predicted good, gold bad$", done.out, re.M
    )
    assert "wrong)" not in seqkit("evaluate", run, "--split=test", "--errors=0").out


def test_evaluate_gives_json_and_pictures(run: Path, tmp_path: Path) -> None:
    done = seqkit("evaluate", run, "--json", "--device=cpu", "--pictures", tmp_path / "deep" / "pictures")
    assert done.code == 0
    scores = json.loads(done.out)
    assert scores.keys() >= {"accuracy", "macro_f1", "roc_auc", "expected_calibration_error", "tokens"}
    model = library.load(run, device="cpu")
    expected = model.evaluate(TEXTS, LABELS)
    assert {name: scores[name] for name in expected.scores} == pytest.approx(expected.scores)
    assert scores["tokens"] == expected.steps
    written = sorted((tmp_path / "deep" / "pictures").iterdir())
    assert [path.name for path in written] == ["confusion_matrix.png", "reliability.png"]
    assert all(path.read_bytes().startswith(PNG) for path in written)
    assert done.err.split() == list(map(str, written))
    (tmp_path / "file").write_text("")
    assert_refused(seqkit("evaluate", run, "--json", "--pictures", tmp_path / "file"), 1, "file")


def test_evaluate_warns_of_unknown_labels(run: Path, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "other.jsonl", TEXTS[:4], ["odd", *LABELS[1:4]])
    done = seqkit("evaluate", run, "--corpus", path)
    assert done.code == 0
    assert re.fullmatch(r"warning: .* that do not occur in the training data .*: odd\n", done.err)
    assert "(unknown)" in done.out


# Predictions.


def test_a_text_is_classified(run: Path) -> None:
    done = seqkit("predict", run, TEXTS[1])
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"bad  bad [01]\.\d\d · good [01]\.\d\d  The soup was cold!\n", done.out)
    colored = seqkit("predict", run, TEXTS[1], terminal=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored.out) == done.out != colored.out
    (found,) = json_lines(seqkit("predict", run, TEXTS[1], "--json", "--device=cpu"))
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
    found = json_lines(seqkit("predict", run, "--json", stdin=content))
    assert [each["text"] for each in found] == lines
    assert [each["label"] for each in found[:12]] == LABELS
    assert [each.get("empty", False) for each in found] == [line.strip() == "" for line in lines]
    assert found[12]["probabilities"] == {"bad": 0.5, "good": 0.5}
    shown = seqkit("predict", run, "--input=-", stdin=content).out.splitlines()
    assert len(shown) == len(lines)
    assert shown[12].endswith("(no words: label frequencies)")
    assert seqkit("predict", run, "--input=-").out == ""


def test_samples_and_least_confidence_are_passed_on(run: Path) -> None:
    text = "The bed was"
    (found,) = json_lines(seqkit("predict", run, text, "--json", "--mc-samples=20", "--device=cpu"))
    (expected,) = library.load(run, device="cpu").classify([text], mc_samples=20)
    assert found["probabilities"] == expected.probabilities
    assert found["spread"] == expected.spread
    assert expected.intervals is not None
    assert found["intervals"] == {label: list(bounds) for label, bounds in expected.intervals.items()}
    shown = seqkit("predict", run, text, "--mc-samples=20").out
    assert len(re.findall(r"(bad|good) \d\.\d\d \[\d\.\d\d to \d\.\d\d\]", shown)) == 2
    (found,) = json_lines(seqkit("predict", run, text, "--json", "--min-confidence=1"))
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
    found = json_lines(seqkit("predict", run, "--explain", "--json", stdin=content))
    assert [each["text"] for each in found] == lines
    assert [word["text"] for word in found[0]["words"]] == ["The", "soup", "was", "warm", "and", "rich", "."]
    for line, each in zip(lines, found, strict=True):
        assert all(line[word["start"] : word["end"]] == word["text"] for word in each["words"])
    assert found[1]["words"] == []


# What goes with which model.


def test_options_of_other_models_are_refused(run: Path, tmp_path: Path) -> None:
    tagger, page = tmp_path / "tagger", tmp_path / "page.html"
    tagger.mkdir()
    header = {"format_version": 1, "task": "ner", "settings": {}, "corpus": {}, "versions": {}}
    (tagger / "run.json").write_text(json.dumps(header))
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
