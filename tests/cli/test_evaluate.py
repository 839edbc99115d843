"""``seqkit evaluate``: which split of which corpus is scored, and its scores as JSON."""

import json
import re
from pathlib import Path

import pytest

import seqkit as library
from seqkit.runs.folder import RunFolder
from tests.command_line import assert_refused, options, seqkit, tiny_run, write_conll, write_corpus
from tests.tiny import ROWS, tiny_tagger


@pytest.mark.parametrize("task", ["ner", "pos"])
def test_evaluate_json_is_one_object_with_what_the_library_finds(task: str) -> None:
    run = tiny_run(task)
    done = seqkit("evaluate", run, "--split", "test", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.out.count("\n") == 1
    found = json.loads(done.out)
    corpus = library.open_corpus(str(run.parents[1] / "corpus"))
    evaluation = library.load(run, device="cpu").evaluate(corpus["test"])
    assert {name: found[name] for name in evaluation.scores} == evaluation.scores
    wanted = {"f1", "precision", "recall", "accuracy"} if task == "ner" else {"accuracy"}
    assert found.keys() == {*wanted, "tokens", "tokens_per_second"}
    assert all(0 <= found[name] <= 1 for name in wanted)
    assert found["tokens"] == sum(map(len, ROWS["tokens"][4:]))
    assert found["tokens_per_second"] > 0


@pytest.mark.parametrize("split", ["dev", "gold"])
def test_a_missing_split_is_named_with_those_there_are(split: str, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    (corpus / "dev.conll").unlink()
    done = seqkit("evaluate", tiny_run("ner"), "--corpus", corpus, "--split", split)
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(rf"error: the corpus has no split '{split}', only train, test; .*\n", done.err)


def test_evaluate_reads_columns_and_encoding_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "latin.conll"
    path.write_text("O x Zoë\nO x slept\n", encoding="latin-1")
    plain = seqkit("evaluate", tiny_run("ner"), "--corpus", path)
    assert plain.code == 1
    assert f"error: {path}:1: " in plain.err
    assert "--encoding" in plain.err
    asked = ["--encoding=latin-1", "--token-column=2", "--tag-column=0", "--json"]
    done = seqkit("evaluate", tiny_run("ner"), "--corpus", path, *asked)
    assert json.loads(done.out)["tokens"] == 2


def test_dev_made_by_a_fraction_is_the_same_at_evaluation(tmp_path: Path) -> None:
    corpus = write_conll(tmp_path / "all.conll", zip(ROWS["tokens"], ROWS["tags"], strict=True))
    kept: list[tuple[float, int]] = []
    for seed in (1, 2):
        run = tmp_path / f"run-{seed}"
        trained = seqkit("train", "ner", "--corpus", corpus, "--out", run, "--dev-fraction=0.4", *options(seed=seed))
        assert trained.code == 0
        for asked in ([], ["--corpus", corpus]):
            found = json.loads(seqkit("evaluate", run, *asked, "--json").out)
            report = RunFolder(run).read_json("report.json")
            assert {name: found[name] for name in report["dev"]} == report["dev"]
        kept.append((found["accuracy"], found["tokens"]))
    assert kept[0] != kept[1]  # another seed, another dev split


def test_a_moved_corpus_is_named_and_has_the_same_dev_split(tmp_path: Path) -> None:
    corpus = write_conll(tmp_path / "all.conll", zip(ROWS["tokens"], ROWS["tags"], strict=True))
    run, moved = tmp_path / "run", tmp_path / "moved.conll"
    trained = seqkit("train", "ner", "--corpus", corpus, "--out", run, "--dev-fraction=0.4", *options())
    assert trained.code == 0
    corpus.rename(moved)
    run = run.rename(tmp_path / "renamed")
    told = "all.conll: no such file or folder; the run was trained on it: if it was moved, name it with --corpus"
    assert_refused(seqkit("evaluate", run), 1, told)
    found = json.loads(seqkit("evaluate", run, "--corpus", moved, "--json").out)
    report = RunFolder(run).read_json("report.json")
    assert {name: found[name] for name in report["dev"]} == report["dev"]
    moved.write_text("Ada B-PER\n")  # another corpus, which is scored as a whole
    assert json.loads(seqkit("evaluate", run, "--corpus", moved, "--json").out)["tokens"] == 1


@pytest.mark.parametrize("name", ["a/b/c", "./gone.conll", "tickets of May"])
def test_a_run_that_describes_its_corpus_in_words_is_scored_on_another(name: str, tmp_path: Path) -> None:
    about = {"spec": name, "annotated": "twice"}
    tiny_tagger(epochs=1).fit(ROWS, ROWS, out=tmp_path / "run", about=about)
    done = seqkit("evaluate", tmp_path / "run", "--corpus", write_corpus(tmp_path / "corpus"), "--json")
    assert (done.code, done.err) == (0, "")


def test_evaluate_asks_for_the_corpus_of_a_run_that_names_none(tmp_path: Path) -> None:
    library.load(tiny_run("ner"), device="cpu").save(tmp_path / "saved")
    done = seqkit("evaluate", tmp_path / "saved")
    assert done.code == 2
    assert "--corpus" in done.err


@pytest.mark.parametrize(
    ("task", "option"),
    [
        ("lm", "--tag-column=1"),
        ("lm", "--errors=3"),
        ("lm", "--pictures=x"),
        ("ner", "--cache"),
        ("ner", "--dynamic"),
        ("ner", "--label-column=x"),
        ("sentiment", "--offsets=utf16"),
        ("sentiment", "--token-column=0"),
    ],
)
def test_options_for_other_models_are_refused(task: str, option: str) -> None:
    assert_refused(seqkit("evaluate", tiny_run(task), option), 2, option.split("=")[0], f"task {task}")
