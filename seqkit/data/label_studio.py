"""Label Studio's exports: tasks with annotations (JSON), one object or row for each annotation (JSON-MIN, CSV, TSV).

::

    {"data": {"text": "Ada ran"}, "annotations": [{"completed_by": 2, "result": [
        {"from_name": "ner", "type": "labels", "value": {"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}},
        {"from_name": "mood", "type": "choices", "value": {"choices": ["good"]}}]}]}

    {"id": 1, "text": "Ada ran", "ner": [{"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}], "mood": "good",
     "annotator": 2, "annotation_id": 7}

A project may have several labelling controls. One of them is read: that of the spans if there is one, else that of the
choices; if there are two of a kind, the user names one. What is not read is counted.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from seqkit.data.annotated_spans import MarkedSpan, parse_span
from seqkit.data.annotations import Annotation, ExportOptions, checked_labels
from seqkit.data.column_names import LABEL, TEXT, first_present
from seqkit.data.left_out import LeftOut, located
from seqkit.data.text_files import shown
from seqkit.errors import CorpusError

__all__ = ["is_label_studio", "parsed_cell", "read_tasks"]

Record = Mapping[str, Any]

ANNOTATIONS = ("annotations", "completions")  # the second is the name in old versions
ABOUT = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement", "was_cancelled")
READ_TYPES = ("labels", "hypertextlabels")
MARKUP = re.compile(r"<[A-Za-z/!]|&#?\w+;")


def is_label_studio(record: object) -> bool:
    """Return whether a JSON object is a task or an annotation that Label Studio has exported.

    >>> is_label_studio({"data": {"text": "Ada"}, "annotations": []}), is_label_studio({"text": "Ada"})
    (True, False)
    """
    if not isinstance(record, dict):
        return False
    if isinstance(record.get("data"), dict):
        return first_present((*ANNOTATIONS, "predictions"), record) is not None
    return "tokens" not in record and ("annotation_id" in record or any(map(_span_type, record.values())))


def parsed_cell(cell: str) -> Any:
    """Return the marked regions or the choices in a cell of a table as JSON-MIN has them; other cells are text.

    >>> parsed_cell('{"choices": ["a", "b"]}'), parsed_cell("[1]")
    ({'choices': ['a', 'b']}, '[1]')
    """
    if not cell.startswith(("[{", "{")):
        return cell
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    has_choices = isinstance(value, dict) and "choices" in value
    return value if has_choices or _span_type(value) or _has_choices_of_regions(value) else cell


class _Result(NamedTuple):
    """What was marked or chosen with a control."""

    control: str
    type: str
    value: Record
    is_about_region: bool

    @property
    def has_spans(self) -> bool:
        """Whether it marks a part of the text."""
        return self.type.endswith("labels")

    @property
    def is_label_of_text(self) -> bool:
        """Whether it chooses labels of the whole text."""
        return self.type == "choices" and not self.is_about_region


class _Reply(NamedTuple):
    """The results of one annotator for one text."""

    line: int
    data: Record
    results: list[_Result]
    task: str | None
    annotator: tuple[str, ...]
    is_flat: bool = False


def read_tasks(
    records: Sequence[tuple[int, Record]],
    file: str,
    options: ExportOptions,
    left_out: LeftOut,
    *,
    label_key: str | None = None,
    text_key: str | None = None,
) -> list[Annotation]:
    """Read the annotations of an export.

    Args:
        records: its tasks or annotations, each with its line.
        file: the file.
        options: which control to read.
        left_out: counts what is not read.
        label_key: the name of the control, if the options do not name one.
        text_key: the name of the text in the data of the tasks.

    Raises:
        CorpusError: there are several controls of a kind, or an annotation cannot be read; with file and line.

    >>> record = {"text": "Ada ran", "mood": {"choices": ["good"]}, "annotation_id": 7}
    >>> read_tasks([(1, record)], "a.json", ExportOptions(), LeftOut("a.json"))[0].labels
    ('good',)
    """
    beside = _beside_text([record for _, record in records], text_key)
    named = options.from_name or label_key or _only_label(beside, file)
    replies: list[_Reply] = []
    for number, (line, record) in enumerate(records):
        with located(file, line):
            replies += _replies(record, number, line, named or first_present(LABEL, record), left_out)
    control = _control(replies, named, beside, file)
    annotations: list[Annotation] = []
    for reply in replies:
        with located(file, reply.line):
            annotations.append(_annotation(reply, control, text_key, left_out))
    return annotations


def _beside_text(records: Sequence[Record], text_key: str | None) -> set[str]:
    """Return the keys beside the text in JSON-MIN without spans, where choices look like data of the task."""
    if any(isinstance(each.get("data"), dict) or any(map(_span_type, each.values())) for each in records):
        return set()
    keys = {
        key for each in records for key, value in each.items() if isinstance(value, str | dict) and key not in ABOUT
    }
    others = keys.difference((text_key,) if text_key else TEXT)
    return set() if others == keys else others


def _only_label(beside: set[str], file: str) -> str | None:
    """Return the only key that can be the label; None if one of them has a usual name, or if there are none."""
    if len(beside) < 2 or beside.intersection(LABEL):
        return None if beside.intersection(LABEL) else next(iter(beside), None)
    names = ", ".join(sorted(beside))
    raise CorpusError(f"several keys could be the label: {names}; choose one with --from-name", file=file)


def _replies(record: Record, number: int, line: int, label: str | None, left_out: LeftOut) -> list[_Reply]:
    """Return what each annotator replied; nothing if nobody has annotated the task."""
    if not isinstance(record.get("data"), dict):
        if _is_cancelled(record):
            left_out.add("cancelled annotations", line)
            return []
        task = None if record.get("id") is None else str(record["id"])
        return [_Reply(line, record, _flat_results(record, label), task, _annotator(record), is_flat=True)]
    annotations = record.get(first_present(ANNOTATIONS, record) or "") or []
    if not isinstance(annotations, list) or not all(isinstance(each, dict) for each in annotations):
        raise CorpusError(f"the annotations of a task must be a list of objects, not {shown(annotations)}")
    replies = []
    for each in annotations:
        if _is_cancelled(each):
            left_out.add("cancelled annotations", line)
        else:
            replies.append(_Reply(line, record["data"], _results(each), f"task {number}", _annotator(each)))
    if not replies:
        left_out.add("tasks that nobody has annotated (predictions are not read)", line)
    return replies


def _is_cancelled(annotation: Record) -> bool:
    cancelled = annotation.get("was_cancelled", annotation.get("skipped"))
    return cancelled not in (None, False, 0, "", "False", "false", "0")


def _annotator(record: Record) -> tuple[str, ...]:
    """Return the id and the e-mail address of an annotator, those that are known."""
    who = record.get("completed_by", record.get("annotator"))
    names = [who.get("id"), who.get("email")] if isinstance(who, dict) else [who]
    return tuple(str(name) for name in names if name not in (None, ""))


# Results.


def _results(annotation: Record) -> list[_Result]:
    items = annotation.get("result") or []
    if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
        raise CorpusError(f"the result of an annotation must be a list of objects, not {shown(items)}")
    regions = {str(each["id"]) for each in items if "id" in each and str(each.get("type")).endswith("labels")}
    return [_result(each, regions) for each in items]


def _result(item: Record, regions: set[str]) -> _Result:
    kind, value = str(item.get("type")), item.get("value")
    if not isinstance(value, dict):
        value = {}
        if kind.endswith("labels") or kind == "choices":
            raise CorpusError(f"a result of the type {kind!r} has no value")
    is_of_region = str(item.get("id")) in regions or item.get("parentID") is not None or "start" in value
    if is_of_region and not kind.endswith("labels") and str(item.get("id")) not in regions and kind != "choices":
        raise CorpusError(_unread(kind))
    return _Result(str(item.get("from_name", "label")), kind, value, is_of_region and not kind.endswith("labels"))


def _unread(kind: str) -> str:
    return f"results of the type {kind!r} are not read, only {' and '.join(READ_TYPES)}; annotate with Labels"


def _flat_results(record: Record, label: str | None) -> list[_Result]:
    """Return the results of an annotation whose keys are the controls, and the names of the data, side by side."""
    results: list[_Result] = []
    for key, value in record.items():
        if key in ABOUT:
            continue
        if kind := _span_type(value):
            results += [_Result(key, _span_type([each]) or kind, each, False) for each in value]
        elif _has_choices_of_regions(value):
            results += [_Result(key, "choices", each, True) for each in value if isinstance(each, dict)]
        elif isinstance(value, dict) and "choices" in value:
            results.append(_Result(key, "choices", value, False))
        elif key == label and value not in ([], {}, ""):
            results.append(_Result(key, "choices", {"choices": value if isinstance(value, list) else [value]}, False))
    return results


def _has_choices_of_regions(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict) and "choices" in each for each in value)


def _span_type(value: object) -> str:
    """Return the type of the results in a list of marked regions; an empty string if it is no such list."""
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        return ""
    keys = [str(key) for each in value for key in each]
    return next((key for key in keys if key.endswith("labels")), "")


# Controls.


class _Control(NamedTuple):
    """The control that is read; without a name if nothing was marked or chosen in the whole file."""

    name: str
    has_spans: bool
    is_named: bool = False


def _control(replies: Sequence[_Reply], named: str | None, beside: set[str], file: str) -> _Control:
    found = dict(_controls(replies))
    if named in found:
        return _Control(named, found[named], is_named=True)
    if named is not None and (found or beside):
        there = ", ".join(found) or ", ".join(sorted(beside))
        raise CorpusError(f"no control {named!r} (--from-name) in this file, only {there}", file=file)
    for has_spans in (True, False):
        names = [name for name, spans in found.items() if spans is has_spans]
        if len(names) > 1:
            message = f"the project has several labelling controls: {', '.join(names)}; choose one with --from-name"
            raise CorpusError(message, file=file, line=_first_line(replies, names[1]))
        if names:
            return _Control(names[0], has_spans)
    return _Control("", True)


def _controls(replies: Sequence[_Reply]) -> Iterator[tuple[str, bool]]:
    """Yield the control of each result that can be read, and whether it has spans."""
    for result in (each for reply in replies for each in reply.results):
        if result.has_spans or result.is_label_of_text:
            yield result.control, result.has_spans


def _first_line(replies: Iterable[_Reply], control: str) -> int | None:
    return next((reply.line for reply in replies if any(each.control == control for each in reply.results)), None)


# One annotation.


def _annotation(reply: _Reply, control: _Control, text_key: str | None, left_out: LeftOut) -> Annotation:
    read: list[_Result] = []
    for each in reply.results:
        if each.control == control.name and (each.has_spans if control.has_spans else each.is_label_of_text):
            read.append(each)
        elif each.control == control.name or not control.is_named:
            left_out.add(_why_unread(each), reply.line)
    for each in read:
        if each.has_spans and each.type not in READ_TYPES:
            raise CorpusError(_unread(each.type))
    text = _text(reply.data, text_key, {each.control for each in reply.results})
    if any(each.type == "hypertextlabels" for each in read) and MARKUP.search(text):
        raise CorpusError(
            "hypertextlabels mark places in a rendered page, but the text has markup; annotate plain text"
        )
    return Annotation(
        text,
        reply.line,
        spans=tuple(map(_span, read)) if control.has_spans else None,
        labels=None if control.has_spans else tuple(label for each in read for label in _choices(each.value)),
        is_choice=True,
        task=reply.task,
        annotator=reply.annotator,
    )


def _why_unread(result: _Result) -> str:
    if result.type != "choices":
        return f"results of the type {result.type!r}"
    if result.is_about_region:
        return f"choices about spans ({result.control})"
    return f"choices beside spans (--from-name {result.control} reads them instead)"


def _span(result: _Result) -> MarkedSpan:
    value = result.value
    if result.type == "labels":
        return parse_span(value)
    offsets, labels = value.get("globalOffsets"), value.get("hypertextlabels")
    if not isinstance(offsets, dict):
        raise CorpusError("a result of the type 'hypertextlabels' has no globalOffsets; export the project anew")
    return parse_span(
        {"start": offsets.get("start"), "end": offsets.get("end"), "labels": labels, "text": value.get("text")}
    )


def _choices(value: Record) -> tuple[str, ...]:
    choices = value.get("choices")
    if not isinstance(choices, list):
        raise CorpusError(f"the choices of a result must be a list, not {shown(choices)}")
    return checked_labels(choices)


def _text(data: Record, key: str | None, controls: set[str]) -> str:
    """Return the text of a task: the one under the key, under a usual name, or the only one."""
    names = [name for name in data if name not in ABOUT and name not in controls]
    texts = [name for name in names if isinstance(data[name], str)]
    chosen = key or first_present((name for name in TEXT if name in texts), texts)
    if chosen is None and len(texts) == 1:
        chosen = texts[0]
    if chosen is None or chosen not in data:
        there = ", ".join(names) or "nothing"
        raise CorpusError(
            f"no text under {key or TEXT[0]!r} in the data of the task, only {there}; name it with --text-column"
        )
    text = data[chosen]
    if not isinstance(text, str):
        raise CorpusError(f"{chosen!r} is {shown(text)}, which is not a string")
    return text
