"""Settings by name, as a person gives them and a run folder stores them, turned into configurations."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from seqkit.config.training import TrainConfig
from seqkit.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["build_configs", "setting_names"]

Config = TypeVar("Config", bound="DataclassInstance")


def setting_names(config: "type[DataclassInstance]") -> set[str]:
    """Return the names of the settings of a configuration.

    >>> "epochs" in setting_names(TrainConfig)
    True
    """
    return {field.name for field in fields(config)}


def build_configs(kind: type[Config], settings: Mapping[str, Any]) -> tuple[Config, TrainConfig]:
    """Build the configurations of a model and of its training from settings of both.

    Args:
        kind: the dataclass of the model's settings.
        settings: values by name; what is missing has its default.

    Raises:
        ConfigError: if there is no such setting, or a value cannot be used.

    >>> from seqkit.config.tagging import TaggingConfig
    >>> config, training = build_configs(TaggingConfig, {"hidden_size": 50, "epochs": 3})
    >>> config.hidden_size, training.epochs
    (50, 3)
    """
    model, training = setting_names(kind), setting_names(TrainConfig)
    if unknown := sorted(settings.keys() - model - training):
        raise ConfigError(f"no setting {unknown[0]!r}; there is {', '.join(sorted(model | training))}")
    return (
        kind(**{name: value for name, value in settings.items() if name in model}),
        TrainConfig(**{name: value for name, value in settings.items() if name in training}),
    )
