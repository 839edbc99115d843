"""JSON files: one object a line, or (for tagged and labelled rows) one list of objects.

:mod:`seqkit.data.records` tells what becomes of an object, :mod:`seqkit.data.label_studio` what of those that Label
Studio exports.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from seqkit.data.annotations import Annotation, ExportOptions, rows_of
from seqkit.data.column_names import check_column
from seqkit.data.label_studio import is_label_studio, read_tasks
from seqkit.data.left_out import LeftOut, located
from seqkit.data.records import Keys, read_record
from seqkit.data.rows import Row, TaggedSentence
from seqkit.data.text_files import check_characters, checked_text, lines_of, read_pieces
from seqkit.errors import CorpusError

__all__ = ["json_documents", "objects_by_line", "read_json", "rows_of_objects"]


def read_json(
    text: str,
    file: str,
    *,
    token_key: str | None = None,
    tag_key: str | None = None,
    text_key: str | None = None,
    options: ExportOptions | None = None,
) -> list[Row]:
    """Read examples from JSON: one object a line, or one list of objects.

    Args:
        text: the content of the file.
        file: its name, for errors.
        token_key: the key of the tokens; by default ``tokens``.
        tag_key: the key of the tags, or of the label of a text; by default one of the usual names.
        text_key: the key of the text; by default one of the usual names.
        options: how to read the export of an annotation tool.

    Raises:
        CorpusError: the text is not JSON, or an object is not an example; with file and line.

    >>> [row.text for row in read_json('{"text": "one"}\\n{"text": "two"}\\n', "a.jsonl")]
    ['one', 'two']
    """
    objects = list(_objects_of_list(text, file) if text.lstrip().startswith("[") else objects_by_line([text], file))
    if "\\ud" in text.lower():
        for line, record in objects:
            with located(file, line):
                check_characters(_as_json(record))
    return rows_of_objects(objects, file, Keys(token=token_key, tag=tag_key, text=text_key), options or ExportOptions())


def rows_of_objects(objects: Iterable[tuple[int, object]], file: str, keys: Keys, options: ExportOptions) -> list[Row]:
    """Read the objects of a file into rows; one warning for each reason counts what is left out.

    Args:
        objects: the parsed objects, each with the line on which it starts.
        file: the file.
        keys: their keys.
        options: how to read the export of an annotation tool.

    Raises:
        CorpusError: an object is not an example, or nothing is left; with file and line.

    >>> rows_of_objects([(1, {"text": "Ada ran"})], "a.jsonl", Keys(), ExportOptions())
    [PlainText(text='Ada ran', line=1, document=None)]
    """
    left_out = LeftOut(file)
    annotations: list[Annotation] = []
    tagged: list[TaggedSentence] = []
    tasks = []
    for line, record in objects:
        with located(file, line):
            if isinstance(record, dict) and is_label_studio(record):
                tasks.append((line, record))
                continue
            found = read_record(record, line, keys, left_out)
        if isinstance(found, TaggedSentence):
            tagged.append(found)
        elif found is not None:
            annotations.append(found)
    if options.from_name is not None and not tasks:
        raise CorpusError("this is no export of Label Studio; leave --from-name out", file=file)
    annotations += read_tasks(tasks, file, options, left_out, label_key=keys.tag, text_key=keys.text)
    rows = sorted([*tagged, *rows_of(annotations, file, options, left_out)], key=lambda row: row.line)
    left_out.check_any(len(rows))
    left_out.warn()
    return rows


def json_documents(path: Path, encoding: str, key: str) -> Iterator[str]:
    """Read the text of each object of a file with one object a line; one line at a time is in memory."""
    for line, record in objects_by_line(read_pieces(path, encoding), path):
        if not isinstance(record, dict):
            message = f"this is not an object such as {{{key!r}: ...}}; write one object a line"
            raise CorpusError(message, file=path, line=line)
        check_column(key, record, path, line)
        yield checked_text(record[key], path, line)


def objects_by_line(pieces: Iterable[str], file: str | Path) -> Iterator[tuple[int, object]]:
    """Parse a text with one value a line; each comes with its line, and one line at a time is in memory.

    Args:
        pieces: the text, in pieces.
        file: its name, for errors.

    Raises:
        CorpusError: a line is not JSON; with file and line.

    >>> list(objects_by_line(['{"y": 1}\\n', "2"], "a.jsonl"))
    [(1, {'y': 1}), (2, 2)]
    """
    for number, line in enumerate(lines_of(pieces), start=1):
        if line.strip():
            try:
                yield number, json.loads(line.rstrip("\r\n"))
            except (ValueError, RecursionError) as error:
                message = f"not JSON: {_problem(error)}; write one object a line"
                raise CorpusError(message, file=file, line=number) from None


def _as_json(record: object) -> str:
    try:
        return json.dumps(record, ensure_ascii=False)
    except RecursionError:  # with less of the stack than parsing had
        raise CorpusError("lists or objects are nested too deeply") from None


def _problem(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return "a number is too long" if isinstance(error, ValueError) else "lists or objects are nested too deeply"


def _objects_of_list(text: str, file: str) -> Iterator[tuple[int, object]]:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise CorpusError(f"not JSON: {_problem(error)}", file=file, line=line) from None
    # Decoded once more, item by item, because this is how the line of each item becomes known.
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
