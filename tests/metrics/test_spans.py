"""Scores of spans and tags, against seqeval, conlleval's way of counting and scikit-learn, and by hand."""

import json
import math
import warnings
from collections import Counter
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval import scheme as seqeval_scheme
from seqeval.metrics import classification_report
from seqeval.metrics.v1 import precision_recall_fscore_support
from sklearn.metrics import accuracy_score, confusion_matrix

from seqkit.errors import ConfigError
from seqkit.metrics.spans import MISSED, SPURIOUS, Score, SpanReport, span_scores, token_accuracy, type_confusion
from seqkit.text.tagging_schemes import Scheme, Span, SpanMode, spans_from_tags, tags_from_spans

Corpus = list[list[str]]

# seqeval does not know the M and W of the others, which test_tagging_schemes.py compares span by span.
SEQEVAL_SCHEMES = {scheme: vars(seqeval_scheme)[scheme] for scheme in Scheme if scheme in vars(seqeval_scheme)}

GOLD = [[Span(0, 2, "PER"), Span(3, 4, "LOC"), Span(5, 6, "LOC")], [Span(0, 1, "ORG")], []]
PREDICTED = [[Span(0, 2, "PER"), Span(3, 4, "ORG"), Span(5, 7, "LOC")], [], [Span(1, 2, "MISC")]]


@st.composite
def gold_and_predicted(draw: st.DrawFn, scheme: Scheme) -> tuple[Corpus, Corpus]:
    """Tags of equal lengths in any order, mostly malformed; half of the sentences are predicted correctly."""
    tags = ["O", *(f"{prefix}-{label}" for label in "XYZ" for prefix in scheme.prefixes)]
    lengths = draw(st.lists(st.integers(1, 8), min_size=1, max_size=5))
    sentences = [st.lists(st.sampled_from(tags), min_size=length, max_size=length) for length in lengths]
    gold = [draw(sentence) for sentence in sentences]
    return gold, [draw(st.one_of(st.just(one), sentence)) for one, sentence in zip(gold, sentences, strict=True)]


def report_of(gold: Corpus, predicted: Corpus, scheme: Scheme, mode: SpanMode) -> SpanReport:
    return span_scores(
        [spans_from_tags(tags, scheme, mode) for tags in gold],
        [spans_from_tags(tags, scheme, mode) for tags in predicted],
    )


