"""``seqkit info``: show what a run is."""

import json
import shlex
import shutil
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from seqkit.errors import CheckpointError
from seqkit.runs.folder import RunFolder
from seqkit_cli.chosen_run import ChosenRun, choose_run
from seqkit_cli.options import VerifyOption

__all__ = ["info"]

CHECKSUMS = ("examples", "sha256")  # parts of run.json for machines


def info(
    context: typer.Context,
    run: Annotated[Path | None, typer.Argument(help="Run folder; the newest run if none is given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    verify: VerifyOption = True,
) -> None:
    """Show what a run is: task, corpus, scores, size, settings, versions."""
    chosen = choose_run(context, run, verify=verify)
    folder = RunFolder(chosen.path, verify=verify)
    report = folder.read_json("report.json") if (folder.path / "report.json").is_file() else {}
    if as_json:
        header = {name: value for name, value in chosen.header.items() if name not in CHECKSUMS}
        print(json.dumps({"run": str(folder.path), **header, "report": report}, ensure_ascii=False))
        return
    try:
        rows = _rows(chosen, folder, report)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise CheckpointError(
            f"{folder.path / 'report.json'} or run.json is damaged; restore it, or train again"
        ) from None
    for name, value in rows.items():
        if value:
            print(_wrapped(f"{name:<9} {value}"))


def _rows(chosen: ChosenRun, folder: RunFolder, report: Mapping[str, Any]) -> dict[str, str]:
    """Return what is shown, by name; values may be empty."""
    header, spec = chosen.header, chosen.spec
    scores = (f"{name} {spec.format_score(name, score)}" for name, score in report.get("dev", {}).items())
    resume = f"seqkit train {spec.name} --resume {shlex.quote(str(folder.path))}"
    rows = {
        "run": str(folder.path),
        "task": spec.name,
        "corpus": header["corpus"].get("spec", "data passed in from Python"),
        "dev": ", ".join(scores) or "not scored yet",
        "training": "unfinished",
        "resume": resume if folder.can_resume else "",
        "size": "",
        "versions": ", ".join(f"{name} {number}" for name, number in header["versions"].items()),
        "settings": ", ".join(f"{name}={value}" for name, value in header["settings"].items()),
    }
    if report:
        epochs = "1 epoch" if report["epochs"] == 1 else f"{report['epochs']} epochs"
        took = f"{epochs} in {report['seconds']:.0f} s"
        rows["training"] = f"{report['reason']}, {took}, best in epoch {report['best_epoch']}"
        rows["size"] = f"{report['parameters']:,} parameters, {report['megabytes']} MB"
    return rows


def _wrapped(row: str) -> str:
    width = shutil.get_terminal_size().columns
    return textwrap.fill(row, width, subsequent_indent=" " * 10, break_long_words=False, break_on_hyphens=False)
