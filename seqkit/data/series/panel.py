"""A panel: many series of numbers, as flat columns.

Two series, hourly and of different lengths, as ``unique_id,ds,y`` and as a panel::

    north,2026-01-01 00:00,5.1
    north,2026-01-01 01:00,4.8        ids      north  south
    north,2026-01-01 02:00,4.9        lengths      3      1
    south,2026-01-01 02:00,0.3        targets  5.1 4.8 4.9 0.3

A split of a corpus is a panel that starts at the beginning of each series: what comes before the split is the context
from which it is forecast, and ``starts`` says how much that is. No split contains a later one.

Shapes: E series, N points of all series, K targets, P features known for the past, F features known ahead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from seqkit.data.series.time_axis import TimeAxis

__all__ = ["Flags", "Floats", "Integers", "Panel"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """Series of numbers.

    Attributes:
        ids: the name of each series (E).
        lengths: the number of points of each series (E).
        starts: how many points of each series come before this split (E), which are context: forecasts and scores are
            for the points from there on. 0 in a training split; in the split ``future``, all points whose values are
            known.
        times: the time of each point (N); ``axis`` says how they are counted.
        targets: the values (N, K), in their own units; NaN where a value is not known, which is only allowed at the end
            of a series, and means that it is to be forecast.
        observed: whether each value was in the data (N, K); False where it was filled in or is not known.
        past: features that are known up to the present (N, P).
        known: features that are known ahead (N, F), as holidays are; they go on to the end of the series.
        weights: the weight of each point in the training loss (N); None weighs all alike.
        anomalies: whether each point is known to be anomalous (N); None if unknown. Only scores read it.
        target_names, past_names, known_names: the names of the columns of the three.
        axis: how times are counted.
        source: the file or dataset, for errors.
    """

    ids: Sequence[str]
    lengths: Integers
    starts: Integers
    times: Integers
    targets: Floats
    observed: Flags
    past: Floats
    known: Floats
    weights: Floats | None = None
    anomalies: Flags | None = None
    target_names: Sequence[str] = ("y",)
    past_names: Sequence[str] = ()
    known_names: Sequence[str] = ()
    axis: TimeAxis = field(default_factory=TimeAxis)
    source: str = "data"

    def __post_init__(self) -> None:
        points = int(self.lengths.sum())
        for name in ("times", "targets", "observed", "past", "known", "weights", "anomalies"):
            column = getattr(self, name)
            if column is not None and len(column) != points:
                raise ValueError(f"{len(column)} {name} for {points} points")

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def offsets(self) -> Integers:
        """Where each series begins among all points (E + 1); the last entry is their number."""
        return np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)

    @classmethod
    def from_arrays(
        cls, series: "Mapping[str, npt.ArrayLike] | Sequence[npt.ArrayLike]", *, starts: int = 0
    ) -> "Panel":
        """Return a panel of bare series, by name or numbered, with times 0, 1, 2, …

        Args:
            series: the values of each series.
            starts: how many points of each are context.

        >>> Panel.from_arrays({"north": [5.1, 4.8, 4.9], "south": [0.3]}).lengths.tolist()
        [3, 1]
        """
        named = series if isinstance(series, Mapping) else {str(number): values for number, values in enumerate(series)}
        arrays = [np.asarray(values, dtype=np.float64) for values in named.values()]
        lengths = np.array([len(values) for values in arrays], dtype=np.int64)
        targets = np.concatenate(arrays)[:, None]
        return cls(
            ids=list(named),
            lengths=lengths,
            starts=np.full(len(lengths), starts, dtype=np.int64),
            times=np.concatenate([np.arange(length) for length in lengths]),
            targets=targets,
            observed=np.isfinite(targets),
            past=np.zeros((len(targets), 0)),
            known=np.zeros((len(targets), 0)),
        )

    @property
    def series_of_points(self) -> Integers:
        """The number of the series of each point (N)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def known_lengths(self) -> Integers:
        """How many points of each series come before those at its end of which no value is known (E).

        >>> Panel.from_arrays([[5.1, np.nan, 4.9, np.nan], [0.3]]).known_lengths.tolist()
        [3, 1]
        """
        is_known: Flags = np.asarray(~np.isnan(self.targets).all(axis=1))
        if is_known.all():
            return self.lengths
        ends = np.zeros(len(self), dtype=np.int64)
        positions = np.arange(len(is_known)) - np.repeat(self.offsets[:-1], self.lengths) + 1
        np.maximum.at(ends, self.series_of_points, np.where(is_known, positions, 0))
        return ends

    def series(self, number: int) -> "Panel":
        """Return one series as a panel, whose arrays are views.

        >>> Panel.from_arrays({"north": [5.1, 4.8, 4.9], "south": [0.3]}).series(0).targets[:, 0].tolist()
        [5.1, 4.8, 4.9]
        """
        begin, end = self.offsets[number : number + 2]
        one = slice(number, number + 1)
        return self._of(self.ids[number : number + 1], self.lengths[one], self.starts[one], slice(begin, end))

    def select(self, numbers: Integers | Sequence[int]) -> "Panel":
        """Return some series, by their numbers.

        >>> Panel.from_arrays({"north": [5.1, 4.8], "south": [0.3]}).select([1, 0]).targets[:, 0].tolist()
        [0.3, 5.1, 4.8]
        """
        chosen = np.asarray(numbers, dtype=np.int64)
        lengths, offsets = self.lengths[chosen], self.offsets
        begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])[: len(chosen)]
        points = np.arange(lengths.sum()) + np.repeat(offsets[chosen] - begins, lengths)
        return self._of([self.ids[number] for number in chosen.tolist()], lengths, self.starts[chosen], points)

    def until(self, ends: Integers) -> "Panel":
        """Return the first points of each series, with the same context; a series that begins later is left out.

        Args:
            ends: how many points of each series there are to be at most (E).

        >>> Panel.from_arrays({"north": [5.1, 4.8, 4.9], "south": [0.3]}).until(np.array([2, 0])).ids
        ['north']
        """
        lengths = np.minimum(self.lengths, ends)
        if (lengths == self.lengths).all():
            return self
        positions = np.arange(len(self.times)) - np.repeat(self.offsets[:-1], self.lengths)
        kept = positions < np.repeat(lengths, self.lengths)
        there = np.flatnonzero(lengths > 0)
        ids = self.ids if len(there) == len(self) else [self.ids[number] for number in there.tolist()]
        return self._of(ids, lengths[there], np.minimum(self.starts, lengths)[there], kept)

    def place(self, point: int) -> str:
        """Return the series and the time of a point, for errors.

        >>> Panel.from_arrays({"north": [5.1, 4.8, 4.9]}).place(2)
        "the series 'north' at 2"
        """
        number = int(np.searchsorted(self.offsets, point, side="right")) - 1
        return f"the series {self.ids[number]!r} at {self.axis.format(self.times[point : point + 1])[0]}"

    def _of(
        self, ids: Sequence[str], lengths: Integers, starts: Integers, points: "slice | Integers | Flags"
    ) -> "Panel":
        """Return a panel of other series, with some of the points."""
        return replace(
            self,
            ids=ids,
            lengths=lengths,
            starts=starts,
            times=self.times[points],
            targets=self.targets[points],
            observed=self.observed[points],
            past=self.past[points],
            known=self.known[points],
            weights=None if self.weights is None else self.weights[points],
            anomalies=None if self.anomalies is None else self.anomalies[points],
        )
