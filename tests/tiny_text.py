"""A short text, and settings that make a language model small enough to be trained within a test."""

from pathlib import Path
from typing import Any

import torch

from seqkit.batches.bptt_windows import Window
from seqkit.data.texts import from_strings
from seqkit.language_model import LanguageModel
from seqkit.tasks.language_modelling import LanguageModellingTask, TextExamples, WindowNLL
from seqkit.training.device import Device
from seqkit.training.trainer import Trainer

__all__ = ["DEV", "TEXT_SETTINGS", "TRAIN", "text_options", "tiny_language_model", "tiny_text_trainer", "write_texts"]

TRAIN = [
    "The harbour was quiet.\n\nAda sat on the wall and counted the boats: one, two, three.\n",
    "Rain fell on Ghent all day. Nobody went out; the café stayed shut.\n",
    '"Where is the ferry?" said Bo. "It left at seven," said Ada, "and it is not coming back."\n',
    "Take two eggs, a cup of milk and a little salt. Beat them well. Leave the batter for an hour.\n",
] * 3
DEV = ["Ada sat in the café and counted the eggs: one, two.\n", "The ferry left Ghent at seven. Rain fell.\n"]

# All settings that a test may depend on are here, so that changing a preset does not change a test.
TEXT_SETTINGS: dict[str, Any] = {
    "unit": "char",
    "pretokenized": False,
    "vocabulary_size": 0,
    "minimum_count": 1,
    "direction": "forward",
    "cell": "lstm",
    "embedding_size": 12,
    "hidden_size": 16,
    "num_layers": 1,
    "tied": True,
    "adaptive_softmax": False,
    "embedding_dropout": 0.1,
    "input_dropout": 0.1,
    "hidden_dropout": 0.1,
    "output_dropout": 0.1,
    "weight_dropout": 0.1,
    "locked_dropout": True,
    "activation_penalty": 0.0,
    "temporal_penalty": 0.0,
    "bptt": 10,
    "vary_bptt": False,
    "reset_probability": 0.0,
    "epochs": 3,
    "batch_tokens": 60,
    "accumulate": 1,
    "optimizer": "adamw",
    "learning_rate": 0.02,
    "schedule": "one-cycle",
    "warmup": 0.1,
    "weight_decay": 0.01,
    "momentum": 0.0,
    "plateau_patience": 3,
    "clip_norm": 1.0,
    "average": 0.9,
    "patience": 100,
    "seed": 1,
}


def tiny_language_model(**changes: Any) -> LanguageModel:
    """Return a language model with the settings above, some of them changed."""
    return LanguageModel(device="cpu", precision="float32", **{**TEXT_SETTINGS, **changes})


TextTrainer = Trainer[TextExamples, WindowNLL, Window]


def tiny_text_trainer(**changes: Any) -> tuple[LanguageModellingTask, TextTrainer]:
    """Return the task of such a model, with weights initialized with seed 1, and a trainer of it."""
    model = tiny_language_model(**changes)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        task, examples = LanguageModellingTask.from_rows(model.config, from_strings(TRAIN))
    return task, Trainer(task, examples, model.training, Device.open("cpu"))


def text_options(**changes: Any) -> list[str]:
    """Return command line options for the settings above, some of them changed."""
    options = ["--device=cpu"]
    for name, value in {**TEXT_SETTINGS, **changes}.items():
        dashed = name.replace("_", "-")
        options.append(f"--{'' if value else 'no-'}{dashed}" if isinstance(value, bool) else f"--{dashed}={value}")
    return options


def write_texts(folder: Path) -> Path:
    """Write the documents above as running text into a train and a dev file, and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.txt").write_text("".join(TRAIN), encoding="utf-8")
    (folder / "dev.txt").write_text("".join(DEV), encoding="utf-8")
    return folder
