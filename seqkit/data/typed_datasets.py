"""Rows, and datasets of any origin, as ``datasets.DatasetDict`` with seqkit's features.

A corpus is one of four kinds, which its columns tell::

    tokens: List(Value("string"))   tags: List(ClassLabel)      tagged sentences
    text: Value("string")           spans: List(start, end, label)   annotated texts; offsets count code points
    text: Value("string")           label: ClassLabel           labelled texts; List(ClassLabel) for multi-label texts
    text: Value("string")                                       plain text

There may also be ``document``, if documents are marked, and ``source`` (``file:line``) for rows read from a text file.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seqkit.data.annotated_spans import MarkedSpan, parse_span, place_spans
from seqkit.data.annotations import unit_for
from seqkit.data.column_names import DOCUMENT, LABEL, SPANS, TAGS, TEXT, TOKENS, first_present
from seqkit.data.column_types import check_columns, item_feature
from seqkit.data.label_ids import LabelDecoder, class_names
from seqkit.data.left_out import located
from seqkit.data.rows import AnnotatedText, LabelledText, Row, TaggedSentence
from seqkit.data.split_files import SPLIT_WORDS
from seqkit.data.text_files import checked_string
from seqkit.errors import CorpusError
from seqkit.text.limits import limit_of

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, Features

__all__ = ["Columns", "build_corpus", "columns_of", "kind_of", "label_names", "normalize_corpus"]

Columns = dict[str, list[Any]]

MOST_LABELS = 100_000
"""How many labels a corpus may have, for each of which a model has its own weights. The variable raises the limit."""
LIMIT_VARIABLE = "SEQKIT_MOST_LABELS"


def kind_of(columns: Collection[str]) -> list[str]:
    """Return the columns that make the kind of a corpus.

    >>> kind_of(["text", "label", "source"])
    ['label', 'text']
    """
    return sorted({"tags", "spans", "label", "text"}.intersection(columns))


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
        if isinstance(rows[0], AnnotatedText):
            annotated = [row for row in rows if isinstance(row, AnnotatedText)]
            columns["spans"] = [[span._asdict() for span in row.spans] for row in annotated]
        if isinstance(rows[0], LabelledText):
            columns["label"] = [row.label for row in rows if isinstance(row, LabelledText)]
    if any(row.document is not None for row in rows):
        columns["document"] = [row.document for row in rows]
    own = [row.file if isinstance(row, AnnotatedText) else None for row in rows]
    columns["source"] = [f"{each or file}:{row.line}" for each, row in zip(own, rows, strict=True)]
    return columns


def label_names(train: Iterable[str], others: Iterable[str] = ()) -> list[str]:
    """Sort labels: first those of train, with ``O`` before all, then those that occur in other splits only.

    >>> label_names(["B-PER", "O", "B-LOC"], ["B-MISC", "O"])
    ['O', 'B-LOC', 'B-PER', 'B-MISC']
    """
    known = set(train)
    return sorted(known, key=_label_order) + sorted(set(others) - known, key=_label_order)


def _label_order(name: str) -> tuple[bool, bool, int, str]:
    is_number = name.isascii() and name.isdecimal()
    return name != "O", not is_number, int(name) if is_number else 0, name


def build_corpus(splits: Mapping[str, Columns], names: Sequence[str] | None = None) -> "DatasetDict":
    """Build a corpus with typed features.

    Args:
        splits: for each split its columns, with tags and labels as strings (None if unknown or withheld).
        names: the labels in order; by default :func:`label_names` of those that occur.

    Raises:
        CorpusError: there are more than ``MOST_LABELS`` labels.

    >>> corpus = build_corpus({"train": {"text": ["fine", "dull"], "label": ["good", "bad"]}})
    >>> corpus["train"].features["label"].names
    ['bad', 'good']
    """
    from datasets import Dataset, DatasetDict

    multi_label = any(isinstance(label, list) for columns in splits.values() for label in columns.get("label", ()))
    if multi_label:
        splits = {
            split: {**columns, "label": [None if each is None else _as_list(each) for each in columns["label"]]}
            for split, columns in splits.items()
        }
    if names is None:
        others = {label for split, columns in splits.items() if split != "train" for label in _labels(columns)}
        names = label_names(_labels(splits.get("train", {})), others)
    if len(names) > (most := limit_of(LIMIT_VARIABLE, MOST_LABELS)):
        raise CorpusError(
            f"there are {len(names)} different labels, more than {most}; choose the column of the labels, or set the"
            f" environment variable {LIMIT_VARIABLE} to a greater number"
        )
    ids: dict[str | None, int | None] = {name: index for index, name in enumerate(names)} | {None: None}
    corpus = {}
    for split, columns in splits.items():
        encoded = dict(columns)
        for column in ("tags", "label"):
            if column in columns:
                encoded[column] = [
                    [ids[each] for each in value] if isinstance(value, list) else ids[value]
                    for value in columns[column]
                ]
        corpus[split] = Dataset.from_dict(encoded, features=_features(columns, names, multi_label))
    return DatasetDict(corpus)


def _labels(columns: Columns) -> set[str]:
    """Return the tags or labels that occur, without those that are withheld."""
    values = columns.get("tags", columns.get("label", ()))
    return {label for value in values for label in _as_list(value) if label is not None}


def _as_list(label: object) -> list[Any]:
    return label if isinstance(label, list) else [label]


def _features(columns: Columns, names: Sequence[str], multi_label: bool) -> "Features":
    from datasets import ClassLabel, Features, List, Value

    label = ClassLabel(names=list(names))
    types = {
        "tokens": List(Value("string")),
        "tags": List(label),
        "spans": List({"start": Value("int64"), "end": Value("int64"), "label": Value("string")}),
        "label": List(label) if multi_label else label,
    }
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
    offsets: str | None = None,
) -> "DatasetDict":
    """Give datasets seqkit's split names, columns and features; those that have them already are not copied.

    Args:
        corpus: datasets by split.
        where: the name of the corpus, for errors.
        token_column: the column of the tokens; by default one of the usual names.
        tag_column: the column of the tags or labels; by default one of the usual names.
        text_column: the column of texts; by default ``text``.
        names: names of the labels, if the corpus stores numbers without names.
        not_a_word: the tag of tokens that are not words and are left out.
        offsets: what the offsets of spans count; by default characters.

    Raises:
        CorpusError: columns are missing, or have a type that cannot be used.

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
        check_columns(datasets[split], f"{where} ({name})")
    features = [dataset.features for dataset in datasets.values()]
    if offsets is not None and not all("spans" in each for each in features):
        raise CorpusError("this corpus has no spans of characters; leave --offsets out", file=where)
    if _are_typed(features) and not_a_word is None:
        return DatasetDict(datasets)
    splits = {split: _decode(dataset, names, f"{where} ({split})", offsets) for split, dataset in datasets.items()}
    if not_a_word is not None:
        for columns in splits.values():
            _drop_rows(columns, not_a_word)
    if len({tuple(kind_of(columns)) for columns in splits.values()}) > 1:
        raise CorpusError("the splits do not have the same columns", file=where)
    return build_corpus(splits, _stored_names(datasets, names))


