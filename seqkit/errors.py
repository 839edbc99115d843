"""The exceptions and the warning of seqkit.

::

    SeqkitError                 base class of all errors; exit code 1
    ├── CorpusError             invalid data; names the file, the line and the remedy
    ├── ConfigError             an invalid setting or argument; also a ValueError; exit code 2
    │   └── MissingExtraError   an optional dependency is not installed; names the extra
    ├── CheckpointError         a run folder that cannot be read or written
    └── DivergenceError         the loss became NaN or infinite; names the batch

    SeqkitWarning               a problem that does not stop the work; also a UserWarning

Messages say what is wrong, where, and how to fix it, on one line: control characters in the names and values that they
quote are escaped. The command line prints the message and exits with the error's ``exit_code``. A message refers to a
setting by ``setting_ref``: Python shows its keyword, the command line its option.
"""

import ast
import re
from collections.abc import Callable
from os import PathLike

__all__ = [
    "CheckpointError",
    "ConfigError",
    "CorpusError",
    "DivergenceError",
    "MissingExtraError",
    "SeqkitError",
    "SeqkitWarning",
    "setting_ref",
]

# Between control characters, which no message has: a name, and perhaps a literal.
_REFERENCE = re.compile("\x02(\\w+)(?:=(True|False|[\\d.e+-]+|'[^'\\\\\x00-\x1f]*'))?\x03")
# What ends a line, moves the cursor of a terminal, or cannot be written as UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
LONGEST_MESSAGE = 2000  # characters; more than that is cut out of the middle, because the remedy is at the end


def setting_ref(name: str, value: bool | float | str | None = None) -> str:
    """Return a reference to a setting or an argument, for the message of an error or a warning.

    Args:
        name: the name, as a keyword of Python.
        value: the value to use; None refers to the setting itself.

    >>> print(ConfigError(f"choose {setting_ref('tied', False)}, or change {setting_ref('hidden_size')}"))
    choose tied=False, or change hidden_size
    """
    return f"\x02{name}\x03" if value is None else f"\x02{name}={value!r}\x03"


def _one_line(message: str) -> str:
    """Return a message on one line, whatever the names and values in it, and not too long to read."""
    if len(message) > LONGEST_MESSAGE:
        message = f"{message[: LONGEST_MESSAGE // 2]} … {message[-LONGEST_MESSAGE // 2 :]}"
    if not _UNPRINTABLE.search(message):
        return message
    parts, end = [], 0
    for reference in _REFERENCE.finditer(message):
        parts += [_UNPRINTABLE.sub(_escaped, message[end : reference.start()]), reference[0]]
        end = reference.end()
    return "".join([*parts, _UNPRINTABLE.sub(_escaped, message[end:])])


def _escaped(found: re.Match[str]) -> str:
    return repr(found[0])[1:-1]


class _Message(Exception):
    """A message on one line that names settings by ``setting_ref``."""

    def __init__(self, message: str) -> None:
        self._message = _one_line(message)
        super().__init__(_REFERENCE.sub(lambda found: found[0][1:-1], self._message))

    def with_settings(self, name: Callable[[str, object], str]) -> str:
        """Return the message with other names of settings.

        Args:
            name: returns what to call a setting, given its keyword and its value, which is None if only the setting is
                named.

        >>> ConfigError(f"choose {setting_ref('tied', False)}").with_settings(lambda name, value: f"{name}: {value}")
        'choose tied: False'
        """
        return _REFERENCE.sub(lambda found: name(found[1], found[2] and ast.literal_eval(found[2])), self._message)


class SeqkitError(_Message):
    """Base class of all errors of seqkit.

    Args:
        message: what is wrong and how to fix it; settings are named by ``setting_ref``.

    Attributes:
        exit_code: the exit code of the command line.

    >>> issubclass(CorpusError, SeqkitError)
    True
    """

    exit_code = 1


class CorpusError(SeqkitError):
    """Invalid data.

    Args:
        message: what is wrong and how to fix it.
        file: the file, which is prepended to the message.
        line: the line in the file, counted from 1.

    >>> print(CorpusError("the file is empty", file="train.conll", line=1))
    train.conll:1: the file is empty
    """

    def __init__(self, message: str, *, file: str | PathLike[str] | None = None, line: int | None = None) -> None:
        self.file = None if file is None else str(file)
        self.line = line
        where = "" if self.file is None else self.file if line is None else f"{self.file}:{line}"
        super().__init__(f"{where}: {message}" if where else message)


class ConfigError(SeqkitError, ValueError):
    """An invalid setting or argument; also a ``ValueError``.

    >>> isinstance(ConfigError("hidden_size must be at least 1, not 0"), ValueError)
    True
    """

    exit_code = 2


class MissingExtraError(ConfigError):
    """An optional dependency that is not installed.

    Args:
        package: the name of the missing distribution.
        extra: the extra of seqkit that installs it.

    >>> print(MissingExtraError("sklearn-crfsuite", "bench"))
    sklearn-crfsuite is not installed; install it with: pip install 'seqkit[bench]'
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; install it with: pip install 'seqkit[{extra}]'")


class CheckpointError(SeqkitError):
    """A run folder that is missing or damaged, has another format version, or cannot be written."""


class DivergenceError(SeqkitError):
    """A training loss that became NaN or infinite; the best model so far is kept."""


class SeqkitWarning(_Message, UserWarning):
    """A problem that does not stop the work."""
