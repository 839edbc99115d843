"""The table of reports: every task has one, and their options exist."""

from dataclasses import fields

import pytest

from seqkit.task_table import TASKS
from seqkit_cli.reports.report import EvaluateOptions, PredictOptions
from seqkit_cli.reports.table import REPORTS, models_with, report_of


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_a_report(task: str) -> None:
    assert report_of(TASKS[task]) is REPORTS[TASKS[task].report]()


@pytest.mark.parametrize("kind", REPORTS)
def test_the_options_of_a_report_exist(kind: str) -> None:
    report = REPORTS[kind]()
    assert report.evaluate_options <= {field.name for field in fields(EvaluateOptions)}
    assert report.predict_options <= {field.name for field in fields(PredictOptions)}
    assert ("jsonl" in report.formats) is report.predicts


@pytest.mark.parametrize(
    ("option", "models"),
    [("explain", "classifiers"), ("conll", "taggers"), ("mc_samples", "taggers, classifiers and forecasters")],
)
def test_the_models_that_accept_an_option_are_named(option: str, models: str) -> None:
    assert models_with(option) == models
