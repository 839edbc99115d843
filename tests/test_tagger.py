"""Tagger: settings, training, saving, and predictions with correct offsets for any text."""

import itertools
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOBES
from sklearn.base import clone

import seqkit
from benchmarks import memory
from seqkit.data.tagged_rows import rows_of
from seqkit.errors import CheckpointError, ConfigError, CorpusError, SeqkitWarning
from seqkit.estimator import MAX_CHUNK_CHARACTERS, MAX_CHUNK_TEXTS
from seqkit.runs.folder import RunFolder
from seqkit.tagger import TaggedText, Tagger
from seqkit.tasks.tagging_windows import MAX_WINDOW, OVERLAP
from seqkit.text.tagging_schemes import Scheme, spans_from_tags
from tests.awkward import texts
from tests.tiny import PARTS, ROWS, Rows, interrupt_when, tiny_tagger, without_time


def well_trained(task: str, rows: Rows) -> Tagger:
    """Return a tagger that was trained on each sentence 40 times."""
    tagger = tiny_tagger(task, still=True, epochs=1, learning_rate=0.03, word_replacement=0.05)
    return tagger.fit({"tokens": [*rows["tokens"]] * 40, "tags": [*rows["tags"]] * 40}, rows)


@pytest.fixture(scope="module")
def ner() -> Tagger:
    return well_trained("ner", ROWS)


@pytest.fixture(scope="module")
def pos() -> Tagger:
    return well_trained("pos", PARTS)


def entities(found: TaggedText) -> list[tuple[str, str]]:
    return [(entity.text, entity.label) for entity in found.entities]


def weights(tagger: Tagger) -> dict[str, torch.Tensor]:
    assert tagger.fitted
    return tagger.fitted.model.state_dict()


def assert_equal_weights(left: Tagger, right: Tagger) -> None:
    torch.testing.assert_close(weights(left), weights(right), rtol=0, atol=0)


def assert_offsets(found: TaggedText, text: str) -> None:
    """Assert that tokens and entities are spans of the text, in order, and that entities match the tags."""
    assert found.text == text
    for items in (found.tokens, found.entities):
        stretches = [(item.start, item.end, item.text) for item in items]
        assert all(text[start:end] == piece != "" for start, end, piece in stretches)
        assert all(left[1] <= right[0] for left, right in itertools.pairwise(stretches))
    predicted = spans_from_tags([token.tag for token in found.tokens], Scheme.IOBES)
    assert [(entity.start, entity.end, entity.label) for entity in found.entities] == [
        (found.tokens[span.start].start, found.tokens[span.end - 1].end, span.label) for span in predicted
    ]
    assert all(entity.confidence is not None and 0 < entity.confidence <= 1 for entity in found.entities)


def test_the_constructor_stores_settings_and_names_a_wrong_one() -> None:
    tagger = Tagger("pos", device="cpu", hidden_size=7)
    parameters = tagger.get_params()
    assert (parameters["task"], parameters["device"], parameters["hidden_size"]) == ("pos", "cpu", 7)
    assert tagger.set_params(hidden_size=8, epochs=3) is tagger
    assert (tagger.task, tagger.get_params()["hidden_size"], tagger.get_params()["epochs"]) == ("pos", 8, 3)
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"hidden_sizes": 7}, "hidden_sizes"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"clip_norm": float("inf")}, "clip_norm must be a finite number"),
        ({"task": "sing"}, "sing"),
    ]
    for wrong, message in mistakes:
        with pytest.raises(ConfigError, match=message):
            Tagger(**wrong)


def test_scikit_learn_can_clone_it() -> None:
    tagger = Tagger("pos", seed=5, hidden_size=7, scheme="IOB2", vectors="words.txt")
    copy = clone(tagger)
    assert copy is not tagger
    assert copy.get_params() == tagger.get_params()


def test_an_untrained_model_cannot_be_used(tmp_path: Path) -> None:
    for use in (lambda: Tagger().predict(["Ada"]), lambda: Tagger().evaluate(ROWS), lambda: Tagger().save(tmp_path)):
        with pytest.raises(ConfigError, match="not trained yet"):
            use()


