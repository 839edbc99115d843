"""Rows, and datasets of any provenance, as ``datasets.DatasetDict`` with seqkit's features.

A corpus is one of three kinds, told by its columns::

    tokens: List(Value("string"))   tags: List(ClassLabel)      tagged sentences
    text: Value("string")           label: ClassLabel           labelled texts
    text: Value("string")                                       plain text

Beside these stand ``document`` where documents are marked, and ``source`` (``file:line``) for rows that were
read from a file.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seqkit.data.rows import DOCUMENT_KEYS, LabelledText, Row, TaggedSentence
from seqkit.errors import CorpusError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, Features

__all__ = ["SPLIT_WORDS", "Columns", "build_corpus", "columns_of", "deal", "label_names", "normalize_corpus"]

Columns = dict[str, list[Any]]

SPLIT_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("dev", "devel", "development", "valid", "validation", "val", "testa"), "dev"),
    **dict.fromkeys(("test", "tst", "testb"), "test"),
}
TOKEN_NAMES = ("tokens", "words")
TAG_NAMES = ("tags", "ner_tags", "labels", "upos", "pos_tags", "ner")
LABEL_NAMES = ("label", "labels")


def columns_of(rows: Sequence[Row], file: str) -> Columns:
    """Turn rows of one kind into columns.

    >>> columns_of([LabelledText("a fine film", "positive", line=2)], "a.csv")
    {'text': ['a fine film'], 'label': ['positive'], 'source': ['a.csv:2']}
    """
    columns: Columns
    if isinstance(rows[0], TaggedSentence):
        sentences = [row for row in rows if isinstance(row, TaggedSentence)]
        columns = {"tokens": [row.tokens for row in sentences], "tags": [row.tags for row in sentences]}
    else:
        columns = {"text": [row.text for row in rows if not isinstance(row, TaggedSentence)]}
        if isinstance(rows[0], LabelledText):
            columns["label"] = [row.label for row in rows if isinstance(row, LabelledText)]
    if any(row.document is not None for row in rows):
        columns["document"] = [row.document for row in rows]
    columns["source"] = [f"{file}:{row.line}" for row in rows]
    return columns


def label_names(train: Iterable[str], others: Iterable[str] = ()) -> list[str]:
    """Sort labels: those of train first, ``O`` before all, then those that only other splits have.

    >>> label_names(["B-PER", "O", "B-LOC"], ["B-MISC", "O"])
    ['O', 'B-LOC', 'B-PER', 'B-MISC']
    """
    known = set(train)
    return sorted(known, key=_label_order) + sorted(set(others) - known, key=_label_order)


def _label_order(name: str) -> tuple[bool, bool, int, str]:
    number = name.isascii() and name.isdecimal()
    return name != "O", not number, int(name) if number else 0, name


def build_corpus(splits: Mapping[str, Columns], names: Sequence[str] | None = None) -> "DatasetDict":
    """Build the typed corpus.

    Args:
        splits: for each split its columns, tags and labels as strings (None for an unknown label).
        names: the labels in order; by default :func:`label_names` of what occurs.

    >>> corpus = build_corpus({"train": {"text": ["fine", "dull"], "label": ["good", "bad"]}})
    >>> corpus["train"].features["label"].names
    ['bad', 'good']
    """
    from datasets import Dataset, DatasetDict

    several = _have_several(splits)
    if several:
        splits = {
            split: {**columns, "label": [None if each is None else _as_list(each) for each in columns["label"]]}
            for split, columns in splits.items()
        }
    if names is None:
        others = {label for split, columns in splits.items() if split != "train" for label in _labels(columns)}
        names = label_names(_labels(splits.get("train", {})), others)
    number: dict[str | None, int | None] = {name: index for index, name in enumerate(names)} | {None: None}
    corpus = {}
    for split, columns in splits.items():
        encoded = dict(columns)
        if "tags" in columns:
            encoded["tags"] = [[number[tag] for tag in tags] for tags in columns["tags"]]
        elif "label" in columns:
            encoded["label"] = [
                [number[each] for each in label] if isinstance(label, list) else number[label]
                for label in columns["label"]
            ]
        corpus[split] = Dataset.from_dict(encoded, features=_features(columns, names, several))
    return DatasetDict(corpus)


def _labels(columns: Columns) -> set[str]:
    if "tags" in columns:
        return {tag for tags in columns["tags"] for tag in tags}
    return {name for label in columns.get("label", ()) for name in _as_list(label) if name is not None}


def _as_list(label: object) -> list[Any]:
    return label if isinstance(label, list) else [] if label is None else [label]


def _have_several(splits: Mapping[str, Columns]) -> bool:
    """Whether texts may have several labels: where one of all splits has other than one."""
    return any(isinstance(label, list) for columns in splits.values() for label in columns.get("label", ()))


def _features(columns: Columns, names: Sequence[str], several: bool) -> "Features":
    from datasets import ClassLabel, Features, List, Value

    types = {"tokens": List(Value("string")), "tags": List(ClassLabel(names=list(names)))}
    label = ClassLabel(names=list(names))
    types |= {"label": List(label) if several else label}
    return Features({name: types.get(name, Value("string")) for name in columns})


def normalize_corpus(
    corpus: Mapping[str, "Dataset"],
    *,
    where: str,
    token_column: str | None = None,
    tag_column: str | None = None,
    text_column: str | None = None,
    names: Sequence[str] = (),
    not_a_word: str | None = None,
) -> "DatasetDict":
    """Give datasets seqkit's split names, columns and features; those that have them already stay as they are.

    Args:
        corpus: datasets by split.
        where: what to call the corpus in an error.
        token_column: the column of the tokens, found by its name where not given.
        tag_column: the column of the tags or labels, found by its name where not given.
        text_column: the column of texts, where it is not ``text``.
        names: names of the labels, where the corpus holds bare numbers.
        not_a_word: the tag of rows that are no words, to be passed over.

    Raises:
        CorpusError: columns are missing or of a type that cannot be used.

    >>> from datasets import Dataset
    >>> dataset = Dataset.from_dict({"words": [["Ada", "ran"]], "ner_tags": [["B-PER", "O"]]})
    >>> normalize_corpus({"validation": dataset}, where="mine")["dev"].features["tags"].feature.names
    ['O', 'B-PER']
    """
    from datasets import DatasetDict

    datasets: dict[str, Dataset] = {}
    for name, dataset in corpus.items():
        split = SPLIT_WORDS.get(name, name)
        if split in datasets:
            raise CorpusError(f"two splits could be {split}: {', '.join(corpus)}", file=where)
        datasets[split] = _rename(dataset, f"{where} ({name})", token_column, tag_column, text_column)
    features = [dataset.features for dataset in datasets.values()]
    if _are_typed(features) and not_a_word is None:
        return DatasetDict(datasets)
    splits = {split: _decode(dataset, names, f"{where} ({split})") for split, dataset in datasets.items()}
    if not_a_word is not None:
        for columns in splits.values():
            _drop_rows(columns, not_a_word)
    if len({tuple(sorted({"tags", "label", "text"} & columns.keys())) for columns in splits.values()}) > 1:
        raise CorpusError("the splits do not have the same columns", file=where)
    return build_corpus(splits, _stored_names(datasets, names))


def _rename(
    dataset: "Dataset", where: str, token_column: str | None, tag_column: str | None, text_column: str | None
) -> "Dataset":
    columns = dataset.column_names
    text = text_column or "text"
    tokens = None if text_column else token_column or next((name for name in TOKEN_NAMES if name in columns), None)
    if tokens is None and text not in columns:
        raise CorpusError(f"neither tokens nor {text} among its columns: {', '.join(columns)}", file=where)
    candidates = LABEL_NAMES if tokens is None else TAG_NAMES
    labels = tag_column or next((name for name in candidates if name in columns), None)
    if tokens is not None and labels is None:
        raise CorpusError(f"no column of tags; choose one of its columns: {', '.join(columns)}", file=where)
    wanted = {tokens: "tokens", labels: "tags"} if tokens is not None else {text: "text", labels: "label"}
    document = next((name for name in DOCUMENT_KEYS if name in columns), None)
    renamed = {old: new for old, new in (wanted | {document: "document"}).items() if old is not None}
    for old in renamed:
        if old not in columns:
            raise CorpusError(f"no column {old!r}; its columns: {', '.join(columns)}", file=where)
    selected = dataset.select_columns(list(renamed) + ["source"] * ("source" in columns and "source" not in renamed))
    return selected.rename_columns({old: new for old, new in renamed.items() if old != new})


def _are_typed(features: Sequence["Features"]) -> bool:
    from datasets import ClassLabel, List, Value

    first = features[0]
    if any(each != first for each in features):
        return False
    strings = [first[name] for name in ("text", "document") if name in first]
    tags = first.get("tags", List(ClassLabel(names=[])))
    return (
        all(each == Value("string") for each in strings)
        and first.get("tokens", List(Value("string"))) == List(Value("string"))
        and isinstance(tags, List)
        and isinstance(tags.feature, ClassLabel)
        and isinstance(_of_one(first.get("label", ClassLabel(names=[]))), ClassLabel)
    )


def _class_names(features: "Features") -> list[str] | None:
    return getattr(_of_one(features.get("label", features.get("tags"))), "names", None)


def _of_one(feature: Any) -> Any:
    """The feature of a label, or of each of a list of labels."""
    return getattr(feature, "feature", feature)


def _stored_names(datasets: Mapping[str, "Dataset"], names: Sequence[str]) -> list[str] | None:
    """Names in the order the corpus stores them, those of train first; None where it stores strings."""
    ordered = sorted(datasets, key=lambda split: split != "train")
    stored = [_class_names(datasets[split].features) or list(names) for split in ordered]
    return list(dict.fromkeys(name for each in stored for name in each)) if all(stored) else None


def _decode(dataset: "Dataset", names: Sequence[str], where: str) -> Columns:
    known = _class_names(dataset.features) or names

    def name(label: object) -> str | None:
        if isinstance(label, str):
            return label
        if label is None or (label == -1 and known):  # -1 is how the hub writes that a label is withheld
            return None
        if isinstance(label, int) and 0 <= label < len(known):
            return known[label]
        if isinstance(label, int) and not known and "label" in dataset.column_names:
            return str(label)
        raise CorpusError(f"tags are numbers without names (such as {label!r}); store the names", file=where)

    columns: Columns = {key: list(values) for key, values in dataset.to_dict().items()}
    if "document" in columns:
        columns["document"] = [None if each is None else str(each) for each in columns["document"]]
    if "label" in columns:
        columns["label"] = [
            [name(each) for each in label] if isinstance(label, list) else name(label) for label in columns["label"]
        ]
    for row, (tokens, tags) in enumerate(zip(columns.get("tokens", ()), columns.get("tags", ()), strict=True), 1):
        if not isinstance(tokens, list) or not isinstance(tags, list) or len(tokens) != len(tags):
            raise CorpusError(f"row {row} does not hold one tag for each token", file=where, line=row)
    if "tags" in columns:
        columns["tags"] = [[name(tag) for tag in tags] for tags in columns["tags"]]
    return columns


def _drop_rows(columns: Columns, tag: str) -> None:
    kept = [[position for position, each in enumerate(tags) if each != tag] for tags in columns["tags"]]
    for name in ("tokens", "tags"):
        columns[name] = [[cells[position] for position in row] for cells, row in zip(columns[name], kept, strict=True)]


def deal(
    count: int,
    fractions: Mapping[str, float],
    *,
    seed: int,
    documents: Sequence[str | None] | None = None,
    in_order: bool = False,
    where: str = "the corpus",
) -> dict[str, list[int]]:
    """Deal the rows of train out to the splits that are missing; what is left stays train.

    Args:
        count: how many rows there are.
        fractions: for each missing split the share of the rows it gets.
        seed: the same seed gives the same splits.
        documents: the document of each row; rows of one document stay together.
        in_order: take the rows from the end of the corpus, as running text needs it.
        where: what to call the corpus in an error.

    Returns:
        The row numbers of ``train`` and of each missing split, ascending.

    Raises:
        CorpusError: there are too few rows or documents to share.

    >>> deal(10, {"dev": 0.2}, seed=1, in_order=True)["dev"]
    [8, 9]
    """
    units: dict[object, list[int]] = {}
    for row in range(count):
        units.setdefault(row if documents is None else documents[row], []).append(row)
    if len(units) <= len(fractions):
        what = "example" if documents is None else "document"
        raise CorpusError(
            f"{len(units)} {what}{'s' * (len(units) != 1)} cannot be shared among train, {' and '.join(fractions)};"
            " give a file for each split, or leave the fraction at 0",
            file=where,
        )
    order = list(units.values())
    if in_order:
        order.reverse()
    else:
        random.Random(seed).shuffle(order)
    dealt = {}
    for still, (split, fraction) in zip(range(len(fractions), 0, -1), fractions.items(), strict=True):
        taken, order = _take(order, max(1, round(count * fraction)), spare=still)
        dealt[split] = sorted(row for unit in taken for row in unit)
    return {"train": sorted(row for unit in order for row in unit)} | dealt


def _take(units: Sequence[list[int]], wanted: int, spare: int) -> tuple[list[list[int]], list[list[int]]]:
    """The first units that fit into the wanted number of rows, or else the smallest; and the others.

    At least ``spare`` units are others, one for each split that is still to get something.
    """
    chosen: set[int] = set()
    for position, unit in enumerate(units):
        if len(unit) <= wanted and len(chosen) < len(units) - spare:
            chosen.add(position)
            wanted -= len(unit)
    chosen = chosen or {min(range(len(units)), key=lambda position: len(units[position]))}
    taken = [unit for position, unit in enumerate(units) if position in chosen]
    return taken, [unit for position, unit in enumerate(units) if position not in chosen]
