"""Presets: every one is a complete and valid set of settings."""

from dataclasses import asdict, fields
from typing import Any

import pytest

from seqkit.config.language_model import LanguageModelConfig
from seqkit.config.presets import PRESETS, preset_settings
from seqkit.config.training import TrainConfig
from seqkit.errors import ConfigError


@pytest.mark.parametrize("name", PRESETS)
def test_every_setting_of_a_preset_exists_and_is_kept_as_it_is(name: str) -> None:
    settings = preset_settings(name)
    made: dict[str, Any] = {}
    for config in (LanguageModelConfig, TrainConfig):
        names = {field.name for field in fields(config)}
        made |= asdict(config(**{name: value for name, value in settings.items() if name in names}))
    assert {name: made.get(name) for name in settings} == settings


def test_a_preset_is_handed_out_as_a_copy() -> None:
    preset_settings("tiny")["epochs"] = -1
    assert preset_settings("tiny")["epochs"] > 0


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no preset 'huge'; choose from tiny, char"):
        preset_settings("huge")
