"""Scores of forecasts, against their definitions, scikit-learn, and hand computation."""

import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from seqkit.errors import ConfigError
from seqkit.metrics.forecasts import (
    ForecastScore,
    averaged,
    coverage,
    mae,
    mase,
    mean_width,
    rmse,
    seasonal_scales,
    smape,
)
from seqkit.metrics.metric import ANOMALY_METRICS, FORECAST_METRICS

Floats = NDArray[np.float64]


class Case(NamedTuple):
    actual: Floats
    forecast: Floats
    mask: NDArray[np.bool_]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw values, forecasts, and a mask that leaves at least one value of each series."""
    series, steps = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    scale = 10.0 ** draw(st.integers(-9, 9))
    mask = random.random((series, steps)) < 0.6
    mask[:, draw(st.integers(0, steps - 1))] = True
    actual, forecast = random.normal(size=(2, series, steps)) * scale
    actual[~mask] = draw(st.sampled_from([math.nan, math.inf, 1e300]))
    return Case(actual, forecast, mask)


@given(cases())
@settings(max_examples=40, deadline=None)
def test_errors_are_those_of_scikit_learn_for_each_series(case: Case) -> None:
    of_series = [
        (actual[mask], forecast[mask])
        for actual, forecast, mask in zip(case.actual, case.forecast, case.mask, strict=True)
    ]
    absolute, squared = mae(*case), rmse(*case)
    assert absolute.by_series == pytest.approx([mean_absolute_error(*each) for each in of_series])
    assert squared.by_series == pytest.approx([root_mean_squared_error(*each) for each in of_series])
    assert absolute.mean == pytest.approx(absolute.by_series.mean())
    assert squared.mean == pytest.approx(squared.by_series.mean())


@given(cases())
@settings(max_examples=40, deadline=None)
def test_steps_are_averaged_over_the_series_that_have_them(case: Case) -> None:
    absolute, squared = mae(*case), rmse(*case)
    for step in range(case.mask.shape[1]):
        counts = case.mask[:, step]
        if not counts.any():
            assert np.isnan(absolute.by_step[step])
            continue
        errors = np.abs(case.actual[counts, step] - case.forecast[counts, step])
        assert absolute.by_step[step] == pytest.approx(errors.mean())
        assert squared.by_step[step] == pytest.approx(np.sqrt((errors**2).mean()))


@given(cases())
@settings(max_examples=40, deadline=None)
def test_smape_does_not_depend_on_the_unit_and_is_at_most_two(case: Case) -> None:
    score = smape(*case)
    rescaled = smape(case.actual * 1e-3, case.forecast * 1e-3, case.mask)
    assert score.by_series == pytest.approx(rescaled.by_series)
    assert np.all((score.by_series >= 0) & (score.by_series <= 2))


def test_smape_by_hand() -> None:
    # 2·|100 − 50|/150, 0 for two zeros, 2 for opposite signs
    assert smape([[100.0, 0.0, 1.0]], [[50.0, 0.0, -1.0]]).mean == pytest.approx((2 / 3 + 0 + 2) / 3)


def test_mase_by_hand() -> None:
    # Monthly sales 10, 20, 30, 10, 24, 30, season 3: differences 0, 4, 0; their mean is 4/3.
    scales = seasonal_scales([10.0, 20.0, 30.0, 10.0, 24.0, 30.0], [6], season=3)
    assert scales.tolist() == pytest.approx([4 / 3])
    assert mase([[12.0, 20.0]], [[10.0, 24.0]], scales).mean == pytest.approx((2 + 4) / 2 / (4 / 3))


@given(cases(), st.integers(1, 5), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_mase_is_the_error_in_units_of_the_naive_one(case: Case, season: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    histories = [random.normal(size=season + int(random.integers(1, 20))) for _ in case.actual]
    scales = seasonal_scales(np.concatenate(histories), [len(each) for each in histories], season)
    expected = [np.mean(np.abs(history[season:] - history[:-season])) for history in histories]
    assert scales == pytest.approx(expected)
    assert mase(case.actual, case.forecast, scales, case.mask).by_series == pytest.approx(
        mae(*case).by_series / expected
    )


def test_a_constant_or_short_series_is_left_out_of_mase_and_counted() -> None:
    scales = seasonal_scales([0.1] * 5 + [1.0, 2.0, 4.0] + [7.0], [5, 3, 1])
    score = mase([[1.0], [1.0], [1.0]], [[2.0], [4.0], [2.0]], scales)
    assert (score.mean, score.left_out) == (2.0, 2)
    assert np.isnan(score.by_series[[0, 2]]).all()
    assert score.by_step.tolist() == [2.0]


def test_if_all_series_are_constant_mase_is_not_a_number() -> None:
    score = mase([[1.0]], [[2.0]], seasonal_scales([3.0, 3.0], [2]))
    assert math.isnan(score.mean)
    assert score.left_out == 1


def test_differences_with_filled_values_do_not_count() -> None:
    observed = [True, True, False, True, True]
    assert seasonal_scales([1.0, 2.0, 99.0, 5.0, 8.0], [5], observed_N=observed).tolist() == [2.0]
    assert seasonal_scales([1.0, 2.0, math.nan, 5.0, 8.0], [5]).tolist() == [2.0]


def test_huge_and_tiny_series_count_alike() -> None:
    scales = seasonal_scales([1e9, 3e9, 1e-9, 3e-9], [2, 2])
    assert mase([[1e9], [1e-9]], [[2e9], [2e-9]], scales).by_series.tolist() == pytest.approx([0.5, 0.5])


@given(cases())
@settings(max_examples=40, deadline=None)
def test_intervals_cover_what_lies_between_their_bounds(case: Case) -> None:
    lower, upper = case.forecast - 1, case.forecast + 1
    score = coverage(case.actual, lower, upper, case.mask)
    for series, mask in enumerate(case.mask):
        inside = [
            low <= y <= high
            for y, low, high in zip(*(each[series][mask] for each in (case.actual, lower, upper)), strict=True)
        ]
        assert score.by_series[series] == pytest.approx(np.mean(inside))
    assert mean_width(lower, upper, case.mask).mean == pytest.approx(2)


def test_infinite_intervals_cover_everything_and_are_infinitely_wide() -> None:
    assert coverage([[5.0]], [[-math.inf]], [[math.inf]]).mean == 1
    assert mean_width([[-math.inf]], [[math.inf]]).mean == math.inf


def test_a_score_relative_to_a_perfect_reference_is_left_out() -> None:
    one, reference = mae([[1.0], [1.0]], [[2.0], [3.0]]), mae([[1.0], [1.0]], [[1.0], [5.0]])
    relative = one.relative_to(reference)
    assert (relative.mean, relative.left_out) == (0.5, 1)
    assert relative.by_step.tolist() == [0.75]


def test_no_series_has_no_mean() -> None:
    assert math.isnan(ForecastScore(np.zeros(0), np.zeros(0)).mean)
    assert math.isnan(mae([[1.0]], [[2.0]], [[False]]).mean)


@pytest.mark.parametrize(
    ("actual", "forecast", "mask", "message"),
    [
        ([[1.0, math.nan]], [[1.0, 2.0]], None, "series 0, step 2: the true value or the forecast is NaN"),
        ([[1.0], [2.0]], [[1.0], [math.nan]], None, "series 1, step 1"),
        ([[1.0]], [[1.0, 2.0]], None, "they must be the same"),
        ([1.0], [1.0], None, "series × steps"),
        ([[1.0]], [[1.0]], [[True, False]], "a mask of shape"),
    ],
)
def test_bad_values_are_refused(
    actual: list[list[float]], forecast: list[list[float]], mask: list[list[bool]] | None, message: str
) -> None:
    for score in (mae, rmse, smape):
        with pytest.raises(ConfigError, match=message):
            score(actual, forecast, mask)


def test_mase_refuses_a_nan_even_in_a_series_without_a_scale() -> None:
    with pytest.raises(ConfigError, match="series 0, step 1"):
        mase([[math.nan]], [[1.0]], [0.0])
    with pytest.raises(ConfigError, match=r"scales of shape \(2,\) for 1 series"):
        mase([[1.0]], [[1.0]], [1.0, 1.0])


def test_bad_seasons_are_refused() -> None:
    with pytest.raises(ConfigError, match="season must be at least 1, not 0"):
        seasonal_scales([1.0], [1], season=0)
    with pytest.raises(ConfigError, match="lengths that add up to 2 for 1 values"):
        seasonal_scales([1.0], [2])


def test_a_mask_hides_losses_that_are_not_numbers() -> None:
    assert averaged([[1.0, math.nan], [math.inf, 3.0]], [[True, False], [False, True]]).mean == 2


def test_the_first_metrics_select_the_weights() -> None:
    assert (FORECAST_METRICS[0].name, FORECAST_METRICS[0].higher_is_better) == ("mase", False)
    assert (ANOMALY_METRICS[0].name, ANOMALY_METRICS[0].higher_is_better) == ("vus_pr", True)
