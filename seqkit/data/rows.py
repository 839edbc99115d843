"""What one annotated example is, and how an annotation tool's JSON object becomes one.

A line of a Doccano export and the row that is made of it::

    {"text": "Ada met Bo in Ghent.", "label": [[0, 3, "PER"], [8, 10, "PER"], [14, 19, "LOC"]]}

    tokens  Ada    met  Bo     in  Ghent  .
    tags    B-PER  O    B-PER  O   B-LOC  O

Character offsets count Unicode code points, end exclusive. Nothing of an annotation is lost: a token that
straddles the border of a span is cut there, and a span that cannot become tags is an error.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from seqkit.errors import CorpusError
from seqkit.text.tagging_schemes import Span

if TYPE_CHECKING:
    from seqkit.text.words import WordTokenizer

__all__ = [
    "LabelledText",
    "PlainText",
    "Row",
    "TaggedSentence",
    "read_json",
    "row_from_record",
    "tag_spans",
]

SPAN_KEYS = ("spans", "entities", "label", "labels")
TAG_KEYS = ("tags", "ner_tags", "labels", "ner", "pos_tags", "upos")
TEXT_KEYS = ("text", "data", "sentence")
DOCUMENT_KEYS = ("document", "document_id", "doc_id")
# What Prodigy and Label Studio write beside a text somebody has annotated, even where no span was marked.
ANNOTATED_KEYS = ("answer", "_task_hash", "annotation_id", "annotator")


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """Tokens with one tag each.

    Args:
        tokens: the words.
        tags: a tag for each token, as it stands in the file.
        lines: for each token the line it stands on, counted from 1.
        document: the document it belongs to, where the file marks documents.

    >>> TaggedSentence(["Ada", "ran"], ["B-PER", "O"], lines=[7, 8]).line
    7
    """

    tokens: list[str]
    tags: list[str]
    lines: Sequence[int]
    document: str | None = None

    @property
    def line(self) -> int:
        """The line of the first token."""
        return self.lines[0]


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text with one label, or with a list of several or none.

    >>> LabelledText("a fine film", "positive", line=2).label
    'positive'
    """

    text: str
    label: str | list[str]
    line: int
    document: str | None = None


@dataclass(frozen=True, slots=True)
class PlainText:
    """A line of text with nothing marked in it.

    >>> PlainText("once upon a time", line=1).text
    'once upon a time'
    """

    text: str
    line: int
    document: str | None = None


Row = TaggedSentence | LabelledText | PlainText


def tag_spans(
    text: str, spans: Iterable[Span], boundaries: Sequence[tuple[int, int]] | None = None
) -> tuple[list[str], list[str]]:
    """Cut a text into tokens and tag them in IOB2.

    Args:
        text: the text.
        spans: labelled stretches ``text[start:end]`` of it, in any order.
        boundaries: ``(start, end)`` of each token in order; seqkit's own word tokenizer where not given.

    Returns:
        Tokens and tags. A token with the border of a span inside it is cut at that border.

    Raises:
        CorpusError: a span is empty, out of range, overlaps another, or covers no token.

    >>> from seqkit.text.tagging_schemes import Span
    >>> tag_spans("anti-Soviet talks", [Span(5, 11, "MISC")], [(0, 11), (12, 17)])
    (['anti-', 'Soviet', 'talks'], ['O', 'B-MISC', 'O'])
    """
    ordered = _checked_spans(text, spans)
    if boundaries is None:
        boundaries = [(token.start, token.end) for token in _word_tokenizer().tokenize(text)]
    tokens: list[str] = []
    tags: list[str] = []
    covered = [0] * len(ordered)
    current = 0
    for start, end in _cut(boundaries, sorted({border for span in ordered for border in span[:2]})):
        while current < len(ordered) and ordered[current].end <= start:
            current += 1
        inside = current < len(ordered) and ordered[current].start <= start
        tokens.append(text[start:end])
        tags.append(f"{'I' if covered[current] else 'B'}-{ordered[current].label}" if inside else "O")
        if inside:
            covered[current] += 1
    for span, count in zip(ordered, covered, strict=True):
        if not count:
            raise CorpusError(f"the {span.label} span {span.start}..{span.end} covers no token")
    return tokens, tags


