"""Pictures of a run as PNG files: its learning curve, how far its confidence can be trusted, what it takes for what.

matplotlib is imported where a picture is drawn, since most uses of a model never draw one; its ``pyplot`` is not used,
so that no figure lives on and no display is looked for.
"""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqkit.metrics.calibration import BINS, Bin
from seqkit.metrics.metric import shown, worst
from seqkit.text.vocabulary import encodable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["confusion_matrix", "learning_curve", "reliability_diagram"]

LONGEST_NAME = 24  # characters of a label that are drawn
MOST_COUNTED = 12  # labels up to which counts are written into the cells
MOST_NAMED = 100  # labels up to which their names are drawn


def learning_curve(history: Sequence[Mapping[str, float]], metric: str) -> bytes:
    """A PNG of training loss and dev score over the epochs.

    Args:
        history: one record an epoch, as in ``metrics.jsonl``.
        metric: the dev score to draw.

    >>> learning_curve([{"epoch": 1, "train_loss": 0.5, "dev_f1": 0.8}], "f1")[1:4]
    b'PNG'
    """
    return _png(_learning_curve(history, metric))


def reliability_diagram(bins: Sequence[Bin], error: float, *, before: float | None = None) -> bytes:
    """A PNG of accuracy over confidence, above how many predictions have each confidence.

    The nearer the bars are to the diagonal, the more a probability means what it says (Guo et al. 2017, figure 1).

    Args:
        bins: as ``seqkit.metrics.calibration.reliability`` gives them by default.
        error: the expected calibration error, in 0..1, for the title.
        before: the same before temperature scaling, where that was done.

    >>> reliability_diagram([Bin(count=3, confidence=0.9, accuracy=0.7)], 0.2)[1:4]
    b'PNG'
    """
    return _png(_reliability_diagram(bins, error, before))


def confusion_matrix(counts: Sequence[Sequence[int]], labels: Sequence[str]) -> bytes:
    """A PNG of which label was predicted for which; a cell is the darker the greater its share of its row.

    Args:
        counts: for each gold label how often each label was predicted; a square.
        labels: the names of its rows, and of its columns.

    >>> confusion_matrix([[8, 1], [0, 4]], ["positive", "negative"])[1:4]
    b'PNG'
    """
    return _png(_confusion_matrix(counts, labels))


def _png(figure: "Figure") -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The names of labels may be in any script; what the font lacks is drawn as a box, which is no one's mistake.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _learning_curve(history: Sequence[Mapping[str, float]], metric: str) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    share = shown(metric, 0.0).endswith("%")
    name = f"dev {metric.upper() if metric == 'f1' else metric}{' in %' if share else ''}"
    epochs = [record["epoch"] for record in history]
    losses = [record["train_loss"] for record in history]
    scores = [(100 if share else 1) * record[f"dev_{metric}"] for record in history]
    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    loss_axes = figure.add_subplot()
    score_axes = loss_axes.twinx()
    (loss_line,) = loss_axes.plot(epochs, losses, color="tab:gray", marker=".", label="training loss")
    (score_line,) = score_axes.plot(epochs, scores, color="tab:blue", marker=".", label=name)
    best = (max if worst(metric) < 0 else min)(range(len(scores)), key=scores.__getitem__)
    score_axes.annotate(
        f"best {scores[best]:.2f}",
        (epochs[best], scores[best]),
        textcoords="offset points",
        xytext=(0, 8 if share else -14),
        ha="right",
    )
    loss_axes.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
    room = 5 if share else 0.1 * max(scores)
    score_axes.set(ylabel=name, ylim=(None, max(scores) + room) if share else (min(scores) - room, None))
    loss_axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    loss_axes.legend(handles=[loss_line, score_line], loc="center right", frameon=False)
    return figure


def _reliability_diagram(bins: Sequence[Bin], error: float, before: float | None) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    # A bin knows its mean confidence, not its borders: those are found again, so that bars stand side by side. The mean
    # of confidences that all are a border may have been rounded to just below it.
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
    title = f"expected calibration error {shown('error', error)}"
    if before is not None:
        title += f"\nbefore temperature scaling {shown('error', before)}"
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
    names = [_short(label) for label in labels] if len(labels) <= MOST_NAMED else []
    few = len(labels) <= MOST_COUNTED
    side = max(2.5, 0.6 * len(labels)) if few else min(max(7.2, 0.14 * len(labels)), 14.0)  # inches
    size = min(10.0, 43 * side / len(labels))  # points: lines of text that fit beside the rows
    room = 0.009 * size * max(map(len, names), default=0)  # inches that the longest name takes
    upright = room > 0.9 * side / len(labels)
    figure = Figure(figsize=(side + room + 1.6, side + (room if upright else 0) + 0.8), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    figure.colorbar(image, ax=axes, label="share of the gold label", fraction=0.05, aspect=30, pad=0.02)
    axes.set(xlabel="predicted", ylabel="gold")
    # Names are no formulas, though they may hold dollar signs.
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


def _short(label: str) -> str:
    """A label as it is drawn: on one line, and no longer than there is room for."""
    name = " ".join(encodable(label).split())
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rstrip()}…"
