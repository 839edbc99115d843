"""Tables of any layout as points: for each, its series, its time, its values, and the row that it was read from.

The points of all splits are in one list, in the order of the files; :mod:`seqkit.data.series.ordering` sorts them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from seqkit.data.series.cells import first_that_fails, read_numbers
from seqkit.data.series.panel import Flags, Floats, Integers
from seqkit.data.series.roles import Roles
from seqkit.data.series.source import Source
from seqkit.data.series.times import Times, read_times
from seqkit.errors import CorpusError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Places", "Points", "read_points"]

Rows = npt.NDArray[np.int32]


class Places(NamedTuple):
    """Where the rows of all files are.

    Attributes:
        sources: the files.
        kept: the numbers of the rows of each that are not empty; None if all are kept.
        starts: the number of the first row of each file among all rows.
    """

    sources: Sequence[Source]
    kept: Sequence[Integers | None]
    starts: Sequence[int]

    def error(self, message: str, row: int) -> CorpusError:
        """Return an error with the file and the line of a row."""
        number = max(index for index, start in enumerate(self.starts) if start <= row)
        source, kept, within = self.sources[number], self.kept[number], row - self.starts[number]
        line = source.line_of(within if kept is None else int(kept[within]))
        return CorpusError(message, file=source.name, line=line)


@dataclass(frozen=True, kw_only=True)
class Points:
    """Points of series (N).

    Attributes:
        ids: the names of the series (E).
        series: the number of the series of each point (N).
        splits: the number of the file of each point (N).
        rows: the row of each point, among those of all files (N).
        times: their times (N); all 0 if the series are rows.
        targets: their values (N, K).
        past: their features known up to the present (N, P).
        known: their features known ahead (N, F).
        weights: their weights (N), if there are any.
        anomalies: whether they are anomalous (N), if that is known.
    """

    ids: Sequence[str]
    series: Rows
    splits: npt.NDArray[np.int8]
    rows: Rows
    times: Integers
    targets: Floats
    past: Floats
    known: Floats
    weights: Floats | None
    anomalies: Flags | None

    def take(self, which: Integers | Flags) -> Self:
        """Return some points, by their numbers or by flags."""
        return self.changed(lambda column: column[which])

    def changed(self, change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> Self:
        """Return what a function makes of each column."""
        return replace(
            self,
            series=change(self.series),
            splits=change(self.splits),
            rows=change(self.rows),
            times=change(self.times),
            targets=change(self.targets),
            past=change(self.past),
            known=change(self.known),
            weights=None if self.weights is None else change(self.weights),
            anomalies=None if self.anomalies is None else change(self.anomalies),
        )


def read_points(files: Mapping[str, Source], roles: Roles, zone: str | None) -> tuple[Points, Times, Places]:
    """Read the files of a corpus.

    Args:
        files: the files by split, in the order of time.
        roles: what their columns are.
        zone: the zone of the times.

    Returns:
        The points, in the order of the files; how their times are to be understood; and where they are.

    Raises:
        CorpusError: a cell cannot be read; with file and line.
    """
    table, places, counts = _read_all(files, roles)
    splits = np.repeat(np.arange(len(counts), dtype=np.int8), counts)
    if roles.layout == "rows":
        return _of_rows(table, roles, splits, places), Times(np.zeros(0, np.int64), False, None), places
    assert roles.time is not None
    times = read_times(table[roles.time], roles.time, zone, places.error)

    def numbers(name: str) -> Floats:
        return read_numbers(table[name], name, places.error)

    def stacked(names: Sequence[str]) -> Floats:
        columns = np.empty((len(table), len(names)))
        for column, name in enumerate(names):
            columns[:, column] = numbers(name)
        return columns

    weights = None if roles.weight is None else numbers(roles.weight)
    if weights is not None and (row := first_that_fails(~(weights >= 0))) is not None:
        raise places.error(f"the weight in the column {roles.weight!r} must be 0 or more, not {weights[row]}", row)
    ids, series = _series(table, roles, places)
    points = Points(
        ids=ids,
        series=series,
        splits=splits,
        rows=np.arange(len(table), dtype=np.int32),
        times=times.values,
        targets=stacked(roles.targets),
        past=stacked(roles.past),
        known=stacked(roles.known),
        weights=weights,
        anomalies=None if roles.label is None else _labels(numbers, roles, places),
    )
    return (_of_columns(points, roles) if roles.layout == "columns" else points), times, places


def _read_all(files: Mapping[str, Source], roles: Roles) -> "tuple[pa.Table, Places, list[int]]":
    import pyarrow as pa

    tables, kept = [], []
    for source in files.values():
        table = _read(source, roles)
        empty = np.ones(len(table), dtype=bool)
        for column in table.columns:
            if not column.null_count:
                empty[:] = False
                break
            empty &= column.is_null().to_numpy()
        kept.append(np.flatnonzero(~empty) if empty.any() else None)
        tables.append(table.filter(pa.array(~empty)) if empty.any() else table)
        if not len(tables[-1]):
            raise CorpusError("there are no points in it", file=source.name)
    counts = [len(table) for table in tables]
    starts = [sum(counts[:number]) for number in range(len(counts))]
    try:
        joined = tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        names = " and ".join(source.name for source in files.values())
        raise CorpusError(f"the columns of {names} have different types: {error.args[0]}") from None
    return joined, Places(list(files.values()), kept, starts), counts


def _read(source: Source, roles: Roles) -> "pa.Table":
    """Read the columns of a file; the values may be absent, if only what is known ahead is given."""
    import pyarrow as pa

    own = frozenset(source.names)
    there = [name for name in roles.columns if name in own]
    for name in roles.columns:
        if name not in own and name in (roles.time, roles.ids, *roles.known):
            raise CorpusError(f"no column {name!r}, only {', '.join(source.names)}", file=source.name)
    if roles.layout == "long" and not roles.known and not own.issuperset(roles.targets):
        absent = next(name for name in roles.targets if name not in there)
        raise CorpusError(f"no column {absent!r}, only {', '.join(source.names)}", file=source.name)
    table = source.read(there, [name for name in (roles.time, roles.ids) if name is not None])
    for name in roles.columns:
        if name not in own:
            table = table.append_column(name, pa.nulls(len(table)))
    return table.select(roles.columns)


def _series(table: "pa.Table", roles: Roles, places: Places) -> tuple[list[str], Rows]:
    """Return the names of the series, in the order of the file, and the number of that of each row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if roles.ids is None:
        only = roles.targets[0] if len(roles.targets) == 1 else "series"
        return [only], np.zeros(len(table), dtype=np.int32)
    column = table[roles.ids]
    if column.null_count:
        row = int(pc.index(pc.is_null(column), True).as_py())
        raise places.error(f"there is no id in the column {roles.ids!r}", row)
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    encoded = column.unify_dictionaries().combine_chunks()
    ids: list[str] = encoded.dictionary.to_pylist()
    series = encoded.indices.to_numpy()
    counts = np.bincount(series, minlength=len(ids))
    if not counts.all():  # a dictionary may have entries that no row has
        numbers = np.cumsum(counts > 0) - 1
        return [name for name, count in zip(ids, counts, strict=True) if count], numbers[series].astype(np.int32)
    return ids, series.astype(np.int32, copy=False)


