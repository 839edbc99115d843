"""What is wrong with a corpus, and what is worth knowing about it.

::

    train.conll:7: '0' is not a tag of IOB2; did you mean O?
    train.conll:9: I-LOC cannot follow O: IOB2 opens a chunk there with B-LOC (note)
    dev.conll:4: 1 of 2 sentences also occur in train, first this one (note)
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Literal, NamedTuple

from seqkit.data.annotated_rows import AnnotatedRows, annotated_rows
from seqkit.data.annotations import ExportOptions
from seqkit.data.corpora import corpus_name, named_rows, open_corpus, text_file_splits
from seqkit.data.formats import read_file
from seqkit.data.rows import AnnotatedText, Column, TaggedSentence
from seqkit.data.span_validation import span_problems
from seqkit.data.tagged_rows import nothing_to_learn
from seqkit.data.typed_datasets import columns_of
from seqkit.errors import CorpusError
from seqkit.text.gold_tags import GoldTags, read_gold_tags
from seqkit.text.scheme_rules import Scheme
from seqkit.text.tag_format import TagFormat, detect_format

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = ["Problem", "Validation", "validate_corpus"]


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


class Validation(NamedTuple):
    """What is found in a corpus.

    Attributes:
        formats: the format of its tags, in one line; one more for each other split in which tags break the scheme.
        problems: its problems.
    """

    formats: list[str]
    problems: list[Problem]


def validate_corpus(
    spec: "str | PathLike[str] | Dataset | DatasetDict",
    *,
    scheme: Scheme | None = None,
    strict: bool = False,
    token_column: Column = None,
    tag_column: Column = None,
    text_column: Column = None,
    encoding: str = "utf-8",
    options: ExportOptions | None = None,
) -> Validation:
    """Find out the format of the tags of a corpus, and what is wrong with it; nothing is changed.

    Args:
        spec: as for :func:`seqkit.open_corpus`.
        scheme: the tagging scheme that the corpus is meant to be in; by default the one that fits train best.
        strict: whether every tag that breaks the scheme is an error.
        token_column: index or name of the token column.
        tag_column: the same for the tags, or for the labels of texts.
        text_column: the same for texts.
        encoding: encoding of text files.
        options: how to read the export of an annotation tool.

    Returns:
        Errors are what training refuses: files that cannot be read, tags that cannot be read, tags that break a scheme
        that explains too few of the chunks, a train split of one tag. Notes: other tags that break the scheme,
        labels that do not occur in train, sentences that train shares with another split, tags that are withheld, a
        split without any entity. The line of a dataset that is not a text file is the number of the row, from 1.

    Raises:
        CorpusError: the corpus cannot be found.
        ConfigError: the name is not valid.

    >>> from datasets import Dataset
    >>> validate_corpus(Dataset.from_dict({"tokens": [["Ada", "ran"]], "tags": [["I-PER", "O"]]})).formats
    ['Dataset (train): tags in IOB1']
    """
    columns = (token_column, tag_column, text_column)
    splits, problems = _read_splits(spec, columns, encoding, options or ExportOptions())
    if not splits:
        return Validation([], problems)
    first = "train" if "train" in splits else next(iter(splits))
    tag_format = detect_format((sentence.tags for sentence in splits[first].sentences), scheme=scheme)
    formats = [f"{splits[first].file}: plain tags"]
    if tag_format is not None:
        gold = {
            name: read_gold_tags(
                [sentence.tags for sentence in split.sentences], tag_format, is_format_of_train=name != first
            )
            for name, split in splits.items()
        }
        formats = [_format_line(splits[name], read) for name, read in gold.items() if name == first or read.faults]
        problems += [problem for name, read in gold.items() for problem in _faults(splits[name], read, strict)]
    return Validation(formats, [*problems, *_nothing_to_learn(splits, tag_format), *_notes(splits, tag_format)])


class _Split(NamedTuple):
    file: str
    sentences: list[TaggedSentence]


def _read_splits(
    spec: "str | PathLike[str] | Dataset | DatasetDict",
    columns: tuple[Column, Column, Column],
    encoding: str,
    options: ExportOptions,
) -> tuple[dict[str, _Split], list[Problem]]:
    """Return the splits that have tagged sentences, and what is wrong with others, withheld, or wrong with spans."""
    problems: list[Problem] = []
    splits: dict[str, _Split] = {}
    annotated: dict[str, AnnotatedRows] = {}
    files = text_file_splits(spec)
    if files:
        for split, path in files.items():
            try:
                rows = read_file(path, columns, encoding, options).rows
            except CorpusError as error:
                message = str(error).removeprefix(f"{error.file}:").removeprefix(f"{error.line}:").lstrip()
                problems.append(Problem(error.file or str(path), error.line, message))
            else:
                splits[split] = _Split(str(path), [row for row in rows if isinstance(row, TaggedSentence)])
                if isinstance(rows[0], AnnotatedText):
                    annotated[split] = annotated_rows(columns_of(rows, str(path)))
    else:
        corpus = open_corpus(
            spec,
            token_column=columns[0],
            tag_column=columns[1],
            text_column=columns[2],
            dev_fraction=0,
            offsets=options.offsets,
            from_name=options.from_name,
            annotator=options.annotator,
        )
        for name, dataset in corpus.items():
            whole = _Split(f"{corpus_name(spec)} ({name})", _numbered_sentences(dataset))
            splits[str(name)], withheld = _without_withheld(whole)
            problems += withheld
            if "spans" in dataset.column_names:
                places = [f"{whole.file}:{number}" for number in range(1, len(dataset) + 1)]
                annotated[str(name)] = annotated_rows({"source": places, **dataset.to_dict()})
    problems += [Problem(*each) for each in span_problems(annotated)]
    return {name: split for name, split in splits.items() if split.sentences}, problems


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


def _format_line(split: _Split, gold: GoldTags) -> str:
    line = f"{split.file}: tags in {gold.tag_format}"
    return f"{line}; {gold.summary}" if gold.faults else line


def _faults(split: _Split, gold: GoldTags, strict: bool) -> Iterator[Problem]:
    """Yield the tags of a split that break its scheme: errors if training refuses them, else notes."""
    refused = set(gold.refused(strict=strict))
    for fault in gold.faults:
        line = split.sentences[fault.sentence].lines[fault.illegal.position]
        yield Problem(split.file, line, fault.illegal.reason, "error" if fault in refused else "note")


def _nothing_to_learn(splits: Mapping[str, _Split], tag_format: TagFormat | None) -> Iterator[Problem]:
    if "train" in splits and (tag_format is None or not _entities(splits["train"], tag_format)):
        train = splits["train"]
        if reason := nothing_to_learn(tag for sentence in train.sentences for tag in sentence.tags):
            yield Problem(train.file, None, reason)


def _entities(split: _Split, tag_format: TagFormat) -> set[str]:
    tags = {tag for sentence in split.sentences for tag in sentence.tags}
    return {_name(tag, tag_format) for tag in tags} - {""}


def _name(tag: str, tag_format: TagFormat | None) -> str:
    """Return what a model learns to predict by a tag: the label of its chunk, or the tag itself if it is plain."""
    mark = None if tag_format is None else tag_format.notation.read(tag)
    return tag if mark is None else mark.label


def _notes(splits: Mapping[str, _Split], tag_format: TagFormat | None) -> Iterator[Problem]:
    for split, (file, sentences) in splits.items():
        if split != "train" and all(tag == "O" for sentence in sentences for tag in sentence.tags):
            yield Problem(file, None, "every tag is O: there is no entity to find", "note")
    train = splits["train"].sentences if "train" in splits else []
    known_names = {_name(tag, tag_format) for sentence in train for tag in sentence.tags}
    known_sentences = {tuple(sentence.tokens) for sentence in train}
    for split, (file, sentences) in splits.items():
        if split == "train" or not train:
            continue
        for tag, line in _first_lines(sentences).items():
            if _name(tag, tag_format) not in known_names:
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
