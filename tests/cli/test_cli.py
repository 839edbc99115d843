"""The command line as a contract: help, version, exit codes, and the commands that read a run or a corpus."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from seqkit.config.task_tables import CONFIGS, TRAINING

import seqkit as library
from seqkit.runs.folder import RunFolder
from seqkit.text.tagging_schemes import Scheme, spans_from_tags, tags_from_spans
from tests.command_line import options, seqkit, tiny_run, write_conll, write_corpus
from tests.tiny import ROWS


def words_of(screen: str) -> str:
    """What a help screen says, without the frames that typer draws and the lines it makes."""
    return " ".join(re.sub(r"[╭╮╰╯─│]", " ", screen).split())


def copied_runs(folder: Path, **runs: str) -> None:
    """Copies of tiny runs as ``runs/NAME``, each saved a minute after the one before."""
    for age, (name, task) in enumerate(runs.items()):
        copy = shutil.copytree(tiny_run(task), folder / "runs" / name)
        os.utime(copy / "model.safetensors", (60 * age, 60 * age))


def test_version() -> None:
    done = seqkit("--version")
    assert (done.code, done.out, done.err) == (0, f"seqkit {library.__version__}\n", "")


def test_help_names_every_command() -> None:
    said = words_of(seqkit("--help").out)
    for command in ("train", "evaluate", "predict", "info", "corpora"):
        assert f" {command} " in said
    for command in ("ner", "pos", "sentiment", "classifier", "lm"):
        assert f" {command} " in words_of(seqkit("train", "--help").out)


@pytest.mark.parametrize("task", ["ner", "pos", "sentiment", "classifier"])
def test_train_help_shows_every_setting(task: str) -> None:
    done = seqkit("train", task, "--help")
    said = words_of(done.out)
    for config in (CONFIGS[task], TRAINING[task]):
        hints = get_type_hints(config if isinstance(config, type) else type(config), include_extras=True)
        for field in fields(config):
            default = getattr(config, field.name)
            (help_text,) = (item for item in get_args(hints[field.name])[1:] if isinstance(item, str))
            option = said.partition(f" --{field.name.replace('_', '-')} ")[2]
            assert help_text in option
            if default is not None:
                after = option.partition(help_text)[2]
                assert re.match(rf"( \[x[<>][\d.]+\])? \[default: {re.escape(str(default))}\]", after), field.name
    for option in ("corpus", "out", "overwrite", "resume", "config", "quiet", "device", "precision", "dev-fraction"):
        assert f" --{option} " in said


def test_no_screen_is_wider_than_a_terminal() -> None:
    for command in ("train ner", "train pos", "evaluate", "predict", "info", "corpora validate"):
        done = seqkit(*command.split(), "--help", terminal=True)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", done.out)
        assert max(map(len, plain.splitlines())) <= 80


@pytest.mark.parametrize(
    "command",
    [
        "nonsense",
        "train",
        "train sing",
        "train ner --no-such-option",
        "train ner --epochs many",
        "train ner --head tail",
        "train ner --cell abacus",
        "train ner --characters=runes",
        "train ner --optimizer luck",
        "train ner --schedule never",
        "train ner --device abacus",
        "train ner --precision perfect",
        "train ner --epochs 0",
        "train ner --max-minutes inf",
        "train ner --learning-rate nan",
        "train ner --scheme ZZZ",
        "train ner --dev-fraction 2",
        "train ner --config nowhere.toml",
        "train pos",
        "predict RUN some text",
        "predict RUN text --input -",
        "predict RUN text --format xml",
        "evaluate RUN --errors -1",
        "evaluate RUN --device abacus",
        "corpora show",
        "info RUN RUN",
    ],
)
def test_bad_usage_is_exit_code_2(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = seqkit(*(word.replace("RUN", str(tiny_run("ner"))) for word in command.split()))
    assert done.code == 2
    assert "error" in done.err.lower() or "Usage" in done.out + done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_predict_asks_for_a_text_on_a_terminal() -> None:
    done = seqkit("predict", tiny_run("ner"), terminal=True)
    assert (done.code, done.out) == (2, "")
    assert "--input FILE" in done.err


def test_debug_adds_the_traceback() -> None:
    plain, debug = seqkit("info", "nowhere"), seqkit("--debug", "info", "nowhere")
    assert plain.code == debug.code == 1
    assert re.fullmatch(r"error: .*nowhere.*\n", plain.err)
    assert debug.err.startswith("Traceback")
    assert debug.err.endswith(plain.err)


def test_commands_take_the_newest_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied_runs(tmp_path, old="ner", middle="pos", new="ner")
    monkeypatch.chdir(tmp_path)
    for command in (["evaluate"], ["info"]):
        assert "runs/new" in seqkit(*command).out
    assert json.loads(seqkit("predict", "Bo ran", "--json").out).keys() == {"text", "entities"}
    os.utime("runs/middle/model.safetensors", (600, 600))
    assert "runs/middle" in seqkit("info").out
    assert json.loads(seqkit("predict", "Bo ran", "--json").out).keys() == {"text", "tokens"}


@pytest.mark.parametrize("command", ["evaluate", "info", "predict some-text"])
def test_no_run_is_an_error(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = seqkit(*command.split())
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(r"error: no (classifier|lm|ner|or|pos|sentiment| )+ run in runs/; .*\n", done.err)


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
        "Ada Lund met Bo in [Ghent] .   said LOC, gold nothing",
        "Ada Lund met [Bo] in Ghent .   said PER, gold LOC",
        "They sailed from [New South Wales] .   said LOC, gold LOC 'New South'",
    ]
    confidences = [float(line[:6]) for line in shown[1:4]]
    assert confidences == sorted(confidences, reverse=True)
    assert shown[4:] == ["missed  [Rain fell] .   said nothing, gold PER"]


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
    assert re.search(r"\nErrors \(1 wrong\)\n 0\.\d{3}  \[Rain\] fell \.   said NOUN, gold VERB\n$", done.out)


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


def test_evaluate_asks_for_the_corpus_of_a_run_that_names_none(tmp_path: Path) -> None:
    library.load(tiny_run("ner"), device="cpu").save(tmp_path / "saved")
    done = seqkit("evaluate", tmp_path / "saved")
    assert done.code == 2
    assert "--corpus" in done.err


def test_info_says_what_the_run_folder_says() -> None:
    run = RunFolder(tiny_run("ner"))
    about, report = run.read_run(), run.read_json("report.json")
    done = seqkit("info", run.path, "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {"run": str(run.path), **about, "report": report}
    shown = " ".join(seqkit("info", run.path).out.split())
    assert f"run {run.path} task ner corpus {about['corpus']['spec']} dev f1 {100 * report['dev']['f1']:.2f} %" in shown
    assert f"finished, {report['epochs']} epoch in" in shown
    assert f"{report['parameters']:,} parameters" in shown
    assert all(f"{name}={value}" in shown for name, value in about["settings"].items())
    assert "resume" not in shown


def test_a_damaged_run_is_told(tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run("ner"), tmp_path / "run")
    spoil: list[tuple[str, Callable[[Path], object]]] = [
        ("model.safetensors", lambda file: file.write_bytes(b"\0" * 20)),
        ("labels.json", lambda file: file.write_text("{")),
        ("tokenizer.json", lambda file: file.unlink()),
        ("run.json", lambda file: file.write_text('{"format_version": 99}')),
    ]
    for name, change in spoil:
        change(run / name)
        done = seqkit("predict", run, "Bo ran")
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("error: ")
        assert done.err.count("\n") == 1
        shutil.copy(tiny_run("ner") / name, run / name)
    assert seqkit("predict", run, "Bo ran").code == 0


def test_corpora_list_and_show() -> None:
    done = seqkit("corpora", "list")
    assert (done.code, done.err) == (0, "")
    assert "ner-mini" in done.out.splitlines()
    assert "eriktks/conll2003 (hub)" in done.out.splitlines()
    card = Path(__file__).parents[2] / "corpora/seqkit_corpora/ner-mini/CARD.md"
    assert seqkit("corpora", "show", "ner-mini").out == card.read_text(encoding="utf-8") + "\n"
    done = seqkit("corpora", "show", "ner-mimi")
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(r"error: .*'ner-mimi'; did you mean ner-mini( or prose-mini)?\?.*\n", done.err)


def test_corpora_validate(tmp_path: Path) -> None:
    clean = write_conll(tmp_path / "clean.conll", [(["Ada", "ran"], ["B-PER", "O"])])
    done = seqkit("corpora", "validate", clean)
    assert (done.code, done.out, done.err) == (0, "0 errors, 0 notes\n", "")
    bad = write_conll(tmp_path / "bad.conll", [(["Ada", "ran"], ["B-PER", "O"]), (["the", "Alps"], ["O", "I-LOC"])])
    done = seqkit("corpora", "validate", bad, "--scheme", "iob2")
    assert done.code == 1
    assert f"{bad}:5: " in done.out
    assert done.out.endswith("1 errors, 0 notes\n")
    assert seqkit("corpora", "validate", bad, "--scheme", "IOB1").code == 1  # where B-PER may not start a sentence
    assert seqkit("corpora", "validate", bad, "--scheme", "IOB7").code == 2
    plain = write_conll(tmp_path / "plain.conll", [(["Rain", "fell"], ["O", "O"])])
    done = seqkit("corpora", "validate", plain)
    assert done.code == 0
    assert done.out.splitlines()[0].endswith("(note)")
    swapped = tmp_path / "swapped.conll"
    swapped.write_bytes(b"B-PER\tZo\xeb\nO\tran\n")
    asked = ["--encoding=latin-1", "--token-column=1", "--tag-column=0"]
    assert seqkit("corpora", "validate", swapped, *asked).code == 0
    assert seqkit("corpora", "validate", tmp_path / "nowhere.conll").code == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_an_output_that_is_full_is_told() -> None:
    command = [sys.executable, "-c", "from seqkit_cli.main import main; main()", "corpora", "list"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"error: .*No space left on device\n", done.stderr)


def test_help_and_wrong_runs_are_told_without_torch(tmp_path: Path) -> None:
    code = """
import sys
from seqkit_cli.main import main
codes = []
for command in ("train ner --help", "predict -h", "corpora list", "predict text", "info", "predict nowhere text"):
    sys.argv = ["seqkit", *command.split()]
    try:
        main()
    except SystemExit as leaving:
        codes.append(leaving.code)
print(codes, file=sys.stderr)
assert not {"torch", "datasets", "numpy"} & set(sys.modules), sorted(sys.modules)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[0, 0, 0, 1, 1, 1]"
