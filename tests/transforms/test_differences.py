"""Differences and log returns: x → transform → x with gaps and padding, pandas as the reference, and the refusals."""

from dataclasses import FrozenInstanceError

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import example, given
from torch.testing import assert_close

from seqkit.errors import ConfigError
from seqkit.transforms.differences import Differences, LogReturns, log_values

MISSING = torch.nan
ROWS = st.integers(0, 12).flatmap(
    lambda width: st.lists(
        st.lists(st.one_of(st.none(), st.floats(1e-9, 1e9)), min_size=width, max_size=width), min_size=1, max_size=3
    )
)


def batch(rows: list[list[float | None]]) -> tuple[torch.Tensor, torch.Tensor]:
    values = torch.tensor(
        [[MISSING if value is None else value for value in row] for row in rows], dtype=torch.float64
    ).view(len(rows), -1)
    return values, ~values.isnan()


def walk(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64).cumsum(1)


@given(rows=ROWS, lag=st.integers(1, 5))
@example(rows=[[None, 5.0, None, 2.0, None]], lag=2)
@example(rows=[[3.0]], lag=8)
def test_differences_come_back(rows: list[list[float | None]], lag: int) -> None:
    values, mask = batch(rows)
    for sign in (1, -1):
        found = Differences(lag).apply(sign * values, mask)
        assert not found.values_BT[~found.mask_BT].any()
        restored = Differences(lag).invert(found.values_BT, found.initial_BL)
        peaks = values.nan_to_num().abs().amax(1, keepdim=True) if values.shape[1] else values
        assert ((restored - sign * values).abs() <= 1e-13 * peaks)[mask].all()


@given(rows=ROWS, lag=st.integers(1, 5))
def test_log_returns_come_back(rows: list[list[float | None]], lag: int) -> None:
    values, mask = batch(rows)
    found = LogReturns(lag).apply(values, mask)
    restored = LogReturns(lag).invert(found.values_BT, found.initial_BL)
    assert_close(restored[mask], values[mask], rtol=1e-12, atol=0)


@pytest.mark.parametrize("lag", [1, 7])
def test_they_are_those_of_pandas(lag: int) -> None:
    values = walk(3, 40)
    mask = torch.ones_like(values, dtype=torch.bool)
    for row in range(3):
        series = pd.Series(values[row].numpy())
        expected = series.diff(lag)
        found = Differences(lag).apply(values, mask)
        assert found.mask_BT[row].tolist() == expected.notna().tolist()
        np.testing.assert_array_equal(found.values_BT[row].numpy(), expected.fillna(0))
        returns = LogReturns(lag).apply(values.exp(), mask)
        np.testing.assert_allclose(returns.values_BT[row].numpy(), np.log(np.exp(series)).diff(lag).fillna(0))


def test_a_gap_loses_nothing() -> None:
    values, mask = batch([[1.0, None, 4.0, 5.0, None, None, 3.0]])
    found = Differences(1).apply(values, mask)
    assert found.values_BT.tolist() == [[0.0, 0.0, 3.0, 1.0, 0.0, 0.0, -2.0]]
    assert found.mask_BT.tolist() == [[False, False, True, True, False, False, True]]
    assert Differences(1).invert(found.values_BT, found.initial_BL).tolist() == [[1.0, 1.0, 4.0, 5.0, 5.0, 5.0, 3.0]]


@pytest.mark.parametrize("transform", [Differences(3), LogReturns(3)])
def test_padding_on_either_side_changes_nothing(transform: Differences | LogReturns) -> None:
    values = walk(1, 10).exp()
    mask = torch.ones_like(values, dtype=torch.bool)
    alone = transform.apply(values, mask)
    for filler in (0.0, MISSING, -1e30):
        wide, wide_mask = (
            torch.nn.functional.pad(each, (4, 5), value=value) for each, value in ((values, filler), (mask, False))
        )
        found = transform.apply(wide, wide_mask)
        assert found.values_BT[:, 4:14].equal(alone.values_BT)
        assert found.mask_BT.sum() == found.mask_BT[:, 4:14].sum() == alone.mask_BT.sum()
        assert_close(transform.invert(found.values_BT, found.initial_BL)[:, 4:14], values)


