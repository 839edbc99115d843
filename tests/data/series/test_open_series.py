"""Series from files, datasets and frames: the same panel from each form, and where each fault is."""

import csv
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset, DatasetDict
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.data.corpus_kinds import MEASUREMENTS, NUMERIC_SERIES
from seqkit.data.series.open_series import open_series, series_fingerprint
from seqkit.data.series.panel import Panel
from seqkit.errors import ConfigError, CorpusError
from tests.tiny_corpora import write_files

LONG = """unique_id,ds,y,sales,holiday
north,2026-01-01,5.1,3,0
north,2026-01-02,4.8,4,1
north,2026-01-03,4.9,1,0
south,2026-01-02,0.3,2,1
south,2026-01-03,0.1,2,0
"""


def write(folder: Path, text: str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def days(values: str, start: str = "2026-01-01") -> str:
    """Return a file of daily values, separated by blanks."""
    dates = pd.date_range(start, periods=len(values.split()))
    return "ds,y\n" + "".join(f"{day:%Y-%m-%d},{value}\n" for day, value in zip(dates, values.split(), strict=True))


def train(path: Any, **options: Any) -> Panel:
    return open_series(path, dev_fraction=0, **options)["train"]


def refused(folder: Path, text: str, **options: Any) -> str:
    """Return the error of a file, without its folder."""
    with pytest.raises(CorpusError) as caught:
        open_series(write(folder, text), **options)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{folder}{os.sep}", "")


# Forms and layouts


def as_frame(_: Path) -> pd.DataFrame:
    rows = [line.split(",") for line in LONG.splitlines()]
    frame = pd.DataFrame(rows[1:], columns=rows[0])
    return frame.astype({"y": float, "sales": int, "holiday": int}).assign(ds=lambda table: pd.to_datetime(table.ds))


def as_json_lines(folder: Path) -> Path:
    frame = as_frame(folder)
    lines = frame.assign(ds=frame.ds.dt.strftime("%Y-%m-%d")).to_json(orient="records", lines=True)
    return write(folder, lines, "a.jsonl")


def as_saved(folder: Path) -> Path:
    DatasetDict({"train": Dataset.from_pandas(as_frame(folder))}).save_to_disk(folder / "saved")
    return folder / "saved"


def as_parquet(folder: Path) -> Path:
    as_frame(folder).to_parquet(folder / "a.parquet", index=False)
    return folder / "a.parquet"


FORMS: dict[str, Callable[[Path], Any]] = {
    "csv": lambda folder: write(folder, LONG),
    "tsv": lambda folder: write(folder, LONG.replace(",", "\t"), "a.tsv"),
    "semicolons": lambda folder: write(folder, "sep=;\n" + LONG.replace(",", ";")),
    "quoted": lambda folder: write(folder, '"' + LONG.strip().replace(",", '","').replace("\n", '"\r\n"') + '"\r\n'),
    "blanks": lambda folder: write(folder, LONG.replace(",", ", ") + "\n,,,,\n"),
    "spaced quotes": lambda folder: write(
        folder, LONG.replace("north", '"north"').replace(",2026-01-01", ', "2026-01-01"')
    ),
    "byte order mark": lambda folder: write(folder, "\ufeff" + LONG),
    "shuffled": lambda folder: write(
        folder, "\n".join([LONG.splitlines()[0], *sorted(LONG.splitlines()[1:], key=lambda line: line[6:])])
    ),
    "jsonl": as_json_lines,
    "parquet": as_parquet,
    "saved": as_saved,
    "frame": as_frame,
    "categories": lambda folder: as_frame(folder).astype({"unique_id": "category"}),
    "indexed": lambda folder: as_frame(folder).set_index(["unique_id", "ds"]),
    "dataset": lambda folder: Dataset.from_pandas(as_frame(folder)),
    "splits": lambda folder: DatasetDict({"train": Dataset.from_pandas(as_frame(folder))}),
    "frames": lambda folder: {"train": as_frame(folder)},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_panel(form: str, tmp_path: Path) -> None:
    panel = train(FORMS[form](tmp_path), features="sales", known_features="holiday")
    assert (panel.ids, panel.lengths.tolist()) == (["north", "south"], [3, 2])
    assert panel.targets[:, 0].tolist() == [5.1, 4.8, 4.9, 0.3, 0.1]
    assert (panel.past[:, 0].tolist(), panel.known[:, 0].tolist()) == ([3, 4, 1, 2, 2], [0, 1, 0, 1, 0])
    assert panel.axis.format(panel.times)[-1] == "2026-01-03T00:00:00"
    assert (panel.axis.frequency, panel.axis.zone) == ("D", None)
    assert panel.observed.all()
    assert series_fingerprint({"train": panel}) == series_fingerprint(
        {"train": train(write(tmp_path, LONG), features="sales", known_features="holiday")}
    )


def test_a_table_with_a_series_in_each_column(tmp_path: Path) -> None:
    path = write(tmp_path, "date,north,south,note\n2026-01-01,5.1,,a\n2026-01-02,4.8,0.3,b\n2026-01-03,4.9,,c\n")
    panel = train(path)
    assert (list(panel.ids), panel.lengths.tolist()) == (["north", "south"], [3, 1])
    assert panel.targets[:, 0].tolist() == [5.1, 4.8, 4.9, 0.3]
    assert panel.axis.format(panel.times)[3] == "2026-01-02T00:00:00"
    one = train(path, target="north")
    assert (list(one.ids), one.target_names) == (["north"], ("north",))


def test_features_of_a_table_with_a_series_in_each_column_belong_to_all(tmp_path: Path) -> None:
    path = write(tmp_path, "date,a,b,rain\n1,5,7,0\n2,6,8,1\n")
    panel = train(path, known_features="rain")
    assert panel.known[:, 0].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("header", ['"V1","V2","V3","V4"\n', ""])
def test_a_table_with_a_series_in_each_row(header: str, tmp_path: Path) -> None:
    panel = train(write(tmp_path, f'{header}"H1","5.1","4.8","4.9"\n"H2","0.3",,\n'))
    assert (panel.ids, panel.lengths.tolist()) == (["H1", "H2"], [3, 1])
    assert panel.targets[:, 0].tolist() == [5.1, 4.8, 4.9, 0.3]
    assert panel.times.tolist() == [1, 2, 3, 1]
    named = train(write(tmp_path, "unique_id,1,2\nx,5,6\n"), layout="rows")
    assert (named.ids, named.targets[:, 0].tolist()) == (["x"], [5, 6])


def test_rows_of_a_test_file_go_on_counting(tmp_path: Path) -> None:
    write_files(tmp_path, {"train.csv": "V1,V2,V3\na,1,2\nb,5,\n", "test.csv": "V1,V2\nb,6\na,3\n"})
    test = open_series(tmp_path, dev_fraction=0)["test"]
    assert (test.starts.tolist(), test.lengths.tolist()) == ([2, 1], [3, 2])
    assert (test.targets[:, 0].tolist(), test.times.tolist()) == ([1, 2, 3, 5, 6], [1, 2, 3, 1, 2])


def test_several_targets_make_one_series_with_several_values(tmp_path: Path) -> None:
    panel = train(write(tmp_path, "time,a,b,label\n10,1,2,0\n20,3,4,1\n"), target="a,b")
    assert (len(panel), panel.target_names, panel.targets.tolist()) == (1, ("a", "b"), [[1, 2], [3, 4]])
    assert panel.anomalies is not None
    assert (panel.anomalies.tolist(), panel.axis.step) == ([False, True], 10)


def test_weights_are_read(tmp_path: Path) -> None:
    panel = train(write(tmp_path, "ds,y,w\n1,5,0.5\n2,6,1\n"), weight="w")
    assert panel.weights is not None
    assert panel.weights.tolist() == [0.5, 1]
    assert "must be 0 or more, not -1.0" in refused(tmp_path, "ds,y,w\n1,5,-1\n2,6,1\n", weight="w")


def test_numbers_are_read_exactly(tmp_path: Path) -> None:
    numbers = [
        "0.1",
        "1e-9",
        "123456789.123456789",
        "5e-324",
        "1.7976931348623157e308",
        " 2.5",
        "3.",
        "-0.30000000000000004",
    ]
    panel = train(write(tmp_path, "ds,y\n" + "".join(f"{n},{number}\n" for n, number in enumerate(numbers))))
    assert panel.targets[:, 0].tolist() == [float(number) for number in numbers]


def test_a_constant_series_and_one_of_one_point_are_series(tmp_path: Path) -> None:
    panel = train(write(tmp_path, "unique_id,ds,y\na,2026-01-01,1\na,2026-01-02,1\nb,2026-01-02,1e9\n"))
    assert panel.lengths.tolist() == [2, 1]
    assert train(write(tmp_path, "ds,y\n2026-01-01,5\n")).lengths.tolist() == [1]


def test_a_panel_is_only_split() -> None:
    panel = Panel.from_arrays([range(10)])
    assert open_series(panel, horizon=3)["train"].targets[:, 0].tolist() == list(range(7))


# Bad cells and columns


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ds,y\n1,5\n2,n/a\n", "a.csv:3: 'n/a' in the column 'y' is not a number; leave the cell empty"),
        ('ds,y\n1,5\n2,"1,5"\n', "a.csv:3: '1,5' in the column 'y' is not a number; write it with a point"),
        (
            'ds,y\n1,5\n\n2,"1.234,5"\n',
            "a.csv:4: '1.234,5' in the column 'y' is not a number; write it with a point and",
        ),
        ("ds,y\n1,5\n2,inf\n", "a.csv:3: the column 'y' has an infinite value (inf)"),
        ("ds,y\n1,-Infinity\n2,5\n", "a.csv:2: the column 'y' has an infinite value (-inf)"),
        ("ds,y\n1,\n2,NaN\n", "a.csv:2: there is no 'y' at all in the series 'y'"),
        ("unique_id,ds,y\na,1,5\nb,1,\nb,2,\n", "a.csv:3: there is no 'y' at all in the series 'b'"),
        ("ds,a,b\n1,5,\n2,6,\n", "a.csv:2: the column 'b' has no values"),
        ("V1,V2,V3\na,5,6\nb,,\n", "a.csv:3: the series 'b' has no values"),
        ("V1,V2,V3\na,5,6\na,7,8\n", "a.csv:3: there is another row with the id 'a'"),
        ("ds,y\n1,5,7\n2,5\n", "a.csv:2: this row has 3 fields, the header has 2"),
        ("ds,y\n1,5\n,6\n", "a.csv:3: there is no time in the column 'ds'"),
        ("unique_id,ds,y\na,1,5\n,2,5\n", "a.csv:3: there is no id in the column 'unique_id'"),
        ("unique_id,ds,note\na,1,x\n", "a.csv: no column of values among unique_id, ds, note; name it with --target"),
        ("2026-01-01,5\n2026-01-02,6\n", "a.csv: no column of times among 0, 1; name it with --time"),
        ("date,a,b\n1,5,6\n2,,7\n3,5,6\n", "a.csv:3: there is no value at 2 in the series 'a'; add what is missing"),
        ("V1,V2,V3\na,5,6\nb,,7\n", "a.csv:3: there is no value at 1 in the series 'b'; add what is missing"),
        ("when,y\nMay,5\n", "a.csv: no column of times among when, y; name it with --time"),
        ("ds,y,y\n1,5,6\n", "a.csv:1: two columns are called 'y'"),
        ("ds,y\n", "a.csv:1: the file has no rows below its header"),
        ("\n", "a.csv: the file is empty"),
    ],
)
def test_a_bad_cell_is_found(text: str, expected: str, tmp_path: Path) -> None:
    assert refused(tmp_path, text).startswith(expected)


