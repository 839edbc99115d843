"""A task of a new kind: a row of the table is all that the command line needs to train, score, use and show it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Self

import pytest

from seqkit.config.training import TrainConfig
from seqkit.data.corpus_kinds import Column, CorpusKind, OpenedCorpus
from seqkit.metrics.metric import Metric
from seqkit.runs.folder import RunFolder
from seqkit.task_table import TASKS
from seqkit.tasks.spec import TaskSpec
from seqkit_cli.options import Format
from seqkit_cli.reports.report import InputFile, PredictOptions, Report
from seqkit_cli.reports.scores import SCORES, PlainPredictions
from seqkit_cli.reports.table import REPORTS
from tests.command_line import Done, json_lines, seqkit

ERROR = Metric("mean_error", False, "letters")


@dataclass(frozen=True, kw_only=True)
class LengthConfig:
    """Settings of a model that predicts the same length for every text."""

    margin: Annotated[int, "letters added to the mean length"] = 0


@dataclass(frozen=True)
class Length:
    """A predicted length."""

    text: str
    letters: float

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON output contains."""
        return {"text": self.text, "letters": self.letters}


@dataclass(frozen=True)
class LengthScores:
    """The result of an evaluation."""

    scores: Mapping[str, float]
    steps: int
    seconds: float

    def to_dict(self, step: str = "step") -> dict[str, Any]:
        """Return what JSON output contains."""
        return {**self.scores, f"{step}s": self.steps}


@dataclass(frozen=True, kw_only=True)
class LengthOutcome:
    """How a training ended."""

    best: float
    reason: str = "finished"
    best_epoch: int = 1
    seconds: float = 2.0
    history: Sequence[Mapping[str, float]] = ({"epoch": 1},)
    signal: int | None = None


class LengthModel:
    """Predicts the mean length of the training texts."""

    task = "length"

    def __init__(self, margin: int = 0, mean: float = 0.0) -> None:
        self.margin = margin
        self.mean = mean
        self.outcome: LengthOutcome | None = None

    @classmethod
    def for_task(
        cls, task: str, settings: Mapping[str, Any], /, *, device: Any = "auto", precision: Any = "auto"
    ) -> Self:
        """Return a model that is not trained yet."""
        return cls(settings.get("margin", 0))

    @classmethod
    def load(
        cls, path: str | PathLike[str], *, device: Any = "auto", precision: Any = "auto", verify: bool = True
    ) -> Self:
        """Read a model."""
        return cls(**RunFolder(path).read_json("length.json"))

    def fit(
        self,
        train: Sequence[str],
        /,
        *,
        dev: Sequence[str],
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
        resume: bool = False,
        about: Mapping[str, Any] | None = None,
        progress: bool = False,
    ) -> Self:
        """Compute the mean length, and write the run folder."""
        self.mean = sum(map(len, train)) / len(train)
        self.outcome = LengthOutcome(best=self.evaluate(dev).scores["mean_error"])
        settings = {"margin": self.margin}
        header = {"format_version": 1, "task": self.task, "settings": settings, "corpus": about, "versions": {}}
        files: dict[str, str | bytes] = {
            "length.json": json.dumps({**settings, "mean": self.mean}),
            "model.safetensors": b"",
        }
        assert out is not None
        RunFolder(out).create(header, files)
        return self

    def evaluate(self, split: Sequence[str], /) -> LengthScores:
        """Score a split."""
        errors = [abs(len(text) - self.mean - self.margin) for text in split]
        return LengthScores({"mean_error": sum(errors) / len(errors)}, sum(map(len, split)), 0.5)

    def stream(self, texts: Iterable[str], /) -> Iterator[Length]:
        """Predict a length for each text."""
        return (Length(text, self.mean + self.margin) for text in texts)


def open_lengths(
    *, spec: str, dev_fraction: float, encoding: str = "utf-8", unit: str | None = None, margin: int, seed: int = 0
) -> OpenedCorpus[list[str]]:
    """Open a file of texts; ``unit`` only shows that a column was given, ``margin`` and ``seed`` that settings are."""
    texts = Path(spec).read_text(encoding=encoding).splitlines()
    splits = {"train": texts, "dev": texts[:1]}
    return OpenedCorpus(splits=splits, fingerprint=lambda: f"{len(texts)} texts in {unit or 'letters'}")


LENGTHS: CorpusKind[list[str]] = CorpusKind(
    open=open_lengths,
    columns=(Column(option="unit_column", argument="unit", help="Name of the column of units."),),
    settings=("margin", "seed", "horizon"),
)
TOY: TaskSpec[Any] = TaskSpec(
    name="length",
    purpose="Train a model of lengths.",
    config=LengthConfig,
    training=TrainConfig(epochs=7),
    corpus=LENGTHS,
    default_corpus="texts.txt",
    model=lambda: LengthModel,
    metrics=(ERROR,),
    usage="",
    step="letter",
)


def run(*arguments: object) -> Done:
    """Run a command with a table that has the new task."""
    return seqkit(*arguments, tasks={**TASKS, "length": TOY})


