"""``python -m tests.soak --minutes 30``: a million predictions of each face, and a table; exits with 1 if one fails."""

import argparse
import sys
import time
from functools import partial

import torch

from tests.soak.requests import Face, faces
from tests.soak.run import Result, answers_in_forks, answers_in_threads, in_forks, soak, table

MOST_GROWTH = 0.02


def main() -> int:
    """Soak every face in a process of its own, and then ask all from threads and forked processes."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long at most, shared equally by the faces")
    parser.add_argument("--count", type=int, default=10**6, help="texts, or tokens, of each face")
    parser.add_argument("--face", default="", help="only the faces with this in their name")
    options = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [each for each in faces() if options.face in each.name]
    end = time.monotonic() + 60 * options.minutes
    results = list[Result]()
    for number, face in enumerate(chosen):
        share = (end - time.monotonic()) / (len(chosen) - number)
        alone = partial(_soak, face, options.count, share)
        (result,) = in_forks(alone, 1, 1)  # so that the memory is that of this face alone
        assert isinstance(result, Result)
        results.append(result)
        print(table(results[-1:]), flush=True)
    threads = {face.name: answers_in_threads(face, 160) for face in chosen}
    forks = {face.name: answers_in_forks(face, 160) for face in chosen}
    print(table(results))
    print("answers in 16 threads that differ:", threads)
    print("answers in 4 forked processes that differ:", forks)
    grown = any(each.growth > MOST_GROWTH for each in results)
    return int(grown or any(each.differences for each in results) or any(threads.values()) or any(forks.values()))


def _soak(face: Face, count: int, seconds: float, number: int) -> Result:
    return soak(face, count, warm_up=10**4, seconds=seconds, seed=number)


if __name__ == "__main__":
    sys.exit(main())