def _checked_spans(text: str, spans: Iterable[Span]) -> list[Span]:
    ordered = sorted(spans)
    for span in ordered:
        where = f"the {span.label} span {span.start}..{span.end}"
        if span.start >= span.end:
            raise CorpusError(f"{where} is empty")
        if span.start < 0 or span.end > len(text):
            raise CorpusError(f"{where} is out of range: the text has {len(text)} characters")
    for left, right in pairwise(ordered):
        if right.start < left.end:
            raise CorpusError(
                f"the {left.label} span {left.start}..{left.end} and the {right.label} span"
                f" {right.start}..{right.end} overlap; a tagger needs spans that do not"
            )
    return ordered


def _cut(boundaries: Iterable[tuple[int, int]], borders: Sequence[int]) -> Iterator[tuple[int, int]]:
    position = 0
    for start, end in boundaries:
        while position < len(borders) and borders[position] < end:
            if borders[position] > start:
                yield start, borders[position]
                start = borders[position]
            position += 1
        yield start, end


@cache
def _word_tokenizer() -> "WordTokenizer":
    from seqkit.text.words import WordTokenizer

    return WordTokenizer()


def row_from_record(
    record: object,
    line: int,
    *,
    token_key: str | None = None,
    tag_key: str | None = None,
    text_key: str | None = None,
) -> Row:
    """Make a row of one JSON object.

    Understood are ``tokens`` with ``tags``, ``text`` with a ``label``, ``text`` alone, and ``text`` with
    spans as Doccano, Prodigy and Label Studio (JSON and JSON-MIN) export them.

    Args:
        record: the parsed object.
        line: the line it starts on.
        token_key: the key of the tokens, where it is not ``tokens``.
        tag_key: the key of the tags, or of the label of a text, where it is not one of the usual names.
        text_key: the key of a text, where it is not one of the usual names.

    Raises:
        CorpusError: the object is not one of these, or its annotation cannot be used; the message says why
            but not where, which the caller knows.

    >>> row_from_record({"text": "a fine film", "label": "positive"}, line=3)
    LabelledText(text='a fine film', label='positive', line=3, document=None)
    """
    if not isinstance(record, dict):
        raise CorpusError("an example must be a JSON object such as {'tokens': [...], 'tags': [...]}")
    if record.get("answer", "accept") != "accept":
        raise CorpusError(f"the answer to this example is {record['answer']!r}; export accepted answers only")
    if "annotations" in record and isinstance(record.get("data"), dict):
        record = _from_label_studio(record)
    document = next((str(record[key]) for key in DOCUMENT_KEYS if record.get(key) is not None), None)
    tokens = record.get(token_key or "tokens")
    if isinstance(tokens, list) and not any(isinstance(token, dict) for token in tokens):
        return _from_tokens(record, tokens, tag_key, line, document)
    keys = (text_key,) if text_key else TEXT_KEYS
    text = next((record[key] for key in keys if isinstance(record.get(key), str)), None)
    if text is None and keys[0] in record:
        raise CorpusError(f"{keys[0]!r} is {_short(record[keys[0]])}, which is no string")
    if text is None:
        there = ", ".join(map(str, record)) or "(none)"
        raise CorpusError(f"neither {keys[0]!r} nor 'tokens' among the keys {there}")
    if tag_key and tag_key in record and (label := _find_label(record, tag_key)) is not None:
        return LabelledText(text, label, line, document)  # the column that was named goes before any that is guessed
    spans = _find_spans(record)
    if spans is not None or tokens is not None:
        boundaries = None if tokens is None else [_boundary(token, text) for token in tokens]
        words, tags = tag_spans(text, map(_to_span(text), spans or []), boundaries)
        if not words and _has_no_label(record, tag_key):
            return LabelledText(text, [], line, document)
        if not words:
            raise CorpusError("the text has no token")
        return TaggedSentence(words, tags, [line] * len(words), document)
    if (label := _find_label(record, tag_key)) is not None:
        return LabelledText(text, label, line, document)
    return PlainText(text, line, document)


