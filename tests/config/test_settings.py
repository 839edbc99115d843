"""Settings by name: split into the configs of the model and of its training."""

import pytest

from seqkit.config.classification import ClassificationConfig
from seqkit.config.language_model import LanguageModelConfig
from seqkit.config.settings import build_configs, setting_names
from seqkit.config.tagging import TaggingConfig
from seqkit.config.training import TrainConfig
from seqkit.errors import ConfigError


@pytest.mark.parametrize("config", [TaggingConfig, ClassificationConfig, LanguageModelConfig])
def test_no_setting_has_two_meanings(config: type) -> None:
    # An estimator, a run folder and the command line hold the settings of model and training side by side.
    assert not setting_names(config) & setting_names(TrainConfig)


def test_settings_are_split_and_the_others_have_their_defaults() -> None:
    config, training = build_configs(LanguageModelConfig, {"unit": "word", "epochs": 3, "bptt": 7})
    assert config == LanguageModelConfig(unit="word", bptt=7)
    assert training == TrainConfig(epochs=3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"forks": 2}, "no setting 'forks'; there is accumulate, "),
        ({"clip_norm": float("inf")}, "clip_norm must be a finite number, not inf"),
        ({"hidden_size": 0}, "hidden_size must be at least 1, not 0"),
    ],
)
def test_an_unknown_setting_or_value_is_named(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_configs(TaggingConfig, settings)
