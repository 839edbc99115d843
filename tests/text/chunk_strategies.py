"""Sentences of labelled chunks, for properties of schemes and notations."""

from itertools import pairwise

from hypothesis import strategies as st

from seqkit.text.tagging_schemes import Span


@st.composite
def sentences_of_chunks(
    draw: st.DrawFn, labels: tuple[str, ...] = ("PER", "LOC", "x-y", "x_y:z")
) -> tuple[int, list[Span]]:
    """A number of tokens, and chunks that do not overlap."""
    length = draw(st.integers(0, 15))
    borders = sorted(draw(st.sets(st.integers(0, length), max_size=8)))
    drawn = [(start, end, draw(st.sampled_from([*labels, None]))) for start, end in pairwise(borders)]
    return length, [Span(start, end, label) for start, end, label in drawn if label]
