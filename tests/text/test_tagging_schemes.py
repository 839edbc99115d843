"""Tagging schemes against seqeval, against the published conlleval rules, and against brute force."""

import re
import warnings
from collections.abc import Iterator
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval import scheme as seqeval_scheme
from seqeval.metrics.sequence_labeling import get_entities

from seqkit.errors import ConfigError, CorpusError
from seqkit.text.tagging_schemes import (
    Scheme,
    Span,
    allowed_transitions,
    convert_tags,
    illegal_tags,
    spans_from_tags,
    tags_from_spans,
)

PREFIXES = {
    "IOB1": "BI",
    "IOB2": "BI",
    "IOE1": "IE",
    "IOE2": "IE",
    "IOBES": "BIES",
    "BILOU": "BILU",
    "BMO": "BM",
    "BMES": "BMES",
    "BMEWO": "BMEW",
}
# What seqeval calls a scheme, and the prefixes that it does not know.
SEQEVAL_NAMES = {"BMO": "IOB2", "BMES": "IOBES", "BMEWO": "IOBES"}
SEQEVAL_PREFIXES = str.maketrans("MW", "IS")
SCHEMES = st.sampled_from(list(Scheme))

# Two touching PER chunks, of two tokens and of one, O, and LOC chunks of one and of three tokens that touch.
EXAMPLE_SPANS = [Span(0, 2, "PER"), Span(2, 3, "PER"), Span(4, 5, "LOC"), Span(5, 8, "LOC")]
EXAMPLE_TAGS = {
    Scheme.IOB1: "I-PER I-PER B-PER O I-LOC B-LOC I-LOC I-LOC",
    Scheme.IOB2: "B-PER I-PER B-PER O B-LOC B-LOC I-LOC I-LOC",
    Scheme.IOE1: "I-PER E-PER I-PER O E-LOC I-LOC I-LOC I-LOC",
    Scheme.IOE2: "I-PER E-PER E-PER O E-LOC I-LOC I-LOC E-LOC",
    Scheme.IOBES: "B-PER E-PER S-PER O S-LOC B-LOC I-LOC E-LOC",
    Scheme.BILOU: "B-PER L-PER U-PER O U-LOC B-LOC I-LOC L-LOC",
    Scheme.BMO: "B-PER M-PER B-PER O B-LOC B-LOC M-LOC M-LOC",
    Scheme.BMES: "B-PER E-PER S-PER O S-LOC B-LOC M-LOC E-LOC",
    Scheme.BMEWO: "B-PER E-PER W-PER O W-LOC B-LOC M-LOC E-LOC",
}


def inventory(scheme: Scheme, labels: str = "XY") -> list[str]:
    return ["O", *(f"{prefix}-{label}" for label in labels for prefix in PREFIXES[scheme])]


def all_sequences(scheme: Scheme, longest: int) -> Iterator[list[str]]:
    for length in range(longest + 1):
        yield from map(list, product(inventory(scheme), repeat=length))


def all_span_sets(length: int, labels: str = "XY", start: int = 0) -> Iterator[list[Span]]:
    """Every set of chunks that do not overlap, over ``length`` tokens."""
    if start == length:
        yield []
        return
    yield from all_span_sets(length, labels, start + 1)
    for end, label in product(range(start + 1, length + 1), labels):
        for rest in all_span_sets(length, labels, end):
            yield [Span(start, end, label), *rest]


@st.composite
def tags_of_a_scheme(draw: st.DrawFn) -> tuple[Scheme, list[str]]:
    """A scheme, and tags of it in any order, mostly malformed."""
    scheme = draw(SCHEMES)
    return scheme, draw(st.lists(st.sampled_from(inventory(scheme)), max_size=12))


@st.composite
def spans_of_a_sentence(draw: st.DrawFn) -> tuple[int, list[Span]]:
    length = draw(st.integers(0, 15))
    borders = sorted(draw(st.sets(st.integers(0, length), max_size=8)))
    labels = st.sampled_from(["PER", "LOC", "B", "with-hyphen", None])
    drawn = [(start, end, draw(labels)) for start, end in pairwise(borders)]
    return length, [Span(start, end, label) for start, end, label in drawn if label]


