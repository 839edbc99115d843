"""Short series, and settings that make a detector of anomalies small enough to be trained within a test."""

from typing import Any

import numpy as np

from seqkit.anomaly_detector import AnomalyDetector
from seqkit.data.series.panel import Panel

__all__ = ["SERIES_SETTINGS", "spiked", "tiny_detector", "two_waves", "wave", "waves_panel"]

# All settings that a test may depend on are here, so that changing a default does not change a test.
SERIES_SETTINGS: dict[str, Any] = {
    "method": "forecast",
    "lookback": 16,
    "ahead": 5,
    "stride": 0,
    "combine": "median",
    "cell": "lstm",
    "hidden_size": 8,
    "num_layers": 1,
    "dropout": 0.0,
    "scaling": "standard",
    "smoothing": 1,
    "quantile": 0.99,
    "alarms": 0.0,
    "epochs": 2,
    "batch_tokens": 128,
    "learning_rate": 0.02,
    "average": 0.0,
    "patience": 10,
    "seed": 1,
}


def tiny_detector(**changes: Any) -> AnomalyDetector:
    """Return a detector with small settings, some of them changed."""
    return AnomalyDetector(device="cpu", **{**SERIES_SETTINGS, **changes})


def wave(points: int = 240, *, period: float = 12.0, level: float = 0.0, scale: float = 1.0) -> Any:
    """Return a sine wave with a little noise."""
    noise = np.random.default_rng(points).normal(size=points)
    return level + scale * (np.sin(2 * np.pi * np.arange(points) / period) + 0.05 * noise)


def spiked(values: Any, *places: int, size: float = 3.0) -> Any:
    """Return series with spikes."""
    changed = values.copy()
    changed[list(places)] += size
    return changed


def waves_panel(points: int = 240) -> Panel:
    """Return a panel of one wave."""
    return Panel.from_arrays([wave(points)])


def two_waves(points: int = 240) -> Panel:
    """Return one series of two values a point, of different levels and scales."""
    targets = np.stack([wave(points), wave(points, period=20, level=1e6, scale=1e3)], axis=1)
    return Panel(
        ids=["pump"],
        lengths=np.array([points]),
        starts=np.array([0]),
        times=np.arange(points),
        targets=targets,
        observed=np.isfinite(targets),
        past=np.zeros((points, 0)),
        known=np.zeros((points, 0)),
        target_names=("flow", "pressure"),
    )
