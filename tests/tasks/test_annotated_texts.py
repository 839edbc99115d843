"""Taggers on texts with character spans: the tokens never see the gold, so a score is what raw text earns."""

import json
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data.corpora import open_corpus
from seqkit.errors import CorpusError, SeqkitWarning
from seqkit.tagger import Tagger
from seqkit.tasks.tagging import TaggingTask
from seqkit.tasks.tagging_windows import MAX_WINDOW
from tests.command_line import seqkit
from tests.tiny import ROWS, task_of, tiny_tagger
from tests.tiny_corpora import write_file

Spans = Sequence[tuple[int, int, str]]
CHINESE = [("王伟在北京工作。", [(0, 2, "PER"), (3, 5, "LOC")]), ("李娜在上海。", [(0, 2, "PER"), (3, 5, "LOC")])]
DRUGS = [("drug-induced pain", [(0, 4, "CHEM"), (13, 17, "DIS")]), ("no aspirin-related pain", [(3, 10, "CHEM")])]


def columns(texts: Sequence[tuple[str, Spans]]) -> dict[str, Any]:
    return {"text": [text for text, _ in texts], "spans": [spans for _, spans in texts]}


def jsonl(texts: Sequence[tuple[str, Spans]]) -> str:
    return "".join(f"{json.dumps({'text': text, 'label': spans})}\n" for text, spans in texts)


def untrained(texts: Sequence[tuple[str, Spans]] | None) -> Tagger:
    """Return a tagger with its initial weights, which finds spans everywhere."""
    tagger = tiny_tagger(scheme="BIO")
    if texts is None:
        tagger.fitted = task_of(ROWS, scheme="BIO")
    else:
        rows = {"text": [text for text, _ in texts], "spans": [[_span(each) for each in spans] for _, spans in texts]}
        tagger.fitted = TaggingTask.from_rows(tagger.config, rows)[0]  # type: ignore[arg-type]
    return tagger


def _span(span: tuple[int, int, str]) -> Any:
    from seqkit.text.tagging_schemes import Span

    return Span(*span)


TAGGERS = [untrained(None), untrained(CHINESE), untrained(DRUGS)]
LABELS = sorted({label[2:] for tagger in TAGGERS for label in tagger.classes_ if label != "O"})

texts = st.text(st.sampled_from("aB1 .-,'’王伟かーวั\n\u0301\u00a0😀"), min_size=1, max_size=25).filter(
    lambda text: bool(re.search(r"\w", text))
)


@st.composite
def annotated(draw: st.DrawFn) -> tuple[str, Spans]:
    text = draw(texts)
    borders = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    drawn = zip(borders[::2], borders[1::2], strict=False)
    return text, [(start, end, draw(st.sampled_from(LABELS))) for start, end in drawn if text[start:end].strip()]


def stripped(text: str, spans: Spans) -> set[tuple[int, int, str]]:
    inside = [(start, text[start:end], label) for start, end, label in spans]
    return {
        (start + len(each) - len(each.lstrip()), start + len(each.rstrip()), label) for start, each, label in inside
    }


@settings(max_examples=40)
@given(st.lists(annotated(), min_size=1, max_size=5), st.sampled_from(TAGGERS))
@pytest.mark.slow
def test_the_score_is_that_of_predict_on_the_plain_texts(
    tmp_path_factory: pytest.TempPathFactory, corpus: list[tuple[str, Spans]], tagger: Tagger
) -> None:
    path = write_file(tmp_path_factory.getbasetemp(), "spans.jsonl", jsonl(corpus))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeqkitWarning)
        scores = tagger.evaluate(open_corpus(path, dev_fraction=0)["train"]).scores
    found = [
        {(each.start, each.end, each.label) for each in result.entities}
        for result in tagger.predict([text for text, _ in corpus])
    ]
    gold = [stripped(*each) for each in corpus]
    correct = sum(len(one & other) for one, other in zip(found, gold, strict=True))
    predicted, wanted = sum(map(len, found)), sum(map(len, gold))
    assert scores["precision"] == (correct / predicted if predicted else 0)
    assert scores["recall"] == (correct / wanted if wanted else 0)


