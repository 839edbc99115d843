"""``seqkit info``: what a run is."""

import json
import shlex
import shutil
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from seqkit.config.task_tables import CONFIGS
from seqkit.metrics.metric import shown
from seqkit.runs.folder import RunFolder, newest_run

__all__ = ["info"]


def info(
    run: Annotated[Path | None, typer.Argument(help="Run folder; the newest one where none is named.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what a run is: task, corpus, scores, size, settings, versions."""
    folder = RunFolder(run or newest_run(set(CONFIGS)))
    about = folder.read_run()
    report = folder.read_json("report.json") if (folder.path / "report.json").is_file() else {}
    if as_json:
        print(json.dumps({"run": str(folder.path), **about, "report": report}, ensure_ascii=False))
        return
    scores = ", ".join(f"{name} {shown(name, score)}" for name, score in report.get("dev", {}).items())
    rows = {
        "run": folder.path,
        "task": about["task"],
        "corpus": about["corpus"].get("spec", "data handed in from Python"),
        "dev": scores or "not scored yet",
        "training": "unfinished",
        "resume": f"seqkit train {about['task']} --resume {shlex.quote(str(folder.path))}" if folder.can_resume else "",
        "size": "",
        "versions": ", ".join(f"{name} {number}" for name, number in about["versions"].items()),
        "settings": ", ".join(f"{name}={value}" for name, value in about["settings"].items()),
    }
    if report:
        took = f"{report['epochs']} epoch{'s' * (report['epochs'] != 1)} in {report['seconds']:.0f} s"
        rows["training"] = f"{report['reason']}, {took}, best in epoch {report['best_epoch']}"
        rows["size"] = f"{report['parameters']:,} parameters, {report['megabytes']} MB"
    for name, value in rows.items():
        if value:
            print(_wrapped(f"{name:<9} {value}"))


def _wrapped(row: str) -> str:
    width = shutil.get_terminal_size().columns
    return textwrap.fill(row, width, subsequent_indent=" " * 10, break_long_words=False, break_on_hyphens=False)
