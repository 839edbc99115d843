"""The settings of a detector of anomalies in series."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Interval

from seqkit.cells.table import CELLS
from seqkit.config.bounds import OneOf, check_fields

__all__ = ["AnomalyConfig"]


@dataclass(frozen=True, kw_only=True)
class AnomalyConfig:
    """Settings of a detector of anomalies; every field is an option of ``seqkit train anomaly``.

    Raises:
        ConfigError: a value cannot be used; the message names the setting.

    >>> AnomalyConfig(quantile=1.5)
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: quantile must be greater than 0 and less than 1, not 1.5
    """

    method: Annotated[
        Literal["forecast", "autoencoder"],
        "forecast: the score is how far a point is from its forecast; autoencoder: from its reconstruction",
    ] = "forecast"
    lookback: Annotated[
        int, Ge(2), "points of a window: of backpropagation through time, or what the autoencoder encodes"
    ] = 100
    ahead: Annotated[int, Ge(1), "forecast: each point is forecast 1, 2, 4, … points ahead, up to this number"] = 32
    stride: Annotated[
        int, Ge(0), "autoencoder: points from one window to the next when it scores; 0 takes a tenth of the window"
    ] = 0
    combine: Annotated[
        Literal["mean", "median"], "autoencoder: how the reconstructions of a point by several windows are combined"
    ] = "mean"
    cell: Annotated[str, OneOf(CELLS), "type of recurrent cell"] = "lstm"
    hidden_size: Annotated[int, Ge(1), "hidden units per layer"] = 32
    num_layers: Annotated[int, Ge(1), "number of stacked recurrent layers"] = 1
    dropout: Annotated[float, Interval(ge=0, lt=1), "dropout between layers and before the output"] = 0.0
    scaling: Annotated[
        Literal["standard", "robust", "none"],
        "scaling of each series: mean and deviation, median and interquartile range, or none",
    ] = "standard"
    smoothing: Annotated[
        int, Ge(1), "points of the longest time scale of the scores, of those of 1, 10, 100, … points; 1 is none other"
    ] = 100
    quantile: Annotated[
        float, Interval(gt=0, lt=1), "share of the scores on dev that are below the threshold of an alarm"
    ] = 0.995
    alarms: Annotated[
        float, Interval(ge=0, lt=1000), "expected alarms per 1,000 points, in place of the quantile; 0 takes that"
    ] = 0.0

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def horizons(self) -> tuple[int, ...]:
        """How many points ahead each point is forecast.

        >>> AnomalyConfig(ahead=10).horizons
        (1, 2, 4, 8)
        """
        return tuple(2**power for power in range(self.ahead.bit_length()))
