"""The settings of training."""

from dataclasses import dataclass
from typing import Annotated, Literal

from seqkit.config.bounds import check_choices
from seqkit.errors import ConfigError

__all__ = [
    "TrainConfig",
]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a model is trained; every field is an option of ``seqkit train``.

    >>> TrainConfig(epochs=0)
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: epochs must be at least 1, not 0
    """

    epochs: Annotated[int, "passes over the training split"] = 16
    max_minutes: Annotated[float, "stop cleanly after this long; 0 sets no limit"] = 0.0
    batch_tokens: Annotated[int, "most padded tokens in a batch"] = 800
    accumulate: Annotated[int, "batches whose gradients make one step"] = 1
    optimizer: Annotated[Literal["adamw", "sgd"], "optimiser"] = "adamw"
    learning_rate: Annotated[float, "highest learning rate"] = 0.006
    weight_decay: Annotated[float, "decoupled weight decay"] = 0.01
    momentum: Annotated[float, "momentum of SGD"] = 0.9
    schedule: Annotated[Literal["one-cycle", "plateau", "decay", "constant"], "learning rate over time"] = "one-cycle"
    warmup: Annotated[float, "share of training in which the learning rate rises"] = 0.1
    plateau_patience: Annotated[int, "epochs without a better dev score before the rate is halved"] = 3
    decay_after: Annotated[int, "epochs at the full rate before the schedule decay lowers it"] = 1
    decay: Annotated[float, "what the schedule decay makes of the rate in each further epoch"] = 0.8
    clip_norm: Annotated[float, "largest norm of the gradient; 0 does not clip"] = 5.0
    average: Annotated[float, "decay of the exponential average of the weights; 0 keeps none"] = 0.995
    patience: Annotated[int, "epochs without a better dev score before training stops"] = 10
    save_minutes: Annotated[float, "how often an epoch is saved to be resumed, besides its end; 0 never"] = 5.0
    seed: Annotated[int, "seed of everything random"] = 1

    def __post_init__(self) -> None:
        check_choices(self)
        for name in ("epochs", "batch_tokens", "accumulate", "plateau_patience", "decay_after", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("max_minutes", "save_minutes", "weight_decay", "clip_norm"):
            if not getattr(self, name) >= 0.0:
                raise ConfigError(f"{name} must not be negative, not {getattr(self, name)}")
        for name in ("momentum", "average", "warmup"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ConfigError(f"{name} must be at least 0 and below 1, not {getattr(self, name)}")
        if not 0.0 < self.decay <= 1.0:
            raise ConfigError(f"decay must be above 0 and at most 1, not {self.decay}")
        if not self.learning_rate > 0.0:
            raise ConfigError(f"learning_rate must be positive, not {self.learning_rate}")
