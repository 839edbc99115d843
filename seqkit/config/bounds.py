"""The check of every setting against the type, the choices and the bounds in its annotation.

The annotation of a field of a config holds all there is to know about it, so that the check, the options of the
command line and the ``--config`` reader agree::

    hidden_size: Annotated[int, Ge(1), "hidden units per direction"] = 200
    input_dropout: Annotated[float, Interval(ge=0, lt=1), "dropout on the word features"] = 0.5
    schedule: Annotated[Literal["one-cycle", "constant"], "learning rate schedule"] = "one-cycle"
    cell: Annotated[str, OneOf(CELLS), "type of recurrent cell"] = "lstm"  # choices that are computed
"""

import math
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Interval, Le, Lt

from seqkit.errors import ConfigError, setting_ref

__all__ = ["OneOf", "Setting", "check_fields", "settings_of"]

_RELATIONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "gt": (operator.gt, "greater than"),
    "ge": (operator.ge, "at least"),
    "lt": (operator.lt, "less than"),
    "le": (operator.le, "at most"),
}
_TYPE_NAMES: dict[type, str] = {int: "an integer", float: "a number", bool: "a boolean", str: "a string"}


@dataclass(frozen=True)
class OneOf:
    """The choices of a string that come from a table, and so cannot be written as a ``Literal``."""

    choices: Collection[str]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One field of a config, as its annotation describes it.

    Attributes:
        name: the name of the field.
        kind: ``int``, ``float``, ``bool`` or ``str``.
        optional: whether it may be None.
        choices: the values it can have; empty if there is no list of them.
        limits: the bounds of a number under annotated-types' names: ``gt``, ``ge``, ``lt``, ``le``.
        help: one line about it.
    """

    name: str
    kind: type
    optional: bool
    choices: Collection[str]
    limits: Mapping[str, float]
    help: str

    def parse(self, value: object) -> object:
        """Return a value in the type of the field.

        An integer is accepted for a float, and so are NumPy's numbers; a boolean is never accepted for a number.

        Raises:
            ConfigError: the value is of another type, no choice, not finite, or out of bounds.

        >>> Setting(name="top_k", kind=int, optional=False, choices=(), limits={"ge": 0}, help="").parse(-1)
        Traceback (most recent call last):
            ...
        seqkit.errors.ConfigError: top_k must be at least 0, not -1
        """
        if value is None and self.optional:
            return None
        if self.choices:
            if value not in tuple(self.choices):  # a table would hash the value, which may be a list
                raise self._error(f"one of {', '.join(self.choices)}", value)
            return value
        if self.kind in (int, float):
            return self._parse_number(value)
        if not isinstance(value, self.kind):
            raise self._error(_TYPE_NAMES[self.kind], value)
        return value

    def _parse_number(self, value: object) -> float:
        number = _number(value, self.kind)
        if number is None:
            raise self._error(_TYPE_NAMES[self.kind], value)
        if not math.isfinite(number):
            raise self._error("a finite number", value)
        bounds = [(*_RELATIONS[relation], limit) for relation, limit in self.limits.items()]
        if not all(holds(number, limit) for holds, _, limit in bounds):
            raise self._error(" and ".join(f"{words} {limit}" for _, words, limit in bounds), value)
        return number

    def _error(self, expected: str, value: object) -> ConfigError:
        return ConfigError(f"{setting_ref(self.name)} must be {expected}, not {value!r}")


@cache
def settings_of(config: type) -> tuple[Setting, ...]:
    """Return the fields of a config dataclass, in their order.

    >>> from seqkit.config.training import TrainConfig
    >>> settings_of(TrainConfig)[0].limits
    {'ge': 1}
    """
    hints = get_type_hints(config, include_extras=True)
    return tuple(_setting(field.name, hints[field.name]) for field in fields(config))


def check_fields(config: object) -> None:
    """Check every field of a frozen config on its own, and store each value in the type of its field.

    Called in ``__post_init__``, before the checks that span several fields.

    Raises:
        ConfigError: a value cannot be used; the message names the field.
    """
    kind: type = type(config)
    for setting in settings_of(kind):
        object.__setattr__(config, setting.name, setting.parse(getattr(config, setting.name)))


def _number(value: object, kind: type) -> float | None:
    """Return a number as an int or a float; None if the value is of another type."""
    if isinstance(value, bool):
        return None
    if kind is int:
        return int(value) if isinstance(value, Integral) else None
    if not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer beyond the largest float
        return math.inf


def _setting(name: str, hint: object) -> Setting:
    metadata: tuple[object, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *rest = get_args(hint)
        metadata = tuple(rest)
    optional = get_origin(hint) in (Union, UnionType)
    if optional:
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
    choices: Collection[str] = get_args(hint) if get_origin(hint) is Literal else ()
    for item in metadata:
        if isinstance(item, OneOf):
            choices = item.choices
    kind = str if choices else hint
    assert isinstance(kind, type)
    help_text = next((item for item in metadata if isinstance(item, str)), "")
    return Setting(name=name, kind=kind, optional=optional, choices=choices, limits=_limits(metadata), help=help_text)


def _limits(metadata: tuple[object, ...]) -> dict[str, float]:
    """Return the bounds by name, the lower ones first."""
    bounds = [item for item in metadata if isinstance(item, (Gt, Ge, Lt, Le, Interval))]
    return {
        relation: limit
        for relation in _RELATIONS
        for bound in bounds
        if (limit := getattr(bound, relation, None)) is not None
    }
