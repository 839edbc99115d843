"""Annotations, as the tools that export them have them, and the rows that they become.

::

    Annotation("Ada ran", line=4, spans=(MarkedSpan(0, 3, "PER"),), task="7", annotator=("2", "bo@x.org"))

Three things are decided for a whole file: what its empty lists are lists of, which annotator is read if a text has
several, and what the offsets of its spans count.
"""

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, TypeVar

from seqkit.data.annotated_spans import MarkedSpan, place_spans, unit_of_quotes
from seqkit.data.left_out import LeftOut
from seqkit.data.offset_check import offsets_hint
from seqkit.data.offsets import Offsets, checked_offsets, unit_name
from seqkit.data.rows import AnnotatedText, LabelledText, PlainText, Row
from seqkit.data.text_files import shown
from seqkit.errors import CorpusError, SeqkitWarning
from seqkit.text.tagging_schemes import Span

__all__ = ["Annotation", "ExportOptions", "checked_labels", "rows_of", "unit_for"]

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """How to read the export of an annotation tool.

    Args:
        offsets: what the offsets of spans count: ``characters``, ``utf16`` or ``bytes``; by default what the text that
            the spans quote says, or characters.
        from_name: the labelling control to read, if the project has several.
        annotator: the id or e-mail address of the annotator to read; by default the majority of all.

    >>> ExportOptions(offsets="utf16").given()
    ['--offsets']
    """

    offsets: str | None = None
    from_name: str | None = None
    annotator: str | None = None

    def given(self) -> list[str]:
        """Return the options of the command line for what is not left to its default."""
        options = {"--offsets": self.offsets, "--from-name": self.from_name, "--annotator": self.annotator}
        return [name for name, value in options.items() if value is not None]


@dataclass(frozen=True, slots=True)
class Annotation:
    """How one annotator has annotated one text.

    Args:
        text: the text.
        line: its line.
        document: the document that it belongs to.
        spans: the spans that are marked in it; None if it is not annotated with spans.
        labels: its labels; None if it is not annotated with labels. If there are both, or an empty list may be one of
            spans or of labels, the rest of the file decides.
        named: whether the column of the labels was named by the user.
        is_choice: whether no label means that the question was not answered, unless others chose several.
        task: what annotations of the same text have in common; None if there are no others.
        annotator: the names of the annotator.

    >>> Annotation("Ada ran", line=4, labels=("good",)).spans is None
    True
    """

    text: str
    line: int
    document: str | None = None
    spans: tuple[MarkedSpan, ...] | None = None
    labels: tuple[str, ...] | None = None
    named: bool = False
    is_choice: bool = False
    task: str | None = None
    annotator: tuple[str, ...] = ()


def checked_labels(value: object) -> tuple[str, ...]:
    """Return the label of a text, or a list of its labels, as strings.

    Raises:
        CorpusError: a label is neither a string nor an integer, or is empty.

    >>> checked_labels("good"), checked_labels([1, "b"])
    (('good',), ('1', 'b'))
    """
    labels = value if isinstance(value, list) else [value]
    for label in labels:
        if not isinstance(label, str | int) or label == "":
            raise CorpusError(f"a label must be a string or an integer, not {shown(label)}")
    return tuple(map(str, labels))


def rows_of(annotations: Sequence[Annotation], file: str, options: ExportOptions, left_out: LeftOut) -> list[Row]:
    """Turn the annotations of a file into rows.

    Args:
        annotations: all of them, in order.
        file: the file.
        options: which annotator to read, and what offsets count.
        left_out: counts the texts that are left out.

    Raises:
        CorpusError: a span cannot be placed, or nobody has the name of the annotator; with file and line.
        ConfigError: there is no such unit of offsets.

    >>> rows_of([Annotation("Ada ran", 4, labels=("good",))], "a.jsonl", ExportOptions(), LeftOut("a.jsonl"))
    [LabelledText(text='Ada ran', label='good', line=4, document=None)]
    """
    chosen = _one_for_each_text(annotations, file, options.annotator, left_out)
    chosen = _with_answers(_of_one_kind(chosen, left_out), left_out)
    placed = iter(_placed([each for each in chosen if each.spans is not None], file, options.offsets))
    return [_unmarked(each) if each.spans is None else next(placed) for each in chosen]


def _unmarked(annotation: Annotation) -> Row:
    text, labels, line, document = annotation.text, annotation.labels, annotation.line, annotation.document
    if labels is None:
        return PlainText(text, line, document)
    return LabelledText(text, labels[0] if len(labels) == 1 else list(labels), line, document)


def _of_one_kind(annotations: Sequence[Annotation], left_out: LeftOut) -> list[Annotation]:
    """Choose spans or labels for texts that have both: spans if any are marked in the file, else labels if any are."""
    has_spans = any(each.spans for each in annotations)
    has_labels = any(each.labels or (each.labels is not None and each.spans is None) for each in annotations)
    decided = []
    for each in annotations:
        if each.spans is None or each.labels is None:
            decided.append(each)
        elif has_spans or not (has_labels or each.named):
            if each.labels:
                left_out.add("labels beside spans (a classifier reads them with --label-column)", each.line)
            decided.append(replace(each, labels=None))
        else:
            decided.append(replace(each, spans=None))
    return decided