def test_long_texts_are_cut_alike_for_the_score_and_in_predict() -> None:
    text = " ".join(f"Ada{number}" if number % 7 else "Bo met" for number in range(500))
    tagger = TAGGERS[0]
    (found,) = tagger.predict([text])
    spans = [(each.start, each.end, each.label) for each in found.entities]
    assert len(found.words) > 2 * MAX_WINDOW
    assert spans
    assert tagger.evaluate(columns([(text, spans)])).scores["f1"] == 1.0


def test_chinese_that_scores_on_dev_is_found_in_raw_text(tmp_path: Path) -> None:
    tagger = tiny_tagger(epochs=30).fit(columns(CHINESE * 8), columns(CHINESE))
    assert tagger.evaluate(columns(CHINESE)).scores["f1"] == 1.0
    for (text, spans), result in zip(CHINESE, tagger.predict([text for text, _ in CHINESE]), strict=True):
        assert [(each.start, each.end, each.label) for each in result.entities] == spans, text


def test_spans_inside_words_count_as_missed_and_are_reported(tmp_path: Path) -> None:
    path = write_file(
        tmp_path, "dev.jsonl", jsonl([("Ada met Indira", [(8, 12, "PER")]), ("Bo met Al", [(0, 2, "PER")])])
    )
    message = rf"^1 of 2 spans of this corpus begin or end inside a word, .* PER 'Indi' at {re.escape(str(path))}:1$"
    with pytest.warns(SeqkitWarning, match=message):
        examples, evaluation = TAGGERS[0].score_examples(open_corpus(path, dev_fraction=0)["train"])
    assert sum(map(len, examples.gold_spans)) == 2
    assert evaluation.scores["recall"] < 1


def test_shifted_offsets_do_not_score_100(tmp_path: Path) -> None:
    shifted = [(f"{text} .", [(start + 1, end + 1, label) for start, end, label in spans]) for text, spans in DRUGS[:1]]
    rows = columns(shifted * 4)
    with (
        pytest.warns(SeqkitWarning, match=r"^8 of 8 spans of train begin or end inside a word"),
        pytest.raises(CorpusError, match="the training split has no entity"),
    ):
        tiny_tagger().fit(rows, rows)


def test_the_tokenizer_follows_the_spans_of_train() -> None:
    tagger = TAGGERS[2]
    assert tagger.fitted is not None
    words = [token.text for token in tagger.fitted.tokenizer.tokenize("aspirin-related")]
    assert words == ["aspirin", "-", "related"]


def test_texts_without_a_word_are_left_out_and_counted(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.jsonl", jsonl([CHINESE[0], (" \n", []), CHINESE[1]]))
    with pytest.warns(SeqkitWarning, match=r"^left out 1 text of this corpus without a word, first .*a\.jsonl:2$"):
        assert TAGGERS[1].evaluate(open_corpus(path, dev_fraction=0)["train"]).steps == 14


def test_plain_tags_cannot_be_trained_on_spans(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.jsonl", jsonl(CHINESE * 10))
    done = seqkit("train", "pos", "--corpus", path, "--out", tmp_path / "run")
    assert done.code == 1
    assert "'seqkit train ner'" in done.err
    assert f"{path}" in done.err


def test_words_that_raw_text_is_not_cut_into_are_reported() -> None:
    rows: Any = {"tokens": [["王伟", "在", "北京"]] * 4, "tags": [["B-PER", "O", "B-LOC"]] * 4}
    message = r"^in 100 % of the training sentences, .*: '王伟 在 北京' becomes '王伟在北京'; .* \(predict --tokens\)$"
    with pytest.warns(SeqkitWarning, match=message):
        tiny_tagger(epochs=1).fit(rows, rows)


def test_annotated_texts_survive_saving(tmp_path: Path) -> None:
    tagger = TAGGERS[1]
    tagger.save(tmp_path / "run")
    texts = [text for text, _ in CHINESE]
    assert Tagger.load(tmp_path / "run", device="cpu").predict(texts) == tagger.predict(texts)
