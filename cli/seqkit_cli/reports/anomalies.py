"""The report of detectors of anomalies: their scores beside those of a baseline, and the score of each point."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import typer

from seqkit.tasks.spec import TaskSpec
from seqkit_cli.options import Format
from seqkit_cli.reports.following import Point, follow
from seqkit_cli.reports.report import (
    EvaluateOptions,
    InputFile,
    PredictOptions,
    Report,
    print_csv,
    print_heading,
    score_table,
    speed,
)

if TYPE_CHECKING:
    from seqkit.anomaly_detector import AnomalyDetector
    from seqkit.anomaly_evaluation import AnomalyEvaluation
    from seqkit.anomaly_stream import AnomalyScore, AnomalyStream
    from seqkit.data.series.panel import Panel

__all__ = ["ANOMALIES", "AnomalyScores", "ScoredPoints"]


@dataclass(frozen=True, kw_only=True)
class AnomalyScores:
    """The scores of a detector, beside those of a baseline if it is known which points are anomalous."""

    scores: "AnomalyEvaluation"

    def print(self, spec: TaskSpec[Any], title: str) -> None:
        """Print a table: a row for each score, a column for each detector."""
        from rich.console import Console

        console = Console(highlight=False)
        print_heading(console, title)
        console.print(score_table(spec, self.scores.scores, self.scores.baselines))
        console.print(f"{speed(spec, self.scores)}, {self.scores.series} labelled series")


@dataclass(frozen=True, kw_only=True)
class ScoredPoints:
    """The scores of points, as they are iterated over."""

    results: "Iterable[AnomalyScore]"
    follow: bool = False

    def print(self, output: Format) -> None:
        """Print a line for each point."""
        if output == "csv":
            print_csv(self.results, flush=self.follow)
            return
        for point in self.results:
            named = "" if point.unique_id is None else f"{point.unique_id}  "
            alarm = "  alarm" if point.anomaly else ""
            print(f"{named}{point.time}  {point.score:10.4f}{alarm}", flush=self.follow)


def _evaluate(model: "AnomalyDetector", split: "Panel", options: EvaluateOptions) -> AnomalyScores:
    return AnomalyScores(scores=model.evaluate(split))


def _predict(model: "AnomalyDetector", given: InputFile, output: Format, options: PredictOptions) -> ScoredPoints:
    if options.follow:
        return ScoredPoints(results=_followed(model, given), follow=True)
    if given.name in (None, "-"):
        raise typer.BadParameter("give a file with --input FILE, or --follow to score lines of stdin as they come")
    splits = given.open(label=None, weight=None).splits
    whole = list(splits.values())[-1]  # each split contains those before it
    return ScoredPoints(results=model.predict(replace(whole, starts=0 * whole.lengths)))


def _followed(model: "AnomalyDetector", given: InputFile) -> "Iterator[AnomalyScore]":
    """Yield the score of the point in each line of stdin, or of a file."""
    streams: dict[str | None, AnomalyStream] = {}

    def update(point: Point) -> "AnomalyScore":
        if point.unique_id not in streams:
            streams[point.unique_id] = model.stream(point.unique_id)
        return streams[point.unique_id].update(point.values, time=point.time)

    return follow(given, model.target_names, update)


ANOMALIES: Report["AnomalyDetector", "Panel"] = Report(
    models="detectors of anomalies",
    evaluate=_evaluate,
    predict_file=_predict,
    predict_options=frozenset({"follow"}),
    formats=("text", "jsonl", "csv"),
)
