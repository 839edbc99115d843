"""The ``seqkit`` command as a user runs it: beside this Python, in a process of its own."""

import shutil
import subprocess
import sysconfig

from seqkit.errors import ConfigError, SeqkitError

__all__ = ["output_of", "seqkit_command"]


def seqkit_command() -> str:
    """The path of the command.

    Raises:
        ConfigError: it is not installed beside this Python.
    """
    command = shutil.which("seqkit", path=sysconfig.get_path("scripts"))
    if command is None:
        raise ConfigError("there is no seqkit command beside this Python; install it with: pip install '.[bench]'")
    return command


def output_of(*command: str) -> str:
    """What a command prints on stdout; its stderr is this process' own.

    Raises:
        SeqkitError: it failed; it has said why on stderr.
    """
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    if done.returncode:
        raise SeqkitError(f"{' '.join(command)}: ended with exit code {done.returncode}")
    return done.stdout
