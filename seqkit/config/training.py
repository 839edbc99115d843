"""The settings of training."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval

from seqkit.config.bounds import check_fields

__all__ = [
    "TrainConfig",
]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of training, whatever the task; every field is an option of ``seqkit train``.

    Raises:
        ConfigError: a value cannot be used; the message names the setting.

    >>> TrainConfig(epochs=0)
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: epochs must be at least 1, not 0
    """

    epochs: Annotated[int, Ge(1), "passes over the training data"] = 16
    max_minutes: Annotated[float, Ge(0), "stop cleanly after this many minutes; 0 sets no limit"] = 0.0
    batch_tokens: Annotated[int, Ge(1), "maximum number of padded tokens in a batch"] = 800
    accumulate: Annotated[int, Ge(1), "number of batches whose gradients make one step"] = 1
    optimizer: Annotated[Literal["adamw", "sgd"], "optimization algorithm"] = "adamw"
    learning_rate: Annotated[float, Gt(0), "peak learning rate"] = 0.006
    weight_decay: Annotated[float, Ge(0), "decoupled weight decay"] = 0.01
    momentum: Annotated[float, Interval(ge=0, lt=1), "momentum of SGD"] = 0.9
    schedule: Annotated[Literal["one-cycle", "plateau", "decay", "constant"], "learning rate schedule"] = "one-cycle"
    warmup: Annotated[float, Interval(ge=0, lt=1), "share of training during which the learning rate rises"] = 0.1
    plateau_patience: Annotated[
        int, Ge(1), "epochs without a better dev score before the schedule plateau halves the learning rate"
    ] = 3
    decay_after: Annotated[int, Ge(1), "epochs at the full learning rate before the schedule decay lowers it"] = 1
    decay: Annotated[
        float, Interval(gt=0, le=1), "factor on the learning rate in each further epoch of the schedule decay"
    ] = 0.8
    clip_norm: Annotated[float, Ge(0), "maximum norm of the gradient; 0 disables clipping"] = 5.0
    average: Annotated[
        float, Interval(ge=0, lt=1), "decay of the exponential moving average of the weights; 0 disables it"
    ] = 0.995
    patience: Annotated[int, Ge(1), "epochs without a better dev score before training stops"] = 10
    save_minutes: Annotated[
        float, Ge(0), "minutes between saves within an epoch, for --resume; 0 saves at the end of an epoch alone"
    ] = 5.0
    seed: Annotated[int, "seed of all random numbers"] = 1

    def __post_init__(self) -> None:
        check_fields(self)
