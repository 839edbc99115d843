"""Precision, recall and F1 of spans, a confusion matrix of their types, and the accuracy of tags.

Predictions are spans, so counting them is set arithmetic; the tests compare the results with seqeval's. Which spans a
malformed tag sequence contains is decided earlier, by the mode of ``tagging_schemes.spans_from_tags``.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from seqkit.errors import ConfigError
from seqkit.text.tagging_schemes import Span

__all__ = [
    "MISSED",
    "SPURIOUS",
    "Score",
    "SpanReport",
    "span_scores",
    "token_accuracy",
    "type_confusion",
]

MISSED = "(missed)"
SPURIOUS = "(spurious)"
_Item = TypeVar("_Item")


class Score(NamedTuple):
    """Precision, recall and F1 in 0..1, and the counts they come from; a ratio whose denominator is 0 is 0.

    >>> Score.from_counts(gold=4, predicted=2, correct=1)
    Score(precision=0.5, recall=0.25, f1=0.3333333333333333, gold=4, predicted=2, correct=1)
    """

    precision: float
    recall: float
    f1: float
    gold: int
    predicted: int
    correct: int

    @classmethod
    def from_counts(cls, gold: int, predicted: int, correct: int) -> "Score":
        """Compute the score from the numbers of gold, predicted and correct spans.

        >>> Score.from_counts(gold=0, predicted=0, correct=0).f1
        0.0
        """
        # 2c / (g + p) is the harmonic mean of precision c / p and recall c / g.
        f1 = ratio(2 * correct, gold + predicted)
        return cls(ratio(correct, predicted), ratio(correct, gold), f1, gold, predicted, correct)


@dataclass(frozen=True, kw_only=True)
class SpanReport:
    """Scores of spans: of all types together (micro average), and of each type, sorted by name.

    >>> SpanReport(overall=Score.from_counts(1, 1, 1), by_type={"PER": Score.from_counts(1, 1, 1)}).overall.f1
    1.0
    """

    overall: Score
    by_type: dict[str, Score]

    def to_dict(self) -> dict[str, object]:
        """Return the report as it is written to JSON: the fields of the overall score, and ``by_type``.

        >>> SpanReport(overall=Score.from_counts(1, 1, 1), by_type={}).to_dict()["precision"]
        1.0
        """
        by_type = {label: score._asdict() for label, score in self.by_type.items()}
        return {**self.overall._asdict(), "by_type": by_type}


def span_scores(gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> SpanReport:
    """Score predicted spans; one is correct if a gold span of the same sequence has the same boundaries and type.

    Args:
        gold: the spans of each sequence; duplicates within a sequence count once.
        predicted: the predicted spans of each sequence, in the same order.

    Raises:
        ConfigError: the numbers of sequences differ.

    >>> report = span_scores([[Span(0, 2, "PER"), Span(3, 4, "LOC")]], [[Span(0, 2, "PER"), Span(3, 4, "ORG")]])
    >>> report.overall.f1, report.by_type["PER"].f1
    (0.5, 1.0)
    """
    golds: Counter[str] = Counter()
    predictions: Counter[str] = Counter()
    corrects: Counter[str] = Counter()
    for gold_spans, predicted_spans in aligned(gold, predicted, "sequences"):
        golds.update(span.label for span in set(gold_spans))
        predictions.update(span.label for span in set(predicted_spans))
        corrects.update(span.label for span in set(gold_spans) & set(predicted_spans))
    return SpanReport(
        overall=Score.from_counts(golds.total(), predictions.total(), corrects.total()),
        by_type={
            label: Score.from_counts(golds[label], predictions[label], corrects[label])
            for label in sorted(golds | predictions)
        },
    )


def type_confusion(gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> dict[str, dict[str, int]]:
    """Count the predicted types of each gold type, over spans with the same boundaries.

    Rows are gold types, columns predicted types, both sorted and complete. The last column, ``(missed)``, counts gold
    spans whose boundaries were not predicted; the last row, ``(spurious)``, counts predicted spans whose boundaries
    match no gold span. A span predicted with one wrong boundary therefore counts twice, as missed and as spurious. Each
    row sums to the number of gold spans of its type, each column to the number of predicted ones.

    Args:
        gold: the spans of each sequence, no two with the same boundaries.
        predicted: the predicted spans of each sequence, in the same order.

    Raises:
        ConfigError: the numbers of sequences differ, or two spans of a sequence have the same boundaries.

    >>> type_confusion([[Span(0, 2, "PER"), Span(3, 4, "PER")]], [[Span(0, 2, "ORG")]])["PER"]
    {'ORG': 1, 'PER': 0, '(missed)': 1}
    """
    counts: Counter[tuple[str, str]] = Counter()
    for gold_spans, predicted_spans in aligned(gold, predicted, "sequences"):
        gold_types, predicted_types = _types_by_boundaries(gold_spans), _types_by_boundaries(predicted_spans)
        for boundaries in gold_types.keys() | predicted_types.keys():
            counts[gold_types.get(boundaries, SPURIOUS), predicted_types.get(boundaries, MISSED)] += 1
    types = sorted({name for cell in counts for name in cell} - {MISSED, SPURIOUS})
    return {row: {column: counts[row, column] for column in [*types, MISSED]} for row in [*types, SPURIOUS]}


def token_accuracy(gold_tags: Sequence[Sequence[str]], predicted_tags: Sequence[Sequence[str]]) -> float:
    """Compute the share of tokens whose tag is correct, ``O`` included; 0 if there are no tokens.

    Args:
        gold_tags: the tags of each sequence.
        predicted_tags: the predicted tags of each sequence, in the same order and of the same length.

    Raises:
        ConfigError: the numbers of sequences, or the lengths of a sequence, differ; it is a ``ValueError``.

    >>> token_accuracy([["DET", "NOUN"], ["VERB"]], [["DET", "VERB"], ["VERB"]])
    0.6666666666666666
    """
    correct = total = 0
    for number, (gold, predicted) in enumerate(aligned(gold_tags, predicted_tags, "sequences"), start=1):
        correct += sum(one == other for one, other in aligned(gold, predicted, f"tags in sequence {number}"))
        total += len(gold)
    return ratio(correct, total)


def ratio(part: float, whole: int) -> float:
    """Divide; a ratio whose denominator is 0 is 0."""
    return part / whole if whole else 0.0


def aligned(gold: Sequence[_Item], predicted: Sequence[_Item], what: str) -> Iterator[tuple[_Item, _Item]]:
    """Pair gold with predicted items.

    Raises:
        ConfigError: their numbers differ; the message calls them ``what``.
    """
    if len(gold) != len(predicted):
        raise ConfigError(f"{len(gold)} gold but {len(predicted)} predicted {what}; the two must match one to one")
    return zip(gold, predicted, strict=True)


def _types_by_boundaries(spans: Sequence[Span]) -> dict[tuple[int, int], str]:
    types: dict[tuple[int, int], str] = {}
    for start, end, label in spans:
        if types.setdefault((start, end), label) != label:
            raise ConfigError(f"tokens {start} to {end} are both {types[start, end]} and {label}; keep one of the two")
    return types
