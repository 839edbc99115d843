"""A dozen hand-made texts with labels of every type, and settings that make a classifier small enough for a test."""

from collections.abc import Sequence
from typing import Any

import torch

from seqkit.batches.labelled_examples import LabelledExamples
from seqkit.classifier import Classifier
from seqkit.data.labelled_rows import labelled_rows
from seqkit.models.text_encoders import PretrainedEncoder
from seqkit.tasks.classification import ClassificationTask
from seqkit.tasks.label_prediction import LabelPrediction
from seqkit.training.device import Device
from seqkit.training.trainer import Trainer
from tests.tiny import TRAINING

__all__ = [
    "LABELS",
    "LABEL_SETTINGS",
    "LIKED",
    "STARS",
    "STILL_LABELS",
    "TEXTS",
    "TOPICS",
    "label_task_of",
    "label_trainer_of",
    "tiny_classifier",
]

REVIEWS = """
good | 3 | food      | The soup was warm and rich.
bad  | 1 | food      | The soup was cold!
good | 2 | room      | A quiet room, and a kind host
bad  | 1 | room      | Not a quiet room: no sleep at all.
good | 3 | room food | Kind host, rich breakfast, warm bed.
bad  | 1 | food      | cold eggs
good | 3 |           | We loved it.
bad  | 1 |           | NEVER again!
good | 2 | food      | Not bad at all, this café
bad  | 1 | room food | A cold room and a cold breakfast; we left at 7:30.
good | 3 | room      | Such a warm, quiet bed
bad  | 2 |           | We did not love it.
"""


def _column(number: int) -> list[str]:
    return [line.split("|")[number].strip() for line in REVIEWS.strip().splitlines()]


TEXTS: list[str] = _column(3)
LABELS: list[str] = _column(0)
STARS: list[int] = [int(stars) for stars in _column(1)]
LIKED: list[bool] = [label == "good" for label in LABELS]
TOPICS: list[list[str]] = [topics.split() for topics in _column(2)]  # a text may have several, or none

# All settings that a test may depend on are here, so that changing a default does not change a test.
LABEL_SETTINGS: dict[str, Any] = {
    "unit": "word",
    "bpe_size": 270,
    "lm": None,
    "lm_rate": 0.25,
    "lm_rate_decay": 2.0,
    "unfreeze_epochs": 1.0,
    "word_size": 16,
    "minimum_count": 1,
    "vectors": None,
    "characters": "cnn",
    "character_size": 8,
    "character_filters": 8,
    "shape_size": 4,
    "affix_size": 2,
    "cell": "lstm",
    "hidden_size": 12,
    "num_layers": 1,
    "input_dropout": 0.1,
    "state_dropout": 0.1,
    "singleton_replacement": 0.3,
    "word_replacement": 0.05,
    "pooling": "last+mean+max",
    "window": 400,
    "ngrams": 2,
    "ngram_count": 2,
    "naive_bayes": 0.3,
    "ngram_rate": 7.0,
    "ngram_dropout": 0.1,
    "branch_loss": 0.5,
    "class_weights": None,
    "balanced_sampling": False,
    "focal_gamma": 0.0,
    "label_smoothing": 0.0,
    **TRAINING,
}
STILL_LABELS: dict[str, Any] = {
    "input_dropout": 0.0,
    "state_dropout": 0.0,
    "ngram_dropout": 0.0,
    "singleton_replacement": 0.0,
    "word_replacement": 0.0,
}


def tiny_classifier(task: str = "classifier", *, still: bool = False, **changes: Any) -> Classifier:
    """Return a classifier with the settings above; ``still`` turns off all randomness but that of batches."""
    settings = {**LABEL_SETTINGS, **(STILL_LABELS if still else {}), **changes}
    return Classifier(task, device="cpu", precision="float32", **settings)


def label_task_of(
    texts: Sequence[str] = TEXTS,
    labels: Sequence[Any] = LABELS,
    *,
    still: bool = False,
    pretrained: PretrainedEncoder | None = None,
    **changes: Any,
) -> ClassificationTask:
    """Return a task built from texts and labels, with weights initialized with seed 1."""
    config = tiny_classifier(still=still, **changes).config
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return ClassificationTask.from_rows(config, labelled_rows(texts, labels), pretrained)[0]


LabelTrainer = Trainer[LabelledExamples, LabelPrediction, Sequence[int]]


def label_trainer_of(
    texts: Sequence[str] = TEXTS,
    labels: Sequence[Any] = LABELS,
    *,
    still: bool = False,
    pretrained: PretrainedEncoder | None = None,
    **changes: Any,
) -> LabelTrainer:
    """Return a trainer of such a task."""
    task = label_task_of(texts, labels, still=still, pretrained=pretrained, **changes)
    training = tiny_classifier(still=still, **changes).training
    return Trainer(task, task.prepare(labelled_rows(texts, labels)), training, Device.open("cpu"))
