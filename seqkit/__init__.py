"""seqkit: label, classify, generate and forecast sequences with recurrent networks.

>>> import seqkit
>>> corpus = seqkit.open_corpus("ner-mini")
>>> tagger = seqkit.Tagger(epochs=1).fit(corpus["train"], corpus["dev"])
>>> tagger.predict(["Uma visited Ghent ."])[0].text
'Uma visited Ghent .'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqkit.errors import (
    CheckpointError,
    ConfigError,
    CorpusError,
    DivergenceError,
    MissingExtraError,
    SeqkitError,
    SeqkitWarning,
)
from seqkit.version import __version__

if TYPE_CHECKING:
    from seqkit.anomaly_detector import AnomalyDetector
    from seqkit.classifier import Classifier
    from seqkit.data.corpora import open_corpus
    from seqkit.data.series.open_series import open_series
    from seqkit.data.series.panel import Panel
    from seqkit.data.texts import open_texts
    from seqkit.forecaster import Forecaster
    from seqkit.language_model import LanguageModel
    from seqkit.loading import load
    from seqkit.tagger import Tagger

__all__ = [
    "AnomalyDetector",
    "CheckpointError",
    "Classifier",
    "ConfigError",
    "CorpusError",
    "DivergenceError",
    "Forecaster",
    "LanguageModel",
    "MissingExtraError",
    "Panel",
    "SeqkitError",
    "SeqkitWarning",
    "Tagger",
    "__version__",
    "load",
    "open_corpus",
    "open_series",
    "open_texts",
]

# Loaded when first used (PEP 562), so that `import seqkit` and `seqkit --help` do not wait for torch.
_LAZY = {
    "AnomalyDetector": "seqkit.anomaly_detector",
    "Classifier": "seqkit.classifier",
    "Forecaster": "seqkit.forecaster",
    "LanguageModel": "seqkit.language_model",
    "Panel": "seqkit.data.series.panel",
    "Tagger": "seqkit.tagger",
    "load": "seqkit.loading",
    "open_corpus": "seqkit.data.corpora",
    "open_series": "seqkit.data.series.open_series",
    "open_texts": "seqkit.data.texts",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'seqkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
