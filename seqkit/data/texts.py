"""Raw text for language models: documents that can be read again and again, a piece at a time.

::

    ./book.txt          one running text; its last characters become dev
    ./articles.jsonl    a document a line, under "text"; so in .csv, .tsv and .parquet a document a row
    ./folder            train.txt, valid/ and the like are the splits; or else every text file is a document of train

Nothing is held in memory but the piece at hand, whatever the size of the corpus. Every character is kept as it is,
line ends too; only a byte order mark is no part of the text.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, pairwise
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from seqkit.data.corpus_names import corpus_files, is_saved, resolve_spec
from seqkit.data.hub import load_hub
from seqkit.data.plain_text import (
    ROW_SUFFIXES,
    ROWS_AT_ONCE,
    TEXT_SUFFIXES,
    check_column,
    checked_text,
    documents_of,
    in_pieces,
)
from seqkit.data.typed_datasets import SPLIT_WORDS
from seqkit.errors import ConfigError, CorpusError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = ["Texts", "from_strings", "open_texts", "texts_fingerprint"]

# What files of a folder may end in when their names say which split they are: `wiki.train.tokens`, `ptb.train`.
SPLIT_SUFFIXES = (*TEXT_SUFFIXES, ".json", ".tokens", ".raw", "", *(f".{word}" for word in SPLIT_WORDS))


class Texts:
    """The documents of one split, which can be read any number of times.

    Args:
        read: begins to read the documents anew; each is given as its pieces, strings that are not empty.
        many: whether it is a collection of documents, or else one running text.

    >>> texts = Texts(lambda: [["once upon", " a time"], ["the end"]], many=True)
    >>> ["".join(document) for document in texts.documents()]
    ['once upon a time', 'the end']
    """

    def __init__(self, read: Callable[[], Iterable[Iterable[str]]], *, many: bool) -> None:
        self._read = read
        self.many = many

    def documents(self) -> Iterator[Iterator[str]]:
        """The documents in order, each an iterator over its pieces; an empty document has none.

        Raises:
            CorpusError: what is read cannot be used; with file and line.

        >>> [list(document) for document in from_strings(["one", ""]).documents()]
        [['one'], []]
        """
        return map(iter, self._read())

    def is_empty(self) -> bool:
        """Whether there is no character in it; nothing beyond the first piece is read.

        >>> from_strings(["", ""]).is_empty()
        True
        """
        return not any(True for document in self.documents() for _ in document)


def from_strings(strings: Sequence[str]) -> Texts:
    """Documents that are in memory.

    Raises:
        CorpusError: one of them is no string, or holds half of a surrogate pair; with its number, from 1.

    >>> from_strings(["one", "two"]).many
    True
    """
    checked = [checked_text(string, "the list of texts", number) for number, string in enumerate(strings, start=1)]
    return Texts(lambda: map(in_pieces, checked), many=True)


def open_texts(
    spec: "str | PathLike[str] | Dataset | DatasetDict | Mapping[str, Sequence[str]] | Sequence[str]",
    *,
    encoding: str = "utf-8",
    text_column: str | None = None,
    dev_fraction: float = 0.1,
    test_fraction: float = 0.0,
) -> dict[str, Texts]:
    """Open raw text, wherever it is; it is read only as far as it has to be counted.

    Args:
        spec: the name of a corpus or a path, as :func:`seqkit.data.corpus_names.resolve_spec` understands it; or a
            ``Dataset``, a ``DatasetDict``, ``{"text": [...]}``, or a list of texts.
        encoding: of text files; a byte order mark is allowed.
        text_column: the column or key of the text, where it is not ``text``.
        dev_fraction: the share of train that becomes dev where dev is missing; 0 leaves it missing. It is taken from
            the end of train (test after dev): of one running text that share of its characters, else of its documents.
        test_fraction: the same for test.

    Returns:
        The splits ``train``, ``dev`` and ``test``, as far as there are.

    Raises:
        CorpusError: the corpus cannot be found or read, or is empty; with file and line where there are.
        ConfigError: the name, the encoding or a fraction has no meaning.

    >>> {split: len(list(texts.documents())) for split, texts in open_texts(["one", "two", "three"]).items()}
    {'train': 2, 'dev': 1}
    """
    fractions = {"dev": dev_fraction, "test": test_fraction}
    for split, fraction in fractions.items():
        if not 0 <= fraction < 1:
            raise ConfigError(f"{split}_fraction must be at least 0 and below 1, not {fraction}")
    where = fspath(spec) if isinstance(spec, str | PathLike) else f"the {type(spec).__name__}"
    if isinstance(spec, str | PathLike):
        splits = _named(spec, encoding, text_column)
    elif isinstance(spec, list | tuple):
        splits = {"train": from_strings(spec)}
    else:
        splits = _stored(spec, text_column or "text", where)
    for split, texts in splits.items():
        if texts.is_empty():
            raise CorpusError(f"there is no text in {split}", file=where)
    shared = _shared(splits, fractions, where)
    return {split: shared[split] for split in ("train", "dev", "test") if split in shared}


def _named(spec: str | PathLike[str], encoding: str, column: str | None) -> dict[str, Texts]:
    resolved = resolve_spec(spec)
    if resolved.kind == "hub":
        return _stored(load_hub(resolved.name, resolved.config), column or "text", str(resolved))
    path = Path(resolved.name).expanduser()
    if resolved.kind == "embedded" or not path.is_dir():
        files = {split: [file] for split, file in corpus_files(spec).items()}
    elif is_saved(path):
        return _saved(path, column or "text")
    else:
        files = _split_files(path)
    return {split: _files_texts(paths, encoding, column) for split, paths in files.items()}


def _saved(folder: Path, column: str) -> dict[str, Texts]:
    from datasets import load_from_disk

    try:
        return _stored(load_from_disk(str(folder)), column, str(folder))
    except (OSError, ValueError, KeyError) as error:
        raise CorpusError(f"this saved dataset is damaged: {error}", file=folder) from None


def _stored(stored: object, column: str, where: str) -> dict[str, Texts]:
    """The splits of what ``datasets`` stores, or of one mapping of columns."""
    from datasets import Dataset, DatasetDict

    if isinstance(stored, Dataset):
        return {"train": _dataset_texts(stored, column, where)}
    if isinstance(stored, DatasetDict):
        names = [name for name in stored if SPLIT_WORDS.get(name) is not None]
        splits = {SPLIT_WORDS[name]: _dataset_texts(stored[name], column, f"{where} ({name})") for name in names}
        if not splits or len(splits) < len(names):
            message = f"cannot tell which split is train, dev or test among {', '.join(map(str, stored))}"
            raise CorpusError(f"{message}; rename them", file=where)
        return splits
    if isinstance(stored, Mapping):
        check_column(column, stored, where)
        return {"train": from_strings(stored[column])}
    raise ConfigError(f"texts are a name, a path, a list, a Dataset or a DatasetDict, not {type(stored).__name__}")


def _dataset_texts(dataset: "Dataset", column: str, where: str) -> Texts:
    check_column(column, dataset.column_names, where)
    selected = dataset.select_columns([column]).with_format(None)

    def read() -> Iterator[Iterator[str]]:
        rows = chain.from_iterable(batch[column] for batch in selected.iter(ROWS_AT_ONCE))
        return (in_pieces(checked_text(row, where, number)) for number, row in enumerate(rows, start=1))

    return Texts(read, many=True)


def _split_files(folder: Path) -> dict[str, list[Path]]:
    """The files of each split: those whose names, or the names of their folders, say so; or else all are train."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        words = {SPLIT_WORDS[word] for word in re.split(r"[^a-z0-9]+", path.name.lower()) if word in SPLIT_WORDS}
        if path.name.startswith(".") or not (path.is_dir() or path.suffix.lower() in SPLIT_SUFFIXES):
            continue
        for split in words:
            others = found.setdefault(split, [])
            if len(words) > 1 or not all(_are_shards(path, other) for other in others):
                names = " and ".join(each.name for each in (*others[:1], path))
                message = f"cannot tell which file is {split}: {names}; leave one file or folder for each split"
                raise CorpusError(message, file=folder)
            others.extend(_text_files(path) if path.is_dir() else [path])
    found = found or {"train": _text_files(folder)}
    for split, paths in found.items():
        if not paths:
            message = f"there is no text for {split} in this folder; known are {', '.join(TEXT_SUFFIXES)}"
            raise CorpusError(message, file=folder)
    return found


