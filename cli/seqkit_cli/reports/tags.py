"""The report of taggers: precision, recall, F1, confusions and errors; tagged texts, in color or as CoNLL columns."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from seqkit.tasks.spec import TaskSpec
from seqkit_cli.options import Format
from seqkit_cli.reports.report import (
    EvaluateOptions,
    GivenText,
    PredictOptions,
    Report,
    assign_color,
    print_heading,
    speed,
)

if TYPE_CHECKING:
    from datasets import Dataset
    from rich.console import Console
    from rich.text import Text

    from seqkit.tagger import Entity, TaggedText, TaggedToken, Tagger
    from seqkit.tasks.tag_prediction import TagPrediction
    from seqkit.tasks.tagging import TaggedExamples
    from seqkit.text.tagging_schemes import Span
    from seqkit.training.evaluate import Evaluation

__all__ = ["TAGS", "TagError", "TagScores", "TaggedTexts"]

CONTEXT = 6  # words shown on each side of an error


@dataclass(frozen=True, kw_only=True)
class TagError:
    """A wrong or missed span, or a wrong plain tag.

    Attributes:
        words: the sentence.
        start: index of the first word.
        end: index of the word after the last one.
        predicted: the predicted label; ``nothing`` for a missed span.
        gold: the gold label, or labels of spans with other borders.
        confidence: the confidence of the prediction; None for a missed span.
    """

    words: Sequence[str]
    start: int
    end: int
    predicted: str
    gold: str
    confidence: float | None

    def to_rich(self) -> "Text":
        """Return the error within its sentence, for a terminal."""
        from rich.text import Text

        first, last = max(0, self.start - CONTEXT), min(len(self.words), self.end + CONTEXT)
        before, after = list(self.words[first : self.start]), list(self.words[self.end : last])
        if first > 0:
            before.insert(0, "…")
        if last < len(self.words):
            after.append("…")
        line = Text("missed  " if self.confidence is None else f"{self.confidence:6.3f}  ")
        line.append("".join(f"{word} " for word in before))
        line.append(f"[{' '.join(self.words[self.start : self.end])}]", style="bold red")
        line.append("".join(f" {word}" for word in after))
        line.append(f"   predicted {self.predicted}, gold {self.gold}", style="cyan")
        return line


@dataclass(frozen=True)
class TagScores:
    """The scores of a tagger, with the examples that they come from.

    Attributes:
        examples: the sentences, with their gold tags.
        scores: the result of the evaluation; it has confidences if errors are printed.
        errors: maximum number of errors to print.
    """

    examples: "TaggedExamples"
    scores: "Evaluation[TagPrediction]"
    errors: int

    def print(self, spec: TaskSpec[Any], title: str) -> None:
        """Print scores, scores by type, a confusion matrix and the most confident errors."""
        from rich.console import Console

        console = Console(highlight=False)
        print_heading(console, title)
        scores = self.scores.scores
        console.print("  ".join(f"{name} {spec.format_score(name, score)}" for name, score in scores.items()))
        console.print(speed(spec, self.scores))
        gold = self.examples.gold
        assert gold is not None
        if "f1" in scores:
            _print_types(console, self.examples.gold_spans, [each.spans for each in self.scores.predictions])
        if self.errors:
            found = [*_errors(self.examples.tokens, gold, self.scores.predictions), *_unmatched(self.examples)]
            _print_errors(console, found, self.errors)


@dataclass(frozen=True)
class TaggedTexts:
    """Tagged texts.

    Attributes:
        results: the texts, tagged as they are iterated over.
    """

    results: "Iterable[TaggedText]"

    def print(self, output: Format) -> None:
        """Print the texts with their entities or tags marked, or as CoNLL columns."""
        if output == "conll":
            self._print_conll()
        else:
            self._print_marked()

    def _print_conll(self) -> None:
        for result in self.results:
            for word, tag in zip(result.words, result.tags, strict=True):
                print(f"{word}\t{tag}")
            print()

    def _print_marked(self) -> None:
        from rich.console import Console

        console = Console(highlight=False, soft_wrap=True)
        colors: dict[str, str] = {}
        for result in self.results:
            console.print(_marked(result, colors))


def _evaluate(model: "Tagger", split: "Dataset", options: EvaluateOptions) -> TagScores:
    examples, scores = model.score_examples(split, confidence=options.errors > 0)
    return TagScores(examples, scores, options.errors)


def _predict(model: "Tagger", texts: Iterator[GivenText], output: Format, options: PredictOptions) -> TaggedTexts:
    return TaggedTexts(model.stream(texts, confidence=output != "conll", mc_samples=options.mc_samples))


def _print_types(console: "Console", gold: "Sequence[Sequence[Span]]", predicted: "Sequence[Sequence[Span]]") -> None:
    from rich.table import Table

    from seqkit.metrics.spans import span_scores, type_confusion

    table = Table("type", title="Entities by type", title_justify="left")
    for name in ("precision", "recall", "F1", "gold", "predicted", "correct"):
        table.add_column(name, justify="right")
    for label, score in span_scores(gold, predicted).by_type.items():
        table.add_row(label, *(f"{100 * ratio:.2f}" for ratio in score[:3]), *map(str, score[3:]))
    console.print(table)
    confusion = type_confusion(gold, predicted)
    table = Table("gold \\ predicted", title="Types of spans with the same borders", title_justify="left")
    for column in next(iter(confusion.values()), {}):
        table.add_column(column, justify="right")
    for row, counts in confusion.items():
        table.add_row(row, *map(str, counts.values()))
    console.print(table)


def _print_errors(console: "Console", found: list[TagError], most: int) -> None:
    wrong = [error for error in found if error.confidence is not None]
    missed = [error for error in found if error.confidence is None]
    wrong.sort(key=lambda error: -(error.confidence or 0.0))
    counts = f"{len(wrong)} wrong, {len(missed)} missed" if missed else f"{len(wrong)} wrong"
    which = "Errors" if len(found) <= most else f"The {most} most confident of {len(found)} errors"
    console.print(f"[bold]{which}[/bold] ({counts})")
    for error in [*wrong, *missed][:most]:
        console.print(error.to_rich(), soft_wrap=True)


def _errors(
    sentences: Sequence[Sequence[str]], gold: "Sequence[TagPrediction]", predicted: "Sequence[TagPrediction]"
) -> Iterator[TagError]:
    for words, right, answer in zip(sentences, gold, predicted, strict=True):
        plain = not right.spans and not answer.spans and len(answer.confidence) == len(words)
        yield from _wrong_tags(words, right, answer) if plain else _wrong_spans(words, right, answer)


def _wrong_tags(words: Sequence[str], gold: "TagPrediction", predicted: "TagPrediction") -> Iterator[TagError]:
    for index, (right, tag, confidence) in enumerate(zip(gold.tags, predicted.tags, predicted.confidence, strict=True)):
        if right != tag:
            yield TagError(words=words, start=index, end=index + 1, predicted=tag, gold=right, confidence=confidence)


def _wrong_spans(words: Sequence[str], gold: "TagPrediction", predicted: "TagPrediction") -> Iterator[TagError]:
    """Yield predicted spans that are not gold, and gold spans that no predicted span overlaps."""
    for span, confidence in zip(predicted.spans, predicted.confidence, strict=True):
        if span not in gold.spans:
            names = [_gold_name(words, other, span) for other in gold.spans if _overlap(span, other)]
            yield TagError(
                words=words,
                start=span.start,
                end=span.end,
                predicted=span.label,
                gold=", ".join(names) or "nothing",
                confidence=confidence,
            )
    for span in gold.spans:
        if not any(_overlap(span, other) for other in predicted.spans):
            yield TagError(
                words=words, start=span.start, end=span.end, predicted="nothing", gold=span.label, confidence=None
            )


def _unmatched(examples: "TaggedExamples") -> Iterator[TagError]:
    """Yield the gold spans that no words match, each as one word."""
    for text, label in chain.from_iterable(examples.unmatched):
        yield TagError(words=[text], start=0, end=1, predicted="nothing", gold=label, confidence=None)


def _overlap(one: "Span", other: "Span") -> bool:
    return one.start < other.end and other.start < one.end


def _gold_name(words: Sequence[str], gold: "Span", predicted: "Span") -> str:
    """Return the label of a gold span, and its words if the predicted span has other borders."""
    if (gold.start, gold.end) == (predicted.start, predicted.end):
        return gold.label
    return f"{gold.label} '{' '.join(words[gold.start : gold.end])}'"


def _marked(result: "TaggedText", colors: dict[str, str]) -> "Text":
    from rich.text import Text

    line, end = Text(), 0
    for token in result.tokens if result.plain else ():
        color = assign_color(colors, token.tag)
        line.append(result.text[end : token.start])
        line.append(token.text, style=color)
        line.append(f"/{token.tag}{_interval(token)}", style=f"dim {color}")
        end = token.end
    for entity in result.entities:
        color = assign_color(colors, entity.label)
        line.append(result.text[end : entity.start])
        line.append(f"[{entity.text}", style=f"bold {color}")
        line.append(f" {entity.label} {entity.confidence:.2f}{_interval(entity)}]", style=color)
        end = entity.end
    line.append(result.text[end:])
    return line


def _interval(item: "Entity | TaggedToken") -> str:
    return "" if item.interval is None else f" ({item.interval[0]:.2f} to {item.interval[1]:.2f})"


TAGS: Report["Tagger", "Dataset"] = Report(
    models="taggers",
    evaluate=_evaluate,
    evaluate_options=frozenset({"errors"}),
    predict=_predict,
    predict_words=_predict,
    predict_options=frozenset({"mc_samples", "tokens"}),
    formats=("text", "jsonl", "conll"),
)
