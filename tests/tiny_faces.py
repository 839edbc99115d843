"""Tiny models of every face that are good for nothing but trying out: the tagger takes nearly every word for a name."""

import torch

from seqkit.classifier import Classifier
from seqkit.language_model import LanguageModel
from seqkit.models.tagging_heads import CRFHead, SoftmaxHead
from seqkit.tagger import Tagger
from tests.tiny import PARTS, ROWS, tiny_tagger
from tests.tiny_labels import LABELS, TEXTS, TOPICS, tiny_classifier
from tests.tiny_text import DEV, TRAIN, tiny_language_model

__all__ = ["busy_tagger", "quick_classifier", "quick_language_model", "quick_part_of_speech_tagger"]


def busy_tagger(**changes: object) -> Tagger:
    """Return a tagger of entities that dislikes ``O``: nearly every word of any text is in an entity."""
    tagger = tiny_tagger(still=True, **{"epochs": 1, "learning_rate": 1e-3, **changes}).fit(ROWS, ROWS)
    assert tagger.fitted
    head = tagger.fitted.model.head
    assert isinstance(head, CRFHead | SoftmaxHead)
    with torch.no_grad():
        head.scores.bias[tagger.fitted.label_ids["O"]] -= 5.0
    return tagger


def quick_part_of_speech_tagger() -> Tagger:
    """Return a tagger of parts of speech that was trained for an epoch."""
    return tiny_tagger("pos", still=True, epochs=1).fit(PARTS, PARTS)


def quick_classifier(*, several: bool = False) -> Classifier:
    """Return a classifier that was trained for an epoch, of one label for each text or of several."""
    labels = TOPICS if several else LABELS
    return tiny_classifier(still=True, epochs=1).fit(TEXTS, labels, dev=(TEXTS, labels))


def quick_language_model(unit: str = "char") -> LanguageModel:
    """Return a language model that was trained for an epoch."""
    return tiny_language_model(unit=unit, epochs=1, vocabulary_size=270 if unit == "bpe" else 0).fit(TRAIN, dev=DEV)
