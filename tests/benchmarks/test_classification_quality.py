"""The benchmark of classification: baselines on texts that one word distinguishes, commands that are run, the table."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import classification_quality
from benchmarks.classification_quality import (
    BARS,
    CORPORA,
    Labelled,
    Row,
    Run,
    corpus_specs,
    main,
    measure,
    measure_tfidf,
    quality_table,
    train_and_evaluate,
)
from benchmarks.crfsuite import PeerResult
from seqkit.data.corpora import open_corpus
from seqkit.errors import ConfigError, SeqkitError
from tests.stand_in import needs_shebang, recording_command

FILMS = ["film", "plot", "cast", "score", "ending", "book"]
TRAIN = Labelled([f"a {word}\n{noun}" for noun in FILMS for word in ("fine", "dull")], [1, 0] * len(FILMS))
DEV = Labelled(["the dull\r\nmusic of a dull band", "fine\u2028music", "such a fine band"], [0, 1, 1])
PAIRS = Labelled(["yes not no", "no not yes"] * 6, [1, 0] * 6)


class StandIn:
    """A stand-in for fastText: records its training data, and predicts the label of the first known word."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.settings: dict[str, Any] = {}

    def train_supervised(self, *, input: str, **settings: Any) -> "StandIn":
        self.settings = settings
        self.lines = Path(input).read_text(encoding="utf-8").splitlines()
        return self

    def predict(self, texts: list[str]) -> tuple[list[list[str]], None]:
        known = {word: tag for tag, *words in map(str.split, self.lines) for word in words[1:2]}
        assert not any("\n" in text for text in texts), "fastText rejects texts with line breaks"
        return [[known[word] for word in text.split() if word in known][:1] for text in texts], None


@pytest.fixture
def fasttext(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn()
    monkeypatch.setitem(sys.modules, "fasttext", stand_in)
    return stand_in


def write_split(path: Path, data: Labelled) -> None:
    names = ["not good, at all", "positive"]
    rows = ({"text": text, "label": names[label]} for text, label in zip(*data, strict=True))
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def test_tfidf_uses_words_and_word_pairs() -> None:
    assert measure_tfidf(TRAIN, DEV).score == 1.0
    assert measure_tfidf(TRAIN, DEV._replace(labels=[0, 1, 0])).score == pytest.approx(2 / 3)
    assert measure_tfidf(PAIRS, PAIRS).score == 1.0, "all of these texts have the same words"


def test_fasttext_input_has_one_line_per_text_and_label_ids(fasttext: StandIn) -> None:
    found = classification_quality._fasttext(TRAIN, DEV)
    assert found is not None
    assert found.score == 1.0
    assert fasttext.lines[:3] == ["__label__1 a fine film", "__label__0 a dull film", "__label__1 a fine plot"]
    assert len(fasttext.lines) == len(TRAIN.texts)
    assert fasttext.settings == {"wordNgrams": 2, "lr": 0.5, "epoch": 25, "dim": 100, "verbose": 0}


def test_text_without_words_known_to_fasttext_is_an_error(fasttext: StandIn) -> None:
    found = classification_quality._fasttext(
        TRAIN, Labelled(["fine music", "what", "dull music", "dull"], [1, 1, 1, 0])
    )
    assert found is not None
    assert found.score == 0.5


def test_fasttext_learns_the_toy_corpus() -> None:
    pytest.importorskip("fasttext", reason="fasttext is not installed")
    found = classification_quality._fasttext(TRAIN, DEV)
    assert found is not None
    assert found.score == 1.0


def test_without_fasttext_there_is_no_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fasttext", None)
    assert classification_quality._fasttext(TRAIN, DEV) is None
    assert capsys.readouterr().err == "skipped fastText: the package fasttext is not installed\n"


def test_split_becomes_texts_and_label_ids(tmp_path: Path) -> None:
    for split, data in {"train": TRAIN, "dev": DEV}.items():
        write_split(tmp_path / f"{split}.jsonl", data)
    corpus = open_corpus(tmp_path)
    assert Labelled.of(corpus["train"]) == TRAIN
    assert Labelled.of(corpus["dev"]) == DEV


def test_table_has_a_column_for_each_seed_and_the_mean() -> None:
    runs = {
        3: Run(score=0.80, calibration_error=0.02, seconds=10.0, megabytes=4.0),
        9: Run(score=0.85, calibration_error=0.05, seconds=20.0, megabytes=5.0),
    }
    rows = [
        Row(corpus="banking77", runs=runs, tfidf=PeerResult(0.8765, 12.34), fasttext=PeerResult(0.849, 4.0)),
        Row(corpus="sentiment-mini", runs=runs, tfidf=PeerResult(0.7, 0.2)),
    ]
    assert str(quality_table(rows, [3, 9])).splitlines() == [
        "| corpus | score | seed 3 | seed 9 | mean | bar | seconds | MB | calibration error | TF-IDF | its seconds "
        "| fastText |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| banking77 | dev accuracy | 80.00 | 85.00 | 82.50 | 88.5 | 15 | 4.5 | 3.50 | 87.65 | 12.3 | 84.90 |",
        "| sentiment-mini | test accuracy | 80.00 | 85.00 | 82.50 | - | 15 | 4.5 | 3.50 | 70.00 | 0.2 | - |",
    ]
    assert CORPORA.keys() - BARS.keys() == {"sentiment-mini"}


def test_missing_corpus_is_an_error_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "mr").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    found = corpus_specs(["mr", "sentiment-mini"], Path("data"))
    assert found == {"mr": str(tmp_path / "data" / "mr"), "sentiment-mini": "sentiment-mini"}
    with pytest.raises(ConfigError, match=r"there is no .*banking77"):
        corpus_specs(CORPORA, Path("data"))
    with pytest.raises(ConfigError, match=r"mr is not embedded .* --data"):
        corpus_specs(CORPORA, None)


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    scores = {"accuracy": 0.9, "macro_f1": 0.8, "expected_calibration_error": 0.04, "tokens": 10}
    report = json.dumps({"calibration": {"expected_calibration_error": 0.03}})
    files = {"run.json": " " * 500_000, "report.json": report}
    return recording_command(tmp_path / "bin", tmp_path / "calls.jsonl", scores=scores, files=files)


