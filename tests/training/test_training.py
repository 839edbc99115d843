"""The training loop: against arithmetic by hand, and on a task with predetermined dev scores."""

import contextlib
import json
import math
import signal
import sys
import threading
import time
from itertools import chain
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close

from seqkit.batches.batch import Batch
from seqkit.config.training import TrainConfig
from seqkit.errors import DivergenceError
from seqkit.training.device import Device, cpu_has_bfloat16
from seqkit.training.ema import EMA
from seqkit.training.evaluate import evaluate
from seqkit.training.events import BatchDone, EpochDone, EpochStarted, Event, Outcome
from seqkit.training.fit import fit
from seqkit.training.trainer import Trainer, TrainState
from tests.scripted import Numbers, NumbersTrainer, ScriptedTask, rates_of, run, scripted, weight_of
from tests.tiny import (
    ROWS,
    TaggingTrainer,
    interrupt_when,
    task_and_examples,
    task_of,
    terminal_interrupts,
    tiny_tagger,
    trainer_of,
)

CPU = Device.open("cpu")


class NoSlope(ScriptedTask):
    """A task whose loss is 0 and whose gradient is NaN."""

    def loss(self, batch: Batch, carry: list[Tensor] | None) -> tuple[Tensor, list[Tensor] | None]:
        return (self.model.weight * 0).square().sum().sqrt(), None


# The learning rate.


def test_one_cycle_rises_and_falls_to_0() -> None:
    rates = rates_of(scripted([0.0] * 10, [1] * 10, schedule="one-cycle", warmup=0.3, learning_rate=0.5))
    rise, fall = rates[:30], rates[30:]
    assert len(fall) == 70
    assert rates[0] < 0.01 * 0.5
    assert rise == sorted(rise)
    assert fall == sorted(fall, reverse=True)
    assert max(rates) == rates[30] == 0.5
    assert rates[15] == pytest.approx(0.5 / 2)
    assert rates[30 + 35] == pytest.approx(0.5 / 2)  # in the middle of the half cosine
    assert rates[-1] < 0.001 * 0.5


def test_a_constant_rate_rises_and_stays() -> None:
    rates = rates_of(scripted([0.0] * 4, schedule="constant", warmup=0.25, learning_rate=0.5))
    assert rates[1:4] == pytest.approx([0.125, 0.25, 0.375])
    assert rates[4:] == [0.5] * 12


def test_a_plateau_halves_the_rate() -> None:
    scores = [0.1, 0.2, 0.2, 0.1, 0.3, 0.3, 0.3, 0.3, 0.3]
    rates = rates_of(scripted(scores, schedule="plateau", plateau_patience=2, learning_rate=0.8))
    assert rates[::4] == pytest.approx([0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2])


@given(
    st.sampled_from(["one-cycle", "plateau", "constant"]),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1),
    st.floats(1e-6, 10),
)
def test_the_rate_is_never_negative_and_never_above_the_highest(
    schedule: str, warmup: float, progress: float, highest: float
) -> None:
    trainer = scripted(schedule=schedule, warmup=warmup, learning_rate=highest)
    trainer.set_learning_rate(progress)
    assert 0.0 <= trainer.state.learning_rate <= highest
    assert trainer.state.learning_rate > 0.0 or progress >= 0.99


# The optimizer and its steps.


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_only_matrices_decay(optimizer: str) -> None:
    trainer = trainer_of(optimizer=optimizer, weight_decay=0.25, momentum=0.5, num_layers=2)
    (part,) = trainer.optimizer.parts
    assert isinstance(part, torch.optim.AdamW if optimizer == "adamw" else torch.optim.SGD)
    names = {id(parameter): name for name, parameter in trainer.task.model.named_parameters()}
    groups = part.param_groups
    found = [names[id(parameter)] for group in groups for parameter in group["params"]]
    assert sorted(found) == sorted(names.values()), "every parameter once"
    decay = {names[id(parameter)]: group["weight_decay"] for group in groups for parameter in group["params"]}
    assert set(decay.values()) == {0.0, 0.25}
    for name, amount in decay.items():
        assert (amount == 0.0) is ("bias" in name or "transitions" in name), name
    assert optimizer == "adamw" or {group["momentum"] for group in groups} == {0.5}


