"""The points of series in lines that come one by one: numbers, rows of CSV, or JSON."""

import csv
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from seqkit.errors import ConfigError, CorpusError
from seqkit_cli.input_lines import read_lines
from seqkit_cli.reports.report import InputFile

__all__ = ["LinePoints", "Point", "follow"]

Found = TypeVar("Found")

TIMES = ("time", "timestamp", "ds", "date", "datetime")
IDS = ("unique_id", "id", "series")
MISSING = ("", "nan", "na", "null")


class Point(NamedTuple):
    """A point of a series: its values, its time and its series, if the line has them."""

    values: list[float]
    time: str | int | None
    unique_id: str | None


@dataclass
class LinePoints:
    """Reads a point from each line.

    A line is a number; or cells that commas separate, in the order of the targets, perhaps after a time; or JSON: a
    list, or an object with the names of the targets. The first line may be a header of the cells. An empty cell or null
    is a value that is not known.

    Attributes:
        targets: the names of the values.
        time: the name of the column of times; None takes a usual name.
        unique_id: the name of the column of series; None takes a usual name.
        source: what the lines come from, for errors.

    >>> lines = LinePoints(targets=["value"], source="stdin")
    >>> [point.values for point in lines.read(["timestamp,value", "2026-01-01,5.1", '{"value": 4.8}'])]
    [[5.1], [4.8]]
    """

    targets: Sequence[str]
    source: str
    time: str | None = None
    unique_id: str | None = None
    header: list[str] = field(default_factory=list)

    def read(self, lines: Iterable[str]) -> Iterator[Point]:
        """Yield the point of each line that is not blank.

        Raises:
            CorpusError: if a line is no such point; the message names the line.
        """
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                if line.lstrip()[0] in "{[":
                    yield self._of_json(line)
                    continue
                cells = [cell.strip() for cell in next(csv.reader([line]))]
                if number == 1 and not any(map(_is_number, cells)) and set(self.targets) <= set(cells):
                    self.header = cells
                    continue
                yield self._of_cells(cells)
            except (ValueError, RecursionError) as error:
                raise CorpusError(str(error), file=self.source, line=number) from None

    def _of_json(self, line: str) -> Point:
        try:
            value = json.loads(line)
        except ValueError:
            raise ValueError("the line is not JSON") from None
        if isinstance(value, list):
            return self._point([_number_of(each) for each in value])
        return self._of_record(value)

    def _of_record(self, record: Mapping[str, object]) -> Point:
        if missing := [name for name in self.targets if name not in record]:
            raise ValueError(
                f"there is no {missing[0]!r} in the line, only {', '.join(map(repr, record)) or 'nothing'}"
            )
        time = _first(record, self.time, TIMES)
        unique_id = _first(record, self.unique_id, IDS)
        return Point(
            [_number_of(record[name]) for name in self.targets],
            time if time is None or isinstance(time, int) else str(time),
            None if unique_id is None else str(unique_id),
        )

    def _of_cells(self, cells: list[str]) -> Point:
        if self.header:
            if len(cells) != len(self.header):
                raise ValueError(f"{len(cells)} cells in the line, {len(self.header)} in the header")
            return self._of_record(dict(zip(self.header, cells, strict=True)))
        if len(cells) == len(self.targets) + 1:
            return Point([_number_of(cell) for cell in cells[1:]], cells[0], None)
        return self._point([_number_of(cell) for cell in cells])

    def _point(self, values: list[float]) -> Point:
        if len(values) != len(self.targets):
            raise ValueError(f"{len(values)} values in the line; the model reads {', '.join(self.targets)}")
        return Point(values, None, None)


def follow(given: InputFile, targets: Sequence[str], update: Callable[[Point], Found]) -> Iterator[Found]:
    """Yield what ``update`` returns for the point in each line of stdin, or of a file, as lines come.

    Args:
        given: the input; its columns have the names of those of the training corpus.
        targets: the names of the values.
        update: reads a point.

    Raises:
        CorpusError: if a line is no such point, or it cannot be used; the message names it.
    """
    source = "stdin" if given.name in (None, "-") else str(given.name)
    names = {name: given.trained_on.get(name) for name in ("time", "ids")}
    points = LinePoints(targets=targets, source=source, time=names["time"], unique_id=names["ids"])
    with ExitStack() as stack:
        file = sys.stdin.buffer if source == "stdin" else stack.enter_context(Path(source).open("rb"))
        for number, point in enumerate(points.read(read_lines(file, source)), start=1):
            try:
                yield update(point)
            except (ConfigError, CorpusError) as error:
                raise CorpusError(f"point {number}: {error}", file=source) from None


def _first(record: Mapping[str, object], name: str | None, usual: Sequence[str]) -> object:
    names = usual if name is None else (name,)
    return next((record[each] for each in names if each in record), None)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number_of(value: object) -> float:
    if value is None or (isinstance(value, str) and value.strip().lower() in MISSING):
        return math.nan
    if isinstance(value, str) and _is_number(value):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise ValueError(f"{value!r} is not a number")
