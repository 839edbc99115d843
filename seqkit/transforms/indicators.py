"""Rolling indicators: mean, deviation, and the position between Bollinger's bands.

All are causal: the indicator at t depends on the values of the window t − window + 1, …, t alone. At the beginning of a
series, and after gaps, the window holds fewer values.

Shapes: B rows of a batch, T time, N blocks, W window.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from seqkit.errors import ConfigError

__all__ = ["RollingIndicators", "rolling_indicators"]


class _Moments(NamedTuple):
    """Moments of sets of values, relative to a value of each set, so that a high level costs no precision.

    Attributes:
        number: how many values there are.
        reference: one of them; any number if there is none.
        offset: mean − reference.
        squares: the sum of the squared differences to the mean.
    """

    number: Tensor
    reference: Tensor
    offset: Tensor
    squares: Tensor


class RollingIndicators(NamedTuple):
    """Indicators of the window that ends at each position, float64.

    Attributes:
        mean_BT: the mean of the values in the window; 0 where there is none, which is never so at a value.
        deviation_BT: their standard deviation, that of a population; 0 where there are fewer than two.
        position_BT: where the value is between Bollinger's bands; 0.5 where the bands coincide, and where there is no
            value.
    """

    mean_BT: Tensor
    deviation_BT: Tensor
    position_BT: Tensor


def rolling_indicators(values_BT: Tensor, mask_BT: Tensor, window: int = 20, width: float = 2.0) -> RollingIndicators:
    """Return mean, deviation and Bollinger position of the last ``window`` positions.

    Bollinger's bands are the mean ± ``width`` deviations. The position is ``(value − lower) / (upper − lower)``, called
    %b (Bollinger 2001): 0 is the lower band, 0.5 the mean, and 1 the upper band.

    Args:
        values_BT: the values; those in the mask must be finite, and below 1e150 in magnitude.
        mask_BT: True where there is a value; others do not matter, and may be NaN.
        window: the number of positions, the present one included.
        width: the distance of a band from the mean, in deviations.

    Raises:
        ConfigError: the window is empty, or the width is not positive.

    >>> values, mask = torch.tensor([[1.0, 3.0, 7.0, 7.0]]), torch.tensor([[True] * 4])
    >>> for indicator in rolling_indicators(values, mask, window=2):
    ...     print(indicator.tolist())
    [[1.0, 2.0, 5.0, 7.0]]
    [[0.0, 1.0, 2.0, 0.0]]
    [[0.5, 0.75, 0.75, 0.5]]
    """
    if window < 1:
        raise ConfigError(f"a window must have at least 1 position, not {window}")
    if not width > 0:
        raise ConfigError(f"the width of the bands must be above 0, not {width}")
    number_BT, reference_BT, offset_BT, squares_BT = _rolling_moments(values_BT, mask_BT, window)
    deviation_BT = (squares_BT / number_BT.clamp(min=1)).sqrt_()
    position_BT = (values_BT.double() - reference_BT).sub_(offset_BT).div_(deviation_BT * (2 * width)).add_(0.5)
    return RollingIndicators(
        torch.where(number_BT > 0, reference_BT + offset_BT, 0.0),
        deviation_BT,
        torch.where(mask_BT & (deviation_BT > 0), position_BT, 0.5),
    )


def _rolling_moments(values_BT: Tensor, mask_BT: Tensor, window: int) -> _Moments:
    """Return the moments of the window that ends at each position, in O(T).

    Time is cut into blocks as long as the window, so that each window is the end of one block and the beginning of the
    next (van Herk 1992). The moments of all beginnings come from cumulative sums, and those of all ends from cumulative
    sums from the right; the two are merged. The usual way, differences of cumulative sums over the whole row, loses all
    digits where the level is high or changes.
    """
    steps = values_BT.shape[1]
    if steps == 0:
        return _Moments(*[values_BT.double()] * 4)
    window = min(window, steps)
    shape = (len(values_BT), -(-steps // window), window)
    padding = (0, shape[1] * window - steps)
    values_BNW = pad(torch.where(mask_BT, values_BT.double(), 0.0), padding).view(shape)
    mask_BNW = pad(mask_BT, padding).view(shape)
    beginnings = _cumulative_moments(values_BNW, mask_BNW)
    ends = _cumulative_moments(values_BNW.flip(2), mask_BNW.flip(2))
    # A window takes from the block before what comes after its own position there.
    earlier = _Moments(*(pad(each.flip(2)[:, :-1, 1:], (0, 1, 1, 0)) for each in ends))
    earlier = earlier._replace(reference=pad(ends.reference[:, :-1], (0, 0, 1, 0)))
    return _Moments(*(each.flatten(1)[:, :steps] for each in _merged(beginnings, earlier)))


def _cumulative_moments(values_BNW: Tensor, mask_BNW: Tensor) -> _Moments:
    """Return the moments of each position and those before it in its block, relative to the first value of the block.

    The first value is one of them. The differences to it are therefore no larger than the range of the values, and
    their sums lose no digits, however small the range is beside the level. The reference has the shape (B, N, 1).
    """
    number_BNW = mask_BNW.cumsum(2, dtype=torch.float64)
    first_BN1 = values_BNW.gather(2, mask_BNW.byte().argmax(2, keepdim=True))
    differences_BNW = (values_BNW - first_BN1).mul_(mask_BNW)
    offset_BNW = differences_BNW.cumsum(2).div_(number_BNW.clamp(min=1))
    squares_BNW = differences_BNW.square_().cumsum(2).sub_(offset_BNW.square().mul_(number_BNW))
    return _Moments(number_BNW, first_BN1, offset_BNW, squares_BNW.clamp_(min=0))


def _merged(one: _Moments, other: _Moments) -> _Moments:
    """Return the moments of the union of two sets, by the pairwise update of Chan, Golub and LeVeque (1983)."""
    number = one.number + other.number
    share = other.number / number.clamp(min=1)
    reference = torch.where(one.number > 0, one.reference, other.reference)
    distance = (other.reference - reference).add_(other.offset).sub_(one.offset).mul_(other.number > 0)
    offset = (distance * share).add_(one.offset)
    squares = distance.square_().mul_(one.number).mul_(share).add_(one.squares).add_(other.squares)
    return _Moments(number, reference, offset, squares)
