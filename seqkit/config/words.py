"""The settings that models of words share."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Interval

from seqkit.cells.table import CELLS
from seqkit.config.bounds import OneOf, check_fields

__all__ = [
    "WordConfig",
]


@dataclass(frozen=True, kw_only=True)
class WordConfig:
    """Settings of the word features and of the encoder above them, whatever the task."""

    word_size: Annotated[int, Ge(1), "dimension of the word embeddings"] = 100
    minimum_count: Annotated[
        int, Ge(1), "minimum number of occurrences in the training data for a word to enter the vocabulary"
    ] = 1
    vectors: Annotated[
        str | None, "file of pretrained word vectors: text of GloVe, word2vec or fastText, optionally gzipped"
    ] = None
    vector_words: Annotated[
        int, Ge(0), "number of words to keep from the top of that file, besides those of the training data"
    ] = 20_000
    characters: Annotated[Literal["cnn", "lstm", "none"], "character-level model of each word"] = "cnn"
    character_size: Annotated[int, Ge(1), "dimension of the character embeddings"] = 32
    character_filters: Annotated[int, Ge(1), "filters of each width of the CNN, or hidden units of the LSTM"] = 64
    shape_size: Annotated[int, Ge(0), "dimension of the word-shape embeddings; 0 disables them"] = 16
    affix_size: Annotated[int, Ge(0), "dimension of the prefix and suffix embeddings; 0 disables them"] = 16
    cell: Annotated[str, OneOf(CELLS), "type of recurrent cell"] = "lstm"
    hidden_size: Annotated[int, Ge(1), "hidden units per direction"] = 200
    num_layers: Annotated[int, Ge(1), "number of stacked recurrent layers"] = 1
    input_dropout: Annotated[float, Interval(ge=0, lt=1), "dropout on the word features"] = 0.5
    state_dropout: Annotated[float, Interval(ge=0, lt=1), "dropout on the encoder states"] = 0.5
    singleton_replacement: Annotated[
        float, Interval(ge=0, le=1), "probability of replacing a word that occurs once with the unknown word"
    ] = 0.5
    word_replacement: Annotated[
        float, Interval(ge=0, le=1), "probability of replacing any other word with the unknown word"
    ] = 0.1

    def __post_init__(self) -> None:
        check_fields(self)
