"""Command-line options made from the fields of config dataclasses, and settings read from a TOML file.

Help, default, bounds, choices and ``--no-`` flags come from the annotation of the field. The value of an option that is
not given is None, so that a ``--config`` file, or the run that is resumed, can supply it.
"""

import inspect
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import typer

from seqkit.config.bounds import Setting, settings_of
from seqkit.errors import ConfigError

__all__ = [
    "DeviceOption",
    "Format",
    "PrecisionOption",
    "VerifyOption",
    "expand_parameter",
    "option_name",
    "read_config",
    "text_option",
    "with_options",
]

Format = Literal["text", "jsonl", "conll", "csv"]
DeviceOption = Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Device to compute on.")]
PrecisionOption = Annotated[
    Literal["auto", "float32", "bfloat16"], typer.Option(help="auto: bfloat16 on a GPU, float32 elsewhere.")
]

VerifyOption = Annotated[
    bool, typer.Option("--verify/--no-verify", help="Compare the files of the run with their checksums.")
]


def with_options(
    *configs: tuple[str, Any], shared: type | None = None, defaults: bool = True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add an option to a command for each field of some config dataclasses.

    The values that were given reach the command as the dictionary ``settings``.

    Args:
        configs: pairs of the heading of a panel in the help text and a config dataclass, or an instance of one, whose
            values are then the defaults.
        shared: a dataclass of options that several commands have in common, annotated with ``typer.Option``; an
            instance of it reaches the command as ``asked``.
        defaults: whether the help text shows the defaults of the configs.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            parameter
            for parameter in inspect.signature(command).parameters.values()
            if parameter.name not in ("settings", "asked")
        ]
        common = _shared_options(shared) if shared else []
        added = [option for panel, config in configs for option in _options(panel, config, defaults)]

        def wrapper(**given: Any) -> None:
            if shared:
                given["asked"] = shared(**{option.name: given.pop(option.name) for option in common})
            settings = {option.name: given.pop(option.name) for option in added}
            command(**given, settings={name: value for name, value in settings.items() if value is not None})

        return _with_signature(wrapper, command, [*own, *common, *added])

    return decorate


def expand_parameter(
    name: str, options: Sequence[inspect.Parameter]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Replace a parameter of a command by options; their values reach the command as a dictionary.

    Args:
        name: the name of the parameter.
        options: any number of keyword-only parameters, annotated with ``typer.Option``.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command).parameters.values():
            parameters += options if parameter.name == name else [parameter]

        def wrapper(**given: Any) -> None:
            values = {option.name: given.pop(option.name) for option in options}
            command(**given, **{name: values})

        return _with_signature(wrapper, command, parameters)

    return decorate


def option_name(setting: str, value: object = None) -> str:
    """Return a setting or an argument as it is typed: the option, with a value unless it is None.

    >>> option_name("hidden_size", 50), option_name("tied", False), option_name("unknown", "<unk>")
    ('--hidden-size 50', '--no-tied', '--allow-unknown')
    """
    if (setting, value) == ("unknown", "<unk>"):
        return "--allow-unknown"
    dashed = setting.replace("_", "-")
    if isinstance(value, bool):
        return f"--{dashed}" if value else f"--no-{dashed}"
    return f"--{dashed}" if value is None else f"--{dashed} {value}"


def text_option(name: str, text: str, default: str | None = None) -> inspect.Parameter:
    """Return an option for a string."""
    annotation = Annotated[str | None, typer.Option(help=text)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def read_config(path: Path, *configs: type) -> dict[str, Any]:
    """Read the settings of some configs from a TOML file.

    Raises:
        ConfigError: the file cannot be read, or a setting does not exist or has a value that cannot be used.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as a TOML file: {error}") from None
    known = {setting.name: setting for config in configs for setting in settings_of(config)}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"{path}: no setting {name!r}; choose from {', '.join(sorted(known))}")
        try:
            values[name] = known[name].parse(value)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None
    return values


def _with_signature(
    wrapper: Callable[..., None], command: Callable[..., None], parameters: Sequence[inspect.Parameter]
) -> Callable[..., None]:
    """Return a wrapper of a command as Typer reads it: with the command's name and help, and with these parameters."""
    wrapper.__doc__ = command.__doc__
    wrapper.__name__ = command.__name__
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapper


def _shared_options(shared: type) -> list[inspect.Parameter]:
    hints = get_type_hints(shared, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(shared)
    ]


@cache  # several tasks have a config in common
def _options(panel: str, config: Any, defaults: bool) -> tuple[inspect.Parameter, ...]:
    settings = settings_of(config if isinstance(config, type) else type(config))
    return tuple(_option(panel, setting, getattr(config, setting.name) if defaults else None) for setting in settings)


def _option(panel: str, setting: Setting, default: object) -> inspect.Parameter:
    name = setting.name
    flags = f"{option_name(name, True)}/{option_name(name, False)}" if setting.kind is bool else option_name(name)
    notes = [_open_bounds(setting), "" if default is None else f"[default: {default}]"]
    option = typer.Option(
        flags,
        help=" ".join(filter(None, [setting.help, *notes])).replace("[", r"\["),  # rich reads a bracket as markup
        rich_help_panel=panel,
        show_default=False,
        min=setting.limits.get("ge"),
        max=setting.limits.get("le"),
    )
    kind: Any = Literal.__getitem__(tuple(setting.choices)) if setting.choices else setting.kind
    return inspect.Parameter(
        setting.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _open_bounds(setting: Setting) -> str:
    """Return the open bounds as the help text shows them; Typer checks and shows the closed ones."""
    signs = {"gt": ">", "lt": "<"}
    bounds = [f"x{signs[relation]}{limit}" for relation, limit in setting.limits.items() if relation in signs]
    return f"[{', '.join(bounds)}]" if bounds else ""
