"""``seqkit train lm``, ``evaluate`` and ``generate`` as a person calls them."""

import json
import re
from pathlib import Path

import pytest

from seqkit.config.presets import PRESETS
from seqkit.data.texts import open_texts
from seqkit.language_model import LanguageModel
from tests.command_line import Done, seqkit, tiny_run
from tests.tiny_text import DEV, TEXT_SETTINGS, text_options, write_texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, and a run that ``seqkit train lm`` has left in ``runs``."""
    folder = tmp_path_factory.mktemp("lm")
    write_texts(folder / "corpus")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = seqkit("train", "lm", "--corpus=./corpus", *text_options(epochs=2))
    assert (done.code, done.out) == (0, "runs/lm\n")
    assert re.search(r"epoch 2/2  loss \d\.\d+  dev perplexity \d+\.\d+  \d+ s  best so far\n", done.err)
    assert re.search(r"finished after \d+ s: best dev perplexity \d+\.\d+ in epoch 2\n", done.err)
    return folder


@pytest.fixture(autouse=True)
def _there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def generated(*options: object, stdin: bytes = b"") -> Done:
    done = seqkit("generate", *options, stdin=stdin)
    assert (done.code, done.err) == (0, "")
    return done


# Training.


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
def test_published_presets_start_and_go_on(preset: str, tmp_path: Path) -> None:
    """Narrow, for speed; all else as published."""
    narrow = ["--corpus=./corpus", "--embedding-size=8", "--hidden-size=12", "--device=cpu", "--batch-tokens=350"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert seqkit("train", "lm", f"--preset={preset}", "--epochs=2", f"--out={whole}", *narrow).code == 0
    timed = [*narrow, "--epochs=2", "--max-minutes=0.00001", f"--out={cut}"]
    done = seqkit("train", "lm", f"--preset={preset}", *timed)
    assert done.code == 0
    assert f"go on with: seqkit train lm --resume {cut}" in done.err
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
        (["--corpus=./corpus/train.txt", "--dev-fraction=0"], 1, r"the corpus has no dev split"),
        (["--corpus=./corpus", "--text-column=body"], 1, r"plain text, which has no column 'body'"),
        (["--adaptive-softmax"], 2, r"an adaptive softmax has its own clusters: choose tied=False"),
        (["--token-column=1"], 2, r"No such option.*--token-column"),
    ],
)
def test_what_cannot_be_trained_is_one_line(options: list[str], code: int, message: str) -> None:
    done = seqkit("train", "lm", *options)
    assert (done.code, done.out) == (code, "")
    assert re.search(message, re.sub(r"[│\s]+", " ", done.err))
    assert "Traceback" not in done.err


# Scoring.


def test_evaluate_prints_all_scores() -> None:
    done = seqkit("evaluate")
    assert (done.code, done.err) == (0, "")
    names = ("perplexity", "nats per token", "bits per character", "bits per byte")
    assert all(re.search(rf"^{name} +\d+\.\d+$", done.out, re.MULTILINE) for name in names)
    scores = json.loads(seqkit("evaluate", "runs/lm", "--json").out)
    expected = LanguageModel.load("runs/lm", device="cpu").evaluate(open_texts("./corpus")["dev"]).scores
    tokens = len("".join(DEV))
    assert scores["tokens"] == tokens, "a file is one running text, without an end"
    assert {name: scores[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_evaluate_adapts_where_asked() -> None:
    plain, cache, dynamic = (
        json.loads(seqkit("evaluate", "runs/lm", "--json", *options).out)["perplexity"]
        for options in ([], ["--cache"], ["--dynamic"])
    )
    assert len({plain, cache, dynamic}) == 3


def test_evaluate_refuses_what_is_for_the_other_kind_of_run() -> None:
    done = seqkit("evaluate", "runs/lm", "--tag-column=1")
    assert done.code == 2
    assert "--tag-column" in done.err
    done = seqkit("evaluate", tiny_run("ner"), "--cache")
    assert done.code == 2
    assert "--cache" in done.err


# Writing.


def test_generate_uses_the_newest_language_model() -> None:
    done = generated("--seed=1", "--max-tokens=20", "--prompt=Ada")
    assert done.out.startswith("Ada")
    assert done.out == generated("--model=runs/lm", "--seed=1", "--max-tokens=20", "--prompt=Ada").out


def test_streamed_text_is_the_text() -> None:
    for options in (["--temperature=0.8"], ["--stop=e"], ["--temperature=0"]):
        given = ["--seed=3", "--max-tokens=40", "--prompt=Rain", "--ignore-end", *options]
        assert generated(*given).out == generated(*given, "--no-stream").out
        (line,) = generated(*given, "--json").out.splitlines()
        assert generated(*given, "--no-echo").out.rstrip("\n") == json.loads(line)["text"].rstrip("\n")


def test_the_prompt_comes_from_an_option_a_file_or_stdin(tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("The café\n", encoding="utf-8")
    given = ["--seed=1", "--max-tokens=10"]
    expected = generated(*given, "--prompt=The café").out
    assert generated(*given, f"--prompt-file={tmp_path / 'prompt.txt'}").out == expected
    assert generated(*given, "--prompt-file=-", stdin="The café\n".encode()).out == expected
    assert generated(*given, stdin="The café\n".encode()).out == expected
    assert generated(*given).out == generated(*given, "--prompt=").out


def test_samples_have_seeds_of_their_own() -> None:
    given = ["--prompt=Ada", "--max-tokens=15", "--json"]
    lines = list(map(json.loads, generated(*given, "--num-samples=4", "--seed=10").out.splitlines()))
    assert [line["seed"] for line in lines] == [10, 11, 12, 13]
    for line in lines:
        assert json.loads(generated(*given, f"--seed={line['seed']}").out) == line
    shown = generated("--prompt=Ada", "--max-tokens=15", "--num-samples=2", "--seed=10").out
    assert shown.startswith("--- 1 of 2, seed 10\nAda")


def test_log_probabilities_are_told() -> None:
    given = ["--prompt=Ada", "--max-tokens=5", "--seed=1", "--ignore-end", "--logprobs"]
    tokens = json.loads(generated(*given, "--json").out)["tokens"]
    assert len(tokens) == 5
    rows = re.findall(r"^ *(-\d+\.\d+)  '(.*)'$", generated(*given).out, re.MULTILINE)
    assert [float(value) for value, _ in rows] == pytest.approx([t["log_probability"] for t in tokens], abs=1e-4)


def test_a_beam_gives_the_best_texts_first() -> None:
    lines = generated("--prompt=Ada", "--max-tokens=6", "--beam=4", "--num-samples=3", "--json", "--logprobs").out
    totals = [sum(t["log_probability"] for t in json.loads(line)["tokens"]) for line in lines.splitlines()]
    assert len(totals) == 3
    assert totals == sorted(totals, reverse=True)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--prompt=5 €"], 2, r"never seen '5', '€'; leave that out, or have it read as <unk>"),
        (["--prompt=a", "--prompt-file=b"], 2, r"give --prompt or --prompt-file, not both"),
        (["--prompt-file=nothing.txt"], 1, r"nothing\.txt: No such file or directory"),
        (["--temperature=-1"], 2, r"--temperature.*greater than or equal to 0"),
        (["--top-p=0"], 2, r"top_p must be greater than 0 and at most 1, not 0"),
        (["--top-p=2"], 2, r"--top-p.*less than or equal to 1"),
        (["--max-tokens=0"], 2, r"max_tokens must be at least 1"),
        (["--num-samples=0"], 2, r"num_samples must be at least 1"),
        (["--beam=2", "--num-samples=3"], 2, r"a beam of 2 cannot give 3 texts"),
        (["--stop="], 2, r"a stop string must not be empty"),
        (["--model=nowhere"], 1, r"nowhere is not a run"),
    ],
)
def test_what_cannot_be_written_is_one_line(options: list[str], code: int, message: str) -> None:
    done = seqkit("generate", *options)
    assert (done.code, done.out) == (code, "")
    assert re.search(message, re.sub(r"[│\s]+", " ", done.err))
    assert "Traceback" not in done.err


def test_a_prompt_that_is_no_utf_8_names_its_line() -> None:
    done = seqkit("generate", stdin=b"one\ntwo \xff\n")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: stdin:2: not UTF-8")


def test_unknown_characters_are_read_where_that_is_allowed() -> None:
    assert generated("--prompt=5 €", "--allow-unknown", "--max-tokens=3", "--seed=1").out.startswith("5 €")


def test_a_tagger_is_no_language_model() -> None:
    done = seqkit("generate", "--model", tiny_run("ner"))
    assert done.code == 1
    assert "holds a model of the task 'ner', not a language model" in done.err
