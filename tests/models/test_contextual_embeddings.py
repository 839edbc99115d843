"""Contextual states against the plain layers, and in a tagger that is trained, saved and loaded."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from seqkit.config.language_model import LanguageModelConfig
from seqkit.errors import CheckpointError, ConfigError
from seqkit.models.contextual_embeddings import ContextualStates
from seqkit.tagger import Tagger
from seqkit.text.lm_tokenizer import TextTokenizer
from seqkit.text.long_words import LONGEST_WORD
from seqkit.training.events import EpochDone
from tests.tiny import ROWS, history_of, press_at, tiny_tagger, without_time
from tests.tiny_text import DEV, TRAIN, tiny_language_model

SENTENCES = [["Ada", "met", "Bo"], ["Rain"], ["Ghent", "was", "quiet", ",", "and", "wet", "."], ["a"]]


def states_of(direction: str = "both", **changes: Any) -> ContextualStates:
    torch.manual_seed(1)
    config = LanguageModelConfig(**{"direction": direction, "embedding_size": 5, "hidden_size": 7, **changes})
    return ContextualStates(config, TextTokenizer.fitted("char", [[text] for text in TRAIN]))


def by_hand(states: ContextualStates, words: list[str]) -> torch.Tensor:
    """The vector of each word of a single sentence: the plain layers' states at the right characters."""
    text = "\n" + " ".join(words) + "\n"
    ids = torch.from_numpy(states.tokenizer.encode(text))
    found = []
    for direction, network in states.networks.by_direction():
        read = F.embedding(ids if direction == "forward" else ids.flip(0), network.embedding.weight)[None]
        for encoder in network.encoders:
            read, _ = encoder.recurrent(read)
        place, rows = 1, []
        for word in words:
            step = place + len(word) - 1 if direction == "forward" else len(text) - 1 - place
            rows.append(read[0, step])
            place += len(word) + 1
        found.append(torch.stack(rows))
    return torch.cat(found, dim=1)


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
@pytest.mark.parametrize("changes", [{}, {"num_layers": 2, "cell": "gru"}], ids=str)
def test_vectors_are_states_at_the_borders_of_words(direction: str, changes: dict[str, Any]) -> None:
    states = states_of(direction, **changes)
    found = states.of(SENTENCES)
    assert found.dtype == torch.float16
    assert found.shape == (12, states.output_size)
    with torch.no_grad():
        expected = torch.cat([by_hand(states, words) for words in SENTENCES])
    assert_close(found.float(), expected, atol=1e-3, rtol=1e-2)


def test_a_sentence_is_read_alike_in_any_company() -> None:
    states = states_of()
    together = states.of(SENTENCES * 5)
    alone = torch.cat([states.of([words]) for words in SENTENCES])
    assert_close(together, alone.repeat(5, 1), atol=1e-3, rtol=1e-2)


def test_the_context_matters_and_its_side_does() -> None:
    states = states_of()
    before, after = states.of([["Ada", "met", "Bo"]])[1], states.of([["Ada", "met", "Uma"]])[1]
    width = states.output_size // 2
    assert_close(before[:width], after[:width], atol=1e-3, rtol=0)
    assert not torch.allclose(before[width:], after[width:], atol=1e-3)


def test_it_is_never_trained_and_never_dropped_out() -> None:
    states = states_of(input_dropout=0.5, weight_dropout=0.5).train()
    assert not states.training
    assert not any(parameter.requires_grad for parameter in states.parameters())
    assert_close(states.of(SENTENCES), states.of(SENTENCES), rtol=0, atol=0)


def test_of_a_very_long_word_the_two_ends_are_read() -> None:
    states = states_of()
    half = LONGEST_WORD // 2
    word = "a" * half + "b" * 1000 + "c" * half
    assert_close(states.of([[word, "x"]]), states.of([["a" * half + "c" * half, "x"]]), rtol=0, atol=0)


