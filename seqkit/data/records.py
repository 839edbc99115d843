"""What a JSON object becomes: a tagged sentence, a labelled text or a plain text.

::

    {"tokens": ["Ada", "ran"], "tags": ["B-PER", "O"]}                      a tagged sentence
    {"text": "Ada ran", "spans": [{"start": 0, "end": 3, "label": "PER"}]}  an annotated text
    {"text": "a fine film", "label": "positive"}                            a labelled text
    {"text": "once upon a time"}                                            a plain text

Spans are read as Doccano, Prodigy and Label Studio export them; see :mod:`seqkit.data.annotated_spans`.
"""

from typing import Any

from seqkit.data.annotated_spans import read_spans
from seqkit.data.column_names import DOCUMENT, LABEL, SPANS, TAGS, TEXT, TOKENS, first_present
from seqkit.data.rows import AnnotatedText, LabelledText, PlainText, Row, TaggedSentence
from seqkit.data.text_files import shortened
from seqkit.errors import CorpusError

__all__ = ["empty_label_text", "row_from_record"]

Record = dict[str, Any]

# What Prodigy and Label Studio add to a text that has been annotated, even if no span was marked in it.
ANNOTATED_KEYS = ("answer", "_task_hash", "annotation_id", "annotator")


def row_from_record(
    record: object,
    line: int,
    *,
    token_key: str | None = None,
    tag_key: str | None = None,
    text_key: str | None = None,
) -> Row:
    """Make a row of one JSON object.

    Args:
        record: the parsed object.
        line: the line on which it starts.
        token_key: the key of the tokens; by default ``tokens``.
        tag_key: the key of the tags, or of the label of a text; by default one of the usual names.
        text_key: the key of the text; by default one of the usual names.

    Raises:
        CorpusError: the object is not an example, or its annotation cannot be used. The message does not say where:
            the caller adds file and line.

    >>> row_from_record({"text": "a fine film", "label": "positive"}, line=3)
    LabelledText(text='a fine film', label='positive', line=3, document=None)
    """
    if not isinstance(record, dict):
        raise CorpusError("an example must be a JSON object such as {'tokens': [...], 'tags': [...]}")
    if record.get("answer", "accept") != "accept":
        raise CorpusError(f"the answer to this example is {record['answer']!r}; export accepted answers only")
    if "annotations" in record and isinstance(record.get("data"), dict):
        record = _from_label_studio(record)
    document = next((str(record[key]) for key in DOCUMENT if record.get(key) is not None), None)
    tokens = record.get(token_key or TOKENS[0])
    if isinstance(tokens, list) and not any(isinstance(token, dict) for token in tokens):
        return _from_tokens(record, tokens, tag_key, line, document)
    text = _find_text(record, text_key)
    if text is None:
        raise _no_text(record, text_key or TEXT[0])
    if tag_key and tag_key in record and (label := _find_label(record, tag_key)) is not None:
        return LabelledText(text, label, line, document)  # a column named by the user goes before any that is guessed
    spans = _find_spans(record)
    if spans is not None or tokens is not None:
        return AnnotatedText(text, read_spans(spans or [], text), line, document)
    if (label := _find_label(record, tag_key)) is not None:
        return LabelledText(text, label, line, document)
    return PlainText(text, line, document)


def _find_text(record: Record, key: str | None) -> str | None:
    keys = (key,) if key else TEXT
    return next((record[each] for each in keys if isinstance(record.get(each), str)), None)


def _no_text(record: Record, key: str) -> CorpusError:
    if key in record:
        return CorpusError(f"{key!r} is {shortened(repr(record[key]))}, which is not a string")
    names = ", ".join(map(str, record)) or "(none)"
    return CorpusError(f"neither {key!r} nor 'tokens' among the keys {names}")


def _from_tokens(record: Record, tokens: list[Any], key: str | None, line: int, document: str | None) -> Row:
    key = key or first_present(TAGS, record)
    tags = None if key is None else record.get(key)
    if not isinstance(tags, list):
        raise CorpusError(f"there are tokens but no list of tags under {key or ' or '.join(TAGS)!r}")
    if not tokens:
        raise CorpusError("the list of tokens is empty")
    if len(tokens) != len(tags):
        raise CorpusError(f"{len(tokens)} tokens but {len(tags)} tags")
    for kind, values in (("token", tokens), ("tag", tags)):
        for value in values:
            if not isinstance(value, str) or not value:
                raise CorpusError(f"a {kind} must be a string that is not empty, not {value!r}")
    return TaggedSentence(tokens, tags, [line] * len(tokens), document)


def _from_label_studio(task: Record) -> Record:
    annotations = [each for each in task["annotations"] if not each.get("was_cancelled")]
    if len(annotations) != 1:
        raise CorpusError(f"the task has {len(annotations)} annotations; export exactly one for each task")
    texts = {key: value for key, value in task["data"].items() if isinstance(value, str)}
    only_text = next(iter(texts.values())) if len(texts) == 1 else None
    text = texts.get("text", only_text)
    if text is None:
        raise CorpusError("the task's data has no 'text'")
    results = annotations[0].get("result", [])
    choices = [choice for each in results if each.get("type") == "choices" for choice in each["value"]["choices"]]
    if choices:
        return {"text": text, "label": choices}
    return {"text": text, "spans": [each["value"] for each in results if each.get("type") == "labels"]}


def _find_spans(record: Record) -> list[Any] | None:
    """Return the list of spans under any key that a tool may give it; None if the text is not annotated with spans."""
    for key in SPANS:
        value = record.get(key)
        if isinstance(value, list) and not any(isinstance(each, str | int) for each in value):
            return value
    for value in record.values():  # Label Studio's JSON-MIN names the list after the labelling control
        if isinstance(value, list) and value and all(isinstance(each, dict) and "labels" in each for each in value):
            return value
    is_unlabelled = all(record.get(key) is None for key in SPANS)
    return [] if is_unlabelled and first_present(ANNOTATED_KEYS, record) else None


def _find_label(record: Record, key: str | None) -> str | list[str] | None:
    """Return the label of a text, or its labels; a list of one label becomes that label."""
    key = key or first_present(LABEL, record)
    label = None if key is None else record.get(key)
    if isinstance(label, list):
        names = [_checked_label(each) for each in label]
        return names[0] if len(names) == 1 else names
    return None if label is None else _checked_label(label)


def _checked_label(label: object) -> str:
    if not isinstance(label, str | int) or label == "":
        raise CorpusError(f"a label must be a string or an integer, not {shortened(repr(label))}")
    return str(label)


def _has_empty_label(record: Record, key: str | None) -> bool:
    """Return whether the record is a text whose list of labels is empty."""
    return "tokens" not in record and record.get(key or LABEL[0], record.get(LABEL[1])) == []


def empty_label_text(record: object, row: Row, *, tag_key: str | None, text_key: str | None) -> LabelledText | None:
    """Return the labelled text that a record is if its empty list holds labels of the text, not spans in it.

    Whether ``{"text": "so it is", "label": []}`` has no spans or no labels depends on the other records of the file.

    Args:
        record: the record.
        row: what :func:`row_from_record` made of it.
        tag_key: see there.
        text_key: see there.

    Returns:
        None if the record has no such list.

    >>> record = {"text": "so it is", "label": []}
    >>> empty_label_text(record, row_from_record(record, 1), tag_key=None, text_key=None)
    LabelledText(text='so it is', label=[], line=1, document=None)
    """
    if not isinstance(record, dict) or not _has_empty_label(record, tag_key):
        return None
    text = _find_text(record, text_key)
    return None if text is None else LabelledText(text, [], row.line, row.document)
