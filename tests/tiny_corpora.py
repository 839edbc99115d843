"""Small corpora that the tests of reading data write, and what is read from them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqkit.data.rows import Row, TaggedSentence

Pairs = list[list[tuple[str, str]]]

TWO_SENTENCES = [[("Ada", "B-PER"), ("ran", "O")], [("Ghent", "B-LOC")]]


def write_file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def write_files(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        write_file(folder, name, content)
    return folder


def conll(*sentences: str) -> str:
    """``"Ada/B-PER ran/O"`` as the lines of a CoNLL file."""
    return "\n\n".join(sentence.replace("/", "\t").replace(" ", "\n") for sentence in sentences) + "\n"


TRAIN, DEV, TEST = conll("Ada/B-PER ran/O", "Ghent/B-LOC"), conll("Bo/B-PER"), conll("Ypres/B-ORG")


def tagged(rows: Sequence[Row]) -> list[TaggedSentence]:
    assert all(isinstance(row, TaggedSentence) for row in rows)
    return [row for row in rows if isinstance(row, TaggedSentence)]


def pairs(rows: Sequence[Row]) -> Pairs:
    return [list(zip(row.tokens, row.tags, strict=True)) for row in tagged(rows)]


def lines(rows: Sequence[Row]) -> list[list[int]]:
    return [list(row.lines) for row in tagged(rows)]


def sizes(corpus: Any) -> dict[str, int]:
    return {split: len(rows) for split, rows in corpus.items()}


def decoded(dataset: Any) -> list[tuple[list[str], list[str]]]:
    """The sentences of a split, with the names of their tags."""
    names = dataset.features["tags"].feature.names
    return [(row["tokens"], [names[tag] for tag in row["tags"]]) for row in dataset]


def tagged_dataset(rows: list[list[Any]], feature: Any, **columns: str) -> Any:
    """A dataset with these tags, of this feature; its columns may have other names than ``tokens`` and ``ner_tags``."""
    import datasets

    names = {"tokens": "tokens", "tags": "ner_tags"} | columns
    features = {
        "id": datasets.Value("string"),
        names["tokens"]: datasets.List(datasets.Value("string")),
        names["tags"]: datasets.List(feature),
    }
    data = {
        "id": [str(row) for row in range(len(rows))],
        names["tokens"]: [[f"w{index}" for index in range(len(row))] for row in rows],
        names["tags"]: rows,
    }
    return datasets.Dataset.from_dict(data, features=datasets.Features(features))


def tag_labels() -> Any:
    """The feature of tags whose names are stored beside their ids."""
    import datasets

    return datasets.ClassLabel(names=["O", "B-X", "I-X", "B-A"])
