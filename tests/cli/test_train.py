"""``seqkit train`` as a contract: where a run goes, how it ends, how it goes on, and what bad input gets."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import seqkit as library
from seqkit.metrics.metric import Metric
from seqkit.runs.folder import RunFolder
from seqkit.task_table import TASKS
from seqkit.training.events import Event
from seqkit.training.progress import Progress
from tests.command_line import Done, options, seqkit, words_of, write_conll, write_corpus
from tests.tiny import ROWS, interrupt_when
from tests.tiny_text import text_options, write_texts

MODEL = "model.safetensors"


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small corpus in the working folder."""
    monkeypatch.chdir(tmp_path)
    write_corpus(tmp_path / "corpus")
    return "--corpus=./corpus"


def settings_of(run: str) -> dict[str, object]:
    settings: dict[str, object] = RunFolder(run).read_run()["settings"]
    return settings


def assert_refused(done: Done, code: int, *parts: str) -> None:
    """The command failed with one line that says what, where and how to mend it."""
    assert done.code == code
    assert done.out == ""
    assert re.fullmatch(r"error: [^\n]+\n", done.err), done.err
    for part in parts:
        assert part in done.err


def test_runs_are_numbered_and_named_on_the_last_line(corpus: str) -> None:
    for name in ("runs/ner", "runs/ner-2", "runs/ner-3"):
        done = seqkit("train", "ner", corpus, *options(epochs=1))
        assert (done.code, done.out) == (0, f"{name}\n")
        assert library.load(name).task == "ner"


def test_a_run_folder_is_complete(corpus: str) -> None:
    done = seqkit("train", "ner", corpus, "--out=deep/run", *options(epochs=2))
    assert (done.code, done.out) == (0, "deep/run\n")
    names = {path.name for path in Path("deep/run").iterdir()}
    assert names >= {"run.json", MODEL, "metrics.jsonl", "report.json", "learning_curve.png", "README.md"}
    assert "resume" not in names
    assert len(Path("deep/run/metrics.jsonl").read_text().splitlines()) == 2


def test_an_out_that_holds_a_model_is_refused_without_overwrite(corpus: str) -> None:
    assert seqkit("train", "ner", corpus, "--out=run", *options(epochs=1)).code == 0
    before = Path("run", MODEL).read_bytes()
    assert_refused(seqkit("train", "ner", corpus, "--out=run", *options(epochs=1, seed=2)), 1, "run", "--overwrite")
    assert Path("run", MODEL).read_bytes() == before
    assert seqkit("train", "ner", corpus, "--out=run", "--overwrite", *options(epochs=1, seed=2)).code == 0
    assert Path("run", MODEL).read_bytes() != before
    Path("mine").mkdir()
    Path("mine/letter.txt").write_text("Dear Ada")
    for out in ("mine", "mine/letter.txt"):
        assert_refused(seqkit("train", "ner", corpus, "--out", out, "--overwrite", *options()), 1, out)
    assert Path("mine/letter.txt").read_text() == "Dear Ada"


def test_seed_decides_everything(corpus: str) -> None:
    weights = []
    for seed in (1, 1, 2):
        run = seqkit("train", "ner", corpus, *options(epochs=1, seed=seed)).out.strip()
        assert settings_of(run)["seed"] == seed
        weights.append(Path(run, MODEL).read_bytes())
    assert weights[0] == weights[1] != weights[2]


def test_settings_come_from_a_file_and_the_command_line_wins(corpus: str) -> None:
    Path("tiny.toml").write_text('epochs = 7\nhidden_size = 5\nlearning_rate = 1\nhead = "softmax"\nscheme = "IOB2"\n')
    done = seqkit("train", "ner", corpus, "--config=tiny.toml", "--epochs=1", "--device=cpu")
    assert done.code == 0
    settings = settings_of("runs/ner")
    assert {"epochs": 1, "hidden_size": 5, "learning_rate": 1.0, "head": "softmax", "scheme": "IOB2"}.items() <= (
        settings.items()
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hidden_sizes = 5", "hidden_sizes"),
        ('hidden_size = "5"', "hidden_size"),
        ('head = "tail"', "crf, softmax"),
        ("epochs = 0", "epochs"),
        ("epochs =", "settings.toml"),
    ],
)
def test_a_wrong_settings_file_is_bad_usage(text: str, told: str, corpus: str) -> None:
    Path("settings.toml").write_text(text)
    assert_refused(seqkit("train", "ner", corpus, "--config=settings.toml"), 2, told)
    assert not Path("runs").exists()


