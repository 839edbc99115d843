"""The settings of a forecaster."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval

from seqkit.cells.table import CELLS
from seqkit.config.bounds import OneOf, check_fields
from seqkit.errors import ConfigError, setting_ref

__all__ = ["ForecastConfig", "season_of"]

LOOKBACK_HORIZONS = 8
LONGEST_LOOKBACK = 1024
WINDOWS_OF_SERIES, FEWEST_WINDOWS, MOST_WINDOWS = 32, 1024, 8192
_SEASONS = {"s": 60, "min": 60, "h": 24, "D": 7, "B": 5, "M": 12, "ME": 12, "MS": 12, "Q": 4, "QE": 4, "QS": 4}


@dataclass(frozen=True, kw_only=True)
class ForecastConfig:
    """Settings of a forecaster's model; every field is an option of ``seqkit train forecast``.

    Raises:
        ConfigError: a value cannot be used, or two do not go together; the message names the setting.

    >>> ForecastConfig(horizon=48, season=24).resolved("h").lookback
    384
    """

    horizon: Annotated[int, Ge(1), "number of points to forecast"] = 28
    season: Annotated[
        int, Ge(0), "points in a season, for the naive forecast and for MASE; 0 takes the usual one of the frequency"
    ] = 0
    lookback: Annotated[
        int, Ge(0), "points that the network reads before a forecast; 0 takes eight horizons, up to 1024 points"
    ] = 0
    multistep: Annotated[
        Literal["direct", "recursive"], "forecast all points at once, or one after the other, each from the last"
    ] = "direct"
    segment: Annotated[
        int, Ge(0), "points that make a recurrent step; 0 takes a season, else a horizon; 1 if recursive"
    ] = 0
    cell: Annotated[str, OneOf(CELLS), "type of recurrent cell"] = "gru"
    hidden_size: Annotated[int, Ge(1), "hidden units per layer"] = 128
    num_layers: Annotated[int, Ge(1), "number of stacked recurrent layers"] = 1
    dropout: Annotated[float, Interval(ge=0, lt=1), "dropout on the inputs and outputs of the recurrent layers"] = 0.1
    head: Annotated[
        Literal["point", "quantiles", "gaussian", "student-t"],
        "what is forecast: a value (Huber loss), quantiles (pinball loss), or a distribution (likelihood)",
    ] = "quantiles"
    delta: Annotated[
        float, Ge(0), "error at which the Huber loss of the head point becomes linear; 0 is the absolute error"
    ] = 1.0
    scaling: Annotated[
        Literal["none", "standard", "min-max", "robust", "mean-absolute", "seasonal"],
        "how values are scaled; seasonal divides by the mean absolute seasonal difference",
    ] = "seasonal"
    scope: Annotated[
        Literal["window", "series"], "what the scale is computed from: the points read, or a series' training part"
    ] = "window"
    reference: Annotated[
        Literal["seasonal", "last", "level"],
        "forecast from which the network predicts the difference: seasonal naive, last value, or level of the scaling",
    ] = "seasonal"
    log_returns: Annotated[bool, "read and predict logarithms, so that differences are log returns"] = False
    loss_unit: Annotated[
        Literal["mase", "scale"], "unit of the loss: a series' mean absolute seasonal difference, or the scale"
    ] = "mase"
    recency: Annotated[
        Literal["none", "linear", "exponential"], "weight of recent training windows: 0.5 to 1, or e^0 to e^3"
    ] = "none"
    series_size: Annotated[int, Ge(0), "dimension of the embedding of a series' id; 0 disables it"] = 0
    calendar: Annotated[bool, "read the hour, the weekday and the time of the year, as far as the frequency goes"] = (
        True
    )
    indicators: Annotated[
        int, Ge(0), "window of rolling mean, rolling deviation and Bollinger position as inputs; 0 disables them"
    ] = 0
    bollinger: Annotated[float, Gt(0), "half-width of the Bollinger bands in rolling deviations"] = 2.0
    windows: Annotated[
        int, Ge(0), "training windows drawn in an epoch; 0 takes 32 for each series, at least 1024 and at most 8192"
    ] = 0

    def __post_init__(self) -> None:
        check_fields(self)
        if self.multistep == "recursive" and self.segment > 1 and self.horizon % self.segment:
            raise ConfigError(
                f"{setting_ref('segment')} must divide the horizon {self.horizon} if"
                f" {setting_ref('multistep', 'recursive')}, not {self.segment}"
            )
        if self.multistep == "recursive" and self.indicators:
            raise ConfigError(f"{setting_ref('indicators')} are for {setting_ref('multistep', 'direct')}")
        if self.scope == "series" and self.scaling == "none":
            raise ConfigError(f"there is nothing to scale: choose another {setting_ref('scaling')}")

    def resolved(self, frequency: str, series: int = 1) -> "ForecastConfig":
        """Return the settings with the values that 0 stands for.

        Args:
            frequency: the offset alias of the frequency; empty if times are integers.
            series: number of training series.

        >>> ForecastConfig(horizon=14).resolved("D").season
        7
        """
        season = self.season or season_of(frequency)
        lookback = self.lookback or min(LONGEST_LOOKBACK, max(LOOKBACK_HORIZONS * self.horizon, 2 * season))
        segment = self.segment
        if not segment:
            segment = 1 if self.multistep == "recursive" else season if season > 1 else self.horizon
        windows = self.windows or min(MOST_WINDOWS, max(FEWEST_WINDOWS, WINDOWS_OF_SERIES * series))
        return replace(self, season=season, lookback=lookback, segment=min(segment, lookback), windows=windows)


def season_of(frequency: str) -> int:
    """Return the usual number of points in a season, which is that of the M4 competition; 1 if there is none.

    >>> season_of("h"), season_of("W-SUN"), season_of("15min"), season_of("QS-OCT"), season_of("")
    (24, 1, 96, 4, 1)
    """
    multiple = frequency.partition("-")[0].lstrip("0123456789")
    count = frequency.partition("-")[0].removesuffix(multiple)
    if multiple == "min" and count and 1440 % int(count) == 0 and int(count) > 1:
        return 1440 // int(count)
    season = _SEASONS.get(multiple, 1)
    return season // int(count) if count and season % int(count) == 0 else (1 if count else season)
