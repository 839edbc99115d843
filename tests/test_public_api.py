"""The public API: its names, their documentation, and fast imports."""

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import seqkit
import seqkit_cli

PUBLIC = [
    "AnomalyDetector",
    "CheckpointError",
    "Classifier",
    "ConfigError",
    "CorpusError",
    "DivergenceError",
    "Forecaster",
    "LanguageModel",
    "MissingExtraError",
    "Panel",
    "SeqkitError",
    "SeqkitWarning",
    "Tagger",
    "__version__",
    "load",
    "open_corpus",
    "open_series",
    "open_texts",
]
MODULES = [
    module.name
    for package in (seqkit, seqkit_cli)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.ispkg or module.name == "seqkit.crf"  # the other packages are empty
]


def run_python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a new Python process with the same packages."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    return subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)


def test_the_public_names_change_only_on_purpose() -> None:
    assert sorted(seqkit.__all__) == PUBLIC
    assert dir(seqkit) == PUBLIC
    for name in PUBLIC:
        assert getattr(seqkit, name) is not None
    with pytest.raises(AttributeError, match="module 'seqkit' has no attribute 'tagger_of_dreams'"):
        seqkit.tagger_of_dreams  # noqa: B018


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    if name.startswith("seqkit.crf.triton_"):
        pytest.importorskip("triton", reason="needs Triton")
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} has no docstring"
    assert len(set(module.__all__)) == len(module.__all__)
    undocumented = [public for public in module.__all__ if not is_documented(module, public)]
    assert undocumented == []


def is_documented(module: ModuleType, name: str) -> bool:
    """Return whether a function or class has its own docstring; other values need none."""
    value = getattr(module, name)
    if not inspect.isroutine(inspect.unwrap(value)) and not inspect.isclass(value):
        return True
    text = inspect.unwrap(value).__doc__ or ""
    return bool(text) and not text.startswith(f"{name}(")  # the generated docstring of a dataclass does not count


@pytest.mark.parametrize("code", ["import seqkit", "import seqkit.errors", "from seqkit import SeqkitError"])
def test_import_loads_nothing_heavy(tmp_path: Path, code: str) -> None:
    done = run_python(f"import sys\n{code}\nprint({{'torch', 'datasets', 'numpy'}} & set(sys.modules))", tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("set()\n", "", 0)


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    code = """
import sys
from seqkit_cli.main import main
sys.argv = ["seqkit", "--help"]
try:
    main()
finally:
    print({"torch", "datasets", "numpy"} & set(sys.modules), file=sys.stderr)
"""
    done = run_python(code, tmp_path)
    assert (done.stderr, done.returncode) == ("set()\n", 0)
    assert "train" in done.stdout
