"""The settings of a language model that adapts to the text it scores."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Interval

from seqkit.config.bounds import check_fields

__all__ = ["CacheConfig", "DynamicConfig"]


@dataclass(frozen=True, kw_only=True)
class CacheConfig:
    """Settings of the neural cache (Grave et al. 2017).

    Raises:
        ConfigError: a value cannot be used; the message names the setting.

    >>> CacheConfig(share=1.5)
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: share must be greater than 0 and less than 1, not 1.5
    """

    size: Annotated[int, Ge(1), "number of steps that the cache holds"] = 2000
    flatness: Annotated[float, Ge(0), "factor on the similarity of two states (θ)"] = 0.3
    share: Annotated[float, Interval(gt=0, lt=1), "weight of the cache in the mixture (λ)"] = 0.1

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class DynamicConfig:
    """Settings of dynamic evaluation (Krause et al. 2018).

    Raises:
        ConfigError: a value cannot be used; the message names the setting.

    >>> DynamicConfig(rate=-1.0)
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: rate must be greater than 0, not -1.0
    """

    rate: Annotated[float, Gt(0), "learning rate"] = 0.05
    back: Annotated[float, Interval(ge=0, lt=1), "share of the way back to the stored weights after each step"] = 0.001
    steps: Annotated[int, Ge(1), "tokens between two gradient steps"] = 20
    clip_norm: Annotated[float, Gt(0), "maximum norm of the gradient"] = 1.0

    def __post_init__(self) -> None:
        check_fields(self)
