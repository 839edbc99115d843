"""Corpora: whatever a name or a path means, opened as one typed ``datasets.DatasetDict``.

Three lines of ``train.conll`` and the row of ``open_corpus("./folder")["train"]`` that they become::

    Ada<TAB>B-PER
    ran<TAB>O           {"tokens": ["Ada", "ran"], "tags": [1, 0], "source": "folder/train.conll:1"}
    <blank line>

:mod:`seqkit.data.corpus_names` says what names there are, :mod:`seqkit.data.formats` what formats.
"""

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqkit.data.annotations import ExportOptions
from seqkit.data.columns_taken import ColumnsTaken, check_same_columns
from seqkit.data.corpus_names import corpus_files, resolve_spec
from seqkit.data.formats import read_file
from seqkit.data.hub import HubCorpus, keep_commits, known_hub_corpus
from seqkit.data.label_ids import LabelDecoder, class_names
from seqkit.data.missing_splits import deal, missing_splits
from seqkit.data.parquet import damage_reported, read_parquet
from seqkit.data.rows import Column
from seqkit.data.stored_datasets import check_revision, load_stored, splits_of
from seqkit.data.typed_datasets import Columns, build_corpus, columns_of, kind_of, normalize_corpus
from seqkit.errors import ConfigError, CorpusError, SeqkitWarning

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = [
    "columns_taken",
    "corpus_fingerprint",
    "corpus_name",
    "named_rows",
    "open_corpus",
    "require_split",
    "text_file_splits",
]


def open_corpus(
    spec: "str | PathLike[str] | Dataset | DatasetDict",
    *,
    token_column: Column = None,
    tag_column: Column = None,
    text_column: Column = None,
    encoding: str = "utf-8",
    dev_fraction: float = 0.1,
    test_fraction: float = 0.0,
    seed: int = 1,
    offsets: str | None = None,
    from_name: str | None = None,
    annotator: str | None = None,
    revision: str | None = None,
) -> "DatasetDict":
    """Open a corpus: an embedded one, one of the hub, a local file or folder, or a dataset in memory.

    Args:
        spec: the name of a corpus, a path, a ``Dataset`` or a ``DatasetDict``.
        token_column: index or name of the token column; by default the usual one.
        tag_column: the same for the tags, or for the labels of texts.
        text_column: the same for texts; by default ``text``.
        encoding: encoding of text files.
        dev_fraction: the share of train that becomes dev if dev is missing; 0 leaves it missing. Whole documents are
            taken if documents are marked, the end of plain text, else single sentences or texts.
        test_fraction: the same for test.
        seed: seed of that choice.
        offsets: what the offsets of spans count: ``characters`` (the default), ``utf16`` or ``bytes``.
        from_name: the labelling control to read, if a project of Label Studio has several.
        annotator: the id or e-mail address of the annotator to read, if texts have several; by default the majority.
        revision: the commit of a corpus of the hub; by default the last one. A branch or a tag is accepted too, with a
            warning, because it may change.

    Returns:
        Those of the splits ``train``, ``dev`` and ``test`` that there are, with typed features: ``tokens`` and
        ``tags``; or ``text`` and ``spans``; or ``text`` and ``label`` (a list for multi-label texts); or ``text``.
        There is also ``document`` if documents are marked, and ``source`` (``file:line``) for rows read from a text
        file. Labels of train come first, ``O`` before all.

    Raises:
        CorpusError: the corpus cannot be found or read; with file and line if there are any.
        ConfigError: the name or a fraction is not valid.

    >>> from datasets import Dataset
    >>> dataset = Dataset.from_dict({"tokens": [["Ada"], ["Bo"]], "tags": [["B-PER"], ["B-PER"]]})
    >>> sorted(open_corpus(dataset, dev_fraction=0.5))
    ['dev', 'train']
    """
    missing_splits((), dev_fraction, test_fraction)  # before anything is read, since that may take long
    check_revision(spec, revision)
    options = ExportOptions(offsets=offsets, from_name=from_name, annotator=annotator)
    where = corpus_name(spec)
    files = text_file_splits(spec)
    if files:
        columns = (token_column, tag_column, text_column)
        read = {split: read_file(path, columns, encoding, options) for split, path in files.items()}
        check_same_columns({files[split]: found.columns for split, found in read.items()})
        splits = {split: columns_of(found.rows, str(files[split])) for split, found in read.items()}
        _check_same_kind(splits, files)
        if missing := missing_splits(splits, dev_fraction, test_fraction):
            splits |= _divided(splits["train"], missing, seed, where)
        return build_corpus(splits)
    if given := ", ".join(replace(options, offsets=None).given()):
        raise CorpusError(f"this is no export of an annotation tool; leave {given} out", file=where)
    corpus = _stored_corpus(spec, (token_column, tag_column, text_column), offsets, revision)
    if missing := missing_splits(corpus, dev_fraction, test_fraction):
        train = corpus["train"]
        documents = train["document"][:] if "document" in train.column_names else None
        in_order = kind_of(train.column_names) == ["text"]
        shares = deal(len(train), missing, seed=seed, documents=documents, in_order=in_order, where=where)
        for split, rows in shares.items():
            corpus[split] = train.select(rows)
    return corpus


