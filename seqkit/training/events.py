"""The events that training reports, and its outcome."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["BatchDone", "EpochDone", "EpochStarted", "Event", "Outcome", "Reason"]


@dataclass(frozen=True, kw_only=True)
class EpochStarted:
    """An epoch begins, or continues after a resume.

    Attributes:
        epoch: its number, from 1.
        epochs: number of epochs.
        steps: number of steps (tokens, or points of a series) of an epoch.
        done: number of steps of this epoch that were trained on before.
    """

    epoch: int
    epochs: int
    steps: int
    done: int


@dataclass(frozen=True, kw_only=True)
class BatchDone:
    """A batch was trained on: its mean loss, and its number of steps."""

    loss: float
    steps: int


@dataclass(frozen=True, kw_only=True)
class EpochDone:
    """An epoch ended.

    Attributes:
        record: the line of ``metrics.jsonl``.
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
        seconds: duration of training, dev evaluation included.
        history: one record per epoch.
    """

    reason: Reason
    best: float
    best_epoch: int
    seconds: float
    history: list[dict[str, float]]
