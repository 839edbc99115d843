"""Tagged sentences as plain lists: what a tagging task reads, whatever the origin of the corpus.

::

    {"tokens": [["Ada", "ran"]], "tags": [["B-PER", "O"]], "source": ["train.conll:1"]}
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, NotRequired, TypedDict, cast, final

from seqkit.data.column_names import TAGS, TEXT, TOKENS, first_present
from seqkit.data.in_memory import is_dataset, is_missing, list_of, read_columns
from seqkit.data.label_ids import LabelDecoder
from seqkit.data.text_files import shown
from seqkit.errors import ConfigError, CorpusError, SeqkitWarning
from seqkit.text.gold_tags import Fault, GoldTags, read_gold_tags
from seqkit.text.tag_format import TagFormat, detect_format
from seqkit.text.tagging_schemes import Span

__all__ = [
    "TaggedRows",
    "UnmatchedSpan",
    "check_lengths",
    "check_tags_differ",
    "gold_spans",
    "nothing_to_learn",
    "rows_of",
    "source_of",
    "texts_or_words",
    "words_of",
]


class UnmatchedSpan(NamedTuple):
    """A gold span that no tokens match, so that no tagger can find it.

    >>> UnmatchedSpan("Indi", "GPE").label
    'GPE'
    """

    text: str
    label: str


@final
class TaggedRows(TypedDict):
    """Tagged sentences, one entry per sentence.

    ``tags`` is missing if they are not known, ``source`` (``file:line``) if the sentences do not come from a file,
    ``unmatched`` if the tags do not come from character spans.
    """

    tokens: Sequence[Sequence[str]]
    tags: NotRequired[Sequence[Sequence[str]]]
    source: NotRequired[Sequence[str]]
    unmatched: NotRequired[Sequence[Sequence[UnmatchedSpan]]]


def rows_of(data: object) -> TaggedRows:
    """Return tagged sentences as lists of strings, with the names of tags.

    Args:
        data: a ``Dataset``, also a streamed one, a data frame, a mapping or a list of mappings, with a list of tokens
            and a list of tags for each sentence: under ``tokens`` and ``tags``, or else under one of the other names
            that ``seqkit.data.column_names`` lists.

    Raises:
        CorpusError: there are no tokens or no tags, a token is not a string, or a tag is missing, withheld or without a
            name; with the file and line of the sentence if they are known.

    >>> rows_of([{"words": ["Ada"], "ner_tags": ["B-PER"]}])
    {'tokens': [['Ada']], 'tags': [['B-PER']]}
    """
    found = read_columns(data, {"tokens": TOKENS, "tags": TAGS, "source": ("source",)})
    if found is None:
        kind = type(data).__name__
        raise CorpusError(f"tagging needs tokens and tags: give a dataset, a data frame or a mapping, not a {kind}")
    if not {"tokens", "tags"} <= found.columns.keys():
        raise CorpusError(
            f"tagging needs tokens and tags, or texts and spans; this corpus has {', '.join(found.names) or 'nothing'};"
            " name the columns with --token-column and --tag-column"
        )
    rows: TaggedRows = {"tokens": [], "tags": []}
    source = found.columns.get("source", [])
    if source and len(source) == len(found.columns["tokens"]):
        rows["source"] = list(map(str, source))
    rows["tokens"] = [_in_row(rows, number, words_of, cell) for number, cell in enumerate(found.columns["tokens"])]
    read_tags = partial(_names_of, LabelDecoder(found.class_names.get("tags")))
    rows["tags"] = [_in_row(rows, number, read_tags, cell) for number, cell in enumerate(found.columns["tags"])]
    return rows


def texts_or_words(data: object) -> Iterator[str | list[str]]:
    """Iterate over texts to be tagged, each a string or a list of words.

    Args:
        data: an iterable of strings and of lists of words; or anything that :func:`rows_of` reads, of which the tokens
            are taken, or else the column ``text``. Iterators and datasets are read as they are iterated over.

    Raises:
        ConfigError: a single text is given instead of a list.
        CorpusError: there is no such column, or a text is neither a string nor a list of words; with its number.

    >>> list(texts_or_words(["Ada ran", ("Bo", "ran"), {"words": ["Bo"]}]))
    ['Ada ran', ['Bo', 'ran'], ['Bo']]
    """
    if isinstance(data, str) or not isinstance(data, Iterable):
        given = "one text" if isinstance(data, str) else f"a {type(data).__name__}"
        raise ConfigError(f"give a list of texts, such as [text], not {given}")
    found = None if is_dataset(data) else read_columns(data, {"tokens": TOKENS, "text": TEXT[:1]})
    if found is not None and not found.columns:
        raise CorpusError(f"there are no tokens and no text, only {', '.join(found.names) or 'nothing'}")
    texts = data if found is None else found.columns.get("tokens", found.columns.get("text", []))
    return (_text_or_words(text, number) for number, text in enumerate(texts, start=1))


def _text_or_words(given: object, number: int) -> str | list[str]:
    text = given
    if isinstance(given, Mapping):
        name = first_present((*TOKENS, *TEXT[:1]), given)
        if name is None:
            raise CorpusError(
                f"text {number} has no tokens and no text, only {', '.join(map(str, given)) or 'nothing'}"
            )
        text = given[name]
    if isinstance(text, str):
        return text
    if list_of(text) is None:
        value = shown(text)
        raise CorpusError(f"text {number} is {value}, which is neither a string nor a list of words; leave it out")
    try:
        return words_of(text)
    except CorpusError as error:
        raise CorpusError(f"text {number}: {error}") from None


def words_of(cell: object) -> list[str]:
    """Return the words of a text that is split into words already.

    Args:
        cell: a list, tuple or array of strings.

    Raises:
        CorpusError: it is something else.

    >>> words_of(("Ada", None))
    Traceback (most recent call last):
        ...
    seqkit.errors.CorpusError: token 2 is None, which is not a string; correct it, or leave the sentence out
    """
    words = list_of(cell)
    if words is None:
        raise CorpusError(f"a list of tokens is needed, not {shown(cell)}")
    if set(map(type, words)) == {str}:  # a corpus has millions of tokens, so the usual case must be fast
        return cast("list[str]", words)
    for position, word in enumerate(words, start=1):
        if not isinstance(word, str):
            value = shown(word)
            message = f"token {position} is {value}, which is not a string; correct it, or leave the sentence out"
            raise CorpusError(message)
    return list(map(str, words))


def _names_of(decoder: LabelDecoder, cell: object) -> list[str]:
    tags = [None] if is_missing(cell) else list_of(cell)
    if tags is None:
        raise CorpusError(f"a list of tags is needed, not {shown(cell)}")
    kinds = set(map(type, tags))
    if kinds == {str}:  # as for tokens
        return cast("list[str]", tags)
    if kinds != {int}:
        tags = [None if is_missing(tag) else tag for tag in tags]
    names = list(map(decoder.decode, tags))
    if None in names:
        raise CorpusError("its tags are withheld, as in the test split of a shared task; choose a split with tags")
    return cast("list[str]", names)


def _in_row(rows: TaggedRows, number: int, read: Callable[[object], list[str]], cell: object) -> list[str]:
    """Return what ``read`` makes of a cell; an error of it names the row."""
    try:
        return read(cell)
    except CorpusError as error:
        raise _corpus_error(rows, number, str(error)) from None


def gold_spans(
    rows: TaggedRows, tag_format: TagFormat | None = None, *, strict: bool = False, is_format_of_train: bool = False
) -> list[list[Span]]:
    """Return the entities that the tags of each sentence mark, by the rules of conlleval.

    One warning names the first tag that breaks the scheme, and the number of such tags.

    Args:
        rows: ``tags``, and ``source`` (``file:line`` of each sentence) if it is known.
        tag_format: the format of the tags; by default it is detected.
        strict: whether to refuse tags that break their scheme instead of warning about them.
        is_format_of_train: whether this is another split than train and the format is that of train.

    Raises:
        CorpusError: a tag cannot be read, the scheme explains too few of the chunks, or tags are plain.

    >>> gold_spans({"tags": [["B-PER", "I-PER", "O"]]})
    [[Span(start=0, end=2, label='PER')]]
    """
    tags = rows["tags"]
    tag_format = tag_format or detect_format(tags)
    if tag_format is None:
        _check_all_outside(rows)
        return [[] for _ in tags]
    if tag_format.notation.order == "label alone" and not is_format_of_train:
        message = f"the tags are in {tag_format}; for plain tags, use 'seqkit train pos'"
        warnings.warn(message, SeqkitWarning, stacklevel=2)
    gold = read_gold_tags(tags, tag_format, is_format_of_train=is_format_of_train)
    if refused := gold.refused(strict=strict):
        raise _corpus_error(rows, refused[0].sentence, _refusal(rows, gold, refused, strict=strict))
    if gold.faults:
        remedy = f"chunks are read by the rules of conlleval: {_LISTED}, --strict refuses them"
        message = f"{_fault(gold.faults[0])}; {gold.summary}; {remedy}"
        warnings.warn(str(_corpus_error(rows, gold.faults[0].sentence, message)), SeqkitWarning, stacklevel=2)
    return gold.spans


_LISTED = "'seqkit corpora validate' lists every illegal tag"


def _fault(fault: Fault) -> str:
    return f"token {fault.illegal.position + 1} of the sentence: {fault.illegal.reason}"


def _refusal(rows: TaggedRows, gold: GoldTags, refused: Sequence[Fault], *, strict: bool) -> str:
    """Say why a corpus is refused: its first fault, where there are more, and what to do."""
    first = _fault(refused[0])
    places = [source_of(rows, fault.sentence) or ("", fault.sentence + 1) for fault in refused]
    others = list(dict.fromkeys(str(number) for _, number in places))[1:]
    unit = ("line" if "source" in rows else "sentence") + ("s" if others[1:] else "")
    more = " and others" if others[5:] else ""
    where = f"also in {unit} {', '.join(others[:5])}{more}" if others else ""
    if gold.explains_enough and not strict:  # only what cannot be read
        return f"{first} ({where}; {_LISTED})" if others else first
    remedy = "--corpus-scheme names another scheme"
    if gold.explains_enough:
        remedy = "without --strict they are read by the rules of conlleval"
    return "; ".join(filter(None, [first, gold.summary, where, _LISTED, remedy]))


def _check_all_outside(rows: TaggedRows) -> None:
    for number, tags in enumerate(rows["tags"]):
        for tag in tags:
            if tag != "O":
                message = f"{tag!r} has no scheme prefix such as B-, so it marks no entity; for plain tags, use"
                raise _corpus_error(rows, number, f"{message} 'seqkit train pos'")


def nothing_to_learn(tags: Iterable[str]) -> str | None:
    """Return why there is nothing to learn from the tags of a training split; None if they differ.

    >>> nothing_to_learn(["_", "_"])
    "there is nothing to learn from the training split: every tag is '_'; choose another tag column or corpus"
    """
    different = set(tags)
    if different == {"O"}:
        return "the training split has no entity: every tag is O; annotate some, or choose another corpus"
    if len(different) > 1:
        return None
    only = "".join(f"every tag is {tag!r}" for tag in different) or "there is no tag"
    return f"there is nothing to learn from the training split: {only}; choose another tag column or corpus"


def check_tags_differ(rows: TaggedRows, tags: Iterable[str]) -> None:
    """Make sure that there is something to learn from training rows.

    Args:
        rows: the rows.
        tags: what their tags say; ``O`` alone if they mark no entity.

    Raises:
        CorpusError: all tags are the same; with the file of the rows if it is known.

    >>> check_tags_differ({"tokens": [["rain"]], "tags": [["O"]], "source": ["train.conll:1"]}, ["O"])
    Traceback (most recent call last):
        ...
    seqkit.errors.CorpusError: train.conll: the training split has no entity: every tag is O; annotate some, or ...
    """
    if reason := nothing_to_learn(tags):
        source = source_of(rows, 0)
        raise CorpusError(reason, file=source and source[0])


def check_lengths(rows: TaggedRows) -> None:
    """Make sure that every sentence has tokens, and one tag for each of them if there are tags.

    Raises:
        CorpusError: a sentence has not; with its file and line if they are known.

    >>> check_lengths({"tokens": [["Ada", "ran"]], "tags": [["B-PER"]]})
    Traceback (most recent call last):
        ...
    seqkit.errors.CorpusError: sentence 1: 2 tokens but 1 tags; each token needs one tag
    """
    tokens, tags = rows["tokens"], rows.get("tags", rows["tokens"])
    if len(tokens) != len(tags):
        message = f"{len(tokens)} sentences of tokens but {len(tags)} of tags; each sentence needs one list of tags"
        raise CorpusError(message)
    for number, (words, labels) in enumerate(zip(tokens, tags, strict=True)):
        if not words:
            raise _corpus_error(rows, number, "the sentence has no token; leave it out")
        if len(words) != len(labels):
            message = f"{len(words)} tokens but {len(labels)} tags; each token needs one tag"
            raise _corpus_error(rows, number, message)


def source_of(rows: TaggedRows, number: int) -> tuple[str, int] | None:
    """Return the file and line of a sentence, counted from 0; None if they are not known.

    >>> source_of({"tokens": [["Ada"]], "source": ["train.conll:7"]}, 0)
    ('train.conll', 7)
    """
    file, _, line = str(rows["source"][number] if "source" in rows else "").rpartition(":")
    return (file, int(line)) if file and line.isdecimal() else None


def _corpus_error(rows: TaggedRows, number: int, message: str) -> CorpusError:
    """Make an error about a sentence, counted from 0, with its file and line if they are known."""
    source = source_of(rows, number)
    if source is None:
        return CorpusError(f"sentence {number + 1}: {message}")
    return CorpusError(message, file=source[0], line=source[1])
