"""The format of a corpus is the one that explains the most of its chunks; plain tags have none."""

import random
from collections.abc import Sequence
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.text.gold_tags import read_gold_tags
from seqkit.text.scheme_rules import Scheme
from seqkit.text.tag_format import TagFormat, detect_format
from seqkit.text.tag_notation import BARE, NOTATIONS, Notation
from seqkit.text.tagging_schemes import Span, illegal_tags, spans_from_tags, tags_from_spans
from tests.text.chunk_strategies import sentences_of_chunks

# A chunk of each kind: long, touching one of its own label, alone; and tokens outside.
CHUNKS = [Span(0, 3, "PER"), Span(3, 4, "PER"), Span(6, 8, "LOC"), Span(9, 10, "PER")]


def detected(*sentences: str) -> TagFormat | None:
    return detect_format(sentence.split() for sentence in sentences)


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize("notation", NOTATIONS, ids=str)
def test_every_scheme_in_every_notation_is_found_and_read_and_written(scheme: Scheme, notation: Notation) -> None:
    tags = tags_from_spans(CHUNKS, 12, scheme, notation)
    found = detect_format([tags])
    assert found == TagFormat(scheme, notation)
    gold = read_gold_tags([tags], found)
    assert gold.faults == []
    assert [span[:2] for span in gold.spans[0]] == [span[:2] for span in CHUNKS]
    assert tags_from_spans(gold.spans[0], 12, scheme, notation) == tags


@given(st.lists(sentences_of_chunks(("PER", "LOC")), max_size=4), st.sampled_from(list(Scheme)))
def test_a_legal_corpus_is_read_without_a_fault(corpus: list[tuple[int, list[Span]]], scheme: Scheme) -> None:
    tags = [tags_from_spans(spans, length, scheme) for length, spans in corpus]
    found = detect_format(tags)
    if found is None:
        assert not any(spans for _, spans in corpus)
    else:
        gold = read_gold_tags(tags, found)
        assert (gold.spans, gold.faults) == ([spans for _, spans in corpus], [])


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        (["B-X O", "B-Y B-Y"], "IOB2"),
        (["S-X O", "S-Y S-X"], "IOBES"),
        (["U-X"], "BILOU"),
        (["W-X"], "BMEWO"),
        (["E-X O"], "IOE2"),
        (["I-X O", "I-X E-X I-X"], "IOE1"),
        (["I-X O", "I-X B-X"], "IOB1"),
        (["B-X M-X O", "B-X"], "BMO"),
        (["B-X M-X E-X", "S-X S-X B-X E-X"], "BMES"),
        # Illegal in every scheme: the one that explains the most.
        (["B-X I-X O B-X", "O I-X", "B-X"], "IOB2"),
        (["I-X I-X O I-X", "O B-X", "I-Y"], "IOB1"),
        (["B-X E-X", "S-X", "B-X O"], "IOBES"),
        (["B-X I-X O", "X-Y"], "IOB2"),
        (["B-X I-X I-X", "B NOUN"], "IOB2"),
    ],
)
def test_the_scheme_by_hand(sentences: list[str], scheme: str) -> None:
    assert detected(*sentences) == TagFormat(Scheme(scheme))


CHUNK_TAGS = [f"{prefix}-{label}" for prefix in "BIESUWML" for label in "XY"]


@given(st.lists(st.lists(st.sampled_from(["O", *CHUNK_TAGS]), max_size=6), max_size=4))
def test_no_scheme_explains_more_than_the_one_that_is_found(corpus: list[list[str]]) -> None:
    found = detect_format(corpus)
    if found is not None:
        shares = {scheme: explained(corpus, scheme) for scheme in Scheme}
        assert shares[found.scheme] == max(shares.values())


def explained(corpus: Sequence[Sequence[str]], scheme: Scheme) -> int:
    """Count the chunks of conlleval that the strict reading finds if every other tag is left out."""
    gold = read_gold_tags(corpus, TagFormat(scheme))
    assert sum(map(len, gold.spans)) == gold.chunks
    known = ["O", *(tag for tag in CHUNK_TAGS if tag[0] in scheme.prefixes)]
    count = 0
    for tags, spans in zip(corpus, gold.spans, strict=True):
        strict = spans_from_tags([tag if tag in known else "O" for tag in tags], scheme)
        count += sum(span in spans and all(tag in known for tag in tags[span.start : span.end]) for span in strict)
    return count


