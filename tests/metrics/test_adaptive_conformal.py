"""Adaptive conformal inference keeps its coverage under drift, whatever the series, in constant time and memory."""

import json
import math
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.errors import ConfigError
from seqkit.metrics.adaptive_conformal import AdaptiveConformal
from seqkit.metrics.conformal import conformal_quantile

DRIFTS: dict[str, Callable[[int], float]] = {
    "none": lambda time: 1.0,
    "growing": lambda time: 1.0 + time / 200,
    "a jump": lambda time: 1.0 if time < 1500 else 10.0,
    "shrinking": lambda time: 1 / (1 + time / 100),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_the_coverage_is_kept_under_drift(drift: str) -> None:
    random, steps, rate = np.random.default_rng(0), 3000, 0.02
    adaptive = AdaptiveConformal(np.abs(random.normal(size=200)), level=0.9, rate=rate, window=200)
    scores = [abs(random.normal()) * DRIFTS[drift](time) for time in range(steps)]
    covered = np.mean([adaptive.update(score) for score in scores])
    assert covered == pytest.approx(0.9, abs=(0.9 + rate) / (rate * steps))


def test_a_fixed_quantile_loses_the_coverage_that_the_adaptive_one_keeps() -> None:
    random = np.random.default_rng(0)
    calibration, scores = np.abs(random.normal(size=200)), np.abs(random.normal(size=3000)) * np.linspace(1, 6, 3000)
    adaptive = AdaptiveConformal(calibration, rate=0.02, window=200)
    covered = [adaptive.update(score) for score in scores.tolist()]
    assert np.mean(scores <= conformal_quantile(calibration[:, None], 0.9)[0]) < 0.6
    assert np.mean(covered) == pytest.approx(0.9, abs=0.01)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200),
    st.sampled_from([0.5, 0.8, 0.95]),
    st.sampled_from([0.01, 0.1, 0.5]),
)
@settings(max_examples=50)
def test_the_bound_of_the_paper_holds_for_any_scores(scores: list[float], level: float, rate: float) -> None:
    adaptive = AdaptiveConformal(level=level, rate=rate, window=20)
    missed = np.mean([not adaptive.update(score) for score in scores])
    alpha = 1 - level
    assert abs(missed - alpha) <= (max(alpha, 1 - alpha) + rate) / (rate * len(scores)) + 1e-9


@given(st.lists(st.integers(-5, 5), max_size=60), st.integers(1, 30), st.sampled_from([0.5, 0.8, 0.9]))
@settings(max_examples=40, deadline=None)
def test_without_adaptation_it_is_the_quantile_of_the_latest_scores(
    scores: list[int], window: int, level: float
) -> None:
    adaptive = AdaptiveConformal(scores, level=level, rate=0.0, window=window)
    latest = np.array(scores[-window:], dtype=np.float64)[:, None]
    assert adaptive.radius == (conformal_quantile(latest, level)[0] if len(latest) else math.inf)


def test_the_levels_are_those_of_the_paper_step_by_step() -> None:
    random = np.random.default_rng(1)
    scores = np.abs(random.normal(size=300)) * np.linspace(1, 3, 300)
    adaptive = AdaptiveConformal(level=0.8, rate=0.05, window=50)
    alpha = 0.2
    for time, score in enumerate(scores.tolist()):
        latest = np.sort(scores[max(time - 50, 0) : time])
        rank = math.ceil((len(latest) + 1) * (1 - alpha) - 1e-9)
        radius = math.inf if alpha <= 0 or rank > len(latest) else latest[rank - 1] if rank >= 1 else -math.inf
        assert adaptive.radius == radius
        assert adaptive.update(score) == (score <= radius)
        alpha += 0.05 * (0.2 - (score > radius))
        assert adaptive.alpha == pytest.approx(alpha)


def test_it_goes_on_where_it_was_saved() -> None:
    random = np.random.default_rng(0)
    adaptive = AdaptiveConformal(np.abs(random.normal(size=30)), rate=0.1, window=20)
    for score in np.abs(random.normal(size=10)).tolist():
        adaptive.update(score)
    restored = AdaptiveConformal.from_dict(json.loads(json.dumps(adaptive.to_dict())))
    for score in np.abs(random.normal(size=50)).tolist():
        assert restored.update(score) == adaptive.update(score)
        assert (restored.radius, restored.alpha) == (adaptive.radius, adaptive.alpha)
    with pytest.raises(ConfigError, match="a saved state needs"):
        AdaptiveConformal.from_dict({})


def test_unknown_values_change_nothing() -> None:
    adaptive = AdaptiveConformal([1.0, math.nan, 2.0], level=0.5)
    before = adaptive.to_dict()
    assert adaptive.update(math.nan)
    assert adaptive.to_dict() == before
    assert before["scores"] == [1.0, 2.0]


def test_the_memory_does_not_grow_with_the_series() -> None:
    adaptive = AdaptiveConformal(window=50)
    sizes = set()
    for time in range(5000):
        adaptive.update(float(time % 97))
        if time > 100:
            scores = adaptive.to_dict()["scores"]
            assert isinstance(scores, list)
            sizes.add((len(scores), sys.getsizeof(adaptive._sorted) // 1000))
    assert sizes == {(50, 0)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": 0.0}, "level must be between 0 and 1"),
        ({"rate": -1.0}, "a rate of -1.0"),
        ({"rate": math.nan}, "a rate of nan"),
        ({"window": 0}, "a window of 0 scores"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AdaptiveConformal(**settings)  # type: ignore[arg-type]
