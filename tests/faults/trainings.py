"""A tiny training of each task: how it is made, how its model answers, and how it ends if nothing goes wrong."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch

import seqkit
from seqkit.runs.run import RunWriter
from tests.faults.children import Child
from tests.tiny import PARTS, ROWS, Rows, tiny_tagger, without_time
from tests.tiny_labels import LABELS, TEXTS, tiny_classifier
from tests.tiny_text import DEV, TRAIN, tiny_language_model

__all__ = ["TASKS", "Reference", "Training", "answers", "contents", "fit", "reference", "warm_up"]

Training = Callable[..., object]  # accepts the arguments of ``fit``
SMALL: dict[str, Any] = {"epochs": 2, "hidden_size": 4, "batch_tokens": 40}
CHARACTERS: dict[str, Any] = {"character_size": 4, "character_filters": 4, "word_size": 4}
FEW: Rows = {"tokens": ROWS["tokens"][:6], "tags": ROWS["tags"][:6]}
FEW_PARTS: Rows = {"tokens": PARTS["tokens"][:6], "tags": PARTS["tags"][:6]}


def _ner(seed: int) -> Training:
    model = tiny_tagger("ner", **SMALL, **CHARACTERS, seed=seed)
    return lambda **given: model.fit(FEW, FEW, **given)


def _pos(seed: int) -> Training:
    model = tiny_tagger("pos", **SMALL, **CHARACTERS, seed=seed)
    return lambda **given: model.fit(FEW_PARTS, FEW_PARTS, **given)


def _sentiment(seed: int) -> Training:
    model = tiny_classifier(**SMALL, seed=seed)
    return lambda **given: model.fit(TEXTS, LABELS, dev=(TEXTS, LABELS), **given)


def _lm(seed: int) -> Training:
    model = tiny_language_model(**SMALL, embedding_size=4, seed=seed)
    return lambda **given: model.fit(TRAIN[:4], DEV, **given)


TASKS: Mapping[str, Callable[[int], Training]] = {"ner": _ner, "pos": _pos, "sentiment": _sentiment, "lm": _lm}
TEXT = {"ner": "Ada Lund met Bo in Ghent .", "pos": "Rain fell in Oslo .", "sentiment": TEXTS[0], "lm": DEV[0]}


def fit(task: str, path: Path, *, seed: int = 1, **given: Any) -> None:
    """Train the model of a task into a folder; figures are not drawn, as that takes longer than all the rest."""
    figures = ("seqkit.runs.run.learning_curve", "seqkit.classifier.reliability_diagram")
    with patch(figures[0], lambda *_: b"PNG"), patch(figures[1], lambda *_, **__: b"PNG"):
        TASKS[task](seed)(out=path, **given)


def warm_up() -> None:
    """Train and use each model once in this process, so that its children need not import anything."""
    torch.set_num_threads(1)
    for task in TASKS:
        with TemporaryDirectory() as folder:
            fit(task, Path(folder, "run"))
            answers(task, Path(folder, "run"))


def answers(task: str, path: Path) -> str:
    """Return what the model in a folder says, to the last bit."""
    model = seqkit.load(path, device="cpu")
    given = model.score(TEXT[task], unknown="<unk>") if task == "lm" else model.predict([TEXT[task]])
    return repr(given)


def contents(path: Path) -> dict[str, bytes]:
    """Return the files of a folder by their paths, without what differs between equal trainings: durations."""
    files = {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}
    kept = {name: data for name, data in files.items() if name not in ("run.json", "report.json", "metrics.jsonl")}
    report = json.loads(files["report.json"])
    history = [json.loads(line) for line in files["metrics.jsonl"].splitlines()]
    kept["report.json"] = json.dumps({**report, "seconds": 0}).encode()
    kept["metrics.jsonl"] = json.dumps(without_time(history)).encode()
    kept["run.json"] = json.dumps(sorted(json.loads(files["run.json"])["settings"].items())).encode()
    return kept


@dataclass(frozen=True)
class Reference:
    """A training that nothing disturbs.

    Attributes:
        said: what the model says after each time that it is saved.
        files: what the folder contains in the end.
    """

    said: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)


def reference(task: str, path: Path, seed: int = 1) -> Reference:
    """Train into a folder, undisturbed, in another process."""

    def train() -> Reference:
        said: list[str] = []
        usual = RunWriter.save

        def save(writer: Any, trainer: Any, best: bool) -> None:
            usual(writer, trainer, best)
            with torch.random.fork_rng():  # loading a model draws its first weights
                said.append(answers(task, path))

        with patch.object(RunWriter, "save", save):
            fit(task, path, seed=seed)
        said.append(answers(task, path))
        return Reference(said, contents(path))

    found: Reference = Child.run(train).value()
    return found
