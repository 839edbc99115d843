"""brat's standoff annotation: texts, with a file of annotations beside each.

::

    a.txt    Ada met Bo.
             They ran.

    a.ann    T1<TAB>PER 0 3<TAB>Ada
             T2<TAB>PER 8 10<TAB>Bo
             R1<TAB>met Arg1:T1 Arg2:T2

Offsets count the characters of the whole text; each line of it becomes a row. Entities (``T``) are read; events,
relations, attributes and notes are not, and are counted.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqkit.data.annotated_spans import MarkedSpan, place_spans
from seqkit.data.annotations import ExportOptions, unit_for
from seqkit.data.left_out import LeftOut, located
from seqkit.data.offsets import Offsets
from seqkit.data.rows import AnnotatedText
from seqkit.data.text_files import read_text, shortened, split_lines
from seqkit.errors import CorpusError
from seqkit.text.tagging_schemes import Span

__all__ = ["ANNOTATION_SUFFIX", "is_brat", "read_brat"]

ANNOTATION_SUFFIX = ".ann"
ENTITY = re.compile(r"T\S*\t(\S+) ([0-9]{1,15}) ([0-9]{1,15})(?:\t(.*))?")


def is_brat(path: Path) -> bool:
    """Return whether a path is a file of annotations, the text beside one, or a folder with such files.

    >>> is_brat(Path("a.ann")), is_brat(Path("a.txt"))
    (True, False)
    """
    if path.is_dir():
        return any(each.suffix == ANNOTATION_SUFFIX for each in path.iterdir())
    return path.suffix == ANNOTATION_SUFFIX or (path.suffix == ".txt" and path.with_suffix(ANNOTATION_SUFFIX).exists())


def read_brat(path: Path, encoding: str, options: ExportOptions) -> list[AnnotatedText]:
    """Read the texts of a folder, or the one that belongs to a file of annotations.

    Args:
        path: a folder, or a file of annotations.
        encoding: the encoding of all files.
        options: what the offsets count.

    Raises:
        CorpusError: a file is missing, or a span cannot be used; with file and line.
        ConfigError: an option is not valid.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.txt").write_text("Ada met Bo.\\n")
    ...     _ = Path(folder, "a.ann").write_text("T1\\tPER 8 10\\tBo\\n")
    ...     read_brat(Path(folder), "utf-8", ExportOptions())[0].spans
    [Span(start=8, end=10, label='PER')]
    """
    if options.from_name or options.annotator:
        raise CorpusError("brat's files have no controls and annotators; leave out --from-name, --annotator", file=path)
    left_out = LeftOut(str(path))
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    texts = sorted({each.with_suffix(".txt") for each in files if each.suffix in (ANNOTATION_SUFFIX, ".txt")})
    contents = [read_text(text, encoding) for text in texts]
    marked = [_read_spans(text.with_suffix(ANNOTATION_SUFFIX), encoding, left_out) for text in texts]
    unit = unit_for(
        [(content, [span for _, span in spans]) for content, spans in zip(contents, marked, strict=True)],
        str(path),
        options.offsets,
    )
    rows: list[AnnotatedText] = []
    for text, content, spans in zip(texts, contents, marked, strict=True):
        rows += _rows(text, content, _place(spans, content, unit, text.with_suffix(ANNOTATION_SUFFIX)))
    left_out.warn()
    return rows


def _read_spans(path: Path, encoding: str, left_out: LeftOut) -> list[tuple[int, MarkedSpan]]:
    """Read the entities of a file, each with its line."""
    if not path.exists():
        message = f"{path.name} is missing beside it; if nothing is marked, add an empty one"
        raise CorpusError(message, file=path.with_suffix(".txt"))
    spans = []
    for number, line in enumerate(split_lines(read_text(path, encoding)), start=1):
        if line.startswith("T"):
            with located(str(path), number):
                spans.append((number, _read_span(line)))
        elif line.strip():
            left_out.add("events, relations, attributes and notes", number, str(path))
    return spans


def _read_span(line: str) -> MarkedSpan:
    if found := ENTITY.fullmatch(line):
        label, start, end, quote = found.groups()
        return MarkedSpan(int(start), int(end), label, quote)
    if ";" in "".join(line.split("\t")[1:2]):
        raise CorpusError(f"a span in several parts: {shortened(line)!r}; join the parts, or delete it")
    raise CorpusError(f"not an entity of brat, such as T1<TAB>PER 0 3<TAB>Ada: {shortened(line)!r}")


def _place(spans: Sequence[tuple[int, MarkedSpan]], content: str, unit: Offsets, path: Path) -> list[Span]:
    try:
        return place_spans([span for _, span in spans], content, unit)
    except CorpusError as error:
        found = error
    # The line is that of the first span that cannot be placed, or overlaps one before it: found by halving.
    good, bad = 0, len(spans)
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            place_spans([span for _, span in spans[:middle]], content, unit)
            good = middle
        except CorpusError as error:
            bad, found = middle, error
    raise CorpusError(str(found), file=path, line=spans[bad - 1][0])


def _rows(path: Path, content: str, spans: Sequence[Span]) -> Iterator[AnnotatedText]:
    """Cut a text into its lines, and leave out those that are blank."""
    begin = first = 0
    for number, line in enumerate(content.split("\n"), start=1):
        end = begin + len(line)
        last = bisect_left(spans, end, first, key=lambda span: span.start)
        own, first = spans[first:last], last
        for span in own:
            if span.end > end:
                message = f"the {span.label} span {span.start}..{span.end} goes on after the end of its line"
                raise CorpusError(message, file=path, line=number)
        if line.strip():
            shifted = [Span(span.start - begin, span.end - begin, span.label) for span in own]
            yield AnnotatedText(line, shifted, number, path.stem, file=str(path))
        begin = end + 1