def columns_taken(
    spec: object,
    *,
    token_column: Column = None,
    tag_column: Column = None,
    text_column: Column = None,
    encoding: str = "utf-8",
    offsets: str | None = None,
    from_name: str | None = None,
    annotator: str | None = None,
) -> dict[Path, ColumnsTaken]:
    """Return which columns of the text files of a corpus are read; those that cannot be read are left out.

    Args:
        spec: as for :func:`open_corpus`, and so are the others.

    Raises:
        CorpusError: there is no such corpus, or files that are laid out alike are read differently.

    >>> [str(taken) for taken in columns_taken("ner-mini").values()][:1]
    ['CoNLL: tokens from column 0, tags from column 1, counted from 0']
    """
    options = ExportOptions(offsets=offsets, from_name=from_name, annotator=annotator)
    taken: dict[Path, ColumnsTaken] = {}
    for path in text_file_splits(spec).values():
        if path.is_file():  # a pipe can be read once only
            with suppress(CorpusError), warnings.catch_warnings():
                warnings.simplefilter("ignore", SeqkitWarning)
                taken[path] = read_file(path, (token_column, tag_column, text_column), encoding, options).columns
    check_same_columns(taken)
    return taken


def _divided(train: Columns, missing: Mapping[str, float], seed: int, where: str) -> dict[str, Columns]:
    """Take the missing splits from train, before labels are numbered, because those of train come first."""
    count, documents, in_order = len(train["source"]), train.get("document"), kind_of(train) == ["text"]
    shares = deal(count, missing, seed=seed, documents=documents, in_order=in_order, where=where)
    return {
        split: {name: [cells[row] for row in rows] for name, cells in train.items()} for split, rows in shares.items()
    }


def corpus_name(spec: object) -> str:
    """Return what to call a corpus in an error.

    >>> corpus_name("ner-mini"), corpus_name({})
    ('ner-mini', 'dict')
    """
    return fspath(spec) if isinstance(spec, str | PathLike) else type(spec).__name__


def text_file_splits(spec: object) -> dict[str, Path]:
    """Return the text files of a corpus, by split; none if it is not made of text files.

    Raises:
        CorpusError: there is no such corpus, or only some of its files are Parquet.

    >>> sorted(text_file_splits("ner-mini"))
    ['dev', 'test', 'train']
    """
    files = corpus_files(spec) if isinstance(spec, str | PathLike) else {}
    are_parquet = [path.suffix.lower() == ".parquet" for path in files.values()]
    if any(are_parquet) and not all(are_parquet):
        names = ", ".join(path.name for path in files.values())
        raise CorpusError(f"Parquet and other files do not make one corpus: {names}")
    return {} if any(are_parquet) else files


def _check_same_kind(splits: Mapping[str, Columns], files: Mapping[str, Path]) -> None:
    first = next(iter(splits))
    expected = kind_of(splits[first])
    for split, columns in splits.items():
        kind = kind_of(columns)
        if kind != expected:
            message = f"this file has {' and '.join(kind)}, but {files[first].name} has {' and '.join(expected)}"
            raise CorpusError(message, file=files[split])


