"""The benchmarks of language models on texts of a few lines: they run, and compared code gives equal results."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import char_lm, contextual, decoding, memory, word_lm
from benchmarks.timing import Options
from seqkit.config.presets import PRESETS
from seqkit.data.texts import open_texts
from seqkit.errors import ConfigError
from tests.command_line import write_corpus
from tests.tiny_text import DEV, TEXT_SETTINGS, TRAIN, tiny_language_model


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Public corpora of a few lines each, and presets of a few units."""
    for folder, files in {
        "tinyshakespeare": {"input.txt": "".join(TRAIN)},
        "wikitext2": {"train.txt": "".join(TRAIN), "valid.txt": "".join(DEV)},
    }.items():
        (tmp_path / folder).mkdir()
        for name, text in files.items():
            (tmp_path / folder / name).write_text(text, encoding="utf-8")
    write_corpus(tmp_path / "wnut2017")
    for preset in ("char", "word"):
        monkeypatch.setitem(PRESETS, preset, {**TEXT_SETTINGS, "unit": preset})
    return tmp_path


def number(text: str, row: str, column: int) -> float:
    """Return a number from a printed table."""
    cells = re.search(rf"^\| {re.escape(row)} \|(.*)\|$", text, re.MULTILINE)
    assert cells, text
    return float(cells[1].split("|")[column].replace(",", ""))


@pytest.mark.slow
def test_characters(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data", str(data), "--minutes", "0.005", "0.01", "--out", str(tmp_path / "out.md")]
    char_lm.main([*arguments, "--runs", str(tmp_path / "runs")])
    text = (tmp_path / "out.md").read_text()
    assert capsys.readouterr().out.endswith(text + "\n")
    assert number(text, "--preset char", 1) == pytest.approx(number(text, "--preset char", 2) * 0.6931, abs=1e-3)
    assert number(text, "bare nn.LSTM", 1) > 0
    assert "--preset char --max-minutes 0.01" in text
    assert (tmp_path / "runs" / "char-0.01-minutes" / "model.safetensors").is_file()


@pytest.mark.slow
def test_bare_model_scores_every_character(data: Path) -> None:
    texts = open_texts(data / "tinyshakespeare" / "input.txt")
    torch.manual_seed(1)
    model = char_lm._Bare(30)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    tokens = torch.randint(30, (2345,))
    assert char_lm._nats(model, tokens) == pytest.approx(3.4012, abs=1e-4), "expected log(30)"
    assert char_lm.bare_nats(texts, 0.0) > 0


@pytest.mark.slow
def test_words(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    word_lm.main(["--data", str(data), "--minutes", "0.01"])
    out = capsys.readouterr().out
    assert number(out, "word | ", 2) > 1


def test_missing_corpus_is_an_error(tmp_path: Path) -> None:
    for main in (char_lm.main, word_lm.main, contextual.main):
        with pytest.raises(ConfigError, match="--data: there is no "):
            main(["--data", str(tmp_path / "nothing")])


@pytest.mark.slow
def test_tagger_with_and_without_language_model(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contextual.main(["--data", str(data), "--lm-minutes", "0.005", "--seeds", "1", "2", "--epochs", "1"])
    out = capsys.readouterr().out
    for name in ("without", "with --lm"):
        mean = (number(out, name, 0) + number(out, name, 1)) / 2
        assert number(out, name, 2) == pytest.approx(mean, abs=0.01)


def test_both_loops_generate_the_same() -> None:
    model = decoding.untrained(24)
    assert model.fitted is not None
    network = model.fitted.network("forward").eval()
    plain, step = decoding.plain_loop(network), decoding._step_loop(model)
    for rows in (1, 5):
        assert torch.equal(plain(rows, 30), step(rows, 30))


def test_table_of_decoding() -> None:
    text = decoding.report(Options(quick=True))
    for rows in decoding.BATCHES:
        assert number(text, str(rows), 0) > 0
    assert number(text, "1", 5) == 1.0


@pytest.mark.slow
def test_memory_does_not_grow_during_generation(tmp_path: Path) -> None:
    tiny_language_model(epochs=1).fit(TRAIN, DEV).save(tmp_path / "run")
    found: Any = memory.writing(tmp_path / "run", warm_up=2000, tokens=20_000)
    assert found.share < 0.05
