"""The CSV and TSV exports of annotation tools, whose cells hold more than a label.

::

    text,id,label,annotator,annotation_id                           Label Studio: spans or choices as JSON
    Ada ran,1,"[{""start"": 0, ""end"": 3, ""labels"": [""PER""]}]",1,7

    id,text,label,Comments                                          doccano: several labels joined by #
    1,a fine film,good#film,
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from seqkit.data.annotations import ExportOptions
from seqkit.data.jsonl import rows_of_objects
from seqkit.data.label_studio import parsed_cell
from seqkit.data.records import Keys
from seqkit.data.rows import Row
from seqkit.data.tables import open_table
from seqkit.data.text_files import lines_of

__all__ = ["is_export_table", "read_export_table"]

LABEL_STUDIO = {"annotation_id", "annotator"}
DOCCANO = {"id", "text", "label", "comments"}


def is_export_table(text: str) -> bool:
    """Return whether a table is the export of an annotation tool.

    >>> is_export_table("text,id,label,annotator,annotation_id\\n"), is_export_table("text,label\\n")
    (True, False)
    """
    names = {name.strip('" ').lower() for name in re.split("[,;\t]", text.partition("\n")[0].strip())}
    return names >= LABEL_STUDIO or names == DOCCANO


def read_export_table(text: str, file: str, keys: Keys, options: ExportOptions) -> list[Row]:
    """Read a table that an annotation tool has exported.

    Args:
        text: the content of the file.
        file: its name, for errors.
        keys: the columns that the user has named, in upper or lower case.
        options: how to read the export.

    Raises:
        CorpusError: a row cannot be read; with file and line.

    >>> read_export_table("id,text,label,Comments\\n1,fine,b#a,\\n", "a.csv", Keys(), ExportOptions())
    [LabelledText(text='fine', label=['b', 'a'], line=2, document=None)]
    """
    table = open_table(lambda: lines_of([text]), file, ("text",))
    read = _doccano if set(table.names) == DOCCANO else _label_studio
    objects = [(line, read(table.names, cells)) for line, cells in table.rows if cells]
    token, tag, passage, control = (
        None if name is None else name.lower() for name in (keys.token, keys.tag, keys.text, options.from_name)
    )
    return rows_of_objects(objects, file, Keys(token=token, tag=tag, text=passage), replace(options, from_name=control))


def _label_studio(names: Sequence[str], cells: Sequence[str]) -> Mapping[str, Any]:
    return {name: parsed_cell(cell) for name, cell in zip(names, cells, strict=True)}


def _doccano(names: Sequence[str], cells: Sequence[str]) -> Mapping[str, Any]:
    row = dict(zip(names, cells, strict=True))
    return {"text": row["text"], "label": row["label"].split("#") if row["label"] else []}
