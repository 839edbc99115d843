"""Everything seqkit raises on purpose.

::

    SeqkitError                 exit code 1; catch this one to catch them all
    ├── CorpusError             bad data: names the file, the line and the remedy
    ├── ConfigError             a value that cannot be used; also a ValueError; exit code 2
    │   └── MissingExtraError   an optional dependency is not installed; names the extra
    ├── CheckpointError         a run folder that cannot be read or written
    └── DivergenceError         the loss became NaN or infinite; names the batch

    SeqkitWarning               something a person should know that stops nothing; a UserWarning

A message says what is wrong, where, and what to do about it. The command line prints it as one line and
exits with ``exit_code``; nothing else in seqkit decides exit codes.
"""

from os import PathLike

__all__ = [
    "CheckpointError",
    "ConfigError",
    "CorpusError",
    "DivergenceError",
    "MissingExtraError",
    "SeqkitError",
    "SeqkitWarning",
]


class SeqkitError(Exception):
    """Base of every error that seqkit raises on purpose.

    >>> issubclass(CorpusError, SeqkitError)
    True
    """

    exit_code = 1


class CorpusError(SeqkitError):
    """Data that cannot be used as it is.

    Args:
        message: what is wrong and how to mend it.
        file: the file it was found in, put in front of the message.
        line: the line in that file, counted from 1.

    >>> print(CorpusError("the file is empty", file="train.conll", line=1))
    train.conll:1: the file is empty
    """

    def __init__(self, message: str, *, file: str | PathLike[str] | None = None, line: int | None = None) -> None:
        self.file = None if file is None else str(file)
        self.line = line
        where = "" if self.file is None else self.file if line is None else f"{self.file}:{line}"
        super().__init__(f"{where}: {message}" if where else message)


class ConfigError(SeqkitError, ValueError):
    """A setting that cannot be used; it is a ``ValueError`` too.

    >>> isinstance(ConfigError("hidden_size must be positive, not 0"), ValueError)
    True
    """

    exit_code = 2


class MissingExtraError(ConfigError):
    """An optional dependency that is not installed.

    Args:
        package: the distribution that is missing.
        extra: the extra of seqkit that brings it.

    >>> print(MissingExtraError("sklearn-crfsuite", "bench"))
    sklearn-crfsuite is not installed; install it with: pip install 'seqkit[bench]'
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; install it with: pip install 'seqkit[{extra}]'")


class CheckpointError(SeqkitError):
    """A run folder that is missing, damaged, of another version, or cannot be written."""


class DivergenceError(SeqkitError):
    """Training that went to NaN or infinity; the best model so far is kept."""


class SeqkitWarning(UserWarning):
    """Something a person should know that stops nothing."""
