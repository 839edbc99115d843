"""A stand-in for the ``seqkit`` command, for tests of scripts that run it."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

__all__ = ["needs_shebang", "recording_command"]

needs_shebang = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for the command starts with #!")


def recording_command(folder: Path, calls: Path, *, scores: Mapping[str, Any], files: Mapping[str, str]) -> Path:
    """Write a command that logs its arguments, writes a run of 3 MB, prints scores, and fails for seed 13.

    Args:
        folder: folder to write the command to.
        calls: the log; each call appends a line.
        scores: what ``evaluate`` prints.
        files: files of a run besides its weights, by name.
    """
    script = folder / "seqkit"
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, pathlib, sys\n"
        f"log = pathlib.Path({str(calls)!r})\n"
        "arguments = sys.argv[1:]\n"
        "with log.open('a') as file: print(json.dumps(arguments), file=file)\n"
        "if arguments[0] == 'train':\n"
        "    run = pathlib.Path(arguments[arguments.index('--out') + 1])\n"
        "    run.mkdir()\n"
        "    (run / 'model.safetensors').write_bytes(bytes(3_000_000))\n"
        f"    for name, text in {dict(files)!r}.items(): (run / name).write_text(text)\n"
        "else:\n"
        f"    print({json.dumps(scores)!r})\n"
        "sys.exit(1 if '13' in arguments else 0)\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    return script
