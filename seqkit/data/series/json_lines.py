"""Series in JSON Lines: an object a line, of which every value becomes text."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from seqkit.data.jsonl import objects_by_line
from seqkit.data.series.source import HEAD, Source, with_dictionaries
from seqkit.data.text_files import read_pieces, shown
from seqkit.errors import CorpusError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["json_source"]

ROWS_AT_ONCE = 1 << 16


def json_source(path: Path, encoding: str = "utf-8") -> Source:
    """Open a file with an object a line.

    Raises:
        CorpusError: it cannot be read, or is empty; with file and line.

    >>> json_source(Path("nowhere.jsonl"))
    Traceback (most recent call last):
    seqkit.errors.CorpusError: nowhere.jsonl: no such file or directory
    """

    def objects() -> Iterator[tuple[int, dict[str, object]]]:
        for line, record in objects_by_line(read_pieces(path, encoding), path):
            if not isinstance(record, dict):
                raise CorpusError('this is not an object such as {"ds": …, "y": …}', file=path, line=line)
            yield line, record

    head = [record for _, record in islice(objects(), HEAD)]
    if not head:
        raise CorpusError("the file is empty", file=path)
    names = list(dict.fromkeys(name for record in head for name in record))
    numeric = frozenset(name for name in names if all(_is_number(record.get(name)) for record in head))

    def read(columns: Sequence[str], repeated: Sequence[str]) -> "pa.Table":
        import pyarrow as pa

        schema = pa.schema([(name, pa.string()) for name in columns])
        batches, rows = [], iter(objects())
        while chunk := list(islice(rows, ROWS_AT_ONCE)):
            cells = [[_json_cell(record.get(name), name, path, line) for line, record in chunk] for name in columns]
            batches.append(pa.record_batch([pa.array(column, pa.string()) for column in cells], schema))
        return with_dictionaries(pa.Table.from_batches(batches, schema), repeated)

    return Source(
        name=str(path),
        format="JSON",
        names=names,
        numeric=numeric,
        read=read,
        line_of=lambda row: next(islice((line for line, _ in objects()), row, None), 1),
    )


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _json_cell(value: object, name: str, path: Path, line: int) -> str | None:
    """Return a value as text; a number in as many digits as give it back."""
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, int | float):
        return json.dumps(value)
    raise CorpusError(f"{name!r} must be a number or a string, not {shown(value)}", file=path, line=line)
