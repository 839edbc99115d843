"""What must hold of every face for any text: exact offsets, probabilities, one answer however it is asked."""

import itertools
import math
import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqkit.classifier import ClassifiedText, Classifier
from seqkit.language_model import LanguageModel
from seqkit.tagger import Entity, TaggedText, TaggedToken, Tagger
from tests.random_texts import random_text

__all__ = ["Count", "check_classifier", "check_language_model", "check_tagger", "fuzzed_texts"]

CLOSE = 1e-4  # batches round differently


class Count(NamedTuple):
    """How many texts were read, and how many offsets of words and entities were compared."""

    texts: int = 0
    offsets: int = 0
    entities: int = 0


def fuzzed_texts(chance: random.Random, count: int, longest: int = 5000) -> list[str]:
    """Return random texts, some with code points of all planes, and none with a lone surrogate."""
    texts = [random_text(chance, chance.choice([5.0, 50.0, 1000.0]), longest) for _ in range(count)]
    return [text + "".join(_any_character(chance) for _ in range(chance.randrange(20))) for text in texts]


def _any_character(chance: random.Random) -> str:
    code = chance.randrange(0x110000 - 0x800)
    return chr(code + 0x800 if code >= 0xD800 else code)


def check_tagger(tagger: Tagger, texts: Sequence[str]) -> Count:
    """Check the answers to texts, read together, one by one, streamed, and without confidence."""
    together = tagger.predict(texts)
    assert [found.text for found in together] == list(texts)
    offsets = sum(_check_tagged(found, text) for found, text in zip(together, texts, strict=True))
    for found, text in zip(together, texts, strict=True):
        _check_same_tags(tagger.predict([text])[0], found)
    assert [found.tags for found in tagger.predict(texts, confidence=False)] == [found.tags for found in together]
    assert list(tagger.stream(iter(texts))) == together
    entities = sum(len(found.entities) for found in together)
    return Count(len(texts), offsets, entities)


def _check_tagged(found: TaggedText, text: str) -> int:
    kinds: list[Sequence[Entity | TaggedToken]] = [found.entities, found.tokens]
    for items in kinds:
        assert all(text[item.start : item.end] == item.text != "" for item in items)
        assert all(left.end <= right.start for left, right in itertools.pairwise(items))
    assert len(found.words) == len(found.starts) == len(found.tags)
    assert "".join(found.words) == _without_gaps(text, found)
    starts, ends = {token.start for token in found.tokens}, {token.end for token in found.tokens}
    assert all(entity.start in starts and entity.end in ends for entity in found.entities)
    for item in found.tokens if found.plain else found.entities:
        assert item.confidence is not None
        assert 0.0 <= item.confidence <= 1.0
    return len(found.tokens) + len(found.entities)


def _without_gaps(text: str, found: TaggedText) -> str:
    """Return the text without what is between words, which must be white space."""
    ends = [0, *(token.end for token in found.tokens)]
    starts = [*found.starts, len(text)]
    assert all(not text[end:start].strip() for end, start in zip(ends, starts, strict=True))
    return "".join(text[token.start : token.end] for token in found.tokens)


def _check_same_tags(alone: TaggedText, found: TaggedText) -> None:
    assert alone.tags == found.tags
    assert [(each.start, each.end, each.label) for each in alone.entities] == [
        (each.start, each.end, each.label) for each in found.entities
    ]
    pairs = zip(alone.entities, found.entities, strict=True)
    assert all(math.isclose(left.confidence or 0, right.confidence or 0, abs_tol=CLOSE) for left, right in pairs)
    np.testing.assert_allclose(alone.confidence, found.confidence, atol=CLOSE)


def check_classifier(classifier: Classifier, texts: Sequence[str]) -> Count:
    """Check the answers to texts, read together, one by one, and streamed."""
    together = classifier.classify(texts)
    assert list(classifier.stream(iter(texts))) == together
    for found, text in zip(together, texts, strict=True):
        _check_classified(found, text)
        (alone,) = classifier.classify([text])
        np.testing.assert_allclose([*alone.probabilities.values()], [*found.probabilities.values()], atol=CLOSE)
    table_BK = classifier.predict_proba(texts)
    assert table_BK.tolist() == [[*found.probabilities.values()] for found in together]
    return Count(len(texts))


def _check_classified(found: ClassifiedText, text: str) -> None:
    chances = found.probabilities
    assert found.text == text
    assert all(0.0 <= chance <= 1.0 for chance in (found.confidence, *chances.values()))
    if not isinstance(found.label, list):
        assert math.isclose(sum(chances.values()), 1.0, abs_tol=CLOSE)
        assert found.confidence == max(chances.values()) == chances[found.label]


def check_language_model(model: LanguageModel, texts: Sequence[str]) -> Count:
    """Check the scores of texts, and that each continues as it began."""
    offsets = 0
    for text in texts:
        if not text:
            continue
        score = model.score(text, unknown="<unk>")
        assert all(math.isfinite(value) and value <= 0.0 for value in score.log_probabilities)
        assert score.bytes == len(text.encode())
        assert math.isclose(score.bits_per_byte * score.bytes * math.log(2), -math.fsum(score.log_probabilities))
        _check_pieces(model, score.pieces, text)
        _check_is_additive(model, score.log_probabilities, text)
        first, again = (model.generate(text, max_tokens=3, seed=1, unknown="<unk>")[0] for _ in range(2))
        assert first == again
        assert first.prompt == text
        assert "".join(model.stream(text, max_tokens=3, seed=1, unknown="<unk>")) == first.text
        assert all(math.isfinite(token.log_probability) for token in first.tokens)
        offsets += len(score.pieces)
    return Count(len(texts), offsets)


def _check_pieces(model: LanguageModel, pieces: Sequence[str], text: str) -> None:
    assert model.fitted
    if model.fitted.config.unit == "char":
        assert len(pieces) == len(text)
        known = set(model.classes_)
        assert all(piece == character or character not in known for piece, character in zip(pieces, text, strict=True))


def _check_is_additive(model: LanguageModel, log_probabilities: Sequence[float], text: str) -> None:
    """Check that the beginning of a text has the same score alone: a character depends on those before it alone."""
    assert model.fitted
    half = text[: (len(text) + 1) // 2]
    if model.fitted.config.unit == "char":
        alone = model.score(half, unknown="<unk>").log_probabilities
        np.testing.assert_allclose(alone, log_probabilities[: len(alone)], atol=CLOSE)
