"""Settings: each carries its help, its type and its bounds, and refuses every other value.

No default value is asserted: those are tuned, not promised.
"""

import importlib
import json
import math
import pkgutil
import subprocess
import sys
from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from annotated_types import Ge, Interval, Lt
from hypothesis import given, settings
from hypothesis import strategies as st

import seqkit.config
from seqkit.config.adaptive import CacheConfig, DynamicConfig
from seqkit.config.anomaly_detection import AnomalyConfig
from seqkit.config.bounds import OneOf, Setting, check_fields, settings_of
from seqkit.config.classification import ClassificationConfig
from seqkit.config.forecasting import ForecastConfig
from seqkit.config.language_model import LanguageModelConfig
from seqkit.config.sampling import SamplingFilters
from seqkit.config.tagging import TaggingConfig
from seqkit.config.training import TrainConfig
from seqkit.config.words import WordConfig
from seqkit.errors import ConfigError

CONFIGS: list[Any] = [
    AnomalyConfig,
    CacheConfig,
    ClassificationConfig,
    DynamicConfig,
    ForecastConfig,
    LanguageModelConfig,
    SamplingFilters,
    TaggingConfig,
    TrainConfig,
    WordConfig,
]
UNBOUNDED = {(TrainConfig, "seed")}
SMALLEST_TEMPERATURE = 1e-6  # smaller ones, but for 0, are refused for float32's sake

each_config = pytest.mark.parametrize("config", CONFIGS)


def numeric_fields() -> list[Any]:
    """Every numeric field of every config: the config, the field's name, its type and its annotation's metadata."""
    cases = []
    for config in CONFIGS:
        for name, hint in get_type_hints(config, include_extras=True).items():
            if (kind := get_args(hint)[0]) in (int, float):
                cases.append(pytest.param(config, name, kind, hint.__metadata__, id=f"{config.__name__}.{name}"))
    return cases


def written_bounds(metadata: tuple[Any, ...]) -> dict[str, float]:
    """The bounds in an annotation, each written as ``Ge``, ``Gt`` or an ``Interval``."""
    names = ("gt", "ge", "lt", "le")
    found = {name: getattr(item, name, None) for item in metadata for name in names if not isinstance(item, str)}
    return {name: bound for name, bound in found.items() if bound is not None}


def beside(bound: float, kind: type, up: bool) -> float:
    """The number next to a bound, above or below it."""
    if kind is int:
        return bound + (1 if up else -1)
    return math.nextafter(bound, math.inf if up else -math.inf)


def refused(config: Any, name: str, value: object) -> str:
    with pytest.raises(ConfigError) as raised:
        config(**{name: value})
    message = str(raised.value)
    assert message.startswith(f"{name} must be ")
    assert message.endswith(f", not {value!r}")
    assert "\n" not in message
    return message


def test_every_config_is_tested() -> None:
    found = set()
    for module in pkgutil.iter_modules(seqkit.config.__path__, "seqkit.config."):
        for item in vars(importlib.import_module(module.name)).values():
            if isinstance(item, type) and is_dataclass(item) and item.__module__ == module.name:
                found.add(item)
    assert found - {Setting, OneOf} == set(CONFIGS)


@each_config
def test_every_field_carries_its_help(config: Any) -> None:
    hints = get_type_hints(config, include_extras=True)
    for field in fields(config):
        assert get_origin(hints[field.name]) is Annotated, field.name
        (help_text,) = (item for item in hints[field.name].__metadata__ if isinstance(item, str))
        assert help_text
        assert not help_text.endswith(".")


@each_config
def test_configs_are_frozen_and_keyword_only(config: Any) -> None:
    first = fields(config)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(config(), first, 1)
    with pytest.raises(TypeError):
        config(1)


@pytest.mark.parametrize(("config", "name", "kind", "metadata"), numeric_fields())
def test_every_number_has_a_bound(config: Any, name: str, kind: type, metadata: tuple[Any, ...]) -> None:
    assert bool(written_bounds(metadata)) != ((config, name) in UNBOUNDED)


@pytest.mark.parametrize(("config", "name", "kind", "metadata"), numeric_fields())
def test_a_bound_divides_accepted_from_refused_values(
    config: Any, name: str, kind: type, metadata: tuple[Any, ...]
) -> None:
    for relation, bound in written_bounds(metadata).items():
        up = relation in ("gt", "ge")
        last = kind(bound) if relation in ("ge", "le") else beside(bound, kind, up)
        assert getattr(config(**{name: last}), name) == last
        refused(config, name, beside(last, kind, not up))


