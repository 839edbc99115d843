"""Golden snapshots of the command line: the options of every command, and the shape of everything it prints as JSON.

After a change that is meant to change them, write them again: ``python -m tests.cli.test_contract``.
"""

import ast
import inspect
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin
from unittest.mock import patch

import pytest
import typer
from typer.models import OptionInfo

from seqkit_cli.main import main
from tests.command_line import seqkit

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parents[1] / "golden"
OPTIONS, SHAPES = GOLDEN / "command_line_options.json", GOLDEN / "json_shapes.json"

SENTENCES = [("Ada met Bo", "B-PER O B-PER", "PROPN VERB PROPN"), ("Rain fell", "O O", "NOUN VERB")]
REVIEWS = [("a warm soup", "good"), ("a cold soup", "bad"), ("a warm bed", "good"), ("cold eggs", "bad")]
SMALL = ["--quiet", "--device=cpu", "--epochs=1", "--hidden-size=8"]
TRAININGS = {
    "ner": [*SMALL, "--word-size=8"],
    "pos": [*SMALL, "--word-size=8"],
    "sentiment": [*SMALL, "--word-size=8"],
    "lm": [*SMALL, "--embedding-size=8", "--bptt=8", "--batch-tokens=16"],
    "forecast": [*SMALL, "--horizon=4", "--lookback=8", "--windows=16"],
    "anomaly": [*SMALL, "--lookback=8"],
}
COMMANDS = {
    "predict ner": ["predict", "runs/ner", "Ada met Bo in", "--json"],
    "predict ner, samples": ["predict", "runs/ner", "Ada met Bo in", "--json", "--mc-samples=2"],
    "predict pos": ["predict", "runs/pos", "Ada met Bo", "--json"],
    "predict pos, samples": ["predict", "runs/pos", "Ada met Bo", "--json", "--mc-samples=2"],
    "predict sentiment": ["predict", "runs/sentiment", "a warm bed", "--json"],
    "predict sentiment, no word": ["predict", "runs/sentiment", " ", "--json"],
    "predict sentiment, samples": ["predict", "runs/sentiment", "a warm bed", "--json", "--mc-samples=2"],
    "predict sentiment, abstaining": ["predict", "runs/sentiment", "a warm bed", "--json", "--min-confidence=1"],
    "predict sentiment, explained": ["predict", "runs/sentiment", "a warm bed", "--json", "--explain"],
    "evaluate ner": ["evaluate", "runs/ner", "--json"],
    "evaluate pos": ["evaluate", "runs/pos", "--json"],
    "evaluate sentiment": ["evaluate", "runs/sentiment", "--json"],
    "evaluate lm": ["evaluate", "runs/lm", "--json"],
    "evaluate lm, cache": ["evaluate", "runs/lm", "--json", "--cache"],
    "predict forecast": ["predict", "runs/forecast", "--json", "--level=80,95"],
    "evaluate forecast": ["evaluate", "runs/forecast", "--json"],
    "predict anomaly": ["predict", "runs/anomaly", "--input=anomaly/dev.csv", "--json"],
    "evaluate anomaly": ["evaluate", "runs/anomaly", "--label=label", "--json"],
    "generate": ["generate", "--prompt=a", "--max-tokens=3", "--seed=1", "--json"],
    "generate, tokens": ["generate", "--prompt=a", "--max-tokens=3", "--json", "--logprobs", "--ignore-end"],
    "generate, beam": ["generate", "--prompt=a", "--max-tokens=3", "--beam=2", "--json"],
    "info ner": ["info", "runs/ner", "--json"],
    "info lm": ["info", "runs/lm", "--json"],
}


def whole_app() -> typer.Typer:
    """Return the app that ``main`` runs."""
    found: list[typer.Typer] = []
    with patch.object(typer.Typer, "__call__", lambda app, **_: found.append(app)), pytest.raises(SystemExit):
        main()
    return found[0]


def commands_of(app: typer.Typer, path: str = "") -> Iterator[tuple[str, Callable[..., object]]]:
    """Yield the function of each command with its path."""
    for command in app.registered_commands:
        assert command.callback is not None
        yield f"{path}{command.name or command.callback.__name__}", command.callback
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from commands_of(group.typer_instance, f"{path}{group.name} ")


def options_of(command: Callable[..., object]) -> dict[str, str]:
    """Return arguments and options by name: how they are written, their type or choices, and their default."""
    options: dict[str, str] = {}
    for parameter in inspect.signature(command).parameters.values():
        if parameter.annotation is typer.Context:
            continue
        hint, info = get_args(parameter.annotation)
        # Typer's first argument is the default, but within Annotated it is the first name.
        names = [name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str)]
        written = " ".join(names or [f"--{parameter.name.replace('_', '-')}"])
        default = "required" if parameter.default is inspect.Parameter.empty else repr(parameter.default)
        options[parameter.name] = (
            f"{written if isinstance(info, OptionInfo) else 'argument'}: {kind_of(hint)} = {default}"
        )
    return options


