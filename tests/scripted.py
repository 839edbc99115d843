"""A task with predetermined dev scores, to test how training reacts to them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from seqkit.batches.batch import Batch
from seqkit.batches.samplers import BucketSampler, in_order, length_sorted_batches
from seqkit.config.training import TrainConfig
from seqkit.metrics.metric import Metric
from seqkit.training.device import Device
from seqkit.training.events import BatchDone, Event, Outcome
from seqkit.training.fit import fit
from seqkit.training.trainer import Trainer

__all__ = ["ERROR", "SCORE", "Numbers", "NumbersTrainer", "ScriptedTask", "rates_of", "run", "scripted", "weight_of"]


class Numbers:
    """Examples of the task below: each is a number, which is also its number of tokens."""

    def __init__(self, lengths: list[int]) -> None:
        self.lengths = lengths

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def steps(self) -> int:
        return sum(self.lengths)


SCORE = Metric("score", higher_is_better=True)
ERROR = Metric("error", higher_is_better=False)


class ScriptedTask:
    """A model with one weight, which every batch pulls towards 1; the dev scores are those in ``scores``."""

    metrics: ClassVar[Sequence[Metric]] = (SCORE,)
    tie_breaker: ClassVar[Metric | None] = None

    def __init__(self, scores: Sequence[float] = ()) -> None:
        self.model = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.model.weight)
        self.scores: Iterator[float] = iter(scores)
        self.evaluated_weights: list[float] = []

    @classmethod
    def from_rows(cls, config: Any, rows: Mapping[str, Any]) -> tuple[Self, Numbers]:
        return cls(), Numbers(rows["lengths"])

    def prepare(self, rows: Mapping[str, Any]) -> Numbers:
        return Numbers(rows["lengths"])

    def precompute(self, examples: Numbers, device: torch.device) -> Numbers:
        return examples

    def collate(self, examples: Numbers, index: Sequence[int]) -> Batch:
        return Batch(inputs={}, lengths=torch.tensor([examples.lengths[row] for row in index]))

    def sampler(self, examples: Numbers, config: TrainConfig) -> BucketSampler:
        return BucketSampler(lengths=examples.lengths, batch_tokens=config.batch_tokens, seed=config.seed)

    @property
    def parameter_groups(self) -> Sequence[str]:
        return ()

    def learning_rate_scale(self, group: str, epoch: int) -> float:
        return 1.0

    def batches(self, examples: Numbers, batch_tokens: int) -> Sequence[Sequence[int]]:
        return length_sorted_batches(examples.lengths, batch_tokens)

    def merge(
        self, examples: Numbers, batches: Sequence[Sequence[int]], predictions: Sequence[list[None]]
    ) -> list[None]:
        return in_order(batches, predictions)

    def loss(self, batch: Batch, carry: list[Tensor] | None) -> tuple[Tensor, list[Tensor] | None]:
        return (self.model.weight - 1).square().sum(), None

    def predict(self, batch: Batch, carry: list[Tensor] | None) -> tuple[list[None], list[Tensor] | None]:
        return [None] * len(batch.lengths), None

    def score(self, examples: Numbers, predictions: Sequence[None]) -> dict[str, float]:
        self.evaluated_weights.append(self.model.weight.item())
        return {self.metrics[0].name: next(self.scores)}

    def describe(self, examples: Numbers, index: Sequence[int]) -> str:
        return f"number {index[0]}"

    def assets(self) -> dict[str, str]:
        return {}

    @classmethod
    def restored(cls, config: Any, read: Callable[[str], str]) -> Self:
        return cls()


NumbersTrainer = Trainer[Numbers, None, Sequence[int]]


def scripted(scores: Sequence[float] = (), lengths: Sequence[int] = (1, 1, 1, 1), **changes: Any) -> NumbersTrainer:
    settings = {"batch_tokens": 1, "learning_rate": 0.01, "schedule": "constant", "warmup": 0.0, "average": 0.0}
    config = TrainConfig(**{**settings, "patience": 100, "epochs": len(scores) or 1, **changes})
    return Trainer(ScriptedTask(scores), Numbers(list(lengths)), config, Device.open("cpu"))


def run(trainer: NumbersTrainer, report: Callable[[Event], None] | None = None) -> Outcome:
    return fit(trainer, Numbers([1]), report=report or (lambda event: None))


def weight_of(trainer: NumbersTrainer) -> float:
    """Return the only weight of a scripted task's model."""
    (weight,) = trainer.task.model.parameters()
    return weight.item()


def rates_of(trainer: NumbersTrainer) -> list[float]:
    """Train, and return the learning rate of every step."""
    rates: list[float] = []

    def report(event: Event) -> None:
        if isinstance(event, BatchDone):
            assert len({group["lr"] for part in trainer.optimizer.parts for group in part.param_groups}) == 1
            rates.append(trainer.optimizer.parts[0].param_groups[0]["lr"])

    run(trainer, report)
    return rates
