"""fit(): the only training loop.

One pass: sampler → batch → loss → clipped gradients → optimizer → weight average. At the end of an epoch the averaged
weights are evaluated on the dev split, and the best of them are kept. Progress is reported as events to one callable.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from seqkit.tasks.task import Examples, Index, Prediction
from seqkit.training.events import EpochStarted, Event, Outcome, Reason
from seqkit.training.trainer import Trainer, TrainState

__all__ = [
    "fit",
]


Save = Callable[[Trainer[Examples, Prediction, Index], bool], None]


# Ctrl-C, and what asks a process to end: ``kill``, a scheduler, a terminal that was closed. Windows has no SIGHUP.
_ENDING = [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in signal.Signals.__members__]


class _Pressed:
    """Whether a signal has asked for an end of the training, and which."""

    def __init__(self) -> None:
        self.number: int | None = None

    def is_set(self) -> bool:
        return self.number is not None


@contextmanager
def _first_interrupt() -> Iterator[_Pressed]:
    """Return an object that the first Ctrl-C, SIGTERM or SIGHUP sets; a second one but SIGHUP has its usual effect.

    SIGTERM and SIGHUP stay ignored if they are, as by ``nohup``. Only the main thread can handle signals.
    """
    pressed = _Pressed()
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    usual = {number: signal.getsignal(number) for number in _ENDING}
    handled = [
        number
        for number, handler in usual.items()
        if handler is not None and (number == signal.SIGINT or handler != signal.SIG_IGN)
    ]

    def press(number: int, frame: FrameType | None) -> None:
        pressed.number = number
        for other in handled:
            if other.name != "SIGHUP":  # both the system and the shell send it when a terminal is closed
                signal.signal(other, usual[other])

    for number in handled:
        signal.signal(number, press)
    try:
        yield pressed
    finally:
        for number in handled:
            signal.signal(number, usual[number])


def _ignore(event: Event) -> None:
    pass


def fit(
    trainer: Trainer[Examples, Prediction, Index],
    dev: Examples,
    *,
    report: Callable[[Event], None] = _ignore,
    save: Save[Examples, Prediction, Index] | None = None,
) -> Outcome:
    """Train until the last epoch, an early stop, the time limit or Ctrl-C; then load the best weights into the model.

    SIGTERM and SIGHUP end training as Ctrl-C does, if this is the main thread: it is saved and can be resumed, and the
    outcome names the signal. A second signal has the effect that it had before training.

    Args:
        trainer: a new trainer, or one that was restored to resume training.
        dev: prepared dev examples.
        report: called with each event.
        save: called with the trainer and with whether its best weights are new: at the end of each epoch, at Ctrl-C,
            and every ``save_minutes`` within a long epoch.

    Raises:
        DivergenceError: if the loss or its gradient is NaN or infinite.
    """
    config, state = trainer.config, trainer.state
    clock = _Clock(state)
    # A run may have been killed after it had stopped, before its state was removed.
    reason: Reason = "early stop" if _is_out_of_patience(trainer) else "finished"
    with _first_interrupt() as pressed:
        while state.epoch < config.epochs and reason == "finished":
            reason = _train_epoch(trainer, clock, pressed, report, save)
            if reason == "interrupted":
                break
            state.epoch += 1
            ended = trainer.end_epoch(dev)
            clock.read()
            report(ended)
            if save:
                save(trainer, ended.best)
            if reason == "finished" and _is_out_of_patience(trainer):
                reason = "early stop"
            elif pressed.is_set() and state.epoch < config.epochs:
                reason = "interrupted"
    if save and reason == "interrupted":
        save(trainer, False)
    if trainer.best_weights:
        trainer.task.model.load_state_dict(trainer.best_weights)
    return Outcome(
        reason=reason,
        signal=pressed.number if reason == "interrupted" else None,
        best=trainer.task.metrics[0].worst if state.best is None else state.best,
        best_epoch=state.best_epoch,
        seconds=state.seconds,
        history=state.history,
    )


def _is_out_of_patience(trainer: Trainer[Examples, Prediction, Index]) -> bool:
    state = trainer.state
    return state.position == 0 and state.epoch - state.best_epoch >= trainer.config.patience


def _train_epoch(
    trainer: Trainer[Examples, Prediction, Index],
    clock: "_Clock",
    pressed: _Pressed,
    report: Callable[[Event], None],
    save: Save[Examples, Prediction, Index] | None,
) -> Reason:
    """Train on the rest of an epoch; stop only right after an optimizer step."""
    config, state = trainer.config, trainer.state
    batches = trainer.sampler.epoch(state.epoch)
    report(
        EpochStarted(epoch=state.epoch + 1, epochs=config.epochs, steps=trainer.examples.steps, done=state.loss_steps)
    )
    limit, between = config.max_minutes * 60 or math.inf, config.save_minutes * 60 or math.inf
    saved = clock.read()
    while state.position < len(batches):
        index = batches[state.position]
        progress = (state.epoch + state.position / len(batches)) / config.epochs
        # With a time limit, the schedule follows the time if that is further on, so that the rate still falls to 0.
        trainer.set_learning_rate(max(progress, clock.read() / limit), trainer.sampler.learning_rate_scale(index))
        step = state.position + 1 == len(batches) or (state.position + 1) % config.accumulate == 0
        done = trainer.train_step(index, step=step)
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
    """Updates ``state.seconds``, which counts all resumes, and measures the time limit, which starts anew at each."""

    def __init__(self, state: TrainState) -> None:
        self.state = state
        self.before = state.seconds
        self.start = time.perf_counter()

    def read(self) -> float:
        """Update ``state.seconds``; return the seconds since this clock was created."""
        elapsed = time.perf_counter() - self.start
        self.state.seconds = self.before + elapsed
        return elapsed
