"""The report of forecasters: their scores beside those of the seasonal naive forecast, and the forecasts."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
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
    from rich.console import Console

    from seqkit.data.series.panel import Panel
    from seqkit.forecast_evaluation import ForecastEvaluation
    from seqkit.forecast_stream import ForecastStream
    from seqkit.forecaster import Forecaster
    from seqkit.tasks.forecast_point import ForecastPoint

__all__ = ["SERIES", "ForecastScores", "Forecasts"]

MOST_STEPS = 24  # rows of the table of errors by step


@dataclass(frozen=True, kw_only=True)
class ForecastScores:
    """The scores of a forecaster, beside those of baselines."""

    scores: "ForecastEvaluation"

    def print(self, spec: TaskSpec[Any], title: str) -> None:
        """Print a table of scores, a column for each forecast, and the errors by step."""
        from rich.console import Console

        console = Console(highlight=False)
        print_heading(console, title)
        console.print(score_table(spec, self.scores.scores, self.scores.baselines, label=_label))
        windows, series = len(self.scores.frames), int((self.scores.frames.counts > 0).sum())
        console.print(f"{windows:,} forecasts of {series:,} series, {speed(spec, self.scores)}")
        self._print_steps(console)

    def _print_steps(self, console: "Console") -> None:
        from rich.table import Table

        model_H, naive_H = self.scores.error_by_step()
        table = Table("step", "MAE", "seasonal naive", title="Errors by step", title_justify="left", box=None)
        every = -(-len(model_H) // MOST_STEPS)
        for step in range(every - 1, len(model_H), every):
            table.add_row(str(step + 1), f"{model_H[step]:.4g}", f"{naive_H[step]:.4g}")
        console.print(table)


def _label(name: str) -> str:
    shown = {"coverage": "coverage of 90 % intervals", "width": "width of 90 % intervals"}
    return shown.get(name, name.upper() if name in ("mase", "mae", "rmse") else "sMAPE" if name == "smape" else name)


@dataclass(frozen=True, kw_only=True)
class Forecasts:
    """Forecasts, made as they are iterated over."""

    results: "Iterable[ForecastPoint]"
    follow: bool = False

    def print(self, output: Format) -> None:
        """Print a line for each point: as a table, or as CSV."""
        if output == "csv":
            print_csv(self.results, flush=self.follow)
            return
        for point in self.results:
            bounds = "".join(f"  {low:.5g} to {high:.5g} ({level} %)" for level, (low, high) in point.intervals.items())
            named = f"{point.unique_id}  " if point.unique_id else ""
            print(f"{named}{point.ds}  {point.y:.5g}{bounds}", flush=self.follow)


def _evaluate(model: "Forecaster", split: "Panel", options: EvaluateOptions) -> ForecastScores:
    found = model.backtest(split, options.backtest) if options.backtest else model.evaluate(split)
    if options.pictures is not None:
        _write_figures(options.pictures, model, found)
    return ForecastScores(scores=found)


def _write_figures(folder: Path, model: "Forecaster", found: "ForecastEvaluation") -> None:
    from seqkit.errors import CheckpointError
    from seqkit.forecast_figures import figures_of

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in figures_of(found, unit=model.target_name).items():
            (folder / name).write_bytes(content)
            print(folder / name, file=sys.stderr)
    except OSError as failure:
        raise CheckpointError(f"{folder}: the figures cannot be written there: {failure.strerror}") from failure


def _predict(model: "Forecaster", given: InputFile, output: Format, options: PredictOptions) -> Forecasts:
    if options.follow:
        return Forecasts(results=_followed(model, given), follow=True)
    if given.name == "-":
        raise typer.BadParameter("give a file with --input FILE, or --follow to read the lines of stdin as they come")
    panel = None
    if given.name is not None:
        panel = list(given.open(label=None, weight=None).splits.values())[-1]  # each split contains those before it
    levels = _levels(options.level)
    return Forecasts(results=model.stream_predictions(panel, level=levels, mc_samples=options.mc_samples))


def _levels(text: str) -> list[int]:
    try:
        return [int(each) for each in text.split(",") if each.strip()]
    except ValueError:
        raise typer.BadParameter("give levels in per cent, separated by commas: 80,95", param_hint="--level") from None


def _followed(model: "Forecaster", given: InputFile) -> "Iterator[ForecastPoint]":
    """Yield the forecast of the next point after each line of stdin, or of a file."""
    streams: dict[str | None, ForecastStream] = {}

    def update(point: Point) -> "ForecastPoint":
        if point.unique_id not in streams:
            streams[point.unique_id] = model.stream(point.unique_id)
        return streams[point.unique_id].update(float(point.values[0]))

    return follow(given, [model.target_name], update)


SERIES: Report["Forecaster", "Panel"] = Report(
    models="forecasters",
    evaluate=_evaluate,
    evaluate_options=frozenset({"pictures", "backtest"}),
    predict_file=_predict,
    predict_options=frozenset({"mc_samples", "follow", "level"}),
    formats=("text", "jsonl", "csv"),
)
