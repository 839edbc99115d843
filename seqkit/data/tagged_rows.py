"""Tagged sentences as plain lists: what a tagging task reads, whatever the origin of the corpus.

::

    {"tokens": [["Ada", "ran"]], "tags": [["B-PER", "O"]], "source": ["train.conll:1"]}
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NotRequired, TypedDict, final

from seqkit.data.label_ids import LabelDecoder, class_names
from seqkit.errors import CorpusError
from seqkit.text.tagging_schemes import Scheme, Span, detect_scheme, illegal_tags, spans_from_tags

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["TaggedRows", "UnmatchedSpan", "check_lengths", "gold_spans", "rows_of", "source_of"]


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


def rows_of(data: "Dataset | Mapping[str, Any] | TaggedRows") -> TaggedRows:
    """Return the columns of a typed dataset, or of a mapping, as lists, with the names of tags.

    Raises:
        CorpusError: there are no tokens or no tags, or a tag is withheld or has no name; with the file and line of the
            sentence if they are known.

    >>> rows_of({"tokens": [["Ada"]], "tags": [[-1]]})
    Traceback (most recent call last):
        ...
    seqkit.errors.CorpusError: sentence 1: labels are numbers without names (such as -1); store the names
    """
    given = list(data) if isinstance(data, Mapping) else data.column_names
    if "tokens" not in given or "tags" not in given:
        there = ", ".join(map(str, given)) or "nothing"
        raise CorpusError(f"tagging needs tokens and tags; this corpus has {there}")
    columns: Mapping[str, Any] = data if isinstance(data, Mapping) else data.to_dict()
    names = None if isinstance(data, Mapping) else class_names(data.features, "tags")
    rows: TaggedRows = {"tokens": columns["tokens"], "tags": columns["tags"]}
    if "source" in columns:
        rows["source"] = columns["source"]
    rows["tags"] = _decode_tags(rows, LabelDecoder(names))
    return rows


def _decode_tags(rows: TaggedRows, decoder: LabelDecoder) -> list[list[str]]:
    decoded: list[list[str]] = []
    for number, tags in enumerate(rows["tags"]):
        try:
            names: list[Any] = [None] if tags is None else decoder.decode_all(tags)
        except CorpusError as error:
            raise _corpus_error(rows, number, str(error)) from None
        if None in names:
            message = "its tags are withheld, as in the test split of a shared task; choose a split with tags"
            raise _corpus_error(rows, number, message)
        decoded.append(names)
    return decoded


def gold_spans(rows: TaggedRows, scheme: str | None = None) -> list[list[Span]]:
    """Return the entities that the tags of each sentence mark.

    Args:
        rows: ``tags``, and ``source`` (``file:line`` of each sentence) if it is known.
        scheme: the scheme of the tags; by default it is detected.

    Raises:
        CorpusError: a sequence of tags is illegal, or tags have no prefixes; nothing is repaired.

    >>> gold_spans({"tags": [["B-PER", "I-PER", "O"]]})
    [[Span(start=0, end=2, label='PER')]]
    """
    known = Scheme.parse(scheme) if scheme else detect_scheme(rows["tags"])
    if known is None:
        _check_all_outside(rows)
        return [[] for _ in rows["tags"]]
    for number, tags in enumerate(rows["tags"]):
        if illegal := illegal_tags(tags, known):
            raise _corpus_error(
                rows,
                number,
                f"token {illegal[0].position + 1} of the sentence: {illegal[0].reason} ({known}); 'seqkit corpora"
                " validate' lists every illegal tag; --corpus-scheme names another scheme",
            )
    return [spans_from_tags(tags, known) for tags in rows["tags"]]


def _check_all_outside(rows: TaggedRows) -> None:
    for number, tags in enumerate(rows["tags"]):
        for tag in tags:
            if tag != "O":
                message = f"{tag!r} has no scheme prefix such as B-, so it marks no entity; for plain tags, use"
                raise _corpus_error(rows, number, f"{message} 'seqkit train pos'")


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
