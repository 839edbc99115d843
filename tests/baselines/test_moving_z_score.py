"""Moving z-scores, against pandas and a loop, and that they never look ahead."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqkit.baselines.moving_z_score import moving_z_scores
from seqkit.errors import ConfigError

series = st.integers(3, 80).flatmap(
    lambda points: st.builds(
        lambda seed: np.random.default_rng(seed).normal(size=points).cumsum(), st.integers(0, 1000)
    )
)


@given(series, st.integers(2, 30))
@settings(max_examples=15)
def test_scores_are_those_of_pandas(values: NDArray[np.float64], window: int) -> None:
    before = pd.Series(values).shift(1).rolling(window, min_periods=2)
    expected = ((values - before.mean()) / before.std(ddof=0)).abs().fillna(0)
    assert moving_z_scores(values, window) == pytest.approx(expected.to_numpy(), rel=1e-6)


@given(series, st.integers(2, 30), st.data())
@settings(max_examples=15)
def test_later_values_change_nothing(values: NDArray[np.float64], window: int, data: st.DataObject) -> None:
    present = data.draw(st.integers(0, len(values) - 1))
    changed = np.concatenate([values[: present + 1], values[present + 1 :] * 1e6 + 7])
    assert moving_z_scores(values, window)[: present + 1].tolist() == (
        moving_z_scores(changed, window)[: present + 1].tolist()
    )


@pytest.mark.parametrize("level", [0.0, 0.1, 1e9, -3e-9])
def test_a_constant_series_has_nothing_strange_and_a_step_in_it_has(level: float) -> None:
    values = np.full(300, level)
    assert moving_z_scores(values).max() < 1e-6
    values[200] += max(abs(level), 1.0)
    scores = moving_z_scores(values)
    assert np.isfinite(scores).all()
    assert scores.argmax() == 200
    assert scores[200] > 1e5


def test_the_strangest_of_several_series_counts() -> None:
    values = np.random.default_rng(0).normal(size=(300, 2))
    both = np.maximum(moving_z_scores(values[:, 0]), moving_z_scores(values[:, 1]))
    assert moving_z_scores(values) == pytest.approx(both)


@pytest.mark.parametrize("points", [0, 1, 2])
def test_the_first_points_have_nothing_to_compare_with(points: int) -> None:
    assert moving_z_scores(np.arange(float(points))).tolist() == [0.0] * points


def test_bad_values_are_refused() -> None:
    with pytest.raises(ConfigError, match="without NaN and infinite values"):
        moving_z_scores([1.0, np.nan])
    with pytest.raises(ConfigError, match="the window must be at least 2 points, not 1"):
        moving_z_scores([1.0], window=1)