def test_bad_cells_are_found_far_into_a_file_whose_cells_have_line_breaks(tmp_path: Path) -> None:
    rows = "".join(f'{number},5,"two\nlines"\n' for number in range(1000))
    assert refused(tmp_path, f"ds,y,note\n{rows}1000,x,\n").startswith("a.csv:2002: 'x' in the column 'y'")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"known_features": "note"}, "a.csv:2: 'sunny' in the column 'note' is not a number"),
        ({"features": "rain"}, "a.csv: no column 'rain': the columns are ds, y, note"),
        ({"features": "y"}, "a.csv: no column of values among ds, y, note; name it with --target"),
        ({"target": "y", "features": "y"}, "a.csv: the column 'y' is to be two things"),
        ({"label": "note"}, "a.csv:2: 'sunny' in the column 'note' is not a number"),
        ({"layout": "rows", "time": "ds"}, "a.csv: a table with a series in each row has only names and values"),
    ],
)
def test_a_bad_column_is_named(options: dict[str, str], expected: str, tmp_path: Path) -> None:
    assert refused(tmp_path, "ds,y,note\n1,5,sunny\n2,6,rainy\n", **options).startswith(expected)


@pytest.mark.parametrize(
    "options",
    [
        {"fill": "zero"},
        {"layout": "wide"},
        {"frequency": "H"},
        {"frequency": "5"},
        {"frequency": "0"},
        {"time_zone": "Europe/Bern"},
        {"horizon": 0},
        {"dev_fraction": 1.0},
        {"revision": "main"},
        {"encoding": "utf-9"},
    ],
)
def test_a_bad_option_is_refused(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        open_series(write(tmp_path, days("1 2 3")), **options)


def test_bad_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file"):
        open_series(tmp_path / "b.csv")
    with pytest.raises(CorpusError, match=r"b\.parquet: this Parquet file is damaged"):
        open_series(write(tmp_path, "ds,y", "b.parquet"))
    with pytest.raises(CorpusError, match=r"b\.conll: series are read from"):
        open_series(write(tmp_path, "ds,y", "b.conll"))
    with pytest.raises(CorpusError, match=r"b\.jsonl:2: not JSON"):
        open_series(write(tmp_path, '{"ds": 1, "y": 2}\n{', "b.jsonl"))
    with pytest.raises(CorpusError, match=r"b\.jsonl:2: 'y' must be a number or a string, not \[3\]"):
        open_series(write(tmp_path, '{"ds": 1, "y": 2}\n{"ds": 2, "y": [3]}\n', "b.jsonl"))
    (tmp_path / "c.csv").write_bytes("ds,größe\n1,5\n".encode("latin-1"))
    with pytest.raises(CorpusError, match=r"c\.csv:1: byte 0xf6 .* pass --encoding latin-1"):
        open_series(tmp_path / "c.csv")
    assert train(tmp_path / "c.csv", encoding="latin-1").target_names == ("größe",)
    with pytest.raises(ConfigError, match=r"series are a name, a path, .* not list"):
        open_series([1, 2, 3])


def test_a_data_frame_is_refused_with_the_number_of_the_row() -> None:
    with pytest.raises(CorpusError, match="the data frame:2: the column 'y' has an infinite value"):
        open_series(pd.DataFrame({"ds": [1, 2], "y": [1, float("inf")]}))
    with pytest.raises(CorpusError, match="the data frame: a column holds values of several types"):
        open_series(pd.DataFrame({"ds": [1, 2], "y": [1, "x"]}))


# Splits


def test_the_end_of_each_series_becomes_dev(tmp_path: Path) -> None:
    rows = [f"{name},{time},{time}\n" for name, length in (("a", 40), ("b", 9), ("c", 7)) for time in range(length)]
    splits = open_series(write(tmp_path, f"unique_id,ds,y\n{''.join(rows)}"), horizon=4, dev_fraction=0.25)
    assert splits["train"].lengths.tolist() == [32, 5, 7]  # k = floor(0.25 · 40 / 4) = 2, at least 1, and none
    assert splits["train"].starts.tolist() == [0, 0, 0]
    assert (splits["dev"].starts.tolist(), splits["dev"].lengths.tolist()) == ([32, 5, 7], [40, 9, 7])


def test_no_series_is_long_enough_for_dev(tmp_path: Path) -> None:
    path = write(tmp_path, "unique_id,ds,y\na,1,5\na,2,5\na,3,5\nb,1,5\n")
    with pytest.raises(CorpusError, match="the longest, 'a', has 3 points, and dev takes two times the horizon of 2"):
        open_series(path, horizon=2)
    assert list(open_series(path, horizon=2, dev_fraction=0)) == ["train"]


def files(train: str, **others: str) -> dict[str, str]:
    return {f"{split}.csv": text for split, text in {"train": train, **others}.items()}


def test_files_continue_each_other(tmp_path: Path) -> None:
    write_files(tmp_path, files(days("1 2 3"), dev=days("4 5", "2026-01-04"), test=days("6", "2026-01-06")))
    splits = open_series(tmp_path)
    assert {name: split.targets[:, 0].tolist() for name, split in splits.items()} == {
        "train": [1, 2, 3],
        "dev": [1, 2, 3, 4, 5],
        "test": [1, 2, 3, 4, 5, 6],
    }
    assert [split.starts.tolist() for split in splits.values()] == [[0], [3], [5]]


def test_dev_is_taken_from_train_if_there_is_only_a_test_file(tmp_path: Path) -> None:
    write_files(tmp_path, files(days("1 2 3 4"), test=days("5", "2026-01-05")))
    splits = open_series(tmp_path)
    assert {name: (split.starts[0], split.lengths[0]) for name, split in splits.items()} == {
        "train": (0, 3),
        "dev": (3, 4),
        "test": (4, 5),
    }


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (
            "2026-01-03",
            "test.csv:2: test begins at 2026-01-03T00:00:00 in the series 'y', but train ends at 2026-01-03",
        ),
        ("2026-01-06", "test.csv:2: 2 points are missing between 2026-01-03T00:00:00 and 2026-01-06T00:00:00"),
    ],
)
def test_a_file_that_does_not_continue_the_one_before(start: str, expected: str, tmp_path: Path) -> None:
    write_files(tmp_path, files(days("1 2 3"), test=days("4 5", start)))
    with pytest.raises(CorpusError) as caught:
        open_series(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}{os.sep}{expected}")


