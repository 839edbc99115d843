"""A new task needs no change of the library: all of it is defined here, and added as a row of the table of tasks.

It predicts how many stars a text has, as a number, from the mean of its byte embeddings. Its score is an error in
stars: lower is better, and it is not a percentage.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import pytest
import torch
from annotated_types import Ge
from torch import Tensor, nn

import seqkit as library
from seqkit.batches.batch import Batch, Ragged, integers
from seqkit.batches.samplers import BucketSampler, in_order, length_sorted_batches
from seqkit.config.bounds import check_fields
from seqkit.config.training import TrainConfig
from seqkit.data.corpus_kinds import LABELLED_TEXTS
from seqkit.data.labelled_rows import labelled_rows
from seqkit.estimator import Estimator, Prepared
from seqkit.metrics.metric import Metric
from seqkit.runs.folder import RunFolder
from seqkit.task_table import TASKS
from seqkit.tasks.spec import TaskSpec
from seqkit.tasks.task import Task
from seqkit.training.device import DeviceName, Precision
from seqkit.training.evaluate import Evaluation, evaluate, predict
from tests.command_line import json_lines, seqkit

# A config


@dataclass(frozen=True, kw_only=True)
class StarsConfig:
    """The settings of the model."""

    width: Annotated[int, Ge(1), "width of a byte embedding"] = 8

    def __post_init__(self) -> None:
        check_fields(self)


# A model


class StarsModel(nn.Module):
    """Predicts a number from the mean byte embedding of a text."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(256, width)
        self.output = nn.Linear(width, 1)

    def forward(self, batch: Batch) -> Tensor:
        mask_BT1 = batch.mask[..., None]
        mean_BD = (self.embedding(batch.inputs["bytes_BT"]) * mask_BT1).sum(1) / mask_BT1.sum(1)
        stars_B: Tensor = self.output(mean_BD)[:, 0]
        return stars_B


# A task

MAE = Metric("mae", higher_is_better=False, unit="stars")
METRICS = (MAE,)
Rows = Mapping[str, Any]


@dataclass(frozen=True)
class StarsExamples:
    """Texts as bytes, and their stars."""

    bytes: Ragged
    stars: Tensor | None

    def __len__(self) -> int:
        return len(self.bytes)

    @property
    def steps(self) -> int:
        return int(self.bytes.lengths.sum())

    @property
    def lengths(self) -> list[int]:
        lengths: list[int] = self.bytes.lengths.tolist()
        return lengths


