"""AutoETS and AutoTheta through statsforecast, or a stand-in for it."""

import re
import sys
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from seqkit.baselines.seasonal_naive import seasonal_naive
from seqkit.baselines.statistical import STATISTICAL_MODELS, statistical_forecast
from seqkit.errors import ConfigError, MissingExtraError, SeqkitWarning


class LastValue:
    """A model with the interface of statsforecast's, which cannot be fitted to fewer than 3 points."""

    def __init__(self, season_length: int) -> None:
        self.season_length = season_length

    def forecast(self, y: NDArray[np.float64], h: int, level: list[float]) -> dict[str, NDArray[np.float64]]:
        if len(y) < 3:
            raise Exception("tiny dataset")
        last = np.full(h, y[-1] if y[0] >= 0 else np.nan)
        bounds = {f"{side}-{each}": last + sign * each for side, sign in (("lo", -1), ("hi", 1)) for each in level}
        return {"mean": last, **bounds}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    package, models = ModuleType("statsforecast"), ModuleType("statsforecast.models")
    for name in STATISTICAL_MODELS.values():
        setattr(models, name, LastValue)
    package.models = models  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "statsforecast", package)
    monkeypatch.setitem(sys.modules, "statsforecast.models", models)


@pytest.mark.usefixtures("stand_in")
def test_each_series_is_fitted_by_itself_and_has_intervals_of_each_level() -> None:
    forecast = statistical_forecast("auto_ets", [1.0, 2.0, 3.0, 4.0, 5.0, 9.0], [3, 3], 2, levels=(0.8, 0.9))
    assert forecast.mean_EH.tolist() == [[3.0, 3.0], [9.0, 9.0]]
    assert forecast.lower_EH[0.8].tolist() == [[-77.0, -77.0], [-71.0, -71.0]]
    assert forecast.upper_EH[0.9].tolist() == [[93.0, 93.0], [99.0, 99.0]]
    assert forecast.replaced == ()


@pytest.mark.usefixtures("stand_in")
def test_a_series_that_cannot_be_fitted_is_forecast_naively_and_named() -> None:
    values, lengths = [1.0, 2.0, 3.0, 7.0, -1.0, 2.0, 5.0], [3, 1, 3]
    message = r"AutoTheta cannot be fitted to 2 of 3 series.*the first is series 1: Exception: tiny dataset"
    with pytest.warns(SeqkitWarning, match=message):
        forecast = statistical_forecast("auto_theta", values, lengths, 2)
    naive = seasonal_naive(values, lengths, 2)
    assert forecast.replaced == (1, 2)
    assert forecast.mean_EH.tolist() == [[3.0, 3.0], [7.0, 7.0], [5.0, 5.0]]
    assert forecast.lower_EH[0.9][1:].tolist() == naive.lower_EH[0.9][1:].tolist()


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsforecast", None)
    monkeypatch.setitem(sys.modules, "statsforecast.models", None)
    with pytest.raises(MissingExtraError, match=re.escape("pip install 'seqkit[series]'")):
        statistical_forecast("auto_ets", [1.0], [1], 1)


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ConfigError, match="no statistical model is named 'arima': choose from auto_ets, auto_theta"):
        statistical_forecast("arima", [1.0], [1], 1)


@pytest.mark.parametrize("name", STATISTICAL_MODELS)
@pytest.mark.filterwarnings("ignore")  # of the dependencies of statsforecast
def test_statsforecast_is_better_than_the_last_season_where_there_is_a_trend(name: str) -> None:
    pytest.importorskip("statsforecast")
    random = np.random.default_rng(0)
    times = np.arange(132)
    values = 10 + times / 10 + 3 * np.sin(times * 2 * np.pi / 12) + random.normal(size=132) / 10
    forecast = statistical_forecast(name, values[:120], [120], 12, 12, (0.9, 0.95))
    naive = seasonal_naive(values[:120], [120], 12, 12)
    errors = np.abs(forecast.mean_EH[0] - values[120:])
    assert errors.mean() < np.abs(naive.mean_EH[0] - values[120:]).mean()
    for level in (0.9, 0.95):
        assert np.all(forecast.lower_EH[level] < forecast.upper_EH[level])
    assert np.all(forecast.upper_EH[0.9] < forecast.upper_EH[0.95])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_processes_do_not_change_the_forecasts() -> None:
    pytest.importorskip("statsforecast")
    random = np.random.default_rng(0)
    values, lengths = random.normal(size=200).cumsum(), [40, 60, 100]
    one, two = (statistical_forecast("auto_theta", values, lengths, 5, processes=count) for count in (1, 2))
    assert one.mean_EH.tolist() == two.mean_EH.tolist()
    assert one.lower_EH[0.9].tolist() == two.lower_EH[0.9].tolist()
