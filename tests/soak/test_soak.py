"""Models that answer for long: memory stays flat, and answers depend on nothing but the request."""

import os
import random
import subprocess
import sys
from dataclasses import replace

import pytest

from seqkit.text import ngrams
from tests.soak.memory import CAN_MEASURE
from tests.soak.requests import Face, faces
from tests.soak.run import Result, answers_in_forks, answers_in_threads, soak, table

MOST_GROWTH = 0.04

pytestmark = [
    pytest.mark.skipif(not CAN_MEASURE, reason="measures memory in /proc"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning"),  # of os.fork, from Python 3.12
]


@pytest.fixture(scope="module")
def every_face() -> list[Face]:
    return faces(longest=100, most_texts=16)


@pytest.mark.slow
def test_many_predictions_leave_the_memory_flat(every_face: list[Face]) -> None:
    for face in every_face:
        result = soak(face, 200, warm_up=100, checks=1)
        assert result.growth < MOST_GROWTH, result
        assert result.differences == 0
        assert result.asked >= 200


@pytest.mark.slow
def test_a_leak_and_a_wrong_answer_are_noticed(every_face: list[Face]) -> None:
    leaked: list[bytes] = []

    def leak(chance: random.Random) -> tuple[int, object]:
        leaked.append(chance.randbytes(12_000_000))
        return 10, len(leaked)

    result = soak(replace(every_face[0], ask=leak), 200, warm_up=100, checks=1)
    assert result.growth > MOST_GROWTH
    assert result.differences > 0


@pytest.mark.slow
def test_answers_in_threads_and_forked_processes_are_those_of_one(every_face: list[Face]) -> None:
    for face in every_face:
        assert answers_in_threads(face, 8) == 0
        assert answers_in_forks(face, 4) == 0


def test_answers_that_depend_on_the_thread_are_noticed() -> None:
    asked: list[int] = []
    counting = Face("counting", "texts", lambda _: (1, asked.append(1) or len(asked)), int)  # type: ignore[func-returns-value]
    assert answers_in_threads(counting, 4) == 4
    assert answers_in_forks(counting, 4) == 4


def test_the_table_has_a_row_for_each_face() -> None:
    lines = table([Result("Tagger.predict", "texts", 10**6, 500.0, 400.0, 404.0, 0.01, 0)]).splitlines()
    assert lines[1].split() == ["Tagger.predict", "1,000,000", "texts", "2,000", "400.0", "404.0", "1.00%", "0"]


def test_words_that_are_kept_are_bounded_in_number_and_length() -> None:
    before = ngrams._kept.cache_info()
    assert before.maxsize == 2**16
    assert ngrams._ngrams(["LONG" * 1000], 1) == {"long" * 1000}
    assert ngrams._kept.cache_info().misses == before.misses


KERNELS = """
from tests.random_texts import random_text
from tests.soak.memory import resident_megabytes
from tests.tiny_faces import character_model
model, text = character_model(), "The harbour was quiet. " * 100
measured = []
for number in range(1000):
    model.score(text[: 1 + number * 617 % 2000])
    if number in (199, 999):
        measured.append(resident_megabytes())
print(measured[1] / measured[0])
"""


@pytest.mark.slow
def test_texts_of_a_thousand_lengths_leave_the_memory_flat() -> None:
    paths = os.pathsep.join(map(os.path.abspath, sys.path))
    environment = {**os.environ, "PYTHONPATH": paths}
    environment.pop("ONEDNN_PRIMITIVE_CACHE_CAPACITY", None)
    done = subprocess.run([sys.executable, "-c", KERNELS], env=environment, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.04
