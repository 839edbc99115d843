"""Times, frequencies and gaps as files have them: what is understood, what is filled, what is refused and why."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data.series.open_series import open_series
from seqkit.data.series.panel import Panel
from seqkit.errors import CorpusError


def train(data: Any, **options: Any) -> Panel:
    return open_series(data, dev_fraction=0, **options)["train"]


def table(folder: Path, times: Sequence[object], values: Sequence[object] | None = None) -> Path:
    path = folder / "a.csv"
    numbers = range(len(times)) if values is None else values
    path.write_text("ds,y\n" + "".join(f"{time},{value}\n" for time, value in zip(times, numbers, strict=True)))
    return path


def refused(folder: Path, times: Sequence[object], values: Sequence[object] | None = None, **options: Any) -> str:
    with pytest.raises(CorpusError) as caught:
        train(table(folder, times, values), **options)
    return str(caught.value).replace(f"{folder}{os.sep}", "")


# How times are written


@pytest.mark.parametrize(
    ("written", "first"),
    [
        (["2026-01-31", "2026-02-01"], "2026-01-31T00:00:00"),
        (["2026-01-31 13:00", "2026-01-31 14:00"], "2026-01-31T13:00:00"),
        (["2026-01-31T13:00:00.250", "2026-01-31T13:00:00.500"], "2026-01-31T13:00:00.250000"),
        (["2026-01", "2026-02"], "2026-01-01T00:00:00"),
        (["20260131", "20260201"], "2026-01-31T00:00:00"),
        (["31.01.2026", "01.02.2026"], "2026-01-31T00:00:00"),
        (["01/30/2026", "01/31/2026"], "2026-01-30T00:00:00"),
        (["30/01/2026 09:15", "31/01/2026 09:15"], "2026-01-30T09:15:00"),
        (["2026/01/31", "2026/02/01"], "2026-01-31T00:00:00"),
        (["31 Jan 2026", "01 Feb 2026"], "2026-01-31T00:00:00"),
        (["01/31/2026 11:00 PM", "02/01/2026 11:00 PM"], "2026-01-31T23:00:00"),
        (["2026-01-31T13:00Z", "2026-01-31T14:00Z"], "2026-01-31T13:00:00+00:00"),
        (["2026-01-31T13:00+05:30", "2026-01-31T14:00+05:30"], "2026-01-31T13:00:00+05:30"),
        (["2026-01-31 13:00:00-0800", "2026-01-31 14:00:00-0800"], "2026-01-31T13:00:00-08:00"),
        ([1767225600, 1767229200], "1767225600"),
        ([2024, 2025, 2026], "2024"),
        ([-3, -1, 1], "-3"),
    ],
)
def test_times_are_read_in_the_usual_formats(written: list[str], first: str, tmp_path: Path) -> None:
    panel = train(table(tmp_path, written))
    assert panel.axis.format(panel.times)[0] == first
    following = panel.axis.after(int(panel.times[-2]), 1)
    assert panel.times[-1:].tolist() == following.tolist()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["2026-01-31", "yesterday"], "a.csv:3: 'yesterday' in the column 'ds' is not a time; write it in ISO 8601"),
        (["30.01.2026", "31.02.2026"], "a.csv:3: '31.02.2026' in the column 'ds' is not a time"),
        (["01/02/2026", "01/03/2026"], "a.csv:2: '01/02/2026' in the column 'ds' may begin with the day or the month"),
        (["2026-01-31T13:00Z", "2026-01-31T14:00"], "a.csv:3: 2026-01-31T14:00 in the column 'ds' has no offset"),
        (["2026-01-31", "9999-12-31"], "a.csv:3: the time in the column 'ds' is before the year 1678 or after 2261"),
        (["2026-01-01 00:00", "2026-01-01 01-1:00"], "a.csv:3: '2026-01-01 01-1:00' in the column 'ds' is not a time"),
        (["1.5", "2.5"], "a.csv:2: '1.5' in the column 'ds' is not a time"),
    ],
)
def test_what_is_not_a_time_is_refused(written: list[str], expected: str, tmp_path: Path) -> None:
    assert refused(tmp_path, written).startswith(expected)


def test_typed_times_keep_their_zone() -> None:
    frame = pd.DataFrame({"ds": pd.date_range("2026-03-28", periods=48, freq="h", tz="Europe/Berlin"), "y": 1.0})
    panel = train(frame)
    assert (panel.axis.zone, panel.axis.frequency) == ("Europe/Berlin", "h")
    assert panel.axis.format(panel.times)[26] == "2026-03-29T03:00:00+02:00"
    assert train(frame, time_zone="UTC").axis.format(panel.times)[0] == "2026-03-27T23:00:00+00:00"
    dates = pd.DataFrame({"ds": pa.array([0, 1], pa.date32()).to_pandas(), "y": 1.0})
    assert train(dates).axis.frequency == "D"
    with pytest.raises(CorpusError, match="finer than microseconds"):
        train(pd.DataFrame({"ds": np.array([0, 1], "datetime64[ns]"), "y": 1.0}))
    with pytest.raises(CorpusError, match="use whole numbers"):
        train(pd.DataFrame({"ds": [0.5, 1.5], "y": 1.0}))
    assert train(pd.DataFrame({"ds": [1.0, 2.0], "y": 1.0})).times.tolist() == [1, 2]


# Clock changes


def clock(start: str, periods: int) -> pd.DatetimeIndex:
    return pd.date_range(start, periods=periods, freq="h", tz="Europe/Berlin")


def test_an_hour_that_the_clock_skips_is_explained(tmp_path: Path) -> None:
    local = [time.strftime("%Y-%m-%d %H:%M") for time in clock("2026-03-29", 6)]
    message = refused(tmp_path, local)
    assert message.startswith("a.csv:4: a point is missing between 2026-03-29T01:00:00 and 2026-03-29T03:00:00")
    assert "daylight saving time" in message
    panel = train(table(tmp_path, local), time_zone="Europe/Berlin")
    assert panel.axis.format(panel.times)[1:3] == ["2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"]


def test_an_hour_that_comes_twice_is_explained(tmp_path: Path) -> None:
    local = [time.strftime("%Y-%m-%d %H:%M") for time in clock("2026-10-25", 6)]
    message = refused(tmp_path, local)
    assert message.startswith("a.csv:5: the time 2026-10-25T02:00:00 comes again in the series 'y'")
    assert "daylight saving time" in message
    message = refused(tmp_path, local, time_zone="Europe/Berlin")
    assert message.startswith("a.csv:4: 2026-10-25 02:00:00 in the column 'ds' comes twice or never in Europe/Berlin")


@pytest.mark.parametrize("start", ["2026-03-28 22:00", "2026-10-24 22:00"])
def test_times_with_offsets_go_through_a_change_of_the_clock(start: str, tmp_path: Path) -> None:
    times = clock(start, 12)
    path = table(tmp_path, [time.isoformat() for time in times])
    for options, zone in (({}, "UTC"), ({"time_zone": "Europe/Berlin"}, "Europe/Berlin")):
        panel = train(path, **options)
        assert (panel.axis.frequency, panel.axis.zone) == ("h", zone)
        assert panel.times.tolist() == times.as_unit("us").asi8.tolist()


def test_days_in_a_zone_are_days_though_some_have_23_hours(tmp_path: Path) -> None:
    days = pd.date_range("2026-03-25", periods=10, freq="D", tz="Europe/Berlin")
    panel = train(table(tmp_path, [day.isoformat() for day in days]), time_zone="Europe/Berlin")
    assert panel.axis.frequency == "D"
    assert panel.axis.format(panel.axis.after(int(panel.times[-1]), 1)) == ["2026-04-04T00:00:00+02:00"]


# Frequencies


@pytest.mark.parametrize(
    "frequency",
    [
        "s",
        "30s",
        "min",
        "15min",
        "h",
        "6h",
        "D",
        "2D",
        "B",
        "W-SUN",
        "W-WED",
        "MS",
        "ME",
        "QS-FEB",
        "QE-MAR",
        "YS-JAN",
        "YE-DEC",
    ],
)
def test_the_frequency_is_found(frequency: str, tmp_path: Path) -> None:
    times = pd.date_range("2024-01-01", periods=30, freq=frequency)
    panel = train(table(tmp_path, list(times)))
    assert panel.axis.frequency == frequency
    assert panel.axis.after(int(panel.times[9]), 20).tolist() == panel.times[10:].tolist()
    gap = train(table(tmp_path, list(times.delete([4, 5, 17]))), fill="forward")
    assert gap.times.tolist() == panel.times.tolist()
    assert (gap.axis.frequency, np.flatnonzero(~gap.observed[:, 0]).tolist()) == (frequency, [4, 5, 17])


def test_days_whose_offsets_change_need_the_name_of_their_zone(tmp_path: Path) -> None:
    days = [f"2026-03-{day}T12:00+0{1 if day < 29 else 2}:00" for day in range(27, 32)]
    assert refused(tmp_path, days).endswith("; if the clock was changed, name the zone with --time-zone")
    assert train(table(tmp_path, days), time_zone="Europe/Berlin").axis.frequency == "D"
    assert "are integers, which are in no zone" in refused(tmp_path, [1, 2], time_zone="Europe/Berlin")


def test_a_frequency_that_is_given_is_checked(tmp_path: Path) -> None:
    times = ["2026-01-05", "2026-01-12", "2026-01-26"]
    assert train(table(tmp_path, times), frequency="W-MON", fill="forward").lengths.tolist() == [4]
    assert train(table(tmp_path, times), frequency="D", fill="forward").lengths.tolist() == [22]
    message = refused(tmp_path, times, frequency="W-SUN")
    assert message.startswith("a.csv:3: 2026-01-12T00:00:00 comes 7 days after 2026-01-05T00:00:00 in the series 'y'")
    assert "does not fit the frequency W-SUN" in message
    assert train(table(tmp_path, [0, 5, 15]), frequency="5", fill="forward").times.tolist() == [0, 5, 10, 15]


def test_weeks_that_end_on_different_days_are_seven_days(tmp_path: Path) -> None:
    frame = pd.DataFrame({"unique_id": list("aabb"), "ds": [0, 7, 1, 8], "y": 1.0})
    frame["ds"] = pd.Timestamp("2026-01-05") + pd.to_timedelta(frame.ds, unit="D")
    assert train(frame).axis.frequency == "7D"


def test_irregular_times_are_refused(tmp_path: Path) -> None:
    times = ["2026-01-01 00:00", "2026-01-01 01:00", "2026-01-01 02:00", "2026-01-01 02:37"]
    message = refused(tmp_path, times)
    assert message.startswith("a.csv:5: 2026-01-01T02:37:00 comes 37 min after 2026-01-01T02:00:00 in the series 'y'")
    assert message.endswith("or take each row as the next point with --frequency rows")
    panel = train(table(tmp_path, times), frequency="rows")
    assert (panel.lengths.tolist(), panel.axis.format(panel.times)[3]) == ([4], "2026-01-01T02:37:00")
    assert panel.axis.format(panel.axis.after(int(panel.times[3]), 1)) == ["2026-01-01T03:37:00"]


def test_mixed_frequencies_are_refused() -> None:
    hours = pd.DataFrame({"unique_id": "a", "ds": pd.date_range("2026-01-01", periods=5, freq="h"), "y": 1.0})
    days = pd.DataFrame({"unique_id": "b", "ds": pd.date_range("2026-01-01", periods=4, freq="D"), "y": 1.0})
    message = "the data frame:6: the series 'b' has a point every 1 day, but 'a' every 1 h; all series of a corpus"
    with pytest.raises(CorpusError, match=message):
        train(pd.concat([hours, days]))


def test_rows_of_a_series_need_not_be_sorted_but_differ(tmp_path: Path) -> None:
    panel = train(table(tmp_path, [3, 1, 2]))
    assert (panel.times.tolist(), panel.targets[:, 0].tolist()) == ([1, 2, 3], [1, 2, 0])
    message = refused(tmp_path, [3, 1, 2, 1, 3])
    assert message.startswith("a.csv:5: the time 1 comes again in the series 'y' (2 times come again in all)")
    assert "name the column of their names with --id" in message


# Gaps


def test_gaps_are_refused_by_default(tmp_path: Path) -> None:
    assert refused(tmp_path, [1, 2, 5, 6, 8]).startswith(
        "a.csv:4: 2 points are missing between 2 and 5 in the series 'y' (frequency 1), and there is another gap;"
        " add what is missing, or pass --fill forward or --fill interpolate"
    )
    assert refused(tmp_path, [1, 2, 3], [5, "", 7]).startswith(
        "a.csv:3: there is no 'y' at 2 in the series 'y'; add what is missing, or pass --fill"
    )


def test_gaps_are_filled_as_asked(tmp_path: Path) -> None:
    path = table(tmp_path, [1, 2, 3, 5, 8, 9], [5, "", 7, 9, 3, "NaN"])
    forward = train(path, fill="forward")
    assert forward.times.tolist() == list(range(1, 10))
    assert forward.targets[:, 0].tolist() == [5, 5, 7, 7, 9, 9, 9, 3, 3]
    line = train(path, fill="interpolate")
    assert line.targets[:, 0].tolist() == [5, 6, 7, 8, 9, 7, 5, 3, 3]
    assert line.observed[:, 0].tolist() == forward.observed[:, 0].tolist()
    assert np.flatnonzero(forward.observed[:, 0]).tolist() == [0, 2, 4, 7]


def test_what_cannot_be_filled_is_refused(tmp_path: Path) -> None:
    message = refused(tmp_path, [1, 2, 3], ["", 6, 7], fill="forward")
    assert message.startswith("a.csv:2: the series 'y' begins at 1 without 'y', and there is nothing to fill")
    message = refused(tmp_path, [*range(5), 10**9], fill="forward")
    assert message == "a.csv:7: 999999995 points would have to be filled in before 1000000000; is this time right?"


def test_features_weights_and_labels_of_points_that_are_filled_in() -> None:
    frame = pd.DataFrame({"ds": [1, 2, 4], "y": [5, 6, 7], "w": 1.0, "label": 1, "rain": [0, 1, 0], "sun": [4, 5, 6]})
    panel = train(frame, fill="interpolate", weight="w", known_features="rain", features="sun")
    assert panel.weights is not None
    assert panel.anomalies is not None
    assert (panel.weights.tolist(), panel.anomalies.tolist()) == ([1, 1, 0, 1], [True, True, False, True])
    assert (panel.known[:, 0].tolist(), panel.past[:, 0].tolist()) == ([0, 1, 1, 0], [4, 5, 5, 6])


@settings(max_examples=10)
@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=12), min_size=1, max_size=4), st.integers(0, 9))
def test_filling_agrees_with_pandas(present: list[list[bool]], seed: int) -> None:
    kept = [[True, *flags] for flags in present]
    frame = pd.DataFrame(
        [(f"s{number}", time) for number, flags in enumerate(kept) for time, is_there in enumerate(flags) if is_there],
        columns=["unique_id", "ds"],
    )
    frame["y"] = np.random.default_rng(seed).normal(size=len(frame))
    for fill in ("forward", "interpolate"):
        panel = train(frame.sample(frac=1, random_state=seed), fill=fill, frequency="1")
        for number in range(len(panel)):
            one = panel.series(number)
            own = frame[frame.unique_id == one.ids[0]].set_index("ds").y
            every = own.reindex(range(one.lengths[0]))
            expected = every.ffill() if fill == "forward" else every.interpolate()
            assert np.allclose(one.targets[:, 0], expected, rtol=1e-12)
            assert one.observed[:, 0].tolist() == every.notna().tolist()
