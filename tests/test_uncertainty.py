"""Confidence of a tagger: label probabilities against brute force, Monte Carlo samples against explicit copies."""

import copy
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
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
from seqkit.tasks.tagging_windows import MAX_WINDOW, OVERLAP, cut_windows, merge_predictions
from seqkit.text.tagging_schemes import Scheme, Span, allowed_transitions, spans_from_tags
from tests.chains import Problem
from tests.command_line import seqkit
from tests.tiny import PARTS, ROWS, half_trained, tiny_tagger

# Words are replaced only in training, never in a sample: copies differ only by dropout.
DROPOUT: dict[str, Any] = {
    "input_dropout": 0.2,
    "state_dropout": 0.4,
    "singleton_replacement": 0.3,
    "word_replacement": 0.2,
}
# Short sentences, whose taggings can all be enumerated.
SHORT = [["BO", "LUND", "WINS"], ["Ada", "slept", "."], ["Uma", "!"], ["Oslo"]]
TEXTS = [" ".join(words) for words in ROWS["tokens"]]

every_head = pytest.mark.parametrize("head", ["crf", "softmax"])
every_task = pytest.mark.parametrize("name", ["ner", "pos"])


@cache
def uncertain(name: str = "ner", head: str = "crf") -> Tagger:
    """Return a partly trained tagger without confident predictions, the same one for all tests."""
    tagger = tiny_tagger(name, head=head, **DROPOUT)
    tagger.fitted = half_trained(name, head=head, **DROPOUT)
    return tagger


def task_of(tagger: Tagger) -> TaggingTask:
    assert tagger.fitted is not None
    return tagger.fitted


def states_of(task: TaggingTask, words: Sequence[str], copies: int = 0, seed: int = 1) -> Tensor:
    """Return the encoder states of a sentence, (C, T, H): read once, or ``copies`` times under dropout."""
    model = task.model.eval()
    sentences = [list(words)] * max(1, copies)
    batch = task.collate(task.prepare({"tokens": sentences}), range(len(sentences)))
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        states_CTH: Tensor = (drop_in_prediction(model) if copies else model)(batch)
    return states_CTH


def all_taggings(task: TaggingTask, states_TH: Tensor) -> tuple[Tensor, Tensor]:
    """Return every possible label sequence of a sentence, (P, T), and their probabilities, (P,)."""
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
    """Return the total probability of all taggings that have these labels from token ``start`` on."""
    paths_PT, probabilities_P = taggings
    having_P = (paths_PT[:, start : start + len(labels)] == torch.tensor(labels)).all(1)
    return float(probabilities_P[having_P].sum())


def answers(task: TaggingTask, found: TaggedText) -> Sequence[Entity | TaggedToken]:
    """Return the predictions that have a confidence: entities, or tokens for plain tags."""
    return found.entities if task.scheme else found.tokens


def positions(task: TaggingTask, found: TaggedText) -> list[tuple[int, list[int]]]:
    """Return the first token and the labels of each of these predictions."""
    labels = [task.labels.index(tag) for tag in found.tags]
    if task.scheme is None:
        return [(index, [label]) for index, label in enumerate(labels)]
    spans = spans_from_tags(found.tags, task.scheme, mode="conlleval")
    return [(start, labels[start:end]) for start, end, _ in spans]


# Label probabilities.


@every_task
@every_head
def test_the_probability_of_a_label_is_that_of_all_taggings_that_contain_it(name: str, head: str) -> None:
    tagger, task = uncertain(name, head), task_of(uncertain(name, head))
    for words, found_TK in zip(SHORT, tagger.predict_proba(SHORT), strict=True):
        taggings = all_taggings(task, states_of(task, words)[0])
        expected = [
            [probability(taggings, index, [label]) for label in range(len(task.labels))] for index in range(len(words))
        ]
        assert found_TK.dtype == np.float32
        np.testing.assert_allclose(found_TK, expected, atol=1e-5)
        assert found_TK.max() < 0.999  # otherwise the comparison would be trivial