def gradients(trainer: TaggingTrainer, rows: list[int]) -> dict[str, Tensor]:
    """Return the gradient of the loss of some examples, computed without the trainer's step."""
    model = trainer.task.model.train()
    loss, _ = trainer.task.loss(trainer.task.collate(trainer.examples, rows), None)
    values = torch.autograd.grad(loss, list(model.parameters()))
    return dict(zip((name for name, _ in model.named_parameters()), values, strict=True))


@pytest.mark.parametrize(
    ("halves", "same"),
    [
        (([0, 5], [1, 8, 2]), True),  # 14 tokens each: the mean of two means is the mean of all tokens
        (([0, 5, 2], [6, 11]), False),  # 17 and 5 tokens: both batches have the same weight
    ],
)
def test_accumulated_batches_take_a_step_along_their_mean_gradient(
    halves: tuple[list[int], list[int]], same: bool
) -> None:
    settings: dict[str, Any] = {
        "optimizer": "sgd",
        "momentum": 0.0,
        "weight_decay": 0.0,
        "clip_norm": 0.0,
        "warmup": 0.0,
    }
    trainer = trainer_of(still=True, accumulate=2, **settings)
    trainer.set_learning_rate(0.0)
    before = {name: tensor.clone() for name, tensor in trainer.task.model.named_parameters()}
    one, other, whole = (gradients(trainer, rows) for rows in (*halves, list(chain(*halves))))
    trainer.train_step(halves[0], step=False)
    assert trainer.state.step == 0
    assert_close(dict(trainer.task.model.named_parameters()), before, rtol=0, atol=0)
    trainer.train_step(halves[1], step=True)
    assert trainer.state.step == 1
    after = dict(trainer.task.model.named_parameters())
    moved = {name: (before[name] - after[name]).detach() / trainer.state.learning_rate for name in before}
    assert_close(moved, {name: (one[name] + other[name]) / 2 for name in one}, rtol=1e-3, atol=1e-5)
    distance = max(float((moved[name] - whole[name]).abs().max()) for name in whole)
    assert (distance < 1e-4) is same


def test_an_epoch_ends_with_a_step_even_if_batches_are_left() -> None:
    trainer = scripted([0.0, 0.0], [1] * 5, accumulate=2)
    outcome = run(trainer)
    assert [record["step"] for record in outcome.history] == [3, 6]
    weight = trainer.task.model.weight
    assert weight.grad is None


def test_the_gradient_is_clipped_to_the_maximum_norm() -> None:
    settings: dict[str, Any] = {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0, "learning_rate": 1.0}
    # The gradient of (w - 1)² at 0 is -2.
    for clip_norm, expected in ((0.5, 0.5), (5.0, 2.0), (0.0, 2.0)):
        trainer = scripted(clip_norm=clip_norm, **settings)
        trainer.set_learning_rate(0.5)
        trainer.train_step([0], step=True)
        assert weight_of(trainer) == pytest.approx(expected, rel=1e-4)


# The weight average.


@given(st.floats(0, 0.9999), st.lists(st.floats(-10, 10), min_size=1, max_size=30))
def test_the_average_follows_its_formula(decay: float, values: list[float]) -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    average = EMA(model, decay)
    expected = 1.0
    for step, value in enumerate(values, start=1):
        with average.update(step):
            nn.init.constant_(model.weight, value)
        share = min(decay, (1 + step) / (10 + step))
        expected = share * expected + (1 - share) * value
    with average.applied():
        assert float(model.weight.detach()) == pytest.approx(expected, abs=1e-4)
    assert float(model.weight.detach()) == pytest.approx(values[-1], rel=1e-6)


def test_the_models_own_weights_are_restored_even_after_an_error() -> None:
    model = nn.Linear(2, 2)
    average = EMA(model, 0.5)
    nn.init.constant_(model.weight, 7.0)
    with contextlib.suppress(ZeroDivisionError), average.applied():
        assert not (model.weight == 7.0).any()
        _ = 1 / 0
    assert (model.weight == 7.0).all()
    assert not (average.weights[0] == 7.0).any()


