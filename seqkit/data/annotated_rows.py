"""Texts with character spans as plain lists, and the tagged sentences that a tokenizer makes of them.

::

    {"text": ["Ada met Bo."], "spans": [[Span(0, 3, "PER"), Span(8, 10, "PER")]], "source": ["train.jsonl:1"]}

The tokenizer reads the text alone, in training, scoring and prediction alike, so that a score is what raw text earns.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, final

from seqkit.data.annotated_spans import match_spans, read_spans
from seqkit.data.tagged_rows import TaggedRows, UnmatchedSpan, rows_of
from seqkit.data.text_files import check_characters, checked_string, shortened
from seqkit.errors import CorpusError, SeqkitWarning
from seqkit.text.tagging_schemes import Span
from seqkit.text.words import WordTokenizer

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["AnnotatedRows", "annotated_rows", "gold_rows", "tokenized", "tokenizer_for"]

SHOWN = 3  # spans that a warning names


@final
class AnnotatedRows(TypedDict):
    """Texts with spans, one entry per text; ``source`` (``file:line``) is missing if they do not come from a file."""

    text: Sequence[str]
    spans: Sequence[Sequence[Span]]
    source: NotRequired[Sequence[str]]


def gold_rows(data: "Dataset | Mapping[str, Any]") -> TaggedRows | AnnotatedRows:
    """Return the columns of a corpus that a tagger can be trained on or scored with: tags of tokens, or spans of texts.

    Raises:
        CorpusError: it has neither, or an entry cannot be used; with its file and line if they are known.

    >>> gold_rows({"text": ["Ada ran"], "spans": [[(0, 3, "PER")]]})["spans"]
    [[Span(start=0, end=3, label='PER')]]
    """
    names = list(data) if isinstance(data, Mapping) else data.column_names
    if "tokens" in names or not {"text", "spans"} <= set(names):
        return rows_of(data)
    return annotated_rows(data if isinstance(data, Mapping) else data.to_dict())


def annotated_rows(columns: Mapping[str, Any]) -> AnnotatedRows:
    """Return texts and their spans, as ``read_spans`` reads them, from columns.

    Raises:
        CorpusError: a text or a span cannot be used; with its file and line if they are known.

    >>> annotated_rows({"text": ["Ada ran"], "spans": [[{"start": 0, "end": 3, "label": "PER"}]]})["spans"]
    [[Span(start=0, end=3, label='PER')]]
    """
    rows: AnnotatedRows = {"text": list(columns["text"]), "spans": []}
    if "source" in columns:
        rows["source"] = list(columns["source"])
    if len(columns["spans"]) != len(rows["text"]):
        message = f"{len(rows['text'])} texts but {len(columns['spans'])} lists of spans; each text needs its own"
        raise CorpusError(message)
    spans = []
    for number, (text, items) in enumerate(zip(rows["text"], columns["spans"], strict=True)):
        try:
            check_characters(checked_string(text))
            spans.append(read_spans([] if items is None else items, text))
        except CorpusError as error:
            raise CorpusError(f"{_place(rows, number)}: {error}") from None
    rows["spans"] = spans
    return rows


def tokenizer_for(rows: AnnotatedRows) -> WordTokenizer:
    """Return the tokenizer whose words match the most spans of training texts; the usual one if several do.

    >>> tokenizer = tokenizer_for({"text": ["drug-induced"], "spans": [[Span(0, 4, "CHEMICAL")]]})
    >>> [token.text for token in tokenizer.tokenize("well-known")]
    ['well', '-', 'known']
    """
    candidates = [WordTokenizer(), WordTokenizer(split_hyphens=True), WordTokenizer(split_punctuation=True)]
    return min(candidates, key=lambda tokenizer: _count_unmatched(rows, tokenizer))


def _count_unmatched(rows: AnnotatedRows, tokenizer: WordTokenizer) -> int:
    words = tokenizer.tokenize_batch(rows["text"])
    found = (match_spans((word[1:] for word in each), spans) for each, spans in zip(words, rows["spans"], strict=True))
    return sum(len(each.unmatched) for each in found)


def tokenized(rows: AnnotatedRows, tokenizer: WordTokenizer, split: str) -> TaggedRows:
    """Cut texts into words, and tag those that spans match, in IOB2.

    A warning counts the spans that no words match; another the texts without a word, which are left out.

    Args:
        rows: the texts.
        tokenizer: cuts them.
        split: what to call them in a warning.

    >>> rows = tokenized({"text": ["Ada ran."], "spans": [[Span(0, 3, "PER")]]}, WordTokenizer(), "train")
    >>> rows["tokens"], rows["tags"]
    ([['Ada', 'ran', '.']], [['B-PER', 'O', 'O']])
    """
    words = tokenizer.tokenize_batch(rows["text"])
    kept = [number for number, found in enumerate(words) if found]
    if len(kept) < len(words):
        empty = next(number for number, found in enumerate(words) if not found)
        count = len(words) - len(kept)
        texts = "1 text" if count == 1 else f"{count} texts"
        message = f"left out {texts} of {split} without a word, first {_place(rows, empty)}"
        warnings.warn(message, SeqkitWarning, stacklevel=3)
    matched = [match_spans((word[1:] for word in words[number]), rows["spans"][number]) for number in kept]
    unmatched = [(number, span) for number, each in zip(kept, matched, strict=True) for span in each.unmatched]
    if unmatched:
        warnings.warn(_unmatched_warning(rows, unmatched, split), SeqkitWarning, stacklevel=3)
    result: TaggedRows = {
        "tokens": [[word.text for word in words[number]] for number in kept],
        "tags": [each.tags for each in matched],
        "unmatched": [
            [UnmatchedSpan(rows["text"][number][start:end], label) for start, end, label in each.unmatched]
            for number, each in zip(kept, matched, strict=True)
        ],
    }
    if "source" in rows:
        result["source"] = [rows["source"][number] for number in kept]
    return result


def _unmatched_warning(rows: AnnotatedRows, unmatched: Sequence[tuple[int, Span]], split: str) -> str:
    total = sum(map(len, rows["spans"]))
    shown = ", ".join(
        f"{span.label} {shortened(rows['text'][number][span.start : span.end], 30)!r} at {_place(rows, number)}"
        for number, span in unmatched[:SHOWN]
    )
    more = " …" if len(unmatched) > SHOWN else ""
    return (
        f"{len(unmatched)} of {total} spans of {split} begin or end inside a word, so no tagger of words can find them"
        f" and they count as missed: {shown}{more}"
    )


def _place(rows: AnnotatedRows, number: int) -> str:
    return str(rows["source"][number]) if "source" in rows else f"text {number + 1}"
