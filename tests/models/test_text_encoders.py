"""The encoders of texts: which results depend on padding, on the batch and on windows, and which do not."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close

from seqkit.batches.word_examples import WordReader
from seqkit.config.language_model import LanguageModelConfig
from seqkit.models.language_model import NextTokenModel
from seqkit.models.text_encoders import LanguageModelEncoder, TextStates, TokenEncoder, WordEncoder, WordVocabularies
from tests.tiny_labels import tiny_classifier

PLAIN: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU}
TOKENS = 12
WORDS = [f"{letter}{letter.upper()}" for letter in "abcdefghijkl"]
READER = WordReader.fitted([WORDS, WORDS])
EVER = 1000  # a window longer than every text

Encoder = WordEncoder | TokenEncoder | LanguageModelEncoder
Text = list[int]

both_ways = pytest.mark.parametrize("kind", ["word", "token"])
of_language_models = pytest.mark.parametrize("kind", ["forward", "backward", "both"])
every_encoder = pytest.mark.parametrize("kind", ["word", "token", "forward", "backward", "both"])
cells = pytest.mark.parametrize("cell", sorted(PLAIN))
stacks = pytest.mark.parametrize("num_layers", [1, 2])
texts_of_tokens = st.lists(st.lists(st.integers(0, TOKENS - 1), min_size=1, max_size=9), min_size=1, max_size=4)


def exact(actual: Tensor, expected: Tensor) -> None:
    assert_close(actual, expected, rtol=1e-9, atol=1e-9)


def language_model_config(kind: str, **changes: Any) -> LanguageModelConfig:
    sizes: dict[str, Any] = {"embedding_size": 5, "hidden_size": 4, "tied": False}
    return LanguageModelConfig(**{**sizes, "direction": kind, **changes})


@cache
def encoder_of(kind: str, window: int = EVER, *, cell: str = "lstm", num_layers: int = 1) -> Any:
    """An encoder in float64 without dropout; its weights, including biases, do not depend on its window."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        encoder: Encoder
        if kind in ("word", "token"):
            shape: dict[str, Any] = {"cell": cell, "num_layers": num_layers, "window": window, "hidden_size": 4}
            config = tiny_classifier(still=True, **shape).config
            if kind == "token":
                encoder = TokenEncoder(config, TOKENS)
            else:
                singletons = torch.tensor(READER.singletons)
                sizes = WordVocabularies(singletons, len(READER.characters), len(READER.affixes))
                encoder = WordEncoder(config, sizes)
        else:
            config_of_model = language_model_config(kind, cell=cell, num_layers=num_layers)
            encoder = LanguageModelEncoder(config_of_model, TOKENS, window)
        encoder.double()
        for parameter in encoder.parameters():
            nn.init.normal_(parameter, std=0.5)
    return encoder.eval()


def inputs_of(kind: str, texts: Sequence[Text]) -> dict[str, Tensor]:
    """A batch of texts, each a list of token numbers, padded with valid tokens instead of padding."""
    lengths = torch.tensor([len(text) for text in texts])
    padding = torch.arange(int(lengths.max())) >= lengths[:, None]
    if kind == "word":
        rows, shared = READER.read([[WORDS[token] for token in text] for text in texts]).tensors(range(len(texts)))
        inputs = {**rows, **shared}
        fillings = {"words_BT": 1, "spellings_BT": len(inputs["shapes_U"]) - 1}
    else:
        inputs = {"tokens_BT": nn.utils.rnn.pad_sequence(list(map(torch.tensor, texts)), batch_first=True)}
        fillings = {"tokens_BT": 1}
    return {**inputs, **{name: inputs[name].masked_fill(padding, filling) for name, filling in fillings.items()}}


def read(kind: str, encoder: Encoder, texts: Sequence[Text]) -> TextStates:
    found: TextStates = encoder(inputs_of(kind, texts), torch.tensor([len(text) for text in texts]))
    return found


# Padding and the batch


@every_encoder
@settings(max_examples=30)
@given(
    texts=texts_of_tokens,
    window=st.sampled_from([1, 3, EVER]),
    cell=st.sampled_from(sorted(PLAIN)),
    num_layers=st.integers(1, 2),
)
@pytest.mark.slow
def test_neither_padding_nor_the_batch_changes_what_is_made_of_a_text(
    kind: str, texts: list[Text], window: int, cell: str, num_layers: int
) -> None:
    encoder = encoder_of(kind, window, cell=cell, num_layers=num_layers)
    together = read(kind, encoder, texts)
    assert together.states_BTH.shape == (len(texts), max(map(len, texts)), encoder.output_size)
    assert together.final_BH.shape == (len(texts), encoder.output_size)
    for row, text in enumerate(texts):
        alone = read(kind, encoder, [text])
        exact(together.states_BTH[row, : len(text)], alone.states_BTH[0])
        exact(together.final_BH[row], alone.final_BH[0])
        assert not together.states_BTH[row, len(text) :].any()


