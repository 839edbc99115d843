"""What Prodigy adds to the objects that it exports: the answer, the options and those that were accepted.

::

    {"text": "Ada ran", "options": [{"id": "SPORT", "text": "sport"}], "accept": ["SPORT"], "answer": "accept",
     "_task_hash": 1, "_annotator_id": "news-bo"}
"""

from collections.abc import Mapping
from typing import Any

from seqkit.data.text_files import shown
from seqkit.errors import CorpusError

__all__ = ["accepted_options", "annotator_of", "has_one_choice", "is_left_out"]


def is_left_out(record: Mapping[str, Any]) -> bool:
    """Return whether the annotator has rejected or ignored the example.

    Raises:
        CorpusError: the answer is none of Prodigy's.

    >>> is_left_out({"text": "Ada ran", "answer": "ignore"})
    True
    """
    answer = record.get("answer", "accept")
    if answer not in ("accept", "reject", "ignore"):
        raise CorpusError(f"the answer is {shown(answer)}, which is not accept, reject or ignore")
    return bool(answer != "accept")


def accepted_options(record: Mapping[str, Any]) -> list[str | int] | None:
    """Return the ids of the options that were accepted; None if the example is no choice.

    Raises:
        CorpusError: one of them is not among the options.

    >>> accepted_options({"options": [{"id": "A"}, {"id": "B"}], "accept": ["B"]})
    ['B']
    """
    options, accepted = record.get("options"), record.get("accept")
    if not isinstance(options, list):
        return None
    if accepted is None:
        return []
    ids = [each.get("id") for each in options if isinstance(each, dict)]
    for each in accepted if isinstance(accepted, list) else [accepted]:
        if not isinstance(each, str | int) or each not in ids:
            raise CorpusError(f"{shown(each)} was accepted, but the options are {shown(ids)}")
    return list(accepted) if isinstance(accepted, list) else [accepted]


def has_one_choice(record: Mapping[str, Any]) -> bool:
    """Return whether only one option could be accepted, so that none means that the question was not answered.

    >>> has_one_choice({"config": {"choice_style": "multiple"}})
    False
    """
    config = record.get("config")
    return not (isinstance(config, dict) and config.get("choice_style") == "multiple")


def annotator_of(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the name of the annotator, if it is known.

    >>> annotator_of({"_annotator_id": "news-bo"})
    ('news-bo',)
    """
    names = (record.get(key) for key in ("_annotator_id", "annotator"))
    return tuple(str(name) for name in names if isinstance(name, str | int))[:1]