def seqeval_strict_spans(tags: list[str], scheme: Scheme) -> list[Span]:
    known = getattr(seqeval_scheme, SEQEVAL_NAMES.get(scheme, scheme))
    renamed = [tag[0].translate(SEQEVAL_PREFIXES) + tag[1:] for tag in tags]
    entities = seqeval_scheme.Entities([renamed], known).entities[0]
    return [Span(entity.start, entity.end, entity.tag) for entity in entities]


def seqeval_default_spans(tags: list[str]) -> list[Span]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of prefixes that it does not know
        return [Span(start, last + 1, label) for label, start, last in get_entities(tags)]


# The tables of conlleval's endOfChunk and startOfChunk, as pairs of (previous, current) prefixes. To them comes: a
# chunk also ends after, and starts at, any chunk tag whose label is not its neighbour's.
CONLLEVAL_ENDS = {"BB", "BO", "IB", "IO", "EE", "EI", "EO"}
CONLLEVAL_STARTS = {"BB", "IB", "OB", "OI", "EE", "EI", "OE"}
# The script knows no S and never meets E before B, so these pairs are what IOBES adds.
IOBES_ENDS = {"BS", "IS", "EB", "ES", "SB", "SI", "SE", "SS", "SO"}
IOBES_STARTS = {"BS", "IS", "EB", "ES", "SB", "SI", "SE", "SS", "OS"}


def conlleval_spans(tags: list[str]) -> list[Span]:
    """The script's reading, with L and U of BILOU read as E and S, and M and W of BMEWO as I and S."""
    spans, start = [], None
    old_prefix, old_label = "O", ""
    for position, tag in enumerate([*tags, "O"]):
        prefix, _, label = tag.partition("-")
        prefix = prefix.translate(str.maketrans("LUMW", "ESIS"))
        pair, changed = old_prefix + prefix, label != old_label
        if pair in CONLLEVAL_ENDS | IOBES_ENDS or (old_prefix != "O" and changed):
            assert start is not None
            spans.append(Span(start, position, old_label))
        if pair in CONLLEVAL_STARTS | IOBES_STARTS or (prefix != "O" and changed):
            start = position
        old_prefix, old_label = prefix, label
    return spans


@pytest.mark.parametrize("scheme", Scheme)
def test_hand_written_example(scheme: Scheme) -> None:
    tags = EXAMPLE_TAGS[scheme].split()
    assert tags_from_spans(EXAMPLE_SPANS, 8, scheme) == tags
    assert tags_from_spans(reversed(EXAMPLE_SPANS), 8, scheme) == tags
    assert spans_from_tags(tags, scheme) == spans_from_tags(tags, scheme, "conlleval") == EXAMPLE_SPANS


@pytest.mark.parametrize("scheme", Scheme)
def test_legal_sequences_are_exactly_the_written_span_sets(scheme: Scheme) -> None:
    """The schemes' definition: each set of spans has one spelling, and what spells none is illegal."""
    for length in range(5):
        legal = [list(tags) for tags in product(inventory(scheme), repeat=length) if not illegal_tags(tags, scheme)]
        written = [tags_from_spans(spans, length, scheme) for spans in all_span_sets(length)]
        assert sorted(legal) == sorted(written)


@pytest.mark.parametrize("scheme", Scheme)
def test_transitions_allow_exactly_the_legal_sequences(scheme: Scheme) -> None:
    tags = inventory(scheme)
    can_start, can_follow, can_end = allowed_transitions(tags, scheme)
    number = {tag: index for index, tag in enumerate(tags)}
    for sequence in all_sequences(scheme, 4):
        path = [number[tag] for tag in sequence]
        allowed = not path or (
            can_start[path[0]] and can_end[path[-1]] and all(can_follow[one][next_] for one, next_ in pairwise(path))
        )
        assert allowed == (not illegal_tags(sequence, scheme)), sequence


def test_transitions_of_plain_tags_are_all_allowed() -> None:
    assert allowed_transitions(["NOUN", "B-X"], None) == ([True, True], [[True, True], [True, True]], [True, True])


def test_transitions_refuse_a_foreign_tag() -> None:
    with pytest.raises(CorpusError, match="tag 3 of 3: 'E-X' is not a tag of IOB2"):
        allowed_transitions(["O", "B-X", "E-X"], Scheme.IOB2)


