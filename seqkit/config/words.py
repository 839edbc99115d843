"""The settings of a model of words."""

from dataclasses import dataclass
from typing import Annotated, Literal

from seqkit.cells.table import CELLS
from seqkit.config.bounds import OneOf, check_choices
from seqkit.errors import ConfigError

__all__ = [
    "WordConfig",
]


@dataclass(frozen=True, kw_only=True)
class WordConfig:
    """What a model of words is made of, whatever it is for: word features and the encoder above them."""

    word_size: Annotated[int, "width of a word embedding"] = 100
    minimum_count: Annotated[int, "how often training must hold a word for it to be known"] = 1
    vectors: Annotated[str | None, "file of pretrained word vectors: GloVe, word2vec or fastText text, .gz too"] = None
    vector_words: Annotated[int, "how many words to keep from the top of that file beside those of training"] = 20_000
    characters: Annotated[Literal["cnn", "lstm", "none"], "model of a word's spelling"] = "cnn"
    character_size: Annotated[int, "width of a character embedding"] = 32
    character_filters: Annotated[int, "filters of each width of the CNN, or hidden units of the LSTM"] = 64
    shape_size: Annotated[int, "width of a word-shape embedding; 0 leaves shapes out"] = 16
    affix_size: Annotated[int, "width of a prefix or suffix embedding; 0 leaves affixes out"] = 16
    cell: Annotated[str, OneOf(CELLS), "recurrent cell"] = "lstm"
    hidden_size: Annotated[int, "hidden units per direction"] = 200
    num_layers: Annotated[int, "stacked recurrent layers"] = 1
    input_dropout: Annotated[float, "dropout on word features"] = 0.5
    state_dropout: Annotated[float, "dropout on encoder states"] = 0.5
    singleton_replacement: Annotated[float, "chance that a word seen once is read as unknown"] = 0.5
    word_replacement: Annotated[float, "chance that any other word is read as unknown"] = 0.1

    def __post_init__(self) -> None:
        check_choices(self)
        sizes = ("word_size", "minimum_count", "character_size", "character_filters", "hidden_size", "num_layers")
        for name in sizes:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("shape_size", "affix_size", "vector_words"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must not be negative, not {getattr(self, name)}")
        for name in ("input_dropout", "state_dropout", "singleton_replacement", "word_replacement"):
            if not 0.0 <= getattr(self, name) < 1.0 and not (name.endswith("replacement") and getattr(self, name) == 1):
                raise ConfigError(f"{name} must be at least 0 and below 1, not {getattr(self, name)}")