def test_it_predicts_the_training_data(ner: Tagger, pos: Tagger) -> None:
    (found,) = ner.predict(["Ada Lund met Bo in Ghent."])
    assert entities(found) == [("Ada Lund", "PER"), ("Bo", "PER"), ("Ghent", "LOC")]
    assert [token.confidence for token in found.tokens] == [None] * 7
    (found,) = pos.predict(["Ada slept."])
    assert [(token.text, token.tag) for token in found.tokens] == [("Ada", "PROPN"), ("slept", "VERB"), (".", "PUNCT")]
    assert found.entities == []
    assert all(token.confidence is not None and 0 < token.confidence <= 1 for token in found.tokens)


def test_fit_leaves_the_random_state_alone_and_depends_on_the_seed() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    taggers = []
    for seed in (1, 1, 2):
        torch.manual_seed(7)
        taggers.append(tiny_tagger(epochs=1, seed=seed).fit(ROWS, ROWS))
        torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)
    assert_equal_weights(taggers[0], taggers[1])
    with pytest.raises(AssertionError):
        assert_equal_weights(taggers[0], taggers[2])


def test_a_dataset_and_a_mapping_are_the_same_data() -> None:
    corpus = seqkit.open_corpus(Dataset.from_dict(dict(ROWS)), dev_fraction=0)
    assert rows_of(corpus["train"]) == ROWS
    left = tiny_tagger(epochs=1).fit(ROWS, ROWS)
    right = tiny_tagger(epochs=1).fit(corpus["train"], corpus["train"])
    assert_equal_weights(left, right)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"tokens": [["a"]]}, "this corpus has tokens"),
        ({"text": ["a"], "label": ["b"]}, "tokens and tags"),
        ({}, "nothing"),
        ({"tokens": [], "tags": []}, "train split has no sentence"),
        ({"tokens": [["Ada"]], "tags": [["O"]]}, "no entity"),
        ({"tokens": [["the", "Alps"]], "tags": [["O", "I-LOC"]], "source": ["a.conll:3"]}, "a.conll:3: "),
        ({"tokens": [["Ada"], []], "tags": [["B-PER"], []]}, "no token"),
        ({"tokens": [["Ada", "ran"]], "tags": [["B-PER"]]}, "2 tokens but 1 tag"),
    ],
)
def test_unusable_training_data_is_an_error(rows: Rows, message: str) -> None:
    tagger = tiny_tagger(epochs=1, corpus_scheme="IOB2")
    with pytest.raises(CorpusError, match=message):
        tagger.fit(rows, ROWS)


def test_a_dataset_without_tags_is_an_error() -> None:
    with pytest.raises(CorpusError, match="this corpus has text, label"):
        tiny_tagger(epochs=1).fit(Dataset.from_dict({"text": ["a"], "label": ["b"]}), ROWS)


@pytest.mark.parametrize("name", ["ner", "pos"])
def test_predict_evaluate_and_predict_proba_read_long_sentences_in_the_same_windows(name: str) -> None:
    """The model reads windows differently from whole sentences, so all three must use the same windows."""
    rows = PARTS if name == "pos" else ROWS
    tagger = tiny_tagger(name, epochs=4, head="softmax").fit(rows, rows)
    words = [word for _ in range(9) for sentence in rows["tokens"] for word in sentence if word != "."]
    tags = [tag for _ in range(9) for sentence, own in zip(rows["tokens"], rows["tags"], strict=True)
            for word, tag in zip(sentence, own, strict=True) if word != "."]  # fmt: skip
    assert len(words) > 2 * MAX_WINDOW
    (found,) = tagger.predict([words])
    (evaluated,) = tagger.evaluate({"tokens": [words], "tags": [tags]}).predictions
    (probabilities,) = tagger.predict_proba([words])
    assert evaluated.tags == found.tags
    assert len(probabilities) == len(words)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    most_probable = [tagger.classes_[label] for label in probabilities.argmax(1)]
    differ = sum(one != other for one, other in zip(most_probable, found.tags, strict=True))
    assert differ <= (0 if name == "pos" else 0.02 * len(words))  # malformed tags are rewritten from spans


def test_a_dev_split_without_sentences_is_an_error() -> None:
    with pytest.raises(CorpusError, match="dev split has no sentence"):
        tiny_tagger(epochs=1).fit(ROWS, {"tokens": [], "tags": []})