def _from_tokens(record: dict[str, Any], tokens: list[Any], key: str | None, line: int, document: str | None) -> Row:
    key = key or next((name for name in TAG_KEYS if name in record), None)
    tags = None if key is None else record.get(key)
    if not isinstance(tags, list):
        raise CorpusError(f"there are tokens but no list of tags under {key or ' or '.join(TAG_KEYS)!r}")
    if not tokens:
        raise CorpusError("the list of tokens is empty")
    if len(tokens) != len(tags):
        raise CorpusError(f"{len(tokens)} tokens but {len(tags)} tags")
    for what, values in (("token", tokens), ("tag", tags)):
        wrong = next((value for value in values if not isinstance(value, str) or not value), None)
        if wrong is not None:
            raise CorpusError(f"a {what} must be a string that is not empty, not {wrong!r}")
    return TaggedSentence(tokens, tags, [line] * len(tokens), document)


def _from_label_studio(task: dict[str, Any]) -> dict[str, Any]:
    annotations = [each for each in task["annotations"] if not each.get("was_cancelled")]
    if len(annotations) != 1:
        raise CorpusError(f"the task has {len(annotations)} annotations; export exactly one for each task")
    texts = {key: value for key, value in task["data"].items() if isinstance(value, str)}
    text = texts.get("text", next(iter(texts.values())) if len(texts) == 1 else None)
    if text is None:
        raise CorpusError("the task's data has no 'text'")
    results = annotations[0].get("result", [])
    choices = [choice for each in results if each.get("type") == "choices" for choice in each["value"]["choices"]]
    if choices:
        return {"text": text, "label": choices}
    return {"text": text, "spans": [each["value"] for each in results if each.get("type") == "labels"]}


def _find_spans(record: dict[str, Any]) -> list[Any] | None:
    """The list of spans under any key a tool may give it; ``None`` where the text is not annotated with spans."""
    for key in SPAN_KEYS:
        value = record.get(key)
        if isinstance(value, list) and not any(isinstance(each, str | int) for each in value):
            return value
    for value in record.values():  # Label Studio's JSON-MIN names the list after the labelling control
        if isinstance(value, list) and value and all(isinstance(each, dict) and "labels" in each for each in value):
            return value
    unlabelled = all(record.get(key) is None for key in SPAN_KEYS)
    return [] if unlabelled and any(key in record for key in ANNOTATED_KEYS) else None


def _to_span(text: str) -> Callable[[object], Span]:
    def convert(item: object) -> Span:
        if isinstance(item, dict):
            labels = item.get("labels", [])
            label = item.get("label", labels[0] if isinstance(labels, list) and len(labels) == 1 else None)
            start, end = (item.get(key, item.get(f"{key}_offset")) for key in ("start", "end"))
        elif isinstance(item, list) and len(item) == 3:
            start, end, label = item
        else:
            start = end = label = None
        if type(start) is not int or type(end) is not int or not isinstance(label, str) or not label:
            raise CorpusError(f"a span needs a whole start, a whole end and one label; this is {_short(item)}")
        if isinstance(item, dict) and isinstance(item.get("text"), str):
            _check_quote(item["text"], text[max(start, 0) : end])
        return Span(start, end, label)

    return convert


