"""Raw text for language models: documents that can be read any number of times, a piece at a time.

::

    ./book.txt          one running text; its last characters become dev
    ./articles.jsonl    one document a line, under "text"; in .csv, .tsv and .parquet, one document a row
    ./folder            splits are files or folders such as train.txt and valid/; without any, each text file is a
                        document of train

Only the current piece is in memory, whatever the size of the corpus. Every character is kept as it is, line ends too;
only a byte order mark is not part of the text.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, pairwise
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from seqkit.data.column_names import TEXT, check_column
from seqkit.data.corpus_names import corpus_files, resolve_spec
from seqkit.data.formats import TEXT_SUFFIXES, documents_of, has_documents_in_rows
from seqkit.data.hub import commits_of
from seqkit.data.missing_splits import cannot_be_shared, missing_splits
from seqkit.data.split_files import SPLIT_WORDS, find_split_files
from seqkit.data.stored_datasets import check_revision, load_stored, splits_of
from seqkit.data.text_files import ROWS_AT_ONCE, checked_text, in_pieces
from seqkit.errors import ConfigError, CorpusError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = ["Texts", "from_strings", "open_texts", "texts_fingerprint"]

# Suffixes of files whose names say which split they are, as in `wiki.train.tokens` and `ptb.train`.
SPLIT_SUFFIXES = (*TEXT_SUFFIXES, ".json", ".tokens", ".raw", "", *(f".{word}" for word in SPLIT_WORDS))


class Texts:
    """The documents of one split, which can be read any number of times.

    Args:
        read: begins to read the documents anew; each is given as its pieces, strings that are not empty.
        many: whether this is a collection of documents rather than one running text.
        commits: the commits of the hub from which they were loaded, if that is known.

    >>> texts = Texts(lambda: [["once upon", " a time"], ["the end"]], many=True)
    >>> ["".join(document) for document in texts.documents()]
    ['once upon a time', 'the end']
    """

    def __init__(self, read: Callable[[], Iterable[Iterable[str]]], *, many: bool, commits: Sequence[str] = ()) -> None:
        self._read = read
        self.many = many
        self.commits = commits

    def documents(self) -> Iterator[Iterator[str]]:
        """Iterate over the documents, each an iterator over its pieces; an empty document has none.

        Raises:
            CorpusError: the source cannot be read; with file and line.

        >>> [list(document) for document in from_strings(["one", ""]).documents()]
        [['one'], []]
        """
        return map(iter, self._read())

    def is_empty(self) -> bool:
        """Return whether there is not a single character; only the first piece is read.

        >>> from_strings(["", ""]).is_empty()
        True
        """
        return not any(True for document in self.documents() for _ in document)


def from_strings(strings: Sequence[str]) -> Texts:
    """Make texts of documents in memory.

    Raises:
        CorpusError: one of them is not a string, or has half of a surrogate pair; with its number, from 1.

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
    revision: str | None = None,
) -> dict[str, Texts]:
    """Open raw text; it is read only as far as its documents or characters have to be counted.

    Args:
        spec: the name of a corpus or a path, as :func:`seqkit.data.corpus_names.resolve_spec` understands it; or a
            ``Dataset``, a ``DatasetDict``, ``{"text": [...]}``, or a list of texts.
        encoding: encoding of text files; a byte order mark is allowed.
        text_column: the column or key of the text; by default ``text``.
        dev_fraction: the share of train that becomes dev if dev is missing; 0 leaves it missing. It is taken from the
            end of train (test after dev): that share of the characters of one running text, else of the documents.
        test_fraction: the same for test.
        revision: the commit of a corpus of the hub; by default the last one.

    Returns:
        Those of the splits ``train``, ``dev`` and ``test`` that there are.

    Raises:
        CorpusError: the corpus cannot be found or read, or is empty; with file and line if there are any.
        ConfigError: the name, the encoding or a fraction is not valid.

    >>> {split: len(list(texts.documents())) for split, texts in open_texts(["one", "two", "three"]).items()}
    {'train': 2, 'dev': 1}
    """
    missing_splits((), dev_fraction, test_fraction)  # before anything is read, since that may take long
    check_revision(spec, revision)
    where = fspath(spec) if isinstance(spec, str | PathLike) else f"the {type(spec).__name__}"
    if isinstance(spec, str | PathLike):
        splits = _named(spec, encoding, text_column, revision)
    elif isinstance(spec, list | tuple):
        splits = {"train": from_strings(spec)}
    else:
        splits = _in_memory(spec, text_column or TEXT[0], where)
    for split, texts in splits.items():
        if texts.is_empty():
            raise CorpusError(f"there is no text in {split}", file=where)
    if missing := missing_splits(splits, dev_fraction, test_fraction):
        splits |= _divided(splits["train"], missing, where)
    return {split: splits[split] for split in ("train", "dev", "test") if split in splits}


