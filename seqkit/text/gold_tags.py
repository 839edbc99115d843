"""Gold tags, read as conlleval reads them, with the places that break their scheme.

::

    B-PER I-PER O I-LOC    in IOB2: the chunks PER and LOC; I-LOC breaks the scheme

A chunk is *explained* if the strict reading finds it too. Nearly every real corpus has a few chunks that are not; if
there are many, the tags are in another format, or damaged.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from seqkit.text.scheme_rules import OUTSIDE, Scheme
from seqkit.text.tag_format import TagFormat, detect_format
from seqkit.text.tag_notation import DEFAULT_TYPE
from seqkit.text.tagging_schemes import IllegalTag, Span, conlleval_spans, illegal_tags, strict_spans

__all__ = ["Fault", "GoldTags", "fitting_format", "read_gold_tags"]

# The share of chunks, in percent, that a scheme must explain; and the share in a small split that is read in the format
# of train, in which one fault weighs much, but most are faults if it is in another format.
_REQUIRED_PERCENT = 95
_REQUIRED_PERCENT_IF_SMALL = 50
_SMALL = 100


class Fault(NamedTuple):
    """A tag that breaks the scheme, in a sentence counted from 0."""

    sentence: int
    illegal: IllegalTag


@dataclass(frozen=True)
class GoldTags:
    """The chunks of a corpus, and the places that break its scheme.

    Attributes:
        spans: the chunks of each sentence.
        faults: the places that break the scheme, in order.
        chunks: the number of chunks.
        explained: the number of those that the strict reading finds too.
        tag_format: the format in which the tags were read.
        required_percent: the share of the chunks, in percent, that must be explained.
    """

    spans: list[list[Span]]
    faults: list[Fault]
    chunks: int
    explained: int
    tag_format: TagFormat
    required_percent: int = _REQUIRED_PERCENT

    def refused(self, *, strict: bool = False) -> list[Fault]:
        """Return the faults for which the corpus must not be used, the one to name first at the start.

        These are tags that cannot be read at all; and all faults, if ``strict`` or if the scheme does not explain
        enough of the chunks.

        >>> read_gold_tags([["I-PER", "O"]] + [["B-PER", "O"]] * 19, TagFormat(Scheme.IOB2)).refused()
        []
        """
        every = strict or not self.explains_enough
        first = [fault for fault in self.faults if not fault.illegal.readable]
        return first + [fault for fault in self.faults if fault.illegal.readable and every]

    @property
    def explains_enough(self) -> bool:
        """Whether the scheme explains the share of the chunks that is required."""
        return 100 * self.explained >= self.required_percent * self.chunks

    @property
    def summary(self) -> str:
        """How many places break the scheme, and how much of the chunks it explains.

        >>> read_gold_tags([["O", "I-PER"], ["B-PER", "O"]], TagFormat(Scheme.IOB2)).summary
        '1 place breaks IOB2, which explains 1 of 2 chunks, fewer than 95 %'
        """
        count = len({(fault.sentence, fault.illegal.position) for fault in self.faults})
        places = "1 place breaks" if count == 1 else f"{count} places break"
        summary = f"{places} {self.tag_format.scheme}, which explains {self.explained} of {self.chunks} chunks"
        return summary if self.explains_enough else f"{summary}, fewer than {self.required_percent} %"


def read_gold_tags(
    sequences: Sequence[Sequence[str]], tag_format: TagFormat, *, is_format_of_train: bool = False
) -> GoldTags:
    """Read the gold tags of a split by the rules of conlleval.

    Args:
        sequences: the tags of each sentence.
        tag_format: their format.
        is_format_of_train: whether this is another split than train and the format is that of train. Half of the chunks
            must then be explained if there are fewer than 100, else 95 %.

    >>> gold = read_gold_tags([["I-PER", "O"]], TagFormat(Scheme.IOB2))
    >>> gold.spans, gold.faults[0].illegal.reason
    ([[Span(start=0, end=1, label='PER')]], 'I-PER cannot start a sentence: IOB2 opens a chunk there with B-PER')
    """
    scheme, notation = tag_format.scheme, tag_format.notation
    counts = Counter(chain.from_iterable(sequences))
    marks = {tag: notation.read(tag) or OUTSIDE for tag in counts}
    known = [tag for tag, _ in counts.most_common() if notation.read(tag) is not None]
    spans: list[list[Span]] = []
    faults: list[Fault] = []
    explained = 0
    for number, tags in enumerate(sequences):
        read = [marks[tag] for tag in tags]
        spans.append(conlleval_spans(read))
        illegal = illegal_tags(tags, scheme, notation, known)
        faults += [Fault(number, each) for each in illegal]
        strict = strict_spans(read, scheme) if illegal else spans[-1]
        explained += len(set(strict) & set(spans[-1]))
    chunks = sum(map(len, spans))
    required = _REQUIRED_PERCENT_IF_SMALL if is_format_of_train and chunks < _SMALL else _REQUIRED_PERCENT
    return GoldTags(spans, faults, chunks, explained, tag_format, required)


def fitting_format(
    sequences: Sequence[Sequence[str]],
    known: TagFormat | None = None,
    *,
    scheme: Scheme | None = None,
    entity_type: str = DEFAULT_TYPE,
) -> TagFormat | None:
    """Return the format of train if it explains the tags of another split, else the format that is detected.

    Args:
        sequences: the tags of each sentence.
        known: the format of train, if it is known.
        scheme: as for :func:`~seqkit.text.tag_format.detect_format`.
        entity_type: likewise.

    >>> print(fitting_format([["I-PER"]], TagFormat(Scheme.IOB1)), fitting_format([["B-PER"]], TagFormat(Scheme.IOB1)))
    IOB1 IOB2
    """
    if known is not None and not read_gold_tags(sequences, known, is_format_of_train=True).refused():
        return known
    return detect_format(sequences, scheme=scheme, entity_type=entity_type)
