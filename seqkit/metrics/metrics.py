"""What a score is: precision, recall and F1 of spans, a confusion table of their types, and the accuracy of tags.

Predictions are spans, so counting them is set arithmetic, done here; seqeval is the oracle in the tests. Which spans
a malformed tag sequence holds is decided before, by the mode of ``tagging_schemes.spans_from_tags``.
"""

import math
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
    "is_better",
    "label_report",
    "label_scores",
    "shown",
    "span_scores",
    "token_accuracy",
    "type_confusion",
    "worst",
]

MISSED = "(missed)"
SPURIOUS = "(spurious)"

LEAST_CHANCE = 1e-15  # what a probability of 0 counts as: its logarithm is finite
SURPRISES = ("perplexity", "nats", "bits", "loss")
"""How the names of scores end or begin that are lower where a model is better; all others are shares of 1."""

_Item = TypeVar("_Item")


def _is_surprise(metric: str) -> bool:
    return any(word in SURPRISES for word in metric.split("_"))


def worst(metric: str) -> float:
    """What any score is better than.

    >>> worst("f1"), worst("perplexity")
    (-inf, inf)
    """
    return math.inf if _is_surprise(metric) else -math.inf


def is_better(metric: str, score: float, other: float) -> bool:
    """Whether a score is better than another: higher, or lower where it counts surprise.

    >>> is_better("f1", 0.9, 0.8), is_better("perplexity", 90.0, 80.0)
    (True, False)
    """
    return score < other if _is_surprise(metric) else score > other


def shown(metric: str, score: float) -> str:
    """A score as people read it: a share in per cent, surprise as it is.

    >>> shown("f1", 0.84321), shown("perplexity", 4.3751), shown("perplexity", 112.4)
    ('84.32 %', '4.375', '112.4')
    """
    if not _is_surprise(metric):
        return f"{100 * score:.2f} %"
    return f"{score:#.4g}" if score < 1e4 else f"{score:,.0f}"


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
        f1 = _ratio(2 * correct, gold + predicted)
        return cls(_ratio(correct, predicted), _ratio(correct, gold), f1, gold, predicted, correct)


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
    for gold_spans, predicted_spans in _aligned(gold, predicted, "sequences"):
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
    for gold_spans, predicted_spans in _aligned(gold, predicted, "sequences"):
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
    for number, (gold, predicted) in enumerate(_aligned(gold_tags, predicted_tags, "sequences"), start=1):
        right += sum(one == other for one, other in _aligned(gold, predicted, f"tags in sequence {number}"))
        total += len(gold)
    return _ratio(right, total)


def _ratio(part: float, whole: int) -> float:
    return part / whole if whole else 0.0


def _aligned(gold: Sequence[_Item], predicted: Sequence[_Item], what: str) -> Iterator[tuple[_Item, _Item]]:
    if len(gold) != len(predicted):
        raise ConfigError(f"{len(gold)} gold but {len(predicted)} predicted {what}; the two must match one to one")
    return zip(gold, predicted, strict=True)


def _types_by_borders(spans: Sequence[Span]) -> dict[tuple[int, int], str]:
    types: dict[tuple[int, int], str] = {}
    for start, end, label in spans:
        if types.setdefault((start, end), label) != label:
            raise ConfigError(f"tokens {start} to {end} are both {types[start, end]} and {label}; keep one of the two")
    return types


def label_report(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, Score]:
    """The score of each label of whole texts, sorted by name.

    Args:
        gold: the labels of each text.
        predicted: the predicted ones.

    >>> label_report([["good"], ["bad"]], [["good"], ["good"]])["good"].precision
    0.5
    """
    golds = Counter(label for labels in gold for label in labels)
    predictions = Counter(label for labels in predicted for label in labels)
    corrects: Counter[str] = Counter()
    for right, said in _aligned(gold, predicted, "texts"):
        corrects.update(set(right) & set(said))
    return {
        label: Score.from_counts(golds[label], predictions[label], corrects[label])
        for label in sorted(golds | predictions)
    }


def label_scores(
    gold: Sequence[Sequence[int]], probabilities: Sequence[Sequence[float]], *, several: bool = False
) -> dict[str, float]:
    """Scores of labels for whole texts, each in 0..1.

    Args:
        gold: for each text the place of its label, or of its labels; a place beyond the last is a label that the
            model does not know.
        probabilities: for each text the probability of every label.
        several: whether a text may have several labels; those with more than 1/2 are then the answer.

    Returns:
        ``accuracy`` (the share of texts whose labels are all right), ``macro_f1`` (the mean F1 of the labels that occur
        in the answers or should), ``log_loss`` (the mean cost, in nats, of the right labels; texts with labels that
        the model does not know are left out), and for two exclusive labels ``roc_auc``, the chance that a text of the
        second one gets a higher probability of it than a text of the first (ties count half; 1/2 where there is only
        one; texts of other labels are left out).

    Raises:
        ConfigError: the numbers of texts differ.

    >>> label_scores([[0], [1], [1]], [[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]])["accuracy"]
    0.6666666666666666
    """
    right = [set(places) for places in gold]
    said = [
        {place for place, chance in enumerate(chances) if chance > 0.5}
        if several
        else {max(range(len(chances)), key=chances.__getitem__)}
        for chances in probabilities
    ]
    pairs = list(_aligned(right, said, "texts"))
    accuracy = _ratio(sum(one == other for one, other in pairs), len(pairs))
    counts: dict[int, Counter[str]] = {}
    for true, found in pairs:
        for place in true | found:
            counts.setdefault(place, Counter())[
                ("gold" if place in true else "") + ("said" if place in found else "")
            ] += 1
    f1 = [2 * n["goldsaid"] / (2 * n["goldsaid"] + n["gold"] + n["said"]) for n in counts.values()]
    scores = {"accuracy": accuracy, "macro_f1": _ratio(sum(f1), len(f1))}
    scores |= _log_loss(right, probabilities, several=several)
    if not several and probabilities and len(probabilities[0]) == 2:
        known = [(1 in true, chances[1]) for true, chances in zip(right, probabilities, strict=True) if true <= {0, 1}]
        scores["roc_auc"] = _roc_auc([positive for positive, _ in known], [chance for _, chance in known])
    return scores


def _log_loss(
    right: Sequence[set[int]], probabilities: Sequence[Sequence[float]], *, several: bool
) -> dict[str, float]:
    costs = []
    for true, chances in zip(right, probabilities, strict=True):
        if any(place >= len(chances) for place in true):
            continue
        if several:
            each = [chance if place in true else 1 - chance for place, chance in enumerate(chances)]
            costs.append(-sum(math.log(max(chance, LEAST_CHANCE)) for chance in each) / len(each))
        else:
            costs += [-math.log(max(chances[place], LEAST_CHANCE)) for place in true]
    return {"log_loss": sum(costs) / len(costs)} if costs else {}


def _roc_auc(positive: Sequence[bool], chances: Sequence[float]) -> float:
    """From ranks, equal ones shared (Mann and Whitney 1947)."""
    order = sorted(range(len(chances)), key=chances.__getitem__)
    ranks = [0.0] * len(chances)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and chances[order[end]] == chances[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + 1 + end) / 2
        start = end
    positives = sum(positive)
    negatives = len(positive) - positives
    if not positives or not negatives:
        return 0.5
    above = sum(rank for rank, yes in zip(ranks, positive, strict=True) if yes) - positives * (positives + 1) / 2
    return above / (positives * negatives)
