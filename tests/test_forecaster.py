"""Forecasters as a person uses them from Python."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import seqkit
from seqkit import ConfigError, CorpusError, Forecaster, Panel
from seqkit.data.series.panel import Floats
from seqkit.runs.folder import RunFolder

SETTINGS: dict[str, Any] = {
    "horizon": 6, "season": 6, "lookback": 18, "segment": 3, "hidden_size": 16, "epochs": 6, "windows": 256,
    "batch_tokens": 96, "learning_rate": 0.03, "average": 0.9,
}  # fmt: skip


def waves(seed: int, *, series: int = 4, length: int = 90) -> dict[str, Floats]:
    """Return seasons on slopes, up or down, which the forecast by the last season does not follow."""
    generator = np.random.default_rng(seed)
    time = np.arange(length)
    found = {}
    for number in range(series):
        slope = (0.3 + 0.1 * number) * (-1) ** number
        noise = 0.1 * generator.standard_normal(length)
        found[f"wave {number}"] = 100 + 50 * number + slope * time + 3 * np.sin(2 * np.pi * time / 6) + noise
    return found


@pytest.fixture(scope="module")
def model() -> Forecaster:
    return Forecaster(**SETTINGS).fit(Panel.from_arrays(waves(1)))


def test_it_learns_what_the_season_alone_does_not_say(model: Forecaster) -> None:
    panel = Panel.from_arrays(waves(2))
    found = model.evaluate(replace(panel, starts=panel.lengths - 30))
    naive = found.baselines["seasonal_naive"]
    assert found.scores["mase"] < 0.6 * naive["mase"]
    assert found.scores["rmse"] < 0.6 * naive["rmse"]
    assert len(found.frames) == 4 * 5
    assert found.to_dict("point")["points"] == 4 * 30
    assert 0.7 <= found.scores["coverage"] <= 1.0
    model_error, naive_error = found.error_by_step()
    assert model_error.shape == naive_error.shape == (6,)


def test_the_scores_are_those_of_its_forecasts(model: Forecaster) -> None:
    """MASE, MAE and coverage of a single window, computed from what ``predict`` returns."""
    values = waves(3, series=1)["wave 0"]
    panel = Panel.from_arrays([values])
    found = model.evaluate(replace(panel, starts=panel.lengths - 6)).scores
    points = model.predict(Panel.from_arrays([values[:-6]]))
    errors = np.abs(np.array([point.y for point in points]) - values[-6:])
    history = values[:-6]
    assert found["mae"] == pytest.approx(errors.mean())
    assert found["mase"] == pytest.approx(errors.mean() / np.abs(history[6:] - history[:-6]).mean())
    inside = [
        low <= value <= high for value, (low, high) in zip(values[-6:], (p.intervals[90] for p in points), strict=True)
    ]
    assert found["coverage"] == pytest.approx(np.mean(inside))


def test_forecasts_continue_what_it_was_trained_on(model: Forecaster) -> None:
    points = model.predict(level=[50, 95])
    assert [point.unique_id for point in points[::6]] == ["wave 0", "wave 1", "wave 2", "wave 3"]
    assert [point.ds for point in points[:6]] == ["90", "91", "92", "93", "94", "95"]
    for point in points:
        (low, high), (lowest, highest) = point.intervals[50], point.intervals[95]
        assert lowest <= low <= point.y <= high <= highest
    again = model.predict(Panel.from_arrays(waves(1)), level=[50, 95])
    assert again == points


def test_data_frames_are_read_with_their_calendar() -> None:
    times = pd.date_range("2026-03-01", periods=80, freq="h")
    frame = pd.concat(
        pd.DataFrame({"unique_id": name, "ds": times, "y": values[:80]}) for name, values in waves(1).items()
    )
    model = Forecaster(**{**SETTINGS, "epochs": 1}).fit(frame)
    assert model.predict()[0].ds == "2026-03-04T08:00:00"
    assert model.fitted is not None
    assert model.fitted.reader.covariates == 6  # hour, weekday and time of the year
    with pytest.raises(CorpusError, match="frequency h; these are integers"):
        model.predict(Panel.from_arrays(waves(1)))


def test_all_of_a_data_frame_is_trained_on_if_dev_is_given() -> None:
    values = waves(1, series=1)["wave 0"]
    frame = pd.DataFrame({"ds": range(80), "y": values[:80]})
    whole = seqkit.open_series(pd.DataFrame({"ds": range(90), "y": values}), horizon=6, dev_fraction=0.0)["train"]
    settings = {**SETTINGS, "epochs": 1, "windows": 16}
    dev = replace(whole, starts=np.array([80]))
    fitted = [Forecaster(**settings).fit(train, dev).fitted for train in (frame, whole.until(np.array([80])))]
    units = [float(task.reader.unit[0]) for task in fitted if task is not None]
    assert units == [pytest.approx(np.abs(values[6:80] - values[:74]).mean())] * 2


def test_a_run_folder_holds_all_that_forecasts_need(model: Forecaster, tmp_path: Path) -> None:
    model.save(tmp_path / "run")
    loaded = seqkit.load(tmp_path / "run", device="cpu")
    assert isinstance(loaded, Forecaster)
    assert loaded.predict(level=[80]) == model.predict(level=[80])
    panel = Panel.from_arrays(waves(4))
    panel = replace(panel, starts=panel.lengths - 6)
    assert loaded.evaluate(panel).scores == model.evaluate(panel).scores


def test_training_in_a_folder_reports_coverage_and_the_naive_forecast(tmp_path: Path) -> None:
    Forecaster(**{**SETTINGS, "epochs": 2}).fit(Panel.from_arrays(waves(1)), out=tmp_path / "run")
    report = RunFolder(tmp_path / "run").read_json("report.json")
    assert report["dev_coverage"].keys() == {"50", "80", "90", "95"}
    assert report["dev_seasonal_naive"]["mase"] > 0
    history = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert report["dev"]["mase"] == min(record["dev_mase"] for record in history)


def test_monte_carlo_dropout_gives_bands_that_a_seed_reproduces(model: Forecaster) -> None:
    first, same, other = (model.predict(mc_samples=20, seed=seed) for seed in (1, 1, 2))
    assert first == same != other
    widths = [high - low for low, high in (point.intervals[90] for point in first)]
    assert min(widths) > 0


def test_a_new_series_and_a_short_one_are_forecast(model: Forecaster) -> None:
    points = model.predict(Panel.from_arrays({"new": [1.0, 2.0], "one": [7.0]}))
    assert [point.unique_id for point in points[::6]] == ["new", "one"]
    assert all(np.isfinite(point.y) for point in points)


def test_backtesting_moves_the_origin_on(model: Forecaster) -> None:
    panel = Panel.from_arrays(waves(5))
    found = model.backtest(panel, 3)
    assert found.frames.locate(range(3))[1].tolist() == [72, 78, 84]
    assert found.steps == 4 * 18
    closer = model.backtest(panel, 3, stride=1)
    assert closer.frames.locate(range(3))[1].tolist() == [82, 83, 84]


def test_features_known_ahead_are_needed_up_to_the_horizon() -> None:
    generator = np.random.default_rng(1)
    sale = (generator.random(140) < 0.3).astype(float)
    frame = pd.DataFrame({"ds": range(140), "y": 10 * sale + 0.1 * generator.standard_normal(140), "sale": sale})
    settings = {**SETTINGS, "season": 1, "segment": 1}
    splits = seqkit.open_series(frame.iloc[:120], known_features="sale", horizon=6)
    model = Forecaster(**settings).fit(splits["train"], splits["dev"])
    future = frame.iloc[:126].assign(y=lambda rows: rows.y.where(rows.ds < 120))
    panel = seqkit.open_series(future, known_features="sale", horizon=6, dev_fraction=0.0)["future"]
    found = np.array([point.y for point in model.predict(panel)])
    np.testing.assert_allclose(found, 10 * sale[120:126], atol=2.0)
    with pytest.raises(CorpusError, match="series 'y' has no sale at 120; known features must reach to the horizon"):
        model.predict()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"horizon": 0}, "horizon must be at least 1"),
        ({"multistep": "recursive", "segment": 4}, "segment must divide the horizon 6"),
        ({"scope": "series", "scaling": "none"}, "there is nothing to scale"),
        ({"head": "mean"}, "head must be one of"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Forecaster(**{**SETTINGS, **settings})


def test_series_that_are_too_short_for_a_dev_part_are_refused() -> None:
    with pytest.raises(CorpusError, match="horizon"):
        Forecaster(**SETTINGS).fit(Panel.from_arrays([[1.0, 2.0, 3.0]]))


def test_several_targets_are_refused() -> None:
    panel = Panel.from_arrays(waves(1))
    both = replace(panel, targets=np.repeat(panel.targets, 2, 1), observed=np.repeat(panel.observed, 2, 1))
    with pytest.raises(CorpusError, match="one target, not a, b"):
        Forecaster(**SETTINGS).fit(replace(both, target_names=("a", "b")))


def test_no_level_but_those_that_are_forecast(model: Forecaster) -> None:
    with pytest.raises(ConfigError, match="level must be one of 50, 80, 90, 95, not 99"):
        model.predict(level=[99])


CONSTANT_TIME = {"multistep": "recursive", "segment": 1, "scope": "series", "scaling": "standard", "lookback": 95}


@pytest.mark.parametrize("mode", [CONSTANT_TIME, {"multistep": "recursive", "segment": 1}, {}])
def test_a_stream_forecasts_what_a_batch_does(mode: dict[str, Any]) -> None:
    panel = Panel.from_arrays(waves(1, series=2))
    model = Forecaster(**{**SETTINGS, "epochs": 1, "windows": 16, **mode}).fit(panel)
    stream = model.stream("wave 1")
    assert stream.is_constant_time == (mode is CONSTANT_TIME)
    values = list(waves(1, series=2)["wave 1"])
    for value in (121.0, 119.5, 123.0):
        values.append(value)
        found = stream.update(value)
        batch = model.predict(Panel.from_arrays({"wave 1": values}))[0]
        assert (found.unique_id, found.ds) == (batch.unique_id, batch.ds)
        assert found.y == pytest.approx(batch.y, rel=1e-6, abs=1e-6)
        assert found.intervals[90] == pytest.approx(batch.intervals[90], rel=1e-6, abs=1e-6)
    with pytest.raises(CorpusError, match="must be a finite number, not nan"):
        stream.update(float("nan"))