@pytest.mark.parametrize("transform", [Differences(4), LogReturns(4)])
def test_forecast_differences_continue_the_context(transform: Differences | LogReturns) -> None:
    values = walk(2, 30).exp()
    found = transform.apply(values, torch.ones_like(values, dtype=torch.bool))
    assert_close(transform.invert(found.values_BT[:, 20:], values[:, 16:20]), values[:, 20:])


@pytest.mark.parametrize("transform", [Differences(), LogReturns()])
@pytest.mark.parametrize("width", [0, 1, 4, 9])
def test_future_values_are_relative_to_known_ones(transform: Differences | LogReturns, width: int) -> None:
    known, future = walk(2, 9).exp(), walk(2, 18)[:, 9:].exp()
    relative = transform.relative_to(known[:, :width] if width else known[:, 0])
    found = relative.apply(future)
    for row in range(2):
        for step in range(9):
            reference = known[row, step % max(width, 1)]
            expected = future[row, step] - reference if isinstance(transform, Differences) else (
                future[row, step] / reference
            ).log()  # fmt: skip
            assert_close(found[row, step], expected)
    assert_close(relative.invert(found), future)


def test_cumulative_log_returns_are_sums_of_log_returns() -> None:
    values = walk(2, 12).exp()
    returns = LogReturns().apply(values, torch.ones_like(values, dtype=torch.bool)).values_BT
    assert_close(LogReturns().relative_to(values[:, 5]).apply(values[:, 6:]), returns[:, 6:].cumsum(1))


@pytest.mark.parametrize("transform", [Differences(), LogReturns()])
def test_quantiles_stay_quantiles(transform: Differences | LogReturns) -> None:
    """The quantiles of sampled values are the inverses of the quantiles of the samples."""
    samples = torch.randn(2, 5, 101, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    levels = torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)  # of 101 samples, these are samples themselves
    relative = transform.relative_to(torch.tensor([100.0, 1e-9]))
    quantiles = relative.invert(samples.quantile(levels, dim=2).permute(1, 2, 0))
    assert_close(quantiles, relative.invert(samples).quantile(levels, dim=2).permute(1, 2, 0), atol=0, rtol=1e-12)
    assert (quantiles.diff(dim=2) > 0).all()


def test_a_return_of_zero_is_exactly_the_last_value() -> None:
    last = torch.tensor([0.1, 1e9 + 0.3], dtype=torch.float64)
    assert LogReturns().relative_to(last).invert(torch.zeros(2, 3)).equal(last[:, None].expand(2, 3))


@pytest.mark.parametrize("bad", [0.0, -1.0, -0.0, MISSING])
def test_a_value_that_is_not_positive_is_named(bad: float) -> None:
    values = torch.tensor([[1.0, 2.0, 0.0], [3.0, 4.0, bad]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    with pytest.raises(ConfigError, match=r"^row 1, position 2: log returns need positive values, not "):
        log_values(values, mask)
    with pytest.raises(ConfigError, match=r"^sales\.csv:9, column y of series north: log returns need"):
        LogReturns().apply(values, mask, lambda row, step: f"sales.csv:{4 * row + step + 3}, column y of series north")


@pytest.mark.parametrize("transform", [Differences(), LogReturns()])
def test_they_cannot_be_changed(transform: Differences | LogReturns) -> None:
    relative = transform.relative_to(torch.ones(1))
    with pytest.raises(FrozenInstanceError):
        transform.lag = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        relative.reference_BR = torch.zeros(1)  # type: ignore[misc]


@pytest.mark.parametrize("transform", [Differences, LogReturns])
def test_a_lag_of_zero_is_refused(transform: type[Differences] | type[LogReturns]) -> None:
    with pytest.raises(ConfigError, match="at least 1, not 0"):
        transform(0)