def test_a_series_that_is_new_in_dev_is_forecast_from_its_first_points(tmp_path: Path) -> None:
    old = "".join(f"a,{time},1\n" for time in range(9))
    new = "".join(f"b,{time},1\n" for time in range(7))
    write_files(tmp_path, files(f"unique_id,ds,y\n{old}", dev=f"unique_id,ds,y\n{new}"))
    splits = open_series(tmp_path, horizon=3)
    assert (splits["train"].ids, splits["dev"].ids) == (["a"], ["a", "b"])
    assert splits["dev"].starts.tolist() == [9, 1]  # two times the horizon
    with pytest.raises(CorpusError, match="the series 'b' is new in dev and has 7 points there, not more"):
        open_series(tmp_path, horizon=7)


def test_dev_is_shorter_than_the_horizon(tmp_path: Path) -> None:
    write_files(tmp_path, files(days("1 2 3"), dev=days("4 5", "2026-01-04")))
    with pytest.raises(CorpusError, match=r"dev has at most 2 points of a series .'y'., fewer than the horizon of 3"):
        open_series(tmp_path, horizon=3)


KNOWN_AHEAD = "ds,y,sales,holiday\n1,5,1,0\n2,6,2,1\n3,7,3,0\n4,8,4,0\n5,,,1\n6,,,0\n"