def _check_quote(quoted: str, found: str) -> None:
    # Label Studio writes a line break of the text as the two characters \n
    if re.sub(r"\s|\\n", "", quoted) != re.sub(r"\s|\\n", "", found):
        raise CorpusError(f"a span quotes {quoted!r} but its offsets hold {found!r}; they must count code points")


def _boundary(token: object, text: str) -> tuple[int, int]:
    if isinstance(token, dict):
        start, end = token.get("start"), token.get("end")
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text):
            return start, end
    raise CorpusError(f"a token needs a start and an end inside the text; this is {_short(token)}")


def _find_label(record: dict[str, Any], key: str | None) -> str | list[str] | None:
    """The label of a text, or its labels; a list of one is that one."""
    label = record.get(key) if key else record.get("label", record.get("labels"))
    if isinstance(label, list):
        names = [_label(each) for each in label]
        return names[0] if len(names) == 1 else names
    return None if label is None else _label(label)


def _label(label: object) -> str:
    if not isinstance(label, str | int) or label == "":
        raise CorpusError(f"a label must be a string or a whole number, not {_short(label)}")
    return str(label)


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def read_json(
    text: str,
    file: str,
    *,
    token_key: str | None = None,
    tag_key: str | None = None,
    text_key: str | None = None,
) -> list[Row]:
    """Read examples from JSON: one object a line, or one list of objects.

    Args:
        text: the content of the file.
        file: its name, for errors.
        token_key: the key of the tokens, where it is not ``tokens``.
        tag_key: the key of the tags, or of the label of a text, where it is not one of the usual names.
        text_key: the key of a text, where it is not one of the usual names.

    Raises:
        CorpusError: the text is not JSON, or an object is not an example; with file and line.

    >>> [row.text for row in read_json('{"text": "one"}\\n{"text": "two"}\\n', "a.jsonl")]
    ['one', 'two']
    """
    records = _listed(text, file) if text.lstrip().startswith("[") else _one_a_line(text, file)
    may_be_broken = "\\ud" in text.lower()
    rows: list[Row] = []
    unlabelled = []  # texts with an empty list of labels, which may be of spans or of the text
    for line, record in records:
        try:
            if may_be_broken:
                _check_characters(record)
            rows.append(row_from_record(record, line, token_key=token_key, tag_key=tag_key, text_key=text_key))
            if isinstance(record, dict) and _has_no_label(record, tag_key):
                unlabelled.append((len(rows) - 1, record))
        except CorpusError as error:
            raise CorpusError(str(error), file=file, line=line) from None
    if any(isinstance(row, LabelledText) for row in rows):
        for place, record in unlabelled:
            text_of = next(key for key in ((text_key,) if text_key else TEXT_KEYS) if isinstance(record.get(key), str))
            rows[place] = LabelledText(record[text_of], [], rows[place].line, rows[place].document)
    return rows


def _has_no_label(record: dict[str, Any], key: str | None) -> bool:
    """Whether it is a text whose list of labels is empty."""
    return "tokens" not in record and record.get(key or "label", record.get("labels")) == []


def _check_characters(record: object) -> None:
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        broken = f"\\u{ord(error.object[error.start]):04x}"
        raise CorpusError(f"{broken} is half of a surrogate pair, which is no character") from None


def _one_a_line(text: str, file: str) -> Iterator[tuple[int, object]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                raise CorpusError(f"not JSON: {error.msg} at column {error.colno}", file=file, line=number) from None


def _listed(text: str, file: str) -> Iterator[tuple[int, object]]:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise CorpusError(f"not JSON: {error.msg} at column {error.colno}", file=file, line=error.lineno) from None
    # Decoded once more, item by item, because only so are the lines of the items known.
    decoder = json.JSONDecoder()
    position = text.index("[") + 1
    line, counted = 1, 0
    while True:
        while text[position] in " \t\r\n,":
            position += 1
        if text[position] == "]":
            return
        line, counted = line + text.count("\n", counted, position), position
        record, position = decoder.raw_decode(text, position)
        yield line, record
