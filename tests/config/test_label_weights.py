"""Weights of labels, as they are written in a setting."""

import pytest

from seqkit.config.label_weights import parse_label_weights
from seqkit.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "weights"),
    [(None, {}), ("O=0.5", {"O": 0.5}), ("O=0, B-LOC = 2", {"O": 0.0, "B-LOC": 2.0}), ("a=b=3", {"a=b": 3.0})],
)
def test_weights_are_read(text: str | None, weights: dict[str, float]) -> None:
    assert parse_label_weights("label_weights", text) == weights


@pytest.mark.parametrize("text", ["O", "O=", "=1", "O=much", "O=-1", "O=nan", "O=inf", "O=1,,LOC=2", "O=1,"])
def test_malformed_weights_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"class_weights must be written like O=0\.5,LOC=2, not"):
        parse_label_weights("class_weights", text)