def test_rows_without_values_at_the_end_are_the_future(tmp_path: Path) -> None:
    splits = open_series(write(tmp_path, KNOWN_AHEAD), known_features="holiday", features="sales")
    future = splits["future"]
    assert {name: split.lengths[0] for name, split in splits.items()} == {"train": 3, "dev": 4, "future": 6}
    assert (future.starts.tolist(), future.known[:, 0].tolist()) == ([4], [0, 1, 0, 0, 1, 0])
    assert np.isnan(future.targets[4:]).all()
    assert not future.observed[4:].any()
    assert np.isfinite(future.past).all()
    assert "there is no 'y' at 5 in the series 'y'" in refused(tmp_path, KNOWN_AHEAD)


def test_a_file_of_what_is_known_ahead_continues_train(tmp_path: Path) -> None:
    write_files(tmp_path, files("ds,y,holiday\n1,5,0\n2,6,1\n3,7,0\n", test="ds,holiday\n4,1\n5,0\n"))
    splits = open_series(tmp_path, known_features="holiday")
    assert list(splits) == ["train", "dev", "future"]
    assert (splits["future"].starts.tolist(), splits["future"].lengths.tolist()) == ([3], [5])


def test_a_known_feature_is_missing_ahead(tmp_path: Path) -> None:
    text = KNOWN_AHEAD.replace("6,,,0", "6,,,")
    expected = "a.csv:7: there is no value of the feature 'holiday' at 6 in the series 'y'"
    assert refused(tmp_path, text, known_features="holiday").startswith(expected)


