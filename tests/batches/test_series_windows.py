"""Series as windows and as streams."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.batches.series_windows import (
    StreamSampler,
    Stretches,
    WindowShuffler,
    read_streams,
    series_streams,
    window_batches,
    windows_of,
)

LENGTHS = st.lists(st.integers(0, 30), min_size=1, max_size=5).map(lambda values: np.array(values, dtype=np.int64))
SIZE = st.integers(1, 12)


def points_of(stretch: Stretches) -> list[list[int]]:
    rows = zip(stretch.starts.tolist(), stretch.lengths.tolist(), strict=True)
    return [list(range(start, start + length)) for start, length in rows]


def series_of(lengths: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(lengths)), lengths)


@given(LENGTHS, SIZE, SIZE)
def test_windows_stay_within_a_series_and_cover_it(lengths: np.ndarray, width: int, stride: int) -> None:
    windows = points_of(windows_of(lengths, width, min(stride, width)))
    owner = series_of(lengths)
    assert {point for window in windows for point in window} == set(range(int(lengths.sum())))
    for window in windows:
        assert len({owner[point] for point in window}) == 1
        assert len(window) == min(width, lengths[owner[window[0]]])


@given(LENGTHS, SIZE, st.integers(0, 30))
def test_windows_that_end_before_the_first_point_are_left_out(lengths: np.ndarray, width: int, first: int) -> None:
    """Compared with all windows, of which those are kept that contain a point to be scored."""
    firsts = np.minimum(first, lengths)
    offsets = np.cumsum(lengths) - lengths
    kept = points_of(windows_of(lengths, width, 1, firsts))
    scored = {
        int(offset + place) for offset, n, f in zip(offsets, lengths, firsts, strict=True) for place in range(f, n)
    }
    wanted = [window for window in points_of(windows_of(lengths, width, 1)) if scored & set(window)]
    assert [window for window in kept if scored & set(window)] == wanted
    assert len(kept) <= len(wanted) + len(lengths)


@given(LENGTHS, st.integers(1, 4), SIZE)
def test_a_continued_row_goes_on_where_the_same_row_ended(lengths: np.ndarray, rows: int, steps: int) -> None:
    lengths = lengths[lengths > 0]
    starts = np.cumsum(lengths) - lengths
    ends: list[int] = []
    seen: list[int] = []
    for batch in read_streams(starts, lengths, rows, steps):
        if batch.continued:
            assert batch.starts.tolist() == ends[: len(batch.starts)]
        else:
            assert set(batch.starts.tolist()) <= set(starts.tolist())
        assert len(batch.starts) <= rows
        assert (batch.lengths >= 1).all()
        assert (batch.lengths <= steps).all()
        ends = (batch.starts + batch.lengths).tolist()
        seen += [point for row in points_of(batch) for point in row]
    assert sorted(seen) == list(range(int(lengths.sum())))


@given(LENGTHS, SIZE, st.integers(0, 3))
def test_an_epoch_reads_every_point_once_and_no_stream_crosses_series(
    lengths: np.ndarray, steps: int, epoch: int
) -> None:
    sampler = StreamSampler(lengths=lengths, rows=3, steps=steps, seed=4)
    owner = series_of(lengths)
    rows = [row for batch in sampler.epoch(epoch) for row in points_of(batch)]
    assert sorted(point for row in rows for point in row) == list(range(int(lengths.sum())))
    assert all(len(set(owner[row])) == 1 for row in rows)
    again = StreamSampler(lengths=lengths, rows=3, steps=steps, seed=4).epoch(epoch)
    assert rows == [row for batch in again for row in points_of(batch)]


def test_windows_are_shuffled_anew_in_each_epoch() -> None:
    windows = windows_of(np.array([200]), 10, 1)
    shuffler = WindowShuffler(windows=windows, rows=8, seed=1)
    orders = [[int(start) for batch in shuffler.epoch(epoch) for start in batch.starts] for epoch in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(191))
    assert shuffler.learning_rate_scale(windows) == 1.0


def test_series_are_read_whole_within_a_budget() -> None:
    batches = series_streams(np.array([1000, 0, 3]), 100)
    assert max(int(batch.lengths.sum()) for batch in batches) <= 100
    assert sum(int(batch.lengths.sum()) for batch in batches) == 1003
    assert series_streams(np.array([0]), 100) == []


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_batches_of_windows_keep_their_order(rows: int) -> None:
    windows = windows_of(np.array([30, 4]), 5, 2)
    batches = window_batches(windows, rows)
    assert [start for batch in batches for start in batch.starts] == windows.starts.tolist()
