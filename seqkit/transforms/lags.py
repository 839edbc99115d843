"""Lags of the season: the values one, two, … seasons earlier, of past and of future positions.

Shapes: B rows of a batch, T time, H horizon, C lags.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from seqkit.errors import ConfigError

__all__ = ["Lags", "future_lags", "seasonal_lags", "seasonal_naive_of"]


class Lags(NamedTuple):
    """Earlier values of each position, the latest first.

    Attributes:
        values: the values (B, T or H, C), float64; 0 outside the mask.
        mask: True where there is such a value; False before the beginning of a row, for instance.
    """

    values: Tensor
    mask: Tensor


def seasonal_lags(values_BT: Tensor, mask_BT: Tensor, season: int, count: int) -> Lags:
    """Return the values that are 1, …, ``count`` seasons earlier than each position.

    Args:
        values_BT: the values.
        mask_BT: True where there is a value; others do not matter, and may be NaN.
        season: the length of a season, in positions.
        count: the number of lags C.

    Raises:
        ConfigError: the season is empty.

    >>> seasonal_lags(torch.tensor([[5.0, 6.0, 7.0]]), torch.tensor([[True, True, True]]), 2, 1).values[..., 0].tolist()
    [[0.0, 0.0, 5.0]]
    """
    _check(season)
    steps_T1 = torch.arange(values_BT.shape[1], device=values_BT.device)[:, None]
    places_TC = _or_padding(steps_T1 - season * _seasons(count, steps_T1), values_BT)
    known_BT = torch.where(mask_BT, values_BT.double(), 0.0)
    return Lags(*(pad(each, (0, 1))[:, places_TC] for each in (known_BT, mask_BT)))


def future_lags(values_BT: Tensor, mask_BT: Tensor, lengths_B: Tensor, season: int, count: int, horizon: int) -> Lags:
    """Return the last ``count`` values of each future position that are known at the end of a row.

    The lags of step h are ⌈h / season⌉, ⌈h / season⌉ + 1, … seasons: beyond the first season, the values one season
    earlier are future themselves.

    Args:
        values_BT: the values.
        mask_BT: True where there is a value; others do not matter, and may be NaN.
        lengths_B: where each row ends, int64; step 1 follows. T for rows that are padded at their beginning.
        season: the length of a season, in positions.
        count: the number of lags C.
        horizon: the number of steps H.

    Raises:
        ConfigError: the season is empty.

    >>> values, mask = torch.tensor([[5.0, 6.0, 7.0]]), torch.tensor([[True, True, True]])
    >>> future_lags(values, mask, torch.tensor([3]), season=2, count=1, horizon=3).values[..., 0].tolist()
    [[6.0, 7.0, 6.0]]
    """
    _check(season)
    steps_H1 = torch.arange(horizon, device=values_BT.device)[:, None]
    seasons_HC = steps_H1 // season + _seasons(count, steps_H1)
    places_BHC = lengths_B.to(values_BT.device)[:, None, None] + steps_H1 - season * seasons_HC
    known_BT = torch.where(mask_BT, values_BT.double(), 0.0)
    places_BX = _or_padding(places_BHC, values_BT).flatten(1)
    return Lags(*(pad(each, (0, 1)).gather(1, places_BX).view(places_BHC.shape) for each in (known_BT, mask_BT)))


def seasonal_naive_of(
    values_BT: Tensor, lengths_B: Tensor, season: int, horizon: int, mask_BT: Tensor | None = None
) -> Tensor:
    """Return the seasonal naive forecast: each future value is that of the same position in the last season.

    A row shorter than a season is forecast by its last value (the naive forecast), and so is a step without a value in
    the last season; a row without any value by 0.

    Args:
        values_BT: the values.
        lengths_B: where each row ends, int64; step 1 follows. T for rows that are padded at their beginning.
        season: the length of a season, in positions.
        horizon: the number of steps H.
        mask_BT: True where there is a value; by default at all positions before the end.

    Returns:
        The forecast (B, H), float64.

    Raises:
        ConfigError: the season is empty.

    >>> values = torch.tensor([[5.0, 6.0, 7.0], [8.0, 0.0, 0.0]])
    >>> seasonal_naive_of(values, torch.tensor([3, 1]), season=2, horizon=3).tolist()
    [[6.0, 7.0, 6.0], [8.0, 8.0, 8.0]]
    """
    steps_T = torch.arange(values_BT.shape[1], device=values_BT.device)
    lengths_B = lengths_B.to(values_BT.device)
    is_past_BT = steps_T < lengths_B[:, None]
    mask_BT = is_past_BT if mask_BT is None else mask_BT & is_past_BT
    lags = future_lags(values_BT, mask_BT, lengths_B, season, 1, horizon)
    padded_BT, padded_mask_BT = pad(values_BT.double(), (1, 0)), pad(mask_BT, (1, 0))
    places_BT = torch.arange(1 + len(steps_T), device=values_BT.device) * padded_mask_BT
    last_B1 = padded_BT.gather(1, places_BT.amax(1, keepdim=True))
    first_B = torch.where(mask_BT.any(1), pad(mask_BT, (0, 1)).int().argmax(1), lengths_B)
    is_season_B1 = (lengths_B - first_B >= season)[:, None]
    return torch.where(lags.mask[..., 0] & is_season_B1, lags.values[..., 0], last_B1)


def _seasons(count: int, beside: Tensor) -> Tensor:
    return torch.arange(1, count + 1, device=beside.device)


def _or_padding(places: Tensor, values_BT: Tensor) -> Tensor:
    """Return places, with T, where a position of padding is to be, for those before the beginning."""
    return torch.where(places >= 0, places, values_BT.shape[1])


def _check(season: int) -> None:
    if season < 1:
        raise ConfigError(f"a season must have at least 1 position, not {season}")