def test_dev_is_scored_with_the_average_and_training_continues_without_it() -> None:
    trainer = scripted([0.1, 0.2, 0.3], average=0.9)
    seen: list[tuple[float, float]] = []

    def report(event: Event) -> None:
        if isinstance(event, EpochDone):
            seen.append((weight_of(trainer), float(trainer.ema.weights[0])))

    outcome = run(trainer, report)
    assert isinstance(trainer.task, ScriptedTask)
    assert trainer.task.evaluated_weights == [averaged for _, averaged in seen]
    assert all(averaged < own for own, averaged in seen)  # it lags behind
    assert weight_of(trainer) == trainer.task.evaluated_weights[outcome.best_epoch - 1]


# The course and the end of training.


def test_events_describe_the_whole_run() -> None:
    events: list[Event] = []
    outcome = run(scripted([0.5, 0.25], lengths=[1, 2, 1]), events.append)
    kinds = [type(event) for event in events]
    assert kinds == [EpochStarted, BatchDone, BatchDone, BatchDone, EpochDone] * 2
    assert events[0] == EpochStarted(epoch=1, epochs=2, steps=4, done=0)
    assert events[5] == EpochStarted(epoch=2, epochs=2, steps=4, done=0)
    batches = [event for event in events if isinstance(event, BatchDone)]
    assert sum(batch.steps for batch in batches[:3]) == 4
    ends = [event for event in events if isinstance(event, EpochDone)]
    assert [end.best for end in ends] == [True, False]
    assert [end.record for end in ends] == outcome.history
    for number, record in enumerate(outcome.history):
        mine = batches[3 * number : 3 * number + 3]
        assert record["epoch"] == number + 1
        assert record["train_loss"] == pytest.approx(sum(batch.loss * batch.steps for batch in mine) / 4)
        assert record["dev_score"] == [0.5, 0.25][number]
    assert (outcome.reason, outcome.best, outcome.best_epoch) == ("finished", 0.5, 1)
    assert outcome.seconds + 0.001 > outcome.history[1]["seconds"] >= outcome.history[0]["seconds"] >= 0


def test_early_stopping_restores_the_best_weights() -> None:
    trainer = scripted([0.1, 0.4, 0.4, 0.3, 0.2, 0.9, 0.9], patience=3)
    outcome = run(trainer)
    assert outcome.reason == "early stop"
    assert (outcome.best, outcome.best_epoch, len(outcome.history)) == (0.4, 2, 5)
    assert isinstance(trainer.task, ScriptedTask)
    evaluated_weights = trainer.task.evaluated_weights
    assert evaluated_weights == sorted(set(evaluated_weights)), "the weight increases in every epoch"
    assert weight_of(trainer) == evaluated_weights[1]


