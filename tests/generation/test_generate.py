"""Generation with a model whose scores are a table and depend only on the last two tokens."""

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqkit.errors import ConfigError
from seqkit.generation.decoder import Decoder
from seqkit.generation.filters import SamplingFilters
from seqkit.generation.generate import (
    Generated,
    GeneratedToken,
    Prompt,
    TextAssembler,
    _overlap,
    beam_search,
    sample,
    seeds_of,
)
from seqkit.nn.recurrent import RecurrentEncoder

VOCABULARY = 7
PIECES = [b"", b"a", b"b", b"\xc3", b"\xa9", b"ab", b"\xf0\x9f\x98\x80"]  # <eos>, letters, halves of é, an emoji


class TableModel:
    """A stand-in for a decoder: scores depend on the last two tokens, which are its state."""

    device = torch.device("cpu")

    def __init__(self, seed: int = 1, spread: float = 2.0) -> None:
        table = torch.randn(VOCABULARY, VOCABULARY, VOCABULARY, generator=torch.Generator().manual_seed(seed))
        self.table = spread * table
        self.steps = 0

    def initial_state(self, rows: int) -> list[Tensor]:
        return [torch.zeros(rows, 2, dtype=torch.int64)]

    def read(self, tokens: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        last = torch.cat([state[0][0], tokens])[-2:]
        return self.table[last[0], last[1]][None], [last[None]]

    def step(self, tokens_B: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        self.steps += 1
        last_B2 = torch.stack([state[0][:, 1], tokens_B], dim=1)
        return self.table[last_B2[:, 0], last_B2[:, 1]], [last_B2]

    def select(self, state: list[Tensor], rows: Tensor) -> list[Tensor]:
        return [part[rows] for part in state]

    def log_probability(self, tokens: Sequence[int]) -> float:
        total = 0.0
        for before, last, token in zip([0, 0, *tokens], [0, *tokens], tokens, strict=False):
            total += float(self.table[before, last].double().log_softmax(-1)[token])
        return total


def prompt(**settings: Any) -> Prompt:
    filters = {name: settings.pop(name) for name in list(settings) if name in SamplingFilters.__dataclass_fields__}
    given = {"tokens": [0], "pieces": PIECES, "end_id": 0, "max_tokens": 30, **settings}
    return Prompt(filters=SamplingFilters(**filters), **given)


def drawn(model: Any, asked: Prompt, seeds: Sequence[int]) -> list[list[Generated]]:
    told: list[list[Generated]] = [[] for _ in seeds]
    for each in sample(model, asked, seeds):
        told[each.sample].append(each)
    return told


def text_of(told: Sequence[Generated]) -> str:
    return "".join(each.text for each in told)


def bytes_of(told: Sequence[Generated]) -> bytes:
    return b"".join(token.piece for each in told for token in each.tokens)


# Samples


@pytest.mark.parametrize("filters", [{}, {"temperature": 0.0}, {"top_k": 3, "repetition_penalty": 1.3}], ids=str)
def test_a_sample_is_the_same_alone_and_in_any_company(filters: dict[str, Any]) -> None:
    model: Any = TableModel()
    together = drawn(model, prompt(**filters), list(range(20)))
    for seed in range(20):
        (alone,) = drawn(model, prompt(**filters), [seed])
        assert [each.tokens for each in alone] == [each.tokens for each in together[seed]]
        assert text_of(alone) == text_of(together[seed])
        assert alone[-1].ending == together[seed][-1].ending
    lengths = {len(told) for told in together}
    assert filters.get("temperature") == 0.0 or len(lengths) > 3, "some leave the batch before others"


@pytest.mark.cuda
@pytest.mark.parametrize("vocabulary", [40, 3000])
def test_on_a_gpu_a_sample_depends_on_its_seed_alone(vocabulary: int) -> None:
    torch.manual_seed(1)
    layers = [RecurrentEncoder(16, 32).cuda(), RecurrentEncoder(32, 16).cuda()]
    decoder = Decoder(torch.randn(vocabulary, 16).cuda(), layers, torch.nn.Linear(16, vocabulary).cuda())
    asked = prompt(tokens=[1, 2, 3], pieces=[b"a"] * vocabulary, end_id=0, max_tokens=20, top_p=0.9)
    together = drawn(decoder, asked, list(range(64)))
    for seed in range(0, 64, 7):
        (alone,) = drawn(decoder, asked, [seed])
        assert alone == [replace(each, sample=0) for each in together[seed]]


def test_tokens_come_as_often_as_their_probability_says() -> None:
    model: Any = TableModel(spread=1.0)
    told = drawn(model, prompt(max_tokens=1), list(range(4000)))
    counts = torch.zeros(VOCABULARY).double()
    for (each,) in told:
        counts[each.tokens[0].id] += 1
    expected = 4000 * model.table[0, 0].double().softmax(-1)
    assert float(((counts - expected).square() / expected).sum()) < 16.8  # chi-square, 6 degrees, 1 %


def test_log_probabilities_are_those_before_any_filter() -> None:
    model: Any = TableModel()
    for told in drawn(model, prompt(temperature=0.3, top_k=2, banned=[3]), [1, 2, 3]):
        tokens = [token.id for each in told for token in each.tokens]
        total = sum(token.log_probability for each in told for token in each.tokens)
        assert total == pytest.approx(model.log_probability(tokens), abs=1e-4)


def test_temperature_0_takes_the_most_probable_token() -> None:
    model: Any = TableModel()
    (told,) = drawn(model, prompt(temperature=0.0), [1])
    before = (0, 0)
    for each in told:
        assert each.tokens[0].id == int(model.table[before].argmax())
        before = (before[1], each.tokens[0].id)


def test_a_sample_ends_for_one_of_three_reasons() -> None:
    model: Any = TableModel()
    endings = {told[-1].ending for told in drawn(model, prompt(stop=["ab"], max_tokens=12), list(range(60)))}
    assert endings == {"length", "stop", "end"}
    for told in drawn(model, prompt(max_tokens=12), list(range(60))):
        tokens = [token.id for each in told for token in each.tokens]
        assert all(each.ending is None for each in told[:-1])
        assert (told[-1].ending == "end") == (tokens[-1] == 0)
        assert (told[-1].ending == "length") == (len(tokens) == 12 and tokens[-1] != 0)
        assert 0 not in tokens[:-1]


def test_what_is_banned_is_never_drawn() -> None:
    model: Any = TableModel()
    told = drawn(model, prompt(banned=[0, 2]), list(range(50)))
    tokens = {token.id for each in itertools.chain.from_iterable(told) for token in each.tokens}
    assert tokens == {1, 3, 4, 5, 6}


def test_without_an_end_the_end_is_a_token_like_any_other() -> None:
    model: Any = TableModel()
    told = drawn(model, prompt(end_id=None), list(range(20)))
    assert all(sum(len(each.tokens) for each in one) == 30 for one in told)
    assert any(token.id == 0 for each in told[0] + told[1] + told[2] for token in each.tokens)


def test_no_run_of_tokens_comes_twice_where_that_is_forbidden() -> None:
    model: Any = TableModel()
    for told in drawn(model, prompt(no_repeat_ngram=3, banned=[0], max_tokens=100), [1, 2, 3]):
        tokens = [token.id for each in told for token in each.tokens]
        runs = list(zip(tokens, tokens[1:], tokens[2:], strict=False))
        assert len(runs) == len(set(runs))


def test_the_prompt_counts_for_the_filters_and_the_mark_before_it_does_not() -> None:
    model: Any = TableModel()
    (told,) = drawn(model, prompt(tokens=[0, 1, 2, 1], no_repeat_ngram=2, max_tokens=1, temperature=0.0), [1])
    table = model.table[2, 1].clone()
    table[2] = -math.inf  # 2 followed 1
    assert told[0].tokens[0].id == int(table.argmax())
    seen: Any = prompt(tokens=[0], repetition_penalty=100.0, max_tokens=1, temperature=0.0)
    (told,) = drawn(model, seen, [1])
    assert told[0].tokens[0].id == int(model.table[0, 0].argmax())


def test_nothing_is_computed_twice() -> None:
    model: Any = TableModel()
    drawn(model, prompt(banned=[0], max_tokens=25, tokens=[0, 1, 2, 1, 2]), [1, 2, 3])
    assert model.steps == 24, "the prompt gives the first token; no step follows the last one"


# Text


def cut(text: bytes, borders: Sequence[int]) -> list[bytes]:
    places = sorted({0, len(text), *(border % (len(text) + 1) for border in borders)})
    return [text[start:end] for start, end in itertools.pairwise(places)]


@settings(deadline=None, max_examples=300)
@given(
    st.text(alphabet="abé😀", max_size=12),
    st.lists(st.integers(0, 50)),
    st.lists(st.text("abé😀", min_size=1, max_size=3), max_size=3),
)
def test_text_does_not_depend_on_how_its_bytes_are_cut(text: str, borders: list[int], stops: list[str]) -> None:
    assembler = TextAssembler(stops)
    told = ""
    for piece in cut(text.encode(), borders):
        if not assembler.stopped:
            told += assembler.add(piece)
    if not assembler.stopped:
        told += assembler.add(b"", last=True)
    first = min((place for place in map(text.find, stops) if place >= 0), default=None)
    assert assembler.stopped == (first is not None)
    if first is None:
        assert told == text
    else:
        # If stop strings end at different positions, the one that is complete first ends the text.
        complete = min(place + len(stop) for stop in stops if (place := text.find(stop)) >= 0)
        assert text.startswith(told)
        assert len(told) <= complete
        assert not any(stop in told for stop in stops)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=12), st.lists(st.integers(0, 20)))
