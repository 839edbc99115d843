"""One Typer option for each field of a configuration dataclass.

Help, default, choices and ``--no-`` flags come from the dataclass, so a setting is written down once. What is not
given on the command line is None there, so that a ``--config`` file, or the run that is resumed, can supply it.
"""

import inspect
import tomllib
from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import typer

from seqkit.config.bounds import OneOf
from seqkit.errors import ConfigError

__all__ = ["DeviceOption", "PrecisionOption", "read_config", "with_options"]

DeviceOption = Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where to compute.")]
PrecisionOption = Annotated[
    Literal["auto", "float32", "bfloat16"], typer.Option(help="auto: bfloat16 on a GPU, float32 elsewhere.")
]


def with_options(
    *configs: tuple[str, Any], shared: type | None = None, defaults: bool = True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of some dataclasses; those that were given reach it as ``settings``.

    Args:
        configs: for each dataclass the heading of its panel in the help text, and the dataclass, or one of its kind
            whose values are the defaults.
        shared: a dataclass of options that several commands have, annotated as Typer wants them; what was given, and
            the defaults of the others, reach the command as ``asked``.
        defaults: whether the help text tells the defaults of the dataclasses.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            parameter
            for parameter in inspect.signature(command).parameters.values()
            if parameter.name not in ("settings", "asked")
        ]
        hints = get_type_hints(shared, include_extras=True) if shared else {}
        several = [
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
            )
            for field in (fields(shared) if shared else ())
        ]
        added = [option for panel, config in configs for option in _options(panel, config, defaults)]
        names = [option.name for option in added]

        def wrapper(**given: Any) -> None:
            if shared:
                given["asked"] = shared(**{option.name: given.pop(option.name) for option in several})
            settings = {name: given.pop(name) for name in names}
            command(**given, settings={name: value for name, value in settings.items() if value is not None})

        wrapper.__doc__ = command.__doc__
        wrapper.__name__ = command.__name__
        wrapper.__signature__ = inspect.Signature([*own, *several, *added])  # type: ignore[attr-defined]
        wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *several, *added]}
        return wrapper

    return decorate


def read_config(path: Path, *configs: type) -> dict[str, Any]:
    """Settings of a TOML file.

    Raises:
        ConfigError: where it cannot be read, or names a setting that does not exist or has another type.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is no TOML file that can be read: {error}") from None
    kinds = {
        name: _bare(kind) for config in configs for name, kind in get_type_hints(config, include_extras=True).items()
    }
    for name, value in values.items():
        if name not in kinds:
            raise ConfigError(f"{path}: no setting {name!r}; there is {', '.join(sorted(kinds))}")
        values[name] = _checked(path, name, value, kinds[name])
    return values


def _checked(path: Path, name: str, value: Any, kind: Any) -> Any:
    choices = _choices(kind)
    if choices and value not in choices:
        raise ConfigError(f"{path}: {name} must be one of {', '.join(choices)}, not {value!r}")
    if not choices and isinstance(value, int) and kind is float and not isinstance(value, bool):
        return float(value)
    if not choices and type(value) is not kind:
        raise ConfigError(f"{path}: {name} must be of the type {kind.__name__}, not {value!r}")
    return value


def _options(panel: str, config: Any, defaults: bool) -> list[inspect.Parameter]:
    hints = get_type_hints(config if isinstance(config, type) else type(config), include_extras=True)
    usual = {field.name: getattr(config, field.name) if defaults else None for field in fields(config)}
    return [_option(panel, field, hints[field.name], usual[field.name]) for field in fields(config)]


def _option(panel: str, field: Field[Any], hint: Any, usual: Any) -> inspect.Parameter:
    text = get_args(hint)[-1]
    kind = _bare(hint)
    dashed = field.name.replace("_", "-")
    flags = [f"--{dashed}/--no-{dashed}"] if kind is bool else [f"--{dashed}"]
    default = "" if usual is None else f" [default: {usual}]"
    # A bracket would read as markup in a help text made with rich.
    option = typer.Option(*flags, help=(text + default).replace("[", r"\["), rich_help_panel=panel, show_default=False)
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _bare(kind: Any) -> Any:
    """A type without its ``Annotated`` help and its ``| None``; choices from a table become a ``Literal``."""
    if get_origin(kind) is Annotated:
        for item in get_args(kind)[1:]:
            if isinstance(item, OneOf):
                return Literal[tuple(item.choices)]
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    return kind


def _choices(kind: Any) -> list[str]:
    return list(get_args(kind)) if get_origin(kind) is Literal else []
