"""Presets of language models: named sets of settings, with their sources.

A preset supplies every setting that is not given explicitly. ``seqkit train lm --preset NAME --print-config`` prints
all of them; docs/language_models.md lists published results, and where a preset differs from its source.
"""

from typing import Any

from seqkit.errors import ConfigError

__all__ = ["PRESETS", "preset_settings"]

# Every setting in which presets differ, so that none depends on a default.
_PLAIN: dict[str, Any] = {
    "unit": "char",
    "pretokenized": False,
    "tied": True,
    "adaptive_softmax": False,
    "cell": "lstm",
    "embedding_dropout": 0.0,
    "input_dropout": 0.0,
    "hidden_dropout": 0.0,
    "output_dropout": 0.0,
    "weight_dropout": 0.0,
    "locked_dropout": True,
    "activation_penalty": 0.0,
    "temporal_penalty": 0.0,
    "vary_bptt": False,
    "reset_probability": 0.0,
    "optimizer": "adamw",
    "schedule": "one-cycle",
    "warmup": 0.1,
    "weight_decay": 0.01,
    "momentum": 0.0,
    "clip_norm": 1.0,
    "average": 0.99,
    "patience": 1000,
}
_AWD = {  # Merity et al. 2018, section 5, and the settings published with the paper
    **_PLAIN,
    "unit": "word",
    "pretokenized": True,
    "embedding_size": 400,
    "hidden_size": 1150,
    "num_layers": 3,
    "embedding_dropout": 0.1,
    "output_dropout": 0.4,
    "weight_dropout": 0.5,
    "activation_penalty": 2.0,
    "temporal_penalty": 1.0,
    "bptt": 70,
    "vary_bptt": True,
    "optimizer": "sgd",
    "learning_rate": 30.0,
    "schedule": "constant",
    "warmup": 0.0,
    "weight_decay": 1.2e-6,
    "clip_norm": 0.25,
    "average": 0.9995,
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        **_PLAIN,
        "embedding_size": 256,
        "hidden_size": 256,
        "num_layers": 1,
        "input_dropout": 0.1,
        "output_dropout": 0.2,
        "weight_dropout": 0.2,
        "bptt": 64,
        "batch_tokens": 1024,
        "epochs": 20,
        "learning_rate": 0.008,
    },
    "char": {
        **_PLAIN,
        "embedding_size": 64,
        "hidden_size": 384,
        "num_layers": 1,
        "tied": False,
        "output_dropout": 0.25,
        "weight_dropout": 0.25,
        "bptt": 64,
        "batch_tokens": 1024,
        "epochs": 60,
        "learning_rate": 0.004,
    },
    "word": {
        **_PLAIN,
        "unit": "word",
        "embedding_size": 256,
        "hidden_size": 512,
        "num_layers": 1,
        "tied": False,
        "adaptive_softmax": True,
        "input_dropout": 0.1,
        "output_dropout": 0.2,
        "weight_dropout": 0.1,
        "bptt": 32,
        "batch_tokens": 1024,
        "epochs": 8,
        "learning_rate": 0.003,
    },
    "zaremba-medium": {  # Zaremba et al. 2014, section 4.1
        **_PLAIN,
        "unit": "word",
        "pretokenized": True,
        "embedding_size": 650,
        "hidden_size": 650,
        "num_layers": 2,
        "tied": False,
        "locked_dropout": False,
        "input_dropout": 0.5,
        "hidden_dropout": 0.5,
        "output_dropout": 0.5,
        "bptt": 35,
        "batch_tokens": 700,
        "epochs": 39,
        "optimizer": "sgd",
        "learning_rate": 1.0,
        "schedule": "decay",
        "decay_after": 6,
        "decay": 1 / 1.2,
        "warmup": 0.0,
        "weight_decay": 0.0,
        "clip_norm": 5.0,
        "average": 0.0,
    },
    "awd-ptb": {**_AWD, "input_dropout": 0.4, "hidden_dropout": 0.25, "batch_tokens": 1400, "epochs": 500},
    "awd-wt2": {**_AWD, "input_dropout": 0.65, "hidden_dropout": 0.2, "batch_tokens": 5600, "epochs": 750},
}


def preset_settings(name: str) -> dict[str, Any]:
    """Return the settings of a preset.

    Raises:
        ConfigError: there is no such preset; the message lists the existing ones.

    >>> preset_settings("awd-wt2")["hidden_size"]
    1150
    """
    if name not in PRESETS:
        raise ConfigError(f"no preset {name!r}; choose from {', '.join(PRESETS)}")
    return dict(PRESETS[name])