def test_bytes_that_are_no_text_become_replacement_characters(content: bytes, borders: list[int]) -> None:
    assembler = TextAssembler()
    told = "".join(map(assembler.add, cut(content, borders))) + assembler.add(b"", last=True)
    assert told == content.decode(errors="replace")


def test_text_is_told_as_soon_as_it_is_certain() -> None:
    assembler = TextAssembler(["abc", "c\n"])
    assert [assembler.add(piece) for piece in (b"xa", b"b", b"d", b"c", b"c", b"\n")] == ["x", "", "abd", "", "c", ""]
    assert assembler.stopped


def test_a_copy_goes_its_own_way() -> None:
    one = TextAssembler(["ab"])
    assert one.add(b"x\xc3") == "x"
    other = one.copy()
    assert one.add(b"\xa9a") == "é"
    assert other.add(b"\xa8!") == "è!"
    assert one.add(b"b") == ""
    assert one.stopped
    assert not other.stopped


def test_streamed_text_is_the_decoded_bytes_up_to_the_stop() -> None:
    model: Any = TableModel()
    for stop in ([], ["é"], ["aba", "😀"]):
        for told in drawn(model, prompt(stop=stop, max_tokens=40), list(range(40))):
            whole = bytes_of(told).decode(errors="replace")
            found = [place for place in map(whole.find, stop) if place >= 0]
            assert text_of(told) == (whole[: min(found)] if found else whole)
            assert (told[-1].ending == "stop") == bool(found)


