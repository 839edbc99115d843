"""Run the tests of a module on a mutant of it, in a process forked from one that has loaded the slow libraries."""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Literal

__all__ = ["Outcome", "file_of", "load_libraries", "outcome_of"]

ROOT = Path(__file__).parents[2]
Outcome = Literal["killed", "survived", "timeout"]


def file_of(module: str) -> Path:
    """Return the file of a module."""
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def load_libraries() -> None:
    """Import what takes long, but nothing of seqkit, which each mutant must import anew."""
    for name in (
        "torch",
        "datasets",
        "pandas",
        "hypothesis",
        "pytest",
        "tokenizers",
        "safetensors.torch",
        "matplotlib.pyplot",
    ):
        importlib.import_module(name)
    assert not any(name.partition(".")[0] == "seqkit" for name in sys.modules)


class _MutantLoader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads a syntax tree in the place of a module, so that no file is changed."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self.module, self.tree = module, tree

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.module:
            return None
        return importlib.util.spec_from_file_location(fullname, file_of(fullname), loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.tree, str(file_of(self.module)), "exec"), module.__dict__)


def outcome_of(module: str, tree: ast.Module, tests: Sequence[str], timeout: float) -> Outcome:
    """Return what the tests say about a mutant."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        _test(module, tree, tests)
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout"


def _test(module: str, tree: ast.Module, tests: Sequence[str]) -> None:
    """Run tests in this process, and end it with their exit code."""
    code = 1
    try:
        import pytest

        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        sys.meta_path.insert(0, _MutantLoader(module, tree))
        files = [str(ROOT / "tests" / each) for each in tests]
        # Plain asserts: pytest cannot rewrite those of plugins that are imported already.
        options = ["-x", "-q", "-n0", "-p", "no:cacheprovider", "--assert=plain", f"--rootdir={ROOT}"]
        options += ["-c", str(ROOT / "pyproject.toml")]
        code = int(pytest.main([*options, *files]))
    finally:
        os._exit(code)
