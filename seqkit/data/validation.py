"""What is wrong with a corpus, and what is worth knowing about it.

::

    train.conll:7: I-LOC cannot follow O: IOB2 opens a chunk there with B-LOC
    dev.conll:4: 1 of 2 sentences also occur in train, first this one (note)
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Literal, NamedTuple

from seqkit.data.corpora import corpus_name, named_rows, open_corpus, text_file_splits
from seqkit.data.formats import read_rows
from seqkit.data.rows import Column, TaggedSentence
from seqkit.errors import CorpusError
from seqkit.text.tagging_schemes import Scheme, detect_scheme, illegal_tags

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = ["Problem", "validate_corpus"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a corpus (an error) or worth knowing about it (a note).

    >>> print(Problem("train.conll", 7, "I-PER cannot start a sentence"))
    train.conll:7: I-PER cannot start a sentence
    """

    file: str
    line: int | None
    message: str
    level: Literal["error", "note"] = "error"

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.message}"


def validate_corpus(
    spec: "str | PathLike[str] | Dataset | DatasetDict",
    *,
    scheme: Scheme | None = None,
    token_column: Column = None,
    tag_column: Column = None,
    text_column: Column = None,
    encoding: str = "utf-8",
) -> list[Problem]:
    """Look for what is wrong with a corpus; nothing is changed.

    Args:
        spec: as for :func:`seqkit.open_corpus`.
        scheme: the tagging scheme that the corpus is meant to be in; by default the one that fits best.
        token_column: index or name of the token column.
        tag_column: the same for the tags, or for the labels of texts.
        text_column: the same for texts.
        encoding: encoding of text files.

    Returns:
        Errors: files that cannot be read, and tags that are illegal in the scheme. Notes: labels that do not occur in
        train, sentences that train shares with another split, tags that are withheld, a corpus without any entity. The
        line of a dataset that is not a text file is the number of the row, from 1.

    Raises:
        CorpusError: the corpus cannot be found.
        ConfigError: the name is not valid.

    >>> from datasets import Dataset
    >>> dataset = Dataset.from_dict({"tokens": [["Ada", "ran"]], "tags": [["I-PER", "O"]]})
    >>> [problem.line for problem in validate_corpus(dataset, scheme=Scheme.IOB2)]
    [1]
    """
    problems: list[Problem] = []
    splits: dict[str, _Split] = {}
    files = text_file_splits(spec)
    if files:
        for split, path in files.items():
            try:
                rows = read_rows(
                    path,
                    token_column=token_column,
                    tag_column=tag_column,
                    text_column=text_column,
                    encoding=encoding,
                )
            except CorpusError as error:
                message = str(error).removeprefix(f"{error.file}:").removeprefix(f"{error.line}:").lstrip()
                problems.append(Problem(error.file or str(path), error.line, message))
            else:
                splits[split] = _Split(str(path), [row for row in rows if isinstance(row, TaggedSentence)])
    else:
        corpus = open_corpus(
            spec, token_column=token_column, tag_column=tag_column, text_column=text_column, dev_fraction=0
        )
        for name, dataset in corpus.items():
            whole = _Split(f"{corpus_name(spec)} ({name})", _numbered_sentences(dataset))
            splits[str(name)], withheld = _without_withheld(whole)
            problems += withheld
    return [*problems, *_illegal(splits.values(), scheme), *_notes(splits)]


class _Split(NamedTuple):
    file: str
    sentences: list[TaggedSentence]


def _numbered_sentences(dataset: "Dataset") -> list[TaggedSentence]:
    if "tags" not in dataset.column_names:
        return []
    rows = enumerate(named_rows(dataset), start=1)
    return [TaggedSentence(tokens, tags or [None], [number] * len(tokens)) for number, (tokens, tags) in rows]


def _without_withheld(split: _Split) -> tuple[_Split, list[Problem]]:
    """Leave out the sentences with tags that are withheld, of which there is nothing to check, and note how many."""
    known = [sentence for sentence in split.sentences if None not in sentence.tags]
    count = len(split.sentences) - len(known)
    if not count:
        return split, []
    message = f"the tags of {count} of {len(split.sentences)} sentences are withheld, so no score can be computed"
    return _Split(split.file, known), [Problem(split.file, None, message, "note")]


def _illegal(splits: Collection[_Split], scheme: Scheme | None) -> Iterator[Problem]:
    scheme = scheme or detect_scheme(sentence.tags for split in splits for sentence in split.sentences)
    if scheme is None:  # plain tags, which may come in any order
        return
    for file, sentences in splits:
        for sentence in sentences:
            for illegal in illegal_tags(sentence.tags, scheme):
                yield Problem(file, sentence.lines[illegal.position], illegal.reason)


def _notes(splits: Mapping[str, _Split]) -> Iterator[Problem]:
    for file, sentences in splits.values():
        if sentences and all(tag == "O" for sentence in sentences for tag in sentence.tags):
            yield Problem(file, None, "every tag is O: there is no entity to learn or to find", "note")
    train = splits["train"].sentences if "train" in splits else []
    known_tags = {tag for sentence in train for tag in sentence.tags}
    known_sentences = {tuple(sentence.tokens) for sentence in train}
    for split, (file, sentences) in splits.items():
        if split == "train" or not train:
            continue
        for tag, line in _first_lines(sentences).items():
            if tag not in known_tags:
                yield Problem(file, line, f"{tag} does not occur in train, so no model can learn it", "note")
        shared = [sentence.line for sentence in sentences if tuple(sentence.tokens) in known_sentences]
        if shared:
            message = f"{len(shared)} of {len(sentences)} sentences also occur in train, first this one"
            yield Problem(file, shared[0], message, "note")


def _first_lines(sentences: Iterable[TaggedSentence]) -> dict[str, int]:
    first: dict[str, int] = {}
    for sentence in sentences:
        for tag, line in zip(sentence.tags, sentence.lines, strict=True):
            first.setdefault(tag, line)
    return first
