"""Panels: parts of them, and the times that follow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data.series.panel import Panel
from seqkit.data.series.time_axis import TimeAxis

LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=6)


def panel_of(lengths: list[int]) -> Panel:
    return Panel.from_arrays(
        [[10 * series + point for point in range(length)] for series, length in enumerate(lengths)]
    )


def as_lists(panel: Panel) -> dict[str, list[float]]:
    return {panel.ids[number]: panel.series(number).targets[:, 0].tolist() for number in range(len(panel))}


@settings(max_examples=20)
@given(LENGTHS, st.data())
def test_series_are_selected(lengths: list[int], data: st.DataObject) -> None:
    panel = panel_of(lengths)
    numbers = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1))
    chosen = panel.select(numbers)
    every = as_lists(panel)
    assert [chosen.series(place).targets[:, 0].tolist() for place in range(len(chosen))] == [
        every[str(number)] for number in numbers
    ]
    assert len(panel.select([])) == 0


@settings(max_examples=20)
@given(LENGTHS, st.data())
def test_panels_are_cut(lengths: list[int], data: st.DataObject) -> None:
    panel = panel_of(lengths)
    ends = data.draw(st.lists(st.integers(0, 7), min_size=len(lengths), max_size=len(lengths)))
    cut = panel.until(np.array(ends))
    expected = {name: values[:end] for (name, values), end in zip(as_lists(panel).items(), ends, strict=True) if end}
    assert as_lists(cut) == expected


def test_a_series_is_a_view() -> None:
    panel = panel_of([2, 3])
    assert np.shares_memory(panel.series(1).targets, panel.targets)


def test_columns_of_different_lengths_are_refused() -> None:
    panel = panel_of([2])
    with pytest.raises(ValueError, match="1 times for 2 points"):
        Panel(**{**vars(panel), "times": panel.times[:1]})


@pytest.mark.parametrize(
    ("axis", "last", "expected"),
    [
        (TimeAxis("MS"), "2026-01-01", ["2026-02-01T00:00:00", "2026-03-01T00:00:00"]),
        (TimeAxis("B"), "2026-01-02", ["2026-01-05T00:00:00", "2026-01-06T00:00:00"]),
        (TimeAxis("W-SUN"), "2026-01-04", ["2026-01-11T00:00:00", "2026-01-18T00:00:00"]),
        (
            TimeAxis("D", zone="Europe/Berlin"),
            "2026-03-27T23:00",
            ["2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"],
        ),
        (
            TimeAxis("h", zone="Europe/Berlin"),
            "2026-03-29T00:00",
            ["2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"],
        ),
    ],
)
def test_times_go_on_by_the_frequency(axis: TimeAxis, last: str, expected: list[str]) -> None:
    instant = int(np.datetime64(last, "us").astype(np.int64))
    assert axis.format(axis.after(instant, 2)) == expected
