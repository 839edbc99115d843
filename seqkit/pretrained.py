"""Language models of run folders, as taggers and classifiers start from them (the setting ``lm``)."""

import os
from collections.abc import Callable
from typing import Any

from seqkit.config.language_model import LanguageModelConfig
from seqkit.config.settings import build_configs
from seqkit.errors import CheckpointError, ConfigError
from seqkit.models.contextual_embeddings import ContextualStates
from seqkit.models.text_encoders import PretrainedEncoder
from seqkit.runs.folder import RunFolder
from seqkit.runs.restoring import restore
from seqkit.tasks.language_modelling import LanguageModellingTask

__all__ = ["load_contextual_states", "load_pretrained_encoder"]


def load_contextual_states(path: str | os.PathLike[str]) -> ContextualStates:
    """Load a language model whose states are features of words in a tagger.

    Raises:
        CheckpointError: if the folder has no language model, or a file is damaged.
        ConfigError: if its tokens are not characters.
    """
    task = _load(path)
    contextual = ContextualStates(task.config, task.tokenizer)
    contextual.networks.load_state_dict(task.model.state_dict())
    return contextual


def load_pretrained_encoder(path: str | os.PathLike[str]) -> PretrainedEncoder:
    """Load a language model that the encoder of a classifier starts from.

    Raises:
        CheckpointError: if the folder has no language model, or a file is damaged.
        ConfigError: if its tokens are characters.
    """
    task = _load(path)
    if task.config.unit == "char":
        raise ConfigError(f"a classifier starts from a model of words or byte pairs; {path} is one of characters")
    return PretrainedEncoder(task.config, task.tokenizer, task.networks())


def _load(path: str | os.PathLike[str]) -> LanguageModellingTask:
    folder = RunFolder(path)

    def build(run: dict[str, Any], read: Callable[[str], str]) -> LanguageModellingTask:
        if run.get("task") != "lm":
            raise CheckpointError(f"{folder.path} has a model of the task {run.get('task')!r}, not a language model")
        config, _ = build_configs(LanguageModelConfig, run["settings"])
        return LanguageModellingTask.restored(config, read)

    return restore(folder, build)
