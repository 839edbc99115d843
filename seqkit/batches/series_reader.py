"""What a forecaster knows of its training series: their ids, scales and features; and series as examples.

Everything is fitted on the training part alone.

Shapes: E series, N points of all series, F features known ahead, P features of the past.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from seqkit.batches.forecast_examples import ForecastExamples, seasonal_scaling
from seqkit.batches.windows import Frames
from seqkit.config.forecasting import ForecastConfig
from seqkit.data.series.panel import Floats, Panel
from seqkit.data.series.time_axis import TimeAxis
from seqkit.errors import CorpusError
from seqkit.transforms.calendar import calendar_features
from seqkit.transforms.recency import recency_weights
from seqkit.transforms.scaling import Affine, fit_scaling

__all__ = ["SeriesReader", "column_scaling", "series_rows"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SeriesReader:
    """Turns panels into examples.

    Attributes:
        config: the settings of the forecaster, resolved.
        axis: how times are counted.
        ids: the ids of the training series.
        target: the name of the target.
        known, past: the names of the features.
        features: the standardisation of the features: first those known ahead, then those of the past.
        unit: the mean absolute seasonal difference of each training series; 0 where there is none.
        scales: the scaling of each training series, if ``config.scope`` is ``series``.
    """

    config: ForecastConfig
    axis: TimeAxis
    ids: Sequence[str]
    target: str
    known: Sequence[str]
    past: Sequence[str]
    features: Affine
    unit: Tensor
    scales: Affine | None

    @classmethod
    def fitted(cls, config: ForecastConfig, panel: Panel) -> Self:
        """Fit a reader to a training panel.

        Raises:
            CorpusError: there is more than one target, or a value has no logarithm.
        """
        if panel.targets.shape[1] != 1:
            names = ", ".join(panel.target_names)
            message = f"a forecaster has one target, not {names}; name one, or give each a series of its own"
            raise CorpusError(message, file=panel.source)
        values = torch.from_numpy(_values(config, panel))
        observed = torch.from_numpy(panel.observed[:, 0])
        unit, scales = [], []
        for rows_BT, mask_BT in series_rows(panel, values, observed):
            seasonal = seasonal_scaling(rows_BT, mask_BT, config.season)
            both = (mask_BT[:, config.season :] & mask_BT[:, : -config.season]).any(1)
            unit.append(torch.where(both, seasonal.scale_B, 0.0))
            if config.scope == "series":
                chosen = seasonal if config.scaling == "seasonal" else fit_scaling(config.scaling, rows_BT, mask_BT)
                if config.scaling in ("seasonal", "mean-absolute"):  # which have no level of their own
                    chosen = Affine(fit_scaling("standard", rows_BT, mask_BT).level_B, chosen.scale_B)
                scales.append(chosen)
        return cls(
            config=config,
            axis=panel.axis,
            ids=list(panel.ids),
            target=panel.target_names[0],
            known=list(panel.known_names),
            past=list(panel.past_names),
            features=column_scaling(np.concatenate([panel.known, panel.past], axis=1)),
            unit=torch.cat(unit),
            scales=_joined(scales) if scales else None,
        )

    @property
    def covariates(self) -> int:
        """The number of features that are known ahead, those of the calendar included."""
        return len(self.known) + len(self._calendar(np.zeros(1, dtype=np.int64))[0])

    @property
    def channels(self) -> int:
        """The number of channels of a point."""
        return 2 + self.covariates + len(self.past) + (3 if self.config.indicators else 0)

    def examples(self, panel: Panel, frames: Frames, *, training: bool = False) -> ForecastExamples:
        """Return the windows of a panel as examples.

        Raises:
            CorpusError: the panel has other columns or times than the training data.
        """
        self.check(panel)
        covariates, past = self._features(panel)
        numbers = {name: number for number, name in enumerate(self.ids, start=1)}
        series = torch.tensor([numbers.get(name, 0) for name in panel.ids], dtype=torch.int64)
        index = (series - 1).clamp(min=0)
        return ForecastExamples(
            config=self.config,
            frames=frames,
            values=torch.from_numpy(_values(self.config, panel)),
            observed=torch.from_numpy(panel.observed[:, 0]),
            covariates=covariates,
            past=past,
            series=series,
            unit=torch.where(series > 0, self.unit[index], 0.0),
            series_scaling=None if self.scales is None else self.scales.select(index),
            weights=self._weights(panel) if training else None,
            training=training,
        )

    def check(self, panel: Panel) -> None:
        """Raise CorpusError unless a panel has the columns and the times of the training data."""
        for kind, expected, found in (
            ("features", self.past, panel.past_names),
            ("known features", self.known, panel.known_names),
        ):
            if list(expected) != list(found):
                names, others = ", ".join(expected) or "none", ", ".join(found) or "none"
                message = f"the model was trained with the {kind} {names}; these data have {others}"
                raise CorpusError(message, file=panel.source)
        if panel.axis.frequency != self.axis.frequency:
            frequencies = [each.frequency or "integers" for each in (self.axis, panel.axis)]
            message = f"the model was trained on times of the frequency {frequencies[0]}; these are {frequencies[1]}"
            raise CorpusError(message, file=panel.source)

    def _features(self, panel: Panel) -> tuple[Tensor, Tensor]:
        columns_NC = self.features.apply(torch.from_numpy(np.concatenate([panel.known, panel.past], axis=1)).T).T
        columns_NC = torch.nan_to_num(columns_NC.float())
        calendar = torch.from_numpy(self._calendar(panel.times)[1]).float()
        known = len(self.known)
        return torch.cat([columns_NC[:, :known], calendar], dim=1), columns_NC[:, known:].contiguous()

    def _calendar(self, times: Any) -> tuple[Sequence[str], Floats]:
        if not self.config.calendar or not self.axis.frequency:
            return [], np.zeros((len(times), 0))
        return calendar_features(times, self.axis.frequency, self.axis.zone)

    def _weights(self, panel: Panel) -> Tensor | None:
        """Return the weight of each point: its own, times that of its place in its series."""
        own = None if panel.weights is None else torch.from_numpy(panel.weights)
        if self.config.recency == "none":
            return None if own is None else own.float()
        lengths_N = torch.from_numpy(np.repeat(panel.lengths, panel.lengths))
        positions_N = torch.arange(len(lengths_N)) - torch.from_numpy(np.repeat(panel.offsets[:-1], panel.lengths))
        recency_N = recency_weights(self.config.recency, positions_N, lengths_N)
        return (recency_N if own is None else recency_N * own).float()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON needs to restore it, besides the settings."""
        return {
            "ids": list(self.ids),
            "target": self.target,
            "known": list(self.known),
            "past": list(self.past),
            "features": self.features.to_dict(),
            "unit": self.unit.tolist(),
            "scales": None if self.scales is None else self.scales.to_dict(),
            "times": {"frequency": self.axis.frequency, "step": self.axis.step, "zone": self.axis.zone},
        }

    @classmethod
    def from_dict(cls, config: ForecastConfig, values: Mapping[str, Any]) -> Self:
        """Return the reader that :meth:`to_dict` was called on."""
        return cls(
            config=config,
            axis=TimeAxis(**values["times"]),
            ids=values["ids"],
            target=values["target"],
            known=values["known"],
            past=values["past"],
            features=Affine.from_dict(values["features"]),
            unit=torch.tensor(values["unit"], dtype=torch.float64),
            scales=None if values["scales"] is None else Affine.from_dict(values["scales"]),
        )


