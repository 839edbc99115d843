"""The settings of a classifier."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval

from seqkit.config.label_weights import parse_label_weights
from seqkit.config.words import WordConfig
from seqkit.errors import ConfigError, setting_ref

__all__ = [
    "POOLINGS",
    "ClassificationConfig",
]

POOLINGS = ("last", "mean", "max", "attention")


@dataclass(frozen=True, kw_only=True)
class ClassificationConfig(WordConfig):
    """Settings of a classifier's model; every field is an option of ``seqkit train classifier``.

    Raises:
        ConfigError: a value cannot be used; the message names the setting.

    >>> ClassificationConfig(ngrams=-1)
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: ngrams must be at least 0, not -1
    """

    unit: Annotated[Literal["word", "bpe"], "tokens that the encoder reads: words, or byte pairs"] = "word"
    bpe_size: Annotated[int, Ge(257), "maximum size of the byte-pair vocabulary, including the 256 bytes and <eos>"] = (
        4096
    )
    lm: Annotated[str | None, "run folder of a word or bpe language model that initializes the encoder (ULMFiT)"] = None
    lm_rate: Annotated[float, Ge(0), "factor on the learning rate for the top layer of this language model"] = 0.25
    lm_rate_decay: Annotated[
        float, Gt(0), "factor by which the learning rate falls from each of its layers to the one below"
    ] = 2.6
    unfreeze_epochs: Annotated[
        float, Ge(0), "epochs between unfreezing one of its layers and the next, from the top down"
    ] = 1.0
    word_size: Annotated[int, Ge(1), "dimension of the word or byte-pair embeddings"] = 100
    character_filters: Annotated[int, Ge(1), "filters of each width of the CNN, or hidden units of the LSTM"] = 32
    shape_size: Annotated[int, Ge(0), "dimension of the word-shape embeddings; 0 disables them"] = 8
    affix_size: Annotated[int, Ge(0), "dimension of the prefix and suffix embeddings; 0 disables them"] = 8
    hidden_size: Annotated[int, Ge(1), "hidden units per direction"] = 128
    pooling: Annotated[str, "how the states are pooled: last, mean, max, attention, joined with +"] = "last+mean+max"
    window: Annotated[
        int, Ge(1), "steps of backpropagation; longer texts are read in windows that carry the state on"
    ] = 400
    ngrams: Annotated[int, Ge(0), "longest n-grams of the linear branch beside the encoder; 0 disables it"] = 2
    ngram_count: Annotated[
        int, Ge(1), "minimum number of training texts that contain an n-gram for it to enter the vocabulary"
    ] = 2
    naive_bayes: Annotated[float, Ge(0), "factor on the naive Bayes weights that initialize the linear branch"] = 0.3
    ngram_rate: Annotated[float, Gt(0), "factor on the learning rate for the linear branch"] = 7.0
    ngram_dropout: Annotated[float, Interval(ge=0, lt=1), "dropout on the n-grams"] = 0.3
    branch_loss: Annotated[float, Ge(0), "weight of each branch's own loss, added to the loss of both together"] = 0.5
    class_weights: Annotated[
        str | None, "weight of a text in the loss, by label: spam=2,ham=0.5; or balanced; 1 if not given"
    ] = None
    balanced_sampling: Annotated[bool, "draw every label equally often in training"] = False
    focal_gamma: Annotated[
        float, Ge(0), "exponent of the focal loss, which reduces the weight of confident predictions; 0 disables it"
    ] = 0.0
    label_smoothing: Annotated[
        float, Interval(ge=0, lt=1), "share of the training target that is spread over all labels"
    ] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        kinds = self.pooling.split("+")
        if len(set(kinds)) < len(kinds) or not set(kinds) <= set(POOLINGS):
            raise ConfigError(
                f"{setting_ref('pooling')} must be one or more of {', '.join(POOLINGS)}, joined with +,"
                f" not {self.pooling!r}"
            )
        self.class_weights_by_name()

    def class_weights_by_name(self) -> dict[str, float]:
        """Return ``class_weights`` as numbers; an empty dictionary if they are ``balanced`` or not given.

        Raises:
            ConfigError: they are not written as NAME=NUMBER,NAME=NUMBER, or a number is negative.
        """
        return {} if self.class_weights == "balanced" else parse_label_weights("class_weights", self.class_weights)
