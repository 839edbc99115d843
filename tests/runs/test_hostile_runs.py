"""Run folders that are damaged, forged or huge: one clear line, at once, and without taking memory."""

import json
import os
import resource
import shutil
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import seqkit
from seqkit.errors import CheckpointError, SeqkitError
from seqkit.runs.folder import RunFolder, newest_run, tensor_bytes, to_json
from seqkit.runs.format import sealed
from seqkit.training.events import BatchDone
from tests.golden_runs import GOLDEN, MODELS
from tests.tiny import ROWS, press_at, tiny_tagger

# The children of a fork only write files and end.
pytestmark = pytest.mark.filterwarnings(r"ignore:This process .* is multi-threaded:DeprecationWarning")

CURRENT = max(GOLDEN.iterdir(), key=lambda path: int(path.name))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a copy of a tagger."""
    return copy_of("ner", tmp_path)


def copy_of(task: str, folder: Path) -> Path:
    shutil.copytree(CURRENT / task, folder / task)
    return folder / task


def change_header(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change run.json, with a checksum that fits."""
    header = json.loads((run / "run.json").read_text())
    change(header)
    (run / "run.json").write_text(sealed(header))


def grow(path: Path, size: int) -> None:
    """Give a file a size; it takes no room on the disk."""
    os.truncate(path, size)


def many_labels(run: Path) -> None:
    labels = json.loads((run / "labels.json").read_text())
    labels["labels"] = [f"B-{number}" for number in range(10**6)]
    (run / "labels.json").write_text(json.dumps(labels))


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("")


def a_link(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def forged_index(run: Path, size: int) -> None:
    """Write weights whose index says that a tensor has so many numbers, in a file of that size."""
    index = json.dumps({"x": {"dtype": "F32", "shape": [size], "data_offsets": [0, 4 * size]}}).encode()
    (run / "model.safetensors").write_bytes(struct.pack("<Q", len(index)) + index)
    grow(run / "model.safetensors", 8 + len(index) + 4 * size)


def set_setting(run: Path, name: str, value: int) -> None:
    change_header(run, lambda header: header["settings"].update({name: value}))


HOSTILE: dict[str, Callable[[Path], object]] = {
    "100,000 units": lambda run: set_setting(run, "hidden_size", 10**5),
    "words of 10,000,000 numbers": lambda run: set_setting(run, "word_size", 10**7),
    "10,000 layers": lambda run: set_setting(run, "num_layers", 10**4),
    "1,000,000 labels": many_labels,
    "weights of 50 GB": lambda run: grow(run / "model.safetensors", 50 * 10**9),
    "an index of 50 GB of weights": lambda run: forged_index(run, 10**10 + 10**9),
    "labels of 50 GB": lambda run: grow(run / "labels.json", 50 * 10**9),
    "a header of 50 GB": lambda run: grow(run / "run.json", 50 * 10**9),
    "weights that are a pipe": lambda run: a_pipe(run / "model.safetensors"),
    "labels that are a pipe": lambda run: a_pipe(run / "labels.json"),
    "a header that is a pipe": lambda run: a_pipe(run / "run.json"),
    "weights that are a device": lambda run: a_link(run / "model.safetensors", "/dev/zero"),
    "labels that are a device": lambda run: a_link(run / "labels.json", "/dev/urandom"),
    "a header that is a device": lambda run: a_link(run / "run.json", "/dev/zero"),
    "a deep header": lambda run: (run / "run.json").write_text("[" * 10**6),
    "a header with a number of 10,000 digits": lambda run: (run / "run.json").write_text(
        '{"format_version": ' + "1" * 10**4
    ),
    "deep labels": lambda run: (run / "labels.json").write_text('{"labels": ' + "[" * 10**6),
    "a deep index of weights": lambda run: (run / "model.safetensors").write_bytes(
        struct.pack("<Q", 10**6) + b"[" * 10**6
    ),
    "a link that leads nowhere": lambda run: a_link(run / "labels.json", "nowhere"),
    "a folder instead of a file": lambda run: a_folder(run / "labels.json"),
}
FOLDERS: dict[str, Callable[[Path], object]] = {name: HOSTILE[name] for name in HOSTILE if "header" in name}


def peak() -> int:
    """Return the largest memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def refusal(run: Path, *, verify: bool) -> tuple[str, float, int]:
    """Load a run in a process of its own; return the error, the seconds it took and the memory."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        before, begun = peak(), time.perf_counter()
        try:
            seqkit.load(run, device="cpu", verify=verify)
            message = "loaded"
        except SeqkitError as error:
            message = str(error)
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
        answer = json.dumps([message, time.perf_counter() - begun, peak() - before])
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answers:
        message, seconds, memory = json.loads(answers.read())
    os.waitpid(child, 0)
    return message, seconds, memory


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("fault", HOSTILE)
def test_a_hostile_run_is_refused_at_once_and_without_memory(fault: str, verify: bool, run: Path) -> None:
    HOSTILE[fault](run)
    message, seconds, memory = refusal(run, verify=verify)
    assert message.startswith(str(run)), message
    assert "\n" not in message
    assert len(message) < 400
    assert seconds < 2
    assert memory < 100e6


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position // 8 % len(data)] ^= 1 << position % 8
    path.write_bytes(data)


@pytest.mark.parametrize("task", MODELS)
def test_a_flipped_bit_is_noticed_in_every_file(task: str, tmp_path: Path) -> None:
    names = sorted(path.name for path in (CURRENT / task).iterdir())
    for number, name in enumerate(name for name in names for _ in range(4)):
        run = copy_of(task, tmp_path / str(number))
        flip(run / name, number * 104_729)
        with pytest.raises(CheckpointError, match=rf"{name} (is damaged|cannot be read|has format version)"):
            seqkit.load(run, device="cpu")


def test_other_labels_are_noticed(run: Path) -> None:
    labels = json.loads((run / "labels.json").read_text())
    labels["labels"][1:3] = labels["labels"][2:0:-1]
    (run / "labels.json").write_text(json.dumps(labels))
    with pytest.raises(
        CheckpointError, match=r"labels\.json is damaged or was changed: .*; restore the file, .*verify="
    ):
        seqkit.load(run, device="cpu")
    seqkit.load(run, device="cpu", verify=False)


def changed_weights(run: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(run / "model.safetensors")
    change(weights)
    save_file(weights, run / "model.safetensors")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_noticed_even_unverified(value: float, run: Path) -> None:
    changed_weights(run, lambda weights: weights["encoder.recurrent.weight_hh_l0"][1, 1].fill_(value))
    message = r"model\.safetensors is damaged: encoder\.recurrent\.weight_hh_l0 has numbers that are NaN or infinite"
    with pytest.raises(CheckpointError, match=message):
        seqkit.load(run, device="cpu", verify=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("head.scores.bias"), "it has no head.scores.bias"),
        (lambda weights: weights.update(extra=torch.zeros(1)), "the model has no extra"),
        (lambda weights: weights.update({"head.scores.bias": torch.zeros(3)}), "size mismatch for head.scores.bias"),
        (
            lambda weights: weights.update({"head.scores.bias": weights["head.scores.bias"].double()}),
            "head.scores.bias is torch.float64, not torch.float32",
        ),
    ],
)
def test_weights_of_another_model_are_noticed_even_unverified(
    change: Callable[[dict[str, torch.Tensor]], object], message: str, run: Path
) -> None:
    changed_weights(run, change)
    with pytest.raises(CheckpointError, match=rf"model\.safetensors is damaged: {message}"):
        seqkit.load(run, device="cpu", verify=False)