@given(spans_of_a_sentence(), SCHEMES, SCHEMES)
def test_round_trips_between_all_schemes(sentence: tuple[int, list[Span]], source: Scheme, target: Scheme) -> None:
    length, spans = sentence
    tags = tags_from_spans(spans, length, source)
    converted = convert_tags(tags, source, target)
    assert converted == tags_from_spans(spans, length, target)
    assert convert_tags(converted, target, source) == tags
    assert spans_from_tags(tags, source) == spans_from_tags(tags, source, "conlleval") == spans


def touching_single_ends(tags: list[str], spans: list[Span]) -> set[Span]:
    """The ``E-`` tokens that belong to no chunk in ``spans`` and touch a chunk of their own type after them."""
    inside = {position for start, end, _ in spans for position in range(start, end)}
    return {
        Span(position, position + 1, tag[2:])
        for position, (tag, following) in enumerate(pairwise(tags))
        if tag[0] == "E" and position not in inside and following[1:] == tag[1:]
    }


def assert_strict_is_seqeval(tags: list[str], scheme: Scheme) -> None:
    expected = set(seqeval_strict_spans(tags, scheme))
    if scheme is Scheme.IOE1:
        # seqeval's IOE1 has a known gap (its own comment says so): a chunk of one E- token after O or another type is
        # legal where it touches the next chunk, but is not found. Nothing else differs.
        expected |= touching_single_ends(tags, list(expected))
    assert spans_from_tags(tags, scheme) == sorted(expected), tags


@pytest.mark.parametrize("scheme", Scheme)
def test_strict_is_seqeval_strict_on_all_short_sequences(scheme: Scheme) -> None:
    for tags in all_sequences(scheme, 3):
        assert_strict_is_seqeval(tags, scheme)


@given(tags_of_a_scheme())
def test_strict_is_seqeval_strict(drawn: tuple[Scheme, list[str]]) -> None:
    scheme, tags = drawn
    assert_strict_is_seqeval(tags, scheme)


@pytest.mark.parametrize("scheme", Scheme)
def test_conlleval_mode_is_conlleval_on_all_short_sequences(scheme: Scheme) -> None:
    for tags in all_sequences(scheme, 4):
        assert spans_from_tags(tags, scheme, "conlleval") == conlleval_spans(tags), tags


@given(tags_of_a_scheme())
def test_conlleval_mode_is_conlleval_and_seqeval_default(drawn: tuple[Scheme, list[str]]) -> None:
    scheme, tags = drawn
    spans = spans_from_tags(tags, scheme, "conlleval")
    assert spans == conlleval_spans(tags)
    # seqeval's default mode knows B, I, E and S only. Told of the others by these names, it agrees there too.
    renamed = [tag[0].translate(str.maketrans("LUMW", "ESIS")) + tag[1:] for tag in tags]
    assert spans == seqeval_default_spans(renamed)


def test_seqeval_default_mode_deviates_from_conlleval_in_bilou() -> None:
    tags = ["U-PER", "U-PER", "B-LOC", "L-LOC", "L-LOC"]
    assert spans_from_tags(tags[:4], Scheme.BILOU, "strict") == [
        Span(0, 1, "PER"),
        Span(1, 2, "PER"),
        Span(2, 4, "LOC"),
    ]
    assert spans_from_tags(tags, Scheme.BILOU, "conlleval") == conlleval_spans(tags)
    assert seqeval_default_spans(tags) == [Span(0, 2, "PER"), Span(2, 5, "LOC")]  # it merges what U and L separate


def test_the_modes_differ_on_malformed_chunks() -> None:
    tags = ["I-PER", "I-PER", "O", "B-LOC", "I-ORG"]
    assert spans_from_tags(tags, Scheme.IOB2, "strict") == [Span(3, 4, "LOC")]
    assert spans_from_tags(tags, Scheme.IOB2, "conlleval") == [Span(0, 2, "PER"), Span(3, 4, "LOC"), Span(4, 5, "ORG")]


