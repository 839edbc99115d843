"""The scaling of each series, fitted on its training part, and kept with the run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from seqkit.data.series.panel import Floats, Panel
from seqkit.errors import CorpusError

__all__ = ["SCALINGS", "SeriesScaling"]

SMALLEST = 1e-12  # a deviation below this share of the largest value is rounding


def _standard(values: Floats) -> tuple[float, float]:
    return float(values.mean()), float(values.std())


def _robust(values: Floats) -> tuple[float, float]:
    lower, middle, upper = np.quantile(values, [0.25, 0.5, 0.75])
    return float(middle), float(upper - lower) / 1.349  # the deviation, if values are Gaussian


def _none(values: Floats) -> tuple[float, float]:
    return 0.0, 1.0


SCALINGS: Mapping[str, Callable[[Floats], tuple[float, float]]] = {
    "standard": _standard,
    "robust": _robust,
    "none": _none,
}


@dataclass(frozen=True, eq=False)
class SeriesScaling:
    """A level and a scale for each value of each series.

    Attributes:
        ids: the names of the series (E).
        levels: what becomes 0 (E, K).
        scales: what becomes 1 above the level (E, K); 1 where the training part is constant.
    """

    ids: Sequence[str]
    levels: Floats
    scales: Floats

    @classmethod
    def fitted(cls, kind: str, panel: Panel) -> Self:
        """Fit the scaling to the values of each series that were observed.

        Raises:
            CorpusError: if no value at all was observed.

        >>> scaling = SeriesScaling.fitted("standard", Panel.from_arrays({"a": [1.0, 3.0], "b": [5.0, 5.0]}))
        >>> scaling.levels.tolist(), scaling.scales.tolist()
        ([[2.0], [5.0]], [[1.0], [1.0]])
        """
        if not panel.observed.any():
            raise CorpusError("no series has a value to train on", file=panel.source)
        shape = len(panel), panel.targets.shape[1]
        levels, scales = np.zeros(shape), np.ones(shape)
        offsets = panel.offsets
        for series in range(len(panel)):
            part = slice(offsets[series], offsets[series + 1])
            for target in range(shape[1]):
                values = panel.targets[part, target][panel.observed[part, target]]
                if len(values):
                    levels[series, target], scales[series, target] = _fit(kind, values)
        return cls(list(panel.ids), levels, scales)

    def rows(self, panel: Panel) -> list[int]:
        """Return which scaling belongs to each series of a panel; a single scaling belongs to any series.

        Raises:
            CorpusError: if a series was not trained on, so that its scale is not known.
        """
        if len(self.ids) == 1:
            return [0] * len(panel)
        known = {name: row for row, name in enumerate(self.ids)}
        for name in panel.ids:
            if name not in known:
                examples = ", ".join(map(repr, self.ids[:5])) + (", …" if len(self.ids) > 5 else "")
                raise CorpusError(
                    f"the series {name!r} does not occur in the training data, so its scale is not known; there is"
                    f" {examples}; train with it",
                    file=panel.source,
                )
        return [known[name] for name in panel.ids]

    def apply(self, panel: Panel) -> Floats:
        """Return the scaled values of a panel (N, K)."""
        rows = np.repeat(np.asarray(self.rows(panel), dtype=np.int64), panel.lengths)
        scaled: Floats = (panel.targets - self.levels[rows]) / self.scales[rows]
        return scaled

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON contains."""
        return {"ids": list(self.ids), "levels": self.levels.tolist(), "scales": self.scales.tolist()}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Return the scaling of ``to_dict``."""
        return cls(saved["ids"], np.array(saved["levels"], dtype=float), np.array(saved["scales"], dtype=float))


def _fit(kind: str, values: Floats) -> tuple[float, float]:
    """Return level and scale; the values may be as large as floats are."""
    largest = float(np.abs(values).max())
    if largest == 0.0:
        return 0.0, 1.0
    unit = largest if kind != "none" else 1.0
    level, scale = SCALINGS[kind](values / unit)
    if kind == "robust" and scale <= SMALLEST:  # more than half of the values are equal
        scale = _standard(values / unit)[1]
    return level * unit, scale * unit if scale > SMALLEST or kind == "none" else 1.0
