"""Datasets that the ``datasets`` library holds in memory or has saved to disk, as splits."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seqkit.errors import CorpusError

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["is_saved", "load_saved", "splits_of"]


def is_saved(folder: Path) -> bool:
    """Return whether a folder was written by ``save_to_disk`` of a ``Dataset`` or ``DatasetDict``.

    >>> is_saved(Path("nowhere"))
    False
    """
    return (folder / "dataset_dict.json").exists() or (folder / "state.json").exists()


def load_saved(folder: Path) -> "Mapping[str, Dataset]":
    """Load the splits that ``save_to_disk`` wrote.

    Raises:
        CorpusError: the files are damaged.
    """
    from datasets import load_from_disk

    try:
        splits = splits_of(load_from_disk(str(folder)))
    except (OSError, ValueError, KeyError) as error:
        raise CorpusError(f"this saved dataset is damaged: {error}", file=folder) from None
    assert splits is not None  # load_from_disk returns a Dataset or a DatasetDict
    return splits


def splits_of(stored: object) -> "Mapping[str, Dataset] | None":
    """Return the splits of a ``DatasetDict``, or a ``Dataset`` as train; None for anything else.

    >>> from datasets import Dataset
    >>> list(splits_of(Dataset.from_dict({"text": ["one"]})))
    ['train']
    """
    from datasets import Dataset, DatasetDict

    if isinstance(stored, DatasetDict):
        return {str(split): dataset for split, dataset in stored.items()}
    return {"train": stored} if isinstance(stored, Dataset) else None
