"""Word features against loops over words, windows and characters."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close

from seqkit.nn.word_features import SpellingCNN, SpellingLSTM, WordFeatures
from seqkit.text.vocabulary import PADDING_ID, UNKNOWN_ID

CHARACTERS, CHARACTER_SIZE = 12, 5

quick = settings(max_examples=60)
SPELLINGS = st.lists(st.lists(st.integers(1, CHARACTERS - 1), min_size=1, max_size=7), min_size=1, max_size=5)


def padded(spellings: list[list[int]], extra: int = 0) -> tuple[Tensor, Tensor]:
    width = max(map(len, spellings)) + extra
    rows = [spelling + [PADDING_ID] * (width - len(spelling)) for spelling in spellings]
    return torch.tensor(rows), torch.tensor([len(spelling) for spelling in spellings])


def cnn(seed: int = 0, widths: tuple[int, ...] = (2, 3)) -> SpellingCNN:
    torch.manual_seed(seed)
    model = SpellingCNN(CHARACTERS, CHARACTER_SIZE, filters=4, widths=widths).double()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=2.0)  # a large bias shows up if a window beyond the word is used
    return model


def lstm(seed: int = 0) -> SpellingLSTM:
    torch.manual_seed(seed)
    return SpellingLSTM(CHARACTERS, CHARACTER_SIZE, hidden_size=3).double()


MODELS: dict[str, Callable[[], SpellingCNN | SpellingLSTM]] = {"cnn": cnn, "lstm": lstm}
both_models = pytest.mark.parametrize("model", sorted(MODELS))


def convolved(model: SpellingCNN, spelling: list[int]) -> list[float]:
    """The CNN by its definition for one word: a dot product for each window that overlaps the word."""
    weights = {name: value.tolist() for name, value in model.state_dict().items()}
    vector = []
    for index, width in enumerate(model.widths):
        zeros = [[0.0] * CHARACTER_SIZE] * (width - 1)
        letters = [*zeros, *(weights["characters.weight"][letter] for letter in spelling), *zeros]
        windows = [letters[start : start + width] for start in range(len(spelling) + width - 1)]
        kernels, biases = weights[f"convolutions.{index}.weight"], weights[f"convolutions.{index}.bias"]
        for kernel, bias in zip(kernels, biases, strict=True):  # kernel: embedding width x window width
            scores = [
                bias + sum(kernel[e][w] * window[w][e] for e in range(CHARACTER_SIZE) for w in range(width))
                for window in windows
            ]
            vector.append(max(0.0, *scores))
    return vector


@quick
@given(SPELLINGS, st.integers(0, 1000), st.sampled_from([(3,), (2, 3), (1, 4)]))
def test_the_cnn_equals_a_loop_over_windows(spellings: list[list[int]], seed: int, widths: tuple[int, ...]) -> None:
    model = cnn(seed, widths)
    vectors = model(*padded(spellings))
    assert vectors.shape == (len(spellings), model.output_size)
    expected = torch.tensor([convolved(model, spelling) for spelling in spellings], dtype=torch.float64)
    assert_close(vectors, expected, rtol=1e-9, atol=1e-9)


@quick
@given(SPELLINGS, st.integers(0, 1000))
def test_the_spelling_lstm_equals_a_plain_one_on_each_word_alone(spellings: list[list[int]], seed: int) -> None:
    model = lstm(seed)
    plain = nn.LSTM(CHARACTER_SIZE, 3, bidirectional=True).double()
    plain.load_state_dict(model.encoder.recurrent.state_dict())
    vectors = model(*padded(spellings))
    assert vectors.shape == (len(spellings), model.output_size)
    for vector, spelling in zip(vectors, spellings, strict=True):
        states, _ = plain(model.characters.weight[spelling])
        assert_close(vector, torch.cat([states[-1, :3], states[0, 3:]]), rtol=1e-9, atol=1e-9)


@both_models
@quick
@given(spellings=SPELLINGS, extra=st.integers(1, 4))
def test_padding_of_characters_changes_neither_vectors_nor_gradients(
    model: str, spellings: list[list[int]], extra: int
) -> None:
    spelling = MODELS[model]()
    vectors, wider = (spelling(*padded(spellings, width)) for width in (0, extra))
    assert_close(wider, vectors, rtol=1e-9, atol=1e-9)
    weights = torch.linspace(-1, 1, vectors.numel(), dtype=torch.float64).view_as(vectors)
    for gradient, wanted in zip(
        *(torch.autograd.grad((result * weights).sum(), list(spelling.parameters())) for result in (wider, vectors)),
        strict=True,
    ):
        assert_close(gradient, wanted, rtol=1e-9, atol=1e-9)


@both_models
def test_the_padding_character_is_zero_and_stays_so(model: str) -> None:
    spelling = MODELS[model]()
    assert not spelling.characters.weight[PADDING_ID].any()
    spelling(*padded([[1, 2, 3], [4]])).sum().backward()
    assert spelling.characters.weight.grad is not None
    assert not spelling.characters.weight.grad[PADDING_ID].any()
    assert spelling.characters.weight.grad[1].any()


# Word features

WORDS, SHAPES = 6, 4
SINGLETONS = torch.tensor([False, False, False, True, True, False])
ARGUMENTS: dict[str, Any] = {
    "word_size": 7,
    "shapes": SHAPES,
    "shape_size": 2,
    "affixes": 6,
    "affixes_of_word": 2,
    "affix_size": 4,
    "singleton_replacement": 0.5,
    "word_replacement": 0.1,
}


def features(spelling: SpellingCNN | SpellingLSTM | None, **changes: Any) -> WordFeatures:
    torch.manual_seed(0)
    return WordFeatures(SINGLETONS, spelling=spelling, **(ARGUMENTS | changes)).double()


# Two rows of five tokens with three distinct spellings, and one padded position.
WORDS_BT = torch.tensor([[2, 3, 2], [5, 3, 0]])
SPELLINGS_BT = torch.tensor([[1, 0, 1], [2, 0, 0]])
SHAPES_U = torch.tensor([1, 3, 2])
AFFIXES_UA = torch.tensor([[1, 2], [3, 1], [5, 4]])
SPELT = [[4, 5, 6, 7], [8], [9, 10]]


def vectors_of(module: WordFeatures) -> Tensor:
    return vectors_from(module, WORDS_BT, SPELLINGS_BT, SHAPES_U, AFFIXES_UA, *padded(SPELT))


def vectors_from(module: WordFeatures, words: Tensor, spellings: Tensor, *tables: Tensor) -> Tensor:
    names = ("shapes_U", "affixes_UA", "characters_UL", "characters_U")
    vectors: Tensor = module({"words_BT": words, "spellings_BT": spellings, **dict(zip(names, tables, strict=True))})
    return vectors


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_blocks_of_spellings_change_no_value_and_no_gradient(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    spelling = cnn()
    spelt = [[3, 1, 2, 2, 9, 4], [1], [5, 6], [7, 7, 7], [2], [8, 1], [4, 3, 2, 1]]
    parameters, weights = (
        list(spelling.parameters()),
        torch.randn(len(spelt), spelling.output_size, dtype=torch.float64),
    )
    expected = torch.cat([spelling(*padded([characters])) for characters in spelt])
    monkeypatch.setattr("seqkit.nn.word_features.SPELLINGS_AT_ONCE", at_once)
    vectors = spelling(*padded(spelt))
    assert_close(vectors, expected, rtol=1e-9, atol=1e-9)
    for gradient, wanted in zip(
        *(torch.autograd.grad((total * weights).sum(), parameters) for total in (vectors, expected)), strict=True
    ):
        assert_close(gradient, wanted, rtol=1e-9, atol=1e-9)


@both_models
def test_features_equal_those_of_each_token_alone(model: str) -> None:
    spelling = MODELS[model]()
    module = features(spelling).eval()
    vectors = vectors_of(module)
    assert vectors.shape == (2, 3, module.output_size)
    assert module.shapes is not None
    assert module.affixes is not None
    for row, step in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]:
        spelt = SPELLINGS_BT[row, step]
        alone = spelling(*padded([SPELT[spelt]]))[0]
        word = module.words.weight[WORDS_BT[row, step]]
        shape = module.shapes.weight[SHAPES_U[spelt]]
        prefix, suffix = (module.affixes.weight[affix] for affix in AFFIXES_UA[spelt])
        expected = torch.cat([word, alone, shape, prefix, suffix])
        assert_close(vectors[row, step], expected, rtol=1e-9, atol=1e-9)


@both_models
def test_each_distinct_spelling_is_computed_once(model: str) -> None:
    spelling = MODELS[model]()
    seen: list[int] = []
    spelling.register_forward_pre_hook(lambda _, arguments: seen.append(len(arguments[0])))
    vectors_of(features(spelling))
    assert seen == [len(SPELT)]


@both_models
def test_a_spelling_learns_from_every_token_it_stands_for(model: str) -> None:
    spelling = MODELS[model]()
    module = features(spelling).eval()
    parameters = list(spelling.parameters())
    weights = torch.randn(2, 3, module.output_size, dtype=torch.float64)
    together = (vectors_of(module) * weights).sum()
    one_by_one = torch.zeros((), dtype=torch.float64)
    for row, step in torch.cartesian_prod(torch.arange(2), torch.arange(3)).tolist():
        place = (slice(row, row + 1), slice(step, step + 1))
        spelt = SPELLINGS_BT[row, step]
        only = (SHAPES_U[spelt][None], AFFIXES_UA[spelt][None], *padded([SPELT[spelt]]))
        vector = vectors_from(module, WORDS_BT[place], torch.zeros(1, 1, dtype=torch.long), *only)
        one_by_one = one_by_one + (vector[0, 0] * weights[row, step]).sum()
    for gradient, wanted in zip(
        *(torch.autograd.grad(total, parameters) for total in (together, one_by_one)), strict=True
    ):
        assert_close(gradient, wanted, rtol=1e-9, atol=1e-9)


def test_shapes_and_spellings_can_be_left_out() -> None:
    module = features(None, shape_size=0, affix_size=0).eval()
    assert module.output_size == 7
    vectors = vectors_of(module)
    assert torch.equal(vectors, module.words.weight[WORDS_BT])


def unknown_share(module: WordFeatures, word: int) -> float:
    """The share of 10,000 occurrences of a word that get the vector of the unknown word."""
    words = torch.full((100, 100), word)
    spelt = (torch.tensor([word % SHAPES]), torch.zeros(1, 2).long(), *padded([[1]]))
    vectors = vectors_from(module, words, torch.zeros_like(words), *spelt)
    unknown: Tensor = (vectors[..., :7] == module.words.weight[UNKNOWN_ID]).all(-1)
    return int(unknown.sum()) / unknown.numel()


def test_words_turn_unknown_in_training_alone_and_singletons_most() -> None:
    module = features(None)
    assert [unknown_share(module, word) for word in (3, 4)] == pytest.approx([0.5, 0.5], abs=0.02)
    assert [unknown_share(module, word) for word in (2, 5)] == pytest.approx([0.1, 0.1], abs=0.02)
    module.eval()
    assert [unknown_share(module, word) for word in range(2, WORDS)] == [0.0] * 4


def test_replacement_leaves_shape_and_spelling_as_they_are() -> None:
    module = features(cnn(), singleton_replacement=1.0, word_replacement=1.0)
    training, evaluated = vectors_of(module), vectors_of(module.eval())
    assert torch.equal(training[..., 7:], evaluated[..., 7:])
    assert torch.equal(training[..., :7], module.words.weight[UNKNOWN_ID].expand(2, 3, 7))


def test_singletons_are_kept_with_the_weights() -> None:
    state = features(None).state_dict()
    assert torch.equal(state["singletons_V"], SINGLETONS)


def test_embeddings_start_uniform_with_padding_zero() -> None:
    torch.manual_seed(0)
    module = WordFeatures(torch.zeros(400, dtype=torch.bool), spelling=None, **(ARGUMENTS | {"word_size": 12}))
    tables = [(module.words.weight, 12), (SpellingCNN(400, 27, filters=1).characters.weight, 27)]
    for weight, width in tables:
        bound = (3 / width) ** 0.5  # the range of Ma and Hovy
        assert not weight[PADDING_ID].any()
        assert 0.98 * bound < weight.abs().max().item() <= bound
        assert weight[1:].std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