def test_a_model_card_may_be_edited(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.create({}, {"README.md": "written", "labels.json": "[]"})
    (tmp_path / "README.md").write_text("mine")
    run.consistently(run.check_files)
    with pytest.warns(seqkit.errors.SeqkitWarning, match=r"README\.md was edited, and is kept; its scores may be old"):
        run.write({"README.md": "new", "report.json": "{}"})
    with pytest.raises(CheckpointError, match=r"README\.md was edited; move it, and try again"):
        run.create({}, {"README.md": "other"}, overwrite=True)
    with pytest.raises(CheckpointError, match=r"README\.md was edited; move it, and try again"):
        run.check_can_create(overwrite=True)
    assert (tmp_path / "README.md").read_text() == "mine"
    (tmp_path / "README.md").unlink()
    run.create({}, {"README.md": "other"}, overwrite=True)


def test_files_outside_the_folder_are_never_removed(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    names = ["../notes.txt", str(tmp_path / "notes.txt"), "..", ".", "", "a\0b", "labels.json"]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(to_json({"format_version": 1, "files": names}))
    RunFolder(tmp_path / "run").create({}, {"labels.json": "[]"}, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("fault", [*FOLDERS, "a folder", "nowhere", "binary", "no header", "other kinds", "a file"])
def test_one_bad_folder_hides_no_other_run(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(CURRENT / "ner", Path("runs", "ner"))
    bad = Path("runs", "bad")
    shutil.copytree(CURRENT / "ner", bad)
    kinds: dict[str, Callable[[Path], object]] = {
        **FOLDERS,
        "a folder": lambda run: a_folder(run / "run.json"),
        "nowhere": lambda run: a_link(run / "model.safetensors", "nowhere"),
        "binary": lambda run: (run / "run.json").write_bytes(bytes(range(256))),
        "no header": lambda run: (run / "run.json").unlink(),
        "other kinds": lambda run: (run / "run.json").write_text('{"task": ["ner"], "files": 3}'),
        "a file": a_file,
    }
    kinds[fault](bad)
    Path("runs", "dangling").symlink_to("nowhere")
    Path("runs", "round").symlink_to("round")
    assert newest_run({"ner", "pos"}) == Path("runs", "ner")


def test_the_state_of_a_training_that_was_forged_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run"
    tiny_tagger().fit(ROWS, ROWS, out=path, report=press_at((1, BatchDone)))
    state = path / "resume" / "state.safetensors"
    whole = state.read_bytes()
    for content in (whole[:-1], whole[:40], b"", tensor_bytes({"model.x": torch.ones(2)})):
        state.write_bytes(content)
        with pytest.raises(
            CheckpointError, match=r"state\.safetensors (is damaged|does not match this model)"
        ) as raised:
            tiny_tagger().fit(ROWS, ROWS, out=path, resume=True)
        assert "\n" not in str(raised.value)
