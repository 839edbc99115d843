"""Corpora: whatever a name or a path stands for, opened as one typed ``datasets.DatasetDict``.

Three lines of ``train.conll`` and the row of ``open_corpus("./folder")["train"]`` they become::

    Ada<TAB>B-PER
    ran<TAB>O           {"tokens": ["Ada", "ran"], "tags": [1, 0], "source": "folder/train.conll:1"}
    <blank line>

What a name may be is told in :mod:`seqkit.data.corpus_names`, what a file may be in :mod:`seqkit.data.formats`.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from seqkit.data.corpus_names import (
    CorpusSpec,
    corpus_files,
    list_embedded,
    read_card,
    resolve_spec,
)
from seqkit.data.formats import Column, TaggedSentence, read_rows
from seqkit.data.hub import HubCorpus, known_hub_corpus, load_hub
from seqkit.data.typed_datasets import Columns, build_corpus, columns_of, deal, normalize_corpus
from seqkit.errors import ConfigError, CorpusError
from seqkit.text.tagging_schemes import Scheme, detect_scheme, illegal_tags

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = [
    "CorpusSpec",
    "Problem",
    "corpus_files",
    "corpus_fingerprint",
    "list_embedded",
    "open_corpus",
    "read_card",
    "require_split",
    "resolve_spec",
    "validate_corpus",
]


def open_corpus(
    spec: "str | PathLike[str] | Dataset | DatasetDict",
    *,
    token_column: Column = None,
    tag_column: Column = None,
    text_column: str | None = None,
    encoding: str = "utf-8",
    dev_fraction: float = 0.1,
    test_fraction: float = 0.0,
    seed: int = 1,
) -> "DatasetDict":
    """Open a corpus: an embedded one, one of the hub, a local file or folder, or a dataset at hand.

    Args:
        spec: the name of a corpus, or a path, or a ``Dataset`` or ``DatasetDict``.
        token_column: index or name of the token column, where it is not the usual one.
        tag_column: the same for the tags, or for the labels of texts.
        text_column: name of the column of labelled texts, where it is not ``text``.
        encoding: of text files.
        dev_fraction: the share of train that becomes dev where dev is missing; 0 leaves it missing. It is
            made of whole documents where documents are marked, of the end of plain text, else of sentences.
        test_fraction: the same for test.
        seed: of that choice.

    Returns:
        The splits ``train``, ``dev`` and ``test`` as far as there are, with typed features: ``tokens`` and
        ``tags``, or ``text`` and ``label`` (of texts that may have several, a list), or ``text``; ``document`` where
        documents are marked; ``source`` (``file:line``) for rows read from a text file. Labels of train come first,
        ``O`` before all.

    Raises:
        CorpusError: the corpus cannot be found or read; with file and line where there are.
        ConfigError: the name or a fraction has no meaning.

    >>> from datasets import Dataset
    >>> dataset = Dataset.from_dict({"tokens": [["Ada"], ["Bo"]], "tags": [["B-PER"], ["B-PER"]]})
    >>> sorted(open_corpus(dataset, dev_fraction=0.5))
    ['dev', 'train']
    """
    fractions = {"dev": dev_fraction, "test": test_fraction}
    for split, fraction in fractions.items():
        if not 0 <= fraction < 1:
            raise ConfigError(f"{split}_fraction must be at least 0 and below 1, not {fraction}")
    files = corpus_files(spec) if isinstance(spec, str | PathLike) else {}
    if files and not _are_parquet(files):
        splits = {}
        for split, path in files.items():
            rows = read_rows(
                path, token_column=token_column, tag_column=tag_column, text_column=text_column, encoding=encoding
            )
            splits[split] = columns_of(rows, str(path))
        _check_same_kind(splits, files)
        return build_corpus(_share_columns(splits, fractions, seed, _name_of(spec)))
    corpus = _stored_corpus(spec, files, token_column, tag_column, text_column)
    return _share_datasets(corpus, fractions, seed, _name_of(spec))


def _name_of(spec: object) -> str:
    return fspath(spec) if isinstance(spec, str | PathLike) else type(spec).__name__


def _are_parquet(files: Mapping[str, Path]) -> bool:
    kinds = {path.suffix.lower() == ".parquet" for path in files.values()}
    if len(kinds) > 1:
        names = ", ".join(path.name for path in files.values())
        raise CorpusError(f"Parquet and other files do not make one corpus: {names}")
    return True in kinds


def _check_same_kind(splits: Mapping[str, Columns], files: Mapping[str, Path]) -> None:
    kinds = {split: sorted({"tags", "label", "text"} & columns.keys()) for split, columns in splits.items()}
    first = next(iter(kinds))
    for split, kind in kinds.items():
        if kind != kinds[first]:
            message = f"this file has {' and '.join(kind)}, but {files[first].name} has {' and '.join(kinds[first])}"
            raise CorpusError(message, file=files[split])


def _stored_corpus(
    spec: "str | PathLike[str] | Dataset | DatasetDict",
    files: Mapping[str, Path],
    tokens: Column,
    tags: Column,
    text: str | None,
) -> "DatasetDict":
    """Whatever ``datasets`` stores itself: on the hub, on disk, as Parquet, or in memory."""
    if isinstance(tokens, int) or isinstance(tags, int):
        raise CorpusError("the columns of a dataset are named, not numbered", file=_name_of(spec))
    known = None
    if isinstance(spec, str | PathLike):
        resolved = resolve_spec(spec)
        stored: Mapping[str, Dataset]
        if resolved.kind == "hub":
            known = known_hub_corpus(resolved.name)
            stored = load_hub(resolved.name, resolved.config)
        else:
            stored = _read_parquet(files) if files else _load_saved(Path(resolved.name).expanduser())
    else:
        stored = _as_splits(spec)
    known = known or HubCorpus(token_column="", tag_column="")
    return normalize_corpus(
        stored,
        where=_name_of(spec),
        token_column=tokens or known.token_column or None,
        tag_column=tags or known.tag_column or None,
        text_column=text,
        names=known.names,
        not_a_word=known.not_a_word,
    )


def _as_splits(loaded: object) -> "Mapping[str, Dataset]":
    from datasets import Dataset, DatasetDict

    if isinstance(loaded, DatasetDict):
        return {str(split): dataset for split, dataset in loaded.items()}
    if isinstance(loaded, Dataset):
        return {"train": loaded}
    raise ConfigError(f"a corpus is a name, a path, a Dataset or a DatasetDict, not {type(loaded).__name__}")


def _load_saved(folder: Path) -> "Mapping[str, Dataset]":
    from datasets import load_from_disk

    try:
        return _as_splits(load_from_disk(str(folder)))
    except (OSError, ValueError, KeyError) as error:
        raise CorpusError(f"this saved dataset is damaged: {error}", file=folder) from None


def _read_parquet(files: Mapping[str, Path]) -> "Mapping[str, Dataset]":
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import Dataset

    splits = {}
    for split, path in files.items():
        try:
            splits[split] = Dataset(pq.read_table(path))
        except (OSError, pa.ArrowException) as error:
            raise CorpusError(f"this Parquet file is damaged: {error}", file=path) from None
    return splits


def _share_columns(
    splits: Mapping[str, Columns], fractions: Mapping[str, float], seed: int, where: str
) -> Mapping[str, Columns]:
    train = splits.get("train", {})
    missing = _missing(splits, fractions)
    if not missing:
        return splits
    shares = deal(
        len(train["source"]),
        missing,
        seed=seed,
        documents=train.get("document"),
        in_order=_is_running_text(train),
        where=where,
    )
    return {**splits} | {
        split: {name: [cells[row] for row in rows] for name, cells in train.items()} for split, rows in shares.items()
    }


def _share_datasets(corpus: "DatasetDict", fractions: Mapping[str, float], seed: int, where: str) -> "DatasetDict":
    missing = _missing(corpus, fractions)
    if missing:
        train = corpus["train"]
        columns = train.column_names
        shares = deal(
            len(train),
            missing,
            seed=seed,
            documents=train["document"][:] if "document" in columns else None,
            in_order=_is_running_text(columns),
            where=where,
        )
        for split, rows in shares.items():
            corpus[split] = train.select(rows)
    return corpus


def _missing(splits: Collection[str], fractions: Mapping[str, float]) -> dict[str, float]:
    return {split: share for split, share in fractions.items() if share and split not in splits and "train" in splits}


def _is_running_text(columns: Collection[str]) -> bool:
    return "tags" not in columns and "label" not in columns


def require_split(corpus: "DatasetDict", name: str) -> "Dataset":
    """A split of a corpus.

    Raises:
        CorpusError: it is missing; the message names the splits there are.

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
    """SHA-256 of what a corpus says: its splits, tokens and tags, or texts and labels, in order.

    Where it was read from, and in which order labels are numbered, does not matter.

    >>> from datasets import Dataset, DatasetDict
    >>> corpus_fingerprint(DatasetDict(train=Dataset.from_dict({"text": ["one"]})))[:8]
    '31a2b55d'
    """
    digest = hashlib.sha256()
    for split in sorted(corpus):
        digest.update(f"{split}\n".encode())
        for row in _rows_with_names(corpus[split]):
            digest.update(json.dumps(row).encode())
            digest.update(b"\n")
    return digest.hexdigest()


