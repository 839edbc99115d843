"""Options made from dataclasses: help, default, bounds and choices of each field; and settings from a TOML file."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from annotated_types import Ge, Interval
from typer.testing import CliRunner

from seqkit.config.bounds import OneOf
from seqkit.config.tagging import TaggingConfig
from seqkit.config.training import TrainConfig
from seqkit.errors import ConfigError
from seqkit_cli.options import read_config, with_options


@dataclass(frozen=True, kw_only=True)
class Kitchen:
    """Settings of every type there is."""

    eggs: Annotated[int, Ge(0), "how many eggs [raw]"] = 3
    salt: Annotated[float, Interval(ge=0, lt=10), "spoons of salt"] = 0.5
    sugar: Annotated[float, "spoons of sugar"] = 0.0
    cook: Annotated[str | None, "who cooks"] = None
    heat: Annotated[Literal["low", "high"], "how hot"] = "low"
    pot: Annotated[str, OneOf(("iron", "steel")), "which pot"] = "iron"
    lid_on: Annotated[bool, "whether the lid is on"] = True


@dataclass(frozen=True, kw_only=True)
class Table:
    """Settings of another panel."""

    chairs: Annotated[int, Interval(ge=1, le=12), "seats"] = 4


def given(*arguments: str) -> tuple[str, dict[str, Any]]:
    """What reaches a command that takes a word of its own and the settings."""
    app = typer.Typer()
    reached: dict[str, Any] = {}

    @app.command()
    @with_options(("Kitchen", Kitchen), ("Table", Table))
    def cook(dish: str, *, settings: dict[str, Any]) -> None:
        """Cook something."""
        reached.update(dish=dish, settings=settings)

    result = CliRunner().invoke(app, ["soup", *arguments], env={"COLUMNS": "200"}, catch_exceptions=False)
    if result.exit_code:
        raise SystemExit(result.exit_code)
    return result.output, reached


def test_only_what_was_given_reaches_the_command() -> None:
    assert given()[1] == {"dish": "soup", "settings": {}}
    all_of_them = ["--eggs=2", "--salt", "1", "--cook=Bo", "--heat=high", "--no-lid-on", "--chairs=6", "--pot=steel"]
    settings = given(*all_of_them)[1]["settings"]
    expected = {"eggs": 2, "salt": 1.0, "cook": "Bo", "heat": "high", "pot": "steel", "lid_on": False, "chairs": 6}
    assert settings == expected
    assert [type(value) for value in settings.values()] == [int, float, str, str, str, bool, int]
    assert given("--lid-on")[1]["settings"] == {"lid_on": True}
    assert given("--eggs=3")[1]["settings"] == {"eggs": 3}  # given, though it is the default


def test_help_shows_each_field_in_its_panel() -> None:
    screen = " ".join(re.sub(r"[╭╮╰╯─│]", " ", given("--help")[0]).split())
    assert "Cook something." in screen
    kitchen, table = screen[screen.index(" Kitchen ") :].split(" Table ")
    for field, kind, text in (
        ("--eggs", "<int range> [x>=0]", "how many eggs [raw] [default: 3]"),
        ("--salt", "<float range> [x>=0]", "spoons of salt [x<10] [default: 0.5]"),
        ("--sugar", "<float>", "spoons of sugar [default: 0.0]"),
        ("--cook", "<str>", "who cooks"),
        ("--heat", "<low|high>", "how hot [default: low]"),
        ("--pot", "<iron|steel>", "which pot [default: iron]"),
        ("--lid-on --no-lid-on", "<bool>", "whether the lid is on [default: True]"),
    ):
        assert f"{field} {kind} {text}" in kitchen
    assert "who cooks [default" not in kitchen
    assert "--chairs <int range> [1<=x<=12] seats [default: 4]" in table


@pytest.mark.parametrize(
    "wrong",
    [
        *("--eggs=many", "--salt=much", "--heat=off", "--cook", "--forks=2", "--lid-on=maybe"),
        *("--eggs=-1", "--salt=-0.1", "--salt=nan", "--chairs=0", "--chairs=13", "--pot=tin"),
    ],
)
def test_a_wrong_value_is_bad_usage(wrong: str) -> None:
    with pytest.raises(SystemExit) as leaving:
        given(wrong)
    assert leaving.value.code == 2


def test_values_at_the_bounds_are_accepted_and_open_bounds_are_left_to_the_config() -> None:
    for value in ("1", "12"):
        assert given(f"--chairs={value}")[1]["settings"] == {"chairs": int(value)}
    assert given("--salt=10")[1]["settings"] == {"salt": 10.0}


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_gives_settings_of_all_its_dataclasses(tmp_path: Path) -> None:
    text = 'eggs = 2\nsalt = 1\ncook = "Zoë"\nheat = "high"\nlid_on = false\nchairs = 6\n'
    values = read_config(written(tmp_path / "a.toml", text), Kitchen, Table)
    assert values == {"eggs": 2, "salt": 1.0, "cook": "Zoë", "heat": "high", "lid_on": False, "chairs": 6}
    assert type(values["salt"]) is float
    assert read_config(written(tmp_path / "b.toml", "# nothing\n"), Kitchen) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("forks = 2", "no setting 'forks'; choose from chairs, cook, eggs, heat, lid_on, pot, salt, sugar"),
        ("eggs = 2.0", "eggs must be an integer, not 2.0"),
        ("eggs = true", "eggs must be an integer, not True"),
        ("salt = true", "salt must be a number, not True"),
        ('salt = "1"', "salt must be a number, not '1'"),
        ("lid_on = 1", "lid_on must be a boolean, not 1"),
        ("cook = 7", "cook must be a string, not 7"),
        ('heat = "off"', "heat must be one of low, high, not 'off'"),
        ("heat = []", "heat must be one of low, high"),
        ('pot = "tin"', "pot must be one of iron, steel, not 'tin'"),
        ("eggs = -1", "eggs must be at least 0, not -1"),
        ("salt = 10", "salt must be at least 0 and less than 10, not 10"),
        ("salt = nan", "salt must be a finite number, not nan"),
        ("chairs = 13", "chairs must be at least 1 and at most 12, not 13"),
        ("[kitchen]\neggs = 2", "no setting 'kitchen'"),
        ("eggs 2", "cannot be read as a TOML file"),
    ],
)
def test_an_error_in_a_file_begins_with_its_name(text: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.toml", text)
    with pytest.raises(ConfigError, match=re.escape(message)) as error:
        read_config(path, Kitchen, Table)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'cook = "Zo\xeb"')
    for path in (tmp_path / "nowhere.toml", tmp_path, tmp_path / "latin.toml"):
        with pytest.raises(ConfigError, match="cannot be read as a TOML file"):
            read_config(path, Kitchen)


def test_no_two_settings_of_training_share_a_name() -> None:
    assert not TaggingConfig.__annotations__.keys() & TrainConfig.__annotations__.keys()