def test_unknown_labels_are_kept_and_count_as_wrong(ner: Tagger, pos: Tagger) -> None:
    with pytest.warns(SeqkitWarning, match=r"this corpus has labels that do not occur in the training data.*: ORG$"):
        scores = ner.evaluate({"tokens": [["Reuters"]], "tags": [["B-ORG"]]}).scores
    assert (scores["recall"], scores["accuracy"]) == (0, 0)
    with pytest.warns(SeqkitWarning, match="INTJ"):
        assert pos.evaluate({"tokens": [["Ada", "oh"]], "tags": [["PROPN", "INTJ"]]}).scores == {"accuracy": 0.5}


def test_evaluate_agrees_with_seqeval(ner: Tagger) -> None:
    shuffled = [random.Random(number).sample(tokens, len(tokens)) for number, tokens in enumerate(ROWS["tokens"])]
    rows = {"tokens": shuffled, "tags": ROWS["tags"]}  # many of the tags are now wrong for their words
    examples, evaluation = ner.score_examples(rows)
    assert examples.gold is not None
    gold, predicted = [each.tags for each in examples.gold], [each.tags for each in evaluation.predictions]
    expected = {
        name: measure(gold, predicted, mode="strict", scheme=IOBES)
        for name, measure in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score))
    }
    pairs = [pair for sentence in zip(gold, predicted, strict=True) for pair in zip(*sentence, strict=True)]
    expected["accuracy"] = sum(right == tag for right, tag in pairs) / len(pairs)
    assert 0 < expected["f1"] < 1
    assert evaluation.scores == pytest.approx(expected)
    assert ner.evaluate(rows).scores == evaluation.scores
    assert evaluation.steps == len(pairs)


@given(st.lists(texts, max_size=4))
def test_offsets_are_correct_for_any_text(ner: Tagger, given_texts: list[str]) -> None:
    found = ner.predict(given_texts)
    for text, each in zip(given_texts, found, strict=True):
        assert_offsets(each, text)
        # No letter or digit is left out between tokens.
        gaps = itertools.pairwise([0, *(position for t in each.tokens for position in (t.start, t.end)), len(text)])
        assert not any(re.search(r"[^\W_]", text[a:b]) for a, b in list(gaps)[::2])


@given(st.lists(texts, min_size=2, max_size=4))
@settings(max_examples=40)
def test_predictions_do_not_depend_on_the_other_texts(ner: Tagger, given_texts: list[str]) -> None:
    for together, text in zip(ner.predict(given_texts), given_texts, strict=True):
        (alone,) = ner.predict([text])
        assert together.tokens == alone.tokens
        assert entities(together) == entities(alone)
        confidences = [[entity.confidence for entity in each.entities] for each in (together, alone)]
        assert confidences[0] == pytest.approx(confidences[1], rel=1e-4)


def test_empty_texts_give_empty_results(ner: Tagger) -> None:
    assert ner.predict([]) == []
    found = ner.predict(["", "Bo ran", " \t", []])
    assert [(each.text, len(each.tokens)) for each in found] == [("", 0), ("Bo ran", 2), (" \t", 0), ("", 0)]
    assert entities(found[1]) == [("Bo", "PER")]


def test_given_words_are_not_split(ner: Tagger) -> None:
    (found,) = ner.predict([["Ada", "Lund", "met", "Bo-in", "Ghent", "don't"]])
    assert found.text == "Ada Lund met Bo-in Ghent don't"
    assert [token.text for token in found.tokens] == ["Ada", "Lund", "met", "Bo-in", "Ghent", "don't"]
    assert_offsets(found, found.text)
    mixed = ner.predict([["Bo", "ran"], "Bo ran", ["Ada"]])
    assert [each.text for each in mixed] == ["Bo ran", "Bo ran", "Ada"]
    assert mixed[0].tokens == mixed[1].tokens