def column_scaling(columns_NC: Floats) -> Affine:
    """Return the standardisation of each column, of the values in it that are not NaN.

    >>> column_scaling(np.array([[1.0], [3.0]])).to_dict()
    {'level': [2.0], 'scale': [1.0]}
    """
    rows_CN = torch.from_numpy(columns_NC).T
    return fit_scaling("standard", rows_CN, rows_CN.isfinite())


def series_rows(panel: Panel, values: Tensor, observed: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return each series as a row of its own, with the mask of its observed values.

    >>> panel = Panel.from_arrays([[1.0, 2.0], [3.0]])
    >>> [row.tolist() for row, _ in series_rows(panel, torch.from_numpy(panel.targets[:, 0]), torch.ones(3).bool())]
    [[[1.0, 2.0]], [[3.0]]]
    """
    lengths = panel.lengths.tolist()
    return [(row[None], mask[None]) for row, mask in zip(values.split(lengths), observed.split(lengths), strict=True)]


def _joined(scales: Sequence[Affine]) -> Affine:
    return Affine(torch.cat([each.level_B for each in scales]), torch.cat([each.scale_B for each in scales]))


def _values(config: ForecastConfig, panel: Panel) -> Floats:
    """Return the values as they are scaled; 0 where one is not known."""
    values = panel.targets[:, 0]
    known = np.isfinite(values)
    if config.log_returns:
        wrong = np.flatnonzero(known & (values <= 0))
        if len(wrong):
            point = int(wrong[0])
            series = int(np.searchsorted(np.cumsum(panel.lengths), point, side="right"))
            time = panel.axis.format(panel.times[point : point + 1])[0]
            message = (
                f"series {panel.ids[series]!r} has {panel.target_names[0]} = {values[point]:g} at {time}, which has no"
                " logarithm; log returns are for positive values"
            )
            raise CorpusError(message, file=panel.source)
        values = np.log(np.where(known, values, 1.0))
    found: Floats = np.where(known, values, 0.0)
    return found