def _rename(
    dataset: "Dataset", where: str, token_column: str | None, tag_column: str | None, text_column: str | None
) -> "Dataset":
    """Keep the columns that seqkit reads, under seqkit's names."""
    from datasets import Value

    columns = dataset.column_names
    tokens = None if text_column else token_column or first_present(TOKENS, columns)
    renamed: dict[str, str]
    spans = None if tag_column else _span_column(dataset)
    if spans is not None:
        renamed = {text_column or TEXT[0]: "text", spans: "spans"}
    elif tokens is not None:
        tags = tag_column or first_present(TAGS, columns)
        if tags is None:
            raise CorpusError(
                f"no column of tags; choose one of its columns with --tag-column: {', '.join(columns)}", file=where
            )
        renamed = {tokens: "tokens", tags: "tags"}
    else:
        text = text_column or TEXT[0]
        if text not in columns:
            raise CorpusError(
                f"neither tokens nor {text} among its columns: {', '.join(columns)}; name one with --text-column",
                file=where,
            )
        renamed = {text: "text"}
        if label := tag_column or first_present(LABEL, columns):
            renamed[label] = "label"
    if document := first_present(DOCUMENT, columns):
        renamed[document] = "document"
    for old in renamed:
        if old not in columns:
            raise CorpusError(f"no column {old!r}; its columns: {', '.join(columns)}", file=where)
    if "source" not in renamed and dataset.features.get("source") == Value("string"):
        renamed["source"] = "source"
    selected = dataset.select_columns(list(renamed))
    return selected.rename_columns({old: new for old, new in renamed.items() if old != new})


