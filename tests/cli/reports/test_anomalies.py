"""``seqkit train anomaly`` and what its runs are good for: scores of rows, of lines as they come, and evaluation."""

import atexit
import csv
import io
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.command_line import Done, assert_refused, json_lines, seqkit
from tests.tiny_series import SERIES_SETTINGS, spiked, wave

SPIKES = (150, 170)


def options(**changes: Any) -> list[str]:
    return [f"--{name.replace('_', '-')}={value}" for name, value in {**SERIES_SETTINGS, **changes}.items()]


def write_csv(path: Path, values: np.ndarray, *, header: str = "timestamp,value,label") -> Path:
    rows = (
        f"2026-01-{1 + hour // 24:02d} {hour % 24:02d}:00,{value},{int(hour in SPIKES)}"
        for hour, value in enumerate(values.tolist())
    )
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@cache
def folder() -> Path:
    """Return a folder with a corpus, another file to score, and a run that was trained on the corpus."""
    kept = tempfile.TemporaryDirectory()
    atexit.register(kept.cleanup)
    path = Path(kept.name)
    corpus = write_csv(path / "corpus.csv", wave(200))
    write_csv(path / "new.csv", spiked(wave(200), *SPIKES))
    columns = ["--time=timestamp", "--target=value"]
    done = seqkit("train", "anomaly", "--corpus", corpus, *columns, "--out", path / "run", "--quiet", *options())
    assert (done.code, done.out, done.err) == (0, f"{path / 'run'}\n", "")
    return path


def predicted(*arguments: object, stdin: bytes = b"") -> Done:
    return seqkit("predict", folder() / "run", *arguments, stdin=stdin)


def test_each_row_of_a_file_has_a_line_with_its_time_and_its_score() -> None:
    found = json_lines(predicted("--input", folder() / "new.csv", "--json"))
    assert len(found) == 200
    assert found[25].keys() == {"time", "score", "anomaly"}
    assert found[25]["time"] == "2026-01-02T01:00:00"
    strangest = sorted(range(200), key=lambda row: -found[row]["score"])[:2]
    assert sorted(strangest) == list(SPIKES)
    assert all(found[row]["anomaly"] is True for row in SPIKES)


def test_a_table_has_the_same() -> None:
    lines = json_lines(predicted("--input", folder() / "new.csv", "--json"))
    rows = list(csv.DictReader(io.StringIO(predicted("--input", folder() / "new.csv", "--format=csv").out)))
    assert [
        {"time": row["time"], "score": float(row["score"]), "anomaly": row["anomaly"] == "true"} for row in rows
    ] == lines


def test_as_text_alarms_are_marked() -> None:
    out = predicted("--input", folder() / "new.csv").out
    assert len(out.splitlines()) == 200
    assert re.fullmatch(r"2026-01-07T06:00:00 +[\d.]+  alarm", out.splitlines()[150])


def test_lines_that_come_one_by_one_have_the_scores_of_the_file() -> None:
    wanted = [line["score"] for line in json_lines(predicted("--input", folder() / "new.csv", "--json"))]
    for text in (
        (folder() / "new.csv").read_text(),
        "".join(f"{value!r}\n" for value in spiked(wave(200), *SPIKES).tolist()),
        "".join(json.dumps({"value": value}) + "\n" for value in spiked(wave(200), *SPIKES).tolist()),
    ):
        found = json_lines(predicted("--follow", "--json", stdin=text.encode()))
        assert [line["score"] for line in found] == pytest.approx(wanted, abs=1e-9)


@pytest.mark.slow
def test_a_score_is_written_as_soon_as_its_line_has_come() -> None:
    code = "from seqkit_cli.main import main; main()"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", code, "predict", str(folder() / "run"), "--follow", "--json"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, bufsize=1,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(f"{number}\n")
            assert json.loads(process.stdout.readline())["time"] == number  # before the next line is written
        process.stdin.close()
        assert process.wait() == 0


def test_it_is_scored_beside_a_baseline_where_labels_are_known() -> None:
    arguments = ["--corpus", folder() / "new.csv", "--time=timestamp", "--target=value", "--label=label"]
    (found,) = json_lines(seqkit("evaluate", folder() / "run", *arguments, "--json"))
    names = {"vus_pr", "vus_roc", "auc_pr", "range_f1", "range_precision", "range_recall", "nab"}
    assert found.keys() == {"error", "sub_pca", "labelled_series", "points", "points_per_second", *names}
    assert found["sub_pca"].keys() == names
    assert found["auc_pr"] == 1.0  # two spikes have the highest scores of all
    assert math.isfinite(found["error"])
    shown = seqkit("evaluate", folder() / "run", *arguments).out
    assert re.search(r"this model +sub-pca", shown)
    assert re.search(r"auc pr +100\.00 %", shown)


def test_without_labels_there_is_the_error_alone() -> None:
    (found,) = json_lines(seqkit("evaluate", folder() / "run", "--json"))
    assert found.keys() == {"error", "labelled_series", "points", "points_per_second"}
    assert found["points"] == 20
    report = json.loads((folder() / "run" / "report.json").read_text())
    assert found["error"] == pytest.approx(report["dev"]["error"], rel=1e-4)


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        ("1\nn/a\n", ["stdin:2: 'n/a' is not a number"]),
        ("1,2,3\n", ["stdin:1: 3 values in the line; the model reads value"]),
        ("1\ninf\n", ["stdin: point 2: the value at 1 is infinite"]),
        ('{"speed": 1}\n', ["stdin:1: there is no 'value' in the line, only 'speed'"]),
    ],
)
def test_a_line_that_is_no_point_ends_it_with_one_clear_line(lines: str, parts: list[str]) -> None:
    done = predicted("--follow", "--json", stdin=lines.encode())
    assert done.code == 1
    assert re.fullmatch(r"error: [^\n]+\n", done.err)
    for part in parts:
        assert part in done.err


def test_a_missing_value_is_no_anomaly() -> None:
    found = json_lines(predicted("--follow", "--json", stdin=b"0.1\nnan\n0.3\n"))
    assert [line["anomaly"] for line in found][1] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["some text"], "reads no text; give a file with --input"),
        ([], "give a file with --input FILE, or --follow"),
        (["--input=-"], "give a file with --input FILE, or --follow"),
        (["--explain"], "only for classifiers"),
    ],
)
def test_input_that_a_detector_does_not_read_is_refused(arguments: list[str], message: str) -> None:
    done = predicted(*arguments)
    assert (done.code, done.out) == (2, "")
    assert message in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("cell", "parts"),
    [("inf", ["new.csv", "inf"]), ("n/a", ["new.csv:3", "n/a"]), ("", ["new.csv:3", "--fill"])],
)
def test_a_cell_that_is_no_number_is_refused_with_its_line(cell: str, parts: list[str], tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text(f"timestamp,value\n2026-01-01 00:00,1\n2026-01-01 01:00,{cell}\n2026-01-01 02:00,3\n")
    assert_refused(predicted("--input", path, "--json"), 1, *parts)


def test_a_file_without_the_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("timestamp,speed\n2026-01-01 00:00,1\n")
    assert_refused(predicted("--input", path, "--json"), 1, "value")
