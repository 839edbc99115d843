"""The settings of a tagger."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Interval

from seqkit.config.label_weights import parse_label_weights
from seqkit.config.words import WordConfig
from seqkit.errors import ConfigError, setting_ref
from seqkit.text.scheme_rules import Scheme
from seqkit.text.tag_notation import DEFAULT_TYPE

__all__ = [
    "TaggingConfig",
]


@dataclass(frozen=True, kw_only=True)
class TaggingConfig(WordConfig):
    """Settings of a tagger's model; every field is an option of ``seqkit train ner``.

    Raises:
        ConfigError: a value cannot be used; the message names the setting.

    >>> TaggingConfig(hidden_size=0)
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: hidden_size must be at least 1, not 0
    """

    corpus_scheme: Annotated[str | None, "tagging scheme of the corpus; detected if not given"] = None
    entity_type: Annotated[str, "type of the entities of a corpus whose tags name none: B, I and O alone"] = (
        DEFAULT_TYPE
    )
    strict: Annotated[bool, "refuse tags that break the scheme of the corpus, instead of a warning"] = False
    scheme: Annotated[str, "tagging scheme that the model is trained in"] = Scheme.IOBES
    head: Annotated[Literal["crf", "softmax"], "output layer that predicts the tags"] = "crf"
    label_weights: Annotated[
        str | None, "weight of a token in the loss, by entity type or tag: O=0.5,LOC=2; 1 if not given"
    ] = None
    label_smoothing: Annotated[
        float, Interval(ge=0, lt=1), "share of the training target that is spread over all legal outputs"
    ] = 0.0
    lm: Annotated[str | None, "run folder of a character language model whose states become word features"] = None
    lm_size: Annotated[int, Ge(1), "dimension to which these states are projected"] = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("scheme", self.scheme), ("corpus_scheme", self.corpus_scheme)):
            if value is not None:
                object.__setattr__(self, name, _parse_scheme(name, value))
        if not self.entity_type:
            raise ConfigError(f"{setting_ref('entity_type')} must not be empty")
        self.label_weights_by_name()

    def label_weights_by_name(self) -> dict[str, float]:
        """Return ``label_weights`` as numbers.

        Raises:
            ConfigError: they are not written as NAME=NUMBER,NAME=NUMBER, or a number is negative.

        >>> TaggingConfig(label_weights="O=0.5, LOC=2").label_weights_by_name()
        {'O': 0.5, 'LOC': 2.0}
        """
        return parse_label_weights("label_weights", self.label_weights)


def _parse_scheme(setting: str, value: str) -> Scheme:
    try:
        return Scheme.parse(value)
    except ConfigError as error:
        raise ConfigError(f"{setting}: {error}") from None
