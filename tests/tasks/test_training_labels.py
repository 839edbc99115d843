"""The files of a saved classifier that its weights do not confirm: labels, their frequencies, the temperature."""

from typing import Any

import pytest

from seqkit.errors import ConfigError
from seqkit.tasks.training_labels import check_saved

SAVED: dict[str, Any] = {"labels": ["bad", "good"], "several": False, "prior": [0.25, 0.75]}


@pytest.mark.parametrize("labels", [["bad", "good"], [1, 2], [False, True]])
def test_labels_are_texts_numbers_or_booleans(labels: list[Any]) -> None:
    check_saved({**SAVED, "labels": labels}, 2)
    check_saved({**SAVED, "labels": labels, "several": True, "prior": [0, 1]}, 0.01)


@pytest.mark.parametrize(
    ("change", "temperature", "message"),
    [
        ({}, 0, "temperature"),
        ({}, -1.0, "temperature"),
        ({}, float("nan"), "temperature"),
        ({}, float("inf"), "temperature"),
        ({}, [1.0], "temperature"),
        ({"labels": "bg"}, 1.0, "not a list"),
        ({"labels": ["bad", None]}, 1.0, "not a list"),
        ({"labels": ["bad", "bad"]}, 1.0, "twice"),
        ({"prior": [0.5]}, 1.0, "frequencies"),
        ({"prior": [0.5, 1.5]}, 1.0, "frequencies"),
        ({"prior": [-0.5, 0.5]}, 1.0, "frequencies"),
        ({"prior": 0.5}, 1.0, "frequencies"),
        ({"several": 1}, 1.0, "several"),
    ],
)
def test_others_are_refused(change: dict[str, Any], temperature: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_saved({**SAVED, **change}, temperature)
