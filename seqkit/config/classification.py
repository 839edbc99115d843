"""The settings of a classifier."""

from dataclasses import dataclass
from typing import Annotated, Literal

from seqkit.config.bounds import check_share, weights_by_name
from seqkit.config.words import WordConfig
from seqkit.errors import ConfigError

__all__ = [
    "POOLINGS",
    "ClassificationConfig",
]

POOLINGS = ("last", "mean", "max", "attention")


@dataclass(frozen=True, kw_only=True)
class ClassificationConfig(WordConfig):
    """What a classifier is made of; every field is an option of ``seqkit train classifier``.

    >>> ClassificationConfig(ngrams=-1)
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: ngrams must not be negative, not -1
    """

    unit: Annotated[Literal["word", "bpe"], "what the encoder reads: words with their spelling, or byte pairs"] = "word"
    bpe_size: Annotated[int, "how many different byte pairs there are at most"] = 4096
    lm: Annotated[str | None, "run folder of a word or bpe language model that the encoder begins as (ULMFiT)"] = None
    lm_rate: Annotated[float, "what its learning rate is multiplied by"] = 0.25
    lm_rate_decay: Annotated[float, "what each layer's rate is divided by to get that of the layer below"] = 2.6
    unfreeze_epochs: Annotated[float, "epochs until each next layer of it, from the top, begins to learn"] = 1.0
    word_size: Annotated[int, "width of a word or byte-pair embedding"] = 100
    character_filters: Annotated[int, "filters of each width of the CNN, or hidden units of the LSTM"] = 32
    shape_size: Annotated[int, "width of a word-shape embedding; 0 leaves shapes out"] = 8
    affix_size: Annotated[int, "width of a prefix or suffix embedding; 0 leaves affixes out"] = 8
    hidden_size: Annotated[int, "hidden units per direction"] = 128
    pooling: Annotated[str, "what is made of the states: last, mean, max, attention, joined with +"] = "last+mean+max"
    window: Annotated[int, "steps that gradients go back; a longer text is read in windows, its state carried on"] = 400
    ngrams: Annotated[int, "longest n-grams of the linear branch beside the encoder; 0 leaves it out"] = 2
    ngram_count: Annotated[int, "how many texts of training must hold an n-gram for it to be known"] = 2
    naive_bayes: Annotated[float, "share of naive Bayes' weights that the linear branch begins with"] = 0.3
    ngram_rate: Annotated[float, "what the learning rate of the linear branch is multiplied by"] = 7.0
    ngram_dropout: Annotated[float, "dropout on n-grams"] = 0.3
    branch_loss: Annotated[float, "weight of each branch's own loss beside that of both together"] = 0.5
    class_weights: Annotated[str | None, "what a text counts in the loss, by label: spam=2,ham=0.5; or balanced"] = None
    balanced_sampling: Annotated[bool, "every label is drawn as often as every other"] = False
    focal_gamma: Annotated[float, "texts that the model is sure of count less (focal loss); 0 counts all alike"] = 0.0
    label_smoothing: Annotated[float, "share of the training target that is spread over all labels"] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bpe_size < 257:
            raise ConfigError(f"bpe_size must be at least 257, for each byte and <eos>, not {self.bpe_size}")
        for name in ("window", "ngram_count"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("ngrams", "naive_bayes", "branch_loss", "focal_gamma", "lm_rate", "unfreeze_epochs"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must not be negative, not {getattr(self, name)}")
        for name in ("ngram_rate", "lm_rate_decay"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive, not {getattr(self, name)}")
        kinds = self.pooling.split("+")
        if len(set(kinds)) < len(kinds) or not set(kinds) <= set(POOLINGS):
            raise ConfigError(f"pooling is one or more of {', '.join(POOLINGS)}, joined with +, not {self.pooling!r}")
        check_share(self, "ngram_dropout", "label_smoothing")
        self.weight_of_class()

    def weight_of_class(self) -> dict[str, float]:
        """``class_weights`` as numbers; none where they are balanced.

        Raises:
            ConfigError: where they are not written as NAME=NUMBER,NAME=NUMBER, or a number is negative.
        """
        return {} if self.class_weights == "balanced" else weights_by_name("class_weights", self.class_weights)
