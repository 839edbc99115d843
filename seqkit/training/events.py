"""The events that training reports, and its outcome."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["BatchDone", "EpochDone", "EpochStarted", "Event", "Outcome", "Reason"]


@dataclass(frozen=True, kw_only=True)
class EpochStarted:
    """An epoch begins, or continues after a resume.

    Attributes:
        epoch: the number of the epoch, from 1.
        epochs: number of epochs of the training run.
        steps: number of steps (tokens, or points of a series) in an epoch.
        done: number of steps of this epoch that an earlier, interrupted run has trained on.
    """

    epoch: int
    epochs: int
    steps: int
    done: int


@dataclass(frozen=True, kw_only=True)
class BatchDone:
    """A batch was trained on.

    Attributes:
        loss: its mean loss.
        steps: its number of steps (tokens, or points of a series).
    """

    loss: float
    steps: int


@dataclass(frozen=True, kw_only=True)
class EpochDone:
    """An epoch ended.

    Attributes:
        record: the record of the epoch, as in ``metrics.jsonl``.
        best: whether its dev score is the best so far.
    """

    record: dict[str, float]
    best: bool


Reason = Literal["finished", "early stop", "time", "interrupted"]
Event = EpochStarted | BatchDone | EpochDone


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How training ended.

    Attributes:
        reason: ``finished``, ``early stop``, ``time`` or ``interrupted``.
        best: the best dev score.
        best_epoch: the epoch that reached it.
        seconds: duration of training over all resumes, dev evaluation included.
        history: one record per epoch.
        signal: the number of the signal that interrupted training, such as ``signal.SIGINT`` for Ctrl-C; else None.
    """

    reason: Reason
    best: float
    best_epoch: int
    seconds: float
    history: list[dict[str, float]]
    signal: int | None = None
