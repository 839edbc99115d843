"""The settings of a tagger."""

from dataclasses import dataclass
from typing import Annotated, Literal

from seqkit.config.bounds import check_share, weights_by_name
from seqkit.config.words import WordConfig
from seqkit.errors import ConfigError
from seqkit.text.tagging_schemes import Scheme

__all__ = [
    "TaggingConfig",
]


@dataclass(frozen=True, kw_only=True)
class TaggingConfig(WordConfig):
    """What a tagger is made of; every field is an option of ``seqkit train ner``.

    >>> TaggingConfig(hidden_size=0)
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: hidden_size must be at least 1, not 0
    """

    corpus_scheme: Annotated[str | None, "tagging scheme of the corpus; detected where it is not given"] = None
    scheme: Annotated[str, "tagging scheme the model is trained in"] = Scheme.IOBES
    head: Annotated[Literal["crf", "softmax"], "what decides on labels"] = "crf"
    label_weights: Annotated[
        str | None, "what a token counts in the loss, by type or tag: O=0.5,LOC=2; 1 where none is given"
    ] = None
    label_smoothing: Annotated[float, "share of the training target that is spread over all legal answers"] = 0.0
    lm: Annotated[str | None, "run folder of a character language model, whose states are features of words"] = None
    lm_size: Annotated[int, "width to which these are brought"] = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "scheme", Scheme.parse(self.scheme))
        if self.corpus_scheme is not None:
            object.__setattr__(self, "corpus_scheme", Scheme.parse(self.corpus_scheme))
        if self.lm_size < 1:
            raise ConfigError(f"lm_size must be at least 1, not {self.lm_size}")
        check_share(self, "label_smoothing")
        self.weight_of_label()

    def weight_of_label(self) -> dict[str, float]:
        """``label_weights`` as numbers.

        Raises:
            ConfigError: where they are not written as NAME=NUMBER,NAME=NUMBER, or a number is negative.

        >>> TaggingConfig(label_weights="O=0.5, LOC=2").weight_of_label()
        {'O': 0.5, 'LOC': 2.0}
        """
        return weights_by_name("label_weights", self.label_weights)