@pytest.mark.parametrize(("config", "name", "kind", "metadata"), numeric_fields())
@settings(max_examples=20)
@given(data=st.data())
def test_values_are_accepted_exactly_within_their_bounds(
    config: Any, name: str, kind: type, metadata: tuple[Any, ...], data: st.DataObject
) -> None:
    bounds = written_bounds(metadata)
    value = data.draw(st.integers(-3, 300) if kind is int else st.floats(-1.5, 1.5) | st.floats(allow_nan=False))
    fits = (
        math.isfinite(value)
        and value > bounds.get("gt", -math.inf)
        and value >= bounds.get("ge", -math.inf)
        and value < bounds.get("lt", math.inf)
        and value <= bounds.get("le", math.inf)
        and not (name == "temperature" and 0 < value < SMALLEST_TEMPERATURE)
    )
    if fits:
        assert getattr(config(**{name: value}), name) == value
    else:
        refused(config, name, value)


@pytest.mark.parametrize(("config", "name", "kind", "metadata"), numeric_fields())
def test_what_is_no_finite_number_is_refused(config: Any, name: str, kind: type, metadata: tuple[Any, ...]) -> None:
    for value in (True, False, "1", None, [1], 1j):
        refused(config, name, value)
    for value in (math.nan, math.inf, -math.inf):
        message = refused(config, name, value)
        assert ("an integer" if kind is int else "a finite number") in message
    if kind is int:
        refused(config, name, 1.0)
    else:
        refused(config, name, 10**400)


@each_config
def test_strings_booleans_and_choices_have_their_type(config: Any) -> None:
    wrong: object
    for setting in settings_of(config):
        if setting.choices:
            for wrong in ("sofmax", None, 1, []):
                assert f"one of {', '.join(setting.choices)}" in refused(config, setting.name, wrong)
        elif setting.kind is bool:
            for wrong in (0, 1, "true", None):
                assert "a boolean" in refused(config, setting.name, wrong)
        elif setting.kind is str:
            assert "a string" in refused(config, setting.name, 7)
            if setting.optional:
                assert getattr(config(**{setting.name: None}), setting.name) is None
            else:
                refused(config, setting.name, None)


@pytest.mark.parametrize(
    ("config", "name", "value", "message"),
    [
        *((TaggingConfig, name, 0, "at least 1, not 0") for name in ("word_size", "hidden_size", "num_layers")),
        *((TaggingConfig, name, 0, "at least 1, not 0") for name in ("minimum_count", "character_size")),
        (TaggingConfig, "character_filters", -2, "at least 1, not -2"),
        (TaggingConfig, "shape_size", -1, "at least 0, not -1"),
        (TaggingConfig, "vector_words", -1, "at least 0, not -1"),
        (TaggingConfig, "input_dropout", 1.0, "at least 0 and less than 1, not 1.0"),
        (TaggingConfig, "state_dropout", float("nan"), "a finite number, not nan"),
        (TaggingConfig, "word_replacement", 1.5, "at least 0 and at most 1, not 1.5"),
        (TaggingConfig, "singleton_replacement", -0.1, "not -0.1"),
        (TaggingConfig, "label_smoothing", 1, "at least 0 and less than 1, not 1"),
        (ClassificationConfig, "bpe_size", 256, "at least 257, not 256"),
        (ClassificationConfig, "ngram_rate", 0, "greater than 0, not 0"),
        (ClassificationConfig, "lm_rate_decay", 0.0, "greater than 0, not 0.0"),
        (ClassificationConfig, "focal_gamma", -0.5, "at least 0, not -0.5"),
        (LanguageModelConfig, "bptt", 0, "at least 1, not 0"),
        (LanguageModelConfig, "vocabulary_size", -1, "at least 0, not -1"),
        (LanguageModelConfig, "reset_probability", 1.0, "at least 0 and less than 1, not 1.0"),
        *((TrainConfig, name, 0, "at least 1, not 0") for name in ("epochs", "batch_tokens", "accumulate")),
        *((TrainConfig, name, 0, "at least 1, not 0") for name in ("patience", "plateau_patience", "decay_after")),
        *((TrainConfig, name, -1.0, "at least 0, not -1.0") for name in ("max_minutes", "clip_norm", "save_minutes")),
        (TrainConfig, "weight_decay", float("inf"), "a finite number, not inf"),
        *((TrainConfig, name, 1.0, "less than 1, not 1.0") for name in ("momentum", "average", "warmup")),
        (TrainConfig, "learning_rate", 0.0, "greater than 0, not 0.0"),
        (TrainConfig, "decay", 0.0, "greater than 0 and at most 1, not 0.0"),
        (SamplingFilters, "temperature", -1, "at least 0 and at most 1000000, not -1"),
        (SamplingFilters, "repetition_penalty", 0, "at least 1e-06 and at most 1000000, not 0"),
        (CacheConfig, "share", 0.0, "greater than 0 and less than 1, not 0.0"),
        (CacheConfig, "size", 0, "at least 1, not 0"),
        (DynamicConfig, "rate", 0.0, "greater than 0, not 0.0"),
        (DynamicConfig, "back", 1.0, "at least 0 and less than 1, not 1.0"),
        (DynamicConfig, "clip_norm", 0.0, "greater than 0, not 0.0"),
        (TrainConfig, "epochs", 2.0, "an integer, not 2.0"),
        (TrainConfig, "schedule", "never", "one of one-cycle, plateau, decay, constant, not 'never'"),
    ],
)
def test_the_message_names_the_setting_and_its_bounds(config: Any, name: str, value: object, message: str) -> None:
    assert refused(config, name, value).endswith(message)


