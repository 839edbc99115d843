"""Mutants that no test can notice, as they were read one by one: the module, its line, the code, the mutated code, and why."""

__all__ = ["EQUIVALENT"]

EQUIVALENT: dict[tuple[str, str, str, str], str] = {}
