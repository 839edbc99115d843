"""The mutation tester itself: its mutants differ from the code, and a good test kills them."""

import ast
from pathlib import Path

import pytest

from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.operators import mutants_of
from tests.mutation.run import file_of
from tests.mutation.targets import TARGETS

SOURCE = '''
"""A docstring with 1 + 1."""

def least(values: list[int], start: int = 3) -> int:
    found = start
    for value in values:
        if not value >= found and True:
            found = value
    print(found, values)
    return found
'''


def test_each_mutant_has_one_mistake() -> None:
    changes = [(mutant.before, mutant.after) for mutant in mutants_of("m", SOURCE)]
    for change in [
        ("3", "4"),
        ("3", "2"),
        ("return found", "return None"),
        ("value >= found", "value > found"),
        ("not value >= found", "value >= found"),
        ("not value >= found and True", "not value >= found or True"),
        ("True", "False"),
        ("print(found, values)", "pass"),
        ("print(found, values)", "print(values, found)"),
    ]:
        assert changes.count(change) == 1, change
    unchanged = ast.unparse(ast.parse(SOURCE))
    for mutant in mutants_of("m", SOURCE):
        code = ast.unparse(mutant.tree())
        assert code != unchanged
        compile(code, "m", "exec")


@pytest.mark.parametrize("module", TARGETS)
def test_the_modules_and_their_tests_exist(module: str) -> None:
    assert file_of(module).is_file()
    assert all((Path(__file__).parents[1] / name).exists() for name in TARGETS[module])


def test_equivalent_mutants_are_mutants_with_a_reason() -> None:
    for module, code, before, after in EQUIVALENT:
        found = mutants_of(module, file_of(module).read_text(encoding="utf-8"))
        assert (code, before, after) in [(mutant.code, mutant.before, mutant.after) for mutant in found], (module, code)
    assert all(EQUIVALENT.values())
