"""Every setting with its help text and its default, in frozen dataclasses that check themselves.

They import no torch: the command line makes its options from them, and ``--help`` is to be fast.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from seqkit.errors import ConfigError
from seqkit.text.tagging_schemes import Scheme

__all__ = [
    "CLASSIFIERS",
    "CONFIGS",
    "POOLINGS",
    "TRAINING",
    "ClassificationConfig",
    "LanguageModelConfig",
    "TaggingConfig",
    "TrainConfig",
    "WordConfig",
]


def _check_choices(config: Any) -> None:
    for name, hint in get_type_hints(type(config)).items():
        if get_origin(hint) is Literal and getattr(config, name) not in get_args(hint):
            raise ConfigError(f"{name} must be one of {', '.join(get_args(hint))}, not {getattr(config, name)!r}")


def _check_share(config: Any, *names: str) -> None:
    for name in names:
        if not 0.0 <= getattr(config, name) < 1.0:
            raise ConfigError(f"{name} must be at least 0 and below 1, not {getattr(config, name)}")


def _weights(name: str, written: str | None) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in written.split(",") if written else ():
        label, _, number = part.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = -1.0
        if not label.strip() or not 0.0 <= weight < float("inf"):
            raise ConfigError(f"{name} must be written like O=0.5,LOC=2, not {written!r}")
        weights[label.strip()] = weight
    return weights


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
    cell: Annotated[Literal["lstm", "gru"], "recurrent cell"] = "lstm"
    hidden_size: Annotated[int, "hidden units per direction"] = 200
    num_layers: Annotated[int, "stacked recurrent layers"] = 1
    input_dropout: Annotated[float, "dropout on word features"] = 0.5
    state_dropout: Annotated[float, "dropout on encoder states"] = 0.5
    singleton_replacement: Annotated[float, "chance that a word seen once is read as unknown"] = 0.5
    word_replacement: Annotated[float, "chance that any other word is read as unknown"] = 0.1

    def __post_init__(self) -> None:
        _check_choices(self)
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
        _check_share(self, "label_smoothing")
        self.weight_of_label()

    def weight_of_label(self) -> dict[str, float]:
        """``label_weights`` as numbers.

        Raises:
            ConfigError: where they are not written as NAME=NUMBER,NAME=NUMBER, or a number is negative.

        >>> TaggingConfig(label_weights="O=0.5, LOC=2").weight_of_label()
        {'O': 0.5, 'LOC': 2.0}
        """
        return _weights("label_weights", self.label_weights)


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
        _check_share(self, "ngram_dropout", "label_smoothing")
        self.weight_of_class()

    def weight_of_class(self) -> dict[str, float]:
        """``class_weights`` as numbers; none where they are balanced.

        Raises:
            ConfigError: where they are not written as NAME=NUMBER,NAME=NUMBER, or a number is negative.
        """
        return {} if self.class_weights == "balanced" else _weights("class_weights", self.class_weights)


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
    cell: Annotated[Literal["lstm", "gru"], "recurrent cell"] = "lstm"
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
        _check_choices(self)
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


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a model is trained; every field is an option of ``seqkit train``.

    >>> TrainConfig(epochs=0)
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: epochs must be at least 1, not 0
    """

    epochs: Annotated[int, "passes over the training split"] = 16
    max_minutes: Annotated[float, "stop cleanly after this long; 0 sets no limit"] = 0.0
    batch_tokens: Annotated[int, "most padded tokens in a batch"] = 800
    accumulate: Annotated[int, "batches whose gradients make one step"] = 1
    optimizer: Annotated[Literal["adamw", "sgd"], "optimiser"] = "adamw"
    learning_rate: Annotated[float, "highest learning rate"] = 0.006
    weight_decay: Annotated[float, "decoupled weight decay"] = 0.01
    momentum: Annotated[float, "momentum of SGD"] = 0.9
    schedule: Annotated[Literal["one-cycle", "plateau", "decay", "constant"], "learning rate over time"] = "one-cycle"
    warmup: Annotated[float, "share of training in which the learning rate rises"] = 0.1
    plateau_patience: Annotated[int, "epochs without a better dev score before the rate is halved"] = 3
    decay_after: Annotated[int, "epochs at the full rate before the schedule decay lowers it"] = 1
    decay: Annotated[float, "what the schedule decay makes of the rate in each further epoch"] = 0.8
    clip_norm: Annotated[float, "largest norm of the gradient; 0 does not clip"] = 5.0
    average: Annotated[float, "decay of the exponential average of the weights; 0 keeps none"] = 0.995
    patience: Annotated[int, "epochs without a better dev score before training stops"] = 10
    save_minutes: Annotated[float, "how often an epoch is saved to be resumed, besides its end; 0 never"] = 5.0
    seed: Annotated[int, "seed of everything random"] = 1

    def __post_init__(self) -> None:
        _check_choices(self)
        for name in ("epochs", "batch_tokens", "accumulate", "plateau_patience", "decay_after", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("max_minutes", "save_minutes", "weight_decay", "clip_norm"):
            if not getattr(self, name) >= 0.0:
                raise ConfigError(f"{name} must not be negative, not {getattr(self, name)}")
        for name in ("momentum", "average", "warmup"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ConfigError(f"{name} must be at least 0 and below 1, not {getattr(self, name)}")
        if not 0.0 < self.decay <= 1.0:
            raise ConfigError(f"decay must be above 0 and at most 1, not {self.decay}")
        if not self.learning_rate > 0.0:
            raise ConfigError(f"learning_rate must be positive, not {self.learning_rate}")


CONFIGS: dict[str, type[TaggingConfig] | type[ClassificationConfig] | type[LanguageModelConfig]] = {
    "ner": TaggingConfig,
    "pos": TaggingConfig,
    "sentiment": ClassificationConfig,
    "classifier": ClassificationConfig,
    "lm": LanguageModelConfig,
}

CLASSIFIERS = tuple(task for task, config in CONFIGS.items() if config is ClassificationConfig)

# How each task is trained where nothing else is said.
_CLASSIFICATION = TrainConfig(epochs=10, batch_tokens=1500, learning_rate=0.003, average=0.99, patience=5)
TRAINING: dict[str, TrainConfig] = {
    **dict.fromkeys(CONFIGS, TrainConfig()),
    "sentiment": _CLASSIFICATION,
    "classifier": _CLASSIFICATION,
}
