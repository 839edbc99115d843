"""Which columns of a table are times, values, names and features, and how series are laid out in it.

::

    long     unique_id,ds,y         columns  date,north,south      rows  V1,V2,V3,V4
             north,2026-01-01,5.1            2026-01-01,5.1,0.3          north,5.1,4.8,4.9
             south,2026-01-01,0.3            2026-01-02,4.8,             south,0.3,,
"""

from collections.abc import Sequence
from dataclasses import dataclass

from seqkit.data.column_names import ANOMALY, SERIES, TARGET, TIME
from seqkit.data.series.options import SeriesOptions
from seqkit.data.series.source import Source
from seqkit.errors import CorpusError

__all__ = ["Roles", "choose_roles"]


@dataclass(frozen=True, kw_only=True)
class Roles:
    """What the columns of a table are.

    Attributes:
        layout: ``long``, ``columns`` or ``rows``.
        time: the column of times; None if the series are rows.
        ids: the column of names of series; None if they are columns, or there is only one.
        targets: the columns of values: the targets of each series, or a series each.
        past: the columns of features known up to the present.
        known: the columns of features known ahead.
        weight: the column of weights, if any.
        label: the column of labels of anomalies, if any.
        label_is_asked: whether the labels were asked for by name.
    """

    layout: str
    time: str | None
    ids: str | None
    targets: tuple[str, ...]
    past: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    weight: str | None = None
    label: str | None = None
    label_is_asked: bool = False

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        single = (self.time, self.ids, self.weight, self.label)
        return [*(name for name in single if name is not None), *self.targets, *self.past, *self.known]

    def to_dict(self, format: str) -> dict[str, str | int]:
        """Return the columns as plain values, for ``run.json``.

        >>> Roles(layout="long", time="ds", ids=None, targets=("y",)).to_dict("CSV")
        {'format': 'CSV', 'layout': 'long', 'time': 'ds', 'target': 'y'}
        """
        targets = ",".join(self.targets) if len(self.targets) <= 10 else f"{len(self.targets)} columns"
        named = {
            "time": self.time,
            "id": self.ids,
            "target": targets,
            "features": ",".join(self.past),
            "known_features": ",".join(self.known),
            "weight": self.weight,
            "label": self.label,
        }
        return {"format": format, "layout": self.layout, **{part: name for part, name in named.items() if name}}


def choose_roles(source: Source, asked: SeriesOptions) -> Roles:
    """Find the columns that are asked for, and those that have one of the usual names.

    Raises:
        CorpusError: a column is not there, none is found, or one is to be two things.

    >>> import pyarrow as pa
    >>> from seqkit.data.series.typed_tables import table_source
    >>> table = pa.table({"date": ["2026-01-01"], "north": [5.1], "south": [0.3]})
    >>> choose_roles(table_source(table, "data", "table"), SeriesOptions()).targets
    ('north', 'south')
    """
    time = _find(source, asked.time, TIME)
    if asked.layout == "rows" or (asked.layout is None and time is None and _are_rows(source)):
        return _rows(source, asked)
    if time is None:
        raise _missing(source, "time", "--time")
    ids = _find(source, asked.ids, SERIES)
    past, known = _several(source, asked.features), _several(source, asked.known_features)
    weight = None if asked.weight is None else _find(source, asked.weight, ())
    label = _find(source, asked.label, ANOMALY)
    others = {time, ids, weight, label, *past, *known}
    free = [name for name in source.names if name and name in source.numeric and name not in others]
    targets = _several(source, asked.target)
    if not targets and asked.layout != "columns":
        usual = _find(source, None, [name for name in TARGET if name not in others])
        targets = (usual,) if usual is not None else ()
    layout = asked.layout or ("columns" if ids is None and not targets and len(free) > 1 else "long")
    if layout == "columns" and ids is not None:
        raise CorpusError(f"a table with a series in each column has no ids, but {ids!r} is one", file=source.name)
    if not targets and (layout == "columns" or len(free) == 1):
        targets = tuple(free)
    if not targets:
        raise _missing(source, "value", "--target")
    roles = Roles(
        layout=layout,
        time=time,
        ids=ids,
        targets=targets,
        past=past,
        known=known,
        weight=weight,
        label=label if asked.label is not None or label not in targets else None,
        label_is_asked=asked.label is not None,
    )
    _check_different(source, roles)
    return roles


def _are_rows(source: Source) -> bool:
    """Return whether each row is a name and its values: without a header, or with the names V1, V2, …"""
    first, *others = source.names
    are_numbered = all(name.lower() == f"v{number}" for number, name in enumerate(source.names, start=1))
    is_unnamed = are_numbered or (not source.has_header and not source.begins_with_digit)
    return is_unnamed and bool(others) and first not in source.numeric and source.numeric.issuperset(others)


def _rows(source: Source, asked: SeriesOptions) -> Roles:
    refused = {"--time": asked.time, "--target": asked.target, "--features": asked.features}
    refused |= {"--known-features": asked.known_features, "--weight": asked.weight, "--label": asked.label}
    for option, value in refused.items():
        if value is not None:
            message = f"a table with a series in each row has only names and values; leave {option} out"
            raise CorpusError(message, file=source.name)
    ids = source.names[0] if asked.ids is None else _find(source, asked.ids, ())
    targets = tuple(name for name in source.names if name != ids)
    if not targets:
        raise CorpusError("a table with a series in each row has a name and values, not one column", file=source.name)
    return Roles(layout="rows", time=None, ids=ids, targets=targets)


def _find(source: Source, chosen: str | None, usual: Sequence[str]) -> str | None:
    """Return the chosen column, or else the first of the usual names that is there; case does not matter."""
    by_lower = {name.lower(): name for name in reversed(source.names)}
    if chosen is None:
        return next((by_lower[name] for name in usual if name in by_lower), None)
    if chosen in source.names:
        return chosen
    if chosen.lower() in by_lower:
        return by_lower[chosen.lower()]
    names = ", ".join(source.names)
    counted = "the columns are" if source.has_header else "the file has no header, so the columns are"
    raise CorpusError(f"no column {chosen!r}: {counted} {names}", file=source.name)


def _several(source: Source, chosen: str | None) -> tuple[str, ...]:
    """Return the columns that are named in a list separated by commas."""
    names = [] if chosen is None else [name.strip() for name in chosen.split(",")]
    return tuple(found for name in names if name and (found := _find(source, name, ())) is not None)


def _missing(source: Source, what: str, option: str) -> CorpusError:
    names = ", ".join(source.names)
    return CorpusError(f"no column of {what}s among {names}; name it with {option}", file=source.name)


def _check_different(source: Source, roles: Roles) -> None:
    seen: set[str] = set()
    for name in roles.columns:
        if name in seen:
            raise CorpusError(f"the column {name!r} is to be two things; name it once", file=source.name)
        seen.add(name)
