"""Golden losses: a change of the code that affects training is noticed.

After a change that is meant to change the losses, update them: ``python -m tests.training.test_golden``.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from seqkit.nn.recurrent import RecurrentEncoder, Strategy
from tests.slow_cases import rest_slow
from tests.tiny import PARTS, ROWS, tiny_tagger
from tests.tiny_labels import LABELS, TEXTS, TOPICS, tiny_classifier
from tests.tiny_text import DEV, TRAIN, tiny_language_model

GOLDEN = Path(__file__).parents[1] / "golden" / "losses.json"
RECIPES: dict[str, dict[str, Any]] = {
    "ner": {},
    "ner, softmax, GRU, SGD": {"head": "softmax", "cell": "gru", "optimizer": "sgd", "learning_rate": 0.3},
    "ner, 2 layers, character LSTM, plateau": {"num_layers": 2, "characters": "lstm", "schedule": "plateau"},
    "pos": {"accumulate": 2},
    "lm": {},
    "lm, both directions, 2 GRU layers, byte pairs": {
        "direction": "both",
        "cell": "gru",
        "num_layers": 2,
        "unit": "bpe",
        "vocabulary_size": 270,
    },
    "lm, words, adaptive softmax, AWD": {
        "unit": "word",
        "tied": False,
        "adaptive_softmax": True,
        "optimizer": "sgd",
        "learning_rate": 1.0,
        "vary_bptt": True,
        "activation_penalty": 1.0,
        "temporal_penalty": 1.0,
    },
    "classifier": {},
    "classifier, several labels, byte pairs, 2 GRU layers, windows, SGD": {
        "unit": "bpe",
        "cell": "gru",
        "num_layers": 2,
        "window": 6,
        "pooling": "attention",
        "class_weights": "food=2",
        "focal_gamma": 1.0,
        "label_smoothing": 0.1,
        "optimizer": "sgd",
        "learning_rate": 0.3,
    },
}
NO_DROPOUT = ("embedding_dropout", "hidden_dropout", "output_dropout", "weight_dropout")


def golden_losses(name: str, strategy: Strategy = "auto") -> list[float]:
    """Return the losses of the first 3 epochs, without dropout, whose masks differ between kinds of processors."""
    plain = RecurrentEncoder.__init__

    def forced(self: RecurrentEncoder, *arguments: Any, **settings: Any) -> None:
        plain(self, *arguments, **{**settings, "strategy": strategy})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RecurrentEncoder, "__init__", forced)
        return _losses(name)


def _losses(name: str) -> list[float]:
    task, settings = name.split(",")[0], {"input_dropout": 0.0, "epochs": 3, **RECIPES[name]}
    if task == "lm":
        still = dict.fromkeys(NO_DROPOUT, 0.0)
        outcome = tiny_language_model(**settings, **still).fit(TRAIN, DEV).outcome
    elif task == "classifier":
        labels = TOPICS if "several labels" in name else LABELS
        classifier = tiny_classifier(**settings, state_dropout=0.0, ngram_dropout=0.0)
        outcome = classifier.fit(TEXTS, labels, (TEXTS, labels)).outcome
    else:
        rows = PARTS if task == "pos" else ROWS
        outcome = tiny_tagger(task, **settings, state_dropout=0.0).fit(rows, rows).outcome
    assert outcome is not None
    return [record["train_loss"] for record in outcome.history]


@pytest.mark.parametrize("name", RECIPES)
def test_losses_are_the_golden_ones(name: str) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert golden.keys() == RECIPES.keys()
    assert golden_losses(name) == pytest.approx(golden[name], rel=1e-4)


@pytest.mark.parametrize("name", rest_slow(RECIPES, 2))
def test_losses_do_not_depend_on_the_strategy_of_the_encoder(name: str) -> None:
    assert golden_losses(name, "packed") == pytest.approx(golden_losses(name, "fused"), rel=0, abs=1e-5)


if __name__ == "__main__":
    golden = {name: golden_losses(name) for name in RECIPES}
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")
