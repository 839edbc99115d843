"""Checks of settings."""

from typing import Any, Literal, get_args, get_origin, get_type_hints

from seqkit.errors import ConfigError

__all__ = [
    "check_choices",
    "check_share",
    "weights_by_name",
]


def check_choices(config: Any) -> None:
    for name, hint in get_type_hints(type(config)).items():
        if get_origin(hint) is Literal and getattr(config, name) not in get_args(hint):
            raise ConfigError(f"{name} must be one of {', '.join(get_args(hint))}, not {getattr(config, name)!r}")


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
