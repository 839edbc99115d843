"""The speed benchmarks: timing, equal work for all implementations, and tables.

Nothing is timed here: if a benchmark runs, only the form of its output is checked.
"""

import argparse
import functools
import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import __main__ as everything
from benchmarks import crf, encoder, tagging_quality, tagging_step, time_to_score, timing
from benchmarks.crfsuite import PeerResult
from benchmarks.tagging_step import Findings, TextbookTagger, collate, file_to_file
from benchmarks.time_to_score import EpochScore, Race, reached, setting
from benchmarks.timing import Measured, Options, clock_for, interleaved, interleaved_rates, run_script
from seqkit.errors import ConfigError, MissingExtraError
from seqkit.training.device import cpu_has_bfloat16
from tests.tiny import ROWS, task_of, tiny_tagger

TOY = "Ada\tB-PER\nran\tO\n\nthe\tO\ndog\tO\nran\tO\n\nBo\tB-PER\nran\tO\n"
QUICK = Options(quick=True, repeats=1)


class ScriptedTime:
    """A clock that advances only during calls of its scripted functions."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log = ""

    def clock(self) -> float:
        return self.now

    def function(self, name: str, seconds: Sequence[float], work: int = 0) -> Callable[[], int]:
        """Return a function whose calls take these durations; the last one is repeated."""
        durations = itertools.chain(seconds, itertools.repeat(seconds[-1]))

        def run() -> int:
            self.log += name
            self.now += next(durations)
            return work

        return run


def table_of(markdown: str, number: int = 0) -> list[list[str]]:
    """Return the cells of a table of a report, without the line below its header."""
    tables = [block for block in markdown.split("\n\n") if block.startswith("| ")]
    header, _, *rows = [line.strip("| ").split(" | ") for line in tables[number].splitlines()]
    assert all(len(row) == len(header) for row in rows)
    return [header, *rows]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with one public corpus of three sentences."""
    folder = tmp_path / "data" / "bc5cdr"
    folder.mkdir(parents=True)
    for split in ("train", "dev"):
        (folder / f"{split}.conll").write_text(TOY, encoding="utf-8")
    return folder.parent


# timing


def test_functions_are_measured_in_rotation() -> None:
    time = ScriptedTime()
    functions = {
        "a": time.function("a", [50.0, 4.0, 5.0, 90.0, 7.0]),  # the first two calls are warm-up and calibration
        "b": time.function("b", [50.0, 4.0, 1.0, 2.0, 30.0]),
        "c": time.function("c", [50.0, 4.0, 8.0]),
    }
    timings = interleaved(functions, 3, 4.0, time.clock)
    assert time.log == "aabbcc" + "abc" + "bca" + "cab"
    assert timings == {"a": (7.0, 6.0, 48.5), "b": (2.0, 1.5, 16.0), "c": (8.0, 8.0, 8.0)}


def test_fast_function_is_called_repeatedly() -> None:
    time = ScriptedTime()
    timings = interleaved({"f": time.function("f", [1.0]), "s": time.function("s", [6.0])}, 2, 5.0, time.clock)
    assert time.log == "f" + "f" + "ff" + "ffff" + 8 * "f" + "ss" + 8 * "f" + "s" + "s" + 8 * "f"
    assert {name: measured.median for name, measured in timings.items()} == {"f": 1.0, "s": 6.0}


def test_rates_are_work_over_time_without_the_first_call() -> None:
    time = ScriptedTime()
    chunks = {"a": time.function("a", [99.0, 2.0, 4.0, 5.0], 20), "b": time.function("b", [99.0, 1.0], 3)}
    assert interleaved_rates(chunks, 3, time.clock) == {"a": (5.0, 4.5, 7.5), "b": (3.0, 3.0, 3.0)}
    assert time.log == "ab" + "ab" + "ba" + "ab"


@given(st.lists(st.floats(0.001, 1000.0), min_size=1, max_size=30))
def test_quartiles_equal_numpy(values: list[float]) -> None:
    measured = Measured.of(values)
    assert [measured.lower, measured.median, measured.upper] == pytest.approx(numpy.quantile(values, [0.25, 0.5, 0.75]))


