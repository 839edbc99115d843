"""The settings of a language model."""

from dataclasses import dataclass
from typing import Annotated, Literal

from seqkit.cells.table import CELLS
from seqkit.config.bounds import OneOf, check_choices
from seqkit.errors import ConfigError

__all__ = [
    "LanguageModelConfig",
]


@dataclass(frozen=True, kw_only=True)
class LanguageModelConfig:
    """What a language model is made of; every field is an option of ``seqkit train lm``.

    >>> LanguageModelConfig(unit="char", pretokenized=True)
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: pretokenized text is made of words: choose unit=word, not 'char'
    """

    unit: Annotated[Literal["char", "word", "bpe"], "what a token is"] = "char"
    pretokenized: Annotated[bool, "words are what white space parts, and a line end is <eos>, as in WikiText"] = False
    vocabulary_size: Annotated[int, "most tokens in the vocabulary; 0 sets no limit, and is 4096 for bpe"] = 0
    minimum_count: Annotated[int, "how often training must hold a character or word for it to be known"] = 1
    direction: Annotated[Literal["forward", "backward", "both"], "which way the text is read"] = "forward"
    cell: Annotated[str, OneOf(CELLS), "recurrent cell"] = "lstm"
    embedding_size: Annotated[int, "width of a token's embedding"] = 256
    hidden_size: Annotated[int, "hidden units of a layer"] = 256
    num_layers: Annotated[int, "stacked recurrent layers"] = 1
    tied: Annotated[bool, "the embedding scores the next token, too; the last layer is as wide as it"] = True
    adaptive_softmax: Annotated[bool, "rare tokens are scored in clusters: faster for large vocabularies"] = False
    embedding_dropout: Annotated[float, "share of the vocabulary whose embedding is dropped"] = 0.0
    input_dropout: Annotated[float, "dropout on embeddings"] = 0.0
    hidden_dropout: Annotated[float, "dropout between layers"] = 0.0
    output_dropout: Annotated[float, "dropout on the last layer"] = 0.0
    weight_dropout: Annotated[float, "dropout on recurrent weights"] = 0.0
    locked_dropout: Annotated[bool, "what is dropped stays so for a whole window"] = True
    activation_penalty: Annotated[float, "weight of the squared last states (AR)"] = 0.0
    temporal_penalty: Annotated[float, "weight of their squared changes from step to step (TAR)"] = 0.0
    bptt: Annotated[int, "steps that gradients go back; batch_tokens / bptt streams are read side by side"] = 100
    vary_bptt: Annotated[bool, "windows of random length, the learning rate scaled to it"] = False
    reset_probability: Annotated[float, "chance that a stream's state is forgotten at a window's start"] = 0.0

    def __post_init__(self) -> None:
        check_choices(self)
        if self.pretokenized and self.unit != "word":
            raise ConfigError(f"pretokenized text is made of words: choose unit=word, not {self.unit!r}")
        for name in ("minimum_count", "embedding_size", "hidden_size", "num_layers", "bptt"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("vocabulary_size", "activation_penalty", "temporal_penalty"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must not be negative, not {getattr(self, name)}")
        dropouts = ("embedding_dropout", "input_dropout", "hidden_dropout", "output_dropout", "weight_dropout")
        for name in (*dropouts, "reset_probability"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ConfigError(f"{name} must be at least 0 and below 1, not {getattr(self, name)}")
        if self.tied and self.adaptive_softmax:
            raise ConfigError("an adaptive softmax has clusters of its own: choose tied=False with it")
