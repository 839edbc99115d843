"""The table of tasks: a row for each, which is all that the command line knows about it.

The classes that people import are loaded by a row's ``model()``, not before, so that ``--help`` imports no torch.
"""

from typing import TYPE_CHECKING, Any

from seqkit.config.anomaly_detection import AnomalyConfig
from seqkit.config.classification import ClassificationConfig
from seqkit.config.forecasting import ForecastConfig
from seqkit.config.language_model import LanguageModelConfig
from seqkit.config.presets import PRESETS, preset_settings
from seqkit.config.tagging import TaggingConfig
from seqkit.config.training import TrainConfig
from seqkit.data.corpus_kinds import LABELLED_TEXTS, MEASUREMENTS, NUMERIC_SERIES, RUNNING_TEXT, TAGGED_SENTENCES
from seqkit.errors import ConfigError
from seqkit.metrics.metric import (
    DETECTION_METRICS,
    FORECAST_METRICS,
    LABEL_METRICS,
    LANGUAGE_MODEL_METRICS,
    SPAN_METRICS,
    TAG_METRICS,
)
from seqkit.tasks.spec import Presets, TaskSpec

if TYPE_CHECKING:
    from seqkit.anomaly_detector import AnomalyDetector
    from seqkit.classifier import Classifier
    from seqkit.forecaster import Forecaster
    from seqkit.language_model import LanguageModel
    from seqkit.tagger import Tagger

__all__ = ["TASKS", "find_task"]


def _tagger() -> "type[Tagger]":
    from seqkit.tagger import Tagger

    return Tagger


def _classifier() -> "type[Classifier]":
    from seqkit.classifier import Classifier

    return Classifier


def _language_model() -> "type[LanguageModel]":
    from seqkit.language_model import LanguageModel

    return LanguageModel


def _forecaster() -> "type[Forecaster]":
    from seqkit.forecaster import Forecaster

    return Forecaster


def _anomaly_detector() -> "type[AnomalyDetector]":
    from seqkit.anomaly_detector import AnomalyDetector

    return AnomalyDetector


_CLASSIFIER_TRAINING = TrainConfig(epochs=10, batch_tokens=1500, learning_rate=0.003, average=0.99, patience=5)
_ANOMALY_TRAINING = TrainConfig(epochs=40, batch_tokens=1600, learning_rate=0.005, average=0.99, patience=10)

_FORECAST_TRAINING = TrainConfig(
    epochs=40, batch_tokens=4096, learning_rate=0.004, clip_norm=1.0, average=0.995, patience=40
)

TASKS: dict[str, TaskSpec[Any]] = {
    "ner": TaskSpec(
        name="ner",
        purpose="Train a tagger of named entities, or of any other spans of words.",
        config=TaggingConfig,
        training=TrainConfig(),
        corpus=TAGGED_SENTENCES,
        default_corpus="ner-mini",
        model=_tagger,
        metrics=SPAN_METRICS,
        report="tags",
        usage='model.predict(["Some text."])',
    ),
    "pos": TaskSpec(
        name="pos",
        purpose="Train a tagger of plain tags, such as parts of speech.",
        config=TaggingConfig,
        training=TrainConfig(),
        corpus=TAGGED_SENTENCES,
        model=_tagger,
        metrics=TAG_METRICS,
        report="tags",
        usage='model.predict(["Some text."])',
    ),
    "sentiment": TaskSpec(
        name="sentiment",
        purpose="Train a classifier of sentiment: positive or negative, or as many degrees as the corpus has.",
        config=ClassificationConfig,
        training=_CLASSIFIER_TRAINING,
        corpus=LABELLED_TEXTS,
        default_corpus="sentiment-mini",
        model=_classifier,
        metrics=LABEL_METRICS,
        report="labels",
        usage='model.predict(["Some text."])',
    ),
    "classifier": TaskSpec(
        name="classifier",
        purpose="Train a classifier of texts: topics, intents, or any other labels.",
        config=ClassificationConfig,
        training=_CLASSIFIER_TRAINING,
        corpus=LABELLED_TEXTS,
        model=_classifier,
        metrics=LABEL_METRICS,
        report="labels",
        usage='model.predict(["Some text."])',
    ),
    "lm": TaskSpec(
        name="lm",
        purpose="Train a language model on running text; --print-config shows all settings of a preset.",
        config=LanguageModelConfig,
        training=TrainConfig(),
        corpus=RUNNING_TEXT,
        default_corpus="prose-mini",
        model=_language_model,
        metrics=LANGUAGE_MODEL_METRICS,
        report="text",
        usage='model.generate("Once ", max_tokens=100, temperature=0.8)[0].text',
        presets=Presets(names=tuple(PRESETS), default="tiny", settings=preset_settings),
    ),
    "forecast": TaskSpec(
        name="forecast",
        purpose="Train a forecaster of series of numbers: one model for all series.",
        config=ForecastConfig,
        training=_FORECAST_TRAINING,
        corpus=NUMERIC_SERIES,
        default_corpus="series-mini",
        model=_forecaster,
        metrics=FORECAST_METRICS,
        report="series",
        usage="model.predict()",
        step="point",
    ),
    "anomaly": TaskSpec(
        name="anomaly",
        purpose="Train a detector of anomalies in series of numbers; it needs no labels.",
        config=AnomalyConfig,
        training=_ANOMALY_TRAINING,
        corpus=MEASUREMENTS,
        default_corpus="anomalies-mini",
        model=_anomaly_detector,
        metrics=DETECTION_METRICS,
        report="anomalies",
        usage="model.predict(panel)",
        step="point",
    ),
}


def find_task(name: str) -> TaskSpec[Any]:
    """Return the row of a task.

    Raises:
        ConfigError: if there is no such task; the message names those there are.

    >>> find_task("pos").metric.name
    'accuracy'
    """
    if name not in TASKS:
        raise ConfigError(f"no task {name!r}; choose from {', '.join(TASKS)}")
    return TASKS[name]
