"""``python -m tests.mutation --mutants 300 --seed 0``: how many small mistakes do the tests notice?"""

import argparse
import ast
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.operators import Mutant, mutants_of
from tests.mutation.run import file_of, load_libraries, outcome_of
from tests.mutation.targets import TARGETS


def main() -> None:
    """Test a sample of mutants; print each that survives, and a table of the modules."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--mutants", type=int, default=300, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="which")
    parser.add_argument("--module", default="", help="only modules with this in their name")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    options = parser.parse_args()
    modules = [module for module in TARGETS if options.module in module]
    load_libraries()
    every = [mutant for module in modules for mutant in mutants_of(module, file_of(module).read_text("utf-8"))]
    chosen = random.Random(options.seed).sample(every, min(options.mutants, len(every)))
    found = {module: Counter[str]() for module in modules}
    print(f"{len(chosen)} of {len(every)} mutants", flush=True)
    chosen.sort(key=lambda each: (modules.index(each.module), each.line))
    with ThreadPoolExecutor(options.jobs) as pool:
        timeouts = dict(zip(modules, pool.map(lambda module: 4 * _seconds(module) + 20, modules), strict=True))
        outcomes = pool.map(lambda mutant: _outcome(mutant, timeouts[mutant.module]), chosen)
        for mutant, outcome in zip(chosen, outcomes, strict=True):
            found[mutant.module][outcome] += 1
            if outcome == "survived":
                print(f"{mutant.module}:{mutant.line}: {mutant.before} → {mutant.after}", flush=True)
    print(_table(found))


def _seconds(module: str) -> float:
    """Return how long the tests of a module take, which must pass without a mistake."""
    start = time.monotonic()
    tree = ast.parse(file_of(module).read_text("utf-8"))
    if outcome_of(module, tree, TARGETS[module], 600.0) != "survived":
        raise SystemExit(f"the tests of {module} fail without any mistake")
    return time.monotonic() - start


def _outcome(mutant: Mutant, timeout: float) -> str:
    if (mutant.module, mutant.before, mutant.after) in EQUIVALENT:
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
