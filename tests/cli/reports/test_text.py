"""What ``seqkit evaluate`` prints about language models."""

import json
import re

import pytest

from seqkit.data.texts import open_texts
from seqkit.language_model import LanguageModel
from tests.command_line import seqkit, tiny_run
from tests.tiny_text import DEV


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in the folder with a corpus and a run of the language model."""
    monkeypatch.chdir(tiny_run("lm").parents[1])


def test_evaluate_prints_all_scores() -> None:
    done = seqkit("evaluate")
    assert (done.code, done.err) == (0, "")
    names = ("perplexity", "nats per token", "bits per character", "bits per byte")
    assert all(re.search(rf"^{name} +\d+\.\d+$", done.out, re.MULTILINE) for name in names)
    scores = json.loads(seqkit("evaluate", "runs/lm", "--json", "--device=cpu").out)
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
