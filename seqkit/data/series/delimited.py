"""Series in CSV and TSV files.

Arrow parses large files quickly, and its cells are not objects of Python. It says little about what it cannot parse,
so such a file is parsed once more by the ``csv`` module, which finds the line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from seqkit.data.column_names import SERIES, TARGET, TIME
from seqkit.data.series.source import HEAD, MISSING, Source, as_number, check_names, with_dictionaries
from seqkit.data.tables import Dialect, NumberedCells, find_dialect, parse_rows, rows_of_width
from seqkit.data.text_files import lines_of, read_pieces
from seqkit.errors import CorpusError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["csv_source"]

HEAD_CELLS = 20_000
"""How many cells of the first rows are looked at."""


def csv_source(path: Path, encoding: str = "utf-8") -> Source:
    """Open a delimited file.

    Raises:
        CorpusError: it cannot be read, or has no rows; with file and line.
        ConfigError: the encoding is unknown.

    >>> csv_source(Path("nowhere.csv"))
    Traceback (most recent call last):
    seqkit.errors.CorpusError: nowhere.csv: no such file or directory
    """
    lines = list(islice(lines_of(read_pieces(path, encoding)), HEAD))
    dialect = find_dialect(lambda: iter(lines))
    head = [(line, cells) for line, cells in _head_rows(lines, path, dialect) if any(map(str.strip, cells))]
    if not head:
        raise CorpusError("the file is empty", file=path)
    first_line, first = head[0][0], [cell.strip() for cell in head[0][1]]
    has_header = _names_columns(first)
    if has_header and len(head) == 1:
        raise CorpusError("the file has no rows below its header", file=path, line=first_line)
    names = first if has_header else [str(number) for number in range(len(first))]
    check_names(names, path, first_line)
    file = _File(path, encoding, dialect, names, first_line if has_header else dialect.skipped)
    rows = [cells for _, cells in head[1 if has_header else 0 :]][: max(10, HEAD_CELLS // len(names))]
    return Source(
        name=str(path),
        format="CSV",
        names=names,
        numeric=frozenset(
            name
            for column, name in enumerate(names)
            if _are_numbers([row[column] for row in rows if len(row) > column])
        ),
        read=file.read,
        line_of=file.line_of,
        has_header=has_header,
        begins_with_digit=rows[0][0].strip()[:1].isdigit(),
    )


def _head_rows(lines: Sequence[str], path: Path, dialect: Dialect) -> list[NumberedCells]:
    """Parse the first lines, without the last ones if these begin a cell that goes on."""
    for end in range(len(lines), 1, -1):
        try:
            return list(parse_rows(lines[:end], path, dialect))
        except CorpusError:
            if len(lines) < HEAD:
                raise
    return list(parse_rows(lines, path, dialect))


def _names_columns(cells: Sequence[str]) -> bool:
    """Return whether the first row is a header: it begins with a usual name, or has no numbers."""
    return cells[0].lower() in (*TIME, *SERIES, *TARGET) or all(as_number(cell) is None for cell in cells)


def _are_numbers(cells: Sequence[str]) -> bool:
    """Return whether a column holds numbers, though a few cells may not."""
    filled = [cell for cell in map(str.strip, cells) if cell not in MISSING]
    numbers = [as_number(cell) is not None for cell in filled]
    return all(numbers[:1]) and 2 * sum(numbers) >= len(numbers)


@dataclass(frozen=True)
class _File:
    """A delimited file.

    Attributes:
        path: the file.
        encoding: its encoding.
        dialect: how its rows are written.
        names: the names of its columns.
        before: the number of lines before the first row.
    """

    path: Path
    encoding: str
    dialect: Dialect
    names: Sequence[str]
    before: int

    def read(self, columns: Sequence[str], repeated: Sequence[str]) -> "pa.Table":
        """Read some columns as text."""
        import pyarrow as pa

        if not self.dialect.skips_blanks:
            try:
                return self._read_by_arrow(columns, repeated)
            except (pa.ArrowInvalid, UnicodeError, OSError):
                pass  # the rows are parsed below, which finds the line
        measure = "the header" if self.before > self.dialect.skipped else "the first row"
        rows = [cells for _, cells in rows_of_width(self._rows(), len(self.names), self.path, measure)]
        indices = [self.names.index(name) for name in columns]
        cells = {
            name: pa.array([row[index] or None if row else None for row in rows], pa.string())
            for name, index in zip(columns, indices, strict=True)
        }
        return with_dictionaries(pa.table(cells), repeated)

    def _read_by_arrow(self, columns: Sequence[str], repeated: Sequence[str]) -> "pa.Table":
        import pyarrow as pa
        from pyarrow import csv

        text, dictionary = pa.string(), pa.dictionary(pa.int32(), pa.string())
        return csv.read_csv(
            self.path,
            read_options=csv.ReadOptions(
                skip_rows=self.before, column_names=list(self.names), encoding=self.encoding, block_size=4 << 20
            ),
            parse_options=csv.ParseOptions(
                delimiter=self.dialect.delimiter,
                quote_char=False if self.dialect.quoting else '"',
                newlines_in_values=True,
            ),
            convert_options=csv.ConvertOptions(
                include_columns=list(columns),
                column_types={name: dictionary if name in repeated else text for name in columns},
                null_values=[""],
                strings_can_be_null=True,
            ),
        )

    def _rows(self) -> Iterator[NumberedCells]:
        """Parse the rows below the header, without blank lines."""
        lines = lines_of(read_pieces(self.path, self.encoding))
        return (
            (line, cells) for line, cells in parse_rows(lines, self.path, self.dialect) if cells and line > self.before
        )

    def line_of(self, row: int) -> int:
        """Return the line on which a row begins."""
        return next(islice((line for line, _ in self._rows()), row, None), 1)