def test_a_text_of_5000_words_has_correct_offsets(ner: Tagger) -> None:
    chosen = random.Random(1)
    gaps = [" ", "  ", "\n", "\u2003", "\r\n"]
    text = "".join(chosen.choice(["Ada", "Lund", "Ghent", "ran", "naïve"]) + chosen.choice(gaps) for _ in range(5000))
    (found,) = ner.predict([text])
    assert [(t.start, t.end) for t in found.tokens] == [match.span() for match in re.finditer(r"\S+", text)]
    assert_offsets(found, text)
    assert len(found.entities) > 1000
    positions = [number * 5000 // 4 for number in range(4)]
    assert all(any(entity.start > found.tokens[position].start for entity in found.entities) for position in positions)


def test_a_word_of_300_000_letters_has_correct_offsets(ner: Tagger) -> None:
    text = f"Ada Lund met {'x' * 300_000} in Ghent."
    (found,) = ner.predict([text])
    assert [len(token.text) for token in found.tokens] == [3, 4, 3, 300_000, 2, 5, 1]
    assert_offsets(found, text)
    assert entities(found)[0] == ("Ada Lund", "PER")


def test_a_long_text_is_cut_at_the_ends_of_sentences(ner: Tagger) -> None:
    sentence = "Ada Lund met Bo in Ghent . "  # 7 tokens; MAX_WINDOW must not be a multiple
    together = MAX_WINDOW // 7
    assert MAX_WINDOW % 7
    (long,) = ner.predict([sentence * (3 * together)])
    (window,) = ner.predict([sentence * together])
    assert [t.tag for t in long.tokens] == 3 * [t.tag for t in window.tokens]
    assert [e.confidence for e in long.entities] == pytest.approx(3 * [e.confidence for e in window.entities], rel=1e-5)


def test_an_entity_is_whole_wherever_a_long_text_is_cut(ner: Tagger) -> None:
    positions = range(MAX_WINDOW - OVERLAP - 4, MAX_WINDOW + 4)  # from before the second window to after the first
    texts = ["ran " * position + "Ada Lund met" + " ran" * MAX_WINDOW for position in positions]
    for position, text, found in zip(positions, texts, ner.predict(texts), strict=True):
        assert_offsets(found, text)
        assert [(entity.start, entity.text) for entity in found.entities] == [(4 * position, "Ada Lund")]


def test_plain_tags_of_long_texts_have_confidences(pos: Tagger) -> None:
    (found,) = pos.predict(["Ada slept . " * 200])
    assert len(found.tokens) == 600
    assert all(token.confidence is not None for token in found.tokens)
    assert [token.tag for token in found.tokens[-3:]] == ["PROPN", "VERB", "PUNCT"]


def test_a_stream_is_read_in_chunks_and_keeps_its_order(ner: Tagger) -> None:
    pulled = 0

    def lines() -> Iterator[str]:
        nonlocal pulled
        for pulled in range(1, 20_001):
            yield f"Bo {pulled}" + " ran" * (pulled % 7)

    stream = ner.stream(lines())
    assert pulled == 0
    for number, found in enumerate(itertools.islice(stream, 3000), start=1):
        assert found.text.split()[1] == str(number)
        assert number <= pulled < number + MAX_CHUNK_TEXTS
    assert pulled <= 3 * MAX_CHUNK_TEXTS


def test_a_stream_of_large_texts_is_read_in_smaller_chunks(ner: Tagger) -> None:
    word, pulled = "a" * (MAX_CHUNK_CHARACTERS // 2), 0

    def lines() -> Iterator[str | list[str]]:
        nonlocal pulled
        for pulled in range(1, 9):
            yield word if pulled % 2 else [word[1:], "a"]

    for number, found in enumerate(ner.stream(lines()), start=1):
        assert [len(token.text) for token in found.tokens] == ([len(word)] if number % 2 else [len(word) - 1, 1])
        assert pulled == 2 * -(-number // 2)
    assert pulled == 8


@pytest.fixture(scope="module")
def saved(ner: Tagger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("memory") / "run"
    ner.save(path)
    return path


on_linux = pytest.mark.skipif(not memory.STATUS.exists(), reason="memory is read from /proc")


@on_linux
@pytest.mark.parametrize("text", memory.LONG_TEXTS)
@pytest.mark.slow
def test_a_very_long_text_takes_less_than_a_gigabyte(saved: Path, text: str) -> None:
    assert 100 < memory.peak(saved, text) < 1000


@on_linux
@pytest.mark.slow
def test_memory_does_not_grow_with_predictions(saved: Path) -> None:
    assert memory.growth(saved, "one by one", warm_up=500, predictions=2000).share < 0.02


@on_linux
@pytest.mark.slow
def test_a_long_stream_does_not_let_memory_grow(saved: Path) -> None:
    assert memory.growth(saved, "streamed", warm_up=10_000, predictions=30_000).share < 0.02


def test_a_saved_tagger_predicts_the_same(ner: Tagger, pos: Tagger, tmp_path: Path) -> None:
    for name, tagger in (("ner", ner), ("pos", pos)):
        tagger.save(tmp_path / name)
        loaded: list[Tagger] = [Tagger.load(tmp_path / name, device="cpu"), seqkit.load(tmp_path / name, device="cpu")]
        for each in loaded:
            assert each.task == name
            assert each.get_params() == tagger.get_params() | {"precision": "auto"}
            assert_equal_weights(each, tagger)
            texts = ["Ada Lund met Bo in Ghent.", "Unheard-of Zoë 😀"]
            assert each.predict(texts) == tagger.predict(texts)


def test_a_run_folder_describes_its_corpus(tmp_path: Path) -> None:
    about = {"spec": "tickets", "fingerprint": "f00"}
    tagger = tiny_tagger(epochs=2).fit(ROWS, ROWS, out=tmp_path / "run", about=about)
    folder = RunFolder(tmp_path / "run")
    assert folder.read_run()["corpus"] == about
    assert tagger.outcome is not None
    assert folder.read_json("report.json")["dev"]["f1"] == tagger.outcome.best
    assert_equal_weights(Tagger.load(tmp_path / "run", device="cpu"), tagger)


def test_fit_can_be_resumed(tmp_path: Path) -> None:
    whole = tiny_tagger().fit(ROWS, ROWS)
    press = interrupt_when(lambda event: type(event).__name__ == "EpochDone")
    half = tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "run", report=press)
    assert half.outcome is not None
    assert (half.outcome.reason, len(half.outcome.history)) == ("interrupted", 1)
    rest = tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "run", resume=True)
    assert whole.outcome is not None
    assert rest.outcome is not None
    assert without_time(rest.outcome.history) == without_time(whole.outcome.history)
    assert_equal_weights(rest, whole)
    with pytest.raises(CheckpointError, match="has finished"):
        tiny_tagger().fit(ROWS, ROWS, out=tmp_path / "run", resume=True)


def changed(folder: Path, name: str, **values: Any) -> None:
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**content, **values}))