def test_only_a_character_model_can_be_read() -> None:
    tokenizer = TextTokenizer.fitted("word", [[text] for text in TRAIN])
    with pytest.raises(ConfigError, match="reads a language model of characters, not of the unit 'word'"):
        ContextualStates(LanguageModelConfig(unit="word"), tokenizer)


# In a tagger.


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lm") / "run"
    tiny_language_model(direction="both", epochs=1).fit(TRAIN, DEV, out=path)
    return path


def test_a_tagger_with_a_language_model_is_whole_in_its_folder(language_model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "lm"
    copy.mkdir()
    for file in language_model.iterdir():
        if file.is_file():
            (copy / file.name).write_bytes(file.read_bytes())
    tagger = tiny_tagger(lm=str(copy), lm_size=8, epochs=6).fit(ROWS, ROWS, out=tmp_path / "run")
    expected = tagger.predict(ROWS["tokens"])
    for file in copy.iterdir():
        file.unlink()
    again = Tagger.load(tmp_path / "run", device="cpu")
    assert again.predict(ROWS["tokens"]) == expected
    again.save(tmp_path / "saved")
    assert Tagger.load(tmp_path / "saved", device="cpu").predict(ROWS["tokens"]) == expected


def test_training_does_not_touch_the_language_model(language_model: Path) -> None:
    tagger = tiny_tagger(lm=str(language_model), lm_size=8).fit(ROWS, ROWS)
    assert tagger.fitted is not None
    contextual = tagger.fitted.model.contextual
    assert contextual is not None
    from seqkit.language_model import LanguageModel

    original = LanguageModel.load(language_model, device="cpu").fitted
    assert original is not None
    for name, tensor in original.model.state_dict().items():
        assert torch.equal(tensor, contextual.networks.state_dict()[name])
    assert tagger.fitted.model.projection is not None
    assert tagger.fitted.model.projection.weight.requires_grad


def test_what_the_language_model_says_reaches_the_tagger(language_model: Path) -> None:
    """The vectors are features: with other vectors, the tagger's scores differ."""
    tagger = tiny_tagger(lm=str(language_model), lm_size=8, epochs=8).fit(ROWS, ROWS)
    task = tagger.fitted
    assert task is not None
    examples = task.prepare({"tokens": ROWS["tokens"]})
    assert examples.contextual_NC is not None
    assert examples.contextual_NC.shape == (sum(map(len, ROWS["tokens"])), 24)
    task.model.eval()
    batch = task.collate(examples, [0, 3])
    with torch.no_grad():
        plain = task.model(batch)
        examples.contextual_NC.neg_()
        assert not torch.allclose(task.model(task.collate(examples, [0, 3])), plain)


def test_such_a_training_is_resumed_exactly(language_model: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"lm": str(language_model), "lm_size": 8}
    tiny_tagger(**settings).fit(ROWS, ROWS, out=tmp_path / "whole")
    tiny_tagger(**settings).fit(ROWS, ROWS, out=tmp_path / "cut", report=press_at((1, EpochDone)))
    tiny_tagger(**settings).fit(ROWS, ROWS, out=tmp_path / "cut", resume=True)
    whole, cut = history_of(tmp_path / "whole"), history_of(tmp_path / "cut")
    assert without_time(whole) == without_time(cut)


def test_a_language_model_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a run"):
        tiny_tagger(lm=str(tmp_path / "nothing")).fit(ROWS, ROWS)


@pytest.mark.cuda
def test_training_reads_the_corpus_on_the_gpu(language_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of, devices = ContextualStates.of, []

    def spy(self: ContextualStates, sentences: Any) -> torch.Tensor:
        devices.append(next(self.networks.parameters()).device.type)
        return of(self, sentences)

    monkeypatch.setattr(ContextualStates, "of", spy)
    tagger = tiny_tagger(lm=str(language_model), lm_size=8)
    tagger.device = "cuda"
    tagger.fit(ROWS, ROWS)
    assert set(devices) == {"cuda"}