# No split sees a later one


@settings(max_examples=12)
@given(st.data(), st.sampled_from([None, "forward", "interpolate"]), st.integers(1, 3))
def test_no_split_sees_a_later_one(data: st.DataObject, fill: str | None, horizon: int) -> None:
    lengths = data.draw(st.lists(st.integers(7, 14), min_size=1, max_size=3))
    names = np.repeat([f"s{number}" for number in range(len(lengths))], lengths)
    times = np.concatenate([np.arange(length) for length in lengths])
    values = np.random.default_rng(sum(lengths)).normal(size=len(times))
    present = np.ones(len(times), dtype=bool)
    if fill:  # gaps anywhere but at the beginning of a series
        gaps = data.draw(st.lists(st.integers(0, len(times) - 1), max_size=6))
        present[[gap for gap in gaps if times[gap] > 0]] = False
    frame = pd.DataFrame({"unique_id": names, "ds": times, "y": np.where(present, values, np.nan)})
    if data.draw(st.booleans()):  # whole rows are missing
        frame, present, times, names = frame[present], present[present], times[present], names[present]
    before = open_series(frame, fill=fill, horizon=horizon, frequency="1")
    for split in ("train", "dev"):
        ends = dict(zip(before[split].ids, before[split].lengths, strict=True))
        later = times >= [ends[name] for name in names]
        changed = frame.assign(y=np.where(later & present, 1e6, frame.y))
        after = open_series(changed, fill=fill, horizon=horizon, frequency="1")
        assert series_fingerprint({"": after[split]}) == series_fingerprint({"": before[split]})


