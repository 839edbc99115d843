"""Lags of the season and the seasonal naive forecast, against loops over single positions."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import example, given

from seqkit.errors import ConfigError
from seqkit.transforms.lags import future_lags, seasonal_lags, seasonal_naive_of

NAN = torch.nan
ROW = st.lists(st.one_of(st.none(), st.integers(-9, 9)), max_size=14)
SIZES = {"season": st.integers(1, 6), "count": st.integers(0, 3), "horizon": st.integers(1, 9)}


def batch(rows: list[list[int | None]], before: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return values, mask and lengths of rows, padded to the longest; some padding may come first."""
    width = before + max(map(len, rows))
    padded = [[NAN] * before + [NAN if value is None else value for value in row] for row in rows]
    values = torch.tensor([row + [NAN] * (width - len(row)) for row in padded], dtype=torch.float64)
    return values, ~values.isnan(), torch.tensor([len(row) for row in padded])


def value_at(row: list[int | None], place: int) -> int | None:
    return row[place] if 0 <= place < len(row) else None


@given(rows=st.lists(ROW, min_size=1, max_size=3), **SIZES)
@example(rows=[[]], season=1, horizon=2, count=1)
def test_past_lags_are_earlier_values(rows: list[list[int | None]], season: int, count: int, horizon: int) -> None:
    values, mask, _ = batch(rows)
    found = seasonal_lags(values, mask, season, count)
    assert found.values.shape == found.mask.shape == (*values.shape, count)
    for number, row in enumerate(rows):
        for step in range(len(row)):
            expected = [value_at(row, step - season * lag) for lag in range(1, count + 1)]
            assert found.mask[number, step].tolist() == [value is not None for value in expected]
            assert found.values[number, step].tolist() == [value or 0 for value in expected]


@given(rows=st.lists(ROW, min_size=1, max_size=3), before=st.integers(0, 3), **SIZES)
@example(rows=[[]], before=0, season=1, horizon=2, count=1)
def test_future_lags_are_the_last_known_seasons(
    rows: list[list[int | None]], before: int, season: int, count: int, horizon: int
) -> None:
    found = future_lags(*batch(rows, before), season, count, horizon)
    assert found.values.shape == found.mask.shape == (len(rows), horizon, count)
    for number, row in enumerate(rows):
        for step in range(horizon):
            places = list(range(len(row) + step - season, -1, -season))
            known = [place for place in places if place < len(row)]
            expected = [value_at(row, place) for place in known][:count]
            expected += [None] * (count - len(expected))
            assert found.mask[number, step].tolist() == [value is not None for value in expected]
            assert found.values[number, step].tolist() == [value or 0 for value in expected]


def naive(row: list[int | None], season: int, horizon: int) -> list[float]:
    """Return the forecast step by step, which appends each to the row."""
    known = [value for value in row if value is not None]
    last = known[-1] if known else 0
    while row and row[0] is None:
        row = row[1:]
    if len(row) < season:
        return [last] * horizon
    extended = list(row)
    for _ in range(horizon):
        extended.append(extended[-season])
    return [last if value is None else value for value in extended[len(row) :]]


@given(rows=st.lists(ROW, min_size=1, max_size=3), before=st.integers(0, 3), **SIZES)
@example(rows=[[]], before=0, season=1, horizon=2, count=1)
@example(rows=[[], [None, 3], [1, 2, None]], before=2, season=3, horizon=5, count=0)
def test_the_seasonal_naive_forecast_repeats_the_last_season(
    rows: list[list[int | None]], before: int, season: int, count: int, horizon: int
) -> None:
    values, mask, lengths = batch(rows, before)
    found = seasonal_naive_of(values, lengths, season, horizon, mask)
    assert found.tolist() == [naive(row, season, horizon) for row in rows]


def test_without_a_mask_rows_are_whole_up_to_their_ends() -> None:
    values, _, lengths = batch([[1, 2, 3, 4], [5, 6], []])
    assert seasonal_naive_of(values, lengths, 3, 4).tolist() == [[2, 3, 4, 2], [6, 6, 6, 6], [0, 0, 0, 0]]


def test_an_empty_season_is_refused() -> None:
    values, mask, lengths = batch([[1, 2]])
    with pytest.raises(ConfigError, match="at least 1 position, not 0"):
        seasonal_lags(values, mask, 0, 1)
    with pytest.raises(ConfigError, match="at least 1 position, not 0"):
        seasonal_naive_of(values, lengths, 0, 1)
