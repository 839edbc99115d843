"""The table of reports by their kind, which a row of the table of tasks names.

A row imports its report only when called, so that ``seqkit --help`` loads none.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from seqkit.tasks.spec import TaskSpec

if TYPE_CHECKING:
    from seqkit_cli.reports.report import Report

__all__ = ["REPORTS", "models_with", "report_of"]


def _tags() -> "Report[Any, Any]":
    from seqkit_cli.reports.tags import TAGS

    return TAGS


def _labels() -> "Report[Any, Any]":
    from seqkit_cli.reports.labels import LABELS

    return LABELS


def _text() -> "Report[Any, Any]":
    from seqkit_cli.reports.text import TEXT

    return TEXT


def _anomalies() -> "Report[Any, Any]":
    from seqkit_cli.reports.anomalies import ANOMALIES

    return ANOMALIES


def _series() -> "Report[Any, Any]":
    from seqkit_cli.reports.series import SERIES

    return SERIES


def _scores() -> "Report[Any, Any]":
    from seqkit_cli.reports.scores import SCORES

    return SCORES


REPORTS: dict[str, Callable[[], "Report[Any, Any]"]] = {
    "tags": _tags,
    "labels": _labels,
    "text": _text,
    "anomalies": _anomalies,
    "series": _series,
    "scores": _scores,
}


def report_of(spec: TaskSpec[Any]) -> "Report[Any, Any]":
    """Return the report of a task."""
    return REPORTS[spec.report]()


def models_with(option: str) -> str:
    """Return what the models are called that accept an option of ``seqkit predict``, or one of its formats.

    >>> models_with("explain"), models_with("conll"), models_with("mc_samples")
    ('classifiers', 'taggers', 'taggers, classifiers and forecasters')
    """
    reports = [report for make in REPORTS.values() if (report := make()).predicts]
    names = [report.models for report in reports if option in report.predict_options or option in report.formats]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