def _are_shards(path: Path, other: Path) -> bool:
    """Whether two files are parts of one, as ``train-00000-of-00002.parquet`` and its sibling are."""
    return path.parent == other.parent and re.sub(r"\d+", "", path.name) == re.sub(r"\d+", "", other.name)


def _text_files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in TEXT_SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _files_texts(paths: Sequence[Path], encoding: str, column: str | None) -> Texts:
    def read() -> Iterator[Iterable[str]]:
        return chain.from_iterable(documents_of(path, encoding, column) for path in paths)

    return Texts(read, many=len(paths) > 1 or paths[0].suffix.lower() in (*ROW_SUFFIXES, ".json"))


def _shared(splits: Mapping[str, Texts], fractions: Mapping[str, float], where: str) -> dict[str, Texts]:
    """Cut the splits that are missing from the end of train."""
    missing = {split: fraction for split, fraction in fractions.items() if fraction and split not in splits}
    if not missing or "train" not in splits:
        return dict(splits)
    train, shares = splits["train"], list(missing.values())
    length = sum(1 if train.many else sum(map(len, document)) for document in train.documents())
    if train.many:
        counts = [max(1, round(length * share)) for share in shares]
        starts = [length - sum(counts[index:]) for index in range(len(counts))]
    else:
        starts = [int(length * (1 - sum(shares[index:]))) for index in range(len(shares))]
    borders = list(pairwise([0, *starts, length]))
    if any(start >= stop for start, stop in borders):
        what = f"{length} {'document' if train.many else 'character'}{'s' * (length != 1)}"
        others = f"train, {' and '.join(missing)}; give a file for each split, or leave the fraction at 0"
        raise CorpusError(f"{what} cannot be shared among {others}", file=where)
    parts = {split: _part(train, *border) for split, border in zip(("train", *missing), borders, strict=True)}
    return {**splits, **parts}


def _part(texts: Texts, start: int, stop: int) -> Texts:
    """The documents ``[start:stop]``, or those characters of one running text."""
    if texts.many:
        return Texts(lambda: islice(texts.documents(), start, stop), many=True)
    return Texts(lambda: [_characters(chain.from_iterable(texts.documents()), start, stop)], many=False)


def _characters(pieces: Iterable[str], start: int, stop: int) -> Iterator[str]:
    position = 0
    for piece in pieces:
        if part := piece[max(start - position, 0) : stop - position]:
            yield part
        position += len(piece)
        if position >= stop:
            return


def texts_fingerprint(splits: Mapping[str, Texts]) -> str:
    """SHA-256 of the splits, their documents and every character of them, however they are cut into pieces.

    >>> texts_fingerprint({"train": from_strings(["one"])})[:8]
    '2257478f'
    """
    whole = hashlib.sha256()
    for split in sorted(splits):
        for document in splits[split].documents():
            digest = hashlib.sha256()
            for piece in document:
                digest.update(piece.encode())
            whole.update(f"{split} {digest.hexdigest()}\n".encode())
    return whole.hexdigest()
