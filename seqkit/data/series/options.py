"""How series are opened: which column is which, how their times and gaps are understood, and how they are split."""

from dataclasses import dataclass

from seqkit.data.missing_splits import missing_splits
from seqkit.data.series.frequency import check_frequency
from seqkit.data.series.times import check_zone
from seqkit.errors import ConfigError, setting_ref

__all__ = ["FILLS", "LAYOUTS", "SeriesOptions"]

LAYOUTS = ("long", "columns", "rows")
FILLS = ("forward", "interpolate")


@dataclass(frozen=True, kw_only=True)
class SeriesOptions:
    """What a person says about series; what is None is found.

    Args:
        time: the column of times; by default one of the usual names, such as ``ds`` or ``timestamp``.
        target: the column of values, by default ``y``, ``value`` or ``target``; several are separated by commas.
        ids: the column of the names of series; by default ``unique_id`` or another of the usual names, if it is there.
        features: columns that are known up to the present, separated by commas.
        known_features: columns that are known ahead, separated by commas.
        weight: the column of weights in the training loss.
        label: the column that says whether a point is anomalous (1) or not (0).
        layout: ``long``, a value in each row; ``columns``, a series in each column; or ``rows``, a series in each row,
            its name first, without times.
        frequency: the distance of two points as an alias of pandas, or an integer for integer times; ``rows`` takes
            each row as the next point, whenever it was.
        time_zone: the zone of local times; instants are converted to it.
        fill: what becomes of missing points and values: ``forward`` repeats the last value, ``interpolate`` draws a
            line to the next one; None refuses them.
        encoding: the encoding of text files.
        horizon: the number of points that are forecast at once, of which dev is a multiple.
        dev_fraction: the share of each series that becomes dev if there is none; 0 leaves it missing.
        revision: the commit of a corpus of the hub.

    Raises:
        ConfigError: a value cannot be used.

    >>> SeriesOptions(fill="nearest")
    Traceback (most recent call last):
    seqkit.errors.ConfigError: no fill 'nearest'; choose from forward, interpolate
    """

    time: str | None = None
    target: str | None = None
    ids: str | None = None
    features: str | None = None
    known_features: str | None = None
    weight: str | None = None
    label: str | None = None
    layout: str | None = None
    frequency: str | None = None
    time_zone: str | None = None
    fill: str | None = None
    encoding: str = "utf-8"
    horizon: int = 1
    dev_fraction: float = 0.1
    revision: str | None = None

    def __post_init__(self) -> None:
        missing_splits((), self.dev_fraction, 0.0)
        for name, value, choices in (("layout", self.layout, LAYOUTS), ("fill", self.fill, FILLS)):
            if value is not None and value not in choices:
                raise ConfigError(f"no {name} {value!r}; choose from {', '.join(choices)}")
        if self.horizon < 1:
            raise ConfigError(f"{setting_ref('horizon')} must be at least 1, not {self.horizon}")
        check_frequency(self.frequency)
        check_zone(self.time_zone)
