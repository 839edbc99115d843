"""Reversed rows against Python's own reversal, in value and gradient."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqkit.nn.reverse import Reversal, reversed_within_lengths

lengths_in_any_order = st.lists(st.integers(0, 6), min_size=1, max_size=5)


@given(lengths=lengths_in_any_order, more=st.integers(0, 2))
def test_rows_are_reversed_and_padding_stays_in_place(lengths: list[int], more: int) -> None:
    steps = max(1, max(lengths) + more)
    values = torch.arange(len(lengths) * steps).view(len(lengths), steps)
    expected = [row[:length][::-1] + row[length:] for row, length in zip(values.tolist(), lengths, strict=True)]
    assert reversed_within_lengths(values, torch.tensor(lengths)).tolist() == expected


@given(lengths=lengths_in_any_order)
def test_a_second_reversal_undoes_the_first(lengths: list[int]) -> None:
    values, reversal = torch.randn(len(lengths), 6, 2, 3), Reversal(torch.tensor(lengths), 6)
    assert torch.equal(reversal(reversal(values)), values)


@pytest.mark.parametrize("width", [(), (3,)])
def test_gradients_go_back_to_where_values_came_from(width: tuple[int, ...]) -> None:
    values = torch.randn(3, 4, *width, dtype=torch.float64, requires_grad=True)
    reversal = Reversal(torch.tensor([4, 1, 3]), 4)
    assert torch.autograd.gradcheck(reversal, (values,))
