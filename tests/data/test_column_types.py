"""Columns of stored datasets are read exactly, or refused with the row; nothing is converted."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from datasets import Dataset, IterableDataset
from pyarrow import parquet

from seqkit.data.corpora import open_corpus
from seqkit.data.formats import documents_of
from seqkit.data.labelled_rows import labelled_rows
from seqkit.data.tagged_rows import rows_of
from seqkit.errors import CorpusError

NOT_STRINGS: dict[str, Any] = {
    "binary": pa.array([b"a", b"b"]),
    "large binary": pa.array([b"a", b"b"], pa.large_binary()),
    "binary of two": pa.array([b"ab", b"cd"], pa.binary(2)),
    "struct": pa.array([{"a": 1}, {"a": 2}]),
    "map": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
    "decimal": pa.array([Decimal("1.0"), Decimal("2.0")]),
    "float": pa.array([1.0, 2.0]),
    "date": pa.array([datetime.date(2000, 1, 1)] * 2),
    "time": pa.array([datetime.datetime(2000, 1, 1)] * 2),
    "list of lists": pa.array([[["a"]], [["b"]]]),
    "list of bytes": pa.array([[b"a"], [b"b", b"c"]]),
}
STRINGS: dict[str, Any] = {
    "string": pa.array(["a", "b"]),
    "large string": pa.array(["a", "b"], pa.large_string()),
    "string view": pa.array(["a", "b"], pa.string_view()),
    "dictionary": pa.array(["a", "b"]).dictionary_encode(),
}
LISTS: dict[str, Any] = {
    "list": pa.array([["a"], ["b", "c"]]),
    "large list": pa.array([["a"], ["b", "c"]], pa.large_list(pa.string())),
    "list of large strings": pa.array([["a"], ["b", "c"]], pa.list_(pa.large_string())),
    "list of a dictionary": pa.ListArray.from_arrays([0, 1, 3], pa.array(["a", "b", "c"]).dictionary_encode()),
}
TAGS = [["O"], ["O", "B-X"]]


def opened(folder: Path, **columns: Any) -> Any:
    path = folder / "a.parquet"
    parquet.write_table(pa.table(columns), path)
    return open_corpus(path, dev_fraction=0)["train"]


@pytest.mark.parametrize("kind", NOT_STRINGS)
def test_what_is_no_string_is_refused_with_its_row(tmp_path: Path, kind: str) -> None:
    values = NOT_STRINGS[kind]
    for columns in (
        {"text": values, "label": ["x", "y"]},
        {"text": values},
        {"text": ["s", "t"], "label": values},
        {"tokens": values, "tags": TAGS},
        {"tokens": [["s"], ["t", "u"]], "tags": values},
        {"text": ["s", "t"], "label": ["x", "y"], "document": values},
    ):
        with pytest.raises(CorpusError, match=r"a\.parquet.*:1: row 1: ") as caught:
            opened(tmp_path, **columns)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("kind", STRINGS)
def test_strings_are_read_however_they_are_stored(tmp_path: Path, kind: str) -> None:
    found = opened(tmp_path, text=STRINGS[kind], label=STRINGS[kind], document=STRINGS[kind])
    assert found["text"][:] == found["document"][:] == ["a", "b"]
    assert found.features["label"].names == ["a", "b"]


@pytest.mark.parametrize("kind", LISTS)
def test_lists_of_strings_are_read_however_they_are_stored(tmp_path: Path, kind: str) -> None:
    found = opened(tmp_path, tokens=LISTS[kind], tags=LISTS[kind])
    assert found["tokens"][:] == [["a"], ["b", "c"]]
    assert found.features["tags"].feature.names == ["a", "b", "c"]


def test_a_column_that_is_not_read_may_have_any_type(tmp_path: Path) -> None:
    for values in NOT_STRINGS.values():
        assert opened(tmp_path, text=["s", "t"], label=["x", "y"], other=values)["text"][:] == ["s", "t"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": pa.array([[], []], pa.list_(pa.null())), "label": ["x", "y"]}, "row 1: a cell of text is \\[\\]"),
        ({"text": pa.nulls(2), "label": ["x", "y"]}, "row 1: a text is null"),
        ({"text": pa.array(["a", None]), "label": ["x", "y"]}, "row 2: a text is null"),
        ({"text": pa.array(["a", None]).dictionary_encode(), "label": ["x", "y"]}, "row 2: a text is null"),
        ({"tokens": [["a"], ["b", None]], "tags": TAGS}, "row 2: a token is null"),
        ({"tokens": [["a"], None], "tags": TAGS}, "row 2: a token is null"),
        ({"tokens": [["a"], ["b"]], "tags": TAGS}, "row 2 does not hold one tag for each token: 1 tokens but 2 tags"),
        ({"tokens": [["a", "c"], ["b", "c"]], "tags": TAGS}, "row 1 does not hold one tag .*: 2 tokens but 1 tags"),
        ({"tokens": ["a", "b"], "tags": TAGS}, "row 1: a cell of tokens is 'a', which is not a list"),
        ({"text": ["a", "b"], "spans": pa.array([[{"start": 0, "end": 1, "label": "X"}], None])}, ":2: .* null"),
    ],
)
def test_what_is_missing_or_does_not_fit_is_refused_with_its_row(
    tmp_path: Path, columns: dict[str, Any], message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        opened(tmp_path, **columns)


def test_tags_that_have_their_type_already_are_checked_too() -> None:
    from datasets import ClassLabel, Features, List, Value

    features = Features({"tokens": List(Value("string")), "tags": List(ClassLabel(names=["O", "B-X"]))})
    dataset = Dataset.from_dict({"tokens": [["a"], ["b"]], "tags": [[0], [0, 1]]}, features=features)
    with pytest.raises(CorpusError, match="row 2 does not hold one tag for each token"):
        open_corpus(dataset, dev_fraction=0)


def test_a_text_of_a_language_model_that_is_no_string_is_refused_with_its_row(tmp_path: Path) -> None:
    for values in NOT_STRINGS.values():
        parquet.write_table(pa.table({"text": values}), tmp_path / "a.parquet")
        with pytest.raises(CorpusError, match=r"a\.parquet:1: the text must be a string, not"):
            list(map(list, documents_of(tmp_path / "a.parquet", "utf-8", None)))


@pytest.mark.parametrize("bad", [1, 1.0, True, b"O", ["O"], Decimal(1)])
def test_a_number_is_no_name_of_a_tag_on_any_road(bad: Any) -> None:
    pandas = pytest.importorskip("pandas")
    rows = [{"tokens": ["a"], "tags": [bad]}]
    for data in (rows, {"tokens": [["a"]], "tags": [[bad]]}, pandas.DataFrame(rows)):
        with pytest.raises(CorpusError, match=r"sentence 1: "):
            rows_of(data)
    if not isinstance(bad, Decimal):
        with pytest.raises(CorpusError, match=r"sentence 1: "):
            rows_of(IterableDataset.from_generator(lambda: iter(rows)))


def test_a_number_that_equals_an_id_is_not_one() -> None:
    from datasets import ClassLabel, Features, List, Value

    features = Features({"tokens": List(Value("string")), "tags": List(ClassLabel(names=["O", "B-X"]))})
    dataset = Dataset.from_dict({"tokens": [["a"]], "tags": [[1]]}, features=features)
    assert rows_of(dataset)["tags"] == [["B-X"]]
    from seqkit.data.label_ids import LabelDecoder

    for other in (1.0, True, Decimal(1)):
        with pytest.raises(CorpusError, match="has no name"):
            LabelDecoder(["O", "B-X"]).decode(other)


@pytest.mark.parametrize(
    "bad", [1.0, b"x", Decimal(1), 10**5000, -(2**63) - 1, object(), {"a": 1}], ids=lambda bad: type(bad).__name__
)
def test_a_label_that_json_cannot_give_back_is_refused_in_one_line(bad: Any) -> None:
    with pytest.raises(CorpusError, match=r"^label 2 is ") as caught:
        labelled_rows(["a", "b"], [1, bad])
    assert len(str(caught.value)) < 300
