"""The embedded corpus series-mini, read without seqkit's readers, matches its card and its simulator."""

import csv
import re
from collections import Counter
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

import numpy as np
import pytest

from simulate_series import HORIZON, SERIES, Draws, corpora

SPLITS = ("train", "test")


def read(name: str) -> str:
    return (files("seqkit_corpora") / "series-mini" / name).read_text(encoding="utf-8")


@cache
def corpus() -> dict[str, list[dict[str, str]]]:
    return {split: list(csv.DictReader(read(f"{split}.csv").splitlines())) for split in SPLITS}


def values(split: str, name: str) -> list[float]:
    return [float(row["y"]) for row in corpus()[split] if row["unique_id"] == name]


def days(split: str, name: str) -> list[date]:
    return [date.fromisoformat(row["ds"]) for row in corpus()[split] if row["unique_id"] == name]


@cache
def simulated() -> dict[str, str]:
    return corpora()


def test_the_simulator_makes_the_files_byte_for_byte() -> None:
    made = simulated()
    assert sorted(made) == [
        f"{name}/{split}.csv" for name in ("anomalies-mini", "series-mini") for split in SPLITS[::-1]
    ]
    for path, text in made.items():
        assert files("seqkit_corpora").joinpath(path).read_bytes() == text.encode("ascii"), path


def test_the_corpora_of_numbers_stay_small() -> None:
    assert sum(map(len, simulated().values())) < 400_000


def test_the_counts_of_the_card_match_the_files() -> None:
    cells = re.findall(r"^\| ([^|]+) \| (\S+) \| (\S+) \| (\S+) \|$", read("CARD.md"), flags=re.MULTILINE)
    card = {title: tuple(counts) for title, *counts in cells}
    rows = {**corpus(), "all": [*corpus()["train"], *corpus()["test"]]}
    found: dict[str, tuple[str, ...]] = {
        "series": tuple(str(len({row["unique_id"] for row in part})) for part in rows.values()),
        "points": tuple(str(len(part)) for part in rows.values()),
        "first day": tuple(min(row["ds"] for row in part) for part in rows.values()),
        "last day": tuple(max(row["ds"] for row in part) for part in rows.values()),
        "holidays": tuple(str(len({row["ds"] for row in part if row["holiday"] == "1"})) for part in rows.values()),
    }
    for title in card:
        if name := re.search(r"\(`([\w-]+)`\)", title):
            found[title] = tuple(str(Counter(row["unique_id"] for row in part)[name[1]]) for part in rows.values())
    assert card == found
    assert re.findall(r"^\| `([\w-]+)` \|", read("CARD.md"), flags=re.MULTILINE) == list(SERIES)


def test_every_series_has_all_its_days_and_the_test_part_continues_it() -> None:
    for name in SERIES:
        train, test = days("train", name), days("test", name)
        assert len(test) == HORIZON
        assert (train[-1], test[-1]) == (date(2025, 5, 4), date(2025, 6, 1))
        every = [*train, *test]
        assert every == [every[0] + timedelta(days=day) for day in range(len(every))]
    assert date(2024, 2, 29) in days("train", "bread")


def test_the_holidays_are_those_of_the_calendar() -> None:
    easter = pytest.importorskip("dateutil.easter").easter
    expected = set()
    for year in (2023, 2024, 2025):
        expected |= {date(year, 1, 1), date(year, 5, 1), date(year, 12, 25), date(year, 12, 26)}
        expected |= {easter(year) + timedelta(days=after) for after in (-2, 1, 39, 50)}
    for split in SPLITS:
        for row in corpus()[split]:
            assert row["holiday"] == str(int(date.fromisoformat(row["ds"]) in expected))


def test_the_values_are_short_and_never_negative() -> None:
    for split in SPLITS:
        for row in corpus()[split]:
            decimals = SERIES[row["unique_id"]].decimals
            assert re.fullmatch(r"\d+" + (rf"\.\d{{{decimals}}}" if decimals else ""), row["y"])


def test_each_series_is_what_the_card_says() -> None:
    parts = values("train", "parts")
    assert 0.75 < parts.count(0) / len(parts) < 0.85
    visits = dict(zip(days("train", "visits"), values("train", "visits"), strict=True))
    before, after = (
        [visits[date(2024, 9, 16) + timedelta(days=day)] for day in part] for part in (range(-28, 0), range(28))
    )
    assert 1.25 < np.mean(after) / np.mean(before) < 1.5
    for day, loans in zip(days("train", "library"), values("train", "library"), strict=True):
        closed = (6, 5) if day < date(2024, 3, 1) else (6, 0)
        assert loans == 0 or day.weekday() not in closed
    returns = np.diff(np.log(values("train", "price")))
    turbulence = np.abs(returns) - np.abs(returns).mean()
    assert abs(np.corrcoef(returns[1:], returns[:-1])[0, 1]) < 0.15  # no return can be forecast,
    assert np.corrcoef(turbulence[1:], turbulence[:-1])[0, 1] > 0.2  # but how large it will be can
    assert len(values("train", "kiosk")) == 84


def test_seasonal_naive_can_be_beaten_clearly() -> None:
    """By the profile of the last four weeks at the level of the last two: without training or holidays."""
    errors = []
    for name in SERIES:
        history, future = np.array(values("train", name)), np.array(values("test", name))
        scale = np.abs(history[7:] - history[:-7]).mean()
        profile = np.median(history[-28:].reshape(4, 7), axis=0)
        level = np.median(history[-14:] - np.resize(profile, 14))
        forecasts = (np.resize(history[-7:], HORIZON), np.resize(profile + level, HORIZON))
        errors.append([np.abs(forecast - future).mean() / scale for forecast in forecasts])
    naive, profiles = np.mean(errors, axis=0)
    assert naive == pytest.approx(1.48, abs=0.005)  # the mean MASE, as the card says
    assert profiles < 0.8 * naive


def test_the_distributions_of_the_simulator_are_those_they_are_called() -> None:
    count = 4000
    normal, heavy = Draws(9).normal(count), Draws(9).heavy(count)
    counts, memory = Draws(9).poisson(np.full(count, 3.0)), Draws(9).autoregressive(count, 0.8, 2.0)
    assert abs(normal.mean()) < 0.06
    assert normal.std() == pytest.approx(1, abs=0.04)
    assert heavy.std() == pytest.approx((6 / 4) ** 0.5, abs=0.08)  # of Student's t with 6 degrees of freedom
    assert counts.mean() == pytest.approx(3, abs=0.1)
    assert counts.var() == pytest.approx(3, abs=0.25)
    assert memory.std() == pytest.approx(2, abs=0.25)
    assert np.corrcoef(memory[1:], memory[:-1])[0, 1] == pytest.approx(0.8, abs=0.03)
