"""The tasks: one a file, and the table that names them."""

from seqkit.tasks.tagging import PartOfSpeechTask, TaggingTask
from seqkit.tasks.task import Task

__all__ = ["TASKS", "Task"]

TASKS: dict[str, type[TaggingTask]] = {"ner": TaggingTask, "pos": PartOfSpeechTask}
