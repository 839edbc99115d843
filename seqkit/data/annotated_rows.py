"""Texts with character spans as plain lists, and the tagged sentences that a tokenizer makes of them.

::

    {"text": ["Ada met Bo."], "spans": [[Span(0, 3, "PER"), Span(8, 10, "PER")]], "source": ["train.jsonl:1"]}

The tokenizer reads the text alone, in training, scoring and prediction alike, so that a score is what raw text earns.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict, final

from seqkit.data.annotated_spans import match_spans, parse_span, place_spans, trimmed
from seqkit.data.column_names import SPANS, TEXT, TOKENS, first_present
from seqkit.data.in_memory import list_of, read_columns
from seqkit.data.offset_check import offsets_hint
from seqkit.data.tagged_rows import TaggedRows, UnmatchedSpan, rows_of
from seqkit.data.text_files import check_characters, checked_string, shortened, shown
from seqkit.errors import CorpusError, SeqkitWarning
from seqkit.text.tagging_schemes import Span
from seqkit.text.words import WordTokenizer

__all__ = ["AnnotatedRows", "annotated_rows", "gold_rows", "hint_for", "tokenized", "tokenizer_for"]

SHOWN = 3  # spans that a warning names


@final
class AnnotatedRows(TypedDict):
    """Texts with spans, one entry per text.

    ``spans`` have no white space at their borders; ``marked`` are the same spans as they are in the corpus. ``source``
    (``file:line``) is missing if the texts do not come from a file.
    """

    text: Sequence[str]
    spans: Sequence[Sequence[Span]]
    marked: NotRequired[Sequence[Sequence[Span]]]
    source: NotRequired[Sequence[str]]


def gold_rows(data: object) -> TaggedRows | AnnotatedRows:
    """Return the columns of a corpus that a tagger can be trained on or scored with: tags of tokens, or spans of texts.

    Args:
        data: what :func:`rows_of` reads; or the same with ``text`` and ``spans``, or ``entities``, in place of tokens
            and tags.

    Raises:
        CorpusError: it has neither, or an entry cannot be used; with its file and line if they are known.

    >>> gold_rows({"text": ["Ada ran"], "spans": [[(0, 3, "PER")]]})["spans"]
    [[Span(start=0, end=3, label='PER')]]
    """
    found = read_columns(data, {"text": TEXT[:1], "spans": SPANS[:2], "source": ("source",)})
    if found is None or first_present(TOKENS, found.names) or not {"text", "spans"} <= found.columns.keys():
        return rows_of(data)
    return annotated_rows(found.columns)


def annotated_rows(columns: Mapping[str, Sequence[object]]) -> AnnotatedRows:
    """Return texts and their spans from columns.

    Raises:
        CorpusError: a text or a span cannot be used; with its file and line if they are known.

    >>> annotated_rows({"text": ["Ada ran"], "spans": [[{"start": 0, "end": 3, "label": "PER"}]]})["spans"]
    [[Span(start=0, end=3, label='PER')]]
    """
    if len(columns["spans"]) != len(columns["text"]):
        message = f"{len(columns['text'])} texts but {len(columns['spans'])} lists of spans; each text needs its own"
        raise CorpusError(message)
    texts: list[str] = []
    marked: list[list[Span]] = []
    rows: AnnotatedRows = {"text": texts, "spans": []}
    if "source" in columns:
        rows["source"] = list(map(str, columns["source"]))
    for number, (text, items) in enumerate(zip(columns["text"], columns["spans"], strict=True)):
        try:
            texts.append(checked_string(text))
            check_characters(texts[-1])
            marked.append(place_spans(map(parse_span, _list_of_spans(items)), texts[-1]))
        except CorpusError as error:
            raise CorpusError(f"{_place(rows, number)}: {error}") from None
    rows["spans"] = [[trimmed(span, text) for span in spans] for text, spans in zip(texts, marked, strict=True)]
    if rows["spans"] != marked:
        rows["marked"] = marked
    return rows


def _list_of_spans(items: object) -> list[object]:
    found = list_of(items)
    if found is None:
        raise CorpusError(f"a list of spans is needed, which may be empty, not {shown(items)}")
    return found


def hint_for(splits: Sequence[AnnotatedRows]) -> str:
    """Return what to add to a message about the spans of some splits if their offsets count something else.

    >>> hint_for([{"text": ["Ada"], "spans": [[Span(0, 2, "PER")]]}])
    ''
    """
    texts = [text for rows in splits for text in rows["text"]]
    spans = [each for rows in splits for each in rows.get("marked", rows["spans"])]
    return offsets_hint(texts, spans)


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
        f" and they count as missed: {shown}{more}{hint_for([rows])}"
    )


def _place(rows: AnnotatedRows, number: int) -> str:
    return str(rows["source"][number]) if "source" in rows else f"text {number + 1}"
