"""Batches against naive loops over the examples."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import combinations, pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqkit.batches.batch import Batch, Ragged
from seqkit.batches.samplers import ROWS_A_STEP_IS_WORTH, BucketSampler, length_sorted_batches

quick = settings(max_examples=100)
LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=80)
BUDGETS = st.integers(1, 120)


def check_batches(batches: Sequence[Sequence[int]], lengths: Sequence[int], budget: int) -> None:
    """Assert that every example occurs once, and that padded batches are within the budget unless they have one row."""
    assert sorted(example for batch in batches for example in batch) == list(range(len(lengths)))
    for batch in batches:
        padded_tokens = max(lengths[example] for example in batch) * len(batch)
        assert padded_tokens <= budget or len(batch) == 1


# Batch


def test_a_batch_knows_its_mask_and_its_tokens() -> None:
    batch = Batch(inputs={"words": torch.ones(3, 4)}, lengths=torch.tensor([2, 4, 1]), targets=torch.zeros(3, 4))
    assert batch.mask.tolist() == [[True, True, False, False], [True] * 4, [True, False, False, False]]
    assert batch.steps == 7
    assert batch.to(torch.device("meta")).mask.device.type == "meta"


@pytest.mark.parametrize(
    ("lengths", "targets", "message"),
    [
        (torch.tensor([2, 1], dtype=torch.int32), None, "1-D int64 tensor on the CPU"),
        (torch.tensor([[2, 1]]), None, "1-D int64 tensor on the CPU"),
        (torch.tensor([2, 1], device="meta"), None, "1-D int64 tensor on the CPU"),
        (torch.tensor([], dtype=torch.int64), None, "at least one example"),
        (torch.tensor([2, 0]), None, "no example may be empty"),
        (torch.tensor([2, 1]), torch.zeros(3, 2), "3 rows of targets for 2 lengths"),
    ],
)
def test_an_inconsistent_batch_is_an_error(lengths: Tensor, targets: Tensor | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Batch(inputs={}, lengths=lengths, targets=targets)


def test_a_batch_moves_all_but_its_lengths() -> None:
    batch = Batch(inputs={"words": torch.ones(2, 2)}, lengths=torch.tensor([2, 1]), targets=torch.zeros(2, 2))
    assert batch.to(torch.device("cpu")) is batch
    moved = batch.to(torch.device("meta"))
    assert moved.targets is not None
    assert (moved.inputs["words"].device.type, moved.targets.device.type) == ("meta", "meta")
    assert torch.equal(moved.lengths, batch.lengths)
    assert Batch(inputs={}, lengths=torch.tensor([1])).to(torch.device("meta")).targets is None


def test_repeating_a_batch_repeats_rows_but_not_shared_tensors() -> None:
    inputs = {
        "words_BT": torch.tensor([[1, 2], [3, 0]]),
        "empty_B": torch.tensor([0, 1]),
    }
    shared = {"B_or_whatever": torch.randn(4, 2)}
    batch = Batch(inputs=inputs, lengths=torch.tensor([2, 1]), targets=torch.tensor([7, 8]), shared=shared)
    repeated = batch.repeated(3)
    assert repeated.inputs["words_BT"].tolist() == [[1, 2]] * 3 + [[3, 0]] * 3
    assert repeated.inputs["empty_B"].tolist() == [0, 0, 0, 1, 1, 1]
    assert repeated.shared["B_or_whatever"] is shared["B_or_whatever"]
    assert repeated.lengths.tolist() == [2, 2, 2, 1, 1, 1]
    assert repeated.targets is not None
    assert repeated.targets.tolist() == [7, 7, 7, 8, 8, 8]
    assert Batch(inputs=inputs, lengths=batch.lengths).repeated(1).targets is None


# Ragged


@quick
@given(st.lists(st.lists(st.integers(1, 999), max_size=6), min_size=1, max_size=8), st.data())
def test_padding_equals_a_loop_over_examples(rows: list[list[int]], data: st.DataObject) -> None:
    rows[0].append(5)  # at least one token: a corpus of only empty examples has nothing to pad
    flat = torch.tensor([value for row in rows for value in row])
    lengths = torch.tensor([len(row) for row in rows])
    ragged = Ragged(columns={"words": flat.to(torch.int16), "tags": -flat}, lengths=lengths)
    examples = data.draw(st.lists(st.sampled_from(range(len(rows))), min_size=1, max_size=10))
    longest = max(len(rows[example]) for example in examples)
    expected = [rows[example] + [0] * (longest - len(rows[example])) for example in examples]
    padded = ragged.pad(examples)
    assert len(ragged) == len(rows)
    assert padded.keys() == {"words", "tags"}
    assert padded["words"].dtype == torch.int64
    assert padded["words"].tolist() == expected
    assert padded["tags"].tolist() == [[-value for value in row] for row in expected]
    assert ragged.columns["tags"].tolist() == (-flat).tolist()  # the corpus itself is not padded


# Batches of similar lengths


def cost(rows: int, steps: int) -> int:
    """Return the cost of a batch: that of each step is proportional to its rows plus a constant."""
    return (rows + ROWS_A_STEP_IS_WORTH) * steps


@quick
@given(LENGTHS, BUDGETS)
def test_sorted_batches_contain_every_example_once_longest_first(lengths: list[int], budget: int) -> None:
    batches = length_sorted_batches(lengths, budget)
    check_batches(batches, lengths, budget)
    order = [example for batch in batches for example in batch]
    assert order == sorted(range(len(lengths)), key=lambda example: (-lengths[example], example))


@quick
@given(LENGTHS, BUDGETS)
def test_sorted_batches_grow_while_that_reduces_the_cost(lengths: list[int], budget: int) -> None:
    batches = length_sorted_batches(lengths, budget)
    for index, batch in enumerate(batches):
        size, longest = len(batch), lengths[batch[0]]
        assert 4 ** round(math.log(size, 4)) == size, "a power of four"
        if size > 1:
            quarter = size // 4
            assert cost(size, longest) <= cost(quarter, longest) + cost(3 * quarter, lengths[batch[quarter]])
        rest = [example for later in batches[index + 1 :] for example in later]
        if len(rest) >= 3 * size and 4 * size * longest <= budget:
            assert cost(4 * size, longest) > cost(size, longest) + cost(3 * size, lengths[rest[0]])


@quick
@given(LENGTHS, BUDGETS, st.integers(0, 99), st.integers(0, 9), st.sampled_from([1, 2, 50]))
def test_sampled_batches_contain_every_example_once(
    lengths: list[int], budget: int, seed: int, epoch: int, pool_batches: int
) -> None:
    sampler = BucketSampler(lengths=lengths, batch_tokens=budget, seed=seed, pool_batches=pool_batches)
    batches = sampler.epoch(epoch)
    check_batches(batches, lengths, budget)
    again = BucketSampler(lengths=lengths, batch_tokens=budget, seed=seed, pool_batches=pool_batches)
    assert again.epoch(epoch) == batches


def many_lengths() -> list[int]:
    return torch.randint(1, 60, (3000,), generator=torch.Generator().manual_seed(0)).tolist()


def test_epochs_and_seeds_have_different_orders() -> None:
    lengths = many_lengths()
    sampler = BucketSampler(lengths=lengths, batch_tokens=600, seed=1)
    other = BucketSampler(lengths=lengths, batch_tokens=600, seed=2)
    orders = [sampler.epoch(0), sampler.epoch(1), other.epoch(0), other.epoch(1)]
    for one, following in combinations(orders, 2):
        assert one != following
        shared = {frozenset(batch) for batch in one} & {frozenset(batch) for batch in following}
        assert len(shared) < len(one) / 20
    assert sampler.epoch(0) == orders[0]  # independent of the epochs drawn in between


def test_rows_of_a_batch_have_similar_lengths_and_batches_are_shuffled() -> None:
    lengths = many_lengths()
    batches = BucketSampler(lengths=lengths, batch_tokens=600, seed=1).epoch(0)
    longest = [max(lengths[example] for example in batch) for batch in batches]
    padded_tokens = sum(length * len(batch) for length, batch in zip(longest, batches, strict=True))
    assert sum(lengths) / padded_tokens > 0.9  # without sorting it would be about a half
    rising = sum(one <= other for one, other in pairwise(longest))
    assert 0.35 < rising / (len(batches) - 1) < 0.65


def test_a_very_long_example_does_not_affect_other_batches() -> None:
    lengths = many_lengths()
    without = BucketSampler(lengths=lengths, batch_tokens=600, seed=1).epoch(0)
    batches = BucketSampler(lengths=[*lengths, 30_000], batch_tokens=600, seed=1).epoch(0)
    assert [len(lengths)] in batches
    assert len(batches) < 1.1 * len(without)


# Balanced labels


@quick
@given(
    st.lists(st.tuples(st.integers(1, 30), st.sampled_from([3, 0, 7, -1])), min_size=1, max_size=80),
    BUDGETS,
    st.integers(0, 99),
    st.integers(0, 9),
)
def test_each_label_and_each_example_of_a_label_is_drawn_equally_often(
    examples: list[tuple[int, int]], budget: int, seed: int, epoch: int
) -> None:
    lengths, labels = [length for length, _ in examples], [label for _, label in examples]
    sampler = BucketSampler(lengths=lengths, batch_tokens=budget, seed=seed, labels=labels)
    batches = sampler.epoch(epoch)
    drawn = Counter(example for batch in batches for example in batch)
    assert drawn.total() == len(examples)
    of_label = {label: [drawn[index] for index, own in enumerate(labels) if own == label] for label in labels}
    times = [sum(counts) for counts in of_label.values()]
    assert max(times) - min(times) <= 1
    for counts in of_label.values():
        assert max(counts) - min(counts) <= 1
    for batch in batches:
        assert len(batch) * max(lengths[example] for example in batch) <= budget or len(batch) == 1
    assert BucketSampler(lengths=lengths, batch_tokens=budget, seed=seed, labels=labels).epoch(epoch) == batches


def test_each_epoch_draws_different_examples_of_a_frequent_label() -> None:
    labels = [0] * 10 + [1] * 990
    sampler = BucketSampler(lengths=[5] * 1000, batch_tokens=100, seed=1, labels=labels)
    drawn = [{example for batch in sampler.epoch(epoch) for example in batch if labels[example]} for epoch in range(8)]
    assert [len(examples) for examples in drawn] == [500] * 8
    assert len(set.union(*drawn)) > 970  # 2 ** -8 of them are expected never to be drawn
    assert all(150 < len(one & other) < 350 for one, other in combinations(drawn, 2))
    other = BucketSampler(lengths=[5] * 1000, batch_tokens=100, seed=2, labels=labels)
    assert other.epoch(0) != sampler.epoch(0)
