"""The benchmark of forecasting: what is held out, scores, the peers' process, the commands of seqkit, the table."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import forecasting
from benchmarks.forecasting import (
    BENCHMARKS,
    Held,
    Row,
    Scores,
    forecast_with_peer,
    forecast_with_seqkit,
    hold_out,
    main,
    markdown_table,
    read_rows,
    score,
)
from benchmarks.forecasting_peers import Wanted, seasonal_naive
from seqkit.errors import ConfigError, CorpusError, SeqkitError
from tests.stand_in import needs_shebang

ROWS = '"V1","V2","V3","V4","V5","V6"\n"H1","1","2.5","3","4","5"\n"H2",10,20,30,,\n'
HELD = Held(["H1", "H2"], [np.array([1.0, 2, 3]), np.array([10.0])], np.array([[4.0, 5], [20.0, 30]]))
MODELS = """
import numpy as np

class AutoETS:
    def __init__(self, season_length):
        self.season = season_length
    def forecast(self, y, h):
        if len(y) < 2:
            raise ValueError("too short")
        return {"mean": np.full(h, y[-1] + 100 * self.season)}
"""


def test_rows_of_m4_are_series_of_different_lengths(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS, encoding="utf-8")
    series = read_rows(path)
    assert {name: values.tolist() for name, values in series.items()} == {"H1": [1, 2.5, 3, 4, 5], "H2": [10, 20, 30]}
    held = hold_out(series, 2)
    assert [history.tolist() for history in held.histories] == [[1, 2.5, 3], [10]]
    assert held.futures.tolist() == [[4, 5], [20, 30]]
    with pytest.raises(CorpusError, match="H2 has no more than the 3 values"):
        hold_out(series, 3)


@pytest.mark.parametrize(("row", "message"), [("H3,1,n/a\n", "'n/a'"), ("H3,,\n", "without values")])
def test_a_bad_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS + row, encoding="utf-8")
    with pytest.raises(CorpusError, match=rf"rows.csv:4: .*{message}"):
        read_rows(path)


@pytest.mark.parametrize(
    ("name", "series", "points", "longest"), [("m4-hourly", 414, 353_500, 960), ("m4-weekly", 359, 366_912, 2_597)]
)
def test_the_files_of_m4_are_read_whole(public_data: Path, name: str, series: int, points: int, longest: int) -> None:
    found = read_rows(public_data / BENCHMARKS[name].file)
    lengths = [len(values) for values in found.values()]
    assert (len(found), sum(lengths), max(lengths)) == (series, points, longest)


def test_the_scores_are_those_of_the_definition() -> None:
    held = Held(
        ["changes", "never changes", "too short"],
        [np.array([0.0, 10, 4, 20]), np.array([5.0, 5, 5, 5]), np.array([7.0, 8])],
        np.array([[6.0, 0.0], [5.0, 7.0], [1.0, 1.0]]),
    )
    found = score(held, np.array([[2.0, 0.0], [5.0, 5.0], [1.0, 3.0]]), season=2)
    assert found.mase == pytest.approx((4 + 0) / 2 / ((4 + 10) / 2))  # the other two have no scale
    assert found.smape == pytest.approx(np.mean([200 * 4 / 8, 0, 0, 200 * 2 / 12, 0, 200 * 2 / 4]))
    assert found.left_out == 2


def test_seasonal_naive_repeats_the_last_season_or_value() -> None:
    history = np.array([9.0, 1, 2, 3])
    assert seasonal_naive(history, Wanted(7, 3)).tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert seasonal_naive(history, Wanted(2, 5)).tolist() == [3, 3]
    assert seasonal_naive(history, Wanted(2, 1)).tolist() == [3, 3]


def test_a_peer_runs_in_a_process_and_a_series_that_it_cannot_forecast_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "statsforecast"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "models.py").write_text(MODELS, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    result = forecast_with_peer("auto-ets", HELD, Wanted(2, 3, seed=1, processes=1, minutes=1.0), sys.executable)
    assert result.forecasts.tolist() == [[303, 303], [10, 10]]
    assert result.note == "no forecast for 1 series; theirs is seasonal naive"
    assert 0 < result.seconds < 600


def test_a_peer_that_fails_ends_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SeqkitError, match="auto-ets: ended with exit code 1"):
        forecast_with_peer("auto-ets", HELD, Wanted(2, 3, processes=0), sys.executable)


@needs_shebang
def test_seqkit_is_run_as_a_user_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [{"unique_id": name, "ds": step, "y": float(step)} for name in ("H2", "H1") for step in (1, 2)]
    script, calls = tmp_path / "seqkit", tmp_path / "calls.jsonl"
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, pathlib, sys\n"
        f"with open({str(calls)!r}, 'a') as log: print(json.dumps(sys.argv[1:]), file=log)\n"
        "if sys.argv[1] == 'train': print(pathlib.Path(sys.argv[4]).read_text(), file=sys.stderr)\n"
        f"else: print({chr(10).join(map(json.dumps, records))!r})\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    monkeypatch.setattr(forecasting, "seqkit_command", lambda: str(script))
    result = forecast_with_seqkit(HELD, Wanted(2, 24, seed=3))
    assert result.forecasts.tolist() == [[1, 2], [1, 2]]
    train, predict = map(json.loads, calls.read_text(encoding="utf-8").splitlines())
    corpus, run = train[3], predict[1]
    settings = ["--horizon", "2", "--season", "24", "--seed", "3"]
    assert train == ["train", "forecast", "--corpus", corpus, *settings, "--out", run, "--quiet"]
    assert predict == ["predict", run, "--json"]


def test_the_training_file_is_in_long_form(tmp_path: Path) -> None:
    forecasting._write_long(HELD, tmp_path / "long.csv")
    rows = (tmp_path / "long.csv").read_text(encoding="utf-8").splitlines()
    assert rows == ["unique_id,ds,y", "H1,1,1.0", "H1,2,2.0", "H1,3,3.0", "H2,1,10.0"]


def test_the_table_has_the_seeds_of_what_is_trained_and_the_means() -> None:
    runs = {1: Scores(0.9, 13.0), 2: Scores(0.8, 12.0)}
    rows = [
        Row(data="m4-hourly", forecaster="seasonal-naive", scores={1: Scores(1.2283, 14.571)}, seconds=[0.0184]),
        Row(data="m4-hourly", forecaster="seqkit", scores=runs, seconds=[200.0, 100.0]),
    ]
    assert markdown_table(rows, [1, 2]).splitlines()[2:] == [
        "| m4-hourly | seasonal naive | - | - | 1.228 | 14.57 | 0.018 |",
        "| m4-hourly | seqkit | 0.900 | 0.800 | 0.850 | 12.50 | 150 |",
    ]


def test_the_report_names_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m4").mkdir()
    values = ",".join(str(value) for value in np.arange(100) % 23)
    (tmp_path / "m4" / "hourly-train.csv").write_text(f"V1\nH1,{values}\nH2,{values}\n", encoding="utf-8")
    hourly = ["--data", str(tmp_path), "--sets", "m4-hourly", "--seeds", "1"]
    package = forecasting.FORECASTERS["auto-ets"]._replace(package="no_such_package")
    monkeypatch.setattr(forecasting, "FORECASTERS", {**forecasting.FORECASTERS, "auto-ets": package})
    with pytest.raises(ConfigError, match=r"there is no .*weekly-train.csv"):
        main(["--data", str(tmp_path), "--sets", "m4-weekly", "--forecasters", "seasonal-naive"])
    with pytest.raises(SystemExit):
        main([*hourly, "--seeds", "1", "1"])
    capsys.readouterr()
    main([*hourly, "--forecasters", "seasonal-naive", "auto-ets", "--out", str(tmp_path / "out.md")])
    table = capsys.readouterr().out
    assert "skipped auto-ets: the Python of --peers-python has no no_such_package" in table
    assert "MASE to reach: 0.95 on m4-hourly." in table
    assert (tmp_path / "out.md").read_text(encoding="utf-8").startswith("# How well seqkit forecasts\n\nMachine: ")
