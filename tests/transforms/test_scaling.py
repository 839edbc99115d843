"""Scalings: scikit-learn's scalers as the reference, and x → scaled → x for values of any magnitude."""

import json
from dataclasses import FrozenInstanceError
from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import example, given
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from torch.testing import assert_close

from seqkit.errors import ConfigError
from seqkit.transforms.scaling import SCALINGS, Affine, fit_scaling

ROWS = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(
            st.tuples(st.floats(-1, 1, width=32), st.sampled_from([-300, -9, 0, 9, 300]), st.booleans()),
            min_size=width, max_size=width,
        ),
        min_size=1, max_size=3,
    )
)  # fmt: skip


def generated(rows: int = 6, steps: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    scales = 10.0 ** torch.arange(-9, -9 + 4 * rows, 4, dtype=torch.float64)
    values = torch.randn(rows, steps, generator=generator, dtype=torch.float64) * scales[:, None]
    mask = torch.rand(rows, steps, generator=generator) < 0.8
    return values, mask


def one_row(*values: float) -> tuple[torch.Tensor, torch.Tensor]:
    row = torch.tensor([values], dtype=torch.float64)
    return row, torch.ones_like(row, dtype=torch.bool)


@pytest.mark.parametrize(
    ("kind", "scaler"), [("standard", StandardScaler), ("min-max", MinMaxScaler), ("robust", RobustScaler)]
)
def test_scalings_are_those_of_scikit_learn(
    kind: str, scaler: type[StandardScaler] | type[MinMaxScaler] | type[RobustScaler]
) -> None:
    values, mask = generated()
    scaled = fit_scaling(kind, values.masked_fill(~mask, torch.nan), mask).apply(values)
    for row, true in enumerate(mask):
        expected = scaler().fit_transform(values[row, true].numpy()[:, None])[:, 0]
        np.testing.assert_allclose(scaled[row, true].numpy(), expected, rtol=1e-9, atol=1e-12)


def test_mean_absolute_divides_by_the_mean_of_the_absolute_values() -> None:
    values, mask = generated()
    scaling = fit_scaling("mean-absolute", values, mask)
    assert not scaling.level_B.any()
    for row, true in enumerate(mask):
        assert scaling.scale_B[row].item() == pytest.approx(np.abs(values[row, true].numpy()).mean(), rel=1e-14)


@given(rows=ROWS)
@example(rows=[[(0.1, 300, True), (-0.1, -300, True)], [(1.0, 300, True), (-1.0, 300, True)]])
@example(rows=[[(0.0, 0, True), (0.0, 0, True), (0.0, 0, True), (1.0, 300, True)]])
def test_values_of_any_magnitude_come_back(rows: list[list[tuple[float, int, bool]]]) -> None:
    values = torch.tensor([[mantissa * 10.0**power for mantissa, power, _ in row] for row in rows], dtype=torch.float64)
    mask = torch.tensor([[known for _, _, known in row] for row in rows])
    for kind in SCALINGS:
        scaling = fit_scaling(kind, values, mask)
        level, scale = scaling.level_B[:, None], scaling.scale_B[:, None]
        assert (scale > 0).all()
        scaled = scaling.apply(values)
        for numbers in (level, scale, scaled[mask]):
            assert numbers.isfinite().all()
        error = (scaling.invert(scaled) - values).abs()
        allowed = 1e-12 * torch.maximum(values.abs(), level.abs()) + 1e-300 * scale
        assert (error <= allowed)[mask].all(), kind


@given(value=st.floats(-1e300, 1e300), length=st.integers(1, 9))
def test_a_constant_row_is_exact(value: float, length: int) -> None:
    values, mask = one_row(*[value] * length)
    for kind in SCALINGS:
        scaling = fit_scaling(kind, values, mask)
        scaled = scaling.apply(values)
        assert scaling.invert(scaled).equal(values), kind
        if kind == "mean-absolute":
            assert scaled.equal(values.sign())
        else:
            assert scaling.scale_B.tolist() == [1.0]
            assert kind == "none" or not scaled.any()


@pytest.mark.parametrize("kind", ["standard", "min-max", "robust"])
def test_a_spread_within_the_rounding_of_the_level_is_none(kind: str) -> None:
    low = 1e9
    values, mask = one_row(low, np.nextafter(low, np.inf), low, np.nextafter(low, np.inf))
    scaling = fit_scaling(kind, values, mask)
    assert scaling.scale_B.tolist() == [1.0]
    assert scaling.invert(scaling.apply(values)).equal(values)


def test_a_small_spread_at_a_high_level_is_found_exactly() -> None:
    values, mask = one_row(*(1e9 + 1e-6 * (step % 7) for step in range(1000)))
    exact = [Fraction(value) for value in values[0].tolist()]
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)
    scaling = fit_scaling("standard", values, mask)
    assert scaling.level_B.item() == float(mean)
    assert scaling.scale_B.item() == pytest.approx(float(variance) ** 0.5, rel=1e-9)


