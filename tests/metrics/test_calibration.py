"""Calibration: against a grid search, by simulation, and by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from seqkit.errors import ConfigError
from seqkit.metrics.calibration import (
    cross_fitted_temperatures,
    expected_calibration_error,
    fitted_temperature,
    reliability,
)


def drawn(examples: int, labels: int, temperature: float, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are too large by a factor, and labels drawn from the true distribution."""
    generator = torch.Generator().manual_seed(seed)
    true = 2 * torch.randn(examples, labels, generator=generator, dtype=torch.float64)
    targets = torch.multinomial(true.softmax(1), 1, generator=generator)[:, 0]
    return true * temperature, targets


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("labels", [2, 7])
def test_the_temperature_of_a_simulated_model_is_recovered(temperature: float, labels: int) -> None:
    assert fitted_temperature(*drawn(20_000, labels, temperature)) == pytest.approx(temperature, rel=0.05)


@given(st.integers(2, 60), st.integers(2, 5), st.floats(0.2, 5), st.integers(0, 1000))
def test_no_other_temperature_is_better(examples: int, labels: int, temperature: float, seed: int) -> None:
    logits, targets = drawn(examples, labels, temperature, seed)
    found = fitted_temperature(logits, targets)
    best = F.cross_entropy(logits / found, targets)
    for other in np.geomspace(0.01, 100, 200):
        assert best <= F.cross_entropy(logits / other, targets) + 1e-9


def test_temperatures_stay_within_their_limits() -> None:
    assert fitted_temperature(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)) == 1.0
    always_right = fitted_temperature(torch.tensor([[3.0, 0.0]] * 4), torch.zeros(4, dtype=torch.int64))
    always_wrong = fitted_temperature(torch.tensor([[3.0, 0.0]] * 4), torch.ones(4, dtype=torch.int64))
    assert always_right == pytest.approx(0.01, rel=1e-6)
    assert always_wrong == pytest.approx(100, rel=1e-6)


def test_an_example_does_not_see_its_own_fold() -> None:
    logits, targets = drawn(40, 3, 2.0)
    found = cross_fitted_temperatures(logits, targets, folds=4)
    for fold in range(4):
        others = torch.arange(40) % 4 != fold
        expected = fitted_temperature(logits[others], targets[others])
        assert found[~others].tolist() == pytest.approx([expected] * 10)
    for folds in (1, 41):
        with pytest.raises(ConfigError, match=f"{folds} folds of 40 examples"):
            cross_fitted_temperatures(logits, targets, folds=folds)


def test_a_calibrated_model_has_a_small_error_and_an_overconfident_one_a_large_error() -> None:
    for temperature, least, most in ((1.0, 0.0, 0.02), (4.0, 0.1, 1.0)):
        logits, targets = drawn(20_000, 4, temperature)
        confidence, predicted = logits.softmax(1).max(1)
        error = expected_calibration_error(confidence.tolist(), (predicted == targets).tolist())
        assert least <= error <= most


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.integers(1, 20))
def test_the_error_is_the_weighted_gap_of_the_bins(predictions: list[tuple[float, bool]], bins: int) -> None:
    confidence, correct = map(list, zip(*predictions, strict=True))
    expected = 0.0
    for index in range(bins):
        inside = [(each, hit) for each, hit in predictions if min(int(each * bins), bins - 1) == index]
        expected += abs(sum(each for each, _ in inside) - sum(hit for _, hit in inside)) / len(predictions)
    assert expected_calibration_error(confidence, correct, bins) == pytest.approx(expected, abs=1e-9)
    assert sum(part.count for part in reliability(confidence, correct, bins)) == len(predictions)


def test_bins_are_at_least_one() -> None:
    with pytest.raises(ConfigError, match="bins must be at least 1, not 0"):
        reliability([0.5], [True], bins=0)
    assert math.isclose(expected_calibration_error([1.0, 0.0], [True, False], bins=1), 0.0)
