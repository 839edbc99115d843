"""Tiny models of every face that are good for nothing but trying out: the tagger takes nearly every word for a name."""

from typing import Any

import torch

import seqkit
from seqkit.classifier import Classifier
from seqkit.language_model import LanguageModel
from seqkit.models.tagging_heads import CRFHead, SoftmaxHead
from seqkit.runs.folder import FORMAT_VERSION
from seqkit.tagger import Tagger
from tests.golden_runs import GOLDEN
from tests.tiny import ROWS, tiny_tagger
from tests.tiny_labels import TEXTS, TOPICS, tiny_classifier
from tests.tiny_text import DEV, TRAIN, tiny_language_model

__all__ = [
    "busy_tagger",
    "byte_pair_model",
    "character_model",
    "part_of_speech_tagger",
    "softmax_tagger",
    "topic_classifier",
    "truth_classifier",
]


def _golden(task: str) -> Any:
    """Return a model from a run folder that is part of the tests, so that it need not be trained."""
    return seqkit.load(GOLDEN / str(FORMAT_VERSION) / task, device="cpu")


def busy_tagger() -> Tagger:
    """Return a tagger of entities that dislikes ``O``: nearly every word of any text is in an entity, a short one."""
    tagger = _golden("ner")
    assert isinstance(tagger, Tagger)
    return _made_busy(tagger)


def softmax_tagger() -> Tagger:
    """Return such a tagger without a CRF; it is trained, which takes a second."""
    return _made_busy(tiny_tagger(still=True, epochs=1, head="softmax").fit(ROWS, ROWS))


def _made_busy(tagger: Tagger) -> Tagger:
    assert tagger.fitted
    head = tagger.fitted.model.head
    assert isinstance(head, CRFHead | SoftmaxHead)
    with torch.no_grad():
        for label, index in tagger.fitted.label_ids.items():
            head.scores.bias[index] -= 5.0 if label == "O" or label.startswith("I-") else 0.0
    return tagger


def part_of_speech_tagger() -> Tagger:
    """Return a tagger of parts of speech."""
    tagger = _golden("pos")
    assert isinstance(tagger, Tagger)
    return tagger


def truth_classifier() -> Classifier:
    """Return a classifier of one label for each text."""
    classifier = _golden("classifier")
    assert isinstance(classifier, Classifier)
    return classifier


def topic_classifier() -> Classifier:
    """Return a classifier of several labels for each text; it is trained, which takes a second."""
    return tiny_classifier(still=True, epochs=1).fit(TEXTS, TOPICS, dev=(TEXTS, TOPICS))


def character_model() -> LanguageModel:
    """Return a language model of characters."""
    model = _golden("lm")
    assert isinstance(model, LanguageModel)
    return model


def byte_pair_model() -> LanguageModel:
    """Return a language model of byte pairs; it is trained, which takes a second."""
    return tiny_language_model(unit="bpe", epochs=1, vocabulary_size=270).fit(TRAIN, dev=DEV)
