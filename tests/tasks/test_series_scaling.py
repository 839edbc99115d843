"""The scaling of each series."""

import json

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from seqkit.data.series.panel import Panel
from seqkit.errors import CorpusError
from seqkit.tasks.series_scaling import SeriesScaling


def test_each_series_has_the_scaling_of_its_own_values() -> None:
    panel = Panel.from_arrays({"small": [1e-9, 2e-9, 4e-9], "large": [3e9, 1e9, 2e9, 8e9]})
    scaled = SeriesScaling.fitted("standard", panel).apply(panel)
    for part in (slice(0, 3), slice(3, 7)):
        assert scaled[part] == pytest.approx(StandardScaler().fit_transform(panel.targets[part]), rel=1e-9)


def test_the_robust_scaling_ignores_a_spike() -> None:
    values = np.random.default_rng(1).normal(5.0, 2.0, size=2000)
    values[7] = 1e6
    scaling = SeriesScaling.fitted("robust", Panel.from_arrays([values.tolist()]))
    assert scaling.levels[0, 0] == pytest.approx(5.0, abs=0.2)
    assert scaling.scales[0, 0] == pytest.approx(2.0, rel=0.1)


def test_the_robust_scaling_of_a_series_that_is_mostly_constant_is_its_deviation() -> None:
    scaling = SeriesScaling.fitted("robust", Panel.from_arrays([[0.0] * 9 + [10.0]]))
    assert (scaling.levels[0, 0], scaling.scales[0, 0]) == pytest.approx((0.0, 3.0))


@pytest.mark.parametrize("kind", ["standard", "robust"])
@pytest.mark.parametrize("values", [[5.0], [5.0] * 9, [1e9 + 1e-7, 1e9], [0.0, 0.0]])
def test_a_constant_series_is_only_shifted(kind: str, values: list[float]) -> None:
    panel = Panel.from_arrays([values])
    scaling = SeriesScaling.fitted(kind, panel)
    assert scaling.scales.tolist() == [[1.0]]
    assert scaling.apply(panel) == pytest.approx(0.0, abs=1e-6)


def test_the_largest_floats_can_be_scaled() -> None:
    panel = Panel.from_arrays([[1e308, -1e308, 1.5e308]])
    assert np.abs(SeriesScaling.fitted("standard", panel).apply(panel)).max() < 2


def test_none_changes_nothing() -> None:
    panel = Panel.from_arrays([[3.0, 7.0]])
    assert SeriesScaling.fitted("none", panel).apply(panel)[:, 0].tolist() == [3.0, 7.0]


def test_filled_values_do_not_count() -> None:
    panel = Panel.from_arrays([[1.0, 3.0, np.nan, np.nan]])
    scaling = SeriesScaling.fitted("standard", panel)
    assert (scaling.levels[0, 0], scaling.scales[0, 0]) == (2.0, 1.0)


def test_it_is_restored_from_json() -> None:
    scaling = SeriesScaling.fitted("standard", Panel.from_arrays({"a": [0.1, 0.7], "b": [3.0]}))
    again = SeriesScaling.from_dict(json.loads(json.dumps(scaling.to_dict())))
    assert list(again.ids) == ["a", "b"]
    assert again.scales.tolist() == scaling.scales.tolist()


def test_series_that_were_not_trained_on_are_refused_unless_there_is_one_scaling() -> None:
    both = SeriesScaling.fitted("standard", Panel.from_arrays({"a": [1.0, 2.0], "b": [3.0, 4.0]}))
    with pytest.raises(CorpusError, match=r"the series 'c' does not occur in the training data.* 'a', 'b'; train with"):
        both.apply(Panel.from_arrays({"a": [1.0], "c": [1.0]}))
    assert both.rows(Panel.from_arrays({"b": [1.0], "a": [1.0]})) == [1, 0]
    single = SeriesScaling.fitted("standard", Panel.from_arrays({"a": [1.0, 3.0]}))
    assert single.apply(Panel.from_arrays({"x": [4.0]})).tolist() == [[2.0]]


def test_a_panel_without_values_is_refused() -> None:
    with pytest.raises(CorpusError, match="no series has a value to train on"):
        SeriesScaling.fitted("standard", Panel.from_arrays([[np.nan, np.nan]]))
