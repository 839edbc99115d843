"""Sub-PCA and the window it takes, against the TSB-AD package and a version with loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from seqkit.baselines.period import dominant_period
from seqkit.baselines.sub_pca import sub_pca_scores
from seqkit.errors import ConfigError
from seqkit.metrics.anomaly_scores import vus_pr

Floats = NDArray[np.float64]

# The window of find_length_rank, and the scores at points 0, 77, 450 and 899 of TSB_AD.models.PCA (default settings) in
# TSB-AD 1.5 on ``reference_series``.
REFERENCE = {
    "season": (25, [48777.97191416245, 45407.17466816762, 43836.20771604371, 48349.73392982457]),
    "walk": (125, [457711285.83576167, 428683845.17947406, 83659058.50204988, 355551273.4793633]),
    "noise": (125, [190930.55474568944, 202279.2109176466, 213892.10751762192, 203932.67236130725]),
}


def reference_series(name: str) -> Floats:
    random = np.random.default_rng(7)
    times = np.arange(900)
    noise = random.normal(size=900)
    return {"season": np.sin(times * 2 * np.pi / 25) + noise / 5, "walk": noise.cumsum(), "noise": noise}[name]


def with_scikit_learn(values: Floats, window: int) -> Floats:
    """Compute the score of each window by itself."""
    windows = np.array([values[start : start + window] for start in range(len(values) - window + 1)])
    scaled = StandardScaler().fit_transform(windows)
    pca = PCA(svd_solver="full").fit(scaled)
    components = [each * np.sign(each[np.abs(each).argmax()]) for each in pca.components_]
    shares = pca.explained_variance_ratio_
    scores = [
        sum(np.linalg.norm(row - each) / share for each, share in zip(components, shares, strict=True))
        for row in scaled
    ]
    before, after = window // 2, (window - 1) // 2
    return np.array([scores[0]] * before + scores + [scores[-1]] * after)


@given(st.integers(0, 1000), st.integers(1, 12), st.integers(30, 80))
@settings(max_examples=15, deadline=None)
def test_scores_are_the_weighted_distances_to_the_components(seed: int, window: int, points: int) -> None:
    values = np.random.default_rng(seed).normal(size=points).cumsum()
    assert sub_pca_scores(values, window) == pytest.approx(with_scikit_learn(values, window), rel=1e-6)


@pytest.mark.parametrize("name", REFERENCE)
def test_scores_and_windows_are_those_of_tsb_ad(name: str) -> None:
    window, scores = REFERENCE[name]
    values = reference_series(name)
    assert dominant_period(values) == window
    assert sub_pca_scores(values)[[0, 77, 450, 899]] == pytest.approx(scores, rel=1e-9)


@pytest.mark.parametrize("name", ["season", "walk", "noise"])
def test_scores_are_those_of_tsb_ad_where_it_is_installed(name: str) -> None:
    tsb_ad = pytest.importorskip("TSB_AD.models.PCA", exc_type=ImportError)
    values = reference_series(name)
    detector = tsb_ad.PCA(slidingWindow=dominant_period(values)).fit(values[:, None])
    assert sub_pca_scores(values) == pytest.approx(detector.decision_scores_, rel=1e-9)


def test_a_season_that_is_too_strong_is_found() -> None:
    random = np.random.default_rng(0)
    values = np.sin(np.arange(2000) * 2 * np.pi / 50) + random.normal(size=2000) / 20
    values[1200:1250] *= 2
    labels = (np.arange(2000) >= 1200) & (np.arange(2000) < 1250)
    assert vus_pr(labels, sub_pca_scores(values), 50) > 0.6


def test_several_series_at_once() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(400, 3))
    values[200, 2] = 12
    scores = sub_pca_scores(values, 4)
    assert scores.shape == (400,)
    assert abs(int(scores.argmax()) - 200) <= 4
    assert sub_pca_scores(values[:, :1], 4).tolist() == sub_pca_scores(values[:, 0], 4).tolist()


@pytest.mark.parametrize("values", [np.ones(300), np.full(300, 0.1), np.full(40, 1e9 + 0.1), [3.0], []])
def test_a_constant_or_tiny_series_has_nothing_strange(values: list[float]) -> None:
    assert sub_pca_scores(values).tolist() == [0.0] * len(values)


@given(st.integers(2, 40))
@settings(max_examples=40, deadline=None)
def test_a_short_series_has_finite_scores(points: int) -> None:
    values = np.random.default_rng(points).normal(size=points)
    scores = sub_pca_scores(values)
    assert scores.shape == (points,)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_unit_does_not_matter(scale: float) -> None:
    values = reference_series("season")
    assert sub_pca_scores(values * scale, 25) == pytest.approx(sub_pca_scores(values, 25), rel=1e-6)


@pytest.mark.parametrize(("period", "expected"), [(4, 125), (6, 6), (48, 48), (288, 288), (350, 125)])
def test_the_period_of_a_sine(period: int, expected: int) -> None:
    values = np.sin(np.arange(5000) * 2 * np.pi / period)
    # Of a period that is not believed, multiples are: a sine of 4 points is also one of 8.
    assert dominant_period(values) % expected == 0 or period == 4


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [5.0] * 1000, list(range(1000))])
def test_a_series_without_a_season_has_the_default_window(values: list[float]) -> None:
    assert dominant_period(values) == 125


def test_bad_values_are_refused() -> None:
    for values in ([1.0, np.nan, 2.0], [1.0, np.inf, 2.0]):
        with pytest.raises(ConfigError, match="without NaN and infinite values"):
            sub_pca_scores(values)
        with pytest.raises(ConfigError, match="without NaN and infinite values"):
            dominant_period(values)
    with pytest.raises(ConfigError, match="one series is needed"):
        dominant_period([[1.0]])
    with pytest.raises(ConfigError, match="the window must be at least 1 point, not 0"):
        sub_pca_scores([1.0, 2.0], 0)
