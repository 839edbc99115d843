"""Gold tags are read as conlleval reads them: against seqeval, on the faults of real corpora."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from seqkit.text.gold_tags import read_gold_tags
from seqkit.text.scheme_rules import Scheme
from seqkit.text.tag_format import TagFormat, detect_format
from seqkit.text.tagging_schemes import Span


def seqeval_spans(tags: list[str]) -> list[Span]:
    """Seqeval's default mode, which follows conlleval."""
    return [Span(start, last + 1, label) for label, start, last in get_entities(tags)]


# As in the training file of CoNLL-2003: IOB1, and B-MISC twice after O.
CONLL_2003 = [
    ["I-ORG", "O", "I-MISC", "O", "O", "O", "I-MISC", "O", "O"],
    ["I-PER", "I-PER"],
    ["I-LOC", "O"],
    ["O", "B-MISC", "I-MISC", "O", "I-PER", "B-PER"],
] * 10 + [["O", "B-MISC", "O"]]
# As in CoNLL-2002: IOB2, and one I- at the start of a sentence.
CONLL_2002 = [["B-LOC", "O", "B-LOC", "O"], ["O", "B-PER", "I-PER"], ["B-ORG", "B-ORG"]] * 10 + [["I-ORG", "I-ORG"]]


@pytest.mark.parametrize(
    ("corpus", "scheme", "faults"),
    [(CONLL_2003[:38] + CONLL_2003[-1:], Scheme.IOB1, 10), (CONLL_2002, Scheme.IOB2, 1)],
    ids=["2003", "2002"],
)
def test_corpora_of_the_shared_tasks_are_read_by_their_own_rules(
    corpus: list[list[str]], scheme: Scheme, faults: int
) -> None:
    found = detect_format(corpus)
    assert found == TagFormat(scheme)
    gold = read_gold_tags(corpus, found)
    assert gold.spans == [seqeval_spans(tags) for tags in corpus]
    assert len(gold.faults) == faults


def test_two_faults_of_many_are_accepted_and_named() -> None:
    corpus = [*CONLL_2003[:3] * 20, CONLL_2003[3], CONLL_2003[-1]]
    gold = read_gold_tags(corpus, TagFormat(Scheme.IOB1))
    assert [(fault.sentence, fault.illegal.tag) for fault in gold.faults] == [(60, "B-MISC"), (61, "B-MISC")]
    assert gold.chunks == sum(len(seqeval_spans(tags)) for tags in corpus) == 104
    assert gold.summary == "2 places break IOB1, which explains 102 of 104 chunks"
    assert gold.refused() == []
    assert gold.refused(strict=True) == gold.faults


@pytest.mark.parametrize(("broken", "refused"), [(5, False), (6, True)])
def test_a_scheme_must_explain_95_percent_of_the_chunks(broken: int, refused: bool) -> None:
    corpus = [["I-X"]] * broken + [["B-X"]] * (100 - broken)
    gold = read_gold_tags(corpus, TagFormat(Scheme.IOB2))
    assert gold.explained == 100 - broken
    assert bool(gold.refused()) is refused


TAGS = st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y", "E-X", "S-X"]), max_size=8)


@given(st.lists(TAGS, max_size=4))
def test_chunks_are_those_of_seqeval_whatever_the_scheme(corpus: list[list[str]]) -> None:
    for scheme in Scheme:
        gold = read_gold_tags(corpus, TagFormat(scheme))
        assert gold.spans == [seqeval_spans(tags) for tags in corpus]
        assert gold.explained <= gold.chunks
        if not gold.faults:
            assert gold.explained == gold.chunks


def test_what_cannot_be_read_is_refused_and_named_first() -> None:
    corpus = [["I-X", "O"], ["B-X", "0"], *[["B-X", "I-X"]] * 50]
    gold = read_gold_tags(corpus, TagFormat(Scheme.IOB2))
    (refused,) = gold.refused()
    assert (refused.sentence, refused.illegal.reason) == (1, "'0' is not a tag of IOB2; did you mean O?")
    assert [fault.sentence for fault in gold.refused(strict=True)] == [1, 0]


def test_a_label_may_end_in_punctuation_if_no_other_does_without() -> None:
    corpus = [["B-C++", "O"], ["B-C", "O"], ["B-etc.", "O"]]
    assert read_gold_tags(corpus, TagFormat(Scheme.IOB2)).faults == []
    (fault,) = read_gold_tags([*corpus, ["I-etc", "B-C,"]], TagFormat(Scheme.IOB2)).faults[-1:]
    assert fault.illegal.reason == "'B-C,' is not a tag of IOB2; did you mean B-C?"


@pytest.mark.parametrize(
    ("chunks", "broken", "refused"), [(10, 1, False), (10, 6, True), (99, 40, False), (100, 6, True)]
)
def test_one_fault_in_a_small_dev_split_is_not_too_many(chunks: int, broken: int, refused: bool) -> None:
    """Otherwise a dev split drawn at random from an accepted corpus could be refused."""
    dev = [["I-X"]] * broken + [["B-X"]] * (chunks - broken)
    assert bool(read_gold_tags(dev, TagFormat(Scheme.IOB2), is_format_of_train=True).refused()) is refused
