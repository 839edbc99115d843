"""Limits that keep a small file from costing a large amount of memory or time; environment variables raise them."""

import os
import re

from seqkit.errors import ConfigError

__all__ = ["limit_of"]


def limit_of(variable: str, default: int) -> int:
    """Return the limit that an environment variable sets, or the default.

    Args:
        variable: the name of the variable.
        default: the limit if it is not set.

    Raises:
        ConfigError: the variable is not a number.

    >>> limit_of("SEQKIT_NO_SUCH_LIMIT", 7)
    7
    """
    value = os.environ.get(variable, str(default))
    if not re.fullmatch(r"[0-9]{1,15}", value):
        raise ConfigError(f"the environment variable {variable} must be a number, not {value!r}")
    return int(value)
