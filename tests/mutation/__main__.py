"""``python -m tests.mutation --mutants 300 --seed 0``: how many small mistakes do the tests notice?"""

import argparse
import ast
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed

from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.operators import Mutant, mutants_of
from tests.mutation.run import file_of, load_libraries, outcome_of
from tests.mutation.targets import TARGETS


def main() -> None:
    """Test a sample of mutants; print what becomes of each, and a table of the modules."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--mutants", type=int, default=300, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="which")
    parser.add_argument("--module", default="", help="only modules with this in their name")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="for how long at most")
    parser.add_argument("--timeout", type=float, default=0.0, help="seconds for each; 0 measures what the tests need")
    options = parser.parse_args()
    modules = [module for module in TARGETS if options.module in module]
    load_libraries()
    every = [mutant for module in modules for mutant in mutants_of(module, file_of(module).read_text("utf-8"))]
    chosen = random.Random(options.seed).sample(every, min(options.mutants, len(every)))
    found = {module: Counter[str]() for module in modules}
    print(f"{len(chosen)} of {len(every)} mutants", flush=True)
    end = time.monotonic() + 60 * options.minutes
    with ThreadPoolExecutor(options.jobs) as pool:
        seconds = pool.map(lambda module: options.timeout or 4 * _seconds(module) + 20, modules)
        timeouts = dict(zip(modules, seconds, strict=True))

        def test(mutant: Mutant) -> tuple[Mutant, str]:
            return mutant, _outcome(mutant, timeouts[mutant.module]) if time.monotonic() < end else "not tested"

        for testing in as_completed([pool.submit(test, mutant) for mutant in chosen]):
            mutant, outcome = testing.result()
            found[mutant.module][outcome] += 1
            if outcome != "not tested":
                change = f"{mutant.before} → {mutant.after}".replace("\n", " ")
                print(f"{outcome} {mutant.module}:{mutant.line}:{mutant.column}: {change}", flush=True)
    print(_table(found))


def _seconds(module: str) -> float:
    """Return how long the tests of a module take, which must pass without a mistake."""
    start = time.monotonic()
    tree = ast.parse(file_of(module).read_text("utf-8"))
    if outcome_of(module, tree, TARGETS[module], 600.0) != "survived":
        raise SystemExit(f"the tests of {module} fail without any mistake")
    return time.monotonic() - start


def _outcome(mutant: Mutant, timeout: float) -> str:
    if (mutant.module, mutant.code, mutant.before, mutant.after) in EQUIVALENT:
        return "equivalent"
    return outcome_of(mutant.module, mutant.tree(), TARGETS[mutant.module], timeout)


def _table(found: dict[str, Counter[str]]) -> str:
    total = sum(found.values(), Counter[str]())
    lines = [f"{'module':32} {'killed':>6} {'timeout':>7} {'survived':>8} {'equivalent':>10} {'noticed':>7}"]
    for module, counts in {**found, "all": total}.items():
        noticed = counts["killed"] + counts["timeout"]
        share = noticed / max(1, noticed + counts["survived"])
        lines.append(
            f"{module:32} {counts['killed']:>6} {counts['timeout']:>7} {counts['survived']:>8} "
            f"{counts['equivalent']:>10} {share:>7.1%}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