@every_task
@every_head
def test_probabilities_sum_to_one_and_equal_the_confidence_of_predictions(name: str, head: str) -> None:
    tagger, task = uncertain(name, head), task_of(uncertain(name, head))
    mixed = [*TEXTS, *SHORT]
    compared = 0
    for found, probabilities_TK in zip(tagger.predict(mixed), tagger.predict_proba(iter(mixed)), strict=True):
        assert probabilities_TK.shape == (len(found.words), len(tagger.classes_))
        np.testing.assert_allclose(probabilities_TK.sum(1), 1, atol=1e-5)
        for answer, (start, labels) in zip(answers(task, found), positions(task, found), strict=True):
            if len(labels) == 1:
                assert answer.confidence == pytest.approx(probabilities_TK[start, labels[0]], abs=1e-5)
                compared += 1
    assert compared > 5


def test_classes_are_the_labels_of_the_columns() -> None:
    assert uncertain("pos").classes_ == sorted({tag for tags in PARTS["tags"] for tag in tags})
    types = [f"{prefix}-{label}" for label in ("LOC", "PER") for prefix in "BEIS"]
    assert uncertain("ner").classes_ == ["O", *types]
    tagger = uncertain("pos", "softmax")
    for found, probabilities_TK in zip(tagger.predict(TEXTS), tagger.predict_proba(TEXTS), strict=True):
        assert [tagger.classes_[column] for column in probabilities_TK.argmax(1)] == found.tags


def test_an_untrained_tagger_has_no_classes() -> None:
    assert not hasattr(tiny_tagger(), "classes_")
    with pytest.raises(AttributeError, match="this Tagger is not trained yet, so it has no classes_"):
        tiny_tagger().classes_  # noqa: B018
    with pytest.raises(ConfigError, match="not trained yet"):
        tiny_tagger().predict_proba(["Ada"])


