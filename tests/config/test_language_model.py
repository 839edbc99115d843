"""The settings of a language model that must go together."""

from typing import Any

import pytest

from seqkit.config.language_model import LanguageModelConfig
from seqkit.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pretokenized": True}, "choose unit='word', not 'char'"),
        ({"pretokenized": True, "unit": "bpe"}, "choose unit='word', not 'bpe'"),
        ({"adaptive_softmax": True}, "choose tied=False with it"),
    ],
)
def test_settings_that_exclude_each_other(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LanguageModelConfig(**settings)


def test_settings_that_go_together() -> None:
    assert LanguageModelConfig(pretokenized=True, unit="word").pretokenized
    assert LanguageModelConfig(adaptive_softmax=True, tied=False).adaptive_softmax
