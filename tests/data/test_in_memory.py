"""Sentences are the same to a tagger whatever Python holds them in; what cannot be used is named with its row."""

import contextlib
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from seqkit.data.in_memory import is_missing, list_of, read_columns
from seqkit.data.tagged_rows import rows_of, texts_or_words
from seqkit.errors import ConfigError, CorpusError, SeqkitError
from seqkit.tagger import Tagger
from tests.tiny import ROWS, tiny_tagger

TOKENS = [["Ada", "ran"], ["Bo", "met", "Uma"], ["Rain"]]
TAGS = [["B-PER", "O"], ["B-PER", "O", "B-PER"], ["O"]]
NAMES = ["O", "B-PER"]
IDS = [[NAMES.index(tag) for tag in tags] for tags in TAGS]


def arrays(lists: list[Any]) -> Any:
    """Return an array of objects that are arrays."""
    held = np.empty(len(lists), dtype=object)
    held[:] = [np.array(each) for each in lists]
    return held


def of_lists(lists: list[Any]) -> Any:
    held = np.empty(len(lists), dtype=object)
    held[:] = lists
    return held


def with_names(tokens: list[Any], tags: list[Any]) -> Dataset:
    ids = [[NAMES.index(tag) for tag in each] for each in tags]
    features = Features({"words": List(Value("string")), "ner_tags": List(ClassLabel(names=NAMES))})
    return Dataset.from_dict({"words": tokens, "ner_tags": ids}, features=features)


def rows(tokens: list[Any], tags: list[Any]) -> list[dict[str, Any]]:
    return [{"words": words, "ner_tags": each} for words, each in zip(tokens, tags, strict=True)]


Hold = Callable[[list[Any], list[Any]], Any]
HOLDERS: dict[str, Hold] = {
    "mapping": lambda tokens, tags: {"tokens": tokens, "tags": tags},
    "mapping with usual names": lambda tokens, tags: {"words": tokens, "ner_tags": tags, "id": [1, 2, 3]},
    "tuples": lambda tokens, tags: {"tokens": tuple(map(tuple, tokens)), "tags": tuple(map(tuple, tags))},
    "arrays in lists": lambda tokens, tags: {"tokens": list(map(np.array, tokens)), "tags": list(map(np.array, tags))},
    "arrays of arrays": lambda tokens, tags: {"tokens": arrays(tokens), "tags": arrays(tags)},
    "arrays of lists": lambda tokens, tags: {"tokens": of_lists(tokens), "tags": of_lists(tags)},
    "data frame": lambda tokens, tags: pandas.DataFrame({"tokens": tokens, "ner_tags": tags}, index=[7, 7, 3]),
    "data frame of arrays": lambda tokens, tags: pandas.DataFrame({"words": arrays(tokens), "tags": arrays(tags)}),
    "list of dictionaries": rows,
    "tuple of dictionaries": lambda tokens, tags: tuple(rows(tokens, tags)),
    "dataset of strings": lambda tokens, tags: Dataset.from_dict({"words": tokens, "labels": tags}),
    "dataset of class labels": with_names,
    "dataset of NumPy": lambda tokens, tags: with_names(tokens, tags).with_format("numpy"),
    "dataset in another order": lambda tokens, tags: with_names(tokens[::-1], tags[::-1]).select([2, 1, 0]),
    "streamed dataset": lambda tokens, tags: with_names(tokens, tags).to_iterable_dataset(),
    "streamed and mapped": lambda tokens, tags: (
        Dataset.from_dict({"tokens": tokens, "tags": tags}).to_iterable_dataset().map(lambda row: row)
    ),
}
every_holder = pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return tiny_tagger(epochs=1).fit(ROWS, ROWS)


