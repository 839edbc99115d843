"""Sampling: filters against transformers' and by hand, histories against brute force, draws against probabilities."""

import copy
import math
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

import seqkit.generation.filters as sampling
from seqkit.errors import DivergenceError
from seqkit.generation.filters import SamplingFilters, TokenHistory, Uniforms, check_chosen, choose, filtered

INF = torch.inf
LARGEST_UNIFORM = 1 - 2**-53
DEFAULTS = SamplingFilters()
quick = settings(max_examples=60)

# In the order in which they are applied: valid values, and the equivalent in transformers.
FILTERS: dict[str, tuple[st.SearchStrategy[Any], str]] = {
    "repetition_penalty": (st.floats(0.3, 4), "RepetitionPenaltyLogitsProcessor"),
    "no_repeat_ngram": (st.integers(1, 4), "NoRepeatNGramLogitsProcessor"),
    "temperature": (st.floats(0.05, 20), "TemperatureLogitsWarper"),
    "top_k": (st.integers(1, 50), "TopKLogitsWarper"),
    "top_p": (st.floats(0.001, 0.999), "TopPLogitsWarper"),
    "min_p": (st.floats(0.001, 1), "MinPLogitsWarper"),
    "typical_p": (st.floats(0.001, 0.999), "TypicalLogitsWarper"),
}
EXTREMES: dict[str, list[Any]] = {
    "temperature": [0, 0.0, 1e-6, 1e6],
    "top_k": [0, 1, 10**30],
    "top_p": [1e-300, 1e-9, 1 - 1e-9, 1, 1.0],
    "min_p": [0, 0.0, 1e-300, 1, 1.0],
    "typical_p": [1e-300, 1e-9, 1 - 1e-9, 1, 1.0],
    "repetition_penalty": [1e-6, 1, 1e6],
    "no_repeat_ngram": [0, 1, 10**30],
}


class Case(NamedTuple):
    """Scores of a batch, some of them equal and some −∞, and the earlier tokens of each row."""

    logits: Tensor  # (B, V)
    tokens: Tensor  # (B, T)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rows, vocabulary, steps = draw(st.integers(1, 4)), draw(st.integers(1, 40)), draw(st.integers(0, 30))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 100_000)))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    logits = torch.randn(rows, vocabulary, generator=generator, dtype=dtype) * draw(st.sampled_from([0.0, 1.0, 5.0]))
    logits = logits.round() if draw(st.booleans()) else logits  # many equal values
    if draw(st.booleans()):
        out = torch.rand(rows, vocabulary, generator=generator) < 0.3
        out.scatter_(1, torch.randint(vocabulary, (rows, 1), generator=generator), False)
        logits = logits.masked_fill(out, -INF)
    return Case(logits, torch.randint(vocabulary, (rows, steps), generator=generator))


