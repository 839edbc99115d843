"""Devices and precisions: tests pretend which devices are available, so that every case runs on every machine."""

import pytest
import torch

from seqkit.errors import ConfigError
from seqkit.training.device import Device, cpu_has_bfloat16


def pretend(monkeypatch: pytest.MonkeyPatch, *, cuda: bool = False, mps: bool = False, bfloat16: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: bfloat16)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("available", "device", "precision"),
    [
        ({}, "cpu", "float32"),
        ({"cuda": True, "bfloat16": True}, "cuda", "bfloat16"),
        ({"cuda": True}, "cuda", "float32"),
        ({"mps": True, "bfloat16": True}, "mps", "float32"),
    ],
)
def test_auto_takes_the_best_available(
    monkeypatch: pytest.MonkeyPatch, available: dict[str, bool], device: str, precision: str
) -> None:
    pretend(monkeypatch, **available)
    assert Device.open() == Device.open("auto", "auto")
    assert Device.open().torch_device == torch.device(device)
    assert Device.open().precision == precision


def test_a_device_and_a_precision_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, cuda=True, bfloat16=True)
    assert Device.open("cpu").torch_device == torch.device("cpu")
    assert Device.open("cpu").precision == "float32"
    assert Device.open("cuda", "float32").precision == "float32"
    monkeypatch.setattr("seqkit.training.device.cpu_has_bfloat16", lambda: True)
    assert Device.open("cpu", "bfloat16").precision == "bfloat16"


def test_bfloat16_on_a_cpu_without_it_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqkit.training.device.cpu_has_bfloat16", lambda: False)
    with pytest.raises(ConfigError, match=r"^this CPU has no instructions for bfloat16; choose precision='float32'$"):
        Device.open("cpu", "bfloat16")


def test_the_cpu_check_is_correct() -> None:
    """A recurrent layer runs under bfloat16 autocast if and only if the check returns True."""
    layer = torch.nn.LSTM(8, 8, batch_first=True)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        try:
            layer(torch.ones(2, 3, 8))
        except RuntimeError:
            runs = False
        else:
            runs = True
    assert cpu_has_bfloat16() is runs


@pytest.mark.parametrize(
    ("available", "names"),
    [({}, "available: cpu"), ({"mps": True}, "available: mps, cpu"), ({"cuda": True}, "cuda, cpu")],
)
def test_an_unavailable_device_is_an_error_that_names_the_available_ones(
    monkeypatch: pytest.MonkeyPatch, available: dict[str, bool], names: str
) -> None:
    pretend(monkeypatch, **available)
    missing = "mps" if available.get("cuda") else "cuda"
    with pytest.raises(ConfigError, match=f"^device '{missing}' is not available here; .*{names}$"):
        Device.open(missing)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="'abacus' is not available"):
        Device.open("abacus")  # type: ignore[arg-type]


def test_a_precision_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"^unknown precision 'float16'; choose from auto, float32, bfloat16$"):
        Device.open("cpu", "float16")  # type: ignore[arg-type]


@pytest.mark.parametrize(("precision", "expected"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_products_have_the_precision_of_the_device(precision: str, expected: torch.dtype) -> None:
    device = Device(torch_device=torch.device("cpu"), precision=precision)  # type: ignore[arg-type]
    ones = torch.ones(2, 2)
    with device.autocast():
        assert (ones @ ones).dtype == expected
    assert (ones @ ones).dtype == torch.float32


def test_a_cpu_is_seeded_without_asking_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a forked process, asking for the random state of a GPU is an error."""

    def ask(device: object = None) -> torch.Tensor:
        raise RuntimeError("Cannot re-initialize CUDA in forked subprocess")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_rng_state", ask)
    before = torch.get_rng_state()
    with Device.open("cpu").seeded(3):
        first = torch.rand(2)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, torch.rand(2, generator=torch.Generator().manual_seed(3)))
