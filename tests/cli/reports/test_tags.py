"""What ``seqkit evaluate`` prints about taggers: scores by type, confusions, errors."""

import re
from pathlib import Path
from typing import Any

import pytest

import seqkit as library
from seqkit.runs.folder import RunFolder
from seqkit.text.tagging_schemes import Scheme, spans_from_tags, tags_from_spans
from tests.command_line import seqkit, tiny_run, write_conll
from tests.tiny import ROWS


@pytest.fixture
def flawed_corpus(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A file that differs from what the tiny run says in four known places, and what was changed."""
    predicted = library.load(tiny_run("ner"), device="cpu").predict(ROWS["tokens"])
    sentences = [[token.text for token in sentence.tokens] for sentence in predicted]
    spans = [spans_from_tags([token.tag for token in each.tokens], predicted_scheme()) for each in predicted]
    assert [span.label for span in spans[0]] == ["PER", "PER", "LOC"]
    assert [span.label for span in spans[1]] == ["LOC"]
    assert spans[2] == []
    total = sum(map(len, spans))
    spans[0][1] = spans[0][1]._replace(label="LOC")  # the run says PER of Bo
    spans[0].pop(2)  # the run finds Ghent, where now nothing is
    spans[1][0] = spans[1][0]._replace(end=spans[1][0].end - 1)  # the run takes in one word too many
    spans[2].append(type(spans[1][0])(0, 2, "PER"))  # the run misses this one
    tags = [tags_from_spans(each, len(words), Scheme.IOB2) for each, words in zip(spans, sentences, strict=True)]
    path = write_conll(tmp_path / "flawed.conll", zip(sentences, tags, strict=True))
    return path, {"gold": total, "predicted": total, "correct": total - 3}


def predicted_scheme() -> Scheme:
    labels: dict[str, str] = RunFolder(tiny_run("ner")).read_json("labels.json")
    return Scheme[labels["scheme"]]


def test_evaluate_shows_types_confusion_and_errors(flawed_corpus: tuple[Path, dict[str, Any]]) -> None:
    path, counts = flawed_corpus
    done = seqkit("evaluate", tiny_run("ner"), "--corpus", path)
    assert (done.code, done.err) == (0, "")
    ratio = f"{100 * counts['correct'] / counts['gold']:.2f} %"
    assert f"f1 {ratio}  precision {ratio}  recall {ratio}" in done.out
    cells = [re.split(r"\s*[│┃]\s*", line.strip("│┃ ")) for line in done.out.splitlines() if line[:1] in "│┃"]
    types = {row[0]: list(map(int, row[4:])) for row in cells if len(row) == 7 and row[0] in ("PER", "LOC")}
    assert [sum(column) for column in zip(*types.values(), strict=True)] == list(counts.values())
    confusion = {row[0]: list(map(int, row[1:])) for row in cells if len(row) == 4 and row[1].isdigit()}
    assert cells[-len(confusion) - 1] == ["gold \\ predicted", "LOC", "PER", "(missed)"]
    assert confusion["LOC"][1:] == [1, 1]  # Bo, and the span that is one word shorter
    assert confusion["PER"][0] == 0
    assert confusion["PER"][2] == 1  # the new one
    assert confusion["(spurious)"][0] == 2  # Ghent, and the span that is one word longer
    shown = done.out[done.out.index("Errors") :].splitlines()
    assert shown[0] == "Errors (3 wrong, 1 missed)"
    assert [re.sub(r"^ *[\d.]+ +", "", line) for line in sorted(shown[1:4], key=lambda line: line[8:])] == [
        "Ada Lund met Bo in [Ghent] .   predicted LOC, gold nothing",
        "Ada Lund met [Bo] in Ghent .   predicted PER, gold LOC",
        "They sailed from [New South Wales] .   predicted LOC, gold LOC 'New South'",
    ]
    confidences = [float(line[:6]) for line in shown[1:4]]
    assert confidences == sorted(confidences, reverse=True)
    assert shown[4:] == ["missed  [Rain fell] .   predicted nothing, gold PER"]


def test_evaluate_shows_as_many_errors_as_asked_for(flawed_corpus: tuple[Path, dict[str, Any]]) -> None:
    out = seqkit("evaluate", tiny_run("ner"), "--corpus", flawed_corpus[0], "--errors", 2).out
    shown = out[out.index("The 2") :].splitlines()
    assert shown[0] == "The 2 most confident of 4 errors (3 wrong, 1 missed)"
    assert len(shown) == 3
    assert "rrors" not in seqkit("evaluate", tiny_run("ner"), "--corpus", flawed_corpus[0], "--errors", 0).out


def test_evaluate_shows_wrong_plain_tags(tmp_path: Path) -> None:
    path = write_conll(tmp_path / "tags.conll", [(["Rain", "fell", "."], ["VERB", "VERB", "PUNCT"])])
    done = seqkit("evaluate", tiny_run("pos"), "--corpus", path)
    assert done.code == 0
    assert "accuracy 66.67 %\n3 tokens" in done.out
    assert re.search(r"\nErrors \(1 wrong\)\n 0\.\d{3}  \[Rain\] fell \.   predicted NOUN, gold VERB\n$", done.out)