# Beams


def every_text(model: Any, longest: int) -> Iterator[tuple[float, tuple[int, ...]]]:
    """All token sequences that end with <eos> or have the maximum length, with their log-probabilities."""
    for length in range(1, longest + 1):
        for body in itertools.product(range(1, VOCABULARY), repeat=length - 1):
            last = [0] if length < longest else range(VOCABULARY)
            for token in last:
                tokens = (*body, token)
                yield model.log_probability(tokens), tokens


def test_a_beam_wide_enough_finds_the_most_probable_texts() -> None:
    for seed in range(3):
        model: Any = TableModel(seed)
        expected = sorted(every_text(model, 4), reverse=True)[:5]
        found = beam_search(model, prompt(max_tokens=4), width=300, best=5)
        assert [tuple(token.id for token in text.tokens) for text in found] == [tokens for _, tokens in expected]
        for text, (score, _) in zip(found, expected, strict=True):
            assert sum(token.log_probability for token in text.tokens) == pytest.approx(score, abs=1e-4)
            assert text.ending == ("end" if text.tokens[-1].id == 0 else "length")


def test_a_beam_of_one_is_greedy() -> None:
    model: Any = TableModel()
    (told,) = drawn(model, prompt(temperature=0.0, banned=[0]), [1])
    (found,) = beam_search(model, prompt(banned=[0]), width=1, best=1)
    assert [token.id for token in found.tokens] == [token.id for each in told for token in each.tokens]
    assert found.text == text_of(told)


def test_a_beam_ends_at_stop_strings() -> None:
    model: Any = TableModel()
    for text in beam_search(model, prompt(stop=["ab"], max_tokens=8), width=20, best=10):
        whole = b"".join(token.piece for token in text.tokens).decode(errors="replace")
        assert (text.ending == "stop") == ("ab" in whole)
        assert text.text == whole.partition("ab")[0]


# Invalid input


def test_a_prompt_checks_its_settings() -> None:
    with pytest.raises(ConfigError, match="max_tokens must be at least 1, not 0"):
        prompt(max_tokens=0)
    with pytest.raises(ConfigError, match="a stop string must not be empty"):
        prompt(stop=["x", ""])


# JSON


def test_a_generated_text_is_json() -> None:
    asked = prompt(max_tokens=20)
    (told,) = drawn(TableModel(), asked, [1])
    written = json.loads(json.dumps([each.to_dict() for each in told]))
    assert "".join(each["text"] for each in written) == text_of(told)
    assert [token["id"] for each in written for token in each["tokens"]] == [
        token.id for each in told for token in each.tokens
    ]
    assert [each["ending"] for each in written] == [None] * (len(told) - 1) + [told[-1].ending]
    log_probabilities = [token["log_probability"] for each in written for token in each["tokens"]]
    assert log_probabilities == [token.log_probability for each in told for token in each.tokens]


def test_a_token_that_is_part_of_a_character_is_shown_as_a_replacement() -> None:
    assert GeneratedToken(3, b"\xc3", -1.0).to_dict() == {"id": 3, "text": "\ufffd", "log_probability": -1.0}


@pytest.mark.parametrize(("seed", "count"), [(-1, 1), (2**63 - 1, 2), (2**63, 1)])
def test_a_seed_out_of_range_is_refused(seed: int, count: int) -> None:
    assert seeds_of(0, 2) == [0, 1]
    with pytest.raises(ConfigError, match="seed"):
        seeds_of(seed, count)


@pytest.mark.parametrize(("text", "stop", "size"), [("abc", "x", 0), ("abc", "cd", 1), ("ab", "abc", 2), ("", "a", 0)])
def test_what_may_begin_a_stop_string_is_held_back(text: str, stop: str, size: int) -> None:
    assert _overlap(text, stop) == size
