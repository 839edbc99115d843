"""The settings of sampling: how the next token is picked from a language model's scores.

They import no torch: the command line makes its options from them, and ``--help`` is to be fast.
"""

from dataclasses import dataclass, fields
from typing import Annotated

from seqkit.errors import ConfigError

__all__ = ["SamplingFilters"]

# What scores are divided and multiplied by: within these limits no score of a usable model leaves float32's range.
_LEAST, _MOST = 1e-6, 1e6


@dataclass(frozen=True, kw_only=True)
class SamplingFilters:
    """Which filters :mod:`seqkit.generation.filters` applies, and how strongly; every default changes nothing.

    With a temperature of 0 only the repetition penalty and the ban on repeated n-grams have an effect.

    Raises:
        ConfigError: a value of another type or out of its range; NaN and infinity are in none.

    >>> SamplingFilters(top_p=1.5)
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: top_p must be above 0 and at most 1, not 1.5
    """

    repetition_penalty: Annotated[float, "above 1 makes tokens that came before less probable"] = 1.0
    no_repeat_ngram: Annotated[int, "let no run of this many tokens come twice; 0 lets all"] = 0
    temperature: Annotated[float, "what scores are divided by; 0 always takes the most probable token"] = 1.0
    top_k: Annotated[int, "sample among this many most probable tokens; 0 among all"] = 0
    top_p: Annotated[float, "sample among the fewest tokens that have this probability together; 1 among all"] = 1.0
    min_p: Annotated[float, "leave out tokens below this share of the highest probability"] = 0.0
    typical_p: Annotated[
        float,
        "sample among the most typical tokens that have this probability together; 1 among all",
    ] = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, kind = getattr(self, field.name), type(field.default)
            if isinstance(value, bool) or not isinstance(value, (int, kind)):
                raise ConfigError(f"{field.name} must be a {'whole ' * (kind is int)}number, not {value!r}")
        allowed = {
            "temperature": (self.temperature == 0 or _LEAST <= self.temperature <= _MOST, "0 or from 1e-6 to 1e6"),
            "top_k": (self.top_k >= 0, "0 or more"),
            "top_p": (0 < self.top_p <= 1, "above 0 and at most 1"),
            "min_p": (0 <= self.min_p <= 1, "from 0 to 1"),
            "typical_p": (0 < self.typical_p <= 1, "above 0 and at most 1"),
            "repetition_penalty": (_LEAST <= self.repetition_penalty <= _MOST, "from 1e-6 to 1e6"),
            "no_repeat_ngram": (self.no_repeat_ngram >= 0, "0 or more"),
        }
        for name, (fits, values) in allowed.items():
            if not fits:
                raise ConfigError(f"{name} must be {values}, not {getattr(self, name)!r}")
