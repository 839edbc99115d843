"""Series in tables whose columns have types: Parquet files, data frames, datasets."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqkit.data.parquet import damage_reported
from seqkit.data.series.source import Source, check_names, is_text, with_dictionaries
from seqkit.errors import CorpusError

if TYPE_CHECKING:
    import pandas
    import pyarrow as pa
    from datasets import Dataset

__all__ = ["dataset_source", "frame_source", "is_frame", "parquet_source", "table_source"]


def parquet_source(path: Path) -> Source:
    """Open a Parquet file.

    Raises:
        CorpusError: it is damaged.

    >>> parquet_source(Path("nowhere.parquet"))
    Traceback (most recent call last):
    seqkit.errors.CorpusError: nowhere.parquet: this Parquet file is damaged: ...
    """
    import pyarrow.parquet as pq

    with damage_reported("Parquet file", path):
        schema = pq.read_schema(path)

    def read(columns: Sequence[str], repeated: Sequence[str]) -> "pa.Table":
        with damage_reported("Parquet file", path):
            texts = [name for name in repeated if is_text(schema.field(name).type)]
            table = pq.read_table(path, columns=list(columns), read_dictionary=texts)
            table.validate()
        return with_dictionaries(table, repeated)

    return Source(name=str(path), format="Parquet", names=schema.names, numeric=_numeric_columns(schema), read=read)


def table_source(table: "pa.Table", name: str, what: str) -> Source:
    """Open a table in memory.

    >>> import pyarrow as pa
    >>> table_source(pa.table({"y": [1.5]}), "data", "table").numeric
    frozenset({'y'})
    """
    check_names(table.column_names, name)
    return Source(
        name=name,
        format=what,
        names=table.column_names,
        numeric=_numeric_columns(table.schema),
        read=lambda columns, repeated: with_dictionaries(table.select(list(columns)), repeated),
    )


def is_frame(data: object) -> bool:
    """Return whether data are a data frame of pandas.

    >>> is_frame({"y": [1.5]})
    False
    """
    if "pandas" not in sys.modules:  # then nothing is one
        return False
    import pandas as pd

    return isinstance(data, pd.DataFrame)


def frame_source(frame: "pandas.DataFrame", name: str) -> Source:
    """Open a data frame; its index is a column if it has a name or consists of times.

    Raises:
        CorpusError: a column holds values of different types.

    >>> import pandas
    >>> frame_source(pandas.DataFrame({"y": [1.5]}, index=pandas.DatetimeIndex(["2026-01-01"])), "data").names
    ['ds', 'y']
    """
    import pandas as pd
    import pyarrow as pa

    if isinstance(frame.index, pd.DatetimeIndex | pd.MultiIndex) or frame.index.name is not None:
        is_unnamed = frame.index.nlevels == 1 and frame.index.name is None
        frame = (frame.rename_axis("ds") if is_unnamed else frame).reset_index()
    frame = frame.rename(columns=str)
    check_names(list(frame.columns), name)
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except pa.ArrowException as error:
        raise CorpusError(f"a column holds values of several types: {error.args[0]}", file=name) from None
    return table_source(table, name, "data frame")


def dataset_source(dataset: "Dataset", name: str) -> Source:
    """Open a dataset of the ``datasets`` library.

    >>> from datasets import Dataset
    >>> dataset_source(Dataset.from_dict({"y": [1.5]}), "data").names
    ['y']
    """
    with damage_reported("dataset", name):
        table: pa.Table = dataset.with_format("arrow")[:]
    return table_source(table, name, "dataset")


def _numeric_columns(schema: "pa.Schema") -> frozenset[str]:
    import pyarrow as pa

    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    return frozenset(field.name for field in schema if any(test(field.type) for test in tests))
