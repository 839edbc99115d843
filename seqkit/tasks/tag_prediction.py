"""The prediction of a tagger for one sentence."""

from dataclasses import dataclass, field

from seqkit.text.tagging_schemes import Span

__all__ = ["TagPrediction"]


@dataclass(frozen=True)
class TagPrediction:
    """The tags and spans of one sentence.

    Attributes:
        tags: one tag per token, in the scheme of the model.
        spans: the predicted entities; empty for plain tags.
        confidence: the probability of each span, or of each tag if tags are plain; empty if not requested.
        spread: the standard deviation of each confidence over Monte Carlo samples, of which ``confidence`` is then the
            mean; empty without samples.
        intervals: the bounds of the central 95 % of the samples; empty without samples.

    >>> TagPrediction(["O", "S-LOC"], [Span(1, 2, "LOC")]).confidence
    []
    """

    tags: list[str]
    spans: list[Span]
    confidence: list[float] = field(default_factory=list)
    spread: list[float] = field(default_factory=list)
    intervals: list[tuple[float, float]] = field(default_factory=list)
