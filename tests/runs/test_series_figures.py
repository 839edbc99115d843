"""Figures of series: what they contain, whatever the series are."""

import io
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from seqkit.runs.series_figures import (
    ForecastCurve,
    _anomaly_chart,
    _forecast_chart,
    _residual_chart,
    _step_chart,
    _thinned,
    anomaly_chart,
    forecast_chart,
    residual_chart,
    step_chart,
)

NOISE = np.random.default_rng(1).normal(size=100)
HOURS = np.datetime64("2025-03-28", "us") + np.arange(100) * np.timedelta64(1, "h")


def curve(name: str = "north", *, times: Any = None, scale: float = 1.0, **changes: Any) -> ForecastCurve:
    times = np.arange(100) if times is None else times
    values: dict[str, Any] = {
        "times": times[:90],
        "history": scale * NOISE[:90],
        "future_times": times[90:],
        "forecast": np.zeros(10),
        "lower": np.full(10, -1.6 * scale),
        "upper": np.full(10, 1.6 * scale),
        "truth": scale * NOISE[90:],
    }
    return ForecastCurve(name=name, **{**values, **changes})


def point(**changes: Any) -> ForecastCurve:
    values: dict[str, Any] = {"times": np.array([7]), "history": np.array([5.0]), "future_times": np.array([8])}
    return ForecastCurve(name="one point", **values, forecast=np.array([5.0]), **changes)


def line(figure: Figure, label: str, axes: int = 0) -> Any:
    (found,) = [one for one in figure.axes[axes].lines if str(one.get_label()).startswith(label)]
    return found


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


# The files. Warnings are errors in tests, so none of these warns either.


@pytest.mark.parametrize(
    "draw",
    [
        lambda: forecast_chart(
            [
                curve("hourly", times=HOURS),
                curve("large", scale=1e9),
                curve("small, $ and 正面 \ud800", scale=1e-9, truth=None),
                curve("gaps", history=np.where(NOISE[:90] > 1, np.nan, 1.0), lower=np.full(10, -np.inf)),
                point(lower=np.array([4.0]), upper=np.array([7.0]), truth=np.array([6.0])),
                curve(r"$\nothing$ _a^b \0", history=np.full(90, 3.0), truth=np.full(10, np.nan)),
                curve("the seventh"),
            ],
            unit="100 % $",
        ),
        lambda: forecast_chart([point(lower=np.array([-np.inf]), upper=np.array([np.inf]))]),
        lambda: step_chart(np.zeros(3), np.array([np.nan, np.inf, 1.0]), label="mean absolute error, $ per 10^3"),
        lambda: residual_chart(np.arange(1), np.array([0.5])),
        lambda: anomaly_chart(HOURS, NOISE, abs(NOISE), 2.0, labels=NOISE > 1.5, name="sensor", unit="°C"),
        lambda: anomaly_chart(np.arange(1), np.ones(1), np.full(1, np.nan), 0.0),
        lambda: anomaly_chart(np.arange(3), np.ones(3), np.array([np.inf, 1e300, 0.0]), 1.0),
    ],
)
def test_a_figure_is_a_png_with_content_that_ends_before_the_edge(draw: Callable[[], bytes]) -> None:
    png = draw()
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    pixels = imread(io.BytesIO(png))
    assert all(300 <= side <= 2300 for side in pixels.shape[:2])
    assert len(np.unique(pixels[::3, ::3, 0])) > 10
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (border == 1).all()


# Forecasts.


def test_a_forecast_has_the_end_of_the_history_the_interval_and_the_truth() -> None:
    figure = _forecast_chart([curve()], "kWh", "5 to 95 %")
    assert np.array_equal(line(figure, "history").get_xydata(), np.stack([np.arange(60, 90), NOISE[60:90]], 1))
    assert np.array_equal(line(figure, "forecast").get_xydata(), np.stack([np.arange(90, 100), np.zeros(10)], 1))
    assert np.array_equal(line(figure, "true values").get_ydata(), NOISE[89:])  # joined to the history
    (band,) = figure.axes[0].collections
    assert band.get_datalim(figure.axes[0].transData).get_points()[:, 1] == pytest.approx([-1.6, 1.6])
    assert legend(figure) == ["history", "5 to 95 %", "forecast", "true values"]
    assert figure.axes[0].get_ylabel() == "kWh"


@pytest.mark.parametrize(("series", "panels", "note"), [(1, 1, ""), (2, 2, ""), (5, 6, ""), (414, 6, "6 of 414")])
def test_up_to_six_series_are_drawn_each_in_its_panel(series: int, panels: int, note: str) -> None:
    figure = _forecast_chart([curve(f"H{number}") for number in range(series)], "", "90 %")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [f"H{number}" if number < series else "" for number in range(panels)]
    assert figure.get_supxlabel().startswith(note)
    assert len(legend(figure)) == 4  # one legend for all