@pytest.mark.parametrize(
    "tags",
    [
        "",
        "O",
        "O O O",
        "NOUN VERB ADJ PUNCT X SYM INTJ",
        "NNP PRP$ WP$ -LRB- -RRB- `` '' , . : $ # HYPH",
        "_ _ _",
        "- -- B-",
        "S- I- C- G- Nb V- Px",  # PROIEL's parts of speech
        "I-------- S-------- U--------",  # positional morphology
        "NN-TL NP-HL VBD IN AT B-HL NN NN",  # Brown, and a stray look-alike
        "B-HL B-HL NN NN NN",
        "n v a d m u w p r b i s e l",  # the parts of speech of PKU
        "I I I",
    ],
)
def test_plain_tags_have_no_format(tags: str) -> None:
    assert detected(tags, "") is None


@pytest.mark.parametrize(
    ("sentence", "name"),
    [
        ("B-PER I-PER O", "IOB2"),
        ("PER-B PER-I O", "IOB2, like PER-B"),
        ("b-per i-per o", "IOB2, like b-per"),
        ("B_PER E_PER O W_PER", "BMEWO, like B_PER"),
        ("B_PER E_PER WW_O_LOC W_LOC", "BMEWO+, like B_PER"),
        ("B_PER E_PER O_LOC W_LOC", "BMEWO+, like B_PER"),
        ("B I I O", "IOB2 without types, like B"),
        ("B M E S", "BMES without types, like B"),  # word segmentation
        ("I I O", "IOB1 without types, like I"),
        ("PER PER O LOC", "IOB1 without prefixes, so that each run of a type is one chunk"),
        ("E-PER O", "IOE2"),
        ("PER_I PER_E O", "IOE2, like PER_I"),
    ],
)
def test_the_format_is_named(sentence: str, name: str) -> None:
    assert str(detected(sentence)) == name


@given(st.lists(st.sampled_from(["O", "PER", "LOC", "with space", "I"]), min_size=1).filter({"O", "PER"}.issubset))
def test_each_run_of_a_bare_type_is_a_chunk(tags: list[str]) -> None:
    found = detect_format([tags])
    assert found == TagFormat(Scheme.IOB1, BARE)
    runs = [(label, len(list(run))) for label, run in groupby(tags)]
    (spans,) = read_gold_tags([tags], found).spans
    assert [(span.label, span.end - span.start) for span in spans] == [run for run in runs if run[0] != "O"]
    assert tags_from_spans(spans, len(tags), Scheme.IOB1, BARE) == tags


def test_the_type_of_untyped_chunks_changes_no_other_format() -> None:
    assert detect_format([["B-X", "I-X"]], entity_type="name") == TagFormat(Scheme.IOB2)
    untyped = detect_format([["B", "I"]], entity_type="name")
    assert untyped == TagFormat(Scheme.IOB2, Notation("prefix alone", "", entity_type="name"))


def test_a_known_scheme_is_kept_and_its_notation_found() -> None:
    assert detect_format([["B-X", "O"]], scheme=Scheme.IOB1) == TagFormat(Scheme.IOB1)
    assert detect_format([["X_B", "O"]], scheme=Scheme.IOB1) == TagFormat(Scheme.IOB1, Notation("label first", "_"))
    assert detect_format([["NOUN", "O"]], scheme=Scheme.IOB1) == TagFormat(Scheme.IOB1)


def test_a_prefix_is_not_taken_for_a_label() -> None:
    """Labels that look like prefixes: only one reading explains the chunks."""
    for notation in (Notation(), Notation("label first")):
        spans = [Span(0, 3, "S"), Span(4, 5, "E"), Span(6, 8, "E")]
        assert detect_format([tags_from_spans(spans, 9, Scheme.IOB2, notation)]) == TagFormat(Scheme.IOB2, notation)


def test_the_format_of_a_large_corpus() -> None:
    rng = random.Random(1)
    sentence = [Span(start, start + rng.randint(1, 3), rng.choice("XYZ")) for start in range(0, 27, 3)]
    corpus = [tags_from_spans(sentence[: rng.randint(0, 9)], 30, Scheme.IOBES) for _ in range(7_000)]
    assert detect_format(corpus) == TagFormat(Scheme.IOBES)


def test_bmewo_plus_is_checked_outside_chunks_too() -> None:
    found = detected("B_PER E_PER BB_O_PER MM_O EE_O_LOC W_LOC")
    assert found is not None
    (fault,) = illegal_tags(["B_PER", "E_PER", "BB_O_LOC", "MM_O", "EE_O_LOC", "W_LOC"], found.scheme, found.notation)
    assert (fault.position, fault.reason) == (2, "BB_O_LOC cannot stand there: this token has BB_O_PER")