def test_gpu_clock_synchronizes(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: done.append(device))
    monkeypatch.setattr("time.perf_counter", lambda: float(len(done)))
    assert clock_for("cuda")() == 1.0
    assert done == ["cuda"]


def test_missing_device_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    parser = timing.script_parser("benchmark", "What it does.")
    assert timing.options_of(parser.parse_args([])).device == "cpu"
    with pytest.raises(ConfigError, match="'cuda' is not available"):
        timing.options_of(parser.parse_args(["--device", "cuda"]))


def test_error_ends_a_script_with_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[str] = []
    monkeypatch.setattr(timing, "keep_freed_memory", lambda: calls.append("memory"))

    def main() -> None:
        calls.append("main")
        raise ConfigError("no such thing")

    with pytest.raises(SystemExit) as ended:
        run_script(main)
    assert (ended.value.code, capsys.readouterr().err, calls) == (2, "error: no such thing\n", ["memory", "main"])


# encoder


@pytest.mark.parametrize("shape", [encoder.Shape(5, 8, 3, 4, 1), encoder.Shape(3, 5, 4, 3, 2)])
def test_both_encoders_give_equal_results(shape: encoder.Shape) -> None:
    setup = encoder.Setup(shape, "cpu")
    lengths = setup.lengths_B.tolist()
    assert lengths[0] == shape.time
    assert min(lengths) >= 0.75 * shape.time
    torch.testing.assert_close(setup.infer("seqkit"), setup.infer("packed"))
    gradients = [setup.train(peer) for peer in ("seqkit", "packed")]
    assert len(gradients[0]) == 1 + 8 * shape.layers
    torch.testing.assert_close(*gradients)


def test_floor_has_the_multiplications_of_both_passes() -> None:
    shape = encoder.Shape(3, 5, 7, 4, 2)
    inputs = {"forward": 0, "backward": 0}
    for width in (7, 7, 8, 8):  # both directions of the first layer, then of the second, whose input is 2·H wide
        forward = 3 * 5 * (width + 4) * 16  # multiplications: input and state of every row by all gates
        inputs["forward"] += 2 * forward  # and as many additions
        inputs["backward"] += 4 * forward  # each product has a gradient for both of its factors
    for name, expected in inputs.items():
        with FlopCounterMode(display=False) as counter:
            for products in encoder.products_of(shape, "cpu"):
                getattr(products, name)()
        assert counter.get_total_flops() == expected


def scripted(*seconds: float) -> list[Measured]:
    return [Measured(value, value, value) for value in seconds]


def test_table_of_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    times = dict(zip(("packed", "seqkit", "floor"), scripted(0.03, 0.0125, 0.01), strict=True))
    monkeypatch.setattr(encoder, "measure", lambda shape, options: {"train": times, "inference": times})
    header, first, second, *others = table_of(encoder.report(Options()))
    assert header == ["(B, T, D, H, layers)", "pass", "packed ms", "seqkit ms", "packed/seqkit", "floor/seqkit"]
    assert first == ["(1, 25, 220, 200, 1)", "train", "30.00", "12.50", "2.40", "0.80"]
    assert second[1] == "inference"
    assert others[-1][0] == "(64, 50, 300, 256, 2)"


# crf


def test_both_crfs_give_equal_results() -> None:
    setup = crf.Setup(crf.Shape(4, 6, 5), "cpu")
    torch.testing.assert_close(setup.loss("seqkit"), setup.loss("pytorch-crf"))
    torch.testing.assert_close(setup.train("seqkit"), setup.train("pytorch-crf"))
    expected = setup.decode("pytorch-crf")
    assert setup.decode("seqkit") == setup.decode_in_inference_mode("seqkit") == expected
    assert setup.decode_in_inference_mode("pytorch-crf") == expected


def test_table_of_crfs(monkeypatch: pytest.MonkeyPatch) -> None:
    times = dict(zip(("pytorch-crf", "seqkit"), scripted(0.05, 0.01), strict=True))
    monkeypatch.setattr(crf, "measure", lambda shape, options: {"loss": times, "decode": times})
    header, first, *_, last = table_of(crf.report(Options()))
    assert header == ["(B, T, K)", "work", "pytorch-crf ms", "seqkit ms", "pytorch-crf/seqkit"]
    assert first == ["(32, 25, 9)", "loss", "50.00", "10.00", "5.00"]
    assert last[:2] == ["(256, 40, 17)", "decode"]


