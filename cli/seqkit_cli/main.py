"""The entry point of the ``seqkit`` command: prepares signals and streams before anything slow is imported."""

from seqkit_cli.signals import end_at_once, handle

TYPE_CHECKING = False  # importing typing takes longer than everything else here
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from seqkit.tasks.spec import TaskSpec

__all__ = ["main"]


def main(tasks: "Mapping[str, TaskSpec[Any]] | None" = None) -> None:
    """Run the command line for some tasks, all by default, and exit with its code."""
    handle(end_at_once)
    from seqkit_cli.streams import prepare_streams, prepare_width

    prepare_streams()
    prepare_width()
    from seqkit_cli.app import run_app

    raise SystemExit(run_app(tasks))
