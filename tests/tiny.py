"""A dozen hand-made sentences, and settings that make a tagger small enough to be trained within a test."""

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from seqkit.data.tagged_rows import TaggedRows
from seqkit.tagger import Tagger
from seqkit.tasks.tag_prediction import TagPrediction
from seqkit.tasks.tagging import TaggedExamples, TaggingTask
from seqkit.training.device import Device
from seqkit.training.events import Event
from seqkit.training.trainer import Trainer

__all__ = [
    "PARTS",
    "ROWS",
    "SETTINGS",
    "SPANS",
    "STILL",
    "TRAINING",
    "Rows",
    "TaggingTrainer",
    "half_trained",
    "history_of",
    "interrupt_when",
    "press_at",
    "task_and_examples",
    "task_of",
    "terminal_interrupts",
    "tiny_tagger",
    "trainer_of",
    "without_time",
]

Rows = TaggedRows
TaggingTrainer = Trainer[TaggedExamples, TagPrediction, Sequence[int]]

# word / entity tag in IOB2 / part of speech
SENTENCES = """
Ada/B-PER/PROPN Lund/I-PER/PROPN met/O/VERB Bo/B-PER/PROPN in/O/ADP Ghent/B-LOC/PROPN ./O/PUNCT
They/O/PRON sailed/O/VERB from/O/ADP New/B-LOC/PROPN South/I-LOC/PROPN Wales/I-LOC/PROPN ./O/PUNCT
Rain/O/NOUN fell/O/VERB ./O/PUNCT
BO/B-PER/PROPN LUND/I-PER/PROPN WINS/O/VERB
Flights/O/NOUN Ghent/B-LOC/PROPN Oslo/B-LOC/PROPN Bergen/B-LOC/PROPN resume/O/VERB on/O/ADP 3/O/NUM May/O/PROPN
The/O/DET ferry/O/NOUN left/O/VERB Oslo/B-LOC/PROPN at/O/ADP 7:30/O/NUM ./O/PUNCT
Ada/B-PER/PROPN slept/O/VERB ./O/PUNCT
Nobody/O/PRON saw/O/VERB Uma/B-PER/PROPN de/I-PER/PROPN Wit/I-PER/PROPN leave/O/VERB the/O/DET house/O/NOUN ./O/PUNCT
Is/O/AUX Bergen/B-LOC/PROPN wet/O/ADJ ?/O/PUNCT
Uma/B-PER/PROPN Bo/B-PER/PROPN and/O/CCONJ Ada/B-PER/PROPN sang/O/VERB ./O/PUNCT
the/O/DET harbour/O/NOUN of/O/ADP Ghent/B-LOC/PROPN was/O/AUX quiet/O/ADJ
Wales/B-LOC/PROPN !/O/PUNCT
"""


def _column(number: int) -> list[list[str]]:
    return [[token.split("/")[number] for token in line.split()] for line in SENTENCES.strip().splitlines()]


ROWS: Rows = {"tokens": _column(0), "tags": _column(1)}
PARTS: Rows = {"tokens": _column(0), "tags": _column(2)}

# The entities of each sentence: first token, end (exclusive), type.
SPANS = [
    [(0, 2, "PER"), (3, 4, "PER"), (5, 6, "LOC")],
    [(3, 6, "LOC")],
    [],
    [(0, 2, "PER")],
    [(1, 2, "LOC"), (2, 3, "LOC"), (3, 4, "LOC")],
    [(3, 4, "LOC")],
    [(0, 1, "PER")],
    [(2, 5, "PER")],
    [(1, 2, "LOC")],
    [(0, 1, "PER"), (1, 2, "PER"), (3, 4, "PER")],
    [(3, 4, "LOC")],
    [(0, 1, "LOC")],
]