# the textbook


def toy_textbook() -> TextbookTagger:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return TextbookTagger(task_of(still=True))


def test_textbook_loss_equals_enumeration_of_all_paths() -> None:
    textbook = toy_textbook().eval()
    words, tags = ["Ada", "met", "Bo"], ["S-PER", "O", "S-LOC"]
    batch = collate([textbook.encode(words, tags), textbook.encode(["rain"], ["O"])], "cpu")
    crf, total = textbook.crf, torch.tensor(0.0)
    for scores_TK, labels in zip(textbook(batch), ([textbook.labels.index(tag) for tag in tags], [0]), strict=True):

        def score(path: Sequence[int], scores_TK: torch.Tensor = scores_TK) -> torch.Tensor:
            moves = sum(crf.transitions[pair] for pair in itertools.pairwise(path))
            borders = crf.start_transitions[path[0]] + crf.end_transitions[path[-1]]
            summed: torch.Tensor = scores_TK[range(len(path)), path].sum() + borders + moves
            return summed

        paths = itertools.product(range(len(textbook.labels)), repeat=len(labels))
        total = total + torch.stack([score(path) for path in paths]).logsumexp(0) - score(labels)
    torch.testing.assert_close(textbook.loss(batch), total / 4)


@pytest.mark.slow
def test_textbook_learns_and_tags() -> None:
    textbook, gold = toy_textbook(), task_of().prepare(ROWS).gold or []
    sentences = [textbook.encode(words, known.tags) for words, known in zip(ROWS["tokens"], gold, strict=True)]
    steps = textbook.steps(sentences, 4)
    tokens = sum(map(len, ROWS["tokens"]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        assert sum(itertools.islice(steps, 3)) == tokens  # an epoch
        assert sum(itertools.islice(steps, 120)) == 40 * tokens
    assert list(textbook.tag(list(map(list, ROWS["tokens"])))) == [known.tags for known in gold]


def test_tagging_from_file_to_file(tmp_path: Path) -> None:
    source, target = tmp_path / "tokens.txt", tmp_path / "tags.conll"
    source.write_text("Ada\nran\n\nBo\n\n", encoding="utf-8")
    file_to_file(lambda sentences: [[word.upper() for word in words] for words in sentences], source, target)
    assert target.read_text(encoding="utf-8") == "Ada\tADA\nran\tRAN\n\nBo\tBO\n\n"
    with pytest.raises(ValueError, match="zip"):
        file_to_file(lambda sentences: [["O"]], source, target)


def test_tables_of_steps_and_predictions(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    def measure(name: str, spec: str, options: Options) -> Findings:
        assert (name, spec) == ("bc5cdr", str(data / "bc5cdr"))
        return Findings(
            corpus=name,
            tokens=100_000,
            batch=501.3,
            training=dict(zip(("seqkit", "textbook"), scripted(30_000.0, 8_000.0), strict=True)),
            prediction=dict(zip(tags, scripted(*tags.values()), strict=True)),
            changed=0.00012,
            crf=0.0912,
            crfsuite_seconds=10.0 if "crfsuite" in tags else None,
        )

    monkeypatch.setattr(tagging_step, "measure", measure)
    monkeypatch.setattr(tagging_step, "crf_class", lambda: None)
    tags = {"seqkit": 90_000.0, "bfloat16": 120_000.0, "textbook": 20_000.0, "crfsuite": 60_000.0}
    report = tagging_step.report(Options(data=data), ["bc5cdr", "ncbi_disease"])
    assert report.endswith(f"skipped ncbi_disease: no folder {data / 'ncbi_disease'}")
    assert table_of(report) == [
        tagging_step.TRAINING,
        ["bc5cdr", "501", "30,000", "8,000", "3.75", "9.1 %", "10.0", "3.0"],
    ]
    rates = ["90,000", "120,000", "20,000", "60,000"]
    assert table_of(report, 1) == [tagging_step.PREDICTION, ["bc5cdr", *rates, "4.50", "1.50", "2.00", "0.012 %"]]
    del tags["crfsuite"]
    report = tagging_step.report(Options(data=data, skip_peer=True), ["bc5cdr"])
    assert table_of(report)[1][-2:] == ["-", "-"]
    assert table_of(report, 1)[1] == ["bc5cdr", *rates[:3], "-", "4.50", "-", "-", "0.012 %"]


def test_steps_and_predictions_run(data: Path) -> None:
    found = tagging_step.measure("bc5cdr", str(data / "bc5cdr"), Options(quick=True, repeats=1, skip_peer=True))
    assert (found.tokens, found.batch, found.crfsuite_seconds) == (7, 7.0, None)
    assert set(found.training) == {"seqkit", "textbook"}
    half = {"bfloat16"} if cpu_has_bfloat16() else set()
    assert set(found.prediction) == {"seqkit", "textbook", *half}
    assert (found.changed is not None) is bool(half)
    assert 0 <= (found.changed or 0.0) <= 1
    assert found.crf > 0


# time to score

CURVE = [EpochScore(1, 0.70, 4.0), EpochScore(2, 0.82, 8.0), EpochScore(3, 0.80, 12.0), EpochScore(4, 0.90, 16.0)]


@pytest.mark.parametrize(("f1", "epoch"), [(0.5, 1), (0.7, 1), (0.71, 2), (0.82, 2), (0.85, 4), (0.91, None)])
def test_first_epoch_that_reaches_the_score(f1: float, epoch: int | None) -> None:
    end = reached(CURVE, f1)
    assert (end and end.epoch) == epoch


def test_run_that_does_not_reach_the_score_is_infinite() -> None:
    short = CURVE[:1]
    peers = [PeerResult(0.8, seconds) for seconds in (5.0, 10.0, 30.0)]
    race = Race(corpus="bc5cdr", runs=[CURVE, short, CURVE], peers=peers)
    assert race.cells() == ["bc5cdr", "80.00", "10.0", "90.00", "2", "8.0", "0.80"]
    assert Race(corpus="bc5cdr", runs=[short, CURVE, short], peers=peers).cells()[-3:] == ["-", "not reached", "-"]
    assert [line.rpartition(": ")[2] for line in race.lines()] == [
        "reached in epoch 2",
        "not reached",
        "reached in epoch 2",
    ]


def test_epochs_have_scores_and_times_since_the_call() -> None:
    tagger = tiny_tagger(epochs=3)
    ticks = itertools.count(10.0, 2.5)
    epochs = time_to_score.train(tagger, ROWS, ROWS, lambda: next(ticks))
    assert tagger.outcome is not None
    assert epochs == [
        EpochScore(number, record["dev_f1"], 2.5 * number)
        for number, record in enumerate(tagger.outcome.history, start=1)
    ]


def test_both_train_alternately_with_the_given_settings(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    log: list[Any] = []

    def train(tagger: Any, rows: Any, dev: Any) -> list[EpochScore]:
        log.append((tagger.training.seed, tagger.training.epochs, tagger.training.learning_rate))
        return CURVE

    def peer_result(rows: Any, dev: Any) -> PeerResult:
        log.append("peer")
        return PeerResult(0.8, 10.0)

    monkeypatch.setattr(time_to_score, "train", train)
    monkeypatch.setattr(time_to_score, "peer_result", peer_result)
    monkeypatch.setattr(time_to_score, "crf_class", lambda: None)
    report = time_to_score.report(Options(data=data, repeats=3), settings={"epochs": 4, "learning_rate": 0.5})
    assert log == ["peer", (1, 4, 0.5), (2, 4, 0.5), "peer", "peer", (3, 4, 0.5)]
    assert table_of(report) == [
        ["corpus", "CRFsuite F1", "CRFsuite s", "seqkit best F1", "epochs to reach it", "seqkit s", "seqkit/CRFsuite"],
        ["bc5cdr", "80.00", "10.0", "90.00", "2", "8.0", "0.80"],
    ]
    assert "epochs=4, learning_rate=0.5. Medians of 3 runs" in report
    assert f"skipped ncbi_disease: no folder {data / 'ncbi_disease'}" in report
    log.clear()
    time_to_score.report(Options(data=data, repeats=2), ["bc5cdr"], {"seed": 7})
    assert [entry[0] for entry in log if entry != "peer"] == [7, 7]


def test_invalid_settings_are_rejected_before_reading() -> None:
    pytest.importorskip("sklearn_crfsuite", reason="sklearn-crfsuite (extra 'bench') is not installed")
    assert "skipped bc5cdr: " in time_to_score.report(Options(data=Path("nowhere")))
    with pytest.raises(ConfigError, match="no setting 'lr'"):
        time_to_score.report(Options(data=Path("nowhere")), settings={"lr": 1})


def test_settings_are_parsed_by_type(capsys: pytest.CaptureFixture[str]) -> None:
    assert setting("batch_tokens=400") == ("batch_tokens", 400)
    assert setting("input_dropout=0.2") == ("input_dropout", 0.2)
    with pytest.raises(argparse.ArgumentTypeError, match="no setting 'lr'; choose from "):
        setting("lr=1")
    with pytest.raises(argparse.ArgumentTypeError, match="batch_tokens takes int, not 'many'"):
        setting("batch_tokens=many")
    with pytest.raises(SystemExit):
        time_to_score.main(["--set", "average"])
    assert "average takes float, not ''" in capsys.readouterr().err


def test_race_runs_with_the_baseline(data: Path) -> None:
    pytest.importorskip("sklearn_crfsuite", reason="sklearn-crfsuite (extra 'bench') is not installed")
    race = time_to_score.measure("bc5cdr", str(data / "bc5cdr"), {"epochs": 2}, QUICK)
    assert [peer.score for peer in race.peers] == [1.0]
    assert [epoch.epoch for epoch in race.runs[0]] == [1, 2]


# python -m benchmarks


def test_unknown_benchmark_is_an_error() -> None:
    with pytest.raises(ConfigError) as error:
        everything.main(["--only", "encoder", "typing"])
    known = "encoder, crf, tagging_step, time_to_score, decoding, memory, quality"
    assert str(error.value) == f"no benchmark 'typing'; choose from {known}"


def test_report_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "speed.md"
    everything.main(["--quick", "--repeats", "1", "--only", "crf", "encoder", "--device", "cpu", "--out", str(file)])
    text = file.read_text(encoding="utf-8")
    assert text == capsys.readouterr().out
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# How fast seqkit is, and how much memory it takes",
        "## CRF compared with pytorch-crf",
        "## Encoder compared with a packed nn.LSTM",
    ]
    assert text.splitlines()[2] == f"Machine: {timing.machine('cpu')}"


def test_only_a_full_run_replaces_the_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(everything, "__file__", str(tmp_path / "__main__.py"))
    monkeypatch.setattr(everything, "crf_class", lambda: None)
    sections = {name: f"## {name}" for name in everything.BENCHMARKS}
    benchmarks = {name: functools.partial(lambda text, options: text, text) for name, text in sections.items()}
    monkeypatch.setattr(everything, "BENCHMARKS", benchmarks)
    everything.main(["--device", "cpu", "--quick"])
    everything.main(["--device", "cpu", "--only", "crf", "quality"])
    assert not list(tmp_path.iterdir())
    everything.main(["--device", "cpu"])
    text = (tmp_path / "SPEED.md").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## encoder",
        "## crf",
        "## tagging_step",
        "## time_to_score",
        "## decoding",
        "## memory",
    ]


def test_missing_baseline_is_reported_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn_crfsuite", None)
    for main in (everything.main, tagging_step.main, time_to_score.main):
        with pytest.raises(MissingExtraError, match=r"seqkit\[bench\]"):
            main(["--device", "cpu"])
    assert capsys.readouterr().out == ""


def test_without_the_baseline_there_is_no_race() -> None:
    report = time_to_score.report(Options(skip_peer=True))
    assert report == "## Time to CRFsuite's score\n\nskipped: --skip-peer was given"


def test_quality_is_a_section(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    given: list[argparse.Namespace] = []

    def report(options: argparse.Namespace) -> str:
        given.append(options)
        return "| a table |"

    monkeypatch.setattr(tagging_quality, "report", report)
    assert everything.BENCHMARKS["quality"](Options(data=data, skip_peer=True)) == "## Tagging quality\n\n| a table |"
    assert (given[0].data, given[0].skip_peer) == (data, True)
