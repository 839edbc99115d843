"""The trainer: the model, optimizer, weight average and state of a training run."""

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Generic

import torch
from torch import Tensor

from seqkit.config.training import TrainConfig
from seqkit.errors import DivergenceError, setting_ref
from seqkit.tasks.task import Examples, Index, Prediction, Task
from seqkit.training.device import Device
from seqkit.training.ema import EMA
from seqkit.training.evaluate import evaluate
from seqkit.training.events import BatchDone, EpochDone
from seqkit.training.optimizer import Optimizer, learning_rate_factor

__all__ = ["TrainState", "Trainer"]


@dataclass(kw_only=True)
class TrainState:
    """The state of a training run after a batch, apart from its tensors.

    Attributes:
        epoch: number of finished epochs.
        position: number of finished batches of the current epoch.
        step: number of optimizer steps.
        loss_sum, loss_steps: the sum of the losses over the steps (tokens) of the current epoch, and their number.
        seconds: duration of training so far, over all resumes.
        scale: the factor that the ``plateau`` schedule has applied to the learning rate.
        learning_rate: the learning rate of the last optimizer step.
        best, best_epoch: the best dev score and its epoch; None and 0 before the first epoch has ended.
        tie: the tie-breaking score of that epoch, if there is one.
        history: one record per epoch.
    """

    epoch: int = 0
    position: int = 0
    step: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    seconds: float = 0.0
    scale: float = 1.0
    learning_rate: float = 0.0
    best: float | None = None
    best_epoch: int = 0
    tie: float | None = None
    history: list[dict[str, float]] = field(default_factory=list)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainState":
        """Return the state with these values, as from ``asdict``.

        Raises:
            KeyError: if a value is missing or unknown.
        """
        names = {each.name for each in fields(cls)}
        if values.keys() != names:
            wrong = sorted(values.keys() ^ names)
            raise KeyError(f"the values of the training state do not match: {', '.join(wrong)}")
        return cls(**values)


