"""The contract of a report: how the command line evaluates a kind of model, uses it and prints the results.

A report is a row of ``seqkit_cli.reports.table.REPORTS``; ``TaskSpec.report`` names it. Modules of reports import torch
and rich within functions only, so that ``--help`` loads neither torch nor a model.
"""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from seqkit.data.corpus_kinds import FOUND_IN_CORPUS, CorpusKind, OpenedCorpus
from seqkit.tasks.spec import Result, Scores, TaskSpec
from seqkit_cli.options import Format

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = [
    "COLORS",
    "EvaluateOptions",
    "GenerateOptions",
    "GivenText",
    "InputFile",
    "PredictOptions",
    "Predictions",
    "Report",
    "Scored",
    "assign_color",
    "print_csv",
    "print_heading",
    "score_lines",
    "score_table",
    "speed",
]

Model = TypeVar("Model")
Split = TypeVar("Split")
GivenText = str | list[str]  # a text, or its words

BASELINES = {"sub_pca": "sub-pca"}  # what to call those whose name is not that of their key
COLORS = ("cyan", "green", "yellow", "magenta", "red", "blue", "bright_cyan", "bright_green", "bright_yellow")


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """The options of ``seqkit evaluate`` that only some reports accept.

    Attributes:
        errors: maximum number of errors to print; 0 if none are printed.
        pictures: folder to write figures to.
        cache: whether to mix in a neural cache.
        dynamic: whether the weights adapt to the text.
        backtest: number of rolling origins at the end of each series; 0 scores the split.
    """

    errors: int = 10
    pictures: Path | None = None
    cache: bool = False
    dynamic: bool = False
    backtest: int = 0


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """The options of ``seqkit predict`` that only some reports accept.

    Attributes:
        min_confidence: below this confidence there is no prediction.
        mc_samples: number of Monte Carlo dropout samples; 0 for none.
        explain: whether to explain predictions instead of only making them.
        html: file to write the explanations to, as a page.
        tokens: whether each text is a list of words.
        follow: whether to make predictions for lines of stdin as they come.
        level: the levels of intervals in per cent, separated by commas.
    """

    min_confidence: float = 0.0
    mc_samples: int = 0
    explain: bool = False
    html: Path | None = None
    tokens: bool = False
    follow: bool = False
    level: str = "90"


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """What ``--input`` names, for a report that reads files by itself.

    Attributes:
        name: the file; ``-`` is stdin, and None means that there is no ``--input``.
        kind: the kind of corpus that the run was trained on.
        trained_on: what ``run.json`` says about this corpus.
    """

    name: str | None
    kind: CorpusKind[Any]
    trained_on: Mapping[str, Any]

    def open(self, **arguments: Any) -> OpenedCorpus[Any]:
        """Open the file, whose columns have the names of those of the training corpus.

        Without a file, open the training corpus.

        Args:
            **arguments: override how the training corpus was opened.

        Raises:
            CorpusError: if it cannot be read.
        """
        opening = {key: value for key, value in self.trained_on.items() if key not in FOUND_IN_CORPUS}
        if self.name is not None:
            opening |= {"spec": self.name, "dev_fraction": 0.0}
            opening.pop("revision", None)
        return self.kind.open(**{**opening, **arguments})


@dataclass(frozen=True, kw_only=True)
class GenerateOptions:
    """The options of ``seqkit generate``.

    Attributes:
        num_samples: number of texts.
        beam: width of a beam search; 0 draws samples.
        seed: of the first sample; None takes a random one.
        stream: whether to print a single text as it is generated.
        echo: whether to print the prompt before the text.
        logprobs: whether to print the log-probability of each token.
        as_json: whether to print JSON.
        settings: everything else that the model's ``generate`` accepts.
    """

    num_samples: int
    beam: int
    seed: int | None
    stream: bool
    echo: bool
    logprobs: bool
    as_json: bool
    settings: Mapping[str, Any] = field(default_factory=dict)


class Scored(Protocol):
    """A split that was scored."""

    @property
    def scores(self) -> Scores:
        """What ``--json`` prints."""

    def print(self, spec: TaskSpec[Any], title: str) -> None:
        """Print the scores and whatever else a person wants to see."""