# The kinds of corpora


def test_a_kind_says_what_it_read(tmp_path: Path) -> None:
    opening: dict[str, Any] = {column.argument: None for column in NUMERIC_SERIES.columns}
    opened = NUMERIC_SERIES.open(
        spec=str(write(tmp_path, LONG)), dev_fraction=0.5, encoding="utf-8", horizon=1, **opening
    )
    assert list(opened.splits) == ["train", "dev"]
    assert opened.columns() == {
        "a.csv": {"format": "CSV", "layout": "long", "time": "ds", "id": "unique_id", "target": "y"}
    }
    again = NUMERIC_SERIES.open(spec=as_frame(tmp_path), dev_fraction=0.5)
    assert opened.fingerprint() == again.fingerprint()
    other = as_frame(tmp_path).assign(y=lambda table: table.y + 1e-9)
    assert opened.fingerprint() != NUMERIC_SERIES.open(spec=other, dev_fraction=0.5).fingerprint()


def test_measurements_are_taken_row_by_row(tmp_path: Path) -> None:
    path = write(tmp_path, "timestamp,value\n2026-01-01 00:00,1\n2026-01-01 00:07,2\n2026-01-01 00:07,3\n")
    opened = MEASUREMENTS.open(spec=str(path), dev_fraction=0)
    assert opened.splits["train"].targets[:, 0].tolist() == [1, 2, 3]
    with pytest.raises(CorpusError, match=r"a\.csv:4: the time 2026-01-01T00:07:00 comes again"):
        NUMERIC_SERIES.open(spec=str(path), dev_fraction=0)


# Public data


@pytest.mark.parametrize(
    ("name", "series", "shortest", "longest", "points"),
    [("hourly", 414, 700, 960, 353_500), ("weekly", 359, 80, 2597, 366_912)],
)
def test_m4(public_data: Path, name: str, series: int, shortest: int, longest: int, points: int) -> None:
    path = public_data / "m4" / f"{name}-train.csv"
    panel = train(path)
    assert (len(panel), panel.lengths.min(), panel.lengths.max(), len(panel.times)) == (
        series,
        shortest,
        longest,
        points,
    )
    with path.open(encoding="utf-8") as file:
        for number, (own, *cells) in enumerate(list(csv.reader(file))[1:]):
            if number % 50 == 0:
                values = [float(cell) for cell in cells if cell]
                assert (panel.ids[number], panel.series(number).targets[:, 0].tolist()) == (own, values)


def test_etth1(public_data: Path) -> None:
    panel = train(public_data / "etth1" / "ETTh1.csv")
    assert (list(panel.ids), panel.axis.frequency) == (["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"], "h")
    assert panel.lengths.tolist() == [17_420] * 7
    assert panel.axis.format(panel.times[[0, 17_419]]) == ["2016-07-01T00:00:00", "2018-06-26T19:00:00"]


def test_nab(public_data: Path) -> None:
    for path in (public_data / "nab" / "realKnownCause").glob("*.csv"):
        with path.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        panel = MEASUREMENTS.open(spec=str(path), dev_fraction=0.1).splits["dev"]
        assert panel.targets[:, 0].tolist() == [float(row["value"]) for row in rows]
        seconds = [(datetime.fromisoformat(row["timestamp"]) - datetime(1970, 1, 1)) for row in rows]
        assert panel.times.tolist() == [each // timedelta(microseconds=1) for each in seconds]


@pytest.mark.slow
def test_a_million_series_of_ten_points_are_read_in_bounded_memory(tmp_path: Path) -> None:
    import subprocess
    import sys

    dates = [f"2026-01-{day:02}" for day in range(1, 11)]
    with (tmp_path / "a.csv").open("w") as file:
        file.write("unique_id,ds,y\n")
        for number in range(1_000_000):
            file.write("".join(f"s{number},{date},{number}.5\n" for date in dates))
    code = (
        "import resource, sys; from seqkit.data.series.open_series import open_series\n"
        "panel = open_series(sys.argv[1])['dev']\n"
        "print(len(panel), len(panel.times), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.csv"], capture_output=True, text=True, check=True)
    series, points, megabytes = map(int, done.stdout.split())
    assert (series, points) == (1_000_000, 10_000_000)
    assert megabytes < 2000