def _labels(numbers: Callable[[str], Floats], roles: Roles, places: Places) -> Flags | None:
    """Return the labels of anomalies; None if they were not asked for by name, and the column holds something else.

    A cell that is empty is not known to be anomalous.
    """
    assert roles.label is not None
    try:
        labels = np.nan_to_num(numbers(roles.label))
    except CorpusError:
        if roles.label_is_asked:
            raise
        return None
    row = first_that_fails((labels != 0) & (labels != 1))
    if row is None:
        anomalies: Flags = labels == 1
        return anomalies
    if roles.label_is_asked:
        raise places.error(f"the label in the column {roles.label!r} must be 0 or 1, not {labels[row]}", row)
    return None


def _of_columns(points: Points, roles: Roles) -> Points:
    """Return points of a series for each column of values; what else is in a row belongs to all of them."""
    width, length = len(roles.targets), len(points.rows)

    rest = replace(points, targets=np.zeros((length, 0)))
    return replace(
        rest.changed(lambda column: np.tile(column, (width, *(1,) * (column.ndim - 1)))),
        ids=roles.targets,
        series=np.repeat(np.arange(width, dtype=np.int32), length),
        targets=points.targets.T.reshape(-1, 1),
    )


def _of_rows(table: "pa.Table", roles: Roles, splits: npt.NDArray[np.int8], places: Places) -> Points:
    """Return the points of series that are rows; the cells after the last value are none."""
    ids, series = _series(table, roles, places)
    seen = np.unique(series.astype(np.int64) * 8 + splits, return_index=True)[1]
    if len(seen) < len(series):
        row = int(np.setdiff1d(np.arange(len(series)), seen)[0])
        raise places.error(f"there is another row with the id {ids[series[row]]!r}; give each series one row", row)
    values = np.empty((len(table), len(roles.targets)))
    for column, name in enumerate(roles.targets):
        values[:, column] = read_numbers(table[name], name, places.error)
    filled = np.isfinite(values)
    lengths = np.where(filled.any(axis=1), values.shape[1] - filled[:, ::-1].argmax(axis=1), 0)
    if (empty := first_that_fails(lengths == 0)) is not None:
        raise places.error(f"the series {ids[series[empty]]!r} has no values", empty)
    rows = np.repeat(np.arange(len(table), dtype=np.int32), lengths)
    points = len(rows)
    return Points(
        ids=ids,
        series=series[rows],
        splits=splits[rows],
        rows=rows,
        times=np.zeros(points, dtype=np.int64),
        targets=values[np.arange(values.shape[1]) < lengths[:, None]][:, None],
        past=np.zeros((points, 0)),
        known=np.zeros((points, 0)),
        weights=None,
        anomalies=None,
    )
