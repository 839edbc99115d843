"""What training reports while it runs, and how it ends."""

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "BatchDone",
    "EpochDone",
    "EpochStarted",
    "Event",
    "Outcome",
    "Reason",
]


@dataclass(frozen=True, kw_only=True)
class EpochStarted:
    """An epoch begins, or goes on after a resume; it has ``tokens``, of which ``done`` are learnt from already."""

    epoch: int
    epochs: int
    tokens: int
    done: int


@dataclass(frozen=True, kw_only=True)
class BatchDone:
    """A batch was learnt from: its loss a token, and its tokens."""

    loss: float
    tokens: int


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
        best: best dev score.
        best_epoch: the epoch it was reached in.
        seconds: training time, dev scoring included.
        history: one record an epoch.
    """

    reason: Reason
    best: float
    best_epoch: int
    seconds: float
    history: list[dict[str, float]]
