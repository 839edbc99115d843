"""fit(): the only training loop.

One pass: sampler → batch → loss → gradients, clipped → optimizer → weight average; at the end of an epoch the dev
split is scored with the averaged weights, and the best of them are kept. Progress is told as events to one callable.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from seqkit.training.events import EpochStarted, Event, Outcome, Reason
from seqkit.training.trainer import Trainer, TrainState

__all__ = [
    "fit",
]


@contextmanager
def _first_interrupt() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second one raises ``KeyboardInterrupt`` as usual."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    usual = signal.getsignal(signal.SIGINT)

    def press(number: int, frame: Any) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, usual)


def _ignore(event: Event) -> None:
    pass


def fit(
    trainer: Trainer,
    dev: Any,
    *,
    report: Callable[[Event], None] = _ignore,
    save: Callable[[Trainer, bool], None] | None = None,
) -> Outcome:
    """Train to the end, to an early stop, to the time limit or to Ctrl-C, then give the model its best weights.

    Args:
        trainer: a new one, or one that a resume has brought back.
        dev: prepared dev examples.
        report: is told each event.
        save: is called with the trainer, and whether its best weights are new, at each epoch's end, at a Ctrl-C, and
            within a long epoch every ``save_minutes``.

    Raises:
        DivergenceError: where the loss or its gradient is NaN or infinite.
    """
    config, state = trainer.config, trainer.state
    clock = _Clock(state)
    reason: Reason = "finished"
    with _first_interrupt() as pressed:
        while state.epoch < config.epochs and reason == "finished":
            reason = _train_epoch(trainer, clock, pressed, report, save)
            if reason == "interrupted":
                break
            state.epoch += 1
            ended = trainer.judge(dev)
            clock.read()
            report(ended)
            if save:
                save(trainer, ended.best)
            if reason == "finished" and state.epoch - state.best_epoch >= config.patience:
                reason = "early stop"
            elif pressed.is_set() and state.epoch < config.epochs:
                reason = "interrupted"
    if save and reason == "interrupted":
        save(trainer, False)
    if trainer.best_weights:
        trainer.task.model.load_state_dict(trainer.best_weights)
    return Outcome(
        reason=reason, best=state.best, best_epoch=state.best_epoch, seconds=state.seconds, history=state.history
    )


def _train_epoch(
    trainer: Trainer,
    clock: "_Clock",
    pressed: threading.Event,
    report: Callable[[Event], None],
    save: Callable[[Trainer, bool], None] | None,
) -> Reason:
    """Learn from what is left of an epoch; stops only where an optimiser step has just been taken."""
    config, state = trainer.config, trainer.state
    batches = trainer.sampler.epoch(state.epoch)
    tokens = sum(trainer.examples.lengths)
    report(EpochStarted(epoch=state.epoch + 1, epochs=config.epochs, tokens=tokens, done=state.tokens))
    limit, between = config.max_minutes * 60 or math.inf, config.save_minutes * 60 or math.inf
    saved = clock.read()
    while state.position < len(batches):
        rows = batches[state.position]
        progress = (state.epoch + state.position / len(batches)) / config.epochs
        # Under a time limit the schedule is spent when the time is, so that the rate still falls to 0.
        trainer.set_learning_rate(max(progress, clock.read() / limit), trainer.sampler.rate_share(rows))
        step = state.position + 1 == len(batches) or (state.position + 1) % config.accumulate == 0
        done = trainer.learn(rows, step=step)
        state.position += 1
        elapsed = clock.read()
        report(done)
        if step and pressed.is_set():
            return "interrupted"
        if step and elapsed > limit:
            return "time"
        if step and save and elapsed - saved > between and state.position < len(batches):
            save(trainer, False)
            saved = elapsed
    return "finished"


class _Clock:
    """Keeps ``state.seconds``, which goes on counting after a resume, while a time limit begins anew."""

    def __init__(self, state: TrainState) -> None:
        self.state = state
        self.before = state.seconds
        self.start = time.perf_counter()

    def read(self) -> float:
        """Bring the state's seconds up to date; returns those since this clock was made."""
        elapsed = time.perf_counter() - self.start
        self.state.seconds = self.before + elapsed
        return elapsed
