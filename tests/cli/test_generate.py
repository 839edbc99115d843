"""``seqkit generate``: prompts, samples, beams, and text printed as it is generated."""

import json
import re
from pathlib import Path

import pytest

from tests.command_line import Done, seqkit, tiny_run


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in the folder with a corpus and a run of the language model."""
    monkeypatch.chdir(tiny_run("lm").parents[1])


def generated(*options: object, stdin: bytes = b"") -> Done:
    done = seqkit("generate", *options, stdin=stdin)
    assert (done.code, done.err) == (0, "")
    return done


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
        (["--prompt=5 €"], 2, r"does not contain '5', '€'; leave that out, or read it as <unk> with --allow-unknown"),
        (["--prompt=a", "--prompt-file=b"], 2, r"give --prompt or --prompt-file, not both"),
        (["--prompt-file=nothing.txt"], 1, r"nothing\.txt: No such file or directory"),
        (["--temperature=-1"], 2, r"--temperature.*greater than or equal to 0"),
        (["--top-p=0"], 2, r"--top-p must be greater than 0 and at most 1, not 0"),
        (["--top-p=2"], 2, r"--top-p.*less than or equal to 1"),
        (["--max-tokens=0"], 2, r"--max-tokens must be at least 1"),
        (["--num-samples=0"], 2, r"--num-samples must be at least 1"),
        (["--beam=2", "--num-samples=3"], 2, r"a beam of width 2 cannot find 3 texts"),
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
    assert "has a model of the task 'ner', which generates no text" in done.err