class StarsTask:
    """Predicts the number of stars of a text."""

    metrics: ClassVar[Sequence[Metric]] = METRICS
    tie_breaker: ClassVar[Metric | None] = None

    def __init__(self, config: StarsConfig, levels: Sequence[str]) -> None:
        self.config, self.levels = config, list(levels)
        self.model = StarsModel(config.width)

    @classmethod
    def from_rows(cls, config: StarsConfig, rows: Rows) -> tuple[Self, StarsExamples]:
        task = cls(config, sorted({label for answer in rows["label"] for label in answer}))
        return task, task.prepare(rows)

    def prepare(self, rows: Rows) -> StarsExamples:
        texts = [text.encode() or b" " for text in rows["text"]]
        column = torch.tensor([byte for text in texts for byte in text], dtype=torch.uint8)
        stars = None
        if "label" in rows:
            stars = torch.tensor([float(self.levels.index(answer[0])) for answer in rows["label"]])
        return StarsExamples(Ragged(columns={"bytes": column}, lengths=integers(list(map(len, texts)))), stars)

    def precompute(self, examples: StarsExamples, device: torch.device) -> StarsExamples:
        return examples

    def sampler(self, examples: StarsExamples, config: TrainConfig) -> BucketSampler:
        return BucketSampler(lengths=examples.lengths, batch_tokens=config.batch_tokens, seed=config.seed)

    @property
    def parameter_groups(self) -> Sequence[str]:
        return ()

    def learning_rate_scale(self, group: str, epoch: int) -> float:
        return 1.0

    def batches(self, examples: StarsExamples, batch_tokens: int) -> Sequence[Sequence[int]]:
        return length_sorted_batches(examples.lengths, batch_tokens)

    def collate(self, examples: StarsExamples, index: Sequence[int]) -> Batch:
        rows = torch.as_tensor(index)
        targets = None if examples.stars is None else examples.stars[rows]
        inputs = {"bytes_BT": examples.bytes.pad(index)["bytes"]}
        return Batch(inputs=inputs, lengths=examples.bytes.lengths[rows], targets=targets)

    def loss(self, batch: Batch, carry: list[Tensor] | None) -> tuple[Tensor, None]:
        assert batch.targets is not None
        return nn.functional.l1_loss(self.model(batch), batch.targets), None

    def predict(self, batch: Batch, carry: list[Tensor] | None) -> tuple[list[float], None]:
        return self.model(batch).tolist(), None

    def merge(
        self, examples: StarsExamples, batches: Sequence[Sequence[int]], predictions: Sequence[list[float]]
    ) -> list[float]:
        return in_order(batches, predictions)

    def score(self, examples: StarsExamples, predictions: Sequence[float]) -> dict[str, float]:
        assert examples.stars is not None
        return {MAE.name: float((torch.tensor(predictions) - examples.stars).abs().mean())}

    def describe(self, examples: StarsExamples, index: Sequence[int]) -> str:
        return f"text {index[0]}"

    def assets(self) -> dict[str, str]:
        return {"levels.json": json.dumps(self.levels)}

    @classmethod
    def restored(cls, config: StarsConfig, read: Callable[[str], str]) -> Self:
        return cls(config, json.loads(read("levels.json")))


# A class to import


@dataclass(frozen=True)
class Stars:
    """The stars of a text."""

    text: str
    stars: float

    def to_dict(self) -> dict[str, Any]:
        return {"text": self.text, "stars": round(self.stars, 3)}


class StarsRegressor(Estimator[StarsExamples, float, Sequence[int]]):
    """Predicts how many stars a text has."""

    tasks = ("stars",)
    noun = "a regressor"
    fitted: StarsTask | None
    config: StarsConfig

    def __init__(self, *, device: DeviceName = "auto", precision: Precision = "auto", **settings: Any) -> None:
        self._configure({"task": "stars", "device": device, "precision": precision}, settings)

    def fit(self, train: Any, /, *, dev: Any, out: Any = None, overwrite: bool = False, resume: bool = False,
            about: Any = None, report: Any = None, progress: bool = False) -> Self:  # fmt: skip
        def prepare() -> Prepared[StarsTask, StarsExamples]:
            task, examples = StarsTask.from_rows(self.config, labelled_rows(train))
            return Prepared(task, examples, task.prepare(labelled_rows(dev)))

        return self._fit(
            prepare, out=out, overwrite=overwrite, resume=resume, about=about, report=report, progress=progress
        )

    def evaluate(self, split: Any, /) -> Evaluation[float]:
        task = self._trained(self.fitted)
        return evaluate(task, task.prepare(labelled_rows(split)), self._device())

    def stream(self, texts: Iterable[str], /) -> Iterator[Stars]:
        task = self._trained(self.fitted)
        for text in texts:
            yield Stars(text, predict(task, task.prepare({"text": [text]}), self._device())[0])

    def _restored_task(self, read: Callable[[str], str]) -> StarsTask:
        return StarsTask.restored(self.config, read)

    @classmethod
    def _from_run(cls, run: Mapping[str, Any], *, device: DeviceName, precision: Precision) -> Self:
        return cls(device=device, precision=precision, **run["settings"])


# One row

