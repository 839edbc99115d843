"""Figures: what they contain, and that their files are valid."""

import ast
import io
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.image import imread

import seqkit.runs.figures as figures
from seqkit.metrics.calibration import Bin, reliability
from seqkit.metrics.metric import F1, PERPLEXITY, Metric
from seqkit.runs.figures import (
    _confusion_matrix,
    _learning_curve,
    _reliability_diagram,
    confusion_matrix,
    learning_curve,
    reliability_diagram,
)

BINS = [Bin(2, 0.11, 0.5), Bin(40, 0.52, 0.4), Bin(300, 0.97, 0.9)]
HISTORY = [
    {"epoch": 1, "train_loss": 2.0, "dev_f1": 0.5, "dev_perplexity": 90.0},
    {"epoch": 2, "train_loss": 1.0, "dev_f1": 0.75, "dev_perplexity": 60.0},
    {"epoch": 3, "train_loss": 0.5, "dev_f1": 0.625, "dev_perplexity": 70.0},
]


def square(labels: int) -> list[list[int]]:
    return [[1 + 7 * (row == column) for column in range(labels)] for row in range(labels)]


def names(labels: int) -> list[str]:
    return [f"label {number}" for number in range(labels)]


def texts_in(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


# The files.


@pytest.mark.parametrize(
    "draw",
    [
        *(lambda epochs=epochs: learning_curve(HISTORY[:epochs], F1) for epochs in (1, 2, 3)),
        lambda: learning_curve(HISTORY, PERPLEXITY),
        lambda: reliability_diagram(BINS, 0.05),
        lambda: reliability_diagram(BINS[:1], 0.05, before=0.2),
        lambda: reliability_diagram([], 0.0),
        *(lambda labels=labels: confusion_matrix(square(labels), names(labels)) for labels in (1, 2, 100, 150)),
        lambda: confusion_matrix([[0, 0], [0, 0]], ["never", "seen"]),
    ],
)
def test_a_figure_is_a_png_of_reasonable_size_with_content(draw: Callable[[], bytes]) -> None:
    png = draw()
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    pixels = imread(io.BytesIO(png))
    assert all(300 <= side <= 2300 for side in pixels.shape[:2])
    assert len(np.unique(pixels[::3, ::3, 0])) > 10
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (border == 1).all()  # nothing is clipped at the edge


@pytest.mark.slow
def test_equal_data_give_equal_files_and_different_data_different_ones() -> None:
    pictures = {
        learning_curve(HISTORY, F1),
        learning_curve(HISTORY, F1),
        learning_curve(HISTORY[:2], F1),
        reliability_diagram(BINS, 0.05),
        reliability_diagram(BINS, 0.05),
        reliability_diagram(BINS[1:], 0.05),
        confusion_matrix(square(2), names(2)),
        confusion_matrix(square(2), names(2)),
        confusion_matrix([[8, 1], [1, 7]], names(2)),
    }
    assert len(pictures) == 6


def test_pyplot_is_not_used() -> None:
    tree = ast.parse(Path(figures.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert any("matplotlib" in ast.unparse(node) for node in imports)
    assert not any("pyplot" in ast.unparse(node) for node in imports)
    assert not any("matplotlib" in ast.unparse(node) for node in tree.body if node in imports)  # slow to load


# The learning curve.


@pytest.mark.parametrize(("metric", "factor", "best"), [(F1, 100, "best 75.00"), (PERPLEXITY, 1, "best 60.00")])
def test_a_learning_curve_has_every_epoch_and_annotates_the_best(metric: Metric, factor: float, best: str) -> None:
    figure = _learning_curve(HISTORY, metric)
    losses, scores = (np.asarray(axes.lines[0].get_xydata()).tolist() for axes in figure.axes)
    assert losses == [[1, 2.0], [2, 1.0], [3, 0.5]]
    assert scores == [[record["epoch"], factor * record[f"dev_{metric.name}"]] for record in HISTORY]
    assert [text.get_text() for text in figure.axes[1].texts] == [best]


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_learning_curve_of_few_epochs_can_be_drawn(epochs: int) -> None:
    history = [{"epoch": epoch, "train_loss": 0.0, "dev_f1": 1.0} for epoch in range(1, epochs + 1)]
    assert learning_curve(history, F1).startswith(b"\x89PNG")


# The reliability diagram.


@settings(max_examples=15)
@given(st.lists(st.tuples(st.floats(0, 1) | st.integers(0, 15).map(lambda n: n / 15), st.booleans()), max_size=40))
def test_bars_are_the_accuracies_and_the_counts_of_the_bins(predictions: list[tuple[float, bool]]) -> None:
    bins = reliability([confidence for confidence, _ in predictions], [correct for _, correct in predictions])
    upper, lower = _reliability_diagram(bins, 0.1, None).axes
    bars: list[Any] = list(upper.patches)
    assert [bar.get_height() for bar in bars] == [part.accuracy for part in bins]
    assert [bar.get_height() for bar in lower.patches] == [part.count for part in bins]  # type: ignore[attr-defined]
    for bar, part in zip(bars, bins, strict=True):
        assert bar.get_x() - 1e-9 <= part.confidence <= bar.get_x() + bar.get_width() + 1e-9
    assert len({bar.get_x() for bar in bars}) == len(bins)  # no two bars overlap


def test_the_diagonal_and_the_mean_confidences_are_drawn() -> None:
    upper, lower = _reliability_diagram(BINS, 0.1, None).axes
    diagonal, means = upper.lines
    assert np.asarray(diagonal.get_xydata()).tolist() == [[0, 0], [1, 1]]
    assert np.asarray(means.get_xydata()).tolist() == [[part.confidence, part.accuracy] for part in BINS]
    assert upper.get_xlim() == lower.get_xlim() == (0, 1)
    assert lower.get_ylim()[1] > 300


def test_the_title_has_the_error_and_the_error_before_scaling() -> None:
    titles = [_reliability_diagram(BINS, 0.0312, before).axes[0].get_title() for before in (None, 0.104)]
    assert titles == [
        "expected calibration error 3.12 %",
        "expected calibration error 3.12 %\nbefore temperature scaling 10.40 %",
    ]


# The confusion matrix.


def test_a_cell_has_its_count_and_the_colour_of_its_share_of_the_row() -> None:
    axes = _confusion_matrix([[3, 1, 0], [0, 0, 0], [2, 0, 18]], ["a", "b", "c"]).axes[0]
    assert np.asarray(axes.images[0].get_array()).tolist() == [[0.75, 0.25, 0], [0, 0, 0], [0.1, 0, 0.9]]
    assert axes.images[0].get_clim() == (0, 1)
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert (cells[0, 0], cells[1, 0], cells[0, 2], cells[2, 2]) == ("3", "1", "2", "18")  # column, row
    assert {text.get_position() for text in axes.texts if text.get_color() == "white"} == {(0, 0), (2, 2)}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "gold")
    assert axes.get_ylim() == (2.5, -0.5)  # the first row is on top


@pytest.mark.parametrize(
    ("labels", "counted", "named"), [(1, 1, 1), (12, 144, 12), (13, 0, 13), (100, 0, 100), (101, 0, 0)]
)
def test_counts_and_names_are_drawn_if_there_is_room(labels: int, counted: int, named: int) -> None:
    figure = _confusion_matrix(square(labels), names(labels))
    assert len(texts_in(figure)) == counted
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        assert [text.get_text() for text in axis.get_ticklabels()] == names(labels)[:named]
        assert len(axis.get_ticklocs()) == named


def test_long_names_are_truncated() -> None:
    labels = ["x" * 24, "y" * 25, "two\nlines", "z" * 22 + " and more"]
    drawn = [text.get_text() for text in _confusion_matrix(square(4), labels).axes[0].get_yticklabels()]
    assert drawn == ["x" * 24, "y" * 23 + "…", "two lines", "z" * 22 + "…"]


@pytest.mark.parametrize("labels", [3, 20])
def test_names_do_not_overlap(labels: int) -> None:
    figure = _confusion_matrix(square(labels), [f"a long name of label {number}" for number in range(labels)])
    figure.draw_without_rendering()
    axes = figure.axes[0]
    for texts in (axes.get_xticklabels(), axes.get_yticklabels()):
        boxes = [text.get_window_extent() for text in texts]
        assert not any(one.overlaps(other) for one, other in pairwise(boxes))


@pytest.mark.parametrize("name", ["$", r"$\nothing$", "100 %", "正面", "😀", "\ud800", "\0\x07", "", "עברית", "_a^b"])
def test_a_label_may_be_any_text(name: str) -> None:
    assert confusion_matrix([[8, 1], [1, 7]], [name, "other"]).startswith(b"\x89PNG")
