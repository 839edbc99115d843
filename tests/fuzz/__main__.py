"""``python -m tests.fuzz --minutes 10``: random texts through every face; prints how many were right."""

import argparse
import random
import time
from collections.abc import Callable, Sequence

import torch

from tests.fuzz.faces import Count, check_classifier, check_language_model, check_tagger, fuzzed_texts
from tests.tiny_faces import (
    busy_tagger,
    byte_pair_model,
    character_model,
    part_of_speech_tagger,
    softmax_tagger,
    topic_classifier,
    truth_classifier,
)

TEXTS = 32  # of a round


def main() -> None:
    """Check random texts until the time is over; a text that goes wrong ends it with an AssertionError."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="for how long")
    parser.add_argument("--seed", type=int, default=0, help="which texts")
    options = parser.parse_args()
    torch.set_num_threads(1)
    chance = random.Random(f"fuzz {options.seed}")
    checks = _checks()
    counts = {name: Count() for name in checks}
    end = time.monotonic() + 60 * options.minutes
    while time.monotonic() < end:
        texts = fuzzed_texts(chance, TEXTS, chance.choice([50, 50, 50, 400, 5000]))
        for name, check in checks.items():
            counts[name] = Count(*map(sum, zip(counts[name], check(texts), strict=True)))
    print(f"{'face':30} {'texts':>9} {'offsets':>11} {'entities':>9}")
    for name, count in counts.items():
        print(f"{name:30} {count.texts:>9,} {count.offsets:>11,} {count.entities:>9,}")


def _checks() -> dict[str, Callable[[Sequence[str]], Count]]:
    tagger, softmax, parts = busy_tagger(), softmax_tagger(), part_of_speech_tagger()
    one, several = truth_classifier(), topic_classifier()
    characters, pairs = character_model(), byte_pair_model()
    return {
        "Tagger (CRF)": lambda texts: check_tagger(tagger, texts),
        "Tagger (softmax)": lambda texts: check_tagger(softmax, texts),
        "Tagger (parts of speech)": lambda texts: check_tagger(parts, texts),
        "Classifier": lambda texts: check_classifier(one, texts),
        "Classifier (several labels)": lambda texts: check_classifier(several, texts),
        "LanguageModel (characters)": lambda texts: check_language_model(characters, texts),
        "LanguageModel (byte pairs)": lambda texts: check_language_model(pairs, texts),
    }


if __name__ == "__main__":
    main()
