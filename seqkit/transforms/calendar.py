"""Calendar features: where in the day, the week and the year each time is.

A cycle becomes the sine and the cosine of its phase, so that its end is beside its beginning. Two hours around midnight
on New Year's Eve::

    2025-12-31 23:00   sin_day −0.26  cos_day 0.97   sin_year −0.0007  cos_year 1.00
    2026-01-01 00:00   sin_day  0.00  cos_day 1.00   sin_year  0.0000  cos_year 1.00

Shapes: N times, F features.
"""

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seqkit.errors import ConfigError

__all__ = ["CalendarFeatures", "calendar_features"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

DAY = 86_400_000_000  # in microseconds, as everything here
# Offset aliases of pandas that are a fixed distance.
FIXED = {"us": 1, "ms": 1000, "s": 1_000_000, "min": 60_000_000, "h": DAY // 24, "D": DAY, "W": 7 * DAY}
# Those that are not: what of day, week and year they leave open; business days, then months and quarters, then years.
OTHER = {
    r"[BC]": ("week", "year"),
    r"C?bh": ("day", "week", "year"),
    r"[BC]?(MS?|ME|QS?|QE)|SMS?|SME|L?WOM": ("year",),
    r"B?(YS?|YE|AS?)": (),
}


class CalendarFeatures(NamedTuple):
    """Features of times: their names, and a column for each (N, F)."""

    names: tuple[str, ...]
    values: Floats


def calendar_features(
    times: Integers,
    frequency: str,
    zone: str | None = None,
    holidays: npt.NDArray[np.datetime64] | None = None,
) -> CalendarFeatures:
    """Return the features of the calendar that times of a frequency differ in.

    These are the sine and the cosine of 2π times

    - the part of the day that has passed, if the frequency is finer than a day (hours, minutes, seconds);
    - the day of the week from Monday on, divided by 7, if it is finer than a week;
    - the part of the year that has passed, of 365 or 366 days, if it is finer than a year.

    Times that are integers have none of them.

    Args:
        times: microseconds since 1970 in UTC, or of the local clock if there is no zone; or integers (N).
        frequency: an offset alias of pandas, such as ``h``, ``15min`` or ``W-SUN``; empty for integers.
        zone: the name of the time zone, in whose local time the features are.
        holidays: local dates, marked by a further column ``holiday`` of 0 and 1.

    Raises:
        ConfigError: the frequency is not known, or too coarse for holidays.

    >>> monday_noon = np.array(["2026-01-05T12:00"], dtype="datetime64[us]").astype(np.int64)
    >>> names, values = calendar_features(monday_noon, "h")
    >>> names
    ('sin_day', 'cos_day', 'sin_week', 'cos_week', 'sin_year', 'cos_year')
    >>> values.round(2).tolist()
    [[0.0, -1.0, 0.0, 1.0, 0.08, 1.0]]
    """
    cycles = _cycles(frequency)
    local = _local(times, zone if frequency else None)
    columns: dict[str, Floats] = {}
    for cycle in cycles:
        angle = 2 * np.pi * _phase(local, cycle)
        columns |= {f"sin_{cycle}": np.sin(angle), f"cos_{cycle}": np.cos(angle)}
    if holidays is not None:
        if "week" not in cycles:
            raise ConfigError(f"times of the frequency {frequency!r} are not days, and cannot be holidays")
        days = local.astype("datetime64[D]")
        columns["holiday"] = np.isin(days, holidays.astype("datetime64[D]")).astype(np.float64)
    return CalendarFeatures(tuple(columns), np.stack([np.zeros(len(times)), *columns.values()], axis=1)[:, 1:])


def _cycles(frequency: str) -> tuple[str, ...]:
    """Return the cycles in which times of a frequency have different phases."""
    if not frequency:
        return ()
    found = re.fullmatch(r"(\d*)([A-Za-z]+)(-\w+)?", frequency)
    count, unit = (int(found[1] or 1), found[2]) if found else (1, "")
    if unit in FIXED:
        step = count * FIXED[unit]
        differ = {"day": step % DAY != 0, "week": step % (7 * DAY) != 0, "year": step < 365 * DAY}
        return tuple(cycle for cycle, is_open in differ.items() if is_open)
    for pattern, cycles in OTHER.items():
        if re.fullmatch(pattern, unit):
            return cycles
    raise ConfigError(
        f"there are no calendar features for the frequency {frequency!r}; those of a number and one of"
        f" {', '.join(FIXED)}, B, MS, ME, QS, QE, YS or YE are known"
    )


def _local(times: Integers, zone: str | None) -> npt.NDArray[np.datetime64]:
    """Return times as those of the local clock."""
    instants = times.astype("datetime64[us]")
    if zone is None:
        return instants
    import pandas as pd

    clock: npt.NDArray[np.datetime64] = (
        pd.DatetimeIndex(instants).tz_localize("UTC").tz_convert(zone).tz_localize(None).to_numpy("datetime64[us]")
    )
    return clock


def _phase(local: npt.NDArray[np.datetime64], cycle: str) -> Floats:
    """Return how much of a cycle has passed, from 0 to 1."""
    days, years = local.astype("datetime64[D]"), local.astype("datetime64[Y]")
    phase: Floats
    if cycle == "day":
        phase = (local - days).astype(np.int64) / DAY
    elif cycle == "week":
        phase = (days.astype(np.int64) + 3) % 7 / 7  # 1970 began on a Thursday
    else:
        starts, ends = (each.astype("datetime64[us]") for each in (years, years + 1))
        phase = (local - starts) / (ends - starts)
    return phase
