"""The forecast of a point."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ForecastPoint"]


@dataclass(frozen=True)
class ForecastPoint:
    """The forecast of a point.

    Attributes:
        unique_id: the name of the series.
        ds: the time of the point, as text.
        y: the forecast, in the units of the series.
        intervals: the lower and upper bound of an interval by its level in per cent.
    """

    unique_id: str
    ds: str
    y: float
    intervals: Mapping[int, tuple[float, float]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON output contains: ``lo-90`` and ``hi-90`` are the bounds of the level 90 %.

        >>> ForecastPoint("north", "2026-01-01", 5.0, {90: (4.0, 7.0)}).to_dict()
        {'unique_id': 'north', 'ds': '2026-01-01', 'y': 5.0, 'lo-90': 4.0, 'hi-90': 7.0}
        """
        bounds = {
            name: bound
            for level, (low, high) in self.intervals.items()
            for name, bound in ((f"lo-{level}", low), (f"hi-{level}", high))
        }
        return {"unique_id": self.unique_id, "ds": self.ds, "y": self.y, **bounds}