def _with_answers(annotations: Sequence[Annotation], left_out: LeftOut) -> list[Annotation]:
    """Leave out questions that were not answered, unless texts may have any number of labels."""
    if any(len(each.labels or ()) > 1 for each in annotations):
        return list(annotations)
    answered = []
    for each in annotations:
        if each.is_choice and each.labels == ():
            left_out.add("texts for which nothing was chosen", each.line)
        else:
            answered.append(each)
    return answered


# Several annotators.


def _one_for_each_text(
    annotations: Sequence[Annotation], file: str, annotator: str | None, left_out: LeftOut
) -> list[Annotation]:
    groups: dict[Any, list[Annotation]] = {}
    for number, each in enumerate(annotations):
        key = (each.task, each.text) if each.task is not None else number
        groups.setdefault(key, []).append(each)
    if annotator is not None:
        return _by_annotator(list(groups.values()), file, annotator, left_out)
    agreed = [group[0] if len(group) == 1 else _majority(group, left_out) for group in groups.values()]
    shared = [group for group in groups.values() if len(group) > 1]
    if shared:
        names = ", ".join(_annotators(chain.from_iterable(shared))) or "without a name"
        warnings.warn(
            f"texts with several annotations: {len(shared)}, first {file}:{shared[0][0].line}; what more than half of"
            f" the annotators marked is kept; --annotator reads one of them: {names}",
            SeqkitWarning,
            stacklevel=5,
        )
    return [each for each in agreed if each is not None]


def _by_annotator(groups: Sequence[list[Annotation]], file: str, name: str, left_out: LeftOut) -> list[Annotation]:
    everyone = _annotators(chain.from_iterable(groups))
    if not any(name in each.annotator for group in groups for each in group):
        known = f"there are {', '.join(everyone)}" if everyone else "it does not say who annotated it"
        raise CorpusError(f"no annotator {name!r} in this file (--annotator): {known}", file=file)
    chosen: list[Annotation] = []
    for group in groups:
        own = [each for each in group if name in each.annotator]
        if not own:
            left_out.add(f"texts that {name} did not annotate", group[0].line)
        chosen += own[-1:]  # the last is the one that the annotator has corrected the others by
    return chosen


def _annotators(annotations: Iterable[Annotation]) -> list[str]:
    return list(dict.fromkeys(" or ".join(each.annotator) for each in annotations if each.annotator))


def _majority(group: Sequence[Annotation], left_out: LeftOut) -> Annotation | None:
    """Return what more than half of the annotators marked; None if they chose one label each, and do not agree."""
    first = group[0]
    spans = [each.spans for each in group if each.spans is not None]
    labels = [each.labels for each in group if each.labels is not None]
    agreed = replace(
        first,
        spans=tuple(_more_than_half(spans)) if spans else None,
        labels=tuple(_more_than_half(labels)) if labels else None,
    )
    if not agreed.labels and not spans and labels and all(len(each) == 1 for each in labels):
        left_out.add("texts on whose label no majority of annotators agrees", first.line)
        return None
    return agreed


def _more_than_half(answers: Sequence[Sequence[Item]]) -> list[Item]:
    counts = Counter(item for answer in answers for item in dict.fromkeys(answer))
    return [item for item, count in counts.items() if 2 * count > len(answers)]


# Spans.


def unit_for(texts: Sequence[tuple[str, Sequence[MarkedSpan]]], file: str, asked: str | None) -> Offsets:
    """Return what the offsets of a file count; a warning says so if this is not what was asked for.

    Args:
        texts: the texts of the file, each with its spans.
        file: the file.
        asked: the unit that the user names; None for characters.

    Raises:
        ConfigError: there is no such unit.

    >>> unit_for([("Ada ran", [MarkedSpan(0, 3, "PER", quote="Ada")])], "a.jsonl", None)
    'characters'
    """
    usual = checked_offsets(asked)
    unit = unit_of_quotes(texts, usual)
    if unit != usual:
        warnings.warn(
            f"{file}: read the offsets of spans as {unit_name(unit)}, because only then do the spans mark the texts"
            " that they quote",
            SeqkitWarning,
            stacklevel=2,
        )
    return unit


def _placed(annotations: Sequence[Annotation], file: str, asked: str | None) -> list[AnnotatedText]:
    marked = [(each.text, each.spans or ()) for each in annotations]
    unit = unit_for(marked, file, asked)
    rows = []
    for each, (text, spans) in zip(annotations, marked, strict=True):
        try:
            placed = place_spans(spans, text, unit)
        except CorpusError as error:
            as_read = [[Span(*span[:3]) for span in each] for _, each in marked]
            hint = offsets_hint([text for text, _ in marked], as_read, unit)
            raise CorpusError(f"{error}{hint}", file=file, line=each.line) from None
        rows.append(AnnotatedText(text, placed, each.line, each.document))
    return rows
