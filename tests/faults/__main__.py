"""Spoil trainings at every step of the file system, and by signals, and print what they survived.

``python -m tests.faults --minutes 30`` tries everything, in an order in which a shorter time still tries a bit of each.
"""

import argparse
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.faults.children import Child
from tests.faults.damage import Case, possible_places, spoil, steps_of
from tests.faults.file_layer import ERRORS, NEEDS_SPACE, Fault
from tests.faults.rivals import RIVALS, Rivals, two_at_once
from tests.faults.signals import SIGNALLED, Signalled, reference_run, spoil_by_signals
from tests.faults.trainings import TASKS, warm_up

CASES = [Case(task, place) for task in TASKS for place in possible_places()]

PACES = (1, 2, 4, 20)  # for each stage: one of its trials comes with so many of the first one


class Trial(NamedTuple):
    """A training to be spoiled: by a fault at a step of the file system, by signals, or by another one."""

    case: Case
    fault: Fault | Signalled | Rivals
    step: str  # the kind of the step, or the signals

    @property
    def kind(self) -> str:
        """The column of the table."""
        if isinstance(self.fault, Signalled):
            return "signals"
        if isinstance(self.fault, Rivals):
            return "two at once"
        return {"full disk": "full disk", "error": "other errors"}.get(self.fault.how, "kill -9")


class Tried(NamedTuple):
    """A trial, and what was wrong after it."""

    trial: Trial
    wrong: str


def faults_of(case: Case, names: Sequence[str]) -> list[list[Trial]]:
    """Return the trials of a case in four stages: kills, full disks, errors, and kills with the effect of others."""
    kills: list[Trial] = []
    full: list[Trial] = []
    errors: list[Trial] = []
    same: list[Trial] = []
    for step, name in enumerate(names, start=1):
        kills.append(Trial(case, Fault("kill before", step), name))
        (kills if step == len(names) else same).append(Trial(case, Fault("kill after", step), name))
        if name == "write":
            kills.append(Trial(case, Fault("kill half-way", step), name))
        if name in NEEDS_SPACE:
            full.append(Trial(case, Fault("full disk", step), name))
        errors += [Trial(case, Fault("error", step, number), name) for number in ERRORS.values()]
    return [kills, full, errors, same]


def trials(seed: int) -> list[Trial]:
    """Return all trials in random order, the important ones more densely; signals and rivals count as full disks."""
    draw = random.Random(seed)
    stages: list[list[Trial]] = [[], [], [], []]
    for case in CASES:
        for stage, more in zip(stages, faults_of(case, steps_of(case)), strict=True):
            stage += more
    for task in TASKS:
        signalled = [Signalled.draw(draw) for _ in range(SIGNALLED)]
        others: list[Signalled | Rivals] = [*signalled, *[Rivals()] * RIVALS]
        stages[1] += [Trial(Case(task, "new"), each, str(each)) for each in others]
    order: list[tuple[int, int, Trial]] = []
    for number, (stage, pace) in enumerate(zip(stages, PACES, strict=True)):
        draw.shuffle(stage)
        order += [(pace * rank, number, trial) for rank, trial in enumerate(stage)]
    return [trial for _, _, trial in sorted(order, key=lambda item: item[:2])]


def attempt(trial: Trial) -> Tried:
    """Spoil a training, and check what must hold."""
    if isinstance(trial.fault, Signalled):
        return Tried(trial, spoil_by_signals(trial.case.task, trial.fault))
    if isinstance(trial.fault, Rivals):
        return Tried(trial, two_at_once(trial.case.task))
    return Tried(trial, spoil(trial.case, trial.fault).wrong)


def work(mine: Iterable[Trial], until: float) -> list[Tried]:
    """Attempt trials until a time."""
    done = []
    for trial in mine:
        if time.monotonic() > until:
            break
        done.append(attempt(trial))
    return done


def attempt_all(wanted: Sequence[Trial], until: float, processes: int) -> list[Tried]:
    """Attempt trials until a time, in some processes."""

    def start(number: int) -> Child:
        return Child.start(lambda: work(wanted[number::processes], until))

    workers = [start(number) for number in range(processes)]
    patience = until - time.monotonic() + 600
    return [tried for worker in workers for tried in worker.wait(patience).value()]


def table(done: Iterable[Tried], wanted: Iterable[Trial]) -> str:
    """Return what was tried and survived, by task and place, and by step."""
    done = list(done)
    kinds = ("kill -9", "full disk", "other errors", "signals", "two at once")
    lines = [_row("task, place", "steps", *kinds)]
    steps: dict[Case, set[int]] = defaultdict(set)
    for trial in wanted:
        if isinstance(trial.fault, Fault):
            steps[trial.case].add(trial.fault.step)
    for case in dict.fromkeys(trial.case for trial in wanted):
        cells = (
            _counted(tried for tried in done if tried.trial[0] == case and tried.trial.kind == kind) for kind in kinds
        )
        lines.append(_row(f"{case.task}, {case.place}", str(len(steps[case])), *cells))
    lines.append(_row("all", "", *(_counted(tried for tried in done if tried.trial.kind == kind) for kind in kinds)))
    lines += ["", _row("step", "", *kinds[:3])]
    for name, _ in Counter(tried.trial.step for tried in done if isinstance(tried.trial.fault, Fault)).most_common():
        mine = [tried for tried in done if tried.trial.step == name]
        lines.append(
            _row(name, "", *(_counted(tried for tried in mine if tried.trial.kind == kind) for kind in kinds[:3]))
        )
    lines += ["", *(_told(one) for one in done if one.wrong)]
    return "\n".join(lines)


def _told(tried: Tried) -> str:
    case, fault, step = tried.trial
    return f"{case.task}, {case.place}: {fault} ({step}): {tried.wrong.splitlines()[-1]}"


def _row(name: str, *cells: str) -> str:
    return f"{name:<52}" + "".join(f"{cell:>14}" for cell in cells)


def _counted(done: Iterable[Tried]) -> str:
    """Return how many were survived, of how many."""
    outcomes = [not tried.wrong for tried in done]
    return f"{sum(outcomes)}/{len(outcomes)}" if outcomes else "–"


def main() -> None:
    """Parse the command line, attempt the trials and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    until = time.monotonic() + 60 * options.minutes
    warm_up()
    for task in TASKS:
        reference_run(task)
    wanted = trials(options.seed)
    print(f"{len(wanted)} trials", flush=True)
    done = attempt_all(wanted, until, options.processes)
    print(table(done, wanted))
    print(f"\n{len(done)} of {len(wanted)} trials, {sum(bool(tried.wrong) for tried in done)} not survived")
    raise SystemExit(any(tried.wrong for tried in done))


if __name__ == "__main__":
    main()