def test_counts_that_are_mostly_zero_are_scaled_robustly_by_their_deviation() -> None:
    values, mask = one_row(*[0.0] * 9, 1e6)
    scaling = fit_scaling("robust", values, mask)
    assert scaling.level_B.tolist() == [0.0]
    assert scaling.scale_B.item() == pytest.approx(values.numpy().std())


@pytest.mark.parametrize("kind", SCALINGS)
def test_large_and_small_series_share_a_batch(kind: str) -> None:
    alone = torch.tensor([[1.0, 4.0, 2.0, 8.0]], dtype=torch.float64)
    values = torch.cat([alone * 2.0**30, alone * 2.0**-30])
    mask = torch.ones_like(values, dtype=torch.bool)
    scaled = fit_scaling(kind, values, mask).apply(values)
    if kind != "none":
        assert_close(scaled[0], scaled[1], rtol=1e-14, atol=0)


@pytest.mark.parametrize("kind", SCALINGS)
@pytest.mark.parametrize("steps", [0, 3])
def test_a_row_without_values_has_level_0_and_scale_1(kind: str, steps: int) -> None:
    values = torch.full((2, steps), torch.nan, dtype=torch.float64)
    scaling = fit_scaling(kind, values, torch.zeros(2, steps, dtype=torch.bool))
    assert scaling.to_dict() == {"level": [0.0, 0.0], "scale": [1.0, 1.0]}
    assert scaling.invert(scaling.apply(torch.ones(2, 5))).tolist() == [[1.0] * 5] * 2


@pytest.mark.parametrize("kind", SCALINGS)
def test_padding_changes_no_scaling(kind: str) -> None:
    values, mask = generated()
    scalings = [fit_scaling(kind, values.masked_fill(~mask, filler), mask) for filler in (0.0, torch.nan, 1e30)]
    short = [fit_scaling(kind, values[row : row + 1, true], mask[row : row + 1, true]) for row, true in enumerate(mask)]
    for scaling in scalings:
        assert scaling.to_dict() == scalings[0].to_dict()
    assert_close(scalings[0].scale_B, torch.cat([each.scale_B for each in short]), rtol=1e-13, atol=0)


def test_scalings_of_series_are_saved_and_selected_for_a_batch() -> None:
    scaling = fit_scaling("robust", *generated())
    saved = Affine.from_dict(json.loads(json.dumps(scaling.to_dict())))
    assert saved.level_B.equal(scaling.level_B)
    assert saved.scale_B.equal(scaling.scale_B)
    rows = torch.tensor([4, 0, 4])
    quantiles = torch.full((3, 2, 5), 2.0)
    selected = saved.select(rows).invert(quantiles)
    for place, row in enumerate(rows.tolist()):
        assert_close(selected[place], (2 * scaling.scale_B[row] + scaling.level_B[row]).expand(2, 5))


def test_a_scaling_cannot_be_changed() -> None:
    scaling = fit_scaling("none", *generated())
    with pytest.raises(FrozenInstanceError):
        scaling.level_B = scaling.scale_B  # type: ignore[misc]


def test_single_precision_is_scaled_in_double_precision() -> None:
    values, mask = one_row(1e9, 1e9 + 64)
    scaling = fit_scaling("standard", values.float(), mask)
    assert scaling.apply(values.float()).tolist() == [[-1.0, 1.0]]
    assert scaling.apply(values.float()).dtype == torch.float64


def test_an_unknown_scaling_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="scaling must be one of none, standard, min-max, robust, mean-absolute, not"):
        fit_scaling("z-score", *one_row(1.0))