@every_encoder
@settings(max_examples=15)
@given(texts=texts_of_tokens, window=st.sampled_from([1, 3, EVER]))
def test_the_gradient_of_a_batch_is_the_sum_of_those_of_its_texts(kind: str, texts: list[Text], window: int) -> None:
    encoder = encoder_of(kind, window)
    parameters = list(encoder.parameters())

    def gradients(batch: list[Text]) -> list[Tensor]:
        found = read(kind, encoder, batch)
        total = found.states_BTH.square().sum() + found.final_BH.sum()
        return list(torch.autograd.grad(total, parameters, materialize_grads=True))

    singly = [gradients([text]) for text in texts]
    for number, gradient in enumerate(gradients(texts)):
        exact(gradient, torch.stack([each[number] for each in singly]).sum(0))


# Windows


@of_language_models
@cells
@stacks
@pytest.mark.parametrize("window", [1, 3, 7])
def test_a_language_model_knows_in_each_window_all_that_came_before(
    kind: str, cell: str, num_layers: int, window: int
) -> None:
    texts = [[3, 1, 4, 1, 5, 9, 2], [6], [5, 3, 5, 8], [9, 7, 9, 3, 2, 3, 8, 4]]
    at_once = read(kind, encoder_of(kind, cell=cell, num_layers=num_layers), texts)
    in_windows = read(kind, encoder_of(kind, window, cell=cell, num_layers=num_layers), texts)
    exact(in_windows.states_BTH, at_once.states_BTH)
    exact(in_windows.final_BH, at_once.final_BH)


@both_ways
@cells
@pytest.mark.parametrize("window", [1, 3, 7])
def test_a_forward_direction_goes_on_and_a_backward_one_begins_anew(kind: str, cell: str, window: int) -> None:
    text = [3, 1, 4, 1, 5, 9, 2, 6]
    whole, cut = encoder_of(kind, cell=cell), encoder_of(kind, window, cell=cell)
    at_once, in_windows = read(kind, whole, [text]), read(kind, cut, [text])
    half = whole.output_size // 2
    exact(in_windows.states_BTH[..., :half], at_once.states_BTH[..., :half])
    exact(in_windows.final_BH[:, :half], at_once.final_BH[:, :half])
    for start in range(0, len(text), window):
        alone = read(kind, whole, [text[start : start + window]])
        exact(in_windows.states_BTH[:, start : start + window, half:], alone.states_BTH[..., half:])
        if start == 0:
            exact(in_windows.final_BH[:, half:], alone.final_BH[:, half:])


