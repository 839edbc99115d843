"""The report of classifiers: scores, confusions, errors and figures; labelled texts and explanations."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seqkit.errors import CheckpointError
from seqkit.tasks.spec import TaskSpec
from seqkit_cli.options import Format
from seqkit_cli.reports.report import (
    EvaluateOptions,
    PredictOptions,
    Report,
    assign_color,
    print_heading,
    score_lines,
    speed,
)

if TYPE_CHECKING:
    from datasets import Dataset
    from rich.console import Console
    from rich.text import Text

    from seqkit.classifier import ClassifiedText, Classifier
    from seqkit.explanations import Explanation
    from seqkit.tasks.label_prediction import LabelPrediction
    from seqkit.training.evaluate import Evaluation

__all__ = ["LABELS", "ClassifiedTexts", "ExplainedTexts", "LabelScores"]

NAME_WIDTH = 26
MAX_MATRIX_LABELS = 12  # a larger confusion matrix does not fit a terminal
MAX_WORDS = 16  # of a text among the errors
MAX_SHOWN_LABELS = 3  # of a classified text


@dataclass(frozen=True, kw_only=True)
class LabelScores:
    """The scores of a classifier, with the texts that they come from.

    Attributes:
        texts: the texts, split into words.
        gold: the gold labels of each text.
        predicted: the predicted labels of each text.
        scores: the result of the evaluation.
        errors: maximum number of errors to print.
    """

    texts: Sequence[Sequence[str]]
    gold: Sequence[Sequence[str]]
    predicted: Sequence[Sequence[str]]
    scores: "Evaluation[LabelPrediction]"
    errors: int

    @property
    def confusion(self) -> Counter[tuple[str, str]] | None:
        """The number of texts by gold and predicted label; None if texts have several labels or none."""
        if any(len(labels) != 1 for labels in (*self.gold, *self.predicted)):
            return None
        return Counter((right[0], answer[0]) for right, answer in zip(self.gold, self.predicted, strict=True))

    def print(self, spec: TaskSpec[Any], title: str) -> None:
        """Print scores, scores by label, a confusion matrix and the most confident errors."""
        from rich.console import Console

        console = Console(highlight=False)
        print_heading(console, title)
        console.print(score_lines(spec, self.scores.scores, NAME_WIDTH))
        console.print(f"{len(self.texts):,} texts, {speed(spec, self.scores)}")
        self._print_labels(console)
        if self.confusion is not None:
            _print_confusion(console, self.confusion)
        if self.errors:
            self._print_errors(console)

    def _print_labels(self, console: "Console") -> None:
        from rich.table import Table

        from seqkit.metrics.labels import label_report

        table = Table("label", title="Labels", title_justify="left")
        for name in ("precision", "recall", "F1", "gold", "predicted", "correct"):
            table.add_column(name, justify="right")
        for label, score in label_report(self.gold, self.predicted).items():
            table.add_row(label, *(f"{100 * ratio:.2f}" for ratio in score[:3]), *map(str, score[3:]))
        console.print(table)

    def _print_errors(self, console: "Console") -> None:
        from rich.text import Text

        confidence = [max(each.probabilities) for each in self.scores.predictions]
        wrong = [row for row in range(len(self.gold)) if set(self.gold[row]) != set(self.predicted[row])]
        wrong.sort(key=lambda row: -confidence[row])
        which = "Errors" if len(wrong) <= self.errors else f"The {self.errors} most confident of {len(wrong)} errors"
        console.print(f"[bold]{which}[/bold] ({len(wrong)} wrong)")
        for row in wrong[: self.errors]:
            words = list(self.texts[row][:MAX_WORDS])
            if len(self.texts[row]) > MAX_WORDS:
                words.append("…")
            line = Text(f"{confidence[row]:6.3f}  {' '.join(words)}")
            predicted, gold = ", ".join(self.predicted[row]) or "nothing", ", ".join(self.gold[row]) or "nothing"
            line.append(f"   predicted {predicted}, gold {gold}", style="cyan")
            console.print(line, soft_wrap=True)


@dataclass(frozen=True)
class ClassifiedTexts:
    """Labelled texts.

    Attributes:
        results: the texts, classified as they are iterated over.
    """

    results: "Iterable[ClassifiedText]"

    def print(self, output: Format) -> None:
        """Print a line for each text: its label, the most probable labels, the text."""
        from rich.console import Console

        console = Console(highlight=False, soft_wrap=True)
        colors: dict[str, str] = {}
        for result in self.results:
            console.print(_labelled(result, colors))


@dataclass(frozen=True)
class ExplainedTexts:
    """Explanations of labels.

    Attributes:
        results: the explanations, made as they are iterated over.
    """

    results: "Iterable[Explanation]"

    def print(self, output: Format) -> None:
        """Print each text with the contribution of its words: as colors on a terminal, else as numbers."""
        from rich.console import Console

        console = Console(highlight=False, soft_wrap=True)
        for explanation in self.results:
            if console.is_terminal:
                console.print(explanation.to_rich())
            else:
                print(explanation.to_plain())


def _evaluate(model: "Classifier", split: "Dataset", options: EvaluateOptions) -> LabelScores:
    examples, scores = model.score_examples(split)
    assert examples.gold is not None
    gold, predicted = _labels(model, examples.gold, scores.predictions)
    found = LabelScores(texts=examples.texts, gold=gold, predicted=predicted, scores=scores, errors=options.errors)
    if options.pictures is not None:
        confidence, correct = model.confidence_of(examples, scores.predictions)
        _write_figures(options.pictures, found, confidence, correct)
    return found


def _labels(
    model: "Classifier", gold: Sequence[Sequence[int]], predictions: "Sequence[LabelPrediction]"
) -> tuple[list[list[str]], list[list[str]]]:
    """Return the gold labels of each text, and the predicted ones, as strings."""
    task = model.fitted
    assert task is not None
    names = [*map(str, task.labels), "(unknown)"]
    predicted = [list(map(str, task.predicted_labels(each.probabilities))) for each in predictions]
    return [[names[index] for index in indices] for indices in gold], predicted


def _print_confusion(console: "Console", counts: Counter[tuple[str, str]]) -> None:
    from rich.table import Table

    names = _names(counts)
    if len(names) > MAX_MATRIX_LABELS:
        return
    table = Table("gold \\ predicted", title="Confusion matrix", title_justify="left")
    for name in names:
        table.add_column(name, justify="right")
    for row in names:
        table.add_row(row, *(str(counts[row, column]) for column in names))
    console.print(table)


def _names(counts: Counter[tuple[str, str]]) -> list[str]:
    return sorted({name for pair in counts for name in pair})


def _write_figures(folder: Path, found: LabelScores, confidence: Sequence[float], correct: Sequence[bool]) -> None:
    """Write the reliability diagram, and the confusion matrix if each text has one label; print their paths."""
    from seqkit.metrics.calibration import reliability
    from seqkit.runs.figures import confusion_matrix, reliability_diagram

    error = found.scores.scores["expected_calibration_error"]
    figures = {"reliability.png": reliability_diagram(reliability(confidence, correct), error)}
    if found.confusion is not None:
        names = _names(found.confusion)
        matrix = [[found.confusion[row, column] for column in names] for row in names]
        figures["confusion_matrix.png"] = confusion_matrix(matrix, names)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in figures.items():
            (folder / name).write_bytes(content)
    except OSError as failure:
        raise CheckpointError(f"{folder}: the figures cannot be written there: {failure.strerror}") from failure
    print(*(folder / name for name in sorted(figures)), sep="\n", file=sys.stderr)


def _predict(
    model: "Classifier", texts: Iterator[str], output: Format, options: PredictOptions
) -> ClassifiedTexts | ExplainedTexts:
    if not (options.explain or options.html):
        return ClassifiedTexts(
            model.stream(texts, mc_samples=options.mc_samples, min_confidence=options.min_confidence)
        )
    for option, value in (("--mc-samples", options.mc_samples), ("--min-confidence", options.min_confidence)):
        if value:
            raise typer.BadParameter("cannot be combined with --explain or --html", param_hint=option)
    return ExplainedTexts(_explanations(model, texts, options.html))


def _explanations(model: "Classifier", texts: Iterable[str], page: Path | None) -> "Iterator[Explanation]":
    """Yield explanations; at the end write the page, if one was requested."""
    from seqkit.explanations import explain, html_page

    if page is None:
        yield from (explain(model, text) for text in texts)
        return
    page.write_text(html_page([]), encoding="utf-8")  # a path that cannot be written fails before the work
    explanations = []
    for text in texts:
        explanations.append(explain(model, text))
        yield explanations[-1]
    page.write_text(html_page(explanations), encoding="utf-8")


def _labelled(result: "ClassifiedText", colors: dict[str, str]) -> "Text":
    from rich.text import Text

    if result.label is None:
        answer, style = "?", "dim"
    else:
        labels = result.label if isinstance(result.label, list) else [result.label]
        answer = ", ".join(map(str, labels)) or "none"
        style = assign_color(colors, answer)
    ranked = sorted(result.probabilities, key=lambda label: -result.probabilities[label])
    chances = " · ".join(_chance(result, label) for label in ranked[:MAX_SHOWN_LABELS])
    line = Text(answer, style=f"bold {style}")
    line.append(f"  {chances}", style=style)
    line.append("  (no words: label frequencies)" if result.empty else f"  {result.text}")
    return line


def _chance(result: "ClassifiedText", label: Any) -> str:
    chance = f"{label} {result.probabilities[label]:.2f}"
    if result.intervals is None:
        return chance
    low, high = result.intervals[label]
    return f"{chance} [{low:.2f} to {high:.2f}]"


LABELS: Report["Classifier", "Dataset"] = Report(
    models="classifiers",
    evaluate=_evaluate,
    evaluate_options=frozenset({"errors", "pictures"}),
    predict=_predict,
    predict_options=frozenset({"min_confidence", "mc_samples", "explain", "html"}),
)
