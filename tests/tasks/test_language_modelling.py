"""The language modelling task: every token is counted once, state is carried on, scores follow their definitions."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from seqkit.batches.token_store import TokenStore
from seqkit.data.texts import Texts, from_strings
from seqkit.tasks.language_modelling import LanguageModellingTask, TextExamples, WindowNLL
from seqkit.training.device import Device
from seqkit.training.evaluate import evaluate
from seqkit.training.events import BatchDone
from seqkit.training.fit import fit
from tests.tiny_text import DEV, TRAIN, tiny_language_model, tiny_text_trainer

CPU = Device.open("cpu")
STILL = dict.fromkeys(("embedding_dropout", "input_dropout", "hidden_dropout", "output_dropout", "weight_dropout"), 0.0)


def task_of(texts: Texts | None = None, **changes: Any) -> LanguageModellingTask:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return LanguageModellingTask.from_rows(tiny_language_model(**changes).config, texts or from_strings(TRAIN))[0]


def nll_by_hand(task: LanguageModellingTask, ids: np.ndarray, direction: str = "forward") -> float:
    """Return the negative log-likelihood of all tokens in nats, computed by the plain layers in a single call."""
    network = task.network(direction).eval()
    read = torch.tensor(ids.astype(np.int64) if direction == "forward" else ids[::-1].astype(np.int64))
    states = F.embedding(torch.cat([torch.tensor([task.tokenizer.end_id]), read[:-1]]), network.embedding.weight)[None]
    for encoder in network.encoders:
        states, _ = encoder.recurrent(states)
    scores = network.head.scores(states[0], network.tied_VH)
    return float(F.cross_entropy(scores.double(), read, reduction="sum"))


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
@torch.no_grad()
def test_the_nll_is_that_of_the_plain_layers_for_any_windows(direction: str) -> None:
    task = task_of(direction=direction, num_layers=2)
    store = task.prepare(from_strings(DEV)).store
    expected = [nll_by_hand(task, store.ids, each) for each in task.directions]
    for batch_tokens in (1, 7, 64, 10_000):
        found = evaluate(task, TextExamples(store, streams=1), CPU, batch_tokens=batch_tokens)
        assert found.steps == len(store.ids)
        assert found.scores["nats_per_token"] * found.steps == pytest.approx(sum(expected) / len(expected), rel=1e-5)
        if direction == "both":
            ratio = math.exp(expected[1] / found.steps)
            assert found.scores["backward_perplexity"] == pytest.approx(ratio, rel=1e-5)


@pytest.mark.parametrize("streams", [2, 3, 7])
@torch.no_grad()
def test_all_tokens_count_in_any_number_of_streams(streams: int) -> None:
    task = task_of()
    store = task.prepare(from_strings(DEV)).store
    found = evaluate(task, TextExamples(store, streams=streams), CPU, batch_tokens=5 * streams)
    assert sum(window.tokens for window in found.predictions) == len(store.ids)
    shortest, longer = divmod(len(store.ids), streams)
    borders = np.cumsum([0, *(shortest + (row < longer) for row in range(streams))])
    network, total = task.network("forward").eval(), 0.0
    for start, end in pairwise(borders.tolist()):
        before = store.ids[start - 1] if start else task.tokenizer.end_id
        inputs = torch.tensor([[int(before), *store.ids[start : end - 1].tolist()]])
        states = network(inputs, torch.tensor([end - start]), network.initial_carry(1)).states_BTH
        targets = torch.tensor(store.ids[start:end].astype(np.int64))
        total -= float(network.head.log_probabilities(states[0], targets, network.tied_VH).double().sum())
    assert found.scores["nats_per_token"] * found.steps == pytest.approx(total, rel=1e-5)


def test_scores_follow_their_definitions() -> None:
    task = task_of()
    gold = TokenStore(np.zeros(50, dtype=np.uint8), characters=80, bytes=100)
    scores = task.score(TextExamples(gold, streams=1), [WindowNLL((60.0,), 30), WindowNLL((40.0,), 20)])
    assert scores["nats_per_token"] == pytest.approx(2.0)
    assert scores["perplexity"] == pytest.approx(math.exp(2.0))
    assert scores["bits_per_character"] == pytest.approx(100 / math.log(2) / 80)
    assert scores["bits_per_byte"] == pytest.approx(100 / math.log(2) / 100)


def test_bits_per_byte_do_not_depend_on_the_unit() -> None:
    """An untrained model needs log2 of the vocabulary size per token, however many bytes a token has."""
    for unit, size in (("char", 0), ("bpe", 300)):
        task = task_of(unit=unit, vocabulary_size=size)
        for network in task.networks():
            torch.nn.init.zeros_(network.embedding.weight)
        examples = task.prepare(from_strings(DEV))
        found = evaluate(task, examples, CPU)
        content = sum(len(text.encode()) for text in DEV)
        expected = len(examples.store.ids) * math.log2(len(task.tokenizer)) / content
        assert found.scores["bits_per_byte"] == pytest.approx(expected, rel=1e-5)


def test_an_epoch_learns_from_every_token_once() -> None:
    task, trainer = tiny_text_trainer(epochs=2, vary_bptt=True)
    tokens: list[int] = []
    fit(
        trainer,
        task.prepare(from_strings(DEV)),
        report=lambda event: tokens.append(event.steps) if isinstance(event, BatchDone) else None,
    )
    assert sum(tokens) == 2 * len(trainer.examples.store.ids)


def test_the_state_is_carried_between_windows_without_gradient() -> None:
    task, trainer = tiny_text_trainer(**STILL)
    windows = trainer.sampler.epoch(0)
    task.model.train()
    first, second = (task.collate(trainer.examples, window) for window in windows[:2])
    _, carry = task.loss(first, None)
    assert carry is not None
    assert all(not part.requires_grad for part in carry)
    loss, _ = task.loss(second, carry)
    network = task.network("forward")
    start = [(carry[0], carry[1])]
    states = network(second.inputs["forward"], second.lengths, start).states_BTH
    scores = network.head.scores(states, network.tied_VH).flatten(0, 1)
    assert second.targets is not None
    assert_close(loss, F.cross_entropy(scores, second.targets.flatten()))
    assert not torch.isclose(loss, task.loss(second, None)[0])


def test_streams_are_reset_with_the_given_probability() -> None:
    task, trainer = tiny_text_trainer(**STILL, reset_probability=0.5)
    batch = task.collate(trainer.examples, trainer.sampler.epoch(0)[0])
    carry = [torch.full((1, len(batch.lengths), task.network("forward").state_size), 0.5)] * 2
    task.model.eval()
    kept, fresh = (float(task.loss(batch, start)[0].detach()) for start in (carry, None))
    task.model.train()
    losses = {round(float(task.loss(batch, carry)[0].detach()), 6) for _ in range(40)}
    assert len(losses) > 5
    assert min(kept, fresh) < np.mean(list(losses)) < max(kept, fresh)


def test_activation_penalties_follow_the_paper() -> None:
    plain, trainer = tiny_text_trainer(**STILL)
    batch = plain.collate(trainer.examples, trainer.sampler.epoch(0)[0])
    network = plain.network("forward")
    states = network(batch.inputs["forward"], batch.lengths, network.initial_carry(len(batch.lengths))).states_BTH
    expected = plain.loss(batch, None)[0] + 2 * states.square().mean()
    expected = expected + 3 * (states[:, 1:] - states[:, :-1]).square().mean()
    penalized, _ = tiny_text_trainer(**STILL, activation_penalty=2.0, temporal_penalty=3.0)
    assert_close(penalized.loss(batch, None)[0], expected)


def test_a_backward_model_reads_the_text_from_its_end() -> None:
    task = task_of(direction="both")
    examples = TextExamples(task.prepare(from_strings(["abc café"])).store, streams=1)
    (window,) = task.batches(examples, 100)
    batch = task.collate(examples, window)
    assert batch.targets is not None
    ids = examples.store.ids.tolist()
    assert batch.inputs["forward"].tolist() == [[0, *ids[:-1]]]
    assert batch.inputs["backward"].tolist() == [[0, *ids[:0:-1]]]
    assert batch.targets[0].T.tolist() == [ids, ids[::-1]]


def test_a_window_is_described_by_its_first_characters() -> None:
    task, trainer = tiny_text_trainer()
    assert task.describe(trainer.examples, trainer.sampler.epoch(0)[0]) == repr("The harbou")


def test_a_model_is_restored_from_its_files() -> None:
    task = task_of(unit="bpe", vocabulary_size=300, direction="both")
    again = LanguageModellingTask.restored(task.config, task.assets().__getitem__)
    again.model.load_state_dict(task.model.state_dict())
    examples = task.prepare(from_strings(DEV))
    assert evaluate(again, examples, CPU).scores == evaluate(task, examples, CPU).scores