def settings_of(values: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[SamplingFilters]:
    return st.fixed_dictionaries({}, optional=values).map(lambda drawn: SamplingFilters(**drawn))


all_filters = settings_of({name: values for name, (values, _) in FILTERS.items()})
extreme_filters = settings_of({name: st.sampled_from(values) for name, values in EXTREMES.items()})


def draw(logits_BV: torch.Tensor, filters: SamplingFilters, seeds: list[int]) -> list[int]:
    tokens: list[int] = choose(logits_BV, filters, Uniforms(seeds).draw(range(len(seeds)))).tolist()
    return tokens


def history_of(case: Case, filters: SamplingFilters) -> TokenHistory:
    """Half of the tokens read as a prompt, the others added one by one."""
    history = TokenHistory(filters, *case.logits.shape)
    prompt = case.tokens.shape[1] // 2
    for row, tokens in enumerate(case.tokens.tolist()):
        history.read(row, tokens[:prompt])
    for step in case.tokens[:, prompt:].T.tolist():
        history.add(step)
    return history


@pytest.fixture(scope="module")
def processors() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("transformers.generation.logits_process", reason="transformers is not installed")


def by_transformers(processors: Any, case: Case, filters: SamplingFilters) -> Tensor:
    """The reference, except in rows in which its ban of n-grams would leave no token."""
    logits = case.logits
    for name, (_, processor) in FILTERS.items():
        value = getattr(filters, name)
        if value != getattr(DEFAULTS, name):
            result = getattr(processors, processor)(value)(case.tokens, logits.clone())
            logits = torch.where((result == -INF).all(1, keepdim=True), logits, result)
    return logits


@pytest.mark.parametrize("names", [[name] for name in FILTERS] + [list(FILTERS)], ids=",".join)
@settings(max_examples=100)
@given(case=cases(), data=st.data())
def test_filters_alone_and_together_are_those_of_transformers(
    processors: Any, names: list[str], case: Case, data: st.DataObject
) -> None:
    filters = data.draw(settings_of({name: FILTERS[name][0] for name in names}))
    actual = filtered(case.logits, filters, history_of(case, filters))
    assert_close(actual, by_transformers(processors, case, filters), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "value", "probabilities", "kept"),
    [
        (sampling.top_k, 1, [0.25, 0.5, 0.25], [[1]]),
        (sampling.top_k, 2, [0.25, 0.5, 0.25], [[0, 1, 2]]),  # tokens equal to the last one are kept, too
        (sampling.top_k, 3, [0.25, 0.5, 0.25], [[0, 1, 2]]),
        (sampling.top_k, 4, [0.25, 0.5, 0.25], [[0, 1, 2]]),
        (sampling.top_k, 2, [0.5, 0.125, 0.375], [[0, 2]]),
        (sampling.top_p, 0.5, [0.25, 0.5, 0.25], [[1]]),
        (sampling.top_p, 0.51, [0.25, 0.5, 0.25], [[0, 1], [1, 2]]),  # one of two equal tokens
        (sampling.top_p, 0.76, [0.25, 0.5, 0.25], [[0, 1, 2]]),
        (sampling.top_p, 1e-9, [0.25, 0.5, 0.25], [[1]]),
        (sampling.min_p, 0.5, [0.25, 0.5, 0.25], [[0, 1, 2]]),
        (sampling.min_p, 0.51, [0.25, 0.5, 0.25], [[1]]),
        (sampling.min_p, 1.0, [0.375, 0.25, 0.375], [[0, 2]]),
        (sampling.typical_p, 0.2, [0.1, 0.2, 0.3, 0.4], [[2]]),  # distances from the entropy: 1.02 0.33 0.08 0.36
        (sampling.typical_p, 0.4, [0.1, 0.2, 0.3, 0.4], [[1, 2]]),
        (sampling.typical_p, 0.6, [0.1, 0.2, 0.3, 0.4], [[1, 2, 3]]),
        (sampling.typical_p, 1 - 1e-9, [1 / 41] * 41, [[*range(41)]]),  # their sum is below 1 in float32
        (sampling.typical_p, 0.25, [0.5, 0.25, 0.125, 0.125], [[1]]),
        (sampling.typical_p, 0.01, [0.25, 0.25, 0.25, 0.25], [[0, 1, 2, 3]]),
        (sampling.typical_p, 0.5, [0.0, 1.0, 0.0], [[1]]),
    ],
)
def test_what_stays_is_what_was_counted_by_hand(
    function: Callable[[Tensor, Any], Tensor], value: float, probabilities: list[float], kept: list[list[int]]
) -> None:
    logits = torch.tensor([probabilities]).log()
    result = function(logits, value)
    stayed = (result > -INF)[0]
    assert stayed.nonzero()[:, 0].tolist() in kept
    assert torch.equal(result[0, stayed], logits[0, stayed])


