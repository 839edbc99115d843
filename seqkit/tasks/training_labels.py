"""The labels of a training split of texts."""

from collections import Counter
from collections.abc import Sequence

from seqkit.data.labelled_rows import Label
from seqkit.errors import ConfigError, CorpusError, setting_ref

__all__ = ["count_labels"]


def count_labels(
    answers: Sequence[Sequence[Label]], *, multi_label: bool, balanced_sampling: bool
) -> tuple[list[Label], Counter[Label]]:
    """Return the labels, sorted, and how often each occurs.

    Args:
        answers: the labels of each text.
        multi_label: whether a text may have several labels, or none.
        balanced_sampling: whether training draws each label equally often.

    Raises:
        ConfigError: if sampling is to be balanced, but texts may have several labels.
        CorpusError: if there are fewer than two labels, or none if a text may have several.

    >>> count_labels([["good"], ["bad"], ["good"]], multi_label=False, balanced_sampling=False)[0]
    ['bad', 'good']
    """
    counts = Counter(label for answer in answers for label in answer)
    labels = sorted(counts, key=lambda label: (type(label).__name__, label))
    if balanced_sampling and multi_label:
        raise ConfigError(
            f"{setting_ref('balanced_sampling')} is for texts with one label each; try"
            f" {setting_ref('class_weights', 'balanced')}"
        )
    if len(labels) < (1 if multi_label else 2):
        only = f"every text is {labels[0]!r}" if labels else "no text has a label"
        raise CorpusError(f"there is nothing to learn from the training split: {only}; add texts with other labels")
    return labels, counts