def test_quiet_prints_nothing_but_the_run(corpus: str) -> None:
    for flag in ("--quiet", "-q"):
        done = seqkit("train", "ner", corpus, flag, *options(epochs=1))
        assert (done.code, done.err) == (0, "")
    assert seqkit("train", "ner", corpus, "-q", "--max-minutes=0.0001", *options()).err == ""


def test_a_log_has_a_line_an_epoch(corpus: str) -> None:
    done = seqkit("train", "ner", corpus, *options(epochs=3))
    lines = done.err.splitlines()
    records = [json.loads(line) for line in Path("runs/ner/metrics.jsonl").read_text().splitlines()]
    for number, (line, record) in enumerate(zip(lines[:3], records, strict=True), start=1):
        score = f"{100 * record['dev_f1']:.2f}"
        assert line.startswith(f"epoch {number}/3  loss {record['train_loss']:.4f}  dev f1 {score}  ")
    assert re.fullmatch(r"finished after \d+ s: best dev f1 [\d.]+ in epoch \d", lines[3])
    assert len(lines) == 4


def test_a_terminal_has_a_bar_that_fits_it(corpus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tqdm.std._screen_shape_wrapper", lambda: lambda stream: (80, 24))
    done = seqkit("train", "ner", corpus, *options(epochs=3), terminal=True)
    assert (done.code, done.out) == (0, "runs/ner\n")
    drawn = [line for line in re.split(r"[\r\n]", done.err) if line.startswith("epoch ")]
    shape = r"epoch 3/3  loss \d\.\d{3}  dev f1 \d+\.\d\d \|█+\| +[\d.]+k? tok/s, 00:00 left"
    assert re.fullmatch(shape, drawn[-1])
    assert max(map(len, drawn)) <= 80
    last = json.loads(Path("runs/ner/metrics.jsonl").read_text().splitlines()[-1])
    assert f"dev f1 {100 * last['dev_f1']:.2f}" in drawn[-1]
    assert drawn[0].startswith("epoch 1/3 |")


def test_max_minutes_ends_training_with_the_best_model_kept(corpus: str) -> None:
    done = seqkit("train", "ner", corpus, "--max-minutes=0.005", *options(epochs=100_000))
    assert (done.code, done.out) == (0, "runs/ner\n")
    assert "resume with: seqkit train ner --resume runs/ner\n" in done.err
    assert RunFolder("runs/ner").read_json("report.json")["reason"] == "time"
    assert seqkit("evaluate", "--json").code == 0


class InterruptedProgress(Progress):
    """Presses Ctrl-C when a batch of the second epoch is done."""

    def __init__(self, metric: Metric, *, step: str = "step", quiet: bool = False) -> None:
        super().__init__(metric, step=step, quiet=quiet)
        self.press = interrupt_when(lambda event: self.epoch == 2 and type(event).__name__ == "BatchDone")

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        self.press(event)


def test_a_resumed_run_ends_as_the_uninterrupted_one(corpus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seqkit("train", "ner", corpus, "--out=whole", *options()).code == 0
    with monkeypatch.context() as patch:
        patch.setattr("seqkit.estimator.Progress", InterruptedProgress)
        done = seqkit("train", "ner", corpus, "--out=my run", *options())
    assert (done.code, done.out) == (130, "my run\n")
    assert done.err.splitlines()[-1] == "resume with: seqkit train ner --resume 'my run'"
    shown = seqkit("info", "my run").out
    assert re.search(r"^training +interrupted, 1 epoch in ", shown, re.M)
    assert re.search(r"^resume +seqkit train ner --resume 'my run'$", shown, re.M)
    done = seqkit("train", "ner", "--resume", "my run")
    assert (done.code, done.out) == (0, "my run\n")
    assert Path("my run", MODEL).read_bytes() == Path("whole", MODEL).read_bytes()
    assert settings_of("my run") == settings_of("whole")
    assert_refused(seqkit("train", "ner", "--resume", "my run"), 1, "has finished")


@pytest.mark.parametrize(
    ("task", "given", "code", "told"),
    [
        ("ner", ["--out=elsewhere"], 2, "--out"),
        ("ner", ["--corpus=ner-mini"], 1, "the corpus ner-mini has other contents than ./corpus"),
        ("ner", ["--hidden-size=9"], 2, "--hidden-size"),
        ("ner", ["--overwrite"], 2, "--overwrite"),
        ("pos", [], 2, "seqkit train ner"),
        ("ner", [], 1, "has changed"),
    ],
)
def test_a_resume_keeps_corpus_and_settings(task: str, given: list[str], code: int, told: str, corpus: str) -> None:
    assert seqkit("train", "ner", corpus, "--max-minutes=0.0001", *options()).code == 0
    write_conll(Path("corpus/dev.conll"), [(["Ada"], ["B-PER"])])
    assert_refused(seqkit("train", task, "--resume=runs/ner", *given), code, told)


def test_a_run_is_resumed_after_it_and_its_corpus_have_moved(corpus: str) -> None:
    whole = seqkit("train", "ner", corpus, "--out=whole", *options())
    assert whole.code == 0
    assert seqkit("train", "ner", corpus, "--max-minutes=0.0001", *options()).code == 0
    Path("runs/ner").rename("mine")
    Path("corpus").rename("there")
    told = "corpus: no such file or folder; the run was trained on it: if it was moved, name it with --corpus"
    assert_refused(seqkit("train", "ner", "--resume=mine"), 1, told)
    assert_refused(seqkit("train", "ner", "--resume=mine", "--corpus=./nowhere"), 1, "nowhere: no such file")
    done = seqkit("train", "ner", "--resume=mine", "--corpus=./there")
    assert (done.code, done.out) == (0, "mine\n")
    before, after = (RunFolder(run).read_run()["corpus"] for run in ("whole", "mine"))
    assert after == {**before, "spec": "./there"}
    assert "./there" in Path("mine/README.md").read_text()
    assert seqkit("evaluate", "mine", "--json").code == 0  # it knows where its corpus is now


def test_a_run_of_text_is_resumed_after_its_corpus_has_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_texts(tmp_path / "corpus")
    assert seqkit("train", "lm", "--corpus=./corpus", "--max-minutes=0.0001", *text_options(epochs=2)).code == 0
    Path("corpus").rename("there")
    assert_refused(seqkit("train", "lm", "--resume=runs/lm"), 1, "corpus: no such file", "name it with --corpus")
    assert seqkit("train", "lm", "--resume=runs/lm", "--corpus=./there").code == 0


def test_resuming_what_is_no_run(corpus: str) -> None:
    assert_refused(seqkit("train", "ner", "--resume=nowhere"), 1, "nowhere")


@pytest.mark.slow
def test_ctrl_c_keeps_the_model_and_prints_a_resume_command_that_works(corpus: str) -> None:
    command = [sys.executable, "-c", "from seqkit_cli.main import main; main()", "train", "ner", corpus]
    paths = os.pathsep.join(map(os.path.abspath, sys.path))
    process = subprocess.Popen(
        [*command, *options(epochs=1_000_000)],
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr
        for line in process.stderr:  # blocks until training has begun
            if line.startswith("epoch 2/"):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert out == "runs/ner\n"
    assert "Traceback" not in err
    advice = re.fullmatch(r"resume with: seqkit (train ner --resume runs/ner)", err.splitlines()[-1])
    assert advice
    epochs = RunFolder("runs/ner").read_json("report.json")["epochs"]
    done = seqkit(*advice[1].split(), "--max-minutes=0.0001")
    assert (done.code, done.out) == (0, "runs/ner\n")
    assert RunFolder("runs/ner").read_json("report.json")["epochs"] == epochs + 1


def conll(train: str, dev: str = "Ada B-PER\n") -> Callable[[Path], None]:
    """Makes a corpus of the text of two files."""

    def make(folder: Path) -> None:
        (folder / "train.conll").write_text(train)
        (folder / "dev.conll").write_text(dev)

    return make


def only(*names: str) -> Callable[[Path], None]:
    """Makes a corpus of some files alone."""

    def make(folder: Path) -> None:
        for name in names:
            write_conll(folder / name, [(["Ada"], ["B-PER"])] * 4)

    return make


BAD_CORPORA: dict[str, tuple[Callable[[Path], None], list[str], list[str]]] = {
    "empty file": (conll(""), [], ["train.conll", "empty"]),
    "empty dev": (conll("Ada B-PER\n", dev="\n\n"), [], ["dev.conll"]),
    "no tag column": (conll("\nAda\nran\n"), [], ["train.conll:2", "a token and a tag"]),
    "a row without a tag": (conll("Ada\tB-PER\n\nran\t\n"), [], ["train.conll:3", "no tag"]),
    "differing columns": (conll("Ada NNP B-PER\nran VBD O\n\nBo B-PER\n"), [], ["train.conll:4", "line 1 has 3"]),
    "illegal tag": (
        conll("Ada B-PER\n\nthe O\nAlps I-LOC\n"),
        ["--corpus-scheme=IOB2"],
        ["train.conll:3", "I-LOC", "IOB2", "corpora validate"],
    ),
    "illegal tag in dev": (
        conll("Ada B-PER\n", dev="the O\nAlps I-LOC\n"),
        ["--corpus-scheme=iob2"],
        ["dev.conll:1", "I-LOC", "IOB2"],
    ),
    "no entity": (conll("Rain O\nfell O\n"), [], ["no entity"]),
    "plain tags": (conll("Rain NOUN\nfell VERB\n"), [], ["seqkit train pos"]),
    "no train": (only("dev.conll", "test.conll"), [], ["'train'", "dev, test"]),
    "no dev": (only("train.conll"), ["--dev-fraction=0"], ["'dev'", "only train"]),
    "no file": (only(), [], ["corpus", "no train, dev or test file"]),
    "wrong column": (conll("Ada B-PER\n"), ["--tag-column=5"], ["no column '5'"]),
    "a folder for a file": (lambda folder: (folder / "train.conll").mkdir(), [], ["corpus", "no train, dev or test"]),
}


@pytest.mark.parametrize("name", BAD_CORPORA)
def test_a_bad_corpus_is_one_clear_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, given, told = BAD_CORPORA[name]
    monkeypatch.chdir(tmp_path)
    Path("corpus").mkdir()
    make(Path("corpus"))
    done = seqkit("train", "ner", "--corpus=./corpus", *given, *options())
    assert_refused(done, 1, *told)
    debug = seqkit("--debug", "train", "ner", "--corpus=./corpus", *given, *options())
    assert debug.code == 1
    assert debug.err.startswith("Traceback (most recent call last):")
    assert debug.err.endswith(done.err)
    assert not list(Path().glob("runs/*"))  # no empty folder is left behind


@pytest.mark.parametrize(
    ("spec", "code", "told"),
    [
        ("ner-mimi", 1, "did you mean ner-mini or series-mini or prose-mini?"),
        ("./nowhere", 1, "nowhere: no such file or folder"),
        ("a/b/c", 2, "./a/b/c"),
    ],
)
def test_a_corpus_that_is_not_there(spec: str, code: int, told: str) -> None:
    assert_refused(seqkit("train", "ner", "--corpus", spec), code, told)


def test_latin_1_is_told_and_read_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("latin.conll").write_text("Zoë B-PER\nslept O\n\n" * 5, encoding="latin-1")
    asked = ["train", "ner", "--corpus=latin.conll", *options(epochs=1)]
    assert_refused(seqkit(*asked), 1, "latin.conll:1", "--encoding")
    assert seqkit(*asked, "--encoding=latin-1").code == 0
    assert json.loads(seqkit("evaluate", "--json").out)["tokens"] > 0  # the run knows how its corpus is read


def test_columns_are_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("swapped.conll").write_text("B-PER NNP Ada\nO VBD ran\n\n" * 5)
    asked = ["--corpus=swapped.conll", "--token-column=2", *options(epochs=1)]
    assert seqkit("train", "ner", "--tag-column=0", *asked).code == 0
    assert seqkit("train", "pos", "--tag-column=1", *asked).code == 0
    assert RunFolder("runs/ner").read_json("labels.json")["labels"] == ["O", "B-PER", "E-PER", "I-PER", "S-PER"]
    assert RunFolder("runs/pos").read_json("labels.json")["labels"] == ["NNP", "VBD"]


def test_the_columns_that_were_read_are_kept_in_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("germeval.tsv").write_text("#\tx.de [2009-10-17]\n1\tAda\tB-PER\tO\n2\tran\tO\tO\n\n" * 5)
    assert seqkit("train", "ner", "--corpus=germeval.tsv", *options(epochs=2, max_minutes=0.0001)).code == 0
    read = {"germeval.tsv": {"format": "CoNLL", "tokens": 1, "tags": 2}}
    assert RunFolder("runs/ner").read_run()["corpus"]["columns"] == read
    assert seqkit("train", "ner", "--resume=runs/ner").code == 0
    assert json.loads(seqkit("evaluate", "--json").out)["tokens"] == 2


def test_a_label_that_train_lacks_is_warned_of_and_counts_as_wrong(corpus: str) -> None:
    dev = [*zip(ROWS["tokens"][:2], ROWS["tags"][:2], strict=True), (["Reuters"], ["B-ORG"])]
    write_conll(Path("corpus/dev.conll"), dev)
    done = seqkit("train", "ner", corpus, *options(epochs=1))
    assert done.code == 0
    warnings = [line for line in done.err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 1
    assert "dev" in warnings[0]
    assert warnings[0].endswith("ORG")
    done = seqkit("evaluate")
    assert done.err.startswith("warning: ")
    assert re.search(r"│ ORG +│ +0.00 │ +0.00 │ +0.00 │ +1 │ +0 │ +0 │", done.out)


def test_the_old_model_survives_a_full_disk(corpus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    assert seqkit("train", "ner", corpus, "--out=run", *options(epochs=1)).code == 0
    before = {path: path.read_bytes() for path in Path("run").iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))  # no file can become as large as a model
    try:
        done = seqkit("train", "ner", corpus, "--out=run", "--overwrite", "--quiet", *options(epochs=1, seed=2))
        new = seqkit("train", "ner", corpus, "--quiet", *options(epochs=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert_refused(done, 1, "run", "cannot be written", "File too large", "untouched")
    assert {path: path.read_bytes() for path in Path("run").iterdir()} == before
    assert sorted(path.name for path in Path().iterdir()) == ["corpus", "run", "runs"]  # and nothing half-written
    assert_refused(new, 1, "runs/ner")
    assert list(Path("runs").iterdir()) == []
    assert seqkit("predict", "run", "Bo ran").code == 0


def test_a_folder_that_cannot_be_made(corpus: str) -> None:
    Path("file").write_text("")
    assert_refused(seqkit("train", "ner", corpus, "--quiet", "--out=file/run", *options(epochs=1)), 1, "file")


@pytest.mark.parametrize("task", ["ner", "pos", "sentiment", "classifier"])
def test_train_help_shows_every_setting(task: str) -> None:
    shown = words_of(seqkit("train", task, "--help").out)
    spec = TASKS[task]
    for config in (spec.config, spec.training):
        hints = get_type_hints(config if isinstance(config, type) else type(config), include_extras=True)
        for field in fields(config):
            default = getattr(config, field.name)
            (help_text,) = (item for item in get_args(hints[field.name])[1:] if isinstance(item, str))
            option = shown.partition(f" --{field.name.replace('_', '-')} ")[2]
            assert help_text in option
            if default is not None:
                after = option.partition(help_text)[2]
                assert re.match(rf"( \[x[<>][\d.]+\])? \[default: {re.escape(str(default))}\]", after), field.name
    for option in ("corpus", "out", "overwrite", "resume", "config", "quiet", "device", "precision", "dev-fraction"):
        assert f" --{option} " in shown


def test_a_few_faults_of_a_real_corpus_are_one_warning_for_each_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sound, broken = (["Ada", "Lund"], ["B-PER", "I-PER"]), (["Ghent", "lies"], ["I-LOC", "O"])
    Path("corpus").mkdir()
    write_conll(Path("corpus/train.conll"), [*[sound] * 40, broken, broken])
    write_conll(Path("corpus/dev.conll"), [*[sound] * 5, broken])
    asked = ["train", "ner", "--corpus=./corpus", *options(epochs=1)]
    done = seqkit(*asked, "--quiet")
    assert (done.code, done.out) == (0, "runs/ner\n")
    first, second = done.err.splitlines()
    assert first.startswith("warning: corpus/train.conll:121: token 1 of the sentence: I-LOC cannot start a sentence")
    assert "2 places break IOB2, which explains 40 of 42 chunks" in first
    assert second.startswith("warning: corpus/dev.conll:16: token 1")
    assert_refused(seqkit(*asked, "--strict"), 1, "corpus/train.conll:121: token 1", "without --strict")
