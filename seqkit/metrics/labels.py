"""Accuracy, F1, log loss and ROC AUC of the labels of whole texts."""

import math
from collections import Counter
from collections.abc import Sequence

from seqkit.metrics.spans import Score, aligned, ratio

__all__ = [
    "label_report",
    "label_scores",
]

MIN_PROBABILITY = 1e-15  # smaller probabilities count as this one, so that their logarithm is finite


def label_report(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, Score]:
    """Score each label, sorted by name.

    Args:
        gold: the labels of each text.
        predicted: the predicted labels of each text, in the same order.

    Raises:
        ConfigError: the numbers of texts differ.

    >>> label_report([["good"], ["bad"]], [["good"], ["good"]])["good"].precision
    0.5
    """
    golds = Counter(label for labels in gold for label in labels)
    predictions = Counter(label for labels in predicted for label in labels)
    corrects: Counter[str] = Counter()
    for gold_labels, predicted_labels in aligned(gold, predicted, "texts"):
        corrects.update(set(gold_labels) & set(predicted_labels))
    return {
        label: Score.from_counts(golds[label], predictions[label], corrects[label])
        for label in sorted(golds | predictions)
    }


def label_scores(
    gold: Sequence[Sequence[int]], probabilities: Sequence[Sequence[float]], *, multi_label: bool = False
) -> dict[str, float]:
    """Score the predicted labels of whole texts.

    Args:
        gold: the indices of each text's labels; an index beyond the last probability is a label that the model does
            not know.
        probabilities: the probability of every label, for each text.
        multi_label: whether a text may have several labels; the predicted labels are then those with a probability of
            more than 1/2, and otherwise the most probable one.

    Returns:
        Scores in 0..1, but for the log loss:

        * ``accuracy``, the share of texts whose labels are all correct;
        * ``macro_f1``, the mean F1 of the labels that occur among the gold or the predicted ones;
        * ``log_loss``, the mean negative log-likelihood of the gold labels in nats; texts with a label that the model
          does not know are left out;
        * with two labels that exclude each other, ``roc_auc``, the probability that a text of the second label gets a
          higher probability of it than a text of the first; ties count half, it is 1/2 if only one label occurs, and
          texts with other labels are left out.

    Raises:
        ConfigError: the numbers of texts differ.

    >>> label_scores([[0], [1], [1]], [[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]])["accuracy"]
    0.6666666666666666
    """
    gold_sets = [set(indices) for indices in gold]
    predicted_sets = [_predicted(row, multi_label=multi_label) for row in probabilities]
    pairs = list(aligned(gold_sets, predicted_sets, "texts"))
    scores = {
        "accuracy": ratio(sum(true == predicted for true, predicted in pairs), len(pairs)),
        "macro_f1": _macro_f1(pairs),
        **_log_loss(gold_sets, probabilities, multi_label=multi_label),
    }
    if not multi_label and probabilities and len(probabilities[0]) == 2:
        known = [(1 in true, row[1]) for true, row in zip(gold_sets, probabilities, strict=True) if true <= {0, 1}]
        scores["roc_auc"] = _roc_auc([positive for positive, _ in known], [probability for _, probability in known])
    return scores


def _predicted(probabilities: Sequence[float], *, multi_label: bool) -> set[int]:
    """Return the indices of the predicted labels of a text; of equal probabilities the first one wins."""
    if multi_label:
        return {index for index, probability in enumerate(probabilities) if probability > 0.5}
    return {max(range(len(probabilities)), key=probabilities.__getitem__)}


def _macro_f1(pairs: Sequence[tuple[set[int], set[int]]]) -> float:
    """Return the mean F1 of the labels that occur in pairs of gold and predicted labels."""
    golds = Counter(index for true, _ in pairs for index in true)
    predictions = Counter(index for _, predicted in pairs for index in predicted)
    corrects = Counter(index for true, predicted in pairs for index in true & predicted)
    occurring = dict.fromkeys(index for true, predicted in pairs for index in true | predicted)
    f1 = [ratio(2 * corrects[index], golds[index] + predictions[index]) for index in occurring]
    return ratio(sum(f1), len(f1))


def _log_loss(
    gold_sets: Sequence[set[int]], probabilities: Sequence[Sequence[float]], *, multi_label: bool
) -> dict[str, float]:
    losses = []
    for true, row in zip(gold_sets, probabilities, strict=True):
        if any(index >= len(row) for index in true):
            continue
        if multi_label:
            of_truth = [probability if index in true else 1 - probability for index, probability in enumerate(row)]
            losses.append(-sum(math.log(max(each, MIN_PROBABILITY)) for each in of_truth) / len(of_truth))
        else:
            losses += [-math.log(max(row[index], MIN_PROBABILITY)) for index in true]
    return {"log_loss": sum(losses) / len(losses)} if losses else {}


def _roc_auc(positive: Sequence[bool], probabilities: Sequence[float]) -> float:
    """Compute the area from ranks; equal probabilities share the mean of their ranks (Mann and Whitney 1947)."""
    order = sorted(range(len(probabilities)), key=probabilities.__getitem__)
    ranks = [0.0] * len(probabilities)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and probabilities[order[end]] == probabilities[order[start]]:
            end += 1
        for index in order[start:end]:
            ranks[index] = (start + 1 + end) / 2
        start = end
    positives = sum(positive)
    negatives = len(positive) - positives
    if not positives or not negatives:
        return 0.5
    rank_sum = sum(rank for rank, is_positive in zip(ranks, positive, strict=True) if is_positive)
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)