class Clock:
    """A clock that advances by a second at each reading."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_the_time_limit_ends_training_with_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", Clock())
    rates: list[float] = []
    trainer = scripted([0.1, 0.2, 0.3] * 10, schedule="one-cycle", max_minutes=10 / 60, epochs=30)

    def report(event: Event) -> None:
        if isinstance(event, BatchDone):
            rates.append(trainer.optimizer.parts[0].param_groups[0]["lr"])

    outcome = run(trainer, report)
    assert outcome.reason == "time"
    assert 10 < outcome.seconds < 20
    assert 1 < len(outcome.history) < 5
    assert outcome.best_epoch == len(outcome.history), "the last, unfinished epoch is evaluated too"
    assert isinstance(trainer.task, ScriptedTask)
    assert weight_of(trainer) == trainer.task.evaluated_weights[-1] > 0
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.05 * rates[0], "the rate falls to 0 within the time limit, not within the epochs"


@pytest.mark.parametrize("accumulate", [1, 3])
def test_ctrl_c_stops_after_the_next_optimizer_step(accumulate: int) -> None:
    seen: list[Event] = []
    press = interrupt_when(lambda event: isinstance(event, BatchDone) and len(seen) == 2)

    def report(event: Event) -> None:
        seen.append(event)
        press(event)

    trainer = scripted([0.1, 0.2], [1] * 8, accumulate=accumulate)
    with terminal_interrupts():
        outcome = run(trainer, report)
    assert outcome.reason == "interrupted"
    assert trainer.state.position == (1 if accumulate == 1 else 3), "it stops right after an optimizer step"
    assert trainer.state.step == 1
    assert outcome.history == []


def test_ctrl_c_during_evaluation_stops_after_the_epoch() -> None:
    trainer = scripted([0.1, 0.2, 0.3])
    outcome = run(trainer, interrupt_when(lambda event: isinstance(event, EpochDone)))
    assert (outcome.reason, len(outcome.history), trainer.state.position) == ("interrupted", 1, 0)
    assert outcome.best == 0.1


def test_ctrl_c_during_the_last_evaluation_changes_nothing() -> None:
    outcome = run(scripted([0.1]), interrupt_when(lambda event: isinstance(event, EpochDone)))
    assert outcome.reason == "finished"
    report = interrupt_when(lambda event: isinstance(event, EpochDone) and event.record["epoch"] == 3)
    assert run(scripted([0.3, 0.2, 0.1, 0.9], patience=2), report).reason == "early stop"


def test_a_second_ctrl_c_stops_at_once() -> None:
    with terminal_interrupts(), pytest.raises(KeyboardInterrupt):
        run(scripted([0.1, 0.2]), interrupt_when(lambda event: isinstance(event, BatchDone), times=2))


@pytest.mark.parametrize("learning_rate", [0.01, 1e30])
def test_the_ctrl_c_handler_is_restored_after_training(learning_rate: float) -> None:
    trainer = scripted([0.1, 0.2], optimizer="sgd", momentum=0.0, clip_norm=0.0, learning_rate=learning_rate)
    with terminal_interrupts(), contextlib.suppress(DivergenceError):
        run(trainer)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_what_ends_a_process_ends_training_as_ctrl_c_does(number: signal.Signals) -> None:
    calls: list[int] = []
    saved: list[bool] = []

    def report(event: Event) -> None:
        if isinstance(event, BatchDone):
            signal.raise_signal(number)

    def save(trainer: NumbersTrainer, best: bool) -> None:
        saved.append(best)

    before = signal.signal(number, lambda given, frame: calls.append(given))
    try:
        trainer = scripted([0.1, 0.2, 0.3])
        outcome = fit(trainer, Numbers([1]), report=report, save=save)
        assert (outcome.reason, outcome.signal, calls, saved) == ("interrupted", number, [], [False])
        signal.raise_signal(number)
        assert calls == [number], "the handler is restored"
        signal.signal(number, signal.SIG_IGN)
        outcome = run(scripted([0.1]), report)
        assert (outcome.reason, outcome.signal) == ("finished", None), "it stays ignored"
    finally:
        signal.signal(number, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_closed_terminal_may_say_so_twice() -> None:
    def report(event: Event) -> None:
        if isinstance(event, BatchDone):
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGHUP)

    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may be run under nohup
    try:
        assert run(scripted([0.1, 0.2]), report).signal == signal.SIGHUP
    finally:
        signal.signal(signal.SIGHUP, before)


def test_training_works_in_a_thread() -> None:
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(run(scripted([0.1, 0.2]))))
    thread.start()
    thread.join()
    assert outcomes[0].reason == "finished"


def test_save_is_called_after_each_epoch_and_at_ctrl_c() -> None:
    saved: list[tuple[int, int, bool]] = []

    def save(trainer: NumbersTrainer, best: bool) -> None:
        saved.append((trainer.state.epoch, trainer.state.position, best))

    fit(scripted([0.2, 0.1, 0.3]), Numbers([1]), save=save)
    assert saved == [(1, 0, True), (2, 0, False), (3, 0, True)]
    saved.clear()
    press = interrupt_when(lambda event: isinstance(event, EpochStarted) and event.epoch == 2)
    fit(scripted([0.2, 0.1, 0.3]), Numbers([1]), save=save, report=press)
    assert saved == [(1, 0, True), (1, 1, False)]


# Divergence.


def test_the_error_of_a_nan_loss_names_the_batch() -> None:
    trainer = trainer_of(epochs=3)

    def report(event: Event) -> None:
        if isinstance(event, EpochDone) and event.record["epoch"] == 2:
            nn.init.constant_(trainer.task.model.head.scores.bias, math.nan)  # type: ignore[union-attr, arg-type]

    first = trainer.sampler.epoch(2)[0][0]
    with pytest.raises(DivergenceError) as raised:
        fit(trainer, trainer.examples, report=report)
    assert str(raised.value).startswith("the loss became nan in epoch 3, batch 1, which begins with '")
    assert " ".join(ROWS["tokens"][first][:8]) in str(raised.value)
    assert "the best model so far is kept; try a lower learning_rate or clip_norm=1" in str(raised.value)


def test_a_learning_rate_that_is_far_too_high_diverges() -> None:
    trainer = scripted([0.0] * 3, [1] * 9, optimizer="sgd", momentum=0.0, learning_rate=1e30, clip_norm=0.0)
    with pytest.raises(
        DivergenceError, match=r"the loss became (inf|nan) in epoch 1, batch [23], .* number [0-8]; the best"
    ):
        run(trainer)


def test_a_nan_gradient_leaves_the_weights_unchanged() -> None:
    for clip_norm in (0.0, 5.0):
        config = TrainConfig(clip_norm=clip_norm, batch_tokens=1)
        trainer = Trainer(NoSlope(), Numbers([1, 1]), config, CPU)
        with pytest.raises(DivergenceError, match=r"the norm of the gradient became nan in epoch 1, batch 1, .* 1;"):
            trainer.train_step([1], step=True)
        assert weight_of(trainer) == 0.0


# Checkpoints.


def test_a_checkpoint_is_tensors_and_json() -> None:
    trainer = scripted([0.1, 0.2])
    values = trainer.state_dict()[1]
    assert values["best"] is None
    other = scripted()
    with torch.random.fork_rng():
        other.load_state_dict(*trainer.state_dict(), best_weights={})
    assert other.state == trainer.state
    assert other.state.best is None
    run(trainer)
    tensors, values = trainer.state_dict()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert all(isinstance(tensor, Tensor) for tensor in tensors.values())
    with torch.random.fork_rng():
        other.load_state_dict(tensors, values, trainer.best_weights)
    assert other.state == trainer.state
    assert weight_of(other) == weight_of(trainer) > 0.0


@pytest.mark.parametrize(
    ("values", "tensors", "named"),
    [
        ({"tokens": 3}, {}, "tokens"),
        ({"train_step": None, "__class__": "evil"}, {}, "__class__, train_step"),
        ({"epoch": ...}, {}, "epoch"),
        ({}, {"spare.weight": torch.ones(1)}, "unknown tensor spare.weight"),
        ({}, {"random.cpu": ...}, "cpu"),
        ({}, {"ema.faded": ...}, "faded"),
    ],
)
def test_a_state_with_missing_or_unknown_entries_is_an_error(
    values: dict[str, Any], tensors: dict[str, Any], named: str
) -> None:
    """``...`` removes an entry. After the error, the state is unchanged."""
    trainer = scripted([0.1])
    saved_tensors, saved_values = trainer.state_dict()
    changed = [
        {name: value for name, value in {**saved, **changes}.items() if value is not ...}
        for saved, changes in ((saved_tensors, tensors), (saved_values, values))
    ]
    before = TrainState(**saved_values)
    with torch.random.fork_rng(), pytest.raises(KeyError, match=named):
        trainer.load_state_dict(changed[0], changed[1], {})
    assert trainer.state == before
    assert not hasattr(trainer.state, "tokens")


def test_a_checkpoint_contains_the_random_state() -> None:
    trainer = scripted()
    with torch.random.fork_rng():
        tensors = {name: tensor.clone() for name, tensor in trainer.state_dict()[0].items()}
        drawn = torch.rand(3)
        torch.rand(5)
        trainer.load_state_dict(tensors, trainer.state_dict()[1], {})
        assert torch.equal(torch.rand(3), drawn)


# Precision.


@pytest.mark.skipif(not cpu_has_bfloat16(), reason="this CPU has no bfloat16 instructions")
def test_bfloat16_learns_as_float32_does() -> None:
    losses = {}
    for precision in ("float32", "bfloat16"):
        task = task_of(still=True)
        device = Device.open("cpu", precision)
        _, examples = task_and_examples(still=True)
        trainer = Trainer(task, examples, tiny_tagger().training, device)
        losses[precision] = [record["train_loss"] for record in fit(trainer, trainer.examples).history]
        assert evaluate(task, task.prepare(ROWS), device).steps == sum(map(len, ROWS["tokens"]))
        assert all(parameter.dtype == torch.float32 for parameter in task.model.parameters())
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)
    assert losses["bfloat16"] != losses["float32"]
