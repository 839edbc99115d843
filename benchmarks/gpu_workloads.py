"""The training and generation steps that the probes of a GPU measure, on generated data.

Each function returns an iterator without end: each ``next`` does one step and returns the number of tokens it handled.
"""

import random
from collections.abc import Iterator
from itertools import count
from typing import Any, Literal

import torch

from benchmarks.tagging_step import TextbookTagger
from seqkit.config.sampling import SamplingFilters
from seqkit.config.training import TrainConfig
from seqkit.data.tagged_rows import TaggedRows
from seqkit.data.texts import from_strings
from seqkit.generation.decoder import Decoder
from seqkit.generation.filters import TokenHistory, Uniforms, choose, filtered
from seqkit.language_model import LanguageModel
from seqkit.nn.recurrent import RecurrentEncoder
from seqkit.tagger import Tagger
from seqkit.tasks.language_modelling import LanguageModellingTask
from seqkit.tasks.tagging import TaggingTask
from seqkit.training.device import Device
from seqkit.training.trainer import Trainer

__all__ = ["LARGE", "SMALL", "Precision", "decoder_steps", "language_model_steps", "sentences", "tagging_steps"]

SMALL, LARGE = 800, 6400  # tokens of a batch of the tagger
Precision = Literal["auto", "float32", "bfloat16"]


def sentences(number: int, seed: int = 0) -> TaggedRows:
    """Return generated sentences of 5 to 45 words, some of them entities of four types.

    >>> rows = sentences(3)
    >>> len(rows["tokens"]), all(5 <= len(words) <= 45 for words in rows["tokens"])
    (3, True)
    """
    draw = random.Random(seed)
    tokens, tags = [], []
    for _ in range(number):
        length = draw.randint(5, 45)
        chosen = [int(draw.paretovariate(0.8)) % 9973 for _ in range(length)]
        tokens.append([f"w{word:x}" if word % 7 else f"Name{word:x}" for word in chosen])
        tags.append([f"B-T{word % 4}" if word % 7 == 0 else "O" for word in chosen])
    return TaggedRows(tokens=tokens, tags=tags)


def tagging_steps(
    device: torch.device, precision: Precision, batch_tokens: int, *, quick: bool = False
) -> dict[str, Iterator[int]]:
    """Return the training steps of the default tagger, and of the textbook pipeline of the same sizes."""
    rows = sentences(100 if quick else 4000)
    settings: dict[str, Any] = {"hidden_size": 16, "word_size": 8} if quick else {}
    torch.manual_seed(0)
    task, examples = TaggingTask.from_rows(Tagger(**settings).config, rows)
    config = TrainConfig(batch_tokens=batch_tokens)
    trainer = Trainer(task, examples, config, Device.open(device.type, precision))  # type: ignore[arg-type]
    textbook = TextbookTagger(task).to(device)
    gold = [answer.tags for answer in examples.gold or ()]
    encoded = [textbook.encode(words, tags) for words, tags in zip(examples.tokens, gold, strict=True)]
    size = max(1, round(len(encoded) / len(trainer.sampler.epoch(0))))
    return {"seqkit": training_steps(trainer), "textbook": textbook.steps(encoded, size)}


def training_steps(trainer: Trainer[Any, Any, Any]) -> Iterator[int]:
    """Train without end at half the schedule."""
    for epoch in count():
        trainer.carry = None
        for index in trainer.sampler.epoch(epoch):
            trainer.set_learning_rate(0.5)
            yield trainer.train_step(index, step=True).steps


def language_model_steps(device: torch.device, precision: Precision, *, quick: bool = False) -> Iterator[int]:
    """Return the training steps of the preset ``awd-wt2`` on 33,278 generated words."""
    settings: dict[str, Any] = {"hidden_size": 16, "embedding_size": 8, "batch_tokens": 280} if quick else {}
    vocabulary, tokens = (50, 2_000) if quick else (33_278, 300_000)
    model = LanguageModel("awd-wt2", **settings)
    draw = random.Random(0)
    words = [*range(vocabulary), *(int(draw.paretovariate(0.5)) % vocabulary for _ in range(tokens))]
    torch.manual_seed(0)
    text = " ".join(f"w{word}" for word in words)
    task, examples = LanguageModellingTask.from_rows(model.config, from_strings([text]))
    opened = Device.open(device.type, precision)  # type: ignore[arg-type]
    return training_steps(Trainer(task, examples, model.training, opened))


@torch.inference_mode()
def _decoder(device: torch.device, vocabulary: int, width: int) -> Decoder:
    torch.manual_seed(0)
    layers = [RecurrentEncoder(width, width).to(device) for _ in range(2)]
    output = torch.nn.Linear(width, vocabulary).to(device)
    return Decoder(torch.randn(vocabulary, width, device=device), layers, output)


@torch.inference_mode()
def decoder_steps(device: torch.device, *, rows: int, vocabulary: int, quick: bool = False) -> Iterator[int]:
    """Return steps of generation from two layers of 512 units: scores, filters, a draw, and its copy to the host."""
    decoder = _decoder(device, vocabulary, 32 if quick else 512)
    filters = SamplingFilters(temperature=0.8)
    history = TokenHistory(filters, rows, vocabulary, device)
    uniforms, state = Uniforms(range(rows), device), decoder.initial_state(rows)
    tokens_B = torch.zeros(rows, dtype=torch.int64, device=device)
    while True:
        with torch.inference_mode():
            scores_BV, state = decoder.step(tokens_B, state)
            tokens_B = choose(filtered(scores_BV, filters, history), filters, uniforms.draw(range(rows)))
            drawn: list[int] = tokens_B.tolist()
        yield len(drawn)