@pytest.mark.parametrize("mode", ["strict", "conlleval"])
@pytest.mark.parametrize("tag", ["X-PER", "E-PER", "B", "B-", "O-PER", "NOUN", "", "b-PER", "-PER", "BI-PER"])
def test_a_tag_that_is_none_of_the_schemes_is_refused(tag: str, mode: str) -> None:
    tags = ["O", tag]
    with pytest.raises(CorpusError, match=f"^tag 2 of 2: {re.escape(repr(tag))} "):
        spans_from_tags(tags, Scheme.IOB2, mode)  # type: ignore[arg-type]
    assert [found.position for found in illegal_tags(tags, Scheme.IOB2)] == [1]


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(ConfigError, match="choose strict or conlleval"):
        spans_from_tags([], Scheme.IOB2, "lenient")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scheme", "tags", "expected"),
    [
        ("IOB2", "I-X", [(0, None, "I-X cannot start a sentence: IOB2 opens a chunk there with B-X")]),
        ("IOB2", "B-X I-Y", [(1, "B-X", "I-Y cannot follow B-X: IOB2 opens a chunk there with B-Y")]),
        ("IOB1", "O B-X", [(1, "O", "B-X cannot follow O: IOB1 opens a chunk there with I-X")]),
        ("IOE1", "I-X E-X", [(1, "I-X", "E-X cannot end a sentence: IOE1 closes a chunk there with I-X")]),
        ("IOE2", "I-X O", [(0, None, "I-X cannot come before O: IOE2 closes a chunk there with E-X")]),
        ("IOBES", "O B-X", [(1, "O", "B-X cannot end a sentence: IOBES closes a chunk there with E-X or S-X")]),
        ("BILOU", "O L-X", [(1, "O", "L-X cannot follow O: BILOU opens a chunk there with B-X or U-X")]),
        (
            "IOBES",
            "B-X E-Y",
            [
                (0, None, "B-X cannot come before E-Y: IOBES closes a chunk there with E-X or S-X"),
                (1, "B-X", "E-Y cannot follow B-X: IOBES opens a chunk there with B-Y or S-Y"),
            ],
        ),
        (
            "IOB2",
            "B-X X-Y I-X",
            [
                (1, "B-X", "'X-Y' is not a tag of IOB2, whose tags are O, B-X and I-X"),
                (2, "X-Y", "I-X cannot follow X-Y: IOB2 opens a chunk there with B-X"),
            ],
        ),
        ("IOB2", "B", [(0, None, "'B' has no label; write the type of the chunk with it, as in B-PER")]),
    ],
)
def test_illegal_tags_are_explained(scheme: str, tags: str, expected: list[tuple[int, str | None, str]]) -> None:
    found = illegal_tags(tags.split(), Scheme(scheme))
    assert [(one.position, one.previous, one.reason) for one in found] == expected
    assert [one.tag for one in found] == [tags.split()[one.position] for one in found]


def test_conversion_repairs_nothing() -> None:
    with pytest.raises(CorpusError, match="tag 2 of 2: I-X cannot follow O"):
        convert_tags(["O", "I-X"], Scheme.IOB2, Scheme.IOBES)


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([Span(0, 4, "X")], "needs a label and 0 <= start < end <= 3"),
        ([Span(-1, 1, "X")], "needs a label and 0 <= start < end <= 3"),
        ([Span(1, 1, "X")], "needs a label and 0 <= start < end <= 3"),
        ([Span(0, 1, "")], "needs a label"),
        ([Span(0, 2, "X"), Span(1, 3, "Y")], "overlap"),
        ([Span(0, 2, "X"), Span(0, 2, "X")], "overlap"),
        ([Span(0, 3, "X"), Span(1, 2, "Y"), Span(2, 3, "Y")], "overlap"),
    ],
)
def test_spans_that_cannot_be_written_are_refused(spans: list[Span], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tags_from_spans(spans, 3, Scheme.IOB2)


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("iob1", "IOB1"),
        ("BIO", "IOB2"),
        ("bioes", "IOBES"),
        ("Iobes", "IOBES"),
        ("biluo", "BILOU"),
        ("bmewo+", "BMEWO"),
    ],
)
def test_scheme_names(name: str, scheme: str) -> None:
    assert Scheme.parse(name) is Scheme(scheme)


def test_an_unknown_scheme_lists_the_choices() -> None:
    with pytest.raises(ConfigError, match=r"'IOB'; choose one of IOB1, IOB2, IOE1, .*, BMEWO, BIO, BIOES, BILUO, "):
        Scheme.parse("IOB")


@pytest.mark.parametrize("scheme", Scheme)
def test_prefixes(scheme: Scheme) -> None:
    assert scheme.prefixes == PREFIXES[scheme]


def test_the_first_illegal_tag_is_named_when_tags_are_converted() -> None:
    with pytest.raises(CorpusError, match=r"^tag 2 of 4: "):
        convert_tags(["O", "I-PER", "O", "I-LOC"], Scheme.IOB2, Scheme.IOBES)