def _rows_with_names(dataset: "Dataset") -> Iterator[list[Any]]:
    """The rows of a typed dataset, with the names of tags and labels instead of their numbers."""
    features: Any = dataset.features
    kept = [name for name in ("tokens", "tags", "text", "label") if name in features]
    for batch in dataset.select_columns(kept).iter(batch_size=1000):
        columns = dict(batch)
        if "tags" in columns:
            columns["tags"] = [_names(features["tags"].feature, tags) for tags in columns["tags"]]
        if "label" in columns:
            label = features["label"]
            columns["label"] = (
                _names(label, columns["label"])
                if hasattr(label, "names")
                else [each and _names(label.feature, each) for each in columns["label"]]
            )
        yield from map(list, zip(*(columns[name] for name in kept), strict=True))


def _names(feature: Any, numbers: Sequence[int | None]) -> list[str | None]:
    return [feature.names[number] if number is not None and number >= 0 else None for number in numbers]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a corpus (an error), or worth knowing about it (a note).

    >>> print(Problem("train.conll", 7, "I-PER cannot start a sentence"))
    train.conll:7: I-PER cannot start a sentence
    """

    file: str
    line: int | None
    message: str
    level: Literal["error", "note"] = "error"

    def __str__(self) -> str:
        return f"{self.file}{'' if self.line is None else f':{self.line}'}: {self.message}"


def validate_corpus(
    spec: "str | PathLike[str] | Dataset | DatasetDict",
    *,
    scheme: Scheme | None = None,
    token_column: Column = None,
    tag_column: Column = None,
    encoding: str = "utf-8",
) -> list[Problem]:
    """Look for what is wrong with a corpus; nothing is changed.

    Args:
        spec: as for :func:`open_corpus`.
        scheme: the tagging scheme the corpus is meant to be in; the one that fits best where not given.
        token_column: index or name of the token column.
        tag_column: the same for the tags.
        encoding: of text files.

    Returns:
        Errors: files that cannot be read and tags that are illegal in the scheme. Notes: labels that train
        lacks, sentences that train shares with another split, a corpus without any entity. The line of a
        dataset that is no text file is the number of the row, from 1.

    Raises:
        CorpusError: the corpus cannot be found.
        ConfigError: the name has no meaning.

    >>> from datasets import Dataset
    >>> dataset = Dataset.from_dict({"tokens": [["Ada", "ran"]], "tags": [["I-PER", "O"]]})
    >>> [problem.line for problem in validate_corpus(dataset, scheme=Scheme.IOB2)]
    [1]
    """
    problems: list[Problem] = []
    splits: dict[str, tuple[str, list[TaggedSentence]]] = {}
    files = corpus_files(spec) if isinstance(spec, str | PathLike) else {}
    if files and not _are_parquet(files):
        for split, path in files.items():
            try:
                rows = read_rows(path, token_column=token_column, tag_column=tag_column, encoding=encoding)
            except CorpusError as error:
                message = str(error).removeprefix(f"{error.file}:").removeprefix(f"{error.line}:").lstrip()
                problems.append(Problem(error.file or str(path), error.line, message))
            else:
                splits[split] = str(path), [row for row in rows if isinstance(row, TaggedSentence)]
    else:
        corpus = open_corpus(spec, token_column=token_column, tag_column=tag_column, dev_fraction=0)
        for split, dataset in corpus.items():
            splits[str(split)] = f"{_name_of(spec)} ({split})", _numbered_sentences(dataset)
    return problems + list(_illegal(splits, scheme)) + list(_notes(splits))


def _numbered_sentences(dataset: "Dataset") -> list[TaggedSentence]:
    if "tags" not in dataset.column_names:
        return []
    rows = enumerate(_rows_with_names(dataset), start=1)
    return [TaggedSentence(tokens, tags, [number] * len(tokens)) for number, (tokens, tags) in rows]


def _illegal(splits: Mapping[str, tuple[str, Sequence[TaggedSentence]]], scheme: Scheme | None) -> Iterator[Problem]:
    scheme = scheme or detect_scheme(sentence.tags for _, sentences in splits.values() for sentence in sentences)
    if scheme is None:  # plain tags, which may stand in any order
        return
    for file, sentences in splits.values():
        for sentence in sentences:
            for illegal in illegal_tags(sentence.tags, scheme):
                yield Problem(file, sentence.lines[illegal.position], illegal.reason)


def _notes(splits: Mapping[str, tuple[str, Sequence[TaggedSentence]]]) -> Iterator[Problem]:
    for file, sentences in splits.values():
        if sentences and all(tag == "O" for sentence in sentences for tag in sentence.tags):
            yield Problem(file, None, "every tag is O: there is no entity to learn or to find", "note")
    _, train = splits.get("train", ("", []))
    known_tags = {tag for sentence in train for tag in sentence.tags}
    known_sentences = {tuple(sentence.tokens): sentence.line for sentence in train}
    for split, (file, sentences) in splits.items():
        if split == "train" or not train:
            continue
        for tag, line in _first_lines(sentences):
            if tag not in known_tags:
                yield Problem(file, line, f"train has no {tag}, so no model can learn it", "note")
        shared = [sentence.line for sentence in sentences if tuple(sentence.tokens) in known_sentences]
        if shared:
            message = f"{len(shared)} of {len(sentences)} sentences are in train too, the first of them this one"
            yield Problem(file, shared[0], message, "note")


def _first_lines(sentences: Iterable[TaggedSentence]) -> Iterable[tuple[str, int]]:
    first: dict[str, int] = {}
    for sentence in sentences:
        for tag, line in zip(sentence.tags, sentence.lines, strict=True):
            first.setdefault(tag, line)
    return first.items()