def test_a_long_id_is_shortened() -> None:
    assert _forecast_chart([curve("x" * 41)], "", "").axes[0].get_title() == "x" * 39 + "…"


def test_infinite_intervals_do_not_flatten_the_series() -> None:
    upper = np.where(np.arange(10) < 5, 2.0, np.inf)
    figure = _forecast_chart([curve(upper=upper)], "", "90 %")
    low, high = figure.axes[0].get_ylim()
    assert -5 < low < high < 5


@pytest.mark.parametrize("times", [np.arange(100), HOURS])
def test_ticks_are_few_and_do_not_overlap(times: Any) -> None:
    figure = _forecast_chart([curve(times=times, scale=1e6) for _ in range(3)], "", "90 %")
    figure.draw_without_rendering()
    for axes in figure.axes[:3]:
        boxes = [text.get_window_extent() for text in axes.get_xticklabels() if text.get_text()]
        assert 3 <= len(boxes) <= 9
        assert not any(one.overlaps(other) for one, other in pairwise(boxes))


# Errors by step.


def test_errors_of_each_step_stand_beside_those_of_seasonal_naive() -> None:
    figure = _step_chart(np.array([0.5, 0.7]), np.array([0.9, 1.1]), "MASE")
    assert line(figure, "forecast").get_xydata().tolist() == [[1, 0.5], [2, 0.7]]
    assert line(figure, "seasonal naive").get_xydata().tolist() == [[1, 0.9], [2, 1.1]]
    assert legend(figure) == ["seasonal naive, mean 1", "forecast, mean 0.6"]
    assert figure.axes[0].get_ylim()[0] == 0
    assert all(tick == int(tick) for tick in figure.axes[0].get_xticks())


# Residuals.


def test_every_known_residual_is_a_point_and_is_counted() -> None:
    residuals = np.append(NOISE, [np.nan, np.inf])
    over_time, histogram = _residual_chart(np.arange(102), residuals, "kW").axes
    (points,) = over_time.collections
    assert np.array_equal(np.asarray(points.get_offsets()), np.stack([np.arange(100), NOISE], 1))
    assert sum(bar.get_width() for bar in histogram.patches) == 100  # type: ignore[attr-defined]
    assert over_time.get_title() == f"median {np.median(NOISE):.3g}, standard deviation {NOISE.std():.3g}"


# Anomalies.


def test_alarms_are_marked_and_labelled_ranges_are_shaded() -> None:
    scores, labels = np.zeros(10), np.isin(np.arange(10), [0, 1, 6])
    scores[[1, 4]] = 3.0
    figure = _anomaly_chart(np.arange(10), NOISE[:10], scores, 2.0, scores > 2, labels, "sensor", "°C")
    for axes, heights in ((0, NOISE), (1, scores)):
        assert line(figure, "alarm", axes).get_xydata().tolist() == [[1, heights[1]], [4, heights[4]]]
        shaded = [
            patch.get_extents().transformed(figure.axes[axes].transData.inverted())
            for patch in figure.axes[axes].patches
        ]
        assert [side for box in shaded for side in (box.x0, box.x1)] == pytest.approx([-0.5, 1.5, 5.5, 6.5])
    assert line(figure, "threshold", 1).get_ydata() == [2, 2]
    assert legend(figure) == ["series", "alarm", "labelled anomaly", "score", "threshold 2"]


def test_the_threshold_stays_visible_beside_a_huge_score() -> None:
    scores = np.array([0.0, 0.5, 1e6])
    for highest, scale in ((1e6, "log"), (10.0, "linear")):
        figure = _anomaly_chart(np.arange(3), scores, np.minimum(scores, highest), 1.0, scores > 1, None, "", "")
        assert figure.axes[1].get_yscale() == scale


def test_a_long_series_is_drawn_with_its_extremes() -> None:
    values = np.random.default_rng(2).normal(size=100_003)
    values[[5_000, 77_777, 100_002]] = [9.0, -9.0, 8.0]
    values[20_000:30_000] = np.nan
    times, kept = _thinned(np.arange(100_003), values)
    assert len(kept) <= 4_000
    assert {5_000, 77_777, 100_002} <= set(times.tolist())
    assert np.array_equal(kept, values[times], equal_nan=True)
    assert np.isnan(kept).any()  # the gap is still one
    assert _thinned(np.arange(50), values[:50])[1] is not None
