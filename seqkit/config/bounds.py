"""Checks of settings."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from seqkit.errors import ConfigError

__all__ = [
    "OneOf",
    "check_choices",
    "check_share",
    "weights_by_name",
]


@dataclass(frozen=True)
class OneOf:
    """The choices of a string, if they come from a table and cannot be written as a ``Literal``."""

    choices: Collection[str]


def choices_of(hint: Any) -> list[str]:
    """Return the choices of an annotated type; empty if it has none."""
    if get_origin(hint) is Annotated:
        listed = [item for item in get_args(hint)[1:] if isinstance(item, OneOf)]
        return list(listed[0].choices) if listed else choices_of(get_args(hint)[0])
    return list(get_args(hint)) if get_origin(hint) is Literal else []


def check_choices(config: Any) -> None:
    for name, hint in get_type_hints(type(config), include_extras=True).items():
        choices = choices_of(hint)
        if choices and getattr(config, name) not in choices:
            raise ConfigError(f"{name} must be one of {', '.join(choices)}, not {getattr(config, name)!r}")


def check_share(config: Any, *names: str) -> None:
    for name in names:
        if not 0.0 <= getattr(config, name) < 1.0:
            raise ConfigError(f"{name} must be at least 0 and below 1, not {getattr(config, name)}")


def weights_by_name(name: str, written: str | None) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in written.split(",") if written else ():
        label, _, number = part.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = -1.0
        if not label.strip() or not 0.0 <= weight < float("inf"):
            raise ConfigError(f"{name} must be written like O=0.5,LOC=2, not {written!r}")
        weights[label.strip()] = weight
    return weights
