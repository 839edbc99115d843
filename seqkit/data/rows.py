"""The rows that readers of files make: tagged sentences, annotated texts, labelled texts, plain texts.

::

    Ada<TAB>B-PER
    ran<TAB>O           TaggedSentence(tokens=["Ada", "ran"], tags=["B-PER", "O"], lines=[1, 2])
    <blank line>
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqkit.errors import CorpusError
from seqkit.text.tagging_schemes import Span

__all__ = ["AnnotatedText", "Column", "LabelledText", "PlainText", "Row", "SentenceBuilder", "TaggedSentence"]

Column = str | int | None
"""The name or the index of a column; None for the usual one."""


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """Tokens with one tag each.

    Args:
        tokens: the words.
        tags: the tag of each token, as the file has it.
        lines: the line of each token, counted from 1.
        document: the document that the sentence belongs to; None if the file does not mark documents.

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
class AnnotatedText:
    """A text with labelled spans of characters, which say nothing about its tokens.

    >>> AnnotatedText("Ada ran", [Span(0, 3, "PER")], line=4).spans[0].label
    'PER'
    """

    text: str
    spans: list[Span]
    line: int
    document: str | None = None


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text with one label, or with a list of any other number of labels.

    >>> LabelledText("a fine film", "positive", line=2).label
    'positive'
    """

    text: str
    label: str | list[str]
    line: int
    document: str | None = None


@dataclass(frozen=True, slots=True)
class PlainText:
    """A line of text without annotation.

    >>> PlainText("once upon a time", line=1).text
    'once upon a time'
    """

    text: str
    line: int
    document: str | None = None


Row = TaggedSentence | AnnotatedText | LabelledText | PlainText


@dataclass(slots=True)
class SentenceBuilder:
    """Collects tokens into sentences and documents while a file with a token a line is read.

    >>> builder = SentenceBuilder("a.conll")
    >>> builder.add("Ada", "B-PER", 1)
    >>> builder.end_sentence()
    >>> builder.rows[0].tokens
    ['Ada']
    """

    file: str
    rows: list[Row] = field(default_factory=list)
    document: str | None = None
    documents: int = 0
    tokens: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def add(self, token: str, tag: str, line: int) -> None:
        """Append a token.

        Raises:
            CorpusError: the token or its tag is empty.
        """
        if not token or not tag:
            raise CorpusError(f"there is no {'tag' if token else 'token'} in this row", file=self.file, line=line)
        self.tokens.append(token)
        self.tags.append(tag)
        self.lines.append(line)

    def end_sentence(self) -> None:
        """End the sentence, if one has begun."""
        if self.tokens:
            self.rows.append(TaggedSentence(self.tokens, self.tags, self.lines, self.document))
            self.tokens, self.tags, self.lines = [], [], []

    def start_document(self, name: str | None = None) -> None:
        """End the sentence and begin a document; without a name it is named after the file, with a number."""
        self.end_sentence()
        self.documents += 1
        self.document = name or f"{Path(self.file).stem}-{self.documents}"
