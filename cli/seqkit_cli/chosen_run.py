"""The run that a command reads: the folder that is named, or the newest one that the command can use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seqkit.data.corpus_kinds import CorpusKind, OpenedCorpus, Split
from seqkit.errors import CheckpointError, ConfigError, CorpusError
from seqkit.runs.folder import RunFolder, newest_run
from seqkit.tasks.spec import Model, TaskSpec
from seqkit_cli.reports.table import report_of

if TYPE_CHECKING:
    from seqkit.training.device import DeviceName, Precision
    from seqkit_cli.reports.report import Report

__all__ = ["ChosenRun", "choose_run", "is_gone", "open_remembered", "tasks_of"]


@dataclass(frozen=True, kw_only=True)
class ChosenRun:
    """A run folder, with the rows of the tables that say how to use it.

    Attributes:
        path: the folder.
        header: the content of its ``run.json``.
        spec: the row of its task.
        report: the row of its kind of report.
        verify: whether to compare its files with their checksums.
    """

    path: Path
    header: Mapping[str, Any]
    spec: TaskSpec[Any]
    report: "Report[Any, Any]"
    verify: bool = True

    def load(self, *, device: "DeviceName", precision: "Precision" = "auto") -> Model[Any]:
        """Read the model, which imports torch."""
        return self.spec.model().load(self.path, device=device, precision=precision, verify=self.verify)


def tasks_of(context: typer.Context) -> Mapping[str, TaskSpec[Any]]:
    """Return the table of tasks that the command line was built with."""
    tasks: Mapping[str, TaskSpec[Any]] = context.obj
    return tasks


def choose_run(
    context: typer.Context,
    run: str | Path | None,
    *,
    usable: "Callable[[Report[Any, Any]], bool]" = lambda report: True,
    verify: bool = True,
) -> ChosenRun:
    """Return the run in a folder; without a folder, the newest run in ``runs`` that the command can use.

    Args:
        context: the context of the command.
        run: the folder; it may hold any kind of model.
        usable: returns whether the command can use the models of a report.
        verify: whether to compare the files of the run with their checksums.

    Raises:
        CheckpointError: if there is no run, it is damaged, or its task is unknown.
    """
    tasks = tasks_of(context)
    path = Path(run or newest_run({name for name, spec in tasks.items() if usable(report_of(spec))}))
    header = RunFolder(path, verify=verify).read_description()
    task = header["task"]
    if task not in tasks:
        raise CheckpointError(f"{path} has a model of the task {task!r}, which this seqkit does not know")
    return ChosenRun(path=path, header=header, spec=tasks[task], report=report_of(tasks[task]), verify=verify)


def is_gone(corpus: str) -> bool:
    """Return whether a corpus is a path, and there is no file or folder there.

    >>> is_gone("./nowhere.conll"), is_gone("ner-mini")
    (True, False)
    """
    from seqkit.data.corpus_names import resolve_spec  # with all readers, which --help does not need

    try:
        resolved = resolve_spec(corpus)
    except ConfigError:  # a description by someone who trained in Python
        return False
    return resolved.kind == "path" and not Path(resolved.name).expanduser().exists()


def open_remembered(kind: CorpusKind[Split], opening: Mapping[str, Any]) -> OpenedCorpus[Split]:
    """Open the corpus that a run was trained on.

    Args:
        kind: the kind of the corpus.
        opening: how the run opened it.

    Raises:
        CorpusError: if it cannot be read; if it is gone, the message says how to name it.
    """
    try:
        return kind.open(**opening)
    except CorpusError as error:
        if not is_gone(opening["spec"]):
            raise
        raise CorpusError(f"{error}; the run was trained on it: if it was moved, name it with --corpus") from None