@needs_shebang
def test_runs_the_commands_of_a_user(recorder: Path, tmp_path: Path) -> None:
    run = train_and_evaluate(str(recorder), "corpus", "dev", 2)
    assert (run.score, run.calibration_error, run.megabytes) == (0.9, 0.03, 3.0)
    # On dev, on which the temperature was fitted, the cross-fitted error of the report is used.
    assert train_and_evaluate(str(recorder), "corpus", "test", 2).calibration_error == 0.04
    train, evaluate = map(json.loads, (tmp_path / "calls.jsonl").read_text(encoding="utf-8").splitlines()[:2])
    folder = train[train.index("--out") + 1]
    assert train == ["train", "classifier", "--corpus", "corpus", "--seed", "2", "--out", folder, "--quiet"]
    assert evaluate == ["evaluate", folder, "--split", "dev", "--json"]
    assert not Path(folder).exists()
    with pytest.raises(SeqkitError, match=r"train classifier .* exit code 1"):
        train_and_evaluate(str(recorder), "corpus", "dev", 13)


@needs_shebang
def test_measurement_prints_progress_and_writes_the_table(
    recorder: Path,
    fasttext: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "data" / "mr"
    folder.mkdir(parents=True)
    for split, data in {"train": TRAIN, "dev": DEV}.items():
        write_split(folder / f"{split}.jsonl", data)
    monkeypatch.setattr("benchmarks.command.sysconfig", SimpleNamespace(get_path=lambda _: str(recorder.parent)))
    out = tmp_path / "out.md"
    main(["--data", str(folder.parent), "--corpora", "mr", "--seeds", "1", "2", "--out", str(out)])
    printed = capsys.readouterr()
    begins = ["mr: TF-IDF: 100.00 in ", "mr: fastText: 100.00 in ", "mr: seed 1: 90.00 in ", "mr: seed 2: 90.00 in "]
    lines = printed.err.splitlines()
    assert [line[: len(begin)] for line, begin in zip(lines, begins, strict=False)] == begins
    assert printed.out == out.read_text(encoding="utf-8") + "\n"
    assert lines[-1] in printed.out
    assert lines[-1].startswith("| mr | dev accuracy | 90.00 | 90.00 | 90.00 | 78.5 | ")
    with pytest.raises(SeqkitError, match="exit code 1"):
        measure("mr", str(folder), str(recorder), [13])