def _span_column(dataset: "Dataset") -> str | None:
    """Return the column of lists of objects that annotate spans of a text, if there is one."""
    features: Mapping[str, object] = dataset.features
    return next((name for name in SPANS if isinstance(item_feature(features.get(name)), dict)), None)


def _are_typed(features: Sequence["Features"]) -> bool:
    """Return whether all splits have the features of a corpus already, with the same names in the same order."""
    from datasets import List, Value

    first = features[0]
    labels = first_present(("tags", "label"), first)
    strings = [first[name] for name in ("text", "document") if name in first]
    return (
        all(each == first and "spans" not in each for each in features)  # spans are checked, and placed by their unit
        and all(each == Value("string") for each in strings)
        and first.get("tokens", List(Value("string"))) == List(Value("string"))
        and (labels is None or class_names(first, labels) is not None)
        and (labels != "tags" or isinstance(first["tags"], List))
    )


def _stored_names(datasets: Mapping[str, "Dataset"], names: Sequence[str]) -> list[str] | None:
    """Return the names in the order in which the corpus stores them, train first; None if it stores strings."""
    ordered = sorted(datasets, key=lambda split: split != "train")
    stored = [_names_of(datasets[split], names) for split in ordered]
    return list(dict.fromkeys(name for each in stored for name in each)) if all(stored) else None


def _names_of(dataset: "Dataset", names: Sequence[str]) -> list[str]:
    labels = first_present(("tags", "label"), dataset.column_names)
    stored = None if labels is None else class_names(dataset.features, labels)
    return stored or list(names)


def _decode(dataset: "Dataset", names: Sequence[str], where: str, offsets: str | None) -> Columns:
    columns: Columns = {key: list(values) for key, values in dataset.to_dict().items()}
    if "document" in columns:
        columns["document"] = [None if each is None else str(each) for each in columns["document"]]
    for row, tags in enumerate(columns.get("tags", ()), start=1):
        if tags is None:
            raise CorpusError(f"row {row} does not hold one tag for each token: it has none", file=where, line=row)
    if "spans" in columns:
        columns["spans"] = _plain_spans(columns, where, offsets)
    known = _names_of(dataset, names)
    if "label" in columns and not known:
        columns["label"] = _numbers_as_strings(columns["label"])
    decoder = LabelDecoder(known)
    decoded: Columns = {name: [] for name in ("tags", "label") if name in columns}
    for name, values in decoded.items():
        for row, value in enumerate(columns[name], start=1):
            with located(where, row):
                values += decoder.decode_all([value])
    return columns | decoded


def _plain_spans(columns: Columns, where: str, offsets: str | None) -> list[list[dict[str, Any]]]:
    """Return the spans as ``columns_of`` writes them."""
    marked: list[tuple[str, list[MarkedSpan]]] = []
    for row, (text, spans) in enumerate(zip(columns["text"], columns["spans"], strict=True), start=1):
        with located(where, row):
            if spans is None:
                raise CorpusError("the spans are null; give the row an empty list, or leave it out")
            marked.append((checked_string(text), list(map(parse_span, spans))))
    unit = unit_for(marked, where, offsets)
    plain = []
    for row, (text, spans) in enumerate(marked, start=1):
        with located(where, row):
            plain.append([span._asdict() for span in place_spans(spans, text, unit)])
    return plain


def _numbers_as_strings(labels: Sequence[object]) -> list[Any]:
    """Name labels that are numbers without names after themselves."""

    def named(label: object) -> object:
        if isinstance(label, list):
            return [named(each) for each in label]
        return str(label) if isinstance(label, int) else label

    return [named(label) for label in labels]


def _drop_rows(columns: Columns, tag: str) -> None:
    kept = [[index for index, each in enumerate(tags) if each != tag] for tags in columns["tags"]]
    for name in ("tokens", "tags"):
        columns[name] = [[cells[index] for index in row] for cells, row in zip(columns[name], kept, strict=True)]
