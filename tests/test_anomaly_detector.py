"""The ``AnomalyDetector``: training without labels, scores, streams, and input that cannot be used."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import seqkit
from seqkit.anomaly_detector import AnomalyDetector
from seqkit.anomaly_stream import AnomalyStream
from seqkit.cells.table import CELLS
from seqkit.data.series.panel import Panel
from seqkit.data.series.time_axis import TimeAxis
from seqkit.errors import ConfigError, CorpusError
from seqkit.runs.folder import RunFolder
from tests.slow_cases import rest_slow
from tests.tiny_series import spiked, tiny_detector, two_waves, wave, waves_panel

METHODS = ["forecast", "autoencoder"]


@cache
def trained(method: str) -> AnomalyDetector:
    panel = waves_panel(400)
    dev = replace(panel, starts=np.array([280]))
    detector = tiny_detector(method=method, epochs=15 if method == "forecast" else 8)
    return detector.fit(panel.until(dev.starts), dev)


def scores_of(detector: AnomalyDetector, values: Any) -> np.ndarray:
    return detector.scores(Panel.from_arrays([values]))[0]


@pytest.mark.parametrize("method", METHODS)
def test_a_spike_has_the_highest_score_and_raises_an_alarm(method: str) -> None:
    values = spiked(wave(200), 150)
    results = trained(method).predict(Panel.from_arrays([values]))
    strangest = max(results, key=lambda point: point.score)
    assert strangest.anomaly
    assert isinstance(strangest.time, int)
    assert abs(strangest.time - 150) < (1 if method == "forecast" else 16)  # a window is as strange as its points
    assert strangest.to_dict() == {"time": strangest.time, "score": strangest.score, "anomaly": True}
    assert len(results) == 200
    alarms = [point.time for point in results if point.anomaly]
    assert len(alarms) < 30


def test_both_methods_learn() -> None:
    """The error of the best epoch is far below that of predicting the mean, which is 0.63 for a sine."""
    for method in METHODS:
        outcome = trained(method).outcome
        assert outcome is not None
        assert outcome.best < 0.3


def test_labels_are_not_read_in_training() -> None:
    panel = waves_panel(100)
    labelled = replace(panel, anomalies=np.arange(100) % 2 == 0)
    one, other = (tiny_detector(epochs=1).fit(each) for each in (panel, labelled))
    assert scores_of(one, wave(50)).tolist() == scores_of(other, wave(50)).tolist()


@pytest.mark.parametrize("changed", ["dev", "later"])
def test_nothing_is_fitted_to_points_after_the_training_part(changed: str) -> None:
    """Scaling and weights of one epoch are the same whatever comes later."""
    values = wave(100)
    train = Panel.from_arrays([values[:80]])
    assets = []
    for factor in (1.0, 100.0):
        later = values.copy()
        later[80:] *= factor
        detector = tiny_detector(epochs=1).fit(train, replace(Panel.from_arrays([later]), starts=np.array([80])))
        assert detector.fitted is not None
        weights = [tensor.tolist() for tensor in detector.fitted.model.state_dict().values()]
        assets.append((json.loads(detector.fitted.assets()["series.json"]), weights))
    assert assets[0] == assets[1]


@pytest.mark.parametrize("cell", rest_slow(CELLS))
@pytest.mark.parametrize("layers", [2])
def test_a_stream_gives_what_the_batch_gives(cell: str, layers: int) -> None:
    detector = tiny_detector(cell=cell, num_layers=layers, epochs=1, smoothing=4).fit(two_waves())
    panel = two_waves(300)
    panel.targets[7:9, 0] = np.nan
    panel.targets[200] = np.nan
    panel.observed[:] = np.isfinite(panel.targets)
    stream = detector.stream()
    found = [stream.update(values) for values in panel.targets]
    wanted = detector.predict(panel)
    assert [each.score for each in found] == pytest.approx([each.score for each in wanted], rel=1e-9, abs=1e-9)
    assert [(each.time, each.anomaly) for each in found] == [(each.time, each.anomaly) for each in wanted]


def test_the_batch_does_not_depend_on_how_it_is_cut() -> None:
    """A long series is read in several batches, with the state carried on; beside others, each is the same."""
    detector = trained("forecast")
    one, other = wave(9000), wave(50)
    alone = [scores_of(detector, values) for values in (one, other)]
    together = detector.scores(Panel.from_arrays({"a": one, "b": other}))
    for wanted, found in zip(alone, together, strict=True):
        assert found == pytest.approx(wanted, abs=1e-9)


def test_a_stream_of_an_autoencoder_scores_the_newest_point_of_the_last_window() -> None:
    detector, values = trained("autoencoder"), wave(60)
    stream = detector.stream()
    found = [stream.update(value).score for value in values]
    window = values[-16:]
    (batch,) = detector.scores(Panel.from_arrays([window]))
    assert found[-1] == pytest.approx(batch[-1], abs=1e-9)


def seconds_per_update(stream: AnomalyStream, updates: int) -> float:
    begin = time.perf_counter()
    for value in wave(updates):
        stream.update(value)
    return (time.perf_counter() - begin) / updates


def test_an_update_does_no_more_work_for_a_long_lookback() -> None:
    """Counted, not timed: the calls of the cell, one for each layer and point."""
    for lookback in (10, 10_000):
        stream = tiny_detector(lookback=lookback, epochs=1, num_layers=2).fit(waves_panel(60)).stream()
        calls: list[torch.Size] = []
        layers = stream._reader._layers  # type: ignore[attr-defined]

        def counted(layer: Callable[..., Any], calls: list[torch.Size] = calls) -> Callable[..., Any]:
            def call(inputs: torch.Tensor, state: Any) -> Any:
                calls.append(inputs.shape)
                return layer(inputs, state)

            return call

        layers[:] = [counted(layer) for layer in layers]
        for value in wave(30):
            stream.update(value)
        assert len(calls) == 60
        assert {shape[:2] for shape in calls} == {(1, 1)}


@pytest.mark.slow
def test_updates_take_the_same_time_whatever_the_lookback() -> None:
    """The fastest of several rounds, taken in turn, so that what else runs does not matter."""
    streams = {
        lookback: tiny_detector(lookback=lookback, epochs=1).fit(waves_panel(60)).stream() for lookback in (10, 10_000)
    }
    best = dict.fromkeys(streams, math.inf)
    for _ in range(30):
        for lookback, stream in streams.items():
            best[lookback] = min(best[lookback], seconds_per_update(stream, 300))
    assert best[10_000] == pytest.approx(best[10], rel=0.1)


@pytest.mark.slow
def test_memory_is_flat_over_a_million_updates() -> None:
    stream = trained("forecast").stream()
    resident = []
    for _ in range(10):
        seconds_per_update(stream, 100_000)
        resident.append(_resident_megabytes())
    assert resident[-1] - resident[1] < 5


def _resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def test_a_run_folder_gives_the_same_scores(tmp_path: Path) -> None:
    panel = Panel.from_arrays({"a": wave(80), "b": wave(90, level=100)})
    detector = tiny_detector(epochs=1).fit(panel, out=tmp_path / "run")
    loaded = seqkit.load(tmp_path / "run", device="cpu")
    assert isinstance(loaded, AnomalyDetector)
    assert [each.to_dict() for each in loaded.predict(panel)] == [each.to_dict() for each in detector.predict(panel)]
    assert loaded.threshold == detector.threshold
    assert {"series.json", "calibration.json"} < set(RunFolder(tmp_path / "run").read_run()["files"])
    report = RunFolder(tmp_path / "run").read_json("report.json")
    assert report["threshold"] == detector.threshold
    loaded.save(tmp_path / "copy")
    assert AnomalyDetector.load(tmp_path / "copy", device="cpu").threshold == detector.threshold


def test_results_name_the_series_and_the_time() -> None:
    panel = replace(
        Panel.from_arrays({"a": wave(30), "b": wave(20)}),
        times=np.concatenate([np.arange(30), np.arange(20)]) * 3_600_000_000,
        axis=TimeAxis("h"),
    )
    detector = tiny_detector(epochs=1).fit(panel)
    results = detector.predict(replace(panel, starts=np.array([29, 20])))
    assert [(each.unique_id, each.time) for each in results] == [("a", "1970-01-02T05:00:00")]
    assert results[0].to_dict().keys() == {"unique_id", "time", "score", "anomaly"}


def test_the_context_counts_for_the_scores_after_it() -> None:
    detector, values = trained("forecast"), wave(100)
    whole = Panel.from_arrays([values])
    (later,) = detector.scores(replace(whole, starts=np.array([60])))
    assert later == pytest.approx(detector.scores(whole)[0][60:], abs=1e-12)


@pytest.mark.parametrize("rate", [5.0, 50.0])
def test_alarms_per_thousand_points_set_the_threshold(rate: float) -> None:
    values = wave(600)
    train, dev = values[:200], replace(Panel.from_arrays([values]), starts=np.array([200]))
    detector = tiny_detector(alarms=rate, epochs=3).fit(Panel.from_arrays([train]), dev)
    scores = detector.scores(dev)[0]
    assert (scores > detector.threshold).mean() == pytest.approx(rate / 1000, abs=0.015)


@pytest.mark.parametrize("method", METHODS)
def test_constant_and_tiny_series_are_scored(method: str) -> None:
    """A constant series is not strange; a change of it is. A series of one point has one score."""
    panel = Panel.from_arrays({"flat": [5.0] * 60, "point": [3.0], "wave": wave(60)})
    detector = tiny_detector(method=method, epochs=2).fit(panel)
    changed = np.full(60, 5.0)
    changed[40] = 50.0
    flat, point, jump = detector.scores(Panel.from_arrays({"flat": [5.0] * 60, "point": [3.0]})) + detector.scores(
        Panel.from_arrays({"flat": changed.tolist()})
    )
    assert np.isfinite(np.concatenate([flat, point, jump])).all()
    assert len(point) == 1
    assert jump[40] > 5 * flat.max()


def test_only_a_constant_series_can_be_trained_on() -> None:
    detector = tiny_detector(epochs=3).fit(Panel.from_arrays([[7.0] * 50]))
    assert scores_of(detector, [7.0] * 20 + [9.0])[-1] > detector.threshold


@pytest.mark.parametrize("method", METHODS)
def test_a_million_and_a_millionth_are_scored_alike(method: str) -> None:
    panel = Panel.from_arrays({"large": wave(80, level=1e9, scale=1e9), "small": wave(80, scale=1e-9)})
    detector = tiny_detector(method=method, epochs=1).fit(panel)
    large, small = detector.scores(panel)
    assert large == pytest.approx(small, rel=1e-3, abs=1e-3)


def test_an_infinite_value_is_refused_with_its_series_and_time() -> None:
    panel = Panel.from_arrays({"a": [1.0, 2.0, 3.0], "b": [1.0, np.inf, 2.0]})
    with pytest.raises(CorpusError, match=r"the series 'b' at 1: y is inf; correct it"):
        tiny_detector().fit(panel)
    with pytest.raises(CorpusError, match=r"the series '0' at 2: y is -inf"):
        trained("forecast").scores(Panel.from_arrays([[1.0, 2.0, -np.inf]]))
    with pytest.raises(CorpusError, match="the value at 0 is infinite; give nan"):
        trained("forecast").stream().update(math.inf)


def test_a_value_that_is_not_known_has_no_score() -> None:
    values = wave(40)
    values[20:23] = np.nan
    scores = scores_of(trained("forecast"), values)
    assert scores[20:23].tolist() == [0.0] * 3
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1.0]], "no series is long enough to take dev from its end: the longest, '0', has 1 point"),
        ([[np.nan] * 30], "the longest, '0', has 0 points"),
        ([[]], "no series is long enough to take dev from its end"),
    ],
)
def test_series_that_cannot_be_trained_on_are_refused(values: list[list[float]], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        tiny_detector().fit(Panel.from_arrays(values))


def test_a_series_that_was_not_trained_on_is_refused() -> None:
    detector = tiny_detector(epochs=1).fit(Panel.from_arrays({"a": wave(40), "b": wave(40)}))
    with pytest.raises(CorpusError, match="the series 'c' does not occur in the training data"):
        detector.scores(Panel.from_arrays({"c": wave(40)}))
    with pytest.raises(ConfigError, match="no series 'c' in the training data, only 'a', 'b'"):
        detector.stream("c")
    with pytest.raises(ConfigError, match="no series None"):
        detector.stream()
    assert detector.stream("b").update(0.1).unique_id == "b"


def test_a_point_of_another_width_is_refused() -> None:
    detector = tiny_detector(epochs=1).fit(two_waves(60))
    with pytest.raises(ConfigError, match="1 values at 0; the model reads 2: flow, pressure"):
        detector.stream().update(3.0)
    with pytest.raises(CorpusError, match="1 values a point; the model was trained on flow, pressure"):
        detector.scores(waves_panel(10))


def test_a_model_that_is_not_trained_says_so() -> None:
    calls: list[Callable[[AnomalyDetector], Any]] = [
        lambda model: model.stream(),
        lambda model: model.scores(waves_panel(9)),
    ]
    for call in calls:
        with pytest.raises(ConfigError, match="this AnomalyDetector is not trained yet"):
            call(AnomalyDetector())


def test_a_run_that_was_killed_before_it_had_a_threshold_says_so(tmp_path: Path) -> None:
    detector = tiny_detector(epochs=1).fit(waves_panel(60))
    assert detector.fitted is not None
    detector.fitted.calibration = None
    detector.save(tmp_path / "run")
    loaded = AnomalyDetector.load(tmp_path / "run", device="cpu")
    with pytest.raises(ConfigError, match="was cut off before it had a threshold; resume it"):
        loaded.scores(waves_panel(9))
