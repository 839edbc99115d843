"""Parquet files: whole as a dataset, or the texts of one column a few rows at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from seqkit.data.column_names import check_column
from seqkit.data.text_files import ROWS_AT_ONCE, checked_text
from seqkit.errors import CorpusError

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["parquet_documents", "read_parquet"]


def read_parquet(path: Path) -> "Dataset":
    """Read a file as a dataset; its columns and features are those of the file.

    Raises:
        CorpusError: the file is damaged.
    """
    import pyarrow.parquet as pq
    from datasets import Dataset

    with _damage_reported(path):
        return Dataset(pq.read_table(path))


def parquet_documents(path: Path, column: str) -> Iterator[str]:
    """Read the text of each row; a few rows at a time are in memory.

    Raises:
        CorpusError: the file is damaged or has no such column, or a row is not a string; with the number of the row.
    """
    import pyarrow.parquet as pq

    with _damage_reported(path), pq.ParquetFile(path) as file:
        check_column(column, file.schema_arrow.names, path)
        batches = file.iter_batches(ROWS_AT_ONCE, columns=[column])
        rows = chain.from_iterable(batch.column(0).to_pylist() for batch in batches)
        yield from (checked_text(row, path, number) for number, row in enumerate(rows, start=1))


@contextmanager
def _damage_reported(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise CorpusError(f"this Parquet file is damaged: {error}", file=path) from None
