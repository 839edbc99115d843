"""The report of detectors of anomalies: their scores beside those of a baseline, and the score of each point."""

import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seqkit.errors import ConfigError, CorpusError
from seqkit.tasks.spec import TaskSpec
from seqkit_cli.input_lines import read_lines
from seqkit_cli.options import Format
from seqkit_cli.reports.following import LinePoints
from seqkit_cli.reports.report import EvaluateOptions, InputFile, PredictOptions, Report, print_heading, speed

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
        from rich.table import Table

        console = Console(highlight=False)
        print_heading(console, title)
        table = Table("", "this model", *(name.replace("_", "-") for name in self.scores.baselines), box=None)
        for name, score in self.scores.scores.items():
            others = [each.get(name) for each in self.scores.baselines.values()]
            cells = ["" if each is None else spec.format_score(name, each) for each in (score, *others)]
            table.add_row(name.replace("_", " "), *cells)
        console.print(table)
        console.print(f"{speed(spec, self.scores)}, {self.scores.series} labelled series")


@dataclass(frozen=True, kw_only=True)
class ScoredPoints:
    """The scores of points, as they are iterated over."""

    results: "Iterable[AnomalyScore]"
    follow: bool = False

    def print(self, output: Format) -> None:
        """Print a line for each point."""
        if output == "csv":
            self._print_table()
            return
        for point in self.results:
            named = "" if point.unique_id is None else f"{point.unique_id}  "
            alarm = "  alarm" if point.anomaly else ""
            print(f"{named}{point.time}  {point.score:10.4f}{alarm}", flush=self.follow)

    def _print_table(self) -> None:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        for number, point in enumerate(self.results):
            record = point.to_dict()
            if number == 0:
                writer.writerow(record)
            writer.writerow([str(value).lower() if isinstance(value, bool) else value for value in record.values()])
            if self.follow:
                sys.stdout.flush()


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
    source = "stdin" if given.name in (None, "-") else str(given.name)
    names = {name: given.trained_on.get(name) for name in ("time", "ids")}
    points = LinePoints(targets=model.target_names, source=source, time=names["time"], unique_id=names["ids"])
    streams: dict[str | None, AnomalyStream] = {}
    with ExitStack() as stack:
        file = sys.stdin.buffer if source == "stdin" else stack.enter_context(Path(source).open("rb"))
        for number, point in enumerate(points.read(read_lines(file, source)), start=1):
            try:
                if point.unique_id not in streams:
                    streams[point.unique_id] = model.stream(point.unique_id)
                yield streams[point.unique_id].update(point.values, time=point.time)
            except (ConfigError, CorpusError) as error:
                raise CorpusError(f"point {number}: {error}", file=source) from None


ANOMALIES: Report["AnomalyDetector", "Panel"] = Report(
    models="detectors of anomalies",
    evaluate=_evaluate,
    predict_file=_predict,
    predict_options=frozenset({"follow"}),
    formats=("text", "jsonl", "csv"),
)
