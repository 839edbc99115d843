"""Texts and their labels as plain lists, whatever they came as: lists, NumPy arrays, pandas columns, datasets.

::

    ["Not bad at all!", "Meh."], ["positive", "negative"]
        {"text": ["Not bad at all!", "Meh."], "label": [["positive"], ["negative"]], "several": False}
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seqkit.errors import ConfigError, CorpusError
from seqkit.text.vocabulary import encodable

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["checked_texts", "labelled_rows", "texts_of"]


def texts_of(texts: "Iterable[str] | Dataset | Mapping[str, Any]") -> list[str]:
    """The texts as a list of strings.

    Raises:
        ConfigError: where one text is given in place of a list of them.
        CorpusError: where one is no string; with its number, from 1.

    >>> texts_of(("one", "two"))
    ['one', 'two']
    """
    if isinstance(texts, str):
        raise ConfigError("give a list of texts, such as [text], not one text")
    names = _columns(texts)
    if names is not None:
        if "text" not in names:
            raise CorpusError(f"there is no column 'text', only {', '.join(map(str, names)) or 'nothing'}")
        texts = texts["text"]  # type: ignore[index]
    return list(checked_texts(texts))


def checked_texts(texts: Iterable[Any]) -> Iterator[str]:
    """Texts one after the other, as far as they are strings.

    Raises:
        CorpusError: where one is no string; with its number, from 1.
    """
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise CorpusError(f"text {number} is {text!r}, which is no string; leave it out or make it one")
        yield str(text)


def labelled_rows(
    texts: "Iterable[str] | Dataset | Mapping[str, Any]", labels: Iterable[Any] | None = None
) -> dict[str, Any]:
    """Texts, and for each the list of its labels.

    Args:
        texts: the texts; a dataset, or a mapping, that has them under ``text`` and the labels under ``label``.
        labels: one a text, or a list of them; None takes those of the dataset.

    Returns:
        ``text``, ``label`` (a list of labels each) and ``several``: whether labels came as lists.

    Raises:
        CorpusError: where there is not one label a text, or one is missing; with its number, from 1.

    >>> labelled_rows(["a", "b"], [1, 0])["label"]
    [[1], [0]]
    """
    found = texts_of(texts)
    given = _labels_of(texts) if labels is None else labels
    if isinstance(given, str | Mapping | set | frozenset) or getattr(given, "ndim", 1) != 1:
        kind = f"{getattr(given, 'ndim', 1)}-dimensional" if hasattr(given, "ndim") else type(given).__name__
        raise ConfigError(f"labels must be a list, one for each text, or a list of labels for each; this is {kind}")
    given = list(given)
    if len(given) != len(found):
        raise CorpusError(f"there are {len(given)} labels for {len(found)} texts; each text needs its own")
    if not found:
        raise CorpusError("there is no text")
    plain = list(map(_plain, given))
    for number, label in enumerate(plain, start=1):
        for each in label if isinstance(label, list) else [label]:
            if _is_missing(each):
                raise CorpusError(f"text {number} has no label ({each!r}); give it one, or leave the text out")
        if isinstance(label, list) is not isinstance(plain[0], list):
            first, this = given[0], given[number - 1]
            raise CorpusError(f"label {number} is {this!r}, while label 1 is {first!r}: all must be lists, or none")
    several = isinstance(plain[0], list)
    answers = [
        [_checked(each, number) for each in (label if several else [label])]
        for number, label in enumerate(plain, start=1)
    ]
    kinds = {type(label) for answer in answers for label in answer}
    if {bool, int} <= kinds:
        raise CorpusError("some labels are truth values and some are numbers, such as True and 1; make them all one")
    return {"text": found, "label": [list(dict.fromkeys(answer)) for answer in answers], "several": several}


def _columns(data: Any) -> list[str] | None:
    """The names of the columns of a dataset, a data frame or a mapping; None for what is none of these."""
    if isinstance(data, Mapping):
        return list(data)
    if hasattr(data, "column_names"):
        if data.column_names is None:
            raise CorpusError("this dataset does not tell its columns; load it whole, without streaming")
        return list(data.column_names)
    return list(data.columns) if hasattr(data, "columns") else None


def _labels_of(data: Any) -> Any:
    if "label" not in (_columns(data) or []):
        raise CorpusError("there are no labels: give them beside the texts, or a dataset with a column 'label'")
    feature: Any = (getattr(data, "features", None) or {}).get("label")
    if hasattr(feature, "names"):
        return [_name(feature, number) for number in data["label"]]
    if hasattr(getattr(feature, "feature", None), "names"):
        return [
            None if numbers is None else [_name(feature.feature, number) for number in numbers]
            for numbers in data["label"]
        ]
    return data["label"]


def _name(feature: Any, number: int | None) -> str | None:
    """The name of a label; None for one that is not known, which the hub writes as -1."""
    return None if number is None or number < 0 else str(feature.names[number])


def _plain(label: Any) -> Any:
    """A label as Python has it: NumPy's numbers and arrays become plain ones."""
    if isinstance(label, list | tuple | set | frozenset):
        return [_plain(each) for each in (sorted(label, key=repr) if isinstance(label, set | frozenset) else label)]
    return label.tolist() if hasattr(label, "tolist") else label


def _is_missing(label: Any) -> bool:
    """Whether it is what stands for no label: None, NaN, or pandas' own."""
    nan = isinstance(label, float) and math.isnan(label)
    return label is None or nan or type(label).__name__ in ("NAType", "NaTType")


def _checked(label: Any, number: int) -> str | int | bool:
    """A label as JSON gives it back: a string, a whole number or a truth value."""
    if isinstance(label, str):
        return encodable(str.__str__(label))
    if isinstance(label, int):
        return label if isinstance(label, bool) else int(label)
    raise CorpusError(f"label {number} is {label!r}; a label is a string, a whole number or a truth value")
