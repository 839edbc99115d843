"""The labels of a training split of texts, and of a saved classifier."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from seqkit.data.labelled_rows import Label
from seqkit.errors import ConfigError, CorpusError, setting_ref

__all__ = ["check_saved", "count_labels"]


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


def check_saved(saved: Mapping[str, Any], temperature: object) -> None:
    """Make sure that a saved classifier can predict, as far as its weights do not tell.

    Args:
        saved: the content of ``labels.json``.
        temperature: the temperature in ``calibration.json``.

    Raises:
        ConfigError: if a value is of another kind, or does not fit the others.

    >>> check_saved({"labels": ["bad", "good"], "several": False, "prior": [0.5, 0.5]}, 1.0)
    """
    labels, prior = saved["labels"], saved["prior"]
    if not (isinstance(temperature, float | int) and 0 < temperature < math.inf):
        raise ConfigError("the temperature in calibration.json is not a positive number")
    if not (isinstance(labels, list) and all(isinstance(label, str | int) for label in labels)):
        raise ConfigError("the labels in labels.json are not a list of texts, numbers or booleans")
    if len(set(labels)) < len(labels):
        raise ConfigError("labels.json has a label twice")
    if not (isinstance(prior, list) and len(prior) == len(labels) and all(0 <= share <= 1 for share in prior)):
        raise ConfigError("the frequencies in labels.json are not one from 0 to 1 for each label")
    if not isinstance(saved["several"], bool):
        raise ConfigError("labels.json does not say whether a text has several labels")