class Trainer(Generic[Examples, Prediction, Index]):
    """The components of a training run, which ``fit`` drives and which are restored to resume training.

    Args:
        task: the task; its model is moved to the device and trained in place.
        examples: prepared training examples.
        config: the settings of training.
        device: the device to train on.
    """

    def __init__(
        self, task: Task[Examples, Prediction, Index], examples: Examples, config: TrainConfig, device: Device
    ) -> None:
        self.task, self.examples, self.config, self.device = task, examples, config, device
        task.model.to(device.torch_device)
        self.sampler = task.sampler(examples, config)
        self.optimizer = Optimizer(task.model, config, task.parameter_groups)
        self.ema = EMA(task.model, config.average)
        self.state = TrainState()
        self.carry: list[Tensor] | None = None  # of the last batch of this epoch
        self.best_weights: dict[str, Tensor] = {}

    def train_step(self, index: Index, *, step: bool) -> BatchDone:
        """Accumulate the gradient of one batch and, if ``step``, take an optimizer step.

        A step follows the mean gradient of ``accumulate`` batches, which have equal weights whatever their sizes.

        Raises:
            DivergenceError: if the loss or its gradient is NaN or infinite; the weights are those before the batch.
        """
        self.task.model.train()
        batch = self.task.collate(self.examples, index).to(self.device.torch_device)
        with self.device.autocast():
            loss, self.carry = self.task.loss(batch, self.carry)
        (loss / self.config.accumulate).backward()
        loss_and_norm = [loss.detach(), self.optimizer.clip()] if step else [loss.detach()]
        # Reading a value waits for the device, so both are read at once.
        value, *norm = torch.stack([each.double() for each in loss_and_norm]).tolist()
        if not math.isfinite(value):
            raise self._divergence(f"the loss became {value}", index)
        if step:
            self._optimizer_step(index, *norm)
        self.state.loss_sum += value * batch.steps
        self.state.loss_steps += batch.steps
        return BatchDone(loss=value, steps=batch.steps)

    def _divergence(self, what: str, index: Index) -> DivergenceError:
        return DivergenceError(
            f"{what} in epoch {self.state.epoch + 1}, batch {self.state.position + 1}, "
            f"which begins with {self.task.describe(self.examples, index)}; the best model so far is kept; "
            f"try a lower {setting_ref('learning_rate')} or {setting_ref('clip_norm', 1)}"
        )

    def _optimizer_step(self, index: Index, norm: float) -> None:
        if not math.isfinite(norm):  # possible even with a finite loss; a single such step ruins the model
            raise self._divergence(f"the norm of the gradient became {norm}", index)
        self.state.step += 1
        with self.ema.update(self.state.step):
            self.optimizer.step()

    def set_learning_rate(self, progress: float, scale: float = 1.0) -> None:
        """Set the learning rate at a point of training, from 0 to 1; ``scale`` applies to the next batch only."""
        self.state.learning_rate = (
            self.config.learning_rate * self.state.scale * learning_rate_factor(self.config, progress)
        )
        epoch = self.state.epoch
        self.optimizer.set_learning_rate(
            self.state.learning_rate * scale, lambda group: self.task.learning_rate_scale(group, epoch)
        )

    def end_epoch(self, dev: Examples) -> EpochDone:
        """Evaluate the averaged weights on dev, keep them if they are the best, and record the epoch."""
        state, config = self.state, self.config
        with self.ema.applied():
            scores = evaluate(self.task, dev, self.device).scores
            best = self._is_best(scores)
            if best:
                self.best_weights = {
                    name: tensor.cpu().clone() for name, tensor in self.task.model.state_dict().items()
                }
        if best:
            state.best, state.best_epoch = scores[self.task.metrics[0].name], state.epoch
            state.tie = scores.get(self.task.tie_breaker.name) if self.task.tie_breaker else None
        elif config.schedule == "plateau" and (state.epoch - state.best_epoch) % config.plateau_patience == 0:
            state.scale /= 2
        record = {
            "epoch": state.epoch,
            "step": state.step,
            "learning_rate": state.learning_rate,
            "train_loss": state.loss_sum / max(state.loss_steps, 1),
            **{f"dev_{name}": score for name, score in scores.items()},
            "seconds": round(state.seconds, 3),
        }
        state.history.append(record)
        state.position, state.loss_sum, state.loss_steps = 0, 0.0, 0
        self.carry = None
        return EpochDone(record=record, best=best)

    def _is_best(self, scores: dict[str, float]) -> bool:
        metric, breaker = self.task.metrics[0], self.task.tie_breaker
        score, best, tie = scores[metric.name], self.state.best, self.state.tie
        if best is None:
            return metric.is_better(score, metric.worst)
        if score == best and breaker is not None and breaker.name in scores and tie is not None:
            return breaker.is_better(scores[breaker.name], tie)
        return metric.is_better(score, best)

    def state_dict(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return all that is needed to resume training: tensors by name, and values that JSON can represent."""
        tensors = {f"model.{name}": tensor for name, tensor in self.task.model.state_dict().items()}
        tensors |= {f"ema.{name}": tensor for name, tensor in self.ema.state_dict().items()}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in self.optimizer.state_dict().items()}
        tensors |= {f"carry.{number}": tensor for number, tensor in enumerate(self.carry or [])}
        tensors["random.cpu"] = torch.get_rng_state()
        if self.device.torch_device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.device.torch_device)
        return tensors, asdict(self.state)

    def load_state_dict(
        self, tensors: dict[str, Tensor], values: dict[str, Any], best_weights: dict[str, Tensor]
    ) -> None:
        """Restore a saved state.

        Args:
            tensors: the tensors that ``state_dict`` returned.
            values: the values that ``state_dict`` returned.
            best_weights: the best weights so far; empty if no epoch has ended.

        Raises:
            KeyError, RuntimeError, ValueError: if the state is not that of this model; a KeyError names the missing or
                unknown entry.
        """
        groups: dict[str, dict[str, Tensor]] = {name: {} for name in ("model", "ema", "optimizer", "carry", "random")}
        for name, tensor in tensors.items():
            group, _, rest = name.partition(".")
            if group not in groups:
                raise KeyError(f"the training state has an unknown tensor {name}")
            groups[group][rest] = tensor
        state = TrainState.from_dict(values)
        self.task.model.load_state_dict(groups["model"])
        self.ema.load_state_dict(groups["ema"])
        self.optimizer.load_state_dict(groups["optimizer"])
        carry = [groups["carry"][str(number)].to(self.device.torch_device) for number in range(len(groups["carry"]))]
        self.carry = carry or None
        torch.set_rng_state(groups["random"]["cpu"])
        if self.device.torch_device.type == "cuda" and "cuda" in groups["random"]:
            torch.cuda.set_rng_state(groups["random"]["cuda"], self.device.torch_device)
        self.state = state
        self.best_weights = best_weights
