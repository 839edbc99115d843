"""The installed ``seqkit`` command, run as a user runs it, in a separate process."""

import shutil
import subprocess
import sysconfig

from seqkit.errors import ConfigError, SeqkitError

__all__ = ["output_of", "seqkit_command"]


def seqkit_command() -> str:
    """Return the path of the command.

    Raises:
        ConfigError: if it is not installed in the environment of this Python.
    """
    command = shutil.which("seqkit", path=sysconfig.get_path("scripts"))
    if command is None:
        raise ConfigError("this Python environment has no seqkit command; install it with: pip install '.[bench]'")
    return command


def output_of(*command: str) -> str:
    """Run a command and return its stdout; its stderr goes to the stderr of this process.

    Raises:
        SeqkitError: if it fails; it has printed the reason on stderr.
    """
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    if done.returncode:
        raise SeqkitError(f"{' '.join(command)}: ended with exit code {done.returncode}")
    return done.stdout