SPEC: TaskSpec[Any] = TaskSpec(
    name="stars",
    purpose="Train a regressor of stars.",
    config=StarsConfig,
    training=TrainConfig(epochs=2, batch_tokens=4000, learning_rate=0.05),
    corpus=LABELLED_TEXTS,
    default_corpus="sentiment-mini",
    model=lambda: StarsRegressor,
    metrics=METRICS,
    usage='list(model.stream(["Some text."]))',
    step="byte",
)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> dict[str, TaskSpec[Any]]:
    monkeypatch.setitem(TASKS, "stars", SPEC)
    return TASKS


@pytest.fixture
def run(tasks: dict[str, TaskSpec[Any]], tmp_path: Path) -> Path:
    path = tmp_path / "run"
    done = seqkit("train", "stars", "--out", path, "--quiet", "--device", "cpu", tasks=tasks)
    assert (done.code, done.out, done.err) == (0, f"{path}\n", "")
    return path


def test_the_task_fulfils_the_contract() -> None:
    """mypy checks the assignment; at run time there is nothing to check."""
    kept: type[Task[StarsExamples, float, Sequence[int], Rows, StarsConfig]] = StarsTask
    assert kept is StarsTask


def test_it_is_trained_from_the_command_line_and_lower_is_better(run: Path) -> None:
    history = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    report = RunFolder(run).read_json("report.json")
    errors = [record["dev_mae"] for record in history]
    assert report["best_epoch"] == 1 + errors.index(min(errors))
    assert report["dev"] == {"mae": min(errors)}
    assert f"mae {min(errors):#.4g} stars" in (run / "README.md").read_text()
    assert set(RunFolder(run).read_run()["files"]) == {
        "README.md", "learning_curve.png", "levels.json", "metrics.jsonl", "model.safetensors", "report.json",
        "run.json",
    }  # fmt: skip


def test_the_command_line_scores_predicts_and_describes_it(run: Path, tasks: dict[str, TaskSpec[Any]]) -> None:
    dev = RunFolder(run).read_json("report.json")["dev"]["mae"]
    (scores,) = json_lines(seqkit("evaluate", run, "--json", tasks=tasks))
    assert scores.keys() == {"mae", "bytes", "bytes_per_second"}
    assert scores["mae"] == pytest.approx(dev, rel=1e-3 if torch.cuda.is_available() else 1e-5)  # bfloat16 on a GPU
    shown = seqkit("evaluate", run, tasks=tasks)
    assert f"{scores['mae']:#.4g} stars" in shown.out
    assert "bytes/s" in shown.out
    (found,) = json_lines(seqkit("predict", run, "--json", "Not bad at all!", tasks=tasks))
    assert found == Stars("Not bad at all!", found["stars"]).to_dict()
    about = seqkit("info", run, tasks=tasks)
    assert "stars" in about.out
    assert "width=8" in about.out


def test_its_settings_are_checked(tasks: dict[str, TaskSpec[Any]]) -> None:
    help_text = seqkit("train", "stars", "--help", tasks=tasks)
    assert "width of a byte embedding" in help_text.out
    assert seqkit("train", "stars", "--width", "0", tasks=tasks).code == 2


def test_it_can_be_loaded(run: Path) -> None:
    model = library.load(run, device="cpu")
    assert isinstance(model, StarsRegressor)
    assert [each.text for each in model.stream(["one", "two"])] == ["one", "two"]


def test_overwriting_it_removes_its_own_files(run: Path, tasks: dict[str, TaskSpec[Any]], tmp_path: Path) -> None:
    (run / "notes.txt").write_text("mine")
    corpus = tmp_path / "texts.csv"
    corpus.write_text("text,label\n" + "lovely,good\ndreadful,bad\n" * 10)
    options = ["--epochs", "1", "--out", run, "--overwrite", "--quiet"]
    done = seqkit("train", "sentiment", "--corpus", corpus, *options, tasks=tasks)
    assert done.code == 0
    assert not (run / "levels.json").exists()
    assert (run / "notes.txt").read_text() == "mine"