def assert_equals_seqeval(report: SpanReport, gold: Corpus, predicted: Corpus, **mode: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # seqeval warns of divisions by zero
        by_seqeval = classification_report(gold, predicted, output_dict=True, zero_division=0, **mode)
    rows = {label: row for label, row in by_seqeval.items() if not label.endswith(" avg")}
    assert report.by_type.keys() == rows.keys()
    for row, score in [(by_seqeval["micro avg"], report.overall), *((rows[x], report.by_type[x]) for x in rows)]:
        expected = (row["precision"], row["recall"], row["f1-score"])
        assert (score.precision, score.recall, score.f1) == pytest.approx(expected)
        assert score.gold == row["support"]


def conlleval_counts(gold: list[str], predicted: list[str]) -> dict[str, tuple[int, int, int]]:
    """Count gold, predicted and correct chunks by type as conlleval does: in one pass over both columns.

    A correct chunk is open from where both columns start one of the same type until both end it together.
    """
    found: Counter[tuple[str, str]] = Counter()
    is_open = False
    before = [("O", ""), ("O", "")]
    for tags in zip([*gold, "O"], [*predicted, "O"], strict=True):
        now = [(tag[0], tag[2:]) for tag in tags]
        ends = [old[0] != "O" and (new[0] in "OB" or old[1] != new[1]) for old, new in zip(before, now, strict=True)]
        starts = [
            new[0] != "O" and (new[0] == "B" or old[0] == "O" or old[1] != new[1])
            for old, new in zip(before, now, strict=True)
        ]
        if is_open and all(ends):
            found["correct", before[0][1]] += 1
        if any(ends):
            is_open = False
        if all(starts) and now[0][1] == now[1][1]:
            is_open = True
        for column, started, (_, label) in zip(("gold", "predicted"), starts, now, strict=True):
            found[column, label] += started
        before = now
    labels = {label for (_, label), count in found.items() if count}
    return {x: (found["gold", x], found["predicted", x], found["correct", x]) for x in labels}


@pytest.mark.parametrize("scheme", [scheme for scheme in SEQEVAL_SCHEMES if scheme is not Scheme.IOE1])
@given(data=st.data())
def test_strict_scores_equal_seqevals(scheme: Scheme, data: st.DataObject) -> None:
    # IOE1 is compared span by span in test_tagging_schemes.py: seqeval overlooks some of its legal chunks.
    gold, predicted = data.draw(gold_and_predicted(scheme))
    report = report_of(gold, predicted, scheme, "strict")
    if report.by_type:  # seqeval fails if there is nothing to report
        assert_equals_seqeval(report, gold, predicted, mode="strict", scheme=SEQEVAL_SCHEMES[scheme])


@pytest.mark.parametrize("scheme", [scheme for scheme in SEQEVAL_SCHEMES if scheme is not Scheme.BILOU])
@given(data=st.data())
def test_lenient_scores_equal_seqevals_default(scheme: Scheme, data: st.DataObject) -> None:
    # seqeval's default mode does not know the L and U of BILOU.
    gold, predicted = data.draw(gold_and_predicted(scheme))
    report = report_of(gold, predicted, scheme, "conlleval")
    if report.by_type:
        assert_equals_seqeval(report, gold, predicted)


@given(gold_and_predicted(Scheme.IOB2))
def test_lenient_counts_equal_conllevals(drawn: tuple[Corpus, Corpus]) -> None:
    gold, predicted = drawn
    report = report_of(gold, predicted, Scheme.IOB2, "conlleval")
    # The script reads one long column, with an O between sentences.
    columns = [[tag for sentence in corpus for tag in (*sentence, "O")] for corpus in drawn]
    counts = {label: (score.gold, score.predicted, score.correct) for label, score in report.by_type.items()}
    assert counts == conlleval_counts(*columns)


def test_micro_scores_equal_seqevals_on_legal_tags() -> None:
    for scheme, known in SEQEVAL_SCHEMES.items():
        gold, predicted = ([tags_from_spans(spans, 8, scheme) for spans in corpus] for corpus in (GOLD, PREDICTED))
        score = report_of(gold, predicted, scheme, "strict").overall
        expected = precision_recall_fscore_support(gold, predicted, average="micro", scheme=known)
        assert (score.precision, score.recall, score.f1, score.gold) == pytest.approx(expected)


def test_scores_by_hand() -> None:
    report = span_scores(GOLD, PREDICTED)
    assert report.overall == Score(precision=1 / 4, recall=1 / 4, f1=1 / 4, gold=4, predicted=4, correct=1)
    assert report.by_type == {
        "LOC": Score(precision=0.0, recall=0.0, f1=0.0, gold=2, predicted=1, correct=0),
        "MISC": Score(precision=0.0, recall=0.0, f1=0.0, gold=0, predicted=1, correct=0),
        "ORG": Score(precision=0.0, recall=0.0, f1=0.0, gold=1, predicted=1, correct=0),
        "PER": Score(precision=1.0, recall=1.0, f1=1.0, gold=1, predicted=1, correct=1),
    }
    assert list(report.by_type) == ["LOC", "MISC", "ORG", "PER"]


def test_a_span_given_twice_counts_once() -> None:
    assert span_scores([[Span(0, 1, "X")] * 2], [[Span(0, 1, "X")] * 3]).overall == Score(1.0, 1.0, 1.0, 1, 1, 1)


def test_the_same_span_in_another_sequence_is_not_correct() -> None:
    assert span_scores([[Span(0, 1, "X")], []], [[], [Span(0, 1, "X")]]).overall.correct == 0


@given(gold=st.integers(0, 50), predicted=st.integers(0, 50), share=st.floats(0, 1))
def test_f1_is_the_harmonic_mean(gold: int, predicted: int, share: float) -> None:
    score = Score.from_counts(gold, predicted, int(share * min(gold, predicted)))
    if score.correct:
        assert math.isclose(score.f1, 2 / (1 / score.precision + 1 / score.recall))
    else:
        assert score[:3] == (0.0, 0.0, 0.0)


def test_nothing_to_score_is_zero() -> None:
    assert span_scores([], []) == SpanReport(overall=Score(0.0, 0.0, 0.0, 0, 0, 0), by_type={})
    assert type_confusion([], []) == {SPURIOUS: {MISSED: 0}}
    assert token_accuracy([[]], [[]]) == 0.0


def test_the_report_is_json_and_frozen() -> None:
    report = span_scores(GOLD, PREDICTED)
    loaded = json.loads(json.dumps(report.to_dict()))
    assert loaded["f1"] == report.overall.f1
    assert list(loaded) == ["precision", "recall", "f1", "gold", "predicted", "correct", "by_type"]
    assert {label: Score(**fields) for label, fields in loaded["by_type"].items()} == report.by_type
    with pytest.raises(FrozenInstanceError):
        report.overall = Score.from_counts(1, 1, 1)  # type: ignore[misc]


def test_confusion_by_hand() -> None:
    assert type_confusion(GOLD, PREDICTED) == {
        "LOC": {"LOC": 0, "MISC": 0, "ORG": 1, "PER": 0, MISSED: 1},
        "MISC": {"LOC": 0, "MISC": 0, "ORG": 0, "PER": 0, MISSED: 0},
        "ORG": {"LOC": 0, "MISC": 0, "ORG": 0, "PER": 0, MISSED: 1},
        "PER": {"LOC": 0, "MISC": 0, "ORG": 0, "PER": 1, MISSED: 0},
        SPURIOUS: {"LOC": 1, "MISC": 1, "ORG": 0, "PER": 0, MISSED: 0},
    }


@given(gold_and_predicted(Scheme.IOB2))
def test_confusion_equals_sklearns_and_its_margins_equal_the_counts_of_the_scores(drawn: tuple[Corpus, Corpus]) -> None:
    gold, predicted = ([spans_from_tags(tags, Scheme.IOB2, "conlleval") for tags in corpus] for corpus in drawn)
    table = type_confusion(gold, predicted)
    for label, score in span_scores(gold, predicted).by_type.items():
        assert sum(table[label].values()) == score.gold
        assert sum(row[label] for row in table.values()) == score.predicted
        assert table[label][label] == score.correct
    pairs = [
        (one.label, other.label)
        for gold_spans, predicted_spans in zip(gold, predicted, strict=True)
        for one in gold_spans
        for other in predicted_spans
        if one[:2] == other[:2]
    ]
    labels = [row for row in table if row != SPURIOUS]
    if pairs and len(labels) > 1:  # scikit-learn warns of a table of one cell
        expected = confusion_matrix(*zip(*pairs, strict=True), labels=labels).tolist()
        assert [[table[row][column] for column in labels] for row in labels] == expected


def test_confusion_refuses_two_types_for_the_same_tokens() -> None:
    with pytest.raises(ConfigError, match="tokens 0 to 2 are both PER and ORG"):
        type_confusion([[Span(0, 2, "PER"), Span(0, 2, "ORG")]], [[]])


@given(gold_and_predicted(Scheme.IOBES))
def test_accuracy_equals_sklearns(drawn: tuple[Corpus, Corpus]) -> None:
    flat = [[tag for sentence in corpus for tag in sentence] for corpus in drawn]
    assert token_accuracy(*drawn) == pytest.approx(accuracy_score(*flat))


def test_lengths_must_match() -> None:
    with pytest.raises(ValueError, match="1 gold but 2 predicted sequences"):
        token_accuracy([["A"]], [["A"], ["A"]])
    with pytest.raises(ValueError, match="1 gold but 2 predicted tags in sequence 2"):
        token_accuracy([["A"], ["A"]], [["A"], ["A", "B"]])
    with pytest.raises(ConfigError, match="1 gold but 0 predicted sequences"):
        span_scores([[]], [])
    with pytest.raises(ConfigError, match="0 gold but 1 predicted sequences"):
        type_confusion([], [[]])
