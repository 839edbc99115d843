"""Series of numbers from everywhere, as one panel for each split.

::

    ./sales.csv        unique_id,ds,y and any features; the end of each series becomes dev
    ./folder           train.csv, dev.csv and test.csv, each of which continues the series of the one before
    owner/name         a dataset of the Hugging Face hub; also a Dataset, a data frame, a dict of frames, or a Panel

:mod:`seqkit.data.series.roles` says which column is which and how series are laid out,
:mod:`seqkit.data.series.times` how times are read, :mod:`seqkit.data.series.gaps` what becomes of missing values.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

import numpy as np

from seqkit.data.corpus_names import corpus_files, resolve_spec
from seqkit.data.hub import commits_of
from seqkit.data.series.gaps import checked_points
from seqkit.data.series.options import SeriesOptions
from seqkit.data.series.ordering import in_order
from seqkit.data.series.panel import Integers, Panel
from seqkit.data.series.points import Points, read_points
from seqkit.data.series.roles import Roles, choose_roles
from seqkit.data.series.source import Source
from seqkit.data.series.sources import file_source
from seqkit.data.series.splits import in_order_of_time, split_panel
from seqkit.data.series.time_axis import TimeAxis
from seqkit.data.series.typed_tables import dataset_source, frame_source, is_frame
from seqkit.data.split_files import SPLIT_WORDS
from seqkit.data.stored_datasets import check_revision, load_stored, splits_of
from seqkit.errors import ConfigError, CorpusError

if TYPE_CHECKING:
    import pandas
    from datasets import Dataset, DatasetDict

__all__ = ["OpenedSeries", "SeriesData", "open_series", "read_series", "series_fingerprint"]

_Data = TypeVar("_Data")
SeriesData: TypeAlias = (
    "str | PathLike[str] | Dataset | DatasetDict | pandas.DataFrame | Mapping[str, pandas.DataFrame] | Panel"
)
"""What series can be opened from."""


class OpenedSeries(NamedTuple):
    """The splits of a corpus of series.

    Attributes:
        splits: the panels by the name of the split.
        columns: the columns that were read, by the name of the file.
        commits: the commits of the hub from which it was loaded, if that is known.
    """

    splits: dict[str, Panel]
    columns: Mapping[str, Mapping[str, str | int]]
    commits: tuple[str, ...] = ()


def open_series(
    spec: SeriesData,
    *,
    time: str | None = None,
    target: str | None = None,
    ids: str | None = None,
    features: str | None = None,
    known_features: str | None = None,
    weight: str | None = None,
    label: str | None = None,
    layout: str | None = None,
    frequency: str | None = None,
    time_zone: str | None = None,
    fill: str | None = None,
    encoding: str = "utf-8",
    horizon: int = 1,
    dev_fraction: float = 0.1,
    revision: str | None = None,
) -> dict[str, Panel]:
    """Open series of numbers.

    Args:
        spec: the name of an embedded corpus or of one of the hub, the path of a CSV, TSV, JSON Lines or Parquet file or
            of a folder with such files for train, dev and test; or a ``Dataset``, a ``DatasetDict``, a data frame, data
            frames by split, or a panel, which is only split.
        time: see :class:`~seqkit.data.series.options.SeriesOptions` for this and all other arguments.

    Returns:
        Those of the splits ``train``, ``dev`` and ``test`` that there are; ``future`` too, if there are points at the
        end of which only the features are known. Each begins at the beginning of the series: see :class:`Panel`.

    Raises:
        CorpusError: the corpus cannot be found or read; with file and line if there are any.
        ConfigError: an argument cannot be used.

    >>> import pandas
    >>> frame = pandas.DataFrame({"ds": pandas.date_range("2026-01-01", periods=10), "y": range(10)})
    >>> {name: split.lengths.tolist() for name, split in open_series(frame, horizon=2).items()}
    {'train': [8], 'dev': [10]}
    """
    options = SeriesOptions(
        time=time,
        target=target,
        ids=ids,
        features=features,
        known_features=known_features,
        weight=weight,
        label=label,
        layout=layout,
        frequency=frequency,
        time_zone=time_zone,
        fill=fill,
        encoding=encoding,
        horizon=horizon,
        dev_fraction=dev_fraction,
        revision=revision,
    )
    return read_series(spec, options).splits


def read_series(spec: SeriesData, options: SeriesOptions) -> OpenedSeries:
    """Open series of numbers, and tell which columns were read.

    Args:
        spec: as for :func:`open_series`.
        options: how they are opened.

    Raises:
        CorpusError: the corpus cannot be found or read; with file and line if there are any.

    >>> read_series(Panel.from_arrays([range(10)]), SeriesOptions()).splits["dev"].starts.tolist()
    [9]
    """
    check_revision(spec, options.revision)
    if isinstance(spec, Panel):
        return OpenedSeries(_split(spec, {"train": spec.known_lengths}, options), {})
    files, commits = _sources(spec, options)
    names = in_order_of_time(list(files))
    files = {name: files[name] for name in names}
    roles = choose_roles(_all_columns(files), options)
    points, times, places = read_points(files, roles, options.time_zone)
    ordered = in_order(points, times, places, names, options.frequency, are_rows=roles.layout == "rows")
    del points
    checked, known_lengths = checked_points(ordered, roles, places, options.fill)
    panel, counts = _panel(checked, roles, ordered.axis, known_lengths, names)
    panel = replace(panel, source=_name(spec))
    columns = {source.name.rpartition("/")[2]: roles.to_dict(source.format) for source in files.values()}
    return OpenedSeries(_split(panel, counts, options), columns, commits)


def _split(panel: Panel, counts: Mapping[str, Integers], options: SeriesOptions) -> dict[str, Panel]:
    horizon, fraction = options.horizon, options.dev_fraction
    return split_panel(panel, counts, horizon=horizon, dev_fraction=fraction, fill=options.fill)


def _name(spec: SeriesData) -> str:
    return str(resolve_spec(spec)) if isinstance(spec, str | PathLike) else f"the {type(spec).__name__}"


def _sources(spec: SeriesData, options: SeriesOptions) -> tuple[dict[str, Source], tuple[str, ...]]:
    """Return what each split is read from, and the commits of the hub."""
    if is_frame(spec):
        return {"train": frame_source(spec, "the data frame")}, ()
    stored = load_stored(spec, options.revision) if isinstance(spec, str | PathLike) else splits_of(spec)
    where = _name(spec)
    if stored is not None:
        named = _by_split(stored, where)
        sources = {split: dataset_source(dataset, f"{where} ({split})") for split, dataset in named.items()}
        return sources, tuple(commits_of(stored))
    if isinstance(spec, str | PathLike):
        paths = corpus_files(spec)
        return {split: file_source(path, options.encoding) for split, path in paths.items()}, ()
    if isinstance(spec, Mapping) and spec and all(map(is_frame, spec.values())):
        frames = _by_split(spec, where)
        return {split: frame_source(frame, f"the data frame {split!r}") for split, frame in frames.items()}, ()
    raise ConfigError(
        "series are a name, a path, a Dataset, a DatasetDict, a data frame, a dict of data frames by split, or a Panel,"
        f" not {type(spec).__name__}"
    )


def _by_split(named: Mapping[str, _Data], where: str) -> dict[str, _Data]:
    """Return datasets by the usual name of their split."""
    splits = {name: SPLIT_WORDS[name] for name in named if name in SPLIT_WORDS}
    if not splits or len(set(splits.values())) < len(splits):
        message = f"cannot tell which split is train, dev or test among {', '.join(named)}; rename them"
        raise CorpusError(message, file=where)
    return {split: named[name] for name, split in splits.items()}


def _all_columns(files: Mapping[str, Source]) -> Source:
    """Return the first file with the columns of all: some need only be in one, such as labels."""
    first = next(iter(files.values()))
    names = list(dict.fromkeys(name for source in files.values() for name in source.names))
    numeric = {name for name in names if all(name in each.numeric for each in files.values() if name in each.names)}
    return replace(first, names=names, numeric=frozenset(numeric))


def _panel(
    points: Points, roles: Roles, axis: TimeAxis, known_lengths: Integers, names: Sequence[str]
) -> tuple[Panel, dict[str, Integers]]:
    """Return the panel of all points, and how many points of each series are in each split."""
    offsets = np.append(np.flatnonzero(np.diff(points.series, prepend=-1)), len(points.series))
    lengths = np.diff(offsets)
    counts = {}
    begin = np.zeros(len(lengths), dtype=np.int64)
    for number, name in enumerate(names):
        within = points.splits <= number
        end = np.minimum(np.add.reduceat(within, offsets[:-1], dtype=np.int64), known_lengths)
        counts[name] = end - begin
        begin = end
    panel = Panel(
        ids=points.ids,
        lengths=lengths,
        starts=np.zeros(len(lengths), dtype=np.int64),
        times=points.times,
        targets=points.targets,
        observed=~np.isnan(points.targets),
        past=points.past,
        known=points.known,
        weights=points.weights,
        anomalies=points.anomalies,
        target_names=roles.targets if roles.layout == "long" else ("value",),
        past_names=roles.past,
        known_names=roles.known,
        axis=axis,
    )
    return panel, counts


def series_fingerprint(splits: Mapping[str, Panel]) -> str:
    """Return the SHA-256 of series: their names, times and values, and what else is in the panels.

    >>> series_fingerprint({"train": Panel.from_arrays([[1.0, 2.0]])})[:8]
    '7b619a72'
    """
    digest = hashlib.sha256()
    for name in sorted(splits):
        panel = splits[name]
        names = [list(panel.ids), [*panel.target_names], [*panel.past_names], [*panel.known_names]]
        axis = [panel.axis.frequency, panel.axis.step, panel.axis.zone]
        digest.update(json.dumps([name, names, axis, panel.targets.shape]).encode())
        columns = (panel.lengths, panel.starts, panel.times, panel.targets, panel.observed, panel.past, panel.known)
        for column in (*columns, panel.weights, panel.anomalies):
            digest.update(b"none" if column is None else np.ascontiguousarray(column).data)
    return digest.hexdigest()
