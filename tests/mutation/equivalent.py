"""Mutants that no test can notice, read one by one: module, line of code, code, mutated code, and the reason."""

__all__ = ["EQUIVALENT"]

_GENERATE = "seqkit.generation.generate"
_EXTEND = "generated = _extend(0, assembler, new, prompt, last=last)"

EQUIVALENT: dict[tuple[str, str, str, str], str] = {
    (_GENERATE, _EXTEND, "0", "1"): "a beam search numbers its texts at the end",
    (_GENERATE, _EXTEND, "0", "-1"): "likewise",
    (
        _GENERATE,
        "history.read(0, prompt.tokens[1:])",
        "0",
        "-1",
    ): "a beam search starts with one row, so 0 is the last one",
}
