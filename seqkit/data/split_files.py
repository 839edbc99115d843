"""Which files of a folder, and which splits of a dataset, are train, dev and test.

::

    eng.train  eng.testa  eng.testb         train, dev, test
    train-00000-of-00002.parquet  ...       shards of train
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from seqkit.errors import CorpusError

__all__ = ["SPLIT_WORDS", "find_split_files"]

SPLIT_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("dev", "devel", "development", "valid", "validation", "val", "testa"), "dev"),
    **dict.fromkeys(("test", "tst", "testb"), "test"),
}


def find_split_files(
    folder: Path, accepted: Callable[[Path], bool], *, with_shards: bool = False
) -> dict[str, list[Path]]:
    """Find the files and folders that are named after a split.

    Args:
        folder: where to look; folders inside it are not searched.
        accepted: whether a path comes into question.
        with_shards: whether a split may have several files that differ in the numbers in their names.

    Returns:
        For each split that was found its files, in the order train, dev, test.

    Raises:
        CorpusError: two files could be the same split, or one file two splits.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "my-valid.txt").touch()
    ...     [(split, files[0].name) for split, files in find_split_files(Path(folder), Path.is_file).items()]
    [('dev', 'my-valid.txt')]
    """
    found: dict[str, list[Path]] = {}
    for path in filter(accepted, sorted(folder.iterdir())):
        words = re.split(r"[^a-z0-9]+", path.name.lower())
        splits = {SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS}
        for split in splits:
            others = found.setdefault(split, [])
            if len(splits) > 1 or not all(with_shards and _are_shards(path, other) for other in others):
                names = " and ".join(each.name for each in (*others[:1], path))
                message = f"cannot tell which file is {split}: {names}; leave one file or folder for each split"
                raise CorpusError(message, file=folder)
            others.append(path)
    return {split: found[split] for split in ("train", "dev", "test") if split in found}


def _are_shards(path: Path, other: Path) -> bool:
    """Return whether two files are parts of one split, as ``train-00000-of-00002.parquet`` and its sibling are."""
    if not (path.is_file() and other.is_file()):
        return False
    return re.sub(r"\d+", "", path.name) == re.sub(r"\d+", "", other.name)
