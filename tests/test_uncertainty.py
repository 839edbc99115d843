"""How sure a tagger is: label probabilities against all label sequences, Monte Carlo samples against copies by hand."""

import copy
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import seqkit as library
from seqkit.errors import ConfigError
from seqkit.models.tagging_heads import CRFHead
from seqkit.nn.dropout import drop_in_prediction
from seqkit.tagger import Entity, TaggedText, TaggedToken, Tagger
from seqkit.tasks.tag_prediction import TagPrediction
from seqkit.tasks.tagging import TaggingTask
from seqkit.tasks.tagging_predictors import MonteCarloTags
from seqkit.tasks.tagging_windows import MAX_WINDOW, cut_windows, merge_predictions
from seqkit.text.tagging_schemes import Scheme, Span, allowed_transitions, spans_from_tags
from tests.chains import Problem
from tests.command_line import seqkit
from tests.tiny import PARTS, ROWS, half_trained, tiny_tagger

# Words are replaced in training alone, never in a sample: dropout is all that copies differ by.
DOUBT: dict[str, Any] = {
    "input_dropout": 0.2,
    "state_dropout": 0.4,
    "singleton_replacement": 0.3,
    "word_replacement": 0.2,
}
# All taggings of these can be written down.
SHORT = [["BO", "LUND", "WINS"], ["Ada", "slept", "."], ["Uma", "!"], ["Oslo"]]
TEXTS = [" ".join(words) for words in ROWS["tokens"]]

every_head = pytest.mark.parametrize("head", ["crf", "softmax"])
every_task = pytest.mark.parametrize("name", ["ner", "pos"])


@cache
def doubtful(name: str = "ner", head: str = "crf") -> Tagger:
    """A tagger that has learnt something but is sure of nothing, the same one for all tests."""
    tagger = tiny_tagger(name, head=head, **DOUBT)
    tagger.fitted = half_trained(name, head=head, **DOUBT)
    return tagger


def task_of(tagger: Tagger) -> TaggingTask:
    assert tagger.fitted is not None
    return tagger.fitted


def states_of(task: TaggingTask, words: Sequence[str], copies: int = 0, seed: int = 1) -> Tensor:
    """Encoder states of a sentence, (C, T, H): read once, or so many times under dropout."""
    model = task.model.eval()
    sentences = [list(words)] * max(1, copies)
    batch = task.collate(task.prepare({"tokens": sentences}), range(len(sentences)))
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        states_CTH: Tensor = (drop_in_prediction(model) if copies else model)(batch)
    return states_CTH


def all_taggings(task: TaggingTask, states_TH: Tensor) -> tuple[Tensor, Tensor]:
    """Every label sequence that a sentence may have, (P, T), and how probable it is, (P,)."""
    head = task.model.head
    scores_TK = head.scores(states_TH).detach().double()
    steps, labels = scores_TK.shape
    if isinstance(head, CRFHead):
        can_start, can_follow, can_end = allowed_transitions(task.labels, task.scheme)
        problem = Problem(
            crf=copy.deepcopy(head.crf).double(),
            emissions=scores_TK[None],
            lengths=[steps],
            can_start=can_start,
            can_follow=can_follow,
            can_end=can_end,
            generator=torch.Generator(),
        )
        ((paths_PT, scores_P),) = problem.rows()
        return paths_PT, scores_P.detach().softmax(0)
    paths_PT = torch.cartesian_prod(*[torch.arange(labels)] * steps).view(-1, steps)
    return paths_PT, scores_TK[torch.arange(steps), paths_PT].sum(1).softmax(0)


def probability(taggings: tuple[Tensor, Tensor], start: int, labels: Sequence[int]) -> float:
    """Of all taggings that have these labels from a token on."""
    paths_PT, chances_P = taggings
    having_P = (paths_PT[:, start : start + len(labels)] == torch.tensor(labels)).all(1)
    return float(chances_P[having_P].sum())


