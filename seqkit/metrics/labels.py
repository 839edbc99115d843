"""Accuracy, F1, log loss and ROC AUC of labels of whole texts."""

import math
from collections import Counter
from collections.abc import Sequence

from seqkit.metrics.spans import Score, aligned, ratio

__all__ = [
    "label_report",
    "label_scores",
]

LEAST_CHANCE = 1e-15  # what a probability of 0 counts as: its logarithm is finite


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
    for right, said in aligned(gold, predicted, "texts"):
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
    pairs = list(aligned(right, said, "texts"))
    accuracy = ratio(sum(one == other for one, other in pairs), len(pairs))
    counts: dict[int, Counter[str]] = {}
    for true, found in pairs:
        for place in true | found:
            counts.setdefault(place, Counter())[
                ("gold" if place in true else "") + ("said" if place in found else "")
            ] += 1
    f1 = [2 * n["goldsaid"] / (2 * n["goldsaid"] + n["gold"] + n["said"]) for n in counts.values()]
    scores = {"accuracy": accuracy, "macro_f1": ratio(sum(f1), len(f1))}
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
