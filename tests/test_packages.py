"""The graph of packages: exactly what each package imports, without a cycle.

``python -m tests.test_packages`` prints the graph.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [ROOT / "seqkit", ROOT / "cli" / "seqkit_cli", ROOT / "corpora" / "seqkit_corpora"]

# What each package imports, whether at the top of a module, within a function or for the type checker only. ``faces``
# are the modules of seqkit/ itself, the public classes among them. Errors and the version import nothing: ``errors``.
GRAPH = {
    "errors": "",
    "text": "errors",
    "transforms": "errors",
    "metrics": "errors text",
    "baselines": "errors",
    "cells": "errors",
    "config": "cells errors text",
    "data": "errors text",
    "batches": "config data errors text transforms",
    "nn": "cells config text",
    "crf": "",
    "models": "batches cells config crf errors nn text",
    "tasks": "batches cells config data errors metrics models nn text",
    "training": "batches config errors metrics nn tasks",
    "runs": "config errors metrics tasks text training",
    "generation": "cells config errors nn",
    "faces": "baselines batches cells config data errors generation metrics models runs tasks text training transforms",
    "seqkit_cli": "config data errors faces generation metrics runs tasks text training",
    "seqkit_corpora": "",
}
TASK_FILES = {"tagging", "classification", "language_modelling", "forecasting", "anomaly_detection"}


class Import(NamedTuple):
    """An import of one of our own modules."""

    importer: str
    imported: str
    line: int
    at_start: bool  # at the top of the module: not within a function, nor for the type checker only


def module_name(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules(*packages: Path) -> dict[str, ast.Module]:
    """Return the syntax tree of every module of some packages by its dotted name."""
    return {
        module_name(path, package): ast.parse(path.read_text(encoding="utf-8"), str(path))
        for package in packages
        for path in sorted(package.rglob("*.py"))
    }


def imports(trees: Mapping[str, ast.Module]) -> Iterator[Import]:
    """Yield every import of our own modules, at the top or within a function."""
    ours = {name.split(".")[0] for name in trees}
    for importer, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, (
                    f"{importer}:{node.lineno}: write the whole name of the module, not a relative one"
                )
                names = [
                    inner if (inner := f"{node.module}.{alias.name}") in trees else str(node.module)
                    for alias in node.names
                ]
            else:
                continue
            for name in dict.fromkeys(names):
                if name.split(".")[0] in ours:
                    yield Import(importer, name, node.lineno, node in tree.body)


def package_of(module: str, trees: Mapping[str, ast.Module]) -> str:
    """Return the node of the graph that a module belongs to."""
    top, _, inner = module.partition(".")
    if top != "seqkit":
        return top
    name = inner.partition(".")[0]
    if name in ("errors", "version"):
        return "errors"
    is_package = any(other.startswith(f"seqkit.{name}.") for other in trees)
    return name if name and is_package else "faces"


def graph_of(packages: list[Path]) -> dict[str, set[str]]:
    """Return the packages that each package imports."""
    trees = modules(*packages)
    graph: dict[str, set[str]] = {package_of(name, trees): set() for name in trees}
    for one in imports(trees):
        importer, imported = package_of(one.importer, trees), package_of(one.imported, trees)
        if importer != imported:
            graph[importer].add(imported)
    return graph


def reduced(graph: Mapping[str, set[str]]) -> set[tuple[str, str]]:
    """Return the edges of a graph, without those that a longer path implies."""

    def reachable(start: str) -> set[str]:
        return {start}.union(*(reachable(each) for each in graph[start])) if graph[start] else {start}

    return {
        (one, other)
        for one, others in graph.items()
        for other in others
        if not any(other in reachable(between) for between in others - {other})
    }


def printed(graph: Mapping[str, set[str]]) -> str:
    """Return the graph as text: a line for each package, the lowest first."""
    order = TopologicalSorter({name: sorted(others) for name, others in sorted(graph.items())}).static_order()
    return "\n".join(f"{name:<14} → {' '.join(sorted(graph[name])) or '–'}" for name in order)


def test_the_packages_import_what_the_graph_says() -> None:
    graph = graph_of(SOURCES)
    print(f"\n{printed(graph)}")
    assert graph == {name: set(others.split()) for name, others in GRAPH.items()}


def test_the_graph_has_no_cycle() -> None:
    TopologicalSorter(graph_of(SOURCES)).prepare()  # raises CycleError, which names the cycle


def test_modules_have_no_import_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for one in imports(modules(*SOURCES)):
        if one.at_start and one.importer != one.imported:
            graph.setdefault(one.importer, set()).add(one.imported)
    TopologicalSorter(graph).prepare()


def test_no_task_imports_another() -> None:
    files = {f"seqkit.tasks.{name}" for name in TASK_FILES}
    crossing = [
        one
        for one in imports(modules(*SOURCES))
        if {one.importer, one.imported} <= files and one.importer != one.imported
    ]
    assert crossing == []


def test_packages_have_empty_init_files() -> None:
    filled = {
        str(path.relative_to(ROOT))
        for source in SOURCES
        for path in source.rglob("__init__.py")
        if path.read_text(encoding="utf-8").strip() and path.parent != source
    }
    assert filled == {"seqkit/crf/__init__.py"}


def test_the_picture_in_the_architecture_is_the_graph() -> None:
    """The diagram leaves out the edges that a longer path implies."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (picture,) = re.findall(r"^```mermaid\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    drawn = set(re.findall(r"^ *(\w+) --> (\w+)$", picture, re.MULTILINE))
    assert drawn == reduced(graph_of(SOURCES))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"errors": "import json", "tagger": "from seqkit import errors\nimport seqkit.crf.layer", "crf/layer": ""},
         {"errors": set(), "faces": {"errors", "crf"}, "crf": set()}),
        ({"crf/layer": "def f():\n    if True:\n        from seqkit.nn.dropout import Dropout", "nn/dropout": ""},
         {"crf": {"nn"}, "nn": set()}),
        ({"nn/dropout": "from seqkit import Tagger", "__init__": ""}, {"nn": {"faces"}, "faces": set()}),
        ({"nn/a": "from seqkit.nn import b", "nn/b": "", "nn/__init__": ""}, {"nn": set()}),
    ],
)  # fmt: skip
def test_the_walk_finds_every_import(tmp_path: Path, files: dict[str, str], expected: dict[str, set[str]]) -> None:
    package = tmp_path / "seqkit"
    for name, source in files.items():
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    assert graph_of([package]) == expected


def test_a_cycle_is_found(tmp_path: Path) -> None:
    for name, source in {"nn/a": "import seqkit.crf.b", "crf/b": "def f():\n    import seqkit.nn.a"}.items():
        path = tmp_path / "seqkit" / f"{name}.py"
        path.parent.mkdir(parents=True)
        path.write_text(source)
    with pytest.raises(CycleError):
        TopologicalSorter(graph_of([tmp_path / "seqkit"])).prepare()


def test_a_relative_import_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "seqkit"
    package.mkdir()
    (package / "tagger.py").write_text("from . import loading")
    with pytest.raises(AssertionError, match=r"seqkit\.tagger:1: write the whole name"):
        graph_of([package])


if __name__ == "__main__":
    print(printed(graph_of(SOURCES)))
