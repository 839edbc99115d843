"""A task whose dev scores are written down beforehand, to see what training makes of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.batches.batch import Batch
from seqkit.batches.samplers import BucketSampler, in_order, length_sorted_batches
from seqkit.config.training import TrainConfig
from seqkit.training.device import Device
from seqkit.training.events import BatchDone, Event, Outcome
from seqkit.training.fit import fit
from seqkit.training.trainer import Trainer

__all__ = ["Numbers", "ScriptedTask", "rates_of", "run", "scripted", "weight_of"]


class Numbers:
    """Examples of the task below: each is a number, and as many tokens as it says."""

    def __init__(self, lengths: list[int]) -> None:
        self.lengths, self.gold = lengths, None

    def __len__(self) -> int:
        return len(self.lengths)


class ScriptedTask:
    """A model of one weight, which every batch pulls towards 1; its dev scores are given."""

    name = "scripted"
    metric = "score"
    usage = ""
    tie_breaker: str | None = None
    rate_parts: Sequence[str] = ()

    def __init__(self, scores: Sequence[float] = ()) -> None:
        self.model = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.model.weight)
        self.scores: Iterator[float] = iter(scores)
        self.judged: list[float] = []

    def prepare(self, rows: Mapping[str, Any]) -> Numbers:
        return Numbers(rows["lengths"])

    def settled(self, examples: Numbers, device: torch.device) -> Numbers:
        return examples

    def collate(self, examples: Numbers, rows: Sequence[int]) -> Batch:
        return Batch(inputs={}, lengths=torch.tensor([examples.lengths[row] for row in rows]))

    def sampler(self, examples: Numbers, config: TrainConfig) -> BucketSampler:
        return BucketSampler(lengths=examples.lengths, batch_tokens=config.batch_tokens, seed=config.seed)

    def rate_share(self, part: str, epoch: int) -> float:
        return 1.0

    def batches(self, examples: Numbers, batch_tokens: int) -> list[list[int]]:
        return length_sorted_batches(examples.lengths, batch_tokens)

    def in_order(self, batches: Sequence[Sequence[int]], predictions: Sequence[list[None]]) -> list[None]:
        return in_order(batches, predictions)

    def loss(self, batch: Batch, carry: list[Tensor] | None) -> tuple[Tensor, list[Tensor] | None]:
        return (self.model.weight - 1).square().sum(), None

    def predict(
        self, batch: Batch, carry: list[Tensor] | None, *, confidence: bool = False
    ) -> tuple[list[None], list[Tensor] | None]:
        return [None] * len(batch.lengths), None

    def score(self, gold: Any, predicted: Any) -> dict[str, float]:
        self.judged.append(self.model.weight.item())
        return {"score": next(self.scores)}

    def describe(self, examples: Numbers, rows: Sequence[int]) -> str:
        return f"number {rows[0]}"

    def assets(self) -> dict[str, str]:
        return {}


def scripted(scores: Sequence[float] = (), lengths: Sequence[int] = (1, 1, 1, 1), **changes: Any) -> Trainer:
    settings = {"batch_tokens": 1, "learning_rate": 0.01, "schedule": "constant", "warmup": 0.0, "average": 0.0}
    config = TrainConfig(**{**settings, "patience": 100, "epochs": len(scores) or 1, **changes})
    return Trainer(ScriptedTask(scores), Numbers(list(lengths)), config, Device.open("cpu"))


def run(trainer: Trainer, report: Callable[[Event], None] | None = None) -> Outcome:
    return fit(trainer, Numbers([1]), report=report or (lambda event: None))


def weight_of(trainer: Trainer) -> float:
    """The one weight of a scripted task's model."""
    (weight,) = trainer.task.model.parameters()
    return weight.item()


def rates_of(trainer: Trainer) -> list[float]:
    """The learning rate of every step of a training."""
    rates: list[float] = []

    def report(event: Event) -> None:
        if isinstance(event, BatchDone):
            assert len({group["lr"] for part in trainer.optimizer.parts for group in part.param_groups}) == 1
            rates.append(trainer.optimizer.parts[0].param_groups[0]["lr"])

    run(trainer, report)
    return rates
