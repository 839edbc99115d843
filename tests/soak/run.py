"""Ask a model for a long time, from several threads and processes, and watch its memory and its answers."""

import multiprocessing
import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from tests.soak.memory import growth, resident_megabytes
from tests.soak.requests import Face

__all__ = ["Result", "answers_in_forks", "answers_in_threads", "soak", "table"]

PROBES = 8  # requests that are asked again and again


class Result(NamedTuple):
    """What a soak has shown: units answered, seconds, megabytes after the warm-up and at the end, wrong answers."""

    face: str
    unit: str
    asked: int
    seconds: float
    megabytes: float
    megabytes_at_end: float
    growth: float
    differences: int


def soak(
    face: Face, count: int, *, warm_up: int, checks: int = 100, seconds: float = float("inf"), seed: int = 0
) -> Result:
    """Ask random requests, and between them some whose answers are known.

    Args:
        face: whom to ask.
        count: how many texts or tokens.
        warm_up: after how many of them memory must have become flat.
        checks: how often memory is measured, and an answer compared, after that.
        seconds: when to end earlier.
        seed: which requests.
    """
    chance = random.Random(seed)
    wanted = {probe: _answer(face, probe) for probe in range(PROBES)}
    measured = list[float]()
    asked, differences, start = face.largest(), 0, time.perf_counter()
    due = warm_up
    while asked < count and (time.perf_counter() - start < seconds or len(measured) < 2):
        asked += face.ask(chance)[0]
        if asked >= due:
            probe = chance.randrange(PROBES)
            differences += _answer(face, probe) != wanted[probe]
            measured.append(resident_megabytes())
            due += max(1, (count - warm_up) // checks)
    elapsed = time.perf_counter() - start
    measured.append(resident_megabytes())
    return Result(
        face.name,
        face.unit,
        asked,
        elapsed,
        measured[0],
        measured[-1],
        growth(measured[0], measured[-max(1, len(measured) // 10) :]),
        differences,
    )


def answers_in_threads(face: Face, requests: int, *, threads: int = 16) -> int:
    """Ask requests in many threads at once; return how many answers differ from those in one thread."""
    wanted = [_answer(face, number) for number in range(requests)]
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda number: _answer(face, number), range(requests)))
    return _different(found, wanted)


def answers_in_forks(face: Face, requests: int, *, processes: int = 4) -> int:
    """Ask requests in forked processes; return how many answers differ from those in this process."""
    wanted = [_answer(face, number) for number in range(requests)]
    found = in_forks(lambda number: _answer(face, number), requests, processes)
    return _different(found, wanted)


def in_forks(function: Callable[[int], object], count: int, processes: int) -> list[object]:
    """Return the results of a function of the numbers 0, 1, …, computed in forked processes, which inherit it."""
    context = multiprocessing.get_context("fork")
    ends = []
    for first in range(processes):
        receiver, sender = context.Pipe(duplex=False)
        numbers = range(first, count, processes)
        worker = context.Process(
            target=lambda to, own: to.send([function(number) for number in own]), args=(sender, numbers)
        )
        worker.start()
        sender.close()
        ends.append((worker, receiver, numbers))
    results = dict[int, object]()
    for worker, receiver, numbers in ends:
        results |= zip(numbers, receiver.recv(), strict=True)
        worker.join()
    return [results[number] for number in range(count)]


def table(results: Iterable[Result]) -> str:
    """Return a table of results."""
    lines = [
        f"{'face':24} {'requested':>18} {'per second':>10} {'MB before':>9} {'MB after':>8} {'growth':>7} {'differ':>6}"
    ]
    lines += [
        f"{each.face:24} {each.asked:>11,} {each.unit:>6} {each.asked / each.seconds:>10,.0f} {each.megabytes:>9.1f} "
        f"{each.megabytes_at_end:>8.1f} {each.growth:>7.2%} {each.differences:>6}"
        for each in results
    ]
    return "\n".join(lines)


def _answer(face: Face, number: int) -> object:
    return face.ask(random.Random(f"probe {number}"))[1]


def _different(found: Iterable[object], wanted: Iterable[object]) -> int:
    return sum(left != right for left, right in zip(found, wanted, strict=True))
