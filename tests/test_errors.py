"""Messages name a setting as Python does, or as the command line does, and leave all other text alone."""

import ast
import pickle
import re
import warnings
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import seqkit
from seqkit.config.adaptive import CacheConfig, DynamicConfig
from seqkit.config.bounds import settings_of
from seqkit.config.sampling import SamplingFilters
from seqkit.config.training import TrainConfig
from seqkit.errors import ConfigError, CorpusError, SeqkitError, SeqkitWarning, setting_ref
from seqkit.task_table import TASKS
from seqkit_cli.options import option_name

# Arguments that are options too.
ARGUMENTS = {"mc_samples", "min_confidence", "max_tokens", "num_samples", "unknown", "ignore_end", "encoding"}
ARGUMENTS |= {
    "token_column",
    "tag_column",
    "text_column",
    "dev_fraction",
    "test_fraction",
    "precision",
    "device",
    "out",
}
CONFIGS = (TrainConfig, SamplingFilters, CacheConfig, DynamicConfig, *(spec.config for spec in TASKS.values()))
SETTINGS = ARGUMENTS | {
    setting.name for config in CONFIGS for setting in settings_of(config if isinstance(config, type) else type(config))
}
SOURCES = [path for path in Path(seqkit.__file__).parent.rglob("*.py") if path.parent.name != "crf"]  # used alone


@pytest.mark.parametrize(
    ("reference", "keyword", "option"),
    [
        (setting_ref("tied", False), "tied=False", "--no-tied"),
        (setting_ref("locked_dropout", True), "locked_dropout=True", "--locked-dropout"),
        (setting_ref("direction", "forward"), "direction='forward'", "--direction forward"),
        (setting_ref("clip_norm", 1), "clip_norm=1", "--clip-norm 1"),
        (setting_ref("text_column"), "text_column", "--text-column"),
        (setting_ref("unknown", "<unk>"), "unknown='<unk>'", "--allow-unknown"),
    ],
)
def test_a_setting_is_a_keyword_in_python_and_an_option_at_the_command_line(
    reference: str, keyword: str, option: str
) -> None:
    error = CorpusError(f"try {reference}, or go on", file="a.csv", line=3)
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert str(each) == f"a.csv:3: try {keyword}, or go on"
        assert each.with_settings(option_name) == f"a.csv:3: try {option}, or go on"


def test_a_warning_names_settings_likewise() -> None:
    with pytest.warns(SeqkitWarning) as caught:
        warnings.warn(f"pass {setting_ref('strict', True)}", SeqkitWarning, stacklevel=1)
    (found,) = (each.message for each in caught)
    assert isinstance(found, SeqkitWarning)
    assert (str(found), found.with_settings(option_name)) == ("pass strict=True", "pass --strict")


@given(st.text(st.characters(min_codepoint=4, exclude_categories=["Cs"])), st.sampled_from(sorted(SETTINGS)))
def test_a_text_that_looks_like_a_setting_is_left_alone(text: str, name: str) -> None:
    plain = f"no tag {text!r} or {name}=False or {{{name}}}"
    error = ConfigError(f"{plain} {setting_ref(name)}")
    assert str(error) == f"{plain} {name}"
    assert error.with_settings(lambda name, value: f"<{name}>") == f"{plain} <{name}>"
    assert SeqkitError(plain).with_settings(option_name) == str(SeqkitError(plain)) == plain


@given(st.text(st.characters()), st.sampled_from([SeqkitError, ConfigError, CorpusError, SeqkitWarning]))
@example("a\n\r\x0b\x0c\x1c\x85\u2028\u2029b", CorpusError)
@example("\x1b[31mred\x9b0m\x7f\0", CorpusError)
@example("half \ud800", SeqkitWarning)
@example("\x02seed='\\'\x03 \x02seed='\\x'\x03", ConfigError)
def test_a_message_is_one_line_that_can_be_written_whatever_it_quotes(text: str, kind: type[Exception]) -> None:
    error = kind(f"no tag {text} here; try {setting_ref('seed', 3)}")
    assert isinstance(error, SeqkitError | SeqkitWarning)
    for message in (str(error), error.with_settings(option_name)):
        assert len(message.splitlines()) == 1
        assert not re.search("[\x00-\x1f\x7f-\x9f]", message)
        message.encode()
    assert error.with_settings(option_name).endswith("here; try --seed 3")


def test_a_very_long_message_keeps_its_beginning_and_its_remedy() -> None:
    message = str(CorpusError(f"no label {'a' * 10**6}; delete it", file="a.csv", line=3))
    assert message.startswith("a.csv:3: no label aaa")
    assert message.endswith("aaa; delete it")
    assert len(message) < 2100


def _literals(path: Path) -> list[tuple[str, str]]:
    """Return the place and the text of every string within a call of an error."""
    found = []
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id.endswith("Error"):
            strings = [part for argument in call.args for part in ast.walk(argument) if isinstance(part, ast.Constant)]
            references = {
                id(part)
                for argument in call.args
                for inner in ast.walk(argument)
                if isinstance(inner, ast.Call)
                for part in ast.walk(inner)
            }
            found += [
                (f"{path.name}:{part.lineno}", part.value)
                for part in strings
                if isinstance(part.value, str) and id(part) not in references
            ]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_message_spells_a_setting_itself(path: Path) -> None:
    spelled = re.compile(rf"(?<!-)\b({'|'.join(sorted(SETTINGS))})\b")
    for place, text in _literals(path):
        for match in spelled.finditer(text):
            assert "_" not in match[0], f"{place}: name {match[0]} with setting_ref: {text}"
            assert not text[match.end() :].startswith("="), f"{place}: name {match[0]} with setting_ref: {text}"
