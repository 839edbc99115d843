"""The classification task: losses, probabilities, Monte Carlo copies, learning rates, batches, and its files."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor
from torch.testing import assert_close

from seqkit.batches.batch import Batch
from seqkit.config.language_model import LanguageModelConfig
from seqkit.config.training import TrainConfig
from seqkit.data.labelled_rows import labelled_rows
from seqkit.errors import ConfigError, CorpusError
from seqkit.models.classifier import LabelScores
from seqkit.models.language_model import NextTokenModel
from seqkit.models.text_encoders import PretrainedEncoder
from seqkit.task_table import TASKS
from seqkit.tasks.classification import ClassificationTask
from seqkit.tasks.classification_predictors import MonteCarloLabels
from seqkit.tasks.label_prediction import LabelPrediction
from seqkit.text.lm_tokenizer import TextTokenizer
from seqkit.training.device import Device
from seqkit.training.evaluate import evaluate, predict
from seqkit.training.events import EpochDone, Event
from seqkit.training.fit import fit
from tests.tiny_labels import LABELS, LIKED, STARS, TEXTS, TOPICS, label_task_of, label_trainer_of, tiny_classifier

CPU = Device.open("cpu")
NEW = ["The room was not warm.", "", "Rich soup!", " \n", "We", "an unheard 42 — of thing, at all…", "A kind host"]

Rows = list[list[float]]


@pytest.fixture(autouse=True)
def isolated_random_state() -> Iterator[None]:
    with torch.random.fork_rng():
        yield


def around(task: ClassificationTask, copies: int) -> ClassificationTask | MonteCarloLabels:
    """Return a Monte Carlo predictor with ``copies`` copies of each text; with 0, the task itself."""
    return MonteCarloLabels(task, copies) if copies else task


def predicted(
    predictor: ClassificationTask | MonteCarloLabels, texts: Sequence[str] = TEXTS, batch_tokens: int = 8192
) -> list[LabelPrediction]:
    task = predictor.task if isinstance(predictor, MonteCarloLabels) else predictor
    return predict(predictor, task.prepare({"text": texts}), CPU, batch_tokens=batch_tokens)


def pretrained_of(**changes: Any) -> PretrainedEncoder:
    """Return an untrained language model of words with two layers."""
    sizes: dict[str, Any] = {"unit": "word", "embedding_size": 6, "hidden_size": 7, "num_layers": 2, "tied": False}
    config = LanguageModelConfig(**{**sizes, **changes})
    size = 270 if config.unit == "bpe" else None
    tokenizer = TextTokenizer.fitted(config.unit, [[text] for text in TEXTS], vocabulary_size=size)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        count = 2 if config.direction == "both" else 1
        return PretrainedEncoder(config, tokenizer, [NextTokenModel(config, len(tokenizer)) for _ in range(count)])


def learnt(labels: Sequence[Any] = LABELS, **changes: Any) -> ClassificationTask:
    """Return a partly trained task: its predictions are better than chance, but not confident."""
    trainer = label_trainer_of(TEXTS, labels, **{"epochs": 2, "schedule": "constant", "average": 0.0, **changes})
    fit(trainer, trainer.examples)
    task = trainer.task
    assert isinstance(task, ClassificationTask)
    return task


def language_model_task(**changes: Any) -> ClassificationTask:
    return label_task_of(pretrained=pretrained_of(**changes), lm="a run folder")


KINDS: dict[str, Callable[[], ClassificationTask]] = {
    "words": lambda: label_task_of(),
    "words, no n-grams, character LSTM": lambda: label_task_of(ngrams=0, characters="lstm", pooling="attention"),
    "words, no spelling": lambda: label_task_of(characters="none", shape_size=0, affix_size=0, pooling="max"),
    "words, n-grams of which none is known": lambda: label_task_of(ngram_count=99),
    "byte pairs": lambda: label_task_of(unit="bpe", window=5, cell="gru"),
    "several labels": lambda: label_task_of(TEXTS, TOPICS),
    "numbers": lambda: label_task_of(TEXTS, STARS, ngrams=3),
    "booleans": lambda: label_task_of(TEXTS, LIKED, num_layers=2),
    "language model": lambda: language_model_task(),
    "language model of byte pairs, both directions": lambda: language_model_task(unit="bpe", direction="both"),
    "language model, pretokenized": lambda: language_model_task(pretokenized=True, tied=True, direction="backward"),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


# The loss


@cache
def task_with_loss(labels: str, **options: Any) -> ClassificationTask:
    """Return a task whose loss is tested, without its weights."""
    return label_task_of(TEXTS, STARS if labels == "stars" else TOPICS, **options)


def loss_of(task: ClassificationTask, branches: list[Rows], targets: Tensor) -> float:
    """Return the loss for the given scores of each branch."""
    scores = [torch.tensor(rows) for rows in branches]
    found = LabelScores(torch.stack(scores).sum(0), scores if len(scores) > 1 else [], None)
    batch = Batch(inputs={}, lengths=torch.ones(len(targets), dtype=torch.int64), targets=targets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "model", lambda batch: found)
        loss, carry = task.loss(batch)
    assert carry is None
    return float(loss)


def single_label_loss(scores: Rows, targets: list[int], weights: list[float], smoothing: float, gamma: float) -> float:
    """Focal loss (Lin et al. 2017, equation 4): -(1 - p)^gamma log p of the correct label, weighted by label."""
    total = 0.0
    for row, target in zip(scores, targets, strict=True):
        normalizer = sum(math.exp(score) for score in row)
        probabilities = [math.exp(score) / normalizer for score in row]
        smoothed = [smoothing / len(row) + (1 - smoothing) * (index == target) for index in range(len(row))]
        cross_entropy = -sum(share * math.log(p) for share, p in zip(smoothed, probabilities, strict=True))
        total += weights[target] * (1 - probabilities[target]) ** gamma * cross_entropy
    return total / sum(weights[target] for target in targets)


def multi_label_loss(scores: Rows, targets: Rows, weights: list[float], smoothing: float, gamma: float) -> float:
    """Return the same loss of binary decisions for or against each label, averaged over labels and texts."""
    total = 0.0
    for row, right in zip(scores, targets, strict=True):
        for score, yes, weight in zip(row, right, weights, strict=True):
            p = 1 / (1 + math.exp(-score))
            smoothed = smoothing / 2 + (1 - smoothing) * yes
            cross_entropy = -smoothed * math.log(p) - (1 - smoothed) * math.log(1 - p)
            total += weight * (1 - (p if yes else 1 - p)) ** gamma * cross_entropy
    return total / (len(scores) * sum(weights))


def summed(branches: list[Rows]) -> Rows:
    return [[sum(scores) for scores in zip(*rows, strict=True)] for rows in zip(*branches, strict=True)]


losses = given(
    data=st.data(),
    branches=st.sampled_from([1, 2]),
    branch_loss=st.sampled_from([0.0, 0.5, 1.0]),
    smoothing=st.sampled_from([0.0, 0.1]),
    gamma=st.sampled_from([0.0, 0.5, 2.0]),
)


def drawn(data: st.DataObject, branches: int, texts: int, labels: int) -> list[Rows]:
    row = st.lists(st.floats(-6, 6, width=32), min_size=labels, max_size=labels)
    rows = st.lists(row, min_size=texts, max_size=texts)
    return data.draw(st.lists(rows, min_size=branches, max_size=branches))


@settings(max_examples=40)
@losses
@pytest.mark.parametrize("written", [None, "1=0.5,3=2", "balanced"])
def test_the_single_label_loss_follows_its_definition(
    written: str | None, data: st.DataObject, branches: int, branch_loss: float, smoothing: float, gamma: float
) -> None:
    given_weights = {None: [1.0, 1.0, 1.0], "1=0.5,3=2": [0.5, 1.0, 2.0]}
    balanced = compute_class_weight("balanced", classes=np.array([1, 2, 3]), y=np.array(STARS)).tolist()
    weights = given_weights.get(written, balanced)
    changes = {"class_weights": written, "label_smoothing": smoothing, "focal_gamma": gamma}
    task = task_with_loss("stars", branch_loss=branch_loss, **changes)
    targets = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=5))
    scores = drawn(data, branches, len(targets), 3)
    expected = single_label_loss(summed(scores), targets, weights, smoothing, gamma)
    if branches > 1:
        expected += branch_loss * sum(single_label_loss(rows, targets, weights, smoothing, gamma) for rows in scores)
    assert loss_of(task, scores, torch.tensor(targets)) == pytest.approx(expected, rel=1e-3, abs=1e-5)


@settings(max_examples=40)
@losses
@pytest.mark.parametrize("written", [None, "food=3", "balanced"])
def test_the_multi_label_loss_follows_its_definition(
    written: str | None, data: st.DataObject, branches: int, branch_loss: float, smoothing: float, gamma: float
) -> None:
    counts = Counter(topic for topics in TOPICS for topic in topics)
    balanced = [len(TEXTS) / (2 * counts[topic]) for topic in ("food", "room")]
    weights = {None: [1.0, 1.0], "food=3": [3.0, 1.0]}.get(written, balanced)
    changes = {"class_weights": written, "label_smoothing": smoothing, "focal_gamma": gamma}
    task = task_with_loss("topics", branch_loss=branch_loss, **changes)
    targets = data.draw(st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=2), min_size=1, max_size=5))
    scores = drawn(data, branches, len(targets), 2)
    expected = multi_label_loss(summed(scores), targets, weights, smoothing, gamma)
    if branches > 1:
        expected += branch_loss * sum(multi_label_loss(rows, targets, weights, smoothing, gamma) for rows in scores)
    assert loss_of(task, scores, torch.tensor(targets)) == pytest.approx(expected, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize(
    ("labels", "written"),
    [(["good"], "good=0"), (["good"], "good=0,bad=0"), ([["food"]], "food=0,room=0")],
    ids=["its own", "all", "all of several"],
)
def test_a_label_of_weight_0_has_no_loss(labels: Sequence[Any], written: str) -> None:
    task = label_task_of(TEXTS, LABELS if labels == ["good"] else TOPICS, class_weights=written)
    loss, _ = task.loss(task.collate(task.prepare(labelled_rows(["soup"], labels)), [0]))
    assert loss.item() == 0.0


def test_weights_of_unknown_labels_are_an_error() -> None:
    with pytest.raises(ConfigError, match="class_weights: the training data has no label 'poor'; there is bad, good"):
        label_task_of(class_weights="poor=2")


def test_scores_are_the_sum_of_both_branches_and_of_weighted_n_grams() -> None:
    task = label_task_of(still=True)
    assert task.model.ngrams is not None
    assert task.ngrams is not None
    table_GK = torch.randn(len(task.ngrams), 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        task.model.ngrams.table.weight.copy_(table_GK)
    texts = ["Kind host", "unheard", *TEXTS]
    examples = task.prepare({"text": texts})
    rows = [3, 1, 0, 9, 0]
    scores = task.model.eval()(task.collate(examples, rows))
    for index, row in enumerate(rows):
        ids, weights = task.ngrams.weights([token.text for token in task.tokenizer.tokenize(texts[row])])
        expected = torch.zeros(2)
        for number, weight in zip(ids.tolist(), weights.tolist(), strict=True):
            expected += weight * table_GK[number]
        assert_close(scores.branches[1][index], expected)
    assert not scores.branches[1][1].any()  # none of its n-grams is known, and none of other rows is used instead
    assert_close(scores.scores_BK, scores.branches[0] + scores.branches[1])


# Probabilities


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_probabilities_are_those_at_the_temperature(temperature: float) -> None:
    task, multi_label = label_task_of(TEXTS, STARS), label_task_of(TEXTS, TOPICS)
    for each in (task, multi_label):
        before = predicted(each)
        each.temperature = temperature
        for one, now in zip(before, predicted(each), strict=True):
            assert now.logits == one.logits
            powers = [math.exp(logit / temperature) for logit in one.logits]
            if each is task:
                expected = [power / sum(powers) for power in powers]
            else:
                expected = [power / (1 + power) for power in powers]
            assert now.probabilities == pytest.approx(expected, rel=1e-6)


def test_the_answer_is_the_most_probable_label_or_all_above_one_half() -> None:
    assert label_task_of(TEXTS, STARS).answer([0.2, 0.5, 0.3]) == 2
    assert label_task_of(TEXTS, LIKED).answer([0.2, 0.8]) is True
    multi_label = label_task_of(TEXTS, TOPICS)
    assert multi_label.answer([0.2, 0.5]) == []
    assert multi_label.answer([0.9, 0.51]) == ["food", "room"]


@every_kind
@pytest.mark.parametrize("copies", [0, 3])
def test_a_text_without_a_word_gets_the_prior_in_any_batch(kind: str, copies: int) -> None:
    task = KINDS[kind]()
    others: dict[str, Sequence[Any]] = {"several labels": TOPICS, "numbers": STARS, "booleans": LIKED}
    labels = others.get(kind, LABELS)
    counts = Counter(label for answer in labelled_rows(TEXTS, labels)["label"] for label in answer)
    prior = [counts[label] / len(TEXTS) for label in sorted(counts)]
    for texts in (NEW, ["", "\t"], [""]):
        for batch_tokens in (1, 8192):
            for text, found in zip(texts, predicted(around(task, copies), texts, batch_tokens), strict=True):
                assert found.empty is not bool(text.strip())
                assert found.empty == (found.probabilities == pytest.approx(prior, rel=1e-12, abs=0))
                if copies and found.empty:
                    assert found.spread == [0.0] * len(prior)
                    assert found.intervals == [(probability, probability) for probability in found.probabilities]


@every_kind
def test_a_text_without_a_word_can_be_a_batch_by_itself(kind: str) -> None:
    task = KINDS[kind]()
    examples = task.prepare({"text": ["", "The soup was warm."]})
    alone, beside = (task.model.eval()(task.collate(examples, rows)).scores_BK[0] for rows in ([0], [0, 1]))
    assert_close(alone, beside)


@every_kind
def test_predictions_do_not_depend_on_the_batch(kind: str) -> None:
    task = KINDS[kind]()
    singly = predicted(task, [*TEXTS, *NEW], batch_tokens=1)
    together = predicted(task, [*TEXTS, *NEW])
    for one, other in zip(singly, together, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, rel=1e-5)
        assert one.logits == pytest.approx(other.logits, rel=1e-4, abs=1e-5)
        assert (one.spread, one.intervals) == (None, None)


def test_attention_has_a_weight_for_each_token_of_the_encoder() -> None:
    tasks = [
        label_task_of(pooling="attention+max"),
        label_task_of(pooling="attention", unit="bpe"),
        label_task_of(pooling="attention", pretrained=pretrained_of(), lm="a run folder"),
    ]
    for each in tasks:
        for predictor in (each, MonteCarloLabels(each, 4)):
            for text, found in zip(NEW, predicted(predictor, NEW), strict=True):
                assert found.attention is not None
                assert len(found.attention) == len(each.pieces(text)) > 0
                assert sum(found.attention) == pytest.approx(1, abs=1e-6)
    assert predicted(label_task_of())[0].attention is None


def test_pieces_are_what_the_encoder_reads() -> None:
    assert label_task_of().pieces("Not bad, this café!") == ["Not", "bad", ",", "this", "café", "!"]
    byte_pairs = label_task_of(unit="bpe")
    assert "".join(byte_pairs.pieces("Not bad, this CAFE")) == "Not bad, this CAFE"
    words = language_model_task()
    assert words.pieces("The soup was unheard") == ["The", " soup", " was", " <unk>"]


def test_spelling_vectors_can_be_precomputed() -> None:
    task = learnt()
    examples = task.prepare({"text": NEW})
    precomputed = task.precompute(examples, CPU.torch_device)
    assert precomputed is not examples
    batches = [task.collate(each, [5, 0, 1, 6]) for each in (examples, precomputed)]
    one, other = (task.model.eval()(batch).scores_BK for batch in batches)
    assert_close(one, other)
    bpe = label_task_of(unit="bpe")
    examples = bpe.prepare({"text": NEW})
    assert bpe.precompute(examples, CPU.torch_device) is examples


# Copies under dropout


DROPPED: dict[str, Any] = {"input_dropout": 0.3, "state_dropout": 0.3, "ngram_dropout": 0.3}


@pytest.mark.parametrize("labels", [STARS, TOPICS], ids=["one label", "several"])
def test_means_spreads_and_intervals_are_those_of_the_copies(labels: Sequence[Any]) -> None:
    copies = 7
    task = learnt(labels, **DROPPED)
    task.temperature = 1.5
    sampling = MonteCarloLabels(task, copies)
    examples, rows = task.prepare({"text": NEW}), [5, 0, 6, 2]
    batch = sampling.collate(examples, rows)
    assert batch.lengths.tolist() == [examples.lengths[row] for row in rows for _ in range(copies)]
    sampling.model.eval()
    with torch.inference_mode():
        torch.manual_seed(4)
        scores = sampling.model(batch).scores_BK.double().numpy()
        torch.manual_seed(4)
        predictions, _ = sampling.predict(batch)
    assert len(predictions) == len(rows)
    for index, found in enumerate(predictions):
        own = scores[index * copies : (index + 1) * copies]
        powers = np.exp(own / 1.5)
        probabilities = powers / (1 + powers) if task.multi_label else powers / powers.sum(1, keepdims=True)
        assert found.logits == pytest.approx(own.mean(0).tolist(), rel=1e-5, abs=1e-6)
        assert found.probabilities == pytest.approx(probabilities.mean(0).tolist(), rel=1e-6)
        assert found.spread == pytest.approx(probabilities.std(0).tolist(), rel=1e-6)
        assert found.intervals is not None
        for label, bounds in enumerate(found.intervals):
            assert bounds == pytest.approx(tuple(np.quantile(probabilities[:, label], [0.025, 0.975])), rel=1e-6)
        assert min(found.spread or [0.0]) > 0.01


def test_copies_without_dropout_all_agree() -> None:
    for unit in ("word", "bpe"):
        task = label_task_of(still=True, unit=unit)
        for one, other in zip(predicted(task, NEW), predicted(MonteCarloLabels(task, 3), NEW), strict=True):
            assert other.probabilities == pytest.approx(one.probabilities, rel=1e-5)
            assert other.spread == pytest.approx([0.0, 0.0], abs=1e-6)


def test_the_copy_with_dropout_shares_its_weights_and_leaves_the_original_alone() -> None:
    task = learnt(**DROPPED)
    before = predicted(task, NEW)
    sampling = MonteCarloLabels(task, 5)
    pairs = zip(task.model.state_dict(keep_vars=True).items(), sampling.model.state_dict().items(), strict=True)
    for (name, one), (other_name, other) in pairs:
        assert name == other_name
        assert one.data_ptr() == other.data_ptr()
    torch.manual_seed(1)
    sampled = predicted(sampling, NEW)
    assert [each.probabilities for each in sampled] != [each.probabilities for each in predicted(sampling, NEW)]
    assert predicted(task, NEW) == before
    torch.manual_seed(1)
    assert predicted(sampling, NEW) == sampled
    with torch.no_grad():
        task.model.scores.bias[0] += 30.0
    for label in range(2):
        assert [each.probabilities[label] for each in predicted(sampling, ["soup"])] == pytest.approx(
            [1 - label], abs=1e-3
        )


@pytest.mark.parametrize("name", ["input_dropout", "hidden_dropout"])
def test_the_dropout_of_a_language_model_makes_copies_differ(name: str) -> None:
    task = label_task_of(still=True, pretrained=pretrained_of(**{name: 0.5}), lm="a run folder")
    for found in predicted(MonteCarloLabels(task, 8), ["The soup was warm", "a cold room"]):
        assert found.spread is not None
        assert min(found.spread) > 1e-6


def test_copies_count_in_the_size_of_a_batch() -> None:
    task = label_task_of()
    examples = task.prepare({"text": TEXTS * 4})
    for batch_tokens in (1, 50, 300):
        batches = MonteCarloLabels(task, 5).batches(examples, batch_tokens)
        assert sorted(row for rows in batches for row in rows) == list(range(len(examples)))
        for rows in batches:
            tokens = 5 * len(rows) * max(examples.lengths[row] for row in rows)
            assert tokens <= batch_tokens or len(rows) == 1


# Learning rates of parameter groups


def parts_of(task: ClassificationTask) -> dict[str, Tensor]:
    """Return a flattened copy of each parameter group, the rest included."""
    named: dict[str, list[Tensor]] = {}
    for name, parameter in task.model.named_parameters():
        part = next((part for part in task.parameter_groups if name.startswith(part)), "")
        named.setdefault(part, []).append(parameter.detach().flatten().clone())
    return {part: torch.cat(values) for part, values in named.items()}


def test_layers_are_unfrozen_from_the_top_and_lower_ones_have_lower_rates() -> None:
    task = label_task_of(pretrained=pretrained_of(), lm="a run folder", unfreeze_epochs=1.5)
    embedding, low, top = (f"encoder.networks.0.{part}." for part in ("embedding", "layers.0", "layers.1"))
    assert set(task.parameter_groups) == {"ngrams.", embedding, low, top}
    rates = {epoch: [task.learning_rate_scale(part, epoch) for part in (top, low, embedding)] for epoch in range(6)}
    assert rates == {
        0: [0.0, 0.0, 0.0],
        1: [0.0, 0.0, 0.0],
        2: [0.25, 0.0, 0.0],
        3: [0.25, 0.125, 0.0],
        4: [0.25, 0.125, 0.0],
        5: [0.25, 0.125, 0.0625],
    }
    assert [task.learning_rate_scale(part, 0) for part in ("", "ngrams.")] == [1.0, 7.0]
    at_once = label_task_of(pretrained=pretrained_of(), lm="a run folder", unfreeze_epochs=0)
    assert [at_once.learning_rate_scale(part, 0) for part in (top, low, embedding)] == [0.25, 0.125, 0.0625]
    assert label_task_of().parameter_groups == ["ngrams."]


@pytest.mark.parametrize("changes", [{}, {"optimizer": "sgd", "learning_rate": 0.5}], ids=str)
@pytest.mark.parametrize("direction", ["forward", "both"])
def test_a_layer_changes_once_it_is_unfrozen_and_not_before(direction: str, changes: dict[str, Any]) -> None:
    pretrained = pretrained_of(direction=direction)
    settings = {"average": 0.0, "schedule": "constant", "warmup": 0.0, "epochs": 4, **changes}
    trainer = label_trainer_of(pretrained=pretrained, lm="a run folder", **settings)
    task = trainer.task
    assert isinstance(task, ClassificationTask)
    snapshots = [parts_of(task)]

    def report(event: Event) -> None:
        if isinstance(event, EpochDone):
            snapshots.append(parts_of(task))

    fit(trainer, trainer.examples, report=report)
    for epoch, (before, after) in enumerate(pairwise(snapshots)):
        moved = {part for part in before if not torch.equal(before[part], after[part])}
        expected = {"", "ngrams."}
        for network in range(len(pretrained.networks)):
            unfrozen = ["layers.1.", "layers.0.", "embedding."][:epoch]
            expected |= {f"encoder.networks.{network}.{part}" for part in unfrozen}
        assert moved == expected


def test_a_classifier_starts_with_the_weights_of_the_language_model() -> None:
    pretrained = pretrained_of(direction="both")
    task = label_task_of(pretrained=pretrained, lm="a run folder")
    weights = task.model.encoder.state_dict()
    for number, network in enumerate(pretrained.networks):
        for name, value in network.state_dict().items():
            assert name.startswith("head.") or torch.equal(weights[f"networks.{number}.{name}"], value)


def test_n_grams_have_their_own_learning_rate() -> None:
    trainer = label_trainer_of(ngram_rate=3.0, schedule="constant", warmup=0.0, learning_rate=0.5)
    trainer.set_learning_rate(0.2)
    task = trainer.task
    assert isinstance(task, ClassificationTask)
    assert task.model.ngrams is not None
    table = task.model.ngrams.table.weight
    for part in trainer.optimizer.parts:
        for group in part.param_groups:
            is_table = any(parameter is table for parameter in group["params"])
            assert group["lr"] == (1.5 if is_table else 0.5)
            assert len(group["params"]) == 1 or not is_table


# Batches


def test_balanced_sampling_draws_each_label_equally_often() -> None:
    labels = ["good"] * 2 + ["bad"] * 10
    task = label_task_of(TEXTS, labels, balanced_sampling=True)
    examples = task.prepare(labelled_rows(TEXTS, labels))
    config = tiny_classifier().training
    for epoch in range(3):
        batches = task.sampler(examples, config).epoch(epoch)
        drawn = [example for batch in batches for example in batch]
        assert Counter(labels[example] for example in drawn) == {"good": 6, "bad": 6}
        assert task.sampler(examples, config).epoch(epoch) == batches
        other = task.sampler(examples, tiny_classifier(seed=2).training).epoch(epoch)
        assert other != batches != task.sampler(examples, config).epoch(epoch + 1)
    plain = label_task_of(TEXTS, labels).sampler(examples, config).epoch(0)
    assert sorted(example for batch in plain for example in batch) == list(range(12))


def test_balanced_sampling_needs_single_labels() -> None:
    with pytest.raises(ConfigError, match="balanced_sampling is for texts with one label each"):
        label_task_of(TEXTS, TOPICS, balanced_sampling=True)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=60))
def test_an_epoch_of_few_texts_has_some_steps(lengths: list[int]) -> None:
    task = _TASK
    examples = task.prepare({"text": [" ".join(["soup"] * length) for length in lengths]})
    batches = task.sampler(examples, TrainConfig(batch_tokens=100_000)).epoch(0)
    assert sorted(row for rows in batches for row in rows) == list(range(len(lengths)))
    assert len(batches) >= min(20, sum(lengths) / max(lengths))
    within = task.sampler(examples, TrainConfig(batch_tokens=40)).epoch(0)
    assert all(len(rows) * max(lengths[row] for row in rows) <= 40 for rows in within)


def test_a_batch_of_long_texts_contains_several() -> None:
    lengths = [500] * 40 + [60] * 40  # 500 tokens count as 150: the first 100, and every eighth of the rest
    examples = _TASK.prepare({"text": [" ".join(["soup"] * length) for length in lengths]})
    batches = _TASK.sampler(examples, TrainConfig(batch_tokens=360)).epoch(0)
    assert sorted(row for rows in batches for row in rows) == list(range(80))
    assert Counter((len(rows), lengths[rows[0]]) for rows in batches) == {(2, 500): 20, (6, 60): 6, (4, 60): 1}


_TASK = label_task_of()


def check_batch(task: ClassificationTask, copies: int, rows: Sequence[int], texts: Sequence[str]) -> None:
    """Compare the n-grams of a batch with those of one text after the other."""
    batch = around(task, copies).collate(task.prepare({"text": texts}), rows)
    times = max(1, copies)
    assert task.ngrams is not None
    held: dict[int, dict[int, float]] = {index: {} for index in range(len(rows) * times)}
    for ngram, weight, index in zip(*(batch.shared[name].tolist() for name in _NGRAM_INPUTS), strict=True):
        held[index][ngram] = weight
    for index, row in enumerate(row for row in rows for _ in range(times)):
        words = [token.text for token in task.tokenizer.tokenize(texts[row])]
        ids, weights = task.ngrams.weights(words)
        assert held[index] == dict(zip(ids.tolist(), weights.tolist(), strict=True))
        assert batch.inputs["empty_B"][index].item() is not bool(words)
        assert batch.lengths[index] == max(1, len(words))


_NGRAM_INPUTS = ("ngrams_X", "weights_X", "rows_X")


@settings(max_examples=30)
@given(st.lists(st.integers(0, len(NEW) - 1), min_size=1, max_size=9), st.sampled_from([0, 1, 3]))
def test_a_batch_equals_its_texts_one_by_one(rows: list[int], copies: int) -> None:
    check_batch(_TASK, copies, rows, NEW)


# Labels


@pytest.mark.parametrize(
    ("labels", "sorted_labels"),
    [(LABELS, ["bad", "good"]), (STARS, [1, 2, 3]), (LIKED, [False, True]), (TOPICS, ["food", "room"])],
)
def test_labels_keep_their_type(labels: Sequence[Any], sorted_labels: list[Any]) -> None:
    found = label_task_of(TEXTS, labels).labels
    assert found == sorted_labels
    assert {type(label) for label in found} == {type(label) for label in sorted_labels}


def test_an_unknown_label_is_always_wrong() -> None:
    task = label_task_of(TEXTS, STARS)
    rows = labelled_rows(["soup", "bed", "room"], [2, 9, 4])
    assert task.unknown_labels(rows) == [4, 9]
    examples = task.prepare(rows)
    assert examples.gold == [[1], [3], [3]]
    found = evaluate(task, examples, CPU)
    right = task.answer(found.predictions[0].probabilities) == 2
    assert found.scores["accuracy"] == pytest.approx(right / 3)
    multi_label = label_task_of(TEXTS, TOPICS)
    rows = labelled_rows(["soup", "bed"], [["food", "pool"], []])
    assert multi_label.unknown_labels(rows) == ["pool"]
    examples = multi_label.prepare(rows)
    assert examples.gold == [[0, 2], []]
    targets = multi_label.collate(examples, [1, 0]).targets
    assert targets is not None
    assert targets.tolist() == [[0.0, 0.0], [1.0, 0.0]]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["good"] * 12, "nothing to learn from the training split: every text is 'good'; add texts"),
        ([[]] * 12, "nothing to learn from the training split: no text has a label"),
    ],
)
def test_too_few_labels_are_an_error(labels: list[Any], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        label_task_of(TEXTS, labels)


def test_one_label_is_enough_if_a_text_may_have_none() -> None:
    task = label_task_of(TEXTS, [["food"] if "food" in topics else [] for topics in TOPICS])
    assert task.labels == ["food"]
    assert task.prior == [pytest.approx(sum("food" in topics for topics in TOPICS) / 12)]


def test_a_repeated_label_of_a_text_counts_once() -> None:
    assert label_task_of(["warm", "cold", "wet"], [["room", "room"], ["room"], ["food"]]).prior == [1 / 3, 2 / 3]


def test_a_text_is_described_by_its_first_words() -> None:
    examples = _TASK.prepare({"text": ["", "Kind  host!", TEXTS[9]]})
    assert _TASK.describe(examples, [1, 0]) == "'Kind host !'"
    assert _TASK.describe(examples, [2]) == "'A cold room and a cold breakfast ; …'"
    assert _TASK.describe(examples, [0]) == "''"


def test_pretrained_vectors_are_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text("the 1 2 3\nparis 4 5 6\nsoup 0.5 0.25 -1\nzebra 1 1 1\n")
    task = label_task_of(vectors=str(file), vector_words=2)
    weights = task.model.state_dict()["encoder.features.words.weight"]
    words = task.tokenizer.words
    found = [weights[number].tolist() for number in words.ids(["The", "soup", "paris"])]
    assert found == [[1, 2, 3], [0.5, 0.25, -1], [4, 5, 6]]
    assert "zebra" not in words
    assert task.config.word_size == 3


# A task from its files


@every_kind
def test_assets_and_weights_are_the_whole_task(kind: str) -> None:
    task = KINDS[kind]()
    task.temperature = 1.75
    assets = task.assets()
    read: list[str] = []
    again = ClassificationTask.restored(task.config, lambda name: read.append(name) or assets[name])  # type: ignore[func-returns-value]
    assert set(read) == set(assets), "every file is needed"
    again.model.load_state_dict(task.model.state_dict())
    assert again.assets() == assets
    assert (again.labels, again.multi_label, again.prior) == (task.labels, task.multi_label, task.prior)
    assert {type(label) for label in again.labels} == {type(label) for label in task.labels}
    assert again.temperature == 1.75
    assert predicted(again, NEW) == predicted(task, NEW)
    assert again.pieces(NEW[5]) == task.pieces(NEW[5])
    assert_close(again.label_loss.weights_K, task.label_loss.weights_K)


def test_sentiment_differs_from_classifier_only_in_name() -> None:
    one, other = TASKS["sentiment"], TASKS["classifier"]
    same = ("config", "training", "corpus", "model", "metrics", "report", "usage")
    assert all(
        getattr(one, name) is getattr(other, name) or getattr(one, name) == getattr(other, name) for name in same
    )


# Learning


@pytest.mark.parametrize(
    ("labels", "changes"),
    [
        (STARS, {"focal_gamma": 1.0, "class_weights": "balanced"}),
        (TOPICS, {"label_smoothing": 0.05, "ngrams": 0}),
        (LIKED, {"balanced_sampling": True, "cell": "gru", "pooling": "attention", "unit": "bpe", "window": 6}),
    ],
    ids=["numbers", "several labels", "booleans"],
)
def test_it_learns_a_dozen_texts(labels: Sequence[Any], changes: dict[str, Any]) -> None:
    task = learnt(labels, still=True, epochs=10, **changes)
    assert evaluate(task, task.prepare(labelled_rows(TEXTS, labels)), CPU).scores["accuracy"] == 1.0
