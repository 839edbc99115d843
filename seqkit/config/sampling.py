"""The settings of sampling: how the next token is drawn from a language model's scores."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Interval

from seqkit.config.bounds import check_fields
from seqkit.errors import ConfigError, setting_ref

__all__ = ["SamplingFilters"]

# Scores are divided or multiplied by a number within these limits: they keep every score of a usable model in the
# range of float32.
_LEAST, _MOST = 1e-6, 1_000_000


@dataclass(frozen=True, kw_only=True)
class SamplingFilters:
    """Settings of the filters in :mod:`seqkit.generation.filters`; the defaults change nothing.

    With a temperature of 0 only the repetition penalty and the ban on repeated n-grams have an effect.

    Raises:
        ConfigError: a value cannot be used; the message names the setting.

    >>> SamplingFilters(top_p=1.5)
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: top_p must be greater than 0 and at most 1, not 1.5
    """

    repetition_penalty: Annotated[
        float, Interval(ge=_LEAST, le=_MOST), "above 1, make tokens that have already occurred less probable"
    ] = 1.0
    no_repeat_ngram: Annotated[int, Ge(0), "never repeat an n-gram of this many tokens; 0 disables it"] = 0
    temperature: Annotated[
        float, Interval(ge=0, le=_MOST), "divide the scores by this; 0 always takes the most probable token"
    ] = 1.0
    top_k: Annotated[int, Ge(0), "sample from this many most probable tokens; 0 disables it"] = 0
    top_p: Annotated[
        float, Interval(gt=0, le=1), "sample from the fewest tokens that together have this probability; 1 disables it"
    ] = 1.0
    min_p: Annotated[
        float, Interval(ge=0, le=1), "drop tokens below this share of the highest probability; 0 disables it"
    ] = 0.0
    typical_p: Annotated[
        float,
        Interval(gt=0, le=1),
        "sample from the most typical tokens that together have this probability; 1 disables it",
    ] = 1.0

    def __post_init__(self) -> None:
        check_fields(self)
        if 0 < self.temperature < _LEAST:
            raise ConfigError(f"{setting_ref('temperature')} must be 0 or at least {_LEAST}, not {self.temperature!r}")
