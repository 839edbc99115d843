"""Figures of a run as PNG files: learning curve, reliability diagram, confusion matrix.

matplotlib is imported only when a figure is drawn, because most programs never draw one. ``pyplot`` is not used, so no
figure stays in memory and no display is needed.
"""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqkit.metrics.calibration import BINS, Bin
from seqkit.metrics.metric import EXPECTED_CALIBRATION_ERROR, Metric
from seqkit.text.vocabulary import encodable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["confusion_matrix", "learning_curve", "png_of", "reliability_diagram", "short_name"]

MAX_NAME = 24  # maximum number of characters of a label that are drawn
MAX_COUNTED = 12  # maximum number of labels with counts written into the cells
MAX_NAMED = 100  # maximum number of labels whose names are drawn


def learning_curve(history: Sequence[Mapping[str, float]], metric: Metric) -> bytes:
    """Draw training loss and dev score over the epochs, as a PNG.

    Args:
        history: one record per epoch, as in ``metrics.jsonl``.
        metric: the dev score to draw.

    >>> learning_curve([{"epoch": 1, "train_loss": 0.5, "dev_f1": 0.8}], Metric("f1", True, "%"))[1:4]
    b'PNG'
    """
    return png_of(_learning_curve(history, metric))


def reliability_diagram(bins: Sequence[Bin], error: float, *, before: float | None = None) -> bytes:
    """Draw accuracy over confidence, above a histogram of confidence, as a PNG.

    The nearer the bars are to the diagonal, the better the calibration (Guo et al. 2017, figure 1).

    Args:
        bins: what ``seqkit.metrics.calibration.reliability`` returns by default.
        error: the expected calibration error, in 0..1, for the title.
        before: the expected calibration error before temperature scaling, if it was applied.

    >>> reliability_diagram([Bin(count=3, confidence=0.9, accuracy=0.7)], 0.2)[1:4]
    b'PNG'
    """
    return png_of(_reliability_diagram(bins, error, before))


def confusion_matrix(counts: Sequence[Sequence[int]], labels: Sequence[str]) -> bytes:
    """Draw a confusion matrix as a PNG; the darker a cell, the greater its share of its row.

    Args:
        counts: how often each label (column) was predicted for each gold label (row).
        labels: the names of the rows, and of the columns.

    >>> confusion_matrix([[8, 1], [0, 4]], ["positive", "negative"])[1:4]
    b'PNG'
    """
    return png_of(_confusion_matrix(counts, labels))


def png_of(figure: "Figure") -> bytes:
    """Draw a figure as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Labels may be in any script; a character that is missing from the font is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _learning_curve(history: Sequence[Mapping[str, float]], metric: Metric) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    percent = metric.unit == "%"
    label = "dev F1" if metric.name == "f1" else f"dev {metric.name}"
    if metric.unit:
        label += f" in {metric.unit}"
    epochs = [record["epoch"] for record in history]
    losses = [record["train_loss"] for record in history]
    scores = [(100 if percent else 1) * record[f"dev_{metric.name}"] for record in history]
    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    loss_axes = figure.add_subplot()
    score_axes = loss_axes.twinx()
    (loss_line,) = loss_axes.plot(epochs, losses, color="tab:gray", marker=".", label="training loss")
    (score_line,) = score_axes.plot(epochs, scores, color="tab:blue", marker=".", label=label)
    best = (max if metric.higher_is_better else min)(range(len(scores)), key=scores.__getitem__)
    score_axes.annotate(
        f"best {scores[best]:.2f}",
        (epochs[best], scores[best]),
        textcoords="offset points",
        xytext=(0, 8 if percent else -14),
        ha="right",
    )
    loss_axes.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
    room = 5 if percent else 0.1 * max(scores)
    score_axes.set(ylabel=label, ylim=(None, max(scores) + room) if percent else (min(scores) - room, None))
    loss_axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    loss_axes.legend(handles=[loss_line, score_line], loc="center right", frameon=False)
    return figure


def _reliability_diagram(bins: Sequence[Bin], error: float, before: float | None) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    # A bin has a mean confidence but no borders; the left border is computed from the mean. The mean of confidences
    # that all equal a border may have been rounded to just below it, hence 1e-9.
    left = [min(int(part.confidence * BINS + 1e-9), BINS - 1) / BINS for part in bins]
    bars = {"width": 1 / BINS, "align": "edge", "edgecolor": "white", "linewidth": 0.8}
    figure = Figure(figsize=(5, 6), dpi=120, layout="constrained")
    upper, lower = figure.subplots(2, sharex=True, height_ratios=[4, 1])
    upper.bar(left, [part.accuracy for part in bins], color="tab:blue", alpha=0.75, label="accuracy", **bars)
    upper.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1, label="accuracy = confidence")
    means, heights = [part.confidence for part in bins], [part.accuracy for part in bins]
    upper.plot(means, heights, color="black", marker="o", markersize=4, linestyle="", label="mean confidence")
    upper.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02))
    upper.legend(loc="upper left", frameon=False)
    title = f"expected calibration error {EXPECTED_CALIBRATION_ERROR.format(error)}"
    if before is not None:
        title += f"\nbefore temperature scaling {EXPECTED_CALIBRATION_ERROR.format(before)}"
    upper.set_title(title)
    counts = [part.count for part in bins]
    lower.bar(left, counts, color="tab:gray", **bars)
    lower.set(xlabel="confidence", ylabel="predictions", ylim=(0, 1.1 * max(counts, default=1)))
    lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    return figure


def _confusion_matrix(counts: Sequence[Sequence[int]], labels: Sequence[str]) -> "Figure":
    from matplotlib.figure import Figure

    table = np.asarray(counts, dtype=np.int64)
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    names = [short_name(label) for label in labels] if len(labels) <= MAX_NAMED else []
    few = len(labels) <= MAX_COUNTED
    side = max(2.5, 0.6 * len(labels)) if few else min(max(7.2, 0.14 * len(labels)), 14.0)  # inches
    size = min(10.0, 43 * side / len(labels))  # points, so that the names fit beside the rows
    room = 0.009 * size * max(map(len, names), default=0)  # inches of the longest name
    upright = room > 0.9 * side / len(labels)
    figure = Figure(figsize=(side + room + 1.6, side + (room if upright else 0) + 0.8), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    figure.colorbar(image, ax=axes, label="share of the gold label", fraction=0.05, aspect=30, pad=0.02)
    axes.set(xlabel="predicted", ylabel="gold")
    # A label may contain dollar signs, but is not a formula.
    axes.set_xticks(range(len(names)), names, fontsize=size, rotation=90 if upright else 0, parse_math=False)
    axes.set_yticks(range(len(names)), names, fontsize=size, parse_math=False)
    if few:
        _write_counts(axes, counts, shares.tolist())
    return figure


def _write_counts(axes: "Axes", counts: Sequence[Sequence[int]], shares: Sequence[Sequence[float]]) -> None:
    for row, line in enumerate(counts):
        for column, count in enumerate(line):
            color = "white" if shares[row][column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=9)


def short_name(name: str, most: int = MAX_NAME) -> str:
    """Return a name as it is drawn: on one line, and with at most ``most`` characters.

    >>> short_name("a name\\nof two lines", most=10)
    'a name of…'
    """
    line = " ".join(encodable(name).split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"
