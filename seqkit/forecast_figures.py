"""The figures of an evaluation of forecasts: the last forecasts, errors by step, residuals."""

import numpy as np
import numpy.typing as npt

from seqkit.data.series.panel import Integers
from seqkit.data.series.time_axis import TimeAxis
from seqkit.forecast_evaluation import ForecastEvaluation
from seqkit.models.forecast_heads import MEDIAN, QUANTILES
from seqkit.runs.series_figures import ForecastCurve, forecast_chart, residual_chart, step_chart

__all__ = ["figures_of"]

Times = npt.NDArray[np.int64 | np.datetime64]

SERIES = 6
HISTORY = 5  # horizons of history in a figure


def figures_of(found: ForecastEvaluation, *, unit: str = "") -> dict[str, bytes]:
    """Return PNG files by name: ``forecasts.png``, ``error_by_step.png`` and ``residuals.png``.

    Args:
        found: the evaluation.
        unit: what the values are, for the axes.
    """
    model_H, naive_H = found.error_by_step()
    future = found.frames.future(range(len(found.frames)), found.frames.horizon)
    times = _drawn(found.frames.panel.axis, found.frames.panel.times[future.index_BH.numpy()])
    residuals = found.actual - found.quantiles[..., MEDIAN]
    return {
        "forecasts.png": forecast_chart(_curves(found), unit=unit, interval="5 to 95 %"),
        "error_by_step.png": step_chart(model_H, naive_H, label=f"MAE {f'({unit})' if unit else ''}".strip()),
        "residuals.png": residual_chart(times[found.known], residuals[found.known], unit=unit),
    }


def _curves(found: ForecastEvaluation) -> list[ForecastCurve]:
    """Return the last forecast of some series, spread over all of them."""
    frames, panel = found.frames, found.frames.panel
    scored = np.flatnonzero(frames.counts)
    chosen = scored[np.unique(np.linspace(0, len(scored) - 1, SERIES).round().astype(int))]
    low, high = QUANTILES.index(0.05), QUANTILES.index(0.95)
    curves = []
    for series in chosen.tolist():
        window = int(np.cumsum(frames.counts)[series]) - 1
        origin = int(frames.locate([window])[1])
        end = int(panel.offsets[series]) + origin
        begin = end - min(origin, HISTORY * frames.horizon)
        known = found.known[window]
        last = end + int(known.sum())
        curves.append(
            ForecastCurve(
                name=panel.ids[series],
                times=_drawn(panel.axis, panel.times[begin:end]),
                history=panel.targets[begin:end, 0],
                future_times=_drawn(panel.axis, panel.times[end:last]),
                forecast=found.quantiles[window, : last - end, MEDIAN],
                lower=found.quantiles[window, : last - end, low],
                upper=found.quantiles[window, : last - end, high],
                truth=np.where(known[: last - end], found.actual[window, : last - end], np.nan),
            )
        )
    return curves


def _drawn(axis: TimeAxis, times: Integers) -> Times:
    """Return times as matplotlib draws them: dates, of the local clock if they have a zone; or integers."""
    if not axis.frequency:
        return times
    if axis.zone:
        import pandas as pd

        local = pd.DatetimeIndex(times.ravel().astype("datetime64[us]")).tz_localize("UTC").tz_convert(axis.zone)
        drawn: Times = local.tz_localize(None).to_numpy().reshape(times.shape)
        return drawn
    return times.astype("datetime64[us]")
