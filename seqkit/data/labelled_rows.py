"""Texts and their labels as plain lists, whether they are lists, NumPy arrays, pandas columns or datasets.

::

    ["Not bad at all!", "Meh."], ["positive", "negative"]
        {"text": ["Not bad at all!", "Meh."], "label": [["positive"], ["negative"]], "multi_label": False}
"""

import json
import random
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from seqkit.data.column_names import LABEL, TEXT
from seqkit.data.in_memory import is_missing, read_columns
from seqkit.data.label_ids import LabelDecoder
from seqkit.data.text_files import shown
from seqkit.errors import ConfigError, CorpusError, SeqkitWarning
from seqkit.text.vocabulary import encodable
from seqkit.text.words import WordTokenizer

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = [
    "Label",
    "LabelledRows",
    "checked_texts",
    "labelled_rows",
    "rows_with_words",
    "split_dev",
    "texts_of",
]

DEV_FRACTION = 0.1
_TEXT = TEXT[:1]

Label = str | int | bool


class LabelledRows(TypedDict):
    """Texts and the labels of each; without ``label`` and ``multi_label`` if they are not known.

    ``multi_label`` tells whether labels were given as lists, so that a text may have several labels, or none.
    """

    text: Sequence[str]
    label: NotRequired[Sequence[Sequence[Label]]]
    multi_label: NotRequired[bool]


def texts_of(texts: "Iterable[str] | Dataset | Mapping[str, Any]") -> list[str]:
    """Return texts as a list of strings.

    Raises:
        ConfigError: something else is given instead of a list.
        CorpusError: one of them is not a string; with its number, from 1.

    >>> texts_of(("one", "two"))
    ['one', 'two']
    """
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        given = "one text" if isinstance(texts, str) else f"a {type(texts).__name__}"
        raise ConfigError(f"give a list of texts, such as [text], not {given}")
    found = read_columns(texts, {"text": _TEXT})
    if found is None:
        return list(checked_texts(texts))
    if "text" not in found.columns:
        raise CorpusError(f"there is no column 'text', only {', '.join(found.names) or 'nothing'}")
    return list(checked_texts(found.columns["text"]))


def checked_texts(texts: Iterable[Any]) -> Iterator[str]:
    """Iterate over texts, and make sure that they are strings.

    Raises:
        CorpusError: one of them is not a string; with its number, from 1.

    >>> list(checked_texts(["one", None]))
    Traceback (most recent call last):
        ...
    seqkit.errors.CorpusError: text 2 is None, which is not a string; leave it out or make it one
    """
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise CorpusError(f"text {number} is {shown(text)}, which is not a string; leave it out or make it one")
        yield str(text)


def labelled_rows(
    texts: "Iterable[str] | Dataset | Mapping[str, Any]", labels: Iterable[Any] | None = None
) -> LabelledRows:
    """Return texts, and the list of labels of each.

    Args:
        texts: the texts; or a dataset or mapping with the texts under ``text`` and the labels under ``label``.
        labels: one label for each text, or a list of labels for each; by default those of the dataset.

    Returns:
        ``text``, ``label`` (a list of labels for each text) and ``multi_label``: whether labels were given as lists.

    Raises:
        CorpusError: there is not one label for each text, or one is missing; with its number, from 1.

    >>> labelled_rows(["a", "b"], [1, 0])["label"]
    [[1], [0]]
    """
    found = texts_of(texts)
    given = _as_list(_labels_of(texts) if labels is None else labels)
    if len(given) != len(found):
        raise CorpusError(f"there are {len(given)} labels for {len(found)} texts; each text needs its own")
    if not found:
        raise CorpusError("there is no text")
    plain = list(map(_plain, given))
    multi_label = isinstance(plain[0], list)
    for number, label in enumerate(plain, start=1):
        if any(map(is_missing, label if isinstance(label, list) else [label])):
            raise CorpusError(f"text {number} has no label ({shown(label)}); give it one, or leave the text out")
        if isinstance(label, list) is not multi_label:
            first, this = given[0], given[number - 1]
            raise CorpusError(
                f"label {number} is {shown(this)}, but label 1 is {shown(first)}: either all or none must be lists"
            )
    answers = [
        [_checked(each, number) for each in (label if multi_label else [label])]
        for number, label in enumerate(plain, start=1)
    ]
    kinds = {type(label) for answer in answers for label in answer}
    if {bool, int} <= kinds:
        raise CorpusError("some labels are booleans and some are numbers, such as True and 1; use one kind")
    return {"text": found, "label": [list(dict.fromkeys(answer)) for answer in answers], "multi_label": multi_label}


