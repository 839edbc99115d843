"""``seqkit train`` on running text."""

import json
import re
from contextlib import chdir
from pathlib import Path

import pytest

from seqkit.config.presets import PRESETS
from tests.command_line import seqkit
from tests.tiny_text import TEXT_SETTINGS, text_options, write_texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, and a run that ``seqkit train lm`` has written to ``runs``."""
    folder = tmp_path_factory.mktemp("lm")
    write_texts(folder / "corpus")
    with chdir(folder):
        done = seqkit("train", "lm", "--corpus=./corpus", *text_options(epochs=2))
    assert (done.code, done.out) == (0, "runs/lm\n")
    assert re.search(r"epoch 2/2  loss \d\.\d+  dev perplexity \d+\.\d+  \d+ s  best so far\n", done.err)
    assert re.search(r"finished after \d+ s: best dev perplexity \d+\.\d+ in epoch 2\n", done.err)
    return folder


@pytest.fixture(autouse=True)
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_a_run_says_what_it_is() -> None:
    run = json.loads(Path("runs/lm/run.json").read_text())
    assert run["task"] == "lm"
    assert run["corpus"]["spec"] == "./corpus"
    assert {name: run["settings"][name] for name in TEXT_SETTINGS} == {**TEXT_SETTINGS, "epochs": 2}
    assert 'model = seqkit.load("PATH_OF_THIS_FOLDER")' in Path("runs/lm/README.md").read_text()
    assert Path("runs/lm/learning_curve.png").stat().st_size > 1000
    told = seqkit("info", "runs/lm")
    assert (told.code, told.err) == (0, "")
    assert re.search(r"dev +perplexity \d+\.\d+, nats_per_token \d\.\d+, bits_per_character", told.out)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_printed_config_of_a_preset_is_the_preset(preset: str, tmp_path: Path) -> None:
    done = seqkit("train", "lm", "--preset", preset, "--print-config")
    assert (done.code, done.err) == (0, "")
    (tmp_path / "own.toml").write_text(done.out)
    again = seqkit("train", "lm", "--config", tmp_path / "own.toml", "--print-config")
    assert again.out == done.out
    changed = seqkit("train", "lm", "--config", tmp_path / "own.toml", "--hidden-size=33", "--print-config")
    assert set(changed.out.splitlines()) - set(done.out.splitlines()) == {"hidden_size = 33"}
    for name, value in PRESETS[preset].items():
        assert f"{name} = {json.dumps(value)}" in done.out.splitlines()


@pytest.mark.parametrize("preset", ["zaremba-medium", "awd-ptb", "awd-wt2"])
@pytest.mark.slow
def test_published_presets_start_and_go_on(preset: str, tmp_path: Path) -> None:
    """Narrow, for speed; all else as published."""
    narrow = ["--corpus=./corpus", "--embedding-size=8", "--hidden-size=12", "--device=cpu", "--batch-tokens=350"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert seqkit("train", "lm", f"--preset={preset}", "--epochs=2", f"--out={whole}", *narrow).code == 0
    timed = [*narrow, "--epochs=2", "--max-minutes=0.00001", f"--out={cut}"]
    done = seqkit("train", "lm", f"--preset={preset}", *timed)
    assert done.code == 0
    assert f"resume with: seqkit train lm --resume {cut}" in done.err
    done = seqkit("train", "lm", "--resume", cut, "--device=cpu")
    assert (done.code, done.out) == (0, f"{cut}\n")
    assert len((cut / "metrics.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--preset=huge"], 2, r"no preset 'huge'; choose from tiny, char, word"),
        (["--unit=syllable"], 2, r"Invalid value for '--unit'"),
        (["--pretokenized", "--unit=char"], 2, r"pretokenized text consists of words"),
        (["--corpus=./nothing"], 1, r"nothing: no such file or folder"),
        (["--corpus=./corpus/train.txt", "--dev-fraction=0"], 1, r"the corpus has no split 'dev'"),
        (["--corpus=./corpus", "--text-column=body"], 1, r"plain text, which has no column 'body'"),
        (["--adaptive-softmax"], 2, r"an adaptive softmax has its own clusters: choose --no-tied"),
        (["--token-column=1"], 2, r"No such option.*--token-column"),
    ],
)
def test_what_cannot_be_trained_is_one_line(options: list[str], code: int, message: str) -> None:
    done = seqkit("train", "lm", *options)
    assert (done.code, done.out) == (code, "")
    assert re.search(message, re.sub(r"[│\s]+", " ", done.err))
    assert "Traceback" not in done.err
