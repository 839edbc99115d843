"""The embedded corpus anomalies-mini, read without seqkit's readers, matches its card and is not trivial."""

import csv
import re
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

WEEK = 168


def read(name: str) -> str:
    return (files("seqkit_corpora") / "anomalies-mini" / name).read_text(encoding="utf-8")


@cache
def rows(split: str) -> list[dict[str, str]]:
    return list(csv.DictReader(read(f"{split}.csv").splitlines()))


def values(split: str) -> Any:
    return np.array([float(row["value"]) for row in rows(split)])


def labels(split: str) -> Any:
    return np.array([int(row["label"]) for row in rows(split)])


def ranges() -> list[tuple[str, int]]:
    """Return the first hour and the number of hours of each run of anomalous hours of the test part."""
    runs = groupby(rows("test"), key=lambda row: row["label"])
    return [
        (run[0]["timestamp"], len(run)) for label, run in ((label, list(run)) for label, run in runs) if label == "1"
    ]


def test_the_counts_of_the_card_match_the_files() -> None:
    card = {
        title: [int(count) for count in counts.split("|")]
        for title, counts in re.findall(
            r"^\| ([a-z ]+) \|((?: \d+ \|){2} \d+) \|$", read("CARD.md"), flags=re.MULTILINE
        )
    }
    points, anomalous = (
        [len(rows(split)) for split in ("train", "test")],
        [int(labels(s).sum()) for s in ("train", "test")],
    )
    found = {
        "points": points,
        "weeks": [count // WEEK for count in points],
        "anomalies": [0, len(ranges())],
        "anomalous points": anomalous,
    }
    assert card == {title: [*counts, sum(counts)] for title, counts in found.items()}


def test_the_card_lists_the_anomalies_three_of_each_of_six_kinds() -> None:
    listed = re.findall(r"^\| (\d{4}-\d\d-\d\d \d\d:\d\d) \| (\d+) \| (\w+) \|$", read("CARD.md"), flags=re.MULTILINE)
    assert [(start, int(hours)) for start, hours, _ in listed] == ranges()
    kinds = Counter(kind for *_, kind in listed)
    assert set(kinds.values()) == {3}
    assert sorted(kinds) == sorted(re.findall(r"^- `(\w+)`:", read("CARD.md"), flags=re.MULTILINE))
    assert len(kinds) == 6


def test_the_hours_follow_one_another_and_the_test_part_continues_the_training_part() -> None:
    times = [datetime.fromisoformat(row["timestamp"]) for split in ("train", "test") for row in rows(split)]
    assert times == [datetime(2025, 1, 6) + timedelta(hours=hour) for hour in range(len(times))]
    assert all(re.fullmatch(r"\d+\.\d", row["value"]) for split in ("train", "test") for row in rows(split))


def test_a_flat_stretch_is_flat_and_a_spike_stands_out() -> None:
    kinds = dict(re.findall(r"^\| (\d{4}.{12}) \| \d+ \| (\w+) \|$", read("CARD.md"), flags=re.MULTILINE))
    position = {row["timestamp"]: number for number, row in enumerate(rows("test"))}
    series = values("test")
    for start, hours in ranges():
        first = position[start]
        if kinds[start] == "flat":
            assert set(series[first - 1 : first + hours]) == {series[first]}
        if kinds[start] in ("spike", "dip"):
            sign = 1 if kinds[start] == "spike" else -1
            usual = np.median(series[first % WEEK :: WEEK])
            assert sign * (series[first] - usual) > 5


def test_the_anomalies_can_be_found_but_not_by_their_size() -> None:
    train, test, anomalous = values("train"), values("test"), labels("test")
    distance = np.abs(test - train.mean()) / train.std()
    usual = np.array([np.median(train[hour::WEEK]) for hour in range(WEEK)])
    unusual = np.abs(test - np.resize(usual, len(test)))
    scores = {"random": anomalous.mean(), "z": average_precision_score(anomalous, distance)}
    scores["week"] = average_precision_score(anomalous, unusual)
    assert scores == pytest.approx({"random": 0.09, "z": 0.16, "week": 0.72}, abs=0.005)  # as the card says
