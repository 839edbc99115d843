"""The table of reports by their kind, which a row of the table of tasks names."""

from typing import Any

from seqkit.tasks.spec import TaskSpec
from seqkit_cli.reports.labels import LABELS
from seqkit_cli.reports.report import Report
from seqkit_cli.reports.scores import SCORES
from seqkit_cli.reports.tags import TAGS
from seqkit_cli.reports.text import TEXT

__all__ = ["REPORTS", "models_with", "report_of"]

REPORTS: dict[str, Report[Any, Any]] = {"tags": TAGS, "labels": LABELS, "text": TEXT, "scores": SCORES}


def report_of(spec: TaskSpec[Any]) -> Report[Any, Any]:
    """Return the report of a task."""
    return REPORTS[spec.report]


def models_with(option: str) -> str:
    """Return what the models are called that accept an option of ``seqkit predict``, or one of its formats.

    >>> models_with("explain"), models_with("conll"), models_with("mc_samples")
    ('classifiers', 'taggers', 'taggers and classifiers')
    """
    reports = [report for report in REPORTS.values() if report.predict is not None]
    return " and ".join(
        report.models for report in reports if option in report.predict_options or option in report.formats
    )
