"""A stand-in for the ``seqkit`` command, for what runs it as a user does."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

__all__ = ["needs_shebang", "recording_command"]

needs_shebang = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for the command begins with #!")


def recording_command(folder: Path, calls: Path, *, scores: Mapping[str, Any], files: Mapping[str, str]) -> Path:
    """A command that notes its arguments in a file, leaves 3 MB as a run, prints scores, and fails for seed 13.

    Args:
        folder: where to put it.
        calls: the file in which each call is a line.
        scores: what it prints when it is to evaluate.
        files: what a run holds besides its weights.
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
