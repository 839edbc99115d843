"""Figures of series as PNG files: forecasts, errors by step, residuals, anomaly scores.

As in ``figures``, matplotlib is imported only when a figure is drawn, and ``pyplot`` is not used. The colours are those
of Okabe and Ito, which can be told apart with any kind of colour vision.

Shapes: T points in time, H steps of the horizon. Times are integers or ``datetime64``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from seqkit.runs.figures import png_of, short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ForecastCurve", "anomaly_chart", "forecast_chart", "residual_chart", "step_chart"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Times = npt.NDArray[np.int64 | np.datetime64]

BLACK, BLUE, ORANGE, VERMILION = "#333333", "#0072B2", "#E69F00", "#D55E00"
MAX_SERIES = 6
MAX_NAME = 40  # maximum number of characters of the name of a series
MAX_MARKED = 60  # maximum number of points with a marker each
MAX_COLUMNS = 2000  # longer curves are drawn as the smallest and the largest value of so many parts
CONTEXT = 3  # how many horizons of the history are drawn
MIN_CONTEXT = 30  # and at least so many points
WIDE = 20  # from this ratio of the highest score to the threshold on, the axis of scores is logarithmic


@dataclass(frozen=True, kw_only=True, eq=False)
class ForecastCurve:
    """A series with its forecast.

    Attributes:
        name: its id.
        times: the times of its history (T).
        history: the values up to the forecast (T).
        future_times: the times of the forecast (H).
        forecast: the forecast values (H), the medians.
        lower: the lower end of the interval of each step (H); None draws no interval.
        upper: the upper end (H).
        truth: the true values (H), as far as they are known.
    """

    name: str
    times: Times
    history: Floats
    future_times: Times
    forecast: Floats
    lower: Floats | None = None
    upper: Floats | None = None
    truth: Floats | None = None


def forecast_chart(curves: Sequence[ForecastCurve], *, unit: str = "", interval: str = "5 to 95 %") -> bytes:
    """Draw the end of each history, the forecast with its intervals, and the true values, as a PNG.

    Args:
        curves: the series; the first six are drawn, and the title says how many there are.
        unit: the unit of the values, for the axes.
        interval: the name of the intervals, for the legend.

    >>> curve = ForecastCurve(
    ...     name="north",
    ...     times=np.arange(5),
    ...     history=np.array([3.0, 1, 2, 3, 1]),
    ...     future_times=np.arange(5, 7),
    ...     forecast=np.array([2.0, 3]),
    ... )
    >>> forecast_chart([curve])[1:4]
    b'PNG'
    """
    return png_of(_forecast_chart(curves, unit, interval))


def step_chart(errors: Floats, naive: Floats | None, *, label: str = "MASE") -> bytes:
    """Draw the mean error of each step of the horizon, beside that of seasonal naive, as a PNG.

    Args:
        errors: the error of the forecasts by step (H).
        naive: that of seasonal naive (H), if known.
        label: the name of the error, with its unit.

    >>> step_chart(np.array([0.5, 0.75]), np.array([1.0, 1.0]))[1:4]
    b'PNG'
    """
    return png_of(_step_chart(errors, naive, label))


def residual_chart(times: Times, residuals: Floats, *, unit: str = "") -> bytes:
    """Draw residuals (true value minus forecast) over time, beside their histogram, as a PNG.

    Args:
        times: the time of each residual (T), in any order.
        residuals: the residuals (T).
        unit: their unit.

    >>> residual_chart(np.arange(3), np.array([0.1, -0.2, 0.1]))[1:4]
    b'PNG'
    """
    return png_of(_residual_chart(times, residuals, unit))


def anomaly_chart(
    times: Times,
    values: Floats,
    scores: Floats,
    threshold: float,
    *,
    alarms: Flags | None = None,
    labels: Flags | None = None,
    name: str = "",
    unit: str = "",
) -> bytes:
    """Draw a series above its anomaly scores, with the threshold, the alarms and the labelled ranges, as a PNG.

    Args:
        times: the time of each point (T).
        values: the series (T).
        scores: the anomaly score of each point (T); NaN where there is none.
        threshold: the score from which on a point is an alarm.
        alarms: which points are alarms (T); by default, those whose score is above the threshold.
        labels: which points are known to be anomalous (T), if that is known.
        name: the name of the series.
        unit: the unit of the values.

    >>> series = np.array([1.0, 1, 9, 1])
    >>> anomaly_chart(np.arange(4), series, np.array([0.0, 0, 8, 0]), 2.0, labels=series > 5)[1:4]
    b'PNG'
    """
    raised = scores > threshold if alarms is None else alarms
    return png_of(_anomaly_chart(times, values, scores, threshold, raised, labels, name, unit))


def _forecast_chart(curves: Sequence[ForecastCurve], unit: str, interval: str) -> "Figure":
    from matplotlib.figure import Figure

    drawn = curves[:MAX_SERIES]
    columns = 1 if len(drawn) <= 2 else 2
    rows = max(1, -(-len(drawn) // columns))
    figure = Figure(figsize=(8 if columns == 1 else 12, 0.6 + (3 if rows == 1 else 2.5) * rows), dpi=120)
    figure.set_layout_engine("constrained", h_pad=0.06, w_pad=0.06)
    places: Any = figure.subplots(rows, columns, squeeze=False)
    for axes, curve in zip(places.flat, drawn, strict=False):
        _draw_forecast(axes, curve, interval)
        axes.set_ylabel(short_name(unit), parse_math=False)
    for axes in list(places.flat)[len(drawn) :]:
        axes.set_axis_off()
    named = {line.get_label(): line for axes in places.flat for line in axes.get_legend_handles_labels()[0]}
    figure.legend(handles=list(named.values()), loc="outside upper center", ncols=4, frameon=False)
    if len(curves) > len(drawn):
        figure.supxlabel(f"{len(drawn)} of {len(curves):,} series", fontsize=10)
    return figure


def _draw_forecast(axes: "Axes", curve: ForecastCurve, interval: str) -> None:
    horizon = len(curve.forecast)
    kept = slice(max(0, len(curve.history) - max(CONTEXT * horizon, MIN_CONTEXT)), None)
    times, history = curve.times[kept], curve.history[kept]
    _draw_curve(axes, *_thinned(times, history), color=BLACK, label="history")
    if curve.lower is not None and curve.upper is not None:
        _draw_band(axes, curve.future_times, curve.lower, curve.upper, label=interval)
    _draw_curve(axes, curve.future_times, curve.forecast, color=BLUE, width=1.8, label="forecast")
    if curve.truth is not None:
        joined = np.append(times[-1:], curve.future_times), np.append(history[-1:], curve.truth)
        _draw_curve(axes, *joined, color=VERMILION, label="true values")
    axes.set_title(short_name(curve.name, MAX_NAME), fontsize=10, parse_math=False)
    _set_time_axis(axes, np.append(times, curve.future_times))


def _draw_band(axes: "Axes", times: Times, lower: Floats, upper: Floats, label: str) -> None:
    """Draw the intervals; those that are infinite are left out, because they have no place on the axis."""
    finite = np.isfinite(lower) & np.isfinite(upper)
    if len(times) == 1 and finite[0]:
        middle = [(lower[0] + upper[0]) / 2]
        axes.errorbar(times, middle, [(upper[0] - lower[0]) / 2], color=BLUE, alpha=0.4, capsize=4, label=label)
    else:
        axes.fill_between(times, lower, upper, where=finite, color=BLUE, alpha=0.22, linewidth=0, label=label)


def _draw_curve(axes: "Axes", times: Times, values: Floats, *, color: str, label: str, width: float = 1.2) -> None:
    """Draw a line, and markers if there are so few values that some may stand alone."""
    alone = len(values) == 1 or (len(values) <= MAX_MARKED and bool(np.isnan(values).any()))
    axes.plot(times, values, color=color, linewidth=width, marker="o" if alone else "", markersize=3.5, label=label)


def _step_chart(errors: Floats, naive: Floats | None, label: str) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    steps = np.arange(1, len(errors) + 1)
    marker, size = ("o", 4) if len(errors) <= MAX_MARKED else ("", 0)
    if naive is not None:
        name = _with_mean("seasonal naive", naive)
        axes.plot(steps, naive, color=ORANGE, linestyle="--", marker=marker, markersize=size, label=name)
    axes.plot(steps, errors, color=BLUE, marker=marker, markersize=size, label=_with_mean("forecast", errors))
    axes.set(xlabel="step of the horizon", ylim=(0, _room_above(np.append(errors, [] if naive is None else naive))))
    axes.set_ylabel(short_name(label, MAX_NAME), parse_math=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(0.5, max(len(errors), 1) + 0.5)
    axes.grid(axis="y", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def _with_mean(name: str, errors: Floats) -> str:
    finite = errors[np.isfinite(errors)]
    return f"{name}, mean {finite.mean():.3g}" if len(finite) else name


def _room_above(values: Floats) -> float:
    """Return the upper end of an axis that starts at 0."""
    finite = values[np.isfinite(values)]
    return 1.1 * float(finite.max()) if len(finite) and finite.max() > 0 else 1.0


def _residual_chart(times: Times, residuals: Floats, unit: str) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 3.8), dpi=120, layout="constrained")
    over_time, histogram = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
    known = np.isfinite(residuals)
    times, residuals = times[known], residuals[known]
    size = float(np.clip(400 / max(len(residuals), 1) ** 0.5, 1, 14))
    over_time.scatter(times, residuals, s=size, color=BLUE, alpha=0.5, linewidths=0, rasterized=True)
    over_time.axhline(0, color=BLACK, linewidth=0.8)
    unit = short_name(unit)
    over_time.set_ylabel("true value − forecast" + (f", {unit}" if unit else ""), parse_math=False)
    _set_time_axis(over_time, times)
    bins = int(np.clip(4 * len(residuals) ** (1 / 3), 5, 80)) | 1  # odd, so that equal residuals are in the middle
    histogram.hist(residuals, bins=bins, orientation="horizontal", color=BLUE, alpha=0.75)
    histogram.axhline(0, color=BLACK, linewidth=0.8)
    histogram.set(xlabel="count")
    histogram.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    if len(residuals):
        spread = f"median {np.median(residuals):.3g}, standard deviation {residuals.std():.3g}"
        over_time.set_title(spread, fontsize=10)
    return figure


def _anomaly_chart(
    times: Times,
    values: Floats,
    scores: Floats,
    threshold: float,
    alarms: Flags,
    labels: Flags | None,
    name: str,
    unit: str,
) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), dpi=120, layout="constrained")
    upper, lower = figure.subplots(2, sharex=True, height_ratios=[3, 2])
    _draw_curve(upper, *_thinned(times, values), color=BLACK, label="series", width=0.9)
    _draw_curve(lower, *_thinned(times, scores), color=BLUE, label="score", width=0.9)
    lower.axhline(threshold, color=BLACK, linestyle="--", linewidth=1, label=f"threshold {threshold:.4g}")
    for axes, heights in ((upper, values), (lower, scores)):
        axes.plot(
            times[alarms], heights[alarms], color=VERMILION, marker=".", markersize=5, linestyle="", label="alarm"
        )
        if labels is not None:
            _shade(axes, times, labels)
    upper.set_ylabel(short_name(unit), parse_math=False)
    lower.set_ylabel("anomaly score")
    highest = float(np.max(scores, initial=-np.inf, where=np.isfinite(scores)))
    if 0 < WIDE * threshold < highest:
        lower.set_ylim(threshold / 100, 2 * min(highest, 1e12 * threshold))
        lower.set_yscale("log", nonpositive="mask")
    _set_time_axis(lower, times)
    upper.set_title(short_name(name, MAX_NAME), fontsize=10, parse_math=False)
    named = {line.get_label(): line for axes in (upper, lower) for line in axes.get_legend_handles_labels()[0]}
    figure.legend(handles=list(named.values()), loc="outside upper center", ncols=5, frameon=False)
    return figure


def _shade(axes: "Axes", times: Times, labels: Flags) -> None:
    """Shade the ranges of labelled points, each wider than its points by half a step on both sides."""
    border = np.diff(np.concatenate([[0], labels.astype(np.int8), [0]]))
    half = (times[1] - times[0]) / 2 if len(times) > 1 else 0
    for number, (first, end) in enumerate(zip(np.flatnonzero(border == 1), np.flatnonzero(border == -1), strict=True)):
        label = "labelled anomaly" if number == 0 else None
        axes.axvspan(times[first] - half, times[end - 1] + half, color=ORANGE, alpha=0.4, linewidth=0.8, label=label)


def _thinned(times: Times, values: Floats) -> tuple[Times, Floats]:
    """Return a curve that looks the same with fewer points: of each part the smallest and the largest value."""
    if len(values) <= 4 * MAX_COLUMNS:
        return times, values
    size = -(-len(values) // MAX_COLUMNS)
    padded = np.full(size * -(-len(values) // size), np.nan)
    padded[: len(values)] = values
    parts = padded.reshape(-1, size)
    starts = size * np.arange(len(parts))
    low, high = np.where(np.isnan(parts), np.inf, parts).argmin(1), np.where(np.isnan(parts), -np.inf, parts).argmax(1)
    kept = np.unique(np.concatenate([starts + low, starts + high]))
    return times[kept], values[kept]


def _set_time_axis(axes: "Axes", times: Times) -> None:
    """Label the axis with dates, or with integers, and end it a little before the first and after the last time."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import MaxNLocator

    if np.issubdtype(times.dtype, np.datetime64):
        locator = AutoDateLocator(minticks=3, maxticks=8)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        axes.set_xlabel("time")
    axes.margins(x=0.02)
