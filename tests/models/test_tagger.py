"""Tagging models learn, do not depend on the batch, and their probabilities are sums over all paths."""

import math
from collections.abc import Sequence
from itertools import pairwise, product
from typing import Any

import pytest
import torch
from torch import Tensor

from seqkit.errors import ConfigError
from seqkit.models.tagger import label_weights
from seqkit.models.tagging_heads import CRFHead
from seqkit.tasks.tagging import PartOfSpeechTask, TaggedExamples, TaggingTask
from seqkit.tasks.tagging_predictors import ConfidentTags
from seqkit.text.tagging_schemes import illegal_tags, spans_from_tags
from seqkit.training.device import Device
from seqkit.training.evaluate import evaluate, predict
from tests.slow_cases import rest_slow
from tests.tiny import PARTS, ROWS, SPANS, Rows, half_trained, task_and_examples, task_of, tiny_tagger

CPU = Device.open("cpu")
both_heads = pytest.mark.parametrize("head", ["crf", "softmax"])


@pytest.mark.parametrize(
    "changes",
    rest_slow(
        [
            {},
            {"head": "softmax"},
            {"characters": "lstm"},
            {"characters": "none", "shape_size": 0, "affix_size": 0},
            {"num_layers": 2, "cell": "gru"},
            {"scheme": "IOB1"},
            {"label_weights": "O=0.5,LOC=2", "label_smoothing": 0.05},
            {"optimizer": "sgd", "learning_rate": 0.3, "epochs": 40},
        ],
        3,
    ),
    ids=str,
)
def test_a_tiny_corpus_is_learnt_by_heart(changes: dict[str, Any]) -> None:
    tagger = tiny_tagger(still=True, **{"epochs": 25, "schedule": "constant", **changes}).fit(ROWS, ROWS)
    evaluation = tagger.evaluate(ROWS)
    assert evaluation.scores == {"f1": 1.0, "precision": 1.0, "recall": 1.0, "accuracy": 1.0}
    assert [prediction.spans for prediction in evaluation.predictions] == SPANS
    assert evaluation.steps == sum(map(len, ROWS["tokens"]))


@both_heads
def test_parts_of_speech_are_learnt_by_heart(head: str) -> None:
    tagger = tiny_tagger("pos", still=True, head=head, epochs=30, schedule="constant").fit(PARTS, PARTS)
    evaluation = tagger.evaluate(PARTS, confidence=True)
    assert evaluation.scores == {"accuracy": 1.0}
    assert tagger.fitted is not None
    assert tagger.fitted.labels == sorted({tag for tags in PARTS["tags"] for tag in tags})
    for prediction, tags in zip(evaluation.predictions, PARTS["tags"], strict=True):
        assert prediction.tags == tags
        assert prediction.spans == []
        assert len(prediction.confidence) == len(tags)
        assert all(0.0 < confidence <= 1.0 for confidence in prediction.confidence)


@both_heads
def test_a_type_that_counts_nothing_is_not_learnt(head: str) -> None:
    tagger = tiny_tagger(still=True, epochs=25, schedule="constant", head=head, label_weights="LOC=0").fit(ROWS, ROWS)
    found = {span.label for prediction in tagger.evaluate(ROWS).predictions for span in prediction.spans}
    assert found == {"PER"}


def test_label_weights_of_what_training_lacks_are_refused() -> None:
    with pytest.raises(ConfigError, match="label_weights: the training data has no 'ORG'; there is LOC, O, PER"):
        task_of(label_weights="ORG=2")


def test_a_tag_may_have_another_weight_than_its_type() -> None:
    task = task_of(label_weights="PER=3,S-PER=4,O=0.5")
    weights = label_weights(task.config, task.labels, task.scheme)
    assert weights is not None
    found = dict(zip(task.labels, weights, strict=True))
    assert (found["O"], found["B-PER"], found["S-PER"], found["B-LOC"]) == (0.5, 3.0, 4.0, 1.0)


def test_tags_that_look_like_a_scheme_are_plain_tags_to_the_other_task() -> None:
    task = PartOfSpeechTask.from_rows(tiny_tagger().config, ROWS)[0]
    assert task.scheme is None
    assert task.labels == ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"]
    assert task.unknown_labels(task.prepare({"tokens": [["a", "b"]], "tags": [["O", "B-ORG"]]})) == ["B-ORG"]


@pytest.mark.parametrize(
    "changes",
    [{}, {"head": "softmax"}, {"characters": "lstm", "num_layers": 2}, {"characters": "none", "cell": "gru"}],
    ids=str,
)
def test_predictions_depend_neither_on_the_batch_nor_on_the_order(changes: dict[str, Any]) -> None:
    task = half_trained(**changes)
    alone = [predict(ConfidentTags(task), task.prepare({"tokens": [tokens]}), CPU)[0] for tokens in ROWS["tokens"]]
    assert any(prediction.spans for prediction in alone)
    order = [7, 2, 0, 11, 4, 9, 1, 10, 3, 8, 6, 5]
    examples = task.prepare({"tokens": [ROWS["tokens"][row] for row in order]})
    for batch_tokens in (1, 20, 1000):
        together = predict(ConfidentTags(task), examples, CPU, batch_tokens=batch_tokens)
        for row, prediction in zip(order, together, strict=True):
            assert prediction.tags == alone[row].tags
            assert prediction.spans == alone[row].spans
            assert prediction.confidence == pytest.approx(alone[row].confidence, abs=1e-5)
    without = predict(task, examples, CPU)
    assert [prediction.tags for prediction in without] == [alone[row].tags for row in order]
    assert not any(prediction.confidence for prediction in without)