@pytest.mark.parametrize(
    ("config", "values"),
    [
        (TaggingConfig, {"shape_size": 0, "vector_words": 0, "hidden_size": 1, "num_layers": 1}),
        (TaggingConfig, {"input_dropout": 0.0, "singleton_replacement": 1.0, "word_replacement": 1.0}),
        (TrainConfig, {"epochs": 1, "warmup": 0.0, "average": 0.0, "momentum": 0.0, "clip_norm": 0.0}),
        (TrainConfig, {"max_minutes": 0.5, "learning_rate": 1e-9, "batch_tokens": 1, "seed": -1}),
        (ClassificationConfig, {"bpe_size": 257, "ngrams": 0, "unfreeze_epochs": 0, "lm_rate": 0}),
    ],
)
def test_values_at_the_bounds_are_accepted(config: Any, values: dict[str, Any]) -> None:
    made = config(**values)
    assert {name: getattr(made, name) for name in values} == values


def test_numbers_are_stored_in_the_type_of_their_field() -> None:
    config = TrainConfig(learning_rate=1, momentum=np.float32(0.5), epochs=np.int64(3))  # type: ignore[arg-type]
    stored = (config.learning_rate, config.momentum, config.epochs)
    assert stored == (1.0, 0.5, 3)
    assert [type(value) for value in stored] == [float, float, int]
    assert json.dumps(stored) == "[1.0, 0.5, 3]"  # as a run folder holds them


def test_choices_may_come_from_a_table() -> None:
    table = {"red": 1, "blue": 2}

    @dataclass(frozen=True, kw_only=True)
    class Paint:
        colour: Annotated[str, OneOf(tuple(table)), "which colour"] = "red"
        coats: Annotated[int, Ge(1), Lt(4), "how many coats"] = 2
        gloss: Annotated[float | None, Interval(gt=0.5, le=1), "how glossy"] = None

        def __post_init__(self) -> None:
            check_fields(self)

    assert [setting.choices for setting in settings_of(Paint)] == [("red", "blue"), (), ()]
    assert [setting.limits for setting in settings_of(Paint)] == [{}, {"ge": 1, "lt": 4}, {"gt": 0.5, "le": 1}]
    assert Paint(colour="blue", coats=3, gloss=1).gloss == 1.0
    assert "one of red, blue" in refused(Paint, "colour", "green")
    assert "at least 1 and less than 4" in refused(Paint, "coats", 4)
    assert "greater than 0.5 and at most 1" in refused(Paint, "gloss", 0.5)


def test_configs_are_imported_without_torch() -> None:
    modules = ", ".join(module.name for module in pkgutil.iter_modules(seqkit.config.__path__, "seqkit.config."))
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