@pytest.fixture(autouse=True)
def _corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("texts.txt").write_text("abcd\nab\n")


def trained(*options: str) -> Done:
    done = run("train", "length", *options)
    assert (done.code, done.out) == (0, "runs/length\n")
    return done


def test_help_lists_it_with_its_options() -> None:
    assert re.search(r" length +Train a model of lengths\. ", run("train", "--help").out)
    shown = run("train", "length", "--help").out
    for option, text in (("margin", "letters added"), ("epochs", "[default: 7]"), ("unit-column", "of units")):
        assert re.search(rf" --{option} .*{re.escape(text)}", shown)
    assert " --unit-column " in run("evaluate", "--help").out
    assert run("train", "length", "--print-config").out.startswith("margin = 0\nepochs = 7\n")


def test_it_is_trained() -> None:
    done = trained("--margin=1", "--unit-column=x")
    assert done.err == "finished after 2 s: best dev mean_error 0.000 in epoch 1\n"
    header = RunFolder("runs/length").read_run()
    assert header["settings"] == {"margin": 1}
    assert header["corpus"]["fingerprint"] == "2 texts in x"
    assert (header["corpus"]["margin"], header["corpus"]["seed"]) == (1, TOY.training.seed)
    assert "horizon" not in header["corpus"]


def test_it_is_scored() -> None:
    trained()
    done = run("evaluate")
    assert (done.code, done.err) == (0, "")
    assert done.out == "runs/length on texts.txt (dev)\nmean error 1.000 letters\n4 letters, 8 letters/s\n"
    assert json_lines(run("evaluate", "runs/length", "--split=train", "--json")) == [{"mean_error": 1.0, "letters": 6}]


def test_it_is_scored_on_another_corpus_opened_with_the_settings_of_the_run() -> None:
    trained("--margin=1")
    Path("others.txt").write_text("abc\n")
    done = run("evaluate", "--corpus=others.txt", "--json")
    assert (done.code, json_lines(done)) == (0, [{"mean_error": 1.0, "letters": 3}])


def test_it_predicts() -> None:
    trained()
    expected = [{"text": "some text", "letters": 3.0}]
    assert json_lines(run("predict", "some text")) == json_lines(run("predict", "some text", "--json")) == expected


def _read_file(model: LengthModel, given: InputFile, output: Format, options: PredictOptions) -> PlainPredictions:
    split = given.open(unit="words").require("train")
    return PlainPredictions([*model.stream(split), Length(f"{given.name} in {output}", 0.0)])


@pytest.fixture
def _reads_files(monkeypatch: pytest.MonkeyPatch) -> None:
    scores: Report[Any, Any] = SCORES
    report = replace(scores, predict=None, predict_file=_read_file, formats=("text", "jsonl", "csv"))
    monkeypatch.setitem(REPORTS, "scores", lambda: report)


@pytest.mark.usefixtures("_reads_files")
def test_its_report_may_read_files_by_itself() -> None:
    trained("--unit-column=x")
    Path("other.txt").write_text("abcdef\n")
    lines = json_lines(run("predict", "--input=other.txt", "--json"))
    assert lines == [{"text": "abcdef", "letters": 3.0}, {"text": "other.txt in jsonl", "letters": 0.0}]
    lines = json_lines(run("predict", "runs/length", "--format=csv"))
    assert [line["text"] for line in lines] == ["abcd", "ab", "None in csv"]  # of the training corpus


@pytest.mark.usefixtures("_reads_files")
def test_a_model_that_reads_files_reads_no_text() -> None:
    trained()
    done = run("predict", "runs/length", "some text")
    assert (done.code, done.out) == (2, "")
    assert "reads no text; give a file with --input" in re.sub(r"\s*│\s*", " ", done.err)


def test_its_run_is_shown() -> None:
    trained()
    done = run("info")
    assert re.match(r"run +runs/length\ntask +length\ncorpus +texts.txt\ndev +not scored yet\n", done.out)


@pytest.mark.parametrize(
    "command",
    [
        "evaluate runs/length --cache",
        "evaluate runs/length --errors=3",
        "evaluate runs/length --pictures=x",
        "evaluate runs/length --tag-column=x",
        "predict runs/length text --mc-samples=3",
        "predict runs/length text --explain",
        "predict runs/length text --format=conll",
    ],
)
def test_options_of_other_kinds_are_refused(command: str) -> None:
    trained()
    done = run(*command.split())
    assert (done.code, done.out) == (2, "")
    option = re.search(r"--[a-z-]+", command)
    assert option
    assert option[0] in done.err


def test_it_generates_no_text() -> None:
    trained()
    done = run("generate", "--model=runs/length")
    assert (done.code, done.out) == (1, "")
    assert done.err == "error: runs/length has a model of the task 'length', which generates no text\n"


def test_without_the_row_the_run_is_unknown() -> None:
    trained()
    done = seqkit("info", "runs/length")
    assert (done.code, done.out) == (1, "")
    assert "'length', which this seqkit does not know" in done.err
