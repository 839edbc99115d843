"""Settings: each explains and checks itself. No default value is asserted: those are tuned, not promised."""

import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from typing import Annotated, Any, get_origin, get_type_hints

import pytest

from seqkit.config.tagging import TaggingConfig
from seqkit.config.training import TrainConfig
from seqkit.errors import ConfigError
from seqkit.task_table import TASKS
from seqkit.text.tagging_schemes import Scheme

both = pytest.mark.parametrize("config", [TaggingConfig, TrainConfig])


@both
def test_every_field_carries_its_help(config: type) -> None:
    hints = get_type_hints(config, include_extras=True)
    for field in fields(config):
        assert get_origin(hints[field.name]) is Annotated, field.name
        (help_text,) = hints[field.name].__metadata__
        assert isinstance(help_text, str)
        assert help_text
        assert not help_text.endswith(".")


@both
def test_settings_are_frozen_and_named(config: type) -> None:
    first = fields(config)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(config(), first, 1)
    with pytest.raises(TypeError):
        config(1)


def test_no_setting_has_two_meanings() -> None:
    # A Tagger, a run folder and the command line hold the settings of both side by side.
    assert not {field.name for field in fields(TaggingConfig)} & {field.name for field in fields(TrainConfig)}


def test_every_task_has_its_settings() -> None:
    assert all(spec.name == name for name, spec in TASKS.items())


@pytest.mark.parametrize(
    ("config", "name", "value", "message"),
    [
        *((TaggingConfig, name, 0, "at least 1, not 0") for name in ("word_size", "hidden_size", "num_layers")),
        *((TaggingConfig, name, 0, "at least 1, not 0") for name in ("minimum_count", "character_size")),
        (TaggingConfig, "character_filters", -2, "at least 1, not -2"),
        (TaggingConfig, "shape_size", -1, "must not be negative, not -1"),
        (TaggingConfig, "vector_words", -1, "must not be negative, not -1"),
        (TaggingConfig, "input_dropout", 1.0, "at least 0 and below 1, not 1.0"),
        (TaggingConfig, "state_dropout", float("nan"), "at least 0 and below 1, not nan"),
        (TaggingConfig, "word_replacement", 1.5, "not 1.5"),
        (TaggingConfig, "singleton_replacement", -0.1, "not -0.1"),
        *((TrainConfig, name, 0, "at least 1, not 0") for name in ("epochs", "batch_tokens", "accumulate")),
        *((TrainConfig, name, 0, "at least 1, not 0") for name in ("patience", "plateau_patience")),
        *((TrainConfig, name, -1.0, "must not be negative, not -1.0") for name in ("max_minutes", "clip_norm")),
        (TrainConfig, "weight_decay", float("nan"), "must not be negative, not nan"),
        *((TrainConfig, name, 1.0, "at least 0 and below 1, not 1.0") for name in ("momentum", "average", "warmup")),
        (TrainConfig, "learning_rate", 0.0, "must be positive, not 0.0"),
        (TrainConfig, "learning_rate", float("nan"), "must be positive, not nan"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(config: type, name: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config(**{name: value})
    assert str(raised.value).startswith(f"{name} ")
    assert str(raised.value).endswith(message)


@pytest.mark.parametrize(
    ("config", "values"),
    [
        (TaggingConfig, {"shape_size": 0, "vector_words": 0, "hidden_size": 1, "num_layers": 1}),
        (TaggingConfig, {"input_dropout": 0.0, "singleton_replacement": 1.0, "word_replacement": 1.0}),
        (TrainConfig, {"epochs": 1, "warmup": 0.0, "average": 0.0, "momentum": 0.0, "clip_norm": 0.0}),
        (TrainConfig, {"max_minutes": 0.5, "learning_rate": 1e-9, "batch_tokens": 1}),
    ],
)
def test_values_at_the_border_can_be_used(config: type, values: dict[str, Any]) -> None:
    made = config(**values)
    assert {name: getattr(made, name) for name in values} == values


@pytest.mark.parametrize(("written", "meant"), [("bio", Scheme.IOB2), ("BIOES", Scheme.IOBES), ("bilou", Scheme.BILOU)])
def test_schemes_are_read_however_they_are_written(written: str, meant: Scheme) -> None:
    config = TaggingConfig(scheme=written, corpus_scheme=written)
    assert config.scheme is meant
    assert config.corpus_scheme is meant


@pytest.mark.parametrize("name", ["scheme", "corpus_scheme"])
def test_a_scheme_that_does_not_exist_is_named(name: str) -> None:
    unknown: dict[str, Any] = {name: "BMEWO"}
    with pytest.raises(ConfigError, match="BMEWO"):
        TaggingConfig(**unknown)


def test_settings_are_read_without_torch() -> None:
    code = "import sys, seqkit.task_table; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (TaggingConfig, "head"),
        (TaggingConfig, "characters"),
        (TaggingConfig, "cell"),
        (TrainConfig, "optimizer"),
        (TrainConfig, "schedule"),
    ],
)
def test_a_choice_that_is_none_is_refused(config: type, name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be one of .*, not 'sofmax'"):
        config(**{name: "sofmax"})


@pytest.mark.parametrize(
    ("written", "meant"),
    [(None, {}), ("O=0.5", {"O": 0.5}), ("O=0, B-LOC = 2", {"O": 0.0, "B-LOC": 2.0}), ("a=b=3", {"a=b": 3.0})],
)
def test_label_weights_are_read(written: str | None, meant: dict[str, float]) -> None:
    assert TaggingConfig(label_weights=written).weight_of_label() == meant


@pytest.mark.parametrize("written", ["O", "O=", "=1", "O=much", "O=-1", "O=nan", "O=inf", "O=1,,LOC=2", "O=1,"])
def test_label_weights_that_cannot_be_read_are_refused(written: str) -> None:
    with pytest.raises(ConfigError, match=r"label_weights must be written like O=0\.5,LOC=2, not"):
        TaggingConfig(label_weights=written)
