"""Windows of series against slices of lists."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqkit.batches.windows import Frames, WindowSampler
from seqkit.data.series.panel import Panel

LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=5)


def panel_of(lengths: list[int]) -> Panel:
    """Return series whose values are all different."""
    ends = np.cumsum(lengths)
    return Panel.from_arrays([np.arange(end - length, end) for end, length in zip(ends, lengths, strict=True)])


@given(LENGTHS, st.integers(1, 12), st.integers(1, 4), st.integers(1, 6), st.booleans())
def test_windows_are_slices_of_their_series(
    lengths: list[int], lookback: int, segment: int, horizon: int, full: bool
) -> None:
    panel = panel_of(lengths)
    frames = Frames.of_training(panel, lookback=lookback, segment=segment, horizon=horizon, season=1)
    if not len(frames):
        assert max(lengths) == 1
        return
    windows = range(len(frames))
    values = panel.targets[:, 0]
    context, future = frames.context(windows, full=full), frames.future(windows, horizon)
    series, origins = frames.locate(windows)
    for row in windows:
        own = values[panel.offsets[series[row]] : panel.offsets[series[row] + 1]].tolist()
        origin = int(origins[row])
        read = values[context.index_BT[row][context.inside_BT[row]].numpy()].tolist()
        assert read == own[max(0, origin - lookback) : origin]
        steps = int(context.segments_B[row])
        assert steps == -(-(lookback if full else len(read)) // segment)
        last = steps * segment - 1
        assert bool(context.inside_BT[row, last])  # the last segment ends at the origin
        assert not bool(context.inside_BT[row, last + 1 :].any())
        assert values[future.index_BH[row][future.inside_BH[row]].numpy()].tolist() == own[origin : origin + horizon]


@given(LENGTHS, st.integers(1, 6), st.integers(1, 6), st.integers(0, 3))
def test_scored_points_are_covered(lengths: list[int], horizon: int, stride: int, most: int) -> None:
    panel = panel_of(lengths)
    starts = np.array([length // 2 for length in lengths])
    panel = Panel(**{**vars(panel), "starts": starts})
    frames = Frames.of_scoring(panel, lookback=4, segment=2, horizon=horizon, stride=stride, most=most)
    series, origins = frames.locate(range(len(frames)))
    for number, length in enumerate(lengths):
        own = origins[series == number].tolist()
        first = max(1, length // 2)
        assert all(first <= origin < length for origin in own)
        if most:
            assert len(own) <= most
        elif first < length:
            covered = {point for origin in own for point in range(origin, min(origin + horizon, length))}
            assert own[0] == first
            if stride <= horizon:
                assert covered == set(range(first, length))


def test_each_series_is_drawn_equally_often_and_every_window_occurs() -> None:
    sampler = WindowSampler(counts=np.array([100, 0, 2]), size=64, windows=4096, seed=3)
    drawn = [window for batch in sampler.epoch(0) for window in batch]
    assert len(drawn) == 4096
    assert 1900 < sum(window < 100 for window in drawn) < 2200
    assert set(drawn) == set(range(102))
    assert Counter(map(len, sampler.epoch(0))) == {64: 64}
    assert sampler.epoch(5) == WindowSampler(counts=np.array([100, 0, 2]), size=64, windows=4096, seed=3).epoch(5)
    assert sampler.epoch(5) != sampler.epoch(6)
