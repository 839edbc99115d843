"""CoNLL-U and CoNLL-U Plus: the files of Universal Dependencies.

::

    # newdoc id = d1
    1<TAB>Ada<TAB>Ada<TAB>PROPN<TAB>NNP<TAB>_<TAB>2<TAB>nsubj<TAB>_<TAB>_
    2<TAB>ran<TAB>run<TAB>VERB<TAB>VBD<TAB>_<TAB>0<TAB>root<TAB>_<TAB>_

    TaggedSentence(tokens=["Ada", "ran"], tags=["PROPN", "VERB"], lines=[2, 3], document="d1")
"""

import re
from collections.abc import Sequence

from seqkit.data.column_names import column_index
from seqkit.data.conll import count_columns, start_commented_document
from seqkit.data.rows import Column, Row, SentenceBuilder
from seqkit.data.text_files import split_lines
from seqkit.errors import CorpusError

__all__ = ["read_conllu"]

CONLLU_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")


def read_conllu(text: str, file: str, token_column: Column = None, tag_column: Column = None) -> list[Row]:
    """Read CoNLL-U, or CoNLL-U Plus with its ``# global.columns``.

    Rows of multiword tokens (``3-4``) and empty nodes (``8.1``) are not words and are left out.

    Args:
        text: the content of the file.
        file: its name, for errors.
        token_column: name or index of the token column; by default ``form``.
        tag_column: name or index of the tag column; by default ``upos``.

    Raises:
        CorpusError: a row does not have these columns, or its ID is not valid; with file and line.

    Source: https://universaldependencies.org/format.html

    >>> rows = read_conllu("1\\tAda\\tAda\\tPROPN\\t_\\t_\\t0\\troot\\t_\\t_\\n", "a.conllu")
    >>> rows[0].tags
    ['PROPN']
    """
    lines = split_lines(text)
    names: Sequence[str] = CONLLU_COLUMNS
    if lines[0].startswith("# global.columns"):
        names = lines[0].partition("=")[2].lower().split()
    identifier = column_index("id", names, len(names), file)
    token = column_index("form" if token_column is None else token_column, names, len(names), file)
    tag = column_index("upos" if tag_column is None else tag_column, names, len(names), file)
    builder = SentenceBuilder(file)
    for number, line in enumerate(lines, start=1):
        if not line.strip(" \t"):
            builder.end_sentence()
        elif line[0] == "#":
            start_commented_document(line, builder)
        else:
            cells = line.split("\t")
            if len(cells) != len(names):
                message = f"{count_columns(len(cells))}; CoNLL-U needs {len(names)}, separated by tabs"
                raise CorpusError(message, file=file, line=number)
            if cells[identifier].isdecimal():
                builder.add(cells[token], cells[tag], number)
            elif not re.fullmatch(r"\d+[-.]\d+", cells[identifier]):
                raise CorpusError(f"{cells[identifier]!r} is not a CoNLL-U word ID", file=file, line=number)
    builder.end_sentence()
    return builder.rows
