"""The tables of the tasks' configs."""

from dataclasses import fields

from seqkit.config.task_tables import CONFIGS
from seqkit.config.training import TrainConfig
from seqkit.tasks import TASKS


def test_every_task_has_a_config() -> None:
    assert CONFIGS.keys() == TASKS.keys()


def test_no_setting_has_two_meanings() -> None:
    # An estimator, a run folder and the command line hold the settings of model and training side by side.
    training = {field.name for field in fields(TrainConfig)}
    for config in CONFIGS.values():
        assert not {field.name for field in fields(config)} & training