def answers(task: TaggingTask, found: TaggedText) -> Sequence[Entity | TaggedToken]:
    """What the tagger says how sure it is of."""
    return found.entities if task.scheme else found.tokens


def places(task: TaggingTask, found: TaggedText) -> list[tuple[int, list[int]]]:
    """For each of these its first token, and its labels."""
    labels = [task.labels.index(tag) for tag in found.tags]
    if task.scheme is None:
        return [(place, [label]) for place, label in enumerate(labels)]
    spans = spans_from_tags(found.tags, task.scheme, mode="conlleval")
    return [(start, labels[start:end]) for start, end, _ in spans]


# Label probabilities.


@every_task
@every_head
def test_the_probability_of_a_label_is_that_of_all_taggings_that_have_it_there(name: str, head: str) -> None:
    tagger, task = doubtful(name, head), task_of(doubtful(name, head))
    for words, found_TK in zip(SHORT, tagger.predict_proba(SHORT), strict=True):
        taggings = all_taggings(task, states_of(task, words)[0])
        expected = [
            [probability(taggings, place, [label]) for label in range(len(task.labels))] for place in range(len(words))
        ]
        assert found_TK.dtype == np.float32
        np.testing.assert_allclose(found_TK, expected, atol=1e-5)
        assert found_TK.max() < 0.999  # or all models would say the same


@every_task
@every_head
def test_probabilities_sum_to_one_and_are_the_confidence_of_what_is_said(name: str, head: str) -> None:
    tagger, task = doubtful(name, head), task_of(doubtful(name, head))
    mixed = [*TEXTS, *SHORT]
    said = 0
    for found, chances_TK in zip(tagger.predict(mixed), tagger.predict_proba(iter(mixed)), strict=True):
        assert chances_TK.shape == (len(found.words), len(tagger.classes_))
        np.testing.assert_allclose(chances_TK.sum(1), 1, atol=1e-5)
        for answer, (start, labels) in zip(answers(task, found), places(task, found), strict=True):
            if len(labels) == 1:
                assert answer.confidence == pytest.approx(chances_TK[start, labels[0]], abs=1e-5)
                said += 1
    assert said > 5


def test_classes_are_the_labels_of_the_columns() -> None:
    assert doubtful("pos").classes_ == sorted({tag for tags in PARTS["tags"] for tag in tags})
    types = [f"{prefix}-{label}" for label in ("LOC", "PER") for prefix in "BEIS"]
    assert doubtful("ner").classes_ == ["O", *types]
    tagger = doubtful("pos", "softmax")
    for found, chances_TK in zip(tagger.predict(TEXTS), tagger.predict_proba(TEXTS), strict=True):
        assert [tagger.classes_[column] for column in chances_TK.argmax(1)] == found.tags


def test_untrained_it_has_no_classes() -> None:
    assert not hasattr(tiny_tagger(), "classes_")
    with pytest.raises(AttributeError, match="this Tagger is not trained yet, so it has no classes_"):
        tiny_tagger().classes_  # noqa: B018
    with pytest.raises(ConfigError, match="not trained yet"):
        tiny_tagger().predict_proba(["Ada"])


