"""What is wrong with the character spans of a corpus: those that begin or end inside a word, and texts without words.

::

    train.jsonl:3: the PER span 8..12, 'Indi', begins or ends inside a word (note)
    train.jsonl:3: 1 of 1 spans of the corpus begin or end inside a word, so no tagger of words can find them
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from seqkit.data.annotated_rows import AnnotatedRows, hint_for, tokenizer_for
from seqkit.data.offset_check import spans_inside_words
from seqkit.data.text_files import shortened
from seqkit.text.tagging_schemes import Span
from seqkit.text.words import WordTokenizer

__all__ = ["SpanProblem", "span_problems"]


class SpanProblem(NamedTuple):
    """A place in a file, what is wrong there, and whether the corpus is damaged or only worth a look.

    >>> SpanProblem("a.jsonl", 3, "the text has no word", "note").line
    3
    """

    file: str
    line: int | None
    message: str
    level: Literal["error", "note"]


def span_problems(splits: Mapping[str, AnnotatedRows]) -> list[SpanProblem]:
    """Look for what is wrong with the spans of a corpus.

    Args:
        splits: its splits, each with the ``source`` of its texts.

    Returns:
        A note for each span that begins or ends inside a word and for each text without a word; then their number in
        the whole corpus, which is an error if there is a sign that the offsets are shifted: most spans are concerned,
        or their offsets fit if they count something else.

    >>> from seqkit.data.annotated_rows import annotated_rows
    >>> rows = annotated_rows({"text": ["met Indira"], "spans": [[(4, 8, "PER")]], "source": ["a.jsonl:3"]})
    >>> [problem.level for problem in span_problems({"train": rows})]
    ['note', 'error']
    """
    if not splits:
        return []
    tokenizer = tokenizer_for(splits.get("train", next(iter(splits.values()))))
    inside = [_inside_word(rows, *found) for rows in splits.values() for found in _found_inside(rows, tokenizer)]
    problems = [*inside, *_texts_without_words(splits.values(), tokenizer)]
    if not inside:
        return problems
    total = sum(len(spans) for rows in splits.values() for spans in rows["spans"])
    message = (
        f"{len(inside)} of {total} spans of the corpus begin or end inside a word, so no tagger of words finds them"
    )
    hint = hint_for(list(splits.values()))
    level: Literal["error", "note"] = "error" if hint or 2 * len(inside) > total else "note"
    return [*problems, SpanProblem(inside[0].file, inside[0].line, f"{message}{hint}", level)]


def _found_inside(rows: AnnotatedRows, tokenizer: WordTokenizer) -> list[tuple[int, Span]]:
    return spans_inside_words(rows["text"], rows["spans"], tokenizer)


def _inside_word(rows: AnnotatedRows, number: int, span: Span) -> SpanProblem:
    quoted = shortened(rows["text"][number][span.start : span.end], 30)
    message = f"the {span.label} span {span.start}..{span.end}, {quoted!r}, begins or ends inside a word"
    return SpanProblem(*_place(rows, number), message, "note")


def _texts_without_words(splits: Iterable[AnnotatedRows], tokenizer: WordTokenizer) -> Iterator[SpanProblem]:
    for rows in splits:
        for number, words in enumerate(tokenizer.tokenize_batch(rows["text"])):
            if not words:
                yield SpanProblem(*_place(rows, number), "the text has no word, so it is left out", "note")


def _place(rows: AnnotatedRows, number: int) -> tuple[str, int | None]:
    file, _, line = str(rows["source"][number]).rpartition(":")
    return file, int(line)