def emissions_of(task: TaggingTask, tokens: Sequence[str]) -> Tensor:
    task.model.eval()
    with torch.no_grad():
        scores: Tensor = task.model.head.scores(task.model(task.collate(task.prepare({"tokens": [tokens]}), [0])))
    return scores[0].double()


def path_probabilities(task: TaggingTask, tokens: list[str]) -> dict[tuple[str, ...], float]:
    """The probability of every legal sequence of tags, in plain Python."""
    emissions = emissions_of(task, tokens).tolist()
    labels = range(len(task.labels))
    start, end, move = [0.0 for _ in labels], [0.0 for _ in labels], [[0.0 for _ in labels] for _ in labels]
    if isinstance(task.model.head, CRFHead):
        crf = task.model.head.crf
        start, end, move = crf.start_transitions.tolist(), crf.end_transitions.tolist(), crf.transitions.tolist()
    weights = {}
    for path in product(labels, repeat=len(tokens)):
        tags = tuple(task.labels[label] for label in path)
        if task.scheme is None or not illegal_tags(tags, task.scheme):
            emitted = sum(row[label] for row, label in zip(emissions, path, strict=True))
            moved = sum(move[one][other] for one, other in pairwise(path))
            weights[tags] = math.exp(emitted + moved + start[path[0]] + end[path[-1]])
    total = sum(weights.values())
    return {tags: weight / total for tags, weight in weights.items()}


@pytest.mark.parametrize("scheme", ["IOBES", "BILOU"])
@pytest.mark.parametrize("tokens", [["Ada", "met", "Ghent", "Oslo"], ["New", "South", "Wales", "!"]])
def test_a_spans_confidence_is_the_probability_of_all_paths_that_have_just_this_span(
    scheme: str, tokens: list[str]
) -> None:
    task = half_trained(scheme=scheme)
    assert task.scheme is not None
    probabilities = path_probabilities(task, tokens)
    (prediction,) = predict(ConfidentTags(task), task.prepare({"tokens": [tokens]}), CPU)
    assert tuple(prediction.tags) == max(probabilities, key=lambda tags: probabilities[tags])
    assert prediction.spans
    for span, confidence in zip(prediction.spans, prediction.confidence, strict=True):
        having = [tags for tags in probabilities if span in spans_from_tags(tags, task.scheme)]
        assert confidence == pytest.approx(sum(probabilities[tags] for tags in having), rel=1e-4)
        assert confidence < 0.999, "a model that is sure of all shows nothing"


def test_the_softmax_heads_confidence_is_the_product_of_its_tags() -> None:
    task = half_trained(head="softmax")
    tokens = ["Ada", "Lund", "met", "Bo", "in", "Ghent", "."]
    (prediction,) = predict(ConfidentTags(task), task.prepare({"tokens": [tokens]}), CPU)
    probabilities = emissions_of(task, tokens).softmax(dim=1)
    assert prediction.spans
    for span, confidence in zip(prediction.spans, prediction.confidence, strict=True):
        best = probabilities[span.start : span.end].max(dim=1).values
        assert confidence == pytest.approx(float(best.prod()), rel=1e-4)


@both_heads
def test_the_confidence_of_a_plain_tag_is_its_marginal_probability(head: str) -> None:
    rows: Rows = {"tokens": [["a", "b"], ["b", "a", "c"]], "tags": [["X", "Y"], ["Y", "X", "Z"]]}
    tagger = tiny_tagger("pos", still=True, epochs=2, head=head).fit(rows, rows)
    task, tokens = tagger.fitted, ["c", "a", "b"]
    assert task is not None
    (prediction,) = predict(ConfidentTags(task), task.prepare({"tokens": [tokens]}), CPU)
    probabilities = path_probabilities(task, tokens)
    for place, (tag, confidence) in enumerate(zip(prediction.tags, prediction.confidence, strict=True)):
        with_tag = sum(probability for tags, probability in probabilities.items() if tags[place] == tag)
        assert confidence == pytest.approx(with_tag, rel=1e-4)


@both_heads
def test_the_loss_is_the_mean_over_tokens(head: str) -> None:
    task, examples = task_and_examples(still=True, head=head)
    task.model.eval()
    with torch.no_grad():
        alone = [float(task.loss(task.collate(examples, [row]))[0]) for row in range(4)]
        together = float(task.loss(task.collate(examples, [3, 1, 0, 2]))[0])
    lengths = examples.words.lengths[:4]
    total = sum(loss * length for loss, length in zip(alone, lengths, strict=True))
    assert together == pytest.approx(total / sum(lengths), rel=1e-5)
    if head == "softmax":
        targets = task.collate(examples, [0]).targets
        assert targets is not None
        logs = emissions_of(task, ROWS["tokens"][0]).log_softmax(dim=1)
        assert alone[0] == pytest.approx(-float(logs[range(7), targets[0]].mean()), rel=1e-5)


def test_evaluation_counts_what_it_read() -> None:
    task = half_trained()
    examples: TaggedExamples = task.prepare(ROWS)
    evaluation = evaluate(task, examples, CPU, batch_tokens=20)
    found = [(row, span) for row, prediction in enumerate(evaluation.predictions) for span in prediction.spans]
    gold = [(row, span) for row, spans in enumerate(SPANS) for span in spans]
    correct = len(set(found) & set(gold))
    assert evaluation.scores["precision"] == pytest.approx(correct / len(found))
    assert evaluation.scores["recall"] == pytest.approx(correct / len(gold))
    assert evaluation.seconds > 0
    assert evaluation.steps == sum(map(len, ROWS["tokens"]))