def direction_of(stack: nn.RNNBase, layer: int, suffix: str) -> nn.RNNBase:
    """One layer and direction of a stack, as a layer of its own."""
    names = [f"{kind}_l{layer}{suffix}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    weights = [stack.get_parameter(name) for name in names]
    plain: nn.RNNBase = PLAIN[stack.mode.lower()](weights[0].shape[1], stack.hidden_size).double()
    plain.load_state_dict(dict(zip(plain.state_dict(), weights, strict=True)))
    return plain


def states_by_hand(stack: nn.RNNBase, vectors: Tensor, window: int) -> Tensor:
    """The states (T, H) of vectors (T, D): window by window, layer by layer, direction by direction."""
    carried: dict[int, Any] = {}
    windows = []
    for inputs in vectors.split(window):
        for layer in range(stack.num_layers):
            forward, carried[layer] = direction_of(stack, layer, "")(inputs, carried.get(layer))
            backward, _ = direction_of(stack, layer, "_reverse")(inputs.flip(0))
            inputs = torch.cat([forward, backward.flip(0)], dim=1)
        windows.append(inputs)
    return torch.cat(windows)


@cells
@stacks
@pytest.mark.parametrize("window", [1, 3, EVER])
def test_states_are_those_of_plain_layers_read_window_by_window(cell: str, num_layers: int, window: int) -> None:
    texts = [[3, 1, 4, 1, 5, 9, 2], [6, 5], [3, 5, 8]]
    encoder = encoder_of("token", window, cell=cell, num_layers=num_layers)
    found = read("token", encoder, texts)
    half = encoder.output_size // 2
    for row, text in enumerate(texts):
        expected = states_by_hand(encoder.layers.recurrent, encoder.embedding.weight[text], window)
        exact(found.states_BTH[row, : len(text)], expected)
        exact(found.final_BH[row], torch.cat([expected[-1, :half], expected[0, half:]]))


def table_of(kind: str, encoder: Any, network: int = 0) -> Tensor:
    """The embedding of tokens, with a row for each of ``TOKENS``, also in its gradient."""
    table: Tensor
    if kind == "word":
        table = encoder.features.words.weight
    elif kind == "token":
        table = encoder.embedding.weight
    else:
        table = encoder.networks[network].embedding.weight
    return table


def reached(kind: str, encoder: Any, text: Text, step: int, features: slice, network: int = 0) -> list[int]:
    """The positions of a text of distinct tokens that get a gradient from some features of a step's state."""
    state = read(kind, encoder, [text]).states_BTH[0, step, features]
    (gradient,) = torch.autograd.grad(state.sum(), table_of(kind, encoder, network))
    rows = READER.tokenizer.words.ids([WORDS[token] for token in text]) if kind == "word" else text
    return [place for place, row in enumerate(rows) if gradient[row].any()]


DIFFERENT = [7, 2, 9, 4, 0, 11, 5, 8]


@both_ways
@cells
@stacks
def test_no_gradient_crosses_a_windows_border_in_either_direction(kind: str, cell: str, num_layers: int) -> None:
    whole = encoder_of(kind, cell=cell, num_layers=num_layers)
    cut = encoder_of(kind, 3, cell=cell, num_layers=num_layers)
    forward = slice(0, whole.output_size // 2)
    assert reached(kind, whole, DIFFERENT, 7, forward) == list(range(8))
    assert reached(kind, cut, DIFFERENT, 7, forward) == [6, 7]
    backward = slice(whole.output_size // 2, None)
    assert reached(kind, whole, DIFFERENT, 3, backward) == list(range(0 if num_layers > 1 else 3, 8))
    assert reached(kind, cut, DIFFERENT, 3, backward) == [3, 4, 5]


@cells
@stacks
def test_no_gradient_of_a_language_model_crosses_a_windows_border(cell: str, num_layers: int) -> None:
    whole = encoder_of("both", cell=cell, num_layers=num_layers)
    cut = encoder_of("both", 3, cell=cell, num_layers=num_layers)
    half = whole.output_size // 2
    assert reached("both", whole, DIFFERENT, 7, slice(0, half)) == list(range(8))
    assert reached("both", cut, DIFFERENT, 7, slice(0, half)) == [6, 7]
    # A backward model's windows start from the end.
    assert reached("both", whole, DIFFERENT, 0, slice(half, None), network=1) == list(range(8))
    assert reached("both", cut, DIFFERENT, 0, slice(half, None), network=1) == [0, 1]
    for network, other in ((0, slice(half, None)), (1, slice(0, half))):  # the directions are independent
        state = read("both", whole, [DIFFERENT]).states_BTH[..., other].sum()
        gradient = torch.autograd.grad(state, table_of("both", whole, network), materialize_grads=True)[0]
        assert not gradient.any()


# Language models


def networks_of(config: LanguageModelConfig) -> list[NextTokenModel]:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        count = 2 if config.direction == "both" else 1
        networks = [NextTokenModel(config, TOKENS).double() for _ in range(count)]
        for network in networks:
            for parameter in network.parameters():
                nn.init.normal_(parameter, std=0.5)
            network.eval()
    return networks


@of_language_models
@pytest.mark.parametrize(
    "changes", [{}, {"tied": True}, {"cell": "gru", "num_layers": 3}, {"adaptive_softmax": True}], ids=str
)
def test_an_adopted_language_model_says_what_it_said(kind: str, changes: Mapping[str, Any]) -> None:
    config = language_model_config(kind, **changes)
    networks = networks_of(config)
    encoder = LanguageModelEncoder(config, TOKENS, window=3).double().eval()
    encoder.adopt(networks)
    texts = [[3, 1, 4, 1, 5], [9], [2, 6, 5, 3, 5, 8, 9]]
    found = read(kind, encoder, texts)
    directions = ("forward", "backward") if kind == "both" else (kind,)
    for row, text in enumerate(texts):
        states, finals = [], []
        for direction, network in zip(directions, networks, strict=True):
            as_read = text[::-1] if direction == "backward" else text
            said = network(torch.tensor([as_read]), torch.tensor([len(text)]), None).states_BTH[0]
            finals.append(said[-1])
            states.append(said.flip(0) if direction == "backward" else said)
        exact(found.states_BTH[row, : len(text)], torch.cat(states, dim=1))
        exact(found.final_BH[row], torch.cat(finals))
    assert encoder.output_size == found.final_BH.shape[1]


def test_an_encoder_has_no_scores_of_next_tokens_and_leaves_the_language_model_as_it_is() -> None:
    config = language_model_config("forward")
    networks = networks_of(config)
    before = {name: value.clone() for name, value in networks[0].state_dict().items()}
    encoder = LanguageModelEncoder(config, TOKENS, window=3).double()
    encoder.adopt(networks)
    assert not any("head" in name for name, _ in encoder.named_parameters())
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.zero_()
    for name, value in networks[0].state_dict().items():
        assert torch.equal(value, before[name])
    with pytest.raises(ValueError, match="zip"):
        encoder.adopt(networks * 2)


def test_depths_count_the_layers_above_a_part() -> None:
    encoder = LanguageModelEncoder(language_model_config("both", num_layers=3), TOKENS, window=3)
    depths = encoder.depths()
    of_one = {"layers.2.": 0, "layers.1.": 1, "layers.0.": 2, "embedding.": 3}
    assert depths == {f"networks.{network}.{part}": depth for network in (0, 1) for part, depth in of_one.items()}
    for name, _ in encoder.named_parameters():
        assert len([part for part in depths if name.startswith(part)]) == 1