@every_holder
def test_sentences_are_the_same_whatever_holds_them(hold: Hold, tagger: Tagger) -> None:
    held = hold(TOKENS, TAGS)
    assert rows_of(held) == {"tokens": TOKENS, "tags": TAGS}
    found = rows_of(held)
    assert {type(each) for row in (*found["tokens"], *found["tags"]) for each in row} == {str}
    assert list(texts_or_words(held)) == TOKENS
    assert tagger.evaluate(held).scores == tagger.evaluate({"tokens": TOKENS, "tags": TAGS}).scores
    assert tagger.predict(held, confidence=False) == tagger.predict(TOKENS, confidence=False)
    for one, other in zip(tagger.predict_proba(held), tagger.predict_proba(TOKENS), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_tagger_is_trained_on_whatever_holds_the_sentences() -> None:
    frame = pandas.DataFrame({"words": ROWS["tokens"], "ner_tags": ROWS["tags"]})
    stream = Dataset.from_dict({"tokens": ROWS["tokens"], "tags": ROWS["tags"]}).to_iterable_dataset()
    expected = tiny_tagger(epochs=1).fit(ROWS, ROWS).outcome
    found = tiny_tagger(epochs=1).fit(frame, stream).outcome
    assert expected
    assert found
    assert found.best == expected.best


# A missing value in a row, and the start of the message.
MISSING: dict[str, tuple[dict[str, Any], str]] = {
    "no token": ({"tokens": ["Bo", None, "Uma"]}, "token 2 is None, which is not a string"),
    "NaN for a token": ({"tokens": ["Bo", "met", float("nan")]}, "token 3 is nan, which is not a string"),
    "NA for a token": ({"tokens": [pandas.NA, "met", "Uma"]}, "token 1 is <NA>, which is not a string"),
    "a number for a token": ({"tokens": ["Bo", 3, "Uma"]}, "token 2 is 3, which is not a string"),
    "bytes for a token": ({"tokens": [b"Bo", "met", "Uma"]}, "token 1 is b'Bo', which is not a string"),
    "no tokens": ({"tokens": None}, "a list of tokens is needed, not None"),
    "NaN for tokens": ({"tokens": float("nan")}, "a list of tokens is needed, not nan"),
    "text for tokens": ({"tokens": "Bo met Uma"}, "a list of tokens is needed, not 'Bo met Uma'"),
    "no tag": ({"tags": ["B-PER", None, "O"]}, "its tags are withheld"),
    "NaN for a tag": ({"tags": ["B-PER", float("nan"), "O"]}, "its tags are withheld"),
    "no tags": ({"tags": None}, "its tags are withheld"),
    "NaN for tags": ({"tags": float("nan")}, "its tags are withheld"),
    "one tag for all": ({"tags": "B-PER"}, "a list of tags is needed, not 'B-PER'"),
    "a number for a tag": ({"tags": ["B-PER", 1, "O"]}, r"labels are numbers without names \(such as 1\)"),
    "a list for a tag": ({"tags": ["B-PER", ["O"], "O"]}, r"a label must be a string, not \['O'\]"),
    "bytes for a tag": ({"tags": ["B-PER", b"O", "O"]}, "a label must be a string, not b'O'"),
}


@pytest.mark.parametrize(("change", "message"), MISSING.values(), ids=MISSING)
@pytest.mark.parametrize("hold", ["mapping", "rows", "frame"])
def test_a_null_token_or_tag_is_told_with_its_row(
    change: dict[str, Any], message: str, hold: str, tagger: Tagger
) -> None:
    plain = [{"tokens": words, "tags": tags} for words, tags in zip(TOKENS, TAGS, strict=True)]
    broken = [plain[0], {**plain[1], **change}, plain[2]]
    held: Any = broken
    if hold != "rows":
        columns = {name: [row[name] for row in broken] for name in ("tokens", "tags")}
        held = columns if hold == "mapping" else pandas.DataFrame(columns)
    for use in (
        lambda: tagger.evaluate(held),
        lambda: tiny_tagger().fit(held, ROWS),
        lambda: tiny_tagger().fit(ROWS, held),
    ):
        with pytest.raises(CorpusError, match=f"^sentence 2: {message}"):
            use()


@pytest.mark.parametrize("column", ["tokens", "tags"])
def test_a_null_in_a_dataset_is_told_with_its_row(column: str, tagger: Tagger) -> None:
    held = {"tokens": TOKENS, "tags": TAGS, column: [["O"] * 2, ["O", None, "O"], ["O"]]}
    for data in (Dataset.from_dict(held), Dataset.from_dict(held).to_iterable_dataset()):
        for use in (lambda given: tagger.evaluate(given), lambda given: tiny_tagger().fit(given, ROWS)):
            with pytest.raises(CorpusError, match=r"^sentence 2: (token 2 is None|its tags are withheld)"):
                use(data)


def test_numbers_without_names_are_told_with_their_row(tagger: Tagger) -> None:
    unnamed = Dataset.from_dict({"tokens": TOKENS, "tags": IDS})
    for held in (unnamed, unnamed.to_iterable_dataset(), {"tokens": TOKENS, "tags": arrays(IDS)}):
        with pytest.raises(CorpusError, match=r"^sentence 1: labels are numbers without names \(such as 1\)"):
            tagger.evaluate(held)


@pytest.mark.parametrize(
    ("text", "shown"),
    [(None, "None"), (float("nan"), "nan"), (3, "3"), (b"Bo", "b'Bo'"), ({"Bo", "ran"}, "{")],
    ids=["None", "NaN", "number", "bytes", "set"],
)
def test_a_text_that_cannot_be_tagged_is_told_with_its_number(text: Any, shown: str, tagger: Tagger) -> None:
    given = ["Ada ran", text]
    for use in (tagger.predict, tagger.predict_proba, lambda texts: list(tagger.stream(iter(texts)))):
        with pytest.raises(CorpusError, match=rf"^text 2 is {shown}.*neither a string nor a list of words"):
            use(given)
        with pytest.raises(CorpusError, match=r"^text 1: token 2 is .* not a string"):
            use([["Bo", text]])


def test_what_is_no_list_of_sentences_is_told(tagger: Tagger) -> None:
    no_columns: list[Any] = [TOKENS, "Ada ran", None, 7, iter(rows(TOKENS, TAGS)), np.array(["Ada"]), (TOKENS, TAGS)]
    for data in no_columns:
        with pytest.raises(
            CorpusError, match=r"^tagging needs tokens and tags: give a dataset, a data frame or a mapping"
        ):
            tagger.evaluate(data)
    for data in ("Ada ran", None, 7):
        with pytest.raises(ConfigError, match=r"^give a list of texts, such as"):
            tagger.predict(data)
    for data in ({"id": [1]}, [{"id": 1}], pandas.DataFrame({"id": [1]}), Dataset.from_dict({"id": [1]})):
        with pytest.raises(CorpusError, match=r"^tagging needs tokens and tags, .*; this corpus has id; name"):
            tagger.evaluate(data)
        with pytest.raises(CorpusError, match=r"no tokens and no text, only id$"):
            tagger.predict(data)
    with pytest.raises(CorpusError, match=r"^the column 'tokens' is a single value"):
        tagger.evaluate({"tokens": "Ada", "tags": [["O"]]})


def test_texts_are_tagged_where_there_are_no_tokens(tagger: Tagger) -> None:
    texts = ["Ada ran", "Bo met Uma."]
    data = Dataset.from_dict({"text": texts})
    expected = tagger.predict(texts)
    for held in ({"text": texts}, data, data.to_iterable_dataset(), list(data), data.to_pandas(), np.array(texts)):
        assert tagger.predict(held) == expected


def test_a_streamed_dataset_is_read_as_it_is_needed(tagger: Tagger) -> None:
    pulled: list[int] = []

    def noted(row: dict[str, Any], index: int) -> dict[str, Any]:
        pulled.append(index)
        return row

    texts = texts_or_words(
        Dataset.from_dict({"text": ["Ada"] * 50}).to_iterable_dataset().map(noted, with_indices=True)
    )
    assert pulled == []
    assert next(texts) == "Ada"
    assert len(pulled) < 50


def test_columns_are_those_that_were_asked_for() -> None:
    found = read_columns(with_names(TOKENS, TAGS), {"tags": ("tags", "ner_tags"), "text": ("text",)})
    assert found is not None
    assert (found.names, found.columns, found.class_names) == (["words", "ner_tags"], {"tags": IDS}, {"tags": NAMES})
    assert read_columns(["Ada"], {}) is None
    assert read_columns([], {}) is None


@pytest.mark.parametrize("value", ["Ada", b"Ada", 3, None, {"Ada"}, {"Ada": 1}, np.array("Ada"), np.float64(1)])
def test_a_single_value_is_no_list(value: object) -> None:
    assert list_of(value) is None


def test_pandas_values_may_be_missing() -> None:
    assert all(map(is_missing, (None, float("nan"), np.float32("nan"), pandas.NA, pandas.NaT)))
    assert not any(map(is_missing, ("", 0, False, [], "nan")))


def test_every_error_is_one_of_seqkit(tagger: Tagger) -> None:
    """Whatever stands in place of tokens and tags, it is scored or a SeqkitError comes out."""
    odd: list[Any] = [None, 3, float("nan"), "O", b"O", [], ["O"], [["O"]], {"O": 1}, np.eye(2), object()]
    for tokens, tags in itertools.product(odd, odd):
        for held in ({"tokens": tokens, "tags": tags}, {"tokens": [tokens], "tags": [tags]}):
            with contextlib.suppress(SeqkitError):
                assert tagger.evaluate(held).scores["accuracy"] <= 1
