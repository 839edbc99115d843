"""The times of a series: equidistant on a calendar, or consecutive integers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ROWS", "TimeAxis"]

Integers = npt.NDArray[np.int64]

ROWS = "rows"
"""The frequency of points that are not equidistant: each row is the next point, whenever it was."""


@dataclass(frozen=True)
class TimeAxis:
    """How times are counted.

    Times are int64: microseconds since 1970 in UTC (of the local clock if the times have no zone), or the integers of
    the file.

    Attributes:
        frequency: the distance of two points as an offset alias of pandas, such as ``h``, ``15min`` or ``W-SUN``; empty
            if times are integers; ``rows`` if the points are not equidistant.
        step: the distance of two points if times are integers; the usual one, in microseconds, if the points are not
            equidistant.
        zone: the name of the time zone; None if the times have none.
    """

    frequency: str = ""
    step: int = 1
    zone: str | None = None

    def after(self, last: int, count: int) -> Integers:
        """Return the times of the points that follow ``last``; on a calendar by the frequency, in the zone.

        >>> TimeAxis(step=2).after(10, 3).tolist()
        [12, 14, 16]
        """
        if self.frequency in ("", ROWS):
            return last + self.step * np.arange(1, count + 1)
        import pandas as pd

        start = pd.Timestamp(last, unit="us", tz="UTC" if self.zone else None)
        if self.zone:
            start = start.tz_convert(self.zone)
        times = pd.date_range(start, periods=count + 1, freq=self.frequency)[-count:]
        instants: Integers = times.as_unit("us").asi8
        return instants

    def format(self, times: Integers) -> list[str]:
        """Return times as text: in ISO 8601 with the offset of the zone, or as integers.

        >>> TimeAxis("h").format(np.array([0, 3_600_000_000]))
        ['1970-01-01T00:00:00', '1970-01-01T01:00:00']
        """
        if not self.frequency:
            return list(map(str, times.tolist()))
        import pandas as pd

        index = pd.DatetimeIndex(times.astype("datetime64[us]"))
        if self.zone:
            index = index.tz_localize("UTC").tz_convert(self.zone)
        return [each.isoformat() for each in index]
