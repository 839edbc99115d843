"""The probes of a GPU: on a CPU, those that need a GPU are named, and the others run."""

import json
from typing import Any

import pytest
import torch

from benchmarks import gpu, gpu_workloads
from benchmarks.gpu import PROBES, Probe
from seqkit.errors import ConfigError


def lines_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    gpu.main(["--device", "cpu", "--quick", *arguments])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.slow
def test_on_a_cpu_all_probes_run_or_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    machine, *lines = lines_of(capsys)
    assert "torch" in machine["machine"]
    assert [line["probe"] for line in lines] == list(PROBES)
    assert not [line for line in lines if "error" in line]
    skipped = {line["probe"] for line in lines if line.get("skipped") == "needs a CUDA GPU"}
    assert skipped == {name for name, probe in PROBES.items() if probe.needs_gpu}
    tagging = next(line for line in lines if line["probe"] == "tagging")
    assert tagging["800 tokens, float32"]["seqkit"]["per_second"] > 0


def test_a_failed_probe_prints_its_error_and_the_next_one_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(device: torch.device, quick: bool) -> dict[str, Any]:
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(
        gpu, "PROBES", {"one": Probe(fail, needs_gpu=False), "two": Probe(lambda *_: {"x": 1}, needs_gpu=False)}
    )
    _, one, two = lines_of(capsys)
    assert one["error"] == "RuntimeError: no such kernel"
    assert two["x"] == 1


def test_no_probe_is_started_when_the_time_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(capsys, "--seconds", "-1")[1:]
    assert {line["skipped"] for line in lines} == {"no time left"}


def test_an_unknown_probe_is_named() -> None:
    with pytest.raises(ConfigError, match="no probe 'heat'; choose from launches, precision"):
        gpu.main(["--device", "cpu", "--only", "heat"])


@pytest.mark.cuda
def test_a_training_step_of_a_language_model_waits_for_the_gpu_once() -> None:
    device = torch.device("cuda")
    steps = gpu_workloads.language_model_steps(device, "float32", quick=True)
    assert gpu.counted(lambda: next(steps), device)["synchronisations"] == 1


def test_generated_sentences_are_the_same_for_a_seed() -> None:
    assert gpu_workloads.sentences(5) == gpu_workloads.sentences(5) != gpu_workloads.sentences(5, seed=1)
