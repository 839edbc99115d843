"""Simulate the embedded corpora of numbers, series-mini and anomalies-mini, and write their files.

::

    python corpora/simulate_series.py                # into corpora/seqkit_corpora, where they are already
    python corpora/simulate_series.py FOLDER         # elsewhere

The same files result wherever this is run. Each series has a random generator of its own, PCG64 seeded with ``SEED``
and the number of the series, of which only uniform numbers are drawn: NumPy guarantees those, but may change how it
derives other distributions from them, so that is done here. The values are rounded to so few digits that the last bits
of a sine, which depend on the machine, do not matter.
"""

import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["ANOMALIES", "HORIZON", "SERIES", "Anomaly", "Daily", "Hours", "corpora", "main"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

SEED = 15
HORIZON = 28  # days of series-mini's test part

# The calendar of series-mini: two years and a few days for training, then four weeks from Monday to Sunday.
FIRST, LAST = date(2023, 5, 1), date(2025, 5, 4)
EASTER = {2023: date(2023, 4, 9), 2024: date(2024, 3, 31), 2025: date(2025, 4, 20)}
FROM_EASTER = (-2, 1, 39, 50)  # Good Friday, Easter Monday, Ascension Day, Whit Monday
FIXED = ((1, 1), (5, 1), (12, 25), (12, 26))  # month and day

# anomalies-mini: hours from a Monday on.
FIRST_HOUR = datetime(2025, 1, 6)
TRAIN_HOURS, TEST_HOURS = 8 * 168, 15 * 168


class Draws:
    """Random numbers of one series, all derived from uniform ones."""

    def __init__(self, *number: int) -> None:
        self.generator = np.random.Generator(np.random.PCG64([SEED, *number]))

    def uniform(self, count: int) -> Floats:
        """Return numbers in 0..1."""
        return self.generator.random(count)

    def normal(self, count: int) -> Floats:
        """Return standard normal numbers."""
        return np.array([NormalDist().inv_cdf(share) for share in self.uniform(count).tolist()])

    def heavy(self, count: int, freedom: int = 6) -> Floats:
        """Return numbers of Student's t distribution."""
        squares = self.normal(count * freedom).reshape(count, freedom) ** 2
        values: Floats = self.normal(count) / np.sqrt(squares.mean(1))
        return values

    def poisson(self, rates: Floats) -> Floats:
        """Return a count for each rate."""
        return np.array(list(map(_poisson, self.uniform(len(rates)).tolist(), rates.tolist())), dtype=np.float64)

    def autoregressive(self, count: int, memory: float, deviation: float) -> Floats:
        """Return a stationary AR(1) process with the given standard deviation."""
        values = deviation * self.normal(count)
        for day in range(1, count):
            values[day] = memory * values[day - 1] + (1 - memory**2) ** 0.5 * values[day]
        return values


def _poisson(share: float, rate: float) -> int:
    """Invert the distribution function of the Poisson distribution."""
    count, probability = 0, float(np.exp(-rate))
    below = probability
    while below < share:
        count += 1
        probability *= rate / count
        below += probability
    return count


class Daily:
    """The days of series-mini, in its two parts, with what the series depend on.

    Attributes:
        dates: the days.
        number: their numbers, from 0 on.
        holiday: 1 on a holiday, else 0.
    """

    def __init__(self) -> None:
        count = (LAST - FIRST).days + 1 + HORIZON
        self.dates = [FIRST + timedelta(days=day) for day in range(count)]
        self.number = np.arange(count, dtype=np.float64)
        self.holiday = np.array([_is_holiday(day) for day in self.dates]).astype(np.float64)
        self.weekday = np.array([day.weekday() for day in self.dates])

    def __len__(self) -> int:
        return len(self.dates)

    def week(self, *profile: float) -> Floats:
        """Return the value of each day's weekday, of seven from Monday on."""
        values: Floats = np.array(profile)[self.weekday]
        return values

    def year(self, month: int, day: int) -> Floats:
        """Return a wave of one year, between -1 and 1, that has its crest on a day of the year."""
        crest = (date(FIRST.year, month, day) - FIRST).days
        wave: Floats = np.cos(2 * np.pi * (self.number - crest) / 365.25)
        return wave

    def since(self, year: int, month: int, day: int) -> Flags:
        """Return which days are a date or later."""
        return self.number >= (date(year, month, day) - FIRST).days


def _is_holiday(day: date) -> bool:
    return (day.month, day.day) in FIXED or (day - EASTER[day.year]).days in FROM_EASTER


def _bread(days: Daily, draws: Draws) -> Floats:
    eve = np.append(days.holiday[1:], 0.0) * (1 - days.holiday)
    level = 320 * days.week(0.95, 0.9, 0.95, 1.0, 1.15, 1.35, 0.7) * (1 + 0.05 * days.year(12, 10))
    return level * (1 - 0.45 * days.holiday + 0.25 * eve) * np.exp(draws.autoregressive(len(days), 0.4, 0.06))


def _electricity(days: Daily, draws: Draws) -> Floats:
    week = np.where(days.holiday == 1, -130.0, days.week(0, 10, 15, 10, -5, -90, -130))
    return 850 + 130 * days.year(1, 20) + week + draws.autoregressive(len(days), 0.8, 20)


def _ice_cream(days: Daily, draws: Draws) -> Floats:
    level = 60 * np.exp(1.1 * days.year(7, 20)) * days.week(0.8, 0.8, 0.85, 0.9, 1.1, 1.5, 1.45)
    return level * (1 + 0.4 * days.holiday) * np.exp(draws.autoregressive(len(days), 0.6, 0.16))


def _visits(days: Daily, draws: Draws) -> Floats:
    trend = 1200 * np.exp(0.0009 * days.number) * np.where(days.since(2024, 9, 16), 1.35, 1.0)
    week = days.week(1.1, 1.12, 1.1, 1.05, 0.95, 0.7, 0.75)
    return trend * week * (1 - 0.25 * days.holiday) * np.exp(draws.autoregressive(len(days), 0.5, 0.07))


def _library(days: Daily, draws: Draws) -> Floats:
    before, after = days.week(1.0, 1.2, 1.1, 1.2, 1.1, 0, 0), days.week(0, 1.2, 1.1, 1.2, 1.1, 1.4, 0)
    week = np.where(days.since(2024, 3, 1), after, before)
    return 240 * week * (1 - days.holiday) * (1 + 0.1 * days.year(1, 15)) * np.exp(0.1 * draws.normal(len(days)))


def _passengers(days: Daily, draws: Draws) -> Floats:
    after = np.where(days.since(2024, 6, 1), days.number - (date(2024, 6, 1) - FIRST).days, 0.0)
    trend = 52 + 0.03 * days.number - 0.05 * after
    week = np.where(days.holiday == 1, 0.55, days.week(1.0, 1.05, 1.06, 1.05, 1.1, 0.7, 0.55))
    return trend * week + draws.autoregressive(len(days), 0.3, 2.0)


def _parts(days: Daily, draws: Draws) -> Floats:
    chance = days.week(0.3, 0.25, 0.25, 0.25, 0.3, 0.06, 0.02) * (1 - days.holiday)
    return np.where(draws.uniform(len(days)) < chance, 1 + draws.poisson(np.full(len(days), 1.5)), 0.0)


def _calls(days: Daily, draws: Draws) -> Floats:
    week = days.week(0.9, 0.85, 0.85, 0.9, 1.1, 1.4, 1.2)
    return draws.poisson(11 * week * (1 + 0.25 * days.year(1, 25)) * (1 + 0.5 * days.holiday))


def _price(days: Daily, draws: Draws) -> Floats:
    volatility = 0.009 * np.exp(draws.autoregressive(len(days), 0.97, 0.45))
    return 100 * np.exp(np.cumsum(0.0003 + volatility * draws.normal(len(days))))


def _river(days: Daily, draws: Draws) -> Floats:
    rain = np.where(draws.uniform(len(days)) < 0.09, -35 * np.log(1 - draws.uniform(len(days))), 0.0)
    rise = rain.copy()
    for day in range(1, len(days)):
        rise[day] += 0.85 * rise[day - 1]
    return 150 + 40 * days.year(3, 1) + rise + draws.autoregressive(len(days), 0.9, 4)


def _solar(days: Daily, draws: Draws) -> Floats:
    clear = 30 * (1 + 0.6 * days.year(6, 21))
    return clear * (0.15 + 0.85 / (1 + np.exp(-0.6 - draws.autoregressive(len(days), 0.5, 1.2))))


def _kiosk(days: Daily, draws: Draws) -> Floats:
    week = days.week(0.9, 0.9, 0.95, 1.0, 1.2, 1.5, 1.3)
    return 85 * week * (1 + 0.3 * days.holiday) * np.exp(draws.autoregressive(len(days), 0.4, 0.09))


class Series(NamedTuple):
    """A series of series-mini: how it is simulated, its decimal places and the day on which it starts."""

    values: Callable[[Daily, Draws], Floats]
    decimals: int = 0
    start: date = FIRST


SERIES = {
    "bread": Series(_bread),
    "electricity": Series(_electricity, 1),
    "ice-cream": Series(_ice_cream, 1),
    "visits": Series(_visits),
    "library": Series(_library),
    "passengers": Series(_passengers, 2),
    "parts": Series(_parts),
    "calls": Series(_calls),
    "price": Series(_price, 2),
    "river": Series(_river, 1),
    "solar": Series(_solar, 2),
    "kiosk": Series(_kiosk, start=date(2025, 2, 10)),
}


def _series_mini() -> dict[str, str]:
    days = Daily()
    lines: dict[str, list[str]] = {"train": [], "test": []}
    for number, (name, series) in enumerate(SERIES.items()):
        for day, value, holiday in zip(days.dates, series.values(days, Draws(0, number)), days.holiday, strict=True):
            if day >= series.start:
                line = f"{name},{day},{_number(value, series.decimals)},{holiday:.0f}"
                lines["train" if day <= LAST else "test"].append(line)
    return {part: _csv("unique_id,ds,y,holiday", rows) for part, rows in lines.items()}


def _number(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text if float(text) else f"{0:.{decimals}f}"  # never -0


def _csv(header: str, rows: Sequence[str]) -> str:
    return "\n".join([header, *rows]) + "\n"


class Hours:
    """The hours of anomalies-mini and the undisturbed values: the power that a workshop takes, in kilowatts."""

    def __init__(self) -> None:
        count = TRAIN_HOURS + TEST_HOURS
        self.draws = Draws(1, 0)
        self.times = [FIRST_HOUR + timedelta(hours=hour) for hour in range(count)]
        self.load = np.array([_load(time) for time in self.times])
        slow, noise = self.draws.autoregressive(count, 0.95, 1.2), self.draws.heavy(count)
        self.noise = slow + (0.7 + 0.03 * self.load) * noise


def _load(time: datetime) -> float:
    """Return the usual power of an hour: work from 7 to 17 with a break at noon; Saturdays until 13, less."""
    work = (0, 0, 0, 0, 0, 0, 0.25, 0.8, 1, 1, 1, 0.95, 0.6, 0.95, 1, 0.9, 0.7, 0.3, 0.1, 0, 0, 0, 0, 0)
    saturday = (0, 0, 0, 0, 0, 0, 0.1, 0.4, 0.5, 0.5, 0.5, 0.4, 0.2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    share = work[time.hour] if time.weekday() < 5 else saturday[time.hour] if time.weekday() == 5 else 0.0
    heating = 3 if time.hour < 6 or time.hour > 20 else 0
    return 12 + heating + 40 * share


class Anomaly(NamedTuple):
    """An anomaly of anomalies-mini: its kind, its first hour, counted from the test part on, its hours and its size."""

    kind: str
    start: int
    hours: int
    size: float = 0.0


# Week, day and hour of the test part; three of each kind, in weeks 2 to 15.
ANOMALIES = [
    Anomaly("contextual", 1 * 168 + 6 * 24 + 7, 11),
    Anomaly("spike", 2 * 168 + 1 * 24 + 3, 1, 22),
    Anomaly("flat", 2 * 168 + 4 * 24 + 9, 16),
    Anomaly("variance", 3 * 168 + 2 * 24 + 8, 24, 4),
    Anomaly("dip", 4 * 168 + 0 * 24 + 10, 2, -30),
    Anomaly("shift", 4 * 168 + 3 * 24 + 0, 30, 9),
    Anomaly("spike", 5 * 168 + 5 * 24 + 16, 1, 14),
    Anomaly("contextual", 6 * 168 + 2 * 24 + 7, 11),
    Anomaly("dip", 7 * 168 + 1 * 24 + 14, 1, -22),
    Anomaly("variance", 7 * 168 + 5 * 24 + 2, 30, 3),
    Anomaly("flat", 8 * 168 + 3 * 24 + 11, 12),
    Anomaly("shift", 9 * 168 + 1 * 24 + 12, 20, -7),
    Anomaly("spike", 10 * 168 + 3 * 24 + 10, 2, 20),
    Anomaly("contextual", 10 * 168 + 6 * 24 + 6, 6),
    Anomaly("flat", 11 * 168 + 5 * 24 + 20, 20),
    Anomaly("shift", 12 * 168 + 4 * 24 + 18, 26, 6),
    Anomaly("variance", 13 * 168 + 1 * 24 + 9, 18, 4),
    Anomaly("dip", 14 * 168 + 2 * 24 + 22, 2, -9),
]


def _disturb(values: Floats, hours: Hours, anomaly: Anomaly) -> None:
    """Put an anomaly into the values of all hours, in place."""
    start = TRAIN_HOURS + anomaly.start
    part = slice(start, start + anomaly.hours)
    if anomaly.kind in ("spike", "dip", "shift"):
        values[part] += anomaly.size
    elif anomaly.kind == "variance":
        values[part] = hours.load[part] + anomaly.size * hours.noise[part]
    elif anomaly.kind == "flat":  # the meter repeats its last value
        values[part] = values[start - 1]
    else:  # the load of another day: of the Wednesday before, if it is Sunday, and of the Sunday before on other days
        back = 4 * 24 if hours.times[start].weekday() == 6 else (hours.times[start].weekday() + 1) * 24
        values[part] += hours.load[start - back : start - back + anomaly.hours] - hours.load[part]


def _anomalies_mini() -> dict[str, str]:
    hours = Hours()
    values, labels = hours.load + hours.noise, np.zeros(len(hours.load), dtype=np.int64)
    for anomaly in ANOMALIES:
        _disturb(values, hours, anomaly)
        start = TRAIN_HOURS + anomaly.start
        labels[start : start + anomaly.hours] = 1
    rows = [
        f"{time:%Y-%m-%d %H:%M},{_number(max(value, 0.0), 1)},{label}"
        for time, value, label in zip(hours.times, values, labels, strict=True)
    ]
    parts = {"train": rows[:TRAIN_HOURS], "test": rows[TRAIN_HOURS:]}
    return {part: _csv("timestamp,value,label", rows) for part, rows in parts.items()}


def corpora() -> dict[str, str]:
    """Return the content of each file by its path in the folder of corpora."""
    made = {"series-mini": _series_mini(), "anomalies-mini": _anomalies_mini()}
    return {f"{name}/{part}.csv": text for name, parts in made.items() for part, text in parts.items()}


def main(arguments: Sequence[str]) -> None:
    """Write the files into a folder."""
    folder = Path(arguments[0]) if arguments else Path(__file__).with_name("seqkit_corpora")
    for path, text in corpora().items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
