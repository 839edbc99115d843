"""CoNLL-U and CoNLL-U Plus: the files of Universal Dependencies.

::

    # newdoc id = d1
    1<TAB>Ada<TAB>Ada<TAB>PROPN<TAB>NNP<TAB>_<TAB>2<TAB>nsubj<TAB>_<TAB>_
    2<TAB>ran<TAB>run<TAB>VERB<TAB>VBD<TAB>_<TAB>0<TAB>root<TAB>_<TAB>_

    TaggedSentence(tokens=["Ada", "ran"], tags=["PROPN", "VERB"], lines=[2, 3], document="d1")
"""

import re
import warnings
from collections.abc import Sequence

from seqkit.data.column_names import column_index
from seqkit.data.columns_taken import ColumnsTaken, FileRows
from seqkit.data.conll import WordLayout, sentences_of
from seqkit.data.rows import Column, Row, TaggedSentence
from seqkit.data.text_files import split_lines
from seqkit.errors import CorpusError, SeqkitWarning

__all__ = ["looks_like_conllu", "read_conllu"]

CONLLU_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
EMPTY = "_"
MAY_BE_EMPTY = ("feats", "deps", "misc")
"""The columns in which ``_`` is a value, "nothing"; in others it means that there is no annotation."""

COLUMNS_LINE = "# global.columns"
ID = re.compile(r"\d+(?:[-.]\d+)?")
HEAD = re.compile(r"\d+|_")


def looks_like_conllu(text: str) -> bool:
    """Return whether a text is CoNLL-U, whatever the name of its file.

    >>> looks_like_conllu("1\\tAda\\tAda\\tPROPN\\t_\\t_\\t0\\troot\\t_\\t_\\n")
    True
    >>> looks_like_conllu("1\\tAda\\tB-PER\\n")
    False
    """
    if text.startswith(COLUMNS_LINE):
        return True
    start = text[:50_000]
    lines = split_lines(start)[: None if len(start) == len(text) else -1]
    rows = [line.rstrip().split("\t") for line in lines if line.strip() and not line.startswith("#")]
    width = len(CONLLU_COLUMNS)
    head = CONLLU_COLUMNS.index("head")
    return bool(rows) and all(
        len(cells) == width and ID.fullmatch(cells[0]) and HEAD.fullmatch(cells[head]) for cells in rows
    )


def read_conllu(text: str, file: str, token_column: Column = None, tag_column: Column = None) -> FileRows:
    """Read CoNLL-U, or CoNLL-U Plus with its ``# global.columns``.

    Rows of multiword tokens (``3-4``) and empty nodes (``8.1``) are not words and are left out. ``_`` is no tag:
    sentences with words that have none are left out, and a warning counts them.

    Args:
        text: the content of the file.
        file: its name, for errors.
        token_column: name or index of the token column; by default ``form``.
        tag_column: name or index of the tag column; by default ``upos``.

    Raises:
        CorpusError: a row does not have these columns, or its ID is not valid, or no sentence is tagged; with file and
            line.

    Source: https://universaldependencies.org/format.html

    >>> read_conllu("1\\tAda\\tAda\\tPROPN\\t_\\t_\\t0\\troot\\t_\\t_\\n", "a.conllu").rows[0].tags
    ['PROPN']
    """
    lines = split_lines(text)
    names: Sequence[str] = CONLLU_COLUMNS
    if lines[0].startswith(COLUMNS_LINE):
        names = lines[0].partition("=")[2].lower().split()
    width = len(names)
    number = column_index("id", names, width, file)
    token = column_index("form" if token_column is None else token_column, names, width, file)
    tag = column_index("upos" if tag_column is None else tag_column, names, width, file)
    layout = WordLayout(_split, width, token, tag, number, f"; CoNLL-U needs {width}, separated by tabs")
    rows = sentences_of(lines, layout, file)
    if names[tag] not in MAY_BE_EMPTY:
        rows = _tagged(rows, layout, names, lines, file)
    taken = ColumnsTaken(format="CoNLL-U", columns={"tokens": names[token], "tags": names[tag]}, width=width)
    return FileRows(rows, taken)


def _split(line: str) -> list[str]:
    return line.split("\t")


def _tagged(rows: list[Row], layout: WordLayout, names: Sequence[str], lines: Sequence[str], file: str) -> list[Row]:
    """Return the sentences of which each word has a tag, with one warning that counts the others."""
    sentences = [row for row in rows if isinstance(row, TaggedSentence)]
    if sentences and all(token == EMPTY for sentence in sentences for token in sentence.tokens):
        message = f"every word is '_' in column {names[layout.token]}: this treebank comes without its text"
        raise CorpusError(f"{message}; restore it, or choose with --token-column", file=file, line=sentences[0].line)
    untagged = [sentence for sentence in sentences if EMPTY in sentence.tags]
    if not untagged:
        return rows
    name = names[layout.tag]
    first = next(number for tag, number in zip(untagged[0].tags, untagged[0].lines, strict=True) if tag == EMPTY)
    if len(untagged) == len(sentences):
        whole = all(tag == EMPTY for sentence in sentences for tag in sentence.tags)
        problem = (
            f"there is no tag in column {name}" if whole else f"no sentence has a tag for each word in column {name}"
        )
        remedy = _other_column(sentences, layout, names, lines)
        raise CorpusError(f"{problem}, only '_'; {remedy}", file=file, line=first)
    message = (
        f"{file}:{first}: left out {len(untagged)} of {len(sentences)} sentences, first this one, which have words"
        f" without a tag ('_') in column {name}"
    )
    warnings.warn(message, SeqkitWarning, stacklevel=2)
    return [row for row in rows if not (isinstance(row, TaggedSentence) and EMPTY in row.tags)]


def _other_column(
    sentences: Sequence[TaggedSentence], layout: WordLayout, names: Sequence[str], lines: Sequence[str]
) -> str:
    """Name a column that has a tag for each word."""
    words = [layout.cells(lines[number - 1]) for sentence in sentences for number in sentence.lines]
    for name in ("upos", "xpos", "deprel"):
        if name in names and all(cells[names.index(name)].strip() != EMPTY for cells in words):
            return f"choose another column, such as --tag-column {name}"
    return "choose another column with --tag-column"
