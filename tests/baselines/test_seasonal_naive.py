"""The seasonal naive forecast, against a loop over series and steps, and its intervals on random walks."""

import math
import time
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.baselines.seasonal_naive import seasonal_naive
from seqkit.errors import ConfigError

histories = st.lists(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=12), min_size=1, max_size=4)


@given(histories, st.integers(1, 5), st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_each_step_is_the_same_point_of_the_last_season(series: list[list[float]], season: int, horizon: int) -> None:
    forecast = seasonal_naive(np.concatenate(series), [len(each) for each in series], horizon, season)
    for number, history in enumerate(series):
        expected = list(history)
        for _ in range(horizon):
            expected.append(expected[-season] if len(history) >= season else expected[-1])
        assert forecast.mean_EH[number].tolist() == expected[len(history) :]


@given(histories, st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_the_width_grows_with_the_root_of_the_seasons(series: list[list[float]], season: int) -> None:
    forecast = seasonal_naive(np.concatenate(series), [len(each) for each in series], 7, season, (0.5, 0.9))
    for number, history in enumerate(series):
        lag = season if len(history) >= season else 1
        differences = [later - earlier for later, earlier in zip(history[lag:], history, strict=False)]
        spread = math.sqrt(np.mean(np.square(differences))) if differences else math.inf
        for level in (0.5, 0.9):
            width = NormalDist().inv_cdf(0.5 + level / 2) * spread
            expected = [forecast.mean_EH[number, h] + width * math.sqrt(1 + h // lag) for h in range(7)]
            assert forecast.upper_EH[level][number] == pytest.approx(expected, rel=1e-9, abs=1e-6)
            below, above = (
                bounds[level][number] - forecast.mean_EH[number] for bounds in (forecast.lower_EH, forecast.upper_EH)
            )
            assert below == pytest.approx(-above, rel=1e-6, abs=1e-6)


def test_intervals_of_seasonal_random_walks_cover_as_promised() -> None:
    random = np.random.default_rng(0)
    steps = random.normal(size=(500, 30, 4))
    walks = steps.cumsum(1).reshape(500, 120)  # four walks, one for each point of the season
    forecast = seasonal_naive(walks[:, :108].ravel(), [108] * 500, 12, 4, (0.8, 0.9))
    for level in (0.8, 0.9):
        inside = (forecast.lower_EH[level] <= walks[:, 108:]) & (walks[:, 108:] <= forecast.upper_EH[level])
        assert inside.mean(axis=0) == pytest.approx(np.full(12, level), abs=0.05)


def test_many_series_take_no_loop() -> None:
    start = time.process_time()
    forecast = seasonal_naive(np.zeros(1_000_000), np.full(100_000, 10), 5, 7)
    assert forecast.mean_EH.shape == (100_000, 5)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("values", "lengths", "arguments", "message"),
    [
        ([1.0, math.nan, 2.0], [1, 2], {}, "series 1 has a value that is NaN or infinite"),
        ([1.0, 2.0, math.inf], [2, 1], {}, "series 1 has"),
        ([1.0], [1, 0], {}, "series 1 has no point"),
        ([1.0], [2], {}, "lengths that add up to 2"),
        ([1.0], [1], {"horizon": 0}, "a horizon of 0"),
        ([1.0], [1], {"season": 0}, "a season of 0"),
        ([1.0], [1], {"levels": (90.0,)}, "between 0 and 1"),
    ],
)
def test_bad_series_are_refused(
    values: list[float], lengths: list[int], arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        seasonal_naive(values, lengths, **{"horizon": 2, **arguments})  # type: ignore[arg-type]
