"""The settings of a classifier that are more than one value in bounds: poolings, weights of classes."""

import pytest

from seqkit.config.classification import POOLINGS, ClassificationConfig
from seqkit.errors import ConfigError


@pytest.mark.parametrize("pooling", [*POOLINGS, "+".join(POOLINGS), "max+last"])
def test_poolings_are_joined_with_a_plus(pooling: str) -> None:
    assert ClassificationConfig(pooling=pooling).pooling == pooling


@pytest.mark.parametrize("pooling", ["", "mode", "last+", "last+last", "last,max", "Last"])
def test_other_poolings_are_refused(pooling: str) -> None:
    with pytest.raises(ConfigError, match=r"pooling must be one or more of last, mean, max, attention, joined with \+"):
        ClassificationConfig(pooling=pooling)


def test_class_weights_are_numbers_by_name_or_balanced() -> None:
    assert ClassificationConfig(class_weights="spam=2,ham=0.5").class_weights_by_name() == {"spam": 2.0, "ham": 0.5}
    assert ClassificationConfig(class_weights="balanced").class_weights_by_name() == {}
    with pytest.raises(ConfigError, match="class_weights must be written like"):
        ClassificationConfig(class_weights="unbalanced")
