"""Windows of series as a forecaster reads them: scaled, with features, and in segments.

The values of a window are scaled by what is known at its origin: ``(value − level) / scale``. A network forecasts the
difference from a reference in the same units, and :meth:`ForecastExamples.in_units` is the way back.

Shapes: B windows, T points of the context, S segments, J segments of the horizon, W points of a segment, X width of a
segment, H horizon, M points before the origin, N points of all series, F features known ahead, P features of the past,
Q quantiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqkit.batches.batch import Batch
from seqkit.batches.windows import Context, Frames
from seqkit.config.forecasting import ForecastConfig
from seqkit.data.series.panel import Floats
from seqkit.transforms.indicators import rolling_indicators
from seqkit.transforms.scaling import Affine, fit_scaling

__all__ = ["ForecastExamples", "seasonal_scaling"]

CLIP = 50.0  # scaled values beyond this are read as this: they follow a stretch that was nearly constant
WINDOWS_AT_ONCE = 4096
HEAVIEST = 10.0  # largest factor from the scale of a window to the unit of the loss


@dataclass(frozen=True, kw_only=True, eq=False)
class ForecastExamples:
    """The windows of a split.

    Attributes:
        config: the settings of the forecaster, resolved.
        frames: where the windows are.
        values: the values of all points (N), logarithms if the forecaster reads them; 0 where they are not known.
        observed: whether each value was in the data (N).
        covariates: features known ahead, standardised (N, F).
        past: features of the past, standardised (N, P).
        series: the number of each series in training, from 1; 0 if it did not occur there.
        unit: the mean absolute seasonal difference of each series, in which the loss is measured; 0 takes the scale.
        series_scaling: the scaling of each series, if it does not change from window to window.
        weights: the weight of each point in the loss (N).
        training: whether the windows are for training.
    """

    config: ForecastConfig
    frames: Frames
    values: Tensor
    observed: Tensor
    covariates: Tensor
    past: Tensor
    series: Tensor
    unit: Tensor
    series_scaling: Affine | None
    weights: Tensor | None
    training: bool

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def steps_of_window(self) -> int:
        """Recurrent steps of a window that is complete."""
        return -(-self.config.lookback // self.config.segment)

    @property
    def steps(self) -> int:
        """Recurrent steps of an epoch, or of all windows."""
        windows = self.config.windows if self.training else len(self)
        return windows * self.steps_of_window

    def scaling(self, windows: Sequence[int]) -> Affine:
        """Return the scaling of each window, from the points before its origin or from its series' training part."""
        series_B, _ = self.frames.locate(windows)
        context = self.frames.context(windows, full=True)
        known_BT = context.inside_BT & self.observed[context.index_BT]
        values_BT = self.values[context.index_BT]
        found = self._window_scaling(values_BT, known_BT, context)
        if self.series_scaling is None:
            return found
        stored, is_known_B = self.series_scaling.select(series_B), self.series[series_B] > 0
        return Affine(
            torch.where(is_known_B, stored.level_B, found.level_B),
            torch.where(is_known_B, stored.scale_B, found.scale_B),
        )

    def scales(self) -> Floats:
        """Return the scale of every window."""
        starts = range(0, len(self), WINDOWS_AT_ONCE)
        found = [self.scaling(range(start, min(start + WINDOWS_AT_ONCE, len(self)))).scale_B for start in starts]
        scales: Floats = torch.cat(found).numpy()
        return scales

    def _window_scaling(self, values_BT: Tensor, known_BT: Tensor, context: Context) -> Affine:
        if self.config.scaling == "seasonal":
            found = seasonal_scaling(values_BT, known_BT, self.config.season)
        else:
            found = fit_scaling(self.config.scaling, values_BT, known_BT)
        if self.config.scaling in ("standard", "min-max", "robust"):
            return found
        last_B = context.inside_BT.int().cumsum(1).argmax(1, keepdim=True)
        return Affine(values_BT.gather(1, last_B)[:, 0], found.scale_B)

    def collate(self, windows: Sequence[int]) -> Batch:
        """Return a batch of some windows; what is not known of their targets has no weight."""
        scaling = self.scaling(windows)
        ahead = self.config.segment * (self._horizon_segments - 1) if self._teacher_forcing else 0
        context = self.frames.context(windows, full=self.config.multistep == "direct", ahead=ahead)
        inputs = {"segments_BSX": self._segments(context, scaling)}
        future = self.frames.future(windows, self._horizon_segments * self.config.segment)
        known_BJX = self._in_segments(self.covariates[future.index_BH] * future.inside_BH[..., None])
        series_B, _ = self.frames.locate(windows)
        if self.config.multistep == "direct":
            inputs["known_BJX"] = known_BJX
            inputs["series_B"] = self.series[series_B]
        else:
            inputs["lagged_BM"] = self._lagged(windows, scaling).float()
            unknown = known_BJX.new_zeros(*known_BJX.shape[:2], self.config.segment * self.past.shape[1])
            inputs["covariates_BJX"] = torch.cat([known_BJX[:, :-1], unknown[:, :-1], known_BJX[:, 1:]], dim=-1)
        place_BH, inside_BH = (future.index_BH, future.inside_BH)
        if self._teacher_forcing:
            place_BH, inside_BH, reference_BH = self._next_points(context, scaling)
        else:
            place_BH, inside_BH = place_BH[:, : self.config.horizon], inside_BH[:, : self.config.horizon]
            reference_BH = self._reference(windows, scaling)
        inputs["reference_BH"] = reference_BH.float()
        weight_BH = (inside_BH & self.observed[place_BH]).float()
        if self.weights is not None:
            weight_BH = weight_BH * self.weights[place_BH]
        inputs["weight_BH"] = weight_BH
        inputs["unit_B"] = self._unit(series_B, scaling)
        targets_BH = scaling.apply(self.values[place_BH]).float().masked_fill(weight_BH == 0, 0.0)
        return Batch(inputs=inputs, lengths=context.segments_B, targets=targets_BH)

    def in_units(self, windows: Sequence[int], scaled_BHQ: Tensor) -> Floats:
        """Return forecasts in the units of the series (B, H, Q), given scaled ones."""
        values_BHQ = self.scaling(windows).invert(scaled_BHQ.cpu())
        return (values_BHQ.exp() if self.config.log_returns else values_BHQ).numpy()

    @property
    def _horizon_segments(self) -> int:
        return -(-self.config.horizon // self.config.segment)

    @property
    def _teacher_forcing(self) -> bool:
        return self.training and self.config.multistep == "recursive"

    def _segments(self, context: Context, scaling: Affine) -> Tensor:
        """Return the inputs of the segments, (B, S, X)."""
        inside_BT = context.inside_BT
        scaled_BT = scaling.apply(self.values[context.index_BT]).clamp(-CLIP, CLIP).float().masked_fill(~inside_BT, 0.0)
        observed_BT = (inside_BT & self.observed[context.index_BT]).float()
        features_BTC = torch.cat([self.covariates[context.index_BT], self.past[context.index_BT]], dim=-1)
        parts = [scaled_BT[..., None], observed_BT[..., None], features_BTC * inside_BT[..., None]]
        if self.config.indicators:
            found = rolling_indicators(scaled_BT, inside_BT, window=self.config.indicators, width=self.config.bollinger)
            parts.append(torch.stack([found.mean_BT, found.deviation_BT, found.position_BT], dim=-1).float())
        if self.config.multistep == "recursive":
            return torch.cat([*map(self._in_segments, parts), self._next_known(context)], dim=-1)
        return torch.cat([self._in_segments(part) for part in parts], dim=-1)

    def _in_segments(self, values_BTC: Tensor) -> Tensor:
        """Return the points of each segment side by side, channel by channel: (B, S, C·W)."""
        rows, steps, channels = values_BTC.shape
        segments_BSWC = values_BTC.reshape(rows, steps // self.config.segment, self.config.segment, channels)
        return segments_BSWC.transpose(2, 3).flatten(2)

    def _next_known(self, context: Context) -> Tensor:
        """Return the features known ahead of the segment that follows each one."""
        index_BT, inside_BT = self._shifted(context)
        return self._in_segments(self.covariates[index_BT] * inside_BT[..., None])

    def _shifted(self, context: Context) -> tuple[Tensor, Tensor]:
        """Return the places of the points one segment later, and whether they belong to the series."""
        end_B = torch.from_numpy(self.frames.offsets[1:])[context.series_B]
        index_BT = context.begin_B[:, None] + torch.arange(context.index_BT.shape[1]) + self.config.segment
        row_end_B = context.begin_B + (context.segments_B + 1) * self.config.segment
        inside_BT = (
            (index_BT < end_B[:, None]) & (index_BT < row_end_B[:, None]) & (index_BT >= context.first_B[:, None])
        )
        return torch.where(inside_BT, index_BT, 0), inside_BT

    def _next_points(self, context: Context, scaling: Affine) -> tuple[Tensor, Tensor, Tensor]:
        """Return the place of the point one segment after each, whether there is one, and its reference."""
        index_BT, inside_BT = self._shifted(context)
        segment = self.config.segment
        if self.config.reference == "level":
            return index_BT, inside_BT, torch.zeros(index_BT.shape)
        within_T, season = torch.arange(index_BT.shape[1]) % segment, self.config.season
        last_BT = index_BT - within_T - 1
        lagged_BT = last_BT + 1 - season + within_T % season if self.config.reference == "seasonal" else last_BT
        lagged_BT = torch.where(lagged_BT >= context.first_B[:, None], lagged_BT, last_BT).clamp(min=0)
        return index_BT, inside_BT, scaling.apply(self.values[lagged_BT]).clamp(-CLIP, CLIP)

    def _lagged(self, windows: Sequence[int], scaling: Affine) -> Tensor:
        """Return the last season of each window, (B, M), in scaled units; the first value before its beginning."""
        series_B, origin_B = self.frames.locate(windows)
        place_BM = origin_B[:, None] - self.config.season + torch.arange(self.config.season)
        offset_B = torch.from_numpy(self.frames.offsets)[series_B]
        short_B = (origin_B < self.config.season)[:, None]
        place_BM = torch.where(short_B, origin_B[:, None] - 1, place_BM)  # without a season: the last value
        return scaling.apply(self.values[offset_B[:, None] + place_BM])

    def _reference(self, windows: Sequence[int], scaling: Affine) -> Tensor:
        """Return what direct forecasts are relative to, (B, H), in scaled units."""
        lagged_BM = self._lagged(windows, scaling)
        if self.config.reference == "seasonal":
            times = -(-self.config.horizon // self.config.season)
            return lagged_BM.repeat(1, times)[:, : self.config.horizon]
        last_B1 = lagged_BM[:, -1:] if self.config.reference == "last" else torch.zeros_like(lagged_BM[:, :1])
        return last_B1.expand(-1, self.config.horizon)

    def _unit(self, series_B: Tensor, scaling: Affine) -> Tensor:
        """Return the factor from scaled units to those of the loss."""
        unit_B = self.unit[series_B]
        if self.config.loss_unit == "scale":
            return torch.ones(len(unit_B))
        factor_B = torch.where(unit_B > 0, scaling.scale_B / unit_B, 1.0)
        return factor_B.clamp(max=HEAVIEST).float()


def seasonal_scaling(values_BT: Tensor, known_BT: Tensor, season: int) -> Affine:
    """Return scalings by the mean absolute seasonal difference, the denominator of MASE; their level is 0.

    A row that is shorter than a season, or that repeats exactly, is scaled by its standard deviation instead, and a
    constant row by 1.

    Args:
        values_BT: the values.
        known_BT: whether there is a value.
        season: points of a season.

    >>> seasonal_scaling(torch.tensor([[1.0, 3.0, 2.0]]), torch.tensor([[True, True, True]]), 1).scale_B.tolist()
    [1.5]
    """
    both_BT = known_BT[:, season:] & known_BT[:, :-season]
    differences_BT = (values_BT[:, season:] - values_BT[:, :-season]).abs()
    mean_B = differences_BT.masked_fill(~both_BT, 0.0).sum(1) / both_BT.sum(1).clamp(min=1)
    fallback = fit_scaling("standard", values_BT, known_BT)
    peak_B = values_BT.masked_fill(~known_BT, 0.0).abs().amax(1)
    is_spread_B = mean_B > 1e-12 * peak_B
    return Affine(torch.zeros_like(mean_B), torch.where(is_spread_B, mean_B, fallback.scale_B))
