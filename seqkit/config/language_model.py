"""The settings of a language model."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Interval

from seqkit.cells.table import CELLS
from seqkit.config.bounds import OneOf, check_fields
from seqkit.errors import ConfigError, setting_ref

__all__ = [
    "LanguageModelConfig",
]


@dataclass(frozen=True, kw_only=True)
class LanguageModelConfig:
    """Settings of a language model; every field is an option of ``seqkit train lm``.

    Raises:
        ConfigError: a value cannot be used, or two do not go together; the message names the setting.

    >>> LanguageModelConfig(unit="char", pretokenized=True)
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: pretokenized text consists of words: choose unit='word', not 'char'
    """

    unit: Annotated[Literal["char", "word", "bpe"], "unit of tokenization"] = "char"
    pretokenized: Annotated[bool, "split words at white space alone; a line end is <eos>, as in WikiText"] = False
    vocabulary_size: Annotated[
        int, Ge(0), "maximum number of tokens in the vocabulary; 0 sets no limit, and means 4096 for bpe"
    ] = 0
    minimum_count: Annotated[
        int, Ge(1), "minimum number of occurrences in the training data for a token to enter the vocabulary"
    ] = 1
    direction: Annotated[Literal["forward", "backward", "both"], "direction in which the text is read"] = "forward"
    cell: Annotated[str, OneOf(CELLS), "type of recurrent cell"] = "lstm"
    embedding_size: Annotated[int, Ge(1), "dimension of the token embeddings"] = 256
    hidden_size: Annotated[int, Ge(1), "hidden units per layer"] = 256
    num_layers: Annotated[int, Ge(1), "number of stacked recurrent layers"] = 1
    tied: Annotated[
        bool, "share the embedding with the output layer; the last layer then has the embedding's dimension"
    ] = True
    adaptive_softmax: Annotated[bool, "score rare tokens in clusters: faster for large vocabularies"] = False
    embedding_dropout: Annotated[float, Interval(ge=0, lt=1), "share of the tokens whose embedding is dropped"] = 0.0
    input_dropout: Annotated[float, Interval(ge=0, lt=1), "dropout on the embeddings"] = 0.0
    hidden_dropout: Annotated[float, Interval(ge=0, lt=1), "dropout between the layers"] = 0.0
    output_dropout: Annotated[float, Interval(ge=0, lt=1), "dropout on the last layer"] = 0.0
    weight_dropout: Annotated[float, Interval(ge=0, lt=1), "dropout on the recurrent weights"] = 0.0
    locked_dropout: Annotated[bool, "use one dropout mask for all steps of a window"] = True
    activation_penalty: Annotated[float, Ge(0), "weight of the activation regularization (AR)"] = 0.0
    temporal_penalty: Annotated[float, Ge(0), "weight of the temporal activation regularization (TAR)"] = 0.0
    bptt: Annotated[int, Ge(1), "steps of backpropagation; a batch is as many parallel streams as its tokens allow"] = (
        100
    )
    vary_bptt: Annotated[bool, "draw the length of each window, and scale the learning rate to it"] = False
    reset_probability: Annotated[
        float, Interval(ge=0, lt=1), "probability of resetting a stream's state at the start of a window"
    ] = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        if self.pretokenized and self.unit != "word":
            words = setting_ref("unit", "word")
            raise ConfigError(f"pretokenized text consists of words: choose {words}, not {self.unit!r}")
        if self.tied and self.adaptive_softmax:
            raise ConfigError(f"an adaptive softmax has its own clusters: choose {setting_ref('tied', False)} with it")