# All settings that a test may depend on are here and below, so that changing a default does not change a test.
TRAINING: dict[str, Any] = {
    "epochs": 4,
    "batch_tokens": 24,
    "accumulate": 1,
    "optimizer": "adamw",
    "learning_rate": 0.02,
    "schedule": "one-cycle",
    "warmup": 0.1,
    "weight_decay": 0.01,
    "momentum": 0.9,
    "plateau_patience": 3,
    "decay_after": 1,
    "decay": 0.8,
    "clip_norm": 5.0,
    "average": 0.9,
    "patience": 100,
    "seed": 1,
}
SETTINGS: dict[str, Any] = {
    "word_size": 16,
    "characters": "cnn",
    "character_size": 8,
    "character_filters": 8,
    "shape_size": 4,
    "affix_size": 2,
    "cell": "lstm",
    "head": "crf",
    "label_weights": None,
    "label_smoothing": 0.0,
    "hidden_size": 16,
    "num_layers": 1,
    "minimum_count": 1,
    "input_dropout": 0.1,
    "state_dropout": 0.1,
    "singleton_replacement": 0.3,
    "word_replacement": 0.05,
    **TRAINING,
}
STILL: dict[str, Any] = {
    "input_dropout": 0.0,
    "state_dropout": 0.0,
    "singleton_replacement": 0.0,
    "word_replacement": 0.0,
}


def tiny_tagger(task: str = "ner", *, still: bool = False, **changes: Any) -> Tagger:
    """Return a tagger with the settings above; ``still`` turns off all randomness but that of batches."""
    return Tagger(task, device="cpu", precision="float32", **{**SETTINGS, **(STILL if still else {}), **changes})


def task_of(rows: Rows = ROWS, *, still: bool = False, **changes: Any) -> TaggingTask:
    """Return a task built from rows, with weights initialized with seed 1."""
    return task_and_examples(rows, still=still, **changes)[0]


def task_and_examples(rows: Rows = ROWS, *, still: bool = False, **changes: Any) -> tuple[TaggingTask, TaggedExamples]:
    """Return such a task, and its training examples."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return TaggingTask.from_rows(tiny_tagger(still=still, **changes).config, rows)


def half_trained(task: str = "ner", **changes: Any) -> TaggingTask:
    """Return a partly trained task: its predictions are better than chance, but not confident."""
    rows = PARTS if task == "pos" else ROWS
    settings = {"epochs": 10, "schedule": "constant", "average": 0.0, **changes}
    tagger = tiny_tagger(task, still=True, **settings).fit(rows, rows)
    assert tagger.fitted is not None
    return tagger.fitted


def trainer_of(rows: Rows = ROWS, *, still: bool = False, **changes: Any) -> TaggingTrainer:
    """Return a trainer of such a task."""
    task, examples = task_and_examples(rows, still=still, **changes)
    training = tiny_tagger(still=still, **changes).training
    return Trainer(task, examples, training, Device.open("cpu"))


def interrupt_when(condition: Callable[[Event], bool], times: int = 1) -> Callable[[Event], None]:
    """Return a report callback that presses Ctrl-C at the first event for which ``condition`` is true."""
    pressed: list[Event] = []

    def report(event: Event) -> None:
        if not pressed and condition(event):
            pressed.append(event)
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)

    return report


def without_time(history: list[dict[str, float]]) -> list[dict[str, float]]:
    """Return records of epochs without durations, which alone may differ between equal runs."""
    return [{name: value for name, value in record.items() if name != "seconds"} for record in history]


@contextmanager
def terminal_interrupts() -> Iterator[None]:
    """Handle Ctrl-C as in a terminal; shells make background processes ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def press_at(point: tuple[int, type]) -> Callable[[Event], None]:
    """Return a report callback that presses Ctrl-C at a point: an event's number, from 0, among those of its type."""
    number, kind = point
    seen: list[Event] = []

    def is_reached(event: Event) -> bool:
        if isinstance(event, kind):
            seen.append(event)
        return len(seen) == number + 1

    return interrupt_when(is_reached)


def history_of(path: Path) -> list[dict[str, float]]:
    """Return the records of the epochs in a run folder."""
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
