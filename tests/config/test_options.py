"""Options made of dataclasses: one a field, with its help, default and choices; and settings of a TOML file."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from seqkit.config.tagging import TaggingConfig
from seqkit.config.training import TrainConfig
from seqkit.errors import ConfigError
from seqkit_cli.options import read_config, with_options


@dataclass(frozen=True, kw_only=True)
class Kitchen:
    """Settings of every type there is."""

    eggs: Annotated[int, "how many eggs [raw]"] = 3
    salt: Annotated[float, "spoons of salt"] = 0.5
    cook: Annotated[str | None, "who cooks"] = None
    heat: Annotated[Literal["low", "high"], "how hot"] = "low"
    lid_on: Annotated[bool, "whether the lid is on"] = True


@dataclass(frozen=True, kw_only=True)
class Table:
    """Settings of another panel."""

    chairs: Annotated[int, "seats"] = 4


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
    all_of_them = ["--eggs=2", "--salt", "1", "--cook=Bo", "--heat=high", "--no-lid-on", "--chairs=6"]
    settings = given(*all_of_them)[1]["settings"]
    assert settings == {"eggs": 2, "salt": 1.0, "cook": "Bo", "heat": "high", "lid_on": False, "chairs": 6}
    assert [type(value) for value in settings.values()] == [int, float, str, str, bool, int]
    assert given("--lid-on")[1]["settings"] == {"lid_on": True}
    assert given("--eggs=3")[1]["settings"] == {"eggs": 3}  # given, though it is the default


def test_help_shows_each_field_in_its_panel() -> None:
    screen = " ".join(re.sub(r"[╭╮╰╯─│]", " ", given("--help")[0]).split())
    assert "Cook something." in screen
    kitchen, table = screen[screen.index(" Kitchen ") :].split(" Table ")
    for field, kind, text in (
        ("--eggs", "<int>", "how many eggs [raw] [default: 3]"),
        ("--salt", "<float>", "spoons of salt [default: 0.5]"),
        ("--cook", "<str>", "who cooks"),
        ("--heat", "<low|high>", "how hot [default: low]"),
        ("--lid-on --no-lid-on", "<bool>", "whether the lid is on [default: True]"),
    ):
        assert f"{field} {kind} {text}" in kitchen
    assert "who cooks [default" not in kitchen
    assert "--chairs <int> seats [default: 4]" in table


@pytest.mark.parametrize("wrong", ["--eggs=many", "--salt=much", "--heat=off", "--cook", "--forks=2", "--lid-on=maybe"])
def test_a_wrong_value_is_bad_usage(wrong: str) -> None:
    with pytest.raises(SystemExit) as leaving:
        given(wrong)
    assert leaving.value.code == 2


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
    ("text", "told"),
    [
        ("forks = 2", "no setting 'forks'; there is chairs, cook, eggs, heat, lid_on, salt"),
        ("eggs = 2.0", "eggs must be of the type int, not 2.0"),
        ("eggs = true", "eggs must be of the type int, not True"),
        ("salt = true", "salt must be of the type float, not True"),
        ('salt = "1"', "salt must be of the type float, not '1'"),
        ("lid_on = 1", "lid_on must be of the type bool, not 1"),
        ("cook = 7", "cook must be of the type str, not 7"),
        ('heat = "off"', "heat must be one of low, high, not 'off'"),
        ("heat = []", "heat must be one of low, high"),
        ("[kitchen]\neggs = 2", "no setting 'kitchen'"),
        ("eggs 2", "no TOML file"),
    ],
)
def test_a_wrong_file_is_told_with_its_name(text: str, told: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.toml", text)
    with pytest.raises(ConfigError, match=re.escape(told)) as error:
        read_config(path, Kitchen, Table)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'cook = "Zo\xeb"')
    for path in (tmp_path / "nowhere.toml", tmp_path, tmp_path / "latin.toml"):
        with pytest.raises(ConfigError, match="no TOML file that can be read"):
            read_config(path, Kitchen)


def test_no_two_settings_of_training_share_a_name() -> None:
    assert not TaggingConfig.__annotations__.keys() & TrainConfig.__annotations__.keys()