@pytest.mark.parametrize("damage", ["no weights", "half the weights", "other sizes", "unknown setting", "other task"])
def test_a_damaged_run_is_not_loaded(damage: str, ner: Tagger, tmp_path: Path) -> None:
    run = tmp_path / "run"
    ner.save(run)
    model = run / "model.safetensors"
    parameters = {name: ner.get_params()[name] for name in ner.settings}
    if damage == "no weights":
        model.unlink()
    elif damage == "half the weights":
        model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    elif damage == "other sizes":
        changed(run, "run.json", settings={**parameters, "hidden_size": 17})
    elif damage == "unknown setting":
        changed(run, "run.json", settings={**parameters, "hat_size": 17})
    else:
        changed(run, "run.json", task="sing")
    with pytest.raises(CheckpointError, match="run"):
        Tagger.load(run, device="cpu")


def test_a_folder_without_a_run_is_not_loaded(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CheckpointError, match="is not a run"):
            seqkit.load(path)


def test_a_single_text_is_not_read_as_a_list_of_letters() -> None:
    with pytest.raises(ConfigError, match="list of texts"):
        Tagger().predict("Ada ran")


def test_confidences_can_be_omitted(ner: Tagger, pos: Tagger) -> None:
    texts = ["Ada Lund met Bo in Ghent.", ["Ada", "ran"]]
    for tagger in (ner, pos):
        without = tagger.predict(texts, confidence=False)
        for one, other in zip(without, tagger.predict(texts), strict=True):
            assert (one.words, one.starts, one.tags) == (other.words, other.starts, other.tags)
            assert [e.start for e in one.entities] == [e.start for e in other.entities]
        assert all(entity.confidence is None for found in without for entity in found.entities)
        assert all(token.confidence is None for found in without for token in found.tokens)