def _named(spec: str | PathLike[str], encoding: str, column: str | None, revision: str | None) -> dict[str, Texts]:
    resolved = resolve_spec(spec)
    stored = load_stored(spec, revision)
    if stored is not None:
        return _datasets_texts(stored, column or TEXT[0], str(resolved))
    path = Path(resolved.name).expanduser()
    if resolved.kind == "path" and path.is_dir():
        files = _files_of_folder(path)
    else:
        files = {split: [file] for split, file in corpus_files(spec).items()}
    return {split: _files_texts(paths, encoding, column) for split, paths in files.items()}


def _in_memory(data: object, column: str, where: str) -> dict[str, Texts]:
    datasets = splits_of(data)
    if datasets is not None:
        return _datasets_texts(datasets, column, where)
    if isinstance(data, Mapping):
        check_column(column, data, where)
        return {"train": from_strings(data[column])}
    raise ConfigError(f"texts are a name, a path, a list, a Dataset or a DatasetDict, not {type(data).__name__}")


def _datasets_texts(datasets: "Mapping[str, Dataset]", column: str, where: str) -> dict[str, Texts]:
    names = {name: SPLIT_WORDS[name] for name in datasets if name in SPLIT_WORDS}
    if not names or len(set(names.values())) < len(names):
        message = f"cannot tell which split is train, dev or test among {', '.join(datasets)}; rename them"
        raise CorpusError(message, file=where)
    return {split: _dataset_texts(datasets[name], column, f"{where} ({name})") for name, split in names.items()}


def _dataset_texts(dataset: "Dataset", column: str, where: str) -> Texts:
    check_column(column, dataset.column_names, where)
    selected = dataset.select_columns([column]).with_format(None)

    def read() -> Iterator[Iterator[str]]:
        rows = chain.from_iterable(batch[column] for batch in selected.iter(ROWS_AT_ONCE))
        return (in_pieces(checked_text(row, where, number)) for number, row in enumerate(rows, start=1))

    return Texts(read, many=True, commits=commits_of({"": dataset}))


def _files_of_folder(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each split: those in files and folders named after it, or else all text files as train."""

    def accepted(path: Path) -> bool:
        return not path.name.startswith(".") and (path.is_dir() or path.suffix.lower() in SPLIT_SUFFIXES)

    found = find_split_files(folder, accepted, with_shards=True) or {"train": [folder]}
    files: dict[str, list[Path]] = {}
    for split, paths in found.items():
        files[split] = [file for path in paths for file in (_text_files(path) if path.is_dir() else [path])]
        if not files[split]:
            message = f"there is no text for {split} in this folder; known formats are {', '.join(TEXT_SUFFIXES)}"
            raise CorpusError(message, file=folder)
    return files


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

    return Texts(read, many=len(paths) > 1 or has_documents_in_rows(paths[0]))


def _divided(train: Texts, missing: Mapping[str, float], where: str) -> dict[str, Texts]:
    """Take the missing splits from the end of train."""
    shares = list(missing.values())
    length = sum(1 if train.many else sum(map(len, document)) for document in train.documents())
    if train.many:
        counts = [max(1, round(length * share)) for share in shares]
        starts = [length - sum(counts[index:]) for index in range(len(counts))]
    else:
        starts = [int(length * (1 - sum(shares[index:]))) for index in range(len(shares))]
    borders = list(pairwise([0, *starts, length]))
    if any(start >= stop for start, stop in borders):
        raise cannot_be_shared(length, "document" if train.many else "character", missing, where)
    return {split: _part(train, *border) for split, border in zip(("train", *missing), borders, strict=True)}


def _part(texts: Texts, start: int, stop: int) -> Texts:
    """Return the documents ``[start:stop]``, or these characters of one running text."""
    if texts.many:
        return Texts(lambda: islice(texts.documents(), start, stop), many=True, commits=texts.commits)
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
    """Return the SHA-256 of the splits, their documents and all their characters, however they are cut into pieces.

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
