"""Rolling indicators: pandas, and exact rational arithmetic where the level is high."""

from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from torch import Tensor
from torch.testing import assert_close

from seqkit.errors import ConfigError
from seqkit.transforms.indicators import RollingIndicators, rolling_indicators


def generated(rows: int = 3, steps: int = 50) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    values = torch.randn(rows, steps, generator=generator, dtype=torch.float64).cumsum(1)
    return values, torch.rand(rows, steps, generator=generator) < 0.8


def exact_moments(values: Tensor, mask: Tensor, window: int) -> list[tuple[Fraction, float, float]]:
    """Return mean, deviation and position at each value of a row, from exact sums."""
    moments = []
    for step in mask.nonzero()[:, 0].tolist():
        inside = slice(max(0, step - window + 1), step + 1)
        seen = [Fraction(value) for value in values[inside][mask[inside]].tolist()]
        mean = sum(seen, Fraction(0)) / len(seen)
        deviation = float(sum((value - mean) ** 2 for value in seen) / len(seen)) ** 0.5
        position = 0.5 + float(Fraction(values[step].item()) - mean) / (4 * deviation) if deviation else 0.5
        moments.append((mean, deviation, position))
    return moments


@pytest.mark.parametrize("window", [1, 2, 7, 50, 80])
def test_they_are_those_of_pandas(window: int) -> None:
    values, mask = generated()
    found = rolling_indicators(values.masked_fill(~mask, torch.nan), mask, window, 0.5)
    for row, known in enumerate(mask.numpy()):
        series = pd.Series(values[row].numpy()).where(known)
        rolling = series.rolling(window, min_periods=1)
        mean, deviation = rolling.mean(), rolling.std(ddof=0)
        lower, upper = mean - 0.5 * deviation, mean + 0.5 * deviation
        np.testing.assert_allclose(found.mean_BT[row].numpy(), mean.fillna(0), atol=1e-12)
        np.testing.assert_allclose(found.deviation_BT[row].numpy(), deviation.fillna(0), atol=1e-7)
        position = ((series - lower) / (upper - lower)).where(upper - lower > 1e-6, 0.5).where(known, 0.5)
        np.testing.assert_allclose(found.position_BT[row].numpy(), position, atol=1e-6)


LEVELS = {
    "a high level": 1e9 + 1e-3 * generated(1, 60)[0][0],
    "a low one after a high one": torch.cat([torch.full((20,), 1e9), 1e-9 * generated(1, 40)[0][0]]),
    "a steep trend": 1e9 * torch.arange(60, dtype=torch.float64) + generated(1, 60)[0][0],
    "a step within the window": torch.where(torch.arange(60) < 33, 0.0, 1e9) + 1e-3 * generated(1, 60)[0][0],
    "a constant": torch.full((60,), 0.1, dtype=torch.float64),
    "a spike": torch.where(torch.arange(60) == 31, 1e9, 1.0).double(),
}


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("window", [2, 9, 20])
def test_no_level_costs_digits(name: str, window: int) -> None:
    values = LEVELS[name].double()[None]
    mask = generated(1, 60)[1]
    means, deviations, positions = (found[mask].tolist() for found in rolling_indicators(values, mask, window))
    for step, (mean, deviation, position) in enumerate(exact_moments(values[0], mask[0], window)):
        assert means[step] == pytest.approx(float(mean), rel=1e-15)
        assert deviations[step] == pytest.approx(deviation, rel=1e-12)
        assert positions[step] == pytest.approx(position, rel=1e-9, abs=1e-12)


@given(
    row=st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9, allow_subnormal=False)), min_size=1, max_size=20),
    window=st.integers(1, 25),
)
def test_any_row_has_the_moments_of_its_windows(row: list[float | None], window: int) -> None:
    values = torch.tensor([[torch.nan if value is None else value for value in row]], dtype=torch.float64)
    mask = ~values.isnan()
    means, deviations, _ = (found[mask].tolist() for found in rolling_indicators(values, mask, window))
    for step, (mean, deviation, _) in enumerate(exact_moments(values[0], mask[0], window)):
        peak = max(abs(value) for value in row if value is not None)
        assert means[step] == pytest.approx(float(mean), abs=1e-14 * peak)
        assert deviations[step] == pytest.approx(deviation, rel=1e-12, abs=1e-100)


def assert_same(found: RollingIndicators, expected: RollingIndicators, at: slice = slice(None)) -> None:
    for one, other in zip(found, expected, strict=True):
        assert_close(one[:, at], other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("now", [0, 6, 7, 23, 48])
def test_the_future_changes_nothing(now: int) -> None:
    values, mask = generated()
    before = [each[:, : now + 1] for each in rolling_indicators(values, mask, 7)]
    future = torch.arange(values.shape[1]) > now
    for changed, changed_mask in ((-1e9, mask), (torch.nan, mask & ~future), (1.0, mask | future)):
        found = rolling_indicators(torch.where(future, changed, values), changed_mask, 7)
        assert all(one[:, : now + 1].equal(other) for one, other in zip(found, before, strict=True))
    assert_same(rolling_indicators(values[:, : now + 1], mask[:, : now + 1], 7), RollingIndicators(*before))


def test_what_is_older_than_the_window_changes_nothing() -> None:
    values, mask = generated()
    after = RollingIndicators(*(each[:, 29:] for each in rolling_indicators(values, mask, 10)))
    for changed in (1e30, -1e9):
        spoilt = torch.where(torch.arange(50) < 20, changed, values)
        assert_same(rolling_indicators(spoilt, mask, 10), after, slice(29, None))


def test_padding_on_either_side_changes_nothing() -> None:
    values, mask = generated()
    alone = rolling_indicators(values, mask, 7)
    for filler in (0.0, torch.nan, 1e30):
        wide, wide_mask = (
            torch.nn.functional.pad(each, (5, 4), value=value) for each, value in ((values, filler), (mask, False))
        )
        assert_same(rolling_indicators(wide, wide_mask, 7), alone, slice(5, -4))


def test_a_band_of_zero_width_has_the_position_of_its_mean() -> None:
    values = torch.tensor([[0.1] * 6 + [0.3], [1e9] * 7]).double()
    found = rolling_indicators(values, torch.ones_like(values, dtype=torch.bool), 3).position_BT
    assert found[:, :6].tolist() == [[0.5] * 6] * 2
    assert found[0, 6].item() == pytest.approx(0.5 + 2**0.5 / 4)


@pytest.mark.parametrize("steps", [0, 4])
def test_a_row_without_values_has_the_indicators_of_nothing(steps: int) -> None:
    values, mask = torch.full((2, steps), torch.nan), torch.zeros(2, steps, dtype=torch.bool)
    for found, value in zip(rolling_indicators(values, mask, 3), (0.0, 0.0, 0.5), strict=True):
        assert found.tolist() == [[value] * steps] * 2


def test_empty_windows_and_bands_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1 position, not 0"):
        rolling_indicators(*generated(), 0)
    for width in (0.0, -1.0, float("nan")):
        with pytest.raises(ConfigError, match="must be above 0"):
            rolling_indicators(*generated(), 7, width)
