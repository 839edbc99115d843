"""The settings of a tagger that are more than one value in bounds: schemes, weights of labels."""

from typing import Any

import pytest

from seqkit.config.tagging import TaggingConfig
from seqkit.errors import ConfigError
from seqkit.text.tagging_schemes import Scheme


@pytest.mark.parametrize(("text", "scheme"), [("bio", Scheme.IOB2), ("BIOES", Scheme.IOBES), ("bilou", Scheme.BILOU)])
def test_a_scheme_is_parsed_from_any_of_its_names(text: str, scheme: Scheme) -> None:
    config = TaggingConfig(scheme=text, corpus_scheme=text)
    assert config.scheme is scheme
    assert config.corpus_scheme is scheme


@pytest.mark.parametrize("name", ["scheme", "corpus_scheme"])
def test_an_unknown_scheme_is_named(name: str) -> None:
    unknown: dict[str, Any] = {name: "IOBB"}
    with pytest.raises(ConfigError, match=f"^{name}: unknown tagging scheme 'IOBB'; choose one of IOB1, "):
        TaggingConfig(**unknown)


def test_label_weights_are_checked_when_the_config_is_made() -> None:
    assert TaggingConfig(label_weights="O=0.5").label_weights_by_name() == {"O": 0.5}
    assert TaggingConfig().label_weights_by_name() == {}
    with pytest.raises(ConfigError, match="label_weights must be written like"):
        TaggingConfig(label_weights="O")


def test_a_type_of_entities_has_a_name() -> None:
    with pytest.raises(ConfigError, match="entity_type must not be empty"):
        TaggingConfig(entity_type="")