class Predictions(Protocol):
    """Predictions, made as they are iterated over."""

    @property
    def results(self) -> Iterable[Result]:
        """What ``--json`` prints, a line for each."""

    def print(self, output: Format) -> None:
        """Print all results in one of the report's formats other than ``jsonl``."""


@dataclass(frozen=True, kw_only=True)
class Report(Generic[Model, Split]):
    """How the command line evaluates a kind of model, uses it and prints the results.

    Attributes:
        models: what the models are called, in the plural.
        evaluate: scores a split.
        evaluate_options: the fields of ``EvaluateOptions`` that ``evaluate`` reads; others are refused.
        predict: makes predictions for texts in a format; None if the models make none.
        predict_words: the same for texts that may be split into words; None if the models read no such texts.
        predict_file: makes predictions for a file that it reads by itself; None if the models read texts.
        predict_options: the fields of ``PredictOptions`` that ``predict`` reads; others are refused.
        formats: the formats that its predictions can be printed in.
        generate: prints texts that continue a prompt; None if the models generate no text.
    """

    models: str
    evaluate: Callable[[Model, Split, EvaluateOptions], Scored]
    evaluate_options: frozenset[str] = frozenset()
    predict: Callable[[Model, Iterator[str], Format, PredictOptions], Predictions] | None = None
    predict_words: Callable[[Model, Iterator[GivenText], Format, PredictOptions], Predictions] | None = None
    predict_file: Callable[[Model, InputFile, Format, PredictOptions], Predictions] | None = None
    predict_options: frozenset[str] = frozenset()
    formats: tuple[Format, ...] = ("text", "jsonl")
    generate: Callable[[Model, str, GenerateOptions], None] | None = None

    @property
    def predicts(self) -> bool:
        """Whether the models make predictions."""
        return self.predict is not None or self.predict_file is not None


def print_heading(console: "Console", text: str) -> None:
    """Print a line in bold; brackets in it are no markup."""
    from rich.text import Text

    console.print(Text(text, style="bold"), soft_wrap=True)


def score_table(
    spec: TaskSpec[Any],
    scores: Mapping[str, float],
    baselines: Mapping[str, Mapping[str, float]],
    *,
    label: Callable[[str], str] = lambda name: name.replace("_", " "),
) -> "Table":
    """Return a table of scores: a row for each, a column for the model and for each baseline.

    Args:
        spec: the row of the task.
        scores: the scores of the model.
        baselines: those of each baseline, by its name; it may lack some.
        label: returns what to call a score.
    """
    from rich.table import Table

    table = Table("", "this model", *(BASELINES.get(name, name.replace("_", " ")) for name in baselines), box=None)
    for name, score in scores.items():
        others = [each.get(name) for each in baselines.values()]
        table.add_row(
            label(name), *("" if each is None else spec.format_score(name, each) for each in (score, *others))
        )
    return table


def print_csv(results: Iterable[Result], *, flush: bool) -> None:
    """Print results as CSV, with the fields of the first one as the header; truth values are true and false."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for number, result in enumerate(results):
        record = result.to_dict()
        if number == 0:
            writer.writerow(record)
        writer.writerow([str(value).lower() if isinstance(value, bool) else value for value in record.values()])
        if flush:
            sys.stdout.flush()


def score_lines(spec: TaskSpec[Any], scores: Mapping[str, float], width: int) -> str:
    """Return a line for each score; the names take ``width`` columns."""
    return "\n".join(
        f"{name.replace('_', ' '):<{width}} {spec.format_score(name, score)}" for name, score in scores.items()
    )


def speed(spec: TaskSpec[Any], scores: Scores) -> str:
    """Return how many steps were read, and how many a second."""
    return f"{scores.steps:,} {spec.step}s, {scores.steps / scores.seconds:,.0f} {spec.step}s/s"


def assign_color(colors: dict[str, str], label: str) -> str:
    """Return the color of a label; a new label gets the next color."""
    return colors.setdefault(label, COLORS[len(colors) % len(COLORS)])
