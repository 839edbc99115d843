"""Datasets that the ``datasets`` library has stored, on the hub or on disk, or holds in memory, as splits."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from seqkit.data.corpus_names import is_saved, resolve_spec
from seqkit.data.hub import load_hub
from seqkit.data.parquet import damage_reported
from seqkit.errors import ConfigError

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["check_revision", "load_stored", "splits_of"]


def check_revision(spec: object, revision: str | None) -> None:
    """Make sure that a revision is asked for only of a corpus of the hub.

    Raises:
        ConfigError: another corpus is to have one.

    >>> check_revision("owner/name", "main")
    >>> check_revision("ner-mini", "main")
    Traceback (most recent call last):
    seqkit.errors.ConfigError: only corpora of the hub have revisions; leave --revision out
    """
    if revision is not None and not (isinstance(spec, str | PathLike) and resolve_spec(spec).kind == "hub"):
        raise ConfigError("only corpora of the hub have revisions; leave --revision out")


def load_stored(spec: str | PathLike[str], revision: str | None = None) -> "Mapping[str, Dataset] | None":
    """Load the splits of a corpus of the hub, or of a folder that ``save_to_disk`` wrote; None for other corpora.

    Args:
        spec: the name of the corpus.
        revision: the revision of a corpus of the hub.

    Raises:
        CorpusError: the corpus cannot be found, or its files are damaged.

    >>> load_stored("ner-mini") is None
    True
    """
    resolved = resolve_spec(spec)
    if resolved.kind == "hub":
        return splits_of(load_hub(resolved.name, resolved.config, revision))
    folder = Path(resolved.name).expanduser()
    if resolved.kind == "embedded" or not is_saved(folder):
        return None

    from datasets import load_from_disk

    with damage_reported("saved dataset", folder):
        splits = splits_of(load_from_disk(str(folder)))
        for dataset in (splits or {}).values():
            dataset.data.validate(full=True)  # what is read later from damaged buffers would end the process
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
