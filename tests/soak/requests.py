"""What the soak asks of each face: requests of random texts, and whose answers must never change."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from seqkit.classifier import Classifier
from seqkit.language_model import LanguageModel
from seqkit.tagger import Tagger
from tests.random_texts import random_text
from tests.tiny_faces import busy_tagger, character_model, truth_classifier

__all__ = ["Face", "faces"]


class Sizes(NamedTuple):
    """The greatest number of characters of a text, and of texts of a request."""

    longest: int
    most_texts: int


@dataclass(frozen=True)
class Face:
    """A way of using a model.

    Attributes:
        name: the name.
        unit: what is counted: texts or tokens.
        ask: answers a random request; returns how many units it had, and the answer.
        largest: answers the largest requests, and one of each small size; returns how many units they had. What a
            process keeps for the largest batch and for the shapes of batches is then there before memory is measured,
            although a random request seldom needs it.
    """

    name: str
    unit: str
    ask: Callable[[random.Random], tuple[int, object]]
    largest: Callable[[], int]


def faces(longest: int = 2000, most_texts: int = 128) -> list[Face]:
    """Return every face with a tiny model of its own.

    Args:
        longest: the greatest number of characters of a text.
        most_texts: the greatest number of texts of a request.
    """
    tagger, classifier, language_model = busy_tagger(), truth_classifier(), character_model()
    sizes = Sizes(longest, most_texts)
    return [
        Face(
            "Tagger.predict",
            "texts",
            lambda chance: _tagged(tagger, chance, sizes),
            lambda: sum(len(tagger.predict(texts, confidence=True)) for texts in _largest(sizes)),
        ),
        Face(
            "Classifier.classify",
            "texts",
            lambda chance: _classified(classifier, chance, sizes),
            lambda: sum(len(classifier.classify(texts)) for texts in _largest(sizes)),
        ),
        Face(
            "LanguageModel.score",
            "tokens",
            lambda chance: _scored(language_model, chance, sizes),
            lambda: sum(
                len(language_model.score(text, unknown="<unk>").pieces)
                for (text,) in _largest(sizes._replace(most_texts=1))
            ),
        ),
        Face(
            "LanguageModel.generate",
            "tokens",
            lambda chance: _generated(language_model, chance, sizes),
            lambda: sum(_generated(language_model, random.Random(number), sizes)[0] for number in range(100)),
        ),
    ]


def _largest(sizes: Sizes) -> list[list[str]]:
    """Return a request of the longest texts, and one of each length up to 128 characters."""
    letters = "a b " * 32
    return [["word " * (sizes.longest // 5)] * sizes.most_texts, *([letters[:length]] for length in range(1, 129))]


def _texts(chance: random.Random, sizes: Sizes) -> list[str]:
    """Return texts of a request: of most requests short ones, so that there is time for a million."""
    (mean,) = chance.choices([12.0, 60.0, 1000.0], [60, 3, 1])
    count = int(2 ** chance.uniform(0, math.log2(sizes.most_texts)))
    return [random_text(chance, mean, sizes.longest) for _ in range(count)]


def _tagged(tagger: Tagger, chance: random.Random, sizes: Sizes) -> tuple[int, object]:
    found = tagger.predict(_texts(chance, sizes), confidence=chance.random() < 0.5)
    return len(found), [(each.entities, each.tags) for each in found]


def _classified(classifier: Classifier, chance: random.Random, sizes: Sizes) -> tuple[int, object]:
    found = classifier.classify(_texts(chance, sizes))
    return len(found), found


def _scored(language_model: LanguageModel, chance: random.Random, sizes: Sizes) -> tuple[int, object]:
    score = language_model.score(random_text(chance, 400.0, sizes.longest) or " ", unknown="<unk>")
    return len(score.pieces), score


def _generated(language_model: LanguageModel, chance: random.Random, sizes: Sizes) -> tuple[int, object]:
    found = language_model.generate(
        random_text(chance, 30.0, sizes.longest),
        num_samples=chance.randint(1, 16),
        max_tokens=chance.randint(1, 60),
        seed=chance.randrange(10**6),
        top_k=chance.choice([0, 5]),
        unknown="<unk>",
    )
    return sum(len(each.tokens) for each in found), found
