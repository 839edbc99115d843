"""The moving parts of a training."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from seqkit.config.training import TrainConfig
from seqkit.errors import DivergenceError
from seqkit.metrics.metric import is_better, worst
from seqkit.tasks import Task
from seqkit.training.device import Engine
from seqkit.training.ema import WeightAverage
from seqkit.training.evaluate import evaluate
from seqkit.training.events import BatchDone, EpochDone
from seqkit.training.optimizer import Optimizer, learning_rate_share

__all__ = [
    "TrainState",
    "Trainer",
]


@dataclass(kw_only=True)
class TrainState:
    """Everything that training is at the end of a batch, but for tensors.

    Attributes:
        epoch: epochs finished.
        position: batches of the current epoch that are done.
        step: optimiser steps taken.
        loss_sum, tokens: of the current epoch so far.
        seconds: training time so far, resumed stretches included.
        scale: what a plateau has made of the learning rate.
        learning_rate: the rate of the last step.
        best, best_epoch: best dev score and where.
        tie: what breaks a tie with that score, of the same epoch.
        history: one record an epoch.
    """

    epoch: int = 0
    position: int = 0
    step: int = 0
    loss_sum: float = 0.0
    tokens: int = 0
    seconds: float = 0.0
    scale: float = 1.0
    learning_rate: float = 0.0
    best: float = -math.inf
    best_epoch: int = 0
    tie: float | None = None
    history: list[dict[str, float]] = field(default_factory=list)


class Trainer:
    """The moving parts of one training: what ``fit`` drives, and what a resume brings back.

    Args:
        task: the task; its model is moved to the engine's device and trained in place.
        examples: prepared training examples.
        config: how to train.
        engine: where to train.
    """

    def __init__(self, task: Task, examples: Any, config: TrainConfig, engine: Engine) -> None:
        self.task, self.examples, self.config, self.engine = task, examples, config, engine
        task.model.to(engine.device)
        self.sampler = task.sampler(examples, config)
        self.optimizer = Optimizer(task.model, config, task.rate_parts)
        self.average = WeightAverage(task.model, config.average)
        self.state = TrainState(best=worst(task.metric))
        self.carry: list[Tensor] | None = None  # what the last batch of this epoch has handed on
        self.best_weights: dict[str, Tensor] = {}

    def learn(self, rows: Any, *, step: bool) -> BatchDone:
        """Add the gradient of one batch and, where ``step``, take an optimiser step.

        A step follows the mean of ``accumulate`` batches, each counted alike, however many tokens it has.

        Raises:
            DivergenceError: where the loss or its gradient is NaN or infinite; the weights are as before the batch.
        """
        self.task.model.train()
        batch = self.task.collate(self.examples, rows).to(self.engine.device)
        with self.engine.autocast():
            loss, self.carry = self.task.loss(batch, self.carry)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise self._divergence(f"the loss became {value}", rows)
        (loss / self.config.accumulate).backward()
        if step:
            self._step(rows)
        self.state.loss_sum += value * batch.tokens
        self.state.tokens += batch.tokens
        return BatchDone(loss=value, tokens=batch.tokens)

    def _divergence(self, what: str, rows: Any) -> DivergenceError:
        return DivergenceError(
            f"{what} in epoch {self.state.epoch + 1}, batch {self.state.position + 1}, "
            f"which begins with {self.task.describe(self.examples, rows)}; the best model so far is kept; "
            "try a lower --learning-rate or --clip-norm 1"
        )

    def _step(self, rows: Any) -> None:
        norm = self.optimizer.clip()
        if not math.isfinite(norm):  # a finite loss can have such a gradient, and one step along it ruins the model
            raise self._divergence(f"the gradient's norm became {norm}", rows)
        self.state.step += 1
        with self.average.following(self.state.step):
            self.optimizer.step()

    def set_learning_rate(self, progress: float, share: float = 1.0) -> None:
        """Set the rate for a point of training, from 0 to 1; ``share`` is for the next batch alone."""
        self.state.learning_rate = (
            self.config.learning_rate * self.state.scale * learning_rate_share(self.config, progress)
        )
        epoch = self.state.epoch
        self.optimizer.set_learning_rate(
            self.state.learning_rate * share, lambda part: self.task.rate_share(part, epoch)
        )

    def judge(self, dev: Any) -> EpochDone:
        """Score dev with the averaged weights, keep them if they are the best, and close the epoch's record."""
        state, config = self.state, self.config
        with self.average.applied():
            scores = evaluate(self.task, dev, self.engine).scores
            best = self._is_best(scores)
            if best:
                self.best_weights = {
                    name: tensor.cpu().clone() for name, tensor in self.task.model.state_dict().items()
                }
        if best:
            state.best, state.best_epoch = scores[self.task.metric], state.epoch
            state.tie = scores.get(self.task.tie_breaker or "")
        elif config.schedule == "plateau" and (state.epoch - state.best_epoch) % config.plateau_patience == 0:
            state.scale /= 2
        record = {
            "epoch": state.epoch,
            "step": state.step,
            "learning_rate": state.learning_rate,
            "train_loss": state.loss_sum / max(state.tokens, 1),
            **{f"dev_{name}": score for name, score in scores.items()},
            "seconds": round(state.seconds, 3),
        }
        state.history.append(record)
        state.position, state.loss_sum, state.tokens = 0, 0.0, 0
        self.carry = None
        return EpochDone(record=record, best=best)

    def _is_best(self, scores: dict[str, float]) -> bool:
        score, breaker = scores[self.task.metric], self.task.tie_breaker
        if score != self.state.best or self.state.tie is None or breaker not in scores:
            return is_better(self.task.metric, score, self.state.best)
        return is_better(breaker, scores[breaker], self.state.tie)

    def checkpoint(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that a resume needs: tensors by name, and values that JSON can hold."""
        tensors = {f"model.{name}": tensor for name, tensor in self.task.model.state_dict().items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self.average.state_tensors().items()}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in self.optimizer.state_tensors().items()}
        tensors |= {f"carry.{number}": tensor for number, tensor in enumerate(self.carry or [])}
        tensors["random.cpu"] = torch.get_rng_state()
        if self.engine.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.engine.device)
        values = asdict(self.state)
        values["best"] = None if math.isinf(self.state.best) else self.state.best  # JSON has no infinity
        return tensors, values

    def restore(self, tensors: dict[str, Tensor], values: dict[str, Any], best_weights: dict[str, Tensor]) -> None:
        """Go back to a checkpoint.

        Args:
            tensors: the tensors of ``checkpoint``.
            values: its values.
            best_weights: the best weights so far; empty where no epoch has ended yet.
        """
        groups: dict[str, dict[str, Tensor]] = {"optimizer": {}, "carry": {}}
        for name, tensor in tensors.items():
            kind, _, rest = name.partition(".")
            groups.setdefault(kind, {})[rest] = tensor
        self.task.model.load_state_dict(groups["model"])
        self.average.load_state_tensors(groups["average"])
        self.optimizer.load_state_tensors(groups["optimizer"])
        carried = [groups["carry"][str(number)].to(self.engine.device) for number in range(len(groups["carry"]))]
        self.carry = carried or None
        torch.set_rng_state(groups["random"]["cpu"])
        if self.engine.device.type == "cuda" and "cuda" in groups["random"]:
            torch.cuda.set_rng_state(groups["random"]["cuda"], self.engine.device)
        best = worst(self.task.metric) if values["best"] is None else values["best"]
        for name, value in {**values, "best": best}.items():
            setattr(self.state, name, value)
        self.best_weights = best_weights
