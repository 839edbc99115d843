"""Splits that a corpus lacks, taken from its train split."""

import random
from collections.abc import Collection, Mapping, Sequence

from seqkit.errors import ConfigError, CorpusError, setting_ref

__all__ = ["cannot_be_shared", "deal", "missing_splits"]


def missing_splits(splits: Collection[str], dev_fraction: float, test_fraction: float) -> dict[str, float]:
    """Return the splits that are to be taken from train, with their shares of it.

    Args:
        splits: the splits that are there; without train nothing can be taken.
        dev_fraction: the share of train that becomes dev if dev is missing; 0 leaves it missing.
        test_fraction: the same for test.

    Raises:
        ConfigError: a fraction is not in [0, 1).

    >>> missing_splits(["train", "test"], 0.1, 0.2)
    {'dev': 0.1}
    """
    fractions = {"dev": dev_fraction, "test": test_fraction}
    for split, fraction in fractions.items():
        if not 0 <= fraction < 1:
            raise ConfigError(f"{setting_ref(f'{split}_fraction')} must be at least 0 and below 1, not {fraction}")
    if "train" not in splits:
        return {}
    return {split: share for split, share in fractions.items() if share and split not in splits}


def deal(
    count: int,
    fractions: Mapping[str, float],
    *,
    seed: int,
    documents: Sequence[str | None] | None = None,
    in_order: bool = False,
    where: str = "the corpus",
) -> dict[str, list[int]]:
    """Divide the rows of train among train and the missing splits.

    Args:
        count: the number of rows.
        fractions: for each missing split its share of the rows.
        seed: the same seed gives the same splits.
        documents: the document of each row; rows of one document stay together.
        in_order: take the rows from the end of the corpus, as running text needs it.
        where: the name of the corpus, for errors.

    Returns:
        The row numbers of ``train`` and of each missing split, in ascending order.

    Raises:
        CorpusError: there are too few rows or documents.

    >>> deal(10, {"dev": 0.2}, seed=1, in_order=True)["dev"]
    [8, 9]
    """
    units: dict[object, list[int]] = {}
    for row in range(count):
        units.setdefault(row if documents is None else documents[row], []).append(row)
    if len(units) <= len(fractions):
        raise cannot_be_shared(len(units), "example" if documents is None else "document", fractions, where)
    order = list(units.values())
    if in_order:
        order.reverse()
    else:
        random.Random(seed).shuffle(order)
    dealt = {}
    for still, (split, fraction) in zip(range(len(fractions), 0, -1), fractions.items(), strict=True):
        taken, order = _take(order, max(1, round(count * fraction)), spare=still)
        dealt[split] = sorted(row for unit in taken for row in unit)
    return {"train": sorted(row for unit in order for row in unit)} | dealt


def _take(units: Sequence[list[int]], wanted: int, spare: int) -> tuple[list[list[int]], list[list[int]]]:
    """Return the first units that fit into the wanted number of rows, or else the smallest unit; and the other units.

    At least ``spare`` units are left, one for each split that is still to be filled.
    """
    chosen: set[int] = set()
    for index, unit in enumerate(units):
        if len(unit) <= wanted and len(chosen) < len(units) - spare:
            chosen.add(index)
            wanted -= len(unit)
    chosen = chosen or {min(range(len(units)), key=lambda index: len(units[index]))}
    taken = [unit for index, unit in enumerate(units) if index in chosen]
    return taken, [unit for index, unit in enumerate(units) if index not in chosen]


def cannot_be_shared(count: int, kind: str, missing: Collection[str], where: str) -> CorpusError:
    """Make the error of a train split that is too small to take other splits from.

    >>> print(cannot_be_shared(1, "document", ["dev"], "a.csv"))
    a.csv: 1 document cannot be shared among train, dev; give a file for each split, or leave the fraction at 0
    """
    counted = f"1 {kind}" if count == 1 else f"{count} {kind}s"
    splits = f"train, {' and '.join(missing)}"
    remedy = "give a file for each split, or leave the fraction at 0"
    return CorpusError(f"{counted} cannot be shared among {splits}; {remedy}", file=where)
