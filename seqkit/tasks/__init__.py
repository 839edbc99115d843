"""The tasks: one a file, and the table that names them."""

from typing import Any

from seqkit.tasks.classification import ClassificationTask, SentimentTask
from seqkit.tasks.language_modelling import LanguageModellingTask
from seqkit.tasks.tagging import PartOfSpeechTask, TaggingTask
from seqkit.tasks.task import Sampler, Task

__all__ = ["TASKS", "Sampler", "Task"]

TASKS: dict[str, Any] = {
    "ner": TaggingTask,
    "pos": PartOfSpeechTask,
    "sentiment": SentimentTask,
    "classifier": ClassificationTask,
    "lm": LanguageModellingTask,
}
