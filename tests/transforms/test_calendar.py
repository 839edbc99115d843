"""Calendar features: Python's own calendar as the reference, time by time."""

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from seqkit.errors import ConfigError
from seqkit.transforms.calendar import calendar_features

EPOCH = datetime(1970, 1, 1)


def microseconds(*times: datetime) -> np.ndarray:
    return np.array([(time - EPOCH) // timedelta(microseconds=1) for time in times], dtype=np.int64)


def cycle(part: float) -> list[float]:
    return [math.sin(2 * math.pi * part), math.cos(2 * math.pi * part)]


def features_of(time: datetime) -> list[float]:
    """Return all features of a local time."""
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    new_year = midnight.replace(month=1, day=1)
    year = new_year.replace(year=time.year + 1) - new_year
    return [
        *cycle((time - midnight) / timedelta(days=1)),
        *cycle(time.weekday() / 7),
        *cycle((time - new_year) / year),
    ]


@given(st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), min_size=1, max_size=5))
def test_the_features_are_those_of_the_calendar(times: list[datetime]) -> None:
    found = calendar_features(microseconds(*times), "h").values
    np.testing.assert_allclose(found, [features_of(time) for time in times], atol=1e-12)


@pytest.mark.parametrize("zone", ["Europe/Vienna", "Asia/Kolkata", "America/St_Johns", "UTC"])
def test_the_hour_is_that_of_the_local_clock_through_the_change_of_the_clocks(zone: str) -> None:
    first = datetime(2026, 3, 28, 20)
    times = [first + timedelta(hours=hours) for hours in (*range(12), *range(5000, 5400, 7))]
    found = calendar_features(microseconds(*times), "h", zone).values
    local = [time.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for time in times]
    np.testing.assert_allclose(found, [features_of(time) for time in local], atol=1e-12)


@pytest.mark.parametrize(
    ("frequency", "expected"),
    [
        ("", ""), ("s", "day week year"), ("15min", "day week year"), ("90min", "day week year"),
        ("h", "day week year"), ("bh", "day week year"),
        ("24h", "week year"), ("1440min", "week year"), ("86400s", "week year"), ("86400000ms", "week year"),
        ("86400000000us", "week year"), ("168h", "year"), ("D", "week year"), ("B", "week year"), ("7D", "year"),
        ("14D", "year"),
        ("10D", "week year"), ("365D", "week"), ("W-SUN", "year"), ("2W-MON", "year"), ("MS", "year"), ("ME", "year"),
        ("BMS", "year"), ("SMS", "year"), ("WOM-2MON", "year"), ("QS-OCT", "year"), ("QE-DEC", "year"), ("YS-JAN", ""),
        ("YE-DEC", ""),
    ],
)  # fmt: skip
def test_there_are_only_features_in_which_times_differ(frequency: str, expected: str) -> None:
    names, values = calendar_features(np.arange(3), frequency)
    assert names == tuple(f"{wave}_{part}" for part in expected.split() for wave in ("sin", "cos"))
    assert values.shape == (3, len(names))


@pytest.mark.parametrize("frequency", ["min", "6h", "D", "B", "3D", "W-WED", "MS", "ME", "QS", "YS", "2h"])
def test_times_of_the_frequency_differ_in_each_feature(frequency: str) -> None:
    times = pd.date_range("2023-01-31", periods=1500 if frequency == "min" else 40, freq=frequency).as_unit("us")
    names, values = calendar_features(times.asi8, frequency)
    for name in {name[4:] for name in names}:
        columns = [place for place, column in enumerate(names) if column.endswith(name)]
        assert len(np.unique(values[:, columns].round(9), axis=0)) > 1


def test_a_yearly_season_is_the_same_in_leap_years() -> None:
    months = [datetime(year, month, 1) for year in (2023, 2024) for month in range(1, 13)]
    values = calendar_features(microseconds(*months), "MS").values
    np.testing.assert_allclose(values[:12], values[12:], atol=0.02)


def test_holidays_are_marked_on_the_local_day() -> None:
    christmas = np.array(["2025-12-25"], dtype="datetime64[D]")
    times = microseconds(*(datetime(2025, 12, 24, 20) + timedelta(hours=hours) for hours in range(30)))
    for zone, first in ((None, 4), ("Europe/Vienna", 3), ("America/New_York", 9)):
        names, values = calendar_features(times, "h", zone, christmas)
        assert names[-1] == "holiday"
        assert values[:, -1].tolist() == [float(first <= hour < first + 24) for hour in range(30)]


@pytest.mark.parametrize("frequency", ["W-SUN", "MS", ""])
def test_holidays_of_weeks_and_months_are_refused(frequency: str) -> None:
    with pytest.raises(ConfigError, match="cannot be holidays"):
        calendar_features(np.arange(3), frequency, None, np.array(["2025-12-25"], dtype="datetime64[D]"))


@pytest.mark.parametrize("frequency", ["fortnight", "1h30min", "-1", "X", "h "])
def test_an_unknown_frequency_is_named(frequency: str) -> None:
    with pytest.raises(ConfigError, match=f"no calendar features for the frequency '{frequency}'"):
        calendar_features(np.arange(3), frequency)


def test_there_may_be_no_times() -> None:
    assert calendar_features(np.arange(0), "D").values.shape == (0, 4)