def rows_with_words(rows: LabelledRows, where: str) -> LabelledRows:
    """Return the rows whose texts contain a word; a warning counts the others, from which nothing can be learnt.

    Args:
        rows: the texts and their labels.
        where: the name of the split.

    Raises:
        CorpusError: if no text contains a word.

    >>> rows_with_words({"text": ["one"], "label": [["a"]], "multi_label": False}, "train")["text"]
    ['one']
    """
    tokenizer = WordTokenizer()
    # The tokenizer reads some characters as words that str.strip removes as white space; the tokenizer decides.
    kept = [number for number, text in enumerate(rows["text"]) if text.strip() or tokenizer.tokenize(text)]
    if len(kept) == len(rows["text"]):
        return rows
    if not kept:
        raise CorpusError(f"no text of the {where} split contains a word")
    without = len(rows["text"]) - len(kept)
    message = f"left out {without} {'text' if without == 1 else 'texts'} of the {where} split without a word"
    warnings.warn(message, SeqkitWarning, stacklevel=3)
    return _chosen(rows, kept)


def split_dev(rows: LabelledRows, seed: int) -> tuple[LabelledRows, LabelledRows]:
    """Split off a tenth of the rows of each label as dev; if there are too few rows, return them all as both.

    >>> rows = labelled_rows([f"text {number}" for number in range(20)], ["a", "b"] * 10)
    >>> [len(part["text"]) for part in split_dev(rows, seed=1)]
    [18, 2]
    """
    generator = random.Random(seed)
    of_label: dict[str, list[int]] = {}
    for number, labels in enumerate(rows["label"]):
        of_label.setdefault(json.dumps(labels), []).append(number)
    dev: list[int] = []
    for numbers in of_label.values():
        dev += generator.sample(numbers, round(DEV_FRACTION * len(numbers)))
    if not dev:
        return rows, rows
    return _chosen(rows, sorted(set(range(len(rows["text"]))) - set(dev))), _chosen(rows, sorted(dev))


def _chosen(rows: LabelledRows, numbers: Sequence[int]) -> LabelledRows:
    return {
        "text": [rows["text"][number] for number in numbers],
        "label": [rows["label"][number] for number in numbers],
        "multi_label": rows["multi_label"],
    }


def _as_list(labels: Any) -> list[Any]:
    """Return labels as a list, unless they are something that is not one label for each text."""
    dimensions = getattr(labels, "ndim", 1)
    is_list = isinstance(labels, Iterable) and not isinstance(labels, str | bytes | Mapping | set | frozenset)
    if not is_list or dimensions != 1:
        kind = f"{dimensions}-dimensional" if hasattr(labels, "ndim") else type(labels).__name__
        raise ConfigError(f"labels must be a list, one for each text, or a list of labels for each; this is {kind}")
    return list(labels)


def _labels_of(data: object) -> list[Any]:
    found = read_columns(data, {"label": LABEL})
    if found is None or "label" not in found.columns:
        raise CorpusError(
            "there are no labels: name their column with --label-column; in Python, give them beside the texts"
        )
    names = found.class_names.get("label")
    return found.columns["label"] if names is None else LabelDecoder(names).decode_all(found.columns["label"])


def _plain(label: Any) -> Any:
    """Return a label as a plain Python object, without NumPy's numbers and arrays."""
    if isinstance(label, set | frozenset):
        return [_plain(each) for each in sorted(label, key=repr)]
    if isinstance(label, list | tuple):
        return [_plain(each) for each in label]
    return label.tolist() if hasattr(label, "tolist") else label


def _checked(label: Any, number: int) -> Label:
    """Return a label as JSON gives it back: a string, an integer or a boolean."""
    if isinstance(label, str):
        return encodable(str.__str__(label))
    if isinstance(label, bool):
        return label
    if isinstance(label, int) and -(2**63) <= label < 2**63:
        return int(label)
    kinds = "an integer of 64 bits" if isinstance(label, int) else "a string, an integer or a boolean"
    raise CorpusError(f"label {number} is {shown(label)}; a label is {kinds}")