def test_a_long_text_is_read_whole() -> None:
    tagger = doubtful("pos", "softmax")
    task = task_of(tagger)
    words = ["Ada", "slept", "and", "rain", "fell"] * (MAX_WINDOW // 2)
    (found_TK,) = tagger.predict_proba([words])
    with torch.no_grad():
        expected_TK = task.model.head.scores(states_of(task, words)[0]).softmax(-1).numpy()
    np.testing.assert_allclose(found_TK, expected_TK, atol=1e-5)


# Monte Carlo samples.


@every_task
@every_head
def test_samples_are_copies_of_a_sentence_that_are_read_under_dropout(name: str, head: str) -> None:
    tagger, task = doubtful(name, head), task_of(doubtful(name, head))
    spreads = []
    for words in SHORT:
        (found,) = tagger.predict([words], mc_samples=6, seed=9)
        taggings = [all_taggings(task, states_TH) for states_TH in states_of(task, words, copies=6, seed=9)]
        for answer, (start, labels) in zip(answers(task, found), places(task, found), strict=True):
            samples = [probability(copied, start, labels) for copied in taggings]
            assert answer.confidence == pytest.approx(np.mean(samples), abs=1e-5)
            assert answer.spread == pytest.approx(np.std(samples), abs=1e-5)
            assert answer.interval == pytest.approx(tuple(np.quantile(samples, [0.025, 0.975])), abs=1e-5)
            spreads.append(np.std(samples))
    assert max(spreads) > 0.01


@every_task
@every_head
def test_what_is_found_is_what_is_found_without_dropout(name: str, head: str) -> None:
    tagger, task = doubtful(name, head), task_of(doubtful(name, head))
    for found, plain in zip(tagger.predict(TEXTS, mc_samples=5), tagger.predict(TEXTS), strict=True):
        assert (found.text, found.words, found.starts, found.tags) == (
            plain.text,
            plain.words,
            plain.starts,
            plain.tags,
        )
        for answer, other in zip(answers(task, found), answers(task, plain), strict=True):
            assert (answer.start, answer.end, answer.text) == (other.start, other.end, other.text)
            assert answer.confidence is not None
            assert answer.spread is not None
            assert answer.interval is not None
            assert answer.confidence != other.confidence
            assert answer.spread > 0
            assert 0 <= answer.interval[0] < answer.interval[1] <= 1
            assert (other.spread, other.interval) == (None, None)
        assert (plain.spread, plain.intervals) == ([], [])


def test_without_dropout_all_copies_say_the_same() -> None:
    tagger = tiny_tagger(still=True)
    tagger.fitted = half_trained()
    for found, plain in zip(tagger.predict(TEXTS, mc_samples=4), tagger.predict(TEXTS), strict=True):
        for one, other in zip(found.entities, plain.entities, strict=True):
            assert one.confidence == pytest.approx(other.confidence, abs=1e-5)
            assert one.spread == pytest.approx(0, abs=1e-6)
            assert one.interval == pytest.approx((other.confidence, other.confidence), abs=1e-5)


def test_the_seed_decides_and_the_callers_random_seed_stay() -> None:
    tagger = doubtful()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, same, other = (tagger.predict(TEXTS, mc_samples=5, seed=seed) for seed in (1, 1, 2))
    streamed = list(tagger.stream(iter(TEXTS), mc_samples=5))
    assert torch.equal(torch.get_rng_state(), before)
    assert one == same == streamed
    assert [found.entities for found in one] != [found.entities for found in other]
    assert [found.tags for found in one] == [found.tags for found in other]


def test_a_stream_draws_anew_for_each_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqkit.estimator.LINES_AT_ONCE", 1)
    first, second = doubtful().stream([TEXTS[0]] * 2, mc_samples=5, seed=4)
    assert first.tags == second.tags
    assert first.entities != second.entities
    assert doubtful().predict([TEXTS[0]], mc_samples=5, seed=5) == [second]


def test_a_tagger_that_was_loaded_samples_as_the_one_that_was_kept(tmp_path: Path) -> None:
    doubtful().save(tmp_path / "run")
    loaded = Tagger.load(tmp_path / "run", device="cpu")
    found = loaded.predict(TEXTS, mc_samples=5)
    assert loaded.predict(TEXTS, mc_samples=5) == found == doubtful().predict(TEXTS, mc_samples=5)


@every_task
def test_threads_get_what_one_by_one_gives(name: str) -> None:
    def tag(part: list[str]) -> list[TaggedText]:
        return doubtful(name).predict(part, mc_samples=3)

    parts = [[f"{text} {number}" for text in TEXTS[: 2 + number]] for number in range(6)]
    expected, before = [tag(part) for part in parts], torch.get_rng_state()
    with ThreadPoolExecutor(6) as pool:
        for _ in range(2):
            assert list(pool.map(tag, parts)) == expected
    assert torch.equal(torch.get_rng_state(), before)


def test_a_copy_with_dropout_shares_the_weights_and_counts_its_copies_in_batches() -> None:
    task = half_trained(**DOUBT)
    before = task.model.state_dict(keep_vars=True)
    sampling = MonteCarloTags(task, 5)
    for (name, one), (other_name, other) in zip(
        before.items(), sampling.dropping.state_dict(keep_vars=True).items(), strict=True
    ):
        assert name == other_name
        assert one.data_ptr() == other.data_ptr()
    examples = task.prepare({"tokens": [*ROWS["tokens"]] * 4})
    for batch_tokens in (1, 60, 400):
        batches = sampling.batches(examples, batch_tokens)
        assert sorted(row for rows in batches for row in rows) == list(range(len(examples)))
        for rows in batches:
            assert len(rows) == 1 or 5 * len(rows) * max(examples.words.lengths[row] for row in rows) <= batch_tokens


# Texts of every length.


@every_task
def test_a_text_of_several_windows_has_as_many_spreads_as_answers(name: str) -> None:
    tagger, task = doubtful(name), task_of(doubtful(name))
    text = " ".join(["Ada Lund met Bo in Ghent"] * (MAX_WINDOW // 2))  # no sentence ends: windows overlap
    (found,), (plain,) = tagger.predict([text], mc_samples=3), tagger.predict([text])
    assert found.tags == plain.tags
    told = answers(task, found)
    assert len(told) > MAX_WINDOW
    assert all(each.confidence is not None and each.spread and each.interval for each in told)
    assert len(found.spread) == len(found.intervals) == (0 if name == "ner" else len(found.words))


@given(st.data(), st.integers(1, 8), st.booleans())
def test_windows_hand_on_spread_and_interval_beside_the_confidence(
    data: st.DataObject, overlap: int, plain: bool
) -> None:
    windows = cut_windows(["a"] * data.draw(st.integers(0, 60)), 2 * overlap + 3, overlap)
    predictions, number = [], 0
    for start, end in windows:
        spans = [Span(place, place + 1, "X") for place in sorted(data.draw(st.sets(st.integers(0, end - start - 1))))]
        tags = [f"{place}" for place in range(start, end)]
        told = [float(number + each) for each in range(end - start if plain else len(spans))]
        number += len(told)
        spread, intervals = [2 * each for each in told], [(3 * each, 4 * each) for each in told]
        predictions.append(TagPrediction(tags, [] if plain else spans, told, spread, intervals))
    merged = merge_predictions(windows, predictions, None if plain else Scheme.IOBES)
    assert len(merged.confidence) == len(merged.tags if plain else merged.spans)
    assert merged.spread == [2 * told for told in merged.confidence]
    assert merged.intervals == [(3 * told, 4 * told) for told in merged.confidence]


@every_task
@every_head
def test_texts_without_a_word_have_nothing_to_be_sure_of(name: str, head: str) -> None:
    tagger = doubtful(name, head)
    labels = len(tagger.classes_)
    given_texts: list[str | list[str]] = ["", " \t", [], "Bo ran", "\n"]
    found = tagger.predict(given_texts, mc_samples=3)
    assert [len(each.words) for each in found] == [0, 0, 0, 2, 0]
    assert all(not each.entities and not each.tokens for each in found if not each.words)
    assert [rows.shape for rows in tagger.predict_proba(given_texts)] == [(len(each.words), labels) for each in found]
    assert tagger.predict(["", []], mc_samples=3) == tagger.predict(["", []])
    assert [rows.shape for rows in tagger.predict_proba(["", []])] == [(0, labels)] * 2
    assert tagger.predict_proba([]) == tagger.predict([], mc_samples=3) == []


def test_a_sentence_without_an_entity_can_be_sampled() -> None:
    plain = [found for found in doubtful().predict(TEXTS) if not found.entities]
    texts = [found.text for found in plain] or ["."]
    for found in doubtful().predict(texts, mc_samples=3):
        assert found.entities == []
        assert [(token.confidence, token.spread, token.interval) for token in found.tokens] == [
            (None, None, None) for _ in found.words
        ]


def test_what_cannot_be_asked_is_told_at_once() -> None:
    for samples in (-1, -5):
        with pytest.raises(ConfigError, match=f"mc_samples must not be negative, not {samples}"):
            doubtful().stream(["Ada"], mc_samples=samples)
    for use in (doubtful().predict, doubtful().stream, doubtful().predict_proba):
        with pytest.raises(ConfigError, match="give a list of texts"):
            use("Ada ran")


def test_samples_tell_a_confidence_even_where_none_was_asked_for() -> None:
    assert doubtful().predict(TEXTS, confidence=False, mc_samples=3) == doubtful().predict(TEXTS, mc_samples=3)


# The command line.


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    for name in ("ner", "pos"):
        doubtful(name).save(folder / name)
    return {name: folder / name for name in ("ner", "pos")}


@every_task
def test_json_has_spread_and_interval_where_samples_were_asked_for(name: str, runs: dict[str, Path]) -> None:
    lines = [TEXTS[0], "", TEXTS[4]]
    content, listed = "\n".join(lines).encode(), "entities" if name == "ner" else "tokens"
    for samples in (0, 5):
        done = seqkit("predict", runs[name], "--json", f"--mc-samples={samples}", stdin=content)
        assert (done.code, done.err) == (0, "")
        found = [json.loads(line) for line in done.out.splitlines()]
        tagger = library.load(runs[name], device="cpu")
        told: Any
        for each, expected in zip(found, tagger.predict(lines, mc_samples=samples), strict=True):
            assert each["text"] == expected.text
            for item, told in zip(each[listed], answers(task_of(tagger), expected), strict=True):
                own = {"label" if name == "ner" else "tag": told.label if name == "ner" else told.tag}
                own |= {"start": told.start, "end": told.end, "text": told.text, "confidence": told.confidence}
                more = {"spread": told.spread, "interval": list(told.interval)} if samples else {}
                assert item == {**own, **more}


def test_text_has_the_interval_behind_the_label(runs: dict[str, Path]) -> None:
    (found,) = library.load(runs["ner"], device="cpu").predict([TEXTS[0]], mc_samples=5)
    expected, end = "", 0
    for entity in found.entities:
        low, high = entity.interval
        expected += f"{found.text[end : entity.start]}[{entity.text} {entity.label} {entity.confidence:.2f}"
        expected += f" ({low:.2f} to {high:.2f})]"
        end = entity.end
    assert end > 0
    assert seqkit("predict", runs["ner"], TEXTS[0], "--mc-samples=5").out == f"{expected}{found.text[end:]}\n"
    (found,) = library.load(runs["pos"], device="cpu").predict(["Ada slept ."], mc_samples=5)
    shown = (f"{t.text}/{t.tag} ({t.interval[0]:.2f} to {t.interval[1]:.2f})" for t in found.tokens)
    assert seqkit("predict", runs["pos"], "Ada slept .", "--mc-samples=5").out == " ".join(shown) + "\n"
    assert " to " not in seqkit("predict", runs["ner"], TEXTS[0]).out


def test_samples_leave_what_is_written_as_columns_alone(runs: dict[str, Path]) -> None:
    asked = ["predict", runs["ner"], TEXTS[0], "--format=conll"]
    assert seqkit(*asked, "--mc-samples=3").out == seqkit(*asked).out
