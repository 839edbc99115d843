"""What ``seqkit evaluate`` prints of a classifier, and the pictures it draws."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqkit.errors import CheckpointError
from seqkit.metrics.labels import label_report
from seqkit.metrics.metric import shown

if TYPE_CHECKING:
    from rich.console import Console

    from seqkit.batches.labelled_examples import LabelledExamples
    from seqkit.classifier import Classifier
    from seqkit.training.evaluate import Evaluation

__all__ = ["report"]

MOST_SHOWN = 12  # labels up to which the confusion matrix fits a terminal
WORDS = 16  # of a text that is shown among the errors


def report(
    classifier: "Classifier",
    title: str,
    examples: "LabelledExamples",
    found: "Evaluation",
    *,
    pictures: Path | None,
    errors: int,
    as_json: bool,
) -> None:
    """Print the scores; draw the confusion matrix and the reliability diagram where a folder for them is given."""
    rate = found.tokens / found.seconds
    if pictures:
        _draw(classifier, examples, found, pictures)
    if as_json:
        print(json.dumps({**found.scores, "tokens": found.tokens, "tokens_per_second": round(rate, 1)}))
        return
    from rich.console import Console

    console = Console(highlight=False)
    console.print(f"[bold]{title}[/bold]")
    for name, score in found.scores.items():
        console.print(f"{name.replace('_', ' '):<26} {shown(name, score)}")
    console.print(f"{len(examples):,} texts, {found.tokens:,} tokens, {rate:,.0f} tokens/s")
    _print_labels(console, *_answers(classifier, examples, found))
    if errors:
        _print_errors(console, classifier, examples, found, errors)


def _answers(
    classifier: "Classifier", examples: "LabelledExamples", found: "Evaluation"
) -> tuple[list[list[str]], list[list[str]]]:
    """Gold and predicted labels of each text, as strings."""
    task = classifier.fitted
    assert task is not None
    assert examples.gold is not None
    names = [*map(str, task.labels), "(unknown)"]
    gold = [[names[place] for place in places] for places in examples.gold]
    said = [task.answer(each.probabilities) for each in found.predictions]
    return gold, [list(map(str, answer)) if task.several else [str(answer)] for answer in said]


def _print_labels(console: "Console", gold: list[list[str]], said: list[list[str]]) -> None:
    from rich.table import Table

    table = Table("label", title="Labels", title_justify="left")
    for name in ("precision", "recall", "F1", "gold", "predicted", "correct"):
        table.add_column(name, justify="right")
    for label, score in label_report(gold, said).items():
        table.add_row(label, *(f"{100 * ratio:.2f}" for ratio in score[:3]), *map(str, score[3:]))
    console.print(table)
    if any(len(labels) != 1 for labels in (*gold, *said)):
        return
    counts = Counter((right[0], answer[0]) for right, answer in zip(gold, said, strict=True))
    names = sorted({name for pair in counts for name in pair})
    if len(names) > MOST_SHOWN:
        return
    table = Table("gold \\ predicted", title="Confusion matrix", title_justify="left")
    for name in names:
        table.add_column(name, justify="right")
    for row in names:
        table.add_row(row, *(str(counts[row, column]) for column in names))
    console.print(table)


def _print_errors(
    console: "Console", classifier: "Classifier", examples: "LabelledExamples", found: "Evaluation", errors: int
) -> None:
    from rich.text import Text

    gold, said = _answers(classifier, examples, found)
    sure = [max(each.probabilities) for each in found.predictions]
    wrong = sorted((n for n in range(len(gold)) if set(gold[n]) != set(said[n])), key=lambda n: -sure[n])
    which = "Errors" if len(wrong) <= errors else f"The {errors} most confident of {len(wrong)} errors"
    console.print(f"[bold]{which}[/bold] ({len(wrong)} wrong)")
    for number in wrong[:errors]:
        words = examples.texts[number]
        line = Text(f"{sure[number]:6.3f}  {' '.join(words[:WORDS])}{' …' if len(words) > WORDS else ''}")
        answer, right = ", ".join(said[number]) or "nothing", ", ".join(gold[number]) or "nothing"
        line.append(f"   said {answer}, gold {right}", style="cyan")
        console.print(line, soft_wrap=True)


def _draw(classifier: "Classifier", examples: "LabelledExamples", found: "Evaluation", folder: Path) -> None:
    from seqkit.metrics.calibration import reliability
    from seqkit.runs.figures import confusion_matrix, reliability_diagram

    gold, said = _answers(classifier, examples, found)
    pictures = {
        "reliability.png": reliability_diagram(
            reliability(*classifier.confidence_of(examples, found.predictions)),
            found.scores["expected_calibration_error"],
        )
    }
    if all(len(labels) == 1 for labels in (*gold, *said)):
        counts = Counter((right[0], answer[0]) for right, answer in zip(gold, said, strict=True))
        names: list[Any] = sorted({name for pair in counts for name in pair})
        pictures["confusion_matrix.png"] = confusion_matrix(
            [[counts[row, column] for column in names] for row in names], names
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            (folder / name).write_bytes(picture)
    except OSError as error:
        raise CheckpointError(f"{folder}: the pictures cannot be written there: {error.strerror}") from error
    print(*(folder / name for name in sorted(pictures)), sep="\n", file=sys.stderr)
