"""The configuration of each task."""

from seqkit.config.classification import ClassificationConfig
from seqkit.config.language_model import LanguageModelConfig
from seqkit.config.tagging import TaggingConfig
from seqkit.config.training import TrainConfig

__all__ = [
    "CLASSIFIERS",
    "CONFIGS",
    "TRAINING",
]

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