def test_scores_that_came_before_get_worse_whatever_their_sign() -> None:
    logits = torch.tensor([[2.0, -(2**-12), 0.0, 2.0, -INF]])
    seen = torch.tensor([[True, True, True, False, True]])
    assert sampling.repetition_penalty(logits, seen, 4.0).tolist() == [[0.5, -(2**-10), 0.0, 2.0, -INF]]
    assert sampling.repetition_penalty(logits, seen, 0.5).tolist() == [[4.0, -(2**-13), 0.0, 2.0, -INF]]


def test_where_a_ban_would_leave_no_token_nothing_is_forbidden() -> None:
    logits = torch.tensor([[1.0, 2.0, -INF], [1.0, 2.0, -INF], [1.0, 2.0, -INF]])
    expected = [[1.0, 2.0, -INF], [-INF, 2.0, -INF], [1.0, 2.0, -INF]]
    assert sampling.no_repeat_ngram(logits, [{0, 1}, {0, 2}, set()]).tolist() == expected


@quick
@given(case=cases(), filters=st.one_of(all_filters, extreme_filters), seed=st.integers(0, 1000))
def test_a_row_is_the_same_alone_and_in_a_batch(case: Case, filters: SamplingFilters, seed: int) -> None:
    history = history_of(case, filters)
    together = filtered(case.logits, filters, history)
    rows = range(len(case.logits))
    chosen = draw(together, filters, [seed + row for row in rows])
    for row in rows:
        own = copy.deepcopy(history)
        own.select([row])
        alone = filtered(case.logits[row : row + 1].clone(), filters, own)
        assert torch.equal(alone, together[row : row + 1])
        assert draw(alone, filters, [seed + row]) == chosen[row : row + 1]


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("name", FILTERS)
def test_a_row_is_the_same_alone_and_in_a_batch_of_long_rows_on_several_threads(name: str) -> None:
    value: dict[str, Any] = {name: 2 if name in ("top_k", "no_repeat_ngram") else 0.7}
    filters = SamplingFilters(**value)
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(3, 40_000, generator=generator)
    history = history_of(Case(logits, torch.randint(40_000, (3, 50), generator=generator)), filters)
    together = filtered(logits, filters, history)
    history.select([2])
    assert torch.equal(filtered(logits[2:], filters, history), together[2:])


@quick
@given(case=cases(), filters=st.one_of(all_filters, extreme_filters), seed=st.integers(0, 1000))
def test_some_token_always_stays_and_only_those_that_stay_are_chosen(
    case: Case, filters: SamplingFilters, seed: int
) -> None:
    before, result = case.logits.clone(), filtered(case.logits, filters, history_of(case, filters))
    assert torch.equal(case.logits, before)
    assert not result.isnan().any()
    assert not (result == INF).any()
    chosen = draw(result, filters, [seed] * len(before))
    for row, token in enumerate(chosen):
        assert result[row, token] > -INF
        assert before[row, token] > -INF


def test_neutral_filters_cost_nothing_and_change_nothing() -> None:
    logits = torch.randn(2, 5)
    for filters in (DEFAULTS, SamplingFilters(top_k=5), SamplingFilters(top_k=10**30), SamplingFilters(temperature=0)):
        assert filtered(logits, filters, TokenHistory(filters, 2, 5)) is logits


@quick
@given(case=cases(), filters=all_filters)
def test_greedy_takes_the_first_of_the_best_after_penalty_and_ban_alone(case: Case, filters: SamplingFilters) -> None:
    greedy = replace(filters, temperature=0)
    before = SamplingFilters(repetition_penalty=greedy.repetition_penalty, no_repeat_ngram=greedy.no_repeat_ngram)
    result = filtered(case.logits, greedy, history_of(case, greedy))
    assert torch.equal(result, filtered(case.logits, before, history_of(case, before)))
    assert draw(result, greedy, [0] * len(result)) == [row.index(max(row)) for row in result.tolist()]


def repeating(tokens: list[int], size: int) -> set[int]:
    """The tokens that would repeat a run of this size, by brute force."""
    runs = [tokens[start : start + size] for start in range(len(tokens) - size + 1)]
    return {token for token in range(3) if [*tokens, token][-size:] in runs}


