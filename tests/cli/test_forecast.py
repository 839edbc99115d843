"""The contract of the command line of forecasters."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import json_lines, seqkit
from tests.test_forecaster import waves

SMALL = ["--lookback", "18", "--segment", "3", "--hidden-size", "8", "--epochs", "2", "--windows", "128", "--quiet"]


def write_csv(path: Path, first: int, last: int) -> Path:
    rows = [
        f"{name},2026-01-{1 + step // 24:02d}T{step % 24:02d}:00,{values[step]:.4f}"
        for name, values in waves(1).items()
        for step in range(first, last)
    ]
    path.write_text("\n".join(["meter,when,load", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("meters")
    write_csv(folder / "train.csv", 0, 80)
    write_csv(folder / "test.csv", 80, 90)
    return folder


@pytest.fixture(scope="module")
def run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "forecast"
    columns = ["--time", "when", "--target", "load", "--id", "meter"]
    done = seqkit(
        "train", "forecast", "--corpus", corpus, *columns, "--horizon", "5", "--season", "6", *SMALL, "--out", path
    )
    assert (done.code, done.out, done.err) == (0, f"{path}\n", "")
    return path


def test_forecasts_are_json_lines_that_go_on_with_each_series(run: Path) -> None:
    lines = json_lines(seqkit("predict", run, "--json", "--level", "80,95"))
    assert len(lines) == 4 * 5
    assert list(lines[0]) == ["unique_id", "ds", "y", "lo-80", "hi-80", "lo-95", "hi-95"]
    assert [line["ds"] for line in lines[:2]] == ["2026-01-04T08:00:00", "2026-01-04T09:00:00"]
    for line in lines:
        assert line["lo-95"] <= line["lo-80"] <= line["y"] <= line["hi-80"] <= line["hi-95"]


def test_csv_has_the_columns_of_json(run: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(seqkit("predict", run, "--format", "csv").out)))
    lines = json_lines(seqkit("predict", run, "--json"))
    assert [list(map(str, line.values())) for line in lines] == [list(row.values()) for row in rows]
    assert list(rows[0]) == ["unique_id", "ds", "y", "lo-90", "hi-90"]


def test_series_in_a_file_are_forecast_from_their_end(run: Path, tmp_path: Path) -> None:
    other = write_csv(tmp_path / "other.csv", 0, 60)
    lines = json_lines(seqkit("predict", run, "--input", other, "--json"))
    assert lines[0]["ds"] == "2026-01-03T12:00:00"


def test_a_test_split_is_scored_beside_the_seasonal_naive_forecast(run: Path, tmp_path: Path) -> None:
    (scores,) = json_lines(seqkit("evaluate", run, "--split", "test", "--json"))
    expected = {"mase", "mae", "rmse", "smape", "coverage", "width"}
    assert expected < set(scores)
    assert expected == set(scores["seasonal_naive"])
    assert scores["points"] == 4 * 10
    errors = []
    for values in waves(1).values():
        rounded = np.round(values, 4)
        history = rounded[:80]
        for origin in (80, 85):
            season = rounded[origin - 6 : origin]
            forecast = season[np.arange(5) % 6]
            errors.append(
                np.abs(rounded[origin : origin + 5] - forecast).mean() / np.abs(history[6:] - history[:-6]).mean()
            )
    assert scores["seasonal_naive"]["mase"] == pytest.approx(np.mean(errors))
    shown = seqkit("evaluate", run, "--split", "test", "--pictures", tmp_path / "figures")
    assert "seasonal naive" in shown.out
    assert "coverage of 90 % intervals" in shown.out
    names = {"forecasts.png", "error_by_step.png", "residuals.png"}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == names


def test_backtests_score_several_origins(run: Path) -> None:
    (scores,) = json_lines(seqkit("evaluate", run, "--backtest", "3", "--json"))
    assert scores["points"] == 4 * 3 * 5


def test_a_stream_of_values_is_forecast_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    values = waves(1, series=1)["wave 0"]
    path.write_text("\n".join(["ds,y", *(f"{step},{value:.3f}" for step, value in enumerate(values))]))
    run = tmp_path / "run"
    assert (
        seqkit("train", "forecast", "--corpus", path, "--horizon", "5", "--season", "6", *SMALL, "--out", run).code == 0
    )
    lines = json_lines(seqkit("predict", run, "--follow", "--json", stdin=b"90,1.5\n91,2.5\n"))
    assert [line["ds"] for line in lines] == ["91", "92"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ds,y\n1,2\n2,\n3,4\n", "--fill"),
        ("ds,y\n1,2\n1,3\n", "1"),
        ("ds,y\n1,2\n2,inf\n", "inf"),
        ("ds,y\n1,x\n2,3\n", "x"),
    ],
)
def test_bad_input_is_one_line_with_its_place(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    done = seqkit("train", "forecast", "--corpus", path, "--out", tmp_path / "run")
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert f"{path.name}" in done.err
    assert message in done.err


def test_stdin_is_followed_not_read_as_a_file(run: Path) -> None:
    done = seqkit("predict", run, "--input", "-")
    assert done.code == 2
    assert "--follow" in done.err


def test_levels_that_are_not_forecast_are_refused(run: Path) -> None:
    done = seqkit("predict", run, "--level", "99")
    assert done.code == 2
    assert "--level must be one of 50, 80, 90, 95, not 99" in done.err


def test_a_text_is_refused(run: Path) -> None:
    done = seqkit("predict", run, "some text")
    assert done.code == 2
    assert "a run of the task forecast reads no text; give a file with --input" in done.err
