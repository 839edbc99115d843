"""Scalings: the values of each series brought to a common level and spread, and back.

Shapes: B rows of a batch, T time, X any further dimensions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqkit.errors import ConfigError

__all__ = ["SCALINGS", "Affine", "fit_scaling"]

# A spread of at most this part of the largest value of a row is rounding: the row is constant.
ROUNDING = 4 * torch.finfo(torch.float64).eps


@dataclass(frozen=True, eq=False)
class Affine:
    """A scaling of each row, ``(value − level) / scale``, and its inverse.

    ``invert(apply(x))`` is x up to rounding: the error is below 1e-12 of x or of the level, whichever is larger in
    magnitude. (Values 300 orders of magnitude below the scale become 0.)

    Attributes:
        level_B: what becomes 0 in each row, float64.
        scale_B: the distance from it that becomes 1, float64 and positive.

    >>> scaling = Affine(torch.tensor([10.0, 0.0]), torch.tensor([2.0, 1.0]))
    >>> scaling.apply(torch.tensor([[12.0, 8.0], [5.0, 6.0]])).tolist()
    [[1.0, -1.0], [5.0, 6.0]]
    """

    level_B: Tensor
    scale_B: Tensor

    def apply(self, values_BX: Tensor) -> Tensor:
        """Return scaled values in float64. The first dimension is that of the rows; there may be any further ones."""
        level_BX, scale_BX = self._beside(values_BX)
        return (values_BX.double() - level_BX) / scale_BX

    def invert(self, scaled_BX: Tensor) -> Tensor:
        """Return values in their own units, in float64."""
        level_BX, scale_BX = self._beside(scaled_BX)
        return scaled_BX.double() * scale_BX + level_BX

    def _beside(self, values_BX: Tensor) -> tuple[Tensor, Tensor]:
        shape = (-1, *[1] * (values_BX.dim() - 1))
        return self.level_B.view(shape), self.scale_B.view(shape)

    def select(self, rows: Tensor) -> "Affine":
        """Return the scalings of some rows, given by their indices, as the scalings of series are for a batch."""
        return Affine(self.level_B[rows], self.scale_B[rows])

    def to_dict(self) -> dict[str, list[float]]:
        """Return lists of numbers, which JSON keeps without a loss.

        >>> Affine(torch.tensor([10.0]), torch.tensor([2.0])).to_dict()
        {'level': [10.0], 'scale': [2.0]}
        """
        return {"level": self.level_B.tolist(), "scale": self.scale_B.tolist()}

    @classmethod
    def from_dict(cls, lists: dict[str, Sequence[float]]) -> "Affine":
        """Return the scalings that :meth:`to_dict` was called on."""
        level_B, scale_B = (torch.tensor(lists[name], dtype=torch.float64) for name in ("level", "scale"))
        return cls(level_B, scale_B)


def fit_scaling(kind: str, values_BT: Tensor, mask_BT: Tensor) -> Affine:
    """Fit a scaling to each row.

    ============= ================ =======================================
    kind          level            scale
    ============= ================ =======================================
    none          0                1
    standard      mean             standard deviation (of the population)
    min-max       minimum          maximum − minimum
    robust        median           upper − lower quartile
    mean-absolute 0                mean of the absolute values
    ============= ================ =======================================

    Quartiles are interpolated linearly. A row that is not constant but whose quartiles are equal, such as counts that
    are mostly 0, takes the standard deviation instead. Mean-absolute scaling is that of DeepAR (Salinas et al. 2020,
    section 3.3), without the 1 that is added there, beside which small values would vanish.

    A row without spread has scale 1: a constant row, a row of one value, or one whose spread is within the rounding of
    its largest value. A row without any value has level 0 and scale 1.

    Args:
        kind: a name in ``SCALINGS``.
        values_BT: the values; those in the mask must be finite, and below 8e307 in magnitude.
        mask_BT: True where there is a value; others do not matter, and may be NaN.

    Raises:
        ConfigError: the table has no such kind.

    >>> values, mask = torch.tensor([[1.0, 3.0, 0.0], [7.0, 7.0, 7.0]]), torch.tensor([[True, True, False], [True] * 3])
    >>> fit_scaling("standard", values, mask).to_dict()
    {'level': [2.0, 7.0], 'scale': [1.0, 1.0]}
    """
    if kind not in SCALINGS:
        raise ConfigError(f"scaling must be one of {', '.join(SCALINGS)}, not {kind!r}")
    if values_BT.shape[1] == 0:
        values_BT, mask_BT = (torch.nn.functional.pad(each, (0, 1)) for each in (values_BT, mask_BT))
    known_BT = torch.where(mask_BT, values_BT.double(), 0.0)
    peak_B = known_BT.abs().amax(1)
    unit_B = _power_of_two(peak_B)  # without it, squares of 1e-200 would be 0 and those of 1e200 infinite
    level_B, spread_B = SCALINGS[kind](known_BT / unit_B[:, None], mask_BT)
    is_spread_B = spread_B > ROUNDING * (peak_B / unit_B)
    return Affine(
        torch.where(mask_BT.any(1), level_B * unit_B, 0.0),
        torch.where(is_spread_B, spread_B * unit_B, 1.0),
    )


def _power_of_two(peak_B: Tensor) -> Tensor:
    """Return a power of two close to each number, by which values are divided without rounding; 1 for 0."""
    mantissa_B, _ = torch.frexp(peak_B)
    return torch.where(peak_B > 0, peak_B / mantissa_B, 1.0)


def _none(known_BT: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor]:
    zeros_B = known_BT.new_zeros(len(known_BT))
    return zeros_B, zeros_B


def _standard(known_BT: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation by the corrected two-pass algorithm of Chan, Golub and LeVeque (1983).

    The correction also makes the mean of equal values exact.
    """
    number_B = mask_BT.sum(1)
    rough_B = known_BT.sum(1) / number_B
    centred_BT = (known_BT - rough_B[:, None]) * mask_BT
    correction_B = centred_BT.sum(1) / number_B
    variance_B = centred_BT.square().sum(1) / number_B - correction_B.square()
    return rough_B + correction_B, variance_B.clamp(min=0).sqrt()


def _min_max(known_BT: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor]:
    low_B = known_BT.masked_fill(~mask_BT, torch.inf).amin(1)
    return low_B, known_BT.masked_fill(~mask_BT, -torch.inf).amax(1) - low_B


def _robust(known_BT: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor]:
    ordered_BT = known_BT.masked_fill(~mask_BT, torch.inf).sort(1).values
    last_B = mask_BT.sum(1).clamp(min=1) - 1
    quartiles = known_BT.new_tensor([0.25, 0.5, 0.75])
    places_B3 = last_B[:, None] * quartiles
    below_B3, above_B3 = (ordered_BT.gather(1, places.long()) for places in (places_B3.floor(), places_B3.ceil()))
    lower_B, median_B, upper_B = (below_B3 + (above_B3 - below_B3) * places_B3.frac()).unbind(1)
    spread_B = upper_B - lower_B
    is_flat_B = spread_B <= ROUNDING * known_BT.abs().amax(1)
    return median_B, torch.where(is_flat_B, _standard(known_BT, mask_BT)[1], spread_B)


def _mean_absolute(known_BT: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor]:
    return known_BT.new_zeros(len(known_BT)), _standard(known_BT.abs(), mask_BT)[0]


# Functions of the values, with 0 outside the mask, and of the mask; they return level and spread, which are not used
# where a row has no value.
SCALINGS: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "none": _none,
    "standard": _standard,
    "min-max": _min_max,
    "robust": _robust,
    "mean-absolute": _mean_absolute,
}
