"""The spellings of tags: each is written as its definition says, and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.text.scheme_rules import OUTSIDE, Mark, Scheme
from seqkit.text.tag_notation import BARE, HYPHENATED, NOTATIONS, Notation, likely_tag
from seqkit.text.tagging_schemes import Span, tags_from_spans
from tests.text.chunk_strategies import sentences_of_chunks

# The sentence of Carpenter's article and of the documentation of HmmChunker.
BMEWO = ["O", "O", "O", "B_PER", "M_PER", "M_PER", "E_PER", "O", "O", "W_LOC", "O"]
ARTICLE = ["BOS_O", "O", "O_PER", "B_PER", "M_PER", "M_PER", "E_PER", "PER_O", "O_LOC", "W_LOC", "O_EOS"]
CHUNKER = ["BB_O_OOS", "MM_O", "EE_O_PER", *BMEWO[3:7], "BB_O_PER", "EE_O_LOC", "W_LOC", "WW_O_OOS"]


def test_bmewo_plus_is_that_of_its_sources() -> None:
    underscored = Notation("prefix first", "_")
    chunker, article = (notation for notation in NOTATIONS if notation.is_contextual)
    for notation, tags in ((underscored, BMEWO), (article, ARTICLE), (chunker, CHUNKER)):
        marks = [notation.read(tag) for tag in tags]
        assert marks == [underscored.read(tag) for tag in BMEWO]
        assert notation.write([mark for mark in marks if mark]) == tags


@pytest.mark.parametrize(
    ("notation", "tags"),
    [
        (HYPHENATED, "B-PER I-PER O"),
        (Notation("prefix first", "_"), "B_PER I_PER O"),
        (Notation("prefix first", ":", lower=True), "b:PER i:PER O"),
        (Notation("label first"), "PER-B PER-I O"),
        (Notation("label first", "_", lower=True), "PER_b PER_i O"),
        (Notation("prefix alone", entity_type="PER"), "B I O"),
    ],
    ids=str,
)
def test_a_tag_in_another_spelling_says_the_same(notation: Notation, tags: str) -> None:
    assert [notation.read(tag) for tag in tags.split()] == [Mark("B", "PER"), Mark("I", "PER"), OUTSIDE]


def test_bare_types_have_no_prefix() -> None:
    assert [BARE.read(tag) for tag in ("PER", "O", "B-PER", "0", "o", "")] == [
        Mark("I", "PER"),
        OUTSIDE,
        *[None] * 4,
    ]


@given(sentences_of_chunks(), st.sampled_from(NOTATIONS), st.sampled_from(list(Scheme)))
def test_reading_then_writing_gives_the_same_tags(
    sentence: tuple[int, list[Span]], notation: Notation, scheme: Scheme
) -> None:
    length, spans = sentence
    tags = tags_from_spans(spans, length, scheme, notation)
    marks = [mark for mark in map(notation.read, tags) if mark is not None]
    assert len(marks) == length
    assert notation.write(marks) == tags


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        *((cell, "O") for cell in ("0", "o", "O,", "\uff2f", "\u041e", "\u039f", "O\u00a0")),
        *((cell, "B-PER") for cell in ("b-PER", "B_PER", "BPER", "B-PER.", "B--PER")),
        *((cell, None) for cell in ("", "-", "NOUN", "O", "P", "PER-B", "B-")),
    ],
)
def test_the_tag_that_was_meant(cell: str, meant: str | None) -> None:
    assert likely_tag(cell, ["O", "B-PER", "I-PER"]) == meant
