"""Differences and log returns, with exact inverses.

Two forms of each. One is for a whole row: every value relative to the one a lag earlier, which a sum undoes. The other
is for forecasts: every future value relative to one value that is known already. It is monotone in each value by
itself, so quantiles of the relative values become quantiles of the values; sums of quantiles would not be.

Shapes: B rows of a batch, T time, N cycles, L lag, R reference values, H horizon, X any further dimensions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from seqkit.errors import ConfigError

__all__ = ["Difference", "Differences", "LogRatio", "LogReturns", "Transformed", "log_values"]


class Transformed(NamedTuple):
    """Differences of rows, and what is needed to undo them.

    Attributes:
        values_BT: the difference at each position; 0 outside the mask.
        mask_BT: True where there is a value, and an earlier one to subtract.
        initial_BL: the first value at each position of the cycle, in its own units.
    """

    values_BT: Tensor
    mask_BT: Tensor
    initial_BL: Tensor


@dataclass(frozen=True)
class Differences:
    """Differences to the value ``lag`` positions earlier, ``d[t] = x[t] − x[t − lag]``.

    With lag 1 these are first differences, with a season as the lag seasonal differences (Box and Jenkins). If there is
    no value at t − lag, the difference is to the one at t − 2·lag, and so on: a gap loses nothing.

    Attributes:
        lag: how many positions earlier.

    >>> values, mask = torch.tensor([[3.0, 5.0, 4.0]]), torch.tensor([[True, True, True]])
    >>> differences = Differences(1).apply(values, mask)
    >>> differences.values_BT.tolist(), differences.mask_BT.tolist()
    ([[0.0, 2.0, -1.0]], [[False, True, True]])
    >>> Differences(1).invert(differences.values_BT, differences.initial_BL).tolist()
    [[3.0, 5.0, 4.0]]
    """

    lag: int = 1

    def __post_init__(self) -> None:
        if self.lag < 1:
            raise ConfigError(f"the lag of differences must be at least 1, not {self.lag}")

    def apply(self, values_BT: Tensor, mask_BT: Tensor) -> Transformed:
        """Return the differences of rows, in float64.

        Args:
            values_BT: the values.
            mask_BT: True where there is a value; others do not matter, and may be NaN.
        """
        steps = values_BT.shape[1]
        known_BNL = self._cycles(torch.where(mask_BT, values_BT.double(), 0.0))
        mask_BNL = self._cycles(mask_BT)
        cycles_N1 = torch.arange(known_BNL.shape[1], device=values_BT.device)[:, None]
        latest_BNL = (
            torch.where(mask_BNL, cycles_N1, -1).cummax(1).values
        )  # the last cycle that has a value; -1 if none
        first_B1L = mask_BNL.int().argmax(1, keepdim=True)
        filled_BNL = known_BNL.gather(1, torch.where(latest_BNL >= 0, latest_BNL, first_B1L))
        values_BNL = pad(filled_BNL.diff(dim=1), (0, 0, 1, 0))
        has_earlier_BNL = pad(latest_BNL[:, :-1] >= 0, (0, 0, 1, 0))
        return Transformed(
            values_BNL.flatten(1)[:, :steps],
            (mask_BNL & has_earlier_BNL).flatten(1)[:, :steps],
            filled_BNL[:, 0],
        )

    def invert(self, differences_BT: Tensor, initial_BL: Tensor) -> Tensor:
        """Return the values of rows: ``x[t] = initial[t mod lag] + d[t mod lag] + … + d[t − lag] + d[t]``.

        With the last ``lag`` values before a forecast as the initial ones, these are the forecast values.

        Args:
            differences_BT: the differences; 0 where there is none.
            initial_BL: the initial values, in their own units.

        Returns:
            The values, in float64; where there was none, the last one of the cycle.
        """
        sums_BNL = self._cycles(differences_BT.double()).cumsum(1) + initial_BL[:, None].double()
        return sums_BNL.flatten(1)[:, : differences_BT.shape[1]]

    def relative_to(self, reference_BR: Tensor) -> "Difference":
        """Return the transform of future values: the difference to a value that is known already.

        Args:
            reference_BR: the last value (B or B, 1), the last ``lag`` values (B, L), or one for each step (B, H).
        """
        return Difference(reference_BR)

    def _cycles(self, values_BT: Tensor) -> Tensor:
        """Return rows as a table (B, N, L), with the values of one position of the cycle in a column."""
        steps = max(values_BT.shape[1], 1)
        cycles = -(-steps // self.lag)
        return pad(values_BT, (0, cycles * self.lag - values_BT.shape[1])).view(len(values_BT), cycles, self.lag)


@dataclass(frozen=True)
class LogReturns:
    """Logarithms of the ratio to the value ``lag`` positions earlier, ``r[t] = log x[t] − log x[t − lag]``.

    Values must be positive; :func:`log_values` says which are not. Gaps are treated as by :class:`Differences`.

    Attributes:
        lag: how many positions earlier.

    >>> values, mask = torch.tensor([[100.0, 110.0, 99.0]]), torch.tensor([[True, True, True]])
    >>> returns = LogReturns().apply(values, mask)
    >>> [round(value, 3) for value in returns.values_BT[0].tolist()]
    [0.0, 0.095, -0.105]
    """

    lag: int = 1

    def __post_init__(self) -> None:
        Differences(self.lag)

    def apply(self, values_BT: Tensor, mask_BT: Tensor, place: Callable[[int, int], str] | None = None) -> Transformed:
        """Return the log returns of rows, in float64.

        Args:
            values_BT: the values.
            mask_BT: True where there is a value; others do not matter.
            place: as in :func:`log_values`.

        Raises:
            ConfigError: a value is 0 or negative.
        """
        logarithms = Differences(self.lag).apply(log_values(values_BT, mask_BT, place), mask_BT)
        return logarithms._replace(initial_BL=logarithms.initial_BL.exp())

    def invert(self, returns_BT: Tensor, initial_BL: Tensor) -> Tensor:
        """Return the values of rows: the initial value times the exponential of the sum of the log returns.

        Args:
            returns_BT: the log returns; 0 where there is none.
            initial_BL: the initial values, in their own units.
        """
        return self.relative_to(initial_BL).invert(
            Differences(self.lag).invert(returns_BT, torch.zeros_like(initial_BL, dtype=torch.float64))
        )

    def relative_to(self, reference_BR: Tensor) -> "LogRatio":
        """Return the transform of future values: the log return from a value that is known already.

        Args:
            reference_BR: the last value (B or B, 1), the last ``lag`` values (B, L), or one for each step (B, H).
        """
        return LogRatio(reference_BR)


@dataclass(frozen=True, eq=False)
class Difference:
    """Future values as differences to known values, ``x[h] − reference[h mod R]``.

    Attributes:
        reference_BR: the known values; the first is that of the first step. They are repeated over the horizon.

    >>> relative = Differences().relative_to(torch.tensor([10.0]))
    >>> relative.invert(torch.tensor([[1.0, -1.0]])).tolist()
    [[11.0, 9.0]]
    """

    reference_BR: Tensor

    def apply(self, values_BHX: Tensor) -> Tensor:
        """Return the differences, in float64. There may be dimensions after that of the steps, such as quantiles."""
        return values_BHX.double() - _repeated(self.reference_BR, values_BHX)

    def invert(self, differences_BHX: Tensor) -> Tensor:
        """Return the values, in float64."""
        return differences_BHX.double() + _repeated(self.reference_BR, differences_BHX)


@dataclass(frozen=True, eq=False)
class LogRatio:
    """Future values as log returns from known values, ``log(x[h] / reference[h mod R])``.

    From the last value these are cumulative log returns: the sum of those of the steps up to h. A log return of 0 gives
    exactly the reference.

    Attributes:
        reference_BR: the known values, all positive. They are repeated over the horizon.

    >>> relative = LogReturns().relative_to(torch.tensor([10.0]))
    >>> relative.invert(relative.apply(torch.tensor([[10.0, 20.0]]))).round(decimals=9).tolist()
    [[10.0, 20.0]]
    """

    reference_BR: Tensor

    def apply(self, values_BHX: Tensor) -> Tensor:
        """Return the log returns, in float64. There may be dimensions after that of the steps, such as quantiles."""
        return values_BHX.double().log() - _repeated(self.reference_BR, values_BHX).log()

    def invert(self, returns_BHX: Tensor) -> Tensor:
        """Return the values, in float64."""
        return returns_BHX.double().exp() * _repeated(self.reference_BR, returns_BHX)


def _repeated(reference_BR: Tensor, values_BHX: Tensor) -> Tensor:
    """Return the reference of each step, in the shape of the values."""
    reference_BR = reference_BR.double().view(len(reference_BR), -1)
    steps_H = torch.arange(values_BHX.shape[1], device=values_BHX.device) % reference_BR.shape[1]
    return reference_BR[:, steps_H].view(*values_BHX.shape[:2], *[1] * (values_BHX.dim() - 2))


def log_values(values_BT: Tensor, mask_BT: Tensor, place: Callable[[int, int], str] | None = None) -> Tensor:
    """Return the logarithms of values, in float64; 0 outside the mask.

    Args:
        values_BT: the values.
        mask_BT: True where there is a value; others do not matter.
        place: returns where a value comes from, such as ``sales.csv:17, column y``, given its row and its position,
            both counted from 0. By default the two numbers are named.

    Raises:
        ConfigError: a value is 0 or negative; the message names the first.

    >>> log_values(torch.tensor([[1.0, -2.5]]), torch.tensor([[True, True]]), lambda row, step: f"a.csv:{step + 2}")
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: a.csv:3: log returns need positive values, not -2.5; use differences, or change the value
    """
    refused_BT = mask_BT & ~(values_BT > 0)
    if refused_BT.any():
        row, step = refused_BT.nonzero()[0].tolist()
        where = place(row, step) if place else f"row {row}, position {step}"
        raise ConfigError(
            f"{where}: log returns need positive values, not {values_BT[row, step].item():g};"
            " use differences, or change the value"
        )
    return torch.where(mask_BT, values_BT.double(), 1.0).log()
