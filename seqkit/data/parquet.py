"""Parquet files: whole as a dataset, or the texts of one column a few rows at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from seqkit.data.column_names import DOCUMENT, LABEL, SPANS, TAGS, TEXT, TOKENS, check_column
from seqkit.data.text_files import ROWS_AT_ONCE, checked_text, shortened
from seqkit.errors import CorpusError, SeqkitError

if TYPE_CHECKING:
    import pyarrow
    from datasets import Dataset

__all__ = ["damage_reported", "parquet_documents", "read_parquet"]


def read_parquet(path: Path) -> "Dataset":
    """Read a file as a dataset; its columns and features are those of the file.

    Raises:
        CorpusError: the file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import Dataset

    with damage_reported("Parquet file", path):
        table = pq.read_table(path)
        table.validate(full=True)  # strings that are not UTF-8, too
        plain = pa.schema([field.with_type(_plain(field.type)) for field in table.schema], table.schema.metadata)
        return Dataset(_readable(table.cast(plain), path))


def _plain(kind: "pyarrow.DataType") -> "pyarrow.DataType":
    """Return a type without the dictionaries by which a file is made smaller, as pandas does with categories."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_plain(kind.value_type)))
    return pa.large_list(kind.value_field.with_type(_plain(kind.value_type))) if pa.types.is_large_list(kind) else kind


def _readable(table: "pyarrow.Table", path: Path) -> "pyarrow.Table":
    """Leave out columns of types that datasets does not have, unless they have the name of one that is read."""
    import pyarrow as pa
    from datasets import Features

    unread = []
    for field in table.schema:
        try:
            Features.from_arrow_schema(pa.schema([field]))
        except (NotImplementedError, ValueError, TypeError):
            if field.name in (*TOKENS, *TAGS, *TEXT, *LABEL, *SPANS, *DOCUMENT):
                message = f"row 1: the column {field.name!r} is of the type {field.type}, which is not read; convert it"
                raise CorpusError(message, file=path, line=1) from None
            unread.append(field.name)
    return table.drop_columns(unread) if unread else table


def parquet_documents(path: Path, column: str) -> Iterator[str]:
    """Read the text of each row; a few rows at a time are in memory.

    Raises:
        CorpusError: the file is damaged or has no such column, or a row is not a string; with the number of the row.
    """
    import pyarrow.parquet as pq

    with damage_reported("Parquet file", path), pq.ParquetFile(path) as file:
        check_column(column, file.schema_arrow.names, path)
        batches = file.iter_batches(ROWS_AT_ONCE, columns=[column])
        rows = chain.from_iterable(batch.column(0).to_pylist() for batch in batches)
        yield from (checked_text(row, path, number) for number, row in enumerate(rows, start=1))


@contextmanager
def damage_reported(what: str, where: str | Path) -> Iterator[None]:
    """Report whatever goes wrong while a stored dataset is read, in many different ways, as damage.

    Args:
        what: what is read.
        where: its name.

    >>> with damage_reported("Parquet file", "a.parquet"):
    ...     raise ValueError("no magic bytes\\nin the footer")
    Traceback (most recent call last):
    seqkit.errors.CorpusError: a.parquet: this Parquet file is damaged: no magic bytes
    """
    try:
        yield
    except SeqkitError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise CorpusError(f"this {what} is damaged: {shortened(lines[0], 300)}", file=where) from error
