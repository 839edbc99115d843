"""Nothing imports upward: the layers of docs/architecture.md, checked on the syntax trees of all modules."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [ROOT / "seqkit", ROOT / "cli" / "seqkit_cli", ROOT / "corpora" / "seqkit_corpora"]

# Each layer may import itself and those above it in this table. A package stands for all modules within it.
LAYERS = [
    "configs errors memory metrics presets sampling sampling_settings tagging_schemes version",
    "annotations columns corpora corpus_specs formats hub_corpora tables tagged_rows text_files text_tokenization texts"
    " labelled_texts ngrams tokenization typed_datasets vectors vocabulary",
    "batching calibration cells classification_model contextual crf embeddings encoder heads label_loss"
    " labelled_examples lattice linear_cross_entropy monte_carlo next_token_model pooling regularization streams"
    " tagging_model text_encoders token_examples token_store viterbi weight_average weighted_likelihood word_examples"
    " word_features",
    "decoding generation tasks",
    "adaptive_evaluation engine evaluation figures optimization run_folder training training_run",
    "classifier estimator explanations language_model loading progress tagger windows",
]
LAYER_OF = {f"seqkit.{name}": number for number, names in enumerate(LAYERS, start=1) for name in names.split()}
LAYER_OF |= {"seqkit_corpora": 0, "seqkit": len(LAYERS), "seqkit_cli": len(LAYERS) + 1}
NO_TASKS = {"seqkit.tasks", "seqkit.tasks.task"}  # the table of tasks, and what every task is


class Import(NamedTuple):
    """One import of one of our own modules: who, what, and on which line."""

    importer: str
    imported: str
    line: int
    at_start: bool  # when the module is loaded, and not within a function or for the type checker only


def module_name(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(packages: list[Path]) -> dict[str, ast.Module]:
    """The syntax tree of every module of some packages, by its dotted name."""
    return {
        module_name(path, package): ast.parse(path.read_text(encoding="utf-8"), str(path))
        for package in packages
        for path in sorted(package.rglob("*.py"))
    }


def imports(trees: dict[str, ast.Module]) -> Iterator[Import]:
    """Every import of our own modules, wherever it stands."""
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


def layer(module: str) -> int:
    """The layer of a module; 0 is the lowest."""
    package, _, inner = module.partition(".")
    name = f"seqkit.{inner.split('.')[0]}" if package == "seqkit" and inner else package
    if name not in LAYER_OF:
        raise LookupError(f"{name} is in no layer: add it to LAYERS in tests/test_layers.py and docs/architecture.md")
    return LAYER_OF[name]


def is_task(module: str) -> bool:
    return module.startswith("seqkit.tasks") and module not in NO_TASKS


def violations(packages: list[Path]) -> list[str]:
    """What breaks the rules, a line each."""
    trees = modules(packages)
    for name in trees:
        layer(name)
    lines = []
    for importer, imported, line, _ in imports(trees):
        if layer(imported) > layer(importer):
            lines.append(f"{importer}:{line} imports {imported}, which is in a higher layer")
        if is_task(importer) and is_task(imported) and importer != imported:
            lines.append(f"{importer}:{line} imports {imported}, another task")
    return lines


def test_no_module_imports_upward() -> None:
    assert violations(SOURCES) == []


def test_modules_do_not_need_each_other_to_be_loaded() -> None:
    graph: dict[str, set[str]] = {}
    for one in imports(modules(SOURCES)):
        if one.at_start and one.importer != one.imported:
            graph.setdefault(one.importer, set()).add(one.imported)
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_the_table_holds_no_module_that_is_gone() -> None:
    there = {".".join(name.split(".")[:2]) for name in modules(SOURCES) if name.startswith("seqkit.")}
    assert there == {name for name in LAYER_OF if name.startswith("seqkit.")}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"errors": "import json", "tagger": "from seqkit import errors\nimport seqkit.crf", "crf": ""}, []),
        ({"crf": "import seqkit.training.device"}, ["seqkit.crf:1 imports seqkit.training.device, which is in a higher layer"]),
        (
            {"crf": "def f():\n    if True:\n        from seqkit.tagger import Tagger"},
            ["seqkit.crf:3 imports seqkit.tagger, which is in a higher layer"],
        ),
        (
            {"crf": "from seqkit import Tagger, errors", "errors": ""},
            ["seqkit.crf:1 imports seqkit, which is in a higher layer"],
        ),
        ({"crf": "from seqkit import tasks", "tasks/__init__": ""}, [
            "seqkit.crf:1 imports seqkit.tasks, which is in a higher layer"]),
        ({"tasks/__init__": "from seqkit.tasks.a import A", "tasks/a": "from seqkit.tasks.task import T"}, []),
        (
            {"tasks/a": "def f():\n    import seqkit.tasks.b", "tasks/b": "from seqkit.crf import CRF"},
            ["seqkit.tasks.a:2 imports seqkit.tasks.b, another task"],
        ),
        ({"cells/lstm": "from seqkit.nn.cells import gru", "cells/gru": "", "cells/__init__": ""}, []),
    ],
)  # fmt: skip
def test_the_walk_finds_what_it_should(tmp_path: Path, files: dict[str, str], expected: list[str]) -> None:
    package = tmp_path / "seqkit"
    for name, source in files.items():
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    assert violations([package]) == expected


def test_a_module_in_no_layer_is_named(tmp_path: Path) -> None:
    package = tmp_path / "seqkit"
    package.mkdir()
    (package / "novelty.py").write_text("")
    with pytest.raises(LookupError, match=r"^seqkit\.novelty is in no layer: add it to LAYERS"):
        violations([package])


def test_a_relative_import_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "seqkit"
    package.mkdir()
    (package / "crf.py").write_text("from . import tagger")
    with pytest.raises(AssertionError, match=r"seqkit\.crf:1: write the whole name"):
        violations([package])