@settings(max_examples=100)
@given(data=st.data(), size=st.integers(0, 4), penalty=st.sampled_from([1.0, 2.0]))
def test_a_history_knows_what_the_whole_sequences_say(data: st.DataObject, size: int, penalty: float) -> None:
    filters = SamplingFilters(no_repeat_ngram=size, repetition_penalty=penalty)
    rows: list[list[int]] = [[] for _ in range(data.draw(st.integers(0, 3)))]
    history = TokenHistory(filters, len(rows), 3)
    for kind in data.draw(st.lists(st.sampled_from(["add", "add", "add", "read", "select"]), max_size=25)):
        some = st.integers(0, max(0, len(rows) - 1))
        if kind == "add":
            tokens = [data.draw(st.integers(0, 2)) for _ in rows]
            history.add(tokens)
            rows = [[*row, token] for row, token in zip(rows, tokens, strict=True)]
        elif rows and kind == "read":
            row, tokens = data.draw(some), data.draw(st.lists(st.integers(0, 2), max_size=8))
            history.read(row, tokens)
            rows[row] = rows[row] + tokens
        elif rows:
            selected = data.draw(st.lists(some, max_size=4))
            history.select(selected)
            rows = [rows[row] for row in selected]
        assert not size or history.banned() == [repeating(tokens, size) for tokens in rows]
        seen = [[token in tokens for token in range(3)] for tokens in rows]
        assert penalty == 1 or history.seen_BV.tolist() == seen


def test_forks_of_a_row_go_separate_ways() -> None:
    history = TokenHistory(SamplingFilters(no_repeat_ngram=2, repetition_penalty=2.0), 2, 4)
    history.read(1, [0, 1, 0])
    history.select([1, 0, 1, 1])
    history.add([2, 3, 3, 1])
    history.read(0, [0])
    history.read(2, [0])
    assert history.banned() == [{1, 2}, set(), {1, 3}, {0}]
    assert history.seen_BV.int().tolist() == [[1, 1, 1, 0], [0, 0, 0, 1], [1, 1, 0, 1], [1, 1, 0, 0]]


@pytest.mark.parametrize(
    ("filters", "steps"),
    [
        (SamplingFilters(temperature=0.5, top_k=5, top_p=0.9, min_p=0.1, typical_p=0.9), 50_000),
        (SamplingFilters(repetition_penalty=1.5), 10_000),
    ],
)
def test_a_history_does_not_grow_where_the_filters_need_no_ngrams(filters: SamplingFilters, steps: int) -> None:
    history = TokenHistory(filters, 1, 1000)
    history.add([0])
    tracemalloc.start()
    try:
        for step in range(steps):
            history.add([step % 1000])
        history.read(0, range(1000))
        assert tracemalloc.get_traced_memory()[0] < steps
    finally:
        tracemalloc.stop()
    width = 1000 if filters.repetition_penalty != 1 else 0
    assert history.seen_BV.untyped_storage().nbytes() == width


@pytest.mark.parametrize(
    "filters",
    [
        SamplingFilters(temperature=0.7),
        SamplingFilters(top_k=7, temperature=1.5),
        SamplingFilters(top_p=0.8),
        SamplingFilters(min_p=0.05, repetition_penalty=1.3),
        SamplingFilters(typical_p=0.7, no_repeat_ngram=1),
    ],
)
def test_tokens_are_drawn_as_often_as_is_probable(filters: SamplingFilters) -> None:
    draws, generator = 20_000, torch.Generator().manual_seed(3)
    history = TokenHistory(filters, 1, 20)
    history.read(0, [3, 5, 8])
    logits = filtered(torch.randn(1, 20, generator=generator, dtype=torch.float64), filters, history)
    uniforms = torch.rand(draws, dtype=torch.float64, generator=generator)
    counts = choose(logits.expand(draws, -1), filters, uniforms).bincount(minlength=20)
    expected = logits[0].softmax(-1) * draws
    possible = expected > 0
    assert not counts[~possible].any()
    statistic = ((counts - expected)[possible].square() / expected[possible]).sum()
    assert torch.special.gammaincc((possible.sum() - 1) / 2, statistic / 2) > 0.01  # the tail of chi-square


