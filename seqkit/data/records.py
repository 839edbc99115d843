"""What a JSON object becomes: a tagged sentence, a labelled text, a text with spans or a plain text.

::

    {"tokens": ["Ada", "ran"], "tags": ["B-PER", "O"]}                      a tagged sentence
    {"text": "Ada ran", "spans": [{"start": 0, "end": 3, "label": "PER"}]}  an annotated text
    {"text": "a fine film", "label": "positive"}                            a labelled text
    {"text": "once upon a time"}                                            a plain text

Doccano and Prodigy export such objects; for those of Label Studio, see :mod:`seqkit.data.label_studio`.
"""

from dataclasses import dataclass
from typing import Any

from seqkit.data.annotated_spans import MarkedSpan, parse_span
from seqkit.data.annotations import Annotation, checked_labels
from seqkit.data.column_names import DOCUMENT, LABEL, SPANS, TAGS, TEXT, TOKENS, first_present
from seqkit.data.left_out import LeftOut
from seqkit.data.prodigy import accepted_options, annotator_of, has_one_choice, is_left_out
from seqkit.data.rows import TaggedSentence
from seqkit.data.text_files import shown
from seqkit.errors import CorpusError

__all__ = ["Keys", "read_record"]

Record = dict[str, Any]

# Doccano names the list of spans of old projects "annotations".
SPAN_KEYS = (*(key for key in SPANS if key not in LABEL), "annotations", *LABEL)
# What Prodigy and Label Studio add to a text that has been annotated, even if no span was marked in it.
ANNOTATED_KEYS = ("answer", "_task_hash", "annotator")
ACCEPT, OPTIONS, CATEGORIES = "accept", "options", "cats"
LABEL_KEYS = (*LABEL, CATEGORIES)

Found = tuple[tuple[MarkedSpan, ...] | None, tuple[str, ...] | None]
"""The spans and the labels of a text, those that there are."""


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The keys of an object that the user has named; None for the usual ones.

    Args:
        token: the key of the tokens.
        tag: the key of the tags, of the spans, or of the label of a text.
        text: the key of the text.

    >>> Keys(text="body").tag is None
    True
    """

    token: str | None = None
    tag: str | None = None
    text: str | None = None


def read_record(record: object, line: int, keys: Keys, left_out: LeftOut) -> TaggedSentence | Annotation | None:
    """Read one JSON object.

    Args:
        record: the parsed object.
        line: the line on which it starts.
        keys: its keys.
        left_out: counts what is not read.

    Returns:
        None if the annotator has rejected or ignored the example.

    Raises:
        CorpusError: the object is not an example, or its annotation cannot be used. The message does not say where:
            the caller adds file and line.

    >>> read_record({"text": "a fine film", "label": "positive"}, 3, Keys(), LeftOut("a.jsonl")).labels
    ('positive',)
    """
    if not isinstance(record, dict):
        raise CorpusError("an example must be a JSON object such as {'tokens': [...], 'tags': [...]}")
    if is_left_out(record):
        left_out.add("examples that were rejected or ignored", line)
        return None
    if record.get("relations"):
        left_out.add("relations between spans", line)
    document = _document(record)
    tokens = record.get(keys.token or TOKENS[0])
    if isinstance(tokens, list) and not any(isinstance(token, dict) for token in tokens):
        return _from_tokens(record, tokens, keys.tag, line, document)
    spans, labels = _named(record, keys.tag) if keys.tag else _usual(record)
    annotator = annotator_of(record)
    task = record.get("_task_hash")
    return Annotation(
        _find_text(record, keys),
        line,
        document,
        spans=spans,
        labels=labels,
        named=keys.tag is not None,
        is_choice=OPTIONS in record and has_one_choice(record),
        task=str(task) if annotator and task is not None else None,
        annotator=annotator,
    )


def _document(record: Record) -> str | None:
    key = next((key for key in DOCUMENT if record.get(key) is not None), None)
    if key is None:
        return None
    if not isinstance(record[key], str | int):
        raise CorpusError(f"{key!r} is {shown(record[key])}, which is not the name or number of a document")
    return str(record[key])


def _find_text(record: Record, keys: Keys) -> str:
    text_keys = (keys.text,) if keys.text else TEXT
    for key in text_keys:
        if isinstance(text := record.get(key), str):
            return text
    for key in (text_keys[0], keys.token or TOKENS[0]):
        if key in record:
            kind = "string" if key == text_keys[0] else "list of words"
            raise CorpusError(f"{key!r} is {shown(record[key])}, which is not a {kind}")
    names = ", ".join(map(str, record)) or "(none)"
    raise CorpusError(
        f"neither {text_keys[0]!r} nor {keys.token or TOKENS[0]!r} among the keys {names}; name that of the text with"
        " --text-column, or that of the words with --token-column"
    )


def _from_tokens(record: Record, tokens: list[Any], key: str | None, line: int, document: str | None) -> TaggedSentence:
    key = key or first_present(TAGS, record)
    tags = None if key is None else record.get(key)
    if not isinstance(tags, list):
        where = repr(key) if key else " or ".join(map(repr, TAGS))
        raise CorpusError(f"there are tokens but no list of tags under {where}; name its key with --tag-column")
    if not tokens:
        raise CorpusError("the list of tokens is empty")
    if len(tokens) != len(tags):
        raise CorpusError(f"{len(tokens)} tokens but {len(tags)} tags")
    for kind, values in (("token", tokens), ("tag", tags)):
        for value in values:
            if not isinstance(value, str) or not value:
                raise CorpusError(f"a {kind} must be a string that is not empty, not {shown(value)}")
    return TaggedSentence(tokens, tags, [line] * len(tokens), document)


def _named(record: Record, key: str) -> Found:
    """Return the spans or the labels under a key that the user has named."""
    if key == ACCEPT and (accepted := accepted_options(record)) is not None:
        return None, checked_labels(accepted)
    if key not in record:
        names = ", ".join(map(str, record)) or "(none)"
        raise CorpusError(f"no {key!r} among the keys {names}; name another with --label-column or --tag-column")
    value = record[key]
    if value == []:
        return (), ()
    return (_spans(value), None) if _are_spans(value) else (None, checked_labels(value))


def _usual(record: Record) -> Found:
    """Return the spans and the labels under the keys that tools give them."""
    span_key = next((key for key in SPAN_KEYS if _are_spans(record.get(key))), None)
    spans = None if span_key is None else _spans(record[span_key])
    labels: tuple[str, ...] | None = None
    if (accepted := accepted_options(record)) is not None:
        labels = checked_labels(accepted)
    elif label_key := next((key for key in LABEL_KEYS if record.get(key) is not None and (key != span_key)), None):
        labels = checked_labels(record[label_key])
    elif span_key in LABEL and not spans:
        labels = ()
    if spans is None and labels is None:
        if null := next((key for key in (*SPAN_KEYS, CATEGORIES) if key in record), None):
            raise CorpusError(f"{null!r} is {shown(record[null])}; give it a value, or leave the text out")
        return () if TOKENS[0] in record or first_present(ANNOTATED_KEYS, record) else None, None
    return spans, labels


def _are_spans(value: object) -> bool:
    if not isinstance(value, list) or any(isinstance(each, str | int) for each in value):
        return False
    return not value or any(each is not None for each in value)


def _spans(items: list[Any]) -> tuple[MarkedSpan, ...]:
    return tuple(map(parse_span, items))
