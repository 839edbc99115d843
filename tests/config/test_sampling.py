"""The settings of sampling: the limits of each."""

import math
from dataclasses import asdict
from typing import Any

import pytest

from seqkit.config.sampling import SamplingFilters
from seqkit.errors import ConfigError

NAMES = asdict(SamplingFilters()).keys()


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in NAMES for value in (-1, math.nan, math.inf, -math.inf, True, False, "1", None, [1])]
    + [(name, value) for name in ("temperature", "repetition_penalty") for value in (-1e-9, 1e-7, 1e7, 10**400)]
    + [(name, value) for name in ("top_p", "typical_p") for value in (0, 0.0, 1.01, 2, -0.1)]
    + [("min_p", 1.01), ("min_p", -1e-9), ("repetition_penalty", 0), ("repetition_penalty", 0.0)]
    + [(name, value) for name in ("top_k", "no_repeat_ngram") for value in (1.0, 0.0, 2.5)],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: Any) -> None:
    values: dict[str, Any] = {name: value}
    with pytest.raises(ConfigError) as raised:
        SamplingFilters(**values)
    assert str(raised.value).startswith(f"{name} must be ")
    assert str(raised.value).endswith(f", not {value!r}")


@pytest.mark.parametrize("value", [0, 0.0, 1e-6, 1e6])
def test_a_temperature_is_zero_or_large_enough_to_divide_by(value: float) -> None:
    assert SamplingFilters(temperature=value).temperature == value
    with pytest.raises(ConfigError, match="temperature must be 0 or at least 1e-06, not 9e-07"):
        SamplingFilters(temperature=9e-7)
