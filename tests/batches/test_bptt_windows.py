"""Streams and windows: for all sizes, every token is predicted once, from the token before it."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqkit.batches.bptt_windows import Window, WindowSampler, window_tokens
from seqkit.config.language_model import LanguageModelConfig
from seqkit.models.language_model import NextTokenModel

SIZES = st.tuples(st.integers(1, 300), st.integers(1, 40), st.integers(1, 50), st.booleans(), st.integers(0, 3))


def pairs_read(ids: np.ndarray, windows: Sequence[Window], before: int) -> list[tuple[int, int]]:
    """Return the input and target of every real token, in the order of the windows."""
    pairs: list[tuple[int, int]] = []
    for window in windows:
        inputs, targets, lengths = window_tokens(ids, window, before=before)
        assert inputs.shape == targets.shape == (window.rows, window.steps)
        assert lengths.dtype == torch.int64
        assert int(lengths.min()) >= 1
        for row, length in enumerate(lengths.tolist()):
            pairs += zip(inputs[row, :length].tolist(), targets[row, :length].tolist(), strict=True)
            assert not inputs[row, length:].any()
            assert not targets[row, length:].any()
    return pairs


@settings(deadline=None, max_examples=300)
@given(SIZES)
def test_every_token_is_the_target_once_and_its_input_is_the_token_before(
    sizes: tuple[int, int, int, bool, int],
) -> None:
    tokens, streams, steps, vary, epoch = sizes
    ids = np.arange(1000, 1000 + tokens)
    windows = WindowSampler(tokens=tokens, streams=streams, steps=steps, vary=vary, seed=3).epoch(epoch)
    expected = [(7, 1000), *itertools.pairwise(range(1000, 1000 + tokens))]
    assert sorted(pairs_read(ids, windows, before=7), key=lambda pair: pair[1]) == expected


@settings(deadline=None)
@given(SIZES)
def test_a_stream_continues_where_its_last_window_ended(sizes: tuple[int, int, int, bool, int]) -> None:
    tokens, streams, steps, vary, epoch = sizes
    windows = WindowSampler(tokens=tokens, streams=streams, steps=steps, vary=vary).epoch(epoch)
    read: dict[int, list[int]] = {}
    for window in windows:
        _, targets, lengths = window_tokens(np.arange(tokens), window, before=0)
        for row, length in enumerate(lengths.tolist()):
            read.setdefault(row, []).extend(targets[row, :length].tolist())
    assert [token for row in sorted(read) for token in read[row]] == list(range(tokens))
    assert len(read) == min(streams, tokens)
    assert max(map(len, read.values())) - min(map(len, read.values())) <= 1


def test_random_window_lengths_are_determined_by_seed_and_epoch() -> None:
    def lengths(seed: int, epoch: int) -> list[int]:
        sampler = WindowSampler(tokens=200_000, streams=10, steps=70, vary=True, seed=seed)
        return [window.steps for window in sampler.epoch(epoch)]

    assert lengths(1, 0) == lengths(1, 0)
    assert lengths(1, 0) != lengths(1, 1)
    assert lengths(1, 0) != lengths(2, 0)


def test_random_window_lengths_are_distributed_as_published() -> None:
    """The mean is 70, or 35 in 5 % of the windows, with a standard deviation of 5 (Merity et al. 2018)."""
    windows = WindowSampler(tokens=7_000_000, streams=10, steps=70, vary=True, seed=1).epoch(0)[:-1]
    usual = [window.steps for window in windows if window.steps > 52]
    short = [window.steps for window in windows if window.steps <= 52]
    assert 0.04 < len(short) / len(windows) < 0.06
    assert np.mean(usual) == pytest.approx(70, abs=0.3)
    assert np.std(usual) == pytest.approx(5, abs=0.2)
    assert np.mean(short) == pytest.approx(35, abs=0.8)
    assert all(window.learning_rate_scale == window.steps / 70 for window in windows)


def test_the_learning_rate_follows_the_length_of_a_window() -> None:
    sampler = WindowSampler(tokens=25, streams=1, steps=10)
    assert [sampler.learning_rate_scale(window) for window in sampler.epoch(0)] == [1.0, 1.0, 0.5]


def test_only_the_tokens_of_a_window_are_read() -> None:
    """A text may be larger than memory, so only the indices of the window are read."""

    class RecordingIds:
        def __init__(self) -> None:
            self.indices: list[np.ndarray] = []

        def __len__(self) -> int:
            return 10**12

        def __getitem__(self, indices: np.ndarray) -> np.ndarray:
            self.indices.append(indices)
            return indices % 100

    ids: Any = RecordingIds()
    window_tokens(ids, Window(500, 20, streams=4, rows=4), before=0)
    assert sum(indices.size for indices in ids.indices) == 2 * 4 * 20


def test_windows_do_not_change_the_nll_of_a_stream() -> None:
    """With state carried between windows, the negative log-likelihood is that of one long window."""
    torch.manual_seed(1)
    model = NextTokenModel(LanguageModelConfig(embedding_size=6, hidden_size=8, num_layers=2), 20).double().eval()
    ids = np.random.default_rng(1).integers(0, 20, 103)

    def nll(steps: int) -> float:
        carry, total = model.initial_carry(1), 0.0
        for window in WindowSampler(tokens=len(ids), streams=1, steps=steps).epoch(0):
            inputs, targets, lengths = window_tokens(ids, window, before=0)
            states, _, carry = model(inputs, lengths, carry)
            total -= float(model.head.log_probabilities(states[0], targets[0], model.tied_VH).double().sum())
        return total

    with torch.no_grad():
        assert nll(1) == pytest.approx(nll(200), rel=1e-6)
        assert nll(7) == pytest.approx(nll(200), rel=1e-6)