def _stored_corpus(
    spec: "str | PathLike[str] | Dataset | DatasetDict",
    columns: tuple[Column, Column, Column],
    offsets: str | None,
    revision: str | None,
) -> "DatasetDict":
    """Open what ``datasets`` stores itself: on the hub, on disk, as Parquet, or in memory."""
    where = corpus_name(spec)
    if any(isinstance(column, int) for column in columns):
        raise CorpusError("the columns of a dataset are named, not numbered", file=where)
    tokens, tags, text = (None if column is None else str(column) for column in columns)
    known = HubCorpus(token_column="", tag_column="")
    if isinstance(spec, str | PathLike):
        resolved = resolve_spec(spec)
        if resolved.kind == "hub":
            known = known_hub_corpus(resolved.name) or known
        stored = load_stored(spec, revision) or {
            split: read_parquet(path) for split, path in corpus_files(spec).items()
        }
    else:
        in_memory = splits_of(spec)
        if in_memory is None:
            raise ConfigError(f"a corpus is a name, a path, a Dataset or a DatasetDict, not {type(spec).__name__}")
        stored = in_memory
    with damage_reported("dataset", where):
        corpus = normalize_corpus(
            stored,
            where=where,
            token_column=tokens or known.token_column or None,
            tag_column=tags or known.tag_column or None,
            text_column=text,
            names=known.names,
            not_a_word=known.not_a_word,
            offsets=offsets,
        )
    keep_commits(stored, corpus)
    return corpus


def require_split(corpus: "DatasetDict", name: str) -> "Dataset":
    """Return a split of a corpus.

    Raises:
        CorpusError: it is missing; the message names the splits that there are.

    >>> from datasets import Dataset, DatasetDict
    >>> require_split(DatasetDict(train=Dataset.from_dict({"text": ["one"]})), "dev")
    Traceback (most recent call last):
    seqkit.errors.CorpusError: the corpus has no split 'dev', only train; ...
    """
    if name in corpus:
        return corpus[name]
    splits = ", ".join(corpus) or "none at all"
    remedies = {"dev": "add a file for it, or train with --dev-fraction", "test": "add a file for it"}
    remedy = remedies.get(name, "choose one of these")
    raise CorpusError(f"the corpus has no split {name!r}, only {splits}; {remedy}")


def corpus_fingerprint(corpus: "DatasetDict") -> str:
    """Return the SHA-256 of the content of a corpus: its splits, tokens and tags, or texts and labels, in order.

    It does not depend on where the corpus was read from, nor on how its labels are numbered.

    >>> from datasets import Dataset, DatasetDict
    >>> corpus_fingerprint(DatasetDict(train=Dataset.from_dict({"text": ["one"]})))[:8]
    '31a2b55d'
    """
    digest = hashlib.sha256()
    for split in sorted(corpus):
        digest.update(f"{split}\n".encode())
        for row in named_rows(corpus[split]):
            digest.update(json.dumps(row).encode())
            digest.update(b"\n")
    return digest.hexdigest()


def named_rows(dataset: "Dataset") -> Iterator[list[Any]]:
    """Iterate over the rows of a typed dataset, with the names of tags and labels instead of their ids.

    >>> from datasets import ClassLabel, Dataset, Features, Value
    >>> features = Features({"text": Value("string"), "label": ClassLabel(names=["bad", "good"])})
    >>> list(named_rows(Dataset.from_dict({"text": ["fine"], "label": [1]}, features=features)))
    [['fine', 'good']]
    """
    kept = [name for name in ("tokens", "tags", "text", "spans", "label") if name in dataset.column_names]
    decoders = {name: LabelDecoder(class_names(dataset.features, name)) for name in ("tags", "label") if name in kept}
    for batch in dataset.select_columns(kept).with_format(None).iter(batch_size=1000):
        columns = dict(batch) | {name: decoder.decode_all(batch[name]) for name, decoder in decoders.items()}
        yield from map(list, zip(*(columns[name] for name in kept), strict=True))