@quick
@given(case=cases(), data=st.data())
def test_a_draw_inverts_the_cumulative_distribution(case: Case, data: st.DataObject) -> None:
    row = case.logits[0].tolist()
    weights = [math.exp(score - max(row)) for score in row]
    edges = [math.fsum(weights[:end]) / math.fsum(weights) for end in range(len(row) + 1)]
    near_one = data.draw(st.sampled_from(edges)) + data.draw(st.sampled_from([-1e-12, 1e-12]))
    uniform = min(max(0.0, data.draw(st.one_of(st.just(near_one), st.floats(0, 1)))), LARGEST_UNIFORM)
    token = int(choose(case.logits[:1], DEFAULTS, torch.tensor([uniform], dtype=torch.float64)))
    assert weights[token] > 0
    assert edges[token] - 1e-13 <= uniform <= edges[token + 1] + 1e-13


@pytest.mark.parametrize("uniform", [0.0, LARGEST_UNIFORM])
@pytest.mark.parametrize("vocabulary", [1, 2, 3, 10, 1000, 50_000])
def test_the_ends_of_the_distribution_are_never_left(vocabulary: int, uniform: float) -> None:
    ends = torch.full((20, 3), -INF)
    scores = torch.randn(20, vocabulary, generator=torch.Generator().manual_seed(0))
    chosen = choose(torch.cat([ends, scores, ends], 1), DEFAULTS, torch.full((20,), uniform, dtype=torch.float64))
    assert chosen.tolist() == [3 if uniform == 0.0 else vocabulary + 2] * 20


def test_a_choice_depends_on_the_logits_and_the_number_of_its_row() -> None:
    logits = torch.randn(1, 30, generator=torch.Generator().manual_seed(0)).expand(3, -1)
    same = draw(logits, DEFAULTS, [7, 8, 7])
    assert same[0] == same[2] != same[1]


def test_each_sample_gets_the_numbers_of_its_own_generator_one_by_one() -> None:
    own, uniforms, active = [torch.Generator().manual_seed(seed) for seed in (7, 8, 7)], Uniforms([7, 8, 7]), [0, 1, 2]
    for step in range(150):
        if step in (3, 70):
            active = active[1:]  # a sample has ended
        expected = [torch.rand((), dtype=torch.float64, generator=own[number]) for number in active]
        assert torch.equal(uniforms.draw(active), torch.stack(expected))


@pytest.mark.parametrize("filters", [DEFAULTS, SamplingFilters(temperature=0)])
@pytest.mark.parametrize("row", [[0.0, math.nan, 1.0], [0.0, INF, 1.0], [-INF, -INF, -INF], [math.nan] * 3])
def test_scores_that_are_no_distribution_are_told_with_their_row(filters: SamplingFilters, row: list[float]) -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0], row])
    with pytest.raises(DivergenceError, match="row 1 are NaN or infinite"):
        check_chosen(draw(logits, filters, [0, 0]), 3)


def test_one_token_and_one_number_belong_to_each_row() -> None:
    for count in (0, 1, 3):
        with pytest.raises(ValueError, match=f"{count} random numbers for 2 rows"):
            choose(torch.zeros(2, 3), DEFAULTS, torch.zeros(count))
        for filters in (DEFAULTS, SamplingFilters(repetition_penalty=2.0, no_repeat_ngram=2)):
            with pytest.raises(ValueError, match=f"{count} tokens for 2 rows"):
                TokenHistory(filters, 2, 3).add([0] * count)
    for filters in (DEFAULTS, SamplingFilters(temperature=0)):
        assert choose(torch.zeros(0, 3), filters, torch.zeros(0)).tolist() == []