def kind_of(hint: Any) -> str:
    """Return the name of a type, or its choices; whether it may be None does not matter."""
    if get_origin(hint) is Literal:
        return "|".join(get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
        return kind_of(hint)
    return str(hint) if get_args(hint) else str(hint.__name__)


def all_options() -> dict[str, dict[str, str]]:
    return {path: options_of(command) for path, command in commands_of(whole_app())}


def write_corpora() -> None:
    """Write a corpus for each task to the working directory; the same sentences are train and dev."""
    for task in TRAININGS:
        Path(task).mkdir()
    for split in ("train", "dev"):
        for task, column in (("ner", 1), ("pos", 2)):
            rows = [zip(each[0].split(), each[column].split(), strict=True) for each in SENTENCES * 20]
            blocks = ("".join(f"{word} {tag}\n" for word, tag in row) for row in rows)
            Path(task, f"{split}.conll").write_text("\n".join(blocks))
        reviews = (json.dumps({"text": text, "label": label}) for text, label in REVIEWS * 6)
        Path("sentiment", f"{split}.jsonl").write_text("\n".join(reviews))
        Path("lm", f"{split}.txt").write_text("Ada ran to a warm bed.\n" * 20)
        hours = (f"2026-01-0{1 + (split == 'dev')} {hour:02d}:00,{hour % 5},{int(hour == 9)}" for hour in range(24))
        days = (f"2026-0{2 + (split == 'dev')}-{day:02d},{day % 7}" for day in range(1, 29))
        Path("forecast", f"{split}.csv").write_text("\n".join(["ds,y", *days]))
        Path("anomaly", f"{split}.csv").write_text("\n".join(["ds,y,label", *hours]))


def shape(value: Any) -> Any:
    """Return the keys and the types of a value that JSON can hold."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        kinds = {json.dumps(shape(each)): shape(each) for each in value}
        return [kinds[key] for key in sorted(kinds)]
    return type(value).__name__


def shape_of_output(name: str) -> list[Any]:
    """Return the shapes of the lines that a command prints; settings and versions of a run may change with others."""
    done = seqkit(*COMMANDS[name])
    assert (done.code, done.err) == (0, "")
    lines = [json.loads(line) for line in done.out.splitlines()]
    return [shape({**line, "settings": {}, "versions": {}} if name.startswith("info") else line) for line in lines]


@cache
def runs_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder with a run of each task in ``runs``."""
    folder = tempfile.TemporaryDirectory()
    with chdir(folder.name):
        write_corpora()
        for task, given in TRAININGS.items():
            done = seqkit("train", task, f"--corpus=./{task}", *given)
            assert done.out == f"runs/{task}\n", done.err
    return folder


def all_shapes() -> dict[str, Any]:
    with chdir(runs_folder().name):
        return {name: shape_of_output(name) for name in COMMANDS}


def test_commands_have_the_golden_options() -> None:
    golden, found = json.loads(OPTIONS.read_text(encoding="utf-8")), all_options()
    assert found.keys() == golden.keys()
    for path, options in golden.items():
        assert found[path] == options, path


@pytest.mark.parametrize("name", COMMANDS)
def test_json_has_the_golden_shape(name: str) -> None:
    if "explained" in name:
        pytest.importorskip("captum", reason="captum is not installed")
    golden = json.loads(SHAPES.read_text(encoding="utf-8"))
    assert golden.keys() == COMMANDS.keys()
    with chdir(runs_folder().name):
        assert shape_of_output(name) == golden[name]


def strings_of(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the strings of a module, except docstrings, each with its line."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield node.lineno, node.value


def test_the_command_line_names_no_task() -> None:
    from seqkit.task_table import TASKS

    name = re.compile(rf"(?<![\w-])({'|'.join(TASKS)})(?![\w-])")
    modules = list((ROOT / "cli" / "seqkit_cli").rglob("*.py"))
    assert len(modules) > 10
    found = [
        f"{path.name}:{line}: {text!r}"
        for path in modules
        for line, text in strings_of(ast.parse(path.read_text(encoding="utf-8")))
        if name.search(text)
    ]
    assert found == []


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if sys.argv[1:] else GOLDEN
    for file, golden in ((OPTIONS, all_options()), (SHAPES, all_shapes())):
        text = json.dumps(golden, indent=1, sort_keys=True, ensure_ascii=False)
        (folder / file.name).write_text(text + "\n", encoding="utf-8")
