"""Tagged sentences as plain lists: what a tagging task reads, whatever the corpus came from.

::

    {"tokens": [["Ada", "ran"]], "tags": [["B-PER", "O"]], "source": ["train.conll:1"]}
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seqkit.errors import CorpusError
from seqkit.text.tagging_schemes import Scheme, Span, detect_scheme, illegal_tags, spans_from_tags

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["check_lengths", "gold_spans", "rows_of", "source_of"]


def rows_of(data: "Dataset | Mapping[str, Any]") -> Mapping[str, Any]:
    """Columns as lists, tags as strings, of a typed dataset or of a mapping that has them already."""
    given = list(data) if isinstance(data, Mapping) else data.column_names
    if "tokens" not in given or "tags" not in given:
        raise CorpusError(f"tagging needs tokens and tags; this corpus has {', '.join(map(str, given)) or 'nothing'}")
    if isinstance(data, Mapping):
        return data
    columns = data.to_dict()
    names = data.features["tags"].feature.names
    return {**columns, "tags": [[names[tag] for tag in tags] for tags in columns["tags"]]}


def gold_spans(rows: Mapping[str, Any], scheme: str | None = None) -> list[list[Span]]:
    """The entities that tags mark.

    Args:
        rows: ``tags``, and ``source`` (``file:line`` of each sentence) where it is known.
        scheme: the scheme of the tags, detected where it is None.

    Raises:
        CorpusError: on the first illegal sequence; nothing is repaired.

    >>> gold_spans({"tags": [["B-PER", "I-PER", "O"]]})
    [[Span(start=0, end=2, label='PER')]]
    """
    known = Scheme.parse(scheme) if scheme else detect_scheme(rows["tags"])
    if known is None:
        for number, tag in ((number, tag) for number, tags in enumerate(rows["tags"]) for tag in tags if tag != "O"):
            raise _corpus_error(
                rows,
                number,
                f"{tag!r} has no scheme prefix such as B-, so it marks no entity; "
                "plain tags are what 'seqkit train pos' is for",
            )
        return [[] for _ in rows["tags"]]
    for number, tags in enumerate(rows["tags"]):
        for problem in illegal_tags(tags, known):
            raise _corpus_error(
                rows,
                number,
                f"token {problem.position + 1} of the sentence: {problem.reason} ({known}); "
                "'seqkit corpora validate' lists every such place; --corpus-scheme names another scheme",
            )
    return [spans_from_tags(tags, known) for tags in rows["tags"]]


def check_lengths(rows: Mapping[str, Any]) -> None:
    """Make sure that every sentence has tokens, and one tag for each where there are tags.

    Raises:
        CorpusError: on the first that has not, with its file and line where they are known.

    >>> check_lengths({"tokens": [["Ada", "ran"]], "tags": [["B-PER"]]})
    Traceback (most recent call last):
        ...
    seqkit.errors.CorpusError: sentence 1: 2 tokens but 1 tags; give each one tag
    """
    tokens, tags = rows["tokens"], rows.get("tags", rows["tokens"])
    if len(tokens) != len(tags):
        raise CorpusError(f"{len(tokens)} sentences of tokens but {len(tags)} of tags; give one list of tags for each")
    for number, (words, labels) in enumerate(zip(tokens, tags, strict=True)):
        if not words:
            raise _corpus_error(rows, number, "the sentence has no token; leave it out")
        if len(words) != len(labels):
            raise _corpus_error(rows, number, f"{len(words)} tokens but {len(labels)} tags; give each one tag")


def source_of(rows: Mapping[str, Any], number: int) -> tuple[str, int] | None:
    """File and line of a sentence, counted from 0, where they are known.

    >>> source_of({"tokens": [["Ada"]], "source": ["train.conll:7"]}, 0)
    ('train.conll', 7)
    """
    file, _, line = str(rows["source"][number] if "source" in rows else "").rpartition(":")
    return (file, int(line)) if file and line.isdecimal() else None


def _corpus_error(rows: Mapping[str, Any], number: int, message: str) -> CorpusError:
    """An error in a sentence, counted from 0, with its file and line where they are known."""
    source = source_of(rows, number)
    if source is None:
        return CorpusError(f"sentence {number + 1}: {message}")
    return CorpusError(message, file=source[0], line=source[1])
