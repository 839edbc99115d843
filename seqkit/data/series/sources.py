"""Which reader a file of series needs, by its suffix."""

from pathlib import Path

from seqkit.data.series.delimited import csv_source
from seqkit.data.series.json_lines import json_source
from seqkit.data.series.source import Source
from seqkit.data.series.typed_tables import parquet_source
from seqkit.errors import CorpusError

__all__ = ["file_source"]


def file_source(path: Path, encoding: str = "utf-8") -> Source:
    """Open a CSV, TSV, JSON Lines or Parquet file.

    Raises:
        CorpusError: it is another file, cannot be read, or has no rows; with file and line.
        ConfigError: the encoding is unknown.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.csv")
    ...     _ = path.write_text("ds,y\\n2026-01-01,5.1\\n")
    ...     file_source(path).names
    ['ds', 'y']
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return parquet_source(path)
    if suffix in (".jsonl", ".ndjson"):
        return json_source(path, encoding)
    if suffix in (".csv", ".tsv", ".txt", ""):
        return csv_source(path, encoding)
    raise CorpusError("series are read from .csv, .tsv, .jsonl and .parquet files; convert this one", file=path)
