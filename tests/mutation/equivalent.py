"""Mutants that no test can notice, read one by one: module, line of code, code, mutated code, and the reason."""

__all__ = ["EQUIVALENT"]

EQUIVALENT: dict[tuple[str, str, str, str], str] = {}
