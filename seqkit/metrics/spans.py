"""Precision, recall and F1 of spans, a confusion matrix of their types, and the accuracy of tags.

Predictions are spans, so counting them is set arithmetic, done here; seqeval is the oracle in the tests. Which spans
a malformed tag sequence holds is decided before, by the mode of ``tagging_schemes.spans_from_tags``.
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
    """Precision, recall and F1 in 0..1, and the counts they come from; a ratio with nothing below it is 0.

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
        """The score of ``correct`` spans among ``predicted`` ones, where there are ``gold`` to be found.

        >>> Score.from_counts(gold=0, predicted=0, correct=0).f1
        0.0
        """
        # 2c / (g + p) is the harmonic mean of precision c / p and recall c / g.
        f1 = ratio(2 * correct, gold + predicted)
        return cls(ratio(correct, predicted), ratio(correct, gold), f1, gold, predicted, correct)


@dataclass(frozen=True, kw_only=True)
class SpanReport:
    """Scores of spans: over all of them (micro average), and for each type, sorted by name.

    >>> SpanReport(overall=Score.from_counts(1, 1, 1), by_type={"PER": Score.from_counts(1, 1, 1)}).overall.f1
    1.0
    """

    overall: Score
    by_type: dict[str, Score]

    def as_dict(self) -> dict[str, object]:
        """The report as JSON has it: the overall score's fields, and ``by_type``.

        >>> SpanReport(overall=Score.from_counts(1, 1, 1), by_type={}).as_dict()["precision"]
        1.0
        """
        by_type = {label: score._asdict() for label, score in self.by_type.items()}
        return {**self.overall._asdict(), "by_type": by_type}


def span_scores(gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> SpanReport:
    """Score predicted spans; one is correct if a gold span of its sequence has the same borders and type.

    Args:
        gold: the spans of each sequence; the spans of a sequence are a set, so one given twice counts once.
        predicted: as many sequences, in the same order.

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
    """Count which type was predicted for which, over spans with the same borders.

    Rows are gold types, columns predicted types, both sorted and complete. The last column, ``(missed)``, counts gold
    spans whose borders were not predicted; the last row, ``(spurious)``, predicted spans whose borders are not in the
    gold. A span found with one border off is therefore counted twice: missed and spurious. A row sums to the gold
    spans of its type, a column to the predicted ones.

    Args:
        gold: the spans of each sequence, no two with the same borders.
        predicted: as many sequences, in the same order.

    Raises:
        ConfigError: the numbers of sequences differ, or two spans of a sequence have the same borders.

    >>> type_confusion([[Span(0, 2, "PER"), Span(3, 4, "PER")]], [[Span(0, 2, "ORG")]])["PER"]
    {'ORG': 1, 'PER': 0, '(missed)': 1}
    """
    counts: Counter[tuple[str, str]] = Counter()
    for gold_spans, predicted_spans in aligned(gold, predicted, "sequences"):
        gold_types, predicted_types = _types_by_borders(gold_spans), _types_by_borders(predicted_spans)
        for borders in gold_types.keys() | predicted_types.keys():
            counts[gold_types.get(borders, SPURIOUS), predicted_types.get(borders, MISSED)] += 1
    types = sorted({name for cell in counts for name in cell} - {MISSED, SPURIOUS})
    return {row: {column: counts[row, column] for column in [*types, MISSED]} for row in [*types, SPURIOUS]}


def token_accuracy(gold_tags: Sequence[Sequence[str]], predicted_tags: Sequence[Sequence[str]]) -> float:
    """The share of tokens whose tag is right, ``O`` included; 0 if there are no tokens.

    Args:
        gold_tags: the tags of each sequence.
        predicted_tags: as many sequences of the same lengths, in the same order.

    Raises:
        ConfigError: a ``ValueError``: the numbers of sequences, or the lengths of two of them, differ.

    >>> token_accuracy([["DET", "NOUN"], ["VERB"]], [["DET", "VERB"], ["VERB"]])
    0.6666666666666666
    """
    right = total = 0
    for number, (gold, predicted) in enumerate(aligned(gold_tags, predicted_tags, "sequences"), start=1):
        right += sum(one == other for one, other in aligned(gold, predicted, f"tags in sequence {number}"))
        total += len(gold)
    return ratio(right, total)


def ratio(part: float, whole: int) -> float:
    return part / whole if whole else 0.0


def aligned(gold: Sequence[_Item], predicted: Sequence[_Item], what: str) -> Iterator[tuple[_Item, _Item]]:
    if len(gold) != len(predicted):
        raise ConfigError(f"{len(gold)} gold but {len(predicted)} predicted {what}; the two must match one to one")
    return zip(gold, predicted, strict=True)


def _types_by_borders(spans: Sequence[Span]) -> dict[tuple[int, int], str]:
    types: dict[tuple[int, int], str] = {}
    for start, end, label in spans:
        if types.setdefault((start, end), label) != label:
            raise ConfigError(f"tokens {start} to {end} are both {types[start, end]} and {label}; keep one of the two")
    return types
