"""Adaptive conformal inference: intervals that keep their coverage while a series drifts (Gibbs & Candès 2021)."""

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable

from seqkit.errors import ConfigError
from seqkit.metrics.conformal import ROUNDING

__all__ = ["AdaptiveConformal"]

RATE = 0.005
WINDOW = 1000


class AdaptiveConformal:
    """The radius of the next interval, from the scores of the last ones and from how many of them were missed.

    After each value, the level of the quantile moves by ``rate`` times the difference of the nominal miscoverage and
    whether the interval missed: α_{t+1} = α_t + γ (α − err_t) (Gibbs & Candès 2021, equation 2). Whatever the series,
    the share of missed intervals after T values differs from α by at most (max(α, 1 − α) + γ)/(γ T) (proposition 4.1).

    Memory is that of the last ``window`` scores, and an update takes constant time: O(window) for the sorted list,
    however long the series is. Where forecasts have several steps, use one object for each.

    Args:
        scores: conformity scores of calibration data, the latest last, as of ``conformal``; NaN does not count.
        level: the nominal coverage, between 0 and 1.
        rate: γ; a higher one adapts faster, with intervals that vary more. 0 uses the quantile alone.
        window: the number of latest scores that the quantile is of.

    Raises:
        ConfigError: the level, the rate or the window is out of bounds.

    >>> adaptive = AdaptiveConformal([1.0, 2.0, 3.0], level=0.75, rate=0.25)
    >>> adaptive.radius
    3.0
    >>> adaptive.update(5.0), adaptive.radius  # missed: the next interval is wider
    (False, inf)
    """

    def __init__(
        self, scores: Iterable[float] = (), *, level: float = 0.9, rate: float = RATE, window: int = WINDOW
    ) -> None:
        if not 0 < level < 1:
            raise ConfigError(f"level must be between 0 and 1, not {level}")
        if not rate >= 0 or window < 1:
            raise ConfigError(f"a rate of {rate} and a window of {window} scores: at least 0 and 1")
        self.level, self.rate, self.window = level, rate, window
        self.alpha = 1 - level
        self._latest: deque[float] = deque()
        self._sorted: list[float] = []
        for score in scores:
            self._add(score)

    @property
    def radius(self) -> float:
        """The radius of the next interval: infinite while α ≤ 0 or there are too few scores, −infinite while α ≥ 1.

        ``conformal.widened`` makes intervals of it; −infinity is the empty interval, which ``update`` counts as missed.
        """
        if self.alpha >= 1:
            return -math.inf
        count = len(self._sorted)
        rank = math.ceil((count + 1) * (1 - self.alpha) * (1 - ROUNDING))
        return self._sorted[rank - 1] if self.alpha > 0 and rank <= count else math.inf

    def update(self, score: float) -> bool:
        """Take the score of the value that the last interval was for.

        Args:
            score: its conformity score; NaN, for a value that is not known, changes nothing.

        Returns:
            Whether the interval covered it; True if it is not known.
        """
        if math.isnan(score):
            return True
        covered = score <= self.radius
        self.alpha += self.rate * (1 - self.level - (0 if covered else 1))
        self._add(score)
        return covered

    def to_dict(self) -> dict[str, object]:
        """Return the state as JSON, from which ``from_dict`` goes on."""
        settings = {"level": self.level, "rate": self.rate, "window": self.window}
        return {**settings, "alpha": self.alpha, "scores": list(self._latest)}

    @classmethod
    def from_dict(cls, saved: dict[str, object]) -> "AdaptiveConformal":
        """Return an object that goes on where another one was saved.

        Raises:
            ConfigError: it is not what ``to_dict`` returns.

        >>> AdaptiveConformal.from_dict(AdaptiveConformal([2.0], level=0.5).to_dict()).radius
        2.0
        """
        match saved:
            case {
                "level": float(level),
                "rate": float() | int() as rate,
                "window": int(window),
                "alpha": float(alpha),
                "scores": list(scores),
            }:
                adaptive = cls(scores, level=level, rate=rate, window=window)
                adaptive.alpha = alpha
                return adaptive
        raise ConfigError("a saved state needs a level, a rate, a window, alpha and scores")

    def _add(self, score: float) -> None:
        if math.isnan(score):
            return
        if len(self._latest) == self.window:
            del self._sorted[bisect_left(self._sorted, self._latest.popleft())]
        self._latest.append(score)
        insort(self._sorted, score)
