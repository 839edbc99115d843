"""Label ids and the names they stand for: one decoder for the tags and labels of every dataset.

A ``ClassLabel`` column stores numbers and keeps their names beside them::

    names  O  B-PER          [1, 0]   ->  ["B-PER", "O"]
                             [-1]     ->  [None]            the hub's way of writing that a label is withheld
"""

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

from seqkit.data.text_files import shown
from seqkit.errors import CorpusError

if TYPE_CHECKING:
    from datasets import Features

__all__ = ["WITHHELD", "LabelDecoder", "class_names"]

WITHHELD = -1


def class_names(features: "Features", column: str) -> list[str] | None:
    """Return the names of a column of class labels or of lists of them; None if the column holds anything else.

    >>> from datasets import ClassLabel, Features, List
    >>> class_names(Features({"tags": List(ClassLabel(names=["O", "B-PER"]))}), "tags")
    ['O', 'B-PER']
    """
    from datasets import ClassLabel

    feature: Any = features.get(column)
    inner = getattr(feature, "feature", feature)  # of a list, the feature of its items
    return list(inner.names) if isinstance(inner, ClassLabel) else None


class LabelDecoder:
    """Turns label ids into names.

    Args:
        names: the names in the order of their ids; None if the labels are stored as they are. Strings always are.

    >>> LabelDecoder(["O", "B-PER"]).decode_all([1, -1, "B-LOC", [0, None]])
    ['B-PER', None, 'B-LOC', ['O', None]]
    """

    def __init__(self, names: Sequence[str] | None) -> None:
        self._names: dict[int, str | None] = {}
        if names:
            self._names = {WITHHELD: None, **dict(enumerate(names))}
        self._count = len(names or ())

    def decode(self, label: object) -> str | None:
        """Return the name of a label; None if it is missing or withheld.

        Raises:
            CorpusError: the label is not a string and there is no name for its id.
        """
        if label is None or isinstance(label, str):
            return label
        is_id = isinstance(label, Integral) and not isinstance(label, bool)  # 1.0 and True would be found as 1 is
        if is_id and label in self._names:
            return self._names[label]
        if self._count:
            message = f"label {shown(label)} has no name: the corpus names {self._count} labels, counted from 0"
        elif isinstance(label, int | float):
            message = f"labels are numbers without names (such as {shown(label)}); store the names"
        else:
            message = f"a label must be a string, not {shown(label)}"
        raise CorpusError(message)

    def decode_all(self, labels: Iterable[object]) -> list[Any]:
        """Decode labels, or lists of labels, each by :meth:`decode`."""
        return [self.decode_all(each) if isinstance(each, list) else self.decode(each) for each in labels]