def test_a_long_text_is_read_in_overlapping_windows() -> None:
    tagger = uncertain("pos", "softmax")
    task = task_of(tagger)
    words = ["Ada", "slept", "and", "rain", "fell"] * (MAX_WINDOW // 2)
    (found_TK,) = tagger.predict_proba([words])
    # Without the end of a sentence, each window begins OVERLAP tokens before the end of the last; the first half of
    # these tokens are those of the earlier window.
    windows = [(start, min(start + MAX_WINDOW, len(words))) for start in range(0, 400, MAX_WINDOW - OVERLAP)]
    borders = [0, *((left[1] + right[0]) // 2 for left, right in pairwise(windows)), len(words)]
    assert len(words) == windows[-1][1]
    for (start, end), kept in zip(windows, pairwise(borders), strict=True):
        with torch.no_grad():
            scores_TK = task.model.head.scores(states_of(task, words[start:end])[0])
        expected_TK = scores_TK.softmax(-1).numpy()[kept[0] - start : kept[1] - start]
        np.testing.assert_allclose(found_TK[slice(*kept)], expected_TK, atol=1e-5)


# Monte Carlo samples.


@every_task
@every_head
def test_samples_are_copies_of_a_sentence_that_are_read_under_dropout(name: str, head: str) -> None:
    tagger, task = uncertain(name, head), task_of(uncertain(name, head))
    spreads = []
    for words in SHORT:
        (found,) = tagger.predict([words], mc_samples=6, seed=9)
        taggings = [all_taggings(task, states_TH) for states_TH in states_of(task, words, copies=6, seed=9)]
        for answer, (start, labels) in zip(answers(task, found), positions(task, found), strict=True):
            samples = [probability(copied, start, labels) for copied in taggings]
            assert answer.confidence == pytest.approx(np.mean(samples), abs=1e-5)
            assert answer.spread == pytest.approx(np.std(samples), abs=1e-5)
            assert answer.interval == pytest.approx(tuple(np.quantile(samples, [0.025, 0.975])), abs=1e-5)
            spreads.append(np.std(samples))
    assert max(spreads) > 0.01


@every_task
@every_head
def test_predictions_are_those_without_dropout(name: str, head: str) -> None:
    tagger, task = uncertain(name, head), task_of(uncertain(name, head))
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


def test_without_dropout_all_copies_agree() -> None:
    tagger = tiny_tagger(still=True)
    tagger.fitted = half_trained()
    for found, plain in zip(tagger.predict(TEXTS, mc_samples=4), tagger.predict(TEXTS), strict=True):
        for one, other in zip(found.entities, plain.entities, strict=True):
            assert one.confidence == pytest.approx(other.confidence, abs=1e-5)
            assert one.spread == pytest.approx(0, abs=1e-6)
            assert one.interval == pytest.approx((other.confidence, other.confidence), abs=1e-5)


def test_results_depend_on_the_seed_and_leave_the_callers_random_state_alone() -> None:
    tagger = uncertain()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, same, other = (tagger.predict(TEXTS, mc_samples=5, seed=seed) for seed in (1, 1, 2))
    streamed = list(tagger.stream(iter(TEXTS), mc_samples=5))
    assert torch.equal(torch.get_rng_state(), before)
    assert one == same == streamed
    assert [found.entities for found in one] != [found.entities for found in other]
    assert [found.tags for found in one] == [found.tags for found in other]


def test_each_chunk_of_a_stream_has_new_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqkit.estimator.MAX_CHUNK_TEXTS", 1)
    first, second = uncertain().stream([TEXTS[0]] * 2, mc_samples=5, seed=4)
    assert first.tags == second.tags
    assert first.entities != second.entities
    assert uncertain().predict([TEXTS[0]], mc_samples=5, seed=5) == [second]


def test_a_loaded_tagger_draws_the_same_samples(tmp_path: Path) -> None:
    uncertain().save(tmp_path / "run")
    loaded = Tagger.load(tmp_path / "run", device="cpu")
    found = loaded.predict(TEXTS, mc_samples=5)
    assert loaded.predict(TEXTS, mc_samples=5) == found == uncertain().predict(TEXTS, mc_samples=5)


@every_task
def test_threads_give_the_same_results_as_a_loop(name: str) -> None:
    def tag(part: list[str]) -> list[TaggedText]:
        return uncertain(name).predict(part, mc_samples=3)

    parts = [[f"{text} {number}" for text in TEXTS[: 2 + number]] for number in range(6)]
    expected, before = [tag(part) for part in parts], torch.get_rng_state()
    with ThreadPoolExecutor(6) as pool:
        for _ in range(2):
            assert list(pool.map(tag, parts)) == expected
    assert torch.equal(torch.get_rng_state(), before)


def test_the_copy_with_dropout_shares_weights_and_copies_count_in_the_batch_size() -> None:
    task = half_trained(**DROPOUT)
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
def test_a_text_of_several_windows_has_a_spread_for_each_prediction(name: str) -> None:
    tagger, task = uncertain(name), task_of(uncertain(name))
    text = " ".join(["Ada Lund met Bo in Ghent"] * (MAX_WINDOW // 2))  # no sentence ends: windows overlap
    (found,), (plain,) = tagger.predict([text], mc_samples=3), tagger.predict([text])
    assert found.tags == plain.tags
    predicted = answers(task, found)
    assert len(predicted) > MAX_WINDOW
    assert all(each.confidence is not None and each.spread and each.interval for each in predicted)
    assert len(found.spread) == len(found.intervals) == (0 if name == "ner" else len(found.words))


@given(st.data(), st.integers(1, 8), st.booleans())
def test_merging_windows_keeps_spread_and_interval_with_the_confidence(
    data: st.DataObject, overlap: int, plain: bool
) -> None:
    windows = cut_windows(["a"] * data.draw(st.integers(0, 60)), 2 * overlap + 3, overlap)
    predictions, number = [], 0
    for start, end in windows:
        spans = [Span(index, index + 1, "X") for index in sorted(data.draw(st.sets(st.integers(0, end - start - 1))))]
        tags = [f"{index}" for index in range(start, end)]
        confidence = [float(number + each) for each in range(end - start if plain else len(spans))]
        number += len(confidence)
        spread, intervals = [2 * each for each in confidence], [(3 * each, 4 * each) for each in confidence]
        predictions.append(TagPrediction(tags, [] if plain else spans, confidence, spread, intervals))
    merged = merge_predictions(windows, predictions, None if plain else Scheme.IOBES)
    assert len(merged.confidence) == len(merged.tags if plain else merged.spans)
    assert merged.spread == [2 * each for each in merged.confidence]
    assert merged.intervals == [(3 * each, 4 * each) for each in merged.confidence]


@every_task
@every_head
def test_texts_without_a_word_have_no_confidences(name: str, head: str) -> None:
    tagger = uncertain(name, head)
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
    plain = [found for found in uncertain().predict(TEXTS) if not found.entities]
    texts = [found.text for found in plain] or ["."]
    for found in uncertain().predict(texts, mc_samples=3):
        assert found.entities == []
        assert [(token.confidence, token.spread, token.interval) for token in found.tokens] == [
            (None, None, None) for _ in found.words
        ]


def test_wrong_arguments_are_errors_before_prediction_starts() -> None:
    for samples in (-1, -5):
        with pytest.raises(ConfigError, match=f"mc_samples must not be negative, not {samples}"):
            uncertain().stream(["Ada"], mc_samples=samples)
    for use in (uncertain().predict, uncertain().stream, uncertain().predict_proba):
        with pytest.raises(ConfigError, match="give a list of texts"):
            use("Ada ran")


def test_samples_have_a_confidence_even_if_not_requested() -> None:
    assert uncertain().predict(TEXTS, confidence=False, mc_samples=3) == uncertain().predict(TEXTS, mc_samples=3)


# The command line.


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    for name in ("ner", "pos"):
        uncertain(name).save(folder / name)
    return {name: folder / name for name in ("ner", "pos")}


@every_task
def test_json_has_spread_and_interval_with_samples(name: str, runs: dict[str, Path]) -> None:
    lines = [TEXTS[0], "", TEXTS[4]]
    content, listed = "\n".join(lines).encode(), "entities" if name == "ner" else "tokens"
    for samples in (0, 5):
        done = seqkit("predict", runs[name], "--json", f"--mc-samples={samples}", "--device=cpu", stdin=content)
        assert (done.code, done.err) == (0, "")
        found = [json.loads(line) for line in done.out.splitlines()]
        tagger = library.load(runs[name], device="cpu")
        answer: Any
        for each, expected in zip(found, tagger.predict(lines, mc_samples=samples), strict=True):
            assert each["text"] == expected.text
            for item, answer in zip(each[listed], answers(task_of(tagger), expected), strict=True):
                own = {"label" if name == "ner" else "tag": answer.label if name == "ner" else answer.tag}
                own |= {"start": answer.start, "end": answer.end, "text": answer.text, "confidence": answer.confidence}
                more = {"spread": answer.spread, "interval": list(answer.interval)} if samples else {}
                assert item == {**own, **more}


def test_text_output_has_the_interval_after_the_label(runs: dict[str, Path]) -> None:
    (found,) = library.load(runs["ner"], device="cpu").predict([TEXTS[0]], mc_samples=5)
    expected, end = "", 0
    for entity in found.entities:
        low, high = entity.interval
        expected += f"{found.text[end : entity.start]}[{entity.text} {entity.label} {entity.confidence:.2f}"
        expected += f" ({low:.2f} to {high:.2f})]"
        end = entity.end
    assert end > 0
    sampled = ("--mc-samples=5", "--device=cpu")
    assert seqkit("predict", runs["ner"], TEXTS[0], *sampled).out == f"{expected}{found.text[end:]}\n"
    (found,) = library.load(runs["pos"], device="cpu").predict(["Ada slept ."], mc_samples=5)
    shown = (f"{t.text}/{t.tag} ({t.interval[0]:.2f} to {t.interval[1]:.2f})" for t in found.tokens)
    assert seqkit("predict", runs["pos"], "Ada slept .", *sampled).out == " ".join(shown) + "\n"
    assert " to " not in seqkit("predict", runs["ner"], TEXTS[0]).out


def test_samples_do_not_change_column_output(runs: dict[str, Path]) -> None:
    arguments = ["predict", runs["ner"], TEXTS[0], "--format=conll"]
    assert seqkit(*arguments, "--mc-samples=3").out == seqkit(*arguments).out
